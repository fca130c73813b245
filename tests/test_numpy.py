"""NumPy's functions on traced values: the graph gives NumPy's values, dtypes and shapes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy import zeros  # before anything is traced: its own
from numpy.testing import assert_allclose

import pullback as pb
import pullback.numpy as pnp
from pullback.tracer.check import check_graph
from pullback.tracer.errors import (
    TracedValueError,
    UnsupportedFunctionError,
    UnsupportedTypeError,
)
from pullback.tracer.ir import Graph
from pullback.tracer.text import parse
from pullback.tracer.trace import Tracer, lift, new_trace
from pullback.tracer.types import ArrayType

DTYPES = ("bool", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
TOLERANCES = {"f2": 4e-3, "f4": 4e-6, "f8": 1e-13}


def trace(f: Callable[..., Any], *arguments: Any) -> tuple[Graph, list[Any]]:
    """The graph of f, and the arrays from outside that it reads."""
    with new_trace() as running:
        tracers = []
        for x in arguments:
            array = np.asarray(x)
            weak = type(x) if type(x) in (bool, int, float) else None
            node = running.builder.parameter(ArrayType(array.shape, array.dtype))
            tracers.append(Tracer(node, weak))
        results = f(*tracers)
        results = results if isinstance(results, (tuple, list)) else [results]
        nodes = [lift(x).node for x in results]
        return running.builder.graph(nodes), running.captures


def run(f: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Trace, check, print and read back, evaluate."""
    graph, captures = trace(f, *arguments)
    check_graph(graph)
    assert parse(graph.text()).text() == graph.text()
    return list(graph.evaluate(*arguments, *captures))


def compare(f: Callable[..., Any], *arguments: Any, exact: bool = False) -> None:
    """The graph of f gives what f gives: dtype, shape and values."""
    with np.errstate(all="ignore"):
        expected = f(*[np.array(x) if isinstance(x, np.ndarray) else x for x in arguments])
    expected = expected if isinstance(expected, (tuple, list)) else [expected]
    found = run(f, *arguments)
    assert len(found) == len(expected)
    for got, want in zip(found, map(np.asarray, expected), strict=True):
        assert got.dtype == want.dtype
        assert got.shape == want.shape
        tolerance = 0.0 if exact else TOLERANCES.get(want.dtype.str[1:], 0.0)
        assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def draw(shape: tuple[int, ...], dtype: str = "f8", seed: int = 0) -> Any:
    random = np.random.default_rng([seed, *shape])
    if dtype == "bool":
        return random.random(shape) < 0.5
    if dtype[0] in "iu":
        return random.integers(-9 if dtype[0] == "i" else 0, 10, shape).astype(dtype)
    return random.normal(size=shape).astype(dtype)


X = draw((3, 4))
Y = draw((3, 4), seed=1)
V = draw((4,))
W = draw((4,), seed=2)
T = draw((2, 3, 4))
S = draw((3, 3))
I = draw((3, 4), "i8")  # noqa: E741
J = draw((3, 4), "i4", 3)
B = draw((3, 4), "bool")
F = draw((3, 4), "f4")
Z = np.array([0.0, -0.0, 1.5, -2.5, np.nan, np.inf, -np.inf, 3.5])

UNARY = [
    "negative",
    "positive",
    "absolute",
    "fabs",
    "sign",
    "square",
    "reciprocal",
    "floor",
    "ceil",
    "trunc",
    "rint",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "sqrt",
    "cbrt",
    "sin",
    "cos",
    "tan",
    "arcsin",
    "arccos",
    "arctan",
    "sinh",
    "cosh",
    "tanh",
    "arcsinh",
    "arccosh",
    "arctanh",
    "deg2rad",
    "radians",
    "rad2deg",
    "degrees",
    "isnan",
    "isinf",
    "isfinite",
    "signbit",
    "spacing",
    "invert",
    "logical_not",
    "bitwise_count",
    "conjugate",
    "modf",
]
BINARY = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "floor_divide",
    "remainder",
    "fmod",
    "divmod",
    "power",
    "float_power",
    "maximum",
    "minimum",
    "fmax",
    "fmin",
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "logaddexp",
    "logaddexp2",
    "arctan2",
    "hypot",
    "copysign",
    "nextafter",
    "heaviside",
    "left_shift",
    "right_shift",
    "gcd",
    "lcm",
]


