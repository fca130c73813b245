"""Tiles: what is read across the direction in which it is written, read in whole vectors.

A square of as many elements each way as a vector has lanes is read along its columns, transposed
in registers, and used row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pullback.tracer.types import BOOL

from .access import Place
from .assembly import FunctionWriter, Value, lanes
from .kernel import LoopKernel, Step
from .vectors import LARGEST_STRIDE

if TYPE_CHECKING:
    from .loops import Nest

SMALLEST = 16
"""Elements that there are of both axes at least."""

LONGEST_BODY = 6
"""Steps of a body that is written as often as a tile has rows."""


def tile_axis(kernel: LoopKernel, inner: int) -> int | None:
    """The axis along which memory is read, if the kernel writes along another, the inner one."""
    stores = all(s.kind == "store" and s.index.coefs[inner] == 1 for s in kernel.sinks)
    if not stores or len(kernel.steps) > LONGEST_BODY or kernel.extents[inner] < SMALLEST:
        return None
    others = [a for a, n in enumerate(kernel.extents) if a != inner and n >= SMALLEST]
    across = (a for a in others if any(_is_across(s, a, inner) for s in kernel.steps))
    return next(across, None)


def _is_across(step: Step, axis: int, inner: int) -> bool:
    """Whether a step reads along an axis, and far apart along the inner one."""
    if step.kind != "load" or step.mask or step.index is None or step.node.type.dtype == BOOL:
        return False
    if step.node.type.dtype.itemsize not in (4, 8):
        return False
    return step.index.coefs[axis] == 1 and abs(step.index.coefs[inner]) > LARGEST_STRIDE


def write_tiles(nest: Nest, depth: int) -> None:
    """Write the two innermost loops, tile by tile, and what is left over row by row."""
    width = nest.width
    rows, columns = nest.kernel.extents[-2:]
    full = rows - rows % width
    with nest.counted(0, full, width) as first:
        indices = [nest.w.add_index(first, n) for n in range(width)]
        found = [nest.row(depth, index) for index in indices]
        with nest.counted(0, columns - columns % width, width) as index:
            blocks = _read_blocks(nest, depth, indices[0], index)
            for number, row in enumerate(found):
                nest.access.indices.append(row.index)
                nest.access.bases = row.bases
                known = {step: block[number] for step, block in blocks.items()}
                nest.turn(Place(index, width), 0, {**row.outer, **known})
                nest.access.indices.pop()
        nest.access.bases = {}
        if columns % width:
            with nest.counted(0, width, 1) as within:
                _rest(nest, depth, nest.w.op("add", first, within), columns - columns % width)
    if full < rows:
        with nest.counted(full, rows, 1) as index:
            _rest(nest, depth, index, 0)


def _rest(nest: Nest, depth: int, index: Value, start: int) -> None:
    """A row from a column on."""
    row = nest.row(depth, index)
    nest.access.indices.append(row.index)
    nest.access.bases = row.bases
    nest.rest(start, nest.kernel.extents[-1], lambda place: nest.turn(place, 0, row.outer))
    nest.access.indices.pop()
    nest.access.bases = {}


def _read_blocks(nest: Nest, depth: int, first: Value, column: Value) -> dict[int, list[Value]]:
    """For each step that reads across, the rows of its tile."""
    blocks: dict[int, list[Value]] = {}
    nest.access.indices.append(first)
    nest.access.bases = {}
    for number, step in enumerate(nest.kernel.steps):
        if not _is_across(step, depth, depth + 1):
            continue
        assert step.buffer is not None
        assert step.index is not None
        columns = []
        for n in range(nest.width):
            at = Place(nest.w.add_index(column, n), nest.width)
            pointer = nest.access.address(step.buffer, step.index, at)
            columns.append(nest.access.read(step.buffer, pointer, 1, at, None))
        blocks[number] = transposed(nest.w, columns)
    nest.access.indices.pop()
    return blocks


def transposed(w: FunctionWriter, columns: Sequence[Value]) -> list[Value]:
    """The rows of a square: in every round pairs of vectors exchange blocks of twice the size."""
    current, width, size = list(columns), lanes(columns[0].type), 1
    while size < width:
        for i in range(width):
            if not i & size:
                a, b = current[i], current[i | size]
                low = [n + width - size if n & size else n for n in range(width)]
                high = [n + width if n & size else n + size for n in range(width)]
                current[i], current[i | size] = (_shuffled(w, a, b, o) for o in (low, high))
        size *= 2
    return current


def _shuffled(w: FunctionWriter, a: Value, b: Value, order: Sequence[int]) -> Value:
    numbers = ", ".join(f"i32 {n}" for n in order)
    return w.make(a.type, f"shufflevector {a}, {b}, <{len(order)} x i32> <{numbers}>")
