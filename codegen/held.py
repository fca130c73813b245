"""Small buffers of a loop's body that need no memory: their elements are values in registers.

Straight-line kernels and copies know at which places they read and write. A buffer that nothing
else touches is the values last written there; what a loop carries in it are its phis.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from .assembly import FunctionWriter, Value
from .elements import from_memory, memory_element, to_memory
from .kernel import Affine, Buffer, Copy, Kernel, LoopKernel, Plan

LARGEST = 16
"""Elements of a buffer that is held in registers."""

MOST_FIXED = 64
"""Elements that are read before a loop rather than in every turn."""


@dataclass(slots=True)
class Held:
    """Buffers held in registers, and what their elements are now, by the place in the buffer."""

    buffers: frozenset[Buffer] = frozenset()
    values: dict[tuple[Buffer, int], Value] = field(default_factory=dict)

    def get(self, buffer: Buffer, index: Affine) -> Value | None:
        """The value of an element, if it is known."""
        return None if any(index.coefs) else self.values.get((buffer, index.offset))

    def elements(self, buffer: Buffer) -> list[Value]:
        """All elements of a buffer that is held."""
        return [self.values[buffer, place] for place in range(buffer.type.size)]

    def put(self, buffer: Buffer, values: Sequence[Value]) -> None:
        """Set all elements of a buffer."""
        self.values.update(((buffer, place), value) for place, value in enumerate(values))


def is_straight(kernel: Kernel) -> bool:
    """Whether a kernel is instructions in a row, at known places of its buffers."""
    return isinstance(kernel, LoopKernel) and not kernel.extents


def held_buffers(plan: Plan) -> frozenset[Buffer]:
    """The buffers of a plan that can be held in registers."""
    small: set[Buffer] = set()
    others: set[Buffer] = set()
    for kernel in plan.kernels:
        touched = kernel.reads | kernel.writes
        if is_straight(kernel) or isinstance(kernel, Copy):
            small.update(b for b in touched if 0 < b.type.size <= LARGEST)
        else:
            others.update(touched)
        if isinstance(kernel, LoopKernel):
            others.update(_at_computed_places(kernel))
    return frozenset(small - others)


def _at_computed_places(kernel: LoopKernel) -> Iterator[Buffer]:
    """What a kernel reads or writes at places that are known only when it runs."""
    yield from (s.buffer for s in kernel.steps if s.buffer is not None and s.kind == "gather")
    yield from (s.buffer for s in kernel.sinks if s.kind == "scatter")


def read_before(w: FunctionWriter, plan: Plan, pointers: dict[Buffer, Value], held: Held) -> None:
    """Read what straight-line kernels want of buffers that no turn of a loop changes."""
    wanted = [
        (step.buffer, step.index.offset)
        for kernel in plan.kernels
        if isinstance(kernel, LoopKernel) and is_straight(kernel)
        for step in kernel.steps
        if step.kind == "load"
        and step.buffer is not None
        and step.index is not None
        and step.buffer in pointers
    ]
    for buffer, place in list(dict.fromkeys(wanted))[:MOST_FIXED]:
        held.values[buffer, place] = read_element(w, buffer, pointers[buffer], place)


def read_element(w: FunctionWriter, buffer: Buffer, pointer: Value, place: int) -> Value:
    """An element of a buffer in memory."""
    kind, dtype = memory_element(buffer.type.dtype), buffer.type.dtype
    return from_memory(w, w.load(kind, w.address(pointer, place, kind), dtype.itemsize), dtype)


def read_all(w: FunctionWriter, buffer: Buffer, pointer: Value) -> list[Value]:
    """All elements of a buffer in memory."""
    return [read_element(w, buffer, pointer, place) for place in range(buffer.type.size)]


def write_all(w: FunctionWriter, values: Iterable[Value], buffer: Buffer, pointer: Value) -> None:
    """Write all elements of a buffer to memory."""
    kind, dtype = memory_element(buffer.type.dtype), buffer.type.dtype
    for place, value in enumerate(values):
        w.store(to_memory(w, value, dtype), w.address(pointer, place, kind), dtype.itemsize)


def copy_held(w: FunctionWriter, kernel: Copy, pointers: dict[Buffer, Value], held: Held) -> None:
    """Copy a buffer of which the source or the target is held."""
    source, target = kernel.source, kernel.target
    if source in held.buffers:
        values = held.elements(source)
    else:
        values = read_all(w, source, pointers[source])
    if target in held.buffers:
        held.put(target, values)
    if target in pointers:
        write_all(w, values, target, pointers[target])
