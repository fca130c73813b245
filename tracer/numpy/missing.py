"""The functions that leave NaN out: ``nansum`` and its like."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..errors import at
from ..location import user_location
from ..primitives.elementwise import is_nan
from ..primitives.elementwise import where as choose
from ..primitives.reduction import reduce_sum
from ..primitives.structure import reshape
from ..trace import Tracer
from ..types import BOOL, is_inexact, real_dtype
from . import reductions, running
from .complexes import squared_size
from .creation import as_numpy_dtype, asarray
from .moments import mean, root, std, var
from .promotion import as_dtype, number, prepare
from .protocols import NO_VALUE, store
from .reductions import axes_of, given, kept_shape, masked, without_axes


def _replaced(x: Tracer, value: float) -> Tracer:
    return choose(is_nan(x), number(value, x.dtype, x.shape), x) if is_inexact(x.dtype) else x


def _adding(function: Callable[..., Tracer], identity: float) -> Callable[..., Tracer]:
    def ignoring(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = NO_VALUE,
        initial: Any = NO_VALUE,
        where: Any = NO_VALUE,
    ) -> Tracer:
        return function(_replaced(asarray(a), identity), axis, dtype, out, keepdims, initial, where)

    return ignoring


nansum = _adding(reductions.sum, 0.0)
nanprod = _adding(reductions.prod, 1.0)


def _extreme(function: Callable[..., Tracer], worst: float) -> Callable[..., Tracer]:
    def ignoring(
        a: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = NO_VALUE,
        initial: Any = NO_VALUE,
        where: Any = NO_VALUE,
    ) -> Tracer:
        x = asarray(a)
        result = function(_replaced(x, worst), axis, None, keepdims, initial, where)
        if is_inexact(x.dtype) and initial is NO_VALUE:
            nothing = reductions.all_of(is_nan(x), axis, keepdims=keepdims)
            result = choose(nothing, number(math.nan, x.dtype, result.shape), result)
        stored: Tracer = store(out, result)
        return stored

    return ignoring


nanmax = _extreme(reductions.max, -math.inf)
nanmin = _extreme(reductions.min, math.inf)


def _present(x: Tracer, where: Any) -> Tracer:
    """The elements that count: no NaN, and asked for by the mask."""
    known = ~is_nan(x)
    return known if given(where, True) is True else known & prepare(where, BOOL, x.shape)


def _check_dtypes(dtype: Any, out: Any) -> None:
    for kind, name in ((dtype, "dtype"), (getattr(out, "dtype", None), "out")):
        if kind is not None and not is_inexact(as_numpy_dtype(kind)):
            raise TypeError(f"If a is inexact, then {name} must be inexact{at(user_location())}")


def nanmean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = NO_VALUE,
    *,
    where: Any = NO_VALUE,
) -> Tracer:
    """`np.nanmean`."""
    x = asarray(a)
    if is_inexact(x.dtype):
        _check_dtypes(dtype, out)
        where = _present(x, where)
    return mean(x, axis, dtype, out, keepdims, where=where)


def nanvar(
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
    """`np.nanvar`: distances are squared in the dtype of ``a``, and added in ``dtype``."""
    x = asarray(a)
    if not is_inexact(x.dtype):
        return var(
            x, axis, dtype, out, ddof, keepdims, where=where, mean=mean, correction=correction
        )
    _check_dtypes(dtype, out)
    reductions.check_degrees(ddof, correction)
    wanted = x.dtype if dtype is None else as_numpy_dtype(dtype)
    axes, counted = axes_of(axis, x.ndim), _present(x, where)
    shape = kept_shape(x, axes)
    result_dtype = real_dtype(wanted)
    count = reshape(reduce_sum(as_dtype(counted, result_dtype), axes=axes), shape=shape)
    known = _replaced(x, 0.0)
    if mean is NO_VALUE:
        total = reduce_sum(as_dtype(masked(known, counted, 0.0), wanted), axes=axes)
        centre = reshape(total, shape=shape) / count
    else:
        centre = asarray(mean)
    distance = as_dtype(known - centre, x.dtype)
    squares = as_dtype(masked(squared_size(distance), counted, 0.0), result_dtype)
    total = reshape(reduce_sum(squares, axes=axes), shape=shape)
    degrees = count - float(given(correction, ddof))
    none = number(math.nan, result_dtype, shape)
    result = choose(degrees > 0.0, total / degrees, none)
    return without_axes(result, x, axes, keepdims, out)


def nanstd(
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
    """`np.nanstd`."""
    x = asarray(a)
    options = {"where": where, "mean": mean, "correction": correction}
    if not is_inexact(x.dtype):
        return std(x, axis, dtype, out, ddof, keepdims, **options)
    result: Tracer = store(out, root(nanvar(x, axis, dtype, None, ddof, keepdims, **options)))
    return result


def _position(function: Callable[..., Tracer], worst: float) -> Callable[..., Tracer]:
    def ignoring(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = NO_VALUE) -> Tracer:
        return function(_replaced(asarray(a), worst), axis, out, keepdims=keepdims)

    return ignoring


nanargmax = _position(reductions.argmax, -math.inf)
nanargmin = _position(reductions.argmin, math.inf)


def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Tracer:
    """`np.nancumsum`: NaN counts as 0."""
    return running.cumsum(_replaced(asarray(a), 0.0), axis, dtype, out)


def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Tracer:
    """`np.nancumprod`: NaN counts as 1."""
    return running.cumprod(_replaced(asarray(a), 1.0), axis, dtype, out)
