"""Special functions: accuracy of our own, values beside SciPy's, derivatives, and their edges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.special as scipy_special
from mpmath import mp

import pullback as pb
from pullback.codegen.math.special import BY_LANE, SPECIAL, VECTOR
from pullback.runtime.libraries import resolve
from pullback.scipy import special
from pullback.testing import check_grads
from pullback.tracer.errors import UnsupportedFunctionError
from pullback.tracer.primitive import TABLE
from pullback.tracer.primitives import special as rows
from pullback.tracer.scipy.distribution_table import DISTRIBUTIONS
from pullback.tracer.scipy.functions import FUNCTIONS as FUNCTIONS_OF_SCIPY
from pullback.tracer.scipy.multivariate import MULTIVARIATE
from pullback.tracer.scipy.special import SPECIAL as MEANINGS

from .elementary import Array, Compiled, ulps
from .special_symbols import INVERSES


def jit(f: Any) -> Any:
    return pb.jit(f)


def grad(f: Any) -> Any:
    return pb.grad(f)


def hessian_of(f: Any) -> Any:
    return pb.hessian(f)


# -- accuracy ----------------------------------------------------------------------------------


def _quantile(p: Any) -> Any:
    """The normal quantile by Newton's method on the logarithm of the smaller tail."""
    if p > 0.5:
        return -_quantile(1 - p)
    y = mp.mpf(float(scipy_special.ndtri(float(p))))
    for _ in range(6):
        tail = mp.erfc(-y / mp.sqrt(2)) / 2
        y += (mp.log(p) - mp.log(tail)) * tail * mp.sqrt(2 * mp.pi) * mp.exp(y * y / 2)
    return y


def _by_parameters(row: str) -> Callable[..., Any]:
    """The derivative by parameters of an incomplete function, by differences."""
    name, (_, orders) = row.partition("_")[0], rows.INCOMPLETE_DERIVATIVES[row]

    def derivative(*operands: Any) -> Any:
        *parameters, x = operands

        def function(*at: Any) -> Any:
            return getattr(mp, name)(*at, 0, x, regularized=True)

        step = mp.mpf(10) ** -12
        if len(orders) == 1:
            return mp.diff(function, parameters[0], orders[0], h=step)
        return mp.diff(function, tuple(parameters), orders, h=step)

    return derivative


EXACT: dict[str, Callable[..., Any]] = {
    "lgamma": lambda x: mp.re(mp.loggamma(x)),
    "digamma": mp.digamma,
    "zeta": mp.zeta,
    "erfinv": mp.erfinv,
    "erfcinv": lambda x: -_quantile(x / 2) / mp.sqrt(2),
    "ndtri": _quantile,
    "ndtr": lambda x: mp.erfc(-x / mp.sqrt(2)) / 2,
    "erfcx": lambda x: mp.exp(x * x) * mp.erfc(x),
    "log_ndtr": lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2),
    "i0": lambda x: mp.besseli(0, x),
    "i1": lambda x: mp.besseli(1, x),
    "i0e": lambda x: mp.besseli(0, x) * mp.exp(-abs(x)),
    "i1e": lambda x: mp.besseli(1, x) * mp.exp(-abs(x)),
    **{name: _by_parameters(name) for name in rows.INCOMPLETE_DERIVATIVES},
}

Region = tuple[tuple[float, float], ...]

