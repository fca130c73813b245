"""Elementwise rows of special functions, with the meanings that SciPy gives them.

The formulas of derivatives are those of the NIST Digital Library of Mathematical Functions: gamma
functions chapters 5 and 8, error functions 7, Bessel functions 10, Riemann's and Hurwitz's zeta 25.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..primitive import Domain, NoDerivative, Partials, Primitive, register
from ..trace import Tracer
from ..types import ArrayType, Shape, is_float
from .elementwise import broadcast_scalar, exp, log, log1p, sign, where
from .incomplete import (
    betainc_by,
    gammainc_by,
    reference,
    slopes_of_log_beta_density,
    taylor_of_lgamma,
)
from .jets import Jet, Orders, exponential

SQRT_PI, SQRT_2PI = math.sqrt(math.pi), math.sqrt(2.0 * math.pi)
SQRT_HALF = math.sqrt(0.5)


def _infer(name: str) -> Callable[..., ArrayType]:
    def infer(*operands: ArrayType) -> ArrayType:
        first = operands[0]
        if any(x != first for x in operands[1:]):
            found = ", ".join(map(str, operands))
            raise TypeError(f"{name} takes operands of one type, got {found}")
        if not is_float(first.dtype):
            raise TypeError(f"{name} is not defined for {first.dtype}")
        return first

    return infer


def _reference(name: str) -> Callable[..., Any]:
    """SciPy's function, computed in double precision for both dtypes."""

    def reference(*operands: Any) -> Any:
        from scipy import special

        wide = [np.asarray(x, np.float64) for x in operands]
        with np.errstate(all="ignore"):
            return np.asarray(getattr(special, name)(*wide)).astype(np.asarray(operands[0]).dtype)

    return reference


def _unless_infinite(name: str, there: Callable[[Any], Any]) -> Callable[..., Any]:
    """SciPy's function, whose limits are put in at infinities, where it gives NaN."""
    function = _reference(name)
    return lambda x: np.where(np.isinf(x), there(x), function(x))


def _row(
    name: str,
    partials: Partials | None,
    low: float | tuple[float, ...],
    high: float | tuple[float, ...],
    scipy_name: str = "",
    reference: Callable[..., Any] | None = None,
    fixed: tuple[int, ...] = (),
) -> Primitive:
    """A row with one operand, or as many as there are lower bounds."""
    arity = len(low) if isinstance(low, tuple) else 1
    shapes: tuple[Shape, ...] = ((3, 5), (), (0, 2), (37,))
    domain = Domain(tuple(((x,) * arity, {}) for x in shapes), low, high, fixed=fixed)
    meaning = reference or _reference(scipy_name or name)
    return register(Primitive(name, _infer(name), meaning, domain, partials, elementwise=True))


def _unknown(what: str) -> NoDerivative:
    return NoDerivative(f"the derivative of {what}")


def times_log(x: Tracer, y: Tracer, logarithm: Callable[[Tracer], Tracer] = log) -> Tracer:
    """``x * logarithm(y)``, 0 wherever x is 0 and y is no NaN.

    By x the derivative is the logarithm, at x = 0 too, unless that is infinite or none there.
    """
    lowest, neutral = (0.0, 1.0) if logarithm is log else (-1.0, 0.0)
    without = (x == 0.0) & ((y <= lowest) | (y == math.inf))
    return x * logarithm(where(without, broadcast_scalar(neutral, y), y))


def _over(y: Tracer, x: Tracer, limit: float) -> Tracer:
    """``y / x`` with its limit at x = 0."""
    nothing, one = x == 0.0, broadcast_scalar(1.0, x)
    return where(nothing, broadcast_scalar(limit, x), y / where(nothing, one, x))


# -- error functions -------------------------------------------------------------------------

