"""Ufuncs with their options, and their methods: what NEP 13 asks of traced values.

NumPy itself is asked which loop the options choose, and whether the casts are allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import UnsupportedFunctionError, at
from ..location import user_location
from ..primitives.elementwise import where as choose
from ..primitives.indexing import gather, scatter, scatter_add
from ..primitives.structure import reshape
from ..trace import WEAK_DTYPES, Tracer, lift
from ..types import BOOL, DType
from . import along
from .creation import as_numpy_dtype, contains_tracer
from .index import Selection, select
from .items import completed, items, windowed
from .promotion import (
    as_dtype,
    check_dtype,
    common_shape,
    is_python_scalar,
    key,
    number,
    prepare,
    shape_of,
    spread,
    strong,
)
from .protocols import require_traced
from .ufuncs import as_operand, call

Targets = tuple[Tracer | None, ...]

MOST_ROUNDS = 64
"""How often a position may repeat in `ufunc.at`, where each time is a step of its own."""


def call_method(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """A ufunc, or one of its methods, on operands of which one is traced.

    Raises:
        UnsupportedFunctionError: when it has no traced meaning.
    """
    match method:
        case "__call__":
            return call_with(ufunc, inputs, **kwargs)
        case "at":
            return put_at(ufunc, *inputs)
        case "outer":
            x, y = (strong(as_operand(v)) for v in inputs)
            return call_with(ufunc, (x[(..., *(None,) * y.ndim)], y), **kwargs)
        case _:
            return getattr(along, method)(ufunc, *inputs, **kwargs)


def call_with(
    ufunc: np.ufunc,
    inputs: Sequence[Any],
    *,
    out: Any = None,
    where: Any = True,
    dtype: Any = None,
    casting: Any = "same_kind",
    signature: Any = (),
    order: Any = "K",
    subok: Any = True,
    **unknown: Any,
) -> Any:
    """A ufunc with options; ``order`` and ``subok`` mean nothing to traced values.

    Raises:
        TypeError: for casts that ``casting`` does not allow.
        ValueError: when ``out`` does not have the shape of the result.
    """
    if unknown:
        raise UnsupportedFunctionError(
            f"np.{ufunc.__name__} with {', '.join(unknown)}= has no meaning for traced values"
            f"{at(user_location())}"
        )
    operands: Sequence[Any] = [as_operand(x) for x in inputs]
    targets: Targets = out if isinstance(out, tuple) else (out,) * ufunc.nout
    for target in targets:
        require_traced(target)
    if dtype is not None:
        signature = (*(None,) * ufunc.nin, *(as_numpy_dtype(dtype),) * ufunc.nout)
    if signature or casting != "same_kind" or any(x is not None for x in targets):
        operands = _converted(ufunc, operands, targets, signature, casting)
    results = call(ufunc, *operands)
    if not isinstance(results, tuple):
        return _delivered(results, targets[0], where)
    pairs = zip(results, targets, strict=True)
    return tuple(_delivered(result, target, where) for result, target in pairs)


def _converted(
    ufunc: np.ufunc, operands: Sequence[Any], targets: Targets, signature: Any, casting: Any
) -> list[Any]:
    """The operands in the dtypes of the loop that NumPy would choose.

    Raises:
        TypeError: when there is none, or a cast is not allowed.
    """
    kinds = [key(x) for x in operands]
    if all(isinstance(k, type) for k in kinds):
        kinds = [WEAK_DTYPES[k] if isinstance(k, type) else k for k in kinds]
    given = (*kinds, *(None if x is None else x.dtype for x in targets))
    signature = signature or (None,) * len(given)
    try:
        dtypes = ufunc.resolve_dtypes(given, signature=signature, casting=casting)
    except TypeError as error:
        raise TypeError(f"{error}{at(user_location())}") from None
    return [_as(x, d, ufunc) for x, d in zip(operands, dtypes, strict=False)]


def _as(value: Any, dtype: DType, ufunc: np.ufunc) -> Tracer:
    check_dtype(dtype, f"np.{ufunc.__name__}")
    return prepare(value, dtype, shape_of(value))


def _delivered(result: Tracer, target: Tracer | None, where: Any) -> Tracer:
    """A result where asked for, in the array that is to take it if there is one.

    Without, what is not asked for is zero.
    """
    if where is True and target is None:
        return result
    shape = result.shape if where is True else common_shape([result.shape, np.shape(where)])
    if target is not None:
        shape = common_shape([shape, target.shape])
        if shape != target.shape:
            raise ValueError(
                f"non-broadcastable output operand with shape {_text(target.shape)} doesn't match "
                f"the broadcast shape {_text(shape)}{at(user_location())}"
            )
        result = as_dtype(result, target.dtype)
    result = spread(result, shape)
    if where is not True:
        before = number(0, result.dtype, shape) if target is None else Tracer(target.node)
        result = choose(prepare(where, BOOL, shape), result, before)
    if target is None:
        return result
    target.assign(result)
    return target


def _text(shape: tuple[int, ...]) -> str:
    return str(shape).replace(" ", "")


# -- at ------------------------------------------------------------------------------------------


def put_at(ufunc: np.ufunc, x: Any, index: Any, *values: Any) -> None:
    """`ufunc.at`: in place; of positions that repeat, every one counts.

    Raises:
        TracedValueError: for an array that is not traced.
        ValueError: for a missing operand, or one too many, or one of another shape.
        UnsupportedFunctionError: for traced positions, with other ufuncs than add and subtract.
    """
    if len(values) != ufunc.nin - 1 or ufunc.nout != 1:
        needed = "needed for ufunc" if ufunc.nin == 2 else "provided when ufunc is unary"
        raise ValueError(f"second operand {needed}{at(user_location())}")
    require_traced(x)
    target, given = windowed(x, completed(items(index), x.ndim))
    selection = select(given, target.shape)
    operands = [_broadcast(as_operand(v), selection.shape) for v in values]
    old = Tracer(target.node)
    if not any(a.size > 1 for a in selection.arrays):
        changed = _changed(ufunc, selection.read(old), operands)
        target.assign(selection.write(old, changed))
    elif not contains_tracer(index):
        places = np.arange(x.size).reshape(x.shape)[index]
        x.assign(_in_rounds(ufunc, Tracer(x.node), places, operands))
    else:
        target.assign(_added(ufunc, selection, old, operands))


def _broadcast(value: Any, shape: tuple[int, ...]) -> Any:
    if is_python_scalar(value):
        return value
    try:
        return spread(strong(value), shape)
    except ValueError:
        raise ValueError(
            f"array is not broadcastable to correct shape{at(user_location())}"
        ) from None


def _changed(ufunc: np.ufunc, old: Tracer, operands: Sequence[Any]) -> Tracer:
    """The new values, converted to the dtype of the old ones."""
    return as_dtype(call(ufunc, old, *operands), old.dtype)


def _in_rounds(
    ufunc: np.ufunc, x: Tracer, places: np.ndarray[Any, Any], operands: Sequence[Any]
) -> Tracer:
    """Positions that are known: all that come up for the first time, then for the second, ..."""
    flat, order = reshape(x, shape=(x.size,)), np.argsort(places, axis=None, kind="stable")
    sorted_places = places.ravel()[order]
    new = np.diff(sorted_places, prepend=-1) != 0
    begins = np.maximum.accumulate(np.where(new, np.arange(new.size), 0))
    turn = np.empty(places.size, np.int64)
    turn[order] = np.arange(new.size) - begins
    rounds = int(turn.max(initial=-1)) + 1
    if rounds > MOST_ROUNDS and ufunc in (np.add, np.subtract):
        return _scattered_sum(ufunc, x, places, operands)
    if rounds > MOST_ROUNDS:
        raise UnsupportedFunctionError(
            f"np.{ufunc.__name__}.at with a position that comes more than {MOST_ROUNDS} times"
            f"{at(user_location())}"
        )
    for number_of_turn in range(rounds):
        now = np.flatnonzero(turn == number_of_turn)
        chosen = lift(places.ravel()[now])
        parts = [
            v if is_python_scalar(v) else gather(reshape(v, shape=(v.size,)), lift(now))
            for v in operands
        ]
        flat = scatter(flat, chosen, _changed(ufunc, gather(flat, chosen), parts))
    return reshape(flat, shape=x.shape)


def _scattered_sum(
    ufunc: np.ufunc, x: Tracer, places: np.ndarray[Any, Any], operands: Sequence[Any]
) -> Tracer:
    flat = reshape(x, shape=(x.size,))
    update = prepare(operands[0], x.dtype, places.shape)
    update = reshape(update if ufunc is np.add else -update, shape=(places.size,))
    return reshape(scatter_add(flat, lift(places.ravel()), update), shape=x.shape)


def _added(ufunc: np.ufunc, selection: Selection, x: Tracer, operands: Sequence[Any]) -> Tracer:
    """Positions that are traced: rows scatter sums only."""
    if ufunc not in (np.add, np.subtract):
        raise UnsupportedFunctionError(
            f"np.{ufunc.__name__}.at at traced positions has no meaning, since they may repeat; "
            f"np.add.at and np.subtract.at have{at(user_location())}"
        )
    update = prepare(operands[0], x.dtype, selection.shape)
    return selection.write(x, update if ufunc is np.add else -update, scatter_add)