# Intervals for each operand; where the exponents are meant, tests draw powers of ten.
REGIONS: dict[str, list[Region]] = {
    "lgamma": [((0.0, 1.0),), ((0.9, 1.1),), ((1.0, 3.5),), ((1.9, 2.1),), ((3.0, 12.0),)],
    "digamma": [((0.0, 1.0),), ((1.0, 3.5),), ((1.45, 1.47),), ((3.0, 12.0),)],
    "zeta": [((1.01, 4.0), (0.01, 12.0)), ((2.0, 12.0), (0.5, 9.0))],
    "erfinv": [((-0.98, 0.98),), ((0.96, 1.0),)],
    "erfcinv": [((0.01, 1.99),)],
    "ndtri": [((0.001, 0.999),), ((0.01, 0.02),), ((0.499, 0.501),)],
    "erfcx": [((-26.0, 0.0),), ((-1.0, 1.0),), ((0.0, 30.0),)],
    "ndtr": [((-37.0, 0.0),), ((-1.0, 9.0),)],
    "log_ndtr": [((-40.0, 0.0),), ((-1.0, 1.0),), ((0.0, 37.0),)],
    "i0": [((-15.0, 15.0),), ((14.0, 40.0),), ((600.0, 713.0),)],
    "i1": [((-15.0, 15.0),), ((14.0, 40.0),), ((600.0, 713.0),)],
    "i0e": [((-15.0, 15.0),), ((14.0, 900.0),)],
    "i1e": [((-15.0, 15.0),), ((14.0, 900.0),)],
    **{
        name: [((0.1, 5.0),) * len(orders) + ((0.01, 12.0 if len(orders) == 1 else 0.99),)]
        for name, (_, orders) in rows.INCOMPLETE_DERIVATIVES.items()
    },
}
POWERS: dict[str, Region] = {
    "lgamma": ((-300.0, 305.0),),
    "digamma": ((-300.0, 305.0),),
    "erfinv": ((-300.0, -1.0),),
    "erfcinv": ((-300.0, -1.0),),
    "ndtri": ((-300.0, -1.0),),
    "i0e": ((-10.0, 5.0),),
    "i1e": ((-10.0, 5.0),),
}
BOUNDS = {
    **dict.fromkeys(("erfinv", "erfcinv", "ndtri", "ndtr", "i0e", "i1e"), 1.5),
    "erfcx": 1.75, "i0": 1.75, "i1": 1.75, "log_ndtr": 2.0, "zeta": 4.5,
    **{
        name: 500.0 if sum(orders) == 1 else 5000.0
        for name, (_, orders) in rows.INCOMPLETE_DERIVATIVES.items()
    },
}  # fmt: skip
BOUND = 3.5
"""In double precision, where nothing else is said."""
NATIVE = (
    "erfinv", "erfcinv", "ndtri", "erfcx", "ndtr", "log_ndtr", "i0", "i1", "i0e", "i1e",
)  # fmt: skip
"""Those that single precision has formulas of its own for."""
BOUND_OF_SINGLE = 2.0


def operands(name: str, count: int) -> list[Array]:
    rng = np.random.default_rng(len(name))
    parts = [[rng.uniform(low, high, count) for low, high in region] for region in REGIONS[name]]
    if name in POWERS:
        parts.append([10.0 ** rng.uniform(low, high, count) for low, high in POWERS[name]])
    return [np.concatenate(xs) for xs in zip(*parts, strict=True)]


def exactly(name: str, xs: list[Array]) -> Array:
    def one(*values: float) -> np.longdouble:
        y = mp.re(EXACT[name](*[mp.mpf(v) for v in values]))
        high = float(y)
        return np.longdouble(high) + np.longdouble(float(y - high) if np.isfinite(high) else 0.0)

    # The scaled functions want digits for the powers that cancel.
    with mpmath.workprec(3000 if name in {"erfcx", "log_ndtr"} else 200):
        return np.array([one(*map(float, v)) for v in zip(*xs, strict=True)], np.longdouble)


@pytest.mark.parametrize("name", VECTOR)
def test_error_bound(name: str) -> None:
    xs = operands(name, 60)
    got = Compiled(VECTOR[name], "f64", 8, len(xs))(*xs)
    found = ulps(got, exactly(name, xs))
    worst = int(np.argmax(found))
    message = f"{name}{tuple(x[worst] for x in xs)} is off by {found[worst]:.2f} ulp"
    assert found[worst] <= BOUNDS.get(name, BOUND), message


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", [name for name in NATIVE if name not in {"i0", "i1"}])
def test_ends_of_the_range(name: str, dtype: Any) -> None:
    """As SciPy; its ``i0`` and ``i1`` have NaN at infinity, where ours are infinite."""
    x = np.array([0.0, -0.0, 1.0, -1.0, 2.0, np.inf, -np.inf, np.nan], dtype)
    function = getattr(scipy_special, name)
    np.testing.assert_allclose(jit(lambda x: function(x))(x), function(x), rtol=1e-6)


