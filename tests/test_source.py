"""Functions as NumPy programs: they compute the same, and read as people write."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest

import pullback as pb
import pullback.numpy as pnp
from pullback.scipy.special import gammaln
from pullback.tracer import tree
from pullback.tracer.ir import Graph
from pullback.tracer.primitive import TABLE, Primitive
from pullback.tracer.program import graph_program

from .draw import NARROW, WIDE, Array, cases

TOLERANCES = {"f64": 1e-12, "f32": 1e-4, "c128": 1e-12, "c64": 1e-4, "f16": 2e-2}


def as_program(graph: Graph, arguments: Sequence[Array]) -> list[Array]:
    """The outputs of a graph, computed by its program."""
    function = graph_program(graph).function()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # what NumPy says of functions outside of their domain
        return [np.asarray(x) for x in function(*map(np.copy, arguments))]


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_rows(row: Primitive, rng: np.random.Generator) -> None:
    """The program of every case of a row gives what the row's reference gives."""
    for case in cases((*WIDE, *NARROW)):
        if case.row is row:
            graph, arguments = case.graph(), case.draw(rng)
            allowed = TOLERANCES.get(case.dtype, 0.0)
            size = max((np.max(np.abs(x)) for x in arguments if x.size), default=0.0)
            pairs = zip(as_program(graph, arguments), graph.evaluate(*arguments), strict=True)
            for got, want in pairs:
                assert (got.dtype, got.shape) == (want.dtype, want.shape)
                np.testing.assert_allclose(
                    got, want, rtol=allowed, atol=allowed * (1.0 + float(size))
                )


def logistic_regression(params: Any, x: Any, y: Any, penalty: Any) -> Any:
    z = x @ params["w"] + params["b"]
    p = 1.0 / (1.0 + np.exp(-z))
    likelihood = y * np.log(p) + (1.0 - y) * np.log(1.0 - p)
    return -np.mean(likelihood) + penalty * np.sum(params["w"] ** 2)


def newton(a: Any) -> Any:
    root = pb.while_loop(lambda s: abs(s * s - a) > 1e-10, lambda s: 0.5 * (s + a / s), a)
    return pb.cond(root > 1.0, lambda s: s * 2.0, lambda s: np.sin(s), root)


