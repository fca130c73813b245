"""What the ufuncs of `scipy.special` compute, by name: a row, or a formula of rows.

They are NumPy ufuncs, so that NumPy hands them over like its own; SciPy is not imported here. Rules
get operands of one shape and of a floating dtype.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..primitives import elementwise as basic
from ..primitives import special as rows
from ..primitives.elementwise import broadcast_scalar, exp, expm1, log, log1p, where
from ..primitives.special import times_log
from ..trace import Tracer

Rule = Callable[..., Any]
LARGEST_FACTORIAL = 171.0


def _number(value: float, like: Tracer) -> Tracer:
    return broadcast_scalar(value, like)


def xlogy(x: Tracer, y: Tracer) -> Tracer:
    """``x log(y)``, 0 where x is 0; NaN stays NaN."""
    return times_log(x, y)


def xlog1py(x: Tracer, y: Tracer) -> Tracer:
    """``x log(1 + y)``, 0 where x is 0; NaN stays NaN."""
    return times_log(x, y, log1p)


def logit(p: Tracer) -> Tracer:
    """``log(p / (1 - p))``; near 1/2, where the two cancel, as ``2 atanh(2p - 1)``."""
    middle = (p > 0.25) & (p < 0.75)
    inside = where(middle, p, _number(0.5, p))
    outside = where(middle, _number(0.25, p), p)
    return where(middle, 2.0 * basic.atanh(2.0 * inside - 1.0), log(outside) - log1p(-outside))


def log_expit(x: Tracer) -> Tracer:
    """``log(1 / (1 + e**-x))``."""
    return -basic.logaddexp(_number(0.0, x), -x)


def entr(x: Tracer) -> Tracer:
    """``-x log(x)``, 0 at 0, -inf below."""
    return where(x < 0.0, _number(-math.inf, x), -times_log(x, where(x < 0.0, -x, x)))


def rel_entr(x: Tracer, y: Tracer) -> Tracer:
    """``x log(x / y)``, 0 for x = 0 and y >= 0, inf outside of the domain."""
    inside = (x > 0.0) & (y > 0.0)
    one = _number(1.0, x)
    value = where(inside, x, one) * _log_ratio(where(inside, x, one), where(inside, y, one))
    infinite = _number(math.inf, x)
    outside = where((x == 0.0) & (y >= 0.0), _number(0.0, x), infinite)
    missing = basic.is_nan(x) | basic.is_nan(y)
    return where(inside, value, where(missing, x + y, outside))


def _log_ratio(x: Tracer, y: Tracer) -> Tracer:
    """``log(x / y)`` where neither the quotient's range nor its rounding near one costs digits."""
    ratio = x / y
    near = (ratio > 0.5) & (ratio < 2.0)
    ordinary = (ratio > 1e-30) & (ratio < 1e30)
    one = _number(1.0, x)
    close = log1p((where(near, x, one) - where(near, y, one)) / where(near, y, one))
    far = where(ordinary, log(where(ordinary, ratio, one)), log(x) - log(y))
    return where(near, close, far)


def kl_div(x: Tracer, y: Tracer) -> Tracer:
    """``x log(x / y) - x + y``, y for x = 0 and y >= 0, inf outside of the domain."""
    inside = ((x > 0.0) & (y > 0.0)) | ((x == 0.0) & (y >= 0.0))
    rest = where(inside, y - x, _number(0.0, x))
    return rel_entr(x, y) + rest


def exp10(x: Tracer) -> Tracer:
    """``10**x``."""
    return basic.pow(_number(10.0, x), x)


def cosm1(x: Tracer) -> Tracer:
    """``cos(x) - 1``, without cancellation."""
    half = basic.sin(0.5 * x)
    return -2.0 * half * half


def exprel(x: Tracer) -> Tracer:
    """``(e**x - 1) / x``, 1 at 0; by its power series near there, derivatives too."""
    near = abs(x) < 0.1
    small, safe = where(near, x, _number(0.0, x)), where(near, _number(1.0, x), x)
    total = _number(1.0 / math.factorial(16), x)
    for n in range(15, 0, -1):
        total = total * small + 1.0 / math.factorial(n)
    large = where(x == math.inf, x, expm1(safe) / safe)
    return where(near, total, large)


def _power_of_log(logarithm: Tracer, power: Tracer) -> Tracer:
    """``(e**(power logarithm) - 1) / power``, the logarithm for power 0."""
    empty = (logarithm == -math.inf) & (power > 0.0)
    value = where(empty, _number(0.0, power), logarithm)
    limit = -1.0 / where(empty, power, _number(1.0, power))
    return where(empty, limit, value * exprel(power * value))


def boxcox(x: Tracer, power: Tracer) -> Tracer:
    """``(x**power - 1) / power``, log(x) for power 0."""
    return _power_of_log(log(x), power)


def boxcox1p(x: Tracer, power: Tracer) -> Tracer:
    """``((1 + x)**power - 1) / power``, log(1 + x) for power 0."""
    return _power_of_log(log1p(x), power)


def _inverse_logarithm(y: Tracer, power: Tracer) -> Tracer:
    """``log(1 + power y) / power``, y for power 0; by its power series near there."""
    z = power * y
    near = abs(z) < 0.05
    small = where(near, z, _number(0.0, z))
    total = _number(-1.0 / 14.0, z)
    for n in range(13, 0, -1):
        total = total * small + (-1.0) ** (n + 1) / n
    one = _number(1.0, z)
    far = log1p(where(near, one, z)) / where(near, one, power)
    return where(near, y * total, far)


