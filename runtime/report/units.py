"""Numbers as people read them."""

from __future__ import annotations

import math


def seconds_text(seconds: float) -> str:
    """A time with three digits and its unit: ``1.25 ms``."""
    if seconds == 0:
        return "0"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= 0.9995 * size:
            return f"{number(seconds / size)} {unit}"
    return f"{number(seconds / 1e-9)} ns"


def bytes_text(size: int) -> str:
    """A size in decimal units: ``1.25 MB``."""
    return _scaled(size, ("B", "kB", "MB", "GB", "TB"), " ")


def amount(count: int) -> str:
    """A count: ``1.25 M``."""
    return _scaled(count, ("", "k", "M", "G", "T"), " ").rstrip()


def _scaled(count: int, units: tuple[str, ...], between: str) -> str:
    if count < 1000:
        return f"{count}{between}{units[0]}"
    power = min(int(math.log10(count) / 3), len(units) - 1)
    return f"{number(count / 1000**power)}{between}{units[power]}"


def number(value: float) -> str:
    """Three significant digits."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    rounded = f"{value:.2e}"
    power = int(rounded.partition("e")[2])
    return f"{value:.{max(2 - power, 0)}f}" if -3 <= power < 6 else rounded