def agrees(ufunc: np.ufunc, *operands: Any) -> None:
    """The ufunc on traced arrays gives what NumPy gives, or refuses where NumPy does."""
    try:
        with np.errstate(all="ignore"):
            ufunc(*operands)
    except (TypeError, ValueError, OverflowError) as error:
        with pytest.raises(
            type(error).__mro__[-4] if isinstance(error, TypeError) else type(error)
        ):
            run(ufunc, *operands)
        return
    compare(ufunc, *operands)


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", DTYPES)
def test_unary_ufunc(name: str, dtype: str) -> None:
    values = draw((13,), dtype)
    if dtype.startswith("f"):
        values = np.concatenate([values, Z]).astype(dtype)
    if name == "reciprocal" and dtype[0] in "iu":
        values = values[values != 0]
    if dtype in ("f2", "f4") and name in ("deg2rad", "radians", "rad2deg", "degrees"):
        values = values[:13]
    agrees(getattr(np, name), values)


@pytest.mark.parametrize("name", BINARY)
def test_binary_ufunc_promotion(name: str) -> None:
    ufunc = getattr(np, name)
    for first, second in itertools.product(DTYPES, DTYPES):
        x, y = draw((7,), first), draw((3, 7), second, 5)
        if name in ("left_shift", "right_shift") or ("power" in name and "f" not in first + second):
            y = np.abs(y)
        if name in ("floor_divide", "remainder", "fmod", "divmod") and "f" not in first + second:
            y = np.where(y == 0, np.ones_like(y), y)
        agrees(ufunc, x, y)


@pytest.mark.parametrize("name", BINARY)
def test_binary_ufunc_with_python_scalars(name: str) -> None:
    ufunc = getattr(np, name)
    for dtype, value in itertools.product(DTYPES, (True, 2, 1.5, 2**40)):
        x = draw((5,), dtype)
        if value == 2**40 and (
            name not in ("add", "multiply", "less", "equal") or dtype in ("f2", "f4")
        ):
            continue
        with np.errstate(all="ignore"):
            _one_traced(ufunc, x, value)


def _one_traced(ufunc: np.ufunc, x: Any, value: Any) -> None:
    try:
        ufunc(x, value)
    except (TypeError, OverflowError) as error:
        kind = OverflowError if isinstance(error, OverflowError) else TypeError
        with pytest.raises(kind):
            run(lambda x: ufunc(x, value), x)
        return
    compare(lambda x: ufunc(x, value), x)
    one_way = (np.power, np.floor_divide, np.remainder, np.fmod, np.divmod)
    if ufunc not in (*one_way, np.left_shift, np.right_shift):
        compare(lambda x: ufunc(value, x), x)


OPERATORS: list[Callable[[Any, Any], Any]] = [
    lambda x, y: x + y,
    lambda x, y: x - y,
    lambda x, y: x * y,
    lambda x, y: x / y,
    lambda x, y: x // y,
    lambda x, y: x % y,
    lambda x, y: x**y,
    lambda x, y: x < y,
    lambda x, y: x == y,
    lambda x, y: -x + abs(y),
    lambda x, y: divmod(x, y)[1],
]


@pytest.mark.parametrize("kinds", [*itertools.product((2, 1.5, True), (3, 2.5, True))], ids=str)
def test_python_numbers_stay_python_numbers(kinds: tuple[Any, Any]) -> None:
    """A float argument multiplied by an int takes part in promotion as a Python float."""
    for operator in OPERATORS:
        compare(lambda x, y, operator=operator: operator(x, y) * np.float32(1.0), *kinds)


