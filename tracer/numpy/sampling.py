"""Random places: permutations, samples with and without replacement, categories."""

from __future__ import annotations

import math
from typing import Any

from ..errors import at
from ..location import user_location
from ..primitives import elementwise as rows
from ..primitives.reduction import argmax
from ..primitives.sorting import argsort
from ..primitives.structure import iota, permute, reshape
from ..trace import Tracer
from ..types import FLOAT64, INT64, UINT64, Shape, normalize_axis
from .creation import asarray
from .promotion import as_dtype, common_dtype, prepare
from .random import as_shape, bits, fraction, gumbel, randint
from .running import cumsum
from .shaping import moveaxis
from .sorting import searchsorted
from .threefry import words


def categorical(key: Any, logits: Any, axis: int = -1, size: Any = None) -> Tracer:
    """Places along an axis with probabilities proportional to ``exp(logits)``.

    The place of the largest of ``logits`` plus Gumbel noise.
    """
    values = moveaxis(asarray(logits), axis, -1)
    values = as_dtype(values, common_dtype([values, 1.0], "categorical"))
    shape = as_shape(size) if size is not None else values.shape[:-1]
    total = gumbel(key, size=(*shape, values.shape[-1]), dtype=values.dtype) + values
    return argmax(total, axis=total.ndim - 1)


def permutation(key: Any, x: Any, axis: int = 0) -> Tracer:
    """The entries along an axis, or the numbers below an int, in random order."""
    values, place = population(x, axis)
    order = argsort(bits(key, values.shape[place], UINT64))
    return sampled(values, order, place)


def choice(
    key: Any, a: Any, size: Any = None, replace: bool = True, p: Any = None, axis: int = 0
) -> Tracer:
    """Entries along an axis, each with its probability, with or without those drawn before."""
    values, place = population(a, axis)
    count = values.shape[place]
    shape = as_shape(size) if size is not None else ()
    number = math.prod(shape)
    weights = None if p is None else _weights(p, count)
    if number and not count:
        raise ValueError(f"a cannot be empty unless no samples are taken{at(user_location())}")
    if replace and weights is None:
        return sampled(values, randint(key, 0, max(count, 1), shape), place)
    if replace and weights is not None:
        return sampled(values, _weighted(key, shape, cumsum(weights)), place)
    if number > count:
        raise ValueError(
            "Cannot take a larger sample than population when replace is False"
            f"{at(user_location())}"
        )
    # The largest of logarithms plus Gumbel noise, in order, are draws one after another.
    ranks: Any = bits(key, count, UINT64)
    if weights is not None:
        ranks = -(rows.log(weights) + gumbel(key, size=count))
    order = argsort(ranks)[..., :number]
    return sampled(values, reshape(order, shape=(*order.shape[:-1], *shape)), place)


def _weighted(key: Any, shape: Shape, reached: Tracer) -> Tracer:
    """Places drawn by the running sums of their weights."""
    total = reached[-1]
    drawn = fraction(words(asarray(key), shape), FLOAT64) * total
    found = searchsorted(reached, drawn, "right")
    # The product may be rounded up to the total, where no weight is left.
    return rows.minimum(found, prepare(searchsorted(reached, total), INT64, found.shape))


def _weights(p: Any, count: int) -> Tracer:
    weights = as_dtype(asarray(p), FLOAT64)
    if weights.shape != (count,):
        raise ValueError(f"a and p must have same size{at(user_location())}")
    return weights


def population(a: Any, axis: int) -> tuple[Tracer, int]:
    """What is drawn from, and along which of its axes."""
    if type(a) is int:
        return iota(size=a, dtype=INT64), 0
    values = asarray(a)
    return values, normalize_axis(axis, values.ndim)


def sampled(values: Tracer, places: Tracer, axis: int) -> Tracer:
    """The entries at places, whose axes stand where the axis stood."""
    taken: Tracer = moveaxis(values, axis, 0)[places]
    kept = range(places.ndim, places.ndim + axis)
    order = (*kept, *range(places.ndim), *range(places.ndim + axis, taken.ndim))
    return permute(taken, axes=order)
