"""Functions whose results are as long as the values decide: with ``size=`` they have a fixed shape.

What is found first fills the result; places that are left over hold ``fill_value``, and what does
not fit is left out. `pullback.numpy` has these functions with the additional arguments.
"""

from __future__ import annotations

import math
import operator
from typing import Any, NoReturn

import numpy as np

from ..errors import TracedValueError, at
from ..known import known_value
from ..location import user_location
from ..primitives.indexing import gather, scatter
from ..primitives.structure import reshape
from ..trace import Tracer
from ..types import INT64, Shape, normalize_axis
from . import shaping
from .creation import asarray, positions
from .joining import concatenate, stack
from .meanings import truth
from .promotion import as_dtype, number, prepare
from .reductions import count_nonzero
from .running import cumsum
from .selection import operand, take, where
from .sorting import searchsorted


def refuse_unsized(name: str, argument: str = "size") -> NoReturn:
    """The error for a result of unknown shape.

    Raises:
        TracedValueError: always.
    """
    raise TracedValueError(
        f"the shape of np.{name} depends on traced values\n"
        f"  use pullback.numpy.{name}(..., {argument}=n) for a result of a fixed shape"
        f"{at(user_location())}"
    )


def checked_size(name: str, size: Any) -> int:
    """The size as an int that is not negative.

    Raises:
        TracedValueError: when there is none.
        ValueError: when it is negative.
    """
    if size is None:
        refuse_unsized(name)
    count = operator.index(size)
    if count < 0:
        raise ValueError(f"size must not be negative, got {count}{at(user_location())}")
    return count


def places(mask: Tracer, size: int, fill: int) -> Tracer:
    """Where a 1-d mask is true: the first ``size`` positions, then ``fill``."""
    rank = cumsum(mask) - 1
    # What is not wanted goes to one place more, which is cut off.
    target = where(mask & (rank < size), rank, size)
    board = number(fill, INT64, (size + 1,))
    return scatter(board, target, positions(mask.size))[:size]


def chosen(x: Tracer, mask: Tracer, size: int, fill_value: Any) -> Tracer:
    """The elements of a 1-d array where the mask is true; by default filled with the first one."""
    if not x.size:
        return prepare(operand(0 if fill_value is None else fill_value), x.dtype, (size,))
    found = places(mask, size, x.size)
    within = where(found < x.size, found, 0)
    values = gather(x, within)
    if fill_value is None:
        first = gather(x, as_dtype(places(mask, 1, 0)[0], INT64))
        otherwise = where(count_nonzero(mask) > 0, first, number(0, x.dtype))
    else:
        otherwise = as_dtype(asarray(fill_value), x.dtype)
    return where(found < x.size, values, otherwise)


def nonzero(a: Any, *, size: Any = None, fill_value: Any = None) -> tuple[Tracer, ...]:
    """`np.nonzero`: an array of positions for each axis.

    ``fill_value`` is one number, or one for each axis; 0 by default.

    Raises:
        TracedValueError: without ``size``.
        ValueError: for an array without axes.
    """
    count = checked_size("nonzero", size)
    x = asarray(a)
    if not x.ndim:
        raise ValueError(f"Calling nonzero on 0d arrays is not allowed{at(user_location())}")
    fills = fill_value if isinstance(fill_value, tuple) else (fill_value or 0,) * x.ndim
    if len(fills) != x.ndim:
        raise ValueError(f"fill_value must have {x.ndim} entries, got {fills}{at(user_location())}")
    flat = places(reshape(truth(x), shape=(x.size,)), count, x.size)
    results: list[Tracer] = []
    for n, (extent, fill) in enumerate(zip(x.shape, fills, strict=True)):
        stride = math.prod(x.shape[n + 1 :])
        place = flat // max(stride, 1) % max(extent, 1)
        results.append(where(flat < x.size, place, fill))
    return tuple(results)


def flatnonzero(a: Any, *, size: Any = None, fill_value: Any = None) -> Tracer:
    """`np.flatnonzero`: positions among all elements."""
    count = checked_size("flatnonzero", size)
    x = asarray(a)
    return nonzero(reshape(x, shape=(x.size,)), size=count, fill_value=fill_value)[0]


def argwhere(a: Any, *, size: Any = None, fill_value: Any = None) -> Tracer:
    """`np.argwhere`: a row of positions for each element."""
    count = checked_size("argwhere", size)
    x = asarray(a)
    if not x.ndim:
        return number(0, INT64, (count, 0))
    return stack(nonzero(x, size=count, fill_value=fill_value), axis=1)


def sized_where(
    condition: Any, x: Any = None, y: Any = None, /, *, size: Any = None, fill_value: Any = None
) -> Any:
    """`np.where`: of three arguments a choice, of one the positions where it holds."""
    if x is None and y is None:
        count = checked_size("where", size)
        return nonzero(condition, size=count, fill_value=fill_value)
    return where(condition, x, y)


def repeat(
    a: Any, repeats: Any, axis: Any = None, *, size: Any = None, fill_value: Any = None
) -> Tracer:
    """`np.repeat`: how often is known while tracing, or ``size`` is the extent of the result.

    Raises:
        TracedValueError: for traced repeats, without ``size``.
        TypeError: for repeats that are no integers.
        ValueError: when there is not one for each element.
    """
    if size is None:
        if isinstance(repeats, Tracer) and known_value(repeats) is None:
            refuse_unsized("repeat")
        return shaping.repeat(a, repeats, axis)
    count, x, times = checked_size("repeat", size), asarray(a), asarray(repeats)
    if not np.can_cast(times.dtype, INT64, "safe"):
        raise TypeError(
            f"Cannot cast array data from {times.dtype!r} to dtype('int64') according to the rule "
            f"'safe'{at(user_location())}"
        )
    if axis is None:
        x, axis = reshape(x, shape=(x.size,)), 0
    place = normalize_axis(axis, x.ndim)
    extent = x.shape[place]
    ends = cumsum(shaping.broadcast_to(as_dtype(times, INT64), (extent,)))
    source = searchsorted(ends, positions(count), side="right")
    fill = as_dtype(asarray(0 if fill_value is None else fill_value), x.dtype)
    padded = concatenate([x, shaping.broadcast_to(fill, _one_along(x.shape, place))], place)
    return take(padded, source, place)


def _one_along(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], 1, *shape[axis + 1 :])
