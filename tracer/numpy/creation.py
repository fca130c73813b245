"""Making arrays: of nested lists with traced numbers in them, like other arrays, of ranges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

import numpy as np

from ..errors import at
from ..known import known_int, refuse_unknown, settled
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


def asarray(
    value: Any,
    dtype: Any = None,
    order: Any = None,
    *,
    device: Any = None,
    copy: bool | None = None,
    like: Any = None,
) -> Tracer:
    """A traced array of anything that NumPy makes an array of; traced arrays stay what they are.

    Raises:
        ValueError: when nested lists have no one shape, or when an array must not be copied, but
            has to be.
        OverflowError: for an int that the dtype cannot hold.
    """
    require_cpu(device)
    wanted = None if dtype is None else as_numpy_dtype(dtype)
    x = _operand(value, wanted)
    if wanted is not None:
        x = as_dtype(x, wanted)
    if copy is False and x is not value:
        raise ValueError(
            "Unable to avoid copy while creating an array as requested; use copy=None"
            f"{at(user_location())}"
        )
    return Tracer(x.node) if copy else x


def _operand(value: Any, wanted: DType | None) -> Tracer:
    if isinstance(value, (Tracer, np.ndarray, np.generic)):
        return strong(value)
    if type(value) is int and wanted is not None and is_integer(wanted):
        return number(value, wanted)
    if is_python_scalar(value):
        return strong(value)
    return _joined(value) if contains_tracer(value) else constant(np.asarray(value))


def require_cpu(device: Any) -> None:
    """There is one device.

    Raises:
        ValueError: for any other.
    """
    if device not in (None, "cpu"):
        raise ValueError(
            f'Device not understood. Only "cpu" is allowed, but received: {device}'
            f"{at(user_location())}"
        )


def array(
    object: Any,
    dtype: Any = None,
    *,
    copy: bool | None = True,
    order: Any = "K",
    subok: bool = False,
    ndmin: int = 0,
    ndmax: int = 0,
    like: Any = None,
) -> Tracer:
    """A new traced array; writing to it leaves the one that it was made of as it is."""
    x = asarray(object, dtype, copy=copy)
    return x if x.ndim >= ndmin else rows.reshape(x, shape=(1,) * (ndmin - x.ndim) + x.shape)


def ascontiguousarray(a: Any, dtype: Any = None, *, like: Any = None) -> Tracer:
    """`np.ascontiguousarray`, and `np.asfortranarray`: of one dimension at least."""
    return array(a, dtype, copy=None, ndmin=1)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tracer:
    """`np.from_dlpack`."""
    return asarray(x, device=device, copy=copy)


def noted(
    function: Callable[..., Any], traced: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """A function that makes arrays, with traced arrays as results, known where nothing is traced.

    Otherwise ``traced`` makes them.
    """

    def either(*args: Any, **kwargs: Any) -> Any:
        known = settled(args)
        options = {name: settled(x) for name, x in kwargs.items() if name != "like"}
        if contains_tracer([*known, *options.values()]):
            return traced(*args, **kwargs) if traced else _refuse_first([*known, *options.values()])
        return _traced(function(*known, **options))

    return either


def _refuse_first(values: list[Any]) -> NoReturn:
    while not isinstance(values[0], Tracer):
        first, *rest = values
        values = [*first, *rest] if isinstance(first, (list, tuple)) else rest
    refuse_unknown(values[0])


def _traced(made: Any) -> Any:
    if isinstance(made, tuple):
        parts = [_traced(x) for x in made]
        return type(made)(*parts) if hasattr(made, "_fields") else tuple(parts)
    return made if isinstance(made, Tracer) else Tracer(constant(np.asarray(made)).node)


MADE: dict[Callable[..., Any], Callable[..., Tracer]] = {
    function: noted(function)
    for function in (
        np.arange,
        np.eye,
        np.identity,
        np.tri,
        np.fromfunction,
        np.fromiter,
        np.frombuffer,
        np.fromfile,
        np.fromstring,
        np.loadtxt,
        np.genfromtxt,
    )
}
"""What NumPy makes arrays by that are known while tracing; ``like=x`` has them traced."""


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
    require_cpu(device)
    return cast(x, dtype, copy=copy)


def cast(
    x: Any,
    dtype: Any,
    order: Any = "K",
    casting: Any = "unsafe",
    subok: bool = True,
    copy: bool = True,
) -> Tracer:
    """`np.ndarray.astype`; with ``copy=False`` the array itself if it has the dtype.

    Raises:
        TypeError: for a conversion that the rule does not allow.
    """
    array, wanted = asarray(x), as_numpy_dtype(dtype)
    if not np.can_cast(array.dtype, wanted, casting):
        raise TypeError(
            f"Cannot cast array data from {array.dtype!r} to {wanted!r} according to the rule "
            f"'{casting}'{at(user_location())}"
        )
    if not copy and array.dtype == wanted:
        return array
    return Tracer(as_dtype(array, wanted).node)


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
    require_cpu(device)
    like = key(a) if dtype is None else as_numpy_dtype(dtype)
    wanted = np.dtype(like)
    extents = _as_shape(shape) if shape is not None else asarray(a).shape
    return full(extents, fill_value, wanted)


def _as_shape(shape: Any) -> Shape:
    if isinstance(shape, (int, np.integer)) or (isinstance(shape, Tracer) and not shape.ndim):
        return (known_int(shape),)
    extents: Iterable[Any] = shape
    return tuple(known_int(n) for n in extents)


def full(
    shape: Any,
    fill_value: Any,
    dtype: Any = None,
    order: Any = "C",
    *,
    device: Any = None,
    like: Any = None,
) -> Tracer:
    """`np.full`: one value everywhere."""
    require_cpu(device)
    fill = asarray(fill_value, dtype)
    return Tracer(spread(fill, _as_shape(shape)).node)


def zeros(
    shape: Any,
    dtype: Any = None,
    order: Any = "C",
    *,
    device: Any = None,
    like: Any = None,
) -> Tracer:
    """`np.zeros`, and `np.empty`: a traced array to write to."""
    return full(shape, 0, float if dtype is None else dtype, device=device)


def ones(
    shape: Any,
    dtype: Any = None,
    order: Any = "C",
    *,
    device: Any = None,
    like: Any = None,
) -> Tracer:
    """`np.ones`: a traced array to write to."""
    return full(shape, 1, float if dtype is None else dtype, device=device)


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
    return full_like(a, 0, dtype, order, subok, shape, device=device)


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
    return full_like(a, 1, dtype, order, subok, shape, device=device)


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
    return full_like(prototype, 0, dtype, order, subok, shape, device=device)


def require(a: Any, dtype: Any = None, requirements: Any = None, *, like: Any = None) -> Tracer:
    """`np.require`: traced values have no memory to ask anything of."""
    return asarray(a, dtype)


def positions(size: int, dtype: DType = INT64) -> Tracer:
    """0, 1, 2, ..."""
    return rows.iota(size=size, dtype=dtype)


def along(values: Tracer, shape: Shape, axis: int) -> Tracer:
    """1-d values repeated along all axes but one."""
    return rows.broadcast(values, shape=shape, axes=(axis,))
