"""SymPy's expressions compiled, and graphs as expressions: compared with SymPy's own numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st
from sympy.codegen import cfunctions

import pullback as pb
from pullback.tracer.ir import Builder, Graph
from pullback.tracer.passes.rules import DOMAIN_RULES, RULES
from pullback.tracer.primitive import TABLE
from pullback.tracer.symbolic.formulas import FORMULAS
from pullback.tracer.trace import Tracer, new_trace
from pullback.tracer.types import FLOAT64, ArrayType

from .draw import domain_of, draw_operands

Array = np.ndarray[Any, Any]
X, Y, Z = SYMBOLS = sympy.symbols("x y z", real=True)
K, J = sympy.symbols("k j", integer=True)
POINT = (0.731, 1.297, 0.412)
DIGITS = 40


def exact(expression: Any, point: Sequence[float], symbols: Sequence[Any] = SYMBOLS) -> Any:
    """What SymPy and mpmath compute, rounded once."""
    function = sympy.lambdify(list(symbols), expression, "mpmath")
    with mpmath.workdps(DIGITS):
        found = mpmath.mpmathify(function(*map(mpmath.mpf, point)))
        return complex(found) if isinstance(found, mpmath.mpc) else float(found)


def derivatives(expression: Any, symbols: Sequence[Any] = SYMBOLS) -> tuple[Any, Any]:
    """SymPy's gradient and Hessian."""
    slopes = [_steps_left_out(sympy.diff(expression, s)) for s in symbols]
    return slopes, [[_steps_left_out(sympy.diff(g, s)) for s in symbols] for g in slopes]


def _steps_left_out(expression: Any) -> Any:
    """The derivative almost everywhere, where those of steps are zero."""
    return expression.replace(
        lambda e: isinstance(e, sympy.DiracDelta | sympy.Subs | sympy.Derivative),
        lambda e: sympy.Integer(0),
    )


def check(expression: Any, point: Sequence[float], tolerance: float, rewritten: Any = None) -> None:
    """Value, gradient and Hessian at a point, and at the point among others.

    ``rewritten`` is the same in words that SymPy differentiates and mpmath computes.
    """
    f = pb.from_sympy(expression, SYMBOLS)
    rewritten = expression if rewritten is None else rewritten
    slopes, curvatures = derivatives(rewritten)
    wanted: list[Any] = [exact(rewritten, point), [exact(g, point) for g in slopes]]
    wanted.append([[exact(h, point) for h in row] for row in curvatures])
    many = [np.array([x, x * 1.0625, x, x * 0.9375, x]) for x in point]
    for function, want in zip((f, f.grad, f.hessian), wanted, strict=True):
        scale = 1.0 + np.max(np.abs(want))
        np.testing.assert_allclose(function(*point), want, rtol=tolerance, atol=tolerance * scale)
        found = function(*many)
        assert found.shape == (*np.shape(want), 5)
        np.testing.assert_allclose(found[..., 2], want, rtol=tolerance, atol=tolerance * scale)