erfcx = _row("erfcx", lambda out, x: (2.0 * (x * out - 1.0 / SQRT_PI),), -2.0, 4.0)
erfinv = _row("erfinv", lambda out, x: (0.5 * SQRT_PI * exp(out * out),), -0.9, 0.9)
erfcinv = _row("erfcinv", lambda out, x: (-0.5 * SQRT_PI * exp(out * out),), 0.1, 1.9)
ndtri = _row("ndtri", lambda out, p: (SQRT_2PI * exp(0.5 * out * out),), 0.05, 0.95)
ndtr = _row("ndtr", lambda out, x: (exp(-0.5 * x * x) / SQRT_2PI,), -4.0, 4.0)
log_ndtr = _row(
    "log_ndtr", lambda out, x: (math.sqrt(2.0 / math.pi) / erfcx(x * -SQRT_HALF),), -4.0, 4.0
)

# -- gamma functions -------------------------------------------------------------------------

lgamma = _row("lgamma", lambda out, x: (digamma(x),), 0.2, 9.0, "gammaln")
digamma: Primitive = _row(
    "digamma", lambda out, x: (zeta(broadcast_scalar(2.0, x), x),), 0.3, 9.0, "psi"
)
zeta: Primitive = _row(
    "zeta",
    lambda out, s, q: (_unknown("zeta by its exponent"), -s * zeta(s + 1.0, q)),
    (1.5, 0.5),
    (4.0, 4.0),
    fixed=(0,),
)
gamma = _row("gamma", lambda out, x: (out * digamma(x),), 0.4, 5.0)


def _beta_partials(a: Tracer, b: Tracer) -> tuple[Tracer, Tracer]:
    both = digamma(a + b)
    return digamma(a) - both, digamma(b) - both


betaln = _row("betaln", lambda out, a, b: _beta_partials(a, b), (0.4, 0.4), (5.0, 5.0))
beta = _row(
    "beta",
    lambda out, a, b: tuple([out * p for p in _beta_partials(a, b)]),
    (0.4, 0.4),
    (4.0, 4.0),
)
poch = _row(
    "poch",
    lambda out, z, m: (out * (digamma(z + m) - digamma(z)), out * digamma(z + m)),
    (0.5, 0.5),
    (3.0, 3.0),
)


def _binom_partials(out: Tracer, n: Tracer, k: Tracer) -> tuple[Tracer, Tracer]:
    rest = digamma(n - k + 1.0)
    return out * (digamma(n + 1.0) - rest), out * (rest - digamma(k + 1.0))


binom = _row("binom", _binom_partials, (3.3, 0.3), (6.0, 2.7))


def gamma_density(a: Tracer, x: Tracer) -> Tracer:
    """``x**(a-1) e**-x / gamma(a)``, what the regularized incomplete gamma function integrates."""
    return exp(times_log(a - 1.0, x) - x - lgamma(a))


def beta_density(a: Tracer, b: Tracer, x: Tracer) -> Tracer:
    """``x**(a-1) (1-x)**(b-1) / beta(a, b)``, what ``betainc`` integrates."""
    return exp(times_log(a - 1.0, x) + times_log(b - 1.0, -x, log1p) - betaln(a, b))


def t_density(df: Tracer, t: Tracer) -> Tracer:
    """The density of Student's distribution."""
    half = 0.5 * (df + 1.0)
    return exp(-betaln(0.5 * df, broadcast_scalar(0.5, df)) - half * log1p(t * t / df)) / df**0.5


def _taylor(k: int, x: Tracer) -> Any:
    return taylor_of_lgamma(k, x, digamma, lambda s, q: zeta(broadcast_scalar(s, q), q))


def _gamma_density_by(orders: Orders, a: Tracer, x: Tracer) -> Tracer:
    slopes: dict[Orders, Any] = {(k,): -_taylor(k, a) for k in range(1, orders[0] + 1)}
    slopes[(1,)] = slopes[(1,)] + log(x)
    found: Tracer = exponential(Jet(orders, slopes), gamma_density(a, x)).highest
    return found


def _beta_density_by(orders: Orders, a: Tracer, b: Tracer, x: Tracer) -> Tracer:
    def growth(k: int, value: Any, more: Any) -> Any:
        return _taylor(k, value + more) - _taylor(k, value)

    logs = log(x), log1p(-x)
    slopes = slopes_of_log_beta_density(_taylor, growth, orders, a, b, logs)
    found: Tracer = exponential(slopes, beta_density(a, b, x)).highest
    return found


