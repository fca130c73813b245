"""Medians and quantiles: sort, then interpolate between neighbours as NumPy does.

The derivative follows the elements that a quantile lies between. The methods are those of
R. Hyndman and Y. Fan, Sample quantiles in statistical packages (1996), and NumPy's four others.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..errors import at
from ..location import user_location
from ..primitives import sorting as rows
from ..primitives.elementwise import is_nan
from ..primitives.structure import Axes, reshape
from ..trace import Tracer
from ..types import FLOAT64, is_complex, is_float, normalize_axis
from .creation import asarray
from .meanings import rounded
from .moments import mean
from .promotion import as_dtype, number, spread
from .protocols import NO_VALUE, store
from .reductions import axes_of, count_nonzero, kept_shape
from .running import cumsum
from .selection import clip, take_along_axis, where
from .shaping import moveaxis, permuted

Indices = Callable[[Any, Any], Any]


def _times(x: Any, y: Any) -> Any:
    """The product, rounded before anything is added to it: a step depends on its last digit."""
    product = x * y
    return rounded(product) if isinstance(product, Tracer) else product


def _fitted(alpha: float, beta: float) -> Indices:
    return lambda n, q: _times(n, q) + (alpha + _times(q, 1 - alpha - beta)) - 1


def _whole(value: Any) -> Any:
    return value.astype(np.int64)


def _stepping(index: Any, exactly: Any) -> Any:
    """The next place, but the one before where the index is ``exactly`` there."""
    below = np.floor(index)
    return np.maximum(_whole(np.where(exactly(index - below, index), below, below + 1)), 0)


CONTINUOUS: dict[str, Indices] = {
    "averaged_inverted_cdf": lambda n, q: _times(n, q) - 1,
    "interpolated_inverted_cdf": _fitted(0, 1),
    "hazen": _fitted(0.5, 0.5),
    "weibull": _fitted(0, 0),
    "linear": lambda n, q: _times(n - 1, q),
    "median_unbiased": _fitted(1 / 3.0, 1 / 3.0),
    "normal_unbiased": _fitted(3 / 8.0, 3 / 8.0),
    "midpoint": lambda n, q: 0.5 * (np.floor(_times(n - 1, q)) + np.ceil(_times(n - 1, q))),
}
"""Where quantiles are among ``n`` sorted elements; between two, they are interpolated."""

DISCRETE: dict[str, Indices] = {
    "inverted_cdf": lambda n, q: _stepping(_times(n, q) - 1, lambda rest, index: rest == 0),
    "closest_observation": lambda n, q: _stepping(
        _times(n, q) - 1 - 0.5, lambda rest, index: (rest == 0) & (np.floor(index) % 2 == 1)
    ),
    "lower": lambda n, q: _whole(np.floor((n - 1) * q)),
    "higher": lambda n, q: _whole(np.ceil((n - 1) * q)),
    "nearest": lambda n, q: _whole(np.round((n - 1) * q)),
}
"""Which of ``n`` sorted elements quantiles are."""


class _Lines(NamedTuple):
    """The elements along some axes as one, the last; and what is needed to shape results."""

    values: Tracer
    given: Tracer
    axes: Axes

    @property
    def extent(self) -> int:
        """How many elements there are along it."""
        return self.values.shape[-1]

    def finish(self, result: Tracer, before: tuple[int, ...], keepdims: Any, out: Any) -> Tracer:
        """The result, axes ``before`` those that are left; with the others kept if asked for."""
        if keepdims is not NO_VALUE and keepdims:
            result = reshape(result, shape=(*before, *kept_shape(self.given, self.axes)))
        stored: Tracer = store(out, result)
        return stored


def _lines(x: Tracer, axis: Any) -> _Lines:
    if not x.ndim and axis is not None and np.ndim(axis) == 0:
        normalize_axis(operator.index(axis), 0)  # Sums take an axis of numbers, quantiles do not.
    axes = axes_of(tuple(axis) if isinstance(axis, list) else axis, x.ndim)
    kept = tuple(n for n in range(x.ndim) if n not in axes)
    moved = permuted(x, (*kept, *axes))
    extent = math.prod(x.shape[n] for n in axes)
    return _Lines(reshape(moved, shape=(*(x.shape[n] for n in kept), extent)), x, axes)


def _found(ordered: Tracer, places: Tracer) -> Tracer:
    """Sorted elements at places, whose leading axis is that of the results."""
    return moveaxis(take_along_axis(ordered, moveaxis(places, 0, -1), -1), -1, 0)


# -- median ------------------------------------------------------------------------------------


def median(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False
) -> Tracer:
    """`np.median`: NaN where there is one."""
    lines = _lines(asarray(a), axis)
    n = lines.extent
    ordered = rows.sort(lines.values)
    result = mean(ordered[..., (n - 1) // 2 : n // 2 + 1], -1)
    if n and is_float(ordered.dtype):
        result = where(is_nan(ordered[..., -1]), ordered[..., -1], result)
    return lines.finish(result, (), keepdims, out)


def nanmedian(
    a: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    keepdims: Any = NO_VALUE,
) -> Tracer:
    """`np.nanmedian`: of the elements that are not NaN, NaN where there are none."""
    x = asarray(a)
    if not is_float(x.dtype) or not x.size:
        return median(x, axis, out, False, keepdims)
    lines = _lines(x, axis)
    ordered = rows.sort(lines.values)
    count = count_nonzero(~is_nan(ordered), -1)[None]
    low, high = clip((count - 1) // 2, 0), clip(count // 2, 0, lines.extent - 1)
    below, above = _found(ordered, low), _found(ordered, high)
    result = where(low == high, below, (below + above) / 2)[0]
    return lines.finish(result, (), keepdims, out)


# -- quantiles ---------------------------------------------------------------------------------


class _Quantiles(NamedTuple):
    """What is asked for: numbers from 0 to 1, or their traced array, how, and of which shape."""

    q: Any
    shape: tuple[int, ...]
    method: str
    weak: bool

    @property
    def flat(self) -> Any:
        """The numbers along one axis."""
        return self.q.reshape(-1)


def _quantiles(q: Any, method: str, percent: bool) -> _Quantiles:
    """The quantiles that are asked for.

    Raises:
        ValueError: for those that are known and not from 0 to 1, and for unknown methods.
    """
    if method not in CONTINUOUS and method not in DISCRETE:
        known = ", ".join(map(repr, (*CONTINUOUS, *DISCRETE)))
        raise ValueError(
            f"{method!r} is not a valid method. Use one of: {known}{at(user_location())}"
        )
    if not isinstance(q, Tracer):
        numbers = np.asarray(q)
        top, what = (100, "Percentiles") if percent else (1, "Quantiles")
        if not np.all((numbers >= 0) & (numbers <= top)):
            raise ValueError(f"{what} must be in the range [0, {top}]{at(user_location())}")
        if not isinstance(q, np.ndarray):
            given = np.true_divide(numbers, 100) if percent else numbers
            return _Quantiles(np.asarray(given), numbers.shape, method, type(q) in (int, float))
    x = asarray(q)
    return _Quantiles(x / 100 if percent else x, x.shape, method, False)


def quantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
) -> Tracer:
    """`np.quantile`: NaN where there is one.

    Raises:
        ValueError: for an unknown method, and weights with another than 'inverted_cdf'.
        IndexError: for no elements.
    """
    wanted = _quantiles(q, method, percent=False)
    return _quantile(asarray(a), wanted, axis, out, keepdims, weights, skip_nan=False)


def percentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
) -> Tracer:
    """`np.percentile`: the quantile of a hundredth."""
    wanted = _quantiles(q, method, percent=True)
    return _quantile(asarray(a), wanted, axis, out, keepdims, weights, skip_nan=False)


def nanquantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = NO_VALUE,
    *,
    weights: Any = None,
) -> Tracer:
    """`np.nanquantile`: of the elements that are not NaN, NaN where there are none."""
    wanted = _quantiles(q, method, percent=False)
    return _quantile(asarray(a), wanted, axis, out, keepdims, weights, skip_nan=True)


def nanpercentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = NO_VALUE,
    *,
    weights: Any = None,
) -> Tracer:
    """`np.nanpercentile`."""
    wanted = _quantiles(q, method, percent=True)
    return _quantile(asarray(a), wanted, axis, out, keepdims, weights, skip_nan=True)


def _quantile(
    x: Tracer,
    wanted: _Quantiles,
    axis: Any,
    out: Any,
    keepdims: Any,
    weights: Any,
    skip_nan: bool,
) -> Tracer:
    if is_complex(x.dtype):
        raise TypeError(f"a must be an array of real numbers{at(user_location())}")
    lines = _lines(x, axis)
    rest = lines.values.shape[:-1]
    if not lines.extent:
        if not skip_nan:
            raise IndexError(f"there is no quantile of no elements{at(user_location())}")
        nothing = number(math.nan, mean(lines.values, -1).dtype, (*wanted.shape, *rest))
        return lines.finish(nothing, wanted.shape, keepdims, out)
    skip_nan = skip_nan and is_float(x.dtype)
    if weights is not None:
        by = _lines(_weights(x, weights, axis, wanted.method), axis).values
        result = _weighted(lines.values, by, wanted.flat, skip_nan)
    else:
        result = _unweighted(lines.values, wanted, skip_nan)
    result = reshape(result, shape=(*wanted.shape, *rest))
    return lines.finish(result, wanted.shape, keepdims, out)


def _unweighted(x: Tracer, wanted: _Quantiles, skip_nan: bool) -> Tracer:
    ordered = rows.sort(x)
    if skip_nan:
        # Where nothing is left every place holds NaN.
        count = clip(count_nonzero(~is_nan(ordered), -1), 1)
        return _among(ordered, wanted, count)
    result = _among(ordered, wanted, x.shape[-1])
    return _spoiled(result, ordered) if is_float(x.dtype) else result


def _spoiled(result: Tracer, ordered: Tracer) -> Tracer:
    """NaN where the sorted elements end with one."""
    last = ordered[..., -1]
    return where(is_nan(last), as_dtype(last, result.dtype), result)


def _among(ordered: Tracer, wanted: _Quantiles, count: Any) -> Tracer:
    """The quantiles of the first ``count`` sorted elements, a number for all or for each line."""
    q, method = wanted.flat, wanted.method
    if isinstance(count, Tracer):
        q = q.reshape((-1, *(1,) * count.ndim))
        count = as_dtype(count, q.dtype) if is_float(q.dtype) else count
    valid = (q >= 0) & (q <= 1) if isinstance(q, Tracer) else None
    if method in DISCRETE or (method == "linear" and not is_float(q.dtype)):
        row = DISCRETE[method] if method in DISCRETE else CONTINUOUS[method]
        return _placed(ordered, row(count, q), valid)
    index = CONTINUOUS[method](count, q)
    below = np.floor(index)
    low = np.where(index >= count - 1, count - 1, np.maximum(below, 0))
    high = np.where(index < 0, 0, np.minimum(below + 1, count - 1))
    fraction = _FRACTIONS.get(method, lambda rest, index: rest)(index - below, index)
    fraction = fraction.astype(index.dtype)
    previous, following = (_placed(ordered, _whole(i), valid) for i in (low, high))
    return _between(previous, following, fraction, wanted.weak)


_FRACTIONS: dict[str, Indices] = {
    "averaged_inverted_cdf": lambda rest, index: np.where(rest == 0, 0.5, 1.0),
    "midpoint": lambda rest, index: np.where(rest == 0, 0.0, 0.5),
}
"""How far to go between two elements, other than by the fractional part of the index."""


def _placed(ordered: Tracer, places: Any, valid: Tracer | None) -> Tracer:
    """Sorted elements: a leading axis for the places, the same for every line or one for each.

    Quantiles that are not valid are at no place, which is an IndexError.
    """
    if valid is not None:
        places = where(valid, places, ordered.shape[-1])
    if places.ndim == 1:
        return moveaxis(ordered[..., places], -1, 0)
    return _found(ordered, asarray(places))


def _between(low: Tracer, high: Tracer, fraction: Any, weak: bool) -> Tracer:
    """Interpolated from the nearer end."""
    rest = 1 - fraction
    near: Any = fraction >= 0.5
    if weak and not isinstance(fraction, Tracer):
        near, fraction, rest = bool(near[0]), float(fraction[0]), float(rest[0])
    else:
        shape = (*fraction.shape, *(1,) * (low.ndim - fraction.ndim))
        near, fraction, rest = (asarray(v).reshape(shape) for v in (near, fraction, rest))
        if weak and is_float(low.dtype):
            fraction, rest = as_dtype(fraction, low.dtype), as_dtype(rest, low.dtype)
    apart = high - low
    return where(near, high - rounded(apart * rest), low + rounded(apart * fraction))


# -- weights -----------------------------------------------------------------------------------


def _weights(x: Tracer, weights: Any, axis: Any, method: str) -> Tracer:
    """A weight for each element.

    Raises:
        ValueError: for another method than 'inverted_cdf', shapes that do not match, and weights
            that are known and negative.
        TypeError: for other shapes without an axis.
    """
    if method != "inverted_cdf":
        raise ValueError(
            f"Only method 'inverted_cdf' supports weights. Got: {method}.{at(user_location())}"
        )
    if not isinstance(weights, Tracer) and np.any(np.asarray(weights) < 0):
        raise ValueError(f"Weights must be non-negative.{at(user_location())}")
    by = asarray(weights)
    if by.shape == x.shape:
        return by
    if axis is None:
        raise TypeError(
            f"Axis must be specified when shapes of a and weights differ.{at(user_location())}"
        )
    axes = [
        normalize_axis(n, x.ndim) for n in (axis if isinstance(axis, (tuple, list)) else [axis])
    ]
    if by.shape != tuple(x.shape[n] for n in axes):
        raise ValueError(
            "Shape of weights must be consistent with shape of a along specified axis."
            f"{at(user_location())}"
        )
    by = permuted(by, tuple(int(n) for n in np.argsort(axes)))
    column = tuple(extent if n in axes else 1 for n, extent in enumerate(x.shape))
    return spread(reshape(by, shape=column), x.shape)


def _weighted(x: Tracer, by: Tracer, q: Any, skip_nan: bool) -> Tracer:
    """The first element at which the sum of weights reaches the quantile of their total."""
    if skip_nan:
        by = where(is_nan(x), 0, by)
    order = rows.argsort(x)
    ordered = take_along_axis(x, order, -1)
    sums = cumsum(take_along_axis(by, order, -1), -1, FLOAT64)
    share = sums / sums[..., -1:]
    wanted = asarray(q)
    share = as_dtype(share, wanted.dtype) if is_float(wanted.dtype) else share
    # Elements of no weight before all others are not chosen, even by the quantile 0.
    share = where(share == 0, -1.0, share)
    queries = spread(as_dtype(wanted, share.dtype), (*share.shape[:-1], wanted.size))
    place = clip(rows.searchsorted(share, queries, side="left"), 0, x.shape[-1] - 1)
    result = moveaxis(take_along_axis(ordered, place, -1), -1, 0)
    return _spoiled(result, ordered) if is_float(x.dtype) and not skip_nan else result
