"""Functions that combine elements along axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import at
from ..location import user_location
from ..primitives import reduction as rows
from ..primitives.elementwise import is_nan
from ..primitives.elementwise import maximum as larger
from ..primitives.elementwise import minimum as smaller
from ..primitives.elementwise import where as choose
from ..primitives.structure import Axes, reshape
from ..trace import Tracer
from ..types import (
    BOOL,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    INT64,
    DType,
    is_inexact,
    normalize_axes,
    normalize_axis,
    real_dtype,
)
from .complexes import squared_size
from .creation import as_numpy_dtype, asarray
from .meanings import truth
from .promotion import as_dtype, number, prepare
from .protocols import NO_VALUE, store


def _given(value: Any, default: Any) -> Any:
    return default if value is NO_VALUE or value is None else value


def axes_of(axis: Any, ndim: int) -> Axes:
    """The axes that an `axis` argument names; None is all."""
    if axis is None or isinstance(axis, tuple):
        return normalize_axes(axis, ndim)
    return (normalize_axis(int(axis), ndim),)


def kept_shape(x: Tracer, axes: Axes) -> tuple[int, ...]:
    """The shape with extent 1 at the reduced axes."""
    return tuple(1 if n in axes else extent for n, extent in enumerate(x.shape))


def _finish(result: Tracer, x: Tracer, axes: Axes, keepdims: Any, out: Any) -> Tracer:
    if _given(keepdims, False):
        result = reshape(result, shape=kept_shape(x, axes))
    stored: Tracer = store(out, result)
    return stored


@lru_cache(maxsize=64)
def _sum_dtype(dtype: DType) -> DType:
    """What NumPy adds in: integers smaller than a C long in one, signed or not as they are."""
    return np.add.resolve_dtypes((None, dtype, None), reduction=True)[-1]


def _masked(x: Tracer, where: Any, otherwise: Any) -> Tracer:
    if where is NO_VALUE or where is True or where is None:
        return x
    return choose(prepare(where, BOOL, x.shape), x, prepare(otherwise, x.dtype, x.shape))


def _accumulating(row: Any, combine: Callable[[Tracer, Tracer], Tracer], identity: int) -> Any:
    def function(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = NO_VALUE,
        initial: Any = NO_VALUE,
        where: Any = NO_VALUE,
    ) -> Tracer:
        x = asarray(a)
        x = as_dtype(x, _sum_dtype(x.dtype) if dtype is None else as_numpy_dtype(dtype))
        x = _masked(x, where, identity)
        axes = axes_of(axis, x.ndim)
        result = row(x, axes=axes)
        if initial is not NO_VALUE and initial is not None:
            result = combine(result, prepare(initial, x.dtype, result.shape))
        return _finish(result, x, axes, keepdims, out)

    return function


sum = _accumulating(rows.reduce_sum, lambda x, y: x + y, 0)
prod = _accumulating(rows.reduce_prod, lambda x, y: x * y, 1)


def _extremum(row: Any, of_bools: Any, combine: Any) -> Any:
    def function(
        a: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = NO_VALUE,
        initial: Any = NO_VALUE,
        where: Any = NO_VALUE,
    ) -> Tracer:
        x = asarray(a)
        axes = axes_of(axis, x.ndim)
        if x.dtype == BOOL:
            return _finish(of_bools(x, axes=axes), x, axes, keepdims, out)
        start = None if initial is NO_VALUE else initial
        masked = where is not NO_VALUE and where is not True
        if masked and start is None:
            raise ValueError(
                "reduction operation does not have an identity, so to use a where mask one has to "
                f"specify 'initial'{at(user_location())}"
            )
        x = _masked(x, where, start)
        empty = any(x.shape[n] == 0 for n in axes)
        if empty and start is None:
            raise ValueError(
                f"zero-size array to reduction operation which has no identity{at(user_location())}"
            )
        shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
        if empty:
            return _finish(prepare(start, x.dtype, shape), x, axes, keepdims, out)
        result = row(x, axes=axes)
        if start is not None:
            result = combine(result, prepare(start, x.dtype, shape))
        return _finish(result, x, axes, keepdims, out)

    return function


max = _extremum(rows.reduce_max, rows.reduce_any, larger)
min = _extremum(rows.reduce_min, rows.reduce_all, smaller)


def _logical(row: Any, identity: bool) -> Any:
    def function(
        a: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = NO_VALUE,
        *,
        where: Any = NO_VALUE,
    ) -> Tracer:
        x = _masked(truth(asarray(a)), where, identity)
        axes = axes_of(axis, x.ndim)
        return _finish(row(x, axes=axes), x, axes, keepdims, out)

    return function


any_of = _logical(rows.reduce_any, False)
all_of = _logical(rows.reduce_all, True)


def _count(x: Tracer, axes: Axes, where: Any, dtype: DType) -> Tracer:
    """How many elements are reduced into one: a number, or counted under a mask."""
    shape = kept_shape(x, axes)
    if where is NO_VALUE or where is True or where is None:
        return number(math.prod(x.shape[n] for n in axes), dtype, shape)
    counted = rows.reduce_sum(as_dtype(prepare(where, BOOL, x.shape), dtype), axes=axes)
    return reshape(counted, shape=shape)


def _mean_kept(x: Tracer, axes: Axes, where: Any) -> Tracer:
    total = rows.reduce_sum(_masked(x, where, 0.0), axes=axes)
    return reshape(total, shape=kept_shape(x, axes)) / _count(x, axes, where, x.dtype)


def _floating(a: Any, dtype: Any) -> tuple[Tracer, DType]:
    """The values in the dtype to average them in, and the dtype of the result."""
    x = asarray(a)
    wanted = FLOAT64 if not is_inexact(x.dtype) else x.dtype
    wanted = wanted if dtype is None else as_numpy_dtype(dtype)
    return as_dtype(x, FLOAT32 if wanted == FLOAT16 else wanted), wanted


def _drop(kept: Tracer, x: Tracer, axes: Axes, dtype: DType, keepdims: Any, out: Any) -> Tracer:
    shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
    return _finish(as_dtype(reshape(kept, shape=shape), dtype), x, axes, keepdims, out)


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
    axes = axes_of(axis, x.ndim)
    return _drop(_mean_kept(x, axes, where), x, axes, wanted, keepdims, out)


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
    x, wanted = _floating(a, dtype)
    axes = axes_of(axis, x.ndim)
    centre = _mean_kept(x, axes, where) if mean is NO_VALUE else asarray(mean)
    distance = x - centre
    total = rows.reduce_sum(_masked(squared_size(distance), where, 0.0), axes=axes)
    freedom = float(_given(correction, ddof))
    count = _count(x, axes, where, total.dtype)
    degrees = larger(count - freedom, number(0.0, total.dtype, count.shape)) if freedom else count
    wanted = real_dtype(wanted)
    return _drop(reshape(total, shape=count.shape) / degrees, x, axes, wanted, keepdims, out)


def std(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, **kwargs: Any) -> Tracer:
    """`np.std`: the square root of the variance."""
    result: Tracer = store(out, np.sqrt(var(a, axis, dtype, None, **kwargs)))
    return result


def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NO_VALUE) -> Tracer:
    """`np.ptp`: the largest less the smallest."""
    result: Tracer = store(out, max(a, axis, keepdims=keepdims) - min(a, axis, keepdims=keepdims))
    return result


def count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Tracer:
    """`np.count_nonzero`."""
    counted: Tracer = sum(truth(asarray(a)), axis, INT64, keepdims=keepdims)
    return counted


def average(
    a: Any,
    axis: Any = None,
    weights: Any = None,
    returned: bool = False,
    *,
    keepdims: Any = NO_VALUE,
) -> Any:
    """`np.average`: the mean, weighted if weights are given."""
    x = asarray(a)
    if weights is None:
        axes = axes_of(axis, x.ndim)
        result = mean(x, axis, keepdims=keepdims)
        total = number(math.prod(x.shape[n] for n in axes), result.dtype, result.shape)
    else:
        by = asarray(weights)
        if by.ndim == 1 and x.ndim > 1:
            place = axes_of(axis, x.ndim)[0]
            by = reshape(by, shape=tuple(n if i == place else 1 for i, n in enumerate(x.shape)))
        by = prepare(by, by.dtype, x.shape)
        total = sum(by, axis, keepdims=keepdims)
        result = sum(x * by, axis, keepdims=keepdims) / total
    return (result, total) if returned else result


def _position(row: Any) -> Any:
    def function(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = NO_VALUE) -> Tracer:
        x = asarray(a)
        flat = reshape(x, shape=(x.size,)) if axis is None else x
        place = 0 if axis is None else normalize_axis(int(axis), x.ndim)
        if flat.shape[place] == 0:
            raise ValueError(f"attempt to get {row.name} of an empty sequence{at(user_location())}")
        axes = axes_of(axis, x.ndim)
        return _finish(row(flat, axis=place), x, axes, keepdims, out)

    return function


argmax = _position(rows.argmax)
argmin = _position(rows.argmin)


def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Tracer:
    """`np.cumsum`: running sums."""
    x = asarray(a)
    x = as_dtype(x, _sum_dtype(x.dtype) if dtype is None else as_numpy_dtype(dtype))
    if axis is None:
        x, axis = reshape(x, shape=(x.size,)), 0
    result: Tracer = store(
        out, rows.cumsum(x, axis=normalize_axis(int(axis), x.ndim), reverse=False)
    )
    return result


def cumulative_sum(
    x: Any,
    /,
    *,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    include_initial: bool = False,
) -> Tracer:
    """`np.cumulative_sum`."""
    result = cumsum(x, axis, dtype)
    if include_initial:
        from .joining import pad

        widths = [(int(n == (axis or 0) % result.ndim), 0) for n in range(result.ndim)]
        result = pad(result, widths)
    stored: Tracer = store(out, result)
    return stored


def _without_nan(function: Any, replacement: float) -> Any:
    """The function with NaN counted as a value that changes nothing."""

    def ignoring(a: Any, axis: Any = None, *args: Any, **kwargs: Any) -> Tracer:
        x = asarray(a)
        if not is_inexact(x.dtype):
            result: Tracer = function(x, axis, *args, **kwargs)
            return result
        missing = is_nan(x)
        result = function(
            choose(missing, number(replacement, x.dtype, x.shape), x), axis, *args, **kwargs
        )
        if math.isfinite(replacement):
            return result
        keepdims = kwargs.get("keepdims", NO_VALUE)
        nothing = all_of(missing, axis, keepdims=keepdims)
        return choose(nothing, number(math.nan, x.dtype, result.shape), result)

    return ignoring


def _counting_without_nan(function: Any) -> Any:
    def ignoring(a: Any, axis: Any = None, *args: Any, **kwargs: Any) -> Tracer:
        x = asarray(a)
        if is_inexact(x.dtype):
            kwargs["where"] = ~is_nan(x)
        result: Tracer = function(x, axis, *args, **kwargs)
        return result

    return ignoring


nansum = _without_nan(sum, 0.0)
nanprod = _without_nan(prod, 1.0)
nanmax = _without_nan(max, -math.inf)
nanmin = _without_nan(min, math.inf)
nanmean = _counting_without_nan(mean)
nanvar = _counting_without_nan(var)
nanstd = _counting_without_nan(std)

REDUCTIONS: dict[str, Callable[..., Any]] = {
    "add": sum,
    "multiply": prod,
    "maximum": max,
    "minimum": min,
    "logical_and": all_of,
    "logical_or": any_of,
}
ACCUMULATIONS: dict[str, Callable[..., Any]] = {"add": cumsum}
