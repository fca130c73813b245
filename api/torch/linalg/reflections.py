"""Orthogonal matrices as products of reflections, as LAPACK keeps them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import here
from ..node import Row
from ..return_types import TYPES, Results
from ..tensors import Tensor, record, wrapped
from .checks import matrix


def _reflected(x: Any, vectors: Any, factor: Any, order: Any, adjoint: bool) -> Any:
    """Columns, reflected by one vector after another: ``x - factor * v (v x)``."""
    below = np.tril(vectors, -1)
    for i in order:
        v = below[..., i : i + 1] + np.eye(vectors.shape[-2], dtype=vectors.dtype)[:, i : i + 1]
        scale = factor[..., i, None, None]
        scale = np.conj(scale) if adjoint else scale
        x = x - scale * np.matmul(v, np.matmul(np.conj(np.swapaxes(v, -1, -2)), x))
    return x


def _product(vectors: Any, factor: Any) -> Any:
    m, n = vectors.shape[-2:]
    columns = np.zeros_like(vectors) + np.eye(m, n, dtype=vectors.dtype)
    return _reflected(columns, vectors, factor, reversed(range(factor.shape[-1])), False)


def _multiplied(vectors: Any, factor: Any, other: Any, left: bool, transpose: bool) -> Any:
    order = range(factor.shape[-1])
    if left:
        return _reflected(other, vectors, factor, order if transpose else order[::-1], transpose)
    columns = np.conj(np.swapaxes(other, -1, -2))
    made = _reflected(columns, vectors, factor, order[::-1] if transpose else order, not transpose)
    return np.conj(np.swapaxes(made, -1, -2))


PRODUCT = Row("householder_product", _product, "LinalgHouseholderProductBackward0")
ORMQR = Row("ormqr", _multiplied, "OrmqrBackward0")


def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first columns of a product of reflections, whose vectors are below the diagonal.

    >>> torch.linalg.householder_product(torch.tensor([[1.0], [1.0]]), torch.tensor([1.0]))
    tensor([[ 0.],
            [-1.]])
    """
    if A.ndim < 2:
        raise RuntimeError(
            f"torch.linalg.householder_product: input must have at least 2 dimensions.{here()}"
        )
    if A.shape[-2] < A.shape[-1] or A.shape[-1] < tau.shape[-1]:
        raise RuntimeError(
            "torch.linalg.householder_product: input.shape[-2] must be greater than or equal to "
            f"input.shape[-1], and that than or equal to tau.shape[-1]{here()}"
        )
    return record(PRODUCT, (A, tau))


def orgqr(input: Tensor, input2: Tensor) -> Tensor:
    """`torch.linalg.householder_product`.

    >>> torch.orgqr(torch.tensor([[1.0], [1.0]]), torch.tensor([1.0]))
    tensor([[ 0.],
            [-1.]])
    """
    return householder_product(input, input2)


def ormqr(
    input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False
) -> Tensor:
    """The product of reflections, times a matrix: from the left or right, transposed or not.

    >>> torch.ormqr(torch.tensor([[1.0], [1.0]]), torch.tensor([1.0]), torch.eye(2))
    tensor([[ 0., -1.],
            [-1.,  0.]])
    """
    return record(ORMQR, (input, tau, other), (left, transpose))


def geqrf(input: Tensor) -> Results:
    """Reflections that make a matrix triangular; their vectors below it, and their factors.

    There are no derivatives, as in PyTorch: `torch.linalg.qr` has them.

    >>> torch.geqrf(torch.tensor([[3.0], [4.0]])).a
    tensor([[-5.0000],
            [ 0.5000]])
    """
    matrix("geqrf", input)
    transposed, factor = np.linalg.qr(input.value(), "raw")
    kind = input.dtype.numpy
    a = np.ascontiguousarray(np.swapaxes(transposed, -1, -2)).astype(kind)
    return TYPES["geqrf"]((wrapped(a), wrapped(factor.astype(kind))))