def test_weak_numbers_become_strong_in_functions() -> None:
    compare(lambda x, a: x * np.sin(a), F, 0.5)
    compare(lambda x, a: x * (a * 2), F, 0.5)
    compare(lambda x, a: x + a, J, 3)
    compare(lambda x, a: x + a, J, 3.5)


def test_int_to_a_negative_power() -> None:
    with pytest.raises(ValueError, match="negative integer powers"):
        run(lambda x: x**-1, I)
    compare(lambda x: x**-1, X)
    compare(lambda x: 2.0**x, J)


def test_int_out_of_bounds() -> None:
    with pytest.raises(OverflowError, match="out of bounds for int32"):
        run(lambda x: x + 2**40, J)


def test_out_and_where() -> None:
    def f(x: Any, y: Any, m: Any) -> Any:
        z = np.zeros_like(x)
        np.add(x, y, out=z)
        np.multiply(x, 2.0, out=z, where=m)
        return z

    compare(f, X, Y, B)
    compare(lambda x: np.add(x, 1, dtype=np.float64), F)
    compare(lambda x: np.sum(x, axis=0, out=np.zeros_like(x[0])), X)


def test_concrete_out_is_refused() -> None:
    outside = np.zeros((3, 4))
    with pytest.raises(TracedValueError, match="cannot be stored"):
        run(lambda x: np.add(x, 1.0, out=outside), X)


def test_a_copy_by_an_arrays_method_is_refused() -> None:
    outside = np.zeros((3, 4))

    def f(x: Any, copy: Any) -> Any:
        z = copy(outside)
        z[0] = x[0]
        return z

    with pytest.raises(TracedValueError, match=r"as in a\.copy\(\).*\n?.*np\.copy\(a\)"):
        run(lambda x: f(x, np.ndarray.copy), X)
    compare(lambda x: f(x, np.copy), X)


def test_in_place_operators() -> None:
    def f(x: Any, y: Any) -> Any:
        x = x.copy()
        alias = x
        x += y
        x *= 2
        x /= y
        x -= 1.0
        x **= 2
        return alias

    compare(f, X, V)


def test_in_place_writes_through_views() -> None:
    def f(x: Any) -> Any:
        x = x.copy()
        row = x[1]
        row += 1.0
        column = x.T[2]
        column *= 3.0
        x.reshape(-1)[5] = 9.0
        return x, row

    compare(f, X)


def test_in_place_casting_and_shape() -> None:
    with pytest.raises(TypeError, match="same_kind"):
        run(lambda x: np.copy(x).__iadd__(1.5), I)
    with pytest.raises(ValueError, match="non-broadcastable"):
        run(lambda x, y: np.copy(x).__iadd__(y), V, X)


def test_scalars_are_rebound() -> None:
    def f(x: Any, a: Any) -> Any:
        s = np.sum(x)
        t = s
        s += 1.0
        a += 1
        return s, t, a * np.float32(1.0)

    compare(f, X, 2.0)


def test_unknown_functions_are_named() -> None:
    with pytest.raises(UnsupportedFunctionError, match=r"np\.einsum_path"):
        run(lambda x: np.einsum_path("ij->i", x), X)
    with pytest.raises(UnsupportedFunctionError, match=r"np\.isnat"):
        run(np.isnat, X)


def test_unsupported_dtypes() -> None:
    with pytest.raises(UnsupportedTypeError, match="complex256"):
        run(lambda x: x + np.ones(4, np.clongdouble), X)


def test_values_are_refused_with_a_way_out() -> None:
    for f in (float, bool, int, np.asarray, lambda x: x.tolist(), lambda x: x.item()):
        with pytest.raises(TracedValueError, match=r"test_numpy\.py"):
            run(f, np.float64(1.0))


def test_broadcast_error() -> None:
    with pytest.raises(ValueError, match=r"shapes \(3,4\) \(3,\)"):
        run(lambda x, y: x + y, X, V[:3])


