"""``x**y`` as 2**(y log2|x|), where an error in the exponent is magnified by the exponent's size.

The logarithm and the product are carried to twice the precision; for results in single precision
the logarithm is one in double precision.
"""

from __future__ import annotations

import math

from ..assembly import FunctionWriter, Value, like
from .exponential import exp2_fraction
from .exponents import INFINITY, NAN, power_of_two, scale, split, split_normal
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
# Beyond it a power of two is zero or infinite.
POWER_RANGE = {"double": 1080.0, "float": 155.0}


# Near 1/m for m in sixteen parts of [3/4, 3/2) a number c of so few bits that c m - 1 is exact, in
# double and in single precision; what is above one comes last.
INVERSES = tuple(c / 32 for c in (32, 29, 28, 26, 25, 24, 23, 22, 42, 40, 39, 37, 36, 35, 34, 32))
SHORT_INVERSES = tuple(
    c / 16 for c in (16, 15, 14, 13, 12, 12, 11, 11, 21, 20, 19, 19, 18, 17, 17, 16)
)
# -log2(c) by its first 41 binary places and the rest.
LOGARITHMS = tuple(math.floor(-math.log2(c) * 2.0**41) / 2.0**41 for c in INVERSES)
REST_OF_LOGARITHMS = (
    0.0, 3.736684162192024e-13, 4.348299516065895e-13, 2.0474716408719944e-13,
    1.266771905137232e-13, 1.4733181985781966e-13, 1.520621696507556e-13, 3.1180651700181383e-13,
    1.2741442057794507e-13, 6.33385952568616e-14, 3.5207898394501913e-13, 1.3800246976244608e-13,
    2.9466363971563933e-13, 4.3421195976986995e-14, 3.869337143362557e-13, 0.0,
)  # fmt: skip
SHORT_LOGARITHMS = tuple(-math.log2(c) for c in SHORT_INVERSES)
# (log2(1 + r) - s 2/ln 2)/s**3 in powers of s**2, s = r/(2 + r), for -1/32 <= r <= 1/16, and
# log2(1 + r)/r for |r| <= 1/16, by the Remez algorithm: 2**-70.6 and 2**-31.8 of the logarithm.
LOG2_NEAR = (
    0.9617966939259756, 0.5770780163560959, 0.4121985815441965, 0.320600665110156,
    0.26185551320190226,
)  # fmt: skip
LOG2_SERIES = (
    1.4426950412786155, -0.7213475215166717, 0.480896558194425, -0.36067144837725296,
    0.28975480720743757, -0.24166550191189265,
)  # fmt: skip


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


def power_in_double(size: Number, b: Number) -> Number:
    """``size**b`` for finite size > 0 and b, in double precision."""
    logarithm = double_log2(size)
    small = b * logarithm.low
    exponent = fma(b, logarithm.high, small)
    low = fma(b, logarithm.high, -exponent) + small
    bounded = clamp(exponent, -POWER_RANGE["double"], POWER_RANGE["double"])
    # Infinite exponents have no second part.
    low = choose(bounded.equals(exponent), low, 0.0)
    shifted = bounded + size.format.rounder
    r = bounded - (shifted - size.format.rounder) + low
    return scale(exp2_fraction(r), shifted, bounded > 0.0)


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


def power_in_single_by_table(size: Number, b: Number) -> Number:
    """The same where there are tables: only the logarithm and the product are in double."""
    parts = split(size)
    m = parts.mantissa
    index = m.bits() >> 19
    r = fma(m, look_up(SHORT_INVERSES, index), -1.0).widened()
    wide_index = Number(m.w, m.w.cast("zext", index.value, like(index.value.type, "i64")))
    part = fma(r, horner(r, LOG2_SERIES), look_up(SHORT_LOGARITHMS, wide_index))
    exponent = b.widened() * (parts.exponent.widened() + part)
    bound = POWER_RANGE["float"]
    exponent = clamp(exponent, -bound, bound)
    rounder = exponent.format.rounder
    n = exponent + rounder - rounder
    fraction = (exponent - n).narrowed()
    shifted = n.narrowed() + fraction.format.rounder
    return scale(exp2_fraction(fraction), shifted, shifted > fraction.format.rounder)


def pow(w: FunctionWriter, x: Value, y: Value) -> Value:
    """``x**y``; all x and y; under 1.5 ulp (f64 and f32); special cases as C's ``pow``."""
    a, b = Number(w, x), Number(w, y)
    if a.element == "double":
        power = power_in_double
    else:
        power = power_in_single_by_table if has_tables(a) else power_in_single
    usual = power(abs(a), b)
    ordinary = (a > 0.0) & (a < INFINITY) & (abs(b) < INFINITY)
    with w.seldom_not(all_lanes(ordinary), usual.value) as values:
        values.append(power_at_edges(a, b, usual).value)
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
