"""Derivatives of the incomplete gamma and beta functions by their parameters, of any order.

After the NIST Digital Library of Mathematical Functions 8.7.1, 8.9.2 and 8.17.22:

- ``gammainc(a, x) = g S`` for the series S = 1 + x/(a+1) + x**2/((a+1)(a+2)) + ..., used up to
  x = a + 3, with g = x**a e**-x / gamma(a + 1);
- ``1 - gammainc(a, x) = a g C`` for Legendre's continued fraction
  C = 1/(x+1-a + 1(a-1)/(x+3-a + 2(a-2)/(x+5-a + ...))), beyond;
- ``betainc(a, b, x) = g C / a`` for g = x**a (1-x)**b / beta(a, b) and C = 1/(1 + c1/(1 + c2/...)),
  whose c are quotients of polynomials, used up to x = (a+1)/(a+b+2), and beyond
  ``1 - betainc(b, a, 1 - x)``.

Their terms are jets, so that value and derivatives are summed at once: for first derivatives of the
beta function that is the method of Boik and Robison-Cox (Derivatives of the incomplete beta
function, Journal of Statistical Software 3, 1998). Fractions are summed by Steed's algorithm (3.10
there), in which each approximant is the last one and a correction that only shrinks.

The arithmetic is a parameter: arrays in the meaning of rows, lanes of a vector in machine code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .jets import Jet, Orders, exponential, gathered, spread, up_to, variables

STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)
DIGAMMA_FAR = (-1 / 12, 1 / 120, -1 / 252, 1 / 240, -1 / 132)
MANY = 30.0
BORDER = 3.0
SMALLEST, LARGEST = 1e-290, 1e8
"""The number of terms grows with the root of the smaller argument: NaN where that is greater."""
LIMIT = 100_000.0
"""Terms at most."""
TOLERANCE = 2.0**-58
BLOCK = 512
HALF_LOG = 0.5 * math.log(2.0 * math.pi)

Step = Callable[..., tuple[Sequence[Any], Any]]
"""``step(*state) -> (the next state, mask of the elements that want to go on)``."""


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The functions that formulas need of a kind of numbers.

    ``slope(k, x)`` is the coefficient of order k in the Taylor series of ``lgamma`` around x;
    ``iterate(state, step, active)`` repeats a step where it is active, until nothing is.
    """

    exp: Callable[[Any], Any]
    log: Callable[[Any], Any]
    log1p: Callable[[Any], Any]
    lgamma: Callable[[Any], Any]
    slope: Callable[[int, Any], Any]
    choose: Callable[[Any, Any, Any], Any]
    iterate: Callable[[Sequence[Any], Step, Any], list[Any]]


def taylor_of_lgamma(k: int, x: Any, digamma: Callable[..., Any], zeta: Callable[..., Any]) -> Any:
    """The coefficient of order k in the Taylor series of ``lgamma`` around x."""
    return digamma(x) if k == 1 else zeta(float(k), x) * ((-1.0) ** k / k)


def gammainc_by(m: Arithmetic, orders: Orders, a: Any, x: Any) -> Any:
    """The derivative of ``gammainc(a, x)`` by a; NaN but for a > 0 and x >= 0."""
    right = (a > 0.0) & (a < math.inf) & (x >= 0.0)
    inner = (x > 0.0) & (x < math.inf)
    sound = right & inner & ((a < LARGEST) | (x < LARGEST))
    edge = right & ((x <= 0.0) | (x >= math.inf))
    at, x = m.choose(sound, a, 1.0), m.choose(sound, x, 1.0)
    near, far = x <= at + BORDER, x > at + BORDER
    (jet,) = variables(orders, at)
    series = _gamma_series(m, jet, x, sound & near)
    fraction = _gamma_fraction(m, jet, x, sound & far)
    logarithm = m.log(x)
    size = m.exp(_log_of_gamma_size(m, at, x, logarithm))
    start = m.choose(near, at + 1.0, at)
    slopes: dict[Orders, Any] = {(k,): -m.slope(k, start) for k in range(1, orders[0] + 1)}
    slopes[(1,)] = slopes[(1,)] + logarithm
    chosen = _chosen(m, near, series, fraction)
    factor = exponential(Jet(orders, slopes), m.choose(near, size, -(size * at)))
    return m.choose(sound, (factor * chosen).highest, m.choose(edge, 0.0 * at, math.nan))