@pytest.mark.parametrize(("name", "allowed"), [("lgamma", 2e-15), ("digamma", 4e-15)])
def test_gamma_functions_of_negative_numbers(name: str, allowed: float) -> None:
    """Between their poles the error is one of the largest terms, so that zeros are absolute."""
    x = np.random.default_rng(5).uniform(-20.0, 0.0, 400)
    got = Compiled(VECTOR[name], "f64", 8, 1)(x)
    exact = exactly(name, [x])
    size = np.maximum(np.abs(exact), {"lgamma": np.log(30.0), "digamma": 4.0}[name])
    assert float(np.max(np.abs(got - exact) / size)) <= allowed


@pytest.mark.parametrize("name", NATIVE)
def test_error_bound_in_single_precision(name: str) -> None:
    (x,) = operands(name, 60)
    with np.errstate(under="ignore"):
        x = x.astype(np.float32)
    x = x[np.abs(x) > 1e-37]
    found = ulps(Compiled(VECTOR[name], "f32", 16, 1)(x), exactly(name, [x.astype(float)]))
    assert found.max() <= BOUND_OF_SINGLE, x[np.argmax(found)]


@pytest.mark.parametrize("name", [name for name in VECTOR if name not in NATIVE])
def test_single_precision_is_double_precision_rounded(name: str) -> None:
    with np.errstate(over="ignore", under="ignore"):
        xs = [x.astype(np.float32) for x in operands(name, 200)]
        wide = Compiled(VECTOR[name], "f64", 8, len(xs))(*[x.astype(np.float64) for x in xs])
        narrow = wide.astype(np.float32)
    np.testing.assert_array_equal(Compiled(VECTOR[name], "f32", 16, len(xs))(*xs), narrow)


@pytest.mark.parametrize("name", VECTOR)
def test_one_lane_gives_the_same_bits(name: str) -> None:
    xs = operands(name, 50)
    one = Compiled(VECTOR[name], "f64", 1, len(xs))(*xs)
    np.testing.assert_array_equal(one, Compiled(VECTOR[name], "f64", 8, len(xs))(*xs))


@pytest.mark.parametrize(("a", "x"), [(1e3, 990.0), (1e3, 1050.0), (1e4, 1e4), (50.0, 90.0)])
def test_derivative_by_a_large_parameter(a: float, x: float) -> None:
    with mpmath.workprec(300):
        exact = float(EXACT["gammainc_by_a"](mp.mpf(a), mp.mpf(x)))
    got = pb.grad(lambda a: special.gammainc(a, x))(a)
    np.testing.assert_allclose(got, exact, rtol=1e-12)


# -- values beside SciPy's -----------------------------------------------------------------------

UFUNCS = [name for name in MEANINGS if name != "_zeta"]
UNIT = {"erfinv", "ndtri", "gammaincinv", "gammainccinv", "betainc", "betaincinv", "stdtrit"}
"""Functions whose last operand is between 0 and 1."""


def points(name: str, dtype: Any = np.float64) -> list[Array]:
    x = np.linspace(0.07, 0.93, 9)
    count = getattr(scipy_special, name).nin
    last = x if name in UNIT or count == 1 else x + 0.3
    return [np.asarray(x + 0.8 * i, dtype) for i in range(count - 1)] + [np.asarray(last, dtype)]


@pytest.mark.parametrize("name", UFUNCS)
def test_scipy_ufuncs_are_traced(name: str) -> None:
    function = getattr(scipy_special, name)
    xs = points(name)
    want = function(*xs)
    np.testing.assert_allclose(jit(function)(*xs), want, rtol=1e-14, atol=2e-15)
    np.testing.assert_allclose(jit(getattr(special, name))(*xs), want, rtol=1e-14, atol=2e-15)
    np.testing.assert_array_equal(getattr(special, name)(*xs), want)


