"""Determinants, inverses and solutions of linear systems."""

from __future__ import annotations

from typing import Any

import numpy as np

from pullback.tracer.primitives.elementwise import broadcast_scalar, stop_gradient
from pullback.tracer.primitives.elementwise import where as choose
from pullback.tracer.scipy import linalg as traced
from pullback.tracer.scipy import matrix_functions

from ..blas import MULTI_DOT
from ..dtypes import here
from ..node import Row
from ..return_types import TYPES, Results, recorded, rows
from ..tensors import Tensor, record, wrapped
from .checks import matrix, square
from .decompositions import svdvals

DET = Row("det", lambda x: np.linalg.det(x), "LinalgDetBackward0")
SLOGDET = rows("slogdet", lambda x: np.linalg.slogdet(x), ("LinalgSlogdetBackward0",) * 2)
INV = Row("inv", lambda x: np.linalg.inv(x), "LinalgInvExBackward0")
POWER = Row(
    "matrix_power",
    lambda x, n: np.linalg.matrix_power(x, n),
    lambda kinds, n: {1: "CloneBackward0", -1: "LinalgInvExBackward0"}.get(n, "MmBackward0"),
)
EXP = Row("matrix_exp", lambda x: matrix_functions.expm(x), "LinalgMatrixExpBackward0")


def _logdet(x: Any) -> Any:
    sign, log = np.linalg.slogdet(x)
    # The logarithm of a negative number is none.
    return log + np.log(sign)


LOGDET = Row("logdet", _logdet, "WhereBackward0")


def det(A: Tensor) -> Tensor:
    """The determinant of each matrix.

    >>> torch.linalg.det(torch.tensor([[2.0, 1.0], [1.0, 2.0]]))
    tensor(3.)
    """
    square("det", A)
    return record(DET, (A,))


def slogdet(A: Tensor) -> Results:
    """The sign of the determinant, and the logarithm of its absolute value.

    >>> torch.linalg.slogdet(torch.tensor([[2.0, 0.0], [0.0, 0.5]]))
    torch.return_types.linalg_slogdet(
    sign=tensor(1.),
    logabsdet=tensor(0.))
    """
    square("slogdet", A)
    return recorded("linalg_slogdet", SLOGDET, (A,))


def slogdet_top(input: Tensor) -> Results:
    """`torch.linalg.slogdet`.

    >>> torch.slogdet(torch.tensor([[2.0]])).sign
    tensor(1.)
    """
    return TYPES["slogdet"](tuple(slogdet(input)))


slogdet_top.__name__ = slogdet_top.__qualname__ = "slogdet"


