"""Fourier transforms, by the loops of NumPy's own pocketfft."""

from __future__ import annotations

import math

from pullback.tracer.ir import Node
from pullback.tracer.types import SHORT_NAMES

from ..assembly import I64, PTR, Value, constant
from ..elements import memory_element
from .writer import RoutineLowering, RoutineWriter


def _emit(r: RoutineWriter, ufunc: str, lengths: tuple[int, int], widths: tuple[int, int]) -> None:
    """One call for the whole batch: addresses, counts and strides as generalised ufuncs take them.

    ``lengths`` and ``widths`` are those of the operand and the result: how many elements a
    transform has, and of how many numbers an element is.
    """
    w, dtype = r.w, r.node.type.dtype
    kind, size = memory_element(dtype), dtype.itemsize
    factor = w.alloca(kind)
    w.store(constant(kind, r.node.params["factor"]), factor, size)
    batch = r.node.type.size // (lengths[1] * widths[1])
    inner = [size * width for width in widths]
    outer = [step * length for step, length in zip(inner, lengths, strict=True)]
    arrays = _table(r, PTR, [r.operands[0], factor, r.target])
    counts = _table(r, I64, [constant(I64, n) for n in (batch, *lengths)])
    steps = _table(r, I64, [constant(I64, n) for n in (outer[0], 0, outer[1], *inner)])
    data = Value(PTR, "null")
    if ufunc in ("fft", "ifft"):
        data = w.module.extern(f"pocketfft.{ufunc}.data")
    w.call(f"pocketfft.{ufunc}.{SHORT_NAMES[dtype]}", "void", [arrays, counts, steps, data])


def _table(r: RoutineWriter, kind: str, values: list[Value]) -> Value:
    table = r.w.alloca(kind, len(values))
    for number, value in enumerate(values):
        r.w.store(value, r.w.address(table, number, kind), 8)
    return table


def _emit_fft(r: RoutineWriter) -> None:
    n = r.node.type.shape[-2]
    _emit(r, "ifft" if r.node.params["inverse"] else "fft", (n, n), (2, 2))


def _emit_rfft(r: RoutineWriter) -> None:
    n, count = r.node.operands[0].type.shape[-1], r.node.type.shape[-2]
    _emit(r, "rfft_n_odd" if n % 2 else "rfft_n_even", (n, count), (1, 2))


def _emit_irfft(r: RoutineWriter) -> None:
    count, n = r.node.operands[0].type.shape[-2], r.node.type.shape[-1]
    _emit(r, "irfft", (count, n), (2, 1))


def _work(node: Node) -> int:
    size = max(node.type.size, node.operands[0].type.size)
    return 2 * size * math.ceil(math.log2(max(size, 2)))


FFT = RoutineLowering(_emit_fft, work=_work)
RFFT = RoutineLowering(_emit_rfft, work=_work)
IRFFT = RoutineLowering(_emit_irfft, work=_work)