@pytest.mark.parametrize("name", UFUNCS)
def test_dtypes_are_scipys(name: str) -> None:
    function = getattr(scipy_special, name)
    for dtype in (np.float32, np.int64, np.bool_):
        xs = [np.ones(3, dtype)] * function.nin
        with np.errstate(all="ignore"):
            want = function(*xs)
        if want.dtype.itemsize > 2:
            assert jit(function)(*xs).dtype == want.dtype


EDGES = {
    "xlogy": 2, "xlog1py": 2, "logit": 1, "log_expit": 1, "entr": 1, "rel_entr": 2, "kl_div": 2,
    "exp10": 1, "cosm1": 1, "exprel": 1, "huber": 2, "pseudo_huber": 2, "loggamma": 1,
    "gammasgn": 1, "rgamma": 1, "expit": 1,
}  # fmt: skip


@pytest.mark.parametrize("name", EDGES)
def test_edges_of_composed_functions(name: str) -> None:
    values = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 1e-9, 1e-100, 30.0, np.inf]
    axis = np.array([*values, *(-v for v in values), np.nan])
    xs = [np.ravel(x) for x in np.meshgrid(*[axis] * EDGES[name])]
    function = getattr(scipy_special, name)
    with np.errstate(all="ignore"):
        want = function(*xs)
    got = jit(function)(*xs)
    # SciPy's has powers and logarithms where ours has a root.
    allowed = 2e-14 if name == "pseudo_huber" else 4e-15
    np.testing.assert_allclose(got, want, rtol=allowed, atol=1e-300)


def test_lists_scalars_and_broadcasting() -> None:
    x = np.linspace(0.5, 3.0, 4)
    got = jit(lambda x: scipy_special.gammainc(2, x[:, None]) + scipy_special.beta(x, 1.5))(x)
    np.testing.assert_allclose(
        got, scipy_special.gammainc(2, x[:, None]) + scipy_special.beta(x, 1.5), rtol=1e-15
    )
    assert jit(scipy_special.gammaln)(np.float32(2.5)).dtype == np.float32


LOGSUMEXP: list[dict[str, Any]] = [
    {}, {"axis": 0}, {"axis": 1, "keepdims": True}, {"axis": (0, 1)}, {"axis": -1},
    {"axis": 1, "b": np.array([1.0, 2.0, -0.5])}, {"b": np.array([0.0, 1.0, 2.0])},
    {"axis": 1, "b": np.array([1.0, -2.0, 0.5]), "return_sign": True},
    {"axis": 0, "return_sign": True, "keepdims": True},
]  # fmt: skip


@pytest.mark.parametrize("options", LOGSUMEXP, ids=range(len(LOGSUMEXP)))
def test_logsumexp(options: dict[str, Any]) -> None:
    a = np.array([[1.0, -2.0, 3.0], [0.0, 0.0, 0.5]])
    for x in (a, a * 300.0, a.astype(np.float32), np.arange(6).reshape(2, 3)):
        got = jit(lambda x: special.logsumexp(x, **options))(x)
        want = scipy_special.logsumexp(x, **options)
        for one, other in zip(np.atleast_1d(got), np.atleast_1d(want), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6 if x.dtype.itemsize == 4 else 1e-14)


@pytest.mark.parametrize(
    "values",
    [[-np.inf, -np.inf], [np.inf, 0.0], [np.nan, 0.0], [0.0, -50.0], [-np.inf, 1.0], [-1e5], []],
)
def test_logsumexp_at_its_edges(values: list[float]) -> None:
    x = np.array(values)
    with np.errstate(all="ignore"):
        want = scipy_special.logsumexp(x) if x.size else -np.inf
    np.testing.assert_allclose(jit(special.logsumexp)(x), want, rtol=1e-15)


def test_logsumexp_of_nothing_has_derivative_zero() -> None:
    np.testing.assert_array_equal(grad(special.logsumexp)(np.full(3, -np.inf)), np.zeros(3))


def test_second_derivative_of_logsumexp_where_terms_tie() -> None:
    hessian = hessian_of(special.logsumexp)(np.zeros(2))
    np.testing.assert_allclose(hessian, [[0.25, -0.25], [-0.25, 0.25]], rtol=1e-15)


