"""The standard distributions: what each states of itself.

Formulas are those of SciPy's documentation, written for values inside the support.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..numpy.selection import where
from ..primitives import special as rows
from ..primitives.elementwise import broadcast_scalar
from ..primitives.elementwise import logistic as expit
from ..trace import Tracer
from .distributions import Distribution
from .special import betaincc, log_expit, logit, xlog1py, xlogy

LOG_2PI_HALF = 0.5 * math.log(2.0 * math.pi)
INF = math.inf

Support = Callable[..., tuple[Any, Any]]


def _between(low: float, high: float) -> Support:
    return lambda *shapes: (low, high)


def _always(*shapes: Tracer) -> bool:
    return True


def _probability(p: Tracer) -> Any:
    return (p >= 0.0) & (p <= 1.0)


def _log_of_cdf(x: Tracer) -> Any:
    """``log(1 - e**-x)`` for x > 0."""
    small = x < math.log(2.0)
    near = np.log(-np.expm1(-where(small, x, 0.5)))
    return where(small, near, np.log1p(-np.exp(-where(small, 1.0, x))))


norm = Distribution(
    "norm",
    (),
    log_density=lambda x: -0.5 * x * x - LOG_2PI_HALF,
    cdf=rows.ndtr,
    sf=lambda x: rows.ndtr(-x),
    quantile=rows.ndtri,
    upper_quantile=lambda q: -rows.ndtri(q),
    log_cdf=rows.log_ndtr,
    log_sf=lambda x: rows.log_ndtr(-x),
    valid=_always,
)
uniform = Distribution(
    "uniform",
    (),
    log_density=lambda x: 0.0 * x,
    cdf=lambda x: x,
    sf=lambda x: 1.0 - x,
    quantile=lambda q: q,
    upper_quantile=lambda q: 1.0 - q,
    support=_between(0.0, 1.0),
    valid=_always,
)
expon = Distribution(
    "expon",
    (),
    log_density=lambda x: -x,
    cdf=lambda x: -np.expm1(-x),
    sf=lambda x: np.exp(-x),
    quantile=lambda q: -np.log1p(-q),
    upper_quantile=lambda q: -np.log(q),
    log_cdf=_log_of_cdf,
    log_sf=lambda x: -x,
    support=_between(0.0, INF),
    valid=_always,
)
gamma = Distribution(
    "gamma",
    ("a",),
    log_density=lambda x, a: xlogy(a - 1.0, x) - x - rows.lgamma(a),
    cdf=lambda x, a: rows.gammainc(a, x),
    sf=lambda x, a: rows.gammaincc(a, x),
    quantile=lambda q, a: rows.gammaincinv(a, q),
    upper_quantile=lambda q, a: rows.gammainccinv(a, q),
    support=_between(0.0, INF),
)
chi2 = Distribution(
    "chi2",
    ("df",),
    log_density=lambda x, df: (
        xlogy(0.5 * df - 1.0, x) - 0.5 * x - rows.lgamma(0.5 * df) - 0.5 * math.log(2.0) * df
    ),
    cdf=lambda x, df: rows.gammainc(0.5 * df, 0.5 * x),
    sf=lambda x, df: rows.gammaincc(0.5 * df, 0.5 * x),
    quantile=lambda q, df: 2.0 * rows.gammaincinv(0.5 * df, q),
    upper_quantile=lambda q, df: 2.0 * rows.gammainccinv(0.5 * df, q),
    support=_between(0.0, INF),
)
beta = Distribution(
    "beta",
    ("a", "b"),
    log_density=lambda x, a, b: xlog1py(b - 1.0, -x) + xlogy(a - 1.0, x) - rows.betaln(a, b),
    cdf=lambda x, a, b: rows.betainc(a, b, x),
    sf=lambda x, a, b: betaincc(a, b, x),
    quantile=lambda q, a, b: rows.betaincinv(a, b, q),
    upper_quantile=lambda q, a, b: 1.0 - rows.betaincinv(b, a, q),
    support=_between(0.0, 1.0),
)
t = Distribution(
    "t",
    ("df",),
    log_density=lambda x, df: (
        -0.5 * (df + 1.0) * np.log1p(x * x / df)
        - rows.betaln(0.5 * df, broadcast_scalar(0.5, df))
        - 0.5 * np.log(df)
    ),
    cdf=lambda x, df: rows.stdtr(df, x),
    sf=lambda x, df: rows.stdtr(df, -x),
    quantile=lambda q, df: rows.stdtrit(df, q),
    upper_quantile=lambda q, df: -rows.stdtrit(df, q),
)


def _f_ratio(z: Tracer, dfn: Tracer, dfd: Tracer) -> Any:
    return dfd * z / (dfn * (1.0 - z))


f = Distribution(
    "f",
    ("dfn", "dfd"),
    log_density=lambda x, n, m: (
        0.5 * m * np.log(m)
        + 0.5 * n * np.log(n)
        + xlogy(0.5 * n - 1.0, x)
        - 0.5 * (n + m) * np.log(m + n * x)
        - rows.betaln(0.5 * n, 0.5 * m)
    ),
    cdf=lambda x, n, m: rows.betainc(0.5 * n, 0.5 * m, n * x / (m + n * x)),
    sf=lambda x, n, m: rows.betainc(0.5 * m, 0.5 * n, m / (m + n * x)),
    quantile=lambda q, n, m: _f_ratio(rows.betaincinv(0.5 * n, 0.5 * m, q), n, m),
    upper_quantile=lambda q, n, m: 1.0 / _f_ratio(rows.betaincinv(0.5 * m, 0.5 * n, q), m, n),
    support=_between(0.0, INF),
)


def _cotangent(q: Tracer) -> Any:
    """``1 / tan(pi q)`` for 0 < q < 1, right near both ends and in the middle."""
    low, high = q < 0.25, q > 0.75
    side = where(high, 1.0 - q, where(low, q, 0.25))
    outer = 1.0 / np.tan(math.pi * side)
    return where(low, outer, where(high, -outer, np.tan(math.pi * (0.5 - q))))


cauchy = Distribution(
    "cauchy",
    (),
    log_density=lambda x: -math.log(math.pi) - np.log1p(x * x),
    cdf=lambda x: np.arctan2(1.0, -x) / math.pi,
    sf=lambda x: np.arctan2(1.0, x) / math.pi,
    quantile=lambda q: -_cotangent(q),
    upper_quantile=_cotangent,
    valid=_always,
)


def _laplace_cdf(x: Tracer) -> Any:
    half = 0.5 * np.exp(-abs(x))
    return where(x > 0.0, 1.0 - half, half)


def _laplace_log_cdf(x: Tracer) -> Any:
    upper = x > 0.0
    return where(upper, np.log1p(-0.5 * np.exp(-abs(x))), x - math.log(2.0))


def _laplace_quantile(q: Tracer) -> Any:
    upper = q > 0.5
    size = np.log(2.0 * where(upper, 1.0 - q, q))
    return where(upper, -size, size)


laplace = Distribution(
    "laplace",
    (),
    log_density=lambda x: -abs(x) - math.log(2.0),
    cdf=_laplace_cdf,
    sf=lambda x: _laplace_cdf(-x),
    quantile=_laplace_quantile,
    upper_quantile=lambda q: -_laplace_quantile(q),
    log_cdf=_laplace_log_cdf,
    log_sf=lambda x: _laplace_log_cdf(-x),
    valid=_always,
)
logistic = Distribution(
    "logistic",
    (),
    log_density=lambda x: log_expit(x) + log_expit(-x),
    cdf=expit,
    sf=lambda x: expit(-x),
    quantile=logit,
    upper_quantile=lambda q: -logit(q),
    log_cdf=log_expit,
    log_sf=lambda x: log_expit(-x),
    valid=_always,
)


def _lognorm_density(x: Tracer, s: Tracer) -> Any:
    z = np.log(x) / s
    return -0.5 * z * z - np.log(s * x) - LOG_2PI_HALF


lognorm = Distribution(
    "lognorm",
    ("s",),
    log_density=_lognorm_density,
    cdf=lambda x, s: rows.ndtr(np.log(x) / s),
    sf=lambda x, s: rows.ndtr(-np.log(x) / s),
    quantile=lambda q, s: np.exp(s * rows.ndtri(q)),
    upper_quantile=lambda q, s: np.exp(-s * rows.ndtri(q)),
    log_cdf=lambda x, s: rows.log_ndtr(np.log(x) / s),
    log_sf=lambda x, s: rows.log_ndtr(-np.log(x) / s),
    support=_between(0.0, INF),
    open_ends=True,
)
pareto = Distribution(
    "pareto",
    ("b",),
    log_density=lambda x, b: np.log(b) - (b + 1.0) * np.log(x),
    cdf=lambda x, b: -np.expm1(-b * np.log(x)),
    sf=lambda x, b: np.exp(-b * np.log(x)),
    quantile=lambda q, b: np.exp(-np.log1p(-q) / b),
    upper_quantile=lambda q, b: np.exp(-np.log(q) / b),
    log_cdf=lambda x, b: _log_of_cdf(b * np.log(x)),
    log_sf=lambda x, b: -b * np.log(x),
    support=_between(1.0, INF),
)
weibull_min = Distribution(
    "weibull_min",
    ("c",),
    log_density=lambda x, c: np.log(c) + xlogy(c - 1.0, x) - x**c,
    cdf=lambda x, c: -np.expm1(-(x**c)),
    sf=lambda x, c: np.exp(-(x**c)),
    quantile=lambda q, c: (-np.log1p(-q)) ** (1.0 / c),
    upper_quantile=lambda q, c: (-np.log(q)) ** (1.0 / c),
    log_cdf=lambda x, c: _log_of_cdf(x**c),
    log_sf=lambda x, c: -(x**c),
    support=_between(0.0, INF),
)


def _log_mass(a: Tracer, b: Tracer) -> Any:
    """The logarithm of the normal probability of [a, b], in a tail where both lie in one."""
    upper = a > 0.0
    low, high = where(upper, -b, a), where(upper, -a, b)
    tail = high <= 0.0
    above = rows.log_ndtr(where(tail, high, -1.0))
    below = rows.log_ndtr(where(tail, low, -2.0))
    # The whole mass lies below where both ends are one.
    distance = where(above > below, above - below, INF)
    in_tail = above + _log_of_cdf(distance)
    middle = np.log1p(-rows.ndtr(where(tail, -1.0, low)) - rows.ndtr(where(tail, -1.0, -high)))
    return where(tail, in_tail, middle)


def _truncnorm_quantile(q: Tracer, a: Tracer, b: Tracer) -> Any:
    upper = a > 0.0
    low, high = where(upper, -b, a), where(upper, -a, b)
    part = where(upper, 1.0 - q, q)
    size = rows.ndtri(rows.ndtr(low) * (1.0 - part) + rows.ndtr(high) * part)
    return where(upper, -size, size)


truncnorm = Distribution(
    "truncnorm",
    ("a", "b"),
    log_density=lambda x, a, b: -0.5 * x * x - LOG_2PI_HALF - _log_mass(a, b),
    cdf=lambda x, a, b: np.exp(_log_mass(a, x) - _log_mass(a, b)),
    sf=lambda x, a, b: np.exp(_log_mass(x, b) - _log_mass(a, b)),
    quantile=_truncnorm_quantile,
    upper_quantile=lambda q, a, b: _truncnorm_quantile(1.0 - q, a, b),
    log_cdf=lambda x, a, b: _log_mass(a, x) - _log_mass(a, b),
    log_sf=lambda x, a, b: _log_mass(x, b) - _log_mass(a, b),
    support=lambda a, b: (a, b),
    valid=lambda a, b: a < b,
)

# -- discrete ----------------------------------------------------------------------------------

bernoulli = Distribution(
    "bernoulli",
    ("p",),
    log_density=lambda k, p: xlogy(k, p) + xlog1py(1.0 - k, -p),
    cdf=lambda k, p: 1.0 - p,
    sf=lambda k, p: p,
    quantile=lambda q, p: where(q <= 1.0 - p, 0.0, 1.0),
    upper_quantile=lambda q, p: where(1.0 - q <= 1.0 - p, 0.0, 1.0),
    support=_between(0.0, 1.0),
    valid=_probability,
    discrete=True,
)
binom = Distribution(
    "binom",
    ("n", "p"),
    log_density=lambda k, n, p: (
        rows.lgamma(n + 1.0)
        - rows.lgamma(k + 1.0)
        - rows.lgamma(n - k + 1.0)
        + xlogy(k, p)
        + xlog1py(n - k, -p)
    ),
    cdf=lambda k, n, p: rows.betainc(n - k, k + 1.0, 1.0 - p),
    sf=lambda k, n, p: rows.betainc(k + 1.0, n - k, p),
    support=lambda n, p: (0.0, n),
    valid=lambda n, p: (n >= 0.0) & (n == np.floor(n)) & _probability(p),
    discrete=True,
)
poisson = Distribution(
    "poisson",
    ("mu",),
    log_density=lambda k, mu: xlogy(k, mu) - rows.lgamma(k + 1.0) - mu,
    cdf=lambda k, mu: rows.gammaincc(k + 1.0, mu),
    sf=lambda k, mu: rows.gammainc(k + 1.0, mu),
    support=_between(0.0, INF),
    valid=lambda mu: mu >= 0.0,
    discrete=True,
)
geom = Distribution(
    "geom",
    ("p",),
    log_density=lambda k, p: xlog1py(k - 1.0, -p) + np.log(p),
    cdf=lambda k, p: -np.expm1(np.log1p(-p) * k),
    sf=lambda k, p: np.exp(k * np.log1p(-p)),
    log_sf=lambda k, p: k * np.log1p(-p),
    support=_between(1.0, INF),
    valid=lambda p: (p > 0.0) & (p <= 1.0),
    discrete=True,
)
nbinom = Distribution(
    "nbinom",
    ("n", "p"),
    log_density=lambda k, n, p: (
        rows.lgamma(n + k) - rows.lgamma(k + 1.0) - rows.lgamma(n) + xlogy(n, p) + xlog1py(k, -p)
    ),
    cdf=lambda k, n, p: rows.betainc(n, k + 1.0, p),
    sf=lambda k, n, p: rows.betainc(k + 1.0, n, 1.0 - p),
    support=_between(0.0, INF),
    valid=lambda n, p: (n > 0.0) & (p > 0.0) & (p <= 1.0),
    discrete=True,
)

DISTRIBUTIONS: dict[str, Distribution] = {
    d.name: d
    for d in (
        norm, uniform, expon, gamma, chi2, beta, t, f, cauchy, laplace, logistic, lognorm, pareto,
        weibull_min, truncnorm, bernoulli, binom, poisson, geom, nbinom,
    )
}  # fmt: skip
"""Every distribution by SciPy's name."""
