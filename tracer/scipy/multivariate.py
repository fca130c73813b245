"""Distributions of several variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import at
from ..location import user_location
from ..numpy.creation import asarray
from ..numpy.joining import concatenate
from ..numpy.promotion import as_dtype, common_shape, spread
from ..numpy.reductions import sum as sum_of
from ..primitives import special as rows
from ..primitives.structure import reshape
from ..trace import Tracer
from ..types import FLOAT64
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


MULTIVARIATE: dict[str, dict[str, Callable[..., Any]]] = {
    "dirichlet": {"logpdf": dirichlet_logpdf, "pdf": dirichlet_pdf},
}
"""The traced methods, by SciPy's names of distribution and method."""
