"""Products with derivatives, whole, sparse and of higher order: against loops, laws and peers."""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import pullback as pb

A = np.array([[1.0, 2.0, 0.5], [-0.3, 0.7, 1.1]])
X = np.array([0.3, -1.2, 2.0])


def jax_with_doubles() -> Any:
    jax: Any = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    return jax


def mistake(kind: type[Exception], text: str) -> Any:
    """Expect an error that names a line of this file."""
    return pytest.raises(kind, match=rf"(?s){text}.*test_products\.py:")


# -- vmap ----------------------------------------------------------------------------------------


class Layer(NamedTuple):
    weights: Any
    bias: Any


def affine(np: Any, layer: Any, rest: Any, scale: Any = 1.0) -> Any:
    value = scale * (np.tanh(layer.weights @ rest["x"]) + layer.bias)
    return {"value": value, "sum": (np.sum(value), rest["y"][0])}


LAYERS = Layer(np.arange(24.0).reshape(2, 4, 3) / 24, np.arange(8.0).reshape(4, 2) / 8)
REST: Any = {"x": np.arange(12.0).reshape(3, 4) / 12, "y": [np.arange(5.0)]}


def test_axes_are_trees_that_begin_as_arguments_and_results_do():
    in_axes = (Layer(1, 0), {"x": 1, "y": None})
    out_axes = {"value": -1, "sum": (0, None)}
    got = pb.vmap(lambda w, r: affine(np, w, r), in_axes, out_axes)(LAYERS, REST)
    rows = [
        affine(np, Layer(LAYERS.weights[:, i], LAYERS.bias[i]), {**REST, "x": REST["x"][:, i]})
        for i in range(4)
    ]
    assert_allclose(got["value"], np.stack([row["value"] for row in rows], -1))
    assert_allclose(got["sum"][0], [row["sum"][0] for row in rows])
    assert_array_equal(got["sum"][1], REST["y"][0])
    jax = jax_with_doubles()
    theirs = jax.vmap(lambda w, r: affine(jax.numpy, w, r), in_axes, out_axes)(LAYERS, REST)
    assert_allclose(got["value"], theirs["value"])


def test_axes_of_keywords_and_lists():
    got = pb.vmap(lambda w, r, scale: affine(np, w, r, scale), [Layer(1, 0), None])(
        LAYERS, {"x": X, "y": [X]}, scale=np.arange(4.0)
    )
    for i in range(4):
        one = affine(np, Layer(LAYERS.weights[:, i], LAYERS.bias[i]), {"x": X, "y": [X]}, i)
        assert_allclose(got["value"][i], one["value"])
    assert_array_equal(got["sum"][1], [X] * 4)


def test_axes_with_none_in_the_tree():
    got = pb.vmap(lambda p: (p[0] * 2, None), in_axes=((0, None),), out_axes=(1, None))((A, None))
    assert_allclose(got[0], 2 * A.T)
    assert got[1] is None


def test_axis_size():
    assert_allclose(pb.vmap(np.sin, None, axis_size=3)(X), [np.sin(X)] * 3)
    assert_allclose(pb.vmap(np.sin, None, None, axis_size=3)(X), np.sin(X))
    assert_allclose(pb.vmap(lambda: 1.0, axis_size=2)(), [1.0, 1.0])
    assert pb.vmap(np.sin, axis_size=0)(np.ones((0, 2))).shape == (0, 2)


def test_axes_that_do_not_fit():
    def pair(x: Any, y: Any) -> Any:
        return {"x": x, "y": y}

    with mistake(ValueError, "None for a result"):
        pb.vmap(pair, (0, None), {"x": None, "y": None})(X, X)
    with mistake(ValueError, "out_axes"):
        pb.vmap(pair, (0, None), {"x": 0})(X, X)
    with mistake(ValueError, "in_axes"):
        pb.vmap(pair, ((0, 0), None))(X, X)
    with mistake(TypeError, "float"):
        pb.vmap(np.sin, 0.5)(X)
    with mistake(ValueError, r"one extent.*axis_size"):
        pb.vmap(np.sin, axis_size=2)(X)
    with mistake(ValueError, "axis_size"):
        pb.vmap(np.sin, None)(X)


def mixing(np: Any, x: Any) -> Any:
    return np.tanh(np.cumsum(x, axis=-1)) * np.sum(x * x) + np.sin(x)


