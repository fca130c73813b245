"""Functions that choose among values, and those that pick elements by position."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import TracedValueError, at
from ..location import user_location
from ..primitives import elementwise as rows
from ..primitives.complexes import complex, imag, real
from ..primitives.indexing import gather
from ..primitives.structure import broadcast, pad, permute, reshape
from ..primitives.structure import slice as slice_of
from ..trace import Tracer, literal
from ..types import (
    BOOL,
    FLOAT64,
    INT64,
    DType,
    is_complex,
    is_float,
    is_inexact,
    is_integer,
    normalize_axis,
)
from .creation import along, asarray, positions
from .meanings import truth
from .promotion import (
    as_dtype,
    check_dtype,
    common_dtype,
    common_shape,
    number,
    prepare,
    shape_of,
    spread,
)
from .protocols import NO_VALUE, store
from .shaping import read_only
from .ufuncs import OPERANDS, call


def operand(value: Any) -> Any:
    """A value for an elementwise function: lists become arrays, numbers stay Python's."""
    return value if isinstance(value, OPERANDS) else asarray(value)


def where(condition: Any, x: Any = None, y: Any = None, /) -> Tracer:
    """`np.where` with three arguments.

    Raises:
        TracedValueError: with one: how many positions there are is not known while tracing.
    """
    if x is None or y is None:
        raise TracedValueError(
            "np.where(condition) needs the values of a traced array\n"
            f"  use np.where(condition, a, b){at(user_location())}"
        )
    chosen = truth(asarray(condition))
    yes, no = operand(x), operand(y)
    dtype = common_dtype([yes, no], "np.where")
    shape = common_shape([chosen.shape, shape_of(yes), shape_of(no)])
    return rows.where(spread(chosen, shape), prepare(yes, dtype, shape), prepare(no, dtype, shape))


def _first_given(*values: Any) -> Any:
    given = (x for x in values if x is not None and x is not NO_VALUE)
    return next(given, None)


def clip(
    a: Any,
    a_min: Any = NO_VALUE,
    a_max: Any = NO_VALUE,
    out: Any = None,
    *,
    min: Any = NO_VALUE,
    max: Any = NO_VALUE,
    **kwargs: Any,
) -> Tracer:
    """`np.clip`: no less than ``a_min``, no more than ``a_max``."""
    low, high = _first_given(a_min, min), _first_given(a_max, max)
    x = operand(a)
    if low is None or high is None:
        result = Tracer(asarray(x).node) if low is None else call(np.maximum, x, operand(low))
        result = result if high is None else call(np.minimum, result, operand(high))
    else:
        operands = [x, operand(low), operand(high)]
        dtype = common_dtype(operands, "np.clip")
        shape = common_shape([shape_of(v) for v in operands])
        if dtype == BOOL:
            raise TypeError(f"np.clip is not defined for bool{at(user_location())}")
        result = rows.clip(*(prepare(v, dtype, shape) for v in operands))
    stored: Tracer = store(out, result)
    return stored


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Tracer:
    """`np.select`: of the choices the first one whose condition holds."""
    choices = [operand(x) for x in choicelist]
    otherwise = operand(default)
    dtype = common_dtype([*choices, otherwise], "np.select")
    masks = [asarray(c) for c in condlist]
    if len(masks) != len(choices):
        raise ValueError(
            f"list of cases must be same length as list of conditions{at(user_location())}"
        )
    if not masks:
        raise ValueError(
            f"select with an empty condition list is not possible{at(user_location())}"
        )
    if any(m.dtype != BOOL for m in masks):
        raise TypeError(f"conditions of np.select are boolean arrays{at(user_location())}")
    shape = common_shape([*(shape_of(v) for v in (*choices, otherwise)), *(m.shape for m in masks)])
    result = prepare(otherwise, dtype, shape)
    for mask, choice in zip(reversed(masks), reversed(choices), strict=True):
        result = rows.where(spread(mask, shape), prepare(choice, dtype, shape), result)
    return result


