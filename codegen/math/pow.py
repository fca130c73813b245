"""``x**y`` as 2**(y log2|x|), where an error in the exponent is magnified by the exponent's size.

The logarithm and the product are carried to twice the precision. For results in single precision
without tables the logarithm is one in double precision.
"""

from __future__ import annotations

import math

from ..assembly import FunctionWriter, Value
from .exponential import EXP2, exp2_fraction
from .exponents import INFINITY, NAN, power_of_two, scale, split, split_at_powers, split_normal
from .number import Number, all_lanes, choose, clamp, fma, horner, polynomial
from .sums import Sum, ordered_sum, product
from .tables import has_tables, look_up

# log2(1 + f) = s (2/ln 2) (1 + z/3 + z**2 (...)) with s = f/(2 + f), z = s**2: the first two
# coefficients as sums of two numbers, and the rest, minimax by the Remez algorithm with an error
# of 2**-68.8 of the logarithm.
LOG2_FIRST = (2.8853900817779268, 4.0710547481862066e-17)
LOG2_SECOND = (0.9617966939259756, 5.0577616648125907e-17)
LOG2_FAR = (
    0.5770780163555814, 0.41219858311326524, 0.3205988975304773, 0.26230823733875747,
    0.2219500790102152, 0.19247184594031852, 0.16724487185861608, 0.18135347987161987,
)  # fmt: skip
# The same and 2**r, |r| <= 1/2, for results in single precision: 2**-42.4 and 2**-29.0.
LOG2_SHORT = (
    2.885390081777428, 0.9617966948202917, 0.5770777567800396, 0.41222607932040106,
    0.31928804135753747, 0.29079809730212874,
)  # fmt: skip
EXP2_SHORT = (
    1.0000000005551186, 0.6931472057661245, 0.24022646884797821, 0.055503287131328044,
    0.009618489386765268, 0.001339995732618972, 0.00015345752552162325,
)  # fmt: skip
# Beyond it, up or down, a power of two is zero or infinite.
POWER_RANGE = {"double": 1080.0, "float": 155.0}


# Near 1/m for m in sixteen parts of [3/4, 3/2) a number c of so few bits that c m - 1 is exact;
# what is above one comes last.
INVERSES = tuple(c / 32 for c in (32, 29, 28, 26, 25, 24, 23, 22, 42, 40, 39, 37, 36, 35, 34, 32))
# -log2(c) by its first 41 binary places and the rest.
LOGARITHMS = tuple(math.floor(-math.log2(c) * 2.0**41) / 2.0**41 for c in INVERSES)
REST_OF_LOGARITHMS = (
    0.0, 3.736684162192024e-13, 4.348299516065895e-13, 2.0474716408719944e-13,
    1.266771905137232e-13, 1.4733181985781966e-13, 1.520621696507556e-13, 3.1180651700181383e-13,
    1.2741442057794507e-13, 6.33385952568616e-14, 3.5207898394501913e-13, 1.3800246976244608e-13,
    2.9466363971563933e-13, 4.3421195976986995e-14, 3.869337143362557e-13, 0.0,
)  # fmt: skip
# (log2(1 + r) - s 2/ln 2)/s**3 in powers of s**2, s = r/(2 + r), for -1/32 <= r <= 1/16, by the
# Remez algorithm: 2**-70.6 of the logarithm.
LOG2_NEAR = (
    0.9617966939259756, 0.5770780163560959, 0.4121985815441965, 0.320600665110156,
    0.26185551320190226,
)  # fmt: skip
# The same in single precision for m in 32 parts of [1, 2), -log2(c) by its first 16 binary places;
# what ends at two has the c of what begins at one.
SHORT_INVERSES = tuple(
    c / 64
    for c in (
        64, 61, 59, 58, 56, 55, 53, 52, 51, 49, 48, 47, 46, 45, 44, 43,
        42, 41, 41, 40, 39, 38, 38, 37, 36, 36, 35, 34, 34, 33, 33, 32,
    )
)  # fmt: skip
SHORT_LOGARITHMS = tuple(round(-math.log2(c) * 2.0**16) / 2.0**16 for c in SHORT_INVERSES)
REST_OF_SHORT = tuple(
    -math.log2(c) - high for c, high in zip(SHORT_INVERSES, SHORT_LOGARITHMS, strict=True)
)
# 1/ln 2, and (log2(1 + r) - (r - r**2/2)/ln 2)/r**3 for -1/48 <= r <= 1/32, by the Remez
# algorithm: 2**-32.2 of the logarithm.
SHORT_FIRST = (1.4426950216293335, 1.925963033500011e-08)
LOG2_SERIES = (0.4809003472328186, -0.36076900362968445, 0.28253287076950073)


def double_log2(x: Number) -> Sum:
    """``log2(x)`` for finite x > 0 in double precision, to about 2**-62 of itself.

    The second part is up to 2**-11 of the first.
    """
    parts = split(x)
    if has_tables(x):
        return _log2_by_table(parts.exponent, parts.mantissa)
    s = _halved_quotient(parts.mantissa - 1.0)
    z = product(s, s)
    far = z.high * polynomial(z.high, LOG2_FAR)
    second = product(z, ordered_sum(x.of(LOG2_SECOND[0]), far, LOG2_SECOND[1]))
    slope = ordered_sum(x.of(LOG2_FIRST[0]), second.high, second.low + LOG2_FIRST[1])
    part = product(s, slope)
    return ordered_sum(parts.exponent, part.high, part.low)


