"""What each ufunc computes, by its name: a row, or a few.

`ELEMENTWISE` functions get operands of one shape, in the dtypes that NumPy computes with. `CORE`
functions get the operands as the user gave them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..primitives import elementwise as rows
from ..primitives.complexes import conj
from ..primitives.elementwise import broadcast_scalar, where
from ..trace import Tracer
from ..types import BOOL, FLOAT16, INT32, UINT64, is_unsigned
from .complexes import direction
from .products import matmul, matvec, vecdot, vecmat
from .promotion import as_dtype, common_shape, number, spread, strong

Rule = Callable[..., Any]


def copy(x: Tracer) -> Tracer:
    """The same value in storage of its own."""
    return Tracer(x.node)


def rounded(x: Tracer) -> Tracer:
    """A product as a number of its own: a sum takes it rounded, as NumPy's does.

    A sum of a product itself is rounded once, which gives other last digits.
    """
    return rows.maximum(x, broadcast_scalar(-math.inf, x))


def truth(x: Tracer) -> Tracer:
    """Where the values are not zero."""
    return x if x.dtype == BOOL else rows.ne(x, broadcast_scalar(0, x))


def _by_kind(**rules: Rule) -> Rule:
    """The rule for the kind of dtype: b(ool), i(nteger), f(loat), c(omplex).

    Unsigned integers go by the rule for i, and what has no rule of its own by that for f.
    """
    by_kind = {kind: rules.get(kind, rules["f"]) for kind in "bifc"}
    by_kind["u"] = by_kind["i"]

    def choose(*operands: Tracer) -> Any:
        return by_kind[operands[-1].dtype.kind](*operands)

    return choose


def _constant(value: bool) -> Rule:
    return lambda x: number(value, BOOL, x.shape)


def _logical(row: Callable[..., Tracer]) -> Rule:
    """On any dtypes: where they are not zero."""

    def rule(*operands: Any) -> Tracer:
        values = [truth(strong(x)) for x in operands]
        shape = common_shape([x.shape for x in values])
        return row(*(spread(x, shape) for x in values))

    return rule


def _signbit(x: Tracer) -> Tracer:
    return rows.copysign(broadcast_scalar(1.0, x), x) < 0.0


def _integer_fmod(x: Tracer, y: Tracer) -> Tracer:
    rest, zero = rows.remainder(x, y), broadcast_scalar(0, x)
    opposed = rows.ne(rest, zero) & rows.ne(x < zero, y < zero)
    return where(opposed, rest - y, rest)


def _fmod(x: Tracer, y: Tracer) -> Tracer:
    size = rows.remainder(abs(x), abs(y))
    return where(x < broadcast_scalar(0, x), -size, size)


def _other_than_nan(row: Callable[..., Tracer]) -> Rule:
    def rule(x: Tracer, y: Tracer) -> Tracer:
        return where(rows.is_nan(x), y, where(rows.is_nan(y), x, row(x, y)))

    return rule


def _heaviside(x: Tracer, at_zero: Tracer) -> Tracer:
    zero, one = broadcast_scalar(0.0, x), broadcast_scalar(1.0, x)
    return where(rows.eq(x, zero), at_zero, where(x < zero, zero, where(x > zero, one, x)))


def _integer_reciprocal(x: Tracer) -> Tracer:
    return where(rows.eq(abs(x), broadcast_scalar(1, x)), x, broadcast_scalar(0, x))


def _modf(x: Tracer) -> tuple[Tracer, Tracer]:
    # The remainder is exact; the difference from the whole may be of a product not yet rounded.
    rest = rows.remainder(abs(x), broadcast_scalar(1.0, x))
    rest = where(rows.is_inf(x), broadcast_scalar(0.0, x), rest)
    return rows.copysign(rest, x), rows.trunc(x)


def _frexp(x: Tracer) -> tuple[Tracer, Tracer]:
    # Subnormal numbers are scaled first; next to a power of two the logarithm may be one off.
    small = abs(x) < 2.0**-100
    scaled = where(small, x * 2.0**100, x)
    plain = rows.is_finite(x) & (x != 0.0)
    size = where(plain, abs(scaled), broadcast_scalar(1.0, x))
    exponent = as_dtype(rows.floor(rows.log2(size)), INT32)
    part = _ldexp(size, -exponent)
    exponent = exponent + as_dtype(part >= 2.0, INT32) - as_dtype(part < 1.0, INT32)
    mantissa = where(plain, _ldexp(scaled, -exponent) * 0.5, x)
    binary = exponent + 1 - as_dtype(small, INT32) * 100
    return mantissa, where(plain, binary, broadcast_scalar(0, binary))


def _xor(x: Tracer, y: Tracer) -> Tracer:
    return rows.ne(x, y)


def _lcm(x: Tracer, y: Tracer) -> Tracer:
    # In unsigned integers, which hold the size of the lowest signed one.
    unsigned = np.dtype(f"u{x.dtype.itemsize}")
    a, b = (as_dtype(abs(v), unsigned) for v in (x, y))
    divisor = rows.gcd(a, b)
    zero, one = broadcast_scalar(0, a), broadcast_scalar(1, a)
    multiple = rows.floor_divide(a, rows.maximum(divisor, one)) * b
    return as_dtype(where(rows.eq(divisor, zero), zero, multiple), x.dtype)


def _comparison(row: Callable[..., Tracer], below: bool, above: bool) -> Rule:
    """A comparison; beside int64, uint64 is compared as the number that it is.

    ``below`` and ``above`` are the results for a first operand that is less or greater.
    """

    def rule(x: Tracer, y: Tracer) -> Tracer:
        if x.dtype == y.dtype:
            return row(x, y)
        signed, certain = (x, below) if is_unsigned(y.dtype) else (y, above)
        result = row(as_dtype(x, UINT64), as_dtype(y, UINT64))
        return where(signed < 0, number(certain, BOOL, x.shape), result)

    return rule


def _ldexp(x: Tracer, exponent: Tracer) -> Tracer:
    # Half of the exponent at a time: the power of two by itself may not be representable.
    half = rows.floor_divide(exponent, broadcast_scalar(2, exponent))
    rest = exponent - half
    return x * rows.exp2(as_dtype(half, x.dtype)) * rows.exp2(as_dtype(rest, x.dtype))


def _spacing(x: Tracer) -> Tracer:
    outward = infinite = broadcast_scalar(math.inf, x)
    if x.dtype != FLOAT16:  # there NumPy goes upwards from negative numbers too
        outward = rows.copysign(infinite, x)
    smallest = broadcast_scalar(float(np.finfo(x.dtype).smallest_subnormal), x)
    distance = where(rows.is_inf(x), x - x, rows.nextafter(x, outward) - x)
    return where(rows.eq(x, broadcast_scalar(0.0, x)), smallest, distance)


LN2 = math.log(2.0)

ELEMENTWISE: dict[str, Rule] = {
    "add": _by_kind(b=rows.bit_or, i=rows.add, f=rows.add),
    "subtract": rows.sub,
    "multiply": _by_kind(b=rows.bit_and, i=rows.mul, f=rows.mul),
    "divide": rows.div,
    "floor_divide": rows.floor_divide,
    "remainder": rows.remainder,
    "fmod": _by_kind(i=_integer_fmod, f=_fmod),
    "divmod": lambda x, y: (rows.floor_divide(x, y), rows.remainder(x, y)),
    "modf": _modf,
    "frexp": _frexp,
    "power": rows.pow,
    "float_power": rows.pow,
    "negative": rows.neg,
    "positive": copy,
    "conjugate": _by_kind(f=copy, c=conj),
    "absolute": _by_kind(b=copy, i=rows.abs, f=rows.abs),
    "fabs": rows.abs,
    "sign": _by_kind(f=rows.sign, c=direction),
    "square": lambda x: x * x,
    "reciprocal": _by_kind(i=_integer_reciprocal, f=lambda x: 1.0 / x),
    "floor": _by_kind(b=copy, i=copy, f=rows.floor),
    "ceil": _by_kind(b=copy, i=copy, f=rows.ceil),
    "trunc": _by_kind(b=copy, i=copy, f=rows.trunc),
    "rint": rows.round,
    "exp": rows.exp,
    "exp2": rows.exp2,
    "expm1": rows.expm1,
    "log": rows.log,
    "log1p": rows.log1p,
    "log2": rows.log2,
    "log10": rows.log10,
    "sqrt": rows.sqrt,
    "cbrt": rows.cbrt,
    "logaddexp": rows.logaddexp,
    "logaddexp2": lambda x, y: rows.logaddexp(x * LN2, y * LN2) / LN2,
    "sin": rows.sin,
    "cos": rows.cos,
    "tan": rows.tan,
    "arcsin": rows.asin,
    "arccos": rows.acos,
    "arctan": rows.atan,
    "arctan2": rows.atan2,
    "sinh": rows.sinh,
    "cosh": rows.cosh,
    "tanh": rows.tanh,
    "arcsinh": rows.asinh,
    "arccosh": rows.acosh,
    "arctanh": rows.atanh,
    "hypot": rows.hypot,
    "deg2rad": lambda x: x * (math.pi / 180.0),
    "radians": lambda x: x * (math.pi / 180.0),
    "rad2deg": lambda x: x * (180.0 / math.pi),
    "degrees": lambda x: x * (180.0 / math.pi),
    "heaviside": _heaviside,
    "maximum": _by_kind(b=rows.bit_or, i=rows.maximum, f=rows.maximum),
    "minimum": _by_kind(b=rows.bit_and, i=rows.minimum, f=rows.minimum),
    "fmax": _by_kind(b=rows.bit_or, i=rows.maximum, f=_other_than_nan(rows.maximum)),
    "fmin": _by_kind(b=rows.bit_and, i=rows.minimum, f=_other_than_nan(rows.minimum)),
    "copysign": rows.copysign,
    "nextafter": rows.nextafter,
    "spacing": _spacing,
    "signbit": _signbit,
    "ldexp": _ldexp,
    "equal": _comparison(rows.eq, below=False, above=False),
    "not_equal": _comparison(rows.ne, below=True, above=True),
    "less": _comparison(rows.lt, below=True, above=False),
    "less_equal": _comparison(rows.le, below=True, above=False),
    "greater": _comparison(rows.gt, below=False, above=True),
    "greater_equal": _comparison(rows.ge, below=False, above=True),
    "isnan": _by_kind(b=_constant(False), i=_constant(False), f=rows.is_nan),
    "isinf": _by_kind(b=_constant(False), i=_constant(False), f=rows.is_inf),
    "isfinite": _by_kind(b=_constant(True), i=_constant(True), f=rows.is_finite),
    "bitwise_and": rows.bit_and,
    "bitwise_or": rows.bit_or,
    "bitwise_xor": rows.bit_xor,
    "invert": rows.bit_not,
    "left_shift": rows.shift_left,
    "right_shift": rows.shift_right,
    "bitwise_count": rows.bit_count,
    "gcd": rows.gcd,
    "lcm": _lcm,
}
"""Those of `scipy.special` stand in `tracer/scipy/special.py`."""

CORE: dict[str, Rule] = {
    "logical_and": _logical(rows.bit_and),
    "logical_or": _logical(rows.bit_or),
    "logical_xor": _logical(_xor),
    "logical_not": _logical(rows.bit_not),
    "matmul": matmul,
    "vecdot": vecdot,
    "matvec": matvec,
    "vecmat": vecmat,
}
