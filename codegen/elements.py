"""Elements in registers and in memory: their LLVM types, and conversions between dtypes."""

from __future__ import annotations

import numpy as np

from pullback.tracer.types import (
    BOOL,
    COMPLEX64,
    COMPLEX128,
    FLOAT16,
    DType,
    is_integer,
    is_unsigned,
)

from .assembly import FLOATS, FunctionWriter, Value, constant, element, like
from .integers import bits_of

ELEMENTS: dict[DType, str] = {
    np.dtype(np.bool_): "i1",
    np.dtype(np.int8): "i8",
    np.dtype(np.int16): "i16",
    np.dtype(np.int32): "i32",
    np.dtype(np.int64): "i64",
    np.dtype(np.uint8): "i8",
    np.dtype(np.uint16): "i16",
    np.dtype(np.uint32): "i32",
    np.dtype(np.uint64): "i64",
    np.dtype(np.float16): "float",
    np.dtype(np.float32): "float",
    np.dtype(np.float64): "double",
}
"""The LLVM type of a value in a register; that of a float16 is a float32 which is one as well."""

MEMORY_ELEMENTS: dict[DType, str] = {
    **ELEMENTS,
    BOOL: "i8",
    FLOAT16: "i16",
    COMPLEX64: "[2 x float]",
    COMPLEX128: "[2 x double]",
}
"""The LLVM type of a value in memory; the bits of a float16 are moved as an integer's.

Of complex numbers, which only routines know, it is good for addresses.
"""


def memory_element(dtype: DType) -> str:
    """The LLVM type of a value in memory."""
    return MEMORY_ELEMENTS[dtype]


def memory_constant(dtype: DType, value: float | int | bool) -> Value:
    """A number as it stands in memory."""
    bits = int(np.asarray(value, dtype).view(np.int16)) if dtype == FLOAT16 else value
    return constant(memory_element(dtype), bits)


def from_memory(w: FunctionWriter, value: Value, dtype: DType) -> Value:
    """What was read, as values are in registers."""
    if dtype == BOOL:
        return w.compare("ne", value, constant(value.type, 0))
    if dtype == FLOAT16:
        half = w.cast("bitcast", value, like(value.type, "half"))
        return w.cast("fpext", half, like(value.type, "float"))
    return value


def to_memory(w: FunctionWriter, value: Value, dtype: DType) -> Value:
    """The value as it is written."""
    if dtype == BOOL:
        return w.cast("zext", value, like(value.type, "i8"))
    if dtype == FLOAT16:
        half = w.cast("fptrunc", value, like(value.type, "half"))
        return w.cast("bitcast", half, like(value.type, "i16"))
    return value


def is_float(x: Value) -> bool:
    """Whether the value is a float or a vector of them."""
    return element(x.type) in FLOATS


# -- conversions -----------------------------------------------------------------------------


def convert(w: FunctionWriter, x: Value, source: DType, target: DType) -> Value:
    """The value in another dtype, as NumPy's conversion on x86-64."""
    kind = ELEMENTS[target]
    type = like(x.type, kind)
    if source == target:
        return x
    if target == BOOL:
        return w.compare("une" if is_float(x) else "ne", x, constant(x.type, 0))
    if source == BOOL:
        return w.select(x, constant(type, 1), constant(type, 0))
    if is_integer(target):
        return _to_integer(w, x, source, target)
    if is_integer(source):
        x = w.cast("uitofp" if is_unsigned(source) else "sitofp", x, type)
    elif element(x.type) != kind:
        x = _to_float(w, x, target)
    return _rounded_to_half(w, x) if target == FLOAT16 else x


def _to_float(w: FunctionWriter, x: Value, target: DType) -> Value:
    """A float in the other of the two types of registers."""
    if element(x.type) == "float":
        return w.cast("fpext", x, like(x.type, "double"))
    single = w.cast("fptrunc", x, like(x.type, "float"))
    return _to_odd(w, x, single) if target == FLOAT16 else single


def _to_odd(w: FunctionWriter, x: Value, single: Value) -> Value:
    """Round to odd: towards zero, and the last bit set if that is not exact.

    Rounding again, to half precision, is then as rounding once (Boldo and Melquiond, 2008).
    """
    back = w.cast("fpext", single, x.type)
    larger = w.compare("ogt", w.intrinsic("fabs", back), w.intrinsic("fabs", x))
    bits = w.cast("bitcast", single, like(x.type, "i32"))
    one = constant(bits.type, 1)
    down = w.select(larger, w.op("sub", bits, one), bits)
    odd = w.select(w.compare("one", back, x), w.op("or", down, one), bits)
    return w.cast("bitcast", odd, single.type)


def _rounded_to_half(w: FunctionWriter, x: Value) -> Value:
    """A float32 rounded to a float16, as registers hold it."""
    half = w.cast("fptrunc", x, like(x.type, "half"))
    return w.cast("fpext", half, x.type)


def _to_integer(w: FunctionWriter, x: Value, source: DType, target: DType) -> Value:
    """Integers wrap; floats go through a wider integer, of 32 bits at least, and wrap then."""
    bits, type = 8 * target.itemsize, like(x.type, ELEMENTS[target])
    if is_float(x):
        x = _whole(w, x, max(bits, 32), is_unsigned(target) and bits >= 32)
    if x.type == type:
        return x
    if bits_of(x) > bits:
        return w.cast("trunc", x, type)
    return w.cast("zext" if is_unsigned(source) else "sext", x, type)


def _whole(w: FunctionWriter, x: Value, bits: int, unsigned: bool) -> Value:
    """The integer part of a float; what is too large for the bits becomes the lowest integer.

    Unsigned numbers of 32 and 64 bits from the middle of their range on are converted as what they
    are above it, so that negative numbers wrap.
    """
    type = like(x.type, f"i{bits}")
    limit, lowest = 2.0 ** (bits - 1), constant(type, -(2 ** (bits - 1)))
    high = w.compare("oge", x, constant(x.type, limit))
    if unsigned:
        x = w.select(high, w.op("fsub", x, constant(x.type, limit)), x)
    below = w.compare("oge", x, constant(x.type, -limit))
    if bits == 32 and element(x.type) == "double":
        below = w.compare("ogt", x, constant(x.type, -limit - 1.0))
    inside = w.op("and", below, w.compare("olt", x, constant(x.type, limit)))
    whole = w.cast("fptosi", w.select(inside, x, constant(x.type, 0)), type)
    whole = w.select(inside, whole, lowest)
    return w.select(high, w.op("xor", whole, lowest), whole) if unsigned else whole
