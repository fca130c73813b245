"""Tensors joined, and taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pullback.tracer.numpy.promotion import as_dtype

from .dtypes import Kind, here, promoted
from .node import Promotion, Row
from .rows import wrap_dim
from .shapes import unsqueeze
from .tensors import Tensor, record


def _one_dtype(kinds: Sequence[Kind], tracers: Sequence[Any]) -> list[Any]:
    return [as_dtype(x, promoted(kinds)) for x in tracers]


_join: Promotion = _one_dtype
CAT = Row("cat", lambda *xs: np.concatenate(xs[:-1], xs[-1]), "CatBackward0", _join)
STACK = Row("stack", lambda *xs: np.stack(xs[:-1], xs[-1]), "StackBackward0", _join)


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors one after another along a dimension.

    >>> torch.cat([torch.ones(2), torch.zeros(1)])
    tensor([1., 1., 0.])
    """
    # Torch has always passed over tensors of no elements and one dimension.
    tensors = [x for x in tensors if tuple(x.shape) != (0,)] or tensors
    ndim = tensors[0].ndim
    for x in tensors:
        if x.ndim != ndim:
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {ndim} and {x.ndim}{here()}"
            )
    return record(CAT, tuple(tensors), (wrap_dim(dim, ndim),))


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape along a new dimension.

    >>> torch.stack([torch.ones(2), torch.zeros(2)])
    tensor([[1., 1.],
            [0., 0.]])
    """
    shape = tensors[0].shape
    for i, x in enumerate(tensors):
        if x.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 "
                f"and {list(x.shape)} at entry {i}{here()}"
            )
    return record(STACK, tuple(tensors), (wrap_dim(dim, len(shape) + 1),))


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side.

    >>> torch.hstack([torch.ones(1), torch.zeros(1)])
    tensor([1., 0.])
    """
    return cat(tensors, 0 if tensors[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors below one another.

    >>> torch.vstack([torch.ones(2), torch.zeros(2)]).shape
    torch.Size([2, 2])
    """
    return cat([unsqueeze(x, 0) if x.ndim == 1 else x for x in tensors])


def split(input: Tensor, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of a size, or of several, along a dimension.

    >>> [len(part) for part in torch.split(torch.arange(5), 2)]
    [2, 2, 1]
    """
    axis = wrap_dim(dim, input.ndim)
    extent = input.shape[axis]
    if isinstance(split_size, int):
        sizes = [min(split_size, extent - i) for i in range(0, extent, split_size)]
    else:
        sizes = list(split_size)
    parts, start = [], 0
    for size in sizes:
        parts.append(narrow(input, axis, start, size))
        start += size
    return tuple(parts)


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most so many parts along a dimension, the last perhaps smaller.

    >>> [len(part) for part in torch.chunk(torch.arange(5), 2)]
    [3, 2]
    """
    extent = input.shape[wrap_dim(dim, input.ndim)]
    return split(input, max(-(-extent // chunks), 1), dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The parts along a dimension, without it.

    >>> torch.unbind(torch.arange(2))
    (tensor(0), tensor(1))
    """
    axis = wrap_dim(dim, input.ndim)
    return tuple(select(input, axis, i) for i in range(input.shape[axis]))


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """The elements from ``start`` on along a dimension.

    >>> torch.narrow(torch.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    axis = wrap_dim(dim, input.ndim)
    return input[(*(slice(None),) * axis, slice(start, start + length))]


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """One place along a dimension, without it.

    >>> torch.select(torch.eye(2), 0, 1)
    tensor([0., 1.])
    """
    if not input.ndim:
        raise IndexError(f"select() cannot be applied to a 0-dim tensor.{here()}")
    axis = wrap_dim(dim, input.ndim)
    return input[(*(slice(None),) * axis, index)]
