"""Stretches: where along a loop all conditions are known, which is nearly everywhere.

What is padded or joined is read under conditions, which change at a few places near the ends. So a
loop runs along the stretch between them as if there were none, and under them over the ends alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pullback.tracer.types import row_major_strides

from .access import Place
from .assembly import I64, FunctionWriter, Value, constant
from .combine import ARG
from .kernel import Affine, Condition, LoopKernel

if TYPE_CHECKING:
    from .loops import Nest

LEAST_SHARE = 0.75
"""The part of a loop that a stretch has at least."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Places of an axis from ``start`` up to ``stop``, of ``extent``, and what holds there."""

    start: int
    stop: int
    extent: int
    known: Mapping[Condition, bool]

    @property
    def length(self) -> int:
        """Number of places."""
        return self.stop - self.start


def stretch(kernel: LoopKernel, axis: int) -> Stretch | None:
    """The stretch of a loop; None where there are no conditions, or none is long.

    That of the last of the loops that a kernel is cut into is of all parts, one behind the other.
    """
    bounds = {
        (row, extent): _bounds(row, extent, axis)
        for step in kernel.steps
        for row, extent in step.mask
        if _is_along(kernel, row, axis)
    }
    if not bounds or not _in_any_order(kernel):
        return None
    extent = kernel.whole if _is_cut(kernel, axis) else kernel.extents[axis]
    cuts = {min(max(place, 0), extent) for pair in bounds.values() for place in pair}
    start, stop = max(pairwise(sorted({0, extent, *cuts})), key=lambda pair: pair[1] - pair[0])
    if stop - start < LEAST_SHARE * extent:
        return None
    known = {c: low <= start and stop <= high for c, (low, high) in bounds.items()}
    return Stretch(start, stop, extent, known)


def _is_cut(kernel: LoopKernel, axis: int) -> bool:
    """Whether a loop is along what parts are of."""
    return axis == kernel.cut - 1


def _is_along(kernel: LoopKernel, row: Affine, axis: int) -> bool:
    """Whether a row depends on this axis alone, and the parts of it."""
    coefs = list(row.coefs)
    if not coefs or not coefs[axis]:
        return False
    step, strides = coefs[axis], [1]
    if _is_cut(kernel, axis):
        strides = list(row_major_strides(kernel.extents[: kernel.cut]))
    parts = range(axis + 1 - len(strides), axis + 1)
    alike = all(coefs[a] == step * n for a, n in zip(parts, strides, strict=True))
    return alike and not any(c for a, c in enumerate(coefs) if a not in parts)


