"""Inverse circular functions: ``asin``, ``acos``, ``atan``, ``atan2``.

All end as ``base + s + s**3 * P(s**2)`` with a base that is zero, pi/2 or pi, as a sum of two
numbers; the largest two terms are summed exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..assembly import FunctionWriter, Value
from .number import Coefficients, Number, careful_polynomial, choose, fma, polynomial
from .trigonometric import HALF_PI

# (asin(s)/s - 1)/s**2 in powers of s**2 for |s| <= 1/2, minimax of the error relative to asin s,
# by the Remez algorithm; 2**-55.9 and 2**-27.6.
ASIN: Coefficients = {
    "double": (
        0.16666666666665403, 0.07500000000338593, 0.04464285682693757, 0.030381959197254848,
        0.02237175654498473, 0.017359728257465026, 0.013884996399209804, 0.01217082328017788,
        0.006520836751278222, 0.019548233163282414, -0.0162562289140747, 0.031934607389100325,
    ),
    "float": (0.16666752099990845, 0.07495306432247162, 0.04546976834535599,
        0.024180814623832703, 0.04216630756855011,
    ),
}  # fmt: skip

# (atan(s)/s - 1)/s**2 in powers of s**2 for |s| <= 1, likewise; 2**-56.0 and 2**-28.5.
ATAN: Coefficients = {
    "double": (
        -0.3333333333333307, 0.19999999999951748, -0.14285714282588002, 0.11111111007338965,
        -0.09090907007736837, 0.07692279888112952, -0.06666404416309991, 0.058805297645519304,
        -0.05253526585286892, 0.04722347707358048, -0.042192419257114255, 0.036643128159582185,
        -0.029905700266856697, 0.021987023725292928, -0.013902529363465836,
        0.007197851393411543, -0.002885591672447588, 0.0008315531106945104,
        -0.0001522097068384802, 1.3229854601492842e-05,
    ),
    "float": (
        -0.33333298563957214, 0.1999852955341339, -0.1426403969526291, 0.10951153934001923,
        -0.08400541543960571, 0.05790964141488075, -0.031131740659475327, 0.010890637524425983,
        -0.001788413617759943,
    ),
}  # fmt: skip


# The bits of 1/x are about this less the bits of x: twice those of one, less what halves the error.
INVERSE_SEED = {"i64": 0x7FDE624DD2F1A9FC, "i32": 0x7EF3126F}


@dataclass(frozen=True, slots=True)
class Base:
    """A constant by lane, as a sum of two numbers."""

    high: Number
    low: Number


def base(x: Number, turns: float) -> Base:
    """So many quarter turns in every lane."""
    high, low, _ = HALF_PI[x.element]
    return Base(x.of(turns * high), x.of(turns * low))


def choose_base(mask: Number, yes: Base, no: Base) -> Base:
    """One base or the other, by lane."""
    return Base(choose(mask, yes.high, no.high), choose(mask, yes.low, no.low))


def add_to_base(start: Base, main: Number, tail: tuple[Number, Number]) -> Number:
    """``start + main`` and the smaller product ``tail``; main no larger than a nonzero base."""
    total = start.high + main
    lost = start.high - total + main
    return total + fma(*tail, lost + start.low)


@dataclass(frozen=True, slots=True)
class Arc:
    """``main + cube * slope`` is asin of x up to 1/2 in size, else of sqrt((1 - |x|)/2)."""

    far: Number
    main: Number
    cube: Number
    slope: Number


def arc(x: Number) -> Arc:
    """The part that arc sine and arc cosine share. Arguments beyond one give NaN."""
    size = abs(x)
    far = size > 0.5
    z = choose(far, fma(size, -0.5, 0.5), x * x)
    main = choose(far, z.sqrt(), x)
    return Arc(far, main, main * z, polynomial(z, ASIN[x.element]))


def asin(w: FunctionWriter, x: Value) -> Value:
    """Arc sine; |x| <= 1, NaN beyond; about 1.1 ulp (f64 and f32).

    asin(x) = pi/2 - 2 asin(sqrt((1 - x)/2)) for x > 1/2.
    """
    v = Number(w, x)
    a = arc(abs(v))
    factor = choose(a.far, v.of(-2.0), 1.0)
    start = choose_base(a.far, base(v, 1), base(v, 0))
    return add_to_base(start, factor * a.main, (factor * a.cube, a.slope)).with_sign_of(v).value


def acos(w: FunctionWriter, x: Value) -> Value:
    """Arc cosine; |x| <= 1, NaN beyond; about 1.2 ulp (f64 and f32)."""
    v = Number(w, x)
    a = arc(v)
    factor = choose(a.far, v.of(2.0).with_sign_of(v), -1.0)
    start = choose_base(v < 0.0, base(v, 2), base(v, 0))
    start = choose_base(a.far, start, base(v, 1))
    return add_to_base(start, factor * a.main, (factor * a.cube, a.slope)).value


def atan_from(start: Base, s: Number, low: Number | None = None) -> Number:
    """``start + atan(s + low)`` for |s| <= 1 and a low under an ulp of it."""
    z = s * s
    if low is not None:
        # The slope is 1/(1 + z), of which a line is enough.
        start = Base(start.high, fma(low, fma(z, -0.5, 1.0), start.low))
    return add_to_base(start, s, (s * z, careful_polynomial(z, ATAN[s.element])))


def atan(w: FunctionWriter, x: Value) -> Value:
    """Arc tangent; all x; about 1.2 ulp (f64 and f32).

    Beyond one, atan(x) = pi/2 + atan(-1/x).
    """
    v = Number(w, x)
    size = abs(v)
    steep = size > 1.0
    s = choose(steep, -1.0, size) / choose(steep, size, 1.0)
    return atan_from(choose_base(steep, base(v, 1), base(v, 0)), s).with_sign_of(v).value


def atan2(w: FunctionWriter, y: Value, x: Value) -> Value:
    """Angle of the point (x, y), in (-pi, pi]; all x and y; about 1.1 ulp (f64 and f32).

    The smaller coordinate is divided by the larger, so nothing overflows; what rounding takes from
    the quotient is added again, where the coordinates are finite. Signs of zeros count, and
    infinities stand for directions, as IEEE 754 has it.
    """
    p, q = Number(w, x), Number(w, y)
    across, along = abs(q), abs(p)
    steep = across > along
    # The arc tangent is odd: mirroring in the y axis flips the sign of the quotient.
    sign = p.bits() & (1 << p.format.width - 1)
    numerator = (choose(steep, -along, across).bits() ^ sign).floats()
    denominator = choose(steep, across, along)
    s = numerator / denominator
    low = fma(-s, denominator, numerator) * rough_inverse(denominator)
    # What is not as small as rounding is not of this origin: infinities, the largest divisors.
    low = choose(abs(low) < abs(s) * 2.0**-p.format.mantissa, low, 0.0)
    diagonal = (choose(across.equals(0.0), across, 1.0).bits() ^ sign).floats()
    s = choose(across.equals(along), diagonal, s)
    flat = choose_base(sign.equals(0), base(p, 0), base(p, 2))
    return atan_from(choose_base(steep, base(p, 1), flat), s, low).with_sign_of(q).value


def rough_inverse(x: Number) -> Number:
    """``1/x`` to five per cent for a positive number: bits are about linear in the logarithm."""
    form = x.format
    return (x.bits().of(INVERSE_SEED[form.integer]) - x.bits()).floats()