def betainc_by(m: Arithmetic, orders: Orders, a: Any, b: Any, x: Any) -> Any:
    """The derivative of ``betainc(a, b, x)``; NaN but for a, b > 1e-290 and x from 0 to 1."""
    right = (a > SMALLEST) & (a < math.inf) & (b > SMALLEST) & (b < math.inf)
    few = (a < LARGEST) | (b < LARGEST)
    sound, edge = (
        right & few & (x > 0.0) & (x < 1.0),
        right & (((x >= 1.0) & (x <= 1.0)) | ((x >= 0.0) & (x <= 0.0))),
    )
    a, b = m.choose(sound, a, 1.0), m.choose(sound, b, 1.0)
    x = m.choose(sound, x, 0.5)
    near = x * (a + b + 2.0) <= a + 1.0
    one, other = variables(orders, a, b)
    first, second = _chosen(m, near, one, other), _chosen(m, near, other, one)
    fraction = _beta_fraction(m, first, second, m.choose(near, x, 1.0 - x), sound)
    logs = m.log(x), m.log1p(-x)
    size = m.exp(_log_of_beta_size(m, a, b, x, logs))
    slopes = slopes_of_log_beta_density(m.slope, partial(_growth, m), orders, a, b, logs)
    factor = exponential(slopes, m.choose(near, size, -size))
    return m.choose(sound, (factor * fraction / first).highest, m.choose(edge, 0.0 * a, math.nan))


def slopes_of_log_beta_density(
    slope: Callable[[int, Any], Any],
    growth: Callable[[int, Any, Any], Any],
    orders: Orders,
    a: Any,
    b: Any,
    logs: tuple[Any, Any],
) -> Jet:
    """Taylor coefficients of ``a log(x) + b log(1 - x) - betaln(a, b)``, but for the value.

    ``growth(k, x, more)`` is ``slope(k, x + more) - slope(k, x)``.
    """
    found = {}
    for n in up_to(orders):
        k = sum(n)
        if k not in n:
            found[n] = slope(k, a + b) * float(math.comb(k, n[0]))
        elif k:
            value, more, logarithm = (a, b, logs[0]) if n[0] else (b, a, logs[1])
            rise = growth(k, value, more)
            found[n] = rise + logarithm if k == 1 else rise
    return Jet(orders, found)


def _growth(m: Arithmetic, k: int, x: Any, more: Any) -> Any:
    """``slope(k, x + more) - slope(k, x)``; of ``digamma`` so that nothing large cancels."""
    rough = m.slope(k, x + more) - m.slope(k, x)
    if k > 1:
        return rough
    many = x > MANY
    low, high = m.choose(many, x, MANY), m.choose(many, x + more, MANY)
    fine = m.log1p(more / low) + _beyond_logarithm(high) - _beyond_logarithm(low)
    return m.choose(many, fine, rough)


# -- series and fractions --------------------------------------------------------------------


def _unsettled(change: Jet, total: Jet) -> Any:
    sizes = [sum(map(abs, jet.coefficients.values()), 0.0) for jet in (change, total)]
    return sizes[0] > sizes[1] * TOLERANCE


def _repeated(
    m: Arithmetic, orders: Orders, jets: Sequence[Jet], turn: Callable[..., list[Jet]], active: Any
) -> Jet:
    """The last of some jets after turns ``turn(n, *jets)`` for n = 1, 2, ..., the last but one of
    which is what has been added to it.
    """

    def step(n: Any, *state: Any) -> tuple[Sequence[Any], Any]:
        n = n + 1.0
        following = turn(n, *gathered(state, orders))
        return [n, *spread(following)], _unsettled(*following[-2:]) & (n < LIMIT)

    _, *state = m.iterate([0.0, *spread(jets)], step, active)
    return gathered(state, orders)[-1]


def _gamma_series(m: Arithmetic, a: Jet, x: Any, active: Any) -> Jet:
    def turn(n: Any, term: Jet, total: Jet) -> list[Jet]:
        term = term * x / (a + n)
        return [term, total + term]

    one = 0.0 * a + 1.0
    return _repeated(m, a.orders, [one, one], turn, active)


def _corrected(c: Jet, below: Any, inverse: Jet, change: Jet, total: Jet) -> list[Jet]:
    """One level ``... + c/(below + ...)`` more of a continued fraction."""
    following = 1.0 / (c * inverse + below)
    change = -(c * inverse * following * change)
    return [following, change, total + change]


def _gamma_fraction(m: Arithmetic, a: Jet, x: Any, active: Any) -> Jet:
    def turn(n: Any, *jets: Jet) -> list[Jet]:
        return _corrected((a - n) * n, -a + (x + (n + n + 1.0)), *jets)

    first = 1.0 / (-a + (x + 1.0))
    return _repeated(m, a.orders, [first, first, first], turn, active)


def _beta_fraction(m: Arithmetic, a: Jet, b: Jet, x: Any, active: Any) -> Jet:
    def turn(n: Any, *jets: Jet) -> list[Jet]:
        last = n - 1.0
        odd, even = a + (last + last), a + (n + n)
        falling = -((a + last) * (a + b + last) * x) / (odd * (odd + 1.0))
        rising = (b - n) * (n * x) / ((even - 1.0) * even)
        first, change, total = _corrected(falling, 1.0, *jets)
        second, more, total = _corrected(rising, 1.0, first, change, total)
        return [second, more, total]

    one = 0.0 * a + 1.0
    return _repeated(m, a.orders, [one, one, one], turn, active)