def transforms(module: Any, np: Any) -> dict[str, Callable[..., Any]]:
    return {
        "vmap": module.vmap,
        "grad": lambda f: module.grad(lambda x: np.sum(np.sin(f(x)))),
        "jacfwd": module.jacfwd,
        "jacrev": module.jacrev,
    }


@pytest.mark.parametrize("outer", ["vmap", "grad", "jacfwd", "jacrev"])
def test_depth_three_in_every_order(outer: str):
    jax = jax_with_doubles()
    ours, theirs = transforms(pb, np), transforms(jax, jax.numpy)
    for middle, inner in itertools.product(ours, ours):
        names = (outer, middle, inner)
        if "vmap" not in names:
            continue
        x = np.linspace(-1.0, 1.2, 2 ** (1 + names.count("vmap")))
        x = x.reshape((2,) * (1 + names.count("vmap")))

        def chain(table: dict[str, Any], f: Any, names: Any = names) -> Any:
            for name in reversed(names):
                f = table[name](f)
            return f

        got = chain(ours, lambda x: mixing(np, x))(x)
        want = jax.jit(chain(theirs, lambda x: mixing(jax.numpy, x)))(x)
        assert_allclose(got, want, rtol=1e-9, atol=1e-12, err_msg=str(names))


@pytest.mark.parametrize("name", ["grad", "jacfwd", "jacrev"])
def test_vmap_is_a_loop(name: str):
    table = transforms(pb, np)
    f = table[name](lambda x: mixing(np, x))
    x = np.linspace(-1.0, 1.0, 24).reshape(2, 4, 3)
    got = pb.vmap(pb.vmap(f, 0), 1, 1)(x)
    want = [[f(x[i, j]) for j in range(4)] for i in range(2)]
    assert_allclose(got, want, rtol=1e-12)


# -- linear functions ------------------------------------------------------------------------------


def model(np: Any, p: Any, x: Any) -> Any:
    hidden = np.tanh(p["w"] @ x) + p["b"]
    return {"hidden": hidden, "loss": np.sum(hidden**2) * np.exp(x[0])}


P = {"w": A, "b": np.array([0.1, -0.7])}


def like(rng: np.random.Generator, value: Any) -> Any:
    """Random numbers in the structure and shapes of a tree."""
    if isinstance(value, dict):
        return {k: like(rng, v) for k, v in value.items()}
    if isinstance(value, tuple):
        return tuple(like(rng, v) for v in value)
    return rng.normal(size=np.shape(value))


def inner(a: Any, b: Any) -> Any:
    """The inner product of two trees."""
    if isinstance(a, dict):
        return sum(inner(a[k], b[k]) for k in a)
    if isinstance(a, tuple):
        return sum(map(inner, a, b))
    return np.vdot(a, b)


def test_linearize_is_jvp_and_transposed_vjp(rng: np.random.Generator):
    def f(p: Any, x: Any) -> Any:
        return model(np, p, x)

    value, push = pb.linearize(f, P, X)
    again, pull = pb.vjp(f, P, X)
    assert_allclose(value["loss"], f(P, X)["loss"])
    for _ in range(3):
        tangents = like(rng, (P, X))
        _, expected = pb.jvp(f, (P, X), tangents)
        got = push(*tangents)
        for key in got:
            assert_allclose(got[key], expected[key], rtol=1e-13)
        ct = like(rng, again)
        assert_allclose(inner(ct, got), inner(pull(ct), tangents), rtol=1e-12)
    jax = jax_with_doubles()
    tangents = like(rng, (P, X))
    theirs = jax.linearize(lambda p, x: model(jax.numpy, p, x), P, X)[1](*tangents)
    assert_allclose(push(*tangents)["hidden"], theirs["hidden"], rtol=1e-12)


def test_linearize_evaluates_the_linear_part_alone():
    _, push = pb.linearize(lambda x: np.exp(np.sin(x)), X)
    push(X)
    residuals = inspect.getclosurevars(push).nonlocals["residuals"]
    graph = residuals.linear.apply.ir(residuals, (X,))
    assert {node.primitive.name for node in graph.nodes} == {"mul"}


