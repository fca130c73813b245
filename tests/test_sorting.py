"""Sorting and what is made of it: compiled, as NumPy has it; derivatives, as JAX has them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

import pullback as pb
import pullback.numpy as pnp
from pullback.codegen.bufferize import bufferize
from pullback.codegen.emit import emit
from pullback.codegen.fuse import fuse
from pullback.codegen.routines.sorting import sorting_of
from pullback.runtime import generate
from pullback.runtime.target import host
from pullback.tracer.errors import TracedValueError
from pullback.tracer.numpy.quantiles import CONTINUOUS, DISCRETE
from pullback.tracer.types import ArrayType

Array = np.ndarray[Any, Any]
DTYPES = ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "bool")
EXTENTS = (
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    9,
    15,
    16,
    17,
    31,
    33,
    63,
    64,
    65,
    100,
    127,
    129,
    200,
    257,
    1000,
    5000,
)


def same(got: Any, want: Any) -> None:
    """Dtype, shape, values, and signs of zeros."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    assert_array_equal(got, want)
    if want.dtype.kind == "f":
        number = ~np.isnan(want)
        assert_array_equal(np.signbit(got)[number], np.signbit(want)[number])


def drawn(shape: Any, dtype: str, seed: int = 0) -> Array:
    """Values with ties, and all special ones where there are any."""
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return np.asarray(rng.random(shape) < 0.4)
    if dtype[0] in "iu":
        limits = np.iinfo(dtype)
        x = rng.integers(max(limits.min, -20), 20, shape).astype(dtype)
        ends = rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
        return np.where(rng.random(shape) < 0.5, x, ends).astype(dtype)
    special = rng.choice([np.nan, -np.nan, 0.0, -0.0, np.inf, -np.inf, 6e-8, 1.0], shape)
    return np.where(rng.random(shape) < 0.3, special, rng.normal(size=shape)).astype(dtype)


def tame(shape: Any, dtype: str = "f8", seed: int = 0) -> Array:
    """Values with ties, none of them special."""
    x = np.random.default_rng(seed).integers(0 if dtype[0] == "u" else -9, 10, shape)
    return (x / 2 if dtype[0] == "f" else x > 0 if dtype == "bool" else x).astype(dtype)


def called(function: Callable[..., Any], *rest: Any, **options: Any) -> Callable[..., Any]:
    """The function with arguments and options behind the arrays."""
    return lambda *arrays: function(*arrays, *rest, **options)


def compare(
    f: Callable[..., Any], *arguments: Any, tolerance: float = 0.0, way: Any = None
) -> None:
    """Compiled as NumPy computes it."""
    with np.errstate(all="ignore"):
        want = f(*[np.array(x) for x in arguments])
    got = pb.jit(way or f)(*arguments)
    want, got = (x if isinstance(x, (tuple, list)) else [x] for x in (want, got))
    assert len(want) == len(got)
    for x, y in zip(got, want, strict=True):
        if tolerance:
            assert np.asarray(x).dtype == np.asarray(y).dtype
            assert_allclose(x, y, rtol=tolerance, atol=tolerance)
        else:
            same(x, y)


# -- sort and argsort --------------------------------------------------------------------------


def sorts(x: Any) -> tuple[Any, Any]:
    return np.sort(x, kind="stable"), np.argsort(x, kind="stable")


@pytest.mark.parametrize("dtype", DTYPES)
def test_extents(dtype: str):
    """All in one program: extents about those of registers, blocks and merges."""
    arrays = [drawn((3, n), dtype, n) for n in EXTENTS]
    results = pb.jit(lambda xs: [sorts(x) for x in xs])(arrays)
    for (got, order), x in zip(results, arrays, strict=True):
        same(got, np.sort(x, kind="stable"))
        same(order, np.argsort(x, kind="stable"))


@pytest.mark.parametrize("vector_bytes", [16, 32, 64])
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_every_width_of_vectors(dtype: str, vector_bytes: int, monkeypatch: pytest.MonkeyPatch):
    convention = host().convention
    machine = SimpleNamespace(vector_bytes=vector_bytes, convention=convention)
    monkeypatch.setattr(generate, "host", lambda: machine)
    arrays = [drawn((2, n), dtype, n) for n in (3, 40, 130, 1001)]
    pb.clear_cache()
    results = pb.jit(lambda xs: [sorts(x) for x in xs])(arrays)
    pb.clear_cache()
    for (got, order), x in zip(results, arrays, strict=True):
        same(got, np.sort(x, kind="stable"))
        same(order, np.argsort(x, kind="stable"))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 63, 64, 65, 130])
