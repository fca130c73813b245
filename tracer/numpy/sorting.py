"""Sorting, and searching in what is sorted. Every sort is stable: equal values stay in order."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..errors import at
from ..known import settled
from ..location import user_location
from ..primitives import sorting as rows
from ..primitives.structure import flip, reshape
from ..trace import Tracer
from ..types import COMPLEX64, COMPLEX128, is_complex, normalize_axis
from .creation import asarray, zeros
from .promotion import as_dtype, common_dtype
from .selection import take_along_axis, where
from .shaping import moveaxis

KINDS = ("quicksort", "mergesort", "heapsort", "stable")


def _check_kind(kind: Any, order: Any, stable: Any) -> None:
    if order is not None:
        message = "Cannot specify order when the array has no fields."
    elif kind is not None and stable is not None:
        message = (
            "`kind` and keyword parameters can't be provided at the same time. Use only one of them"
        )
    elif kind is not None and kind not in KINDS:
        message = f"sort kind must be one of {', '.join(map(repr, KINDS))} (got {kind!r})"
    else:
        return
    raise ValueError(f"{message}{at(user_location())}")


def _along(row: Any, a: Any, axis: Any) -> Tracer:
    """A row that works along the last axis, along another; None is all elements as one axis."""
    x = asarray(a)
    if axis is None:
        return Tracer(row(reshape(x, shape=(x.size,))).node)
    place = normalize_axis(operator.index(axis), x.ndim)
    result: Tracer = row(moveaxis(x, place, -1))
    return Tracer(moveaxis(result, -1, place).node)


def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """`np.sort`: NaN last; of equal values, such as zeros of both signs, the first one first."""
    _check_kind(kind, order, stable)
    return _along(rows.sort, a, axis)


def sort_complex(a: Any) -> Tracer:
    """`np.sort_complex`: sorted along the last axis, and complex."""
    ordered: Tracer = sort(a)
    wanted = COMPLEX64 if ordered.dtype.char in "bhBH" else COMPLEX128
    return ordered if is_complex(ordered.dtype) else as_dtype(ordered, wanted)


def argsort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Tracer:
    """`np.argsort`: as NumPy's stable one, whatever kind is asked for; of a number, 0."""
    _check_kind(kind, order, stable)
    if not np.ndim(a):
        a = np.reshape(a, 1)
    return _along(rows.argsort, a, axis)


def sort_in_place(
    x: Tracer, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> None:
    """`numpy.ndarray.sort`: the array, and all views of it, hold the sorted values."""
    _check_kind(kind, order, stable)
    x.assign(_along(rows.sort, x, operator.index(axis)))


def _check_partition(x: Tracer, kth: Any, axis: Any, kind: Any, order: Any) -> None:
    if kind != "introselect":
        raise ValueError(f"select kind must be 'introselect' (got {kind!r}){at(user_location())}")
    _check_kind(None, order, None)
    kth = settled(kth)
    if isinstance(kth, Tracer):
        return
    places = np.asarray(kth)
    if places.dtype.kind not in "iu":
        raise TypeError(f"Partition index must be integer{at(user_location())}")
    extent = x.size if axis is None else x.shape[normalize_axis(axis, x.ndim)]
    for k in places.ravel().tolist():
        if not -extent <= k < extent:
            raise ValueError(f"kth(={k}) out of bounds ({extent}){at(user_location())}")


def partition(
    a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None
) -> Tracer:
    """`np.partition`: all elements sorted, which is more than the partition promises."""
    _check_partition(asarray(a), kth, axis, kind, order)
    return _along(rows.sort, a, axis)


def argpartition(
    a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None
) -> Tracer:
    """`np.argpartition`: the positions that sort all elements."""
    _check_partition(asarray(a), kth, axis, kind, order)
    return _along(rows.argsort, a, axis)


def partition_in_place(
    x: Tracer, kth: Any, axis: int = -1, kind: str = "introselect", order: Any = None
) -> None:
    """`numpy.ndarray.partition`: the array holds its values, sorted."""
    x.assign(partition(x, kth, axis, kind, order))


def lexsort(keys: Any, axis: int = -1) -> Tracer:
    """`np.lexsort`: the positions that sort by several keys, of which the last counts most.

    Raises:
        TypeError: without any keys.
        ValueError: for keys of different shapes.
    """
    values = [asarray(key) for key in keys]
    if not values:
        raise TypeError(f"need sequence of keys with len > 0 in lexsort{at(user_location())}")
    if any(x.shape != values[0].shape for x in values):
        raise ValueError(f"all keys need to be the same shape{at(user_location())}")
    if not values[0].ndim:
        return zeros((), np.int64)
    order = argsort(values[0], axis)
    for key in values[1:]:
        again = argsort(take_along_axis(key, order, axis), axis)
        order = take_along_axis(order, again, axis)
    return order


def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Tracer:
    """`np.searchsorted`: where values go into a sorted table.

    Raises:
        ValueError: for a side other than 'left' and 'right', or a table that has not one axis.
    """
    table, wanted = asarray(a), asarray(v)
    if side not in ("left", "right"):
        raise ValueError(
            f"search side must be 'left' or 'right' (got {side!r}){at(user_location())}"
        )
    if table.ndim != 1:
        raise ValueError(f"the table to search has one axis, got {table.type}{at(user_location())}")
    if sorter is not None:
        positions = asarray(sorter)
        if positions.shape != table.shape:
            raise ValueError(f"sorter.size must equal input.size{at(user_location())}")
        table = table[positions]
    dtype = common_dtype([table, wanted], "np.searchsorted")
    flat = reshape(as_dtype(wanted, dtype), shape=(wanted.size,))
    found = rows.searchsorted(as_dtype(table, dtype), flat, side=side)
    return reshape(found, shape=wanted.shape)


def digitize(x: Any, bins: Any, right: bool = False) -> Tracer:
    """`np.digitize` in rising or falling bins.

    Raises:
        ValueError: when bins that are known are neither.
    """
    edges, side = asarray(bins), "left" if right else "right"
    if not isinstance(bins, Tracer) and edges.ndim == 1:
        _check_monotonic(np.asarray(bins))
    count = edges.size
    if count < 2:
        return searchsorted(edges, x, side)
    rising = edges[-1] >= edges[0]
    found = searchsorted(where(rising, edges, flip(edges, axes=(0,))), x, side)
    return where(rising, found, count - found)


def _check_monotonic(bins: np.ndarray[Any, Any]) -> None:
    steps = bins[1:] >= bins[:-1]
    if not (np.all(steps) or np.all(bins[1:] <= bins[:-1])):
        raise ValueError(
            f"bins must be monotonically increasing or decreasing{at(user_location())}"
        )