def test_linearize_while_tracing():
    def f(x: Any) -> Any:
        _, push = pb.linearize(np.sin, x)
        return push(x) + pb.vmap(push)(np.eye(3))[1]

    assert_allclose(pb.jit(f)(X), np.cos(X) * (X + np.eye(3)[1]))
    assert_allclose(pb.grad(lambda x: np.sum(f(x)))(X), np.cos(X) - np.sin(X) * (X + np.eye(3)[1]))


def test_linearize_of_loops_and_integers():
    def f(x: Any) -> Any:
        return pb.fori_loop(0, 3, lambda i, x: np.sin(x) * x, x), np.argmax(x)

    (value, place), push = pb.linearize(f, X)
    assert place == 2
    expected = pb.jvp(f, (X,), (X,))
    assert_allclose(value, expected[0][0])
    assert_allclose(push(X)[0], expected[1][0])
    assert push(X)[1] == 0


def test_linearize_of_what_does_not_fit():
    _, push = pb.linearize(np.sin, X)
    with mistake(ValueError, "tangent has shape"):
        push(X[:2])
    with mistake(TypeError, "structure"):
        push(X, X)
    with mistake(TypeError, "linearize takes floating-point"):
        pb.linearize(np.sin, np.arange(3))


LINEAR: dict[str, Callable[..., Any]] = {
    "products": lambda x, y: (A @ x - 2.0 * y, -x[::-1] / 3.0),
    "joined": lambda x, y: np.concatenate([x, y, np.zeros(2)]),
    "padded": lambda x, y: {"a": np.pad(x, 1) * np.sum(y), "b": y}["b"] + 0.0 * y,
    "chosen": lambda x, y: np.where(X > 0, np.cumsum(x), 0.0)[np.array([0, 0, 2])] * X,
    "solved": lambda x, y: np.linalg.solve(A[:, :2], y),
    "scanned": lambda x, y: pb.scan(lambda c, z: (0.5 * c + z + y, c[0]), np.zeros(2), x),
    "kept": lambda x, y: pb.scan(
        lambda c, z: (np.sin(z) * c, c), y, X, reverse=True, checkpoint="binomial"
    ),
    "while": lambda x, y: pb.while_loop(
        lambda s: s[0] < 3.0, lambda s: (s[0] + 1.0, s[1][::-1] * s[0]), (0.0, x)
    )[1],
    "branches": lambda x, y: pb.cond(X[0] > 0, lambda x: x[:2] - y, lambda x: pb.numpy.zeros(2), x),
    "gone back": lambda x, y: (
        pb.vjp(
            lambda a: pb.scan(lambda c, z: (np.sin(c * z), None), a, X, checkpoint="binomial")[0],
            0.3,
        )[1](np.sum(x))[0]
        + y
    ),
    "computed again": lambda x, y: pb.vjp(pb.checkpoint(lambda a: np.sin(np.cos(a))), X)[1](x)[0],
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_transpose_is_vjp(name: str, rng: np.random.Generator):
    f = LINEAR[name]
    x, y = rng.normal(size=(3,)), rng.normal(size=(2,))
    if name == "padded":
        with mistake(TypeError, "mul"):
            pb.linear_transpose(lambda x, y: np.pad(x, 1) * np.sum(y), x, y)
    value, pull = pb.vjp(f, x, y)
    ct = like(rng, value)
    transposed = pb.linear_transpose(f, pb.ShapeDtype((3,)), y)
    got = transposed(ct)
    assert_allclose(inner(ct, value), inner(got, (x, y)), rtol=1e-12, atol=1e-12)
    for ours, theirs in zip(got, pull(ct), strict=True):
        assert_allclose(ours, theirs)
    for ours, theirs in zip(
        pb.jit(lambda ct: pb.linear_transpose(f, x, y)(ct))(ct), got, strict=True
    ):
        assert_allclose(ours, theirs)


def test_linear_transpose_twice():
    there = pb.linear_transpose(lambda x: A @ x, X)
    back = pb.linear_transpose(lambda ct: there(ct)[0], np.zeros(2))
    assert_allclose(back(X)[0], A @ X)


@pytest.mark.parametrize(
    ("name", "f"),
    [
        ("add", lambda x: x + 1.0),
        ("sin", np.sin),
        ("mul", lambda x: x * np.sum(x)),
        ("div", lambda x: 1.0 / x),
        ("dot", lambda x: x @ x),
        ("concatenate", lambda x: np.concatenate([x, np.ones(2)])),
        ("broadcast", lambda x: (x, pb.numpy.ones(3))),
        ("mul", lambda x: pb.fori_loop(0, 3, lambda i, x: x * x, x)),
        ("add", lambda x: pb.fori_loop(0, 3, lambda i, x: 2.0 * x + 1.0, x)),
        ("scan", lambda x: pb.scan(lambda c, y: (c, y), x, x)[0] * pb.scan(np.add, 1.0, x)[0]),
        ("lt", lambda x: pb.while_loop(lambda c: np.sum(c) < 9.0, lambda c: 2.0 * c, x)),
        ("switch", lambda x: pb.cond(True, lambda x: x, lambda x: X, x)),
        ("abs", np.abs),
        ("where", lambda x: np.where(x > 0, x, 1.0)),
    ],
)
def test_linear_transpose_refuses_others(name: str, f: Any):
    with mistake(TypeError, name if name != "where" else "gt"):
        pb.linear_transpose(f, X)


def test_linear_transpose_of_complex_numbers():
    z = np.array([1.0 + 2.0j, 3.0])
    got = pb.linear_transpose(lambda x: 1j * x, z)(z)[0]
    assert_allclose(got, 1j * z)


# -- Jacobians -------------------------------------------------------------------------------------


@pytest.mark.parametrize("wide", [False, True])
def test_jacobian_takes_the_shorter_way(wide: bool):
    matrix = A if wide else A.T

    def f(x: Any) -> Any:
        return np.tanh(matrix @ x)

    x = np.linspace(0.1, 0.5, matrix.shape[1])
    ours = pb.jacobian(f)
    assert_allclose(ours(x), (1 - f(x) ** 2)[:, None] * matrix)
    ways = {True: pb.jacrev, False: pb.jacfwd}
    assert ours.ir(x).text(False) == ways[wide](f).ir(x).text(False)


def test_jacobian_of_trees():
    def f(p: Any, x: Any) -> Any:
        return model(np, p, x)

    got, expected = pb.jacobian(f, (0, 1))(P, X), pb.jacrev(f, (0, 1))(P, X)
    assert_allclose(got["hidden"][0]["w"], expected["hidden"][0]["w"])
    assert_allclose(got["loss"][1], expected["loss"][1])


def test_jacobian_of_complex_numbers():
    x, z = np.array([0.3, 0.5, 0.7]), np.array([1.0 + 2.0j])
    assert_allclose(pb.jacobian(lambda x: np.sum(np.exp(1j * x)))(x), 1j * np.exp(1j * x))
    assert_allclose(
        pb.jacobian(lambda z: np.abs(z) ** 2 * np.ones(3))(z)[:, 0], 2 * z.conj() * np.ones(3)
    )
    assert_allclose(pb.jacobian(np.sin, holomorphic=True)(z)[0], np.cos(z))
    with mistake(TypeError, "holomorphic"):
        pb.jacobian(np.sin)(z)


# -- sparse ----------------------------------------------------------------------------------------


ROWS, COLUMNS = np.array([3, 1, 1, 0, 5]), np.array([0, 2, 4, 4, 1])


def random_structure(x: Any) -> Any:
    out = pb.numpy.zeros(6)
    np.add.at(out, ROWS, np.sin(x[COLUMNS]) * x[ROWS])
    return out


def written(x: Any) -> Any:
    y = x.copy()
    y[ROWS] = x[COLUMNS] ** 2
    return y[::-1]


STRUCTURES: dict[str, tuple[Callable[..., Any], int]] = {
    "banded": (lambda x: x[2:] * x[:-2] + np.sin(x[1:-1]), 3 * 4),
    "arrow": (lambda x: np.concatenate([np.sum(x, keepdims=True), x[1:] * x[0]]), 6 + 2 * 5),
    "random": (random_structure, 9),
    "written": (written, 6),
    "running": (lambda x: np.cumsum(np.exp(x)[::-1]), 21),
    "tiles": (lambda x: np.pad(x.reshape(2, 3), 1).T @ np.ones((4, 2)), 2 * 2 * 3),
    "masks": (lambda x: np.tril(np.outer(x, x)), 36),
    "constant": (lambda x: np.floor(x), 0),
    "chosen": (lambda x: np.where(x > 0.3, x * x[0], 0.0), 11),
    "products": (lambda x: x.reshape(3, 2) @ x.reshape(2, 3), 9 * 4 - 6),
    "norms": (lambda x: np.max(x.reshape(3, 2), axis=1), 6),
    "linear": (lambda x: np.linalg.solve(np.diag(x[:2]) + 1.0, x[2:4]), 8),
    "loops": (lambda x: pb.fori_loop(0, 3, lambda i, y: y * x[:2], x[:2]), 2 * 6),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_sparse_is_dense(name: str):
    f, _ = STRUCTURES[name]
    x = np.array([0.3, -1.2, 2.0, 0.7, 0.9, -0.4])
    dense = pb.jacfwd(f)(x).reshape(-1, 6)
    pattern = pb.sparsity(f, x)
    assert pattern.dtype == bool
    assert not np.any(dense[~pattern.toarray()])
    assert_allclose(pb.sparse_jacobian(f)(x).toarray(), dense, rtol=1e-13)
    g = pb.sparse_hessian(lambda x: np.sum(np.sin(f(x))))
    assert_allclose(
        g(x).toarray(), pb.hessian(lambda x: np.sum(np.sin(f(x))))(x), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("name", STRUCTURES)
def test_patterns_are_tight(name: str):
    f, count = STRUCTURES[name]
    assert pb.sparsity(f, pb.ShapeDtype((6,))).nnz == count


def directions(function: Any, *args: Any) -> int:
    """How many directions a sparse derivative went along."""
    ((program, _),) = function._kept[next(iter(function._kept))]
    from pullback.tracer.primitive import TABLE

    gathers = [n for n in program.ir(*args).nodes if n.primitive is TABLE["gather"]]
    return int(gathers[-1].operands[0].type.shape[0])


@pytest.mark.parametrize(
    ("f", "wanted"),
    [
        (lambda x: x[1:] - x[:-1], 2),
        (lambda x: np.concatenate([np.sum(x, keepdims=True), x[1:]]), 2),
        (lambda x: x[0] * x, 2),
    ],
)
def test_as_many_directions_as_colours(f: Callable[..., Any], wanted: int):
    jacobian, x = pb.sparse_jacobian(f), np.linspace(0.1, 1.0, 50)
    assert_allclose(jacobian(x).toarray(), pb.jacfwd(f)(x))
    assert directions(jacobian, x) == wanted


def test_an_arrow_costs_two_products():
    def f(x: Any) -> Any:
        return np.sum(x[0] * x**2)

    x: Any = np.linspace(0.1, 1.0, 50)
    hessian = pb.sparse_hessian(f)
    assert_allclose(hessian(x).toarray(), pb.hessian(f)(x))
    assert directions(hessian, x) == 2


def test_random_patterns_are_recovered(rng: np.random.Generator):
    for _ in range(4):
        n = 12
        mask = (rng.random((n, n)) < 0.2).astype(float)
        where_rows, where_columns = np.nonzero(mask)

        def f(x: Any, r: Any = where_rows, c: Any = where_columns) -> Any:
            return np.sum(np.sin(x[r] * x[c])) + np.sum(np.cos(x[r] + 2.0 * x[c]))

        x = rng.normal(size=n)
        got = pb.sparse_hessian(f)(x)
        assert_allclose(got.toarray(), pb.hessian(f)(x), rtol=1e-11, atol=1e-11)
        assert got.nnz <= 2 * where_rows.size + n


def test_patterns_follow_indices():
    def f(x: Any, places: Any) -> Any:
        return x[places] ** 2

    x = np.array([1.0, 2.0, 3.0])
    jacobian = pb.sparse_jacobian(f)
    for places in ([0, 1], [2, 1], [0, 0], [0, 1]):
        got = jacobian(x, np.array(places))
        assert got.nnz == 2
        assert_allclose(got.toarray(), pb.jacfwd(f)(x, np.array(places)))
    outside = np.array([0, 1])
    jacobian = pb.sparse_jacobian(lambda x: x[outside] ** 2)
    assert_allclose(jacobian(x).toarray(), [[2.0, 0, 0], [0, 4.0, 0]])
    outside[:] = [2, 0]
    assert_allclose(jacobian(x).toarray(), [[0, 0, 6.0], [2.0, 0, 0]])


def test_indices_that_depend_on_the_argument_are_dense():
    x = np.array([0.2, 1.4, 0.7])
    assert pb.sparsity(lambda x: x[np.floor(x).astype(int)], x).nnz == 9
    assert pb.sparsity(lambda x, i: x[i], pb.ShapeDtype((3,)), pb.ShapeDtype((2,), int)).nnz == 6
    assert_allclose(
        pb.sparse_jacobian(lambda x: x[np.floor(x).astype(int)] * x)(x).toarray(),
        pb.jacfwd(lambda x: x[np.floor(x).astype(int)] * x)(x),
    )


def test_sparse_jacobians_of_trees():
    def f(p: Any, x: Any, scale: Any = 1.0) -> Any:
        return {"a": p["w"] * x[:, None] * scale, "b": (np.sum(p["b"]),)}

    p = {"w": A.T, "b": np.float32(2.0)}
    got = pb.sparse_jacobian(f, (0, 1))(p, X, scale=2.0)
    assert got.shape == (7, 10)
    dense = pb.jacobian(f, (0, 1))(p, X, scale=2.0)
    blocks = [
        np.concatenate(
            [np.reshape(d[0][k], (n, -1)) for k in ("b", "w")] + [d[1].reshape(n, -1)], 1
        )
        for d, n in ((dense["a"], 6), (dense["b"][0], 1))
    ]
    assert_allclose(got.toarray(), np.concatenate(blocks))


def test_sparse_jacobians_are_compiled_once():
    traces = []

    def f(x: Any) -> Any:
        traces.append(1)
        return x[1:] * x[:-1]

    jacobian = pb.sparse_jacobian(f)
    first = jacobian(X)
    count = len(traces)
    again = jacobian(2 * X)
    assert len(traces) == count
    assert_allclose(again.toarray(), 2 * first.toarray())
    jacobian(np.ones(4))
    assert len(traces) > count


def test_sparse_jacobians_of_what_has_none():
    with mistake(TypeError, "cannot be traced"):
        pb.jit(lambda x: pb.sparse_jacobian(np.sin)(x))(X)
    with mistake(TypeError, "real"):
        pb.sparse_jacobian(np.sin)(X + 1j)
    with mistake(TypeError, "real"):
        pb.sparsity(np.argmax, X)
    with mistake(IndexError, "out of bounds"):
        pb.sparse_jacobian(lambda x, i: x[i])(X, np.array([7]))
    assert pb.sparse_jacobian(np.sin)(np.ones(0)).shape == (0, 0)


# -- Taylor mode -----------------------------------------------------------------------------------


def over(np: Any, x: Any) -> Any:
    return np.sin(x * x) / (1 + np.exp(x))


CURVES: dict[str, Callable[..., Any]] = {
    "exp": lambda np, x: np.exp(2 * x),
    "log": lambda np, x: np.log(x),
    "tan": lambda np, x: np.tan(x),
    "tanh": lambda np, x: np.tanh(x),
    "sqrt": lambda np, x: np.sqrt(x),
    "quotient": over,
    "power": lambda np, x: x**2.5 + x**3 - 1,
    "hyperbolic": lambda np, x: np.sinh(x) * np.cosh(x),
}
CURVE = [1.0, 0.5, -0.25, 0.0, 0.5]


@pytest.mark.parametrize("name", CURVES)
def test_jet_is_the_series_of_sympy(name: str):
    sympy: Any = pytest.importorskip("sympy")
    t = sympy.symbols("t")
    x = sympy.Rational(3, 4)
    x += sum(sympy.Rational(c) * t**k / sympy.factorial(k) for k, c in enumerate(CURVE, 1))
    expression = CURVES[name](sympy, x)
    wanted = [float(sympy.diff(expression, t, k).subs(t, 0)) for k in range(6)]
    value, series = pb.jet(lambda x: CURVES[name](np, x), (0.75,), (CURVE,))
    assert_allclose([value, *series], wanted, rtol=1e-12)


def test_jet_at_zero():
    _, series = pb.jet(lambda x: x**3 + np.where(x > 1, np.log(x), x), (0.0,), ([1.0, 0, 0, 0],))
    assert_array_equal(series, [1.0, 0.0, 6.0, 0.0])


def test_jet_of_high_order():
    _, series = pb.jet(lambda x: 1.0 / (1.0 - x), (0.5,), ([1.0] + [0.0] * 23,))
    assert_allclose(series, [math.factorial(k) * 2.0 ** (k + 1) for k in range(1, 25)], rtol=1e-12)


PROGRAMS: dict[str, Callable[..., Any]] = {
    "products": lambda x, y: (x @ y) * np.tanh(y @ x)[:2, :2],
    "solutions": lambda x, y: np.linalg.solve(x @ y + 3 * np.eye(2), x),
    "moved": lambda x, y: np.concatenate([x, y.T])[::-1, [0, 2]] * np.sum(y**2),
    "extrema": lambda x, y: np.sort(x * x, axis=1) + np.max(y) * np.prod(y),
    "loops": lambda x, y: pb.fori_loop(0, 2, lambda i, z: np.sin(z) * x, y.T * x),
    "gradients of loops": lambda x, y: pb.grad(lambda z: np.sum(turns(z, y.T)))(x),
    "complex": lambda x, y: np.abs(np.exp(1j * x) + y.T) ** 2,
}


def turns(x: Any, y: Any) -> Any:
    """A loop of which only values tell how long it is."""
    first = (0, np.sin(x))
    return pb.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] * y + np.sin(x)), first)[1]


