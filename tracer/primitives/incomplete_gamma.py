"""The derivative of the regularized incomplete gamma function by its parameter.

With g = x**a e**-x / gamma(a + 1), NIST Digital Library of Mathematical Functions 8.7.1 and 8.9.2:

- P(a, x) = g S for the series S = 1 + x/(a+1) + x**2/((a+1)(a+2)) + ...;
- 1 - P(a, x) = a g C for Legendre's continued fraction
  C = 1/(x+1-a + 1(a-1)/(x+3-a + 2(a-2)/(x+5-a + ...))).

Both are differentiated term by term. The series is used up to x = a + 3, the fraction beyond.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)
MANY = 30.0
BORDER = 3.0
LIMIT = 100_000
"""Terms at most; some multiple of the root of a is enough."""
TOLERANCE = 2.0**-56
LARGE = 2.0**500
"""Numerators and denominators of the fraction are scaled down beyond."""


def by_parameter(a: Any, x: Any) -> Any:
    """The derivative of ``gammainc(a, x)`` by a, for a > 0 and x >= 0, else NaN."""
    result = np.vectorize(_at, otypes=[np.float64])(a, x)
    return np.asarray(result).astype(np.asarray(a).dtype)


def _at(a: float, x: float) -> float:
    from scipy.special import psi

    if not (a > 0.0 and x >= 0.0 and a < math.inf):
        return math.nan
    if x == 0.0 or x == math.inf:
        return 0.0
    size = math.exp(log_size(a, x))
    if x <= a + BORDER:
        total, slope = series(a, x)
        return float(size * ((math.log(x) - psi(a + 1.0)) * total + slope))
    value, slope = fraction(a, x)
    return float(-(size * a) * ((math.log(x) - psi(a)) * value + slope))


def log_size(a: float, x: float) -> float:
    """The logarithm of g; for a large a by Stirling's series, so that nothing large cancels."""
    if a <= MANY:
        return a * math.log(x) - x - math.lgamma(a + 1.0)
    part = (x - a) / a
    inverse = 1.0 / a
    tail = inverse * sum(c * inverse ** (2 * n) for n, c in enumerate(STIRLING))
    ratio = math.log1p(part) if part > -0.5 else math.log(x) - math.log(a)
    return a * (ratio - part) - 0.5 * math.log(2.0 * math.pi * a) - tail


def series(a: float, x: float) -> tuple[float, float]:
    """S and its derivative by a."""
    term = total = 1.0
    rate = slope = n = 0.0
    while n < LIMIT:
        n += 1.0
        term *= x / (a + n)
        rate -= 1.0 / (a + n)
        total += term
        slope += term * rate
        if term * (1.0 - rate) <= TOLERANCE * total:
            break
    return total, slope


def fraction(a: float, x: float) -> tuple[float, float]:
    """C and its derivative by a, from the recurrences of numerators and denominators."""
    above, above_before, below, below_before = 1.0, 0.0, x + 1.0 - a, 1.0
    rise, rise_before, fall, fall_before = 0.0, 0.0, -1.0, 0.0
    value, slope, n = above / below, 1.0 / below / below, 0.0
    while n < LIMIT:
        n += 1.0
        b, c = x + 2.0 * n + 1.0 - a, n * (a - n)
        rise, rise_before = b * rise - above + c * rise_before + n * above_before, rise
        fall, fall_before = b * fall - below + c * fall_before + n * below_before, fall
        above, above_before = b * above + c * above_before, above
        below, below_before = b * below + c * below_before, below
        before, before_slope = value, slope
        value = above / below
        slope = (rise - value * fall) / below
        change = abs(value - before) + abs(slope - before_slope)
        if change <= TOLERANCE * (abs(value) + abs(slope)):
            break
        if abs(below) > LARGE:
            above, above_before, below, below_before = (
                v / LARGE for v in (above, above_before, below, below_before)
            )
            rise, rise_before, fall, fall_before = (
                v / LARGE for v in (rise, rise_before, fall, fall_before)
            )
    return value, slope