def test_many_short_rows(count: int):
    for extent in (2, 5, 16, 100):
        x = drawn((count, extent), "f8", count)
        got, order = pb.jit(sorts)(x)
        same(got, np.sort(x, kind="stable"))
        same(order, np.argsort(x, kind="stable"))


@pytest.mark.parametrize("kind", ["rising", "falling", "equal", "organ pipe", "nan", "zeros"])
def test_orders_that_are_hard_for_other_sorts(kind: str):
    n = np.arange(4097.0)
    x = {
        "rising": n,
        "falling": n[::-1],
        "equal": n * 0 + 3,
        "organ pipe": np.minimum(n, n[::-1]),
        "nan": np.where(n % 3 == 0, n, np.nan),
        "zeros": np.where(n % 2 == 0, 0.0, -0.0),
    }[kind]
    got, order = pb.jit(sorts)(x)
    same(got, np.sort(x, kind="stable"))
    same(order, np.argsort(x, kind="stable"))


def test_a_long_array():
    x = np.random.default_rng(0).normal(size=300_001)
    got, order = pb.jit(sorts)(x)
    same(got, np.sort(x))
    same(order, np.argsort(x, kind="stable"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_empty_arrays(dtype: str):
    for shape in ((0,), (0, 3), (3, 0)):
        compare(sorts, np.zeros(shape, dtype))


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3, None])
def test_axes(axis: Any):
    x = drawn((4, 5, 6), "f8")
    compare(called(np.sort, axis=axis, kind="stable"), x)
    compare(called(np.argsort, axis=axis, kind="stable"), x)
    compare(called(np.sort, axis=axis, stable=True), x)


sizes = st.sampled_from((0, 1, 6, 9, 24, 70))
floats = hnp.arrays(np.float64, sizes, elements=st.floats(width=32) | st.just(-0.0))
integers = hnp.arrays(np.int32, sizes, elements=st.integers(-3, 3))


@given(floats | integers)
def test_any_values(x: Array):
    got, order = pb.jit(sorts)(x)
    same(got, np.sort(x, kind="stable"))
    same(order, np.argsort(x, kind="stable"))


@given(floats, floats, st.sampled_from(["left", "right"]))
def test_searching_any_values(table: Array, queries: Array, side: Any):
    table = np.sort(table)
    got = pb.jit(called(np.searchsorted, side))(table, queries)
    same(got, np.searchsorted(table, queries, side))


def test_sorting_in_place():
    def f(x: Any) -> Any:
        y = x.copy()
        row = y[0]
        row.sort()
        y[1:, :2].sort(axis=0)
        z = x.copy()
        z.partition(2, axis=0)
        return y, np.sort(z, 0), x.argsort(0, kind="stable")

    compare(f, drawn((4, 5), "f8"))
    argument = drawn((7,), "f8")
    want = np.sort(argument)
    pb.jit(lambda x: x.sort())(argument)
    same(argument, want)
    with pytest.raises(ValueError, match="argument"):
        pb.vmap(lambda x: x.sort())(np.ones((2, 3)))


def test_partitions_hold_what_they_promise():
    x = tame((5, 20))
    got, order = pb.jit(lambda x: (np.partition(x, (3, -2)), np.argpartition(x, 4, axis=0)))(x)
    want = np.sort(x)
    assert_array_equal(got[:, [3, -2]], want[:, [3, -2]])
    assert_array_equal(np.sort(got), want)
    assert_array_equal(np.take_along_axis(x, order, 0)[4], np.sort(x, 0)[4])


def test_lexsort():
    a, b, c = (tame((3, 8), seed=n) for n in range(3))
    compare(lambda a, b, c: np.lexsort((a, b, c)), a, b, c)
    compare(lambda a, b: np.lexsort((a, b), axis=0), a, b)
    compare(called(np.lexsort), a)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(side: Any, dtype: str):
    for extent in (0, 1, 2, 3, 8, 100):
        table = np.sort(drawn((extent,), dtype, extent))
        for shape in ((), (3,), (4, 5), (0,), (17,)):
            compare(called(np.searchsorted, side), table, drawn(shape, dtype, 1))


