"""The scaled complementary error function; the normal distribution and its logarithm."""

from __future__ import annotations

from collections.abc import Callable

from ..assembly import FunctionWriter, Value
from .error_function import ERFC_RANGE, SLOPE, complement, scaled_erfc
from .exponential import exp
from .exponents import INFINITY
from .logarithm import log, log1p
from .number import Number, choose, fma, greatest, horner, least
from .sums import Sum, ordered_sum, quotient

# sqrt(pi) x erfcx(x) in powers of 1/(2 x**2), the constant term left out: the asymptotic series,
# its next term below 2**-56 for x > 27 (NIST Digital Library of Mathematical Functions 7.12.1).
ASYMPTOTIC = (-1.0, 3.0, -15.0, 105.0, -945.0, 10395.0)
INVERSE_ROOT_OF_PI = {
    "double": (0.5641895835477563, 7.66772980658294e-18),
    "float": (0.564189612865448, -2.9317691385699618e-08),
}
"""As a sum of two."""
HALF_ROOT = {
    "double": (0.7071067811865476, -4.833646656726457e-17),
    "float": (0.7071067690849304, 1.2101617485882343e-08),
}
"""The root of one half as a sum of two."""
# Beyond it e**(x**2) is infinite in the format, or has no use for what is lost of the square.
LARGE_SQUARE = {"double": 709.0, "float": 88.0}


def scaled_tail(size: Number) -> Sum:
    """``e**(x**2) erfc(x)`` for x >= 0."""
    bound = ERFC_RANGE[size.element]
    bounded = least(bound, size)
    denominator = fma(bounded, SLOPE, 1.0)
    rest = fma(bounded, SLOPE, 1.0 - denominator)
    beyond = size > bound
    divisor = Sum(choose(beyond, size, denominator), choose(beyond, 0.0, rest))
    inverse = 1.0 / divisor.high
    half_square = inverse * inverse * 0.5
    constant, rest_of_constant = INVERSE_ROOT_OF_PI[size.element]
    series = half_square * horner(half_square, ASYMPTOTIC) * constant
    near, far = scaled_erfc(bounded), ordered_sum(size.of(constant), series, rest_of_constant)
    above = Sum(choose(beyond, far.high, near.high), choose(beyond, far.low, near.low))
    y = quotient(above, divisor, inverse)
    infinite = size.equals(INFINITY)
    return Sum(choose(infinite, 0.0, y.high), choose(infinite, 0.0, y.low))


def scaled(x: Number) -> Number:
    """``e**(x**2) erfc(x)``."""
    size = abs(x)
    parts = scaled_tail(size)
    y = parts.high + parts.low
    # erfcx(-x) = 2 e**(x**2) - erfcx(x), with what squaring loses put back.
    bounded = least(ERFC_RANGE[x.element], size)
    square = bounded * bounded
    lost = fma(bounded, bounded, -square)
    power = Number(x.w, exp(x.w, square.value))
    power = choose(square > LARGE_SQUARE[x.element], power, fma(power, lost, power))
    below = fma(power, 2.0, -y)
    return choose(x.equals(x), choose(x < 0.0, below, y), x)


def log_ndtr_number(x: Number) -> Number:
    """The logarithm of the normal distribution function.

    ``log(erfcx(-x / sqrt 2) / 2) - x**2 / 2`` below 0 and ``log1p`` of the other tail above.
    """
    w = x.w
    parts = scaled_tail(abs(x) * HALF_ROOT[x.element][0])
    logarithm = Number(w, log(w, (parts.high * 0.5).value))
    below = fma(x * -0.5, x, logarithm + parts.low / greatest(x.format.tiny, parts.high))
    above = Number(w, log1p(w, (-tail(abs(x))).value))
    return choose(x > 0.0, above, below)


def tail(size: Number) -> Number:
    """``erfc(size / sqrt 2) / 2``, the rounding of the argument put right to first order."""
    high, low = HALF_ROOT[size.element]
    t, bound = size * high, ERFC_RANGE[size.element]
    lost = choose(t < bound, fma(size, low, fma(size, high, -t)), 0.0)
    return complement(least(bound, t), lost) * 0.5


def ndtr_number(x: Number) -> Number:
    """The normal distribution function."""
    y = tail(abs(x))
    return choose(x > 0.0, 1.0 - y, y)


def _emitted(function: Callable[[Number], Number]) -> Callable[[FunctionWriter, Value], Value]:
    return lambda w, x: function(Number(w, x)).value


erfcx = _emitted(scaled)
ndtr = _emitted(ndtr_number)
log_ndtr = _emitted(log_ndtr_number)
