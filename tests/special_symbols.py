"""The special functions in SymPy's words, for the test of their partial derivatives."""

from __future__ import annotations

from typing import Any

import sympy

X, Y = sympy.symbols("x y", real=True)
LOWER, UPPER = sympy.symbols("lower upper", real=True)
T = sympy.Symbol("t", positive=True)


def _gamma_density(a: Any, x: Any) -> Any:
    return x ** (a - 1) * sympy.exp(-x) / sympy.gamma(a)


def _beta(a: Any, b: Any) -> Any:
    return sympy.gamma(a) * sympy.gamma(b) / sympy.gamma(a + b)


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    return x ** (a - 1) * (1 - x) ** (b - 1) / _beta(a, b)


def _t_density(df: Any, t: Any) -> Any:
    half = sympy.Rational(1, 2)
    return (1 + t**2 / df) ** (-(df + 1) / 2) / (sympy.sqrt(df) * _beta(df / 2, half))


def _integral(density: Any, upper: Any) -> Any:
    return sympy.Integral(density, (T, 0, upper))


SYMBOLIC: dict[str, Any] = {
    "erfcx": sympy.exp(X**2) * sympy.erfc(X),
    "erfinv": sympy.erfinv(X),
    "erfcinv": sympy.erfinv(1 - X),
    "ndtri": sympy.sqrt(2) * sympy.erfinv(2 * X - 1),
    "ndtr": sympy.erfc(-X / sympy.sqrt(2)) / 2,
    "log_ndtr": sympy.log(sympy.erfc(-X / sympy.sqrt(2)) / 2),
    "lgamma": sympy.loggamma(X),
    "digamma": sympy.polygamma(0, X),
    "zeta": sympy.zeta(X, Y),
    "gamma": sympy.gamma(X),
    "betaln": sympy.loggamma(X) + sympy.loggamma(Y) - sympy.loggamma(X + Y),
    "beta": _beta(X, Y),
    "poch": sympy.gamma(X + Y) / sympy.gamma(X),
    "binom": sympy.gamma(X + 1) / (sympy.gamma(Y + 1) * sympy.gamma(X - Y + 1)),
    **{
        f"gammainc_by_{by}": _integral(sympy.diff(_gamma_density(X, T), *[X] * len(by)), Y)
        for by in ("a", "aa")
    },
    **{
        f"betainc_by_{by}": _integral(
            sympy.diff(_beta_density(X, LOWER, T), *[{"a": X, "b": LOWER}[p] for p in by]), UPPER
        )
        for by in ("a", "b", "aa", "ab", "bb")
    },
    "gammainc": _integral(_gamma_density(X, T), Y),
    "gammaincc": 1 - _integral(_gamma_density(X, T), Y),
    "betainc": _integral(_beta_density(X, LOWER, T), UPPER),
    "stdtr": _integral(_t_density(X, T), Y),
    "expi": sympy.Ei(X),
    "exp1": sympy.expint(1, X),
    "i0": sympy.besseli(0, X),
    "i1": sympy.besseli(1, X),
    "i0e": sympy.besseli(0, X) * sympy.exp(-X),
    "i1e": sympy.besseli(1, X) * sympy.exp(-X),
    "j0": sympy.besselj(0, X),
    "j1": sympy.besselj(1, X),
    "y0": sympy.bessely(0, X),
    "y1": sympy.bessely(1, X),
    "k0": sympy.besselk(0, X),
    "k1": sympy.besselk(1, X),
    "k0e": sympy.besselk(0, X) * sympy.exp(X),
    "k1e": sympy.besselk(1, X) * sympy.exp(X),
    "iv": sympy.besseli(X, Y),
    "kv": sympy.besselk(X, Y),
    "jv": sympy.besselj(X, Y),
    "yv": sympy.bessely(X, Y),
    "ive": sympy.besseli(X, Y) * sympy.exp(-Y),
    "kve": sympy.besselk(X, Y) * sympy.exp(Y),
}

INVERSES = {
    "gammaincinv": "gammainc",
    "gammainccinv": "gammaincc",
    "betaincinv": "betainc",
    "stdtrit": "stdtr",
}
"""Rows that invert others by the last operand, of which SymPy knows nothing."""
