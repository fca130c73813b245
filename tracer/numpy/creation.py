"""Making arrays: of nested lists with traced numbers in them, like other arrays, of ranges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import at
from ..location import user_location
from ..primitives import structure as rows
from ..trace import Tracer, constant
from ..types import INT64, DType, Shape, is_integer
from .meanings import copy
from .promotion import (
    as_dtype,
    check_dtype,
    common_dtype,
    is_python_scalar,
    key,
    number,
    spread,
    strong,
)


def contains_tracer(value: Any) -> bool:
    """Whether a value, or an element of nested lists and tuples, is traced."""
    if isinstance(value, (list, tuple)):
        return any(contains_tracer(x) for x in value)
    return isinstance(value, Tracer)


def asarray(value: Any, dtype: Any = None, copy: bool | None = None) -> Tracer:
    """A traced array of anything that NumPy makes an array of; traced arrays stay what they are.

    Raises:
        ValueError: when nested lists have no one shape.
        OverflowError: for an int that the dtype cannot hold.
    """
    wanted = None if dtype is None else as_numpy_dtype(dtype)
    if type(value) is int and wanted is not None and is_integer(wanted):
        return number(value, wanted)
    x = _joined(value) if contains_tracer(value) and not isinstance(value, Tracer) else None
    if x is None:
        is_operand = isinstance(value, (Tracer, np.ndarray, np.generic)) or is_python_scalar(value)
        x = strong(value) if is_operand else constant(np.asarray(value))
    return x if wanted is None else as_dtype(x, wanted)


def array(value: Any, dtype: Any = None, *, copy: bool = True, ndmin: int = 0) -> Tracer:
    """A new traced array; writing to it leaves the one that it was made of as it is."""
    x = asarray(value, dtype)
    if x.ndim < ndmin:
        x = rows.reshape(x, shape=(1,) * (ndmin - x.ndim) + x.shape)
    return Tracer(x.node)


def as_numpy_dtype(dtype: Any) -> DType:
    """A dtype that can be compiled.

    Raises:
        UnsupportedTypeError: for any other.
    """
    return check_dtype(np.dtype(dtype), "this conversion")


def _nesting(value: Any) -> tuple[Shape, list[Any]] | None:
    """The shape of nested lists and what stands in them; None when that is not one shape."""
    if not isinstance(value, (list, tuple)):
        return (), [value]
    parts = [_nesting(x) for x in value]
    regular = [part for part in parts if part is not None]
    if len(regular) < len(parts) or any(part[0] != regular[0][0] for part in regular):
        return None
    inner = regular[0][0] if regular else ()
    return (len(parts), *inner), [leaf for _, leaves in regular for leaf in leaves]


def _joined(value: Any) -> Tracer:
    """All elements in one step; where lists stand beside arrays, list by list."""
    nesting = _nesting(value)
    shape, leaves = nesting if nesting is not None else ((len(value),), [asarray(x) for x in value])
    joined = stacked(leaves, common_dtype(leaves, "pullback.numpy.array"))
    return rows.reshape(joined, shape=(*shape, *joined.shape[1:]))


def stacked(values: Sequence[Any], dtype: DType) -> Tracer:
    """Values of one shape along a new first axis.

    Raises:
        ValueError: when their shapes differ.
    """
    parts = [
        number(x, dtype) if is_python_scalar(x) else as_dtype(strong(x), dtype) for x in values
    ]
    shape = parts[0].shape
    if any(x.shape != shape for x in parts):
        raise ValueError(f"all input arrays must have the same shape{at(user_location())}")
    return rows.concatenate(*(rows.reshape(x, shape=(1, *shape)) for x in parts), axis=0)


def ascopy(a: Any, order: Any = "K", subok: bool = False) -> Tracer:
    """`np.copy`: the value in storage of its own."""
    return copy(asarray(a))


def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tracer:
    """`np.astype`: converted elementwise, as a C cast does."""
    return Tracer(as_dtype(asarray(x), as_numpy_dtype(dtype)).node)


def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Tracer:
    """`np.full_like`: one value in the shape and dtype of another array."""
    like = key(a) if dtype is None else as_numpy_dtype(dtype)
    wanted = np.dtype(like)
    extents = _as_shape(shape) if shape is not None else asarray(a).shape
    return full(extents, fill_value, wanted)


def _as_shape(shape: Any) -> Shape:
    return (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(int(n) for n in shape)


def full(shape: Any, fill_value: Any, dtype: Any = None, **memory: Any) -> Tracer:
    """`np.full`: one value everywhere."""
    fill = asarray(fill_value, dtype)
    return Tracer(spread(fill, _as_shape(shape)).node)


def zeros(shape: Any, dtype: Any = float, **memory: Any) -> Tracer:
    """`np.zeros`, and `np.empty`: a traced array to write to."""
    return full(shape, 0, dtype)


def ones(shape: Any, dtype: Any = None, **memory: Any) -> Tracer:
    """`np.ones`: a traced array to write to."""
    return full(shape, 1, float if dtype is None else dtype)


def zeros_like(
    a: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Tracer:
    """`np.zeros_like`."""
    return full_like(a, 0, dtype, order, subok, shape)


def ones_like(
    a: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Tracer:
    """`np.ones_like`."""
    return full_like(a, 1, dtype, order, subok, shape)


def empty_like(
    prototype: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Tracer:
    """`np.empty_like`: zeros, to be written to."""
    return full_like(prototype, 0, dtype, order, subok, shape)


def require(a: Any, dtype: Any = None, requirements: Any = None, *, like: Any = None) -> Tracer:
    """`np.require`: traced values have no memory to ask anything of."""
    return asarray(a, dtype)


def positions(size: int, dtype: DType = INT64) -> Tracer:
    """0, 1, 2, ..."""
    return rows.iota(size=size, dtype=dtype)


def along(values: Tracer, shape: Shape, axis: int) -> Tracer:
    """1-d values repeated along all axes but one."""
    return rows.broadcast(values, shape=shape, axes=(axis,))
