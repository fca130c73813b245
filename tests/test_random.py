"""`pullback.numpy.random`: known answers, the same numbers everywhere, and their distributions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy import stats

import pullback as pb
import pullback.numpy as pnp
from pullback import random
from pullback.testing import check_grads
from pullback.tracer.numpy.random import fraction
from pullback.tracer.numpy.threefry import threefry

Array = np.ndarray[Any, Any]
COUNT = 40_000
WIDTHS: list[Any] = [np.float64, np.float32]


@pytest.fixture
def key() -> Array:
    made: Array = random.key(20111112)
    return made


# -- words -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((2**32 - 1,) * 2, (2**32 - 1,) * 2, (0x1CB996FC, 0xBB002BE7)),
        ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_published_answers(counter: Any, key: Any, answer: Any):
    """The vectors that come with Random123, the authors' own code."""
    run = pb.jit(lambda k, c: threefry((k[0], k[1]), (c[0], c[1])))
    got = run(np.array(key, np.uint32), np.array(counter, np.uint32))
    assert tuple(map(int, got)) == answer


def test_seeds():
    assert random.key(5).tolist() == [0, 5]
    assert random.key(2**40 + 3).tolist() == [256, 3]
    assert random.key(-1).tolist() == [2**32 - 1] * 2
    assert random.key(2**64 - 1).tolist() == [2**32 - 1] * 2
    np.testing.assert_array_equal(random.key(np.arange(3, dtype=np.int8))[:, 1], [0, 1, 2])
    np.testing.assert_array_equal(pb.jit(random.key)(7), random.key(7))
    np.testing.assert_array_equal(pb.jit(lambda: random.key(7))(), random.key(7))
    for seed in (2**64, -(2**63) - 1):
        with pytest.raises(ValueError, match="64 bits"):
            random.key(seed)
    with pytest.raises(TypeError, match="integer"):
        random.key(1.5)


def test_uses_of_a_key_have_nothing_in_common(key: Array):
    drawn = {int(x) for x in np.ravel(random.bits(key, 5000, np.uint64))}
    keys = random.split(key, 5000).view(np.uint64)
    folded = pb.vmap(random.fold_in, (None, 0))(key, np.arange(5000)).view(np.uint64)
    for other in (keys, folded):
        values = {int(x) for x in np.ravel(other)}
        assert len(values) == 5000
        assert not values & drawn
    assert not {int(x) for x in keys[:, 0]} & {int(x) for x in folded[:, 0]}


def test_what_is_no_key_is_refused():
    for wrong in (np.zeros(2), np.zeros(3, np.uint32), np.uint32(1), np.zeros(2, np.int64)):
        with pytest.raises(TypeError, match="a key is an array of uint32"):
            random.uniform(wrong)
    with pytest.raises(ValueError, match=r"2\*\*32"):
        pb.trace(lambda k: random.bits(k, 2**33), pb.ShapeDtype((2,), np.uint32))


# -- the same numbers everywhere ---------------------------------------------------------------

DRAWS: list[Callable[..., Any]] = [
    random.uniform,
    random.normal,
    random.exponential,
    random.gumbel,
    random.laplace,
    random.logistic,
    random.cauchy,
    random.bernoulli,
    random.bits,
    partial(random.gamma, shape=0.7),
    partial(random.beta, a=0.5, b=2.0),
]


def _name(draw: Any) -> str:
    name: str = getattr(draw, "func", draw).__name__
    return name


@pytest.mark.parametrize("draw", DRAWS, ids=_name)
def test_an_element_depends_on_key_and_place_alone(draw: Callable[..., Any], key: Array):
    plain = draw(key, size=(7, 30))
    np.testing.assert_array_equal(draw(key, size=210), plain.reshape(-1))
    np.testing.assert_array_equal(draw(key, size=5), plain[0, :5])

    @pb.jit
    def fused(k: Any, x: Any) -> Any:
        drawn = draw(k, size=(7, 30))
        return drawn, drawn.T, np.where(x > 0, drawn, drawn), drawn[2:5, ::3], np.max(drawn, 0)

    x = np.linspace(-1, 1, 30)
    straight, transposed, chosen, part, largest = fused(key, x)
    np.testing.assert_array_equal(straight, plain)
    np.testing.assert_array_equal(transposed, plain.T)
    np.testing.assert_array_equal(chosen, plain)
    np.testing.assert_array_equal(part, plain[2:5, ::3])
    np.testing.assert_array_equal(largest, plain.max(0))


