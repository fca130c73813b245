"""Rows that combine elements along axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..primitive import Domain, Primitive, register
from ..trace import Tracer, literal
from ..types import BOOL, INT64, ArrayType
from .elementwise import broadcast_scalar, where
from .structure import Axes, broadcast, pad, reshape, shifted, slice

Array = np.ndarray[Any, Any]
NUMBERS = (
    "f64", "f32", "f16", "i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8",
    "c128", "c64",
)  # fmt: skip

CASES = (
    (((3, 5),), {"axes": (1,)}),
    (((3, 5),), {"axes": (0,)}),
    (((3, 5),), {"axes": (0, 1)}),
    (((2, 3, 4),), {"axes": (0, 2)}),
    (((2, 3, 4),), {"axes": (1,)}),
    (((70,),), {"axes": (0,)}),
    (((4,),), {"axes": ()}),
)
EMPTY = (
    (((0, 3),), {"axes": (0,)}),
    (((3, 0),), {"axes": (0,)}),
)


def _reduced(x: ArrayType, axes: Axes) -> ArrayType:
    return x.with_shape(tuple(n for a, n in enumerate(x.shape) if a not in axes))


def _infer_reduce(name: str, kinds: str, empty: bool) -> Callable[..., ArrayType]:
    def infer(x: ArrayType, *, axes: Axes) -> ArrayType:
        if x.dtype.kind not in kinds:
            raise TypeError(f"{name} is not defined for {x.dtype}")
        result = _reduced(x, axes)
        if not empty and x.size == 0 and result.size:
            raise ValueError(f"zero-size array to {name}, which has no identity")
        return result

    return infer


def spread(reduced: Tracer, like: Tracer, axes: Axes) -> Tracer:
    """A reduced value repeated along the axes that were reduced."""
    kept = tuple(a for a in range(like.ndim) if a not in axes)
    return broadcast(reduced, shape=like.shape, axes=kept)


reduce_sum: Primitive = register(
    Primitive(
        "reduce_sum",
        _infer_reduce("reduce_sum", "fiuc", empty=True),
        lambda x, *, axes: np.sum(x, axes, dtype=np.asarray(x).dtype),
        Domain((*CASES, *EMPTY), dtypes=NUMBERS),
        transpose=lambda ct, x, *, axes: (spread(ct, x, axes),),
        linear=(0,),
        batch=lambda batched, x, *, axes: reduce_sum(x, axes=shifted(axes)),
    )
)


def halves(x: Tracer) -> tuple[Tracer, Tracer]:
    """The even and the odd entries along the last axis, of which there are as many."""
    rest, size = x.shape[:-1], x.shape[-1] // 2
    zeros, ones = (0,) * len(rest), (1,) * len(rest)
    even, odd = (
        slice(x, starts=(*zeros, first), sizes=(*rest, size), steps=(*ones, 2)) for first in (0, 1)
    )
    return even, odd


def with_even_length(x: Tracer, fill: float) -> Tracer:
    """One entry more at the end of the last axis, where their number is odd."""
    rest = (0,) * (x.ndim - 1)
    return pad(
        x,
        literal(fill, x.dtype),
        low=(*rest, 0),
        high=(*rest, x.shape[-1] % 2),
        interior=(*rest, 0),
    )


def _prod_jvp(tangents: Sequence[Tracer | None], out: Tracer, x: Tracer, *, axes: Axes) -> Tracer:
    # Multiplying in pairs keeps every order of derivative right at zeros, unlike out / x.
    (tangent,) = tangents
    assert tangent is not None
    value, tangent = last_axis(x, axes), last_axis(tangent, axes)
    if value.shape[-1] == 0:
        return broadcast_scalar(0.0, out)
    while value.shape[-1] > 1:
        value, tangent = with_even_length(value, 1.0), with_even_length(tangent, 0.0)
        (a, b), (ta, tb) = halves(value), halves(tangent)
        value, tangent = a * b, ta * b + a * tb
    return reshape(tangent, shape=out.shape)


def last_axis(x: Tracer, axes: Axes) -> Tracer:
    """The reduced axes joined into one, at the end."""
    from .structure import permute

    kept = tuple(a for a in range(x.ndim) if a not in axes)
    moved = permute(x, axes=(*kept, *axes))
    extent = int(np.prod([x.shape[a] for a in axes], dtype=int))
    return reshape(moved, shape=(*(x.shape[a] for a in kept), extent))


reduce_prod: Primitive = register(
    Primitive(
        "reduce_prod",
        _infer_reduce("reduce_prod", "fiuc", empty=True),
        lambda x, *, axes: np.prod(x, axes, dtype=np.asarray(x).dtype),
        Domain((*CASES, *EMPTY), dtypes=NUMBERS),
        jvp=_prod_jvp,
        batch=lambda batched, x, *, axes: reduce_prod(x, axes=shifted(axes)),
    )
)


def _extremum_jvp(
    tangents: Sequence[Tracer | None], out: Tracer, x: Tracer, *, axes: Axes
) -> Tracer:
    (tangent,) = tangents
    assert tangent is not None
    chosen = x == spread(out, x, axes)
    one, zero = broadcast_scalar(1.0, x), broadcast_scalar(0.0, x)
    count = reduce_sum(where(chosen, one, zero), axes=axes)
    return reduce_sum(where(chosen, tangent, zero), axes=axes) / count


reduce_max: Primitive = register(
    Primitive(
        "reduce_max",
        _infer_reduce("reduce_max", "fiuc", empty=False),
        lambda x, *, axes: np.max(x, axes),
        Domain(CASES, dtypes=NUMBERS, smooth=False),
        jvp=_extremum_jvp,
        batch=lambda batched, x, *, axes: reduce_max(x, axes=shifted(axes)),
    )
)

reduce_min: Primitive = register(
    Primitive(
        "reduce_min",
        _infer_reduce("reduce_min", "fiuc", empty=False),
        lambda x, *, axes: np.min(x, axes),
        Domain(CASES, dtypes=NUMBERS, smooth=False),
        jvp=_extremum_jvp,
        batch=lambda batched, x, *, axes: reduce_min(x, axes=shifted(axes)),
    )
)

reduce_any: Primitive = register(
    Primitive(
        "reduce_any",
        _infer_reduce("reduce_any", "b", empty=True),
        lambda x, *, axes: np.any(x, axes),
        Domain((*CASES, *EMPTY), dtypes=("bool",)),
        batch=lambda batched, x, *, axes: reduce_any(x, axes=shifted(axes)),
    )
)

reduce_all: Primitive = register(
    Primitive(
        "reduce_all",
        _infer_reduce("reduce_all", "b", empty=True),
        lambda x, *, axes: np.all(x, axes),
        Domain((*CASES, *EMPTY), dtypes=("bool",)),
        batch=lambda batched, x, *, axes: reduce_all(x, axes=shifted(axes)),
    )
)


def _infer_arg(name: str) -> Callable[..., ArrayType]:
    def infer(x: ArrayType, *, axis: int) -> ArrayType:
        if x.shape[axis] == 0:
            raise ValueError(f"attempt to get {name} of an empty sequence")
        return ArrayType(_reduced(x, (axis,)).shape, INT64)

    return infer


ARG_CASES = (
    (((3, 5),), {"axis": 1}),
    (((3, 5),), {"axis": 0}),
    (((2, 3, 4),), {"axis": 1}),
    (((50,),), {"axis": 0}),
)

argmax: Primitive = register(
    Primitive(
        "argmax",
        _infer_arg("argmax"),
        lambda x, *, axis: np.argmax(x, axis),
        Domain(ARG_CASES, dtypes=(*NUMBERS, "bool")),
        batch=lambda batched, x, *, axis: argmax(x, axis=axis + 1),
    )
)

argmin: Primitive = register(
    Primitive(
        "argmin",
        _infer_arg("argmin"),
        lambda x, *, axis: np.argmin(x, axis),
        Domain(ARG_CASES, dtypes=(*NUMBERS, "bool")),
        batch=lambda batched, x, *, axis: argmin(x, axis=axis + 1),
    )
)


def _infer_cumsum(x: ArrayType, *, axis: int, reverse: bool) -> ArrayType:
    if x.dtype == BOOL:
        raise TypeError("cumsum is not defined for bool")
    return x


def _cumsum_reference(x: Array, *, axis: int, reverse: bool) -> Array:
    if reverse:
        return np.flip(np.cumsum(np.flip(x, axis), axis, dtype=x.dtype), axis)
    return np.cumsum(x, axis, dtype=x.dtype)


cumsum: Primitive = register(
    Primitive(
        "cumsum",
        _infer_cumsum,
        _cumsum_reference,
        Domain(
            (
                (((7,),), {"axis": 0, "reverse": False}),
                (((3, 5),), {"axis": 1, "reverse": True}),
                (((3, 5),), {"axis": 0, "reverse": False}),
                (((2, 4, 3),), {"axis": 1, "reverse": True}),
                (((0,),), {"axis": 0, "reverse": False}),
            ),
            dtypes=NUMBERS,
        ),
        transpose=lambda ct, x, *, axis, reverse: (cumsum(ct, axis=axis, reverse=not reverse),),
        linear=(0,),
        batch=lambda batched, x, *, axis, reverse: cumsum(x, axis=axis + 1, reverse=reverse),
    )
)
