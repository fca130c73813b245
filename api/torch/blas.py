"""Products added to something, products of vectors, chains and powers of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .dtypes import here
from .node import Row
from .rows import wrap_dim
from .tensors import Tensor, record


def _plus(product: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """``beta * c + alpha * product``; with beta 0 not even NaN in c counts."""

    def apply(c: Any, x: Any, y: Any, beta: float, alpha: float) -> Any:
        made = product(x, y)
        made = made if alpha == 1 else alpha * made
        if beta == 0:
            return made
        scaled = c if beta == 1 else beta * c
        return scaled + made

    return apply


ADDMV = Row("addmv", _plus(np.matmul), "AddmvBackward0")
ADDR = Row("addr", _plus(np.outer), "AddrBackward0")
BADDBMM = Row("baddbmm", _plus(np.matmul), "BaddbmmBackward0")
ADDBMM = Row("addbmm", _plus(lambda x, y: np.sum(np.matmul(x, y), 0)), "AddbmmBackward0")


def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """``beta * input + alpha * (mat @ vec)``.

    >>> torch.addmv(torch.ones(2), torch.eye(2), torch.ones(2))
    tensor([2., 2.])
    """
    return record(ADDMV, (input, mat, vec), (beta, alpha))


def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """``beta * input + alpha * outer(vec1, vec2)``.

    >>> torch.addr(torch.ones(2, 2), torch.ones(2), torch.ones(2))
    tensor([[2., 2.],
            [2., 2.]])
    """
    return record(ADDR, (input, vec1, vec2), (beta, alpha))


def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """``beta * input + alpha * bmm(batch1, batch2)``.

    >>> torch.baddbmm(torch.ones(1, 1, 1), torch.ones(1, 1, 2), torch.ones(1, 2, 1))
    tensor([[[3.]]])
    """
    return record(BADDBMM, (input, batch1, batch2), (beta, alpha))


def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """``beta * input`` and ``alpha`` times the sum of the products of a batch.

    >>> torch.addbmm(torch.ones(1, 1), torch.ones(3, 1, 2), torch.ones(3, 2, 1))
    tensor([[7.]])
    """
    return record(ADDBMM, (input, batch1, batch2), (beta, alpha))


# -- vectors ---------------------------------------------------------------------------------

INNER = Row("inner", lambda x, y: np.inner(x, y), "ViewBackward0")
VDOT = Row("vdot", lambda x, y: np.matmul(x, y), "VdotBackward0")
VECDOT = Row("vecdot", lambda x, y, dim: np.sum(x * y, dim), "SumBackward1")
CROSS = Row("cross", lambda x, y, dim: np.cross(x, y, axis=dim), "LinalgCrossBackward0")


def inner(input: Tensor, other: Tensor) -> Tensor:
    """Products summed over the last dimension of both.

    >>> torch.inner(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor(11)
    """
    return record(INNER, (input, other))


def vdot(input: Tensor, other: Tensor) -> Tensor:
    """The inner product of two vectors.

    >>> torch.vdot(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor(11)
    """
    for x in (input, other):
        if x.ndim != 1:
            raise RuntimeError(
                f"1D tensors expected, but got {input.ndim}D and {other.ndim}D tensors{here()}"
            )
    return record(VDOT, (input, other))


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Products summed along a dimension, all others broadcast.

    >>> torch.linalg.vecdot(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    tensor(11.)
    """
    return record(VECDOT, (x, y), (wrap_dim(dim, max(x.ndim, y.ndim)),))


def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The vector product along a dimension of extent 3, the first such unless told.

    >>> torch.cross(torch.tensor([1, 0, 0]), torch.tensor([0, 1, 0]))
    tensor([0, 0, 1])
    """
    shape = np.broadcast_shapes(input.shape, other.shape)
    if dim is None:
        if 3 not in shape:
            raise RuntimeError(f"no dimension of size 3 in input{here()}")
        dim = shape.index(3)
    axis = wrap_dim(dim, len(shape))
    for x in (input, other):
        if x.shape[axis] != 3:
            raise RuntimeError(
                f"linalg.cross: inputs dimension {dim} must have length 3. Got "
                f"{input.shape[axis]} and {other.shape[axis]}{here()}"
            )
    return record(CROSS, (input.expand(shape), other.expand(shape)), (axis,))


def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of matrices.

    >>> torch.chain_matmul(torch.eye(2), torch.ones(2, 1))
    tensor([[1.],
            [1.]])
    """
    return record(MULTI_DOT, tuple(matrices))


def _multi_dot(first: Any, *others: Any) -> Any:
    return np.linalg.multi_dot((first, *others)) if others else +first


MULTI_DOT = Row(
    "multi_dot",
    _multi_dot,
    "ViewBackward0",
)
