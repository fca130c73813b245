"""Interleaved values: several that take turns in memory, as coordinates do, or parts of numbers.

Between the lanes of one of them are those of the others. So what they all span is read once, in
whole vectors, and where nothing is left out whole vectors are written.
"""

from __future__ import annotations

from .kernel import Affine, Buffer, LoopKernel
from .vectors import LARGEST_STRIDE


def first_among(index: Affine) -> tuple[Affine, int]:
    """The first of the interleaved values that there may be, and the number of this one."""
    number = index.offset % index.coefs[-1]
    return Affine(index.offset - number, index.coefs), number


def _alternates(index: Affine | None) -> bool:
    """Whether there is room for others along the innermost loop, but not for many."""
    return index is not None and bool(index.coefs) and 2 <= index.coefs[-1] <= LARGEST_STRIDE


def read_together(kernel: LoopKernel) -> dict[tuple[Buffer, Affine], int]:
    """The last number of the values that are read, where there are several, by the first."""
    numbers: dict[tuple[Buffer, Affine], set[int]] = {}
    for step in kernel.steps:
        if step.kind != "load" or step.mask or step.depth != len(kernel.extents):
            continue
        assert step.buffer is not None
        assert step.index is not None
        if _alternates(step.index):
            first, number = first_among(step.index)
            numbers.setdefault((step.buffer, first), set()).add(number)
    return {key: max(found) for key, found in numbers.items() if len(found) > 1}


def written_together(kernel: LoopKernel) -> list[tuple[int, ...]]:
    """The numbers of stores that together leave nothing out, in the order of memory."""
    groups: dict[tuple[Buffer, Affine], dict[int, int]] = {}
    for place, sink in enumerate(kernel.sinks):
        if sink.kind == "store" and _alternates(sink.index):
            first, number = first_among(sink.index)
            groups.setdefault((sink.buffer, first), {})[number] = place
    return [
        tuple(group[number] for number in range(len(group)))
        for (_, first), group in groups.items()
        if len(group) == first.coefs[-1]
    ]