X = np.linspace(0.3, 2.6, 6)
FUNCTIONS: list[tuple[str, Callable[[Any, Any], Any]]] = [
    ("softmax", lambda s, x: s.softmax(x.reshape(2, 3), axis=1)),
    ("log_softmax", lambda s, x: s.log_softmax(x.reshape(2, 3) * 100.0, axis=0)),
    ("factorial", lambda s, x: s.factorial(x - 1.0)),
    ("comb", lambda s, x: s.comb(x + 2.0, x)),
    ("comb with repetition", lambda s, x: s.comb(x + 2.0, x, repetition=True)),
    ("perm", lambda s, x: s.perm(x + 2.0, x)),
    ("zeta", lambda s, x: s.zeta(x + 1.0)),
    ("zeta of two", lambda s, x: s.zeta(3.0, x)),
    ("polygamma", lambda s, x: s.polygamma(2, x)),
    ("polygammas", lambda s, x: s.polygamma([[0], [1], [3]], x)),
    ("digammas", lambda s, x: s.polygamma([0, 0, 0, 0, 0, 0], x)),
    ("multigammaln", lambda s, x: s.multigammaln(x + 2.0, 3)),
    ("sinc", lambda s, x: s.sinc(x)),
]


@pytest.mark.parametrize(("name", "f"), FUNCTIONS, ids=[name for name, _ in FUNCTIONS])
def test_functions(name: str, f: Callable[[Any, Any], Any]) -> None:
    np.testing.assert_allclose(
        jit(lambda x: f(special, x))(X), f(scipy_special, X), rtol=1e-13, atol=1e-15
    )


# -- derivatives -------------------------------------------------------------------------------

COMPOSED = {
    "xlogy", "xlog1py", "logit", "log_expit", "entr", "rel_entr", "kl_div", "exp10",
    "cosm1", "exprel", "boxcox", "boxcox1p", "inv_boxcox", "inv_boxcox1p", "huber",
    "pseudo_huber", "loggamma", "rgamma", "expit",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(COMPOSED))
def test_derivatives_of_composed_functions(name: str) -> None:
    function = getattr(special, name)
    check_grads(lambda *xs: function(*xs), points(name), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("row", INVERSES)
def test_derivatives_of_inverses_are_reciprocal(row: str) -> None:
    function, inverse = getattr(special, INVERSES[row]), getattr(special, row)
    *shapes, p = points(row)

    def slope(f: Callable[..., Any], at: Array) -> Array:
        return pb.jvp(lambda x: f(*shapes, x), (at,), (np.ones(at.shape),))[1]

    x = inverse(*shapes, p)
    np.testing.assert_allclose(slope(inverse, p) * slope(function, x), 1.0, rtol=1e-12)


@pytest.mark.parametrize(
    ("parameters", "x"),
    [((1.0, 1e-5), 0.0), ((0.5, 1e4), 0.0), ((5.0, -40.0), 0.0), ((1e4, 3.0), 0.9997)],
)
def test_small_tails_by_their_parameters(parameters: tuple[float, float], x: float) -> None:
    """Of Student's distribution by the degrees of freedom, of betainc by the first parameter."""
    df, t = parameters
    if x:
        got, a = pb.grad(lambda a, b, x: special.betainc(a, b, x))(df, t, x), mp.mpf(df)
        f = lambda a: mp.betainc(a, t, 0, x, regularized=True)  # noqa: E731
    else:
        got, a = pb.grad(lambda df, t: special.stdtr(df, t))(df, t), mp.mpf(df)
        square = mp.mpf(t) ** 2
        f = lambda d: mp.sign(t) * mp.betainc(0.5, d / 2, 0, square / (d + square), True) / 2  # noqa: E731
    with mpmath.workdps(50):
        exact = float(mp.diff(f, a, h=mp.mpf(10) ** -15))
    np.testing.assert_allclose(got, exact, rtol=1e-11)


AT_SPECIAL_POINTS: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
    ("xlogy", special.xlogy, (0.0, 2.0)),
    ("xlog1py", special.xlog1py, (0.0, 2.0)),
    ("rgamma", special.rgamma, ([0.0, -1.0, -3.0],)),
    ("pseudo_huber", lambda r: special.pseudo_huber(1.5, r), (0.0,)),
    ("sinc", np.sinc, ([0.0, 1e-3, 1.0],)),
    ("logaddexp", np.logaddexp, ([0.0, 3.0], [0.0, 3.0])),
    ("pow", np.power, ([2.0, 3.0], [0.0, 1.0])),
    ("comb", lambda n: special.comb(n, 0.0, repetition=True), (3.0,)),
    (
        "logsumexp",
        lambda x, b: np.exp(special.logsumexp(x, b=b)),
        ([1.0, 1.2, 0.5], [1.0, 0.0, 3.0]),
    ),
]
"""Points where a formula divides zero by zero, or two operands tie, and the function is smooth."""


