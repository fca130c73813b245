"""Sort keys: signed integers in the order that NumPy sorts values of a dtype by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pullback.tracer.types import DType

from ..assembly import FunctionWriter, Value, constant, lanes, like, vector


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of a dtype.

    NaN comes last. With ``zeros_equal`` both zeros have one key, else -0.0 comes before 0.0. Keys
    are never narrower than ``at_least`` bits.
    """

    dtype: DType
    zeros_equal: bool = False
    at_least: int = 32

    @property
    def memory(self) -> str:
        """The type of a value in memory, as an integer."""
        return f"i{8 * self.dtype.itemsize}"

    @property
    def type(self) -> str:
        """The type of a key."""
        return f"i{max(8 * self.dtype.itemsize, self.at_least)}"

    @property
    def last(self) -> int:
        """The greatest key."""
        return int(2 ** (int(self.type[1:]) - 1) - 1)

    def encode(self, w: FunctionWriter, x: Value) -> Value:
        """The keys of values, which come as integers of their bits."""
        match self.dtype.kind:
            case "f":
                return _widened(w, self._of_floats(w, x), self.type, "sext")
            case "i":
                return _widened(w, x, self.type, "sext")
            case _:
                wide = _widened(w, x, self.type, "zext")
                return _offset(w, wide) if self.memory == self.type else wide

    def decode(self, w: FunctionWriter, key: Value) -> Value:
        """The bits of the values of keys; every NaN becomes the same."""
        bits = key
        if self.memory == self.type and self.dtype.kind in "bu":
            bits = _offset(w, key)
        if self.memory != self.type:
            bits = w.cast("trunc", key, like(key.type, self.memory))
        return _turned(w, bits) if self.dtype.kind == "f" else bits

    def _of_floats(self, w: FunctionWriter, x: Value) -> Value:
        """Bits of floats, negative ones turned round: they fall as their size rises."""
        limits = np.finfo(self.dtype)
        bits = 8 * self.dtype.itemsize
        mantissa = int(limits.nmant)
        infinity = (2 ** (bits - 1 - mantissa) - 1) << mantissa
        size = w.op("and", x, constant(x.type, 2 ** (bits - 1) - 1))
        nan = w.compare("sgt", size, constant(x.type, infinity))
        x = w.select(nan, constant(x.type, infinity | 1 << (mantissa - 1)), x)
        if self.zeros_equal:
            zero = w.compare("eq", size, constant(x.type, 0))
            x = w.select(zero, size, x)
        return _turned(w, x)


def _turned(w: FunctionWriter, x: Value) -> Value:
    bits = int(x.type.split("i")[-1].rstrip(">"))
    sign = w.op("ashr", x, constant(x.type, bits - 1))
    return w.op("xor", x, w.op("lshr", sign, constant(x.type, 1)))


def _offset(w: FunctionWriter, x: Value) -> Value:
    bits = int(x.type.split("i")[-1].rstrip(">"))
    return w.op("xor", x, constant(x.type, -(2 ** (bits - 1))))


def _widened(w: FunctionWriter, x: Value, target: str, how: str) -> Value:
    type = vector(target, lanes(x.type))
    return x if x.type == type else w.cast(how, x, type)
