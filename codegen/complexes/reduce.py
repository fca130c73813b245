"""Reductions of pairs that are not those of the parts: products, extremes and where they are."""

from __future__ import annotations

import math
from collections.abc import Callable

from pullback.tracer.primitives import elementwise as rows
from pullback.tracer.primitives import reduction
from pullback.tracer.primitives.reduction import halves, last_axis, spread, with_even_length
from pullback.tracer.primitives.structure import broadcast, iota, reshape
from pullback.tracer.trace import Tracer
from pullback.tracer.types import INT64

from .arithmetic import is_nan, mul
from .pair import Pair, as_value, choose

Axes = tuple[int, ...]
Extremum = Callable[..., Tracer]


def prod(x: Pair, *, axes: Axes) -> Pair:
    """The product in pairs of neighbours, until one is left."""
    re, im = last_axis(x.re, axes), last_axis(x.im, axes)
    shape = re.shape[:-1]
    if re.shape[-1] == 0:
        one = broadcast_one(re, shape)
        return Pair(one, one * 0.0)
    while re.shape[-1] > 1:
        re, im = with_even_length(re, 1.0), with_even_length(im, 0.0)
        (a, b), (c, d) = halves(re), halves(im)
        re, im = mul(Pair(a, c), Pair(b, d))
    return Pair(reshape(re, shape=shape), reshape(im, shape=shape))


def broadcast_one(like: Tracer, shape: tuple[int, ...]) -> Tracer:
    """Ones of a dtype."""
    from pullback.tracer.trace import literal

    return broadcast(literal(1.0, like.dtype), shape=shape, axes=())


def max(x: Pair, *, axes: Axes) -> Pair:
    return _extremum(x, axes, reduction.reduce_max, -math.inf)


def min(x: Pair, *, axes: Axes) -> Pair:
    return _extremum(x, axes, reduction.reduce_min, math.inf)


def argmax(x: Pair, *, axis: int) -> Tracer:
    return _position(x, axis, reduction.reduce_max, -math.inf)


def argmin(x: Pair, *, axis: int) -> Tracer:
    return _position(x, axis, reduction.reduce_min, math.inf)


def _extremum(x: Pair, axes: Axes, row: Extremum, least: float) -> Pair:
    """The element at the position of the extremum."""
    flat = Pair(last_axis(x.re, axes), last_axis(x.im, axes))
    last = flat.re.ndim - 1
    place = _position(flat, last, row, least)
    here = numbers(flat.re.shape, last) == spread(place, flat.re, (last,))
    parts = (reduction.reduce_max(choose(here, part, -math.inf), axes=(last,)) for part in flat)
    return Pair(*parts)


def numbers(shape: tuple[int, ...], axis: int) -> Tracer:
    """The position along an axis."""
    return broadcast(iota(size=shape[axis], dtype=INT64), shape=shape, axes=(axis,))


def _position(x: Pair, axis: int, row: Extremum, least: float) -> Tracer:
    """The first NaN; else the first with the extreme real part and, of those, imaginary part."""
    missing = is_nan(x)
    re, im = (choose(missing, as_value(least, x.re), part) for part in x)
    best = re == spread(row(re, axes=(axis,)), re, (axis,))
    among = choose(best, im, least)
    best = best & (im == spread(row(among, axes=(axis,)), im, (axis,)))
    any_missing = spread(reduction.reduce_any(missing, axes=(axis,)), missing, (axis,))
    chosen = (any_missing & missing) | (~any_missing & best)
    number = numbers(x.re.shape, axis)
    last = rows.broadcast_scalar(x.re.shape[axis], number)
    return reduction.reduce_min(rows.where(chosen, number, last), axes=(axis,))
