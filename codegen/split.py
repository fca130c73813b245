"""Loops that threads may share: the outermost axis in parts, which do not depend on one another.

How many parts there are depends on the loop alone, and partial results of a reduction are combined
in their order, so that results do not depend on the number of threads.
"""

from __future__ import annotations

from pullback.tracer.types import ArrayType

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
    if not _worth_it(kernel) or any(_follows(sink) for sink in kernel.sinks):
        return [kernel]
    outermost = kernel.extents[0]
    count, size = _parts(outermost, WHOLE if len(kernel.extents) == 1 else 1)
    partial = [s for s in kernel.sinks if s.kind == "reduce" and 0 in s.axes]
    room = elements(kernel.extents) // SHARE
    if count < 2 or any(count * s.buffer.type.size > room for s in partial):
        return [kernel]
    combining = [_combined(sink, count) for sink in partial]
    _cut(kernel, size)
    kernel.extents = (count, size, *kernel.extents[1:])
    kernel.last = outermost - (count - 1) * size
    return [kernel, *combining]


def body_work(kernel: LoopKernel) -> int:
    """Instructions of the innermost body, roughly."""
    inner = [s for s in kernel.steps if s.depth == len(kernel.extents)]
    cost = sum(weight(s.node) if s.kind == "apply" else 1 for s in inner)
    return cost + GATHER_WORK * sum(s.kind == "gather" for s in inner)


def _worth_it(kernel: LoopKernel) -> bool:
    work = elements(kernel.extents) * (body_work(kernel) + len(kernel.sinks))
    return bool(kernel.extents) and work >= LEAST_WORK


def _follows(sink: Sink) -> bool:
    """Whether what a turn of the outermost loop does to memory depends on the turns before."""
    if sink.kind == "reduce":
        return 0 in sink.axes and sink.node.primitive.name in ARG_REDUCTIONS
    return sink.kind == "scatter" or (sink.kind == "scan" and 0 in sink.axes)


def _parts(extent: int, multiple: int) -> tuple[int, int]:
    """How many parts, and how large all but the last are."""
    if extent < FEWEST * multiple:
        return (extent, 1) if multiple == 1 else (1, extent)
    sizes = {-(-extent // (n * multiple)) * multiple for n in range(FEWEST, MOST + 1)}
    found = [(-(-extent // size), size) for size in sizes]
    # What the last part lacks keeps other threads waiting.
    lacking = {(n, size): n * size - extent for n, size in found}
    whole = [part for part in found if part[1] - lacking[part] >= multiple]
    return min(whole, key=lambda part: (lacking[part], abs(part[0] - USUAL)), default=(1, extent))


def _cut(kernel: LoopKernel, size: int) -> None:
    """Make two axes of the outermost one: the part, and the place in it."""

    def cut(row: Affine) -> Affine:
        return Affine(row.offset, (row.coefs[0] * size, *row.coefs)) if row.coefs else row

    for step in kernel.steps:
        if step.index is not None:
            step.index = cut(step.index)
        step.mask = tuple((cut(row), n) for row, n in step.mask)
        step.depth += step.depth > 0
    for sink in kernel.sinks:
        if not (sink.kind == "reduce" and 0 in sink.axes):
            sink.index = cut(sink.index)
        sink.axes = tuple(a + 1 for a in sink.axes)


def _combined(sink: Sink, count: int) -> LoopKernel:
    """Let a sink give a partial result for each part; the kernel that reduces them."""
    whole, type = sink.buffer, sink.buffer.type
    parts = ArrayType((count, type.size), type.dtype)
    partial = Buffer(f"p{whole.name}", parts, "workspace", whole.number)
    step = Step("load", sink.node, buffer=partial, index=Affine(0, (type.size, 1)))
    total = Sink("reduce", sink.node, 0, whole, Affine(0, (0, 1)), (0,))
    sink.buffer = partial
    sink.index = Affine(sink.index.offset, (type.size, *sink.index.coefs))
    combining = schedule(parts.shape, [step], [total])
    combining.roots = (sink.node,)
    return combining
