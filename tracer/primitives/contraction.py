"""Products of arrays: matmul, einsum and tensordot all come to `dot`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..primitive import Domain, Primitive, register
from ..trace import Tracer
from ..types import BOOL, ArrayType
from .structure import Axes, inverse, permute, shifted, to_front

Array = np.ndarray[Any, Any]
AxisPairs = tuple[Axes, Axes]


def _free(ndim: int, contract: Axes, batch: Axes) -> Axes:
    return tuple(a for a in range(ndim) if a not in contract and a not in batch)


def _infer_dot(x: ArrayType, y: ArrayType, *, contract: AxisPairs, batch: AxisPairs) -> ArrayType:
    if x.dtype != y.dtype:
        raise TypeError(f"dot takes operands of one dtype, got {x} and {y}")
    if x.dtype == BOOL:
        raise TypeError("dot is not defined for bool")
    for (xs, ys), what in ((contract, "contracted"), (batch, "batch")):
        if tuple(x.shape[a] for a in xs) != tuple(y.shape[a] for a in ys):
            raise ValueError(f"dot: {what} axes {xs} of {x} and {ys} of {y} differ in extent")
    shape = [x.shape[a] for a in batch[0]]
    shape += [x.shape[a] for a in _free(x.ndim, contract[0], batch[0])]
    shape += [y.shape[a] for a in _free(y.ndim, contract[1], batch[1])]
    return x.with_shape(tuple(shape))


def _dot_reference(x: Array, y: Array, *, contract: AxisPairs, batch: AxisPairs) -> Array:
    x, y = np.asarray(x), np.asarray(y)
    labels = iter(range(x.ndim + y.ndim))
    of_x = [next(labels) for _ in range(x.ndim)]
    of_y = [next(labels) for _ in range(y.ndim)]
    for a, b in (*zip(*contract, strict=True), *zip(*batch, strict=True)):
        of_y[b] = of_x[a]
    result = [of_x[a] for a in batch[0]]
    result += [of_x[a] for a in _free(x.ndim, contract[0], batch[0])]
    result += [of_y[a] for a in _free(y.ndim, contract[1], batch[1])]
    return np.asarray(np.einsum(x, of_x, y, of_y, result))


def _operand_ct(
    ct: Tracer, x: Tracer, y: Tracer, contract: AxisPairs, batch: AxisPairs, first: bool
) -> Tracer:
    """The cotangent of ``x``: the product of ``ct`` with ``y`` over what only ``y`` has."""
    shared = len(batch[0])
    x_free = _free(x.ndim, contract[0], batch[0])
    y_free = _free(y.ndim, contract[1], batch[1])
    of_y = (
        tuple(range(shared + len(x_free), ct.ndim))
        if first
        else tuple(range(shared, shared + len(y_free)))
    )
    product = dot(ct, y, contract=(of_y, y_free), batch=(tuple(range(shared)), batch[1]))
    met = [contract[0][contract[1].index(a)] for a in sorted(contract[1])]
    return permute(product, axes=inverse((*batch[0], *x_free, *met)))


def _dot_transpose(
    ct: Tracer, x: Tracer, y: Tracer, *, contract: AxisPairs, batch: AxisPairs
) -> tuple[Tracer, Tracer]:
    swapped = (contract[1], contract[0]), (batch[1], batch[0])
    return (
        _operand_ct(ct, x, y, contract, batch, first=True),
        _operand_ct(ct, y, x, *swapped, first=False),
    )


def _dot_batch(
    batched: Sequence[bool], x: Tracer, y: Tracer, *, contract: AxisPairs, batch: AxisPairs
) -> Tracer:
    of_x, of_y = batched
    if not of_x and not _free(y.ndim - 1, contract[1], batch[1]):
        # A matrix times each vector is all vectors times the matrix: no axis has to move.
        swapped = (contract[1], contract[0]), (batch[1], batch[0])
        return _dot_batch((True, False), y, x, contract=swapped[0], batch=swapped[1])
    if of_x:
        contract, batch = (shifted(contract[0]), contract[1]), (shifted(batch[0]), batch[1])
    if of_y:
        contract, batch = (contract[0], shifted(contract[1])), (batch[0], shifted(batch[1]))
    if of_x and of_y:
        return dot(x, y, contract=contract, batch=((0, *batch[0]), (0, *batch[1])))
    before = 0 if of_x else len(_free(x.ndim, contract[0], batch[0]))
    return to_front(dot(x, y, contract=contract, batch=batch), len(batch[0]) + before)


dot: Primitive = register(
    Primitive(
        "dot",
        _infer_dot,
        _dot_reference,
        Domain(
            (
                (((3, 4), (4, 5)), {"contract": ((1,), (0,)), "batch": ((), ())}),
                (((20, 30), (30, 17)), {"contract": ((1,), (0,)), "batch": ((), ())}),
                (((30, 20), (17, 30)), {"contract": ((0,), (1,)), "batch": ((), ())}),
                (((300, 3), (300, 7)), {"contract": ((0,), (0,)), "batch": ((), ())}),
                (((4,), (4,)), {"contract": ((0,), (0,)), "batch": ((), ())}),
                (((4, 3), (4,)), {"contract": ((0,), (0,)), "batch": ((), ())}),
                (((40, 30), (30,)), {"contract": ((1,), (0,)), "batch": ((), ())}),
                (((3,), (5,)), {"contract": ((), ()), "batch": ((), ())}),
                (((2, 3, 4), (2, 4, 5)), {"contract": ((2,), (1,)), "batch": ((0,), (0,))}),
                (((2, 13, 14), (14, 2, 15)), {"contract": ((2,), (0,)), "batch": ((0,), (1,))}),
                (((2, 3, 4), (4, 3, 5)), {"contract": ((1, 2), (1, 0)), "batch": ((), ())}),
                (((3, 0), (0, 2)), {"contract": ((1,), (0,)), "batch": ((), ())}),
            ),
            dtypes=("f64", "f32", "f16", "i64", "i16", "i8", "u64", "u32", "u8", "c128", "c64"),
        ),
        transpose=_dot_transpose,
        linear=(0, 1),
        batch=_dot_batch,
    )
)