def _bounds(row: Affine, extent: int, axis: int) -> tuple[int, int]:
    """From which place on the row is in its range, and from which it no longer is."""
    step, offset = row.coefs[axis], row.offset
    if step > 0:
        return -(offset // step), -((offset - extent) // step)
    return (offset - extent) // -step + 1, offset // -step + 1


def _in_any_order(kernel: LoopKernel) -> bool:
    """Whether it does not matter in which order a loop visits its places.

    The first of several bad indices is told, and the first of several largest elements counts.
    """
    plain = all(s.kind in ("store", "reduce") for s in kernel.sinks)
    first = any(s.kind == "reduce" and s.node.primitive.name in ARG for s in kernel.sinks)
    return plain and not first and all(s.kind != "gather" for s in kernel.steps)


# -- emission --------------------------------------------------------------------------------


def visit_stretched(nest: Nest, depth: int, found: Stretch, visit: Callable[[Value], None]) -> None:
    """A loop that is not the innermost one, along its stretch and then over the ends.

    A part of a loop may be all stretch, or all end.
    """
    if not _is_cut(nest.kernel, depth):
        start, length, count = found.start, found.length, found.extent - found.length
        with nest.access.knowing(found.known), nest.counted(start, found.stop, 1) as index:
            visit(index)
        if count:
            _visit_ends(nest, constant(I64, start), constant(I64, length), count, visit)
        return
    extent = _extent(nest, depth)
    first, last = (_within(nest, place, extent) for place in (found.start, found.stop))
    with nest.access.knowing(found.known), nest.counted(first, last, 1, empty=True) as index:
        visit(index)
    between = nest.w.op("sub", last, first)
    _visit_ends(nest, first, between, nest.w.op("sub", extent, between), visit)


def _visit_ends(
    nest: Nest, start: Value, length: Value, count: int | Value, visit: Callable[[Value], None]
) -> None:
    """So many places before the start of a stretch and behind its length."""
    nest.at_end = True
    with nest.counted(0, count, 1, empty=isinstance(count, Value)) as number:
        visit(_outside(nest.w, number, start, length))
    nest.at_end = False


def turn_stretched(nest: Nest, found: Stretch, extent: int | Value, block: int) -> bool:
    """The innermost loop in whole blocks along its stretch, then over the ends.

    Nothing is written if there is no block in it; False then.
    """
    if _is_cut(nest.kernel, nest.depth - 1):
        _turn_part(nest, found, block)
        return True
    assert isinstance(extent, int)
    first = -(-found.start // nest.width) * nest.width
    stop = first + max(found.stop - first, 0) // block * block
    if stop == first:
        return False
    with nest.access.knowing(found.known):
        nest.blocks(first, stop, block)
    length = stop - first
    if length < extent:
        _turn_ends(nest, constant(I64, first), constant(I64, length), extent, extent - length)
    return True


def _turn_part(nest: Nest, found: Stretch, block: int) -> None:
    """The same for a part of the loop, in which there may be no block, or nothing else."""
    w, width, zero = nest.w, nest.width, constant(I64, 0)
    block = 1 << (block.bit_length() - 1)
    extent = _extent(nest, nest.depth - 1)
    start = w.op(
        "and", w.add_index(_within(nest, found.start, extent), width - 1), constant(I64, -width)
    )
    length = w.op("sub", _within(nest, found.stop, extent), start)
    length = w.select(w.compare("slt", length, zero), zero, length)
    length = w.op("and", length, constant(I64, -block))
    with nest.access.knowing(found.known):
        nest.blocks(start, w.op("add", start, length), block, empty=True)
    _turn_ends(nest, start, length, extent, w.op("sub", extent, length))


def _extent(nest: Nest, depth: int) -> Value:
    turns = nest.turns_at(depth)
    return turns if isinstance(turns, Value) else constant(I64, turns)


def _within(nest: Nest, place: int, extent: Value) -> Value:
    """A place of a whole loop as one of a part, at whose beginning or end if it is not in it."""
    w, kernel = nest.w, nest.kernel
    zero, at = constant(I64, 0), constant(I64, place)
    strides = row_major_strides(kernel.extents[: kernel.cut])
    for index, stride in zip(nest.access.indices, strides[:-1], strict=False):
        at = w.op("sub", at, w.scale_index(index, stride))
    at = w.select(w.compare("slt", at, zero), zero, at)
    return w.select(w.compare("slt", at, extent), at, extent)


def _turn_ends(
    nest: Nest, start: Value, length: Value, extent: int | Value, count: int | Value
) -> None:
    """The innermost loop over so many places before ``start``, and ``length`` places behind it."""
    with nest.counted(0, count, nest.width, empty=isinstance(count, Value)) as number:
        index = _outside(nest.w, number, start, length)
        even = isinstance(count, int) and count % nest.width == 0
        mask = None if even else nest.lane_mask(index, extent, nest.width)
        nest.turn(Place(index, nest.width, mask, extent), 0, nest.outer)


def _outside(w: FunctionWriter, number: Value, start: Value, length: Value) -> Value:
    """The place with a number among those before a stretch and behind it."""
    after = w.add_index(number, length)
    if start.name == "0":
        return after
    return w.select(w.compare("slt", number, start), number, after)