@pytest.mark.parametrize("name", PROGRAMS)
def test_jet_is_nested_jvp(name: str, rng: np.random.Generator):
    f = PROGRAMS[name]
    x, y = rng.normal(size=(2, 3)), rng.normal(size=(3, 2))
    series = [rng.normal(size=(3, 2, 3)), rng.normal(size=(3, 3, 2))]

    def curve(t: Any) -> Any:
        factors = (t, t**2 / 2, t**3 / 6)
        moved = [
            p + sum(c * s for c, s in zip(factors, terms, strict=True))
            for p, terms in zip((x, y), series, strict=True)
        ]
        return f(*moved)

    value, derivatives = pb.jet(f, (x, y), [list(s) for s in series])
    assert_allclose(value, f(x, y))
    g: Any = curve
    for got in derivatives:
        g = pb.jacfwd(g)
        assert_allclose(got, g(0.0), rtol=1e-10, atol=1e-10)


def test_jet_is_jax_and_nests():
    jax = jax_with_doubles()
    from jax.experimental.jet import jet

    x = np.array([0.2, 0.6])
    series = [np.ones(2), np.array([0.5, -1.0]), np.zeros(2)]
    value, derivatives = pb.jet(lambda x: over(np, x), (x,), (series,))
    expected = jet(lambda x: over(jax.numpy, x), (x,), (series,))
    assert_allclose(value, expected[0])
    assert_allclose(derivatives, expected[1], rtol=1e-10)

    def third(x: Any) -> Any:
        return pb.jet(np.sin, (x,), ([1.0, 0.0, 0.0],))[1][2]

    assert_allclose(pb.vmap(pb.grad(third))(x), np.sin(x))


