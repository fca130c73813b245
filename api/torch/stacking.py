"""Tensors beside one another, taken apart, and all pairs of their elements."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from .dtypes import Size, here
from .joining import cat, narrow, split, stack
from .node import Row
from .rows import common_shape, wrap_dim
from .shapes import expand, reshape, unsqueeze
from .tensors import Tensor, record, wrapped


def _given(tensors: tuple[Any, ...]) -> list[Tensor]:
    """Tensors one by one, or in one sequence."""
    if len(tensors) == 1 and not isinstance(tensors[0], Tensor):
        return list(tensors[0])
    return list(tensors)


def _each(function: Any, tensors: tuple[Any, ...]) -> Any:
    if len(tensors) == 1 and isinstance(tensors[0], Tensor):
        return function(tensors[0])
    return tuple(function(x) for x in _given(tensors))


def _one(x: Tensor) -> Tensor:
    return x if x.ndim else reshape(x, 1)


def _two(x: Tensor) -> Tensor:
    return x if x.ndim > 1 else unsqueeze(_one(x), 0)


def _three(x: Tensor) -> Tensor:
    return x if x.ndim > 2 else unsqueeze(_two(x), -1)


def atleast_1d(*tensors: Any) -> Any:
    """Tensors of at least one dimension.

    >>> torch.atleast_1d(torch.tensor(1.0))
    tensor([1.])
    """
    return _each(_one, tensors)


def atleast_2d(*tensors: Any) -> Any:
    """Tensors of at least two dimensions.

    >>> torch.atleast_2d(torch.tensor(1.0))
    tensor([[1.]])
    """
    return _each(_two, tensors)


def atleast_3d(*tensors: Any) -> Any:
    """Tensors of at least three dimensions.

    >>> torch.atleast_3d(torch.tensor(1.0))
    tensor([[[1.]]])
    """
    return _each(_three, tensors)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side, vectors as columns.

    >>> torch.column_stack((torch.tensor([1, 2]), torch.tensor([3, 4])))
    tensor([[1, 3],
            [2, 4]])
    """
    columns = [reshape(x, (x.numel(), 1)) if x.ndim < 2 else x for x in tensors]
    return cat(columns, 1)


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors behind one another, along the third dimension.

    >>> torch.dstack((torch.tensor([1, 2]), torch.tensor([3, 4])))
    tensor([[[1, 3],
             [2, 4]]])
    """
    return cat([_three(x) for x in tensors], 2)


# -- taking apart ----------------------------------------------------------------------------


def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of nearly equal size, or between places, along a dimension.

    >>> [len(part) for part in torch.tensor_split(torch.arange(5), 2)]
    [3, 2]
    """
    axis = wrap_dim(dim, input.ndim)
    if not input.ndim:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
            f"{here()}"
        )
    extent = input.shape[axis]
    given = indices_or_sections
    given = given.tolist() if isinstance(given, Tensor) else given
    if isinstance(given, int):
        small, more = divmod(extent, given)
        sizes = [small + (i < more) for i in range(given)]
        ends = list(itertools.accumulate(sizes))[:-1]
    else:
        ends = list(given)
    bounds = [slice(a, b) for a, b in zip([0, *ends], [*ends, extent], strict=True)]
    return tuple(input[(*(slice(None),) * axis, part)] for part in bounds)


def _divided(name: str, input: Tensor, given: Any, dim: int) -> tuple[Tensor, ...]:
    if isinstance(given, int) and input.shape[dim] % given:
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
            f"{input.shape[dim]} is not divisible by the split_size {given}!{here()}"
        )
    return tensor_split(input, given, dim)


def _needs(name: str, input: Tensor, count: int) -> None:
    if input.ndim < count:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {count} dimension, but got a tensor "
            f"with {input.ndim} dimensions!{here()}"
        )


def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Parts side by side.

    >>> torch.hsplit(torch.arange(4), 2)
    (tensor([0, 1]), tensor([2, 3]))
    """
    _needs("hsplit", input, 1)
    return _divided("hsplit", input, indices_or_sections, 0 if input.ndim == 1 else 1)


def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Parts below one another.

    >>> torch.vsplit(torch.eye(2), 2)
    (tensor([[1., 0.]]), tensor([[0., 1.]]))
    """
    _needs("vsplit", input, 2)
    return _divided("vsplit", input, indices_or_sections, 0)


def dsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Parts along the third dimension.

    >>> [part.shape for part in torch.dsplit(torch.ones(1, 1, 2), 2)]
    [torch.Size([1, 1, 1]), torch.Size([1, 1, 1])]
    """
    _needs("dsplit", input, 3)
    return _divided("dsplit", input, indices_or_sections, 2)


def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> Any:
    """Parts of these sizes along a dimension.

    >>> torch.split_with_sizes(torch.arange(3), [1, 2])
    (tensor([0]), tensor([1, 2]))
    """
    return split(input, list(split_sizes), dim)


# -- broadcasting ----------------------------------------------------------------------------


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """The tensors in the shape that they broadcast to.

    >>> torch.broadcast_tensors(torch.ones(2), torch.tensor(3.0))
    (tensor([1., 1.]), tensor([3., 3.]))
    """
    given = _given(tensors)
    shape = common_shape([tuple(x.shape) for x in given])
    return tuple(expand(x, shape) for x in given)


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that shapes broadcast to.

    >>> torch.broadcast_shapes((2, 1), (3,))
    torch.Size([2, 3])
    """
    wide = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    return Size(common_shape(wide) if wide else ())


# -- all of several --------------------------------------------------------------------------


def _block_diag(*blocks: Any) -> Any:
    matrices = [np.reshape(x, (1, -1)) if x.ndim < 2 else x for x in blocks]
    width = sum(x.shape[1] for x in matrices)
    rows: list[Any] = []
    before = 0
    for x in matrices:
        after = width - before - x.shape[1]
        rows.append(np.pad(x, ((0, 0), (before, after))))
        before += x.shape[1]
    return np.concatenate(rows, 0)


BLOCK_DIAG = Row("block_diag", _block_diag, "BlockDiagBackward0")


def block_diag(*tensors: Tensor) -> Tensor:
    """A matrix with the tensors as blocks along its diagonal.

    >>> torch.block_diag(torch.tensor([[1, 2]]), torch.tensor([[3]]))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """
    return record(BLOCK_DIAG, tuple(_given(tensors)))


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All tuples of an element of each vector, a row each.

    >>> torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    given = _given(tensors)
    if len(given) == 1:
        return given[0]
    grid = np.indices([x.numel() for x in given]).reshape(len(given), -1)
    return stack([x[wrapped(places)] for x, places in zip(given, grid, strict=True)], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of r elements, in the order of their places, a row each.

    >>> torch.combinations(torch.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = np.array(list(choose(range(input.numel()), r)), np.int64).reshape(-1, r)
    if not r:
        return narrow(input, 0, 0, 0)
    return stack([input[wrapped(column.copy())] for column in places.T], 1)


KRON = Row("kron", lambda x, y: np.kron(x, y), "UnsafeViewBackward0")


def kron(input: Tensor, other: Tensor) -> Tensor:
    """Kronecker's product: every element times all of the other tensor.

    >>> torch.kron(torch.tensor([1, 2]), torch.tensor([1, 10]))
    tensor([ 1, 10,  2, 20])
    """
    return record(KRON, (input, other))
