"""What a loop kernel keeps in registers: what is decided before memory is planned.

Reductions whose axes are the innermost loops are in registers until the end of these; so are those
that keep what is along an innermost loop, if that is short enough to be written out.
"""

from __future__ import annotations

import numpy as np

from pullback.tracer.types import BOOL, DType, is_float

from .fuse import ARG_REDUCTIONS
from .kernel import LoopKernel, Sink
from .split import body_work

MOST_PLACES = 1 << 30
"""Elements whose places are counted in 32 bits."""

WRITTEN_OUT, SHORT_BODY = 1024, 12
"""Bytes along the innermost loop, and the cost of its body, for which it is written out."""


def reduces_in_registers(kernel: LoopKernel, sink: Sink) -> bool:
    """Whether the reduced axes are the innermost loops, so that no memory is needed between.

    That is so as well if they are the loops around an innermost one that is written out.
    """
    count = len(kernel.extents) - int(keeps_row(kernel, sink))
    first = count - len(sink.axes)
    return sink.axes == tuple(range(first, count)) and (not sink.axes or first >= kernel.around)


def register_depth(kernel: LoopKernel, sink: Sink) -> int:
    """The depth of loops within which a reduction is kept in registers."""
    depth = len(kernel.extents) - int(keeps_row(kernel, sink))
    while depth > kernel.around and depth - 1 in sink.axes:
        depth -= 1
    return depth


def keeps_row(kernel: LoopKernel, sink: Sink) -> bool:
    """Whether a reduction has a result for each place of an innermost loop that is written out."""
    count = len(kernel.extents)
    along = count - 2 in sink.axes and count - 1 not in sink.axes
    return sink.kind == "reduce" and along and is_written_out(kernel)


def is_written_out(kernel: LoopKernel) -> bool:
    """Whether the innermost loop is short enough to be instructions in a row."""
    if len(kernel.extents) < 2 or kernel.sequential or body_work(kernel) > SHORT_BODY:
        return False
    plain = all(s.kind in ("store", "reduce") for s in kernel.sinks)
    return plain and kernel.extents[-1] * widest(kernel) <= WRITTEN_OUT


def widest(kernel: LoopKernel) -> int:
    """Bytes of the widest element, of four at least, that the innermost loop works on."""
    found = [4, *(_sink_bytes(kernel, sink) for sink in kernel.sinks)]
    for step in kernel.steps:
        if step.depth == len(kernel.extents):
            found.append(8 if step.kind == "gather" else step.node.type.dtype.itemsize)
    return max(found)


def identity(name: str, dtype: DType, empty: bool = False) -> float | int | bool:
    """What a reduction starts from; the sum of no elements is +0, though -0 adds nothing."""
    if name in ("reduce_sum", "cumsum", "recurrence"):
        return -0.0 if is_float(dtype) and not empty else 0
    if name in ("reduce_max", "argmax", "cummax"):
        return -np.inf if is_float(dtype) else _integer_limits(dtype)[0]
    if name in ("reduce_min", "argmin", "cummin"):
        return np.inf if is_float(dtype) else _integer_limits(dtype)[1]
    return {"reduce_prod": 1, "cumprod": 1, "reduce_any": False, "reduce_all": True}.get(name, 0)


def _integer_limits(dtype: DType) -> tuple[int, int]:
    if dtype == BOOL:
        return 0, 1
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


def _sink_bytes(kernel: LoopKernel, sink: Sink) -> int:
    """Bytes of an element that a sink works on: places are as wide as they need to be."""
    if sink.node.primitive.name in ARG_REDUCTIONS and kernel.extents[-1:] < (MOST_PLACES,):
        return sink.node.operands[0].type.dtype.itemsize
    return sink.node.type.dtype.itemsize