def test_jet_of_trees_and_other_dtypes():
    def f(p: Any) -> Any:
        return {"square": p["x"] ** 2, "sign": np.sign(p["x"]).astype(int)}

    value, (first, second) = pb.jet(f, ({"x": X},), ([{"x": X}, {"x": np.zeros(3)}],))
    assert_allclose(value["square"], X**2)
    assert_allclose(first["square"], 2 * X**2)
    assert_allclose(second["square"], 2 * X**2)
    assert_array_equal(second["sign"], [0, 0, 0])
    single = np.float32(0.5)
    value, series = pb.jet(np.exp, (single,), ([single, single],))
    assert value.dtype == series[1].dtype == np.float32


def test_jet_of_what_does_not_fit():
    with mistake(ValueError, "as many derivatives"):
        pb.jet(np.add, (X, X), ([X], [X, X]))
    with mistake(ValueError, "170 derivatives at most"):
        pb.jet(np.sin, (1.0,), ([1.0] * 171,))
    with mistake(ValueError, "shape"):
        pb.jet(np.sin, (X,), ([X[:2]],))
    with mistake(TypeError, "floating"):
        pb.jet(np.sin, (1,), ([1],))
    with mistake(TypeError, "tuples"):
        pb.jet(np.sin, X, X)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_long_chains_have_jets():
    def f(x: Any) -> Any:
        for _ in range(2000):
            x = x + 1e-3 * np.sin(x)
        return x

    _, (first, _) = pb.jet(f, (1.0,), ([1.0, 0.0],))
    assert_allclose(first, pb.grad(f)(1.0), rtol=1e-12)
