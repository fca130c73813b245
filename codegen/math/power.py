"""Powers, roots and sums in other scales: ``pow``, ``cbrt``, ``hypot``, ``logaddexp``, ..."""

from __future__ import annotations

from ..assembly import FunctionWriter, Value
from .exponential import (
    EXP_RANGE,
    exp_minus_one,
    reduce_exponent,
)
from .exponents import INFINITY, scale_down
from .logarithm import log, log1p_of_sum
from .number import Number, all_lanes, choose, clamp, fma, greatest, horner


def sqrt(w: FunctionWriter, x: Value) -> Value:
    """Square root; correctly rounded, as IEEE 754 demands; NaN below zero."""
    return w.intrinsic("sqrt", x)


# Bits of a float, from the left, that seed the cube root; the guess is that these bits, read as an
# integer, are linear in the logarithm. The constant is fitted: |1 - x y**3| < 0.103.
SEED_SHIFT = {"double": 32, "float": 8}
SEED = {"double": 1430186361, "float": 5546486}
SEED_SERIES = {
    "double": (1 / 3, 2 / 9, 14 / 81, 35 / 243),
    "float": (1 / 3, 2 / 9, 14 / 81),
}
# How far arguments below the first bound are lifted before, and their roots lowered after.
LIFT = {"double": (2.0**-600, 2.0**360, 2.0**-120), "float": (2.0**-40, 2.0**60, 2.0**-20)}


def inverse_cube_root_seed(x: Number) -> Number:
    """``x**(-1/3)`` to three per cent, for a positive normal number."""
    form = x.format
    shift = SEED_SHIFT[x.element]
    # Read as a float, the bits under the exponent of 2**mantissa are 2**mantissa + bits.
    top = ((x.bits() >> shift) | (form.bias + form.mantissa << form.mantissa)).floats()
    offset = 2.0**form.mantissa * (1 + 1 / 3) + SEED[x.element]
    return (fma(top, -1 / 3, offset).bits() << shift).floats()


def cbrt(w: FunctionWriter, x: Value) -> Value:
    """Cube root; all x; about 0.7 ulp (f64 and f32).

    A step of high order towards x**(-1/3), which needs no division, in double precision two, then
    one towards the root with its residual.
    """
    v = Number(w, x)
    size = abs(v)
    bound, lift, lower = LIFT[v.element]
    usual = root_of_normal(size)
    ordinary = (size > bound) & (size < INFINITY)
    with w.seldom_not(all_lanes(ordinary), usual.value) as values:
        lifted = root_of_normal(size * lift) * lower
        root = choose(size < bound, lifted, usual)
        values.append(choose((size > 0.0) & (size < INFINITY), root, size).value)
    return Number(w, values[0]).with_sign_of(v).value


def root_of_normal(a: Number) -> Number:
    """The cube root of a positive normal number, not of the smallest."""
    y = inverse_cube_root_seed(a)
    # (1 - h)**(-1/3) = 1 + h/3 + 2h**2/9 + 14h**3/81 + 35h**4/243 + ...
    h = 1.0 - (a * y) * (y * y)
    y = fma(y * h, horner(h, SEED_SERIES[a.element]), y)
    if a.element == "double":
        h = fma(-(a * y), y * y, 1.0)
        y = fma(y * h, fma(h, 2 / 9, 1 / 3), y)
    square = y * y
    root = a * square
    residual = fma(-root, root * root, a)
    return fma(residual, square * (1 / 3), root)


def hypot(w: FunctionWriter, x: Value, y: Value) -> Value:
    """``sqrt(x**2 + y**2)`` without overflow; all x and y; about 1 ulp (f64 and f32).

    Both are scaled by a power of two that brings the larger near one.
    """
    a, b = abs(Number(w, x)), abs(Number(w, y))
    form = a.format
    larger, smaller = choose(a > b, a, b), choose(a > b, b, a)
    middle = clamp(larger, 2.0 ** -(form.bias - 3), 2.0 ** (form.bias - 3))
    field = middle.bits() & form.exponent_mask
    down = (field.of(2 * form.bias << form.mantissa) - field).floats()
    larger, smaller = larger * down, smaller * down
    root = fma(larger, larger, smaller * smaller).sqrt() * field.floats()
    # Infinite even where the other is NaN.
    infinite = a.equals(INFINITY) | b.equals(INFINITY)
    return choose(infinite, INFINITY, root).value


def difference_lost(a: Number, b: Number, difference: Number) -> Number:
    """What rounding took from ``difference``, that of a and b (Knuth's sum); NaN at infinities."""
    part = difference - a
    return a - (difference - part) - (b + part)


def log_of_sum(w: FunctionWriter, x: Value, y: Value) -> Value:
    """``log(abs(x + y))``, the sum not rounded; all x and y; under 1.5 ulp (f64 and f32).

    What rounding the sum loses changes its logarithm by as large a part of the sum.
    """
    a, b = Number(w, x), Number(w, y)
    total = a + b
    lost = -difference_lost(-b, a, -total)
    share = lost / total
    rounded = Number(w, log(w, abs(total).value))
    return choose(abs(share) < 1.0, rounded + share, rounded).value


def logaddexp(w: FunctionWriter, x: Value, y: Value) -> Value:
    """``log(e**x + e**y)``; all x and y; within 1.5 ulp of the largest term.

    The greater plus log1p(e**-|x - y|). Where the greater is between -log 2 and 0 the two cancel,
    and the bound is one on ulps of these terms, as in every formula of this kind.
    """
    a, b = Number(w, x), Number(w, y)
    distance = -abs(a - b)
    # inf - inf is NaN, and equal numbers are at distance zero whatever they are.
    distance = choose(a.equals(b), 0.0, distance)
    reduced = reduce_exponent(greatest(EXP_RANGE[a.element][0], distance))
    larger, smaller = choose(a > b, a, b), choose(a > b, b, a)
    lost = difference_lost(smaller, larger, distance)
    p = exp_minus_one(reduced.rest + choose(abs(lost) < 1.0, lost, 0.0))
    high = p + 1.0
    low = p - (high - 1.0)
    tail = log1p_of_sum(scale_down(high, reduced.shifted), scale_down(low, reduced.shifted))
    return (larger + tail).value
