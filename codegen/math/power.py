"""Powers, roots and sums in other scales: ``pow``, ``cbrt``, ``hypot``, ``logaddexp``, ..."""

from __future__ import annotations

from dataclasses import dataclass

from ..assembly import FunctionWriter, Value
from .exponential import (
    EXP_RANGE,
    exp2_fraction,
    exp_minus_one,
    power_of_two,
    reduce_exponent,
    scale,
    scale_down,
)
from .logarithm import INFINITY, NAN, log, log1p_of_sum, split, split_normal
from .number import Number, choose, clamp, fma, greatest, horner, polynomial


def sqrt(w: FunctionWriter, x: Value) -> Value:
    """Square root; correctly rounded, as IEEE 754 demands; NaN below zero."""
    return w.intrinsic("sqrt", x)


@dataclass(frozen=True, slots=True)
class Sum:
    """A number to twice the precision: ``high + low``, low under an ulp of high or so."""

    high: Number
    low: Number


def product(a: Sum, b: Sum) -> Sum:
    """Product of two such numbers (Dekker's, with fused multiply-adds)."""
    high = a.high * b.high
    low = fma(a.high, b.high, -high)
    return Sum(high, fma(a.high, b.low, fma(a.low, b.high, low)))


def ordered_sum(a: Number, b: Number, low: Number | float) -> Sum:
    """``a + b + low`` for |a| >= |b| or a = 0 (Dekker's sum)."""
    high = a + b
    return Sum(high, a - high + b + low)


# log2(1 + f) = s (2/ln 2) (1 + z/3 + z**2 (...)) with s = f/(2 + f), z = s**2: the first two
# coefficients as sums of two numbers, and the rest, minimax by the Remez algorithm with an error
# of 2**-65.5 of the logarithm.
LOG2_FIRST = (2.8853900817779268, 4.0710547481862066e-17)
LOG2_SECOND = (0.9617966939259756, 5.0577616648125907e-17)
LOG2_FAR = (
    0.5770780163556181, 0.412198583091894, 0.3205989022830338, 0.2623077001934907,
    0.22198404511781916, 0.19125396211450135, 0.1903973868596894,
)  # fmt: skip
# The same and 2**r, |r| <= 1/2, for results in single precision: 2**-45.1 and 2**-29.0.
LOG2_SHORT = (
    2.8853900817778495, 0.9617966941142599, 0.5770779420746371, 0.41220928388562883,
    0.31990432184502493, 0.28292090916705065,
)  # fmt: skip
EXP2_SHORT = (
    1.0000000005551186, 0.6931472057661245, 0.24022646884797821, 0.055503287131328044,
    0.009618489386765268, 0.001339995732618972, 0.00015345752552162325,
)  # fmt: skip
# Beyond it a power of two is zero or infinite.
POWER_RANGE = {"double": 1080.0, "float": 155.0}


def edge_log2(x: Number, y: Number) -> Number:
    """The logarithm y of x >= 0, put right at zero, infinity and NaN."""
    ordinary = (x > 0.0) & (x < INFINITY)
    return choose(ordinary, y, choose(x.equals(0.0), x.of(-INFINITY), x))


def double_log2(x: Number) -> Sum:
    """``log2(x)`` for x >= 0 in double precision, to about 2**-65 of itself."""
    parts = split(x)
    f = parts.fraction
    below = f + 2.0
    inverse = 1.0 / below
    high = f * inverse
    low = fma(-high, f - (below - 2.0), fma(-high, below, f)) * inverse
    s = Sum(high, low)
    z = product(s, s)
    far = z.high * polynomial(z.high, LOG2_FAR)
    second = product(z, ordered_sum(x.of(LOG2_SECOND[0]), far, LOG2_SECOND[1]))
    slope = ordered_sum(x.of(LOG2_FIRST[0]), second.high, second.low + LOG2_FIRST[1])
    part = product(s, slope)
    total = ordered_sum(parts.exponent, part.high, part.low)
    return Sum(edge_log2(x, total.high), total.low)


