"""The functions of `numpy.linalg` that are made of products and sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import UnsupportedFunctionError, at
from ..location import user_location
from ..primitives.reduction import reduce_max, reduce_min, reduce_sum
from ..primitives.structure import reshape
from ..trace import Tracer
from ..types import BOOL, FLOAT64, is_inexact, normalize_axis, real_dtype
from .complexes import squared_size
from .creation import asarray, stacked
from .meanings import truth
from .products import matmul
from .promotion import as_dtype
from .reductions import axes_of, kept_shape
from .selection import diagonal, where
from .selection import trace as trace_of


def _floating(value: Any) -> Tracer:
    x = asarray(value)
    return x if is_inexact(x.dtype) else as_dtype(x, FLOAT64)


def _root(total: Tracer) -> Tracer:
    """The square root whose derivative at 0 is 0: the norm's subgradient of least norm."""
    nothing = total == 0.0
    return where(nothing, 0.0, np.sqrt(where(nothing, 1.0, total)))


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tracer:
    """`np.linalg.norm`; its derivative at 0 is 0.

    Raises:
        ValueError: for an order that NumPy does not define.
        UnsupportedFunctionError: for matrix norms that need singular values.
    """
    value = _floating(x)
    axes = axes_of(tuple(axis) if isinstance(axis, list) else axis, value.ndim)
    if isinstance(axis, (tuple, list)):
        axes = tuple(normalize_axis(int(n), value.ndim) for n in axis)
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
    lines, columns = axes
    summed, other = (lines, columns) if abs_ord(ord) == 1 else (columns, lines)
    row = reduce_max if ord in (1, np.inf) else reduce_min
    totals = reduce_sum(abs(x), axes=(summed,))
    return row(totals, axes=(other - (other > summed),))


def abs_ord(ord: Any) -> float:
    """1 or infinity: the orders of matrix norms that are sums.

    Raises:
        UnsupportedFunctionError: for the others.
    """
    if ord not in (1, -1, np.inf, -np.inf):
        raise UnsupportedFunctionError(
            f"np.linalg.norm of matrices with ord={ord!r} is not traced; 'fro', 1, -1, inf "
            f"and -inf are{at(user_location())}"
        )
    return abs(float(ord))


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Tracer:
    """`np.linalg.vector_norm`: over all elements, or along axes."""
    value = _floating(x)
    axes = axes_of(axis, value.ndim)
    result = _vector_norm(value, ord, axes)
    return reshape(result, shape=kept_shape(value, axes)) if keepdims else result


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Tracer:
    """`np.linalg.matrix_norm`: of the matrices in the last two axes."""
    return norm(x, ord, (-2, -1), keepdims)


def multi_dot(arrays: Any, *, out: Any = None) -> Tracer:
    """`np.linalg.multi_dot`: the product of several matrices, in the cheapest order."""
    values = [asarray(x) for x in arrays]
    first, last = values[0].ndim == 1, values[-1].ndim == 1
    if first:
        values[0] = reshape(values[0], shape=(1, values[0].size))
    if last:
        values[-1] = reshape(values[-1], shape=(values[-1].size, 1))
    letters = "abcdefghijklmnopqrstuvwxyz"
    text = ",".join(letters[n : n + 2] for n in range(len(values)))
    from .einsum import einsum

    result = einsum(f"{text}->{letters[0]}{letters[len(values)]}", *values, out=out)
    shape = (*result.shape[first:1], *result.shape[1 : 2 - last])
    return reshape(result, shape=shape)


def matrix_power(a: Any, n: int) -> Tracer:
    """`np.linalg.matrix_power` for exponents that are not negative.

    Raises:
        UnsupportedFunctionError: for negative ones.
    """
    x = asarray(a)
    if n < 0:
        raise UnsupportedFunctionError(
            f"np.linalg.matrix_power needs an exponent >= 0, got {n}{at(user_location())}"
        )
    if n == 0:
        one = np.eye(x.shape[-1], dtype=x.dtype)
        return stacked([one], x.dtype)[0] + x * 0 if x.dtype != BOOL else asarray(one)
    result: Tracer | None = None
    while n:
        if n & 1:
            result = x if result is None else matmul(result, x)
        n >>= 1
        x = matmul(x, x) if n else x
    assert result is not None
    return result


def linalg_diagonal(x: Any, /, *, offset: int = 0) -> Tracer:
    """`np.linalg.diagonal`: of the matrices in the last two axes."""
    return diagonal(x, offset, -2, -1)


def linalg_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Tracer:
    """`np.linalg.trace`: of the matrices in the last two axes."""
    return trace_of(x, offset, -2, -1, dtype)


LINALG: dict[str, Callable[..., Any]] = {
    "norm": norm,
    "vector_norm": vector_norm,
    "matrix_norm": matrix_norm,
    "multi_dot": multi_dot,
    "matrix_power": matrix_power,
    "diagonal": linalg_diagonal,
    "trace": linalg_trace,
}
