"""`scipy.linalg` on traced values; the axes before the last two are a batch.

Arguments about memory and checks (``overwrite_a``, ``check_finite``, ``lapack_driver``) say nothing
about the result and are left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import UnsupportedFunctionError, at
from ..location import user_location
from ..numpy import linalg as numpy_linalg
from ..numpy.creation import asarray
from ..numpy.linalg.decompositions import with_rows
from ..numpy.linalg.matrices import (
    as_columns,
    elements,
    hermitian_from,
    in_one_batch,
    matrices,
    squares,
    symmetric_from,
)
from ..numpy.linalg.norms import matrix_rank
from ..numpy.promotion import spread
from ..primitives import decompositions, systems
from ..primitives.elementwise import eq
from ..primitives.linear_algebra import (
    conjugate,
    matrix_adjoint,
    matrix_product,
    rows_scaled,
    triangle,
    triangular_solve,
)
from ..primitives.reduction import argmax
from ..primitives.structure import broadcast, iota, reshape
from ..trace import Tracer
from ..types import real_dtype
from .matrix_functions import (
    expm,
    expm_frechet,
    solve_continuous_lyapunov,
    solve_sylvester,
    sqrtm,
)
from .patterns import block_diag, circulant, hankel, toeplitz

NUMPY = numpy_linalg.LINALG


def _not_traced(what: str) -> UnsupportedFunctionError:
    return UnsupportedFunctionError(
        f"scipy.linalg.{what} has no meaning for traced values{at(user_location())}"
    )


# -- systems -----------------------------------------------------------------------------------


def _triangular(a: Tracer, b: Tracer, lower: bool, transposed: bool, unit: bool = False) -> Tracer:
    return triangular_solve(a, b, lower=lower, transposed=transposed, unit_diagonal=unit)


def solve_triangular(
    a: Any,
    b: Any,
    trans: Any = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    *memory: Any,
    **more_memory: Any,
) -> Tracer:
    """`scipy.linalg.solve_triangular`; a zero on the diagonal gives infinities or NaN."""
    x, sides, shape = as_columns(squares(a), elements(b), "solve_triangular")
    transposed = _is_transposed(trans)
    x = conjugate(x) if trans in (2, "C") else x
    return reshape(_triangular(x, sides, lower, transposed, unit_diagonal), shape=shape)


def _is_transposed(trans: Any) -> bool:
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ValueError(
            f"trans has to be 0, 1, 2, 'N', 'T' or 'C', got {trans!r}{at(user_location())}"
        )
    return trans not in (0, "N")


def cholesky(a: Any, lower: bool = False, *memory: Any, **more_memory: Any) -> Tracer:
    """`scipy.linalg.cholesky`: of the operand the triangle that ``lower`` names is read.

    The derivative is that of the operand's symmetric part, so gradients are symmetric.
    """
    factor: Tracer = NUMPY["cholesky"](a, upper=not lower)
    return factor


def cho_factor(
    a: Any, lower: bool = False, *memory: Any, **more_memory: Any
) -> tuple[Tracer, bool]:
    """`scipy.linalg.cho_factor`; the other triangle, where SciPy leaves what is there, is zero."""
    return cholesky(a, lower), bool(lower)


def cho_solve(c_and_lower: Any, b: Any, *memory: Any, **more_memory: Any) -> Tracer:
    """`scipy.linalg.cho_solve`."""
    factor, lower = c_and_lower
    x, sides, shape = as_columns(squares(factor), elements(b), "cho_solve")
    back = conjugate(x)
    if lower:
        first = _triangular(x, sides, lower=True, transposed=False)
        return reshape(_triangular(back, first, lower=True, transposed=True), shape=shape)
    first = _triangular(back, sides, lower=False, transposed=True)
    return reshape(_triangular(x, first, lower=False, transposed=False), shape=shape)


def solve(
    a: Any,
    b: Any,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: str | None = None,
    transposed: bool = False,
) -> Tracer:
    """`scipy.linalg.solve`: by Cholesky for ``assume_a="pos"``, by LU otherwise.

    Of symmetric and triangular matrices the triangle that ``lower`` names is read.

    Raises:
        ValueError: for a structure that SciPy does not know.
    """
    x, sides, shape = as_columns(squares(a), elements(b), "solve")
    match assume_a:
        case None | "gen" | "general" | "diagonal" | "tridiagonal" | "banded":
            solved = systems.solve(x, sides, transposed=transposed, checked=True)
        case "sym" | "symmetric" | "her" | "hermitian":
            whole = symmetric_from if assume_a.startswith("sym") else hermitian_from
            symmetric = whole(x, lower)
            solved = systems.solve(symmetric, sides, transposed=False, checked=True)
        case "pos" | "positive definite":
            return reshape(cho_solve(cho_factor(x, lower), sides), shape=shape)
        case "upper triangular" | "lower triangular":
            solved = _triangular(x, sides, assume_a.startswith("lower"), transposed)
        case _:
            raise ValueError(
                f"{assume_a} is not a recognized matrix structure{at(user_location())}"
            )
    return reshape(solved, shape=shape)


def inv(a: Any, *memory: Any, **more_memory: Any) -> Tracer:
    """`scipy.linalg.inv`."""
    return systems.inverse(squares(a), checked=True)


def det(a: Any, *memory: Any, **more_memory: Any) -> Tracer:
    """`scipy.linalg.det`; it has a derivative at singular matrices too."""
    return systems.determinant(squares(a))


def norm(
    a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True
) -> Tracer:
    """`scipy.linalg.norm`; its derivative at 0 is 0."""
    size: Tracer = NUMPY["norm"](a, ord, axis, keepdims)
    return size


def pinv(
    a: Any,
    *,
    atol: Any = None,
    rtol: Any = None,
    return_rank: bool = False,
    check_finite: bool = True,
) -> Any:
    """`scipy.linalg.pinv`, with a relative tolerance that is a number.

    Raises:
        UnsupportedFunctionError: for an absolute tolerance.
    """
    if atol is not None:
        raise _not_traced("pinv with atol=")
    inverse = NUMPY["pinv"](a, rtol=rtol)
    return (inverse, matrix_rank(a, rtol=rtol)) if return_rank else inverse


# -- LU ----------------------------------------------------------------------------------------


def _order_matrix(order: Tracer) -> Tracer:
    """``P`` with a one in row ``order[i]`` of column ``i``."""
    n = order.shape[-1]
    shape, last = (*order.shape[:-1], n, n), order.ndim
    rows = broadcast(iota(size=n, dtype=order.dtype), shape=shape, axes=(last - 1,))
    moved = broadcast(order, shape=shape, axes=(*range(last - 1), last))
    return eq(rows, moved)


def _inverse_order(order: Tracer) -> Tracer:
    return argmax(_order_matrix(order), axis=order.ndim)


def lu(
    a: Any,
    permute_l: bool = False,
    overwrite_a: bool = False,
    check_finite: bool = True,
    p_indices: bool = False,
) -> tuple[Tracer, ...]:
    """`scipy.linalg.lu`: ``P``, ``L`` and ``U``, or ``P L`` and ``U``."""
    x = matrices(a)
    m, n = x.shape[-2:]
    factors, k = systems.lu_factors(x), min(m, n)
    left = systems.lower_factor(factors, m)[..., :k]
    right = triangle(factors, lower=False)[..., :k, :]
    order = systems.permutation(systems.lu_pivots(x), size=m)
    if permute_l:
        return systems.rows_in_order(left, _inverse_order(order)), right
    if p_indices:
        return _inverse_order(order).astype(np.int32), left, right
    return _order_matrix(order).astype(real_dtype(x.dtype)), left, right


def lu_factor(a: Any, *memory: Any, **more_memory: Any) -> tuple[Tracer, Tracer]:
    """`scipy.linalg.lu_factor`: both factors in one matrix, and the pivots."""
    x = matrices(a)
    return systems.lu_factors(x), systems.lu_pivots(x)


def lu_solve(lu_and_piv: Any, b: Any, trans: int = 0, *memory: Any, **more_memory: Any) -> Tracer:
    """`scipy.linalg.lu_solve`.

    Raises:
        IndexError: for pivots that name no row.
    """
    factors, pivots = squares(lu_and_piv[0]), asarray(lu_and_piv[1])
    x, sides, shape = as_columns(factors, elements(b), "lu_solve")
    n = x.shape[-1]
    x = conjugate(x) if trans in (2, "C") else x
    order = spread(systems.permutation(pivots, size=n), x.shape[:-1])
    if not _is_transposed(trans):
        moved = systems.rows_in_order(sides, order)
        first = _triangular(x, moved, lower=True, transposed=False, unit=True)
        return reshape(_triangular(x, first, lower=False, transposed=False), shape=shape)
    first = _triangular(x, sides, lower=False, transposed=True)
    solved = _triangular(x, first, lower=True, transposed=True, unit=True)
    return reshape(systems.rows_in_order(solved, _inverse_order(order)), shape=shape)


# -- decompositions ----------------------------------------------------------------------------


def qr(
    a: Any,
    overwrite_a: bool = False,
    lwork: Any = None,
    mode: str = "full",
    pivoting: bool = False,
    check_finite: bool = True,
) -> tuple[Tracer, ...]:
    """`scipy.linalg.qr` without pivoting: of full rank, for a derivative.

    Raises:
        ValueError: for a mode that SciPy does not know.
        UnsupportedFunctionError: for the mode ``raw``, and with pivoting.
    """
    if mode not in ("full", "r", "economic", "raw"):
        raise ValueError(
            f"Mode argument should be one of ['full', 'r', 'economic', 'raw']{at(user_location())}"
        )
    if mode == "raw" or pivoting:
        raise _not_traced("qr with mode='raw' or pivoting=True")
    x = matrices(a)
    r = decompositions.qr_r(x)
    if mode == "economic":
        return decompositions.qr_q(x, complete=False), r
    whole = with_rows(r, x.shape[-2])
    return (whole,) if mode == "r" else (decompositions.qr_q(x, complete=True), whole)


def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, *memory: Any, **more_memory: Any
) -> Any:
    """`scipy.linalg.svd`: a tuple, or the singular values alone."""
    result = NUMPY["svd"](a, full_matrices, compute_uv)
    return tuple(result) if compute_uv else result


def svdvals(a: Any, *memory: Any, **more_memory: Any) -> Tracer:
    """`scipy.linalg.svdvals`."""
    return decompositions.singular_values(matrices(a))


def eig(
    a: Any,
    b: Any = None,
    left: bool = False,
    right: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> Any:
    """`scipy.linalg.eig` of one matrix: the eigenvalues, and the right eigenvectors if asked for.

    Both are always complex, where SciPy's vectors are real if all of them are.

    Raises:
        UnsupportedFunctionError: with a second matrix, and for left eigenvectors.
    """
    if b is not None or left or homogeneous_eigvals:
        raise _not_traced("eig with a second matrix, or of left eigenvectors,")
    return tuple(NUMPY["eig"](a)) if right else NUMPY["eigvals"](a)


def eigvals(
    a: Any,
    b: Any = None,
    overwrite_a: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> Tracer:
    """`scipy.linalg.eigvals` of one matrix.

    Raises:
        UnsupportedFunctionError: with a second matrix.
    """
    values: Tracer = eig(a, b, right=False, homogeneous_eigvals=homogeneous_eigvals)
    return values


def eigh(
    a: Any,
    b: Any = None,
    *,
    lower: bool = True,
    eigvals_only: bool = False,
    type: int = 1,
    subset_by_index: Any = None,
    subset_by_value: Any = None,
    **memory: Any,
) -> Any:
    """`scipy.linalg.eigh`: of symmetric matrices, or of ``a v = w b v`` with ``b`` definite.

    Raises:
        UnsupportedFunctionError: for a subset, and for the types 2 and 3.
    """
    if subset_by_index is not None or subset_by_value is not None or type != 1:
        raise _not_traced("eigh with a subset, or a type other than 1,")
    x = squares(a)
    if b is None:
        values = decompositions.eigenvalues(x, lower=lower)
        return values if eigvals_only else (values, decompositions.eigenvectors(x, lower=lower))
    x, other = in_one_batch(hermitian_from(x, lower), hermitian_from(squares(b), lower))
    factor = systems.cholesky(other)
    half = _triangular(factor, x, lower=True, transposed=False)
    whole = _triangular(factor, matrix_adjoint(half), lower=True, transposed=False)
    values = decompositions.eigenvalues(whole, lower=True)
    if eigvals_only:
        return values
    vectors = decompositions.eigenvectors(whole, lower=True)
    return values, _triangular(conjugate(factor), vectors, lower=True, transposed=True)


def eigvalsh(a: Any, b: Any = None, **options: Any) -> Tracer:
    """`scipy.linalg.eigvalsh`."""
    values: Tracer = eigh(a, b, **options, eigvals_only=True)
    return values


def polar(a: Any, side: str = "right") -> tuple[Tracer, Tracer]:
    """`scipy.linalg.polar`; its derivative, by singular vectors, needs different singular values.

    Raises:
        ValueError: for a side other than left and right.
    """
    if side not in ("right", "left"):
        raise ValueError(f"`side` must be either 'right' or 'left'{at(user_location())}")
    x = matrices(a)
    values = decompositions.singular_values(x)
    u = decompositions.left_singular_vectors(x, full=False)
    v = decompositions.right_singular_vectors(x, full=False)
    of_side = v if side == "right" else u
    stretch = matrix_product(of_side, rows_scaled(matrix_adjoint(of_side), values))
    return matrix_product(u, matrix_adjoint(v)), stretch


LINALG: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (
        *(solve_triangular, cholesky, cho_factor, cho_solve, solve, inv, det, norm, pinv),
        *(lu, lu_factor, lu_solve, qr, svd, svdvals, eigh, eigvalsh, polar, expm, expm_frechet),
        *(eig, eigvals),
        *(toeplitz, circulant, hankel, block_diag),
        *(sqrtm, solve_sylvester, solve_continuous_lyapunov),
    )
} | {"solve_lyapunov": solve_continuous_lyapunov}
"""The functions by SciPy's names."""
