"""Sorting along the last axis: blocks in registers, then merges of two runs into one.

A row is cut into ``2**levels`` blocks of one length. Each is sorted by a network in registers;
runs are merged as soon as there are two of one length, so that they are still near in the caches. A
merge works from both ends at once, which are independent of each other, and takes a whole vector a
step. Neither depends on the values: every row takes the same time.

Rows of up to a few vectors need no memory: several are sorted at once. The order of long rows of
narrow values is counted (`counting.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pullback.tracer.ir import Node
from pullback.tracer.types import ArrayType

from ..assembly import I1, I64, PTR, FunctionWriter, Value, constant, vector
from ..vectors import lane_numbers, masked_load, masked_store
from .counting import emit_counting, is_counted, scratch_bytes
from .keys import Keys
from .networks import Network, Record, shuffle
from .writer import RoutineLowering, RoutineWriter


@dataclass(frozen=True, slots=True)
class Sorting:
    """What is sorted, and how it is cut: ``levels`` merges of blocks of ``rows`` vectors.

    Positions along with keys of 32 bits are the lower half of one 64-bit number, which is sorted
    as a key; those along with keys of 64 bits are numbers of their own.
    """

    keys: Keys
    by_position: bool
    extent: int
    width: int
    rows: int
    levels: int

    @property
    def types(self) -> tuple[str, ...]:
        """Types of the vectors of a record."""
        if not self.by_position:
            return (vector(self.keys.type, self.width),)
        return (vector(I64, self.width),) * (2 if self.keys.type == I64 else 1)

    @property
    def itemsize(self) -> int:
        """Bytes of a key, or of a position."""
        return 4 if self.types[0].endswith("i32>") else 8

    @property
    def block(self) -> int:
        """Records in a block."""
        return self.rows * self.width

    @property
    def padded(self) -> int:
        """Records in all blocks: those beyond the row sort last."""
        return self.block << self.levels

    @property
    def scratch(self) -> int:
        """Bytes for two copies of all records."""
        return 2 * len(self.types) * self.padded * self.itemsize if self.levels else 0


MANY = 64
"""So many rows are worth the time to compile larger networks."""


def sorting_of(x: ArrayType, by_position: bool, vector_bytes: int) -> Sorting:
    """How the rows of an array are sorted."""
    dtype, extent = x.dtype, x.shape[-1]
    # Positions take up to 32 bits beside a key in one number.
    keys = Keys(dtype, zeros_equal=by_position, at_least=32 if extent < 2**32 else 64)
    wide = by_position or keys.type == I64
    width = max(vector_bytes // (8 if wide else 4), 2)
    most = 8 if vector_bytes >= 64 else 4
    vectors = -(-extent // width)
    if vectors <= 2 * most and x.size >= MANY * extent:
        most *= 2
    levels = max(math.ceil(math.log2(vectors / most)), 0)
    return Sorting(keys, by_position, extent, width, -(-vectors // 2**levels), levels)


# -- records -----------------------------------------------------------------------------------


def _load(w: FunctionWriter, s: Sorting, source: Value, first: Value | int) -> Record:
    """The records of a vector of values that begins at a position; last ones beyond the row."""
    width, size = s.width, s.keys.dtype.itemsize
    start = first if isinstance(first, Value) else constant(I64, first)
    numbers = lane_numbers(w, start, 1, width)
    address = w.address(source, start, s.keys.memory)
    type = vector(s.keys.memory, width)
    inside = None
    if isinstance(first, int) and first + width <= s.extent:
        values = w.load(type, address, size)
    else:
        inside = w.compare("slt", numbers, constant(numbers.type, s.extent))
        values = masked_load(w, type, address, size, inside)
    key = s.keys.encode(w, values)
    if inside is not None:
        key = w.select(inside, key, constant(key.type, s.keys.last))
    if not s.by_position:
        return (key,)
    if key.type == numbers.type:
        return key, numbers
    high = w.op("shl", w.cast("sext", key, numbers.type), constant(numbers.type, 32))
    return (w.op("or", high, numbers),)


def _last(s: Sorting) -> Record:
    """Records that come after all others."""
    return tuple(constant(type, 2 ** (8 * s.itemsize - 1) - 1) for type in s.types)


def _store(
    w: FunctionWriter, s: Sorting, record: Record, target: Value, first: Value | int
) -> None:
    """Write what is wanted of a vector of records to the row, as far as it goes."""
    start = first if isinstance(first, Value) else constant(I64, first)
    if not s.by_position:
        value, size, kind = s.keys.decode(w, record[0]), s.keys.dtype.itemsize, s.keys.memory
    else:
        value, size, kind = record[-1], 8, I64
        if len(record) == 1:
            value = w.op("and", value, constant(value.type, 2**32 - 1))
    address = w.address(target, start, kind)
    if isinstance(first, int) and first + s.width <= s.extent:
        w.store(value, address, size)
        return
    numbers = lane_numbers(w, start, 1, s.width)
    inside = w.compare("slt", numbers, constant(numbers.type, s.extent))
    masked_store(w, value, address, size, inside)


def _standing(s: Sorting, registers: int) -> list[list[int]]:
    """The numbers of records in registers, one after another."""
    return [list(range(r * s.width, (r + 1) * s.width)) for r in range(registers)]


def _sorted_in_registers(
    w: FunctionWriter, s: Sorting, records: Sequence[Record], bits: int
) -> list[Record]:
    """Every ``2**bits`` consecutive records sorted; before, they may stand in any order."""
    rows, lanes = (int(math.log2(x)) for x in (len(records), s.width))
    own = max(bits - lanes, 0)
    # What is sorted stands in no order yet: the bits compared first are those told by registers.
    names = [*range(own), *range(own + lanes, rows + lanes)]
    network = Network(w, records, names, list(range(own, own + lanes)))
    network.sort(bits)
    return network.arranged(_standing(s, len(records)))


# -- rows of a few vectors -----------------------------------------------------------------------


def _emit_short(r: RoutineWriter, s: Sorting, count: int) -> None:
    """Rows that fit into registers, as many at a time as give independent work."""
    w = r.w
    each = 2 ** math.ceil(math.log2(s.rows))
    together = 1
    while together * each < 4 and 2 * together <= count:
        together *= 2
    bits = math.ceil(math.log2(s.extent)) if s.extent > 1 else 0
    turns = -(-count // together)
    with r.w.batch(turns) as turn:
        first = w.scale_index(turn, together)
        if turns * together > count:
            # The last turn goes back a little: some rows are sorted twice.
            first = w.intrinsic("smin", first, constant(I64, count - together))
        records: list[Record] = []
        places: list[tuple[Value, Value]] = []
        for k in range(together):
            place = w.scale_index(w.add_index(first, k), s.extent)
            places.append(
                (
                    w.address(r.operands[0], place, s.keys.memory),
                    w.address(r.target, place, _stored(s)),
                )
            )
            row = [_load(w, s, places[-1][0], j * s.width) for j in range(s.rows)]
            records += [*row, *[_last(s)] * (each - s.rows)]
        if len(records) == 1:
            records.append(_last(s))
        ordered = _sorted_in_registers(w, s, records, bits)
        for k, (source, target) in enumerate(places):
            own = ordered[k * each : k * each + s.rows]
            for j, record in enumerate(own):
                _store(w, s, record, target, j * s.width)
            if _zeros_differ(s):
                seen = [_zeros_among(w, record[0]) for record in own]
                both = w.op("and", *(_any(w, flags) for flags in zip(*seen, strict=True)))
                with w.when(both):
                    _restore_zeros(r, s, source, target)


def _stored(s: Sorting) -> str:
    return I64 if s.by_position else s.keys.memory


# -- zeros -------------------------------------------------------------------------------------


def _zeros_differ(s: Sorting) -> bool:
    """Whether zeros of both signs have keys of their own, though they are equal."""
    return s.keys.dtype.kind == "f" and not s.keys.zeros_equal


def _zeros_among(w: FunctionWriter, key: Value) -> tuple[Value, Value]:
    """Where the keys are those of -0.0 and of 0.0."""
    return tuple(w.compare("eq", key, constant(key.type, x)) for x in (-1, 0))  # type: ignore[return-value]


def _any(w: FunctionWriter, flags: Sequence[Value]) -> Value:
    total = flags[0]
    for flag in flags[1:]:
        total = w.op("or", total, flag)
    return w.call(f"llvm.vector.reduce.or.v{_lanes(total)}i1", I1, [total])


def _lanes(x: Value) -> int:
    return int(x.type[1 : x.type.index(" ")])


def _restore_zeros(r: RoutineWriter, s: Sorting, source: Value, target: Value) -> None:
    """Write the zeros of a sorted row again, in the order in which they came."""
    name = f"restore_zeros.{s.keys.memory}.{s.extent}"
    if r.w.module.use(name) == 1:
        _define_restore_zeros(r.w, name, s)
    r.w.call_known(name, "void", [source, target])


def _define_restore_zeros(outer: FunctionWriter, name: str, s: Sorting) -> None:
    w = FunctionWriter(
        outer.module, name, "void", [(PTR, "source"), (PTR, "target")], linkage="internal"
    )
    source, target = w.parameters
    kind, size = s.keys.memory, s.keys.dtype.itemsize
    magnitude = constant(kind, 2 ** (8 * size - 1) - 1)

    def bits(array: Value, index: Value) -> tuple[Value, Value]:
        value = w.load(kind, w.address(array, index, kind), size)
        return value, w.compare("eq", w.op("and", value, magnitude), constant(kind, 0))

    with w.loop(0, s.extent, 1, [constant(I64, s.extent)]) as loop:
        _, zero = bits(target, loop.index)
        here = w.select(zero, loop.index, constant(I64, s.extent))
        loop.carried = [w.intrinsic("smin", loop.carried[0], here)]
    with w.loop(0, s.extent, 1, loop.carried) as again:
        value, zero = bits(source, again.index)
        with w.when(zero):
            w.store(value, w.address(target, again.carried[0], kind), size)
        again.carried = [w.op("add", again.carried[0], w.cast("zext", zero, I64))]
    w.ret()
    w.finish()


# -- long rows -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Runs:
    """Records in memory, an array for each of their parts."""

    s: Sorting
    parts: tuple[Value, ...]

    def load(self, w: FunctionWriter, first: Value) -> Record:
        return tuple(
            w.load(type, self._address(w, part, first), self.s.itemsize)
            for part, type in zip(self.parts, self.s.types, strict=True)
        )

    def store(self, w: FunctionWriter, record: Record, first: Value) -> None:
        for part, x in zip(self.parts, record, strict=True):
            w.store(x, self._address(w, part, first), self.s.itemsize)

    def key(self, w: FunctionWriter, index: Value) -> Value:
        kind = f"i{8 * self.s.itemsize}"
        return w.load(kind, self._address(w, self.parts[0], index), self.s.itemsize)

    def shifted(self, w: FunctionWriter, first: Value) -> tuple[Value, ...]:
        return tuple(self._address(w, part, first) for part in self.parts)

    def _address(self, w: FunctionWriter, part: Value, index: Value) -> Value:
        return w.address(part, index, f"i{8 * self.s.itemsize}")


def _emit_long(r: RoutineWriter, s: Sorting, count: int) -> None:
    w = r.w
    assert r.scratch is not None
    merge = _define_merge(w, s)
    size = s.padded * s.itemsize
    parts = [w.address(r.scratch, k * size, "i8") for k in range(2 * len(s.types))]
    even, odd = (_Runs(s, tuple(parts[k::2])) for k in range(2))
    with r.w.batch(count) as row:
        place = w.scale_index(row, s.extent)
        source = w.address(r.operands[0], place, s.keys.memory)
        target = w.address(r.target, place, _stored(s))
        with w.loop(0, 2**s.levels) as loop:
            _sort_block(w, s, source, loop.index, even)
            _merge_finished(w, s, merge, loop.index, (even, odd))
        _write_row(r, s, (even, odd)[s.levels % 2], source, target)


def _sort_block(w: FunctionWriter, s: Sorting, source: Value, number: Value, runs: _Runs) -> None:
    first = w.scale_index(number, s.block)
    each = 2 ** math.ceil(math.log2(s.rows))
    starts = [w.add_index(first, j * s.width) for j in range(s.rows)]
    records = [_load(w, s, source, start) for start in starts]
    records += [_last(s)] * (each - s.rows)
    bits = int(math.log2(each * s.width))
    ordered = _sorted_in_registers(w, s, records, bits)
    for start, record in zip(starts, ordered, strict=False):
        runs.store(w, record, start)


def _merge_finished(
    w: FunctionWriter, s: Sorting, merge: str, number: Value, runs: tuple[_Runs, _Runs]
) -> None:
    """Merge all runs that end with a block: one for each factor of two in how many there are."""
    done = w.op("add", number, constant(I64, 1))
    no = constant(I1, False)
    times = w.call("llvm.cttz.i64", I64, [done, no])
    end = w.scale_index(done, s.block)
    even, odd = runs
    with w.when(w.compare("ne", times, constant(I64, 0))), w.loop(0, times) as loop:
        half = w.op("shl", constant(I64, s.block), loop.index)
        start = w.op("sub", end, w.op("shl", half, constant(I64, 1)))
        flag = w.op("and", loop.index, constant(I64, 1))
        swapped = w.compare("ne", flag, constant(I64, 0))
        a, b = even.shifted(w, start), odd.shifted(w, start)
        sources = [w.select(swapped, y, x) for x, y in zip(a, b, strict=True)]
        targets = [w.select(swapped, x, y) for x, y in zip(a, b, strict=True)]
        w.call_known(merge, "void", [*sources, *targets, half])


def _write_row(r: RoutineWriter, s: Sorting, runs: _Runs, source: Value, target: Value) -> None:
    """Write the sorted row, and see to its zeros."""
    w = r.w
    none = constant(vector(I1, s.width), False)
    with w.loop(0, s.extent, s.width, [none, none]) as loop:
        record = runs.load(w, loop.index)
        _store(w, s, record, target, loop.index)
        if _zeros_differ(s):
            seen = zip(loop.carried, _zeros_among(w, record[0]), strict=True)
            loop.carried = [w.op("or", before, now) for before, now in seen]
    if _zeros_differ(s):
        with w.when(w.op("and", *(_any(w, [flags]) for flags in loop.carried))):
            _restore_zeros(r, s, source, target)


def _define_merge(outer: FunctionWriter, s: Sorting) -> str:
    """A function that merges two runs of ``half`` records, which stand one after the other."""
    name = f"{outer.name}.merge"
    count = len(s.types)
    names = [f"source{k}" for k in range(count)] + [f"target{k}" for k in range(count)]
    parameters = [*((PTR, x) for x in names), (I64, "half")]
    w = FunctionWriter(outer.module, name, "void", parameters, linkage="internal")
    source, target = (_Runs(s, tuple(w.parameters[k * count : (k + 1) * count])) for k in range(2))
    half = w.parameters[-1]
    sides = _Side(w, s, source, half), _Side(w, s, source, half, backward=True)
    state: list[Value] = []
    for side in sides:
        kept, done = side.step(*side.begin())
        side.store(target, done, constant(I64, 0))
        state += [*kept, *side.unread()]
    more = w.compare("slt", constant(I64, s.width), half)
    with w.when(more), w.loop(s.width, half, s.width, state) as loop:
        carried = list(loop.carried)
        results: list[Value] = []
        for side in sides:
            kept, a, b = tuple(carried[:count]), carried[count], carried[count + 1]
            carried = carried[count + 2 :]
            following, a, b = side.take(a, b)
            kept, done = side.step(kept, following)
            side.store(target, done, loop.index)
            results += [*kept, a, b]
        loop.carried = results
    w.ret()
    w.finish()
    return name


@dataclass(frozen=True, slots=True)
class _Side:
    """One end of a merge: the front, or (``backward``) the back.

    It keeps a vector of records, in falling order, that are behind all those written. Each step
    takes the next vector of the run whose next record comes first, and writes the foremost of both.
    """

    w: FunctionWriter
    s: Sorting
    source: _Runs
    half: Value
    backward: bool = False

    def begin(self) -> tuple[Record, Record]:
        """The first vectors of both runs."""
        w, width = self.w, self.s.width
        starts = constant(I64, 0), self.half
        if self.backward:
            starts = tuple(w.add_index(x, -width) for x in self._ends())  # type: ignore[assignment]
        first, second = (self.source.load(w, x) for x in starts)
        order = list(reversed(range(width)))
        return tuple([shuffle(w, x, x, order) for x in first]), second

    def unread(self) -> tuple[Value, Value]:
        """Where the parts of both runs that are not read begin, or end."""
        w, width = self.w, self.s.width
        if self.backward:
            a, b = self._ends()
            return w.add_index(a, -width), w.add_index(b, -width)
        return constant(I64, width), w.add_index(self.half, width)

    def take(self, a: Value, b: Value) -> tuple[Record, Value, Value]:
        """The next vector, and what is unread then."""
        w, width = self.w, self.s.width
        at = (lambda x: w.add_index(x, -1)) if self.backward else (lambda x: x)
        # Of equal keys those of the first run come first.
        order = "sgt" if self.backward else "sle"
        from_a = w.compare(order, self.source.key(w, at(a)), self.source.key(w, at(b)))
        step = -width if self.backward else width
        after_a, after_b = w.add_index(a, step), w.add_index(b, step)
        start = w.select(from_a, *((after_a, after_b) if self.backward else (a, b)))
        record = self.source.load(w, start)
        return record, w.select(from_a, after_a, a), w.select(from_a, b, after_b)

    def step(self, kept: Record, following: Record) -> tuple[Record, Record]:
        """What to keep of two vectors of which one falls and one rises, and what is done."""
        width = self.s.width
        bits = int(math.log2(width))
        network = Network(self.w, [kept, following], [bits], list(range(bits)))
        network.merge(bits + 1)
        low, high = list(range(width)), list(range(width, 2 * width))
        done, rest = (high, low) if self.backward else (low, high)
        result, keep = network.arranged([done, rest[::-1]])
        return keep, result

    def store(self, target: _Runs, done: Record, written: Value) -> None:
        """Write a vector where as many records are written already."""
        w = self.w
        place = written
        if self.backward:
            last = w.add_index(self._ends()[1], -self.s.width)
            place = w.op("sub", last, written)
        target.store(w, done, place)

    def _ends(self) -> tuple[Value, Value]:
        return self.half, self.w.op("add", self.half, self.half)


# -- lowerings -----------------------------------------------------------------------------------


def _lowering(by_position: bool) -> RoutineLowering:
    def of(node: Node, vector_bytes: int) -> Sorting:
        return sorting_of(node.operands[0].type, by_position, vector_bytes)

    def emit(r: RoutineWriter) -> None:
        s = of(r.node, r.vector_bytes)
        count = math.prod(r.node.type.shape[:-1])
        if by_position and is_counted(s.keys.dtype, s.extent):
            emit_counting(r, s.keys.dtype, s.extent, count)
            return
        (_emit_long if s.levels else _emit_short)(r, s, count)

    def scratch(node: Node) -> int:
        x = node.operands[0].type
        if by_position and is_counted(x.dtype, x.shape[-1]):
            return scratch_bytes(x.dtype, x.shape[-1])
        # Enough for the vectors of any machine.
        return max(of(node, size).scratch for size in (16, 32, 64))

    def work(node: Node) -> int:
        extent = node.type.shape[-1]
        return node.type.size * max(extent.bit_length(), 1)

    return RoutineLowering(emit, scratch, work)


SORT = _lowering(by_position=False)
ARGSORT = _lowering(by_position=True)