def recurrent(w: Any, xs: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        h = np.tanh(w @ h + x)
        return h, np.sum(h)

    h, sums = pb.scan(step, np.zeros(3), xs)
    return np.sum(h * h) + np.sum(sums[::2])


def softmax(w: Any, x: Any, labels: Any) -> Any:
    logits = x @ w
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    logp = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.mean(logp[np.arange(len(labels)), labels])


@pb.checkpoint
def checkpointed(x: Any) -> Any:
    return np.sum(np.sin(x) ** 2)


@pb.custom_vjp
def clipped(x: Any) -> Any:
    return x * x


clipped.defvjp(lambda x: (x * x, x), lambda x, ct: (np.clip(2.0 * x * ct, -1.0, 1.0),))

TABLES = np.arange(40.0) / 40.0


def looked_up(x: Any) -> Any:
    return np.sum(TABLES * x) + np.sum(np.array([1.0, 2.0]) * x)


def called(x: Any) -> Any:
    like = pb.ShapeDtype(x.shape, x.dtype)
    return pb.pure_callback(np.sort, like, x)[::-1]


def one_path(x: Any, power: int) -> Any:
    return x**power if np.sum(x) > 0.0 else -x


def names_of_programs(np_: Any, range: Any, np: Any, special: Any) -> Any:
    turns = pb.scan(lambda c, x: (c * x, None), np["np"], np_)[0]
    return pnp.sum(turns * range * gammaln(special))


X, Y = np.linspace(-1.0, 1.0, 12).reshape(4, 3), np.array([0.0, 1.0, 1.0, 0.0])
FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "logistic": (
        pb.value_and_grad(logistic_regression),
        ({"w": np.array([0.1, -0.2, 0.3]), "b": 0.5}, X, Y, 0.1),
    ),
    "softmax": (pb.value_and_grad(softmax), (X[:3], X, np.array([0, 2, 1, 1]))),
    "newton": (pb.value_and_grad(newton), (7.0,)),
    "newton's other branch": (pb.value_and_grad(newton), (0.3,)),
    "names": (pb.grad(names_of_programs, (0, 2)), (X[0], 2.0, {"np": 3.0}, 1.5)),
    "recurrent": (pb.value_and_grad(recurrent, (0, 1)), (np.eye(3) * 0.5, X)),
    "hessian": (pb.hessian(recurrent), (np.eye(3) * 0.5, X)),
    "checkpoint": (pb.grad(checkpointed), (X,)),
    "custom rule": (pb.vmap(pb.grad(clipped)), (np.linspace(-2.0, 2.0, 5),)),
    "constants": (pb.grad(looked_up), (2.0,)),
    "callback": (pb.jit(called), (np.array([3.0, 1.0, 2.0]),)),
    "path": (pb.jit(one_path, static_argnums=1), (np.array([1.0, 2.0]), 3)),
    "repeated numbers": (
        pb.jit(lambda flag, x: np.broadcast_to(flag, (9,)).astype(int)[x]),
        (np.array(True), np.array([0, 8])),
    ),
    "single precision": (pb.value_and_grad(softmax), (np.float32(X[:3]), np.float32(X), [0] * 4)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    function, arguments = FUNCTIONS[name]
    arguments = tuple(np.asarray(x) if isinstance(x, list) else x for x in arguments)
    source = function.source(*arguments)  # type: ignore[attr-defined]
    with np.errstate(all="ignore"):
        got, spec = tree.flatten(source.function()(*arguments))
    want, wanted = tree.flatten(function(*arguments))
    assert spec == wanted
    for x, y in zip(got, want, strict=True):
        assert np.asarray(x).dtype == y.dtype
        np.testing.assert_allclose(x, y, rtol=0.0, atol=1e-10 if y.dtype == np.float64 else 1e-6)


LOGISTIC = '''import numpy as np


def derived_from_logistic_regression(params, x, y, penalty):
    """For arguments of these types: f64[], f64[3], f64[4,3], f64[4], f64[]."""
    b = np.float64(params["b"])
    w = params["w"]
    penalty = np.float64(penalty)
    # z = x @ params["w"] + params["b"]
    z = x @ w + b
    # p = 1.0 / (1.0 + np.exp(-z))
    t = np.exp(-z)
    p = 1.0 / (1.0 + t)
    # likelihood = y * np.log(p) + (1.0 - y) * np.log(1.0 - p)
    t_2 = 1.0 - y
    t_3 = 1.0 - p
    likelihood = y * np.log(p) + t_2 * np.log(t_3)
    # derivative of: likelihood = y * np.log(p) + (1.0 - y) * np.log(1.0 - p)
    d_t_3 = -0.25 * t_2 * (1.0 / t_3)
    d_p = -0.25 * y * (1.0 / p) - d_t_3
    # derivative of: p = 1.0 / (1.0 + np.exp(-z))
    d_t = d_p * (p * p) * t
    # derivative of: z = x @ params["w"] + params["b"]
    d_b = np.sum(d_t)
    # derivative of: return -np.mean(likelihood) + penalty * np.sum(params["w"] ** 2)
    t_4 = penalty * w
    d_w = d_t @ x + t_4 + t_4
    return (penalty * np.sum(w * w) - np.sum(likelihood) * 0.25, {"b": d_b, "w": d_w})
'''


def test_reads_as_written() -> None:
    function, arguments = FUNCTIONS["logistic"]
    assert str(function.source(*arguments)) == LOGISTIC  # type: ignore[attr-defined]


def test_what_is_written_to() -> None:
    @pb.jit
    def scale(x: Any) -> Any:
        y = x[1:] * 2.0
        x[0] = 7.0
        return y

    x = np.arange(3.0)
    y = scale.source(x).function()(x)
    np.testing.assert_array_equal(y, [2.0, 4.0])
    np.testing.assert_array_equal(x, [7.0, 1.0, 2.0])


class Pair(NamedTuple):
    a: Any
    b: Any


def test_arguments_of_other_containers() -> None:
    """Leaves stand for what is no tuple, list or dict; names are those of the function."""

    def f(p: Pair, *xs: Any, scale: Any, mode: str) -> Any:
        return Pair(p.a * scale, p.b + xs[0]), [xs[0] + xs[1]], None, {"k": p.a}

    function = pb.jit(f, static_argnames="mode")
    xs = (np.ones(2), 3.0)
    source = function.source(Pair(1.0, np.ones(2)), *xs, scale=2.0, mode="m")
    assert "def f(p_0, p_1, xs_0, xs_1, *, scale, mode):" in str(source)
    pair, (total,), nothing, table = source.function()(1.0, np.ones(2), *xs, scale=2.0, mode="m")
    assert pair[0] == 2.0
    assert nothing is None
    assert table == {"k": 1.0}
    np.testing.assert_array_equal([*pair[1], *total], [2.0, 2.0, 4.0, 4.0])


def test_another_path_is_refused() -> None:
    function = FUNCTIONS["path"][0].source(np.ones(2), 3).function()  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="another path"):
        function(-np.ones(2), 3)