EXPRESSIONS: dict[str, Any] = {
    "constant": sympy.Rational(1, 3) + 0 * X,
    "constants": X * sympy.pi + sympy.E * Y + sympy.sqrt(2) * sympy.GoldenRatio,
    "quotients": X / Y + 2 / (3 * Z) - X * Y / Z**2,
    "powers": X**5 + Y**-3 + Z ** sympy.Rational(3, 2) + X**-0.5 + Y**Z + X**20,
    "roots": sympy.sqrt(X) / sympy.sqrt(Y * Z) + sympy.cbrt(Y) + 2**X + sympy.pi**Y,
    "shared": sympy.sin(X * Y) ** 2 + sympy.exp(sympy.sin(X * Y)) * sympy.sin(X * Y),
    "circular": sympy.sin(X) * sympy.cos(Y) + sympy.tan(Z) + sympy.sec(X) + sympy.csc(Y)
    + sympy.cot(Z),
    "arcs": sympy.asin(Z) + sympy.acos(X) + sympy.atan(Y) + sympy.atan2(X, Y) + sympy.acot(Y)
    + sympy.asec(1 + Y) + sympy.acsc(1 + X),
    "hyperbolic": sympy.sinh(X) + sympy.cosh(Y) * sympy.tanh(Z) + sympy.sech(X) + sympy.csch(Y)
    + sympy.coth(Z) + sympy.sinc(Y),
    "areas": sympy.asinh(X) + sympy.acosh(Y) + sympy.atanh(Z) + sympy.asech(Z) + sympy.acsch(X)
    + sympy.acoth(Y),
    "softplus": sympy.log(1 + sympy.exp(X)) * Y + sympy.log(sympy.exp(X) + sympy.exp(Y)),
    "small": (sympy.exp(X) - 1) * (1 - sympy.exp(Y)) + sympy.log(1 + Z * X),
    "logistic": Y / (1 + sympy.exp(-X)) ** 2 + Z * sympy.exp(X) / (1 + sympy.exp(X)),
    "choices": sympy.Piecewise((X * Y, X > Y), (sympy.exp(Z), sympy.And(X > 0, Y < 3)), (0, True)),
    "logic": sympy.Piecewise(
        (X**2, sympy.Or(X > 1, sympy.Not(sympy.Xor(Y > 1, Z > 1)))), (Y * Z, sympy.Ne(X, Y))
    ),
    "extrema": sympy.Max(X, Y * Z, X**2) + sympy.Min(X, Y) * sympy.Abs(Z - Y),
    "steps": X * sympy.sign(Y) + Z * sympy.Heaviside(X - Y) + Y * sympy.floor(3 * X)
    + sympy.ceiling(Y) * Z + sympy.Mod(Y, X) + sympy.frac(Z) * X,
    "errors": sympy.erf(X) * sympy.erfc(Y) + sympy.erf2(X, Z) + sympy.exp(X**2) * sympy.erfc(X)
    + sympy.erfinv(Z),
    "gammas": sympy.gamma(Y) + sympy.loggamma(X) * sympy.digamma(Z) + sympy.polygamma(2, X)
    + sympy.factorial(X) + sympy.harmonic(Y) + sympy.trigamma(Z),
    "betas": sympy.beta(X, Y) + sympy.binomial(Y + 3, X) + sympy.RisingFactorial(X, Z)
    + sympy.FallingFactorial(Y + 2, Z),
    "bessel": sympy.besselj(0, X) + sympy.besselj(1, Y) + sympy.bessely(0, Z) * sympy.bessely(1, X)
    + sympy.besseli(0, X) + sympy.besseli(1, Y) + sympy.besselk(0, Z) + sympy.besselk(1, X)
    + sympy.besselj(2, X * Y),
    "integrals": sympy.Ei(X) + sympy.expint(1, Y) + sympy.li(1 + Y),
    "incomplete": sympy.uppergamma(3, X) * Y + sympy.lowergamma(sympy.Rational(5, 2), Z),
    "codes": cfunctions.expm1(X) + cfunctions.log1p(Y) + cfunctions.log2(Z) + cfunctions.exp2(X)
    + cfunctions.log10(Y) + cfunctions.hypot(X, Z) + cfunctions.Cbrt(Y),
}  # fmt: skip


