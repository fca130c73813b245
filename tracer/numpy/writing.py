"""Functions that write into an array: ``copyto``, ``put``, ``place`` and their like."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import STORED, TracedValueError, at
from ..location import user_location
from ..primitives import elementwise as rows
from ..primitives.indexing import gather, scatter
from ..primitives.reduction import cumsum
from ..primitives.structure import reshape, update_slice
from ..trace import Tracer
from ..types import BOOL, INT64, DType, Shape, is_integer
from .creation import asarray
from .meanings import truth
from .promotion import as_dtype, key, number, prepare, python_type, spread
from .selection import flat_if_none, grid_along, operand
from .shaping import resize


def _target(array: Any, function: str) -> Tracer:
    """The traced array to write to.

    Raises:
        TracedValueError: for a real array, which cannot hold traced values.
    """
    if isinstance(array, Tracer):
        return array
    raise TracedValueError(f"np.{function}: {STORED}{at(user_location())}")


def _flat(x: Tracer) -> Tracer:
    return reshape(x, shape=(x.size,))


def as_update(value: Any, dtype: DType, shape: Shape) -> Tracer:
    """A value to be assigned: converted as a C cast does, and broadcast.

    Raises:
        ValueError: when it does not have, and cannot be broadcast to, the shape.
    """
    if python_type(value) is not None:
        return prepare(value, dtype, shape)
    update = as_dtype(asarray(value), dtype)
    extra = update.ndim - len(shape)
    if extra > 0 and all(n == 1 for n in update.shape[:extra]):
        update = reshape(update, shape=update.shape[extra:])
    return spread(update, shape)


def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """`np.copyto`: values put into an array, where a mask is true.

    Raises:
        TypeError: when the values cannot be cast.
    """
    target, values = _target(dst, "copyto"), operand(src)
    kind = key(values)
    found = np.result_type(target.dtype, kind(0)) if isinstance(kind, type) else kind
    if not np.can_cast(found, target.dtype, casting):  # type: ignore[arg-type]
        raise TypeError(
            f"Cannot cast array data from {found!r} to {target.dtype!r} according to the rule "
            f"'{casting}'{at(user_location())}"
        )
    new = as_update(values, target.dtype, target.shape)
    if where is not True:
        mask = spread(_as_mask(where), target.shape)
        new = rows.where(mask, new, Tracer(target.node))
    target.assign(new)


def _as_mask(where: Any) -> Tracer:
    mask = asarray(where)
    if mask.dtype != BOOL:
        raise TypeError(
            f"Cannot cast array data from {mask.dtype!r} to {BOOL!r} according to the rule 'safe'"
            f"{at(user_location())}"
        )
    return mask


def _position_array(ind: Any, size: int, mode: str) -> Tracer:
    places = asarray(ind)
    if places.size and not is_integer(places.dtype) and places.dtype != BOOL:
        raise TypeError(
            f"Cannot cast array data from {places.dtype!r} to {INT64!r} according to the rule "
            f"'safe'{at(user_location())}"
        )
    if mode == "raise" and not isinstance(ind, Tracer):
        known = np.asarray(ind)
        outside = known[(known < -size) | (known >= size)]
        if outside.size:
            raise IndexError(
                f"index {outside.flat[0]} is out of bounds for axis 0 with size {size}"
                f"{at(user_location())}"
            )
    places = as_dtype(_flat(places), INT64)
    if mode == "wrap":
        places = places % size
    elif mode == "clip":
        low, high = (number(n, INT64, places.shape) for n in (0, size - 1))
        places = rows.clip(places, low, high)
    return places


def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """`np.put`: values at positions in the flattened array, the values repeated as needed."""
    target = _target(a, "put")
    places = _position_array(ind, target.size, mode)
    values = as_dtype(_flat(asarray(v)), target.dtype)
    if not values.size or not places.size:
        return
    update = resize(values, places.size)
    target.assign(reshape(scatter(_flat(Tracer(target.node)), places, update), shape=target.shape))


def _safely_cast(values: Any, dtype: DType) -> Tracer:
    """Flat values in a dtype that holds all of theirs; lists are made in that dtype."""
    x = asarray(values)
    known = isinstance(values, (Tracer, np.ndarray, np.generic))
    if known and not np.can_cast(x.dtype, dtype, "safe"):
        raise TypeError(
            f"Cannot cast array data from {x.dtype!r} to {dtype!r} according to the rule 'safe'"
            f"{at(user_location())}"
        )
    return _flat(as_dtype(x, dtype))


def place(arr: Any, mask: Any, vals: Any) -> None:
    """`np.place`: the values, one after another and over again, where a mask is true.

    Raises:
        ValueError: when the mask has another size, or there are no values.
    """
    target, chosen = _target(arr, "place"), truth(asarray(mask))
    if chosen.size != target.size:
        raise ValueError(f"place: mask and data must be the same size{at(user_location())}")
    values = _safely_cast(vals, target.dtype)
    if not values.size:
        raise ValueError(f"Cannot insert from an empty array!{at(user_location())}")
    chosen = _flat(chosen)
    number_of = cumsum(as_dtype(chosen, INT64), axis=0, reverse=False) - 1
    _choose(target, chosen, gather(values, number_of % values.size))


def putmask(a: Any, mask: Any, values: Any) -> None:
    """`np.putmask`: of the values, repeated to the size of the array, those where a mask is true.

    Raises:
        ValueError: when the mask has another size.
        TypeError: when the values cannot be cast safely.
    """
    target, chosen = _target(a, "putmask"), truth(asarray(mask))
    if chosen.size != target.size:
        raise ValueError(f"putmask: mask and data must be the same size{at(user_location())}")
    found = _safely_cast(values, target.dtype)
    if found.size:
        _choose(target, _flat(chosen), resize(found, target.size))


def _choose(target: Tracer, mask: Tracer, values: Tracer) -> None:
    """Assign flat values where a flat mask is true."""
    new = rows.where(mask, values, _flat(Tracer(target.node)))
    target.assign(reshape(new, shape=target.shape))


def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    """`np.put_along_axis`: along an axis, for every place of the others at its own positions."""
    target = _target(arr, "put_along_axis")
    flat, along = flat_if_none(Tracer(target.node), axis)
    grid = grid_along(flat, indices, along)
    update = prepare(operand(values), target.dtype, grid[0].shape)
    target.assign(reshape(scatter(flat, *grid, update), shape=target.shape))


def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """`np.fill_diagonal`: values on the main diagonal, repeated as needed.

    Raises:
        ValueError: for arrays of one axis, and of more than two of different extents.
    """
    target = _target(a, "fill_diagonal")
    shape, size = target.shape, target.size
    if target.ndim < 2:
        raise ValueError(f"array must be at least 2-d{at(user_location())}")
    if target.ndim == 2:
        step = shape[1] + 1
        end = size if wrap else min(shape[1] * shape[1], size)
    else:
        if len(set(shape)) > 1:
            raise ValueError(
                f"All dimensions of input must be of equal length{at(user_location())}"
            )
        step, end = 1 + sum(math.prod(shape[: n + 1]) for n in range(target.ndim - 1)), size
    count = len(range(0, end, step))
    values = as_dtype(_flat(asarray(val)), target.dtype)
    if count and values.size:
        flat = update_slice(
            _flat(Tracer(target.node)), resize(values, count), starts=(0,), steps=(step,)
        )
        target.assign(reshape(flat, shape=shape))
