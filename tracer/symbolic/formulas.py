"""What each elementwise row computes, in SymPy's words; of real numbers, not of rounded ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy

from ..types import BOOL, DType, is_integer

Formula = Callable[..., Any]

HALF = sympy.Rational(1, 2)
TWO = sympy.Integer(2)


def is_truth(x: Any) -> bool:
    """Whether an expression is true or false; a symbol, which SymPy takes for both, is a number."""
    return isinstance(x, sympy.logic.boolalg.Boolean) and not isinstance(x, sympy.Symbol)


def chosen(condition: Any, yes: Any, no: Any) -> Any:
    """One of two, as a piecewise expression."""
    if is_truth(yes):
        return sympy.Or(sympy.And(condition, yes), sympy.And(sympy.Not(condition), no))
    return sympy.Piecewise((yes, condition), (no, True))


def _truncated(x: Any) -> Any:
    return sympy.sign(x) * sympy.floor(sympy.Abs(x))


def _convert(x: Any, *, dtype: DType) -> Any:
    """Floats are not rounded; to integers they are cut off."""
    if is_truth(x):
        return x if dtype == BOOL else chosen(x, sympy.S.One, sympy.S.Zero)
    if dtype == BOOL:
        return sympy.Ne(x, 0)
    return _truncated(x) if is_integer(dtype) else x


def _beta(a: Any, b: Any) -> Any:
    return sympy.gamma(a) * sympy.gamma(b) / sympy.gamma(a + b)


def _logic(of_bools: Formula) -> Formula:
    def formula(*xs: Any) -> Any:
        if not all(is_truth(x) for x in xs):
            raise NotImplementedError
        return of_bools(*xs)

    return formula


FORMULAS: dict[str, Formula] = {
    "neg": lambda x: -x,
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "pow": lambda x, y: x**y,
    "integer_pow": lambda x, *, n: x**n,
    "floor_divide": lambda x, y: sympy.floor(x / y),
    "remainder": sympy.Mod,
    "abs": sympy.Abs,
    "sign": sympy.sign,
    "copysign": lambda x, y: sympy.Abs(x) * chosen(y < 0, -sympy.S.One, sympy.S.One),
    "floor": sympy.floor,
    "ceil": sympy.ceiling,
    "trunc": _truncated,
    "exp": sympy.exp,
    "exp2": lambda x: TWO**x,
    "expm1": lambda x: sympy.exp(x) - 1,
    "log": sympy.log,
    "log1p": lambda x: sympy.log(1 + x),
    "log2": lambda x: sympy.log(x) / sympy.log(2),
    "log10": lambda x: sympy.log(x) / sympy.log(10),
    "sqrt": sympy.sqrt,
    "cbrt": lambda x: sympy.sign(x) * sympy.Abs(x) ** sympy.Rational(1, 3),
    "logistic": lambda x: 1 / (1 + sympy.exp(-x)),
    "logaddexp": lambda x, y: sympy.log(sympy.exp(x) + sympy.exp(y)),
    "log_of_sum": lambda x, y: sympy.log(sympy.Abs(x + y)),
    "sin": sympy.sin,
    "cos": sympy.cos,
    "tan": sympy.tan,
    "asin": sympy.asin,
    "acos": sympy.acos,
    "atan": sympy.atan,
    "atan2": sympy.atan2,
    "sinh": sympy.sinh,
    "cosh": sympy.cosh,
    "tanh": sympy.tanh,
    "asinh": sympy.asinh,
    "acosh": sympy.acosh,
    "atanh": sympy.atanh,
    "hypot": lambda x, y: sympy.sqrt(x**2 + y**2),
    "maximum": sympy.Max,
    "minimum": sympy.Min,
    "clip": lambda x, low, high: sympy.Min(sympy.Max(x, low), high),
    "eq": sympy.Eq,
    "ne": sympy.Ne,
    "lt": sympy.StrictLessThan,
    "le": sympy.LessThan,
    "gt": sympy.StrictGreaterThan,
    "ge": sympy.GreaterThan,
    "is_nan": lambda x: sympy.false,
    "is_inf": lambda x: sympy.false,
    "is_finite": lambda x: sympy.true,
    "bit_and": _logic(sympy.And),
    "bit_or": _logic(sympy.Or),
    "bit_xor": _logic(sympy.Xor),
    "bit_not": _logic(sympy.Not),
    "gcd": sympy.gcd,
    "where": chosen,
    "convert": _convert,
    "fit": lambda x, *, dtype: x,
    "stop_gradient": lambda x: x,
    "conj": sympy.conjugate,
    "real": sympy.re,
    "imag": sympy.im,
    "complex": lambda x, y: x + sympy.I * y,
    "erf": sympy.erf,
    "erfc": sympy.erfc,
    "erfcx": lambda x: sympy.exp(x**2) * sympy.erfc(x),
    "erfinv": sympy.erfinv,
    "erfcinv": sympy.erfcinv,
    "ndtr": lambda x: sympy.erfc(-x / sympy.sqrt(2)) / 2,
    "log_ndtr": lambda x: sympy.log(sympy.erfc(-x / sympy.sqrt(2)) / 2),
    "ndtri": lambda x: -sympy.sqrt(2) * sympy.erfcinv(2 * x),
    "lgamma": sympy.loggamma,
    "digamma": lambda x: sympy.polygamma(0, x),
    "gamma": sympy.gamma,
    "zeta": sympy.zeta,
    "beta": _beta,
    "betaln": lambda a, b: sympy.loggamma(a) + sympy.loggamma(b) - sympy.loggamma(a + b),
    "poch": lambda x, m: sympy.gamma(x + m) / sympy.gamma(x),
    "binom": lambda n, k: sympy.gamma(n + 1) / (sympy.gamma(k + 1) * sympy.gamma(n - k + 1)),
    "gammainc": lambda a, x: sympy.lowergamma(a, x) / sympy.gamma(a),
    "gammaincc": lambda a, x: sympy.uppergamma(a, x) / sympy.gamma(a),
    "expi": sympy.Ei,
    "exp1": lambda x: sympy.expint(1, x),
    "i0": lambda x: sympy.besseli(0, x),
    "i1": lambda x: sympy.besseli(1, x),
    "i0e": lambda x: sympy.exp(-sympy.Abs(x)) * sympy.besseli(0, x),
    "i1e": lambda x: sympy.exp(-sympy.Abs(x)) * sympy.besseli(1, x),
    "j0": lambda x: sympy.besselj(0, x),
    "j1": lambda x: sympy.besselj(1, x),
    "y0": lambda x: sympy.bessely(0, x),
    "y1": lambda x: sympy.bessely(1, x),
    "k0": lambda x: sympy.besselk(0, x),
    "k1": lambda x: sympy.besselk(1, x),
    "k0e": lambda x: sympy.exp(x) * sympy.besselk(0, x),
    "k1e": lambda x: sympy.exp(x) * sympy.besselk(1, x),
    "iv": sympy.besseli,
    "kv": sympy.besselk,
    "jv": sympy.besselj,
    "yv": sympy.bessely,
    "ive": lambda v, x: sympy.exp(-sympy.Abs(x)) * sympy.besseli(v, x),
    "kve": lambda v, x: sympy.exp(x) * sympy.besselk(v, x),
}
"""By the name of the row: a function of expressions."""


def literal(value: Any, dtype: DType) -> Any:
    """A number of a graph: a fraction if it is the nearest float to one with a small denominator.

    So 0.1 is 1/10, which computes the same: the nearest float of the expression is the number.
    """
    if dtype == BOOL:
        return sympy.true if value else sympy.false
    if isinstance(value, complex):
        return literal(value.real, dtype) + sympy.I * literal(value.imag, dtype)
    if value != value:
        return sympy.nan
    if value in (float("inf"), float("-inf")):
        return sympy.oo if value > 0 else -sympy.oo
    return _known(float(value)) if isinstance(value, float) else sympy.Integer(value)


LARGEST_DENOMINATOR = 1000

CONSTANTS: tuple[Any, ...] = (
    sympy.pi,
    sympy.E,
    sympy.log(2),
    sympy.log(10),
    sympy.sqrt(2),
    sympy.sqrt(sympy.pi),
    sympy.sqrt(2 * sympy.pi),
)


def _multiples() -> dict[float, Any]:
    found: dict[float, Any] = {}
    for constant in CONSTANTS:
        for factor in (1, TWO, HALF):
            for value in (factor * constant, factor / constant):
                for signed in (value, -value):
                    found.setdefault(float(signed.evalf(30)), signed)
    return found


KNOWN = _multiples()
"""Floats that are the nearest to a constant, or twice or half of one, or of its inverse."""


def _known(value: float) -> Any:
    fraction = sympy.Rational(value).limit_denominator(LARGEST_DENOMINATOR)
    if fraction.p / fraction.q == value:
        return fraction
    return KNOWN.get(value, sympy.Float(value, 17))