def test_searchsorted_with_a_sorter_and_other_dtypes():
    x = tame(20)
    order = np.argsort(x)
    compare(lambda x, v, s: np.searchsorted(x, v, sorter=s), x, tame((3,), seed=1), order)
    compare(lambda x, v: x.searchsorted(v, "right"), np.sort(x), tame(9, "i4", 2))
    compare(called(np.searchsorted, 0.1), np.sort(tame(9, "f4")))


def test_digitize():
    x = tame((4, 5))
    for bins in ([-2.0, 0.0, 1.5], [3.0, 1.0, 1.0, -4.0], [1.0], [2.0, 2.0]):
        for right in (False, True):
            compare(called(np.digitize, bins, right), x)
            compare(called(np.digitize, right), x, np.array(bins))


# -- quantiles ---------------------------------------------------------------------------------

METHODS = [*CONTINUOUS, *DISCRETE]


@pytest.mark.parametrize("method", METHODS)
def test_quantile_methods(method: Any):
    numbers: list[Any] = [0.0, 0.37, 1.0, 0.5, [0.0, 0.1, 0.25, 0.5, 0.9, 1.0], 0, 1]

    def f(x: Any, q: Any) -> list[Any]:
        results = [np.quantile(x, q, -1, method=method) for q in numbers]
        return [*results, np.quantile(x, q, method=method)]

    q = np.array([[0.0, 0.3], [0.8, 1.0]])
    for extent in (1, 2, 5, 10):
        x = tame((3, extent), seed=extent) + np.linspace(0.0, 0.1, extent)
        compare(f, x, q)
        compare(f, x.astype(np.float32), q.astype(np.float32))


@pytest.mark.parametrize("method", METHODS)
def test_quantiles_without_nan(method: Any):
    def f(x: Any) -> list[Any]:
        results = [np.nanquantile(x, q, 1, method=method) for q in (0.0, 0.1, [0.25, 1.0], 1.0)]
        return [*results, np.nanpercentile(x, 30.0, method=method)]

    x = tame((5, 10)) + np.linspace(0.0, 0.1, 10)
    x[0, 2:5] = x[1, 0] = x[2, :9] = np.nan
    compare(f, x)


AXES: tuple[Any, ...] = (None, 0, 1, -1, (0, 2), (2, 1, 0), (1,))


@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_axes_of_quantiles(axis: Any, keepdims: bool):
    x = tame((3, 4, 5)) + np.linspace(0.0, 0.4, 5)
    for f in (np.median, np.nanmedian):
        compare(called(f, axis=axis, keepdims=keepdims), x)
    compare(called(np.percentile, [10, 60], axis, keepdims=keepdims), x)
    compare(called(np.nanquantile, 0.3, axis, keepdims=keepdims), x)
    spoiled = np.where(x > 3.5, np.nan, x)
    compare(called(np.median, axis=axis, keepdims=keepdims), spoiled)
    compare(called(np.quantile, 0.4, axis, keepdims=keepdims), spoiled)


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "i2"])
def test_dtypes_of_quantiles(dtype: str):
    x = tame((4, 6), dtype)
    for f in (np.median, np.nanmedian, np.percentile, np.quantile):
        rest = () if f in (np.median, np.nanmedian) else (1,)
        compare(called(f, *rest, axis=1), x)
    compare(np.median, x > 0)
    compare(called(np.quantile, 0.25, axis=0), x)
    compare(called(np.quantile, np.float32(0.25), axis=0), x)


@pytest.mark.parametrize("q", [0.0, 0.4, [0.1, 0.5, 1.0]], ids=str)
def test_weighted_quantiles(q: Any):
    def weighted(function: Any) -> Callable[..., Any]:
        return lambda x, w: function(x, q, axis=1, method="inverted_cdf", weights=w)

    x, plain, w = drawn((4, 7), "f8"), tame((4, 7)), np.abs(tame((4, 7), seed=3)) + 0.25
    w[0, :3] = 0.0
    for data in (x, plain):
        compare(weighted(np.quantile), data, w)
        compare(weighted(np.nanquantile), plain, w)
    compare(weighted(np.percentile), plain, w[1])


