"""The scaled complementary error function; the normal distribution and its logarithm."""

from __future__ import annotations

import math

from .error_function import ERFC_RANGE, SLOPE, erfc, scaled_erfc
from .exponential import exp
from .iteration import through_double
from .logarithm import log, log1p
from .number import Number, choose, fma, horner, least

# sqrt(pi) x erfcx(x) in powers of 1/(2 x**2): the asymptotic series, whose next term is below
# 2**-56 for x > 27 (NIST Digital Library of Mathematical Functions 7.12.1).
ASYMPTOTIC = (1.0, -1.0, 3.0, -15.0, 105.0, -945.0, 10395.0)
HIGH, LOW = math.sqrt(0.5), -4.833646656726457e-17
"""The root of one half as a sum of two."""


def scaled(x: Number) -> Number:
    """``e**(x**2) erfc(x)`` in double precision."""
    size = abs(x)
    bound = ERFC_RANGE["double"]
    bounded = least(bound, size)
    factor = scaled_erfc(bounded)
    near = (factor.high + factor.low) / fma(bounded, SLOPE, 1.0)
    inverse = 1.0 / choose(size > bound, size, bound)
    far = inverse * horner(inverse * inverse * 0.5, ASYMPTOTIC) * (1.0 / math.sqrt(math.pi))
    y = choose(size > bound, far, near)
    # erfcx(-x) = 2 e**(x**2) - erfcx(x), with what squaring loses put back.
    square = bounded * bounded
    lost = fma(bounded, bounded, -square)
    power = Number(x.w, exp(x.w, square.value))
    power = choose(square > 709.0, power, fma(power, lost, power))
    below = fma(power, 2.0, -y)
    return choose(x.equals(x), choose(x < 0.0, below, y), x)


def log_ndtr_number(x: Number) -> Number:
    """The logarithm of the normal distribution function.

    ``log(erfcx(-x / sqrt 2) / 2) - x**2 / 2`` below 0 and ``log1p`` of the other tail above.
    """
    w = x.w
    scaled_tail = scaled(abs(x) * HIGH) * 0.5
    below = Number(w, log(w, scaled_tail.value)) - x * x * 0.5
    above = Number(w, log1p(w, (-tail(abs(x))).value))
    return choose(x > 0.0, above, below)


def tail(size: Number) -> Number:
    """``erfc(size / sqrt 2) / 2``, the rounding of the argument put right to first order."""
    t = size * HIGH
    lost = fma(size, HIGH, -t) + size * LOW
    lost = choose(t < ERFC_RANGE["double"], lost * (t + t), 0.0)
    y = Number(size.w, erfc(size.w, t.value))
    return fma(y, -lost, y) * 0.5


def ndtr_number(x: Number) -> Number:
    """The normal distribution function."""
    y = tail(abs(x))
    return choose(x > 0.0, 1.0 - y, y)


erfcx = through_double(scaled)
ndtr = through_double(ndtr_number)
log_ndtr = through_double(log_ndtr_number)
