"""Computed positions: gathers, the places of scatters, and the check that they exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from pullback.tracer.errors import at
from pullback.tracer.ir import Node
from pullback.tracer.types import INT64, UINT64, row_major_strides

from .access import Access, Place
from .assembly import (
    I1,
    I64,
    PTR,
    FunctionWriter,
    Value,
    constant,
    intrinsic_suffix,
    lanes,
    vector,
)
from .elements import convert, from_memory, memory_element
from .entry import Site
from .kernel import Step
from .vectors import both, lane_numbers, level, masked_gather


@dataclass(frozen=True)
class _Check:
    """An index that is given for an axis of some size."""

    node: Node
    axis: int
    size: int
    given: Value
    place: Place
    condition: Value | None


@dataclass
class Positions:
    """Reads and addresses at computed positions; a wrong one leaves the kernel.

    ``sites`` gets an entry for each check, ``status`` is where a failing one puts what it found.
    """

    access: Access
    sites: list[Site]
    status: Value

    @property
    def w(self) -> FunctionWriter:
        """The function being written."""
        return self.access.w

    def gather(self, step: Step, place: Place, indices: Sequence[Value]) -> Value:
        """The table's elements at the indices."""
        assert step.buffer is not None
        assert step.index is not None
        table = step.node.operands[0].type
        condition = self.access.condition(step.mask, place)
        offset = self.place_in(step.node, table.shape, indices, place, condition)
        pointer = self.access.address(step.buffer, step.index, place)
        kind, size = memory_element(table.dtype), table.dtype.itemsize
        if lanes(offset.type) == 1:
            pointer = self.w.address(pointer, offset, kind)
            inner = (
                step.index.coefs[-1] if step.index.coefs and step.depth == self.access.depth else 0
            )
            return self.access.read(step.buffer, pointer, inner, place, condition)
        inner = step.index.coefs[-1] if step.index.coefs else 0
        if inner:
            offset = self.w.op(
                "add", offset, lane_numbers(self.w, constant(I64, 0), inner, place.width)
            )
        type = vector(PTR, place.width)
        pointers = self.w.make(type, f"getelementptr {kind}, {pointer}, {offset}")
        mask = self.access.mask(condition, place, place.width)
        value = masked_gather(self.w, vector(kind, place.width), pointers, size, mask)
        return from_memory(self.w, value, table.dtype)

    def place_in(
        self,
        node: Node,
        shape: tuple[int, ...],
        indices: Sequence[Value],
        place: Place,
        condition: Value | None,
    ) -> Value:
        """The offset in elements that checked indices address; scalar if all of them are."""
        w = self.w
        strides = row_major_strides(shape)
        total: Value | None = None
        for axis, index in enumerate(indices):
            wide = convert(w, index, node.operands[1].type.dtype, INT64)
            check = _Check(node, axis, shape[axis], wide, place, condition)
            name = f"position {wide} {shape[axis]} {condition} {place.mask}"
            number = w.once(name, partial(self._checked, check))
            part = w.op("mul", number, constant(number.type, strides[axis]))
            total = part if total is None else w.op("add", *level(w, total, part))
        assert total is not None
        return total

    def _checked(self, check: _Check) -> Value:
        """The index counted from the start; out of range, the kernel is left."""
        w, given = self.w, check.given
        extent = constant(given.type, check.size)
        if lanes(given.type) == 1 and check.condition is None and check.place.mask is None:
            usual = w.compare("ult", given, extent)
            with w.seldom_not(usual, given) as number:
                number.append(w.op("add", given, extent))
                self._leave_where(w.compare("uge", number[0], extent), check)
            return number[0]
        negative = w.compare("slt", given, constant(given.type, 0))
        counted = w.select(negative, w.op("add", given, extent), given)
        bad = w.compare("uge", counted, extent)
        if check.condition is not None:
            bad = both(w, bad, check.condition)
        self._leave_where(bad, check)
        return counted

    def fitting(self, node: Node, x: Value, place: Place) -> Value:
        """A 64-bit integer in a dtype that must hold it."""
        dtype = node.type.dtype
        narrow = convert(self.w, x, INT64, dtype)
        bad = self.w.compare("ne", convert(self.w, narrow, dtype, INT64), x)
        if dtype == UINT64:
            bad = self.w.compare("slt", x, constant(x.type, 0))
        message = f"Python integer {{0}} out of bounds for {dtype}{at(node.where)}"
        self._leave(bad, x, place, Site(message, "OverflowError"))
        return narrow

    def _leave_where(self, bad: Value, check: _Check) -> None:
        """Leave the kernel with the number of the error site where an index is out of range."""
        message = f"index {{0}} is out of bounds for axis {check.axis} with size {check.size}"
        site = Site(f"{message}{at(check.node.where)}", "IndexError")
        self._leave(bad, check.given, check.place, site)

    def _leave(self, bad: Value, given: Value, place: Place, site: Site) -> None:
        """Leave the kernel with the number of the site where a lane is bad, the first's value."""
        w = self.w
        if place.mask is not None and lanes(bad.type) > 1:
            bad = both(self.w, bad, place.mask)
        if lanes(bad.type) > 1:
            any_bad = w.call(f"llvm.vector.reduce.or.{intrinsic_suffix(bad.type)}", I1, [bad])
        else:
            any_bad = bad
        with w.leaving(any_bad):
            w.store(_first_bad(w, bad, given), self.status, 8)
            self.sites.append(site)
            w.ret(constant(I64, len(self.sites)))


def _first_bad(w: FunctionWriter, bad: Value, given: Value) -> Value:
    """What was given in the first lane that is bad."""
    if lanes(bad.type) == 1:
        return given
    given = w.splat(given, lanes(bad.type)) if lanes(given.type) == 1 else given
    bits = w.cast("bitcast", bad, f"i{lanes(bad.type)}")
    no = Value(I1, "false")
    lane = w.call(f"llvm.cttz.{bits.type}", bits.type, [bits, no])
    lane = w.cast("zext", lane, I64) if bits.type != I64 else lane
    return w.make(I64, f"extractelement {given}, {lane}")
