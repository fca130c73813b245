"""Random numbers of distributions that are not moved and stretched alone.

Most invert a distribution function, so that derivatives by its parameters are those of the
quantile: the reparametrized derivative, which for one variable is the only one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import at
from ..location import user_location
from ..primitives import elementwise as rows
from ..primitives import special
from ..primitives.structure import reshape
from ..trace import Tracer
from ..types import FLOAT64, INT64, Shape
from .creation import asarray
from .linalg.systems import cholesky
from .promotion import as_dtype, common_shape, prepare
from .random import as_shape, exponential, fraction, normal, of_parameters, parameter, placed, split
from .reductions import sum as sum_of
from .selection import where
from .threefry import words

SMALL = -50.0
"""Below the exponential of this a gamma variable's distribution function is its first term."""


def _apart(key: Any, count: int) -> list[Tracer]:
    """Independent keys for the parts of one draw."""
    keys: Any = split(key, count)
    return [keys[..., place, :] for place in range(count)]


def _chance(key: Any, shape: Shape) -> Tracer:
    """Uniform numbers between 0 and 1, in double precision whatever the result's."""
    return fraction(words(asarray(key), shape), FLOAT64, 0.5)


def _over(value: Any, like: Tracer) -> Tracer:
    """A parameter in the dtype and of the shape of the draws."""
    return prepare(parameter(value), like.dtype, like.shape)


def gamma(key: Any, shape: Any, scale: Any = 1.0, size: Any = None, dtype: Any = None) -> Tracer:
    """The gamma distribution of a shape, by the inverse of the incomplete gamma function."""
    wanted, extents = of_parameters(size, dtype, shape, scale)
    p = _chance(key, extents)
    return placed(as_dtype(special.gammaincinv(_over(shape, p), p), wanted), 0.0, scale)


def _log_gamma(key: Any, shape: Any, extents: Shape) -> Tracer:
    """Logarithms of gamma variables, also of those too small for a number.

    NIST Digital Library of Mathematical Functions 8.7.1: P(a, x) is x**a / gamma(a + 1) for
    small x.
    """
    p = _chance(key, extents)
    a = _over(shape, p)
    first: Any = (rows.log(p) + special.lgamma(a + 1.0)) / a
    small = first < SMALL
    x = special.gammaincinv(a, where(small, 0.5, p))
    result: Tracer = where(small, first, np.log(where(small, 1.0, x)))
    return result


def chisquare(key: Any, df: Any, size: Any = None, dtype: Any = None) -> Tracer:
    """Sums of ``df`` squared normal numbers."""
    wanted, extents = of_parameters(size, dtype, df)
    p = _chance(key, extents)
    drawn: Any = special.gammaincinv(0.5 * _over(df, p), p)
    return as_dtype(2.0 * drawn, wanted)


def standard_t(key: Any, df: Any, size: Any = None, dtype: Any = None) -> Tracer:
    """Student's distribution: a normal number over the root of a mean of squares."""
    wanted, extents = of_parameters(size, dtype, df)
    above, below = _apart(asarray(key), 2)
    z: Any = normal(above, size=extents)
    mean: Any = chisquare(below, df, extents, FLOAT64) / _over(df, z)
    return as_dtype(z / np.sqrt(mean), wanted)


def beta(key: Any, a: Any, b: Any, size: Any = None, dtype: Any = None) -> Tracer:
    """The part that one of two gamma variables has of their sum."""
    wanted, extents = of_parameters(size, dtype, a, b)
    one, other = _apart(asarray(key), 2)
    difference: Any = _log_gamma(one, a, extents) - _log_gamma(other, b, extents)
    return as_dtype(rows.logistic(difference), wanted)


