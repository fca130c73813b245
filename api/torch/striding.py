"""Views by steps through memory: by strides, in windows, and of the same bytes as another dtype."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pullback.tracer.trace import Tracer

from .dtypes import dtype as torch_dtype
from .dtypes import here
from .node import Row
from .rows import counted, wrap_dim
from .shapes import VIEW
from .storage import base_of, root_of
from .tensors import Tensor, record, view_of, wrapped

Array = np.ndarray[Any, Any]


def _lying(memory: Array, start: int, shape: tuple[int, ...], steps: tuple[int, ...]) -> Array:
    """An array in the memory of another, from a byte on, by steps in bytes."""
    root = root_of(memory)
    start += memory.ctypes.data - root.ctypes.data
    buffer = root if root.flags.c_contiguous else root.T
    return np.ndarray(shape, memory.dtype, buffer, start, steps)


# -- by strides ------------------------------------------------------------------------------


def _places(size: tuple[int, ...], stride: tuple[int, ...], offset: int) -> Array:
    places = np.full(size, offset)
    for axis, (n, step) in enumerate(zip(size, stride, strict=True)):
        places += (np.arange(n) * step).reshape((-1, *(1,) * (len(size) - 1 - axis)))
    return places


def _numbers(x: Any, size: Any, stride: Any, offset: int, lying: tuple[int, ...]) -> Array:
    """The same as numbers in row-major order, of what lies in memory by the strides ``lying``."""
    number = np.zeros(math.prod(x.shape), np.int64)
    number[_places(x.shape, lying, 0).reshape(-1)] = np.arange(len(number))
    return number[_places(size, stride, offset)]


def _strided(x: Any, *params: Any) -> Any:
    if isinstance(x, Tracer):
        return np.reshape(x, -1)[_numbers(x, *params)]
    size, stride, offset, _ = params
    width = x.itemsize
    return _lying(x, offset * width, size, tuple(n * width for n in stride))


def _write_strided(x: Any, value: Any, *params: Any) -> None:
    flat = x if x.ndim else np.reshape(x, (1,))
    flat[np.unravel_index(_numbers(x, *params), flat.shape)] = value


AS_STRIDED = Row("as_strided", _strided, "AsStridedBackward0", view=True, write=_write_strided)


def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """The elements of the storage by strides, from an offset on; shares memory.

    >>> torch.as_strided(torch.arange(4), (2, 2), (1, 2))
    tensor([[0, 2],
            [1, 3]])
    """
    whole, params = strided_view(input, size, stride, storage_offset)
    return view_of(whole, AS_STRIDED, params)


def strided_view(input: Tensor, size: Any, stride: Any, offset: int | None) -> Any:
    """The tensor of the whole storage, and what is to be seen of it.

    Raises:
        RuntimeError: torch's, for what is not in the storage.
    """
    shape, steps = tuple(int(n) for n in size), tuple(int(n) for n in stride)
    start = input.storage_offset() if offset is None else int(offset)
    if len(shape) != len(steps):
        raise RuntimeError(f"mismatch in length of strides and shape{here()}")
    if min(steps, default=0) < 0:
        raise RuntimeError(
            "as_strided: Negative strides are not supported at the moment, got strides: "
            f"{list(steps)}{here()}"
        )
    whole = _whole(input)
    last = start + sum((n - 1) * step for n, step in zip(shape, steps, strict=True))
    if min(shape, default=1) > 0 and last >= whole.numel():
        width = input.element_size()
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {list(steps)}, storage offset {start}, and "
            f"itemsize {width} requiring a storage size of {(last + 1) * width} are out of bounds "
            f"for storage of size {whole.numel() * width}{here()}"
        )
    return whole, (shape, steps, start, whole.stride())


def _whole(input: Tensor) -> Tensor:
    """The tensor of all that is in the storage, without gaps."""
    base = base_of(input)
    whole = input if base is None else base
    steps: Any = whole.stride()
    last = sum((n - 1) * step for n, step in zip(whole.shape, steps, strict=True))
    if whole.numel() and (last + 1 != whole.numel() or 0 in steps):
        raise NotImplementedError(f"as_strided is for storages that a tensor fills{here()}")
    detached = any(row.grad_name is None for row, _ in input.chain)
    return whole.detach() if detached and whole is not input else whole


AS_STRIDED_SCATTER = Row(
    "as_strided_scatter",
    lambda x, part, *params: _strided_replaced(x, part, *params),
    "AsStridedScatterBackward0",
)


def _strided_replaced(x: Any, part: Any, *params: Any) -> Any:
    made = Tracer(x.node)
    _write_strided(made, part.astype(x.dtype), *params)
    return Tracer(made.node)


def as_strided_scatter(
    input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None
) -> Tensor:
    """A copy with the elements by strides, from an offset on, replaced.

    >>> torch.as_strided_scatter(torch.zeros(4), torch.ones(2), (2,), (3,))
    tensor([1., 0., 0., 1.])
    """
    whole, params = strided_view(input.contiguous(), size, stride, storage_offset)
    return record(AS_STRIDED_SCATTER, (whole, src), params)


# -- in windows ------------------------------------------------------------------------------


def _unfolded(x: Any, dim: int, size: int, step: int) -> Any:
    lines = x if x.ndim else np.reshape(x, (1,))
    count = (lines.shape[dim] - size) // step + 1
    if isinstance(x, Tracer):
        places = step * counted(count)[:, None] + counted(size)
        return np.moveaxis(np.take(lines, places, dim), dim + 1, -1) if x.ndim else lines[:size]
    if not x.ndim:
        return lines[:size]
    shape, steps = list(lines.shape), list(lines.strides)
    shape[dim], steps[dim] = count, steps[dim] * step
    return _lying(x, 0, (*shape, size), (*steps, x.strides[dim]))


def _write_unfolded(x: Any, value: Any, dim: int, size: int, step: int) -> None:
    if not x.ndim:
        np.reshape(x, (1,))[:size] = value
        return
    count = (x.shape[dim] - size) // step + 1
    places = step * np.arange(count)[:, None] + np.arange(size)
    np.moveaxis(x, dim, -1)[..., places] = np.moveaxis(value, dim, -2)


UNFOLD = Row("unfold", _unfolded, "UnfoldBackward0", view=True, write=_write_unfolded)


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows of ``size`` elements, each ``step`` after the last, along a new last dimension.

    A view: the windows share the memory of the tensor.

    >>> torch.arange(4).unfold(0, 2, 1)
    tensor([[0, 1],
            [1, 2],
            [2, 3]])
    """
    axis = wrap_dim(dimension, input.ndim)
    extent = input.shape[axis] if input.ndim else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0{here()}")
    if size > extent:
        raise RuntimeError(
            f"maximum size for tensor at dimension {axis} is {extent} but size is {size}{here()}"
        )
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0{here()}")
    return view_of(input, UNFOLD, (axis, size, step))


