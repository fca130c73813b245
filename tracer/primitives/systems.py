"""Square matrices that are factored to solve with them: Cholesky, LU, solutions, determinants.

Each result is a row of its own, stated by what it means. That those of one matrix come from one
factorisation is the business of ``pullback.codegen.factorisations``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..primitive import Domain, Primitive, register
from ..trace import Tracer
from ..types import INT32, INT64, ArrayType, Shape, is_integer, real_dtype
from .elementwise import broadcast_scalar, convert, eq, stop_gradient, where
from .indexing import gather
from .linear_algebra import (
    FIELD,
    batch_of_matrices,
    batch_of_systems,
    columns_before,
    diagonal,
    first_well_conditioned,
    floating_matrices,
    identity,
    infer_system,
    matrix_adjoint,
    matrix_product,
    matrix_transposed,
    on_diagonal,
    positive_definite,
    real_part,
    rows_scaled,
    square_matrices,
    symmetric_part,
    triangle,
    triangular_solve,
)
from .reduction import argmin, reduce_max, reduce_prod, reduce_sum
from .structure import broadcast, concatenate, iota, pad, reshape, zeros

Array = np.ndarray[Any, Any]
Infer = Callable[..., ArrayType]


def same_square(name: str) -> Infer:
    """The type of rows that make square matrices of square matrices."""

    def infer(a: ArrayType, **params: Any) -> ArrayType:
        square_matrices(name, a)
        return a

    return infer


def _infer_number(name: str, real: bool = False) -> Infer:
    def infer(a: ArrayType) -> ArrayType:
        square_matrices(name, a)
        return ArrayType(a.shape[:-2], real_dtype(a.dtype) if real else a.dtype)

    return infer


def one_operand(*shapes: Shape, **params: Any) -> tuple[tuple[tuple[Shape], dict[str, Any]], ...]:
    """Cases of a domain: one operand each, the same params."""
    return tuple(((shape,), params) for shape in shapes)


SQUARE = ((3, 3), (2, 4, 4), (1, 1), (0, 0), (2, 0, 3, 3))
small = partial(Domain, low=-0.3, high=0.3, dtypes=FIELD)

# -- cholesky ----------------------------------------------------------------------------------


def _cholesky_jvp(tangents: Sequence[Tracer | None], out: Tracer, a: Tracer) -> Tracer:
    """Murray 2016, "Differentiation of the Cholesky decomposition", eq. 8."""
    (change,) = tangents
    assert change is not None
    solve = partial(triangular_solve, out, lower=True, transposed=False, unit_diagonal=False)
    inner = triangle(solve(matrix_adjoint(solve(symmetric_part(change)))), lower=True)
    halved = where(on_diagonal(inner, inner.shape[-1]), inner * 0.5, inner)
    return matrix_product(out, halved)


cholesky: Primitive = register(
    Primitive(
        "cholesky",
        same_square("cholesky"),
        np.linalg.cholesky,
        small(one_operand(*SQUARE), prepare=positive_definite),
        jvp=_cholesky_jvp,
        batch=batch_of_matrices(lambda: cholesky),
    )
)
"""The lower factor; of the operand the lower triangle is read.

