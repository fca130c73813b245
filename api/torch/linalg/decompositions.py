"""Factors of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import here
from ..node import Row
from ..return_types import TYPES, Results, recorded, rows
from ..tensors import Tensor, record, wrapped
from .checks import matrix, square


def _cholesky(x: Any, upper: bool) -> Any:
    return np.linalg.cholesky(x, upper=upper)


CHOLESKY = Row("cholesky", _cholesky, "LinalgCholeskyExBackward0")


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The triangular factor of a symmetric, positive definite matrix.

    >>> torch.linalg.cholesky(torch.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    square("cholesky", A)
    return record(CHOLESKY, (A,), (upper,))


def cholesky_top(input: Tensor, upper: bool = False) -> Tensor:
    """`torch.linalg.cholesky`.

    >>> torch.cholesky(torch.tensor([[4.0]]))
    tensor([[2.]])
    """
    return cholesky(input, upper=upper)


cholesky_top.__name__ = cholesky_top.__qualname__ = "cholesky"


# -- orthogonal factors ----------------------------------------------------------------------

QR = rows("qr", lambda x, mode: np.linalg.qr(x, mode), ("LinalgQrBackward0",) * 2)
QR_R = Row("qr", lambda x: np.linalg.qr(x, "r"), "LinalgQrBackward0")


def qr(A: Tensor, mode: str = "reduced") -> Results:
    """An orthogonal and a triangular factor.

    >>> torch.linalg.qr(torch.tensor([[3.0], [4.0]])).R.abs()
    tensor([[5.]])
    """
    matrix("qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', "
            f"or 'complete'{here()}"
        )
    if mode == "r":
        empty = wrapped(np.zeros(0, A.dtype.numpy))
        return TYPES["linalg_qr"]((empty, record(QR_R, (A,))))
    return recorded("linalg_qr", QR, (A,), (mode,))


def qr_top(input: Tensor, some: bool = True) -> Results:
    """`torch.linalg.qr`.

    >>> torch.qr(torch.tensor([[3.0], [4.0]])).R.abs()
    tensor([[5.]])
    """
    return TYPES["qr"](tuple(qr(input, "reduced" if some else "complete")))


qr_top.__name__ = qr_top.__qualname__ = "qr"


def _svd(x: Any, full: bool) -> Any:
    return np.linalg.svd(x, full_matrices=full)


SVD = rows("svd", _svd, ("LinalgSvdBackward0",) * 3)
SVDVALS = Row("svdvals", lambda x: np.linalg.svd(x, compute_uv=False), "LinalgSvdBackward0")


def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Results:
    """Singular values in descending order, and the vectors on both sides.

    >>> torch.linalg.svd(torch.tensor([[0.0, 2.0], [1.0, 0.0]])).S
    tensor([2., 1.])
    """
    matrix("svd", A)
    return recorded("linalg_svd", SVD, (A,), (full_matrices,))


def svd_top(input: Tensor, some: bool = True, compute_uv: bool = True) -> Results:
    """`torch.linalg.svd`, the vectors on the right as columns.

    >>> torch.svd(torch.tensor([[0.0, 2.0], [1.0, 0.0]])).S
    tensor([2., 1.])
    """
    if not compute_uv:
        m, n = input.shape[-2:]
        batch = tuple(input.shape[:-2])
        sides = [wrapped(np.zeros((*batch, k, k), input.dtype.numpy)) for k in (m, n)]
        return TYPES["svd"]((sides[0], svdvals(input), sides[1]))
    u, s, vh = svd(input, not some)
    return TYPES["svd"]((u, s, vh.mT))


svd_top.__name__ = svd_top.__qualname__ = "svd"


def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values in descending order.

    >>> torch.linalg.svdvals(torch.tensor([[0.0, 2.0], [1.0, 0.0]]))
    tensor([2., 1.])
    """
    matrix("svdvals", A)
    return record(SVDVALS, (A,))


# -- eigenvalues of symmetric matrices -------------------------------------------------------

EIGH = rows("eigh", lambda x, side: np.linalg.eigh(x, side), ("LinalgEighBackward0",) * 2)
EIGVALSH = Row("eigvalsh", lambda x, side: np.linalg.eigvalsh(x, side), "LinalgEighBackward0")


def eigh(A: Tensor, UPLO: str = "L") -> Results:
    """Eigenvalues of symmetric matrices in ascending order, and vectors in columns.

    >>> torch.linalg.eigh(torch.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
    tensor([1., 2.])
    """
    square("eigh", A)
    return recorded("linalg_eigh", EIGH, (A,), (UPLO.upper(),))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """Eigenvalues of symmetric matrices in ascending order.

    >>> torch.linalg.eigvalsh(torch.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor([1., 2.])
    """
    square("eigvalsh", A)
    return record(EIGVALSH, (A,), (UPLO.upper(),))


# -- eigenvalues of general matrices ---------------------------------------------------------

EIG = rows("eig", lambda x: np.linalg.eig(x), ("LinalgEigBackward0",) * 2)
EIGVALS = Row("eigvals", lambda x: np.linalg.eigvals(x), "LinalgEigBackward0")


def eig(A: Tensor) -> Results:
    """Eigenvalues, and vectors of length 1 in columns, complex in any case.

    >>> torch.linalg.eig(torch.tensor([[0.0, -2.0], [2.0, 0.0]])).eigenvalues.imag.abs().round()
    tensor([2., 2.])
    """
    square("eig", A)
    return recorded("linalg_eig", EIG, (A,))


def eigvals(A: Tensor) -> Tensor:
    """Eigenvalues, complex in any case.

    >>> torch.linalg.eigvals(torch.tensor([[0.0, -2.0], [2.0, 0.0]])).imag.abs().round()
    tensor([2., 2.])
    """
    square("eigvals", A)
    return record(EIGVALS, (A,))