def dirichlet(key: Any, alpha: Any, size: Any = None, dtype: Any = None) -> Tracer:
    """The parts that gamma variables have of their sum, along a last axis."""
    powers = asarray(alpha)
    if not powers.ndim:
        raise ValueError(f"alpha has at least one axis{at(user_location())}")
    wanted, extents = of_parameters(None, dtype, powers)
    if size is not None:
        extents = (*as_shape(size), powers.shape[-1])
    logs: Any = _log_gamma(asarray(key), powers, extents)
    parts: Any = np.exp(logs - logs.max(-1, keepdims=True))
    return as_dtype(parts / sum_of(parts, -1, keepdims=True), wanted)


def weibull(key: Any, a: Any, size: Any = None, dtype: Any = None) -> Tracer:
    """Roots of exponential numbers."""
    wanted, extents = of_parameters(size, dtype, a)
    drawn: Any = exponential(key, size=extents, dtype=wanted)
    result: Tracer = drawn ** (1.0 / _over(a, drawn))
    return result


def pareto(key: Any, a: Any, size: Any = None, dtype: Any = None) -> Tracer:
    """NumPy's Pareto distribution, which begins at 0."""
    wanted, extents = of_parameters(size, dtype, a)
    drawn: Any = exponential(key, size=extents, dtype=wanted)
    return rows.expm1(drawn / _over(a, drawn))


def lognormal(
    key: Any, mean: Any = 0.0, sigma: Any = 1.0, size: Any = None, dtype: Any = None
) -> Any:
    """Exponentials of normal numbers."""
    return np.exp(normal(key, mean, sigma, size, dtype))


def rayleigh(key: Any, scale: Any = 1.0, size: Any = None, dtype: Any = None) -> Tracer:
    """Lengths of vectors of two normal numbers."""
    wanted, extents = of_parameters(size, dtype, scale)
    drawn: Any = exponential(key, size=extents, dtype=wanted)
    return placed(np.sqrt(2.0 * drawn), 0.0, scale)


def geometric(key: Any, p: Any, size: Any = None) -> Tracer:
    """How many trials the first success takes."""
    _, extents = of_parameters(size, None, p)
    chance = _chance(key, extents)
    trials: Any = rows.log(chance) / rows.log1p(-_over(p, chance))
    return as_dtype(np.maximum(np.ceil(trials), 1.0), INT64)


def truncated_normal(
    key: Any,
    lower: Any,
    upper: Any,
    loc: Any = 0.0,
    scale: Any = 1.0,
    size: Any = None,
    dtype: Any = None,
) -> Tracer:
    """Standard normal numbers between two bounds, moved and stretched.

    Inverted in the tail in which the bounds lie, which keeps its digits.
    """
    wanted, extents = of_parameters(size, dtype, lower, upper, loc, scale)
    chance: Any = _chance(key, extents)
    low, high = _over(lower, chance), _over(upper, chance)
    turned: Any = low > 0.0
    first, last = where(turned, -high, low), where(turned, -low, high)
    below: Any = special.ndtr(first)
    drawn = special.ndtri(below + chance * (special.ndtr(last) - below))
    inside: Any = np.clip(drawn, first, last)
    return placed(as_dtype(where(turned, -inside, inside), wanted), loc, scale)


def multivariate_normal(
    key: Any, mean: Any, cov: Any, size: Any = None, dtype: Any = None
) -> Tracer:
    """Normal vectors along a last axis, by the Cholesky factor of their covariance."""
    centre, matrix = asarray(mean), asarray(cov)
    wanted, _ = of_parameters((), dtype, centre, matrix)
    if not centre.ndim or matrix.shape[-2:] != (centre.shape[-1],) * 2:
        raise ValueError(
            f"a mean of shape {centre.shape} and a covariance of shape {matrix.shape} "
            f"do not belong together{at(user_location())}"
        )
    count = centre.shape[-1]
    batch = common_shape([centre.shape[:-1], matrix.shape[:-2]])
    extents = (*(batch if size is None else as_shape(size)), count)
    factor: Any = cholesky(as_dtype(matrix, wanted))
    z: Any = normal(key, size=extents, dtype=wanted)
    drawn: Any = np.matmul(factor, reshape(z, shape=(*z.shape, 1)))[..., 0]
    return rows.add(prepare(centre, wanted, drawn.shape), drawn)
