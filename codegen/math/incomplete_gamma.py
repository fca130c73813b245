"""The derivative of the regularized incomplete gamma function by its parameter.

The series and the continued fraction of ``pullback.tracer.primitives.incomplete_gamma``, each in
the lanes that are in its range; in double precision for either format.
"""

from __future__ import annotations

import math

from pullback.tracer.primitives.incomplete_gamma import (
    BORDER,
    LARGE,
    LIMIT,
    MANY,
    STIRLING,
    TOLERANCE,
)

from .exponential import exp
from .gamma import digamma_number, lgamma_number
from .iteration import iterate, through_double
from .logarithm import INFINITY, NAN, log, log1p
from .number import Number, choose, fma, horner


def _series(a: Number, x: Number, active: Number) -> tuple[Number, Number]:
    """``(S, its derivative by a)``."""

    def step(
        n: Number, term: Number, rate: Number, total: Number, slope: Number
    ) -> tuple[list[Number], Number]:
        n = n + 1.0
        below = a + n
        term = term * (x / below)
        rate = rate - 1.0 / below
        total = total + term
        slope = fma(term, rate, slope)
        more = (term * (1.0 - rate) > total * TOLERANCE) & (n < float(LIMIT))
        return [n, term, rate, total, slope], more

    zero, one = a.of(0.0), a.of(1.0)
    *_, total, slope = iterate([zero, one, zero, one, zero], step, active)
    return total, slope


def _fraction(a: Number, x: Number, active: Number) -> tuple[Number, Number]:
    """``(C, its derivative by a)``."""

    def step(
        n: Number, value: Number, slope: Number, *parts: Number
    ) -> tuple[list[Number], Number]:
        above, above_before, below, below_before, rise, rise_before, fall, fall_before = parts
        n = n + 1.0
        b, c = x - a + (n + n + 1.0), n * (a - n)
        next_rise = b * rise - above + c * rise_before + n * above_before
        next_fall = b * fall - below + c * fall_before + n * below_before
        next_above = b * above + c * above_before
        next_below = b * below + c * below_before
        next_value = next_above / next_below
        next_slope = (next_rise - next_value * next_fall) / next_below
        change = abs(next_value - value) + abs(next_slope - slope)
        size = abs(next_value) + abs(next_slope)
        more = (change > size * TOLERANCE) & (n < float(LIMIT))
        scale = choose(abs(next_below) > LARGE, x.of(1.0 / LARGE), 1.0)
        following = (
            next_above, above, next_below, below, next_rise, rise, next_fall, fall,
        )  # fmt: skip
        return [n, next_value, next_slope, *(v * scale for v in following)], more

    zero, one = a.of(0.0), a.of(1.0)
    first = x + 1.0 - a
    value = 1.0 / first
    parts = [one, zero, first, one, zero, zero, -one, zero]
    _, value, slope, *_ = iterate([zero, value, value * value, *parts], step, active)
    return value, slope


def _log_size(a: Number, x: Number, logarithm: Number) -> Number:
    """``log(x**a e**-x / gamma(a + 1))``."""
    w = a.w
    few = a * logarithm - x - lgamma_number(a + 1.0)
    part, inverse = (x - a) / a, 1.0 / a
    tail = inverse * horner(inverse * inverse, STIRLING)
    of_a = Number(w, log(w, a.value))
    near = part > -0.5
    ratio = Number(w, log1p(w, choose(near, part, 0.0).value))
    ratio = choose(near, ratio, logarithm - of_a)
    many = a * (ratio - part) - (of_a + math.log(2.0 * math.pi)) * 0.5 - tail
    return choose(a > MANY, many, few)


def by_parameter(a: Number, x: Number) -> Number:
    """The derivative of ``gammainc(a, x)`` by a; NaN but for a > 0 and x >= 0."""
    w = a.w
    sound = (a > 0.0) & (a < INFINITY) & (x > 0.0) & (x < INFINITY)
    a_safe, x_safe = choose(sound, a, 1.0), choose(sound, x, 1.0)
    near = x_safe <= a_safe + BORDER
    logarithm = Number(w, log(w, x_safe.value))
    size = Number(w, exp(w, _log_size(a_safe, x_safe, logarithm).value))
    total, slope = _series(a_safe, x_safe, sound & near)
    value, fall = _fraction(a_safe, x_safe, sound & (near ^ 1))
    size = choose(near, size, -(size * a_safe))
    rate = logarithm - digamma_number(choose(near, a_safe + 1.0, a_safe))
    y = size * fma(rate, choose(near, total, value), choose(near, slope, fall))
    edge = (a > 0.0) & (a < INFINITY) & (x.equals(0.0) | x.equals(INFINITY))
    return choose(sound, y, choose(edge, y.of(0.0), NAN))


gammainc_by_a = through_double(by_parameter)
