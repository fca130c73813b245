"""Conversions between half and single precision in integers, for machines without instructions.

LLVM calls them by the names that GCC's run-time library gives them.
"""

from __future__ import annotations

from .assembly import FunctionWriter, Module
from .math.number import SINGLE, Number, choose
from .names import HALF_CALLS

MOVED = 13
"""How many more bits the fraction of a single has."""
BIAS = 112 << SINGLE.mantissa
"""The difference of the exponents' biases, in the field of a single."""
INFINITE, QUIET = SINGLE.exponent_mask, 1 << 22


def write_half_conversions(module: Module) -> None:
    """Define both functions in the module."""
    narrow = FunctionWriter(module, HALF_CALLS["__truncsfhf2"], "half", [("float", "x")])
    bits = half_of_single(Number(narrow, narrow.parameters[0]))
    narrow.ret(narrow.cast("bitcast", narrow.cast("trunc", bits.value, "i16"), "half"))
    narrow.finish()
    wide = FunctionWriter(module, HALF_CALLS["__extendhfsf2"], "float", [("half", "x")])
    pattern = wide.cast("zext", wide.cast("bitcast", wide.parameters[0], "i16"), "i32")
    wide.ret(single_of_half(Number(wide, pattern)).value)
    wide.finish()


def half_of_single(x: Number) -> Number:
    """The bits of the nearest half, ties to even; NaN becomes quiet and keeps its upper bits."""
    bits = x.bits()
    magnitude = bits & (2**31 - 1)
    normal = (magnitude - BIAS + (2 ** (MOVED - 1) - 1) + ((magnitude >> MOVED) & 1)) >> MOVED
    # What is subnormal as a half is a multiple of the last place of 1/2: adding that rounds.
    low = (magnitude.floats() + 0.5).bits() - 0x3F000000
    half = choose(magnitude < BIAS + 2**SINGLE.mantissa, low, normal)
    # From 65520 on, half a place above the largest half.
    half = choose(magnitude >= 0x477FF000, 0x7C00, half)
    nan = ((magnitude >> MOVED) & 0x3FF) | 0x7E00
    half = choose(magnitude > INFINITE, nan, half)
    return half | ((bits >> 16) & 0x8000)


def single_of_half(bits: Number) -> Number:
    """The single with the value of a half's bits; NaN becomes quiet."""
    magnitude = (bits & 0x7FFF) << MOVED
    finite = (magnitude.floats() * 2.0**112).bits()
    special = magnitude | INFINITE
    special = choose((bits & 0x3FF).equals(0), special, special | QUIET)
    single = choose(magnitude >= 0x7C00 << MOVED, special, finite)
    return (single | ((bits & 0x8000) << 16)).floats()
