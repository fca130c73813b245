"""Sizes of matrices and vectors: norms, condition numbers, ranks."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import at
from ...location import user_location
from ...primitives.decompositions import eigenvalues, singular_values
from ...primitives.elementwise import is_nan
from ...primitives.reduction import reduce_any, reduce_max, reduce_min, reduce_sum
from ...primitives.structure import reshape, zeros
from ...primitives.systems import inverse
from ...trace import Tracer
from ...types import INT64, normalize_axis, real_dtype
from ..complexes import squared_size
from ..creation import asarray
from ..meanings import truth
from ..promotion import as_dtype, number
from ..reductions import axes_of, kept_shape
from ..selection import where
from ..shaping import moveaxis
from .matrices import floating, matrices, refused, squares


def _root(total: Tracer) -> Tracer:
    """The square root whose derivative at 0 is 0: the norm's subgradient of least norm."""
    nothing = total == 0.0
    return where(nothing, 0.0, np.sqrt(where(nothing, 1.0, total)))


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tracer:
    """`np.linalg.norm`; its derivative at 0 is 0.

    Raises:
        ValueError: for an order that NumPy does not define.
    """
    value = floating(x)
    axes = axes_of(tuple(axis) if isinstance(axis, list) else axis, value.ndim)
    if axis is not None:
        given = axis if isinstance(axis, (tuple, list)) else (axis,)
        axes = tuple(normalize_axis(int(n), value.ndim) for n in given)
    if ord is None or (ord in ("f", "fro") and len(axes) == 2):
        result = _root(reduce_sum(squared_size(value), axes=tuple(sorted(axes))))
    elif len(axes) == 1:
        result = _vector_norm(value, ord, axes)
    elif len(axes) == 2:
        result = _matrix_norm(value, ord, axes)
    else:
        raise ValueError(f"Improper number of dimensions to norm.{at(user_location())}")
    return reshape(result, shape=kept_shape(value, axes)) if keepdims else result


def _vector_norm(x: Tracer, ord: Any, axes: tuple[int, ...]) -> Tracer:
    if ord == 2:
        return _root(reduce_sum(squared_size(x), axes=axes))
    if ord == 0:
        return reduce_sum(as_dtype(truth(x), real_dtype(x.dtype)), axes=axes)
    size = abs(x)
    row = {1: reduce_sum, np.inf: reduce_max, -np.inf: reduce_min}.get(ord)
    if row is not None:
        return row(size, axes=axes)
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order {ord!r} for vectors{at(user_location())}")
    total: Tracer = reduce_sum(size**ord, axes=axes) ** (1.0 / ord)
    return total


def _matrix_norm(x: Tracer, ord: Any, axes: tuple[int, ...]) -> Tracer:
    if ord in (2, -2, "nuc"):
        return _spectral_norm(moveaxis(x, axes, (-2, -1)), ord)
    if ord not in (1, -1, np.inf, -np.inf):
        raise ValueError(f"Invalid norm order for matrices.{at(user_location())}")
    lines, columns = axes
    summed, other = (lines, columns) if abs(float(ord)) == 1 else (columns, lines)
    if ord > 0 and not x.shape[other]:
        rest = tuple(n for i, n in enumerate(x.shape) if i not in axes)
        return number(0, real_dtype(x.dtype), rest)
    row = reduce_max if ord in (1, np.inf) else reduce_min
    totals = reduce_sum(abs(x), axes=(summed,))
    return row(totals, axes=(other - (other > summed),))


def _spectral_norm(x: Tracer, ord: Any) -> Tracer:
    """The largest, the smallest, or the sum of the singular values."""
    values = singular_values(matrices(x))
    if not values.shape[-1]:
        return zeros(values.type.with_shape(x.shape[:-2]))
    row = {2: reduce_max, -2: reduce_min, "nuc": reduce_sum}[ord]
    return row(values, axes=(values.ndim - 1,))


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Tracer:
    """`np.linalg.vector_norm`: over all elements, or along axes."""
    value = floating(x)
    axes = axes_of(axis, value.ndim)
    result = _vector_norm(value, ord, axes)
    return reshape(result, shape=kept_shape(value, axes)) if keepdims else result


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Tracer:
    """`np.linalg.matrix_norm`: of the matrices in the last two axes."""
    return norm(x, ord, (-2, -1), keepdims)


def cond(x: Any, p: Any = None) -> Tracer:
    """`np.linalg.cond`: infinite for singular matrices.

    Raises:
        numpy.linalg.LinAlgError: for empty matrices; for others than square ones, but for 2 and -2.
    """
    value = matrices(x)
    if not value.size and value.shape[-1] * value.shape[-2] == 0:
        raise refused("cond is not defined on empty arrays")
    if p in (None, 2, -2):
        values = singular_values(value)
        result = values[..., -1] / values[..., 0] if p == -2 else values[..., 0] / values[..., -1]
    else:
        value, axes = squares(value), (-2, -1)
        result = norm(value, p, axes) * norm(inverse(value, checked=False), p, axes)
    unknown = reduce_any(is_nan(value), axes=(value.ndim - 2, value.ndim - 1))
    return where(is_nan(result) & ~unknown, np.inf, result)


def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Tracer:
    """`np.linalg.matrix_rank`: how many singular values count.

    Raises:
        ValueError: when both tolerances are given.
    """
    x = floating(A)
    if x.ndim < 2:
        some = truth(x)
        return as_dtype(reduce_any(some, axes=tuple(range(x.ndim))), INT64)
    if tol is not None and rtol is not None:
        raise ValueError(f"`tol` and `rtol` can't be both set.{at(user_location())}")
    x = matrices(x)
    values = abs(eigenvalues(squares(x), lower=True)) if hermitian else singular_values(x)
    if not values.shape[-1]:
        return zeros(values.type.with_shape(values.shape[:-1]).with_dtype(INT64))
    if tol is None:
        if rtol is None:
            rtol = max(x.shape[-2:]) * float(np.finfo(x.dtype).eps)
        largest = reduce_max(values, axes=(values.ndim - 1,))
        limit = largest * rtol
    else:
        limit = asarray(tol)
    above = values > limit[..., None]
    return reduce_sum(as_dtype(above, INT64), axes=(above.ndim - 1,))