REWRITE: dict[str, Callable[[Any], Any]] = {
    "steps": lambda e: e.rewrite(sympy.floor),
    "betas": lambda e: e.rewrite(sympy.gamma),
    "codes": sympy.expand_func,
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_values_and_derivatives_are_those_of_sympy(name: str) -> None:
    expression = EXPRESSIONS[name]
    check(expression, POINT, 2e-12, REWRITE[name](expression) if name in REWRITE else None)


@pytest.mark.parametrize(
    ("expression", "value", "slope"),
    [
        (sympy.log(1 + sympy.exp(X)), 1000.0, 1.0),
        (1 / (1 + sympy.exp(-X)), math.exp(-300.0), math.exp(-300.0)),
        (sympy.exp(X) / (1 + sympy.exp(X)), 1.0, 0.0),
        (sympy.exp(X) - 1, 1e-300, 1.0),
        (sympy.log(1 + X), 1e-300, 1.0),
        (sympy.exp(X**2) * sympy.erfc(X), 1.0 / (1000.0 * math.sqrt(math.pi)), -5.641886825e-07),
    ],
    ids=str,
)
def test_formulas_that_lose_digits_are_replaced(
    expression: Any, value: float, slope: float
) -> None:
    at = {1.0: 1000.0, 1e-300: 1e-300, math.exp(-300.0): -300.0}.get(value, 1000.0)
    f = pb.from_sympy(expression, [X])
    np.testing.assert_allclose(f(at), value, rtol=1e-6)
    np.testing.assert_allclose(f.grad(at), [slope], rtol=1e-6, atol=1e-300)


# -- random expressions ----------------------------------------------------------------------------

ONE = sympy.Integer(1)
UNARY: list[Callable[[Any], Any]] = [
    sympy.sin,
    sympy.cos,
    sympy.tanh,
    sympy.atan,
    sympy.erf,
    sympy.asinh,
    lambda u: sympy.exp(-(u**2)),
    lambda u: sympy.log(ONE + u**2),
    lambda u: sympy.sqrt(ONE + u**2),
    lambda u: ONE / (ONE + sympy.exp(u / 8)),
    lambda u: -u,
]
BINARY: list[Callable[[Any, Any], Any]] = [
    lambda u, v: u + v,
    lambda u, v: u - v,
    lambda u, v: u * v,
    lambda u, v: u / (2 + v**2),
    lambda u, v: (ONE + u**2 / 4) ** sympy.sin(v),
    lambda u, v: sympy.Piecewise((u * v, u > v), (u + 2 * v, True)),
    sympy.Max,
    sympy.Min,
]


def expressions() -> st.SearchStrategy[Any]:
    numbers = st.sampled_from([sympy.Rational(1, 3), sympy.Integer(2), sympy.pi / 4])
    return st.recursive(
        st.sampled_from(SYMBOLS) | numbers,
        lambda inner: (
            st.builds(lambda f, u: f(u), st.sampled_from(UNARY), inner)
            | st.builds(lambda f, u, v: f(u, v), st.sampled_from(BINARY), inner, inner)
        ),
        max_leaves=6,
    )


def is_tame(expression: Any, point: Sequence[float]) -> bool:
    """Whether no part is large, and no choice is close."""
    for part in sympy.preorder_traversal(expression):
        if isinstance(part, sympy.core.relational.Relational):
            if abs(exact(part.lhs - part.rhs, point)) < 1e-3:
                return False
        elif isinstance(part, (sympy.Max, sympy.Min)):
            values = sorted(exact(x, point) for x in part.args)
            if min(np.diff(values)) < 1e-3:
                return False
        elif isinstance(part, sympy.Expr) and abs(exact(part, point)) > 100.0:
            return False
    return True


coordinates = st.floats(0.25, 1.75).map(lambda x: x + 1e-3)
points = st.tuples(coordinates, coordinates, coordinates)


@settings(max_examples=25)
@given(expressions(), points)
def test_random_expressions(expression: Any, point: tuple[float, float, float]) -> None:
    note(str(expression))
    assume(is_tame(expression, point))
    check(expression, point, 1e-11)


@settings(max_examples=25)
@given(expressions(), points)
def test_random_expressions_there_and_back(expression: Any, point: Sequence[float]) -> None:
    note(str(expression))
    assume(is_tame(expression, point))
    f = pb.from_sympy(expression, SYMBOLS)
    for graph in (f.ir(*point), f.grad.ir(*point)):
        formulas = graph.to_sympy(SYMBOLS, arrays="component")
        (back,) = pb.from_sympy(formulas)(*point)
        (want,) = graph.evaluate(*point)
        np.testing.assert_allclose(
            back, want, rtol=1e-11, atol=1e-11 * (1.0 + np.max(np.abs(want)))
        )


# -- graphs as expressions -------------------------------------------------------------------------

WITHOUT_FORMULA = frozenset(
    (
        *("round", "nextafter", "shift_left", "shift_right", "bit_count", "stdtr", "stdtrit"),
        *("betainc", "betaincinv", "gammaincinv", "gammainccinv", "formula"),
    )
)
"""Elementwise rows that SymPy has no words for; of `formula` each use has its own."""


def elementwise_rows() -> list[str]:
    return [
        name
        for name, row in TABLE.items()
        if row.elementwise and name not in WITHOUT_FORMULA and "_by_" not in name
    ]


@pytest.mark.parametrize("name", elementwise_rows())
def test_formulas_of_rows_compute_what_the_rows_do(name: str, rng: np.random.Generator) -> None:
    row = TABLE[name]
    domain = domain_of(row)
    dtype = "f64" if "f64" in domain.dtypes else domain.dtypes[0]
    dtype = {"bit_and": "bool", "bit_or": "bool", "bit_xor": "bool", "bit_not": "bool"}.get(
        name, dtype
    )
    shapes, params = domain.cases[0]
    if name == "convert":
        params = {"dtype": FLOAT64}
    operands = draw_operands(row, [() for _ in shapes], params, dtype, rng)
    builder = Builder()
    nodes = tuple(builder.parameter(ArrayType((), x.dtype)) for x in operands)
    graph = builder.graph([builder.add(row, nodes, params)])
    complex_ones = [x.dtype.kind == "c" for x in operands]
    names = [sympy.Symbol(f"a{i}", real=None if c else True) for i, c in enumerate(complex_ones)]
    (result,) = graph.to_sympy(names).results
    (want,) = graph.evaluate(*operands)
    if want.dtype == bool:
        result = sympy.Piecewise((1, result), (0, True))
    found = pb.from_sympy(result, names)(*operands)
    np.testing.assert_allclose(found, want.astype(found.dtype), rtol=1e-12, atol=1e-13)


def test_every_elementwise_row_has_a_formula_or_is_known_to_have_none() -> None:
    rows = {name for name, row in TABLE.items() if row.elementwise and "_by_" not in name}
    assert rows - WITHOUT_FORMULA == rows & FORMULAS.keys()


A, V, W = np.arange(1.0, 7.0).reshape(2, 3) / 7, np.array([0.5, -1.0, 2.0]), np.array([0.3, 0.9])


def _stored(v: Any, w: Any) -> Any:
    x = v.copy()
    x[1:] = 7.0 * w
    x[0] = v[2]
    return x


PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "elementwise": (lambda v: np.exp(v) * v + 1.0, (V,)),
    "outer": (lambda v, w: v[:, None] * np.sin(w)[None, :], (V, W)),
    "product": (lambda a, v: np.tanh(a @ v), (A, V)),
    "products": (lambda a, v: np.sum((a @ a.T) ** 2) * np.sum(a @ v), (A, V)),
    "moves": (lambda a: a.T[::-1, 0] * a[1, ::-1] + a.reshape(3, 2)[:, 1], (A,)),
    "reductions": (lambda a: np.sum(a * a, 1) * np.prod(a, (0, 1)) + np.mean(a), (A,)),
    "choice": (lambda v: np.where(v > 0.0, v * v, -v), (V,)),
    "flags": (lambda b, v: np.where(b & (v < 1.0), v, 2.0), (V > 0.0, V)),
    "diagonal": (pb.jacfwd(lambda v: v * np.sin(v)), (V,)),
    "gradient": (pb.grad(lambda v, a: np.sum(np.log1p((a @ v) ** 2))), (V, A)),
    "two": (lambda v, x: (v * x, x * x), (V, 1.5)),
    "without axes": (lambda x: x[()] * 2.0, (1.5,)),
    "one element": (lambda v: v[:1] * np.sum(v[None, 1:2], 0), (V,)),
    "slices": (pb.grad(lambda v: np.sum((v[1:] - v[:-1]) ** 3)), (V,)),
    "joined": (lambda v, w: np.concatenate([v, w, v[:1] * 2.0]), (V, W)),
    "stacked": (lambda a: np.sum(np.stack([a, a * a], 1), 0), (A,)),
    "padded": (
        lambda a, x: np.sum(np.pad(a, ((1, 0), (0, 2)), constant_values=3.0) ** x, 0),
        (A, 2.0),
    ),
    "every other": (pb.grad(lambda v: np.sum(v[::2] ** 3)), (V,)),
    "rolled": (lambda v: np.where(v > 0.0, np.roll(v, 1) * v, np.pad(v[1:], (0, 1))), (V,)),
    "stored": (_stored, (V, W)),
    "running": (lambda a: np.cumsum(a, 1) * np.cumprod(a, 0), (A,)),
    "running, gradient": (pb.grad(lambda v: np.sum(np.cumsum(v**2) ** 2)), (V,)),
    "running twice": (lambda v: np.sum(np.cumsum(np.cumsum(v)) ** 2), (V,)),
}
BY_COMPONENT: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    **PROGRAMS,
    "written": (lambda a: np.cumsum(a, 1) + np.max(a, 0) - np.min(a), (A,)),
    "Hessian": (pb.hessian(lambda v: v[0] * np.exp(v[1]) * v[2] ** 2), (V,)),
}


