"""Ufuncs along an axis: `reduce`, `accumulate` and `reduceat` of any ufunc of two operands.

Those with a row of their own (sums, products, extrema) use it. Other associative ones combine
halves, in as many steps as the extent has binary digits; the rest go one element at a time, which
is for short axes only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import UnsupportedFunctionError, UnsupportedTypeError, at
from ..location import user_location
from ..primitives import cumulative, reduction
from ..primitives.elementwise import exp, is_finite, log, stop_gradient
from ..primitives.elementwise import where as choose
from ..primitives.structure import Axes, concatenate, permute, reshape
from ..trace import Tracer
from ..types import BOOL, INT32, INT64, DType, normalize_axis
from .creation import as_numpy_dtype, asarray
from .meanings import truth
from .promotion import as_dtype, check_dtype, number, prepare
from .protocols import NO_VALUE, require_traced, store
from .reductions import REDUCTIONS, axes_of, kept_shape, sum_dtype
from .shaping import part
from .ufuncs import call

LONGEST = 64
"""Elements that are combined one at a time."""

ASSOCIATIVE = frozenset(
    [
        "add",
        "multiply",
        "maximum",
        "minimum",
        "fmax",
        "fmin",
        "bitwise_and",
        "bitwise_or",
        "bitwise_xor",
        "logical_and",
        "logical_or",
        "logical_xor",
        "hypot",
        "logaddexp",
        "logaddexp2",
        "gcd",
        "lcm",
    ]
)
EXTREMA = frozenset({"maximum", "minimum"})
LOGICAL = frozenset({"logical_and", "logical_or", "logical_xor"})

Combine = Callable[[Tracer, Tracer], Tracer]


def reduce(
    ufunc: np.ufunc,
    array: Any,
    axis: Any = 0,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = NO_VALUE,
    where: Any = True,
) -> Tracer:
    """`ufunc.reduce`.

    Raises:
        ValueError: for other ufuncs than those of two operands; for several axes where the order
            of elements matters; for no elements where there is no identity.
        UnsupportedFunctionError: for more than 64 elements, where they are combined one by one.
    """
    x = _operand(ufunc, "reduce", array, dtype, out)
    ufunc = _of_bools(ufunc, x)
    name = ufunc.__name__
    axis = () if x.ndim == 0 and axis in (0, -1) else axis
    given = where is not True or initial is not NO_VALUE
    if name in REDUCTIONS and not (x.dtype == BOOL and (given or name in EXTREMA)):
        options = {"dtype": x.dtype} if name in ("add", "multiply") else {}
        options |= {} if initial is NO_VALUE else {"initial": initial}
        options |= {} if where is True else {"where": where}
        result: Tracer = REDUCTIONS[name](x, axis=axis, keepdims=bool(keepdims), **options)
        return _stored(out, result)
    axes = axes_of(axis, x.ndim)
    if len(axes) > 1 and name not in ASSOCIATIVE:
        raise ValueError(
            f"reduction operation '{name}' is not reorderable, so at most one axis may be "
            f"specified{at(user_location())}"
        )
    start = _identity(ufunc, x.dtype) if initial is NO_VALUE or initial is None else initial
    if where is not True and ufunc.identity is None and initial in (NO_VALUE, None):
        raise ValueError(
            f"reduction operation '{name}' does not have an identity, so to use a where mask one "
            f"has to specify 'initial'{at(user_location())}"
        )
    mask = None if where is True else _joined(prepare(where, BOOL, x.shape), axes)
    result = _folded(ufunc, _joined(x, axes), mask, start, initial is not NO_VALUE)
    if keepdims:
        result = reshape(result, shape=kept_shape(x, axes))
    return _stored(out, result)


def _stored(out: Any, result: Tracer) -> Tracer:
    """Put into the array that ``out=`` names.

    Raises:
        UnsupportedTypeError: for an array of a lower kind of dtype: NumPy would round on the way.
    """
    target = out[0] if isinstance(out, tuple) else out
    if target is not None and not np.can_cast(result.dtype, target.dtype, "same_kind"):
        raise UnsupportedTypeError(
            f"elements of dtype {result.dtype} are not combined in an array of {target.dtype}"
            f"{at(user_location())}"
        )
    stored: Tracer = store(out, result)
    return stored


def _operand(ufunc: np.ufunc, method: str, array: Any, dtype: Any, out: Any) -> Tracer:
    """The array in the dtype that the ufunc carries along the axis."""
    if ufunc.nin != 2 or ufunc.nout != 1:
        raise ValueError(f"{method} only supported for binary functions{at(user_location())}")
    x, name = asarray(array), ufunc.__name__
    target = out[0] if isinstance(out, tuple) else out
    require_traced(target)
    if dtype is None and target is None and name in ("add", "multiply"):
        dtype = sum_dtype(x.dtype)
    wanted = None if dtype is None else as_numpy_dtype(dtype)
    carried = _carried(ufunc, x.dtype if target is None else target.dtype, x.dtype, wanted)
    return truth(x) if name in LOGICAL else as_dtype(x, carried)


def _carried(ufunc: np.ufunc, first: DType, dtype: DType, wanted: DType | None) -> DType:
    """The dtype in which elements of a dtype are combined with a first one, again and again.

    Raises:
        TypeError: when NumPy has no such operation.
    """
    signature = (wanted, None, None)
    try:
        found = ufunc.resolve_dtypes(
            (first, dtype, None), signature=signature, casting="unsafe", reduction=True
        )[-1]
    except TypeError as error:
        raise TypeError(f"{error}{at(user_location())}") from None
    return check_dtype(found, f"np.{ufunc.__name__}.reduce")


def _identity(ufunc: np.ufunc, dtype: DType) -> Any:
    """The ufunc's identity; -1, all bits of it set, as a number of an unsigned dtype."""
    known = ufunc.identity
    return np.iinfo(dtype).max if known == -1 and dtype.kind == "u" else known


