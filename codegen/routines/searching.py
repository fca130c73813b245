"""Binary search in sorted tables, without branches, for a vector of queries at a time."""

from __future__ import annotations

import math

from pullback.tracer.ir import Node
from pullback.tracer.types import is_unsigned

from ..assembly import I64, PTR, FunctionWriter, Value, constant, like, vector
from ..elements import from_memory, memory_element
from ..vectors import lane_numbers, masked_gather, masked_load, masked_store
from .writer import RoutineLowering, RoutineWriter

WIDTH = 8
"""Queries at a time: enough that the reads of one do not wait for those of another."""


def _emit_search(r: RoutineWriter) -> None:
    w = r.w
    table, queries = (x.type for x in r.node.operands)
    *batch, count = queries.shape
    kind, size = memory_element(table.dtype), table.dtype.itemsize
    with r.w.batch(math.prod(batch)) as row:
        values = r.item(r.operands[0], row, table.shape[-1], table)
        wanted = r.item(r.operands[1], row, count, queries)
        found = r.item(r.target, row, count, r.node.type)
        with w.loop(0, count, WIDTH) as loop:
            numbers = lane_numbers(w, loop.index, 1, WIDTH)
            inside = w.compare("slt", numbers, constant(numbers.type, count))
            address = w.address(wanted, loop.index, kind)
            query = masked_load(w, vector(kind, WIDTH), address, size, inside)
            place = _search(r, values, from_memory(w, query, queries.dtype))
            masked_store(w, place, w.address(found, loop.index, I64), 8, inside)


def _search(r: RoutineWriter, table: Value, query: Value) -> Value:
    """How many values of the table come before each query.

    Of ``rest`` values behind the place the upper half is left, or the lower one; both overlap if
    they are odd in number.
    """
    w = r.w
    before = _Before(r, query)
    place = constant(vector(I64, WIDTH), 0)
    rest = r.node.operands[0].type.shape[-1]
    while rest > 1:
        half = rest // 2
        passed = before.holds(table, w.op("add", place, constant(place.type, half - 1)))
        further = w.op("add", place, constant(place.type, half))
        place = w.select(passed, further, place)
        rest -= half
    if rest:
        passed = before.holds(table, place)
        place = w.op("add", place, w.cast("zext", passed, place.type))
    return place


class _Before:
    """Whether values of the table come before queries, in the order that puts NaN last."""

    def __init__(self, r: RoutineWriter, query: Value) -> None:
        self.w: FunctionWriter = r.w
        self.dtype = r.node.operands[0].type.dtype
        self.right = r.node.params["side"] == "right"
        self.query = query
        self.is_nan = r.w.compare("uno", query, query) if self.dtype.kind == "f" else None

    def holds(self, table: Value, places: Value) -> Value:
        """For the values at these places."""
        w = self.w
        kind, size = memory_element(self.dtype), self.dtype.itemsize
        pointers = w.make(like(places.type, PTR), f"getelementptr {kind}, {table}, {places}")
        value = masked_gather(w, vector(kind, WIDTH), pointers, size, None)
        value = from_memory(w, value, self.dtype)
        if self.is_nan is not None:
            less = w.compare("ole" if self.right else "olt", value, self.query)
            of_nan = constant(less.type, True) if self.right else w.compare("ord", value, value)
            return w.select(self.is_nan, of_nan, less)
        sign = "u" if is_unsigned(self.dtype) else "s"
        return w.compare(f"{sign}le" if self.right else f"{sign}lt", value, self.query)


def _search_work(node: Node) -> int:
    extent = node.operands[0].type.shape[-1]
    return node.type.size * max(extent.bit_length(), 1)


SEARCHSORTED = RoutineLowering(_emit_search, work=_search_work)