The derivative is by symmetric (Hermitian) matrices: that of the operand's symmetric part.
"""

# -- systems -----------------------------------------------------------------------------------


def _solve_reference(a: Array, b: Array, *, transposed: bool, checked: bool) -> Array:
    if not b.size:
        return b
    return np.linalg.solve(np.swapaxes(a, -1, -2) if transposed else a, b)


def _solve_transpose(
    ct: Tracer, a: Tracer, b: Tracer, *, transposed: bool, checked: bool
) -> tuple[None, Tracer]:
    return None, solve(a, ct, transposed=not transposed, checked=checked)


def _solve_jvp(
    tangents: Sequence[Tracer | None],
    out: Tracer,
    a: Tracer,
    b: Tracer,
    *,
    transposed: bool,
    checked: bool,
) -> Tracer:
    """From ``a x = b``: ``a dx = -da x``."""
    (change, _) = tangents
    assert change is not None
    product = matrix_product(matrix_transposed(change) if transposed else change, out)
    return solve(a, -product, transposed=transposed, checked=checked)


solve: Primitive = register(
    Primitive(
        "solve",
        infer_system("solve"),
        _solve_reference,
        small(
            (
                (((3, 3), (3, 2)), {"transposed": False, "checked": True}),
                (((3, 3), (3, 1)), {"transposed": True, "checked": True}),
                (((2, 4, 4), (2, 4, 3)), {"transposed": True, "checked": False}),
                (((1, 1), (1, 1)), {"transposed": False, "checked": False}),
                (((2, 2), (2, 0)), {"transposed": False, "checked": True}),
            ),
            prepare=first_well_conditioned,
        ),
        transpose=_solve_transpose,
        jvp=_solve_jvp,
        linear=(1,),
        batch=lambda batched, a, b, **params: batch_of_systems(
            partial(solve, **params), batched, a, b
        ),
    )
)
"""``x`` with ``a x = b``, or with the transpose of ``a``.

