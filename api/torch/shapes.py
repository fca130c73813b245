"""Shapes and orders of elements, joining and splitting. What is a view in torch is a view here."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from pullback.tracer.types import ArrayType

from .dtypes import as_numpy, cpu_only, here
from .dtypes import device as cpu
from .dtypes import dtype as torch_dtype
from .node import Row
from .rows import wrap_dim, wrap_dims
from .tensors import CAST, COPY, Tensor, record, view_of

# Views of tracers and of arrays alike: NumPy's functions serve both.
VIEW = Row(
    "view",
    lambda x, shape: np.reshape(x, shape),
    "ViewBackward0",
    view=True,
    write=lambda x, value, shape: operator.setitem(x, ..., np.reshape(value, x.shape)),
)
RESHAPE_ALIAS = replace(VIEW, grad_name="ReshapeAliasBackward0")
"""A view in another shape of what does not lie in order."""
T = Row("t", lambda x: np.transpose(x), "TBackward0", view=True)
PERMUTE = Row("permute", lambda x, axes: np.transpose(x, axes), "PermuteBackward0", view=True)
SWAP = Row("transpose", lambda x, i, j: np.swapaxes(x, i, j), "TransposeBackward0", view=True)
UNSQUEEZE = Row("unsqueeze", lambda x, d: np.expand_dims(x, d), "UnsqueezeBackward0", view=True)
SQUEEZE = Row("squeeze", lambda x: np.squeeze(x), "SqueezeBackward0", view=True)
SQUEEZE_DIM = Row("squeeze", lambda x, dims: np.squeeze(x, dims), "SqueezeBackward1", view=True)


def _expanded(x: Any, shape: tuple[int, ...]) -> Any:
    wide = np.broadcast_to(x, shape)
    if isinstance(x, np.ndarray):
        wide.flags.writeable = x.flags.writeable
    return wide


def _diagonal(x: Any, k: int, i: int, j: int) -> Any:
    found = np.diagonal(x, k, i, j)
    if isinstance(x, np.ndarray):
        found.flags.writeable = x.flags.writeable
    return found


def _write_diagonal(x: Any, value: Any, k: int, i: int, j: int) -> None:
    count = np.arange(value.shape[-1])
    np.moveaxis(x, (i, j), (-2, -1))[..., count - min(k, 0), count + max(k, 0)] = value


EXPAND = Row("expand", _expanded, "ExpandBackward0", view=True)
DIAGONAL = Row("diagonal", _diagonal, "DiagonalBackward0", view=True, write=_write_diagonal)


def shape_argument(shape: Sequence[Any]) -> tuple[int, ...]:
    """Extents given one by one, or as one sequence."""
    if len(shape) == 1 and not isinstance(shape[0], int) and not isinstance(shape[0], Tensor):
        return tuple(int(n) for n in shape[0])
    return tuple(int(n) for n in shape)


def _completed(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    known = math.prod(n for n in shape if n != -1)
    fits = size == known if -1 not in shape else known > 0 and size % known == 0
    if not fits or shape.count(-1) > 1:
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size}{here()}")
    return tuple(size // known if n == -1 else n for n in shape)


def view(input: Tensor, *shape: Any, dtype: Any = None) -> Tensor:
    """The same elements in another shape, or the same bytes as another dtype; shares memory.

    >>> torch.arange(4).view(2, 2)
    tensor([[0, 1],
            [2, 3]])
    """
    other = dtype if dtype is not None else shape[0] if len(shape) == 1 else None
    if isinstance(other, torch_dtype):
        from .striding import view_as_dtype

        return view_as_dtype(input, other)
    wanted = _completed(shape_argument(shape), input.numel())
    if not _viewable(input, wanted):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            f"dimension spans across two contiguous subspaces). Use .reshape(...) instead.{here()}"
        )
    return view_of(input, VIEW, (wanted,))


def _viewable(input: Tensor, shape: tuple[int, ...]) -> bool:
    """Whether the elements in another shape can be in the same memory."""
    value, sharing = input.node.value, input.sharing
    if sharing is not None and input.chain and (value is None or not sharing.concrete):
        # It will lie as the views lead to it from the whole.
        return _reshapes(sharing.node.info.kind.type, input.chain, shape)
    if value is None or value.flags.c_contiguous:
        return True
    return np.may_share_memory(value, np.reshape(value, shape))


@lru_cache(maxsize=1000)
def _reshapes(whole: ArrayType, chain: tuple[Any, ...], shape: tuple[int, ...]) -> bool:
    array = np.zeros(whole.shape, whole.dtype)
    for row, params in chain:
        array = row.apply(array, *params)
    return array.flags.c_contiguous or np.may_share_memory(array, np.reshape(array, shape))


RESHAPED = Row("reshape", lambda x, shape: np.reshape(x, shape), "UnsafeViewBackward0")


def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The same elements in another shape; shares memory where it can.

    >>> torch.reshape(torch.arange(4), (2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    wanted = _completed(shape_argument(shape), input.numel())
    if not input.numel() or _viewable(input, wanted):
        straight = not input.chain or input.is_contiguous()
        return view_of(input, VIEW if straight else RESHAPE_ALIAS, (wanted,))
    return record(RESHAPED, (clone(input),), (wanted,))


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions joined into one.

    >>> torch.flatten(torch.ones(2, 2))
    tensor([1., 1., 1., 1.])
    """
    if not input.ndim:
        return reshape(input, 1)
    first, last = wrap_dim(start_dim, input.ndim), wrap_dim(end_dim, input.ndim)
    if first > last:
        raise RuntimeError(
            f"flatten() has invalid args: start_dim cannot come after end_dim{here()}"
        )
    if first == last:
        return input
    shape = input.shape
    return reshape(input, (*shape[:first], -1, *shape[last + 1 :]))


