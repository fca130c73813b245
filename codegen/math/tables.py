"""Tables of as many numbers as one register of AVX-512 holds, or two.

Those are sixteen in double precision, and sixteen or thirty-two in single precision.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from ..assembly import FunctionWriter, Value, number_text, vector
from ..assembly import lanes as element_count
from ..vectors import shuffle
from .number import Number

REGISTER = {"double": 8, "float": 16}


def has_tables(x: Number) -> bool:
    """Whether a look-up is cheap. It does not depend on the number of lanes, nor may results."""
    return x.w.module.avx512


def look_up(table: Sequence[float], index: Number) -> Number:
    """The elements of the table that the last bits of indices name; of the indices' width."""
    w, lanes, kind = index.w, index.lanes, index.format.element
    register = REGISTER[kind]
    assert len(table) in (register, 2 * register), table
    if lanes == 1:
        size = index.format.width // 8
        base = w.module.bytes(struct.pack(f"<{len(table)}{kind[0]}", *table))
        place = (index & (len(table) - 1)).value
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
    """The instruction on whole registers; of an index it reads as many bits as it needs."""
    count = REGISTER[kind]
    first, *second = (_register(kind, table[at : at + count]) for at in range(0, len(table), count))
    if not second:
        name = f"llvm.x86.avx512.permvar.{'df' if kind == 'double' else 'sf'}.512"
        return w.call_pure(name, first.type, [first, index])
    name = f"llvm.x86.avx512.vpermi2var.{'pd' if kind == 'double' else 'ps'}.512"
    return w.call_pure(name, first.type, [first, index, *second])


def _register(kind: str, numbers: Sequence[float]) -> Value:
    elements = ", ".join(f"{kind} {number_text(kind, number)}" for number in numbers)
    return Value(vector(kind, len(numbers)), f"<{elements}>")
