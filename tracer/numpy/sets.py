"""Arrays as sets: unique elements, and what two arrays have in common."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..errors import at
from ..location import user_location
from ..primitives import sorting as rows
from ..primitives.elementwise import is_nan
from ..primitives.indexing import gather, scatter
from ..primitives.structure import reshape
from ..trace import Tracer
from ..types import BOOL, INT64, is_float, normalize_axis
from .creation import asarray
from .joining import concatenate
from .meanings import truth
from .promotion import as_dtype, common_dtype, number
from .reductions import any_of
from .running import cumsum
from .selection import clip, where
from .shaping import moveaxis
from .sized import checked_size, chosen, places
from .sorting import argsort, lexsort, searchsorted, sort


def _flat(value: Any) -> Tracer:
    x = asarray(value)
    return reshape(x, shape=(x.size,))


def _firsts(x: Tracer, equal_nan: bool = True) -> Tracer:
    """Where a sorted array, or one of sorted rows, has an element that differs from the last."""
    if not x.shape[0]:
        return number(False, BOOL, (0,))
    before, after = x[:-1], x[1:]
    changed = before != after
    if equal_nan and is_float(x.dtype) and x.ndim == 1:
        changed = changed & ~(is_nan(before) & is_nan(after))
    if x.ndim > 1:
        changed = any_of(changed, 1)
    return concatenate([number(True, BOOL, (1,)), changed])


class _Groups(NamedTuple):
    """Equal elements, found by sorting: ``order`` sorts, ``starts`` tell where each group begins.

    ``size + 1`` starts; those of groups that do not exist are the number of elements.
    """

    sorted: Tracer
    first: Tracer
    order: Tracer | None
    size: int

    @property
    def starts(self) -> Tracer:
        return places(self.first, self.size + 1, self.sorted.shape[0])


def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
    size: Any = None,
    fill_value: Any = None,
) -> Any:
    """`np.unique`: ``size`` of the sorted unique elements.

    Places left over hold ``fill_value``, by default the least element; their counts are 0, their
    index is that of the least element.

    Raises:
        TracedValueError: without ``size``.
    """
    count = checked_size("unique", size)
    x = asarray(ar)
    lines = _flat(x) if axis is None else moveaxis(x, normalize_axis(axis, x.ndim), 0)
    found = _groups(lines, count, return_index or return_inverse, equal_nan)
    values = _values(found, lines, fill_value)
    if axis is not None:
        values = moveaxis(values, 0, axis)
    results = [values]
    if return_index:
        results.append(_index(found))
    if return_inverse:
        inverse = _inverse(found)
        results.append(inverse if axis is not None else reshape(inverse, shape=x.shape))
    if return_counts:
        starts = found.starts
        results.append(starts[1:] - starts[:-1])
    return tuple(results) if len(results) > 1 else values


def _groups(lines: Tracer, size: int, positions: bool, equal_nan: bool) -> _Groups:
    if lines.ndim == 1:
        if not positions:
            ordered = sort(lines)
            return _Groups(ordered, _firsts(ordered, equal_nan), None, size)
        order = argsort(lines)
    else:
        columns = reshape(lines, shape=(lines.shape[0], math.prod(lines.shape[1:])))
        order = lexsort([columns[:, n] for n in reversed(range(columns.shape[1]))])
        lines = columns
    ordered = lines[order]
    return _Groups(ordered, _firsts(ordered, equal_nan), order, size)


def _values(found: _Groups, lines: Tracer, fill_value: Any) -> Tracer:
    if found.sorted.ndim == 1:
        return chosen(found.sorted, found.first, found.size, fill_value)
    starts, total = found.starts[: found.size], found.sorted.shape[0]
    exists = starts < total
    values = gather(found.sorted, where(exists, starts, 0))
    fill = found.sorted[0] if fill_value is None else as_dtype(asarray(fill_value), lines.dtype)
    filled = where(reshape(exists, shape=(found.size, 1)), values, fill)
    return reshape(filled, shape=(found.size, *lines.shape[1:]))


def _index(found: _Groups) -> Tracer:
    assert found.order is not None
    if not found.order.size:
        return number(0, INT64, (found.size,))
    starts = found.starts[: found.size]
    return gather(found.order, where(starts < found.order.size, starts, 0))


def _inverse(found: _Groups) -> Tracer:
    assert found.order is not None
    group = cumsum(found.first) - 1
    return scatter(group, found.order, group)


def unique_values(x: Any, /, *, size: Any = None, fill_value: Any = None) -> Tracer:
    """`np.unique_values`: NaN is not equal to itself."""
    result: Tracer = unique(x, equal_nan=False, size=size, fill_value=fill_value)
    return result


def unique_counts(x: Any, /, *, size: Any = None, fill_value: Any = None) -> Any:
    """`np.unique_counts`."""
    results = unique(x, return_counts=True, equal_nan=False, size=size, fill_value=fill_value)
    return _COUNTS(*results)


def unique_inverse(x: Any, /, *, size: Any = None, fill_value: Any = None) -> Any:
    """`np.unique_inverse`."""
    results = unique(x, return_inverse=True, equal_nan=False, size=size, fill_value=fill_value)
    return _INVERSE(*results)


def unique_all(x: Any, /, *, size: Any = None, fill_value: Any = None) -> Any:
    """`np.unique_all`."""
    return _ALL(*unique(x, True, True, True, equal_nan=False, size=size, fill_value=fill_value))


# NumPy does not export the classes of these results.
_COUNTS, _INVERSE, _ALL = (
    type(function([0])) for function in (np.unique_counts, np.unique_inverse, np.unique_all)
)


def isin(
    element: Any,
    test_elements: Any,
    assume_unique: bool = False,
    invert: bool = False,
    *,
    kind: Any = None,
) -> Tracer:
    """`np.isin`: where elements are among others, by binary search.

    Raises:
        ValueError: for a kind that NumPy does not have.
    """
    if kind not in (None, "sort", "table"):
        raise ValueError(
            f"Invalid kind: '{kind}'. Please use None, 'sort' or 'table'.{at(user_location())}"
        )
    x, others = asarray(element), _flat(test_elements)
    if not others.size:
        return number(bool(invert), BOOL, x.shape)
    dtype = common_dtype([x, others], "np.isin")
    x, others = as_dtype(x, dtype), as_dtype(others, dtype)
    found, _ = _search(x, rows.sort(others))
    return ~found if invert else found


def _search(x: Tracer, table: Tracer) -> tuple[Tracer, Tracer]:
    """Whether values are in a sorted table, and where."""
    place = searchsorted(table, x)
    within = clip(place, 0, table.size - 1)
    return gather(table, within) == x, within


def _pair(ar1: Any, ar2: Any, what: str) -> tuple[Tracer, Tracer]:
    x, y = _flat(ar1), _flat(ar2)
    dtype = common_dtype([x, y], what)
    return as_dtype(x, dtype), as_dtype(y, dtype)


def intersect1d(
    ar1: Any,
    ar2: Any,
    assume_unique: bool = False,
    return_indices: bool = False,
    *,
    size: Any = None,
    fill_value: Any = None,
) -> Any:
    """`np.intersect1d`: what is in both arrays; places left over are filled as by `unique`.

    With ``return_indices`` the positions of what is left over are the extents of the arrays.
    """
    count = checked_size("intersect1d", size)
    x, y = _pair(ar1, ar2, "np.intersect1d")
    order = argsort(x)
    ordered = x[order]
    mask = _firsts(ordered) & isin(ordered, y)
    values = chosen(ordered, mask, count, fill_value)
    if not return_indices:
        return values
    first = chosen(order, mask, count, x.size)
    if not (x.size and y.size):
        return values, first, number(y.size, INT64, (count,))
    other = argsort(y)
    _, place = _search(ordered, y[other])
    return values, first, chosen(other[place], mask, count, y.size)


def union1d(ar1: Any, ar2: Any, *, size: Any = None, fill_value: Any = None) -> Tracer:
    """`np.union1d`: what is in one array or the other."""
    count = checked_size("union1d", size)
    result: Tracer = unique(
        concatenate(_pair(ar1, ar2, "np.union1d")), size=count, fill_value=fill_value
    )
    return result


def setdiff1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, *, size: Any = None, fill_value: Any = None
) -> Tracer:
    """`np.setdiff1d`: what is in the first array and not in the second; by default 0 fills."""
    count = checked_size("setdiff1d", size)
    fill_value = 0 if fill_value is None else fill_value
    x = _flat(ar1)
    if assume_unique:
        return chosen(x, isin(x, ar2, invert=True), count, fill_value)
    ordered = sort(x)
    mask = _firsts(ordered) & isin(ordered, ar2, invert=True)
    return chosen(ordered, mask, count, fill_value)


def setxor1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, *, size: Any = None, fill_value: Any = None
) -> Tracer:
    """`np.setxor1d`: what is in exactly one of both arrays."""
    count = checked_size("setxor1d", size)
    x, y = (sort(v) for v in _pair(ar1, ar2, "np.setxor1d"))
    both = concatenate([x, y])
    masks = [_firsts(a) & isin(a, b, invert=True) for a, b in ((x, y), (y, x))]
    order = argsort(both)
    return chosen(both[order], truth(concatenate(masks))[order], count, fill_value)
