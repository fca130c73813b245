"""Rounding to integers, and the division with remainder that rests on it."""

from __future__ import annotations

from collections.abc import Callable

from ..assembly import FunctionWriter, Value
from .number import Number, choose
from .number import fma as fused
from .per_lane import patch


def floor(w: FunctionWriter, x: Value) -> Value:
    """Largest integer not above x."""
    return w.intrinsic("floor", x)


def ceil(w: FunctionWriter, x: Value) -> Value:
    """Smallest integer not below x."""
    return w.intrinsic("ceil", x)


def trunc(w: FunctionWriter, x: Value) -> Value:
    """The integer part."""
    return w.intrinsic("trunc", x)


def round(w: FunctionWriter, x: Value) -> Value:
    """Nearest integer, halves to even."""
    return w.intrinsic("rint", x)


def copysign(w: FunctionWriter, x: Value, y: Value) -> Value:
    """``|x|`` with the sign bit of y."""
    return w.intrinsic("copysign", x, y)


def nextafter(w: FunctionWriter, x: Value, y: Value) -> Value:
    """The number next to x on the way to y; y where they are equal, as in C."""
    a, b = Number(w, x), Number(w, y)
    return next_number(a, b, a.bits(), b.bits(), Number.floats, same=b).value


def next_number(
    a: Number,
    b: Number,
    a_bits: Number,
    b_bits: Number,
    floats: Callable[[Number], Number],
    same: Number,
) -> Number:
    """The number next to a on the way to b, from the bits of both; ``same`` where they are equal.

    The patterns of numbers of one sign are ordered as their magnitudes. ``floats`` makes numbers of
    patterns.
    """
    outward = (b > a) ^ (a < 0.0)
    moved = choose(outward, a_bits + 1, a_bits - 1)
    sign_bit = -1 << (int(a_bits.element[1:]) - 1)
    smallest = (b_bits & sign_bit) | 1
    result = floats(choose(a.equals(0.0), smallest, moved))
    return choose(a.differs(a) | b.differs(b), a + b, choose(a.equals(b), same, result))


def truncated_remainder(x: Number, y: Number) -> Number:
    """C's ``fmod``: x - y * trunc(x/y), exact.

    While the quotient q is below 2**mantissa, |x| - q|y| is exact in a fused multiply-add: the
    rounded quotient is too large by at most one, and then only when the result is a tiny negative
    number. The rest goes to the C library; zero divisors and infinite dividends are among it.
    """
    dividend, divisor = abs(x), abs(y)
    ratio = dividend / divisor
    whole = ratio.call("trunc")
    rest = fused(-whole, divisor, dividend)
    rest = choose(rest < 0.0, rest + divisor, rest)
    # For an infinite divisor, too.
    rest = choose(dividend < divisor, dividend, rest)
    result = rest.with_sign_of(x)
    return patch(ratio >= 2.0**x.format.mantissa, [result], ["fmod"], [x, y])[0]


def remainder(w: FunctionWriter, x: Value, y: Value) -> Value:
    """Remainder with the divisor's sign, as Python and NumPy have it; the very bits of NumPy."""
    a, b = Number(w, x), Number(w, y)
    rest = truncated_remainder(a, b)
    opposed = (b < 0.0) ^ (rest < 0.0)
    moved = choose(opposed, rest + b, rest)
    zero = b.of(0.0).with_sign_of(b)
    return choose(rest.equals(0.0), zero, moved).value


def floor_divide(w: FunctionWriter, x: Value, y: Value) -> Value:
    """``floor(x / y)`` consistent with ``remainder``; the very bits of NumPy.

    The dividend less the remainder is divided, which gives an integer but for rounding, and that
    is rounded to the nearest. By zero the result is the quotient, infinite or NaN.
    """
    a, b = Number(w, x), Number(w, y)
    rest = truncated_remainder(a, b)
    opposed = ((b < 0.0) ^ (rest < 0.0)) & rest.differs(0.0)
    exact = (a - rest) / b
    exact = choose(opposed, exact - 1.0, exact)
    below = exact.call("floor")
    nearest = choose(exact - below > 0.5, below + 1.0, below)
    quotient = a / b
    zero = quotient.of(0.0).with_sign_of(quotient)
    whole = choose(exact.equals(0.0), zero, nearest)
    return choose(b.equals(0.0), quotient, whole).value
