"""Comparisons of whole arrays, and what kinds of numbers stand where."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitives import elementwise as rows
from ..trace import Tracer
from ..types import BOOL, FLOAT64, is_inexact
from .creation import asarray
from .promotion import as_dtype, common_shape, number, spread
from .protocols import store
from .reductions import all_of


def isclose(
    a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False
) -> Tracer:
    """`np.isclose`."""
    x, y = asarray(a), asarray(b)
    y = y if is_inexact(y.dtype) else as_dtype(y, FLOAT64)
    near = (abs(x - y) <= atol + rtol * abs(y)) & rows.is_finite(y)
    result: Tracer = near | (x == y)
    return result | _both_nan(x, y) if equal_nan else result


def _both_nan(x: Tracer, y: Tracer) -> Tracer:
    missing: Any = np.isnan(x) & np.isnan(y)
    return asarray(missing)


def allclose(
    a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False
) -> Tracer:
    """`np.allclose`, as a traced bool."""
    result: Tracer = all_of(isclose(a, b, rtol, atol, equal_nan))
    return result


def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """`np.array_equal`, as a traced bool; False if the shapes differ."""
    x, y = asarray(a1), asarray(a2)
    if x.shape != y.shape:
        return False
    same = x == y
    if equal_nan:
        same = same | _both_nan(x, y)
    return all_of(same)


def array_equiv(a1: Any, a2: Any) -> Any:
    """`np.array_equiv`, as a traced bool: equal once broadcast; False if that cannot be done."""
    x, y = asarray(a1), asarray(a2)
    try:
        shape = common_shape([x.shape, y.shape])
    except ValueError:
        return False
    return all_of(spread(x, shape) == spread(y, shape))


def _infinite(x: Any, out: Any, negative: bool) -> Tracer:
    value = asarray(x)
    if is_inexact(value.dtype):
        infinity = number(-np.inf if negative else np.inf, value.dtype, value.shape)
        result = rows.eq(value, infinity)
    else:
        result = number(False, BOOL, value.shape)
    stored: Tracer = store(out, result)
    return stored


def isposinf(x: Any, out: Any = None) -> Tracer:
    """`np.isposinf`."""
    return _infinite(x, out, negative=False)


def isneginf(x: Any, out: Any = None) -> Tracer:
    """`np.isneginf`."""
    return _infinite(x, out, negative=True)