@pytest.mark.parametrize(
    ("name", "f", "at"), AT_SPECIAL_POINTS, ids=[name for name, *_ in AT_SPECIAL_POINTS]
)
def test_derivatives_at_special_points(
    name: str, f: Callable[..., Any], at: tuple[Any, ...]
) -> None:
    check_grads(f, tuple([np.asarray(x) for x in at]), order=2, rtol=1e-5, atol=1e-5)


ZERO_AT: list[tuple[str, Callable[[Any], Any], float, float]] = [
    ("xlogy", lambda x: special.xlogy(0.0, x), 0.0, 0.0),
    ("entr", lambda x: np.where(x > 0.0, special.entr(x), 0.0), 0.0, 0.0),
    ("exprel", special.exprel, 0.0, 0.5),
    ("boxcox", lambda p: special.boxcox(2.0, p), 1e-12, 0.5 * np.log(2.0) ** 2),
    ("inv_boxcox", lambda x: special.inv_boxcox(x, 0.0), 1.0, np.e),
    ("huber", lambda x: special.huber(1.0, x), 0.0, 0.0),
    ("i1", special.i1, 0.0, 0.5),
    ("j1", special.j1, 0.0, 0.5),
    ("log_ndtr", special.log_ndtr, -1e5, 1e5),
    ("ndtri", special.ndtri, 0.5, np.sqrt(2.0 * np.pi)),
    ("logsumexp", lambda x: special.logsumexp(np.stack([x, x - np.inf])), 1.0, 1.0),
]


@pytest.mark.parametrize(("name", "f", "at", "slope"), ZERO_AT, ids=[name for name, *_ in ZERO_AT])
def test_derivatives_at_edges(name: str, f: Callable[[Any], Any], at: float, slope: float) -> None:
    np.testing.assert_allclose(pb.grad(f)(at), slope, rtol=1e-9, atol=1e-12)


def test_second_derivative_of_exprel_at_zero() -> None:
    np.testing.assert_allclose(pb.grad(pb.grad(special.exprel))(0.0), 1.0 / 3.0, rtol=1e-14)


@pytest.mark.parametrize(
    ("f", "what"),
    [
        (
            pb.grad(pb.grad(lambda x: special.betainc(x, 2.0, 0.5))),
            "betainc, 3 times by its parameters",
        ),
        (lambda x: special.iv(x, 2.0), "iv by its order"),
        (lambda x: special.zeta(x, 2.0), "zeta by its exponent"),
        (
            pb.grad(pb.grad(lambda x: special.gammainc(x, 2.0))),
            "gammainc, 3 times by its parameters",
        ),
    ],
)
def test_unknown_derivatives_are_refused(f: Callable[[Any], Any], what: str) -> None:
    for derivative in (pb.grad(f), lambda x: pb.jvp(f, (x,), (1.0,))):
        with pytest.raises(UnsupportedFunctionError, match=what):
            derivative(1.5)


def test_batches() -> None:
    x = np.linspace(0.2, 3.0, 12).reshape(3, 4)
    got = pb.vmap(lambda row: special.logsumexp(row) + special.gammaln(row))(x)
    want = scipy_special.logsumexp(x, axis=1)[:, None] + scipy_special.gammaln(x)
    np.testing.assert_allclose(got, want, rtol=1e-14)


# -- JAX as a peer -----------------------------------------------------------------------------