def _halved_quotient(f: Number) -> Sum:
    """``f / (2 + f)``."""
    below = f + 2.0
    inverse = 1.0 / below
    high = f * inverse
    return Sum(high, fma(-high, f - (below - 2.0), fma(-high, below, f)) * inverse)


def _log2_by_table(k: Number, m: Number) -> Sum:
    """``k + log2(m)``: the steps of the table make the series so short that plain numbers do."""
    index = m.bits() >> 48
    s = _halved_quotient(fma(m, look_up(INVERSES, index), -1.0))
    lead = product(s, Sum(m.of(LOG2_FIRST[0]), m.of(LOG2_FIRST[1])))
    z = s.high * s.high
    tail = s.high * z * polynomial(z, LOG2_NEAR)
    rest = look_up(REST_OF_LOGARITHMS, index) + lead.low + tail
    return ordered_sum(k + look_up(LOGARITHMS, index), lead.high, rest)


def single_log2(x: Number) -> Sum:
    """``log2|x|`` for finite x in single precision, to about 2**-31 of itself, by tables."""
    parts = split_at_powers(x)
    index = parts.mantissa.bits() >> 18
    r = fma(parts.mantissa, look_up(SHORT_INVERSES, index), -1.0)
    first, second = SHORT_FIRST
    # r - r**2/2 to twice the precision, by 1/ln 2.
    half = r * -0.5
    bent = fma(half, r, r)
    high = bent * first
    low = fma(bent, first, -high) + fma(bent, second, look_up(REST_OF_SHORT, index))
    low = fma(fma(half, r, r - bent), first, low)
    low = fma(r * r * r, horner(r, LOG2_SERIES), low)
    return ordered_sum(parts.exponent + look_up(SHORT_LOGARITHMS, index), high, low)


def product_with(b: Number, logarithm: Sum) -> Sum:
    """``b`` times a logarithm; what is infinite has a second part that means nothing."""
    small = b * logarithm.low
    high = fma(b, logarithm.high, small)
    return Sum(high, fma(b, logarithm.high, -high) + small)


def within_range(exponent: Sum) -> Sum:
    """What has the same power of two, in the range that ``power_of_sum`` asks for."""
    high = exponent.high
    bound = POWER_RANGE[high.element]
    bounded = clamp(high, -bound, bound)
    return Sum(bounded, choose(bounded.equals(high), exponent.low, 0.0))


def power_of_sum(exponent: Sum) -> Number:
    """``2**exponent`` within ``POWER_RANGE``."""
    high = exponent.high
    shifted = high + high.format.rounder
    r = high - (shifted - high.format.rounder) + exponent.low
    if high.element == "float":
        # A rounding more than exp2 has, but two instructions less.
        return scale(fma(r, horner(r, (math.log(2), *EXP2["float"])), 1.0), shifted, high > 0.0)
    return scale(exp2_fraction(r), shifted, high > 0.0)


def power_in_single(size: Number, b: Number) -> Number:
    """``size**b`` for finite size > 0 and b, in single precision by way of double."""
    wide = size.widened()
    parts = split_normal(wide)
    f = parts.mantissa - 1.0
    s = f / (f + 2.0)
    logarithm = fma(s, polynomial(s * s, LOG2_SHORT), parts.exponent)
    bound = POWER_RANGE["float"]
    exponent = clamp(b.widened() * logarithm, -bound, bound)
    shifted = exponent + wide.format.rounder
    r = exponent - (shifted - wide.format.rounder)
    return (polynomial(r, EXP2_SHORT) * power_of_two(shifted)).narrowed()


def pow(w: FunctionWriter, x: Value, y: Value) -> Value:
    """``x**y``; all x and y; under 1.5 ulp (f64 and f32); special cases as C's ``pow``."""
    a, b = Number(w, x), Number(w, y)
    if a.element == "float" and not has_tables(a):
        usual = power_in_single(abs(a), b)
        ordinary = (a > 0.0) & (a < INFINITY) & (abs(b) < INFINITY)
        with w.seldom_not(all_lanes(ordinary), usual.value) as values:
            values.append(power_at_edges(a, b, usual).value)
        return values[0]
    exponent = product_with(b, single_log2(a) if a.element == "float" else double_log2(abs(a)))
    usual = power_of_sum(exponent)
    # What is not finite, and zero, have no exponent within the range.
    ordinary = (a > 0.0) & (abs(exponent.high) < POWER_RANGE[a.element])
    with w.seldom_not(all_lanes(ordinary), usual.value) as values:
        bounded = power_of_sum(within_range(exponent))
        values.append(power_at_edges(a, b, bounded).value)
    return values[0]


def power_at_edges(a: Number, b: Number, magnitude: Number) -> Number:
    """``|a|**b`` made ``a**b``: zero, infinity, sign, no real value, and what is always one."""
    size = abs(a)
    infinite = abs(b).equals(INFINITY)
    edge = size.equals(0.0) | size.equals(INFINITY) | infinite
    y = choose(edge, choose((size > 1.0) ^ (b < 0.0), b.of(INFINITY), 0.0), magnitude)
    y = choose(size.differs(size) | b.differs(b), NAN, y)
    whole = b.call("trunc").equals(b)
    half = b * 0.5
    odd = whole & half.call("trunc").differs(half)
    y = choose(odd, y.with_sign_of(a), y)
    y = choose((a < 0.0) & (a > -INFINITY) & (whole ^ 1), NAN, y)
    one = b.equals(0.0) | a.equals(1.0) | (size.equals(1.0) & infinite)
    return choose(one, 1.0, y)
