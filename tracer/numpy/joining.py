"""Arrays put together and taken apart."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import at
from ..location import user_location
from ..primitives import structure as rows
from ..trace import Tracer
from ..types import normalize_axis
from .creation import as_numpy_dtype, asarray
from .promotion import as_dtype, common_dtype, number, prepare
from .protocols import store
from .shaping import atleast_1d, atleast_2d, part


def _values(arrays: Any, dtype: Any, what: str) -> list[Tracer]:
    """The arrays in their common dtype."""
    values = [asarray(x) for x in arrays]
    if not values:
        raise ValueError(f"need at least one array to join{at(user_location())}")
    wanted = common_dtype(values, what) if dtype is None else as_numpy_dtype(dtype)
    return [as_dtype(x, wanted) for x in values]


def concatenate(
    arrays: Any, /, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Tracer:
    """`np.concatenate`: one after another along an axis."""
    values = _values(arrays, dtype, "np.concatenate")
    if axis is None:
        values = [rows.reshape(x, shape=(x.size,)) for x in values]
    if any(x.ndim == 0 for x in values):
        raise ValueError(f"zero-dimensional arrays cannot be concatenated{at(user_location())}")
    place = normalize_axis(0 if axis is None else int(axis), values[0].ndim)
    _check_extents(values, place)
    result: Tracer = store(out, Tracer(rows.concatenate(*values, axis=place).node))
    return result


def _check_extents(values: list[Tracer], axis: int) -> None:
    first = values[0].shape
    for x in values:
        rest = (*x.shape[:axis], *x.shape[axis + 1 :])
        if x.ndim != len(first) or rest != (*first[:axis], *first[axis + 1 :]):
            raise ValueError(
                "all the input array dimensions except for the concatenation axis must match "
                f"exactly: {first} and {x.shape} along axis {axis}{at(user_location())}"
            )


def stack(
    arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Tracer:
    """`np.stack`: along a new axis."""
    values = _values(arrays, dtype, "np.stack")
    shape = values[0].shape
    if any(x.shape != shape for x in values):
        raise ValueError(f"all input arrays must have the same shape{at(user_location())}")
    place = normalize_axis(axis, len(shape) + 1)
    thin = (*shape[:place], 1, *shape[place:])
    joined = rows.concatenate(*(rows.reshape(x, shape=thin) for x in values), axis=place)
    result: Tracer = store(out, Tracer(joined.node))
    return result


def _as_list(result: Any) -> list[Tracer]:
    return list(result) if isinstance(result, tuple) else [result]


def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Tracer:
    """`np.vstack`: rows under rows."""
    return concatenate(_as_list(atleast_2d(*tup)), 0, dtype=dtype)


def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Tracer:
    """`np.hstack`: along the second axis, vectors along the first."""
    values = _as_list(atleast_1d(*tup))
    return concatenate(values, 0 if values[0].ndim == 1 else 1, dtype=dtype)


def dstack(tup: Any) -> Tracer:
    """`np.dstack`: along the third axis."""
    from .shaping import atleast_3d

    return concatenate(_as_list(atleast_3d(*tup)), 2)


def column_stack(tup: Any) -> Tracer:
    """`np.column_stack`: vectors as columns."""
    values = [asarray(x) for x in tup]
    return concatenate([x if x.ndim > 1 else rows.reshape(x, shape=(x.size, 1)) for x in values], 1)


def append(arr: Any, values: Any, axis: Any = None) -> Tracer:
    """`np.append`."""
    return concatenate([asarray(arr), asarray(values)], axis)


def block(arrays: Any) -> Tracer:
    """`np.block`: nested lists, the innermost along the last axis."""
    depth, inner = 0, arrays
    while isinstance(inner, list):
        depth, inner = depth + 1, inner[0]
    return _block(arrays, depth, _widest(arrays, depth))


def _widest(arrays: Any, depth: int) -> int:
    if not isinstance(arrays, list):
        return max(asarray(arrays).ndim, depth)
    return max(_widest(x, depth) for x in arrays)


def _block(arrays: Any, depth: int, ndim: int) -> Tracer:
    if not isinstance(arrays, list):
        x = asarray(arrays)
        return rows.reshape(x, shape=(1,) * (ndim - x.ndim) + x.shape)
    return concatenate([_block(x, depth - 1, ndim) for x in arrays], ndim - depth)


def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Tracer]:
    """`np.array_split`: views, of extents as equal as can be, or cut at given positions."""
    x = asarray(ary)
    place = normalize_axis(axis, x.ndim)
    extent = x.shape[place]
    if np.ndim(indices_or_sections) == 0:
        count = int(indices_or_sections)
        if count <= 0:
            raise ValueError(f"number sections must be larger than 0.{at(user_location())}")
        small, more = divmod(extent, count)
        sizes = [small + 1] * more + [small] * (count - more)
        cuts = [0, *np.cumsum(sizes).tolist()]
    else:
        cuts = [0, *(int(n) for n in indices_or_sections), extent]
    before = (slice(None),) * place
    return [x[(*before, slice(a, b))] for a, b in itertools.pairwise(cuts)]


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Tracer]:
    """`np.split`: into equal parts, or cut at given positions."""
    x = asarray(ary)
    if np.ndim(indices_or_sections) == 0 and x.shape[axis] % int(indices_or_sections):
        raise ValueError(f"array split does not result in an equal division{at(user_location())}")
    return array_split(x, indices_or_sections, axis)


def hsplit(ary: Any, indices_or_sections: Any) -> list[Tracer]:
    """`np.hsplit`."""
    x = asarray(ary)
    return split(x, indices_or_sections, 0 if x.ndim == 1 else 1)


def vsplit(ary: Any, indices_or_sections: Any) -> list[Tracer]:
    """`np.vsplit`."""
    return split(ary, indices_or_sections, 0)


def dsplit(ary: Any, indices_or_sections: Any) -> list[Tracer]:
    """`np.dsplit`."""
    return split(ary, indices_or_sections, 2)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Tracer, ...]:
    """`np.unstack`: the parts along an axis."""
    value = asarray(x)
    before = (slice(None),) * normalize_axis(axis, value.ndim)
    return tuple(value[(*before, n)] for n in range(value.shape[axis]))


def pad(array: Any, pad_width: Any, mode: str = "constant", **kwargs: Any) -> Tracer:
    """`np.pad` in the modes constant, edge, reflect, symmetric, wrap."""
    x = asarray(array)
    if isinstance(pad_width, dict):
        pad_width = [pad_width.get(n, pad_width.get(n - x.ndim, (0, 0))) for n in range(x.ndim)]
        pad_width = [(w, w) if np.ndim(w) == 0 else w for w in pad_width]
    widths = np.broadcast_to(np.asarray(pad_width), (x.ndim, 2)).tolist()
    if mode == "constant":
        return _pad_constant(x, widths, kwargs.get("constant_values", 0))
    from .selection import take

    for axis, (low, high) in enumerate(widths):
        if low or high:
            places: Callable[..., Any] = np.pad
            x = take(x, places(np.arange(x.shape[axis]), (low, high), mode, **kwargs), axis)
    return x


def _pad_constant(x: Tracer, widths: list[list[int]], values: Any) -> Tracer:
    if np.ndim(values) == 0 or isinstance(values, Tracer):
        low, high = zip(*widths, strict=True) if widths else ((), ())
        value = prepare(values, x.dtype, ())
        return rows.pad(x, value, low=tuple(low), high=tuple(high), interior=(0,) * x.ndim)
    given = np.broadcast_to(np.asarray(values), (x.ndim, 2)).tolist()
    for axis, sides in enumerate(zip(widths, given, strict=True)):
        for side, (width, value) in enumerate(zip(*sides, strict=True)):
            size = tuple(
                width if n == axis and side == s else 0 for s in (0, 1) for n in range(x.ndim)
            )
            x = rows.pad(
                x,
                number(value, x.dtype),
                low=size[: x.ndim],
                high=size[x.ndim :],
                interior=(0,) * x.ndim,
            )
    return x


def delete(arr: Any, obj: Any, axis: Any = None) -> Tracer:
    """`np.delete`: without the given positions, known while tracing."""
    x = asarray(arr)
    if axis is None:
        x, axis = rows.reshape(x, shape=(x.size,)), 0
    from .selection import take

    return take(x, np.delete(np.arange(x.shape[axis]), obj), axis)


def insert(arr: Any, obj: int, values: Any, axis: Any = None) -> Tracer:
    """`np.insert` at one position."""
    x = asarray(arr)
    if axis is None:
        x, axis = rows.reshape(x, shape=(x.size,)), 0
    axis = normalize_axis(axis, x.ndim)
    place = int(obj) % (x.shape[axis] + 1) if obj < 0 else int(obj)
    shape = tuple(1 if n == axis else extent for n, extent in enumerate(x.shape))
    new = prepare(values, x.dtype, shape) if np.ndim(values) == 0 else asarray(values, x.dtype)
    new = rows.reshape(new, shape=shape) if new.size == np.prod(shape) else new
    return rows.concatenate(
        part(x, axis, 0, place), new, part(x, axis, place, x.shape[axis]), axis=axis
    )