def test_median_of_infinities_and_nothing():
    compare(np.median, np.array([np.inf, -np.inf, 1.0]))
    compare(np.median, np.array([-np.inf, 1.0, np.inf, np.inf]))
    assert np.isnan(pb.jit(np.median)(np.zeros(0)))
    assert np.isnan(pb.jit(np.nanmedian)(np.array([np.nan, np.nan])))


def test_a_traced_quantile_that_does_not_exist():
    f = pb.jit(called(np.quantile))
    with pytest.raises(IndexError):
        f(np.arange(3.0), np.array(1.5))


# -- sets, with a size ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f8", "f2", "i4", "i1", "u8", "bool"])
def test_unique(dtype: str):
    x = tame((4, 5), dtype)
    size = np.unique(x).size

    def sized(x: Any) -> Any:
        return pnp.unique(x, True, True, True, size=size)

    compare(called(np.unique, True, True, True), x, way=sized)
    compare(np.unique, x, way=called(pnp.unique, size=size))
    for function in (np.unique_all, np.unique_counts, np.unique_inverse, np.unique_values):
        other = getattr(pnp, function.__name__)
        way = called(other, size=size)
        if function is np.unique_values:
            # NumPy leaves the order open.
            same(np.sort(way(x)), np.sort(function(x)))
        else:
            compare(function, x, way=way)


def test_unique_rows_and_nan():
    x = np.array([[1, 2], [3, 4], [1, 2], [0, 9]])
    for axis, size in ((0, 3), (1, 2)):
        compare(
            called(np.unique, True, True, True, axis=axis),
            x,
            way=called(pnp.unique, True, True, True, axis=axis, size=size),
        )
    y = np.array([np.nan, 1.0, np.nan, 1.0])
    compare(np.unique, y, way=called(pnp.unique, size=2))
    compare(
        called(np.unique, equal_nan=False),
        y,
        way=called(pnp.unique, equal_nan=False, size=3),
    )


def test_unique_places_left_over():
    x = np.array([3, 1, 3])
    values, index, inverse, counts = pb.jit(called(pnp.unique, True, True, True, size=4))(x)
    assert_array_equal(values, [1, 3, 1, 1])
    assert_array_equal(index, [1, 0, 1, 1])
    assert_array_equal(inverse, [1, 0, 1])
    assert_array_equal(counts, [1, 2, 0, 0])
    values = pb.jit(called(pnp.unique, size=4, fill_value=-7))(x)
    assert_array_equal(values, [1, 3, -7, -7])
    assert_array_equal(pb.jit(called(pnp.unique, size=1))(x), [1])
    assert_array_equal(pnp.unique(np.zeros(0), size=2), [0.0, 0.0])


SETS = ("intersect1d", "union1d", "setdiff1d", "setxor1d")


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("dtypes", [("i8", "i8"), ("f4", "i4"), ("f8", "f8")], ids=str)
def test_sets(name: str, dtypes: tuple[str, str]):
    x, y = (tame((9,), d, n) for n, d in enumerate(dtypes))
    function = getattr(np, name)
    size = function(x, y).size
    compare(function, x, y, way=lambda x, y: getattr(pnp, name)(x, y, size=size))
    same(getattr(pnp, name)(x, y, size=size), function(x, y))


def test_intersection_with_places():
    x, y = tame(12), tame(9, seed=5)
    size = np.intersect1d(x, y).size
    compare(
        called(np.intersect1d, return_indices=True),
        x,
        y,
        way=called(pnp.intersect1d, return_indices=True, size=size),
    )


@pytest.mark.parametrize("invert", [False, True])
def test_isin(invert: bool):
    x, y = drawn((3, 8), "f8"), drawn(30, "f8", 4)
    for others in (y, y[:2], y[:0]):
        compare(called(np.isin, invert=invert), x, others)
    compare(called(np.isin, [1, 2.5], invert=invert), tame((4, 4), "i4"))


