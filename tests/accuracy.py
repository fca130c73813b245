"""Measure the elementary functions and rewrite the table in docs/numerics.md.

``python -m tests.accuracy [points a region]``; 200,000 by default, which takes a few minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from pullback.codegen.math import FUNCTIONS

from .elementary import (
    DTYPES,
    EXACT,
    NATIVE_LANES,
    TWO_OPERANDS,
    Array,
    compiled,
    errors,
    in_higher_precision,
    operands,
    ufunc,
    with_mpmath,
)

PAGE = Path(__file__).resolve().parents[1] / "docs" / "numerics.md"
BEGIN, END = "<!-- measured -->\n", "<!-- end -->\n"
HEAD = """\
| function | ulp f64 | ulp f32 | ns f64 | ns f32 | NumPy f64 | NumPy f32 | lines f64 | lines f32 |
|---|---|---|---|---|---|---|---|---|
"""
# mpmath is slow, so that functions without another reference are measured at fewer points.
ONLY_MPMATH = {"erf", "erfc"}
TIMED = 4096


def worst_error(name: str, dtype: str, count: int) -> float:
    """Largest error found, in ulps."""
    slow = name in ONLY_MPMATH and dtype == "f64"
    xs = operands(name, dtype, min(count, 10_000) if slow else count, seed=7)
    exact = with_mpmath(name, xs) if slow else in_higher_precision(name, xs)
    got = compiled(name, dtype, NATIVE_LANES[dtype])(*xs)
    return float(errors(name, got, xs, exact).max())


def usual_operands(name: str, dtype: str) -> list[Array]:
    """Operands within every function's domain for timing."""
    start, span = (1.0, 7.0) if name == "acosh" else (0.01, 0.98)
    if name not in {"asin", "acos", "atanh", "acosh"}:
        span = 8.0
    x = np.linspace(start, start + span, TIMED)
    return [x.astype(DTYPES[dtype]), x[::-1].astype(DTYPES[dtype])][: 1 + (name in TWO_OPERANDS)]


def nanoseconds(call: Callable[[], Any]) -> float:
    """Time of a call for each of the elements that it works on: the best of several."""
    best = float("inf")
    for _ in range(15):
        start = perf_counter()
        for _ in range(40):
            call()
        best = min(best, perf_counter() - start)
    return best / 40 / TIMED * 1e9


def times(name: str, dtype: str) -> tuple[float, float]:
    """Of the compiled function and of NumPy's or SciPy's, on one core."""
    xs = usual_operands(name, dtype)
    out = np.empty_like(xs[0])
    function = compiled(name, dtype, NATIVE_LANES[dtype])
    addresses = [*(x.ctypes.data for x in xs), out.ctypes.data]
    theirs = np.logaddexp if name == "logaddexp" else ufunc(name)
    return nanoseconds(lambda: function.pointer(*addresses, TIMED)), nanoseconds(
        lambda: theirs(*xs)
    )


def rows(count: int) -> Iterator[str]:
    """The lines of the table."""
    for name in FUNCTIONS:
        both = ["f64", "f32"]
        found = ["exact" if name in EXACT else f"{worst_error(name, d, count):.2f}" for d in both]
        (ours, theirs), (ours_single, theirs_single) = (times(name, d) for d in both)
        speeds = [f"{t:.2f}" for t in (ours, ours_single, theirs, theirs_single)]
        lines = [str(compiled(name, d, NATIVE_LANES[d]).instructions) for d in both]
        yield "| " + " | ".join([f"`{name}`", *found, *speeds, *lines]) + " |\n"


def main() -> None:
    """Measure and rewrite."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    table = HEAD + "".join(rows(count))
    PAGE.write_text(before + BEGIN + table + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
