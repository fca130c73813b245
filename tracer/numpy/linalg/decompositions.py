"""QR, eigenvalues of symmetric matrices, singular values, as `numpy.linalg` returns them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import UnsupportedFunctionError, at
from ...location import user_location
from ...primitives import decompositions as rows
from ...primitives import general_eigenvalues as general
from ...primitives.linear_algebra import matrix_adjoint
from ...primitives.structure import pad
from ...trace import Tracer, literal
from .matrices import hermitian_from, matrices, squares

QRResult: Any = type(np.linalg.qr(np.eye(1)))
EigResult: Any = type(np.linalg.eig(np.eye(1)))
EighResult: Any = type(np.linalg.eigh(np.eye(1)))
SVDResult: Any = type(np.linalg.svd(np.eye(1)))


def qr(a: Any, mode: str = "reduced") -> Any:
    """`np.linalg.qr`: of full rank, for a derivative.

    Raises:
        ValueError: for a mode that NumPy does not know.
        UnsupportedFunctionError: for the mode ``raw``.
    """
    x = matrices(a)
    if mode == "raw":
        raise UnsupportedFunctionError(
            "np.linalg.qr with mode='raw' has no meaning for traced values\n"
            f"  use mode='reduced'{at(user_location())}"
        )
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"Unrecognized mode '{mode}'{at(user_location())}")
    r = rows.qr_r(x)
    if mode == "r":
        return r
    if mode == "complete":
        return QRResult(rows.qr_q(x, complete=True), with_rows(r, x.shape[-2]))
    return QRResult(rows.qr_q(x, complete=False), r)


def with_rows(x: Tracer, count: int) -> Tracer:
    """Rows of zeros added below."""
    none = (0,) * x.ndim
    high = (*none[2:], count - x.shape[-2], 0)
    return pad(x, literal(0, x.dtype), low=none, high=high, interior=none)


def _lower(UPLO: str) -> bool:
    letter = UPLO.upper()
    if letter not in ("L", "U"):
        raise ValueError(f"UPLO argument must be 'L' or 'U'{at(user_location())}")
    return letter == "L"


def eig(a: Any) -> Any:
    """`np.linalg.eig`: always complex, where NumPy has real results if all of them are.

    The derivative keeps the norm of each vector and its largest element real, as the function does.
    Vectors whose eigenvalues are equal have none: it is infinite or NaN, of the values too where
    the vectors are dependent.
    """
    x = squares(a)
    return EigResult(general.general_eigenvalues(x), general.general_eigenvectors(x))


def eigvals(a: Any) -> Tracer:
    """`np.linalg.eigvals`: always complex, where NumPy has real results if all of them are."""
    return general.general_eigenvalues(squares(a))


def eigh(a: Any, UPLO: str = "L") -> Any:
    """`np.linalg.eigh`: one triangle is read.

    The derivative is that of the operand's symmetric (Hermitian) part, so gradients are symmetric.
    Vectors whose eigenvalues are equal have none: it is NaN.
    """
    lower, x = _lower(UPLO), squares(a)
    return EighResult(rows.eigenvalues(x, lower=lower), rows.eigenvectors(x, lower=lower))


def eigvalsh(a: Any, UPLO: str = "L") -> Tracer:
    """`np.linalg.eigvalsh`: one triangle is read."""
    lower, x = _lower(UPLO), squares(a)
    return rows.eigenvalues(x, lower=lower)


def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """`np.linalg.svd`: singular vectors have a derivative where all singular values differ, and
    those beyond the smaller extent have none.
    """
    x = hermitian_from(squares(a), lower=True) if hermitian else matrices(a)
    if not compute_uv:
        return rows.singular_values(x)
    u = rows.left_singular_vectors(x, full=bool(full_matrices))
    v = rows.right_singular_vectors(x, full=bool(full_matrices))
    return SVDResult(u, rows.singular_values(x), matrix_adjoint(v))


def svdvals(x: Any, /) -> Tracer:
    """`np.linalg.svdvals`."""
    return rows.singular_values(matrices(x))
