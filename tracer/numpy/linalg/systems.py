"""Systems of linear equations, inverses, determinants, powers and products of matrices."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...errors import UnsupportedFunctionError, at
from ...location import user_location
from ...primitives import systems as rows
from ...primitives.decompositions import pinv as pinv_row
from ...primitives.decompositions import singular_values
from ...primitives.elementwise import stop_gradient
from ...primitives.linear_algebra import diagonal as diagonal_of
from ...primitives.linear_algebra import identity, matrix_adjoint, matrix_product, matrix_transposed
from ...primitives.reduction import reduce_any, reduce_max, reduce_prod, reduce_sum
from ...primitives.structure import reshape, zeros
from ...trace import Tracer
from ...types import INT32, ArrayType, is_complex, real_dtype
from ..complexes import direction, squared_size
from ..creation import asarray
from ..einsum import einsum
from ..products import dot, matmul
from ..promotion import as_dtype
from ..protocols import NO_VALUE, store
from ..selection import diagonal as diagonal_along
from ..selection import trace as trace_along
from ..selection import where
from ..shaping import expand_dims, moveaxis
from .decompositions import svd
from .matrices import (
    as_columns,
    elements,
    hermitian_from,
    matrices,
    of_one_type,
    refused,
    squares,
)

SlogdetResult: Any = type(np.linalg.slogdet(np.eye(1)))


def cholesky(a: Any, /, *, upper: bool = False) -> Tracer:
    """`np.linalg.cholesky`: of the operand one triangle is read.

    The derivative is that of the operand's symmetric part, so gradients are symmetric.
    """
    x = squares(a)
    if upper:
        return matrix_transposed(rows.cholesky(matrix_transposed(x)))
    return rows.cholesky(x)


def solve(a: Any, b: Any) -> Tracer:
    """`np.linalg.solve`; the factorisation serves the derivative too."""
    x, sides, shape = as_columns(squares(a), elements(b), "solve")
    return reshape(rows.solve(x, sides, transposed=False, checked=True), shape=shape)


def inv(a: Any) -> Tracer:
    """`np.linalg.inv`."""
    return rows.inverse(squares(a), checked=True)


def det(a: Any) -> Tracer:
    """`np.linalg.det`; it has a derivative at singular matrices too."""
    return rows.determinant(squares(a))


def slogdet(a: Any) -> Any:
    """`np.linalg.slogdet`; at singular matrices the derivative is infinite or NaN."""
    x = squares(a)
    axes = (x.ndim - 2,)
    pivots = diagonal_of(rows.lu_factors(x))
    if is_complex(x.dtype):
        signs = direction(pivots)
    else:
        signs = as_dtype(where(stop_gradient(pivots) < 0.0, -1.0, 1.0), x.dtype)
    sign = reduce_prod(signs, axes=axes) * rows.parity(rows.lu_pivots(x), x)
    sign = where(reduce_any(pivots == 0.0, axes=axes), 0.0, sign)
    return SlogdetResult(sign, rows.log_determinant(x))


def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = NO_VALUE) -> Tracer:
    """`np.linalg.pinv`; the derivative supposes that the rank stays as it is, and, where the
    tolerance is traced or one for each matrix, that all singular values differ.

    Raises:
        ValueError: when both tolerances are given.
    """
    x = matrices(a)
    if rcond is None:
        smallest = max(x.shape[-2:]) * float(np.finfo(x.dtype).eps)
        rcond = 1e-15 if rtol is NO_VALUE else smallest if rtol is None else rtol
    elif rtol is not NO_VALUE:
        raise ValueError(f"`rtol` and `rcond` can't be both set.{at(user_location())}")
    x = hermitian_from(x, lower=True) if hermitian else x
    if (isinstance(rcond, Tracer) or np.ndim(rcond)) and x.size:
        return _pinv_within(x, rcond)
    return pinv_row(x, rcond=_number(rcond) if x.size else 0.0)


def _pinv_within(x: Tracer, rcond: Any) -> Tracer:
    """``V S^-1 U^H``, where ``S`` is above a tolerance that need not be one number."""
    u, values, vh = svd(x, full_matrices=False)
    largest = reduce_max(values, axes=(values.ndim - 1,))
    large = values > expand_dims(as_dtype(asarray(rcond), values.dtype) * largest, -1)
    inverses = where(large, 1.0 / where(large, values, 1.0), 0.0)
    return matmul(matrix_adjoint(vh) * expand_dims(inverses, -2), matrix_adjoint(u))


def _number(rcond: Any) -> float:
    if isinstance(rcond, Tracer) or np.ndim(rcond):
        raise UnsupportedFunctionError(
            f"a tolerance for singular values has to be a number, got {rcond}{at(user_location())}"
        )
    return float(rcond)


def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Tracer, Tracer, Tracer, Tracer]:
    """`np.linalg.lstsq`: solution, residuals, rank, singular values.

    Whether there are residuals depends in NumPy on the rank; here there are where the matrix has
    more rows than columns.

    Raises:
        numpy.linalg.LinAlgError: when the operands do not fit.
    """
    x, sides = of_one_type(matrices(a), elements(b))
    if x.ndim != 2:
        raise refused(f"{x.ndim}-dimensional array given. Array must be two-dimensional")
    if sides.ndim not in (1, 2):
        raise refused(f"{sides.ndim}-dimensional array given. Array must be two-dimensional")
    if sides.shape[0] != x.shape[0]:
        raise refused("Incompatible dimensions")
    m, n = x.shape
    eps = float(np.finfo(x.dtype).eps)
    limit = eps * max(m, n) if rcond is None else eps if rcond == -1 else _number(rcond)
    columns = sides if sides.ndim == 2 else reshape(sides, shape=(m, 1))
    solution = matrix_product(pinv_row(x, rcond=limit), columns)
    residuals = zeros(ArrayType((0,), real_dtype(x.dtype)))
    if m > n:
        missing = columns - matrix_product(x, solution)
        residuals = reduce_sum(squared_size(missing), axes=(0,))
    values = singular_values(x)
    rank = zeros(x.type.with_shape(()).with_dtype(INT32))
    if values.size:
        above = values > reduce_max(values, axes=(0,)) * limit
        rank = reduce_sum(as_dtype(above, INT32), axes=(0,))
    return reshape(solution, shape=(n, *sides.shape[1:])), residuals, rank, values


def tensorsolve(a: Any, b: Any, axes: Any = None) -> Tracer:
    """`np.linalg.tensorsolve`."""
    x, sides = asarray(a), asarray(b)
    if axes is not None:
        x = moveaxis(x, tuple(axes), tuple(range(x.ndim - len(axes), x.ndim)))
    shape = x.shape[sides.ndim :]
    count = int(np.prod(shape))
    if x.size != count * count:
        raise refused(
            "Input arrays must satisfy the requirement "
            "prod(a.shape[b.ndim:]) == prod(a.shape[:b.ndim])"
        )
    solved = solve(reshape(x, shape=(count, count)), reshape(sides, shape=(sides.size,)))
    return reshape(solved, shape=shape)


def tensorinv(a: Any, ind: int = 2) -> Tracer:
    """`np.linalg.tensorinv`."""
    x = asarray(a)
    if ind <= 0:
        raise ValueError(f"Invalid ind argument.{at(user_location())}")
    shape = (*x.shape[ind:], *x.shape[:ind])
    count = int(np.prod(x.shape[ind:]))
    inverse = inv(reshape(x, shape=(count, x.size // count if count else 0)))
    return reshape(inverse, shape=shape)


def matrix_power(a: Any, n: Any) -> Tracer:
    """`np.linalg.matrix_power`: by squaring; negative powers are those of the inverse."""
    x = asarray(a)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        squares(x)
    try:
        exponent = operator.index(n)
    except TypeError:
        raise TypeError(f"exponent must be an integer{at(user_location())}") from None
    if exponent == 0:
        return identity(x, x.shape[-1])
    if exponent < 0:
        x, exponent = inv(x), -exponent
    result: Tracer | None = None
    while exponent:
        if exponent & 1:
            result = x if result is None else matmul(result, x)
        exponent >>= 1
        x = matmul(x, x) if exponent else x
    assert result is not None
    return result


def multi_dot(arrays: Any, *, out: Any = None) -> Tracer:
    """`np.linalg.multi_dot`: the product of several matrices, in the cheapest order.

    Raises:
        ValueError: for fewer than two.
    """
    values = [asarray(x) for x in arrays]
    if len(values) < 2:
        raise ValueError(f"Expecting at least two arrays.{at(user_location())}")
    if len(values) == 2:
        product: Tracer = store(out, dot(*values))
        return product
    first, last = values[0].ndim == 1, values[-1].ndim == 1
    if first:
        values[0] = reshape(values[0], shape=(1, values[0].size))
    if last:
        values[-1] = reshape(values[-1], shape=(values[-1].size, 1))
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    text = ",".join(letters[n : n + 2] for n in range(len(values)))
    result = einsum(f"{text}->{letters[0]}{letters[len(values)]}", *values)
    shape = (*result.shape[first:1], *result.shape[1 : 2 - last])
    stored: Tracer = store(out, reshape(result, shape=shape))
    return stored


def diagonal(x: Any, /, *, offset: int = 0) -> Tracer:
    """`np.linalg.diagonal`: of the matrices in the last two axes."""
    return diagonal_along(x, offset, -2, -1)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Tracer:
    """`np.linalg.trace`: of the matrices in the last two axes."""
    return trace_along(x, offset, -2, -1, dtype)