@pytest.mark.parametrize(
    ("arrays", "name"),
    [*(("index", name) for name in PROGRAMS), *(("component", name) for name in BY_COMPONENT)],
)
def test_programs_there_and_back(arrays: Any, name: str) -> None:
    function, args = BY_COMPONENT[name]
    graph = pb.trace(function, *args)
    formulas = graph.to_sympy(arrays=arrays)
    found = pb.from_sympy(formulas)(*args)
    for got, want in zip(found, graph.evaluate(*args), strict=True):
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-13)


def test_simplify_is_sympys() -> None:
    graph = pb.trace(lambda x: np.sin(x) ** 2 + np.cos(x) ** 2, 1.0)
    assert graph.to_sympy(["x"]).results != (1,)
    assert graph.to_sympy(["x"], simplify=True).results == (1,)


@pytest.mark.parametrize("name", PROGRAMS)
def test_latex_has_an_equation_for_each_output(name: str) -> None:
    function, args = PROGRAMS[name]
    graph = pb.trace(function, *args)
    text = graph.latex()
    lines = text.splitlines()
    assert lines[0] == r"\begin{aligned}"
    assert lines[-1] == r"\end{aligned}"
    assert all("&=" in line for line in lines[1:-1])
    assert sum(line.lstrip("{").startswith("f") for line in lines) == len(graph.outputs)
    assert graph._repr_latex_() == f"${text}$"


