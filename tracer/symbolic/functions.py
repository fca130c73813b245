"""What SymPy's functions compute: a row, or another expression that is read in their place."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import sympy
from sympy.codegen import cfunctions

from ..primitives import elementwise as rows
from ..primitives import special
from ..primitives.complexes import conj
from ..primitives.elementwise import broadcast_scalar
from ..trace import Tracer

Rule = Callable[..., Tracer]


class logistic(sympy.Function):
    """``1 / (1 + exp(-x))``."""


class logaddexp(sympy.Function):
    """``log(exp(x) + exp(y))``."""


class erfcx(sympy.Function):
    """``exp(x**2) erfc(x)``."""


class gammainc(sympy.Function):
    """``lowergamma(s, x) / gamma(s)``."""


class gammaincc(sympy.Function):
    """``uppergamma(s, x) / gamma(s)``."""


INVERSE_PI = 1.0 / math.pi


def _all(row: Rule) -> Rule:
    return lambda first, *others: reduce(row, others, first)


def _heaviside(x: Tracer, at_zero: Tracer) -> Tracer:
    zero, one = broadcast_scalar(0.0, x), broadcast_scalar(1.0, x)
    return rows.where(x == 0.0, at_zero, rows.where(x > 0.0, one, zero))


def _sinc(x: Tracer) -> Tracer:
    scaled: Any = x * INVERSE_PI
    found: Any = np.sinc(scaled)
    return Tracer(found.node)


ROWS: dict[Any, Rule] = {
    sympy.exp: rows.exp,
    sympy.log: rows.log,
    sympy.sin: rows.sin,
    sympy.cos: rows.cos,
    sympy.tan: rows.tan,
    sympy.asin: rows.asin,
    sympy.acos: rows.acos,
    sympy.atan: rows.atan,
    sympy.atan2: rows.atan2,
    sympy.sinh: rows.sinh,
    sympy.cosh: rows.cosh,
    sympy.tanh: rows.tanh,
    sympy.asinh: rows.asinh,
    sympy.acosh: rows.acosh,
    sympy.atanh: rows.atanh,
    sympy.sinc: _sinc,
    sympy.Abs: rows.abs,
    sympy.sign: rows.sign,
    sympy.floor: rows.floor,
    sympy.ceiling: rows.ceil,
    sympy.Mod: rows.remainder,
    sympy.Max: _all(rows.maximum),
    sympy.Min: _all(rows.minimum),
    sympy.Heaviside: _heaviside,
    sympy.conjugate: lambda x: conj(x) if x.dtype.kind == "c" else x,
    sympy.erf: rows.erf,
    sympy.erfc: rows.erfc,
    sympy.erfinv: special.erfinv,
    sympy.erfcinv: special.erfcinv,
    sympy.gamma: special.gamma,
    sympy.loggamma: special.lgamma,
    sympy.digamma: special.digamma,
    sympy.beta: special.beta,
    sympy.binomial: special.binom,
    sympy.RisingFactorial: special.poch,
    sympy.zeta: special.zeta,
    sympy.Ei: special.expi,
    sympy.besselj: special.jv,
    sympy.bessely: special.yv,
    sympy.besseli: special.iv,
    sympy.besselk: special.kv,
    cfunctions.expm1: rows.expm1,
    cfunctions.log1p: rows.log1p,
    cfunctions.exp2: rows.exp2,
    cfunctions.log2: rows.log2,
    cfunctions.log10: rows.log10,
    cfunctions.Sqrt: rows.sqrt,
    cfunctions.Cbrt: rows.cbrt,
    cfunctions.hypot: rows.hypot,
    logistic: rows.logistic,
    logaddexp: _all(rows.logaddexp),
    erfcx: special.erfcx,
    gammainc: special.gammainc,
    gammaincc: special.gammaincc,
}
"""By class: a function of operands of one type."""

WHOLE_ORDER: dict[tuple[Any, int], Rule] = {
    (sympy.besselj, 0): special.j0,
    (sympy.besselj, 1): special.j1,
    (sympy.bessely, 0): special.y0,
    (sympy.bessely, 1): special.y1,
    (sympy.besseli, 0): special.i0,
    (sympy.besseli, 1): special.i1,
    (sympy.besselk, 0): special.k0,
    (sympy.besselk, 1): special.k1,
    (sympy.polygamma, 0): special.digamma,
    (sympy.expint, 1): special.exp1,
    (sympy.uppergamma, 0): special.exp1,
}
"""Functions of an order that is this number, and of another operand."""

BOOLEAN: dict[Any, Rule] = {
    sympy.Eq: rows.eq,
    sympy.Ne: rows.ne,
    sympy.StrictLessThan: rows.lt,
    sympy.LessThan: rows.le,
    sympy.StrictGreaterThan: rows.gt,
    sympy.GreaterThan: rows.ge,
    sympy.And: _all(rows.bit_and),
    sympy.Or: _all(rows.bit_or),
    sympy.Xor: _all(rows.bit_xor),
    sympy.Not: rows.bit_not,
}
"""Relations and logic, by class; relations take numbers."""


def _polygamma(n: Any, x: Any) -> Any:
    """The derivatives of digamma are Hurwitz's zeta (NIST DLMF 25.11.12)."""
    return sympy.Integer(-1) ** (n + 1) * sympy.factorial(n) * sympy.zeta(n + 1, x)


REWRITTEN: dict[Any, Callable[..., Any]] = {
    sympy.sec: lambda x: 1 / sympy.cos(x),
    sympy.csc: lambda x: 1 / sympy.sin(x),
    sympy.cot: lambda x: 1 / sympy.tan(x),
    sympy.sech: lambda x: 1 / sympy.cosh(x),
    sympy.csch: lambda x: 1 / sympy.sinh(x),
    sympy.coth: lambda x: 1 / sympy.tanh(x),
    sympy.asec: lambda x: sympy.acos(1 / x),
    sympy.acsc: lambda x: sympy.asin(1 / x),
    sympy.acot: lambda x: sympy.atan(1 / x),
    sympy.asech: lambda x: sympy.acosh(1 / x),
    sympy.acsch: lambda x: sympy.asinh(1 / x),
    sympy.acoth: lambda x: sympy.atanh(1 / x),
    sympy.frac: lambda x: x - sympy.floor(x),
    sympy.erf2: lambda x, y: sympy.erf(y) - sympy.erf(x),
    sympy.erf2inv: lambda x, y: sympy.erfinv(sympy.erf(x) + y),
    sympy.factorial: lambda x: sympy.gamma(x + 1),
    sympy.harmonic: lambda x: sympy.digamma(x + 1) + sympy.EulerGamma,
    sympy.FallingFactorial: lambda x, k: sympy.gamma(x + 1) / sympy.gamma(x - k + 1),
    sympy.li: lambda x: sympy.Ei(sympy.log(x)),
    sympy.polygamma: _polygamma,
    sympy.trigamma: lambda x: _polygamma(sympy.Integer(1), x),
    sympy.lowergamma: lambda s, x: gammainc(s, x) * sympy.gamma(s),
    sympy.uppergamma: lambda s, x: gammaincc(s, x) * sympy.gamma(s),
    sympy.expint: lambda n, x: x ** (n - 1) * sympy.uppergamma(1 - n, x),
    sympy.ITE: lambda c, x, y: sympy.Or(sympy.And(c, x), sympy.And(sympy.Not(c), y)),
    sympy.re: lambda x: (x + sympy.conjugate(x)) / 2,
    sympy.im: lambda x: (x - sympy.conjugate(x)) / (2 * sympy.I),
}
"""By class: an expression that means the same."""
