"""Counting: how often numbers come, and how many values fall into bins."""

from __future__ import annotations

import builtins
import math
import operator
from typing import Any

import numpy as np

from ..errors import TracedValueError, at
from ..known import settled
from ..location import user_location
from ..primitives.indexing import gather, scatter_add
from ..primitives.structure import reshape
from ..trace import Tracer
from ..types import BOOL, FLOAT64, INT64, is_float
from .calculus import diff
from .creation import asarray, positions, zeros
from .joining import stack
from .meanings import rounded
from .promotion import as_dtype, common_dtype, is_python_scalar, number
from .reductions import max as largest
from .reductions import min as smallest
from .reductions import sum as sum_of
from .selection import clip, where
from .sized import refuse_unsized
from .sorting import searchsorted


def _counted(place: Tracer, wanted: Tracer, weights: Tracer | None, size: int) -> Tracer:
    """How many places, of those wanted, are each number; or the sum of their weights."""
    # What is not wanted goes to one bin more, which is cut off.
    place = where(wanted, place, size)
    if weights is None:
        weights = number(1, INT64, place.shape)
    return scatter_add(zeros((size + 1,), weights.dtype), place, weights)[:size]


def bincount(x: Any, weights: Any = None, minlength: int = 0, *, length: Any = None) -> Tracer:
    """`np.bincount` of a fixed ``length``: greater numbers are left out.

    A negative number is an IndexError when the function runs.

    Raises:
        TracedValueError: without ``length``.
        TypeError: for numbers that are no integers.
        ValueError: for other than one axis, or weights of another shape.
    """
    if length is None:
        refuse_unsized("bincount", "length")
    size = max(operator.index(length), operator.index(minlength))
    values = asarray(x)
    if values.ndim != 1:
        raise ValueError(f"bincount takes an array with one axis, got {values.type}{_line()}")
    if not np.can_cast(values.dtype, INT64, "safe"):
        raise TypeError(
            f"Cannot cast array data from {values.dtype!r} to dtype('int64') according to the rule "
            f"'safe'{_line()}"
        )
    values = as_dtype(values, INT64)
    by = None if weights is None else as_dtype(asarray(weights), FLOAT64)
    if by is not None and by.shape != values.shape:
        raise ValueError(f"The weights and list don't have the same length.{_line()}")
    # A place that no array has, for what is no number of a bin.
    place = where(values < 0, -size - 2, values)
    return _counted(place, place < size, by, size)


def _line() -> str:
    return at(user_location())


# -- bins --------------------------------------------------------------------------------------


def _ends(x: Tracer, range: Any) -> tuple[Any, Any]:
    """The first and the last edge, a half to either side if they are one.

    Raises:
        ValueError: for known ends that are not finite or the wrong way round.
    """
    if range is not None:
        first, last = map(settled, range)
    elif x.size:
        first, last = smallest(x), largest(x)
    else:
        first, last = 0, 1
    if isinstance(first, Tracer) or isinstance(last, Tracer):
        first, last = asarray(first), asarray(last)
        dtype = common_dtype([first, last, 1.0], "np.histogram")
        first, last = as_dtype(first, dtype), as_dtype(last, dtype)
        same = first == last
        return where(same, first - 0.5, first), where(same, last + 0.5, last)
    if first > last:
        raise ValueError(f"max must be larger than min in range parameter.{_line()}")
    if not (math.isfinite(first) and math.isfinite(last)):
        raise ValueError(f"supplied range of [{first}, {last}] is not finite{_line()}")
    return (first - 0.5, last + 0.5) if first == last else (first, last)


def _count_of(bins: Any) -> int:
    """A number of bins.

    Raises:
        TypeError: when it is no integer.
        ValueError: when it is not positive.
    """
    bins = settled(bins)
    if isinstance(bins, Tracer):
        raise TracedValueError(f"the number of bins must be known while tracing{_line()}")
    try:
        count = operator.index(bins)
    except TypeError:
        raise TypeError(f"`bins` must be an integer, a string, or an array{_line()}") from None
    if count < 1:
        raise ValueError(f"`bins` must be positive, when an integer{_line()}")
    return count


def _given_edges(bins: Any) -> Tracer:
    """Edges as an array.

    Raises:
        ValueError: for other than one axis, and known edges that fall.
    """
    edges = asarray(bins)
    if edges.ndim != 1:
        raise ValueError(f"`bins` must be 1d, when an array{_line()}")
    known = settled(bins)
    if not _contains(known):
        known = np.asarray(known)
        if np.any(known[:-1] > known[1:]):
            raise ValueError(f"`bins` must increase monotonically, when an array{_line()}")
    return edges


def _contains(value: Any) -> bool:
    from .creation import contains_tracer

    return contains_tracer(value)


def _is_number(bins: Any) -> bool:
    return is_python_scalar(bins) or (hasattr(bins, "ndim") and bins.ndim == 0)


def _even_edges(x: Tracer, count: int, range: Any) -> tuple[Tracer, Tracer, Tracer]:
    """Edges of bins of one width in the dtype that values are compared in, and their ends."""
    first, last = _ends(x, range)
    dtype = common_dtype([first, last, x], "np.histogram")
    dtype = dtype if is_float(dtype) else FLOAT64
    if isinstance(first, Tracer):
        edges = as_dtype(_between(first, last, count), dtype)
    else:
        edges = asarray(np.linspace(first, last, count + 1, dtype=dtype))
    return edges, as_dtype(asarray(first), dtype), as_dtype(asarray(last), dtype)


