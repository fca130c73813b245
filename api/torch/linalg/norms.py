"""Norms of vectors and matrices, ranks and condition numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import here
from ..node import Row
from ..reductions import NORM
from ..rows import wrap_dim, wrap_dims
from ..tensors import Tensor, record
from .checks import matrix


def _matrix_norm(x: Any, order: Any, dims: tuple[int, int], keepdim: bool) -> Any:
    return np.linalg.norm(x, order, dims, keepdims=keepdim)


def _matrix_norm_name(kinds: Any, order: Any, *rest: Any) -> str:
    return "SumBackward1" if order == "nuc" else "AmaxBackward0" if order > 0 else "AminBackward0"


MATRIX_NORM = Row("matrix_norm", _matrix_norm, _matrix_norm_name)
RANK = Row("matrix_rank", lambda x, rtol, h: np.linalg.matrix_rank(x, hermitian=h, rtol=rtol), None)
COND = Row(
    "cond",
    lambda x, p: np.linalg.cond(x, p),
    lambda kinds, p: "SqueezeBackward1" if p in (None, 2, -2) else "NanToNumBackward0",
)


def _converted(x: Tensor, dtype: Any) -> Tensor:
    x = x if dtype is None else x.to(dtype)
    if x.dtype.numpy.kind not in "fc":
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{x.dtype.title}{here()}"
        )
    return x


def vector_norm(
    x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norm of all elements, or along dimensions, as of vectors.

    >>> torch.linalg.vector_norm(torch.tensor([[3.0, 4.0]]))
    tensor(5.)
    """
    x = _converted(x, dtype)
    return record(NORM, (x,), (float(ord), wrap_dims(dim, x.ndim), keepdim))


def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norm of matrices in two dimensions: fro, nuc, 1, -1, 2, -2, inf or -inf.

    >>> torch.linalg.matrix_norm(torch.tensor([[3.0, 0.0], [0.0, 4.0]]), 2)
    tensor(4.)
    """
    x = _converted(A, dtype)
    matrix("matrix_norm", x)
    dims = tuple(wrap_dim(d, x.ndim) for d in dim)
    if ord == "fro":
        return record(NORM, (x,), (2.0, dims, keepdim))
    return record(MATRIX_NORM, (x,), (ord, dims, keepdim))


def norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norm of vectors or matrices, by the number of dimensions.

    >>> torch.linalg.norm(torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    x = _converted(A, dtype)
    dims = wrap_dims(dim, x.ndim)
    if ord is None:
        return record(NORM, (x,), (2.0, dims, keepdim))
    if dims is None:
        dims = tuple(range(x.ndim))
    if len(dims) == 2:
        return matrix_norm(x, ord, dims, keepdim)
    if len(dims) > 2:
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D "
            f"or 2D. Got {x.ndim}D.{here()}"
        )
    return record(NORM, (x,), (float(ord), dims, keepdim))


def _rank_above(x: Any, *rest: Any) -> Any:
    *limits, has_atol, has_rtol, hermitian = rest
    values: Any = np.abs(np.linalg.eigvalsh(x)) if hermitian else np.linalg.svd(x, compute_uv=False)
    if not values.size:
        return np.zeros(values.shape[:-1], np.int64) + 0 * np.sum(values, -1).astype(np.int64)
    given = iter(limits)
    least: Any = next(given) if has_atol else 0.0
    part: Any = next(given) if has_rtol else 0.0
    limit = np.maximum(least, part * np.max(values, -1))
    return np.sum(values > limit[..., None], -1)


RANK_ABOVE = Row("matrix_rank", _rank_above, None)


def matrix_rank(
    A: Tensor, tol: Any = None, *, atol: Any = None, rtol: Any = None, hermitian: bool = False
) -> Tensor:
    """How many singular values are greater than ``atol``, and than ``rtol`` of the greatest.

    With neither, the latter is the greater extent times the dtype's epsilon. They may be tensors,
    with one limit for each matrix.

    >>> torch.linalg.matrix_rank(torch.eye(3))
    tensor(3)
    """
    matrix("matrix_rank", A)
    atol = tol if atol is None else atol
    plain = rtol is None or isinstance(rtol, (int, float))
    if atol is None and plain:
        return record(RANK, (A,), (rtol, hermitian))
    given = tuple(x for x in (atol, rtol) if x is not None)
    return record(RANK_ABOVE, (A, *given), (atol is not None, rtol is not None, hermitian))


def cond(A: Tensor, p: Any = None) -> Tensor:
    """The condition number: how much errors may grow in solutions.

    >>> torch.linalg.cond(torch.tensor([[4.0, 0.0], [0.0, 2.0]]))
    tensor(2.)
    """
    matrix("cond", A)
    return record(COND, (A,), (p,))
