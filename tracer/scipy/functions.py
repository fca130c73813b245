"""The functions of `scipy.special` that are no ufuncs: sums of exponentials, factorials, ...

SciPy's own compute on arrays only, so that `pullback.scipy.special` has these.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import UnsupportedFunctionError, at
from ..location import user_location
from ..numpy.creation import asarray
from ..numpy.promotion import as_dtype, common_dtype, common_shape, number, spread
from ..numpy.reductions import axes_of, kept_shape
from ..numpy.selection import where
from ..primitives import elementwise as basic
from ..primitives import special as rows
from ..primitives.reduction import reduce_max, reduce_sum
from ..primitives.structure import Axes, reshape
from ..trace import Tracer
from ..types import FLOAT64, is_float


def floating(value: Any) -> Tracer:
    """The values as floats."""
    x = asarray(value)
    return x if is_float(x.dtype) else as_dtype(x, FLOAT64)


def _together(*values: Any) -> list[Tracer]:
    """The values as floats of one dtype and shape."""
    dtype = common_dtype([*values, np.float32(0)], "this function")
    arrays = [as_dtype(asarray(x), dtype) for x in values]
    shape = common_shape([x.shape for x in arrays])
    return [spread(x, shape) for x in arrays]


def _sum(x: Tracer, axes: Axes) -> Tracer:
    """The sum with the summed axes kept, of extent one."""
    return reshape(reduce_sum(x, axes=axes), shape=kept_shape(x, axes))


def _shift(x: Tracer, axes: Axes) -> Tracer:
    """The greatest element, 0 where that is infinite or NaN; a constant in derivatives."""
    top = basic.stop_gradient(reshape(reduce_max(x, axes=axes), shape=kept_shape(x, axes)))
    return where(basic.is_finite(top), top, 0.0)


def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """`scipy.special.logsumexp`: the logarithm of a sum of exponentials, perhaps weighted.

    The largest terms, which are one after the shift, are counted apart from the rest, so that
    a rest which is small beside them is not lost. Its derivative is 0 where all terms are.
    """
    x, *weights = _together(a) if b is None else _together(a, b)
    axes = axes_of(axis, x.ndim)
    if x.size == 0:
        return _empty_sum(x, axes, keepdims, return_sign)
    absent = weights[0] == 0.0 if weights else None
    top = _shift(x if absent is None else where(absent, -math.inf, x), axes)
    largest = as_dtype(x == top, x.dtype)
    powers: Any = basic.exp(x - top)
    if absent is not None:
        # A weight of zero takes away what is finite, and has a derivative; else it takes all.
        powers = where(absent & ~basic.is_finite(powers), 0.0, powers)
    rest, counted = powers - largest, largest
    if weights:
        rest, counted = weights[0] * rest, weights[0] * counted
    remainder, count = _sum(rest, axes), _sum(counted, axes)
    sign, logarithm = _signed_log(remainder, count)
    result = logarithm + top
    if weights and not return_sign:
        result = where(sign < 0.0, math.nan, result)
    if not keepdims:
        shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
        result, sign = reshape(result, shape=shape), reshape(sign, shape=shape)
    return (result, sign) if return_sign else result


def _empty_sum(x: Tracer, axes: Axes, keepdims: bool, return_sign: bool) -> Any:
    kept = kept_shape(x, axes)
    shape = kept if keepdims else tuple(n for i, n in enumerate(x.shape) if i not in axes)
    result = number(-math.inf, x.dtype, shape)
    return (result, number(-1.0, x.dtype, shape)) if return_sign else result


def _signed_log(rest: Tracer, count: Tracer) -> tuple[Tracer, Tracer]:
    """Sign and logarithm of the size of ``count + rest``."""
    total = count + rest
    empty = total == 0.0
    logarithm = basic.log_of_sum(where(empty, 1.0, count), where(empty, 0.0, rest))
    return basic.sign(total), where(empty, -math.inf, logarithm)


def softmax(x: Any, axis: Any = None) -> Tracer:
    """`scipy.special.softmax`: exponentials that sum up to one along the axes."""
    value = floating(x)
    axes = axes_of(axis, value.ndim)
    if value.size == 0:
        return value
    top = basic.stop_gradient(reshape(reduce_max(value, axes=axes), shape=kept_shape(value, axes)))
    powers = basic.exp(value - top)
    return powers / _sum(powers, axes)


def log_softmax(x: Any, axis: Any = None) -> Tracer:
    """`scipy.special.log_softmax`."""
    value = floating(x)
    axes = axes_of(axis, value.ndim)
    if value.size == 0:
        return value
    shifted = value - _shift(value, axes)
    logarithm = basic.log(_sum(basic.exp(shifted), axes))
    return shifted - logarithm


def _inexact(exact: bool, name: str) -> None:
    if exact:
        raise UnsupportedFunctionError(
            f"scipy.special.{name} with exact=True counts in Python integers, which traced values "
            f"are not; leave it out{at(user_location())}"
        )


def factorial(n: Any, exact: bool = False, extend: str = "zero") -> Tracer:
    """`scipy.special.factorial`: ``gamma(n + 1)``, 0 for negative n."""
    _inexact(exact or extend != "zero", "factorial")
    x = floating(n)
    return where(x < 0.0, 0.0, rows.gamma(where(x < 0.0, 0.0, x) + 1.0))


def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> Tracer:
    """`scipy.special.comb`: the binomial coefficient, 0 unless 0 <= k <= N."""
    _inexact(exact, "comb")
    n, count = _together(N, k)
    if repetition:
        chosen = rows.binom(n + count - 1.0, count)
        return where((count == 0.0) & (n == 0.0), 1.0, chosen)
    inside = (count <= n) & (n >= 0.0) & (count >= 0.0)
    return where(inside, rows.binom(n, count), 0.0)


def perm(N: Any, k: Any, exact: bool = False) -> Tracer:
    """`scipy.special.perm`: N! / (N - k)!, 0 unless 0 <= k <= N."""
    _inexact(exact, "perm")
    n, count = _together(N, k)
    inside = (count <= n) & (n >= 0.0) & (count >= 0.0)
    return where(inside, rows.poch(n - count + 1.0, count), 0.0)


def zeta(x: Any, q: Any = None, out: Any = None) -> Tracer:
    """`scipy.special.zeta` of two arguments, and of one above 1."""
    return rows.zeta(*_together(x, 1.0 if q is None else q))


def polygamma(n: Any, x: Any) -> Tracer:
    """`scipy.special.polygamma` of orders that are known: n-th derivatives of ``digamma``."""
    if isinstance(n, Tracer):
        raise UnsupportedFunctionError(
            f"scipy.special.polygamma is traced for orders that are known{at(user_location())}"
        )
    orders = np.asarray(n, np.float64)
    factors = np.vectorize(lambda k: (-1.0) ** (k + 1.0) * math.gamma(k + 1.0))(orders)
    value = floating(x)
    if not orders.any():
        return _together(rows.digamma(value), np.zeros(orders.shape))[0]
    signed, order, point = _together(factors.astype(value.dtype), orders.astype(value.dtype), value)
    first = order == 0.0
    higher = signed * rows.zeta(where(first, 2.0, order + 1.0), point)
    return where(first, rows.digamma(point), higher) if not orders.all() else higher


def multigammaln(a: Any, d: Any) -> Tracer:
    """`scipy.special.multigammaln`: the logarithm of the gamma function of d x d matrices.

    Raises:
        ValueError: when d is not a positive whole number.
    """
    if not isinstance(d, (int, float, np.integer, np.floating)) or d < 1 or int(d) != d:
        raise ValueError(f"d should be a positive integer (dimension){at(user_location())}")
    x = floating(a)
    total = number(d * (d - 1) * 0.25 * math.log(math.pi), x.dtype, x.shape)
    for n in range(int(d)):
        total = total + rows.lgamma(x - 0.5 * n)
    return total


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "logsumexp": logsumexp,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "factorial": factorial,
    "comb": comb,
    "perm": perm,
    "zeta": zeta,
    "polygamma": polygamma,
    "multigammaln": multigammaln,
}
"""Those functions by their names in `scipy.special`."""
