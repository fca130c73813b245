"""Logarithms: ``log``, ``log2``, ``log10``, ``log1p``.

All write ``x = 2**k * (1 + f)`` with 1 + f between 3/4 and 3/2. In double precision log(1 + f) =
f - s * (f - s**2 * R(s**2)) with s = f / (2 + f), which follows from log(1 + f) = 2 atanh(s)
(FreeBSD msun, e_log.c); in single precision a polynomial in f alone, or, where tables of sixteen
are in a register, a short polynomial around the nearest number of a table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..assembly import FunctionWriter, Value
from .exponential import LN2_HIGH, LN2_LOW
from .exponents import INFINITY, NAN, centred, exponent_field, scaled_by, split
from .number import Number, choose, fma, horner, polynomial
from .tables import has_tables, look_up

# (2 atanh(s)/s - 2)/s**2 as a polynomial in s**2, |s| <= 1/5; minimax by the Remez algorithm,
# 2**-55.9 of the logarithm.
ATANH_TAIL = (
    0.6666666666667271, 0.39999999996160074, 0.2857142939558159, 0.22222138477564368,
    0.1818635704916035, 0.1525016929493959, 0.1536833666788178,
)  # fmt: skip

# (f - log(1 + f))/f**2 as a polynomial in f; minimax by the Remez algorithm, 2**-27.5.
LOG_LOSS = (
    0.5, -0.3333345055580139, 0.25000104308128357, -0.19990798830986023, 0.16646865010261536,
    -0.14478455483913422, 0.1316632181406021, -0.10474257171154022, 0.04514676705002785,
)  # fmt: skip


def log_loss(f: Number) -> Number:
    """``f - log(1 + f)``, which is small beside f."""
    if f.element == "float":
        return f * f * polynomial(f, LOG_LOSS)
    s = f / (f + 2.0)
    z = s * s
    return s * fma(-z, polynomial(z, ATANH_TAIL), f)


def combine(k: Number, f: Number, extra: Number | None = None) -> Number:
    """``k * ln 2 + log(1 + f) (+ extra / 4)``, the small terms summed first."""
    low = fma(k, LN2_LOW[k.element], -log_loss(f))
    if extra is not None:
        low = fma(extra, 0.25, low)
    return fma(k, LN2_HIGH[k.element], f + low)


# 1/ln 2 and 1/ln 10 as sums of two numbers of the format, and log10(2), the first of which
# is short, so that its multiples by exponents are exact.
INVERSE_LN2 = {
    "double": (1.4426950408889634, 2.0355273740931033e-17),
    "float": (1.4426950216293335, 1.925963033500011e-08),
}
INVERSE_LN10 = {
    "double": (0.4342944819032518, 1.098319650216765e-17),
    "float": (0.4342944920063019, -1.0103049952192578e-08),
}
LOG10_2 = {
    "double": (0.30102999566383914, 1.42050232272661e-13),
    "float": (0.301025390625, 4.605039066518191e-06),
}


@dataclass(frozen=True, slots=True)
class Table:
    """For a base: numbers c near 1/m for m in sixteen parts of [3/4, 3/2), found by their index,
    such that log c is nearly a number of single precision; log(1 + r)/r in powers of r from -1/32
    to 1/16, and what rounding takes from its constant term; log 2 as a sum of two numbers.
    """

    inverses: tuple[float, ...]
    series: tuple[float, ...]
    step: tuple[float, float]
    slope_rest: float = 0.0

    def logarithms(self, base: float) -> tuple[float, ...]:
        """``-log c``, which is log m but for a little."""
        return tuple(0.0 if c == 1.0 else -math.log(c) / math.log(base) for c in self.inverses)


# By the Remez algorithm; 2**-33.0, 2**-26.1 and 2**-25.0.
TABLES: dict[float, Table] = {
    math.e: Table(
        (
            1.0, 0.9141950607299805, 0.8649938106536865, 0.8206610679626465, 0.7804491519927979,
            0.7440251111984253, 0.7110862731933594, 0.6810204982757568, 1.3061445951461792,
            1.2551628351211548, 1.2075895071029663, 1.1636261940002441, 1.123076319694519,
            1.084391474723816, 1.0495269298553467, 1.0,
        ),
        (
            1.0, -0.5, 0.33333343267440796, -0.2500112056732178, 0.1999678909778595,
            -0.15525899827480316,
        ),
        (LN2_HIGH["float"], LN2_LOW["float"]),
    ),
    2.0: Table(
        (
            1.0, 0.9141800999641418, 0.864696204662323, 0.8205010294914246, 0.7804515361785889,
            0.7441802620887756, 0.7112435698509216, 0.6807578206062317, 1.306103229522705,
            1.2549718618392944, 1.2072559595108032, 1.163947582244873, 1.1231578588485718,
            1.0847076177597046, 1.048885464668274, 1.0,
        ),
        (
            1.4426950216293335, -0.7213475704193115, 0.4809187650680542, -0.3607670068740845,
            0.27110451459884644,
        ),
        (1.0, 0.0),
    ),
    10.0: Table(
        (
            1.0, 0.9142415523529053, 0.8648740649223328, 0.8204715251922607, 0.7805492877960205,
            0.744207501411438, 0.7110165357589722, 0.68080073595047, 1.3062996864318848,
            1.2548538446426392, 1.2075159549713135, 1.1635754108428955, 1.1230847835540771,
            1.0846892595291138, 1.0494015216827393, 1.0,
        ),
        (
            0.4342944920063019, -0.21714724600315094, 0.14477097988128662, -0.10860169678926468,
            0.08161059021949768,
        ),
        (0.3010299503803253, 4.528329844860901e-08),
        INVERSE_LN10["float"][1],
    ),
}  # fmt: skip


def log_by_table(x: Number, base: float) -> Number:
    """The logarithm in single precision, for a base of ``TABLES``; all x."""
    table = TABLES[base]
    parts = split(x)
    index = parts.mantissa.bits() >> 19
    inverse = look_up(table.inverses, index)
    r = fma(parts.mantissa, inverse, -1.0)
    part = look_up(table.logarithms(base), index)
    part = fma(r, table.slope_rest, part) if table.slope_rest else part
    part = fma(r, horner(r, table.series), part)
    high, low = table.step
    if high == 1.0:
        return parts.exponent + part
    return fma(parts.exponent, high, fma(parts.exponent, low, part))


def log(w: FunctionWriter, x: Value) -> Value:
    """Natural logarithm; all x; under 1 ulp (f64 and f32)."""
    v = Number(w, x)
    if v.element == "float" and has_tables(v):
        return log_by_table(v, math.e).value
    parts = split(v)
    return combine(parts.exponent, parts.mantissa - 1.0).value


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
    if high.element == "float" and has_tables(high):
        return log1p_by_table(high, low)
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


def log1p_by_table(high: Number, low: Number | None) -> Number:
    """The same in single precision, with the table of natural logarithms.

    Near zero, where the table has zero, the sum ends with a small term added to ``high``.
    """
    table = TABLES[math.e]
    parts = split(high + 1.0)
    k, index = parts.exponent, parts.mantissa.bits() >> 19
    down = scaled_by(look_up(table.inverses, index), -k)
    r = fma(down, high, down - 1.0)
    tail = k * LN2_LOW["float"]
    tail = tail if low is None else fma(down, low, tail)
    tail = fma(r * r, horner(r, table.series[1:]), tail)
    return fma(k, LN2_HIGH["float"], r + tail + look_up(table.logarithms(math.e), index))


def log_in_base(x: Number, inverse: tuple[float, float], step: tuple[float, float]) -> Number:
    """``k * step + log(1 + f) * inverse``, the large terms carried to twice the precision.

    Exact powers of the base so come out exact.
    """
    parts = split(x)
    k, f = parts.exponent, parts.mantissa - 1.0
    whole, product = k * step[0], f * inverse[0]
    rest = fma(f, inverse[1], fma(f, inverse[0], -product))
    rest = fma(k, step[1], rest) if step[1] else rest
    rest = fma(-log_loss(f), inverse[0], rest)
    total = whole + product
    y = total + (whole - total + product + rest)
    return choose((k - k).equals(0.0), y, k)


def log2(w: FunctionWriter, x: Value) -> Value:
    """Logarithm to base 2; all x; exact at powers of two; about 1.2 ulp (f64 and f32)."""
    v = Number(w, x)
    if v.element == "float" and has_tables(v):
        return log_by_table(v, 2.0).value
    return log_in_base(v, INVERSE_LN2[v.element], (1.0, 0.0)).value


def log10(w: FunctionWriter, x: Value) -> Value:
    """Logarithm to base 10; all x; exact at powers of ten; about 1.2 ulp (f64 and f32)."""
    v = Number(w, x)
    if v.element == "float" and has_tables(v):
        return log_by_table(v, 10.0).value
    return log_in_base(v, INVERSE_LN10[v.element], LOG10_2[v.element]).value