def _chosen(m: Arithmetic, mask: Any, yes: Jet, no: Jet) -> Jet:
    places = [n for n in up_to(yes.orders) if n in yes.coefficients or n in no.coefficients]
    coefficients = [(n, yes.coefficients.get(n, 0.0), no.coefficients.get(n, 0.0)) for n in places]
    return Jet(yes.orders, {n: m.choose(mask, c, d) for n, c, d in coefficients})


# -- factors ---------------------------------------------------------------------------------


def _stirling(x: Any) -> Any:
    """``lgamma(x) - (x - 1/2) log(x) + x - log(2 pi)/2`` for a large x."""
    inverse = 1.0 / x
    square, total = inverse * inverse, STIRLING[-1]
    for coefficient in reversed(STIRLING[:-1]):
        total = total * square + coefficient
    return inverse * total


def _beyond_logarithm(x: Any) -> Any:
    """``digamma(x) - log(x)`` for a large x."""
    inverse = 1.0 / x
    square, total = inverse * inverse, DIGAMMA_FAR[-1]
    for coefficient in reversed(DIGAMMA_FAR[:-1]):
        total = total * square + coefficient
    return square * total - inverse * 0.5


def _beyond_stirling(m: Arithmetic, x: Any) -> Any:
    """That of any x > 0."""
    few = x <= MANY
    small = m.choose(few, x, 1.0)
    exact = m.lgamma(small) - ((small - 0.5) * m.log(small) - small + HALF_LOG)
    return m.choose(few, exact, _stirling(m.choose(few, MANY, x)))


def _drop(m: Arithmetic, part: Any, logarithm: Any) -> Any:
    """``log(1 + part) - part``, of which the logarithm is given for a part near -1."""
    near = part > -0.5
    return m.choose(near, m.log1p(m.choose(near, part, 0.0)), logarithm) - part


def _log_of_gamma_size(m: Arithmetic, a: Any, x: Any, logarithm: Any) -> Any:
    """``log(x**a e**-x / gamma(a + 1))``; for a large a so that nothing large cancels."""
    many = a > MANY
    large = m.choose(many, a, MANY)
    drop = _drop(m, (x - large) / large, logarithm - m.log(large))
    far = large * drop - (0.5 * m.log(large) + HALF_LOG) - _stirling(large)
    small = m.choose(many, 1.0, a)
    return m.choose(many, far, small * logarithm - x - m.lgamma(small + 1.0))


def _log_of_beta_size(m: Arithmetic, a: Any, b: Any, x: Any, logs: tuple[Any, Any]) -> Any:
    """``log(x**a (1 - x)**b / beta(a, b))`` as the distance from its maximum."""
    both = a + b
    log_a, log_b, log_both = m.log(a), m.log(b), m.log(both)
    beyond = x * b - (1.0 - x) * a
    drops = [
        value * _drop(m, part, logarithm + log_both - log_value)
        for value, part, logarithm, log_value in (
            (a, beyond / a, logs[0], log_a),
            (b, -beyond / b, logs[1], log_b),
        )
    ]
    height = 0.5 * (log_a + log_b - log_both) - HALF_LOG
    rest = _beyond_stirling(m, both) - _beyond_stirling(m, a) - _beyond_stirling(m, b)
    return drops[0] + drops[1] + height + rest


# -- the meaning of rows ---------------------------------------------------------------------


def _iterated(state: Sequence[Any], step: Step, active: Any) -> list[Any]:
    """Turn by turn the next state, in the elements that are active, until none is."""
    state = [np.broadcast_to(x, active.shape) for x in state]
    while active.any():
        following, more = step(*state)
        state = [np.where(active, new, old) for new, old in zip(following, state, strict=True)]
        active = active & more
    return list(state)


def _of_arrays() -> Arithmetic:
    from scipy import special

    slope = partial(taylor_of_lgamma, digamma=special.psi, zeta=special.zeta)
    return Arithmetic(
        np.exp, np.log, np.log1p, special.gammaln, lambda k, x: slope(k, x), np.where, _iterated
    )


def reference(derivative: Callable[..., Any], orders: Orders) -> Callable[..., Any]:
    """The derivative of arrays, computed in double precision."""

    def apply(*operands: Any) -> Any:
        wide = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in operands))
        # In blocks, so that not all elements wait for the slowest one.
        count = -(-wide[0].size // BLOCK) or 1
        blocks = zip(*(np.array_split(x.ravel(), count) for x in wide), strict=True)
        with np.errstate(all="ignore"):
            found = [derivative(_of_arrays(), orders, *block) for block in blocks]
            whole = np.concatenate(found).reshape(wide[0].shape)
            return whole.astype(np.asarray(operands[0]).dtype)

    return apply
