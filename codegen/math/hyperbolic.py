"""Hyperbolic functions and their inverses.

``sinh`` and ``cosh`` go back to the exponential of a reduced argument, ``asinh`` and ``acosh`` to
a ``log1p`` whose argument is carried to twice the precision, ``atanh`` reduces by powers of two.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from ..assembly import FunctionWriter, Value
from .exponential import (
    LN2_HIGH,
    LN2_LOW,
    LOG2_E,
    exp_minus_one,
    reduce_exponent,
)
from .exponents import INFINITY, NAN, exponent_field, power_of_two
from .logarithm import log1p_of_sum
from .number import Coefficients, Number, choose, fma, greatest, horner, least, polynomial
from .tables import has_tables, look_up

# tanh(x)/x - 1 over x**2 as a quotient of polynomials in x**2 for |x| <= 11/16 (the last
# coefficient below is one), by the Remez algorithm; relative to tanh x 2**-55.9 and 2**-26.9, of
# which most is the rounding of coefficients. Beyond, (e**(2x) + 1)/2 is at least five halves, and
# its powers of two lose nothing when a half is added.
TANH_SMALL = 0.6875
TANH_ABOVE: Coefficients = {
    "double": (-1615.9280843836798, -99.34778769869368, -0.9644226888491463),
    "float": (-21.097251892089844, -0.9337893128395081),
}
TANH_BELOW: Coefficients = {
    "double": (4847.784253151043, 2237.1570643563114, 112.8767385396752, 1.0),
    "float": (63.291751861572266, 28.11806869506836, 1.0),
}
# Beyond it tanh is one in the format.
TANH_RANGE = {"double": 20.0, "float": 10.0}


def tanh(w: FunctionWriter, x: Value) -> Value:
    """Hyperbolic tangent; all x; about 1.3 ulp (f64 and f32).

    x + x**3 * P/Q for small x (as Cody & Waite), 1 - 2 / (e**(2x) + 1) beyond: the two
    share one division, which makes a correction smaller than the term it is added to.
    """
    v = Number(w, x)
    size = abs(v)
    bounded = least(TANH_RANGE[v.element], size)
    z = bounded * bounded
    small = bounded < TANH_SMALL
    large = half_of_square_by_table if has_tables(v) else half_of_square
    above = choose(small, bounded * z * horner(z, TANH_ABOVE[v.element]), -1.0)
    below = choose(small, horner(z, TANH_BELOW[v.element]), large(bounded))
    return (choose(small, bounded, 1.0) + above / below).with_sign_of(v).value


def half_of_square(size: Number) -> Number:
    """``(e**(2 size) + 1) / 2``."""
    reduced = reduce_exponent(size + size)
    half = power_of_two(reduced.shifted) * 0.5
    return fma(half, exp_minus_one(reduced.rest), half + 0.5)


# (e**(2r) - 1 - 2r)/(2 r**2) for |r| <= (ln 2)/64, by the Remez algorithm; relative to e**(2r)
# 2**-56.2 and 2**-29.2.
EXP_NEAR: Coefficients = {
    "double": (
        1.000000000000001, 0.6666666665767149, 0.3333333332771459, 0.13333555077218015,
        0.04444521340642868,
    ),
    "float": (1.0000324249267578, 0.6666823029518127),
}  # fmt: skip
STEPS = 16
# What must be added to j/16 in the fraction field of one to have 2**(j/16).
POWERS = tuple((1.0 - j / STEPS + 2.0 ** (j / STEPS)) / 2 for j in range(STEPS))


def half_of_square_by_table(size: Number) -> Number:
    """The same with a table of 2**(j/16), which leaves a short series."""
    form = size.format
    rounder = 1.5 * 2.0**form.mantissa
    shifted = fma(size, 2 * STEPS * LOG2_E, rounder)
    n = shifted - rounder
    # What rounding ln 2 loses grows with n, and how little e**(2 size) counts grows faster.
    r = fma(n, -log(2) / (2 * STEPS), size)
    index = shifted.bits()
    power = ((index << form.mantissa - 4) + look_up(POWERS, index).bits()).floats()
    q = fma(r * r, horner(r, EXP_NEAR[size.element]), r)
    return fma(power, q, fma(power, 0.5, 0.5))


# (sinh(r)/r - 1)/r**2 and (cosh(r) - 1)/r**2 in powers of r**2 for |r| <= (ln 2)/2, by the Remez
# algorithm: 2**-61.7 and 2**-26.2; 2**-58.0 and 2**-33.2.
SINH: Coefficients = {
    "double": (
        0.16666666666666677, 0.008333333333321386, 0.0001984126988681704,
        2.7557243450249987e-06, 2.5109321719798513e-08,
    ),
    "float": (0.1666654348373413, 0.0083665382117033),
}  # fmt: skip
COSH: Coefficients = {
    "double": (
        0.5000000000000013, 0.04166666666651047, 0.0013888888948353799, 2.480148850926736e-05,
        2.763180875241806e-07,
    ),
    "float": (0.5, 0.041666459292173386, 0.0013935421593487263),
}  # fmt: skip
# Just beyond the arguments whose hyperbolic sine and cosine are finite.
SINH_RANGE = {"double": 710.5, "float": 89.43}


@dataclass(frozen=True, slots=True)
class Halves:
    """``sinh x = 2 (difference cosh r + sum sinh r)``, ``cosh x`` with the two exchanged.

    With x = n ln 2 + r, sum and difference are of the powers up, 2**(n - 2), and down, 2**(-n - 2).
    """

    up: Number
    down: Number
    sum: Number
    difference: Number
    cosh_tail: Number
    sinh_tail: Number
    high: Number
    low: Number


def halves(size: Number) -> Halves:
    """What hyperbolic sine and cosine share, for a size that is not negative."""
    form = size.format
    reduced = reduce_exponent(least(SINH_RANGE[size.element], size))
    up = ((reduced.shifted.bits() - 2) << form.mantissa).floats()
    # Far down 2**-n no longer counts, and it must stay a normal number.
    near = least(form.rounder + 2 * form.mantissa, reduced.shifted).bits()
    down = ((near.of(2 * form.bias - 2) - near) << form.mantissa).floats()
    r = reduced.rest
    z = r * r
    return Halves(
        up,
        down,
        up + down,
        up - down,
        z * horner(z, COSH[size.element]),
        r * z * horner(z, SINH[size.element]),
        reduced.high,
        reduced.n * -LN2_LOW[size.element],
    )


def sinh(w: FunctionWriter, x: Value) -> Value:
    """Hyperbolic sine; all x; about 1.2 ulp (f64 and f32)."""
    v = Number(w, x)
    h = halves(abs(v))
    tail = fma(h.cosh_tail, h.difference, h.sum * (h.sinh_tail + h.low))
    y = fma(h.high, h.sum, h.difference) + tail
    # Computed at half size the smallest arguments would lose bits; there sinh x is x.
    small = abs(v) < 2.0 ** -(v.format.mantissa // 2 + 2)
    return choose(small, v, (y + y).with_sign_of(v)).value


def cosh(w: FunctionWriter, x: Value) -> Value:
    """Hyperbolic cosine; all x; under 1 ulp (f64 and f32)."""
    v = Number(w, x)
    h = halves(abs(v))
    tail = fma(h.cosh_tail, h.sum, h.difference * (h.high + (h.sinh_tail + h.low)))
    # The sum of the two powers may be inexact, so they are added one by one.
    y = h.up + (h.down + tail)
    return (y + y).value


def log1p_or_doubled(size: Number, high: Number, low: Number) -> Number:
    """``log(1 + high + low)``, or ``log(2 size)`` where the square of the size might overflow.

    Numbers of that size do not change when one is added, so that log1p is the logarithm.
    """
    large = size > 2.0 ** (size.format.bias // 2 - 1)
    y = log1p_of_sum(choose(large, size, high), choose(large, 0.0, low))
    y = y + choose(large, y.of(LN2_HIGH[y.element]), 0.0)
    return choose(size.equals(INFINITY), size, y)


def asinh(w: FunctionWriter, x: Value) -> Value:
    """Inverse hyperbolic sine; all x; about 1.3 ulp (f64 and f32).

    asinh(a) = log1p(a + a**2 / (1 + sqrt(1 + a**2))), without cancellation anywhere.
    """
    v = Number(w, x)
    size = abs(v)
    square = size * size
    rest = square / (fma(size, size, 1.0).sqrt() + 1.0)
    high = size + rest
    return log1p_or_doubled(size, high, size - high + rest).with_sign_of(v).value


def acosh(w: FunctionWriter, x: Value) -> Value:
    """Inverse hyperbolic cosine; x >= 1, NaN below; about 1.4 ulp (f64 and f32).

    acosh(1 + t) = log1p(t + sqrt(t**2 + 2t)), with what rounding the root has lost.
    """
    v = Number(w, x)
    t = v - 1.0
    square = fma(t, t, t + t)
    root = square.sqrt()
    # What rounding the square has lost is half as much in the root.
    residual = fma(-root, root, square)
    # At t = 0 there is no correction, and 0/0 must not become one.
    lost = residual * 0.5 / greatest(t.format.tiny, root)
    high = root + t
    y = log1p_or_doubled(v, high, root - high + t + lost)
    return choose(v >= 1.0, y, NAN).value


# (atanh(s)/s - 1)/s**2 in powers of s**2 for |s| <= 1/3, by the Remez algorithm; relative to
# atanh s 2**-59.3 and 2**-27.7.
ATANH: Coefficients = {
    "double": (
        0.33333333333333154, 0.2000000000007807, 0.14285714273982406, 0.11111111982162003,
        0.09090872034742742, 0.07693278863136008, 0.06650495905502912, 0.0605300990031394,
        0.04170037694796002, 0.08509586783509601,
    ),
    "float": (0.3333320617675781, 0.20010893046855927, 0.13998550176620483, 0.14018614590168),
}  # fmt: skip


def atanh(w: FunctionWriter, x: Value) -> Value:
    """Inverse hyperbolic tangent; |x| <= 1, NaN beyond; about 1.3 ulp (f64 and f32).

    (1 + a)/(1 - a) = 2**k (1 + s)/(1 - s) for s = (1 + a - 2**k (1 - a))/(1 + a + 2**k (1 - a)),
    so atanh(a) = k (ln 2)/2 + atanh(s). k from the exponent of 1 - a keeps s between -1/6 and 1/3.
    """
    v = Number(w, x)
    form = v.format
    a = abs(v)
    bits = (1.0 - a).bits()
    near = a < 1 / 3
    power = (bits.of(2 * form.bias << form.mantissa) - (bits & form.exponent_mask)).floats()
    power = choose(near, 1.0, power)
    k = choose(near, 0.0, (2.0**form.mantissa + form.bias) - exponent_field(bits))
    # 1 - 2**k (1 - a) is exact.
    rest = fma(a, power, 1.0 - power)
    s = (a + rest) / (a - rest + 2.0)
    z = s * s
    tail = fma(s * z, polynomial(z, ATANH[v.element]), k * (LN2_LOW[v.element] / 2))
    y = fma(k, LN2_HIGH[v.element] / 2, s + tail)
    outside = choose(a.equals(1.0), a.of(INFINITY), NAN)
    return choose(a < 1.0, y, outside).with_sign_of(v).value