# -- positions and counts ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nonzero", "flatnonzero", "argwhere", "where"])
@pytest.mark.parametrize("shape", [(7,), (3, 4), (2, 3, 2), (0,), (0, 3)], ids=str)
def test_positions(name: str, shape: tuple[int, ...]):
    x = tame(shape)
    x[x > 2] = 0.0
    size = int(np.count_nonzero(x))
    function, other = getattr(np, name), getattr(pnp, name)
    compare(function, x, way=called(other, size=size))


def test_positions_left_over_and_left_out():
    x = np.array([[0, 3], [5, 0], [0, 1]])
    for got, want in zip(pnp.nonzero(x, size=4, fill_value=(8, 9)), np.nonzero(x), strict=True):
        assert_array_equal(got[:3], want)
    assert_array_equal(pnp.argwhere(x, size=2), np.argwhere(x)[:2])
    assert_array_equal(pnp.flatnonzero(x, size=4, fill_value=6), [1, 2, 5, 6])
    assert_array_equal(pnp.where(x, size=4)[0], [0, 1, 2, 0])


def test_bincount():
    x, w = np.array([3, 1, 1, 0, 3, 3]), tame(6)
    compare(np.bincount, x, way=called(pnp.bincount, length=4))
    compare(
        called(np.bincount, minlength=7),
        x,
        way=called(pnp.bincount, minlength=7, length=2),
    )
    compare(np.bincount, x, w, way=called(pnp.bincount, length=4))
    compare(np.bincount, x > 1, way=called(pnp.bincount, length=2))
    assert_array_equal(pnp.bincount(x, length=2), [1, 2])
    with pytest.raises(IndexError):
        pnp.bincount(np.array([1, -1]), length=3)


HISTOGRAMS: list[dict[str, Any]] = [
    {},
    {"bins": 5},
    {"bins": 7, "range": (-1.0, 2.0)},
    {"bins": 3, "range": (0, 0)},
    {"bins": [-2.0, 0.0, 0.5, 3.0]},
    {"bins": 4, "density": True},
    {"bins": [-2.0, 0.0, 0.5, 3.0], "density": True},
    {"bins": [1.0]},
]


@pytest.mark.parametrize("options", HISTOGRAMS, ids=str)
@pytest.mark.parametrize("dtype", ["f8", "f4", "i8"])
def test_histogram(dtype: str, options: dict[str, Any]):
    x, w = tame((4, 25), dtype, 1), tame((4, 25), "f8", 2) + 6.0
    compare(called(np.histogram, **options), x)
    if options.get("bins") != [1.0]:
        compare(lambda x, w: np.histogram(x, weights=w, **options), x, w, tolerance=1e-13)
    if not options.get("density"):
        compare(called(np.histogram_bin_edges, **options), x)


def test_histogram_leaves_out_nan():
    x = np.array([0.1, np.nan, 0.7, 3.0, 1.0])
    compare(called(np.histogram, bins=4, range=(0.0, 1.0)), x)
    compare(called(np.histogram, bins=[0.0, 0.5, 1.0]), x)


def test_histogram_of_a_traced_range():
    x = np.random.default_rng(0).normal(size=200)
    compare(lambda x, a, b: np.histogram(x, 6, (a, b)), x, -1.5, 1.25)


def test_histograms_of_points():
    x, y, w = (tame(40, seed=n) + 0.0 for n in range(3))
    compare(called(np.histogram2d, 4), x, y)
    compare(called(np.histogram2d, [3, [-9.0, 0.0, 9.0]], density=True), x, y)
    compare(lambda x, y, w: np.histogram2d(x, y, (2, 3), ((-4, 4), (0, 3)), weights=w), x, y, w)

    def flat(function: Any) -> Any:
        def f(p: Any) -> Any:
            counts, edges = function(p, bins=(2, 3, 2))
            return (counts, *edges)

        return f

    compare(flat(np.histogramdd), np.stack([x, y, w], 1))


# -- derivatives and batches ---------------------------------------------------------------------