HIGHEST = 2
"""How often the incomplete functions are differentiated by their parameters."""


def _by(name: str, orders: Orders) -> str:
    return f"{name}_by_{'a' * orders[0]}{'b' * sum(orders[1:])}"


INCOMPLETE_DERIVATIVES: dict[str, tuple[Callable[..., Any], Orders]] = {
    **{_by("gammainc", (n,)): (gammainc_by, (n,)) for n in range(1, HIGHEST + 1)},
    **{
        _by("betainc", (n, k - n)): (betainc_by, (n, k - n))
        for k in range(1, HIGHEST + 1)
        for n in range(k, -1, -1)
    },
}
"""The rows that are derivatives by parameters: which function's, and of which orders."""


def _next(name: str, orders: Orders, *operands: Tracer) -> list[Any]:
    """The derivatives, by each parameter, of the derivative of these orders."""
    found: list[Any] = []
    for place in range(len(orders)):
        more = tuple(n + (i == place) for i, n in enumerate(orders))
        known = sum(more) <= HIGHEST
        what = f"{name}, {HIGHEST + 1} times by its parameters,"
        found.append(ROWS[_by(name, more)](*operands) if known else _unknown(what))
    return found


def _derivative_row(row: str) -> Primitive:
    function, orders = INCOMPLETE_DERIVATIVES[row]
    name = row.partition("_")[0]
    density = _gamma_density_by if function is gammainc_by else _beta_density_by
    low, high = DOMAINS[name]
    return _row(
        row,
        lambda out, *operands: (*_next(name, orders, *operands), density(orders, *operands)),
        low,
        high,
        reference=reference(function, orders),
        fixed=tuple(range(len(orders))),
    )


DOMAINS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "gammainc": ((0.5, 0.5), (4.0, 6.0)),
    "betainc": ((0.5, 0.5, 0.1), (4.0, 4.0, 0.9)),
}
ROWS = {row: _derivative_row(row) for row in INCOMPLETE_DERIVATIVES}

gammainc = _row(
    "gammainc",
    lambda out, a, x: (*_next("gammainc", (0,), a, x), gamma_density(a, x)),
    *DOMAINS["gammainc"],
)
gammaincc = _row(
    "gammaincc",
    lambda out, a, x: tuple([-p for p in (*_next("gammainc", (0,), a, x), gamma_density(a, x))]),
    *DOMAINS["gammainc"],
)
betainc = _row(
    "betainc",
    lambda out, a, b, x: (*_next("betainc", (0, 0), a, b, x), beta_density(a, b, x)),
    *DOMAINS["betainc"],
)


def _inverse_partials(
    slopes: Sequence[Tracer], density: Tracer, sign: float = 1.0
) -> tuple[Tracer, ...]:
    """Partials of the inverse by the last operand of a function with these partials."""
    return (*(-slope / density for slope in slopes), sign / density)


gammaincinv = _row(
    "gammaincinv",
    lambda out, a, p: _inverse_partials(_next("gammainc", (0,), a, out), gamma_density(a, out)),
    (0.8, 0.2),
    (4.0, 0.8),
)
gammainccinv = _row(
    "gammainccinv",
    lambda out, a, p: _inverse_partials(
        _next("gammainc", (0,), a, out), gamma_density(a, out), -1.0
    ),
    (0.8, 0.2),
    (4.0, 0.8),
)
betaincinv = _row(
    "betaincinv",
    lambda out, a, b, p: _inverse_partials(
        _next("betainc", (0, 0), a, b, out), beta_density(a, b, out)
    ),
    (0.8, 0.8, 0.2),
    (4.0, 4.0, 0.8),
)


