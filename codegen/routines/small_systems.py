"""Many small systems of linear equations: a matrix in each lane of vectors, without LAPACK.

The elements of as many matrices as a vector has lanes are in a vector each. Rows change places
under masks, where LAPACK would exchange them: the largest element of a column, the first of equal
ones, comes to the diagonal. What is packed is what LAPACK's routines would leave.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from pullback.tracer.ir import Node
from pullback.tracer.types import is_complex

from ..assembly import I1, I64, PTR, Value, constant, intrinsic_suffix, vector
from ..vectors import lane_numbers, masked_gather, masked_scatter
from .writer import RoutineWriter

LARGEST = 6
"""Rows of a matrix whose elements are all in registers, or near enough."""

MOST_NUMBERS = 36
"""Elements of the right-hand sides of a system."""

FEWEST_SYSTEMS = 16


def in_lanes(node: Node) -> bool:
    """Whether a factorisation, or a solution with one, is of many small systems."""
    *batch, rows, columns = node.operands[0].type.shape
    small = 0 < columns <= LARGEST and rows in (columns, columns + 1)
    small = small and node.type.shape[-2] * node.type.shape[-1] <= LARGEST + MOST_NUMBERS
    return small and math.prod(batch) >= FEWEST_SYSTEMS and not is_complex(node.type.dtype)


@dataclass(slots=True)
class Lanes:
    """A block of items: the number of its first, and which lanes have one."""

    r: RoutineWriter
    first: Value
    width: int
    inside: Value

    @property
    def type(self) -> str:
        """The vector of one element of each item."""
        return vector(self.r.number, self.width)

    def load(self, array: Value, size: int, element: int) -> Value:
        """An element of each item, of an array with so many elements an item."""
        pointers = self._pointers(array, size, element)
        return masked_gather(self.r.w, self.type, pointers, self.r.align, self.inside)

    def store(self, value: Value, array: Value, size: int, element: int) -> None:
        """Write an element of each item."""
        pointers = self._pointers(array, size, element)
        masked_scatter(self.r.w, value, pointers, self.r.align, self.inside)

    def _pointers(self, array: Value, size: int, element: int) -> Value:
        w = self.r.w
        start = self.r.element(self.r.item(array, self.first, size, self.r.node.type), element)
        offsets = lane_numbers(w, constant(I64, 0), size, self.width)
        return w.make(vector(PTR, self.width), f"getelementptr {self.r.number}, {start}, {offsets}")


@contextmanager
def _blocks(r: RoutineWriter, count: int) -> Generator[Lanes]:
    """A loop over blocks of items."""
    width = r.vector_bytes // r.align
    with r.w.loop(0, count, width) as loop:
        numbers = lane_numbers(r.w, loop.index, 1, width)
        inside = r.w.compare("slt", numbers, constant(numbers.type, count))
        yield Lanes(r, loop.index, width, inside)


def factor(r: RoutineWriter) -> None:
    """The factors of each matrix, and in a last row the pivots as numbers."""
    w = r.w
    *batch, n, _ = r.node.operands[0].type.shape
    with _blocks(r, math.prod(batch)) as lanes:
        a = [[lanes.load(r.operands[0], n * n, j * n + i) for j in range(n)] for i in range(n)]
        for k in range(n):
            place = _largest(lanes, a, k)
            for i in range(k + 1, n):
                here = w.compare("oeq", place, constant(lanes.type, i))
                a[k], a[i] = _exchanged(r, here, a[k], a[i])
            zero = w.compare("oeq", a[k][k], constant(lanes.type, 0.0))
            divisor = w.select(zero, constant(lanes.type, 1.0), a[k][k])
            for i in range(k + 1, n):
                a[i][k] = w.op("fdiv", a[i][k], divisor)
                for j in range(k + 1, n):
                    a[i][j] = w.fma(w.fneg(a[i][k]), a[k][j], a[i][j])
            lanes.store(place, r.target, (n + 1) * n, n * n + k)
        for i in range(n):
            for j in range(n):
                lanes.store(a[i][j], r.target, (n + 1) * n, j * n + i)


def _largest(lanes: Lanes, a: list[list[Value]], k: int) -> Value:
    """The row, from the diagonal on, with the largest element of a column."""
    w = lanes.r.w
    best, place = w.intrinsic("fabs", a[k][k]), constant(lanes.type, k)
    for i in range(k + 1, len(a)):
        size = w.intrinsic("fabs", a[i][k])
        better = w.compare("ogt", size, best)
        best = w.select(better, size, best)
        place = w.select(better, constant(lanes.type, i), place)
    return place


def _exchanged(
    r: RoutineWriter, here: Value, a: list[Value], b: list[Value]
) -> tuple[list[Value], list[Value]]:
    """Two rows, changed for each other in some lanes."""
    pairs = list(zip(a, b, strict=True))
    return (
        [r.w.select(here, y, x) for x, y in pairs],
        [r.w.select(here, x, y) for x, y in pairs],
    )


def solve(r: RoutineWriter) -> None:
    """Right-hand sides, each a row."""
    *batch, count, n = r.node.type.shape
    size = (n + 1) * n
    with _blocks(r, math.prod(batch)) as lanes:
        a = [[lanes.load(r.operands[0], size, j * n + i) for j in range(n)] for i in range(n)]
        pivots = [lanes.load(r.operands[0], size, n * n + k) for k in range(n)]
        if r.node.params["checked"]:
            r.fail_if(_is_singular(lanes, a), "Singular matrix", "numpy.LinAlgError")
        for row in range(count):
            b = [lanes.load(r.operands[1], count * n, row * n + i) for i in range(n)]
            if r.node.params["transposed"]:
                x = _solved_transposed(lanes, a, pivots, b)
            else:
                x = _solved(lanes, a, pivots, b)
            for i in range(n):
                lanes.store(x[i], r.target, count * n, row * n + i)


def _is_singular(lanes: Lanes, a: list[list[Value]]) -> Value:
    """Whether a pivot of any system is zero."""
    w = lanes.r.w
    found = constant(vector(I1, lanes.width), 0)
    for k in range(len(a)):
        found = w.op("or", found, w.compare("oeq", a[k][k], constant(lanes.type, 0.0)))
    found = w.op("and", found, lanes.inside)
    return w.call(f"llvm.vector.reduce.or.{intrinsic_suffix(found.type)}", I1, [found])


def _solved(lanes: Lanes, a: list[list[Value]], pivots: list[Value], b: list[Value]) -> list[Value]:
    w, n, b = lanes.r.w, len(a), list(b)
    for k in range(n):
        for i in range(k + 1, n):
            here = w.compare("oeq", pivots[k], constant(lanes.type, i))
            (b[k],), (b[i],) = _exchanged(lanes.r, here, [b[k]], [b[i]])
    for i in range(n):
        for j in range(i):
            b[i] = w.fma(w.fneg(a[i][j]), b[j], b[i])
    for i in reversed(range(n)):
        for j in range(i + 1, n):
            b[i] = w.fma(w.fneg(a[i][j]), b[j], b[i])
        b[i] = w.op("fdiv", b[i], a[i][i])
    return b


def _solved_transposed(
    lanes: Lanes, a: list[list[Value]], pivots: list[Value], b: list[Value]
) -> list[Value]:
    w, n, b = lanes.r.w, len(a), list(b)
    for i in range(n):
        for j in range(i):
            b[i] = w.fma(w.fneg(a[j][i]), b[j], b[i])
        b[i] = w.op("fdiv", b[i], a[i][i])
    for i in reversed(range(n)):
        for j in range(i + 1, n):
            b[i] = w.fma(w.fneg(a[j][i]), b[j], b[i])
    for k in reversed(range(n)):
        for i in range(k + 1, n):
            here = w.compare("oeq", pivots[k], constant(lanes.type, i))
            (b[k],), (b[i],) = _exchanged(lanes.r, here, [b[k]], [b[i]])
    return b
