"""Taking numbers apart into exponent and mantissa, and putting them together.

AVX-512 has instructions for both, which know zero, infinity, NaN and subnormal numbers; elsewhere
the bits are moved about. Both ways give the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..assembly import Value, constant, like
from .number import Number, choose

INFINITY = float("inf")
NAN = float("nan")
THREE_QUARTERS = {"i64": 0x3FE8000000000000, "i32": 0x3F400000}
AS_ROUNDED = constant("i32", 4)
"""The rounding mode of instructions that can be told one: that of all others."""
ANY_SIGN_OF_ZERO = constant("i32", 0b1111)
"""The mantissa in [3/4, 3/2), NaN for negative numbers, 1 for zeros of both signs."""
WITHOUT_SIGN = constant("i32", 0b0100)
"""The mantissa in [1, 2), positive."""


@dataclass(frozen=True, slots=True)
class Split:
    """``x = 2**exponent * mantissa``, the exponent as a float; 3/4 <= mantissa < 3/2.

    For zero and infinity the mantissa is 1 and the exponent infinite, with its sign; below zero
    and for NaN the exponent is NaN.
    """

    exponent: Number
    mantissa: Number


def has_instructions(x: Number) -> bool:
    """Whether AVX-512 has vectors of this type."""
    return x.w.module.avx512 and x.value.type in ("<8 x double>", "<16 x float>")


def _instruction(name: str, x: Number, *more: Value) -> Number:
    """An instruction of AVX-512 on whole registers, without a mask."""
    type, letter = x.value.type, "d" if x.element == "double" else "s"
    none = constant(like(type, x.element), 0.0)
    every = constant(f"i{x.lanes}", -1)
    arguments = [x.value, *more, none, every, AS_ROUNDED]
    return Number(x.w, x.w.call_pure(f"llvm.x86.avx512.mask.{name}.p{letter}.512", type, arguments))


def split(x: Number) -> Split:
    """Exponent and mantissa of any number."""
    if has_instructions(x):
        mantissa = _instruction("getmant", x, ANY_SIGN_OF_ZERO)
        exponent = _instruction("getexp", x) - _instruction("getexp", mantissa)
        return Split(exponent, mantissa)
    form = x.format
    small = x < form.tiny
    lift = form.mantissa + 2
    bias = 2.0**form.mantissa + form.bias
    bits = choose(small, x * 2.0**lift, x).bits()
    parts = split_at(bits, choose(small, x.of(bias + lift), bias))
    ordinary = (x > 0.0) & (x < INFINITY)
    edge = choose(x < 0.0, NAN, choose(x.equals(0.0), -INFINITY, x))
    return Split(choose(ordinary, parts.exponent, edge), choose(ordinary, parts.mantissa, 1.0))


def split_at_powers(x: Number) -> Split:
    """Exponent and mantissa of ``|x|``, the mantissa in [1, 2): two instructions where there are.

    Of zero, infinity and NaN the exponent is infinite, with its sign, or NaN.
    """
    if has_instructions(x):
        return Split(_instruction("getexp", x), _instruction("getmant", x, WITHOUT_SIGN))
    form, size = x.format, abs(x)
    small = size < form.tiny
    lift = form.mantissa + 2
    bits = choose(small, size * 2.0**lift, size).bits()
    bias = 2.0**form.mantissa + form.bias
    exponent = exponent_field(bits) - choose(small, x.of(bias + lift), bias)
    edge = choose(size.equals(0.0), -INFINITY, size)
    mantissa = ((bits & form.mantissa_mask) | (form.bias << form.mantissa)).floats()
    return Split(choose((size > 0.0) & (size < INFINITY), exponent, edge), mantissa)


def split_normal(x: Number) -> Split:
    """Exponent and mantissa of a positive normal number."""
    if has_instructions(x):
        return split(x)
    return split_at(x.bits(), 2.0**x.format.mantissa + x.format.bias)


def split_at(bits: Number, bias: Number | float) -> Split:
    """Exponent and mantissa from the bits of a positive number, less the bias of the exponent."""
    form = bits.format
    moved = centred(bits)
    mantissa = ((moved & form.mantissa_mask) + THREE_QUARTERS[form.integer]).floats()
    return Split(exponent_field(moved) - bias, mantissa)


def exponent_field(bits: Number) -> Number:
    """The exponent field of positive floats given by their bits, plus 2**mantissa, as a float.

    Put under the exponent of 2**mantissa the field reads as that number plus the field; there is
    no need of a conversion from integers, which many machines lack for 64 bits.
    """
    form = bits.format
    return ((bits >> form.mantissa) | (form.bias + form.mantissa << form.mantissa)).floats()


def centred(bits: Number) -> Number:
    """Bits moved so that the exponent field steps at three quarters of powers of two."""
    form = bits.format
    return bits + ((form.bias << form.mantissa) - THREE_QUARTERS[form.integer])


def power_of_two(shifted: Number) -> Number:
    """``2**n`` for an n in the range of exponents, given ``n + rounder``."""
    return (shifted.bits() << shifted.format.mantissa).floats()


def scale(y: Number, shifted: Number, upward: Number) -> Number:
    """``y * 2**n`` for an n that may leave the range of exponents at the end that ``upward`` names.

    Multiplies by 2**(n - k) and then by 2**k, so that results underflow gradually, rounded once,
    and overflow to infinity. The first factor must be normal for all n that can occur.
    """
    if has_instructions(y):
        return _scaled(y, shifted)
    form = y.format
    k = form.bias // 4
    ones = shifted.bits()
    shift = choose(upward, ones.of(-k), k)
    factor = ((ones + shift) << form.mantissa).floats()
    return y * factor * choose(upward, y.of(2.0**k), 2.0**-k)


def scale_down(y: Number, shifted: Number) -> Number:
    """``y * 2**n`` for n <= 0, underflowing gradually."""
    if has_instructions(y):
        return _scaled(y, shifted)
    k = y.format.bias // 4
    factor = (shifted.bits() + k << y.format.mantissa).floats()
    return y * factor * 2.0**-k


def scaled_by(y: Number, n: Number) -> Number:
    """``y * 2**n`` for a whole number n, rounded once."""
    if has_instructions(y):
        return _instruction("scalef", y, n.value)
    return scale(y, n + n.format.rounder, n > 0.0)


def _scaled(y: Number, shifted: Number) -> Number:
    return scaled_by(y, shifted - shifted.format.rounder)
