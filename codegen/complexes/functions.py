"""Elementary functions of pairs: exponentials, logarithms, roots and powers, circular functions.

The values at zeros, infinities and NaN are those of C's Annex G, which NumPy's follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from pullback.tracer.primitives import elementwise as rows
from pullback.tracer.trace import Tracer

from .arithmetic import is_nan, mul
from .pair import (
    Pair,
    as_value,
    choose,
    choose_pair,
    finite,
    infinite,
    limits,
    with_sign,
)

LN2 = math.log(2.0)


def _unless_zero(factor: Tracer, part: Tracer, angle: Tracer) -> Tracer:
    """``factor * part``, where the part is 0 as the angle is: 0, be the factor infinite."""
    return choose(angle == 0.0, angle, factor * part)


def exp(x: Pair) -> Pair:
    """``e^re (cos im + i sin im)``; the factor in two parts where it alone would overflow."""
    top = limits(x.re).overflow
    large = x.re > top
    factor = rows.exp(choose(large, x.re - top, x.re))
    rest = choose(large, math.exp(top), as_value(1.0, x.re))
    re = factor * rows.cos(x.im) * rest
    im = _unless_zero(factor, rows.sin(x.im), x.im) * rest
    strange = infinite(x.re) & ~finite(x.im)
    below = x.re < 0.0
    re = choose(strange, choose(below, as_value(0.0, re), math.inf), re)
    return Pair(re, choose(strange, choose(below, as_value(0.0, im), math.nan), im))


def exp2(x: Pair) -> Pair:
    return exp(Pair(x.re * LN2, x.im * LN2))


def expm1(x: Pair) -> Pair:
    """Without cancellation near 0: ``cos y = 1 - 2 sin(y/2)^2``."""
    half = rows.sin(x.im * 0.5)
    near = rows.expm1(x.re) * rows.cos(x.im) - 2.0 * half * half
    far = exp(x)
    return Pair(choose(x.re < 1.0, near, far.re - 1.0), far.im)


def log(x: Pair) -> Pair:
    """The logarithm of the size, and the angle.

    Near the unit circle the former is ``log1p(|z|^2 - 1) / 2``, with the difference of squares as
    a product.
    """
    a, b = abs(x.re), abs(x.im)
    large, small = rows.maximum(a, b), rows.minimum(a, b)
    _, huge, tiny = limits(a)
    scale = choose(large > huge, 1.0 / huge, choose(large < tiny, 1.0 / tiny, as_value(1.0, a)))
    shift = choose(
        large > huge,
        math.log(huge),
        choose(large < tiny, math.log(tiny), as_value(0.0, a)),
    )
    far = rows.log(rows.hypot(x.re * scale, x.im * scale)) + shift
    near = 0.5 * rows.log1p((large - 1.0) * (large + 1.0) + small * small)
    on_circle = (large > 0.5) & (large < 1.5) & (small < 1.5)
    return Pair(choose(on_circle, near, far), rows.atan2(x.im, x.re))


def log2(x: Pair) -> Pair:
    result = log(x)
    return Pair(result.re * (1.0 / LN2), result.im * (1.0 / LN2))


def log10(x: Pair) -> Pair:
    result = log(x)
    return Pair(result.re * (1.0 / math.log(10.0)), result.im * (1.0 / math.log(10.0)))


def log1p(x: Pair) -> Pair:
    """Like the logarithm of ``1 + z``, but not rounding the sum first."""
    shifted = Pair(x.re + 1.0, x.im)
    far = log(shifted)
    near = 0.5 * rows.log1p(x.re * (2.0 + x.re) + x.im * x.im)
    return Pair(choose((abs(x.re) < 0.5) & (abs(x.im) < 0.5), near, far.re), far.im)


def sqrt(x: Pair) -> Pair:
    """The larger part as ``sqrt((|re| + |z|) / 2)``, the other by division; scaled on the way."""
    a, b = abs(x.re), abs(x.im)
    large = rows.maximum(a, b)
    _, huge, tiny = limits(a)
    scale = choose(
        large > huge, 1.0 / (huge * huge), choose(large < tiny, huge * huge, as_value(1.0, a))
    )
    back = choose(large > huge, huge, choose(large < tiny, 1.0 / huge, as_value(1.0, a)))
    major = rows.sqrt(0.5 * (a * scale + rows.hypot(x.re * scale, x.im * scale))) * back
    minor = choose((b == 0.0) & (a == a), b, b / (2.0 * major))
    left = (x.re < 0.0) & ~is_nan(x)
    result = Pair(choose(left, minor, major), with_sign(choose(left, major, minor), x.im))
    result = choose_pair(
        infinite(x.re),
        Pair(
            choose(x.re > 0.0, x.re, choose(rows.is_nan(x.im), math.nan, as_value(0.0, a))),
            choose(
                x.re > 0.0,
                choose(rows.is_nan(x.im), x.im, with_sign(0.0, x.im)),
                with_sign(math.inf, x.im),
            ),
        ),
        result,
    )
    return Pair(
        choose(infinite(x.im), math.inf, result.re), choose(infinite(x.im), x.im, result.im)
    )


def pow(x: Pair, y: Pair) -> Pair:
    """``exp(y log x)``; the powers of 0 and by 0 as NumPy has them."""
    result = exp(mul(y, log(x)))
    one, zero, unknown = (as_value(v, x.re) for v in (1.0, 0.0, math.nan))
    of_nothing = (x.re == 0.0) & (x.im == 0.0)
    vanishes = y.re > 0.0
    result = choose_pair(
        of_nothing, Pair(choose(vanishes, zero, unknown), choose(vanishes, zero, unknown)), result
    )
    result = choose_pair((y.re == 1.0) & (y.im == 0.0), x, result)
    return choose_pair((y.re == 0.0) & (y.im == 0.0), Pair(one, zero), result)


def _sinh_and_cosh(x: Tracer) -> tuple[Tracer, Tracer, Tracer]:
    """Both of ``|x|`` and a factor left apart, so that they do not overflow before a result."""
    top = limits(x).overflow
    a = abs(x)
    large = a > top
    below = rows.expm1(choose(large, a - top, a))
    whole = below + 1.0
    one = as_value(1.0, x)
    sinh = 0.5 * (below + choose(infinite(whole), one, below / whole))
    cosh = 0.5 * (whole + 1.0 / whole)
    # Beyond the limit both are half of the exponential, to the last digit.
    sinh, cosh = choose(large, 0.5 * whole, sinh), choose(large, 0.5 * whole, cosh)
    return sinh, cosh, choose(large, math.exp(top), one)


def sinh(x: Pair) -> Pair:
    """``sinh re cos im + i cosh re sin im``."""
    s, c, rest = _sinh_and_cosh(x.re)
    re = with_sign(1.0, x.re) * s * rows.cos(x.im) * rest
    im = _unless_zero(c, rows.sin(x.im), x.im) * rest
    strange = ~finite(x.im)
    re = choose(strange & infinite(x.re), math.inf, re)
    return Pair(choose(strange & (x.re == 0.0), x.re, re), im)


def cosh(x: Pair) -> Pair:
    """``cosh re cos im + i sinh re sin im``."""
    s, c, rest = _sinh_and_cosh(x.re)
    re = c * rows.cos(x.im) * rest
    sign = choose(rows.is_nan(x.re), 1.0, with_sign(1.0, x.re))
    im = sign * _unless_zero(s, rows.sin(x.im), x.im) * rest
    strange = ~finite(x.im)
    im = choose(strange & (x.re == 0.0), 0.0, im)
    return Pair(choose(strange & infinite(x.re), math.inf, re), im)


def tanh(x: Pair) -> Pair:
    """By ``d = 1 - e`` and ``e = exp(-2 |re|)``: no term overflows, and no difference cancels.

    ``(d (1 + e) + 4 i e sin im cos im) / (d^2 + 4 e cos(im)^2)``, with the sign of re.
    """
    grown = rows.expm1(2.0 * abs(x.re))
    e = 1.0 / (1.0 + grown)
    d = choose(infinite(grown), 1.0, grown * e)
    sin, cos = rows.sin(x.im), rows.cos(x.im)
    below = d * d + 4.0 * e * cos * cos
    re = with_sign(d * (1.0 + e) / below, x.re)
    im = choose(x.im == 0.0, x.im, 4.0 * e * sin * cos / below)
    far = infinite(x.re) & ~finite(x.im)
    re = choose(far, with_sign(1.0, x.re), choose(x.re == 0.0, x.re, re))
    return Pair(re, choose(far, with_sign(0.0, x.im), im))


def asinh(x: Pair) -> Pair:
    return asin(x.turned()).turned()


def _half_root(re: Tracer, im: Tracer) -> Pair:
    """Half of the square root: of the largest numbers a product of roots would overflow."""
    root = sqrt(Pair(re, im))
    return Pair(0.5 * root.re, 0.5 * root.im)


def _asinh_of_double(x: Tracer) -> Tracer:
    """``asinh(2 x)``, of any ``x``."""
    large = abs(x) > limits(x).huge
    result = rows.asinh(choose(large, x, 2.0 * x))
    return choose(large, result + with_sign(LN2, x), result)


def asin(x: Pair) -> Pair:
    """By Kahan's formulas (Branch Cuts for Complex Elementary Functions, 1987).

    All terms that are added have the same sign, and the signs of zeros tell the side of a cut.
    """
    minus, plus = _half_root(1.0 - x.re, -x.im), sqrt(Pair(1.0 + x.re, x.im))
    re = rows.atan2(0.5 * x.re, minus.re * plus.re - minus.im * plus.im)
    im = _asinh_of_double(minus.re * plus.im - minus.im * plus.re)
    re = choose((x.re == 0.0) & rows.is_nan(x.im), x.re, re)
    return _of_infinite(x, Pair(re, im), _asin_of_infinite)


def acos(x: Pair) -> Pair:
    """By Kahan's formulas."""
    minus, plus = _half_root(1.0 - x.re, -x.im), sqrt(Pair(1.0 + x.re, x.im))
    re = 2.0 * rows.atan2(2.0 * minus.re, plus.re)
    im = _asinh_of_double(plus.re * minus.im - plus.im * minus.re)
    re = choose((x.re == 0.0) & rows.is_nan(x.im), 0.5 * math.pi, re)
    return _of_infinite(x, Pair(re, im), _acos_of_infinite)


