"""Memory that arrays share, one after the other.

A kernel that goes through two arrays element by element may write the one over the other, if it is
the last to read that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .kernel import Buffer, Kernel, LoopKernel, Plan, Sink, Step, Strips


def share_memory(plan: Plan, donated: Sequence[int] | None) -> None:
    """Note which temporaries lie in the memory of another array, and which outputs in an input's.

    Temporaries may lie in an output, and outputs in the inputs numbered in ``donated``; None for a
    plan inside another one, whose outputs may hold something else until they are written.
    """
    first, last = _lifetimes(plan.kernels)
    for number in donated or ():
        output = _output_for(plan, plan.inputs[number], first, last)
        if output is not None:
            plan.reused[output.number] = number
    for i in reversed(range(len(plan.kernels))):
        kernel = plan.kernels[i]
        read = kernel.reads - kernel.writes
        ending = [x for x in _in_order(read) if x.kind == "workspace" and last[x] == i]
        if not ending or not isinstance(kernel, LoopKernel | Strips):
            continue
        accesses = _Accesses.of(kernel)
        for target in _in_order(kernel.writes):
            # What lies in an input already is not free before.
            taken = target.kind == "output" and (donated is None or target.number in plan.reused)
            if taken or first[target] < i:
                continue
            source = next((x for x in ending if accesses.in_place(x, target)), None)
            if source is not None:
                plan.shared[source] = plan.shared.get(target, target)
                ending.remove(source)


def _in_order(buffers: Iterable[Buffer]) -> list[Buffer]:
    return sorted(buffers, key=lambda b: (b.number, b.name))


def _lifetimes(kernels: Sequence[Kernel]) -> tuple[dict[Buffer, int], dict[Buffer, int]]:
    """The first and the last kernel that each buffer is used by."""
    first: dict[Buffer, int] = {}
    last: dict[Buffer, int] = {}
    for i, kernel in enumerate(kernels):
        for buffer in kernel.reads | kernel.writes:
            first.setdefault(buffer, i)
            last[buffer] = i
    return first, last


def _output_for(
    plan: Plan, given: Buffer, first: dict[Buffer, int], last: dict[Buffer, int]
) -> Buffer | None:
    """An output of the same type that is not written before the input has been read."""
    for output in plan.outputs:
        if output.type != given.type or output.number in plan.reused or output not in first:
            continue
        begun, read = first[output], last.get(given, -1)
        kernel, free = plan.kernels[begun], read < begun
        if read == begun and isinstance(kernel, LoopKernel | Strips):
            free = _Accesses.of(kernel).in_place(given, output)
        if free:
            return output
    return None


@dataclass(frozen=True, slots=True)
class _Accesses:
    """What a kernel reads and writes of each buffer, with the numbers of its loops."""

    straight: bool
    read: dict[Buffer, list[tuple[int, Step]]]
    written: dict[Buffer, list[tuple[int, Sink]]]

    @classmethod
    def of(cls, kernel: LoopKernel | Strips) -> _Accesses:
        loops = kernel.kernels if isinstance(kernel, Strips) else (kernel,)
        straight = isinstance(kernel, LoopKernel) and not kernel.extents
        found = cls(straight, {}, {})
        for number, loop in enumerate(loops):
            for step in loop.steps:
                if step.buffer is not None:
                    found.read.setdefault(step.buffer, []).append((number, step))
            for sink in loop.sinks:
                found.written.setdefault(sink.buffer, []).append((number, sink))
        return found

    def in_place(self, source: Buffer, target: Buffer) -> bool:
        """Whether each element of the target is written where nothing is read any more.

        A turn of a loop reads all that it needs before it writes, and what it reads of the source
        is at the place where it writes; a kernel without loops is one turn. In strips, kernels that
        come before the one that writes have read of the source what is in the strip.
        """
        one, other = source.type, target.type
        if one.size != other.size or one.dtype.itemsize != other.dtype.itemsize:
            return False
        # An array without elements may be read, and nothing writes it.
        written = self.written.get(target, ())
        if not written or any(sink.kind != "store" for _, sink in written):
            return False
        if self.straight:
            return True
        number, sink = written[0]
        return len(written) == 1 and all(
            n <= number and step.kind == "load" and step.index == sink.index
            for n, step in self.read.get(source, ())
        )
