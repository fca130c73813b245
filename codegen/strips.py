"""Kernels over the same rows, strip by strip: what one makes is still near when the next reads it.

Where loops over many rows follow each other, and each reads of what those before it made no row but
its own, they are run for a few rows together, then for the next few. What nothing else needs takes
memory for so many rows only.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from pullback.tracer.types import ArrayType

from .fuse import ARG_REDUCTIONS
from .kernel import Affine, Buffer, Kernel, LoopKernel, Sink, Step, Strips
from .registers import reduces_in_registers
from .schedule import dealt
from .split import cut, parts, room_for_partial, worth_sharing

STRIP_BYTES = 1 << 14
"""Bytes that the kernels of a strip touch, a part of a first-level cache; one row at least."""

FEWEST_BYTES = 1 << 20
"""Bytes that go from one kernel to another for strips to be worth it."""

FEWEST_STRIPS = 4

LEAST_LANES = 8
"""Rows of a strip if a kernel has a lane for each, as for what is small for every row."""

MOST_KERNELS = 64
"""How many kernels in a row are looked at for those that run over the same rows."""


@dataclass(slots=True)
class Collected:
    """Kernels that run row by row, being collected.

    ``strides`` are the elements of a row, of each buffer that a kernel writes row by row; ``sums``
    are those that all rows are added to.
    """

    rows: int
    kernels: list[LoopKernel] = field(default_factory=list)
    strides: dict[Buffer, int] = field(default_factory=dict)
    sums: set[Buffer] = field(default_factory=set)
    touched: set[Buffer] = field(default_factory=set)

    def take(self, kernel: Kernel) -> bool:
        """Add a kernel, if it runs over the rows and reads what the others made in its own row."""
        fitting = _over_rows(kernel, self.rows)
        if fitting is None:
            return False
        across = {s.buffer for s in fitting.sinks if 0 in s.axes}
        along = {s.buffer: s.index.coefs[0] for s in fitting.sinks if 0 not in s.axes}
        strides, sums = {**self.strides, **along}, self.sums | across
        if not self.touched.isdisjoint(fitting.writes) or not sums.isdisjoint(fitting.reads):
            return False
        accesses: list[Step | Sink] = [*fitting.steps]
        accesses += [s for s in fitting.sinks if 0 not in s.axes]
        for s in accesses:
            if s.buffer in strides and not _stays_in_row(s, fitting.extents, strides[s.buffer]):
                return False
        self.kernels.append(fitting)
        self.strides, self.sums = strides, sums
        self.touched |= fitting.reads | fitting.writes
        return True

    def shared(self) -> int:
        """Bytes that one kernel touches after another."""
        return sum(b.type.nbytes for b, count in _users(self.kernels).items() if count > 1)

    def height(self) -> int:
        """How many rows a strip has."""
        a_row = sum(b.type.nbytes for b in self.touched) // self.rows
        least = LEAST_LANES if any(len(k.extents) == 1 for k in self.kernels) else 1
        most = min(max(STRIP_BYTES // max(a_row, 1), least), self.rows // FEWEST_STRIPS)
        even = [n for n in range(most, most // 2, -1) if self.rows % n == 0]
        return even[0] if even else most


def _users(kernels: Iterable[Kernel]) -> Counter[Buffer]:
    """How many kernels touch each buffer."""
    return Counter(buffer for kernel in kernels for buffer in kernel.reads | kernel.writes)


def _over_rows(kernel: Kernel, rows: int) -> LoopKernel | None:
    """The kernel with the rows as its outermost loop, if it can be cut into strips of them."""
    if not isinstance(kernel, LoopKernel) or not kernel.extents or kernel.sequential:
        return None
    if any(s.kind not in ("store", "reduce") for s in kernel.sinks):
        return None
    if any(0 in s.axes and s.node.primitive.name in ARG_REDUCTIONS for s in kernel.sinks):
        return None
    if kernel.extents[0] == rows:
        return kernel
    return dealt(kernel, rows) if kernel.extents[0] % rows == 0 else None


def _stays_in_row(access: Step | Sink, extents: tuple[int, ...], stride: int) -> bool:
    """Whether an access is at the kernel's own row of an array with rows of so many elements."""
    index = access.index
    if index is None or access.kind == "gather":
        return False
    low = high = index.offset
    for coef, extent in zip(index.coefs[1:], extents[1:], strict=True):
        low, high = low + min(coef, 0) * (extent - 1), high + max(coef, 0) * (extent - 1)
    return index.coefs[0] == stride > 0 and low >= 0 and high < stride


