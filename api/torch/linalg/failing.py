"""Factorisations that tell where they fail, rather than raise: a number for each matrix.

0 is success; i is LAPACK's ``info``: the i-th pivot is zero, or the i-th leading minor is not
positive.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import here
from ..errors import LinAlgError
from ..return_types import TYPES, Results
from ..tensors import Tensor, wrapped
from .checks import square
from .decompositions import cholesky
from .systems import inv, solve
from .triangular import lu_factor

Array = np.ndarray[Any, Any]


def _told(title: str, result: Tensor, info: Array, check: bool, what: str) -> Results:
    found = wrapped(info.astype(np.int32))
    if check and info.any():
        name = title.replace("linalg_", "linalg.")
        batch = np.flatnonzero(info)[0]
        which = f"(Batch element {batch}): " if info.ndim else ""
        raise LinAlgError(f"{name}: {which}{what.format(info.reshape(-1)[batch])}{here()}")
    return TYPES[title]((result, found))


def _succeeds(result: Tensor) -> bool:
    """Whether it can be computed, for all of the matrices."""
    try:
        result.value()
    except LinAlgError:
        return False
    return True


def _one_by_one(name: str, A: Tensor, *rest: Any) -> tuple[list[Any], Array]:
    """What LAPACK's function gives for each matrix, and its codes."""
    from scipy.linalg import get_lapack_funcs

    matrices = A.value()
    if not matrices.size:
        return [], np.zeros(matrices.shape[:-2], np.int32)
    found: Any = get_lapack_funcs((name,), (matrices,))
    (routine,) = found
    lines = matrices.reshape(-1, *matrices.shape[-2:])
    made = [routine(a, *rest) for a in lines]
    return made, np.array([x[-1] for x in made], np.int32).reshape(matrices.shape[:-2])


def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Results:
    """`cholesky`, and for each matrix which leading minor is not positive, 0 if all are.

    >>> torch.linalg.cholesky_ex(torch.tensor([[4.0]]))
    torch.return_types.linalg_cholesky_ex(
    L=tensor([[2.]]),
    info=tensor(0, dtype=torch.int32))
    """
    made = cholesky(A, upper=upper)
    info = np.zeros(tuple(A.shape[:-2]), np.int32)
    if not _succeeds(made):
        found, info = _one_by_one("potrf", A, not upper, True)
        made = wrapped(np.array([x[0] for x in found]).reshape(A.shape))
    return _told("linalg_cholesky_ex", made, info, check_errors, NOT_POSITIVE)


NOT_POSITIVE = (
    "The factorization could not be completed because the input is not positive-definite (the "
    "leading minor of order {} is not positive-definite)."
)
NOT_INVERTED = (
    "The diagonal element {} is zero, the inversion could not be completed because the input "
    "matrix is singular."
)


def inv_ex(A: Tensor, *, check_errors: bool = False) -> Results:
    """`inv`, and for each matrix which pivot is zero, 0 if none is.

    >>> torch.linalg.inv_ex(torch.tensor([[2.0]]))
    torch.return_types.linalg_inv_ex(
    inverse=tensor([[0.5000]]),
    info=tensor(0, dtype=torch.int32))
    """
    made = inv(A)
    info = np.zeros(tuple(A.shape[:-2]), np.int32)
    if not _succeeds(made):
        eye = np.broadcast_to(np.eye(A.shape[-1], dtype=A.dtype.numpy), tuple(A.shape))
        made, info = _solved(A, eye)
    return _told("linalg_inv_ex", made, info, check_errors, NOT_INVERTED)


def _solved(A: Tensor, columns: Array) -> tuple[Tensor, Array]:
    """Solutions of systems of which some are singular: these are infinite, or no numbers."""
    factors, info = _one_by_one("getrf", A)
    lines = columns.reshape(-1, *columns.shape[-2:])
    with np.errstate(all="ignore"):
        solved = [_substituted(x[0], x[1], b) for x, b in zip(factors, lines, strict=True)]
    return wrapped(np.array(solved, columns.dtype).reshape(columns.shape)), info


def _substituted(factors: Array, pivots: Array, b: Array) -> Array:
    """What the triangular factors of one matrix make of some columns."""
    x = b.copy()
    for i, j in enumerate(pivots):
        x[[i, j]] = x[[j, i]]
    for i in range(len(x)):
        x[i] -= factors[i, :i] @ x[:i]
    for i in reversed(range(len(x))):
        x[i] = (x[i] - factors[i, i + 1 :] @ x[i + 1 :]) / factors[i, i]
    return x


def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Results:
    """`solve`, and for each matrix which pivot is zero, 0 if none is.

    >>> torch.linalg.solve_ex(torch.tensor([[2.0]]), torch.ones(1)).result
    tensor([0.5000])
    """
    made = solve(A, B, left=left)
    info = np.zeros(tuple(A.shape[:-2]), np.int32)
    if not _succeeds(made):
        vector = B.ndim == A.ndim - 1
        columns: Any = B.value()[..., None] if vector else B.value()
        columns = columns if left else np.swapaxes(columns, -1, -2)
        given = A if left else A.mT.contiguous()
        wide = np.broadcast_to(columns, (*A.shape[:-2], *columns.shape[-2:]))
        made, info = _solved(given, wide)
        made = made[..., 0] if vector else made if left else made.mT
    return _told("linalg_solve_ex", made, info, check_errors, SINGULAR)


SINGULAR = "The solver failed because the input matrix is singular."


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Results:
    """`lu_factor`, and for each matrix which pivot is zero, 0 if none is.

    >>> torch.linalg.lu_factor_ex(torch.tensor([[4.0]])).LU
    tensor([[4.]])
    """
    factors, pivots = lu_factor(A, pivot=pivot)
    zero = np.diagonal(factors.value(), 0, -2, -1) == 0
    info = np.where(zero.any(-1), zero.argmax(-1) + 1, 0).astype(np.int32)
    if check_errors and info.any():
        raise RuntimeError(
            f"torch.linalg.lu_factor_ex: U[{info.max()},{info.max()}] is zero and using it on "
            f"lu_solve would result in a division by zero.{here()}"
        )
    return TYPES["linalg_lu_factor_ex"]((factors, pivots, wrapped(np.asarray(info))))


def ldl_factor_ex(A: Tensor, *, hermitian: bool = False, check_errors: bool = False) -> Results:
    """`ldl_factor`, and for each matrix which block is zero, 0 if none is.

    >>> torch.linalg.ldl_factor_ex(torch.tensor([[4.0]])).info
    tensor(0, dtype=torch.int32)
    """
    square("ldl_factor_ex", A)
    name = "hetrf" if hermitian and A.dtype.is_complex else "sytrf"
    found, info = _one_by_one(name, A, True)
    made = np.array([x[0] for x in found], A.dtype.numpy).reshape(A.shape)
    pivots = np.array([x[1] for x in found], np.int64).reshape(A.shape[:-1])
    told = wrapped(pivots.astype(np.int32))
    return TYPES["linalg_ldl_factor_ex"]((wrapped(np.tril(made)), told, wrapped(np.asarray(info))))