def acosh(x: Pair) -> Pair:
    """By Kahan's formulas."""
    minus, plus = _half_root(x.re - 1.0, x.im), sqrt(Pair(x.re + 1.0, x.im))
    re = _asinh_of_double(minus.re * plus.re + minus.im * plus.im)
    im = 2.0 * rows.atan2(2.0 * minus.im, plus.re)
    im = choose((x.re == 0.0) & rows.is_nan(x.im), 0.5 * math.pi, im)
    return _of_infinite(x, Pair(re, im), _acosh_of_infinite)


def _of_infinite(x: Pair, usual: Pair, limit: Callable[[Pair], Pair]) -> Pair:
    """The limit where a part is infinite."""
    return choose_pair(infinite(x.re) | infinite(x.im), limit(x), usual)


def _acos_of_infinite(x: Pair) -> Pair:
    re = rows.atan2(abs(x.im), x.re)
    return Pair(re, choose(rows.is_nan(x.im), -math.inf, -with_sign(math.inf, x.im)))


def _asin_of_infinite(x: Pair) -> Pair:
    re = rows.atan2(x.re, abs(x.im))
    return Pair(re, with_sign(math.inf, x.im))


def _acosh_of_infinite(x: Pair) -> Pair:
    return Pair(as_value(math.inf, x.re), rows.atan2(x.im, x.re))