SMOOTH: list[Callable[[Any, Any], Any]] = [
    lambda np, x: np.sort(x, axis=0),
    lambda np, x: np.sort(x, axis=None) ** 2,
    lambda np, x: np.median(x, axis=1),
    lambda np, x: np.median(x[:, :4]),
    lambda np, x: np.quantile(x, 0.3, axis=0),
    lambda np, x: np.quantile(x, np.array([0.1, 0.8])) ** 3,
    lambda np, x: np.percentile(x, 25.0, axis=1, method="higher"),
    lambda np, x: np.nanmedian(np.where(x > 1.0, np.nan, x), axis=1),
    lambda np, x: np.nanquantile(np.where(x > 1.0, np.nan, x), 0.4, axis=0),
    lambda np, x: x[np.argsort(x[:, 0])] ** 2,
    lambda np, x: np.take_along_axis(x, np.argsort(x, axis=1), axis=1) ** 2,
    lambda np, x: np.partition(x, 2)[:, 2],
    lambda np, x: np.histogram(np.arange(35.0) % 6, bins=6, weights=np.ravel(x))[0] ** 2,
]


@pytest.mark.parametrize("f", SMOOTH, ids=range(len(SMOOTH)))
def test_gradients_beside_jax(f: Callable[[Any, Any], Any]):
    jax = pytest.importorskip("jax")
    with jax.enable_x64():
        x = np.random.default_rng(1).normal(size=(5, 7))
        weights = np.random.default_rng(2).normal(size=np.shape(f(np, x)))
        want = jax.grad(lambda x: jax.numpy.sum(f(jax.numpy, x) * weights))(x)
    assert_allclose(pb.grad(lambda x: np.sum(f(np, x) * weights))(x), want, rtol=1e-12, atol=1e-12)


def test_gradient_through_unique_and_bincount():
    jax = pytest.importorskip("jax")
    x, places = np.array([3.0, 1.0, 3.0, 2.0]), np.array([0, 2, 2, 1])
    weights = np.array([1.0, 10.0, 100.0, 1000.0])

    def f(np: Any) -> Callable[[Any], Any]:
        return lambda x: np.sum(
            np.unique(x, size=4) ** 2 * weights + np.bincount(places, x**2, length=4) * weights
        )

    with jax.enable_x64():
        want = jax.grad(f(jax.numpy))(x)
    assert_allclose(pb.grad(f(pnp))(x), want)


def test_second_derivatives():
    x = np.array([0.3, -1.2, 2.0, 0.7])
    cube = pb.hessian(lambda x: np.sum(np.sort(x) ** 3 * np.arange(4.0)))(x)
    rank = np.argsort(np.argsort(x))
    assert_allclose(cube, np.diag(6 * x * rank))
    _, along = pb.jvp(lambda x: np.median(x**2), (x,), (np.ones(4),))
    # The middle ones of the squares are those of 0.7 and -1.2.
    assert_allclose(along, 0.5 * (2 * 0.7 + 2 * -1.2))


BATCHED: list[Callable[[Any], Any]] = [
    lambda x: np.sort(x, axis=0),
    lambda x: np.argsort(x, axis=None),
    lambda x: np.median(x, axis=1),
    lambda x: np.quantile(x, [0.2, 0.7], axis=0),
    lambda x: np.nanquantile(x, 0.3, axis=1),
    lambda x: np.searchsorted(np.sort(x[0]), x),
    lambda x: np.searchsorted(np.array([-1.0, 0.0, 1.0]), x),
    lambda x: pnp.unique(np.round(x), size=9, return_counts=True),
    lambda x: np.histogram(x, bins=4),
    lambda x: pnp.nonzero(x > 0, size=12),
]


@pytest.mark.parametrize("f", BATCHED, ids=range(len(BATCHED)))
def test_batches(f: Callable[[Any], Any]):
    x = np.random.default_rng(3).normal(size=(4, 3, 6))
    got = pb.vmap(f)(x)
    each = [pb.jit(f)(item) for item in x]
    for n, want in enumerate(each):
        pairs = zip(got, want, strict=True) if isinstance(want, tuple) else [(got, want)]
        for a, b in pairs:
            assert_allclose(a[n], b, rtol=1e-14)


# -- errors --------------------------------------------------------------------------------------