@pytest.mark.parametrize("draw", [*DRAWS, random.randint], ids=_name)
def test_batches_of_keys(draw: Callable[..., Any], key: Array):
    keys = random.split(key, (2, 3))
    extra = (1000,) if draw is random.randint else ()
    together = draw(keys, *extra, size=4)
    assert together.shape == (2, 3, 4)
    np.testing.assert_array_equal(together[1, 2], draw(keys[1, 2], *extra, size=4))
    mapped = pb.vmap(pb.vmap(lambda k: draw(k, *extra, size=4)))(keys)
    np.testing.assert_array_equal(mapped, together)
    single = pb.vmap(pb.vmap(lambda k: draw(k, *extra)))(keys)
    np.testing.assert_array_equal(single[1, 2], draw(keys[1, 2], *extra))


def test_names(key: Array):
    assert pnp.random is random
    assert pb.random is random
    np.testing.assert_array_equal(
        pb.jit(lambda k: pnp.random.split(k, 3))(key), random.split(key, 3)
    )


def test_shapes_and_dtypes(key: Array):
    loc, scale = np.zeros((3, 1), np.float32), np.ones(4, np.float32)
    assert random.normal(key, loc, scale).shape == (3, 4)
    assert random.normal(key, loc, scale).dtype == np.float32
    assert random.normal(key, loc, 2.0).dtype == np.float32
    assert random.normal(key, loc.astype(int)).dtype == np.float64
    assert random.normal(key, loc, dtype=np.float16).dtype == np.float16
    assert random.normal(key, [0.0, 1.0], size=(5, 2)).shape == (5, 2)
    assert type(random.uniform(key)) is np.float64
    assert random.uniform(key, size=0).shape == (0,)
    assert random.bits(key, (2,), np.uint8).dtype == np.uint8
    with pytest.raises(ValueError, match="broadcast"):
        random.normal(key, np.zeros(3), size=2)
    with pytest.raises(TypeError, match="floating"):
        random.normal(key, dtype=np.int32)
    with pytest.raises(TypeError, match="unsigned"):
        random.bits(key, 3, np.int32)


# -- distributions -----------------------------------------------------------------------------

KNOWN: list[tuple[Callable[..., Any], Any]] = [
    (random.uniform, stats.uniform),
    (random.normal, stats.norm),
    (random.exponential, stats.expon),
    (random.gumbel, stats.gumbel_r),
    (random.laplace, stats.laplace),
    (random.logistic, stats.logistic),
    (random.cauchy, stats.cauchy),
    (partial(random.gamma, shape=0.3), stats.gamma(0.3)),
    (partial(random.gamma, shape=40.0), stats.gamma(40.0)),
    (partial(random.chisquare, df=3.0), stats.chi2(3.0)),
    (partial(random.standard_t, df=2.5), stats.t(2.5)),
    (partial(random.beta, a=0.6, b=2.0), stats.beta(0.6, 2.0)),
    (partial(random.weibull, a=1.7), stats.weibull_min(1.7)),
    (partial(random.pareto, a=1.7), stats.pareto(1.7, loc=-1.0)),
    (random.lognormal, stats.lognorm(1.0)),
    (random.rayleigh, stats.rayleigh),
    (partial(random.truncated_normal, lower=-1.0, upper=2.0), stats.truncnorm(-1.0, 2.0)),
    (partial(random.truncated_normal, lower=5.0, upper=np.inf), stats.truncnorm(5.0, np.inf)),
]


