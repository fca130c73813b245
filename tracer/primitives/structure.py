"""Rows that move elements without computing: linear, and free or one pass over memory."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..primitive import Domain, Primitive, register
from ..trace import Tracer, literal
from ..types import BOOL, DTYPES, ArrayType, DType, Shape

Array = np.ndarray[Any, Any]
Axes = tuple[int, ...]
ALL = (
    "f64", "f32", "f16", "i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8", "bool",
    "c128", "c64",
)  # fmt: skip


def zeros(type: ArrayType) -> Tracer:
    """Zeros of a type."""
    return broadcast(literal(0, type.dtype), shape=type.shape, axes=())


def shifted(axes: Axes) -> Axes:
    """The same axes of a value that has got a batch axis in front."""
    return tuple(a + 1 for a in axes)


def all_batched(batched: Sequence[bool], operands: Sequence[Tracer]) -> list[Tracer]:
    """The operands, those without the batch axis repeated along it."""
    size = next(x.shape[0] for x, has_axis in zip(operands, batched, strict=True) if has_axis)
    return [
        x if has_axis else repeated(x, size) for x, has_axis in zip(operands, batched, strict=True)
    ]


def repeated(x: Tracer, size: int) -> Tracer:
    """A value ``size`` times along a new leading axis."""
    return broadcast(x, shape=(size, *x.shape), axes=shifted(tuple(range(x.ndim))))


def to_front(x: Tracer, axis: int) -> Tracer:
    """One axis moved before the others."""
    return permute(x, axes=(axis, *(a for a in range(x.ndim) if a != axis)))


# -- broadcast -------------------------------------------------------------------------------


def _infer_broadcast(x: ArrayType, *, shape: Shape, axes: Axes) -> ArrayType:
    if (
        len(axes) != x.ndim
        or tuple(shape[a] for a in axes) != x.shape
        or list(axes) != sorted(set(axes))
    ):
        raise ValueError(f"cannot broadcast {x} to {shape} along axes {axes}")
    return x.with_shape(shape)


def _broadcast_reference(x: Array, *, shape: Shape, axes: Axes) -> Array:
    expanded = [1] * len(shape)
    for axis, extent in zip(axes, np.shape(x), strict=True):
        expanded[axis] = extent
    return np.broadcast_to(np.reshape(x, expanded), shape)


def _broadcast_transpose(ct: Tracer, x: Tracer, *, shape: Shape, axes: Axes) -> tuple[Tracer]:
    from .reduction import reduce_sum

    return (reduce_sum(ct, axes=tuple(a for a in range(len(shape)) if a not in axes)),)


broadcast: Primitive = register(
    Primitive(
        "broadcast",
        _infer_broadcast,
        _broadcast_reference,
        Domain(
            (
                (((5,),), {"shape": (3, 5), "axes": (1,)}),
                (((3,),), {"shape": (3, 5), "axes": (0,)}),
                (((),), {"shape": (2, 3), "axes": ()}),
                (((2, 3),), {"shape": (2, 4, 3), "axes": (0, 2)}),
                (((0,),), {"shape": (2, 0), "axes": (1,)}),
            ),
            dtypes=ALL,
        ),
        transpose=_broadcast_transpose,
        linear=(0,),
        batch=lambda batched, x, *, shape, axes: broadcast(
            x, shape=(x.shape[0], *shape), axes=(0, *shifted(axes))
        ),
    )
)

# -- reshape and permute ---------------------------------------------------------------------


def _infer_reshape(x: ArrayType, *, shape: Shape) -> ArrayType:
    if math.prod(shape) != x.size:
        raise ValueError(f"cannot reshape array of size {x.size} into shape {shape}")
    return x.with_shape(shape)


reshape: Primitive = register(
    Primitive(
        "reshape",
        _infer_reshape,
        lambda x, *, shape: np.reshape(x, shape),
        Domain(
            (
                (((3, 4),), {"shape": (12,)}),
                (((12,),), {"shape": (2, 2, 3)}),
                (((3, 4),), {"shape": (2, 6)}),
                (((1,),), {"shape": ()}),
                (((3, 0),), {"shape": (0,)}),
            ),
            dtypes=ALL,
        ),
        transpose=lambda ct, x, *, shape: (reshape(ct, shape=x.shape),),
        linear=(0,),
        batch=lambda batched, x, *, shape: reshape(x, shape=(x.shape[0], *shape)),
    )
)


def _infer_permute(x: ArrayType, *, axes: Axes) -> ArrayType:
    if sorted(axes) != list(range(x.ndim)):
        raise ValueError(f"axes {axes} do not permute those of {x}")
    return x.with_shape(tuple(x.shape[a] for a in axes))


def inverse(axes: Axes) -> Axes:
    """The permutation that undoes another."""
    return tuple(int(a) for a in np.argsort(np.asarray(axes, int)))


permute: Primitive = register(
    Primitive(
        "permute",
        _infer_permute,
        lambda x, *, axes: np.transpose(x, axes),
        Domain(
            (
                (((3, 5),), {"axes": (1, 0)}),
                (((2, 3, 4),), {"axes": (2, 0, 1)}),
                (((20, 17),), {"axes": (1, 0)}),
                (((0, 3),), {"axes": (1, 0)}),
            ),
            dtypes=ALL,
        ),
        transpose=lambda ct, x, *, axes: (permute(ct, axes=inverse(axes)),),
        linear=(0,),
        batch=lambda batched, x, *, axes: permute(x, axes=(0, *shifted(axes))),
    )
)

# -- slice, flip, pad, concatenate -----------------------------------------------------------


def _infer_slice(x: ArrayType, *, starts: Axes, sizes: Axes, steps: Axes) -> ArrayType:
    for start, size, step, extent in zip(starts, sizes, steps, x.shape, strict=True):
        last = start + (size - 1) * step
        if size and not (0 <= start < extent and 0 <= last < extent):
            raise ValueError(f"slice {starts} {sizes} {steps} reaches outside {x}")
    return x.with_shape(sizes)


def _slice_reference(x: Array, *, starts: Axes, sizes: Axes, steps: Axes) -> Array:
    grid = [
        start + step * np.arange(size)
        for start, size, step in zip(starts, sizes, steps, strict=True)
    ]
    return np.asarray(x)[np.ix_(*grid)] if grid else np.asarray(x)


def _slice_transpose(
    ct: Tracer, x: Tracer, *, starts: Axes, sizes: Axes, steps: Axes
) -> tuple[Tracer]:
    backward = tuple(axis for axis, step in enumerate(steps) if step < 0)
    if backward:
        ct = flip(ct, axes=backward)
    low, high, interior = [], [], []
    for start, size, step, extent in zip(starts, sizes, steps, x.shape, strict=True):
        first = min(start, start + (size - 1) * step) if size else 0
        spread = (size - 1) * builtins.abs(step) + 1 if size else 0
        low.append(first)
        high.append(extent - first - spread)
        interior.append(builtins.abs(step) - 1)
    zero = literal(0, ct.dtype)
    return (pad(ct, zero, low=tuple(low), high=tuple(high), interior=tuple(interior)),)


slice: Primitive = register(
    Primitive(
        "slice",
        _infer_slice,
        _slice_reference,
        Domain(
            (
                (((5, 6),), {"starts": (1, 0), "sizes": (3, 6), "steps": (1, 1)}),
                (((9,),), {"starts": (8,), "sizes": (9,), "steps": (-1,)}),
                (((9, 4),), {"starts": (7, 3), "sizes": (4, 2), "steps": (-2, -3)}),
                (((30,),), {"starts": (1,), "sizes": (14,), "steps": (2,)}),
                (((5,),), {"starts": (0,), "sizes": (0,), "steps": (1,)}),
            ),
            dtypes=ALL,
        ),
        transpose=_slice_transpose,
        linear=(0,),
        batch=lambda batched, x, *, starts, sizes, steps: slice(
            x, starts=(0, *starts), sizes=(x.shape[0], *sizes), steps=(1, *steps)
        ),
    )
)


def _infer_flip(x: ArrayType, *, axes: Axes) -> ArrayType:
    if any(not 0 <= a < x.ndim for a in axes):
        raise ValueError(f"cannot flip {x} along axes {axes}")
    return x


flip: Primitive = register(
    Primitive(
        "flip",
        _infer_flip,
        lambda x, *, axes: np.flip(x, axes),
        Domain(
            ((((5,),), {"axes": (0,)}), (((3, 20),), {"axes": (0, 1)}), (((0,),), {"axes": (0,)})),
            dtypes=ALL,
        ),
        transpose=lambda ct, x, *, axes: (flip(ct, axes=axes),),
        linear=(0,),
        batch=lambda batched, x, *, axes: flip(x, axes=shifted(axes)),
    )
)


def _infer_pad(
    x: ArrayType, value: ArrayType, *, low: Axes, high: Axes, interior: Axes
) -> ArrayType:
    if value != x.with_shape(()):
        raise TypeError(f"pad of {x} takes a 0-d value of that dtype, got {value}")
    if min((*low, *high, *interior), default=0) < 0:
        raise ValueError("pad takes widths that are not negative")
    shape = tuple(
        before + extent + max(extent - 1, 0) * gap + after
        for extent, before, after, gap in zip(x.shape, low, high, interior, strict=True)
    )
    return x.with_shape(shape)


def _pad_reference(x: Array, value: Array, *, low: Axes, high: Axes, interior: Axes) -> Array:
    type = _infer_pad(
        ArrayType(np.shape(x), np.asarray(x).dtype),
        ArrayType((), np.asarray(x).dtype),
        low=low,
        high=high,
        interior=interior,
    )
    out = np.full(type.shape, value, dtype=type.dtype)
    out[_pad_region(type.shape, low, high, interior)] = x
    return out


def _pad_region(shape: Shape, low: Axes, high: Axes, interior: Axes) -> tuple[Any, ...]:
    return tuple(
        builtins.slice(before, extent - after, gap + 1)
        for extent, before, after, gap in zip(shape, low, high, interior, strict=True)
    )


def _pad_transpose(
    ct: Tracer, x: Tracer, value: Tracer, *, low: Axes, high: Axes, interior: Axes
) -> tuple[Tracer, Tracer]:
    from .reduction import reduce_sum

    steps = tuple(gap + 1 for gap in interior)
    inner = slice(ct, starts=low, sizes=x.shape, steps=steps) if x.size else zeros(x.type)
    every = tuple(range(ct.ndim))
    return inner, reduce_sum(ct, axes=every) - reduce_sum(inner, axes=every)


def _pad_batch(
    batched: Sequence[bool], x: Tracer, value: Tracer, *, low: Axes, high: Axes, interior: Axes
) -> Tracer:
    from .elementwise import where

    widths = {"low": (0, *low), "high": (0, *high), "interior": (0, *interior)}
    if not batched[1]:
        return pad(x, value, **widths)
    x, value = all_batched(batched, (x, value))
    padded = pad(x, literal(0, x.dtype), **widths)
    everywhere = broadcast(literal(True, BOOL), shape=x.shape, axes=())
    inside = pad(everywhere, literal(False, BOOL), **widths)
    return where(inside, padded, broadcast(value, shape=padded.shape, axes=(0,)))


pad: Primitive = register(
    Primitive(
        "pad",
        _infer_pad,
        _pad_reference,
        Domain(
            (
                (((3, 4), ()), {"low": (1, 0), "high": (2, 3), "interior": (0, 0)}),
                (((5,), ()), {"low": (0,), "high": (1,), "interior": (2,)}),
                (((2, 3), ()), {"low": (1, 1), "high": (0, 2), "interior": (1, 0)}),
                (((40,), ()), {"low": (3,), "high": (0,), "interior": (0,)}),
                (((0,), ()), {"low": (2,), "high": (1,), "interior": (0,)}),
            ),
            dtypes=ALL,
        ),
        transpose=_pad_transpose,
        linear=(0, 1),
        jointly=True,
        batch=_pad_batch,
    )
)


def _infer_concatenate(*operands: ArrayType, axis: int) -> ArrayType:
    first = operands[0]
    extent = 0
    for x in operands:
        same_rest = x.shape[:axis] + x.shape[axis + 1 :] == (
            first.shape[:axis] + first.shape[axis + 1 :]
        )
        if x.dtype != first.dtype or x.ndim != first.ndim or not same_rest:
            raise ValueError(
                f"cannot concatenate {', '.join(map(str, operands))} along axis {axis}"
            )
        extent += x.shape[axis]
    return first.with_shape((*first.shape[:axis], extent, *first.shape[axis + 1 :]))


def _concatenate_transpose(ct: Tracer, *operands: Tracer, axis: int) -> tuple[Tracer, ...]:
    parts = []
    start = 0
    for x in operands:
        starts = tuple(start if a == axis else 0 for a in range(x.ndim))
        parts.append(slice(ct, starts=starts, sizes=x.shape, steps=(1,) * x.ndim))
        start += x.shape[axis]
    return tuple(parts)


concatenate: Primitive = register(
    Primitive(
        "concatenate",
        _infer_concatenate,
        lambda *xs, axis: np.concatenate(xs, axis),
        Domain(
            (
                (((3,), (4,)), {"axis": 0}),
                (((2, 3), (2, 1), (2, 5)), {"axis": 1}),
                (((2, 3), (4, 3)), {"axis": 0}),
                (((0,), (2,)), {"axis": 0}),
            ),
            dtypes=ALL,
        ),
        transpose=_concatenate_transpose,
        jointly=True,
        batch=lambda batched, *operands, axis: concatenate(
            *all_batched(batched, operands), axis=axis + 1
        ),
    )
)


# -- update_slice ----------------------------------------------------------------------------


def _infer_update_slice(x: ArrayType, update: ArrayType, *, starts: Axes, steps: Axes) -> ArrayType:
    if update.dtype != x.dtype or not update.ndim == x.ndim == len(starts) == len(steps):
        raise TypeError(f"update_slice of {x} takes an update like it, got {update}")
    for start, step, size, extent in zip(starts, steps, update.shape, x.shape, strict=True):
        if size and not (start >= 0 and step > 0 and start + (size - 1) * step < extent):
            raise ValueError(f"update_slice of {update} at {starts} by {steps} is outside {x}")
    return x


def _update_slice_reference(x: Array, update: Array, *, starts: Axes, steps: Axes) -> Array:
    out = np.array(x)
    region = tuple(
        builtins.slice(start, start + size * step, step)
        for start, step, size in zip(starts, steps, np.shape(update), strict=True)
    )
    out[region] = update
    return out


def _update_slice_transpose(
    ct: Tracer, x: Tracer, update: Tracer, *, starts: Axes, steps: Axes
) -> tuple[Tracer, Tracer]:
    return (
        update_slice(ct, zeros(update.type), starts=starts, steps=steps),
        slice(ct, starts=starts, sizes=update.shape, steps=steps),
    )


update_slice: Primitive = register(
    Primitive(
        "update_slice",
        _infer_update_slice,
        _update_slice_reference,
        Domain(
            (
                (((7,), (3,)), {"starts": (2,), "steps": (1,)}),
                (((40,), (12,)), {"starts": (1,), "steps": (3,)}),
                (((5, 6), (2, 6)), {"starts": (1, 0), "steps": (1, 1)}),
                (((5, 6), (1, 3)), {"starts": (4, 1), "steps": (1, 2)}),
                (((3, 4, 20), (2, 1, 20)), {"starts": (0, 3, 0), "steps": (2, 1, 1)}),
                (((5,), (0,)), {"starts": (0,), "steps": (1,)}),
                (((), ()), {"starts": (), "steps": ()}),
            ),
            dtypes=ALL,
        ),
        transpose=_update_slice_transpose,
        linear=(0, 1),
        jointly=True,
        batch=lambda batched, *operands, starts, steps: update_slice(
            *all_batched(batched, operands), starts=(0, *starts), steps=(1, *steps)
        ),
    )
)
"""``x`` with the regular grid of places, from ``starts`` by ``steps``, taken by ``update``."""


def _infer_iota(*, size: int, dtype: DType) -> ArrayType:
    return ArrayType((size,), dtype)


iota: Primitive = register(
    Primitive(
        "iota",
        _infer_iota,
        lambda *, size, dtype: np.arange(size, dtype=dtype),
        Domain(
            (
                ((), {"size": 7, "dtype": np.dtype("i8")}),
                ((), {"size": 20, "dtype": np.dtype("f8")}),
                *(((), {"size": 40, "dtype": DTYPES[name]}) for name in ALL if name != "bool"),
            ),
            dtypes=("i64",),
        ),
    )
)
