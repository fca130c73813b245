"""Positions that sort narrow values: counted by their bytes, the lowest first, each time in order.

A byte has 256 values, so where the elements of each begin is known after counting them. Booleans
have two, whose next places are kept in registers.
"""

from __future__ import annotations

from pullback.tracer.types import BOOL, DType

from ..assembly import I64, FunctionWriter, Value, constant
from .keys import Keys
from .writer import RoutineWriter

LONG = 1024
"""Rows from this extent on are counted."""


def is_counted(dtype: DType, extent: int) -> bool:
    """Whether counting is quicker than comparing."""
    return dtype.itemsize <= 2 and extent >= LONG


def scratch_bytes(dtype: DType, extent: int) -> int:
    """Memory for the order by the lower of two bytes."""
    return 8 * extent * (dtype.itemsize - 1)


def emit_counting(r: RoutineWriter, dtype: DType, extent: int, count: int) -> None:
    """The stable order of each row."""
    w, keys = r.w, Keys(dtype, zeros_equal=True)
    counts = w.alloca(I64, 256)
    with r.w.batch(count) as row:
        place = w.scale_index(row, extent)
        source = w.address(r.operands[0], place, keys.memory)
        target = w.address(r.target, place, I64)
        if dtype == BOOL:
            _order_of_bools(w, source, target, extent)
        elif dtype.itemsize == 1:
            _order_by_byte(w, keys, 0, source, None, target, counts, extent)
        else:
            assert r.scratch is not None
            _order_by_byte(w, keys, 0, source, None, r.scratch, counts, extent)
            _order_by_byte(w, keys, 1, source, r.scratch, target, counts, extent)


def _order_of_bools(w: FunctionWriter, source: Value, target: Value, extent: int) -> None:
    zero = constant(I64, 0)

    def value(index: Value) -> Value:
        return w.cast("zext", w.load("i8", w.address(source, index, "i8"), 1), I64)

    with w.loop(0, extent, 1, [zero]) as loop:
        (total,) = loop.carried
        loop.carried = [w.op("add", total, value(loop.index))]
    falses = w.op("sub", constant(I64, extent), loop.carried[0])
    with w.loop(0, extent, 1, [zero, falses]) as again:
        no, yes = again.carried
        bit = value(again.index)
        place = w.select(w.compare("ne", bit, zero), yes, no)
        w.store(again.index, w.address(target, place, I64), 8)
        other = w.op("xor", bit, constant(I64, 1))
        again.carried = [w.op("add", no, other), w.op("add", yes, bit)]


def _order_by_byte(
    w: FunctionWriter,
    keys: Keys,
    byte: int,
    source: Value,
    before: Value | None,
    after: Value,
    counts: Value,
    extent: int,
) -> None:
    """Order positions by a byte of their keys; those of one byte stay as they are in ``before``."""

    def counter(index: Value) -> Value:
        address = w.address(source, index, keys.memory)
        key = keys.encode(w, w.load(keys.memory, address, keys.dtype.itemsize))
        # Keys are signed; from the offset on, the highest of their bytes rises with them.
        top = byte == keys.dtype.itemsize - 1 and keys.dtype.kind != "u"
        shifted = w.op("lshr", key, constant(key.type, 8 * byte))
        digit = w.op("and", shifted, constant(key.type, 255))
        digit = w.op("xor", digit, constant(key.type, 128)) if top else digit
        return w.address(counts, w.cast("zext", digit, I64), I64)

    one = constant(I64, 1)
    arguments = [counts, constant("i8", 0), constant(I64, 8 * 256), Value("i1", "false")]
    w.call("llvm.memset.p0.i64", "void", arguments)
    with w.loop(0, extent) as loop:
        address = counter(loop.index)
        w.store(w.op("add", w.load(I64, address, 8), one), address, 8)
    with w.loop(0, 256, 1, [constant(I64, 0)]) as starts:
        address = w.address(counts, starts.index, I64)
        number = w.load(I64, address, 8)
        w.store(starts.carried[0], address, 8)
        starts.carried = [w.op("add", starts.carried[0], number)]
    with w.loop(0, extent) as loop:
        index = loop.index
        if before is not None:
            index = w.load(I64, w.address(before, index, I64), 8)
        address = counter(index)
        place = w.load(I64, address, 8)
        w.store(w.op("add", place, one), address, 8)
        w.store(index, w.address(after, place, I64), 8)