def ravel(input: Tensor) -> Tensor:
    """All elements along one dimension, next to each other in memory.

    >>> torch.ravel(torch.ones(2, 2))
    tensor([1., 1., 1., 1.])
    """
    return view(contiguous(input), -1)


def contiguous(input: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself if its elements follow one another in memory, else a copy."""
    return input if input.is_contiguous() else clone(input)


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dimension taken apart into several.

    >>> torch.unflatten(torch.ones(4), 0, (2, 2)).shape
    torch.Size([2, 2])
    """
    axis = wrap_dim(dim, input.ndim)
    return reshape(input, (*input.shape[:axis], *sizes, *input.shape[axis + 1 :]))


def t(input: Tensor) -> Tensor:
    """A matrix transposed; a vector as it is.

    >>> torch.t(torch.tensor([[1, 2], [3, 4]]))
    tensor([[1, 3],
            [2, 4]])
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D{here()}"
        )
    return view_of(input, T)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions swapped.

    >>> torch.transpose(torch.ones(2, 3), 0, 1).shape
    torch.Size([3, 2])
    """
    axes = (wrap_dim(dim0, input.ndim), wrap_dim(dim1, input.ndim))
    return view_of(input, SWAP, axes) if input.ndim else view_of(input, T)


def permute(input: Tensor, *dims: Any) -> Tensor:
    """The dimensions in another order.

    >>> torch.permute(torch.ones(2, 3, 4), (2, 0, 1)).shape
    torch.Size([4, 2, 3])
    """
    axes = tuple(wrap_dim(n, input.ndim) for n in shape_argument(dims))
    return view_of(input, PERMUTE, (axes,))


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions moved to other places.

    >>> torch.movedim(torch.ones(2, 3, 4), 0, 2).shape
    torch.Size([3, 4, 2])
    """
    moved, places = (wrap_dims(d, input.ndim) or () for d in (source, destination))
    if len(moved) != len(places):
        raise RuntimeError(
            "movedim: Invalid source or destination dims: source "
            f"({list(moved)} dims) should contain the same number of dims as destination "
            f"({list(places)} dims){here()}"
        )
    order = [i for i in range(input.ndim) if i not in moved]
    for place, axis in sorted(zip(places, moved, strict=True)):
        order.insert(place, axis)
    return permute(input, order)


def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without the dimensions of extent 1, or without those named if they are.

    >>> torch.squeeze(torch.ones(1, 3, 1)).shape
    torch.Size([3])
    """
    if dim is None:
        return view_of(input, SQUEEZE)
    axes = wrap_dims(dim, input.ndim) or ()
    return view_of(input, SQUEEZE_DIM, (tuple(n for n in axes if input.shape[n] == 1),))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A new dimension of extent 1.

    >>> torch.unsqueeze(torch.ones(3), 0).shape
    torch.Size([1, 3])
    """
    return view_of(input, UNSQUEEZE, (wrap_dim(dim, input.ndim + 1),))


def expand(input: Tensor, *sizes: Any) -> Tensor:
    """Dimensions of extent 1 repeated, without copying; -1 keeps an extent.

    >>> torch.ones(3, 1).expand(3, 2).shape
    torch.Size([3, 2])
    """
    wanted = shape_argument(sizes)
    have = (1,) * (len(wanted) - input.ndim) + input.shape
    if len(wanted) < input.ndim:
        raise RuntimeError(
            f"expand(torch.{input.dtype.title}Tensor{{{list(input.shape)}}}, size={list(wanted)}): "
            f"the number of sizes provided ({len(wanted)}) must be greater or equal to the number "
            f"of dimensions in the tensor ({input.ndim}){here()}"
        )
    shape = tuple(n if m == -1 else m for n, m in zip(have, wanted, strict=True))
    for axis, (n, m) in enumerate(zip(have, shape, strict=True)):
        if n not in (1, m):
            raise RuntimeError(
                f"The expanded size of the tensor ({m}) must match the existing size ({n}) at "
                f"non-singleton dimension {axis}.  Target sizes: {list(wanted)}.  Tensor sizes: "
                f"{list(input.shape)}{here()}"
            )
    return view_of(input, EXPAND, (shape,))


def broadcast_to(input: Tensor, *size: Any) -> Tensor:
    """`Tensor.expand` to a shape.

    >>> torch.broadcast_to(torch.ones(2), (3, 2)).shape
    torch.Size([3, 2])
    """
    return expand(input, *size)


# -- copies ----------------------------------------------------------------------------------

FLIP = Row("flip", lambda x, dims: np.flip(x, dims), "FlipBackward0")
ROLL = Row("roll", lambda x, n, dims: np.roll(x, n, dims), "RollBackward0")
REPEAT = Row("repeat", lambda x, sizes: np.tile(x, sizes), "RepeatBackward0")
TRIL = Row("tril", lambda x, k: np.tril(x, k), "TrilBackward0")
TRIU = Row("triu", lambda x, k: np.triu(x, k), "TriuBackward0")
DIAG = Row(
    "diag",
    lambda x, k: np.diag(x, k),
    lambda kinds, k: (
        "DiagEmbedBackward0" if len(kinds[0].type.shape) == 1 else "DiagonalBackward0_copy"
    ),
)
TRACE = Row("trace", lambda x: np.trace(x), "TraceBackward0")


def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy; derivatives go through it.

    >>> torch.clone(torch.ones(2))
    tensor([1., 1.])
    """
    return record(COPY, (input,))


def to(
    input: Tensor,
    *args: Any,
    dtype: Any = None,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """The tensor in another dtype; itself if it has that. A device, if given, must be the CPU."""
    rest = list(args)
    if rest and isinstance(rest[0], Tensor):
        dtype = rest.pop(0).dtype
    elif rest and (rest[0] is None or isinstance(rest[0], (str, cpu, int))):
        device = rest.pop(0)
        dtype = rest.pop(0) if rest and not isinstance(rest[0], builtins.bool) else dtype
    elif rest:
        dtype = rest.pop(0)
    if device is not None:
        cpu_only(device)
    copy = bool(rest[1]) if len(rest) > 1 else copy
    if dtype is None or as_numpy(dtype) == input.dtype.numpy:
        return clone(input) if copy else input
    return record(CAST, (input,), (as_numpy(dtype),))


def flip(input: Tensor, dims: Any) -> Tensor:
    """Elements in reverse order along dimensions.

    >>> torch.flip(torch.tensor([1, 2, 3]), (0,))
    tensor([3, 2, 1])
    """
    return record(FLIP, (input,), (wrap_dims(dims, input.ndim) or (),))


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Elements moved along dimensions; what leaves at one end comes in at the other.

    >>> torch.roll(torch.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    places = shifts if isinstance(shifts, int) else tuple(shifts)
    axes = wrap_dims(dims, input.ndim)
    if isinstance(places, int) and axes is not None:
        places = (places,) * len(axes)
    return record(ROLL, (input,), (places, axes))


def repeat(input: Tensor, *sizes: Any) -> Tensor:
    """Copies side by side, so many along each dimension."""
    counts = shape_argument(sizes)
    if len(counts) < input.ndim:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            f"tensor{here()}"
        )
    return record(REPEAT, (input,), (counts,))


def tile(input: Tensor, dims: Any) -> Tensor:
    """Copies side by side, as `numpy.tile` makes them.

    >>> torch.tile(torch.tensor([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    return record(REPEAT, (input,), (shape_argument((dims,)),))


def _need_matrix(name: str, input: Tensor) -> None:
    if input.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions{here()}")


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle, zeros elsewhere.

    >>> torch.tril(torch.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    _need_matrix("tril", input)
    return record(TRIL, (input,), (diagonal,))


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle, zeros elsewhere.

    >>> torch.triu(torch.ones(2, 2))
    tensor([[1., 1.],
            [0., 1.]])
    """
    _need_matrix("triu", input)
    return record(TRIU, (input,), (diagonal,))


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, or the matrix with a vector as its diagonal.

    >>> torch.diag(torch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    return record(DIAG, (input,), (diagonal,))


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of two dimensions.

    >>> torch.diagonal(torch.eye(2))
    tensor([1., 1.])
    """
    axes = (wrap_dim(dim1, input.ndim), wrap_dim(dim2, input.ndim))
    return view_of(input, DIAGONAL, (offset, *axes))


def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix.

    >>> torch.trace(torch.eye(3))
    tensor(3.)
    """
    return record(TRACE, (input,))
