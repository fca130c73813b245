"""Elements in other places: turned, along diagonals, in windows; parts replaced in a copy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pullback.tracer.primitives.elementwise import broadcast_scalar
from pullback.tracer.primitives.elementwise import where as choose
from pullback.tracer.trace import Tracer

from .creation import full
from .dtypes import as_numpy, here
from .node import Row
from .reductions import SUM
from .rows import counted, like_first, wrap_dim
from .scattering import put
from .shapes import flip, reshape, transpose
from .tensors import Tensor, record, wrapped
from .writing import assign, check_writable

ROT90 = Row("rot90", lambda x, k, dims: np.rot90(x, k, dims), "Rot90Backward0")


def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """Turned by k right angles, from the first of two dimensions to the second.

    >>> torch.rot90(torch.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    axes = tuple(wrap_dim(d, input.ndim) for d in dims)
    return record(ROT90, (input,), (k, axes))


def reversed_(self: Tensor) -> Tensor:
    """The elements along the first dimension in reverse order: ``reversed(tensor)``."""
    return flip(self, 0) if self.ndim else self


def fliplr(input: Tensor) -> Tensor:
    """Columns in reverse order.

    >>> torch.fliplr(torch.tensor([[1, 2]]))
    tensor([[2, 1]])
    """
    if input.ndim < 2:
        raise RuntimeError(f"Input must be >= 2-d.{here()}")
    return flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """Rows in reverse order.

    >>> torch.flipud(torch.tensor([1, 2]))
    tensor([2, 1])
    """
    if input.ndim < 1:
        raise RuntimeError(f"Input must be >= 1-d.{here()}")
    return flip(input, 0)


def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions swapped; elements are real.

    >>> torch.adjoint(torch.tensor([[1, 2], [3, 4]]))
    tensor([[1, 3],
            [2, 4]])
    """
    return transpose(input, -2, -1)


# -- diagonals -------------------------------------------------------------------------------


def _diag_embed(x: Any, offset: int, dim1: int, dim2: int) -> Any:
    count = x.shape[-1] + abs(offset)
    here_, there = max(-offset, 0), max(offset, 0)
    on: Any = counted(x.shape[-1])[:, None] + there == counted(count)[None, :]
    values: Any = np.broadcast_to(x[..., :, None], (*x.shape, count))
    on = np.broadcast_to(on, values.shape)
    rows: Any = choose(on, values, broadcast_scalar(0, values))
    rest = count - x.shape[-1] - here_
    padded = np.pad(rows, (*((0, 0),) * (x.ndim - 1), (here_, rest), (0, 0)))
    return np.moveaxis(padded, (-2, -1), (dim1, dim2))


DIAG_EMBED = Row("diag_embed", _diag_embed, "DiagEmbedBackward0")


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with the last dimension as their diagonal.

    >>> torch.diag_embed(torch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    first, second = wrap_dim(dim1, input.ndim + 1), wrap_dim(dim2, input.ndim + 1)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}{here()}")
    return record(DIAG_EMBED, (input,), (offset, first, second))


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """A matrix with all elements along its diagonal.

    >>> torch.diagflat(torch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    return diag_embed(reshape(input, -1), offset)


def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """One value along the main diagonal, in place; tall matrices may start again (``wrap``)."""
    check_writable(self)
    if self.ndim < 2:
        raise RuntimeError(f"dimensions must larger than 1{here()}")
    extents = list(self.shape)
    if len(extents) > 2 and len(set(extents)) > 1:
        raise RuntimeError(f"all dimensions of input must be of equal length{here()}")
    columns = extents[-1]
    end = self.numel() if wrap or extents[0] <= columns else columns * columns
    step = sum(math.prod(extents[i + 1 :]) for i in range(len(extents)))
    places = np.arange(0, end, step)
    return assign(
        self, put(self, wrapped(places), full((len(places),), fill_value, dtype=self.dtype))
    )


def tril_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: Any = None,
    device: Any = None,
    layout: Any = None,
) -> Tensor:
    """The places of the lower triangle: a row of rows, a row of columns.

    >>> torch.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    found = np.stack(np.tril_indices(row, offset, col))
    return wrapped(found.astype(np.int64 if dtype is None else as_numpy(dtype)))


def triu_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: Any = None,
    device: Any = None,
    layout: Any = None,
) -> Tensor:
    """The places of the upper triangle: a row of rows, a row of columns.

    >>> torch.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    found = np.stack(np.triu_indices(row, offset, col))
    return wrapped(found.astype(np.int64 if dtype is None else as_numpy(dtype)))


# -- parts replaced --------------------------------------------------------------------------


def _replaced(x: Any, part: Any, where: tuple[Any, ...]) -> Any:
    made = Tracer(x.node)
    index = tuple(slice(*i[1:]) if isinstance(i, tuple) else i for i in where)
    made[index] = part
    return Tracer(made.node)


def _diagonal_replaced(x: Any, part: Any, offset: int, dim1: int, dim2: int) -> Any:
    moved: Any = np.moveaxis(x, (dim1, dim2), (-2, -1))
    count = part.shape[-1]
    rows = counted(count) + max(-offset, 0)
    made = Tracer(moved.node)
    made[(..., rows, rows + offset)] = part
    result: Any = Tracer(made.node)
    return np.moveaxis(result, (-2, -1), (dim1, dim2))


SELECT_SCATTER = Row("select_scatter", _replaced, "SelectScatterBackward0", like_first)
SLICE_SCATTER = Row("slice_scatter", _replaced, "SliceScatterBackward0", like_first)
DIAGONAL_SCATTER = Row(
    "diagonal_scatter", _diagonal_replaced, "DiagonalScatterBackward0", like_first
)


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy with one place along a dimension replaced.

    >>> torch.select_scatter(torch.zeros(2, 2), torch.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    axis = wrap_dim(dim, input.ndim)
    where = (*(("slice", None, None, None),) * axis, index)
    return record(SELECT_SCATTER, (input, src), (where,))


def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    """A copy with a slice along a dimension replaced.

    >>> torch.slice_scatter(torch.zeros(3), torch.ones(2), start=1)
    tensor([0., 1., 1.])
    """
    axis = wrap_dim(dim, input.ndim)
    where = (*(("slice", None, None, None),) * axis, ("slice", start, end, step))
    return record(SLICE_SCATTER, (input, src), (where,))


def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """A copy with a diagonal replaced.

    >>> torch.diagonal_scatter(torch.zeros(2, 2), torch.ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    axes = (wrap_dim(dim1, input.ndim), wrap_dim(dim2, input.ndim))
    return record(DIAGONAL_SCATTER, (input, src), (offset, *axes))


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """The sum over what broadcasting to the tensor's shape would repeat.

    >>> torch.ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    shape = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else tuple(size)
    new = input.ndim - len(shape)
    axes = tuple(i for i, n in enumerate(input.shape) if i < new or shape[i - new] != n)
    return reshape(record(SUM, (input,), (axes, False)), shape) if axes else input
