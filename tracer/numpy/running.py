"""Functions that combine all elements up to each place along an axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import at
from ..location import user_location
from ..primitives import cumulative as rows
from ..primitives.reduction import cumsum as running_sum
from ..primitives.structure import concatenate, reshape
from ..trace import Tracer
from .creation import as_numpy_dtype, asarray
from .promotion import as_dtype, number
from .protocols import store
from .reductions import axis_of, sum_dtype


def _running(row: Any, of_any_dtype: bool = False) -> Callable[..., Tracer]:
    def function(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Tracer:
        x = asarray(a)
        usual = x.dtype if of_any_dtype else sum_dtype(x.dtype)
        x = as_dtype(x, usual if dtype is None else as_numpy_dtype(dtype))
        if axis is None or x.ndim == 0:
            axis_of(0 if axis is None else axis, 1)
            x, axis = reshape(x, shape=(x.size,)), 0
        result: Tracer = store(out, row(x, axis=axis_of(axis, x.ndim), reverse=False))
        return result

    return function


cumsum = _running(running_sum)
cumprod = _running(rows.cumprod)
cummax = _running(rows.cummax, of_any_dtype=True)
cummin = _running(rows.cummin, of_any_dtype=True)


def _with_initial(function: Callable[..., Tracer], identity: int) -> Callable[..., Tracer]:
    def cumulative(
        x: Any,
        /,
        *,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        include_initial: bool = False,
    ) -> Tracer:
        value = asarray(x)
        value = reshape(value, shape=(1,)) if value.ndim == 0 else value
        if axis is None and value.ndim > 1:
            raise ValueError(
                "For arrays which have more than one dimension ``axis`` argument is required."
                f"{at(user_location())}"
            )
        place = axis_of(0 if axis is None else axis, value.ndim)
        result = function(value, place, dtype)
        if include_initial:
            shape = tuple(1 if n == place else extent for n, extent in enumerate(result.shape))
            start = number(identity, result.dtype, shape)
            result = concatenate(start, result, axis=place)
        stored: Tracer = store(out, result)
        return stored

    return cumulative


cumulative_sum = _with_initial(cumsum, 0)
cumulative_prod = _with_initial(cumprod, 1)
