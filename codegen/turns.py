"""How many turns loops have that are one in parts: the last parts may have fewer."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pullback.tracer.types import row_major_strides

from .assembly import I64, FunctionWriter, Value, constant
from .kernel import LoopKernel


def turns_of(
    w: FunctionWriter, kernel: LoopKernel, indices: Sequence[Value], depth: int
) -> int | Value:
    """How many turns a loop has; those of which others are parts may have fewer in the end."""
    extent = kernel.extents[depth]
    if is_even(kernel, depth):
        return extent
    strides = row_major_strides(kernel.extents[: kernel.cut])
    begun = constant(I64, 0)
    for index, stride in zip(indices[:depth], strides, strict=False):
        begun = w.add_index(w.scale_index(index, stride), begun)
    left = w.op("sub", constant(I64, kernel.whole + strides[depth] - 1), begun)
    if strides[depth] > 1:
        left = w.op("udiv", left, constant(I64, strides[depth]))
    return w.select(w.compare("slt", left, constant(I64, extent)), left, constant(I64, extent))


def is_even(kernel: LoopKernel, depth: int) -> bool:
    """Whether a loop always has the same number of turns."""
    if not 0 < depth < kernel.cut:
        return True
    return kernel.whole % math.prod(kernel.extents[depth : kernel.cut]) == 0