A singular matrix raises `numpy.linalg.LinAlgError` if ``checked``, else gives infinities and NaN.
"""


def inverse(a: Tracer, checked: bool) -> Tracer:
    """The inverses of square matrices."""
    return solve(a, identity(a, a.shape[-1]), transposed=False, checked=checked)


# -- LU ----------------------------------------------------------------------------------------


def _lu_reference(a: Array) -> tuple[Array, Array]:
    """Factors and pivots, matrix by matrix."""
    from scipy.linalg import lu_factor

    *batch, m, n = a.shape
    factors, pivots = np.empty_like(a), np.empty((*batch, min(m, n)), np.int32)
    for place in np.ndindex(*batch) if a.size else ():
        factors[place], pivots[place] = lu_factor(a[place], check_finite=False)
    return factors, pivots


def _infer_factors(a: ArrayType) -> ArrayType:
    floating_matrices("lu_factors", a)
    return a


def _infer_pivots(a: ArrayType) -> ArrayType:
    m, n = floating_matrices("lu_pivots", a)
    return ArrayType((*a.shape[:-2], min(m, n)), INT32)


def _infer_permutation(pivots: ArrayType, *, size: int) -> ArrayType:
    if not is_integer(pivots.dtype) or pivots.ndim == 0 or pivots.shape[-1] > size:
        raise TypeError(f"permutation of {size} rows does not come from pivots {pivots}")
    return pivots.with_shape((*pivots.shape[:-1], size))


def _permutation_reference(pivots: Array, *, size: int) -> Array:
    *batch, count = pivots.shape
    result = np.empty((*batch, size), pivots.dtype)
    result[...] = np.arange(size)
    for place in np.ndindex(*batch):
        for i, j in zip(range(count), pivots[place], strict=True):
            result[(*place, [i, j])] = result[(*place, [j, i])]
    return result


lu_pivots: Primitive = register(
    Primitive(
        "lu_pivots",
        _infer_pivots,
        lambda a: _lu_reference(a)[1],
        Domain(one_operand((3, 3), (2, 4, 3), (2, 4), (1, 1), (0, 2))),
        batch=batch_of_matrices(lambda: lu_pivots),
    )
)
"""The row that each row changed places with, in order, counted from 0."""

permutation: Primitive = register(
    Primitive(
        "permutation",
        _infer_permutation,
        _permutation_reference,
        Domain(
            (
                (((2, 3),), {"size": 3}),
                (((3,),), {"size": 5}),
                (((2, 0),), {"size": 2}),
                (((0, 3),), {"size": 3}),
            ),
            low=0,
            high=2,
            dtypes=("i64", "i32"),
        ),
        batch=batch_of_matrices(lambda: permutation),
    )
)
"""The order of the rows after all pivots: row ``i`` was row ``result[i]``."""


def rows_in_order(x: Tracer, order: Tracer) -> Tracer:
    """The rows of each matrix in an order of its own."""
    places = convert(order, dtype=INT64)
    numbers = (
        broadcast(iota(size=n, dtype=INT64), shape=places.shape, axes=(axis,))
        for axis, n in enumerate(places.shape[:-1])
    )
    return gather(x, *numbers, places)


def lower_factor(factors: Tracer, order: int) -> Tracer:
    """The unit lower triangle of packed factors, as a square matrix."""
    m, n = factors.shape[-2:]
    below = triangle(columns_before(factors, min(m, n)), lower=True, strict=True)
    return _grown(below, order) + identity(factors, order)


def upper_factor(factors: Tracer, order: int) -> Tracer:
    """The upper triangle of packed factors, as a square matrix; ones on what is added."""
    m, n = factors.shape[-2:]
    above = triangle(_rows_before(factors, min(m, n)), lower=False)
    if order == above.shape[-2]:
        return above
    added = iota(size=order, dtype=INT64) >= min(m, n)
    ones = broadcast(added, shape=(*factors.shape[:-2], order, order), axes=(factors.ndim - 2,))
    unit = identity(factors, order)
    return _grown(above, order) + where(ones, unit, broadcast_scalar(0.0, unit))


def _rows_before(x: Tracer, stop: int) -> Tracer:
    return matrix_transposed(columns_before(matrix_transposed(x), stop))


def _grown(x: Tracer, order: int) -> Tracer:
    """Zeros added on the right and below."""
    none = (0,) * (x.ndim - 2)
    high = (*none, order - x.shape[-2], order - x.shape[-1])
    widths = {"low": (*none, 0, 0), "high": high, "interior": (*none, 0, 0)}
    zero = reshape(zeros(x.type.with_shape(())), shape=())
    return pad(x, zero, **widths)


def _lu_jvp(tangents: Sequence[Tracer | None], out: Tracer, a: Tracer) -> Tracer:
    """From ``P da = dL U + L dU``; Walter & Lehmann 2012, "Algorithmic differentiation of linear
    algebra functions". Short factors are completed by the identity.
    """
    (change,) = tangents
    assert change is not None
    m, n = a.shape[-2:]
    moved = rows_in_order(change, permutation(lu_pivots(a), size=m))
    lower, upper = lower_factor(out, m), upper_factor(out, n)
    inner = triangular_solve(lower, moved, lower=True, transposed=False, unit_diagonal=True)
    inner = matrix_transposed(inner)
    inner = triangular_solve(upper, inner, lower=False, transposed=True, unit_diagonal=False)
    inner = matrix_transposed(inner)
    of_lower = matrix_product(lower, triangle(inner, lower=True, strict=True))
    return of_lower + matrix_product(triangle(inner, lower=False), upper)


lu_factors: Primitive = register(
    Primitive(
        "lu_factors",
        _infer_factors,
        lambda a: _lu_reference(a)[0],
        small(
            one_operand((3, 3), (2, 4, 3), (2, 4), (1, 1), (0, 2)),
            prepare=first_well_conditioned,
        ),
        jvp=_lu_jvp,
        batch=batch_of_matrices(lambda: lu_factors),
    )
)
"""``L`` and ``U`` of a matrix whose rows are permuted, in one; the ones of ``L`` are left out."""

# -- determinants ------------------------------------------------------------------------------


def parity(pivots: Tracer, like: Tracer) -> Tracer:
    """1 or -1: the determinant of the permutation that pivots make, in a dtype."""
    axis = pivots.ndim - 1
    stays = eq(
        pivots,
        broadcast(iota(size=pivots.shape[-1], dtype=INT32), shape=pivots.shape, axes=(axis,)),
    )
    one = broadcast(zeros(like.type.with_shape(())) + 1.0, shape=pivots.shape, axes=())
    return reduce_prod(where(stays, one, -one), axes=(axis,))


def adjugate(a: Tracer) -> Tracer:
    """The matrix whose product with ``a`` is the determinant, times the identity.

    With the smallest pivot ``u``, at ``j``, replaced by a ``v`` that is not small, the factors are
    those of a matrix ``b``, ``a = b + (u - v) P L e_j e_j^T``. By the formula of Sherman and
    Morrison ``u a^-1 = u b^-1 + (v - u) v c r`` with ``c`` column ``j`` of the inverse of the
    changed ``U`` and ``r`` row ``j`` of ``b^-1``: nothing is divided by ``u``, so it holds for
    singular matrices too.
    """
    n, last = a.shape[-1], a.ndim - 2
    factors = lu_factors(a)
    pivots = diagonal(factors)
    place = broadcast(argmin(abs(pivots), axis=last), shape=pivots.shape, axes=tuple(range(last)))
    chosen = eq(place, broadcast(iota(size=n, dtype=INT64), shape=pivots.shape, axes=(last,)))
    one, zero = broadcast_scalar(1.0, pivots), broadcast_scalar(0.0, pivots)
    smallest = reduce_sum(where(chosen, pivots, zero), axes=(last,))
    others = reduce_prod(where(chosen, one, pivots), axes=(last,)) * parity(lu_pivots(a), a)
    largest = reduce_max(abs(pivots), axes=(last,))
    largest = stop_gradient(where(largest == 0.0, broadcast_scalar(1.0, largest), largest))
    largest = convert(largest, dtype=a.dtype)
    instead = broadcast(largest, shape=pivots.shape, axes=tuple(range(last)))
    changed = where(chosen | (pivots == 0.0), instead, pivots)
    unit = identity(a, n)
    upper = triangle(factors, lower=False)
    upper = where(on_diagonal(a, n), rows_scaled(unit, changed), upper)
    permuted = rows_in_order(unit, permutation(lu_pivots(a), size=n))
    inner = triangular_solve(factors, permuted, lower=True, transposed=False, unit_diagonal=True)
    picked = reshape(where(chosen, one, zero), shape=(*pivots.shape, 1))
    right = concatenate(inner, picked, axis=a.ndim - 1)
    solved = triangular_solve(upper, right, lower=False, transposed=False, unit_diagonal=False)
    inverse_of_b, column = columns_before(solved, n), columns_before(solved, n + 1, n)
    row = matrix_product(matrix_transposed(picked), inverse_of_b)
    rank_one = matrix_product(column, row)
    weight = (largest - smallest) * largest * others
    return _times(inverse_of_b, smallest * others) + _times(rank_one, weight)


def _times(matrices: Tracer, numbers: Tracer) -> Tracer:
    return matrices * broadcast(numbers, shape=matrices.shape, axes=tuple(range(numbers.ndim)))


def _trace_of_product(x: Tracer, y: Tracer) -> Tracer:
    return reduce_sum(matrix_transposed(x) * y, axes=(x.ndim - 2, x.ndim - 1))


def _determinant_jvp(tangents: Sequence[Tracer | None], out: Tracer, a: Tracer) -> Tracer:
    """Jacobi's formula."""
    (change,) = tangents
    assert change is not None
    return _trace_of_product(adjugate(a), change) if a.size else zeros(out.type)


def _log_determinant_jvp(tangents: Sequence[Tracer | None], out: Tracer, a: Tracer) -> Tracer:
    (change,) = tangents
    assert change is not None
    return real_part(_trace_of_product(inverse(a, checked=False), change))


determinant: Primitive = register(
    Primitive(
        "determinant",
        _infer_number("determinant"),
        np.linalg.det,
        small(one_operand(*SQUARE), prepare=first_well_conditioned),
        jvp=_determinant_jvp,
        batch=batch_of_matrices(lambda: determinant),
    )
)

log_determinant: Primitive = register(
    Primitive(
        "log_determinant",
        _infer_number("log_determinant", real=True),
        lambda a: np.linalg.slogdet(a)[1],
        small(one_operand(*SQUARE), prepare=first_well_conditioned),
        jvp=_log_determinant_jvp,
        batch=batch_of_matrices(lambda: log_determinant),
    )
)
"""The logarithm of the determinant's absolute value."""