@pytest.mark.parametrize("dtype", WIDTHS)
@pytest.mark.parametrize(("draw", "known"), KNOWN, ids=[_name(x) for x, _ in KNOWN])
def test_distribution(draw: Callable[..., Any], known: Any, dtype: Any, key: Array):
    """Kolmogorov and Smirnov's test, of values and of tails; neighbours do not correlate."""
    x = draw(key, size=COUNT, dtype=dtype)
    assert x.dtype == dtype
    assert np.all(np.isfinite(x))
    wide = x.astype(np.float64)
    assert stats.kstest(wide, known.cdf).pvalue > 1e-3
    places = known.cdf(wide)
    tail = places[places < 0.01] * 100
    assert stats.kstest(tail, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(places[1:], places[:-1])[0, 1]) < 4 / np.sqrt(COUNT)


def test_vectors(key: Array):
    alpha = np.array([0.001, 1.0, 4.0])
    x = random.dirichlet(key, alpha, size=COUNT)
    np.testing.assert_allclose(x.sum(-1), 1.0, rtol=1e-14)
    assert np.all(np.isfinite(x))
    for place, a in enumerate(alpha[1:], 1):
        known: Any = stats.beta(a, alpha.sum() - a)
        assert stats.kstest(x[:, place], known.cdf).pvalue > 1e-3
    mean, cov = np.array([1.0, -2.0]), np.array([[2.0, 0.9], [0.9, 1.0]])
    z = random.multivariate_normal(key, mean, cov, size=COUNT)
    assert z.shape == (COUNT, 2)
    np.testing.assert_allclose(np.cov(z.T), cov, atol=0.06)
    np.testing.assert_allclose(z.mean(0), mean, atol=0.03)
    many = random.multivariate_normal(key, np.zeros((5, 1, 2)), np.stack([cov] * 3))
    assert many.shape == (5, 3, 2)
    with pytest.raises(np.linalg.LinAlgError):
        random.multivariate_normal(key, mean, -cov)
    with pytest.raises(ValueError, match="do not belong together"):
        random.multivariate_normal(key, mean, np.eye(3))


def test_trials(key: Array):
    x = random.geometric(key, 0.3, size=COUNT)
    assert x.dtype == np.int64
    counts = np.bincount(x)[1:11]
    expected = stats.geom(0.3).pmf(np.arange(1, 11))
    assert stats.chisquare(counts, expected / expected.sum() * counts.sum()).pvalue > 1e-3
    assert np.all(random.geometric(key, 1.0, size=9) == 1)


def test_moments_of_normal_numbers(key: Array):
    x = random.normal(key, 3.0, 2.0, size=COUNT)
    z = (x - 3) / 2
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(np.mean(z**power) - moment) < 4 * np.sqrt(variance / COUNT)
    half = random.normal(key, size=COUNT, dtype=np.float16)
    assert half.dtype == np.float16
    assert abs(np.mean(half, dtype=float)) < 4 / np.sqrt(COUNT)


@pytest.mark.parametrize("dtype", [*WIDTHS, np.float16])
def test_fractions_stay_inside(dtype: Any):
    """Whatever the words: from 0 to below 1; with an offset, above 0 as well."""
    edges = np.array([0, 1, 2**31, 2**32 - 1], np.uint32)
    x, y = (np.ravel(v) for v in np.meshgrid(edges, edges))
    plain, moved = pb.jit(
        lambda x, y: (fraction((x, y), np.dtype(dtype)), fraction((x, y), np.dtype(dtype), 0.5))
    )(x, y)
    assert plain.min() == 0
    assert 0.999 < plain.max() < 1
    assert 0 < moved.min() < 1e-3
    assert 0.999 < moved.max() < 1


# -- integers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32", "int64", "uint64"])
def test_integers(dtype: str, key: Array):
    limits = np.iinfo(dtype)
    low, high = (-20, 29) if limits.min < 0 else (0, 49)
    x = random.randint(key, low, high, size=COUNT, dtype=dtype)
    assert x.dtype == dtype
    counts = np.bincount(x.astype(int) - low, minlength=49)
    assert counts.size == 49
    assert stats.chisquare(counts).pvalue > 1e-3
    everything = random.randint(key, int(limits.min), int(limits.max) + 1, COUNT, dtype)
    scaled = (everything.astype(float) - float(limits.min)) / 2.0**limits.bits
    if limits.bits > 8:
        assert stats.kstest(scaled, "uniform").pvalue > 1e-3
    else:
        counts = np.bincount(everything.astype(int) - int(limits.min), minlength=256)
        assert stats.chisquare(counts).pvalue > 1e-3