def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Tracer:
    """`np.nan_to_num`: NaN and infinities replaced by numbers."""
    value = asarray(x)
    if is_complex(value.dtype):
        parts = (nan_to_num(row(value), True, nan, posinf, neginf) for row in (real, imag))
        return stored_in(value, complex(*parts), copy)
    if not is_float(value.dtype):
        return Tracer(value.node)
    limits = np.finfo(value.dtype)
    high = limits.max if posinf is None else posinf
    low = limits.min if neginf is None else neginf
    infinite = rows.is_inf(value)
    positive = value > 0.0
    result = value
    for mask, new in (
        (rows.is_nan(value), nan),
        (infinite & positive, float(high)),
        (infinite & ~positive, float(low)),
    ):
        result = rows.where(mask, prepare(operand(new), value.dtype, value.shape), result)
    return stored_in(value, result, copy)


def stored_in(x: Tracer, result: Tracer, copy: bool) -> Tracer:
    """The result; written to ``x`` unless a copy was asked for."""
    if copy:
        return result
    x.assign(result)
    return x


def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Tracer:
    """`np.take`: elements at positions along an axis."""
    x = asarray(a)
    if axis is None or not x.ndim:
        x, axis = reshape(x, shape=(x.size,)), axis or 0
    place = normalize_axis(int(axis), x.ndim)
    if mode != "raise":
        extent = x.shape[place]
        within = np.clip if mode == "clip" else (lambda i, low, high: i % (high + 1))
        indices = within(operand(indices), 0, extent - 1)
    if isinstance(indices, (tuple, list)):
        indices = asarray(indices) if _traced(indices) else np.asarray(indices)
    result: Tracer = store(out, Tracer(x[(*(slice(None),) * place, indices)].node))
    return result


def _traced(value: Any) -> bool:
    from .creation import contains_tracer

    return contains_tracer(value)


def grid_along(x: Tracer, indices: Any, axis: int) -> tuple[Tracer, ...]:
    """Index arrays for all axes, of which one has the given positions.

    Raises:
        IndexError: for positions that are no integers.
        ValueError: when they have another number of axes.
    """
    chosen = asarray(indices)
    if not is_integer(chosen.dtype):
        raise IndexError(f"`indices` must be an integer array{at(user_location())}")
    if chosen.ndim != x.ndim:
        raise ValueError(
            f"`indices` and `arr` must have the same number of dimensions{at(user_location())}"
        )
    chosen = as_dtype(chosen, INT64)
    shape = tuple(
        chosen.shape[n] if n == axis else common_shape([(x.shape[n],), (chosen.shape[n],)])[0]
        for n in range(x.ndim)
    )
    others = (along(positions(shape[n]), shape, n) for n in range(x.ndim))
    return tuple(spread(chosen, shape) if n == axis else grid for n, grid in enumerate(others))


def flat_if_none(arr: Any, axis: Any) -> tuple[Tracer, int]:
    """The array and the axis; without an axis all elements along one."""
    x = asarray(arr)
    if axis is None:
        return reshape(x, shape=(x.size,)), 0
    return x, normalize_axis(axis, x.ndim)


def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Tracer:
    """`np.take_along_axis`: along an axis, for every place of the others its own positions."""
    x, place = flat_if_none(arr, axis)
    return gather(x, *grid_along(x, indices, place))


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tracer:
    """`np.diagonal`: along two axes; it becomes the last one."""
    x = asarray(a)
    if x.ndim < 2:
        raise ValueError(f"diag requires an array of at least two dimensions{at(user_location())}")
    i, j = normalize_axis(axis1, x.ndim), normalize_axis(axis2, x.ndim)
    if i == j:
        raise ValueError(f"axis1 and axis2 cannot be the same{at(user_location())}")
    rest = tuple(n for n in range(x.ndim) if n not in (i, j))
    down, right, columns = max(-offset, 0), max(offset, 0), x.shape[j]
    size = max(min(x.shape[i] - down, columns - right), 0)
    others = tuple(x.shape[n] for n in rest)
    first = down * columns + right if size else 0

    def read(t: Tracer) -> Tracer:
        # In row-major order the diagonal is every so-many-th element.
        flat = reshape(permute(t, axes=(*rest, i, j)), shape=(*others, x.shape[i] * columns))
        steps = (1,) * len(rest)
        starts, sizes = (0,) * len(rest), (*others, size)
        return slice_of(flat, starts=(*starts, first), sizes=sizes, steps=(*steps, columns + 1))

    strides = x.memory_strides
    if strides is not None:
        strides = (*(strides[n] for n in rest), strides[i] + strides[j])
    return read_only(x, read, strides)


