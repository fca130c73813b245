"""Tables of sixteen numbers, which one register of AVX-512 holds in single precision and two in
double precision.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from ..assembly import FunctionWriter, Value, number_text, vector
from ..assembly import lanes as element_count
from ..vectors import shuffle
from .number import Number

SIZE = 16


def has_tables(x: Number) -> bool:
    """Whether a look-up is cheap. It does not depend on the number of lanes, nor may results."""
    return x.w.module.avx512


def look_up(table: Sequence[float], index: Number) -> Number:
    """The elements of the table that the last four bits of indices name; of the indices' width."""
    assert len(table) == SIZE, table
    w, lanes, kind = index.w, index.lanes, index.format.element
    size = index.format.width // 8
    register = 64 // size
    if lanes == 1:
        base = w.module.bytes(struct.pack(f"<{SIZE}{kind[0]}", *table))
        place = (index & (SIZE - 1)).value
        return Number(w, w.load(kind, w.address(base, place, kind), size))
    parts: list[Value] = []
    for first in range(0, lanes, register):
        numbers = range(first, first + register)
        part = shuffle(w, index.value, index.value, [n if n < lanes else None for n in numbers])
        parts.append(_permuted(w, kind, table, part))
    while len(parts) > 1:
        ends = zip(parts[::2], parts[1::2], strict=True)
        parts = [shuffle(w, a, b, range(2 * element_count(a.type))) for a, b in ends]
    (whole,) = parts
    return Number(w, shuffle(w, whole, whole, range(lanes)))


def _permuted(w: FunctionWriter, kind: str, table: Sequence[float], index: Value) -> Value:
    """The instruction on whole registers; of an index it reads the last four bits."""
    if kind == "float":
        arguments = [_register(kind, table), index]
        return w.call_pure("llvm.x86.avx512.permvar.sf.512", arguments[0].type, arguments)
    half = SIZE // 2
    arguments = [_register(kind, table[:half]), index, _register(kind, table[half:])]
    return w.call_pure("llvm.x86.avx512.vpermi2var.pd.512", arguments[0].type, arguments)


def _register(kind: str, numbers: Sequence[float]) -> Value:
    elements = ", ".join(f"{kind} {number_text(kind, number)}" for number in numbers)
    return Value(vector(kind, len(numbers)), f"<{elements}>")
