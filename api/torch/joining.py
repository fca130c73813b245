"""Tensors joined, and taken apart."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from pullback.tracer.numpy.promotion import as_dtype

from .dtypes import Kind, here, promoted
from .node import Promotion, Row
from .rows import wrap_dim
from .shapes import unsqueeze
from .tensors import Tensor, record, view_of


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
    if not input.ndim:
        raise RuntimeError(f"split expects at least a 1-dimensional tensor{here()}")
    axis = wrap_dim(dim, input.ndim)
    extent = input.shape[axis]
    _check_sizes(split_size, extent, axis)
    if isinstance(split_size, int):
        row = SPLIT
        sizes = [min(split_size, extent - i) for i in range(0, extent, split_size or 1)] or [0]
    else:
        row, sizes = SPLIT_WITH_SIZES, list(split_size)
    starts = itertools.accumulate(sizes, initial=0)
    return _parts(input, row, [(axis, i, i + n) for i, n in zip(starts, sizes, strict=False)])


def _check_sizes(split_size: Any, extent: int, axis: int) -> None:
    if isinstance(split_size, int):
        if split_size < 0:
            raise RuntimeError(
                f"split expects split_size be non-negative, but got split_size={split_size}{here()}"
            )
        if not split_size and extent:
            raise RuntimeError(
                "split_size can only be 0 if dimension size is 0, but got dimension size of "
                f"{extent}{here()}"
            )
    elif sum(split_size) != extent:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {extent} (input tensor's size "
            f"at dimension {axis}), but got split_sizes={list(split_size)}{here()}"
        )


def _part(x: Any, axis: int, start: int, stop: int) -> Any:
    return x[(*(slice(None),) * axis, slice(start, stop))]


def _at(x: Any, axis: int, index: int) -> Any:
    # With the dots what has no dimensions left is a view, too.
    return x[(*(slice(None),) * axis, index, ...)]


SPLIT = Row("split", _part, "SplitBackward0", view=True)
SPLIT_WITH_SIZES = Row("split", _part, "SplitWithSizesBackward0", view=True)
NARROW = Row("narrow", _part, "SliceBackward0", view=True)
SELECT = Row("select", _at, "SelectBackward0", view=True)
UNBIND = Row("unbind", _at, "UnbindBackward0", view=True)


def _seen(input: Tensor, row: Row, params: tuple[int, ...]) -> Tensor:
    """A part of a tensor, which is computed first if no derivatives are recorded."""
    if not input.requires_grad and not input.node.kept:
        input.value()
    return view_of(input, row, params)


def _parts(input: Tensor, row: Row, params: Sequence[Any]) -> tuple[Tensor, ...]:
    """Views that are the results of one operation: none of them can be written to alone."""
    made = tuple([_seen(input, row, p) for p in params])
    for i, x in enumerate(made):
        x.restricted = "multiple"
        if x.node.tracked:
            x.node.output = i
    return made


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most so many parts along a dimension, the last perhaps smaller.

    >>> [len(part) for part in torch.chunk(torch.arange(5), 2)]
    [3, 2]
    """
    if not input.ndim:
        raise RuntimeError(f"chunk expects at least a 1-dimensional tensor{here()}")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}{here()}")
    extent = input.shape[wrap_dim(dim, input.ndim)]
    if not extent:
        return split(input, [0] * chunks, dim)
    return split(input, max(-(-extent // chunks), 1), dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The parts along a dimension, without it.

    >>> torch.unbind(torch.arange(2))
    (tensor(0), tensor(1))
    """
    if not input.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions{here()}")
    axis = wrap_dim(dim, input.ndim)
    return _parts(input, UNBIND, [(axis, i) for i in range(input.shape[axis])])


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """The elements from ``start`` on along a dimension.

    >>> torch.narrow(torch.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    axis = wrap_dim(dim, input.ndim)
    extent = input.shape[axis]
    if not -extent <= start <= extent:
        raise IndexError(
            f"start out of range (expected to be in range of [{-extent}, {extent}], but got "
            f"{start}){here()}"
        )
    start %= max(extent, 1) if start < 0 else extent + 1
    if start + length > extent:
        raise RuntimeError(
            f"start ({start}) + length ({length}) exceeds dimension size ({extent}).{here()}"
        )
    return _seen(input, NARROW, (axis, start, start + length))


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """One place along a dimension, without it.

    >>> torch.select(torch.eye(2), 0, 1)
    tensor([0., 1.])
    """
    if not input.ndim:
        raise IndexError(f"select() cannot be applied to a 0-dim tensor.{here()}")
    axis = wrap_dim(dim, input.ndim)
    if not -input.shape[axis] <= index < input.shape[axis]:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at "
            f"dimension {axis}{here()}"
        )
    return _seen(input, SELECT, (axis, index))
