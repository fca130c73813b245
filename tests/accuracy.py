"""The largest error of a function, over its whole range, against mpmath."""

from __future__ import annotations

import numpy as np

from pullback.codegen.math import FUNCTIONS
from pullback.codegen.math.special import VECTOR

from .elementary import (
    EXACT,
    NATIVE_LANES,
    Array,
    Compiled,
    compiled,
    errors,
    in_higher_precision,
    operands,
    ufunc,
    ulps,
    with_mpmath,
)
from .test_special import exactly
from .test_special import operands as special_operands

MANY, CANDIDATES, FEW = 50_000, 150, 250
# Functions of which mpmath is the only better reference.
ONLY_MPMATH = {"erf", "erfc"}


def worst_error(name: str, dtype: str) -> tuple[float, tuple[float, ...]]:
    """The largest error found, in ulps, and where; zero of functions that have NumPy's bits."""
    if name in EXACT:
        xs = operands(name, dtype, MANY, seed=7)
        with np.errstate(all="ignore"):
            expected = ufunc(name)(*xs)
        got = compiled(name, dtype, NATIVE_LANES[dtype])(*xs)
        assert np.array_equal(got, expected, equal_nan=True), name
        return 0.0, ()
    found, xs = _of_special(name, dtype) if name not in FUNCTIONS else _of_elementary(name, dtype)
    worst = int(np.argmax(found))
    return float(found[worst]), tuple(float(x[worst]) for x in xs)


def _of_elementary(name: str, dtype: str) -> tuple[Array, list[Array]]:
    """Errors of the worst of many points by extended precision, measured again with mpmath."""
    xs = operands(name, dtype, 1000 if name in ONLY_MPMATH else MANY, seed=7)
    got = compiled(name, dtype, NATIVE_LANES[dtype])(*xs)
    if name not in ONLY_MPMATH:
        found = errors(name, got, xs, in_higher_precision(name, xs))
        finite = np.logical_and.reduce([np.isfinite(x) for x in xs])
        kept = np.argsort(np.where(finite, found, -1.0))[-CANDIDATES:]
        got, xs = got[kept], [x[kept] for x in xs]
    return errors(name, got, xs, with_mpmath(name, xs)), xs


def _of_special(name: str, dtype: str) -> tuple[Array, list[Array]]:
    xs = special_operands(name, 60 if name == "zeta" else FEW)
    if dtype == "f32":
        xs = in_single(xs)
    function = Compiled(VECTOR[name], dtype, NATIVE_LANES[dtype], len(xs))
    return ulps(function(*xs), exactly(name, [x.astype(np.float64) for x in xs])), xs


def in_single(xs: list[Array]) -> list[Array]:
    """The operands that single precision has as normal numbers."""
    with np.errstate(over="ignore", under="ignore"):
        ys = [x.astype(np.float32) for x in xs]
    sizes = [np.abs(y) for y in ys]
    kept = np.logical_and.reduce([np.isfinite(s) & (s > 1e-37) for s in sizes])
    return [y[kept] for y in ys]