def atanh(x: Pair) -> Pair:
    """``log1p(4 re / |1 - z|^2) / 4`` and half the angle of ``(1 + z) / (1 - z)``, of ``|re|``."""
    a, b = abs(x.re), x.im
    _, huge, tiny = limits(a)
    distance = rows.hypot(1.0 - a, b)
    near = 0.25 * rows.log1p(4.0 * a / distance / distance)
    at_pole = 0.5 * (LN2 - rows.log(distance))
    far = (a > huge) | (abs(b) > huge)
    # Far out it is the real part of 1 / z.
    r = rows.hypot(a * 0.25, b * 0.25)
    outside = (a * 0.25 / r) / r * 0.25
    re = choose(far, outside, choose(distance < tiny, at_pole, near))
    re = choose((a == 0.0) | infinite(a) | infinite(b), 0.0, re)
    im = 0.5 * rows.atan2(2.0 * b, (1.0 - a) * (1.0 + a) - b * b)
    beyond = (far & (a == a)) | infinite(a) | infinite(b)
    im = choose(beyond & (b == b), with_sign(0.5 * math.pi, b), im)
    return Pair(with_sign(re, x.re), im)


def sin(x: Pair) -> Pair:
    return sinh(x.turned()).turned()


def cos(x: Pair) -> Pair:
    return cosh(Pair(-x.im, x.re))


def tan(x: Pair) -> Pair:
    return tanh(x.turned()).turned()


def atan(x: Pair) -> Pair:
    return atanh(x.turned()).turned()
