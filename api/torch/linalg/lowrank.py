"""Singular values of large matrices of low rank, from products with random vectors."""

from __future__ import annotations

from typing import Any

from ..dtypes import here
from ..random import randn
from ..tensors import Tensor
from .decompositions import qr, svd


def _range(A: Any, q: int, niter: int) -> Any:
    """An orthogonal basis of nearly what a matrix maps to.

    N. Halko, P.-G. Martinsson, J. Tropp, "Finding structure with randomness" (2011), algorithm 4.4.
    """
    start = randn(A.shape[-1], q, dtype=A.dtype)
    basis = qr(A @ start)[0]
    for _ in range(niter):
        basis = qr(A @ qr(A.mH @ basis)[0])[0]
    return basis


def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """About the q largest singular values of a matrix, less M if given, and their vectors.

    Args:
        A: a matrix, or a batch of them.
        q: how many, somewhat more than the rank that is expected.
        niter: how often the basis is refined.
        M: what is subtracted.

    >>> [x.shape for x in torch.svd_lowrank(torch.ones(4, 3), q=2)]
    [torch.Size([4, 2]), torch.Size([2]), torch.Size([3, 2])]
    """
    x: Any = A if M is None else A - M
    count, times = 6 if q is None else q, 2 if niter is None else niter
    wide = x.shape[-2] < x.shape[-1]
    x = x.mH if wide else x
    basis = _range(x, count, times)
    u, s, vh = svd(basis.mH @ x, full_matrices=False)
    left, right = basis @ u, vh.mH
    return (right, s, left) if wide else (left, s, right)


def pca_lowrank(
    A: Tensor, q: int | None = None, center: bool = True, niter: int = 2
) -> tuple[Tensor, Tensor, Tensor]:
    """About the q principal components of rows: `svd_lowrank` of the matrix less its mean row.

    >>> torch.pca_lowrank(torch.tensor([[1.0, 2.0], [1.0, 4.0]]), q=1)[2].abs().round()
    tensor([[0.],
            [1.]])
    """
    x: Any = A
    m, n = x.shape[-2:]
    count = min(6, m, n) if q is None else q
    if not 0 <= count <= min(m, n):
        raise ValueError(
            f"q(={count}) must be non-negative integer and not greater than min(m, n)={min(m, n)}"
            f"{here()}"
        )
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer{here()}")
    return svd_lowrank(x - x.mean(-2, keepdim=True) if center else x, count, niter)
