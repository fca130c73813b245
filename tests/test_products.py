"""Products with derivatives, whole, sparse and of higher order: against loops, laws and peers."""

from __future__ import annotations

import itertools
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
REST = {"x": np.arange(12.0).reshape(3, 4) / 12, "y": [np.arange(5.0)]}


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
