"""Fourier transforms, by the loops of NumPy's own pocketfft."""

from __future__ import annotations

import math

from pullback.tracer.ir import Node
from pullback.tracer.types import SHORT_NAMES, real_dtype

from ..assembly import I64, PTR, Value, constant
from ..elements import memory_element
from .writer import RoutineLowering, RoutineWriter


def _emit(r: RoutineWriter, ufunc: str) -> None:
    """One call for the whole batch: addresses, counts, strides as generalised ufuncs take them."""
    w, dtype = r.w, real_dtype(r.node.type.dtype)
    types = r.node.operands[0].type, r.node.type
    lengths = [x.shape[-1] for x in types]
    kind, size = memory_element(dtype), dtype.itemsize
    factor = w.alloca(kind)
    w.store(constant(kind, r.node.params["factor"]), factor, size)
    batch = r.node.type.size // lengths[1]
    inner = [x.dtype.itemsize for x in types]
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
    _emit(r, "ifft" if r.node.params["inverse"] else "fft")


def _emit_rfft(r: RoutineWriter) -> None:
    _emit(r, "rfft_n_odd" if r.node.operands[0].type.shape[-1] % 2 else "rfft_n_even")


def _emit_irfft(r: RoutineWriter) -> None:
    _emit(r, "irfft")


def _work(node: Node) -> int:
    size = max(node.type.size, node.operands[0].type.size)
    return 2 * size * math.ceil(math.log2(max(size, 2)))


FFT = RoutineLowering(_emit_fft, work=_work)
RFFT = RoutineLowering(_emit_rfft, work=_work)
IRFFT = RoutineLowering(_emit_irfft, work=_work)