@pytest.fixture
def jax() -> Iterator[Any]:
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield jax
    jax.config.update("jax_enable_x64", before)


PEERS: list[tuple[str, Callable[[Any, Any], Any]]] = [
    ("gammaln", lambda s, x: s.gammaln(x)),
    ("digamma", lambda s, x: s.digamma(x)),
    ("polygamma", lambda s, x: s.polygamma(1, x)),
    ("erfinv", lambda s, x: s.erfinv(x / 4.0)),
    ("ndtri", lambda s, x: s.ndtri(x / 4.0)),
    ("i0e", lambda s, x: s.i0e(x)),
    ("i1", lambda s, x: s.i1(x)),
    ("expi", lambda s, x: s.expi(x)),
    ("gammainc by x", lambda s, x: s.gammainc(2.5, x)),
    ("gammainc by a", lambda s, x: s.gammainc(x, 1.5)),
    ("gammaincc by a", lambda s, x: s.gammaincc(x, 4.0)),
    ("betainc", lambda s, x: s.betainc(2.0, 3.0, x / 4.0)),
    ("betaln", lambda s, x: s.betaln(x, 1.5)),
    ("logsumexp", lambda s, x: s.logsumexp(x)),
    ("entr", lambda s, x: s.entr(x)),
    ("kl_div", lambda s, x: s.kl_div(x, 1.5)),
    ("log_ndtr", lambda s, x: s.log_ndtr(x)),
]


@pytest.mark.parametrize(("name", "f"), PEERS, ids=[name for name, _ in PEERS])
def test_gradients_are_those_of_jax(name: str, f: Callable[[Any, Any], Any], jax: Any) -> None:
    ours = pb.grad(lambda x: np.sum(f(special, x)))(X)
    theirs = jax.grad(lambda x: jax.numpy.sum(f(jax.scipy.special, x)))(X)
    np.testing.assert_allclose(ours, theirs, rtol=1e-7 if name.endswith("by a") else 1e-11)


# -- SciPy's functions in machine code -----------------------------------------------------------


@pytest.mark.parametrize("name", BY_LANE)
def test_scipys_functions_are_found(name: str) -> None:
    assert resolve([f"special.{name}"])[f"special.{name}"]


def test_scipys_error_state_is_obeyed() -> None:
    function = jit(lambda a, x: special.betainc(a, 2.0, x))
    a = np.full(3, -1.0)
    assert np.isnan(function(a, 0.5 * a)).all()
    with (
        scipy_special.errstate(all="raise"),
        pytest.raises(scipy_special.SpecialFunctionError, match="betainc"),
    ):
        function(a, 0.5 * a)
    assert np.isnan(function(a, 0.5 * a)).all()


def test_every_function_has_a_row() -> None:
    assert [name for name in SPECIAL if name not in TABLE] == []


def test_what_is_not_traced_says_so() -> None:
    with pytest.raises(UnsupportedFunctionError, match="ellipk"):
        jit(special.ellipk)(0.5)
    with pytest.raises(UnsupportedFunctionError, match="diric"):
        jit(lambda x: special.diric(x, 3))(0.5)
    with pytest.raises(UnsupportedFunctionError, match="exact"):
        jit(lambda x: special.factorial(x, exact=True))(3)
    with pytest.raises(UnsupportedFunctionError, match="orders"):
        jit(special.polygamma)(1, 0.5)
    with pytest.raises(ValueError, match="positive integer"):
        jit(lambda x: special.multigammaln(x, 1.5))(3.0)


def test_names_are_scipys() -> None:
    assert special.SpecialFunctionError is scipy_special.SpecialFunctionError
    assert "gammaln" in dir(special)
    assert special.ellipk(0.5) == scipy_special.ellipk(0.5)
    with pytest.raises(AttributeError, match="no_such"):
        special.no_such  # noqa: B018


def test_the_page_lists_every_name() -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "special.md").read_text("utf-8")
    names = {*MEANINGS, *FUNCTIONS_OF_SCIPY, *DISTRIBUTIONS, *MULTIVARIATE} - {"_zeta"}
    assert sorted(name for name in names if f"`{name}`" not in page) == []
