"""Distributions: every method beside SciPy's, derivatives beside differences and JAX."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import scipy.stats as scipy_stats

import pullback as pb
from pullback.scipy import stats
from pullback.tracer.errors import UnsupportedFunctionError
from pullback.tracer.scipy.distribution_table import DISTRIBUTIONS
from pullback.tracer.scipy.distributions import methods

from .elementary import Array


def jit(f: Any) -> Any:
    return pb.jit(f)


SHAPES: dict[str, tuple[float, ...]] = {
    "gamma": (2.5,), "chi2": (3.0,), "beta": (2.0, 3.5), "t": (4.0,), "f": (3.0, 6.0),
    "lognorm": (0.7,), "pareto": (2.5,), "weibull_min": (1.7,), "truncnorm": (-0.5, 2.0),
    "bernoulli": (0.3,), "binom": (10.0, 0.35), "poisson": (3.2,), "geom": (0.3,),
    "nbinom": (4.0, 0.4),
}  # fmt: skip
INVALID: dict[str, tuple[float, ...]] = {
    "gamma": (-1.0,), "beta": (0.0, 1.0), "t": (-2.0,), "truncnorm": (2.0, 1.0),
    "bernoulli": (1.5,), "binom": (2.5, 0.3), "poisson": (-1.0,), "geom": (0.0,),
}  # fmt: skip
UNKNOWN = {"beta": (0, 1), "t": (0,), "f": (0, 1), "binom": (0,), "nbinom": (0,)}
"""Parameters by which distribution functions are not differentiated."""

POINTS = np.array(
    [-3, -1.0, -0.3, 0, 0.2, 0.5, 0.9, 1, 1.5, 2, 3, 5, 7, 10, 12, 40, np.nan, np.inf, -np.inf]
)
CHANCES = np.array([-1, 0, 1e-8, 0.01, 0.3, 0.5, 0.8, 0.999, 1, 1.2, np.nan])
QUANTILES = ("ppf", "isf")

CASES = [
    (name, method)
    for name, d in DISTRIBUTIONS.items()
    for method in methods(d)
    if method not in QUANTILES or d.quantile is not None
]


def of(module: Any, name: str, method: str) -> Any:
    return getattr(getattr(module, name), method)


def arguments(name: str, method: str) -> list[tuple[Any, ...]]:
    """Standard, and elsewhere."""
    x = CHANCES if method in QUANTILES else POINTS
    moved = (2.0,) if DISTRIBUTIONS[name].discrete else (0.5, 2.0)
    return [(x, *SHAPES.get(name, ())), (x, *SHAPES.get(name, ()), *moved)]


@pytest.mark.parametrize(("name", "method"), CASES)
def test_values_are_those_of_scipy(name: str, method: str) -> None:
    ours, theirs = (
        getattr(getattr(stats, name), method),
        getattr(getattr(scipy_stats, name), method),
    )
    for given in arguments(name, method):
        with np.errstate(all="ignore"):
            want = theirs(*given)
        got = jit(lambda *xs: ours(*xs))(*given)
        # The logarithms of SciPy's probabilities near one have the rounding of these, and its
        # quantiles are found by iteration.
        near_one = {"logcdf": 1e-15, "logsf": 1e-15}.get(method, 1e-300)
        np.testing.assert_allclose(
            got, want, rtol=3e-9 if method in QUANTILES else 2e-13, atol=near_one
        )


@pytest.mark.parametrize("name", INVALID)
def test_parameters_that_are_none_give_nan(name: str) -> None:
    d = DISTRIBUTIONS[name]
    for method in ("logpmf" if d.discrete else "logpdf", "cdf"):
        got = jit(getattr(getattr(stats, name), method))(POINTS, *INVALID[name])
        assert np.isnan(got).all()
    if not d.discrete:
        assert np.isnan(jit(stats.norm.logpdf)(POINTS, 0.0, -1.0)).all()


DIFFERENTIABLE = [(n, m) for n, m in CASES if m not in QUANTILES]


@pytest.mark.parametrize(("name", "method"), DIFFERENTIABLE)
def test_gradients(name: str, method: str) -> None:
    """By point, parameters, location and scale, away from kinks; 0 beyond the support."""
    d = DISTRIBUTIONS[name]
    ours, theirs = (
        getattr(getattr(stats, name), method),
        getattr(getattr(scipy_stats, name), method),
    )
    x = np.array([2.0, 3.0, 5.0] if d.discrete else [-7.3, 1.17, 1.43, 2.21, 30.0])
    given = [x, *SHAPES.get(name, ()), *(() if d.discrete else (0.9, 1.3))]
    skipped = () if method in ("pdf", "logpdf", "pmf", "logpmf") else UNKNOWN.get(name, ())
    with np.errstate(all="ignore"):
        counts = np.isfinite(theirs(*given))

    def total(f: Any, *xs: Any) -> Any:
        return np.sum(np.where(counts, f(*xs), 0.0))

    for i in range(1, len(given)):
        # The number of trials is a whole number: SciPy has no differences by it.
        if i - 1 in skipped or (name, i) == ("binom", 1):
            continue
        slope = pb.grad(lambda *xs: total(ours, *xs), i)(*given)
        h = 1e-5
        shifted = [[*given[:i], given[i] + step, *given[i + 1 :]] for step in (h, -h)]
        with np.errstate(all="ignore"):
            difference = (total(theirs, *shifted[0]) - total(theirs, *shifted[1])) / (2 * h)
        np.testing.assert_allclose(slope, difference, rtol=1e-5, atol=1e-7)
    everything = pb.grad(lambda *xs: total(ours, *xs), tuple(range(len(given))))
    if not skipped:
        assert all(np.isfinite(part).all() for part in everything(*given))


@pytest.mark.parametrize("name", [n for n, d in DISTRIBUTIONS.items() if not d.discrete])
def test_density_is_the_derivative_of_the_distribution(name: str) -> None:
    shapes = SHAPES.get(name, ())
    x = np.array([1.15, 1.3, 1.7]) if name == "pareto" else np.array([0.15, 0.3, 0.7])
    d = getattr(stats, name)
    _, slope = pb.jvp(lambda x: d.cdf(x, *shapes), (x,), (np.ones(3),))
    np.testing.assert_allclose(slope, d.pdf(x, *shapes), rtol=1e-12)
    _, fall = pb.jvp(lambda x: d.sf(x, *shapes), (x,), (np.ones(3),))
    np.testing.assert_allclose(-fall, d.pdf(x, *shapes), rtol=1e-12)


@pytest.mark.parametrize("name", [n for n, d in DISTRIBUTIONS.items() if not d.discrete])
def test_derivatives_of_quantiles(name: str) -> None:
    shapes = SHAPES.get(name, ())
    d, q = getattr(stats, name), np.array([0.1, 0.35, 0.8])
    value, slope = pb.jvp(lambda q: d.ppf(q, *shapes), (q,), (np.ones(3),))
    np.testing.assert_allclose(slope * d.pdf(value, *shapes), 1.0, rtol=1e-9)
    value, slope = pb.jvp(lambda q: d.isf(q, *shapes), (q,), (np.ones(3),))
    np.testing.assert_allclose(-slope * d.pdf(value, *shapes), 1.0, rtol=1e-9)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_derivatives_are_zero_beyond_the_support(name: str) -> None:
    d = DISTRIBUTIONS[name]
    shapes = SHAPES.get(name, ())
    density = getattr(stats, name).pmf if d.discrete else getattr(stats, name).pdf
    x = np.array([-1e300, 1e300])
    gradient = pb.grad(lambda *shapes: np.sum(density(x, *shapes)), tuple(range(len(shapes) or 1)))
    for part in np.atleast_1d(gradient(*(shapes or (0.5,)))):
        assert part == 0.0


def test_parameters_by_name_and_frozen() -> None:
    x = np.array([0.5, 1.5])
    want = scipy_stats.gamma.logpdf(x, 2.0, loc=0.1, scale=3.0)
    for f in (
        lambda x, a: stats.gamma.logpdf(x, a=a, scale=3.0, loc=0.1),
        lambda x, a: stats.gamma(a, loc=0.1, scale=3.0).logpdf(x),
        lambda x, a: stats.gamma(2.0, loc=0.1, scale=3.0).logpdf(x),
    ):
        np.testing.assert_allclose(jit(f)(x, 2.0), want, rtol=1e-14)
    assert stats.gamma(2.0).mean() == 2.0
    np.testing.assert_array_equal(stats.gamma(2.0).cdf(x), scipy_stats.gamma.cdf(x, 2.0))


def test_arguments_broadcast() -> None:
    x, mean = np.linspace(-1.0, 1.0, 3), np.array([[0.0], [1.0]])
    got = jit(stats.norm.logpdf)(x, mean, 2)
    np.testing.assert_allclose(got, scipy_stats.norm.logpdf(x, mean, 2), rtol=1e-15)
    assert jit(stats.norm.pdf)(np.float32(0.5)).dtype == np.float64


def test_bad_arguments() -> None:
    for f in (
        stats.gamma.pdf,
        lambda x: stats.norm.pdf(x, 0.0, 1.0, 2.0),
        lambda x: stats.gamma.pdf(x, 2.0, a=2.0),
        lambda x: stats.norm.pdf(x, mean=2.0),
    ):
        with pytest.raises(TypeError, match=r"test_stats\.py"):
            jit(f)(1.0)
    with pytest.raises(UnsupportedFunctionError, match="quantiles of poisson"):
        jit(lambda q: stats.poisson.ppf(q, 3.0))(0.5)


def test_names_are_scipys() -> None:
    assert stats.describe is scipy_stats.describe
    assert "norm" in dir(stats)
    with pytest.raises(AttributeError, match="no_such"):
        stats.no_such  # noqa: B018


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("gamma", (1.0,)),
        ("beta", (1.0, 1.0)),
        ("weibull_min", (1.0,)),
        ("chi2", (2.0,)),
        ("t", (1.0,)),
        ("f", (2.0, 2.0)),
    ],
)
def test_derivatives_by_shapes_where_powers_vanish(name: str, shapes: tuple[float, ...]) -> None:
    d = getattr(stats, name)
    for function in (d.logpdf, d.cdf, d.sf):
        pb.testing.check_grads(lambda *s: function(0.4, *s), shapes, order=1, rtol=1e-6)  # noqa: B023


def test_dirichlet() -> None:
    alpha = np.array([0.7, 2.0, 3.5])
    x = np.array([[0.2, 0.5], [0.3, 0.1], [0.5, 0.4]])
    for point in (x, x[:2], x[:, 0], x[:2, 0]):
        want = scipy_stats.dirichlet.logpdf(point, alpha)
        np.testing.assert_allclose(jit(stats.dirichlet.logpdf)(point, alpha), want, rtol=1e-13)
        np.testing.assert_allclose(jit(stats.dirichlet.pdf)(point, alpha), np.exp(want), rtol=1e-13)
    pb.testing.check_grads(lambda a: np.sum(stats.dirichlet.logpdf(x, a)), (alpha,))
    with pytest.raises(ValueError, match="same number of entries"):
        jit(stats.dirichlet.logpdf)(x[:1], alpha)
    with pytest.raises(ValueError, match="one dimensional"):
        jit(stats.dirichlet.logpdf)(x, alpha[None])


# -- JAX as a peer -----------------------------------------------------------------------------


@pytest.fixture
def jax() -> Iterator[Any]:
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield jax
    jax.config.update("jax_enable_x64", before)


PEERS = [
    "norm", "uniform", "expon", "gamma", "beta", "t", "cauchy", "laplace", "logistic", "chi2",
    "pareto", "truncnorm", "poisson", "geom", "bernoulli",
]  # fmt: skip


@pytest.mark.parametrize("name", PEERS)
def test_gradients_are_those_of_jax(name: str, jax: Any) -> None:
    shapes = SHAPES.get(name, ())
    d = DISTRIBUTIONS[name]
    method = "logpmf" if d.discrete else "logpdf"
    x: Array = np.array([1.0]) if d.discrete else np.array([0.21, 0.47, 0.85])
    x = x + 1.0 if name == "pareto" else x
    moved = () if d.discrete else (0.01, 1.1)
    given = (*shapes, *(() if name == "pareto" else moved))
    if not given:
        return
    places = tuple(range(len(given)))
    theirs = getattr(getattr(jax.scipy.stats, name), method)
    ours = getattr(getattr(stats, name), method)
    want = jax.grad(lambda *a: jax.numpy.sum(theirs(x, *a)), places)(*given)
    got = pb.grad(lambda *a: np.sum(ours(x, *a)), places)(*given)
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


def test_multivariate_normal() -> None:
    rng = np.random.default_rng(0)
    points, mean, root = rng.normal(size=(5, 1, 3)), rng.normal(size=3), rng.normal(size=(3, 3))
    cov = root @ root.T + np.eye(3)
    cases: list[tuple[Any, ...]] = [
        (points, mean, cov),
        (points[0, 0], mean, cov),
        (points, mean),
        (points, mean, np.array([1.0, 2.0, 0.5])),
        (points, None, cov),
        (points[:, 0, 0], 0.5, 2.0),
        (1.5,),
    ]
    for case in cases:
        want = scipy_stats.multivariate_normal.logpdf(*case)
        got = jit(stats.multivariate_normal.logpdf)(*case)
        assert np.shape(got) == np.shape(want)
        np.testing.assert_allclose(got, want, rtol=1e-12)
    np.testing.assert_allclose(
        jit(lambda c: stats.multivariate_normal(mean, c).pdf(points))(cov),
        scipy_stats.multivariate_normal.pdf(points, mean, cov),
        rtol=1e-12,
    )
    np.testing.assert_allclose(
        jit(stats.multivariate_normal.entropy)(mean, cov),
        scipy_stats.multivariate_normal.entropy(mean, cov),
        rtol=1e-12,
    )
    pb.testing.check_grads(
        lambda x, m, r: stats.multivariate_normal.logpdf(x, m, r @ r.T + np.eye(3)),
        (points, mean, root),
    )


def test_multivariate_normal_that_is_none() -> None:
    logpdf = jit(stats.multivariate_normal.logpdf)
    with pytest.raises(np.linalg.LinAlgError):
        logpdf(np.zeros(2), np.zeros(2), np.array([[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(ValueError, match="covariance of shape"):
        logpdf(np.zeros(2), np.zeros(2), np.eye(3))
    with pytest.raises(ValueError, match="2 coordinates"):
        logpdf(np.zeros(3), np.zeros(2), np.eye(2))
    with pytest.raises(UnsupportedFunctionError, match="allow_singular"):
        jit(lambda x: stats.multivariate_normal.logpdf(x, allow_singular=True))(np.zeros(2))