def power_in_double(size: Number, b: Number) -> Number:
    """``size**b`` for size >= 0, in double precision."""
    logarithm = double_log2(size)
    exponent = b * logarithm.high
    low = fma(b, logarithm.low, fma(b, logarithm.high, -exponent))
    bound = POWER_RANGE["double"]
    # Infinite logarithms and exponents have no second part.
    low = choose(abs(exponent) < bound, low, 0.0)
    exponent = clamp(exponent, -bound, bound)
    shifted = exponent + size.format.rounder
    r = exponent - (shifted - size.format.rounder) + low
    return scale(exp2_fraction(r), shifted, exponent > 0.0)


def power_in_single(size: Number, b: Number) -> Number:
    """``size**b`` for size >= 0, in single precision by way of double."""
    wide = size.widened()
    parts = split_normal(wide)
    s = parts.fraction / (parts.fraction + 2.0)
    z = s * s
    logarithm = edge_log2(wide, fma(s, polynomial(z, LOG2_SHORT), parts.exponent))
    bound = POWER_RANGE["float"]
    exponent = clamp(b.widened() * logarithm, -bound, bound)
    shifted = exponent + wide.format.rounder
    r = exponent - (shifted - wide.format.rounder)
    return (polynomial(r, EXP2_SHORT) * power_of_two(shifted)).narrowed()


def pow(w: FunctionWriter, x: Value, y: Value) -> Value:
    """``x**y``; all x and y; about 1.2 ulp (f64), 0.6 ulp (f32); special cases as C's ``pow``.

    2**(y log2|x|), the logarithm and the product to twice the precision: an error in the exponent
    is magnified by the exponent's size.
    """
    a, b = Number(w, x), Number(w, y)
    power = power_in_double if a.element == "double" else power_in_single
    return sign_of_power(a, b, power(abs(a), b)).value


def sign_of_power(a: Number, b: Number, magnitude: Number) -> Number:
    """``|a|**b`` made ``a**b``: sign, no real value, and one where |a|**b cannot tell."""
    whole = b.call("trunc").equals(b)
    half = b * 0.5
    odd = whole & half.call("trunc").differs(half)
    y = choose(odd, magnitude.with_sign_of(a), magnitude)
    size = abs(a)
    y = choose((a < 0.0) & (a > -INFINITY) & (whole ^ 1), NAN, y)
    one = b.equals(0.0) | a.equals(1.0) | (size.equals(1.0) & abs(b).equals(INFINITY))
    return choose(one, 1.0, y)


# Bits of a float, from the left, that seed the cube root; the guess is that these bits, read as an
# integer, are linear in the logarithm. The constant is fitted: |1 - x y**3| < 0.103.
SEED_SHIFT = {"double": 32, "float": 8}
SEED = {"double": 1430186361, "float": 5546486}
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
    """Cube root; all x; about 0.6 ulp (f64 and f32).

    Two steps of high order towards x**(-1/3), which need no division, then one towards the root
    with its residual to twice the precision.
    """
    v = Number(w, x)
    size = abs(v)
    bound, lift, lower = LIFT[v.element]
    small = size < bound
    a = choose(small, size * lift, size)
    y = inverse_cube_root_seed(a)
    # (1 - h)**(-1/3) = 1 + h/3 + 2h**2/9 + 14h**3/81 + 35h**4/243 + ...
    h = 1.0 - (a * y) * (y * y)
    y = fma(y * h, horner(h, (1 / 3, 2 / 9, 14 / 81, 35 / 243)), y)
    h = fma(-(a * y), y * y, 1.0)
    y = fma(y * h, fma(h, 2 / 9, 1 / 3), y)
    square = y * y
    root = a * square
    power = root * root
    lost = fma(root, root, -power)
    residual = fma(-root, lost, fma(-root, power, a))
    root = fma(residual, square * (1 / 3), root)
    root = root * choose(small, root.of(lower), 1.0)
    ordinary = (size > 0.0) & (size < INFINITY)
    return choose(ordinary, root.with_sign_of(v), v).value


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
