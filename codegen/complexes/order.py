"""Sorting of pairs: by real parts, then by imaginary ones; NaN comes last."""

from __future__ import annotations

from pullback.tracer.primitives import elementwise as rows
from pullback.tracer.primitives import sorting
from pullback.tracer.primitives.sorting import gather_last
from pullback.tracer.trace import Tracer

from .pair import Pair


def argsort(x: Pair) -> Tracer:
    """By the least important key first: every sort leaves equal values in order.

    Pairs of numbers come first, then those with a NaN as imaginary part, as real part, as both.
    """
    zero, one, two = (rows.broadcast_scalar(v, x.re) for v in (0.0, 1.0, 2.0))
    missing = rows.where(rows.is_nan(x.re), two, zero) + rows.where(rows.is_nan(x.im), one, zero)
    places = sorting.argsort(x.im)
    for key in (x.re, missing):
        places = gather_last(places, sorting.argsort(gather_last(key, places)))
    return places


def sort(x: Pair) -> Pair:
    places = argsort(x)
    return Pair(gather_last(x.re, places), gather_last(x.im, places))