def _between(first: Tracer, last: Tracer, count: int) -> Tracer:
    """The edges of ``count`` bins as `np.linspace` rounds them, which decides what is on one."""
    place = positions(count + 1)
    step = (last - first) / count
    steps = rounded(as_dtype(place, step.dtype) * step)
    return where(place < count, steps + first, last)


def _check_bins(bins: Any) -> None:
    if isinstance(bins, str):
        raise TracedValueError(
            f"bins={bins!r} needs the values of a traced array\n  give the number of bins{_line()}"
        )


def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Tracer:
    """`np.histogram_bin_edges`, of a known number of bins."""
    _check_bins(bins)
    x = asarray(a)
    if not _is_number(bins):
        return _given_edges(bins)
    return _even_edges(reshape(x, shape=(x.size,)), _count_of(bins), range)[0]


def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[Tracer, Tracer]:
    """`np.histogram`: a known number of bins, or any edges; the range may be traced.

    Raises:
        TracedValueError: for bins that depend on the values.
    """
    _check_bins(bins)
    given = asarray(a)
    x = reshape(given, shape=(given.size,))
    by = None if weights is None else asarray(weights)
    if by is not None and by.shape != given.shape:
        raise ValueError(f"weights should have the same shape as a.{_line()}")
    by = None if by is None else reshape(by, shape=(by.size,))
    if _is_number(bins):
        edges, first, last = _even_edges(x, _count_of(bins), range)
        counts = _in_even_bins(as_dtype(x, edges.dtype), edges, first, last, by)
    else:
        edges = _given_edges(bins)
        counts = _in_bins(x, edges, by)
    if density:
        widths = as_dtype(diff(edges), FLOAT64)
        return counts / widths / sum_of(counts), edges
    return counts, edges


def _in_even_bins(
    x: Tracer, edges: Tracer, first: Tracer, last: Tracer, weights: Tracer | None
) -> Tracer:
    """Counted by the number of the bin, put right where it was rounded across an edge."""
    count = edges.size - 1
    inside = (x >= first) & (x <= last)
    scaled = where(inside, (x - first) / (last - first) * count, 0.0)
    number_of = clip(scaled.astype(INT64), 0, count - 1)
    number_of = number_of - (x < gather(edges, number_of))
    number_of = clip(number_of, 0, count - 1)
    next_one = (x >= gather(edges, number_of + 1)) & (number_of != count - 1)
    return _counted(number_of + next_one, inside, weights, count)


def _in_bins(x: Tracer, edges: Tracer, weights: Tracer | None) -> Tracer:
    """Counted by binary search; the last bin has its right edge too."""
    count = edges.size - 1
    if count < 1:
        return zeros((0,), INT64 if weights is None else weights.dtype)
    place = searchsorted(edges, x, "right") - 1
    place = where(x == edges[-1], count - 1, place)
    return _counted(place, (place >= 0) & (place < count), weights, count)


# -- several dimensions --------------------------------------------------------------------------


def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[Tracer, list[Tracer]]:
    """`np.histogramdd`: of rows of coordinates, or of an array for each coordinate."""
    if isinstance(sample, (list, tuple)):
        points = stack([asarray(x) for x in sample], axis=-1)
    else:
        points = asarray(sample)
    points = reshape(points, shape=(points.size, 1)) if points.ndim == 1 else points
    dimensions = points.shape[1]
    each = [bins] * dimensions if _is_number(bins) else list(bins)
    ranges = [None] * dimensions if range is None else list(range)
    if len(each) != dimensions:
        raise ValueError(
            "The dimension of bins must be equal to the dimension of the sample x." + _line()
        )
    if len(ranges) != dimensions:
        raise ValueError(f"range argument must have one entry per dimension{_line()}")
    columns = [points[:, n] for n in builtins.range(dimensions)]
    edges = [
        as_dtype(_even_edges(x, _count_of(b), r)[0], FLOAT64) if _is_number(b) else _given_edges(b)
        for x, b, r in zip(columns, each, ranges, strict=True)
    ]
    by = None if weights is None else as_dtype(asarray(weights), FLOAT64)
    counts = _in_boxes(columns, edges, by)
    if density:
        total = sum_of(counts)
        for n, edge in enumerate(edges):
            shape = tuple(edge.size - 1 if k == n else 1 for k in builtins.range(dimensions))
            counts = counts / reshape(diff(edge), shape=shape)
        counts = counts / total
    return counts, edges


def _in_boxes(columns: list[Tracer], edges: list[Tracer], weights: Tracer | None) -> Tracer:
    sizes = [edge.size - 1 for edge in edges]
    total = number(0, INT64, columns[0].shape)
    inside = number(True, BOOL, columns[0].shape)
    for x, edge, size in zip(columns, edges, sizes, strict=True):
        place = searchsorted(edge, x, "right") - 1
        place = where(x == edge[-1], size - 1, place)
        inside = inside & (place >= 0) & (place < size)
        total = total * size + place
    counts = _counted(total, inside, weights, math.prod(sizes))
    return reshape(as_dtype(counts, FLOAT64), shape=tuple(sizes))


def histogram2d(
    x: Any,
    y: Any,
    bins: Any = 10,
    range: Any = None,
    density: Any = None,
    weights: Any = None,
) -> tuple[Tracer, Tracer, Tracer]:
    """`np.histogram2d`."""
    if asarray(x).shape != asarray(y).shape:
        raise ValueError(f"x and y must have the same length.{_line()}")
    if not _is_number(bins) and len(bins) not in (1, 2):
        edges = asarray(bins)
        bins = [edges, edges]
    counts, (first, second) = histogramdd([x, y], bins, range, density, weights)
    return counts, first, second