def _of_bools(ufunc: np.ufunc, x: Tracer) -> np.ufunc:
    """Sums and products of bools that stay bools are whether any, or all, are true."""
    meanings: dict[str, np.ufunc] = {"add": np.logical_or, "multiply": np.logical_and}
    return meanings.get(ufunc.__name__, ufunc) if x.dtype == BOOL else ufunc


def _joined(x: Tracer, axes: Axes) -> Tracer:
    """The axes as one, at the end."""
    kept = tuple(a for a in range(x.ndim) if a not in axes)
    shape = (*(x.shape[a] for a in kept), math.prod(x.shape[a] for a in axes))
    return reshape(permute(x, axes=(*kept, *axes)), shape=shape)


def _folded(ufunc: np.ufunc, x: Tracer, mask: Tracer | None, start: Any, begins: bool) -> Tracer:
    """The last axis combined into one element, starting from ``start`` if it was given."""
    extent, rest, name = x.shape[-1], x.shape[:-1], ufunc.__name__
    first = None if start is None else prepare(start, x.dtype, rest)
    if not extent and first is None:
        raise ValueError(
            f"zero-size array to reduction operation {name} which has no identity"
            f"{at(user_location())}"
        )
    combine = _combine(ufunc, x.dtype)
    if name not in ASSOCIATIVE:
        return _in_order(ufunc, x, mask, first if begins or not extent else None)
    if mask is not None:
        neutral = start if ufunc.identity is None else _identity(ufunc, x.dtype)
        x = choose(mask, x, prepare(neutral, x.dtype, x.shape))
    if not extent:
        assert first is not None
        return first
    total = _log_sum_exp(x) if name == "logaddexp" else _halved(combine, x)
    # One element by itself is combined with the identity: the hypot of -1 is 1.
    return combine(first, total) if first is not None and (begins or extent == 1) else total


def _in_order(ufunc: np.ufunc, x: Tracer, mask: Tracer | None, first: Tracer | None) -> Tracer:
    """The elements combined one by one, those under a mask."""
    elements = _elements(ufunc, "reduce", x)
    masks = [None] * len(elements) if mask is None else _elements(ufunc, "reduce", mask)
    combine, carried = _combine(ufunc, x.dtype), first
    for element, chosen in zip(elements, masks, strict=True):
        combined = element if carried is None else combine(carried, element)
        carried = (
            combined if chosen is None or carried is None else choose(chosen, combined, carried)
        )
    assert carried is not None
    return carried


def _combine(ufunc: np.ufunc, dtype: DType) -> Combine:
    return lambda a, b: as_dtype(call(ufunc, a, b), dtype)


def _log_sum_exp(x: Tracer) -> Tracer:
    """Less the greatest element, so that no exponential overflows; it may be infinite."""
    last = (x.ndim - 1,)
    greatest = stop_gradient(reduction.reduce_max(x, axes=last))
    shift = choose(is_finite(greatest), greatest, number(0, x.dtype, greatest.shape))
    terms = exp(x - reshape(shift, shape=(*shift.shape, 1)))
    return log(reduction.reduce_sum(terms, axes=last)) + shift


def _last(x: Tracer, start: int, stop: int) -> Tracer:
    return part(x, x.ndim - 1, start, stop)


def _halved(combine: Combine, x: Tracer) -> Tracer:
    while (extent := x.shape[-1]) > 1:
        half = extent // 2
        both = combine(_last(x, 0, half), _last(x, half, 2 * half))
        rest = _last(x, 2 * half, extent)
        x = concatenate(both, rest, axis=x.ndim - 1) if extent % 2 else both
    return reshape(x, shape=x.shape[:-1])


def _elements(ufunc: np.ufunc, method: str, x: Tracer) -> list[Tracer]:
    """The elements along the last axis.

    Raises:
        UnsupportedFunctionError: for too many.
    """
    extent, rest = x.shape[-1], x.shape[:-1]
    if extent > LONGEST:
        raise UnsupportedFunctionError(
            f"np.{ufunc.__name__}.{method} of more than {LONGEST} traced elements along an axis: "
            f"compose it of other functions{at(user_location())}"
        )
    return [reshape(_last(x, n, n + 1), shape=rest) for n in range(extent)]


