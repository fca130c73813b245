"""Elementary functions written out as LLVM vector instructions."""

from __future__ import annotations

from collections.abc import Callable

from ..assembly import FunctionWriter, Value
from .exponential import exp, exp2, expm1, logistic
from .hyperbolic import tanh
from .logarithm import log, log1p, log2, log10
from .trigonometric import cos, sin, sincos, tan


def sqrt(w: FunctionWriter, x: Value) -> Value:
    """Square root; correctly rounded, as IEEE 754 demands; NaN below zero."""
    return w.intrinsic("sqrt", x)


__all__ = ["FUNCTIONS", "sincos"]

FUNCTIONS: dict[str, Callable[..., Value]] = {
    "exp": exp,
    "exp2": exp2,
    "expm1": expm1,
    "log": log,
    "log1p": log1p,
    "log2": log2,
    "log10": log10,
    "logistic": logistic,
    "sqrt": sqrt,
    "sin": sin,
    "cos": cos,
    "tan": tan,
    "tanh": tanh,
}
