"""Summaries of elements: extremes, moments, quantiles, counts, distances."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pullback.tracer.primitives.elementwise import broadcast_scalar
from pullback.tracer.primitives.elementwise import where as choose

from .dtypes import here
from .node import Row
from .reductions import NORM, STD, VAR, spread_of
from .return_types import TYPES, Results, recorded, rows
from .rows import on_lines, same, wrap_dim, wrap_dims
from .tensors import Tensor, record, wrapped


def _extremes(x: Any, dim: Any, keepdim: bool) -> Any:
    return np.min(x, dim, keepdims=keepdim), np.max(x, dim, keepdims=keepdim)


AMINMAX = rows("aminmax", on_lines(_extremes), ("AminmaxBackward0", "AminmaxBackward0"))
NANMEAN = Row("nanmean", lambda x, d, k: np.nanmean(x, d, keepdims=k), "DivBackward0")
COUNT = Row("count_nonzero", lambda x, d: np.count_nonzero(x, d), None)


def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Results:
    """The smallest and the greatest element.

    >>> torch.aminmax(torch.tensor([1.0, -3.0]))
    torch.return_types.aminmax(
    min=tensor(-3.),
    max=tensor(1.))
    """
    axis = None if dim is None else wrap_dim(dim, input.ndim)
    return recorded("aminmax", AMINMAX, (input,), (axis, keepdim))


def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean of the elements that are numbers.

    >>> torch.nanmean(torch.tensor([1.0, float("nan"), 3.0]))
    tensor(2.)
    """
    input = input if dtype is None else input.to(dtype)
    return record(NANMEAN, (input,), (wrap_dims(dim, input.ndim), keepdim))


def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements are not zero.

    >>> torch.count_nonzero(torch.tensor([0, 3, 4]))
    tensor(2)
    """
    return record(COUNT, (input,), (wrap_dims(dim, input.ndim),))


def _both(name: str, spread: Row) -> tuple[Row, Row]:
    grad_name = f"{name.title()}MeanBackward0"
    return (
        Row(f"{name}_mean", spread.apply, grad_name),
        Row(f"{name}_mean", lambda x, d, c, k: np.mean(x, d, keepdims=k), grad_name),
    )


WITH_MEAN = {"std": _both("std", STD), "var": _both("var", VAR)}


def _with_mean(name: str, *given: Any) -> tuple[Tensor, Tensor]:
    spread, mean = (spread_of(row, *given) for row in WITH_MEAN[name])
    return spread, mean


def std_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The standard deviation and the mean.

    >>> torch.std_mean(torch.tensor([1.0, 3.0]))
    (tensor(1.4142), tensor(2.))
    """
    return _with_mean("std", input, dim, unbiased, keepdim, correction)


