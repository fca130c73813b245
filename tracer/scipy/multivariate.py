"""Distributions of several variables."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import UnsupportedFunctionError, at
from ..location import user_location
from ..numpy.creation import asarray
from ..numpy.joining import concatenate
from ..numpy.linalg.systems import cholesky
from ..numpy.promotion import as_dtype, common_shape, spread
from ..numpy.reductions import sum as sum_of
from ..numpy.selection import where
from ..primitives import special as rows
from ..primitives.structure import reshape
from ..trace import Tracer
from ..types import FLOAT64
from .linalg import solve_triangular
from .special import xlogy


def dirichlet_logpdf(x: Any, alpha: Any) -> Tracer:
    """`scipy.stats.dirichlet.logpdf`: coordinates along the first axis, perhaps without the last.

    Raises:
        ValueError: when there are not as many coordinates as parameters, or one fewer.
    """
    point, powers = (as_dtype(asarray(v), FLOAT64) for v in (x, alpha))
    if powers.ndim != 1:
        raise ValueError(
            "Parameter vector 'a' must be one dimensional, but a.shape = "
            f"{powers.shape}.{at(user_location())}"
        )
    if point.ndim and point.shape[0] + 1 == powers.size:
        rest = 1.0 - sum_of(point, 0)
        point = concatenate([point, reshape(rest, shape=(1, *rest.shape))], 0)
    if not point.ndim or point.shape[0] != powers.size:
        raise ValueError(
            "Vector 'x' must have either the same number of entries as, or one entry fewer than, "
            f"parameter vector 'a', but alpha.shape = {powers.shape} and x.shape = {point.shape}."
            f"{at(user_location())}"
        )
    column = reshape(powers, shape=(powers.size, *(1,) * (point.ndim - 1)))
    terms: Any = xlogy_of(column - 1.0, point)
    constant: Any = sum_of(rows.lgamma(powers)) - rows.lgamma(sum_of(powers))
    result: Tracer = sum_of(terms, 0) - constant
    return result


def xlogy_of(x: Tracer, y: Tracer) -> Tracer:
    """``xlogy`` of shapes that broadcast."""
    shape = common_shape([x.shape, y.shape])
    return xlogy(spread(x, shape), spread(y, shape))


def dirichlet_pdf(x: Any, alpha: Any) -> Any:
    """`scipy.stats.dirichlet.pdf`."""
    return np.exp(dirichlet_logpdf(x, alpha))


def normal_logpdf(x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Tracer:
    """`scipy.stats.multivariate_normal.logpdf`, by the Cholesky factor of ``cov``.

    Coordinates of ``x`` are along its last axis; in one dimension it may be left out.

    Raises:
        ValueError: when the shapes of mean and covariance do not fit.
        UnsupportedFunctionError: for ``allow_singular=True``.
        LinAlgError: when the compiled code meets a covariance that is not positive definite.
    """
    if allow_singular:
        raise UnsupportedFunctionError(
            "a traced covariance is positive definite: allow_singular=True is not known"
            f"{at(user_location())}"
        )
    centre, spread_of = _normal_parameters(mean, cov)
    count = centre.size
    point = as_dtype(asarray(x), FLOAT64)
    if count == 1 and (not point.ndim or point.shape[-1] != 1):
        point = reshape(point, shape=(*point.shape, 1))
    if not point.ndim or point.shape[-1] != count:
        raise ValueError(
            f"points of shape {point.shape} have not the {count} coordinates of the mean along the "
            f"last axis{at(user_location())}"
        )
    factor = cholesky(spread_of)
    away: Any = reshape(point - centre, shape=(math.prod(point.shape[:-1]), count))
    scaled: Any = solve_triangular(factor, away.T, lower=True)
    size = 2.0 * sum_of(np.log(np.diagonal(factor))) + count * math.log(2.0 * math.pi)
    total = -0.5 * (sum_of(scaled * scaled, 0) + size)
    # SciPy leaves out axes of length one.
    return reshape(total, shape=tuple(n for n in point.shape[:-1] if n != 1))


def _normal_parameters(mean: Any, cov: Any) -> tuple[Tracer, Tracer]:
    """The mean as a vector and the covariance as a matrix, from what SciPy takes for them."""
    matrix = as_dtype(asarray(cov), FLOAT64)
    count = math.prod(np.shape(mean)) if mean is not None else (matrix.shape or (1,))[0]
    centre = np.zeros(count) if mean is None else mean
    vector = reshape(as_dtype(asarray(centre), FLOAT64), shape=(count,))
    if count == 1 and matrix.size == 1:
        matrix = reshape(matrix, shape=(1, 1))
    if matrix.ndim < 2:
        matrix = where(np.eye(count, dtype=bool), matrix, 0.0)
    if matrix.shape != (count, count):
        raise ValueError(
            f"a mean of {count} coordinates needs a covariance of shape {(count, count)}, not "
            f"{matrix.shape}{at(user_location())}"
        )
    return vector, matrix


def normal_pdf(x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
    """`scipy.stats.multivariate_normal.pdf`."""
    return np.exp(normal_logpdf(x, mean, cov, allow_singular))


def normal_entropy(mean: Any = None, cov: Any = 1) -> Any:
    """`scipy.stats.multivariate_normal.entropy`, in nats."""
    centre, matrix = _normal_parameters(mean, cov)
    size: Any = sum_of(np.log(np.diagonal(cholesky(matrix))))
    return size + 0.5 * centre.size * (1.0 + math.log(2.0 * math.pi))


MULTIVARIATE: dict[str, dict[str, Callable[..., Any]]] = {
    "dirichlet": {"logpdf": dirichlet_logpdf, "pdf": dirichlet_pdf},
    "multivariate_normal": {
        "logpdf": normal_logpdf,
        "pdf": normal_pdf,
        "entropy": normal_entropy,
    },
}
"""The traced methods, by SciPy's names of distribution and method."""
