"""Loops that threads may share: the outermost axis in parts, which do not depend on one another.

How many parts there are depends on the loop alone, and partial results of a reduction are combined
in their order, so that results do not depend on the number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from pullback.tracer.types import ArrayType, Shape, row_major_strides

from .fuse import ARG_REDUCTIONS, elements, weight
from .kernel import Affine, Buffer, LoopKernel, Sink, Step
from .schedule import schedule

LEAST_WORK = 1 << 21
"""Steps, of some hundredths of a nanosecond each, that are worth the time to wake a thread."""

FEWEST, MOST, USUAL = 8, 32, 16
"""Parts of a loop."""

WHOLE = 64
"""Elements of the innermost loop that a part is a multiple of: whole vectors, several at a time."""

SHARE = 4
"""Partial results are at most this part of the elements from which they are made."""

GATHER_WORK = 20


def split(kernel: LoopKernel) -> list[LoopKernel]:
    """The kernel in parts, then the kernels that combine partial results; or as it is."""
    if not worth_sharing([kernel]) or any(_follows(sink) for sink in kernel.sinks):
        return [kernel]
    count, size = parts(kernel.extents[0], WHOLE if len(kernel.extents) == 1 else 1)
    if count < 2 or not room_for_partial(kernel, count):
        return [kernel]
    return [kernel, *cut(kernel, (count, size))]


def body_work(kernel: LoopKernel) -> int:
    """Instructions of the innermost body, roughly."""
    inner = [s for s in kernel.steps if s.depth == len(kernel.extents)]
    cost = sum(weight(s.node) if s.kind == "apply" else 1 for s in inner)
    return cost + GATHER_WORK * sum(s.kind == "gather" for s in inner)


def worth_sharing(kernels: Iterable[LoopKernel]) -> bool:
    """Whether there is enough to do for several threads."""
    looping = [k for k in kernels if k.extents]
    work = (elements(k.extents) * (body_work(k) + len(k.sinks)) for k in looping)
    return bool(looping) and sum(work) >= LEAST_WORK


def room_for_partial(kernel: LoopKernel, count: int) -> bool:
    """Whether the results of so many parts are little beside what they are made from."""
    room = elements(kernel.extents) // SHARE
    return all(count * s.buffer.type.size <= room for s in _partial(kernel))


def _partial(kernel: LoopKernel) -> list[Sink]:
    """The reductions along the outermost axis."""
    return [s for s in kernel.sinks if s.kind == "reduce" and 0 in s.axes]


def _follows(sink: Sink) -> bool:
    """Whether what a turn of the outermost loop does to memory depends on the turns before."""
    if sink.kind == "reduce":
        return 0 in sink.axes and sink.node.primitive.name in ARG_REDUCTIONS
    return sink.kind == "scatter" or (sink.kind == "scan" and 0 in sink.axes)


def parts(extent: int, multiple: int) -> tuple[int, int]:
    """How many parts, and how large all but the last are."""
    if extent < FEWEST * multiple:
        return (extent, 1) if multiple == 1 else (1, extent)
    sizes = {-(-extent // (n * multiple)) * multiple for n in range(FEWEST, MOST + 1)}
    found = [(-(-extent // size), size) for size in sizes]
    # What the last part lacks keeps other threads waiting.
    lacking = {(n, size): n * size - extent for n, size in found}
    whole = [part for part in found if part[1] - lacking[part] >= multiple]
    return min(whole, key=lambda part: (lacking[part], abs(part[0] - USUAL)), default=(1, extent))


def cut(kernel: LoopKernel, sizes: Shape) -> list[LoopKernel]:
    """Make axes of so many turns of the outermost one; the kernels that combine partial results.

    The first of the axes is the part, and of several parts each gives a result of its own.
    """
    count, *inner = sizes
    added = len(inner)
    partial = _partial(kernel)
    before = kernel.extents
    combining = [_combined(sink, before, count, added) for sink in partial] if count > 1 else []
    kernel.cut, kernel.whole = len(sizes), kernel.extents[0]
    kernel.extents = (*sizes, *kernel.extents[1:])
    strides = row_major_strides(sizes)

    def along(row: Affine) -> Affine:
        first, *rest = row.coefs
        return Affine(row.offset, (*(first * stride for stride in strides), *rest))

    for step in kernel.steps:
        if step.index is not None:
            step.index = along(step.index)
        step.mask = tuple((along(row), n) for row, n in step.mask)
        step.depth += added * (step.depth > 0)
    for sink in kernel.sinks:
        if sink in partial:
            sink.axes = (*range(int(count > 1), added + 1), *(a + added for a in sink.axes if a))
            if count > 1:
                continue
        else:
            sink.axes = tuple(a + added for a in sink.axes)
        sink.index = along(sink.index)
    return combining


def _combined(sink: Sink, extents: Shape, count: int, added: int) -> LoopKernel:
    """Let a sink give a result for each of the parts; the kernel that reduces them.

    The axes of the sink are those after so many more than the part have been added. It may write
    part of a buffer, others the rest of it.
    """
    whole, index, axes = sink.buffer, sink.index, sink.axes
    kept = [axis for axis in range(len(extents)) if axis not in axes]
    shape = tuple(extents[axis] for axis in kept)
    strides, size = row_major_strides(shape), math.prod(shape)
    # Buffers of the sinks that write one buffer differ in where in that they begin.
    at = f".{index.offset}" if index.offset else ""
    parts = ArrayType((count, size), whole.type.dtype)
    partial = Buffer(f"p{whole.name}{at}", parts, "workspace", whole.number)
    step = Step("load", sink.node, buffer=partial, index=Affine(0, (size, *strides)))
    places = Affine(index.offset, (0, *(index.coefs[axis] for axis in kept)))
    total = Sink("reduce", sink.node, 0, whole, places, (0,))
    of_axis = dict(zip(kept, strides, strict=True))
    inner = (0,) * (added - 1)
    coefs = (of_axis.get(axis, 0) for axis in range(len(extents)))
    sink.buffer, sink.index = partial, Affine(0, (size, *inner, *coefs))
    combining = schedule((count, *shape), [step], [total])
    combining.roots = (sink.node,)
    return combining
