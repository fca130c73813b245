"""Rows that carry a value along an axis: running products and extrema, and linear recurrences.

The derivative of each is a linear recurrence, computed in one pass and right at zeros and ties.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..primitive import Domain, Primitive, register
from ..trace import Tracer, literal
from ..types import BOOL, ArrayType
from .elementwise import broadcast_scalar, convert, where
from .structure import all_batched, pad, slice

Array = np.ndarray[Any, Any]
NUMBERS = (
    "f64", "f32", "f16", "i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8", "c128", "c64",
)  # fmt: skip

CASES = (
    (((7,),), {"axis": 0, "reverse": False}),
    (((3, 5),), {"axis": 1, "reverse": True}),
    (((3, 5),), {"axis": 0, "reverse": False}),
    (((2, 4, 3),), {"axis": 1, "reverse": True}),
    (((0,),), {"axis": 0, "reverse": False}),
)


def before(x: Tracer, axis: int, reverse: bool, fill: float, distance: int = 1) -> Tracer:
    """What stood some places before along an axis; ``fill`` before the first."""
    low = tuple(distance * int(a == axis and not reverse) for a in range(x.ndim))
    high = tuple(distance * int(a == axis and reverse) for a in range(x.ndim))
    padded = pad(x, literal(fill, x.dtype), low=low, high=high, interior=(0,) * x.ndim)
    return slice(padded, starts=high, sizes=x.shape, steps=(1,) * x.ndim)


# -- linear recurrences ------------------------------------------------------------------------


def _infer_recurrence(factor: ArrayType, x: ArrayType, *, axis: int, reverse: bool) -> ArrayType:
    if factor != x or x.dtype == BOOL:
        raise TypeError(f"recurrence takes two operands of one type, got {factor} and {x}")
    return x


def _recurrence_reference(factor: Array, x: Array, *, axis: int, reverse: bool) -> Array:
    out = np.array(x)
    along = np.moveaxis(out, axis, 0)
    factors = np.moveaxis(np.asarray(factor), axis, 0)
    if reverse:
        along, factors = along[::-1], factors[::-1]
    for i in range(1, len(along)):
        along[i] += factors[i] * along[i - 1]
    return out


def _recurrence_jvp(
    tangents: Sequence[Tracer | None],
    out: Tracer,
    factor: Tracer,
    x: Tracer,
    *,
    axis: int,
    reverse: bool,
) -> Tracer:
    tangent, _ = tangents
    assert tangent is not None
    change = tangent * before(out, axis, reverse, 0.0)
    return recurrence(factor, change, axis=axis, reverse=reverse)


def _recurrence_transpose(
    ct: Tracer, factor: Tracer, x: Tracer, *, axis: int, reverse: bool
) -> tuple[Tracer | None, Tracer]:
    following = before(factor, axis, not reverse, 0.0)
    return None, recurrence(following, ct, axis=axis, reverse=not reverse)


recurrence: Primitive = register(
    Primitive(
        "recurrence",
        _infer_recurrence,
        _recurrence_reference,
        Domain(
            (
                (((7,), (7,)), {"axis": 0, "reverse": False}),
                (((40,), (40,)), {"axis": 0, "reverse": True}),
                (((3, 25), (3, 25)), {"axis": 1, "reverse": True}),
                (((9, 35), (9, 35)), {"axis": 0, "reverse": False}),
                (((2, 14, 3), (2, 14, 3)), {"axis": 1, "reverse": True}),
                (((0,), (0,)), {"axis": 0, "reverse": False}),
                (((1,), (1,)), {"axis": 0, "reverse": False}),
            ),
            low=-1.5,
            high=1.5,
            dtypes=NUMBERS,
        ),
        transpose=_recurrence_transpose,
        jvp=_recurrence_jvp,
        linear=(1,),
        batch=lambda batched, factor, x, *, axis, reverse: recurrence(
            *all_batched(batched, (factor, x)), axis=axis + 1, reverse=reverse
        ),
    )
)
"""``out[i] = x[i] + factor[i] * out[i - 1]`` along an axis; the first factor takes no part."""


# -- running products and extrema --------------------------------------------------------------


def _infer(name: str) -> Callable[..., ArrayType]:
    def infer(x: ArrayType, *, axis: int, reverse: bool) -> ArrayType:
        if x.dtype == BOOL:
            raise TypeError(f"{name} is not defined for bool")
        return x

    return infer


def _reference(ufunc: np.ufunc) -> Callable[..., Array]:
    def reference(x: Array, *, axis: int, reverse: bool) -> Array:
        x = np.asarray(x)
        if reverse:
            return np.flip(ufunc.accumulate(np.flip(x, axis), axis, dtype=x.dtype), axis)
        return ufunc.accumulate(x, axis, dtype=x.dtype)

    return reference


def _cumprod_jvp(
    tangents: Sequence[Tracer | None], out: Tracer, x: Tracer, *, axis: int, reverse: bool
) -> Tracer:
    (tangent,) = tangents
    assert tangent is not None
    change = tangent * before(out, axis, reverse, 1.0)
    return recurrence(x, change, axis=axis, reverse=reverse)


cumprod: Primitive = register(
    Primitive(
        "cumprod",
        _infer("cumprod"),
        _reference(np.multiply),
        Domain(CASES, dtypes=NUMBERS),
        jvp=_cumprod_jvp,
        batch=lambda batched, x, *, axis, reverse: cumprod(x, axis=axis + 1, reverse=reverse),
    )
)


def _extremum_jvp(
    tangents: Sequence[Tracer | None], out: Tracer, x: Tracer, *, axis: int, reverse: bool
) -> Tracer:
    # Equal ones share alike, as in reduce_max: the newest of n has 1/n, the others the rest.
    (tangent,) = tangents
    assert tangent is not None
    chosen = x == out
    kept = convert(out == before(out, axis, reverse, 0.0), dtype=x.dtype)
    count = recurrence(kept, convert(chosen, dtype=x.dtype), axis=axis, reverse=reverse)
    one, zero = broadcast_scalar(1.0, x), broadcast_scalar(0.0, x)
    share = where(chosen, one / count, zero)
    rest = where(kept > 0.0, one - share, zero)
    change = where(chosen, tangent * share, zero)
    return recurrence(rest, change, axis=axis, reverse=reverse)


cummax: Primitive = register(
    Primitive(
        "cummax",
        _infer("cummax"),
        _reference(np.maximum),
        Domain(CASES, dtypes=NUMBERS, smooth=False),
        jvp=_extremum_jvp,
        batch=lambda batched, x, *, axis, reverse: cummax(x, axis=axis + 1, reverse=reverse),
    )
)

cummin: Primitive = register(
    Primitive(
        "cummin",
        _infer("cummin"),
        _reference(np.minimum),
        Domain(CASES, dtypes=NUMBERS, smooth=False),
        jvp=_extremum_jvp,
        batch=lambda batched, x, *, axis, reverse: cummin(x, axis=axis + 1, reverse=reverse),
    )
)
