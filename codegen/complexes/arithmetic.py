"""Arithmetic and comparison of pairs, as NumPy has them."""

from __future__ import annotations

from pullback.tracer.primitives import elementwise as rows
from pullback.tracer.trace import Tracer

from .pair import Pair, choose, choose_pair


def neg(x: Pair) -> Pair:
    return Pair(-x.re, -x.im)


def conj(x: Pair) -> Pair:
    return Pair(x.re, -x.im)


def add(x: Pair, y: Pair) -> Pair:
    return Pair(x.re + y.re, x.im + y.im)


def sub(x: Pair, y: Pair) -> Pair:
    return Pair(x.re - y.re, x.im - y.im)


def mul(x: Pair, y: Pair) -> Pair:
    return Pair(x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re)


def div(x: Pair, y: Pair) -> Pair:
    """By Smith's method (Communications of the ACM 5, 1962), as in NumPy."""
    steep = ~(abs(y.re) >= abs(y.im))
    large, small = choose(steep, y.im, y.re), choose(steep, y.re, y.im)
    ratio = small / large
    scale = 1.0 / (large + small * ratio)
    first, second = choose(steep, x.im, x.re), choose(steep, x.re, x.im)
    im = choose(steep, first * ratio - second, second - first * ratio)
    quotient = Pair((first + second * ratio) * scale, im * scale)
    # Nothing to scale by: each part by itself is infinite or NaN.
    nothing = (y.re == 0.0) & (y.im == 0.0)
    size = abs(y.re)
    return choose_pair(nothing, Pair(x.re / size, x.im / size), quotient)


def whole_power(x: Pair, n: int) -> Pair:
    """By repeated squaring; the reciprocal last."""
    rest, result = abs(n), None
    while rest:
        if rest & 1:
            result = x if result is None else mul(result, x)
        rest >>= 1
        x = mul(x, x) if rest else x
    one, zero = x.re * 0.0 + 1.0, x.re * 0.0
    assert result is not None
    return div(Pair(one, zero), result) if n < 0 else result


def size(x: Pair) -> Tracer:
    return rows.hypot(x.re, x.im)


def is_nan(x: Pair) -> Tracer:
    return rows.is_nan(x.re) | rows.is_nan(x.im)


def eq(x: Pair, y: Pair) -> Tracer:
    return (x.re == y.re) & (x.im == y.im)


def ne(x: Pair, y: Pair) -> Tracer:
    return (x.re != y.re) | (x.im != y.im)


def lt(x: Pair, y: Pair) -> Tracer:
    """By real parts, then by imaginary ones; a NaN among the other parts counts too."""
    return _before(x, y, x.im < y.im)


def le(x: Pair, y: Pair) -> Tracer:
    """The same, or equal."""
    return _before(x, y, x.im <= y.im)


def _before(x: Pair, y: Pair, by_imaginary: Tracer) -> Tracer:
    numbers = (x.im == x.im) & (y.im == y.im)
    return ((x.re < y.re) & numbers) | ((x.re == y.re) & by_imaginary)


def maximum(x: Pair, y: Pair) -> Pair:
    """The later of two; the first NaN, if there is one."""
    return choose_pair(le(y, x) | is_nan(x), x, y)


def minimum(x: Pair, y: Pair) -> Pair:
    """The earlier of two; the first NaN, if there is one."""
    return choose_pair(le(x, y) | is_nan(x), x, y)


def clip(x: Pair, low: Pair, high: Pair) -> Pair:
    return minimum(maximum(x, low), high)


def is_inf(x: Pair) -> Tracer:
    return rows.is_inf(x.re) | rows.is_inf(x.im)


def is_finite(x: Pair) -> Tracer:
    return rows.is_finite(x.re) & rows.is_finite(x.im)
