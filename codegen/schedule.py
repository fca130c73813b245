"""The order of a kernel's loops: which is innermost, which are one, what is computed outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from .kernel import Affine, LoopKernel, Sink, Step
from .steps import dependence
from .tiles import tile_axis


def schedule(extents: tuple[int, ...], steps: list[Step], sinks: list[Sink]) -> LoopKernel:
    """Loops in the best order for memory, joined where they run through memory as one."""
    kernel = LoopKernel(extents, steps, sinks)
    _select_axes(kernel, [a for a, n in enumerate(extents) if n != 1])
    _select_axes(kernel, _order(kernel))
    while (axis := _joinable(kernel)) is not None:
        _join(kernel, axis)
    for step, axes in zip(steps, dependence(steps), strict=True):
        step.depth = max(axes, default=-1) + 1
    return kernel


def _rows(kernel: LoopKernel) -> Iterator[Affine]:
    """Every affine function in the kernel."""
    for step in kernel.steps:
        if step.index is not None:
            yield step.index
        yield from (row for row, _ in step.mask)
    yield from (sink.index for sink in kernel.sinks)


def _remap(row: Affine, axes: Sequence[int]) -> Affine:
    return Affine(row.offset, tuple([row.coefs[a] for a in axes]))


def _select_axes(kernel: LoopKernel, axes: Sequence[int]) -> None:
    """Keep these axes, in this order; the ones left out have extent 1."""
    if list(axes) == list(range(len(kernel.extents))):
        return
    kernel.extents = tuple(kernel.extents[a] for a in axes)
    for step in kernel.steps:
        if step.index is not None:
            step.index = _remap(step.index, axes)
        step.mask = tuple((_remap(row, axes), n) for row, n in step.mask)
    for sink in kernel.sinks:
        sink.index = _remap(sink.index, axes)
        sink.axes = tuple(sorted(axes.index(a) for a in sink.axes if a in axes))


def _order(kernel: LoopKernel) -> list[int]:
    """Axes from outermost to innermost: memory runs along the innermost."""
    count = len(kernel.extents)
    axes = list(range(count))
    forced = _forced_innermost(kernel)
    if forced is not None:
        return [a for a in axes if a != forced] + [forced]
    if count < 2 or any(s.kind in ("scan", "scatter") for s in kernel.sinks):
        return axes
    best = max(axes, key=lambda a: (_score(kernel, a), a))
    last = [a for a in (tile_axis(kernel, best), best) if a is not None]
    return [a for a in axes if a not in last] + last


def _forced_innermost(kernel: LoopKernel) -> int | None:
    for sink in kernel.sinks:
        if sink.kind == "reduce" and sink.node.primitive.name in ("argmax", "argmin"):
            return sink.axes[0] if sink.axes else None
    return None


def _score(kernel: LoopKernel, axis: int) -> float:
    """How well memory is used when an axis is innermost."""
    score = 0.0
    accesses = [(s.index, 1.0) for s in kernel.steps if s.buffer is not None]
    accesses += [(s.index, 1.5 if s.kind == "store" else 0.5) for s in kernel.sinks]
    for index, share in accesses:
        assert index is not None
        stride = index.coefs[axis]
        if any(index.coefs):
            score += share * {0: 0.2, 1: 1.0, -1: 0.8, 2: 0.4}.get(stride, -1.0)
    return score * min(kernel.extents[axis], 8) / 8 if score > 0 else score


def dealt(kernel: LoopKernel, count: int) -> LoopKernel:
    """The kernel with two loops for its outermost one, of which one has so many turns."""
    first, *others = kernel.extents
    size = first // count

    def along(row: Affine) -> Affine:
        return Affine(row.offset, (row.coefs[0] * size, *row.coefs))

    steps = [
        replace(
            step,
            index=step.index and along(step.index),
            mask=tuple((along(row), n) for row, n in step.mask),
            depth=step.depth + (step.depth > 0),
        )
        for step in kernel.steps
    ]
    sinks = [
        replace(
            sink,
            index=along(sink.index),
            axes=(*((0,) if 0 in sink.axes else ()), *(a + 1 for a in sink.axes)),
        )
        for sink in kernel.sinks
    ]
    return replace(kernel, extents=(count, size, *others), steps=steps, sinks=sinks)


def _joinable(kernel: LoopKernel) -> int | None:
    """An axis that can be one loop with the next."""
    for a in range(len(kernel.extents) - 1):
        extent = kernel.extents[a + 1]
        through = all(row.coefs[a] == row.coefs[a + 1] * extent for row in _rows(kernel))
        alike = all((a in s.axes) == (a + 1 in s.axes) for s in kernel.sinks)
        conditions = all(not any(r.coefs) for s in kernel.steps for r, _ in s.mask)
        plain = all(s.kind not in ("scan", "scatter") for s in kernel.sinks)
        arg = _forced_innermost(kernel) is not None
        if through and alike and conditions and plain and not arg:
            return a
    return None


def _join(kernel: LoopKernel, axis: int) -> None:
    """Make axes ``axis`` and ``axis + 1`` one."""
    extents = list(kernel.extents)
    extents[axis : axis + 2] = [extents[axis] * extents[axis + 1]]

    def joined(row: Affine) -> Affine:
        return Affine(row.offset, row.coefs[:axis] + row.coefs[axis + 1 :])

    for step in kernel.steps:
        if step.index is not None:
            step.index = joined(step.index)
        step.mask = tuple((joined(row), n) for row, n in step.mask)
    for sink in kernel.sinks:
        sink.index = joined(sink.index)
        sink.axes = tuple(sorted({a if a <= axis else a - 1 for a in sink.axes}))
    kernel.extents = tuple(extents)