def _one_by_one(combine: Combine, elements: Sequence[Tracer]) -> list[Tracer]:
    carried = [elements[0]]
    for element in elements[1:]:
        carried.append(combine(carried[-1], element))
    return carried


# -- accumulate --------------------------------------------------------------------------------


def accumulate(
    ufunc: np.ufunc, array: Any, axis: int = 0, dtype: Any = None, out: Any = None
) -> Tracer:
    """`ufunc.accumulate`.

    Raises:
        TypeError: for a scalar.
        UnsupportedFunctionError: for more than 64 elements, where they are combined one by one.
    """
    if asarray(array).ndim == 0:
        raise TypeError(f"cannot accumulate on a scalar{at(user_location())}")
    x = _operand(ufunc, "accumulate", array, dtype, out)
    place = normalize_axis(int(axis), x.ndim)
    ufunc = _of_bools(ufunc, x)
    row = ROWS.get(ufunc.__name__)
    if row is not None:
        return _stored(out, row(x, place))
    last = (*(a for a in range(x.ndim) if a != place), place)
    moved = permute(x, axes=last)
    combine = _combine(ufunc, x.dtype)
    if not moved.shape[-1]:
        done = moved
    elif ufunc.__name__ in ASSOCIATIVE:
        done = _doubled(combine, moved)
    else:
        carried = _one_by_one(combine, _elements(ufunc, "accumulate", moved))
        done = concatenate(*(reshape(v, shape=(*v.shape, 1)) for v in carried), axis=moved.ndim - 1)
    return _stored(out, permute(done, axes=tuple(int(a) for a in np.argsort(last))))


def _doubled(combine: Combine, x: Tracer) -> Tracer:
    """Each element with what stands 1, 2, 4, ... places before it, which has come as far."""
    extent, distance = x.shape[-1], 1
    while distance < extent:
        combined = combine(_last(x, 0, extent - distance), _last(x, distance, extent))
        x = concatenate(_last(x, 0, distance), combined, axis=x.ndim - 1)
        distance *= 2
    return x


def _extremes(row: Any) -> Callable[[Tracer, int], Tracer]:
    """Running extrema, of bools as of numbers."""

    def accumulated(x: Tracer, axis: int) -> Tracer:
        if x.dtype != BOOL:
            carried: Tracer = row(x, axis=axis, reverse=False)
            return carried
        return truth(row(as_dtype(x, INT32), axis=axis, reverse=False))

    return accumulated


def _differences(x: Tracer, axis: int) -> Tracer:
    """The first element less all others: the running sum of the others' negatives."""
    if not x.size:
        return x
    first, others = part(x, axis, 0, 1), part(x, axis, 1, x.shape[axis])
    signed = concatenate(first, -others, axis=axis)
    return reduction.cumsum(signed, axis=axis, reverse=False)


def _parities(x: Tracer, axis: int) -> Tracer:
    counted = reduction.cumsum(as_dtype(x, INT64), axis=axis, reverse=False)
    return truth(counted & 1)


ROWS: dict[str, Callable[[Tracer, int], Tracer]] = {
    "add": lambda x, axis: reduction.cumsum(x, axis=axis, reverse=False),
    "subtract": _differences,
    "multiply": lambda x, axis: cumulative.cumprod(x, axis=axis, reverse=False),
    "maximum": _extremes(cumulative.cummax),
    "minimum": _extremes(cumulative.cummin),
    "logical_or": _extremes(cumulative.cummax),
    "logical_and": _extremes(cumulative.cummin),
    "logical_xor": _parities,
}


# -- reduceat ----------------------------------------------------------------------------------


def reduceat(
    ufunc: np.ufunc, array: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None
) -> Tracer:
    """`ufunc.reduceat`: reductions of the parts between positions, known while tracing.

    Raises:
        IndexError: for positions outside the axis.
        UnsupportedFunctionError: for more than 64 of them.
    """
    x = _operand(ufunc, "reduceat", array, dtype, out)
    place = normalize_axis(int(axis), x.ndim)
    extent = x.shape[place]
    starts = [int(n) for n in np.asarray(indices)]
    for start in starts:
        if not 0 <= start < extent:
            raise IndexError(
                f"index {start} out-of-bounds in {ufunc.__name__}.reduceat [0, {extent})"
                f"{at(user_location())}"
            )
    if len(starts) > LONGEST:
        raise UnsupportedFunctionError(
            f"np.{ufunc.__name__}.reduceat at more than {LONGEST} positions: sum with np.add.at"
            f"{at(user_location())}"
        )
    parts = []
    for start, stop in zip(starts, [*starts[1:], extent], strict=True):
        piece = part(x, place, start, max(stop, start + 1))
        more = stop > start + 1
        parts.append(reduce(ufunc, piece, place, x.dtype, keepdims=True) if more else piece)
    if not parts:
        return _stored(out, part(x, place, 0, 0))
    return _stored(out, concatenate(*parts, axis=place))