def test_comparison_with_none() -> None:
    with new_trace() as running:
        x = Tracer(running.builder.parameter(ArrayType((), np.dtype("f8"))))
        assert x != None  # noqa: E711
        assert x != None  # noqa: E711


NAMESPACE: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (lambda a, x: np.array([1.0, 2.0]) + x, (2.0, V[:2])),
    (lambda x: pnp.stack([x, x]), (X,)),
    (lambda x: pnp.linalg.norm(x), (X,)),
    (lambda x: pnp.full((2, 4), x), (V,)),
    (lambda x: pnp.sin(x) + pnp.pi, (X,)),
]


@pytest.mark.parametrize(("f", "arguments"), NAMESPACE, ids=range(len(NAMESPACE)))
def test_namespace(f: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    compare(f, *arguments)


def test_arrays_of_traced_numbers() -> None:
    def rotation(a: Any) -> Any:
        c, s = pnp.cos(a), pnp.sin(a)
        return pnp.array([[c, -s], [s, c]])

    (found,) = run(rotation, np.float64(0.5))
    assert_allclose(found, [[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    (found,) = run(lambda a: pnp.array([1, a, 2]), np.float32(0.5))
    assert found.dtype == np.float32
    (found,) = run(lambda x: pnp.array([x, [1, 2, 3, 4]]), V)
    assert_allclose(found, [V, [1, 2, 3, 4]])
    with pytest.raises(ValueError, match="same shape"):
        run(lambda a: pnp.array([[a, a], [a]]), 1.0)


def test_new_arrays_can_be_filled() -> None:
    def powers(np: Any, x: Any) -> Any:
        out = np.zeros((3, 4))
        for n in range(3):
            out[n] = x**n
        ones, more = np.ones(2), np.full(3, 7, dtype=np.int32)
        ones[1] = x[0]
        more[::2] = x[:2]
        return out, ones, more

    for found, wanted in zip(run(lambda x: powers(pnp, x), V), powers(np, V), strict=True):
        assert found.dtype == wanted.dtype
        assert_allclose(found, wanted, rtol=1e-15)


def test_arrays_made_by_numpy_hold_traced_values() -> None:
    def f(x: Any) -> Any:
        joined = np.array([[x[0], 1.0], [2, x[1]]])
        filled, (ones,) = np.zeros((2, 4)), [np.ones(4) for _ in range(1)]
        copied = np.array([1, 2, 3, 4])
        filled[1] = x
        ones += x
        copied[1:3] = x[:2]
        out = np.empty(4, np.float32)
        np.multiply(x, 2.0, out=out, casting="same_kind")
        steps = np.eye(3, dtype=int)[0]
        steps[0] += 2
        named = np.empty(2, dtype=object)
        named[:] = "a", "b"
        return joined, filled, ones, copied, out, x[steps[0]], len(named)

    for found, wanted in zip(run(f, V), f(V), strict=True):
        assert found.dtype == np.asarray(wanted).dtype
        assert_allclose(found, wanted, rtol=1e-15)


def test_arrays_are_numpys_where_nothing_is_filled() -> None:
    makers = [np.zeros, np.array, np.asarray, np.arange]

    def constant(x: Any) -> Any:
        made = [np.zeros(2), np.array([1.0]), np.asarray([1.0]), np.arange(2)]
        assert all(type(a) is np.ndarray for a in made)
        return x

    def shared(x: Any) -> Any:
        total = x.copy()
        total += 1.0
        assert np.asarray(X) is X
        return np.asarray(total)[np.arange(2)[1] :]

    def in_c(x: Any) -> Any:
        x = x.copy()
        x += np.random.default_rng(0).uniform(size=x.shape)
        x += np.random.RandomState(0).normal(size=np.empty(3).size + 1)
        made = list(map(np.zeros, [2, 3]))
        x[: made[0].size] = 0.0
        assert all(type(a) is np.ndarray for a in made)
        return x

    def untraced() -> Any:
        mask = np.zeros(4, dtype=bool)
        mask[1] = True
        assert type(mask) is np.ndarray
        return V[mask]

    run(constant, V)
    run(shared, V)
    run(untraced)
    (found,) = run(in_c, V)
    assert_allclose(found, in_c(V))
    assert makers == [np.zeros, np.array, np.asarray, np.arange]
    with pytest.raises(ZeroDivisionError):
        run(lambda x: x[1 // 0], V)
    assert makers == [np.zeros, np.array, np.asarray, np.arange]


def test_trees_of_traced_values_are_vectors() -> None:
    def f(x: Any) -> Any:
        vector, restore = pb.ravel_tree({"a": x[:2], "b": [x[2], 1.0]})
        return vector, restore(2 * vector)["b"][0]

    vector, doubled = run(f, V)
    assert_allclose(vector, [*V[:3], 1.0])
    assert_allclose(doubled, 2 * V[2])


@pytest.mark.parametrize("wrong", [np.zeros(2), np.zeros(4), np.zeros((3, 1)), 1.0])
def test_a_tree_is_made_of_a_vector_of_its_size(wrong: Any) -> None:
    _, restore = pb.ravel_tree({"a": np.zeros(2), "b": 1.0})
    with pytest.raises(ValueError, match=r"vector of shape \(3,\), got .*\n  at .*test_numpy.py"):
        restore(wrong)
    with pytest.raises(ValueError, match=r"vector of shape \(3,\), got"):
        run(restore, wrong)


def test_other_threads_make_arrays_as_ever() -> None:
    def elsewhere() -> Any:
        made = np.zeros(3)
        made[0] = 1.0
        return made

    def f(x: Any) -> Any:
        with ThreadPoolExecutor(1) as pool:
            found = pool.submit(elsewhere).result()
        assert type(found) is np.ndarray
        return x + found

    (found,) = run(f, np.ones(3))
    assert_allclose(found, [2.0, 1.0, 1.0])


def _first(out: Any, x: Any) -> None:
    out[0] = x[0]


def _row(out: Any, x: Any) -> None:
    out[:] = x


def _sum(out: Any, x: Any) -> None:
    out[1] += x[0]


def _total(out: Any, x: Any) -> None:
    out += x


def _at_traced_place(out: Any, x: Any) -> None:
    out[np.argmax(x, keepdims=True)] = 1.0


STORES: list[Callable[[Any, Any], None]] = [
    _first,
    _row,
    _sum,
    _total,
    _at_traced_place,
    lambda out, x: out.fill(x[0]),
    lambda out, x: out.put([0], x[0]),
    lambda out, x: np.put(out, [0], x[0]),
    lambda out, x: np.copyto(out, x),
]


@pytest.mark.parametrize("store", STORES, ids=range(len(STORES)))
@pytest.mark.parametrize("transform", [pb.jit, lambda f: pb.grad(lambda x: np.sum(f(x)))])
def test_concrete_arrays_cannot_be_filled(store: Any, transform: Any) -> None:
    outside = np.zeros(4)

    def fill(x: Any) -> Any:
        inside = np.ndarray((4,))
        for out in (outside, inside, zeros(4)):
            with pytest.raises((TracedValueError, ValueError)):
                store(out, x)
        store(outside, x)
        return outside

    with pytest.raises(TracedValueError, match=r"pullback\.numpy(.|\n)*test_numpy\.py:\d+"):
        transform(fill)(V)
    assert not outside.any()


def test_namespace_is_numpy_on_concrete_arrays() -> None:
    assert type(pnp.arange(3)) is np.ndarray
    assert pnp.float64 is np.float64
    assert type(pnp.sum([1, 2])) is np.int64
    assert pnp.linalg.inv(np.eye(2)).shape == (2, 2)


def test_array_namespace() -> None:
    def f(x: Any) -> Any:
        xp = x.__array_namespace__()
        return xp.sum(xp.exp(x), axis=0)

    compare(f, X)


def test_scipy_ufuncs() -> None:
    from scipy import special

    compare(special.erf, X)
    compare(special.erfc, F)
    compare(special.expit, X)