def test_integers_between_arrays(key: Array):
    low, high = np.array([0, -5, 10**18]), np.array([1, 5, 3 * 10**18])
    x = random.randint(key, low, high, size=(COUNT // 8, 3))
    assert np.all((low <= x) & (x < high))
    assert set(x[:, 1]) == set(range(-5, 5))
    assert stats.kstest((x[:, 2] - 1e18) / 2e18, "uniform").pvalue > 1e-3
    np.testing.assert_array_equal(pb.jit(random.randint)(key, low, high), x[0])
    assert np.all(random.randint(key, 3, size=50) < 3)


def test_bounds_that_are_wrong(key: Array):
    with pytest.raises(ValueError, match="low >= high"):
        random.randint(key, 5, 5)
    with pytest.raises(ValueError, match="high is out of bounds for int8"):
        random.randint(key, 0, 129, dtype=np.int8)
    with pytest.raises(ValueError, match="low is out of bounds for uint8"):
        random.randint(key, -1, 5, dtype=np.uint8)
    with pytest.raises(TypeError, match="integer"):
        random.randint(key, 0.5, 2)


def test_choices_follow_their_probabilities(key: Array):
    hits = int(np.count_nonzero(random.bernoulli(key, 0.3, size=COUNT)))
    assert stats.binomtest(hits, COUNT, 0.3).pvalue > 1e-3
    assert not np.any(random.bernoulli(key, 0.0, size=50))
    assert np.all(random.bernoulli(key, 1.0, size=50))
    p = np.array([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1]])
    places = random.categorical(key, np.log(p), size=(COUNT, 2))
    for column, probabilities in zip(places.T, p, strict=True):
        counts = np.bincount(column, minlength=4)
        assert stats.chisquare(counts, COUNT * probabilities).pvalue > 1e-3
    assert random.categorical(key, np.log(p), axis=0).shape == (4,)
    assert np.all(random.categorical(key, np.array([-np.inf, 0.0, -np.inf]), size=30) == 1)


# -- samples -----------------------------------------------------------------------------------


def test_permutations(key: Array):
    order = random.permutation(key, 1000)
    np.testing.assert_array_equal(np.sort(order), np.arange(1000))
    assert abs(np.corrcoef(order, np.arange(1000))[0, 1]) < 4 / np.sqrt(1000)
    x = np.arange(12.0).reshape(3, 4)
    for axis in (0, 1, -1):
        places = random.permutation(key, x.shape[axis])
        np.testing.assert_array_equal(random.permutation(key, x, axis), np.take(x, places, axis))
    keys = random.split(key, 6000)
    orders = pb.vmap(lambda k: random.permutation(k, 3))(keys)
    np.testing.assert_array_equal(orders, random.permutation(keys, 3))
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert counts.size == 6
    assert stats.chisquare(counts).pvalue > 1e-3


def test_choices(key: Array):
    counts = np.bincount(random.choice(key, 7, size=COUNT), minlength=7)
    assert stats.chisquare(counts).pvalue > 1e-3
    p = np.array([0.5, 0.0, 0.2, 0.3, 0.0])
    drawn = random.choice(key, 5, size=(COUNT // 2, 2), p=p)
    counts = np.bincount(drawn.ravel(), minlength=5)
    assert not counts[[1, 4]].any()
    assert stats.chisquare(counts[[0, 2, 3]], COUNT * p[[0, 2, 3]]).pvalue > 1e-3
    x = np.arange(20.0).reshape(4, 5)
    assert random.choice(key, x, size=(2, 3), axis=1).shape == (4, 2, 3)
    np.testing.assert_array_equal(
        random.choice(key, x, size=3, axis=1), x[:, random.choice(key, 5, size=3)]
    )
    np.testing.assert_array_equal(
        pb.jit(lambda k, x, p: random.choice(k, x, 6, p=p))(key, x[0], p),
        random.choice(key, x[0], 6, p=p),
    )


def test_choices_without_replacement(key: Array):
    p = np.array([0.5, 0.25, 0.25, 0.0])
    pairs = random.choice(random.split(key, COUNT), 4, size=2, replace=False, p=p)
    assert np.all(pairs[:, 0] != pairs[:, 1])
    assert stats.chisquare(np.bincount(pairs[:, 0])[:3], COUNT * p[:3]).pvalue > 1e-3
    after_first = pairs[pairs[:, 0] == 1][:, 1]
    counts = np.bincount(after_first, minlength=4)
    expected = np.array([2 / 3, 1 / 3]) * after_first.size
    assert not counts[3]
    assert stats.chisquare(counts[[0, 2]], expected).pvalue > 1e-3
    every = random.choice(key, 9, size=(3, 3), replace=False)
    np.testing.assert_array_equal(np.sort(every, None), np.arange(9))


def test_samples_that_cannot_be_taken(key: Array):
    wrong: list[tuple[str, Callable[[], Any]]] = [
        ("larger sample", lambda: random.choice(key, 3, size=4, replace=False)),
        ("same size", lambda: random.choice(key, 3, p=[0.5, 0.5])),
        ("do not sum", lambda: random.choice(key, 2, p=[0.5, 0.6])),
        ("non-negative", lambda: random.choice(key, 2, p=[1.5, -0.5])),
        ("Fewer non-zero", lambda: random.choice(key, 2, size=2, p=[1.0, 0.0], replace=False)),
        ("cannot be empty", lambda: random.choice(key, 0)),
    ]
    for message, draw in wrong:
        with pytest.raises(ValueError, match=message):
            draw()


# -- derivatives -------------------------------------------------------------------------------


def test_derivatives_pass_through_parameters(key: Array):
    z = random.normal(key, size=6)
    by_loc, by_scale = pb.grad(lambda m, s: np.sum(random.normal(key, m, s, size=6)), (0, 1))(
        1.0, 2.0
    )
    np.testing.assert_allclose((by_loc, by_scale), (6.0, np.sum(z)), rtol=1e-13)
    for draw in (random.normal, random.gumbel, random.laplace, random.logistic, random.cauchy):
        check_grads(lambda m, s, draw=draw: np.sin(draw(key, m, s)), (np.ones(3), np.full(3, 0.5)))
    check_grads(lambda s: random.exponential(key, s), (np.ones(3),))
    shapes = np.array([0.4, 1.0, 7.0])
    first: list[Callable[..., Any]] = [
        random.gamma, random.chisquare, random.standard_t, random.weibull, random.pareto,
        random.dirichlet,
    ]  # fmt: skip
    for draw in first:
        check_grads(lambda a, draw=draw: draw(key, a), (shapes,), order=1)
    check_grads(lambda a, b: random.beta(key, a, b), (shapes, shapes + 1.0), order=1)
    bounds, scales = np.array([-1.0, 0.5, 3.0]), np.full(3, 0.5)
    check_grads(
        lambda a, b, m, s: random.truncated_normal(key, a, b, m, s),
        (bounds, bounds + 2.0, np.ones(3), scales),
    )
    check_grads(
        lambda m, r: random.multivariate_normal(key, m, r @ r.T + np.eye(3)),
        (np.ones(3), np.arange(9.0).reshape(3, 3) / 9),
    )
    check_grads(lambda a, b: random.uniform(key, a, b), (np.zeros(3), np.ones(3)))


def test_gradients_of_many_draws(key: Array):
    """Per-key gradients under vmap are those of each key."""

    def loss(w: Any, k: Any) -> Any:
        return np.sum((w + random.normal(k, size=3)) ** 2)

    w, keys = np.arange(3.0), random.split(key, 4)
    many = pb.vmap(pb.grad(loss), (None, 0))(w, keys)
    for got, k in zip(many, keys, strict=True):
        np.testing.assert_allclose(got, 2 * (w + random.normal(k, size=3)), rtol=1e-14)