def in_strips(kernels: Sequence[Kernel]) -> list[tuple[Kernel, list[LoopKernel]]]:
    """The kernels, with those over the same rows joined where that saves memory traffic.

    What stands between them goes before, or behind if it needs what they make. With each come the
    kernels that combine the results of its parts.
    """
    result: list[tuple[Kernel, list[LoopKernel]]] = []
    users = _users(kernels)
    waiting = deque(kernels)
    while waiting:
        near = list(itertools.islice(waiting, MOST_KERNELS))
        found = [_collected(rows, near) for rows in _rows(near)]
        best = max(found, key=lambda each: each[0].shared(), default=None)
        if best is None or best[0].shared() < FEWEST_BYTES:
            result.append((waiting.popleft(), []))
            continue
        collected, before, behind = best
        own = _users(collected.kernels)
        result += [(kernel, []) for kernel in before]
        result.append(_joined(collected, {b for b in own if own[b] == users[b]}))
        for _ in near:
            waiting.popleft()
        waiting.extendleft(reversed(behind))
    return result


def _rows(kernels: Sequence[Kernel]) -> Iterator[int]:
    """How many rows there may be, of which the first kernel makes some."""
    first = kernels[0]
    if not isinstance(first, LoopKernel) or not first.extents:
        return
    if sum(b.type.nbytes for b in first.reads | first.writes) < FEWEST_BYTES // 2:
        return
    if first.extents[0] >= FEWEST_STRIPS:
        yield first.extents[0]
    made = first.writes
    for kernel in kernels[1:]:
        if isinstance(kernel, LoopKernel) and not made.isdisjoint(kernel.reads):
            if kernel.extents and FEWEST_STRIPS <= kernel.extents[0] < first.extents[0]:
                yield kernel.extents[0]
            return


def _collected(
    rows: int, kernels: Iterable[Kernel]
) -> tuple[Collected, list[Kernel], list[Kernel]]:
    """What fits together over so many rows, what goes before it and what behind."""
    collected = Collected(rows)
    before: list[Kernel] = []
    behind: list[Kernel] = []
    made: set[Buffer] = set()
    seen: set[Buffer] = set()
    late_reads: set[Buffer] = set()
    late_writes: set[Buffer] = set()
    for kernel in kernels:
        read, written = kernel.reads, kernel.writes
        free = not (read & late_writes or written & (late_reads | late_writes))
        if free and collected.take(kernel):
            made |= written
            seen |= read
        elif free and not ((read | written) & made or written & seen):
            before.append(kernel)
        else:
            behind.append(kernel)
            late_reads |= read
            late_writes |= written
    return collected, before, behind


def _joined(collected: Collected, own: set[Buffer]) -> tuple[Strips, list[LoopKernel]]:
    """The kernels in strips, and those that combine the results of parts.

    No others touch the buffers that are their ``own``.
    """
    kernels, height = collected.kernels, collected.height()
    strips = -(-collected.rows // height)
    count, size = 1, strips
    if worth_sharing(kernels):
        several, shared = parts(strips, 1)
        if all(room_for_partial(kernel, several) for kernel in kernels):
            count, size = several, shared
    held = {b: n for b, n in collected.strides.items() if b.kind == "workspace" and b in own}
    for kernel in kernels:
        for sink in kernel.sinks:
            if not reduces_in_registers(kernel, sink) and 0 not in sink.axes:
                held.pop(sink.buffer, None)
    combining = [each for kernel in kernels for each in cut(kernel, (count, size, height))]
    near = {
        buffer: replace(buffer, type=ArrayType((count, height * stride), buffer.type.dtype))
        for buffer, stride in held.items()
    }
    for kernel in kernels:
        accesses: list[Step | Sink] = [*kernel.steps, *kernel.sinks]
        for access in accesses:
            if access.buffer in near and access.index is not None:
                _, _, *within = access.index.coefs
                room = height * held[access.buffer]
                access.index = Affine(access.index.offset, (room, 0, *within))
                access.buffer = near[access.buffer]
    return Strips(tuple(kernels)), combining
