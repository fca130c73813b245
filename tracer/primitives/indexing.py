"""Rows that read and write at computed positions.

The indices, integer arrays of one shape, address the leading axes; negative ones count from the
end, as in NumPy, and any other outside the extent raises IndexError.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..primitive import Domain, Primitive, register
from ..trace import Tracer
from ..types import INT64, ArrayType, Shape, is_integer
from .elementwise import broadcast_scalar, convert, where
from .structure import all_batched, broadcast, iota, reshape, zeros

Array = np.ndarray[Any, Any]
NUMBERS = (
    "f64", "f32", "f16", "i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8",
    "c128", "c64",
)  # fmt: skip
ALL = (*NUMBERS, "bool")


def _check_indices(name: str, x: ArrayType, indices: tuple[ArrayType, ...]) -> Shape:
    if not 1 <= len(indices) <= x.ndim:
        raise IndexError(f"{name}: {len(indices)} indices for {x}")
    if any(i != indices[0] or not is_integer(i.dtype) for i in indices):
        raise TypeError(f"{name} takes integer indices of one type, got {indices}")
    return indices[0].shape


def _numbered(indices: Sequence[Tracer]) -> list[Tracer]:
    """Batched indices, with the number in the batch as the first of them."""
    # An index dtype may be too small for the number of examples.
    wide = [convert(x, dtype=INT64) for x in indices]
    shape = wide[0].shape
    number = broadcast(iota(size=shape[0], dtype=INT64), shape=shape, axes=(0,))
    return [number, *wide]


def _infer_gather(x: ArrayType, *indices: ArrayType) -> ArrayType:
    shape = _check_indices("gather", x, indices)
    return x.with_shape((*shape, *x.shape[len(indices) :]))


def _gather_batch(batched: Sequence[bool], x: Tracer, *indices: Tracer) -> Tracer:
    if not batched[0]:
        return gather(x, *all_batched(batched[1:], indices))
    x, *moved = all_batched(batched, (x, *indices))
    return gather(x, *_numbered(moved))


gather: Primitive = register(
    Primitive(
        "gather",
        _infer_gather,
        lambda x, *indices: np.asarray(x)[indices],
        Domain(
            (
                (((5,), (7,)), {}),
                (((5, 40), (3,)), {}),
                (((5, 6), (2, 3), (2, 3)), {}),
                (((5, 3), ()), {}),
                (((5,), (0,)), {}),
            ),
            low=-5.0,
            high=5.0,
            dtypes=ALL,
            kinds=("*", "i64", "i64"),
        ),
        transpose=lambda ct, x, *indices: (
            scatter_add(zeros(x.type), *indices, ct),
            *(None for _ in indices),
        ),
        linear=(0,),
        batch=_gather_batch,
    )
)


def _infer_scatter(name: str) -> Callable[..., ArrayType]:
    def infer(x: ArrayType, *rest: ArrayType) -> ArrayType:
        *indices, update = rest
        shape = _check_indices(name, x, tuple(indices))
        wanted = x.with_shape((*shape, *x.shape[len(indices) :]))
        if update != wanted:
            raise ValueError(f"{name} into {x} takes an update {wanted}, got {update}")
        return x

    return infer


def _scatter_reference(x: Array, *rest: Array) -> Array:
    *indices, update = rest
    out = np.array(x)
    out[tuple(indices)] = update
    return out


def _scatter_add_reference(x: Array, *rest: Array) -> Array:
    *indices, update = rest
    out = np.array(x)
    np.add.at(out, tuple(indices), update)
    return out


def _scatter_operands(batched: Sequence[bool], operands: Sequence[Tracer]) -> list[Tracer]:
    x, *indices, update = all_batched(batched, operands)
    return [x, *_numbered(indices), update]


SCATTER_CASES: tuple[tuple[tuple[Shape, ...], dict[str, Any]], ...] = (
    (((5,), (7,), (7,)), {}),
    (((5, 40), (3,), (3, 40)), {}),
    (((5, 6), (2, 3), (2, 3), (2, 3)), {}),
    (((5, 3), (), (3,)), {}),
    (((5,), (0,), (0,)), {}),
)
SCATTER_KINDS = ("*", "i64", "i64", "*")

scatter_add: Primitive = register(
    Primitive(
        "scatter_add",
        _infer_scatter("scatter_add"),
        _scatter_add_reference,
        Domain(SCATTER_CASES, low=-5.0, high=5.0, dtypes=NUMBERS, kinds=SCATTER_KINDS),
        transpose=lambda ct, x, *rest: (
            ct,
            *(None for _ in rest[:-1]),
            gather(ct, *rest[:-1]),
        ),
        linear=(0, -1),
        jointly=True,
        batch=lambda batched, *operands: scatter_add(*_scatter_operands(batched, operands)),
    )
)


def _winners(shape: Shape, indices: tuple[Tracer, ...]) -> Tracer:
    """Which updates last: of several to one place the last one does."""
    count = math.prod(indices[0].shape)
    number = reshape(iota(size=count, dtype=INT64), shape=indices[0].shape)
    board = scatter(zeros(ArrayType(shape[: len(indices)], INT64)), *indices, number)
    return gather(board, *indices) == number


def _scatter_transpose(ct: Tracer, x: Tracer, *rest: Tracer) -> tuple[Tracer | None, ...]:
    indices, update = rest[:-1], rest[-1]
    through = scatter(ct, *indices, broadcast_scalar(0.0, update))
    won = broadcast(
        _winners(x.shape, indices), shape=update.shape, axes=tuple(range(indices[0].ndim))
    )
    taken = where(won, gather(ct, *indices), broadcast_scalar(0.0, update))
    return (through, *(None for _ in indices), taken)


scatter: Primitive = register(
    Primitive(
        "scatter",
        _infer_scatter("scatter"),
        _scatter_reference,
        Domain(SCATTER_CASES, low=-5.0, high=5.0, dtypes=ALL, kinds=SCATTER_KINDS),
        transpose=_scatter_transpose,
        linear=(0, -1),
        jointly=True,
        batch=lambda batched, *operands: scatter(*_scatter_operands(batched, operands)),
    )
)
