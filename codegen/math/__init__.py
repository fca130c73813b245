"""Elementary functions written out as LLVM vector instructions."""

from __future__ import annotations

from collections.abc import Callable

from ..assembly import Value
from .error_function import erf, erfc
from .exponential import exp, exp2, expm1, logistic
from .hyperbolic import acosh, asinh, atanh, cosh, sinh, tanh
from .inverse_trigonometric import acos, asin, atan, atan2
from .logarithm import log, log1p, log2, log10
from .pow import pow
from .power import cbrt, hypot, log_of_sum, logaddexp, sqrt
from .rounding import ceil, copysign, floor, floor_divide, nextafter, remainder, round, trunc
from .trigonometric import cos, sin, sincos, tan

__all__ = ["FUNCTIONS", "sincos"]

FUNCTIONS: dict[str, Callable[..., Value]] = {
    "exp": exp,
    "exp2": exp2,
    "expm1": expm1,
    "log": log,
    "log1p": log1p,
    "log2": log2,
    "log10": log10,
    "sqrt": sqrt,
    "cbrt": cbrt,
    "sin": sin,
    "cos": cos,
    "tan": tan,
    "asin": asin,
    "acos": acos,
    "atan": atan,
    "sinh": sinh,
    "cosh": cosh,
    "tanh": tanh,
    "asinh": asinh,
    "acosh": acosh,
    "atanh": atanh,
    "erf": erf,
    "erfc": erfc,
    "logistic": logistic,
    "pow": pow,
    "atan2": atan2,
    "logaddexp": logaddexp,
    "log_of_sum": log_of_sum,
    "hypot": hypot,
    "floor": floor,
    "ceil": ceil,
    "trunc": trunc,
    "round": round,
    "copysign": copysign,
    "nextafter": nextafter,
    "remainder": remainder,
    "floor_divide": floor_divide,
}
