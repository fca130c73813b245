"""Python expressions as text that know how tightly they bind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..types import BOOL, COMPLEX128, FLOAT64, INT64, DType

COMPARISON, OR, XOR, AND, SHIFT, SUM, PRODUCT, SIGN, POWER, ATOM = range(10)
"""Levels of binding, as in the reference of the language, loosest first."""

LEVELS = {
    "+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "//": PRODUCT, "%": PRODUCT, "@": PRODUCT,
    "**": POWER, "==": COMPARISON, "!=": COMPARISON, "<": COMPARISON, "<=": COMPARISON,
    ">": COMPARISON, ">=": COMPARISON, "&": AND, "|": OR, "^": XOR, "<<": SHIFT, ">>": SHIFT,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Code:
    """An expression, and how tightly its outermost operator binds."""

    text: str
    level: int = ATOM

    def __str__(self) -> str:
        return self.text

    def at(self, level: int) -> str:
        """The text, in parentheses unless it binds as tightly."""
        return self.text if self.level >= level else f"({self.text})"


def operation(symbol: str, x: Code, y: Code) -> Code:
    """Two expressions and an operator between."""
    level = LEVELS[symbol]
    if symbol == "**":
        return Code(f"{x.at(ATOM)} ** {y.at(SIGN)}", level)
    # Operators group from the left, but comparisons do not group.
    left = level + 1 if level == COMPARISON else level
    return Code(f"{x.at(left)} {symbol} {y.at(level + 1)}", level)


def prefix(symbol: str, x: Code) -> Code:
    """An operator with one expression."""
    return Code(f"{symbol}{x.at(SIGN)}", SIGN)


def call(name: str, *arguments: Any, **named: Any) -> Code:
    """A call; arguments that are no code are written as Python does."""
    parts = [_argument(x) for x in arguments]
    parts += [f"{key}={_argument(x)}" for key, x in named.items()]
    return Code(f"{name}({', '.join(parts)})")


def _argument(value: Any) -> str:
    if isinstance(value, Code):
        return value.text
    return f'"{value}"' if isinstance(value, str) else repr(value)


def dtype_code(dtype: DType) -> Code:
    """The name of a dtype."""
    return Code("bool" if dtype == BOOL else f"np.{dtype.name}")


def number(value: Any, dtype: DType) -> Code:
    """A number as short as it can be told from others of its dtype."""
    if dtype.kind == "c":
        parts = value.real, value.imag
        if all(map(np.isfinite, parts)) and not any(_is_minus_zero(x) for x in parts):
            return Code(repr(complex(value)))
        return call("complex", *(number(x, FLOAT64) for x in parts))
    if dtype.kind in "biu":
        return Code(repr(value), SIGN if value < 0 else ATOM)
    if np.isnan(value):
        return Code("np.nan")
    if np.isinf(value):
        return Code("np.inf") if value > 0 else Code("-np.inf", SIGN)
    text = repr(value) if dtype == FLOAT64 else str(dtype.type(value))
    return Code(text, SIGN if text.startswith("-") else ATOM)


def _is_minus_zero(x: float) -> bool:
    return x == 0.0 and bool(np.signbit(x))


def typed_number(value: Any, dtype: DType) -> Code:
    """A number of NumPy's, which follows its rules where Python's would raise."""
    return Code(f"np.{'bool_' if dtype == BOOL else dtype.name}({number(value, dtype)})")


def is_weak(dtype: DType) -> bool:
    """Whether NumPy takes a number of Python's for one of this dtype."""
    return dtype in (BOOL, INT64, FLOAT64, COMPLEX128)


def tuple_code(parts: Sequence[object]) -> str:
    """Expressions as a tuple."""
    inner = ", ".join(map(str, parts))
    return f"({inner},)" if len(parts) == 1 else f"({inner})"
