"""Arrays put together and taken apart."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ..errors import TracedValueError, at
from ..known import settled
from ..location import user_location
from ..primitives import structure as rows
from ..trace import Tracer
from ..types import normalize_axis
from .creation import as_numpy_dtype, asarray, contains_tracer
from .promotion import as_dtype, common_dtype, spread
from .protocols import store
from .shaping import atleast_1d, atleast_2d


def _values(arrays: Any, dtype: Any, what: str, casting: str) -> list[Tracer]:
    """The arrays in their common dtype."""
    values = [asarray(x) for x in arrays]
    if not values:
        raise ValueError(f"need at least one array to join{at(user_location())}")
    wanted = common_dtype(values, what) if dtype is None else as_numpy_dtype(dtype)
    for x in values:
        if not np.can_cast(x.dtype, wanted, casting):  # type: ignore[arg-type]
            raise TypeError(
                f"Cannot cast array data from {x.dtype!r} to {wanted!r} according to the rule "
                f"'{casting}'{at(user_location())}"
            )
    return [as_dtype(x, wanted) for x in values]


def concatenate(
    arrays: Any, /, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Tracer:
    """`np.concatenate`: one after another along an axis."""
    values = _values(arrays, dtype, "np.concatenate", casting)
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
    values = _values(arrays, dtype, "np.stack", casting)
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
    return concatenate(_as_list(atleast_2d(*tup)), 0, dtype=dtype, casting=casting)


def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Tracer:
    """`np.hstack`: along the second axis, vectors along the first."""
    values = _as_list(atleast_1d(*tup))
    return concatenate(values, 0 if values[0].ndim == 1 else 1, dtype=dtype, casting=casting)


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
        if not inner:
            raise ValueError(f"lists of np.block cannot be empty{at(user_location())}")
        depth, inner = depth + 1, inner[0]
    _check_depth(arrays, depth)
    return _block(arrays, depth, _widest(arrays, depth))


def _check_depth(arrays: Any, depth: int) -> None:
    if isinstance(arrays, list) != (depth > 0):
        raise ValueError(f"List depths are mismatched.{at(user_location())}")
    for inner in arrays if depth else ():
        _check_depth(inner, depth - 1)


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
    return _split_of(ary, indices_or_sections, 0, "vsplit")


def dsplit(ary: Any, indices_or_sections: Any) -> list[Tracer]:
    """`np.dsplit`."""
    return _split_of(ary, indices_or_sections, 2, "dsplit")


def _split_of(ary: Any, indices_or_sections: Any, axis: int, name: str) -> list[Tracer]:
    x = asarray(ary)
    if x.ndim < max(axis + 1, 2):
        raise ValueError(
            f"{name} only works on arrays of {max(axis + 1, 2)} or more dimensions"
            f"{at(user_location())}"
        )
    return split(x, indices_or_sections, axis)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Tracer, ...]:
    """`np.unstack`: the parts along an axis."""
    value = asarray(x)
    before = (slice(None),) * normalize_axis(axis, value.ndim)
    return tuple(value[(*before, n)] for n in range(value.shape[axis]))


def delete(arr: Any, obj: Any, axis: Any = None) -> Tracer:
    """`np.delete`: without the given positions, known while tracing.

    Raises:
        IndexError: for positions out of bounds.
    """
    from .selection import take

    x = asarray(arr)
    if axis is None:
        x, axis = rows.reshape(x, shape=(x.size,)), 0
    place = normalize_axis(axis, x.ndim)
    obj = _positions(obj, "delete")
    return take(x, np.delete(np.arange(x.shape[place]), obj), place)


def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Tracer:
    """`np.insert`: values before the given positions, known while tracing.

    Raises:
        IndexError: for positions out of bounds.
        ValueError: for values that do not fit.
    """
    from .selection import take
    from .shaping import moveaxis

    x = asarray(arr)
    if axis is None:
        x, axis = rows.reshape(x, shape=(x.size,)), 0
    place = normalize_axis(axis, x.ndim)
    obj = _positions(obj, "insert")
    extent = x.shape[place]
    places = np.arange(*obj.indices(extent)) if isinstance(obj, slice) else np.asarray(obj)
    places = places.nonzero()[0] if places.dtype.kind == "b" else places
    new = as_dtype(asarray(values), x.dtype)
    count = places.size
    if count == 1:
        new = rows.reshape(new, shape=(1,) * (x.ndim - new.ndim) + new.shape)
        new = moveaxis(new, 0, place) if places.ndim == 0 else new
        count = new.shape[place]
    new = spread(new, (*x.shape[:place], count, *x.shape[place + 1 :]))
    both = rows.concatenate(x, new, axis=place)
    old, more = np.arange(extent), extent + np.arange(count)
    return take(both, np.insert(old, obj if places.size != 1 else int(places.flat[0]), more), place)


def _positions(obj: Any, name: str) -> Any:
    known = settled(obj)
    if contains_tracer(known):
        raise TracedValueError(
            f"np.{name} needs positions that are known while tracing{at(user_location())}"
        )
    return known
