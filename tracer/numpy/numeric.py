"""Numerical functions composed of others: rounding, products of vectors, parts of numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import at
from ..location import user_location
from ..primitives import elementwise as rows
from ..primitives.special import i0 as bessel_i0
from ..primitives.structure import permute, reshape
from ..trace import Tracer
from ..types import BOOL, FLOAT16, FLOAT64, is_complex, is_inexact, normalize_axis
from .creation import asarray
from .joining import stack
from .products import promoted
from .promotion import as_dtype
from .protocols import store
from .selection import where
from .shaping import as_ints, expand_dims, moveaxis

SINC = tuple((-1.0) ** n / math.factorial(2 * n + 1) for n in range(11, -1, -1))
"""Coefficients of sin(x)/x in powers of x**2, the highest first."""


def round(a: Any, decimals: int = 0, out: Any = None) -> Tracer:
    """`np.round`: halves to even."""
    x = asarray(a)
    if x.dtype == BOOL and decimals:
        np.round(np.zeros(1, bool), decimals)  # NumPy's error.
    x = as_dtype(x, FLOAT16) if x.dtype == BOOL else x
    if not is_inexact(x.dtype) and decimals >= 0:
        result = Tracer(x.node)
    elif decimals == 0:
        result = rows.round(x)
    else:
        scale = float(10.0 ** abs(decimals))
        scaled = asarray(x * scale if decimals > 0 else x / scale)
        rounded = rows.round(scaled)
        result = as_dtype(rounded / scale if decimals > 0 else rounded * scale, x.dtype)
    stored: Tracer = store(out, result)
    return stored


def fix(x: Any, out: Any = None) -> Tracer:
    """`np.fix`: towards zero."""
    result: Tracer = store(out, np.trunc(asarray(x)))
    return result


def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None
) -> Tracer:
    """`np.cross` of vectors in three dimensions."""
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = (
        moveaxis(v, n, -1)
        for v, n in zip(promoted(a, b, what="np.cross"), (axisa, axisb), strict=True)
    )
    if x.shape[-1] != 3 or y.shape[-1] != 3:
        raise ValueError(f"np.cross takes vectors of length 3{at(user_location())}")
    (x0, x1, x2), (y0, y1, y2) = ([v[..., n] for n in range(3)] for v in (x, y))
    return stack([x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0], axis=axisc)


def sinc(x: Any) -> Tracer:
    """`np.sinc`: sin(πx) / (πx); near 0, where derivatives of that cancel, the power series."""
    value = asarray(x) * np.pi
    near = abs(value) < 0.5
    square: Any = where(near, value, 0.0) ** 2
    total: Any = SINC[0]
    for coefficient in SINC[1:]:
        total = total * square + coefficient
    safe = where(near, 1.0, value)
    return where(near, total, np.sin(safe) / safe)


def i0(x: Any) -> Tracer:
    """`np.i0`: the modified Bessel function of the first kind of order 0.

    Raises:
        TypeError: for complex values.
    """
    value = asarray(x)
    if is_complex(value.dtype):
        raise TypeError(f"i0 not supported for complex values{at(user_location())}")
    return bessel_i0(value if is_inexact(value.dtype) else as_dtype(value, FLOAT64))


def kaiser(M: Any, beta: Any) -> Tracer:
    """`np.kaiser`: the window of a known length, for a traced shape."""
    count, shape = int(M), asarray(beta)
    middle = (count - 1) / 2.0
    places = (np.arange(count) - middle) / middle if count > 1 else np.zeros(max(count, 0))
    height: Any = i0(shape * np.sqrt(1 - places**2)) / i0(shape)
    return asarray(height)


def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Tracer:
    """`np.apply_along_axis`: the function is traced for each of the vectors."""
    x = moveaxis(arr, axis, -1)
    lines = reshape(x, shape=(-1 if not x.size else x.size // x.shape[-1], x.shape[-1]))
    results = [asarray(func1d(lines[n], *args, **kwargs)) for n in range(lines.shape[0])]
    joined = stack(results)
    shaped = reshape(joined, shape=(*x.shape[:-1], *joined.shape[1:]))
    order = list(range(x.ndim - 1))
    place = normalize_axis(axis, x.ndim)
    order[place:place] = range(x.ndim - 1, shaped.ndim)
    return permute(shaped, axes=tuple(order))


def apply_over_axes(func: Any, a: Any, axes: Any) -> Tracer:
    """`np.apply_over_axes`: a function of an array and an axis, for one axis after another.

    Raises:
        ValueError: when the function gives an array of another number of axes.
    """
    value = asarray(a)
    ndim = value.ndim
    for axis in as_ints(axes):
        place = normalize_axis(axis, ndim)
        result = asarray(func(value, place))
        if result.ndim < ndim:
            result = expand_dims(result, place)
        if result.ndim != ndim:
            raise ValueError(
                f"function is not returning an array of the correct shape{at(user_location())}"
            )
        value = result
    return value
