"""Logarithms: ``log``, ``log2``, ``log10``, ``log1p``.

All write ``x = 2**k * (1 + f)`` with 1 + f between sqrt(1/2) and sqrt(2). In double precision
log(1 + f) = f - f**2/2 + s * (f**2/2 + s**2 * R(s**2)) with s = f / (2 + f), which follows from
log(1 + f) = 2 atanh(s) (FreeBSD msun, e_log.c); in single precision a polynomial in f alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..assembly import FunctionWriter, Value
from .exponential import LN2_HIGH, LN2_LOW
from .number import Number, choose, fma, polynomial

SQRT_HALF_BITS = {"i64": 0x3FE6A09E667F3BCD, "i32": 0x3F3504F3}
INFINITY = float("inf")
NAN = float("nan")

# (2 atanh(s)/s - 2)/s**2 as a polynomial in s**2, |s| <= (sqrt 2 - 1)/(sqrt 2 + 1); minimax by
# the Remez algorithm, 2**-58.5 of the logarithm.
ATANH_TAIL = (
    0.6666666666666735, 0.3999999999940937, 0.28571428743681443, 0.2222219842962985,
    0.1818357231531358, 0.15313833303538496, 0.14798246306294824,
)  # fmt: skip

# (log(1 + f) - f + f**2/2)/f**3 as a polynomial in f; minimax by the Remez algorithm, 2**-27.3.
LOG_TAIL = (
    0.3333333134651184, -0.250008225440979, 0.20001257956027985, -0.16623316705226898,
    0.14200997352600098, -0.1315985918045044, 0.12767091393470764, -0.07642422616481781,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Split:
    """``x = 2**exponent * (1 + fraction)``, the exponent as a float."""

    exponent: Number
    fraction: Number


def exponent_field(bits: Number) -> Number:
    """The exponent field of positive floats given by their bits, plus 2**mantissa, as a float.

    Put under the exponent of 2**mantissa the field reads as that number plus the field; there is
    no need of a conversion from integers, which many machines lack for 64 bits.
    """
    form = bits.format
    return ((bits >> form.mantissa) | (form.bias + form.mantissa << form.mantissa)).floats()


def centred(bits: Number) -> Number:
    """Bits moved so that the exponent field steps at sqrt(1/2) times powers of two."""
    form = bits.format
    return bits + ((form.bias << form.mantissa) - SQRT_HALF_BITS[form.integer])


def split_at(bits: Number, bias: Number | float) -> Split:
    """Exponent and fraction from the bits of a positive number, less the bias of the exponent."""
    form = bits.format
    moved = centred(bits)
    mantissa = ((moved & form.mantissa_mask) + SQRT_HALF_BITS[form.integer]).floats()
    return Split(exponent_field(moved) - bias, mantissa - 1.0)


def split_normal(x: Number) -> Split:
    """Exponent and fraction of a positive normal number."""
    return split_at(x.bits(), 2.0**x.format.mantissa + x.format.bias)


def split(x: Number) -> Split:
    """Exponent and fraction of a positive finite number, subnormal ones included."""
    form = x.format
    small = x < form.tiny
    lift = form.mantissa + 2
    bias = 2.0**form.mantissa + form.bias
    bits = choose(small, x * 2.0**lift, x).bits()
    return split_at(bits, choose(small, x.of(bias + lift), bias))


def log_tail(f: Number) -> tuple[Number, Number]:
    """``(h, t)`` with log(1 + f) = f - h + t, h = f**2/2 rounded and t the small rest."""
    half_square = f * 0.5 * f
    if f.element == "float":
        return half_square, f * f * f * polynomial(f, LOG_TAIL)
    s = f / (f + 2.0)
    z = s * s
    return half_square, s * fma(z, polynomial(z, ATANH_TAIL), half_square)


def log_at_edges(x: Number, y: Number) -> Number:
    """The logarithm ``y`` of x put right at zero, infinity, NaN and below zero."""
    outside = choose(x.equals(0.0), y.of(-INFINITY), NAN)
    return choose(x.equals(INFINITY), x, choose(x > 0.0, y, outside))


def combine(k: Number, f: Number, extra: Number | None = None) -> Number:
    """``k * ln 2 + log(1 + f) (+ extra / 4)``, the small terms summed first."""
    half_square, tail = log_tail(f)
    low = fma(k, LN2_LOW[k.element], tail)
    if extra is not None:
        low = fma(extra, 0.25, low)
    return fma(k, LN2_HIGH[k.element], f + (low - half_square))


def log(w: FunctionWriter, x: Value) -> Value:
    """Natural logarithm; all x; under 1 ulp (f64 and f32)."""
    v = Number(w, x)
    parts = split(v)
    return log_at_edges(v, combine(parts.exponent, parts.fraction)).value


def log1p(w: FunctionWriter, x: Value) -> Value:
    """``log(1 + x)``; all x; under 1 ulp (f64 and f32).

    The exponent k comes from the rounded 1 + x, the fraction from x itself:
    f = 2**-k * x + (2**-k - 1) is rounded once, and what that loses is added to the small terms.
    """
    v = Number(w, x)
    y = log1p_of_sum(v, None)
    outside = choose(v.equals(-1.0), v.of(-INFINITY), NAN)
    y = choose(v > -1.0, y, outside)
    # The sign of x is the sign of the result; this matters for -0.
    return choose(v.equals(INFINITY), v, y.with_sign_of(v)).value


def log1p_of_sum(high: Number, low: Number | None) -> Number:
    """``log(1 + high + low)`` for a positive finite 1 + high, ``low`` under an ulp of ``high``."""
    form = high.format
    moved = centred((high + 1.0).bits())
    k = exponent_field(moved) - (2.0**form.mantissa + form.bias)
    # 4 * 2**-k, from the negated exponent field; four times, to be normal for the largest k.
    twice = 2 * form.bias + 2 << form.mantissa
    down = (moved.of(twice) - (moved & form.exponent_mask)).floats()
    less = down - 4.0
    f = fma(down, high, less)
    lost = fma(down, high, less - f)
    if low is not None:
        lost = fma(down, low, lost)
    f = f * 0.25
    # d log(1 + f) = df / (1 + f), of which 1 - f is enough for so small a df.
    return combine(k, f, fma(f, -lost, lost))


# 1/ln 2, 1/ln 10 and log10(2) as sums of two numbers of the format.
INVERSE_LN2 = {
    "double": (1.4426950408889634, 2.0355273740931033e-17),
    "float": (1.4426950216293335, 1.925963033500011e-08),
}
INVERSE_LN10 = {
    "double": (0.4342944819032518, 1.098319650216765e-17),
    "float": (0.4342944920063019, -1.0103049952192578e-08),
}
LOG10_2 = {
    "double": (0.3010299956639812, -2.8037281277851704e-18),
    "float": (0.3010300099849701, -1.432098883924482e-08),
}


def log_in_base(
    x: Number, inverse: tuple[float, float], step: tuple[float, float] | None
) -> Number:
    """``k * step + log(1 + f) * inverse`` with both products carried to twice the precision.

    Exact powers of the base so come out exact. A step of None is one.
    """
    parts = split(x)
    k, f = parts.exponent, parts.fraction
    half_square, tail = log_tail(f)
    high = f - half_square
    low = f - high - half_square + tail
    product = high * inverse[0]
    rest = fma(high, inverse[0], -product)
    rest = fma(low, inverse[0], fma(high, inverse[1], rest))
    whole = k
    if step is not None:
        whole = k * step[0]
        rest = fma(k, step[1], rest) + fma(k, step[0], -whole)
    total = whole + product
    return log_at_edges(x, total + (whole - total + product + rest))


def log2(w: FunctionWriter, x: Value) -> Value:
    """Logarithm to base 2; all x; exact at powers of two; under 1 ulp (f64 and f32)."""
    v = Number(w, x)
    return log_in_base(v, INVERSE_LN2[v.element], None).value


def log10(w: FunctionWriter, x: Value) -> Value:
    """Logarithm to base 10; all x; exact at powers of ten; under 1 ulp (f64 and f32)."""
    v = Number(w, x)
    return log_in_base(v, INVERSE_LN10[v.element], LOG10_2[v.element]).value