def diag(v: Any, k: int = 0) -> Tracer:
    """`np.diag`: the diagonal of a matrix, or the matrix with a diagonal."""
    x = asarray(v)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ValueError(f"Input must be 1- or 2-d.{at(user_location())}")
    size = x.shape[0] + abs(k)
    low, high = max(-k, 0), max(k, 0)
    column = pad(x, literal(0, x.dtype), low=(low,), high=(high,), interior=(0,))
    spread_out = broadcast(column, shape=(size, size), axes=(0,))
    return rows.where(_band(size, size, k, np.equal), spread_out, number(0, x.dtype, (size, size)))


def diagflat(v: Any, k: int = 0) -> Tracer:
    """`np.diagflat`."""
    x = asarray(v)
    return diag(reshape(x, shape=(x.size,)), k)


def _band(n: int, m: int, k: int, comparison: Any) -> Tracer:
    """Where the column, compared with the row plus ``k``, holds."""
    columns, lines = along(positions(m), (n, m), 1), along(positions(n) + k, (n, m), 0)
    mask: Tracer = call(comparison, columns, lines)
    return mask


def _triangle(x: Tracer, k: int, comparison: Any) -> Tracer:
    if x.ndim == 0:
        raise TypeError(f"a 0-d array has no triangle{at(user_location())}")
    n, m = x.shape[-2], x.shape[-1]
    mask = broadcast(_band(n, m, k, comparison), shape=x.shape, axes=(x.ndim - 2, x.ndim - 1))
    return rows.where(mask, x, number(0, x.dtype, x.shape))


def _as_matrices(m: Any) -> Tracer:
    x = asarray(m)
    return x if x.ndim != 1 else spread(x, (x.size, x.size))


def tril(m: Any, k: int = 0) -> Tracer:
    """`np.tril`: zero above the diagonal."""
    return _triangle(_as_matrices(m), k, np.less_equal)


def triu(m: Any, k: int = 0) -> Tracer:
    """`np.triu`: zero below the diagonal."""
    return _triangle(_as_matrices(m), k, np.greater_equal)


def trace(
    a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None
) -> Tracer:
    """`np.trace`: the sum of the diagonal."""
    from .reductions import sum as sum_of

    result: Tracer = sum_of(diagonal(a, offset, axis1, axis2), -1, dtype, out)
    return result


def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Tracer:
    """`np.choose`: at every place one of several arrays, by number."""
    values = [operand(x) for x in choices]
    dtype = common_dtype(values, "np.choose")
    which = asarray(a)
    which = as_dtype(which, INT64) if which.dtype == BOOL else which
    if mode != "raise":
        within = np.clip if mode == "clip" else (lambda i, low, high: i % (high + 1))
        which = asarray(within(which, 0, len(values) - 1))
    shape = common_shape([which.shape, *(shape_of(x) for x in values)])
    parts = [reshape(prepare(x, dtype, shape), shape=(1, *shape)) for x in values]
    from ..primitives.structure import concatenate

    chosen = reshape(spread(which, shape), shape=(1, *shape))
    result: Tracer = store(out, take_along_axis(concatenate(*parts, axis=0), chosen, 0)[0])
    return result


def result_type(*arrays_and_dtypes: Any) -> DType:
    """`np.result_type`."""
    as_known = [_known(x) for x in arrays_and_dtypes]
    return check_dtype(np.result_type(*as_known), "np.result_type")


def _known(value: Any) -> Any:
    if not isinstance(value, Tracer):
        return value
    return value.dtype if value.weak is None else value.weak()


def common_type(*arrays: Any) -> Any:
    """`np.common_type`: the floating type that holds all, float64 for integers.

    Raises:
        TypeError: for bools.
    """
    values = [asarray(x) for x in arrays]
    if any(x.dtype == BOOL for x in values):
        raise TypeError(f"can't get common type for non-numeric array{at(user_location())}")
    dtypes = [x.dtype if is_inexact(x.dtype) else FLOAT64 for x in values]
    return np.result_type(*dtypes).type
