"""Results whose shapes depend on values: distinct elements, places of what is not zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from .dtypes import here
from .indexing import nonzero
from .rows import wrap_dim
from .tensors import Tensor, wrapped


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements in order (or slices along a dimension), where each is, how many.

    >>> torch.unique(torch.tensor([3, 1, 3]))
    tensor([1, 3])
    """
    axis = None if dim is None else wrap_dim(dim, input.ndim)
    values, inverse, counts = np.unique(
        input.value(), return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    inverse = inverse.reshape(input.shape if axis is None else -1)
    return _chosen(values, (inverse, return_inverse), (counts, return_counts))


def _chosen(values: Any, *others: tuple[Any, bool]) -> Any:
    made = [wrapped(np.ascontiguousarray(values))]
    made += [wrapped(np.asarray(x, np.int64)) for x, wanted in others if wanted]
    return made[0] if len(made) == 1 else tuple(made)


def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """Without elements (or slices) that equal the one before.

    >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    values = input.value()
    lines = values.reshape(-1) if dim is None else np.moveaxis(values, wrap_dim(dim, input.ndim), 0)
    count = lines.shape[0]
    differ = lines[1:] != lines[:-1]
    changed = differ.any(tuple(range(1, differ.ndim)))
    first = np.concatenate([np.ones(min(count, 1), bool), changed])
    inverse = np.cumsum(first) - 1
    counts = np.bincount(inverse, minlength=int(first.sum()))
    kept = lines[first]
    if dim is None:
        inverse = inverse.reshape(input.shape)
    else:
        kept = np.moveaxis(kept, 0, wrap_dim(dim, input.ndim))
    return _chosen(kept, (inverse, return_inverse), (counts, return_counts))


def argwhere(input: Tensor) -> Tensor:
    """The places of the elements that are not zero, a row each.

    >>> torch.argwhere(torch.tensor([0, 3, 4]))
    tensor([[1],
            [2]])
    """
    made: Tensor = nonzero(input)
    return made


def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """`nonzero` cut, or filled up, to ``size`` rows.

    >>> torch.nonzero_static(torch.tensor([0, 3, 4]), size=3)
    tensor([[ 1],
            [ 2],
            [-1]])
    """
    found = np.argwhere(input.value())[:size]
    made = np.full((size, input.ndim), fill_value, np.int64)
    made[: len(found)] = found
    return wrapped(made)


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """Places in a flattened tensor as a place along each dimension.

    >>> torch.unravel_index(torch.tensor([5]), (2, 3))
    (tensor([1]), tensor([2]))
    """
    extents = (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape)
    if indices.dtype.numpy.kind != "i":
        raise ValueError(
            f"expected 'indices' to be integer dtype, but got {indices.dtype!r}{here()}"
        )
    return tuple(wrapped(np.asarray(x)) for x in np.unravel_index(indices.value(), extents))
