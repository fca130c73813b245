"""Sorting networks over vector registers: comparisons without branches, whatever the values are.

A *record* is a key with what goes along with it, each in a vector; so a register and a lane hold
one. The networks are bitonic (K. Batcher, Sorting networks and their applications, 1968):
every comparison is between records whose numbers differ in one bit. Where that bit of the number is
told by the register, records of two registers are compared, lane by lane; a bit told by the lane
first changes places with one told by the register, which costs two shuffles for two registers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from ..assembly import FunctionWriter, Value, constant, element, lanes

Record: TypeAlias = tuple[Value, ...]
"""Vectors of keys, and of numbers that decide between equal keys where there are such."""


def shuffle(w: FunctionWriter, a: Value, b: Value, order: Sequence[int]) -> Value:
    """Lanes of two vectors by number, those of the second counted on from the first."""
    if list(order) == list(range(lanes(a.type))):
        return a
    mask = ", ".join(f"i32 {k}" for k in order)
    return w.make(a.type, f"shufflevector {a}, {b}, <{len(order)} x i32> <{mask}>")


def exchange(w: FunctionWriter, x: Record, y: Record) -> tuple[Record, Record]:
    """The lesser record of each lane, and the greater."""
    if len(x) == 1:
        return (w.intrinsic("smin", x[0], y[0]),), (w.intrinsic("smax", x[0], y[0]),)
    (key, number), (other, second) = x, y
    tied = w.op("and", w.compare("eq", key, other), w.compare("slt", number, second))
    less = w.op("or", w.compare("slt", key, other), tied)
    pairs = list(zip(x, y, strict=True))
    low = tuple([w.select(less, a, b) for a, b in pairs])
    high = tuple([w.select(less, b, a) for a, b in pairs])
    return low, high


class Network:
    """Records in ``2**r`` registers of ``2**k`` lanes.

    ``rows[i]`` is the bit of a record's number that bit ``i`` of its register's number tells,
    ``lanes[j]`` the one that bit ``j`` of its lane tells.
    """

    def __init__(
        self, w: FunctionWriter, registers: Sequence[Record], rows: list[int], lanes: list[int]
    ) -> None:
        self.w = w
        self.registers = list(registers)
        self.rows = list(rows)
        self.lanes = list(lanes)
        self._complemented: int | None = None
        self._direction: int | None = None

    def sort(self, bits: int) -> None:
        """Sort each ``2**bits`` consecutive records."""
        steps = [(size, bit) for size in range(1, bits + 1) for bit in reversed(range(size))]
        for n, (size, bit) in enumerate(steps):
            if bit == size - 1:
                self._orient(size if size < bits else None)
            self._compare(bit, [b for _, b in steps[n + 1 :]])
        self._orient(None)

    def merge(self, bits: int) -> None:
        """Sort each ``2**bits`` records that rise and then fall, or fall and then rise."""
        steps = list(reversed(range(bits)))
        for n, bit in enumerate(steps):
            self._compare(bit, steps[n + 1 :])

    def arranged(self, targets: Sequence[Sequence[int]]) -> list[Record]:
        """Registers with the records of these numbers, lane by lane."""
        width = len(self.lanes)
        while any(len({r for r, _ in self._places(t)}) > 2 for t in targets):
            row = next(i for i, bit in enumerate(self.rows) if bit < width)
            lane = next(j for j, bit in enumerate(self.lanes) if bit >= width)
            self._swap(row, lane)
        return [self._gathered(self._places(target)) for target in targets]

    def _gathered(self, places: list[tuple[int, int]]) -> Record:
        first, *others = dict.fromkeys(r for r, _ in places)
        second = others[0] if others else first
        count = 2 ** len(self.lanes)
        order = [lane + (count if r != first else 0) for r, lane in places]
        pairs = zip(self.registers[first], self.registers[second], strict=True)
        return tuple([shuffle(self.w, a, b, order) for a, b in pairs])

    def _places(self, numbers: Sequence[int]) -> list[tuple[int, int]]:
        """The register and the lane of each record."""
        return [
            tuple(  # type: ignore[misc]
                sum((number >> bit & 1) << i for i, bit in enumerate(bits))
                for bits in (self.rows, self.lanes)
            )
            for number in numbers
        ]

    def _compare(self, bit: int, later: Sequence[int]) -> None:
        """Order the records that differ in a bit only."""
        if bit not in self.rows:
            self._swap(self._least_needed(later), self.lanes.index(bit))
        place = self.rows.index(bit)
        for low in range(len(self.registers)):
            if low >> place & 1:
                continue
            high = low | 1 << place
            down = self._direction is not None and low >> self.rows.index(self._direction) & 1
            less, more = exchange(self.w, self.registers[low], self.registers[high])
            self.registers[low], self.registers[high] = (more, less) if down else (less, more)

    def _least_needed(self, later: Sequence[int]) -> int:
        """The place of the register bit that is compared last of all, or never again."""
        free = [i for i, bit in enumerate(self.rows) if bit != self._direction]
        return max(free, key=lambda i: _next_use(self.rows[i], later))

    def _swap(self, row: int, lane: int) -> None:
        """Let a register bit and a lane bit change places."""
        bit, numbers = 1 << lane, range(2 ** len(self.lanes))
        count = len(numbers)
        lower = [k if not k & bit else (k ^ bit) + count for k in numbers]
        upper = [k ^ bit if not k & bit else k + count for k in numbers]
        for low in range(len(self.registers)):
            if low >> row & 1:
                continue
            high = low | 1 << row
            pairs = list(zip(self.registers[low], self.registers[high], strict=True))
            for target, order in ((low, lower), (high, upper)):
                self.registers[target] = tuple([shuffle(self.w, a, b, order) for a, b in pairs])
        self.rows[row], self.lanes[lane] = self.lanes[lane], self.rows[row]

    def _orient(self, bit: int | None) -> None:
        """Let records that have the bit be sorted downwards from now on.

        Where the register tells the bit, comparisons change direction; else the records are
        complemented meanwhile, which turns their order round.
        """
        by_register = bit in self.rows and len(self.rows) > 1
        self._complement(None if by_register else bit)
        self._direction = bit if by_register else None

    def _complement(self, bit: int | None) -> None:
        before, self._complemented = self._complemented, bit
        for r, record in enumerate(self.registers):
            flags = [
                self._has(r, k, before) != self._has(r, k, bit) for k in range(2 ** len(self.lanes))
            ]
            if any(flags):
                self.registers[r] = tuple([_flipped(self.w, x, flags) for x in record])

    def _has(self, register: int, lane: int, bit: int | None) -> bool:
        if bit is None:
            return False
        if bit in self.rows:
            return bool(register >> self.rows.index(bit) & 1)
        return bool(lane >> self.lanes.index(bit) & 1)


def _next_use(bit: int, later: Sequence[int]) -> int:
    return later.index(bit) if bit in later else len(later)


def _flipped(w: FunctionWriter, x: Value, flags: Sequence[bool]) -> Value:
    if all(flags):
        return w.op("xor", x, constant(x.type, -1))
    mask = ", ".join(f"{element(x.type)} {-int(flag)}" for flag in flags)
    return w.op("xor", x, Value(x.type, f"<{mask}>"))
