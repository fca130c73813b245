"""Stretches: where along a loop all conditions are known, which is nearly everywhere.

What is padded or joined is read under conditions, which change at a few places near the ends. So a
loop runs along the stretch between them as if there were none, and under them over the ends alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

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

    That of the loop next to the parts of a kernel is of all parts, one behind the other.
    """
    bounds = {
        (row, extent): _bounds(row, extent, axis)
        for step in kernel.steps
        for row, extent in step.mask
        if _is_along(kernel, row, axis)
    }
    if not bounds or not _in_any_order(kernel):
        return None
    extent = kernel.extents[axis]
    if _is_cut(kernel, axis):
        assert kernel.last is not None
        extent = (kernel.extents[0] - 1) * extent + kernel.last
    cuts = {min(max(place, 0), extent) for pair in bounds.values() for place in pair}
    start, stop = max(pairwise(sorted({0, extent, *cuts})), key=lambda pair: pair[1] - pair[0])
    if stop - start < LEAST_SHARE * extent:
        return None
    known = {c: low <= start and stop <= high for c, (low, high) in bounds.items()}
    return Stretch(start, stop, extent, known)


def _is_cut(kernel: LoopKernel, axis: int) -> bool:
    """Whether a loop is what parts are of."""
    return axis == 1 and kernel.last is not None


def _is_along(kernel: LoopKernel, row: Affine, axis: int) -> bool:
    """Whether a row depends on this axis alone."""
    if not row.coefs:
        return False
    others = [c for a, c in enumerate(row.coefs) if a != axis]
    if _is_cut(kernel, axis):
        others[0] -= row.coefs[1] * kernel.extents[1]
    return row.coefs[axis] != 0 and not any(others)


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
    """A loop that is not the innermost one, along its stretch and then over the ends."""
    start, stop, extent = found.start, found.stop, found.extent
    if nest.part is not None and depth == 1:
        _visit_part(nest, found, visit)
        return
    with nest.access.knowing(found.known), nest.counted(start, stop, 1) as index:
        visit(index)
    if found.length < extent:
        nest.at_end = True
        with nest.counted(0, extent - found.length, 1) as number:
            visit(_outside(nest.w, number, constant(I64, start), constant(I64, found.length)))
        nest.at_end = False


def _visit_part(nest: Nest, found: Stretch, visit: Callable[[Value], None]) -> None:
    """The same for the loop of a part, which may be all stretch, or all end."""
    w, part = nest.w, nest.part
    assert part is not None
    extent = nest.turns_at(1)
    whole = extent if isinstance(extent, Value) else constant(I64, extent)
    before = w.scale_index(part, nest.kernel.extents[1])
    start, stop = (_within(w, place, before, whole) for place in (found.start, found.stop))
    length = w.op("sub", stop, start)
    with nest.access.knowing(found.known), nest.counted(start, stop, 1, empty=True) as index:
        visit(index)
    nest.at_end = True
    with nest.counted(constant(I64, 0), w.op("sub", whole, length), 1, empty=True) as number:
        visit(w.select(w.compare("slt", number, start), number, w.op("add", number, length)))
    nest.at_end = False


def _within(w: FunctionWriter, place: int, before: Value, extent: Value) -> Value:
    """A place of the whole loop as one of a part, at whose beginning or end if it is not in it."""
    zero, at = constant(I64, 0), w.op("sub", constant(I64, place), before)
    at = w.select(w.compare("slt", at, zero), zero, at)
    return w.select(w.compare("slt", at, extent), at, extent)


def turn_stretched(nest: Nest, found: Stretch, extent: int | Value, block: int) -> bool:
    """The innermost loop in whole blocks along its stretch, then over the ends.

    Nothing is written if there may be no block; False then.
    """
    first = -(-found.start // nest.width) * nest.width
    if nest.part is not None and nest.depth == 2:
        return _turn_part(nest, found, first, extent, block)
    assert isinstance(extent, int)
    stop = first + max(found.stop - first, 0) // block * block
    if stop == first:
        return False
    with nest.access.knowing(found.known):
        nest.blocks(first, stop, block)
    length = stop - first
    if length < extent:
        _turn_ends(nest, constant(I64, first), constant(I64, length), extent, extent - length)
    return True


def _turn_part(nest: Nest, found: Stretch, first: int, extent: int | Value, block: int) -> bool:
    """The same for a part of the loop: the ends are those of the first and of the last part.

    In every part something is left for the loop over the ends.
    """
    w, size, last = nest.w, nest.kernel.extents[1], nest.kernel.last
    assert nest.part is not None
    assert last is not None
    if min(size, last) - first - (found.extent - found.stop) <= block:
        return False
    is_first = w.compare("eq", nest.part, constant(I64, 0))
    start = w.select(is_first, constant(I64, first), constant(I64, 0))
    whole = extent if isinstance(extent, Value) else constant(I64, extent)
    left = w.op("sub", constant(I64, found.stop), w.scale_index(nest.part, size))
    stop = w.select(w.compare("slt", left, whole), left, whole)
    length = w.op("and", w.add_index(w.op("sub", stop, start), -1), constant(I64, -block))
    with nest.access.knowing(found.known):
        nest.blocks(start, w.op("add", start, length), block)
    _turn_ends(nest, start, length, whole, w.op("sub", whole, length))
    return True


def _turn_ends(
    nest: Nest, start: Value, length: Value, extent: int | Value, count: int | Value
) -> None:
    """The innermost loop over so many places before ``start``, and ``length`` places behind it."""
    with nest.counted(0, count, nest.width) as number:
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
