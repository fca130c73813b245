"""Exponentials: ``exp``, ``exp2``, ``expm1``, ``logistic``.

All write ``e**x = 2**n * (1 + p)``: n is x/ln 2 rounded, p = e**r - 1 with |r| <= (ln 2)/2 a
polynomial (Cody & Waite, Software Manual for the Elementary Functions, 1980, ch. 6). The leading
1 is added last or not at all, so that its rounding is the only one of full size.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from ..assembly import FunctionWriter, Value
from .exponents import power_of_two, scale, scale_down
from .number import Coefficients, Number, choose, clamp, fma, greatest, polynomial

LOG2_E = 1 / log(2)

# ln 2 as a sum of two positive numbers of the format. With a fused multiply-add x - n * LN2_HIGH is
# exact.
LN2_HIGH = {"double": 0.6931471805599453, "float": 0.6931471228599548}
LN2_LOW = {"double": 2.3190468138462996e-17, "float": 5.769998878690785e-08}

# (e**r - 1 - r) / r**2 on |r| <= (ln 2)/2; minimax of the error relative to e**r, by the exchange
# algorithm of Remez; 2**-57.6 and 2**-28.2.
EXP: Coefficients = {
    "double": (
        0.5000000000000011, 0.16666666666666186, 0.04166666666652288, 0.008333333333652193,
        0.0013888888946138834, 0.00019841269142978208, 2.480149003704089e-05,
        2.7557927726949e-06, 2.7631470145697875e-07, 2.4887526535644378e-08,
    ),
    "float": (
        0.4999999403953552, 0.16666516661643982, 0.04166824743151665, 0.008369079791009426,
        0.001381890382617712,
    ),
}  # fmt: skip

# The same relative to e**r - 1, which asks more near zero; 2**-61.0 and 2**-26.0.
EXPM1: Coefficients = {
    "double": (
        0.5, 0.16666666666666677, 0.04166666666666669, 0.008333333333321776,
        0.0013888888888888928, 0.00019841269885351623, 2.480158729049276e-05,
        2.755724519129691e-06, 2.755731936271742e-07, 2.510865824462541e-08,
        2.089696884307917e-09,
    ),
    "float": (
        0.4999999701976776, 0.16666539013385773, 0.041667390614748, 0.0083670848980546,
        0.0013882536441087723,
    ),
}  # fmt: skip

# (2**r - 1 - r * ln 2) / r**2 on |r| <= 1/2; relative to 2**r; 2**-56.5 and 2**-28.3.
EXP2: Coefficients = {
    "double": (
        0.24022650695910108, 0.05550410866481688, 0.009618129107601073, 0.0013333558148161185,
        0.00015403530450136034, 1.5252731862547926e-05, 1.3215438148064216e-06,
        1.0178949040424265e-07, 7.073366983046269e-09, 4.315554333572573e-10,
    ),
    "float": (
        0.24022647738456726, 0.055503588169813156, 0.00961849931627512, 0.0013391297543421388,
        0.00015327153960242867,
    ),
}  # fmt: skip

# Beyond these bounds e**x is zero or infinite in the format; just outside its true range.
EXP_RANGE = {"double": (-746.0, 710.0), "float": (-104.0, 89.0)}
EXP2_RANGE = {"double": (-1076.0, 1025.0), "float": (-151.0, 129.0)}
# Below it expm1 is -1; above its true range it is infinite.
EXPM1_RANGE = {"double": (-40.0, 710.0), "float": (-20.0, 89.0)}


@dataclass(frozen=True, slots=True)
class Reduced:
    """``x = n * ln 2 + high + low``: ``high`` exact, ``rest`` the rounded sum of high and low.

    ``shifted`` holds n in its low bits, biased as an exponent is.
    """

    shifted: Number
    n: Number
    high: Number
    rest: Number


def reduce_exponent(x: Number) -> Reduced:
    """Split a number of moderate size into a multiple of ln 2 and a rest."""
    rounder = x.format.rounder
    shifted = fma(x, LOG2_E, rounder)
    n = shifted - rounder
    high = fma(n, -LN2_HIGH[x.element], x)
    return Reduced(shifted, n, high, fma(n, -LN2_LOW[x.element], high))


def exp_minus_one(r: Number) -> Number:
    """``e**r - 1`` for |r| <= (ln 2)/2, to an absolute error good for ``1 + p``."""
    return fma(r * r, polynomial(r, EXP[r.element]), r)


def exp(w: FunctionWriter, x: Value) -> Value:
    """``e**x``; all x; under 1.1 ulp (f64 and f32)."""
    v = Number(w, x)
    v = clamp(v, *EXP_RANGE[v.element])
    reduced = reduce_exponent(v)
    return scale(exp_minus_one(reduced.rest) + 1.0, reduced.shifted, v > 0.0).value


def exp2_fraction(r: Number) -> Number:
    """``2**r`` for |r| <= 1/2."""
    return fma(r * r, polynomial(r, EXP2[r.element]), r * log(2)) + 1.0


def exp2(w: FunctionWriter, x: Value) -> Value:
    """``2**x``; all x; exact at integers; about 1.1 ulp (f64 and f32)."""
    v = Number(w, x)
    v = clamp(v, *EXP2_RANGE[v.element])
    shifted = v + v.format.rounder
    r = v - (shifted - v.format.rounder)
    return scale(exp2_fraction(r), shifted, v > 0.0).value


def expm1(w: FunctionWriter, x: Value) -> Value:
    """``e**x - 1``; all x; about 1.1 ulp (f64 and f32).

    2**n * (1 + r + q) - 1 with q = e**r - 1 - r is summed as (2**n - 1) + 2**n * r, whose r is
    exact, then 2**n * q with the rest of the reduction: no rounding is magnified by cancellation.
    Computed at half size and doubled, for 2**n overflows before the result does.
    """
    v = Number(w, x)
    bounded = clamp(v, *EXPM1_RANGE[v.element])
    reduced = reduce_exponent(bounded)
    r = reduced.rest
    q = fma(reduced.n, -LN2_LOW[v.element], r * r * polynomial(r, EXPM1[v.element]))
    half = (reduced.shifted.bits() + -1 << v.format.mantissa).floats()
    y = fma(half, q, fma(half, reduced.high, half - 0.5))
    # The smallest arguments would lose bits at half size; there e**x - 1 is x. It keeps -0 too.
    small = abs(v) < 2.0 ** -(v.format.mantissa + 2)
    return choose(small, v, y + y).value


def logistic(w: FunctionWriter, x: Value) -> Value:
    """``1 / (1 + e**-x)``; all x; about 1.1 ulp (f64 and f32).

    With e = e**-|x| = 2**n * (1 + p), the result is 1 / (1 + e) or e / (1 + e): no overflow, and
    small results underflow gradually. What rounding loses in numerator, denominator and quotient is
    put back.
    """
    v = Number(w, x)
    low, _ = EXP_RANGE[v.element]
    reduced = reduce_exponent(greatest(low, -abs(v)))
    p = exp_minus_one(reduced.rest)
    negative = v < 0.0
    # e enters the denominator only down to where it no longer counts, so that 2**n stays normal.
    bounded = greatest(v.format.rounder - v.format.bias // 2, reduced.shifted)
    power = power_of_two(bounded)
    denominator = fma(power, p, power + 1.0)
    lost = fma(power, p, power + (1.0 - denominator))
    extra = choose(negative, p, 0.0)
    numerator = extra + 1.0
    remainder = extra - (numerator - 1.0)
    quotient = numerator / denominator
    remainder = remainder + fma(-quotient, lost, fma(-quotient, denominator, numerator))
    # What remains is divided by means of a line through 1/d over [1, 2]: it needs few digits.
    y = fma(remainder, fma(denominator, -0.5, 1.457), quotient)
    return choose(negative, scale_down(y, reduced.shifted), y).value