def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant; NaN where that is negative.

    >>> torch.logdet(torch.tensor([[2.0, 0.0], [0.0, 0.5]]))
    tensor(0.)
    """
    square("logdet", input)
    return record(LOGDET, (input,))


def inv(A: Tensor) -> Tensor:
    """The inverse of each matrix.

    >>> torch.linalg.inv(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    square("inv", A)
    return record(INV, (A,))


def matrix_power(A: Tensor, n: int) -> Tensor:
    """The n-th power of each matrix; negative ones are of the inverse.

    >>> torch.linalg.matrix_power(torch.tensor([[1.0, 1.0], [0.0, 1.0]]), 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    square("matrix_power", A)
    return record(POWER, (A,), (n,))


def matrix_exp(A: Tensor) -> Tensor:
    """The matrix exponential.

    >>> torch.linalg.matrix_exp(torch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    square("matrix_exp", A)
    return record(EXP, (A,))


def multi_dot(tensors: Any) -> Tensor:
    """The product of matrices, in the order that costs least.

    >>> torch.linalg.multi_dot([torch.eye(2), torch.ones(2, 1)])
    tensor([[1.],
            [1.]])
    """
    if len(tensors) < 2:
        raise RuntimeError(
            f"multi_dot(): expected at least 2 tensors but got {len(tensors)}{here()}"
        )
    return record(MULTI_DOT, tuple(tensors))


# -- systems ---------------------------------------------------------------------------------


def _swapped(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


def _batched(a: Any, b: Any) -> Any:
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    wide = np.broadcast_to(a, (*batch, *a.shape[-2:]))
    return wide, np.broadcast_to(b, (*batch, *b.shape[-2:]))


def _solve(a: Any, b: Any, vector: bool, left: bool) -> Any:
    if vector:
        columns = np.broadcast_to(b[..., None], (*a.shape[:-1], 1))
        return np.linalg.solve(a, columns)[..., 0]
    if left:
        return np.linalg.solve(*_batched(a, b))
    return _swapped(np.linalg.solve(*_batched(_swapped(a), _swapped(b))))


def _triangular(a: Any, b: Any, lower: bool, left: bool, unit: bool) -> Any:
    if not left:
        made = _triangular(_swapped(a), _swapped(b), not lower, True, unit)
        return _swapped(made)
    wide, columns = _batched(a, b)
    return traced.solve_triangular(wide, columns, lower=lower, unit_diagonal=unit)


def _adjoint(x: Any) -> Any:
    return np.conj(_swapped(x))


def _lower(factor: Any, upper: bool) -> Any:
    """Cholesky's factor. The other triangle is not read, but derivatives are by all of it."""
    read = np.triu(factor) if upper else np.tril(factor)
    whole: Any = stop_gradient(read) + (factor - stop_gradient(factor))
    return _adjoint(whole) if upper else whole


def _cholesky_solve(b: Any, factor: Any, upper: bool) -> Any:
    lower = _lower(factor, upper)
    half = np.linalg.solve(*_batched(lower, b))
    return np.linalg.solve(*_batched(_adjoint(lower), half))


def _cholesky_inverse(factor: Any, upper: bool) -> Any:
    lower = _lower(factor, upper)
    return np.linalg.inv(np.matmul(lower, _adjoint(lower)))


SOLVE = Row("solve", _solve, "LinalgSolveExBackward0")
TRIANGULAR = Row("solve_triangular", _triangular, "LinalgSolveTriangularBackward0")
CHOLESKY_SOLVE = Row("cholesky_solve", _cholesky_solve, "CholeskySolveBackward0")
CHOLESKY_INVERSE = Row("cholesky_inverse", _cholesky_inverse, "CholeskyInverseBackward0")


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """The solution X of A X = B, or of X A = B.

    >>> torch.linalg.solve(torch.tensor([[2.0, 0.0], [0.0, 4.0]]), torch.ones(2))
    tensor([0.5000, 0.2500])
    """
    square("solve", A)
    vector = B.ndim == 1 or tuple(B.shape) == tuple(A.shape[:-1])
    return record(SOLVE, (A, B), (vector, left))


def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """The solution of a triangular system; the other triangle is not read.

    >>> A = torch.tensor([[1.0, 1.0], [0.0, 2.0]])
    >>> torch.linalg.solve_triangular(A, torch.ones(2, 1), upper=True)
    tensor([[0.5000],
            [0.5000]])
    """
    square("solve_triangular", A)
    return record(TRIANGULAR, (A, B), (not upper, left, unitriangular))


def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Results:
    """The solution of A X = b for a triangular A, and A.

    >>> torch.triangular_solve(torch.ones(1, 1), torch.tensor([[2.0]])).solution
    tensor([[0.5000]])
    """
    matrix_ = A.mT if transpose else A
    lower = upper if transpose else not upper
    made = record(TRIANGULAR, (matrix_, b), (lower, True, unitriangular))
    return TYPES["triangular_solve"]((made, A.clone()))


def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """The solution of A X = B by Cholesky's factor of A.

    >>> torch.cholesky_solve(torch.ones(1, 1), torch.tensor([[2.0]]))
    tensor([[0.2500]])
    """
    square("cholesky_solve", L)
    return record(CHOLESKY_SOLVE, (B, L), (upper,))


def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of A by Cholesky's factor of A.

    >>> torch.cholesky_inverse(torch.tensor([[2.0]]))
    tensor([[0.2500]])
    """
    square("cholesky_inverse", L)
    return record(CHOLESKY_INVERSE, (L,), (upper,))


# -- least squares ---------------------------------------------------------------------------


def _pinv(x: Any, rtol: float | None, hermitian: bool) -> Any:
    limit = max(x.shape[-2:]) * np.finfo(x.dtype).eps if rtol is None else rtol
    return np.linalg.pinv(x, limit, hermitian)


def _pinv_above(x: Any, atol: float, rtol: float, hermitian: bool) -> Any:
    """By the part of the greatest singular value that the limits are."""
    greatest: Any = np.max(np.linalg.svd(x, compute_uv=False), -1)
    one = broadcast_scalar(1.0, greatest)
    part: Any = np.maximum(atol / choose(greatest > 0.0, greatest, one), rtol)
    return np.linalg.pinv(x, stop_gradient(part), hermitian)


PINV = Row("pinv", _pinv, "LinalgPinvBackward0")
PINV_ABOVE = Row("pinv", _pinv_above, "LinalgPinvBackward0")


def pinv(
    A: Tensor, *, atol: float | None = None, rtol: float | None = None, hermitian: bool = False
) -> Tensor:
    """Moore and Penrose's inverse.

    Singular values up to ``atol``, and to ``rtol`` of the greatest, count as 0.

    >>> torch.linalg.pinv(torch.tensor([[2.0], [0.0]]))
    tensor([[0.5000, 0.0000]])
    """
    matrix("pinv", A)
    if atol and A.numel():
        return record(PINV_ABOVE, (A,), (float(atol), float(rtol or 0.0), hermitian))
    return record(PINV, (A,), (rtol, hermitian))


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """Moore and Penrose's inverse.

    >>> torch.pinverse(torch.tensor([[2.0], [0.0]]))
    tensor([[0.5000, 0.0000]])
    """
    return pinv(input, rtol=rcond)


def _least_squares(a: Any, b: Any, vector: bool) -> Any:
    columns = b[..., None] if vector else b
    made = np.matmul(_pinv(a, None, False), columns)
    return made[..., 0] if vector else made


def _residuals(a: Any, b: Any, vector: bool) -> Any:
    rest = np.matmul(a, _least_squares(a, b, False)) - b
    return np.sum(rest * rest, -2)


LSTSQ = Row("lstsq", _least_squares, "LinalgLstsqBackward0")
RESIDUALS = Row("lstsq", _residuals, "LinalgLstsqBackward0")


def lstsq(
    A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None
) -> Results:
    """The X for which A X is nearest to B, the squares left over, rank and singular values.

    >>> torch.linalg.lstsq(torch.tensor([[1.0], [1.0]]), torch.tensor([[1.0], [3.0]])).solution
    tensor([[2.0000]])
    """
    matrix("lstsq", A)
    vector = B.ndim == A.ndim - 1
    solution = record(LSTSQ, (A, B), (vector,))
    tall = A.shape[-2] > A.shape[-1]
    none = wrapped(np.zeros(0, A.dtype.numpy))
    told = tall and not vector and driver != "gelsy"
    rest = record(RESIDUALS, (A, B), (vector,)) if told else none
    values = svdvals(A).detach() if driver in ("gelsd", "gelss") else none
    rank = wrapped(np.asarray(np.linalg.matrix_rank(A.value()), np.int64))
    rank = rank if driver != "gels" else wrapped(np.zeros(0, np.int64))
    return TYPES["linalg_lstsq"]((solution, rest, rank, values))


# -- tensors as matrices ---------------------------------------------------------------------

TENSORINV = Row("tensorinv", lambda x, ind: np.linalg.tensorinv(x, ind), "ViewBackward0")
TENSORSOLVE = Row(
    "tensorsolve", lambda a, b, dims: np.linalg.tensorsolve(a, b, dims), "ViewBackward0"
)


def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of `tensordot` with a tensor over its last dimensions.

    >>> torch.linalg.tensorinv(torch.eye(4).reshape(4, 2, 2), ind=1).shape
    torch.Size([2, 2, 4])
    """
    return record(TENSORINV, (A,), (ind,))


def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """The X of which `tensordot` with A is B.

    >>> torch.linalg.tensorsolve(torch.eye(4).reshape(2, 2, 4), torch.ones(2, 2)).shape
    torch.Size([4])
    """
    return record(TENSORSOLVE, (A, B), (None if dims is None else tuple(dims),))
