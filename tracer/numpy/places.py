"""Positions in arrays, flat and of diagonals; what conditions select."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import TracedValueError, at
from ..known import settled
from ..location import user_location
from ..primitives import elementwise as rows
from ..primitives.elementwise import broadcast_scalar
from ..primitives.structure import broadcast
from ..trace import Tracer
from ..types import INT64, Shape
from .creation import asarray
from .meanings import truth
from .promotion import as_dtype, number, prepare
from .selection import operand, take
from .shaping import as_ints


def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Tracer:
    """`np.compress`: the slices along an axis where a known condition holds.

    Raises:
        TracedValueError: for a traced condition: how often it holds is not known.
    """
    return take(a, _true_places(condition, "compress"), axis, out)


def extract(condition: Any, arr: Any) -> Tracer:
    """`np.extract`: the elements where a known condition holds.

    Raises:
        TracedValueError: for a traced condition: how often it holds is not known.
    """
    condition = settled(condition)
    if isinstance(condition, Tracer):
        return take(arr, _true_places(condition, "extract"))
    return take(arr, _true_places(np.ravel(condition), "extract"))


def _true_places(condition: Any, name: str) -> Any:
    condition = settled(condition)
    if isinstance(condition, Tracer):
        raise TracedValueError(
            f"np.{name} with a traced condition needs its values: how many elements it selects\n"
            f"  use np.where(condition, x, otherwise), or where= in a reduction"
            f"{at(user_location())}"
        )
    known = np.asarray(condition)
    if known.ndim != 1:
        raise ValueError(f"condition must be a 1-d array{at(user_location())}")
    return known.nonzero()[0]


def _extents(shape: Any) -> Shape:
    return as_ints(shape)


def unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[Tracer, ...]:
    """`np.unravel_index`: the index of flat positions; those out of bounds are not checked."""
    rest, extents = as_dtype(asarray(indices), INT64), _extents(shape)
    found = []
    for extent in reversed(extents) if order == "C" else extents:
        size = broadcast_scalar(extent, rest)
        found.append(rows.remainder(rest, size))
        rest = rows.floor_divide(rest, size)
    return tuple(found[::-1] if order == "C" else found)


def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Tracer:
    """`np.ravel_multi_index`: flat positions; with "raise", those out of bounds are not checked."""
    extents = _extents(dims)
    modes = mode if isinstance(mode, tuple) else (mode,) * len(extents)
    parts = [as_dtype(asarray(x), INT64) for x in multi_index]
    total: Any = 0
    for n, (part, extent, kind) in enumerate(zip(parts, extents, modes, strict=True)):
        within: Any = part
        if kind == "wrap":
            within = part % extent
        elif kind == "clip":
            within = np.clip(part, 0, extent - 1)
        step = math.prod(extents[n + 1 :] if order == "C" else extents[:n])
        total = total + within * step
    return asarray(total)


def diag_indices_from(arr: Any) -> Any:
    """`np.diag_indices_from`: known positions."""
    return np.diag_indices_from(_stand_in(arr))


def tril_indices_from(arr: Any, k: int = 0) -> Any:
    """`np.tril_indices_from`: known positions."""
    return np.tril_indices_from(_stand_in(arr), k)


def triu_indices_from(arr: Any, k: int = 0) -> Any:
    """`np.triu_indices_from`: known positions."""
    return np.triu_indices_from(_stand_in(arr), k)


def _stand_in(x: Any) -> Any:
    """An array of the shape and dtype that takes no memory."""
    value = asarray(x)
    return np.broadcast_to(np.zeros((), value.dtype), value.shape)


def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Tracer:
    """`np.piecewise`: of functions and values the last whose condition holds, else 0.

    The functions get all of ``x``, not the elements for which their condition holds.

    Raises:
        ValueError: for another number of functions than conditions, or one more.
    """
    value = asarray(x)
    conditions = [_covering(truth(asarray(c)), value) for c in _conditions(condlist, value)]
    if len(funclist) == len(conditions) + 1:
        otherwise: Any = ~_any_of(conditions)
        conditions.append(otherwise)
    elif len(funclist) != len(conditions):
        count = len(conditions)
        raise ValueError(
            f"with {count} condition(s), either {count} or {count + 1} functions are expected"
            f"{at(user_location())}"
        )
    result = number(0, value.dtype, value.shape)
    for condition, function in zip(conditions, funclist, strict=True):
        chosen = function(value, *args, **kw) if callable(function) else function
        new = as_dtype(asarray(operand(chosen)), value.dtype)
        result = rows.where(condition, prepare(new, value.dtype, value.shape), result)
    return result


def _any_of(conditions: list[Tracer]) -> Tracer:
    """Where one of the conditions holds."""
    found = conditions[0]
    for condition in conditions[1:]:
        found = rows.bit_or(found, condition)
    return found


def _covering(condition: Tracer, x: Tracer) -> Tracer:
    """A mask of the leading axes, for all."""
    if condition.shape != x.shape[: condition.ndim]:
        raise IndexError(
            f"boolean index did not match indexed array of shape {x.shape}; the boolean array has "
            f"shape {condition.shape}{at(user_location())}"
        )
    return broadcast(condition, shape=x.shape, axes=tuple(range(condition.ndim)))


def _conditions(condlist: Any, x: Tracer) -> list[Any]:
    if isinstance(condlist, (Tracer, np.ndarray, bool, np.bool_)):
        condition = asarray(condlist)
        several = condition.ndim > x.ndim
        return [condition[n] for n in range(condition.shape[0])] if several else [condition]
    first = condlist[0]
    if not isinstance(first, (list, np.ndarray, Tracer)) and x.ndim:
        return [condlist]
    return list(condlist)