def test_long_graphs_are_shown_as_text() -> None:
    builder = Builder()
    node = builder.parameter(ArrayType((), FLOAT64))
    for _ in range(300):
        node = builder.add(TABLE["sin"], (node,), {})
    assert builder.graph([node])._repr_latex_() is None


# -- arguments and results -------------------------------------------------------------------------


def test_arguments_are_broadcast_and_keep_their_dtype() -> None:
    f = pb.from_sympy(sympy.Matrix([[X * Y, 1], [sympy.sin(X), Z]]), SYMBOLS)
    args = np.ones((4, 1), np.float32), np.arange(3, dtype=np.float32), np.float32(2.0)
    assert f(*args).shape == (2, 2, 4, 3)
    assert f(*args).dtype == np.float32
    assert f.jacobian(*args).shape == (2, 2, 3, 4, 3)
    assert f.hessian(*args).shape == (2, 2, 3, 3, 4, 3)
    assert f(1, 2, 3).dtype == np.float64
    np.testing.assert_allclose(f(*args)[0, 0], args[0] * args[1])


@pytest.mark.parametrize("rows", [2, 4])
def test_jacobians_of_vectors_are_those_of_sympy(rows: int) -> None:
    """With fewer rows than symbols by reverse mode, else by forward mode."""
    column = sympy.Matrix([X * Y * Z, sympy.sin(X / Z), 5, sympy.exp(Y) * Z][:rows])
    want = np.array(column.jacobian(SYMBOLS).subs(dict(zip(SYMBOLS, POINT, strict=True))), float)
    for vector in (column, column.T):
        np.testing.assert_allclose(pb.from_sympy(vector, SYMBOLS).jacobian(*POINT), want, 1e-13)


def test_structures_and_arrays_of_symbols() -> None:
    P = sympy.MatrixSymbol("P", 2, 3)
    s = sympy.Array(sympy.symbols("s:3"))
    f = pb.from_sympy([P[0, 1] * X, (s[2] + s[0], sympy.Matrix([P[1, 2]]))], [P, s, X])
    first, (second, third) = f(A, V, 2.0)
    assert (first, second) == (A[0, 1] * 2.0, V[2] + V[0])
    np.testing.assert_array_equal(third, [[A[1, 2]]])
    with_respect_to_all = pb.from_sympy(P[0, 1] * X * s[1], [P, s, X]).grad(A, V, 2.0)
    assert [np.shape(g) for g in with_respect_to_all] == [(2, 3), (3,), ()]


def test_sums_over_indexed_arrays() -> None:
    a, v = sympy.IndexedBase("a", (2, 3)), sympy.IndexedBase("v")
    inner = sympy.Sum(a[K, J] * v[J], (J, 0, 2))
    f = pb.from_sympy(sympy.Sum(sympy.tanh(inner) * K * X, (K, 0, 1)), [a, v, X])
    np.testing.assert_allclose(f(A, V, 3.0), np.sum(np.tanh(A @ V) * np.arange(2) * 3.0))
    np.testing.assert_allclose(f(A, V, W), np.sum(np.tanh(A @ V) * np.arange(2)) * W)
    g = pb.from_sympy(sympy.Sum(v[K] * v[2 - K] + v[sympy.Mod(K, 2)], (K, 0, 2)), [v])
    np.testing.assert_allclose(g(V), np.sum(V * V[::-1] + V[[0, 1, 0]]))
    shadowed = sympy.Sum(v[K] * sympy.Sum(v[K] * K, (K, 0, 2)), (K, 1, 2))
    f = pb.from_sympy(shadowed + K + sympy.Sum(K, (K, 2, 1)), [v, K])
    np.testing.assert_allclose(f(V, 7.0), np.sum(V[1:]) * np.sum(V * np.arange(3)) + 7.0)
    P = sympy.MatrixSymbol("P", 2, 3)
    below = sympy.Sum(v[K] * J, (K, 0, J), (J, 0, 2)) + sympy.Sum(v[K], (K, 1, 0))
    f = pb.from_sympy(below, [v])
    np.testing.assert_allclose(f(V), sum(V[: j + 1].sum() * j for j in range(3)), rtol=1e-14)
    above = sympy.Sum(sympy.Product(v[K] + J, (K, J, 2)), (J, 1, 2))
    f = pb.from_sympy(above, [v])
    np.testing.assert_allclose(f(V), sum(np.prod(V[j:] + j) for j in (1, 2)), rtol=1e-14)
    trace = pb.from_sympy(sympy.Sum(P[K, K + 1], (K, 0, 1)), [P])
    np.testing.assert_allclose(trace(A), A[0, 1] + A[1, 2])
    h = pb.from_sympy(sympy.Product(v[K] + X, (K, 0, 2)), [v, X])
    np.testing.assert_allclose(h(V, 1.5), np.prod(V + 1.5))


