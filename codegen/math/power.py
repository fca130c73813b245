"""Powers and roots, and sums in other scales: ``pow``, ``cbrt``, ``sqrt``, ``hypot``, ``logaddexp``."""

from __future__ import annotations

from dataclasses import dataclass

from ..assembly import FunctionWriter, Value
from .exponential import EXP_RANGE, exp2_fraction, exp_minus_one, reduce_exponent, scale, scale_down
from .logarithm import INFINITY, NAN, log1p_of_sum, split
from .number import Coefficients, Number, choose, clamp, fma, greatest, horner


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


# (atanh(s)/s - 1 - s**2/3)/s**4 in powers of s**2 for |s| <= (sqrt 2 - 1)/(sqrt 2 + 1), by the
# Remez algorithm; relative to atanh s 2**-65.7 and 2**-36.8.
ATANH_FAR_TAIL: Coefficients = {
    "double": (
        0.20000000000001136, 0.14285714285045978, 0.1111111126067186, 0.09090892118931584,
        0.07693381748347627, 0.06628334797919155, 0.06598871774481485,
    ),
    "float": (0.20000076293945312, 0.14273543655872345, 0.11709881573915482),
}  # fmt: skip
THIRD = {
    "double": (0.3333333333333333, 1.850371707708594e-17),
    "float": (0.3333333432674408, -9.934107758624577e-09),
}
TWICE_LOG2_E = {
    "double": (2.8853900817779268, 4.0710547481862066e-17),
    "float": (2.885390043258667, 3.851926067000022e-08),
}
# Beyond it a power of two is zero or infinite.
POWER_RANGE = {"double": 1080.0, "float": 155.0}


def double_log2(x: Number) -> Sum:
    """``log2(x)`` to about 2**-65 (f64), 2**-36 (f32) of itself; infinite at 0 and infinity.

    log2(2**k (1 + f)) = k + (2/ln 2) atanh(s), s = f/(2 + f); all terms to twice the precision
    that count as much.
    """
    parts = split(x)
    f = parts.fraction
    below = f + 2.0
    inverse = 1.0 / below
    high = f * inverse
    low = fma(-high, f - (below - 2.0), fma(-high, below, f)) * inverse
    s = Sum(high, low)
    z = product(s, s)
    third, third_low = THIRD[x.element]
    q = z.high * horner(z.high, ATANH_FAR_TAIL[x.element])
    cubic = product(z, ordered_sum(x.of(third), q, third_low))
    cubic = product(s, cubic)
    atanh = ordered_sum(s.high, cubic.high, s.low + cubic.low)
    factor, factor_low = TWICE_LOG2_E[x.element]
    scaled = product(atanh, Sum(x.of(factor), x.of(factor_low)))
    total = ordered_sum(parts.exponent, scaled.high, scaled.low)
    ordinary = (x > 0.0) & (x < INFINITY)
    edge = choose(x.equals(0.0), x.of(-INFINITY), x)
    return Sum(choose(ordinary, total.high, edge), choose(ordinary, total.low, 0.0))


def pow(w: FunctionWriter, x: Value, y: Value) -> Value:
    """``x**y``; all x and y; about 1.2 ulp (f64 and f32); special cases as C's ``pow`` has them.

    2**(y log2|x|), the logarithm and the product to twice the precision: an error in the exponent
    is magnified by the exponent's size.
    """
    a, b = Number(w, x), Number(w, y)
    size = abs(a)
    logarithm = double_log2(size)
    exponent = b * logarithm.high
    low = fma(b, logarithm.low, fma(b, logarithm.high, -exponent))
    bound = POWER_RANGE[a.element]
    low = choose(abs(exponent) < bound, low, 0.0)
    exponent = clamp(exponent, -bound, bound)
    shifted = exponent + a.format.rounder
    r = exponent - (shifted - a.format.rounder) + low
    magnitude = scale(exp2_fraction(r), shifted, exponent > 0.0)
    return sign_of_power(a, b, magnitude).value


def sign_of_power(a: Number, b: Number, magnitude: Number) -> Number:
    """``|a|**b`` made ``a**b``: sign, no real value, and one where |a|**b cannot tell."""
    whole = b.call("trunc").equals(b)
    half = b * 0.5
    odd = whole & half.call("trunc").differs(half)
    y = choose(odd, magnitude.with_sign_of(a), magnitude)
    size = abs(a)
    y = choose((a < 0.0) & (size < INFINITY) & b.differs(b.call("trunc")), NAN, y)
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


def logaddexp(w: FunctionWriter, x: Value, y: Value) -> Value:
    """``log(e**x + e**y)``; all x and y; within 1.5 ulp of the larger of the result and max(x, y).

    The greater plus log1p(e**-|x - y|). Near the zero of the function the sum cancels, and the
    bound holds for the terms, as it does in every formula of this kind.
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
