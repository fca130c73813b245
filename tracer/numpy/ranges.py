"""Evenly spaced numbers, between traced ends too, and grids."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import TracedValueError, at
from ..location import user_location
from ..primitives import structure as rows
from ..primitives.elementwise import floor
from ..trace import Tracer
from ..types import BOOL, INT64, is_integer
from .creation import along, as_numpy_dtype, asarray, positions
from .meanings import copy as copied
from .promotion import as_dtype, common_dtype, common_shape, number, prepare, shape_of, spread
from .selection import operand
from .shaping import moveaxis


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    """`np.linspace`, between traced ends too.

    Raises:
        ValueError: for a negative number of points.
    """
    if num < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.{at(user_location())}")
    points, step = _spaced(start, stop, num, endpoint)
    points = moveaxis(points, 0, axis) if axis != 0 else points
    if dtype is not None:
        target = as_numpy_dtype(dtype)
        points = as_dtype(floor(points) if is_integer(target) else points, target)
    return (points, step) if retstep else points


def _ends(start: Any, stop: Any) -> tuple[Tracer, Tracer]:
    """Both ends in their common shape and floating dtype."""
    values = operand(start), operand(stop)
    dtype = common_dtype([*values, 1.0], "np.linspace")
    shape = common_shape([shape_of(x) for x in values])
    first, last = (prepare(x, dtype, shape) for x in values)
    return first, last


def _spaced(start: Any, stop: Any, num: int, endpoint: bool) -> tuple[Tracer, Any]:
    first, last = _ends(start, stop)
    wanted, shape = first.dtype, first.shape
    gaps = num - 1 if endpoint else num
    numbers = along(positions(num, wanted), (num, *shape), 0)
    if gaps > 0:
        step: Any = (last - first) / gaps
        points = numbers * step + first
    else:
        step = number(np.nan, wanted)
        points = numbers * (last - first) + first
    if endpoint and num > 1:
        points = rows.concatenate(points[:-1], rows.reshape(last, shape=(1, *shape)), axis=0)
    return points, step


def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Tracer:
    """`np.logspace`: powers of a base, with evenly spaced exponents."""
    first, last = _ends(start, stop)
    root = asarray(base)
    shape = common_shape([first.shape, root.shape])
    exponents = linspace(spread(first, shape), last, num, endpoint, axis=axis)
    if root.ndim:
        place = axis % (len(shape) + 1)
        wider = (*shape[:place], 1, *shape[place:])
        root = rows.reshape(spread(root, shape), shape=wider)
    else:
        root = base if not isinstance(base, Tracer) else root
    powers: Any = np.power(root, exponents)
    return powers if dtype is None else as_dtype(powers, as_numpy_dtype(dtype))


def geomspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    dtype: Any = None,
    axis: int = 0,
) -> Tracer:
    """`np.geomspace`: a geometric progression; the signs of both ends are taken to be the same.

    Raises:
        ValueError: for a negative number of points.
    """
    first, last = _ends(start, stop)
    shape = first.shape
    sign: Any = np.sign(first)
    size: Any = logspace(np.log10(first / sign), np.log10(last / sign), num, endpoint)
    points = size * sign
    ends = [rows.reshape(x, shape=(1, *shape)) for x in (first, last)]
    if num > 0:
        points = rows.concatenate(ends[0], points[1:], axis=0)
    if num > 1 and endpoint:
        points = rows.concatenate(points[:-1], ends[1], axis=0)
    points = moveaxis(points, 0, axis) if axis != 0 else points
    return points if dtype is None else as_dtype(points, as_numpy_dtype(dtype))


def meshgrid(
    *xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> tuple[Tracer, ...]:
    """`np.meshgrid`: coordinates of a grid, one array an axis.

    Raises:
        ValueError: for an indexing that is neither "xy" nor "ij".
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"Valid values for `indexing` are 'xy' and 'ij'.{at(user_location())}")
    values = [asarray(x) for x in xi]
    order = list(range(len(values)))
    if indexing == "xy" and len(values) > 1:
        order[:2] = 1, 0
    shape = tuple(values[i].size for i in order)
    grids = []
    for i, x in enumerate(values):
        axis = order.index(i)
        flat = rows.reshape(x, shape=(x.size,))
        thin = tuple(x.size if a == axis else 1 for a in range(len(shape)))
        grids.append(rows.reshape(flat, shape=thin) if sparse else along(flat, shape, axis))
    return tuple(copied(x) for x in grids)


def ix_(*args: Any) -> tuple[Tracer, ...]:
    """`np.ix_`: index arrays that select a grid.

    Raises:
        ValueError: for what has not one axis.
        TracedValueError: for a traced mask, whose number of true places is not known.
    """
    grids = []
    for n, value in enumerate(args):
        x = asarray(value if isinstance(value, Tracer) else _known_positions(value))
        if x.ndim != 1:
            raise ValueError(f"Cross index must be 1 dimensional{at(user_location())}")
        if x.dtype == BOOL:
            raise TracedValueError(
                "np.ix_ of a traced mask needs its values; use positions" + at(user_location())
            )
        x = as_dtype(x, INT64) if x.size == 0 else x
        thin = tuple(x.size if a == n else 1 for a in range(len(args)))
        grids.append(rows.reshape(x, shape=thin))
    return tuple(grids)


def _known_positions(value: Any) -> Any:
    found = np.asarray(value)
    return found.nonzero()[0] if found.dtype == BOOL and found.ndim == 1 else found


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Tracer:
    """`np.vander`: powers as columns.

    Raises:
        ValueError: when ``x`` has not one axis, or ``N`` is negative.
    """
    value = asarray(x)
    if value.ndim != 1:
        raise ValueError(f"x must be a one-dimensional array or sequence.{at(user_location())}")
    count = value.size if N is None else int(N)
    if count < 0:
        raise ValueError(f"negative dimensions are not allowed{at(user_location())}")
    value = as_dtype(value, np.promote_types(value.dtype, INT64))
    columns = [number(1, value.dtype, value.shape)]
    while len(columns) < count:
        columns.append(columns[-1] * value)
    if count == 0:
        return number(0, value.dtype, (value.size, 0))
    order = columns if increasing else columns[::-1]
    return rows.concatenate(*(rows.reshape(c, shape=(value.size, 1)) for c in order), axis=1)