def inv_boxcox(y: Tracer, power: Tracer) -> Tracer:
    """The inverse of ``boxcox`` by its first argument."""
    return exp(_inverse_logarithm(y, power))


def inv_boxcox1p(y: Tracer, power: Tracer) -> Tracer:
    """The inverse of ``boxcox1p`` by its first argument."""
    return expm1(_inverse_logarithm(y, power))


def huber(delta: Tracer, r: Tracer) -> Tracer:
    """Half the square up to ``delta``, the tangent line beyond; inf for a negative ``delta``."""
    size = abs(r)
    value = where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta))
    return where(delta < 0.0, _number(math.inf, r), value)


def pseudo_huber(delta: Tracer, r: Tracer) -> Tracer:
    """``delta**2 (sqrt(1 + (r/delta)**2) - 1)``; 0 if either is 0, inf for a negative ``delta``."""
    nothing = (delta == 0.0) | ((r == 0.0) & ~basic.is_finite(delta))
    ratio = where(nothing, _number(0.0, r), r) / where(nothing, _number(1.0, r), delta)
    square = ratio * ratio
    steep = square == math.inf
    safe = where(steep, _number(1.0, r), square)
    value = delta * delta * (safe / (basic.sqrt(1.0 + safe) + 1.0))
    value = where(nothing, _number(0.0, r), where(steep, delta * abs(r), value))
    return where(delta < 0.0, _number(math.inf, r), value)


def loggamma(x: Tracer) -> Tracer:
    """The logarithm of gamma where that is positive or zero, else NaN."""
    return where(x < 0.0, _number(math.nan, x), rows.lgamma(x))


def gammasgn(x: Tracer) -> Tracer:
    """The sign of gamma; NaN at negative integers, that of x at zero."""
    whole = basic.floor(x)
    odd = whole * 0.5 != basic.floor(whole * 0.5)
    one = _number(1.0, x)
    sign = where((x < 0.0) & odd, -one, one)
    at_zero = where(1.0 / x < 0.0, -one, one)
    sign = where(x == 0.0, at_zero, sign)
    pole = ((x < 0.0) & (x == whole)) | basic.is_nan(x)
    return where(pole, _number(math.nan, x), sign)


def rgamma(x: Tracer) -> Tracer:
    """``1 / gamma(x)``; at the poles of gamma, ``sin(pi x) gamma(1 - x) / pi``, which is 0."""
    whole = basic.floor(x)
    pole = (x <= 0.0) & (x == whole)
    one = _number(1.0, x)
    odd = whole * 0.5 != basic.floor(whole * 0.5)
    # Beyond, gamma(1 - x) is not in the range of numbers, and neither is the derivative.
    near = pole & (x > -LARGEST_FACTORIAL)
    sine = basic.sin(where(near, x - whole, _number(0.0, x)) * math.pi) * (1.0 / math.pi)
    at_pole = sine * rows.gamma(where(near, 1.0 - x, one))
    return where(pole, where(odd, -at_pole, at_pole), 1.0 / rows.gamma(where(pole, one, x)))


def betaincc(a: Tracer, b: Tracer, x: Tracer) -> Tracer:
    """``1 - betainc(a, b, x)``, as ``betainc(b, a, 1 - x)``."""
    return rows.betainc(b, a, 1.0 - x)


SPECIAL: dict[str, Rule] = {
    "erf": basic.erf,
    "erfc": basic.erfc,
    "erfcx": rows.erfcx,
    "erfinv": rows.erfinv,
    "erfcinv": rows.erfcinv,
    "ndtr": rows.ndtr,
    "log_ndtr": rows.log_ndtr,
    "ndtri": rows.ndtri,
    "gamma": rows.gamma,
    "gammaln": rows.lgamma,
    "loggamma": loggamma,
    "gammasgn": gammasgn,
    "rgamma": rgamma,
    "psi": rows.digamma,
    "_zeta": rows.zeta,
    "beta": rows.beta,
    "betaln": rows.betaln,
    "poch": rows.poch,
    "binom": rows.binom,
    "gammainc": rows.gammainc,
    "gammaincc": rows.gammaincc,
    "gammaincinv": rows.gammaincinv,
    "gammainccinv": rows.gammainccinv,
    "betainc": rows.betainc,
    "betaincinv": rows.betaincinv,
    "stdtr": rows.stdtr,
    "stdtrit": rows.stdtrit,
    "expi": rows.expi,
    "exp1": rows.exp1,
    "i0": rows.i0,
    "i0e": rows.i0e,
    "i1": rows.i1,
    "i1e": rows.i1e,
    "j0": rows.j0,
    "j1": rows.j1,
    "y0": rows.y0,
    "y1": rows.y1,
    "k0": rows.k0,
    "k0e": rows.k0e,
    "k1": rows.k1,
    "k1e": rows.k1e,
    "iv": rows.iv,
    "ive": rows.ive,
    "kv": rows.kv,
    "kve": rows.kve,
    "jv": rows.jv,
    "yv": rows.yv,
    "xlogy": xlogy,
    "xlog1py": xlog1py,
    "expit": basic.logistic,
    "logit": logit,
    "log_expit": log_expit,
    "entr": entr,
    "rel_entr": rel_entr,
    "kl_div": kl_div,
    "exp10": exp10,
    "cosm1": cosm1,
    "exprel": exprel,
    "boxcox": boxcox,
    "boxcox1p": boxcox1p,
    "inv_boxcox": inv_boxcox,
    "inv_boxcox1p": inv_boxcox1p,
    "huber": huber,
    "pseudo_huber": pseudo_huber,
}
"""The ufuncs of `scipy.special`, by the name that they have themselves."""
