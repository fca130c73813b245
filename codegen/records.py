"""Records: fields that are next to each other in memory, of items that are far apart.

A loop over items whose fields are steps of their own would read every field of as many items as a
vector has lanes one by one. Here a few neighbouring fields are a window: each item's is read as a
vector, and these are transposed in registers. The way back is the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pullback.tracer.types import BOOL, DType

from .access import Place
from .assembly import Value, vector
from .elements import memory_element
from .kernel import Affine, Buffer, LoopKernel
from .tiles import transposed
from .vectors import LARGEST_STRIDE, masked_store

if TYPE_CHECKING:
    from .loops import Nest

FEWEST_FIELDS = 4
"""Fields of a window, of so many that each is a vector's worth of single accesses."""


@dataclass(frozen=True, slots=True)
class Window:
    """Neighbouring fields of a buffer: where the first is, and the step or sink that has each."""

    buffer: Buffer
    index: Affine
    fields: Mapping[int, int]


def read_windows(kernel: LoopKernel, width: int) -> dict[int, Window]:
    """The window that a step belongs to, by the number of each step that reads one."""
    found = {}
    accesses = [
        (number, step.buffer, step.index)
        for number, step in enumerate(kernel.steps)
        if step.kind == "load" and not step.mask and step.depth == len(kernel.extents)
    ]
    for buffer, first, fields in _neighbours(accesses, width):
        last = buffer.type.size - width - _farthest(kernel, first)
        if last >= 0 and len(fields) >= min(FEWEST_FIELDS, width):
            offset = min(first.offset, last)
            moved = {place + first.offset - offset: step for place, step in fields.items()}
            window = Window(buffer, Affine(offset, first.coefs), moved)
            found.update(dict.fromkeys(fields.values(), window))
    return found


def written_windows(kernel: LoopKernel, width: int) -> dict[int, Window]:
    """The window that a sink belongs to, by the number of each sink that is written with others."""
    found = {}
    stores = [
        (n, sink.buffer, sink.index) for n, sink in enumerate(kernel.sinks) if sink.kind == "store"
    ]
    for buffer, first, fields in _neighbours(stores, width):
        whole = sorted(fields) == list(range(len(fields)))
        if whole and len(fields) >= min(FEWEST_FIELDS, width):
            found.update(dict.fromkeys(fields.values(), Window(buffer, first, fields)))
    return found


def _neighbours(
    accesses: Iterable[tuple[int, Buffer | None, Affine | None]], width: int
) -> Iterator[tuple[Buffer, Affine, dict[int, int]]]:
    """Accesses far apart along the innermost loop, up to a vector's worth next to each other.

    Of each such window the buffer, the first access, and by place which one it is.
    """
    groups: dict[tuple[Buffer, tuple[int, ...]], dict[int, int]] = {}
    for number, buffer, index in accesses:
        if buffer is None or index is None or width < 2 or not _is_record(buffer.type.dtype):
            continue
        if index.coefs[-1] > LARGEST_STRIDE and min(index.coefs) >= 0:
            groups.setdefault((buffer, index.coefs), {}).setdefault(index.offset, number)
    for (buffer, coefs), numbers in groups.items():
        offsets = sorted(numbers)
        while offsets:
            first = offsets[0]
            inside = [offset for offset in offsets if offset < first + width]
            offsets = offsets[len(inside) :]
            fields = {offset - first: numbers[offset] for offset in inside}
            yield buffer, Affine(first, coefs), fields


def _is_record(dtype: DType) -> bool:
    return dtype.itemsize in (4, 8) and dtype != BOOL


def _farthest(kernel: LoopKernel, index: Affine) -> int:
    """How far behind the offset the last access of all turns is, or may be."""
    cut, extents, coefs = kernel.cut, kernel.extents, index.coefs
    inner = sum(c * (n - 1) for c, n in zip(coefs[cut:], extents[cut:], strict=True))
    steps = [math.prod(extents[depth + 1 : cut]) for depth in range(cut)]
    if cut and all(c == coefs[cut - 1] * step for c, step in zip(coefs, steps, strict=False)):
        return inner + coefs[cut - 1] * (kernel.whole - 1)
    return inner + sum(c * (n - 1) for c, n in zip(coefs[:cut], extents[:cut], strict=True))


def read_window(nest: Nest, window: Window, place: Place) -> dict[int, Value]:
    """The values of a window's steps for a vector of items."""
    width, access, dtype = place.width, nest.access, window.buffer.type.dtype
    type = vector(memory_element(dtype), width)
    items = []
    for lane in range(width):
        at = Place(nest.w.add_index(place.index, lane), width)
        pointer = access.address(window.buffer, window.index, at)
        items.append(nest.w.load(type, pointer, dtype.itemsize))
    fields = transposed(nest.w, items)
    return {step: fields[at] for at, step in window.fields.items()}


def write_window(nest: Nest, window: Window, place: Place, values: Mapping[int, Value]) -> None:
    """Write a window for a vector of items, given the value of each sink."""
    width, access, dtype = place.width, nest.access, window.buffer.type.dtype
    type = vector(memory_element(dtype), width)
    count = len(window.fields)
    fields = [values[window.fields[at]] for at in range(count)]
    items = transposed(nest.w, [*fields, *[Value(type, "poison")] * (width - count)])
    lanes_text = ", ".join(f"i1 {str(at < count).lower()}" for at in range(width))
    mask = Value(vector("i1", width), f"<{lanes_text}>")
    for lane, item in enumerate(items):
        at = Place(nest.w.add_index(place.index, lane), width)
        pointer = access.address(window.buffer, window.index, at)
        if count == width:
            nest.w.store(item, pointer, dtype.itemsize)
        else:
            masked_store(nest.w, item, pointer, dtype.itemsize, mask)