def _stdtr_by_df(df: Tracer, t: Tracer) -> Tracer:
    """The derivative of ``1/2 + sign(t)/2 betainc(1/2, df/2, t**2/(df + t**2))`` by df.

    Beyond t**2 = df it is that of the other end, ``betainc(df/2, 1/2, df/(df + t**2))``, so that
    the last operand is small.
    """
    half, shape, square = broadcast_scalar(0.5, df), 0.5 * df, t * t
    near = square < df
    share = where(near, square, df) / (df + square)
    inner = ROWS["betainc_by_b"](half, shape, share)
    outer = -ROWS["betainc_by_a"](shape, half, share)
    return 0.25 * sign(t) * where(near, inner, outer) - 0.5 * t / df * t_density(df, t)


stdtr = _row(
    "stdtr",
    lambda out, df, t: (_stdtr_by_df(df, t), t_density(df, t)),
    (1.0, -2.0),
    (5.0, 2.0),
)
stdtrit = _row(
    "stdtrit",
    lambda out, df, p: _inverse_partials([_stdtr_by_df(df, out)], t_density(df, out)),
    (1.5, 0.2),
    (5.0, 0.8),
)

# -- exponential integrals -------------------------------------------------------------------

expi = _row("expi", lambda out, x: (exp(x) / x,), 0.3, 4.0)
exp1 = _row("exp1", lambda out, x: (-exp(-x) / x,), 0.3, 4.0)

# -- Bessel functions ------------------------------------------------------------------------

i0 = _row("i0", lambda out, x: (i1(x),), -4.0, 4.0, reference=_unless_infinite("i0", np.absolute))
i1: Primitive = _row(
    "i1",
    lambda out, x: (i0(x) - _over(out, x, 0.5),),
    0.2,
    4.0,
    reference=_unless_infinite("i1", np.positive),
)
i0e = _row("i0e", lambda out, x: (i1e(x) - sign(x) * out,), 0.2, 4.0)
i1e: Primitive = _row(
    "i1e", lambda out, x: (i0e(x) - sign(x) * out - _over(out, x, 0.5),), 0.2, 4.0
)
j0 = _row("j0", lambda out, x: (-j1(x),), -4.0, 4.0)
j1: Primitive = _row("j1", lambda out, x: (j0(x) - _over(out, x, 0.5),), 0.2, 4.0)
y0 = _row("y0", lambda out, x: (-y1(x),), 0.4, 4.0)
y1: Primitive = _row("y1", lambda out, x: (y0(x) - out / x,), 0.4, 4.0)
k0 = _row("k0", lambda out, x: (-k1(x),), 0.4, 4.0)
k1: Primitive = _row("k1", lambda out, x: (-k0(x) - out / x,), 0.4, 4.0)
k0e = _row("k0e", lambda out, x: (out - k1e(x),), 0.4, 4.0)
k1e: Primitive = _row("k1e", lambda out, x: (out - k0e(x) - out / x,), 0.4, 4.0)


def _of_order(name: str, slope: Callable[[Tracer, Tracer, Tracer], Tracer]) -> Primitive:
    """A Bessel function of any real order, which has no derivative by the order."""
    return _row(
        name,
        lambda out, v, x: (_unknown(f"{name} by its order"), slope(out, v, x)),
        (0.5, 0.5),
        (3.0, 4.0),
        fixed=(0,),
    )


iv: Primitive = _of_order("iv", lambda out, v, x: 0.5 * (iv(v - 1.0, x) + iv(v + 1.0, x)))
kv: Primitive = _of_order("kv", lambda out, v, x: -0.5 * (kv(v - 1.0, x) + kv(v + 1.0, x)))
jv: Primitive = _of_order("jv", lambda out, v, x: 0.5 * (jv(v - 1.0, x) - jv(v + 1.0, x)))
yv: Primitive = _of_order("yv", lambda out, v, x: 0.5 * (yv(v - 1.0, x) - yv(v + 1.0, x)))
ive: Primitive = _of_order(
    "ive", lambda out, v, x: 0.5 * (ive(v - 1.0, x) + ive(v + 1.0, x)) - sign(x) * out
)
kve: Primitive = _of_order("kve", lambda out, v, x: out - 0.5 * (kve(v - 1.0, x) + kve(v + 1.0, x)))