X = np.arange(6.0).reshape(2, 3)
ERRORS: list[tuple[type[Exception], str, Callable[[Any], Any]]] = [
    (TracedValueError, r"pullback.numpy.unique\(..., size=n\)", np.unique),
    (TracedValueError, r"pullback.numpy.nonzero\(..., size=n\)", np.nonzero),
    (TracedValueError, r"pullback.numpy.where\(..., size=n\)", lambda x: np.where(x > 0)),
    (TracedValueError, "bincount", lambda x: np.bincount(x.astype(int)[0])),
    (TracedValueError, "bins='auto'", lambda x: np.histogram(x, bins="auto")),
    (ValueError, "negative", lambda x: pnp.unique(x, size=-1)),
    (ValueError, "sort kind", called(np.sort, kind="bogo")),
    (ValueError, "same time", lambda x: np.sort(x, kind="stable", stable=True)),
    (ValueError, "order", lambda x: np.argsort(x, order="f0")),
    (ValueError, "kth", lambda x: np.partition(x, 3)),
    (TypeError, "integer", called(np.partition, 1.5)),
    (np.exceptions.AxisError, "axis 2", lambda x: np.sort(x, axis=2)),
    (np.exceptions.AxisError, "axis -1", lambda x: np.sort(x[0, 0])),
    (ValueError, "side", lambda x: called(np.searchsorted, side="middle")(x[0], x)),
    (ValueError, "one axis", lambda x: np.searchsorted(x, x)),
    (ValueError, "monotonic", lambda x: np.digitize(x, [1.0, 3.0, 2.0])),
    (ValueError, "not a valid method", called(np.quantile, 0.5, method="best")),
    (ValueError, "range", lambda x: np.quantile(x, 1.5)),
    (ValueError, "range", lambda x: np.percentile(x, -1)),
    (ValueError, "weights", lambda x: np.quantile(x, 0.5, weights=X)),
    (IndexError, "no elements", lambda x: np.quantile(x[:0], 0.5, axis=0)),
    (TypeError, "Cannot cast", lambda x: pnp.bincount(x[0], length=3)),
    (ValueError, "one axis", lambda x: pnp.bincount(x.astype(int), length=3)),
    (ValueError, "positive", lambda x: np.histogram(x, bins=0)),
    (TypeError, "integer", lambda x: np.histogram(x, bins=2.5)),
    (ValueError, "monotonically", lambda x: np.histogram(x, bins=[1.0, 0.0])),
    (ValueError, "max must be larger", lambda x: np.histogram(x, range=(1, 0))),
    (TypeError, "need sequence", lambda x: np.lexsort(x[:0])),
]


@pytest.mark.parametrize(("error", "message", "f"), ERRORS, ids=range(len(ERRORS)))
def test_errors(error: type[Exception], message: str, f: Callable[[Any], Any]):
    with pytest.raises(error, match=message):
        pb.jit(f)(X)


# -- the plan ------------------------------------------------------------------------------------


def test_a_block_takes_little_padding():
    for extent in itertools.chain(range(1, 300), (1000, 12345, 1_000_000)):
        for by_position in (False, True):
            s = sorting_of(ArrayType((extent,), np.dtype(float)), by_position, 64)
            assert extent <= s.padded <= 1.3 * extent + 8


def test_gradient_sorts_once_for_the_order():
    """The derivative needs the order alone; the sorted values are not computed again."""
    plan = str(pb.grad(lambda x: np.sum(np.sort(x) * np.arange(50.0))).plan(np.arange(50.0)))
    assert "argsort" in plan
    assert not any(line.split(":")[1].startswith(" sort") for line in _kernels(plan))


def test_values_are_read_by_the_order_where_there_is_one():
    def f(x: Any) -> Any:
        return np.sum(np.sort(x) ** 3)

    x = drawn(1000, "f8")
    x[np.isnan(x)] = 0.5
    plan = str(pb.value_and_grad(f).plan(x))
    assert [line.split(": ")[1].split()[0] for line in _kernels(plan)].count("argsort") == 1
    assert not any(line.split(":")[1].startswith(" sort") for line in _kernels(plan))
    same(*pb.jit(lambda x: (np.sort(x), x[np.argsort(x, kind="stable")]))(x))


def _kernels(plan: str) -> Sequence[str]:
    return [line for line in plan.splitlines() if line.startswith("kernel")]


def test_text_is_the_same_every_time():
    graph = pb.trace(sorts, np.arange(100.0))
    texts = {emit(bufferize(fuse(graph)), 64).module.text() for _ in range(2)}
    assert len(texts) == 1