def test_the_same_value_twice_is_two_arguments() -> None:
    f = pb.from_sympy(X**2 * Y, [X, Y])
    np.testing.assert_allclose(pb.jit(lambda x: f.grad(x, x))(3.0), [18.0, 9.0])
    np.testing.assert_allclose(pb.jit(lambda x: f.grad(2.0, x))(3.0), [12.0, 4.0])
    np.testing.assert_allclose(pb.grad(lambda x: f.grad(x, x)[0])(3.0), 12.0)


def test_functions_of_the_user() -> None:
    own = sympy.Function("own")
    f = pb.from_sympy(own(X, Y) * 2, [X, Y], functions={"own": lambda x, y: np.sin(x) * y})
    np.testing.assert_allclose(f.grad(0.0, 3.0), [6.0, 0.0])


def test_numbers_beyond_the_range_are_infinite() -> None:
    assert pb.from_sympy(X * 10**400, [X])(1.0) == math.inf
    assert pb.from_sympy(sympy.Max(X, -sympy.oo), [X])(-1e300) == -1e300


def test_long_expressions() -> None:
    """Nothing recurses over what users can make long."""
    long = X
    for _ in range(3000):
        long = sympy.sin(long, evaluate=False)
    want = 0.5
    for _ in range(3000):
        want = math.sin(want)
    np.testing.assert_allclose(pb.from_sympy(long, [X])(0.5), want)


def test_complex_numbers() -> None:
    f = pb.from_sympy(sympy.exp(sympy.I * X), [X])
    np.testing.assert_allclose(f(np.array([0.0, np.pi / 2])), [1.0, 1j], atol=1e-15)


