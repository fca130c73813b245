"""Means, variances and what is made of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import at
from ..location import user_location
from ..primitives.complexes import complex as complex_of
from ..primitives.elementwise import broadcast_scalar, sqrt, stop_gradient
from ..primitives.elementwise import maximum as larger
from ..primitives.elementwise import where as where_row
from ..primitives.reduction import reduce_sum
from ..primitives.structure import Axes, broadcast, concatenate, permute, reshape
from ..trace import Tracer
from ..types import BOOL, FLOAT16, FLOAT32, FLOAT64, DType, is_complex, is_inexact, real_dtype
from .complexes import conjugated, imag, real, squared_size
from .creation import as_numpy_dtype, asarray
from .products import contract
from .promotion import as_dtype, check_dtype, number, prepare, spread
from .protocols import NO_VALUE, store
from .reductions import axes_of, axis_of, check_degrees, given, kept_shape, masked, without_axes
from .selection import clip, diagonal
from .shaping import squeeze


def _count(x: Tracer, axes: Axes, where: Any, dtype: DType) -> Tracer:
    """How many elements are reduced into one: a number, or counted under a mask."""
    shape = kept_shape(x, axes)
    if given(where, True) is True:
        return number(math.prod(x.shape[n] for n in axes), dtype, shape)
    counted = reduce_sum(as_dtype(prepare(where, BOOL, x.shape), dtype), axes=axes)
    return reshape(counted, shape=shape)


def _mean_kept(x: Tracer, axes: Axes, where: Any) -> Tracer:
    total = reduce_sum(masked(x, where, 0.0), axes=axes)
    return reshape(total, shape=kept_shape(x, axes)) / _count(x, axes, where, x.dtype)


def _floating(a: Any, dtype: Any) -> tuple[Tracer, DType]:
    """The values in the dtype to average them in, and the dtype of the result."""
    x = asarray(a)
    wanted = (
        (x.dtype if is_inexact(x.dtype) else FLOAT64) if dtype is None else as_numpy_dtype(dtype)
    )
    return as_dtype(x, FLOAT32 if wanted == FLOAT16 else wanted), wanted


def _axes(axis: Any, ndim: int) -> Axes:
    """The axes that an `axis` argument names; unlike for sums, a 0-d array has none."""
    several = axis is None or isinstance(axis, tuple)
    return axes_of(axis, ndim) if several else (axis_of(axis, ndim),)


def mean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = NO_VALUE,
    *,
    where: Any = NO_VALUE,
) -> Tracer:
    """`np.mean`."""
    x, wanted = _floating(a, dtype)
    axes = _axes(axis, x.ndim)
    result = as_dtype(_mean_kept(x, axes, where), wanted)
    return without_axes(result, x, axes, keepdims, out)


def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = NO_VALUE,
    *,
    where: Any = NO_VALUE,
    mean: Any = NO_VALUE,
    correction: Any = NO_VALUE,
) -> Tracer:
    """`np.var`: the mean square distance from the mean."""
    check_degrees(ddof, correction)
    x, wanted = _floating(a, dtype)
    axes = _axes(axis, x.ndim)
    if mean is NO_VALUE:
        centre = _mean_kept(x, axes, where)
    else:
        centre = asarray(mean)
        wanted = np.result_type(wanted, centre.dtype)
    distance = x - centre
    total = reduce_sum(masked(squared_size(distance), where, 0.0), axes=axes)
    freedom = float(given(correction, ddof))
    count = _count(x, axes, where, total.dtype)
    degrees = larger(count - freedom, number(0.0, total.dtype, count.shape)) if freedom else count
    result = as_dtype(reshape(total, shape=count.shape) / degrees, real_dtype(wanted))
    return without_axes(result, x, axes, keepdims, out)


def root(x: Tracer) -> Tracer:
    """The square root, with derivative 0 at 0: what a distance has where all points are one."""
    nothing = x == 0.0
    return where_row(
        nothing, stop_gradient(x), sqrt(where_row(nothing, broadcast_scalar(1.0, x), x))
    )


def std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = NO_VALUE,
    *,
    where: Any = NO_VALUE,
    mean: Any = NO_VALUE,
    correction: Any = NO_VALUE,
) -> Tracer:
    """`np.std`: the square root of the variance; where that is 0, its derivative is 0."""
    variance = var(
        a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction
    )
    result: Tracer = store(out, root(variance))
    return result


def average(
    a: Any,
    axis: Any = None,
    weights: Any = None,
    returned: bool = False,
    *,
    keepdims: Any = NO_VALUE,
) -> Any:
    """`np.average`: the mean, weighted if weights are given.

    Raises:
        TypeError: when the weights have another shape and no axis is given.
        ValueError: when they do not have the extents of the axes.
        ZeroDivisionError: when there are none.
    """
    x = asarray(a)
    axes = _axes(axis, x.ndim)
    if weights is None:
        result = mean(x, axis, keepdims=keepdims)
        size = math.prod(x.shape[n] for n in axes)
        total = number(float(size), result.dtype, result.shape)
    else:
        by = _weights(asarray(weights), x, axis)
        dtype = np.result_type(x.dtype, by.dtype, *([] if is_inexact(x.dtype) else [FLOAT64]))
        x, by = as_dtype(x, dtype), as_dtype(by, dtype)
        weight = reduce_sum(spread(by, x.shape), axes=axes)
        if weight.size and not x.size:
            raise ZeroDivisionError(
                f"Weights sum to zero, can't be normalized{at(user_location())}"
            )
        result = without_axes(reduce_sum(x * by, axes=axes) / weight, x, axes, keepdims, None)
        total = reshape(weight, shape=result.shape)
    return (result, total) if returned else result


def _weights(weights: Tracer, x: Tracer, axis: Any) -> Tracer:
    """The weights in the order of the axes of ``x``, with extent 1 where they do not vary."""
    if weights.shape == x.shape:
        return weights
    if axis is None:
        raise TypeError(
            f"Axis must be specified when shapes of a and weights differ.{at(user_location())}"
        )
    axes = [axes_of(n, x.ndim)[0] for n in (axis if isinstance(axis, tuple) else (axis,))]
    if weights.shape != tuple(x.shape[n] for n in axes):
        raise ValueError(
            "Shape of weights must be consistent with shape of a along specified axis."
            f"{at(user_location())}"
        )
    ordered = permute(weights, axes=tuple(int(n) for n in np.argsort(axes)))
    return reshape(ordered, shape=tuple(n if i in axes else 1 for i, n in enumerate(x.shape)))


# -- covariance --------------------------------------------------------------------------------


def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Tracer:
    """`np.cov`: the covariance of variables, one a row (or a column, without ``rowvar``).

    Raises:
        ValueError: for more than two axes, and a ``ddof`` that is no integer.
        RuntimeError: for weights that are no vector of one number an observation.
    """
    if ddof is not None and ddof != int(ddof):
        raise ValueError(f"ddof must be integer{at(user_location())}")
    x = _variables(asarray(m), y, rowvar, dtype)
    if x.shape[0] == 0:
        return number(0.0, x.dtype, (0, 0))
    freedom = (0 if bias else 1) if ddof is None else int(ddof)
    count = x.shape[1]
    repeats, given_weights = (
        None if w is None else _observation_weights(w, name, count, x.dtype)
        for w, name in ((fweights, "fweights"), (aweights, "aweights"))
    )
    weights = repeats if given_weights is None else given_weights
    if repeats is not None and given_weights is not None:
        weights = repeats * given_weights
    centre = average(x, 1, weights)
    distance = x - reshape(centre, shape=(x.shape[0], 1))
    scaled = distance if weights is None else distance * weights
    factor = _normalisation(count, freedom, weights, given_weights, x.dtype)
    return squeeze(contract(distance, conjugated(scaled), ((1,), (1,))) * factor)


def _variables(m: Tracer, y: Any, rowvar: bool, dtype: Any) -> Tracer:
    """All variables as rows."""
    parts = [m] if y is None else [m, asarray(y)]
    for part, name in zip(parts, "my", strict=False):
        if part.ndim > 2:
            raise ValueError(f"{name} has more than 2 dimensions{at(user_location())}")
    wanted = np.result_type(*(p.dtype for p in parts), FLOAT64) if dtype is None else dtype
    check_dtype(np.dtype(wanted), "np.cov")
    lines = []
    for part in parts:
        line = reshape(part, shape=(1,) * (2 - part.ndim) + part.shape)
        if not rowvar and line.shape[0] != 1:
            line = permute(line, axes=(1, 0))
        lines.append(as_dtype(line, np.dtype(wanted)))
    if len({line.shape[1] for line in lines}) > 1:
        raise ValueError(
            "all the input array dimensions except for the concatenation axis must match exactly"
            f"{at(user_location())}"
        )
    return concatenate(*lines, axis=0) if len(lines) > 1 else lines[0]


def _observation_weights(weights: Any, name: str, count: int, dtype: DType) -> Tracer:
    values = as_dtype(asarray(weights), dtype)
    if values.ndim > 1:
        raise RuntimeError(f"cannot handle multidimensional {name}{at(user_location())}")
    if values.shape != (count,):
        raise RuntimeError(f"incompatible numbers of samples and {name}{at(user_location())}")
    return values


def _normalisation(
    count: int, freedom: int, weights: Tracer | None, given_weights: Tracer | None, dtype: DType
) -> Any:
    """1 over the degrees of freedom; over 0 if there are none."""
    if weights is None:
        with np.errstate(divide="ignore"):
            return float(np.divide(1.0, max(count - freedom, 0)))
    total = reduce_sum(weights, axes=(0,))
    if freedom == 0:
        degrees = total
    elif given_weights is None:
        degrees = total - float(freedom)
    else:
        degrees = total - freedom * reduce_sum(weights * given_weights, axes=(0,)) / total
    return 1.0 / larger(degrees, number(0.0, dtype))


def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Tracer:
    """`np.corrcoef`: covariances over the products of the standard deviations."""
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviation: Any = np.sqrt(real(diagonal(c)))
    n = c.shape[0]
    for axis in (0, 1):
        c = asarray(c / broadcast(deviation, shape=(n, n), axes=(axis,)))
    if not is_complex(c.dtype):
        return clip(c, -1, 1)
    return complex_of(*(clip(part(c), -1, 1) for part in (real, imag)))