# -- of another dtype ------------------------------------------------------------------------


def view_as_dtype(input: Tensor, dtype: torch_dtype) -> Tensor:
    """The same bytes as elements of another dtype, along the last dimension; shares memory.

    Raises:
        RuntimeError: torch's, where bytes do not make whole elements.
    """
    if dtype is input.dtype:
        return view_of(input, VIEW, (tuple(input.shape),))
    have, want = input.dtype.itemsize, dtype.itemsize
    if have != want:
        _check_bytes(input, dtype)
    made = wrapped(input.detach().numpy().view(dtype.numpy))
    made.exposed, made.operand = True, None
    return made


def _check_bytes(input: Tensor, dtype: torch_dtype) -> None:
    what = f"to view {input.dtype.title} as {dtype.title} (different element sizes)"
    if not input.ndim:
        raise RuntimeError(f"self.dim() cannot be 0 {what}{here()}")
    if input.stride(-1) != 1:
        raise RuntimeError(f"self.stride(-1) must be 1 {what}, but got {input.stride(-1)}{here()}")
    ratio = dtype.itemsize // input.dtype.itemsize
    if ratio > 1 and input.shape[-1] % ratio:
        raise RuntimeError(
            f"self.size(-1) must be divisible by {ratio} {what}, but got {input.shape[-1]}{here()}"
        )
