"""Functions that combine elements along axes."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import at
from ..location import user_location
from ..primitives import reduction as rows
from ..primitives.elementwise import bit_and, bit_or, is_finite, stop_gradient
from ..primitives.elementwise import maximum as larger
from ..primitives.elementwise import minimum as smaller
from ..primitives.elementwise import where as choose
from ..primitives.structure import Axes, reshape
from ..trace import Tracer
from ..types import BOOL, FLOAT64, INT64, DType, is_inexact, normalize_axes, normalize_axis
from .creation import as_numpy_dtype, asarray
from .meanings import truth
from .promotion import as_dtype, number, prepare
from .protocols import NO_VALUE, store


def given(value: Any, default: Any) -> Any:
    """The value of an argument, or what stands for one that was not given."""
    return default if value is NO_VALUE or value is None else value


def axes_of(axis: Any, ndim: int) -> Axes:
    """The axes that an `axis` argument names; None is all.

    Raises:
        TypeError: for what is neither an int nor a tuple of ints.
    """
    if axis is None or isinstance(axis, tuple):
        return normalize_axes(axis, ndim)
    place = axis_of(axis, ndim or 1)
    return (place,) if ndim else ()


def axis_of(axis: Any, ndim: int) -> int:
    """The one axis that an `axis` argument names, counted from the front."""
    return normalize_axis(operator.index(axis), ndim)


def check_degrees(ddof: Any, correction: Any) -> None:
    """Refuse both names of the same argument, as NumPy does."""
    if correction is not NO_VALUE and ddof != 0:
        raise ValueError(
            f"ddof and correction can't be provided simultaneously.{at(user_location())}"
        )


def kept_shape(x: Tracer, axes: Axes) -> tuple[int, ...]:
    """The shape with extent 1 at the reduced axes."""
    return tuple(1 if n in axes else extent for n, extent in enumerate(x.shape))


def _finish(result: Tracer, x: Tracer, axes: Axes, keepdims: Any, out: Any) -> Tracer:
    if given(keepdims, False):
        result = reshape(result, shape=kept_shape(x, axes))
    if isinstance(out, Tracer):
        result = as_dtype(result, out.dtype)
    stored: Tracer = store(out, result)
    return stored


@lru_cache(maxsize=64)
def sum_dtype(dtype: DType) -> DType:
    """What NumPy adds in: integers smaller than a C long in one, signed or not as they are."""
    return np.add.resolve_dtypes((None, dtype, None), reduction=True)[-1]


def masked(x: Tracer, where: Any, otherwise: Any) -> Tracer:
    """The values where they are asked for, elsewhere one that changes nothing."""
    if given(where, True) is True:
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
        x = as_dtype(x, sum_dtype(x.dtype) if dtype is None else as_numpy_dtype(dtype))
        x = masked(x, where, identity)
        axes = axes_of(axis, x.ndim)
        result = row(x, axes=axes)
        if initial is not NO_VALUE and initial is not None:
            result = combine(result, prepare(initial, x.dtype, result.shape))
        return _finish(result, x, axes, keepdims, out)

    return function


sum = _accumulating(rows.reduce_sum, lambda x, y: x + y, 0)
prod = _accumulating(rows.reduce_prod, lambda x, y: x * y, 1)


def _extremum(row: Any, of_bools: Any, combine: Any, combine_bools: Any) -> Any:
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
        start = None if initial is NO_VALUE else initial
        if given(where, True) is not True and start is None:
            raise ValueError(
                "reduction operation does not have an identity, so to use a where mask one has to "
                f"specify 'initial'{at(user_location())}"
            )
        x = masked(x, where, start)
        empty = any(x.shape[n] == 0 for n in axes)
        if empty and start is None:
            raise ValueError(
                f"zero-size array to reduction operation which has no identity{at(user_location())}"
            )
        shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
        if empty:
            return _finish(prepare(start, x.dtype, shape), x, axes, keepdims, out)
        result = (of_bools if x.dtype == BOOL else row)(x, axes=axes)
        if start is not None:
            pick = (
                (bit_or if of_bools is rows.reduce_any else bit_and) if x.dtype == BOOL else combine
            )
            result = pick(result, prepare(start, x.dtype, shape))
        return _finish(result, x, axes, keepdims, out)

    return function


max = _extremum(rows.reduce_max, rows.reduce_any, larger, bit_or)
min = _extremum(rows.reduce_min, rows.reduce_all, smaller, bit_and)


def _logical(row: Any, identity: bool) -> Any:
    def function(
        a: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = NO_VALUE,
        *,
        where: Any = NO_VALUE,
    ) -> Tracer:
        x = masked(truth(asarray(a)), where, identity)
        axes = axes_of(axis, x.ndim)
        return _finish(row(x, axes=axes), x, axes, keepdims, out)

    return function


any_of = _logical(rows.reduce_any, False)
all_of = _logical(rows.reduce_all, True)


def without_axes(kept: Tracer, x: Tracer, axes: Axes, keepdims: Any, out: Any) -> Tracer:
    """A result with extent 1 at the reduced axes, in the shape and place asked for."""
    shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
    return _finish(reshape(kept, shape=shape), x, axes, keepdims, out)


def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NO_VALUE) -> Tracer:
    """`np.ptp`: the largest less the smallest."""
    result: Tracer = store(out, max(a, axis, keepdims=keepdims) - min(a, axis, keepdims=keepdims))
    return result


def count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Tracer:
    """`np.count_nonzero`."""
    counted: Tracer = sum(truth(asarray(a)), axis, INT64, keepdims=keepdims)
    return counted


def logsumexp(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = NO_VALUE,
    initial: Any = NO_VALUE,
    where: Any = NO_VALUE,
) -> Tracer:
    """`np.logaddexp.reduce`: the logarithm of the sum of exponentials, none of which overflows."""
    x = asarray(a)
    x = as_dtype(x, (x.dtype if is_inexact(x.dtype) else FLOAT64) if dtype is None else dtype)
    x = masked(x, where, -math.inf)
    axes = axes_of(axis, x.ndim)
    kept = max(x, axes, keepdims=True, initial=-math.inf)
    top = stop_gradient(choose(is_finite(kept), kept, number(0.0, x.dtype, kept.shape)))
    added = sum(np.exp(x - top), axes, keepdims=True)
    nothing = added == 0.0
    total: Any = np.log(choose(nothing, number(1.0, x.dtype, added.shape), added)) + top
    total = choose(nothing, number(-math.inf, x.dtype, added.shape), total)
    if given(initial, None) is not None:
        total = np.logaddexp(total, prepare(initial, x.dtype, total.shape))
    return without_axes(total, x, axes, keepdims, out)


def _position(row: Any) -> Any:
    def function(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = NO_VALUE) -> Tracer:
        x = asarray(a)
        flat = reshape(x, shape=(x.size,)) if axis is None or not x.ndim else x
        place = 0 if axis is None else axis_of(axis, x.ndim or 1)
        if flat.shape[place] == 0:
            raise ValueError(f"attempt to get {row.name} of an empty sequence{at(user_location())}")
        axes = axes_of(axis, x.ndim)
        return _finish(row(flat, axis=place), x, axes, keepdims, out)

    return function


argmax = _position(rows.argmax)
argmin = _position(rows.argmin)


REDUCTIONS: dict[str, Callable[..., Any]] = {
    "add": sum,
    "multiply": prod,
    "maximum": max,
    "minimum": min,
    "logaddexp": logsumexp,
    "logical_and": all_of,
    "logical_or": any_of,
}