TWO = sympy.IndexedBase("a", (2,))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: pb.from_sympy(X * Y, [X])(1.0), ValueError, "y is none of the symbols"),
        (lambda: pb.from_sympy(X * Y)(1.0), TypeError, "2 arguments (x, y), got 1"),
        (lambda: pb.from_sympy(sympy.LambertW(X))(1.0), pb.UnsupportedFunctionError, "LambertW"),
        (
            lambda: pb.from_sympy(sympy.Function("g")(X))(1.0),
            pb.UnsupportedFunctionError,
            "functions=",
        ),
        (lambda: pb.from_sympy([X, Y]).grad, TypeError, "gradient is of one expression"),
        (lambda: pb.from_sympy(X, [X + 1]), TypeError, "an argument is a symbol"),
        (
            lambda: pb.from_sympy(TWO[0], [TWO])(V),
            ValueError,
            "a has shape (2,), got (3,)",
        ),
        (
            lambda: pb.from_sympy(
                sympy.Sum(sympy.IndexedBase("a")[K], (K, 0, 5)), [sympy.IndexedBase("a")]
            )(V),
            IndexError,
            "out of bounds",
        ),
        (
            lambda: pb.from_sympy(sympy.Sum(X**K, (K, 0, Y)), [X, Y])(1.0, 2.0),
            pb.UnsupportedFunctionError,
            "bounds of a sum",
        ),
        (lambda: pb.trace(np.sort, V).to_sympy(), pb.UnsupportedFunctionError, "sort"),
        (lambda: pb.trace(np.sin, 1.0).to_sympy(["x", "y"]), ValueError, "1 parameters, got 2"),
        (lambda: pb.primitive_from_sympy("two words", X), ValueError, "a word"),
        (lambda: pb.primitive_from_sympy("p", sympy.Matrix([X])), TypeError, "one expression"),
        (
            lambda: pb.primitive_from_sympy("p", X * Y, derivatives=[Y]),
            TypeError,
            "2 arguments and 1 derivatives",
        ),
        (lambda: pb.primitive_from_sympy("p", X)(1j), TypeError, "complex128"),
        (
            lambda: pb.grad(pb.primitive_from_sympy("p", sympy.besselj(X, Y), [X, Y]))(1.0, 2.0),
            pb.UnsupportedFunctionError,
            "the derivative of p by argument 0",
        ),
    ],
)  # fmt: skip
def test_errors(make: Callable[[], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        make()
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3


# -- primitives ------------------------------------------------------------------------------------

SOFT = sympy.log(1 + sympy.exp(X)) * sympy.sin(Y)


def test_primitives_have_the_derivatives_of_their_expressions() -> None:
    soft = pb.primitive_from_sympy("soft", SOFT, [X, Y])
    slopes, curvatures = derivatives(SOFT, [X, Y])
    point = POINT[:2]
    np.testing.assert_allclose(soft(*point), exact(SOFT, point, [X, Y]))
    want = [exact(g, point, [X, Y]) for g in slopes]
    np.testing.assert_allclose(pb.grad(soft, (0, 1))(*point), want)
    np.testing.assert_allclose([pb.jvp(soft, point, d)[1] for d in ((1.0, 0.0), (0.0, 1.0))], want)
    second = [[exact(h, point, [X, Y]) for h in row] for row in curvatures]
    np.testing.assert_allclose(pb.hessian(soft, (0, 1))(*point), second)
    pb.testing.check_grads(lambda x: np.sum(soft(x, x[:, None])), (V,), order=2)
    np.testing.assert_allclose(pb.vmap(soft, (0, None))(V, 0.5), soft(V, 0.5))
    assert soft(np.float32(1.0), np.float32(2.0)).dtype == np.float32


def test_primitives_are_read_back_with_their_derivatives() -> None:
    soft = pb.primitive_from_sympy("soft", SOFT, [X, Y])
    graph = pb.parse(pb.trace(soft, *POINT[:2]).text())
    assert [node.params.get("name") for node in graph.nodes] == ["soft"]
    (back,) = graph.to_sympy([X, Y]).results
    assert sympy.simplify(back - SOFT) == 0
    gradient = pb.trace(pb.grad(soft), *POINT[:2])
    assert pb.parse(gradient.text()).evaluate(*POINT[:2])[0] == gradient.evaluate(*POINT[:2])[0]


def test_primitives_redefined_are_other_primitives() -> None:
    """Programs are known by what they compute, not by the names of primitives."""
    for factor in (2, 3):
        scaled = pb.primitive_from_sympy("scaled", factor * X)
        assert (scaled(1.0), pb.grad(scaled)(1.0)) == (factor, factor)


def test_derivatives_given_take_the_place_of_sympys() -> None:
    clipped = pb.primitive_from_sympy("clipped", sympy.Min(X, 1), derivatives=[sympy.Integer(7)])
    assert pb.grad(clipped)(0.5) == 7.0
    untaken = pb.primitive_from_sympy("untaken", sympy.log(X))
    masked = pb.grad(lambda x: np.sum(np.where(x > 0.0, untaken(x), 0.0)))
    np.testing.assert_array_equal(masked(np.array([0.0, 2.0])), [0.0, 0.5])


# -- simplifications -------------------------------------------------------------------------------

SPECIAL = (0.0, -0.0, 1.0, -2.5, 3.0, 1e-310, 1e300, math.inf, -math.inf, math.nan)
C = np.array([True, False])

EXACT: dict[str, Callable[..., Any]] = {
    "mul of neg": lambda x, y: (-x) * y,
    "mul by neg": lambda x, y: x * (-y) + x,
    "div of neg": lambda x, y: (-x) / y,
    "div by neg": lambda x, y: x / (-y),
    "div of both": lambda x, y: (-x) / (-y),
    "neg times a number": lambda x, y: (-x) * 3.0,
    "neg of a multiple": lambda x, y: -(0.3 * x),
    "abs of neg": lambda x, y: np.abs(-x),
    "abs of abs": lambda x, y: np.abs(np.abs(x)),
    "by a power of two": lambda x, y: x / 8.0 + y / 0.25 - x / -2.0,
    "where not": lambda x, y: np.where(~(x > y), x, y),
    "where twice": lambda x, y: np.where(x > y, np.where(x > y, x, -x), np.where(x > y, -y, y)),
}
ROUNDED: dict[str, Callable[..., Any]] = {
    "neg of sub": lambda x, y: -(x - y),
    "multiples": lambda x, y: 0.3 * (y * 7.0),
}
ON_A_DOMAIN: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "exp log": (lambda x, y: np.exp(np.log(x)), "%0"),
    "log exp": (lambda x, y: np.log(np.exp(x)), "%0"),
    "expm1 log1p": (lambda x, y: np.expm1(np.log1p(x)), "%0"),
    "log1p expm1": (lambda x, y: np.log1p(np.expm1(x)), "%0"),
    "tan": (lambda x, y: np.tan(np.arctan(x)), "%0"),
    "sin": (lambda x, y: np.sin(np.arcsin(x)), "%0"),
    "cos": (lambda x, y: np.cos(np.arccos(x)), "%0"),
    "tanh": (lambda x, y: np.tanh(np.arctanh(x)), "%0"),
    "sinh": (lambda x, y: np.sinh(np.arcsinh(x)), "%0"),
    "x - x": (lambda x, y: y * (x - x), "0.0"),
    "x + 0": (lambda x, y: 0.0 + y, "%1"),
    "x / x": (lambda x, y: (x / x) * y, "%1"),
    "product over factor": (lambda x, y: (y * x) / y, "%0"),
    "quotient times divisor": (lambda x, y: (x / y) * y, "%0"),
    "roots": (lambda x, y: np.sqrt(x) * np.sqrt(x), "%0"),
    "root of square": (lambda x, y: np.sqrt(x * x), "abs %0"),
}


def as_written(function: Callable[..., Any], *args: Any) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(function(*args))


def in_a_derivative(function: Callable[..., Any], size: int, simplify: bool = True) -> Graph:
    """The graph of a function of two arrays, as if differentiation had made its nodes."""
    with new_trace() as trace:
        builder = trace.builder
        nodes = [builder.parameter(ArrayType((size,), FLOAT64)) for _ in range(2)]
        builder.primal = nodes[0]
        if not simplify:
            builder._rewrite = None
        return builder.graph([function(*map(Tracer, nodes)).node])


@pytest.mark.parametrize("name", [*EXACT, *ROUNDED])
def test_simplifications_compute_the_same(name: str) -> None:
    function = EXACT.get(name) or ROUNDED[name]
    x, y = (np.asarray(v).ravel() for v in np.meshgrid(SPECIAL, SPECIAL))
    want = as_written(function, x, y)
    graph = in_a_derivative(function, x.size)
    assert graph.text() != in_a_derivative(function, x.size, simplify=False).text()
    (got,) = graph.evaluate(x, y)
    if name in EXACT:
        np.testing.assert_array_equal(got, want)
        numbers = ~np.isnan(want)
        np.testing.assert_array_equal(np.signbit(got)[numbers], np.signbit(want)[numbers])
    else:
        ordinary = np.abs(want) > 1e-300
        np.testing.assert_allclose(got[ordinary], want[ordinary], rtol=1e-15)


@pytest.mark.parametrize("name", ON_A_DOMAIN)
def test_simplifications_on_a_domain_are_for_those_who_ask(name: str) -> None:
    function, words = ON_A_DOMAIN[name]
    graph = pb.trace(function, 0.3, 0.7)
    simple = graph.simplified(domain=True)
    assert graph.simplified().text() == graph.text()
    assert len(simple.nodes) < len(graph.nodes)
    assert words in simple.text().splitlines()[-2] or words in simple.text()
    np.testing.assert_allclose(simple.evaluate(0.3, 0.7)[0], graph.evaluate(0.3, 0.7)[0])


def test_each_rule_states_what_it_changes() -> None:
    always = [row for rows in RULES.values() for row in rows]
    asked = [row for rows in DOMAIN_RULES.values() for row in rows]
    assert {row.changes for row in always} == {"nothing", "rounding"}
    assert {row.changes for row in asked} == {"domain"}
    assert all(row.reason and row.primitive in TABLE for row in (*always, *asked))


DERIVATIVES: dict[str, tuple[Callable[..., Any], int]] = {
    "gauss": (lambda x, m, s: np.exp(-((x - m) ** 2) / (2 * s**2)), 18),
    "cosines": (lambda x, y, z: np.cos(x) - np.cos(y) * 2.0 - z, 5),
    "inverses": (lambda x, y, z: 1 / x - 1 / y - z, 6),
}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_derivatives_are_short(name: str) -> None:
    """A bound on operations that are no numbers: what a rule saves is not to be lost."""
    function, bound = DERIVATIVES[name]
    graph: Graph = pb.trace(pb.grad(function, (0, 1, 2)), 0.3, 0.4, 0.5)
    assert sum(node.primitive.name != "literal" for node in graph.nodes) <= bound, graph.text()
