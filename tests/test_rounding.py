"""Estimates of rounding errors against the errors themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.tracer.ir import Graph
from pullback.tracer.rounding import LineError

from .draw import Array


def cancelled(x: Any) -> Any:
    s = np.sin(x)
    big = 1e6 + s
    back = big - 1e6
    return np.sum(back * back)


def logsumexp(x: Any) -> Any:
    m = np.max(x)
    e = np.exp(x - m)
    return np.log(np.sum(e)) + m


def polynomial(x: Any) -> Any:
    return np.sum(((x - 3.0) * x + 3.0) * x - 1.0)


def variance(x: Any) -> Any:
    return np.mean(x * x) - np.mean(x) ** 2


def products(x: Any) -> Any:
    return np.sum(np.tanh(x @ x.T) @ x)


def logistic_map(x: Any) -> Any:
    for _ in range(20):
        x = 3.7 * x * (1.0 - x)
    return np.sum(x)


def running(x: Any) -> Any:
    return np.sum(np.cumsum(x) * x[::-1])


def running_product(x: Any) -> Any:
    return np.sum(np.cumprod(x[::-1]))


def first_order_filter(x: Any) -> Any:
    """The derivative of running products: a recurrence."""
    return np.cumsum(np.cumprod(x))[-1] * x[0]


FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[[np.random.Generator], Array]]] = {
    "cancelled": (cancelled, lambda rng: rng.random(50)),
    "logsumexp": (logsumexp, lambda rng: 5.0 * rng.random(100)),
    "polynomial": (polynomial, lambda rng: 1.0 + 1e-3 * rng.random(10)),
    "variance": (variance, lambda rng: 100.0 + rng.random(1000)),
    "products": (products, lambda rng: rng.random((20, 20))),
    "running": (running, lambda rng: rng.random(1000)),
    "running product": (running_product, lambda rng: 0.5 + rng.random(300)),
    "filter": (first_order_filter, lambda rng: 1.0 + 0.01 * rng.normal(size=300)),
    "logistic map": (logistic_map, lambda rng: 0.1 + 0.8 * rng.random(10)),
}
TOO_HIGH = 300.0
"""How far an estimate may be above the largest of a few errors: these cancel."""


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_against_errors(name: str, dtype: Any, rng: np.random.Generator) -> None:
    """The error beside a wider type is below the estimate, and the largest is not far below."""
    function, draw = FUNCTIONS[name]
    wide = np.longdouble if dtype is np.float64 else np.float64
    if np.finfo(wide).eps >= np.finfo(dtype).eps:
        pytest.skip("no wider floats here")
    compiled, errors = pb.jit(function), []
    for _ in range(6):
        x = draw(rng).astype(dtype)
        estimate = compiled.estimate_error(x).error
        errors.append(abs(wide(compiled(x)) - function(x.astype(wide))) / estimate)
    assert max(errors) <= 1.0
    assert max(errors) >= 1.0 / TOO_HIGH


def narrowed(graph: Graph, arguments: list[Any], lines: tuple[LineError, ...]) -> float:
    """The result of a graph whose values of these lines are rounded to float32."""
    places = {(line.where, line.derivative) for line in lines}
    values = dict(zip(graph.parameters, map(np.asarray, arguments), strict=True))
    for node in graph.nodes:
        value = np.asarray(
            node.primitive.reference(*[values[x] for x in node.operands], **node.params),
            node.type.dtype,
        )
        if (node.where, node.primal is not None) in places and value.dtype == np.float64:
            value = value.astype(np.float32).astype(np.float64)
        values[node] = value
    return float(values[graph.outputs[0]])


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("tolerance", [1e-3, 1e-5, 1e-7])
def test_lines_in_float32(name: str, tolerance: float, rng: np.random.Generator) -> None:
    """What is said to stay within a tolerance does."""
    function, draw = FUNCTIONS[name]
    compiled, x = pb.jit(function), draw(rng)
    lines = compiled.estimate_error(x).float32(tolerance)
    graph = compiled.ir(x)
    assert abs(narrowed(graph, [x], lines) - narrowed(graph, [x], ())) <= tolerance


def looped(x: Any) -> Any:
    def step(c: Any, a: Any) -> Any:
        c = 0.9 * c + np.sin(a)
        return c, c * a

    c, ys = pb.scan(step, 0.0, x)
    return c + np.sum(ys)


def written_out(x: Any) -> Any:
    c, total = 0.0, 0.0
    for i in range(8):
        c = 0.9 * c + np.sin(x[i])
        total = total + c * x[i]
    return c + total


@pytest.mark.parametrize("transform", [pb.jit, pb.grad])
def test_loops_as_written_out(transform: Any) -> None:
    x = np.linspace(0.1, 0.9, 8)
    loop = transform(looped).estimate_error(x)
    turns = transform(written_out).estimate_error(x)
    assert loop.error == pytest.approx(turns.error, rel=0.5)
    np.testing.assert_allclose(loop.value, turns.value)
    assert loop.arguments[0].error == pytest.approx(turns.arguments[0].error)


def test_branches_and_unknown_lengths() -> None:
    def root(x: Any) -> Any:
        s = pb.while_loop(lambda s: abs(s * s - x) > 1e-10, lambda s: 0.5 * (s + x / s), x)
        return pb.cond(s > 1.0, lambda s: s * 2.0, lambda s: -s, s)

    estimate = pb.jit(root).estimate_error(2.0)
    assert 1e-16 < estimate.error < 1e-14
    # The root is as sensitive as the square root: half as much as its argument, relatively.
    assert estimate.arguments[0].error == pytest.approx(0.5 * estimate.value.real * 2.0**-53)


def test_text() -> None:
    first, head, line, argument = str(pb.jit(lambda x: x * 0.1).estimate_error(3.0)).splitlines()
    assert first.startswith("error 3.33e-17 of 0.3")
    assert head.split() == ["error", "float32", "line"]
    assert line.split()[:2] == ["3.33e-17", "1.79e-08"]
    assert argument.endswith("argument x")