def var_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The variance and the mean.

    >>> torch.var_mean(torch.tensor([1.0, 3.0]))
    (tensor(2.), tensor(2.))
    """
    return _with_mean("var", input, dim, unbiased, keepdim, correction)


# -- quantiles -------------------------------------------------------------------------------


def _quantile(x: Any, q: Any, dim: int | None, keepdim: bool, method: str, skip: bool) -> Any:
    compute: Any = np.nanquantile if skip else np.quantile
    return compute(x, q, axis=dim, keepdims=keepdim, method=method)


QUANTILE = Row("quantile", _quantile, "SqueezeBackward4")
_METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantiles(input: Tensor, q: Any, dim: int | None, options: tuple[bool, str, bool]) -> Tensor:
    method = options[1]
    if method not in _METHODS:
        raise RuntimeError(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {method}{here()}"
        )
    given = q if isinstance(q, Tensor) else wrapped(np.array(q, input.dtype.numpy))
    if given.dtype is not input.dtype:
        raise RuntimeError(f"quantile() q tensor must be same dtype as the input tensor{here()}")
    axis = None if dim is None else wrap_dim(dim, input.ndim)
    return record(QUANTILE, (input, given), (axis if input.ndim else None, *options))


def quantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """The values below which the parts ``q`` of the elements are.

    >>> torch.quantile(torch.tensor([0.0, 1.0, 2.0]), 0.25)
    tensor(0.5000)
    """
    return _quantiles(input, q, dim, (keepdim, interpolation, False))


def nanquantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """`quantile` of the elements that are numbers.

    >>> torch.nanquantile(torch.tensor([0.0, float("nan"), 2.0]), 0.5)
    tensor(1.)
    """
    return _quantiles(input, q, dim, (keepdim, interpolation, True))


# -- covariance ------------------------------------------------------------------------------


def _cov(x: Any, *rest: Any) -> Any:
    *weights, correction, has_counts, has_weights = rest
    table = np.reshape(x, (1, -1)) if x.ndim < 2 else x
    given = iter(weights)
    total: Any = None
    counts = next(given) if has_counts else None
    if counts is not None:
        total = counts.astype(table.dtype)
    relative = next(given) if has_weights else None
    if relative is not None:
        relative = relative.astype(table.dtype)
        total = relative if total is None else total * relative
    made = _weighted_cov(table, total, relative, correction)
    return np.reshape(made, ()) if made.size == 1 else made


def _weighted_cov(table: Any, weights: Any, relative: Any, correction: int) -> Any:
    if weights is None:
        centred = table - np.mean(table, 1, keepdims=True)
        norm = max(table.shape[1] - correction, 0)
        return np.matmul(centred, np.transpose(centred)) / broadcast_scalar(norm, table[0, 0])
    whole = np.sum(weights)
    centred = table - np.sum(table * weights, 1, keepdims=True) / whole
    factor = correction if relative is None else correction * np.sum(weights * relative) / whole
    return np.matmul(centred * weights, np.transpose(centred)) / np.maximum(whole - factor, 0.0)


COV = Row("cov", _cov, "SqueezeBackward0")


def _corrcoef(x: Any) -> Any:
    covariance = _cov(x, 1, False, False)
    if not covariance.ndim:
        return np.reshape(covariance / covariance, ())
    deviation = np.sqrt(np.diagonal(covariance))
    scaled = covariance / deviation[:, None] / deviation[None, :]
    return np.clip(scaled, -1.0, 1.0)


CORRCOEF = Row(
    "corrcoef",
    _corrcoef,
    lambda kinds: "ClampBackward1" if len(kinds[0].type.shape) > 1 else "DivBackward0",
)


def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """The covariances of variables in rows, observed in columns.

    >>> torch.cov(torch.tensor([[0.0, 2.0], [2.0, 0.0]]))
    tensor([[ 2., -2.],
            [-2.,  2.]])
    """
    weights = tuple(x for x in (fweights, aweights) if x is not None)
    params = (correction, fweights is not None, aweights is not None)
    return record(COV, (input, *weights), params)


def corrcoef(input: Tensor) -> Tensor:
    """The correlations of variables in rows, observed in columns.

    >>> torch.corrcoef(torch.tensor([[0.0, 2.0], [2.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    return record(CORRCOEF, (input,))


# -- distances -------------------------------------------------------------------------------


def _norm_of_rows(x: Any, p: float) -> Any:
    return NORM.apply(x, p, (x.ndim - 1,), False)


def _pdist(x: Any, p: float) -> Any:
    first, second = np.triu_indices(x.shape[0], 1)
    return _norm_of_rows(np.take(x, first, 0) - np.take(x, second, 0), p)


DIST = Row("dist", lambda x, y, p: NORM.apply(x - y, p, None, False), "DistBackward0", same)
CDIST = Row(
    "cdist",
    lambda x, y, p: _norm_of_rows(x[..., :, None, :] - y[..., None, :, :], p),
    "CdistBackward0",
)
PDIST = Row("pdist", _pdist, "PdistBackward0")


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of the difference.

    >>> torch.dist(torch.tensor([3.0, 4.0]), torch.zeros(2))
    tensor(5.)
    """
    return record(DIST, (input, other), (float(p),))


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """The p-norms of the differences of all rows of one tensor to all of another.

    >>> torch.cdist(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: "
            f"{x2.shape[-1]}{here()}"
        )
    return record(CDIST, (x1, x2), (float(p),))


def pdist(input: Tensor, p: float = 2) -> Tensor:
    """The p-norms of the differences of all pairs of rows.

    >>> torch.pdist(torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    tensor([5.0000, 1.0000, 4.2426])
    """
    return record(PDIST, (input,), (float(p),))


def _renorm(x: Any, p: float, dim: int, limit: float) -> Any:
    axes = tuple(i for i in range(x.ndim) if i != dim)
    size = norm_of(x, p, axes)
    one = broadcast_scalar(1.0, size)
    return x * choose(size > limit, limit / (size + 1e-7), one)


def norm_of(x: Any, p: float, axes: tuple[int, ...]) -> Any:
    """The p-norms of a tracer, axes kept."""
    return NORM.apply(x, p, axes, True)


RENORM = Row("renorm", _renorm, "RenormBackward0")


def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """The parts along a dimension scaled down to a p-norm of at most ``maxnorm``.

    >>> torch.renorm(torch.tensor([[3.0, 4.0], [0.0, 1.0]]), 2, 0, 1.0)
    tensor([[0.6000, 0.8000],
            [0.0000, 1.0000]])
    """
    return record(RENORM, (input,), (float(p), wrap_dim(dim, input.ndim), float(maxnorm)))


# -- counts ----------------------------------------------------------------------------------


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number from 0 on is there, or the sums of weights.

    >>> torch.bincount(torch.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    values = input.value()
    if values.dtype.kind == "f":
        raise NotImplementedError(
            f'"bincount_cpu" not implemented for {input.dtype.title!r}{here()}'
        )
    if values.ndim != 1 or (values.size and values.min() < 0):
        raise RuntimeError(f"bincount only supports 1-d non-negative integral inputs.{here()}")
    if weights is None:
        return wrapped(np.bincount(values, minlength=minlength).astype(np.int64))
    made = np.bincount(values, weights.value(), minlength)
    single = weights.dtype.numpy == np.dtype(np.float32)
    return wrapped(made.astype(np.float32 if single else np.float64))


def _edges(
    values: np.ndarray[Any, Any], low: float, high: float, around: float = 1.0
) -> tuple[float, float]:
    if low == high == 0 and values.size:
        low, high = float(values.min()), float(values.max())
    if low > high:
        raise RuntimeError(f"torch.histc: max must be larger than min{here()}")
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"torch.histc: range of [{low}, {high}] is not finite{here()}")
    return (low - around, high + around) if low == high else (low, high)


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements are in each of equal intervals; without bounds, from the least on.

    >>> torch.histc(torch.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    values = input.value().reshape(-1)
    low, high = _edges(values, min, max)
    inside = values[(values >= low) & (values <= high)]
    places = ((inside - low) / (high - low) * bins).astype(np.int64)
    counted = np.bincount(np.minimum(places, bins - 1), minlength=bins)
    return wrapped(counted.astype(input.dtype.numpy))


def histogram(
    input: Tensor,
    bins: Any,
    *,
    range: Any = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Results:
    """How many elements are in each interval, and the bounds of these.

    >>> torch.histogram(torch.tensor([1.0, 2.0, 1.0]), 2, range=(0.0, 4.0)).hist
    tensor([2., 1.])
    """
    values = input.value().reshape(-1)
    edges: Any = bins.value() if isinstance(bins, Tensor) else bins
    if isinstance(edges, int):
        bounds = range or (0.0, 0.0)
        low, high = _edges(values, bounds[0], bounds[1], 0.5)
        edges = np.linspace(low, high, edges + 1, dtype=values.dtype)
    weights = None if weight is None else weight.value().reshape(-1)
    counted, _ = np.histogram(values, edges, weights=weights, density=density)
    return TYPES["histogram"]((wrapped(counted.astype(values.dtype)), wrapped(edges)))
