"""What a function is said to depend on, and how, against what it does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.tracer.dependence import dependence
from pullback.tracer.elements import elements
from pullback.tracer.ir import Graph
from pullback.tracer.primitive import TABLE, Primitive

from .draw import Array, cases


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_rows(row: Primitive, rng: np.random.Generator) -> None:
    """Moved along an operand that it is linear in, a row's result moves as far each time."""
    for case in cases(("f64",)):
        if case.row is not row:
            continue
        graph, operands = case.graph(), case.draw(rng)
        names = [str(i) for i in range(len(operands))]
        found = dependence(graph, names, ["result"])
        for place, kind in enumerate(found.kinds[0]):
            if operands[place].dtype != np.float64 or kind == "nonlinear":
                continue
            step = rng.random(operands[place].shape) * 1e-2
            moved = [
                graph.evaluate(
                    *operands[:place], operands[place] + n * step, *operands[place + 1 :]
                )[0]
                for n in range(3)
            ]
            if kind == "none":
                np.testing.assert_array_equal(moved[0], moved[2])
            else:
                size = np.max(np.abs(moved), initial=1.0) * np.finfo(moved[0].dtype).eps
                first, second = np.diff(np.asarray(moved), axis=0)
                np.testing.assert_allclose(first, second, rtol=0.0, atol=2e3 * float(size))


def _result(graph: Graph, operands: Sequence[Array], place: int, moved: Array) -> Array:
    return graph.evaluate(*operands[:place], moved, *operands[place + 1 :])[0].ravel()


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_elements_of_rows(row: Primitive, rng: np.random.Generator) -> None:
    """An element that is moved moves others as far from wherever it is, or not at all."""
    for case in cases(("f64",)):
        if case.row is not row or not np.issubdtype(case.graph().outputs[0].type.dtype, np.inexact):
            continue
        graph, operands = case.graph(), case.draw(rng)
        for place, x in enumerate(operands):
            if x.dtype != np.float64 or not 0 < x.size <= 30:
                continue
            there, varies = (e.reshape(-1, x.size) for e in elements(graph, place))
            assert not np.any(varies & ~there)
            if varies.all():
                continue
            result = partial(_result, graph, operands, place)
            away, size = rng.random(x.shape) * 1e-3, np.finfo(graph.outputs[0].type.dtype).eps
            before, after = result(x), result(x + away)
            for i in range(x.size):
                step = np.zeros(x.size)
                step[i] = 1e-3
                first = result(x + step.reshape(x.shape)) - before
                second = result(x + away + step.reshape(x.shape)) - after
                allowed = 2e3 * size * np.max(np.abs(before), initial=1.0)
                assert not np.any(first[~there[:, i]])
                assert np.all(np.abs(first - second)[~varies[:, i]] <= allowed)


def _scanned(k: Any, x: Any, y: Any) -> Any:
    def turn(c: Any, a: Any) -> Any:
        return (0.5 * c + a if k.linear else c * a), c - 2.0 * a

    return pb.scan(turn, y[0], x, reverse=k.flag)[1]


def _counted(k: Any, x: Any, y: Any) -> Any:
    def turn(i: Any, s: Any) -> Any:
        s = np.copy(s)
        s[i + 1] = s[i] * (2.0 if k.linear else y[i])
        return s

    return pb.fori_loop(0, 3, turn, x)


def _while(k: Any, x: Any, y: Any) -> Any:
    end = 2.0 if k.linear else np.abs(y[0]) + 1.0
    turn = lambda s: (np.roll(s[0], 1) + y, s[1] + 1.0)  # noqa: E731
    return pb.while_loop(lambda s: s[1] < end, turn, (x, 0.0))[0]


PIECES: list[Callable[[Any, Any, Any], Any]] = [
    lambda k, x, y: x + np.roll(y, 1),
    lambda k, x, y: x * y,
    lambda k, x, y: x[k.places] - 2.0 * y,
    lambda k, x, y: np.where(k.mask if k.linear else x > 0.0, x, 3.0 * y),
    lambda k, x, y: np.concatenate([x[1:], np.sin(y[:1])]),
    lambda k, x, y: np.tril(np.ones((4, 4))) @ x + y[::-1],
    lambda k, x, y: np.outer(x, y) @ (np.ones(4) if k.linear else x),
    lambda k, x, y: np.cumsum(x) + y[0],
    lambda k, x, y: np.linalg.solve(np.diag(np.arange(1.0, 5.0)), y) + 0.0 * x,
    lambda k, x, y: pb.cond(x[0] > 0.0, lambda x: 2.0 * x, lambda x: x[::-1], y),
    lambda k, x, y: np.reshape(np.sum(np.reshape(x, (2, 2)), 0), (2, 1)).repeat(2, 1).ravel() - y,
    lambda k, x, y: np.floor(x * 3.0) * y,
    lambda k, x, y: pb.checkpoint(lambda x: x / (2.0 + np.abs(y[k.places])))(x),
    lambda k, x, y: pb.vmap(lambda a, b: a * b + a)(x, y),
    _scanned,
    _counted,
    _while,
]


@pytest.mark.parametrize("seed", range(40))
def test_elements_of_programs(seed: int) -> None:
    """What is none is zero in the Jacobians anywhere, what is linear the same in all of them."""
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, len(PIECES), 3)
    knobs = [
        SimpleNamespace(
            places=rng.integers(0, 4, 4), mask=rng.random(4) < 0.5, linear=a < 0.6, flag=b < 0.5
        )
        for a, b in rng.random((3, 2))
    ]

    def program(x: Any, y: Any) -> Any:
        for piece, k in zip(chosen, knobs, strict=True):
            x, y = PIECES[piece](k, x, y), x
        return x

    found = pb.jit(program).dependence(np.ones(4), np.ones(4))
    derivative = pb.jacobian(program, argnums=(0, 1))
    fixed = rng.normal(size=(2, 4))
    for place, name in enumerate(("x", "y")):
        found_at = []
        for _ in range(4):
            given = list(fixed)
            given[place] = rng.normal(size=4)
            found_at.append(derivative(*given)[place])
        jacobians = np.array(found_at)
        there = found.elements("result", name)
        linear = found.elements("result", name, "linear")
        assert not np.any(jacobians[:, ~there])
        assert np.all(np.ptp(jacobians, axis=0)[linear] <= 1e-12 * (1.0 + np.abs(jacobians).max()))
        kind = found.kind("result", name)
        assert kind == "nonlinear" or np.array_equal(there, linear)
        assert kind != "none" or not there.any()


ELEMENTS: dict[str, tuple[Callable[..., Any], str]] = {
    "products": (lambda x: x[1:] * x[:-1] + x[0], "nn..|lnn.|l.nn"),
    "turns": (lambda x: pb.scan(lambda c, a: (c * a, c + a), 1.0, x)[1], "l...|ll..|nnl.|nnnl"),
    "sums": (lambda x: pb.scan(lambda c, a: (c + a, c), 0.0, x)[1], "....|l...|ll..|lll."),
    "counted": (lambda x: pb.fori_loop(0, 3, lambda i, s: s + x[i] * x[3], 0.0), "nnnn"),
    "branch": (lambda x: pb.cond(x[0] > 0.0, np.flip, np.sin, x)[:2], "n..n|.nn."),
    "matrix": (lambda x: np.array([[1.0, 0.0, 2.0, 0.0]]) @ (x * x[0]), "nnnn"),
    "indices": (lambda x: x[np.array([3, 0])] + np.arange(9.0)[np.argmax(x)], "...l|l..."),
}


@pytest.mark.parametrize("name", ELEMENTS)
def test_kinds_of_elements(name: str) -> None:
    function, wanted = ELEMENTS[name]
    found = pb.jit(function).dependence(np.ones(4))
    there = found.elements("result", "x").astype(int)
    letters = np.array(list(".ln"))[there + found.elements("result", "x", "nonlinear")]
    assert "|".join("".join(row) for row in np.atleast_2d(letters)) == wanted


def test_elements_are_those_of_the_jacobian() -> None:
    def f(x: Any) -> Any:
        shifted = x[1:] * np.sin(x[:-1])
        return np.concatenate([shifted, [np.sum(x[:2])]])

    x = np.linspace(0.5, 1.5, 5)
    found = pb.jit(f).dependence(x).elements("result", "x")
    np.testing.assert_array_equal(found, pb.jacobian(f)(x) != 0.0)


def mixed(params: Any, x: Any, n: Any) -> Any:
    h = params["a"] @ x + params["b"]
    c, ys = pb.scan(lambda c, hi: (0.5 * c + hi * n, c * c), 0.0, h)
    branch = pb.cond(n > 1.0, lambda t: 2.0 * t, lambda t: 3.0 * t, x[0])
    loop = pb.while_loop(lambda s: s[1] < 3, lambda s: (s[0] * 2.0, s[1] + 1), (x, 0))
    return {"c": c, "ys": ys, "where": np.where(x > 0.0, h, 0.0), "s": branch, "loop": loop}


MIXED = """\
                   params["a"]  params["b"]  x          n
result["c"]        linear       linear       linear     linear
result["loop"][0]  none         none         linear     none
result["loop"][1]  none         none         none       none
result["s"]        none         none         linear     nonlinear
result["where"]    linear       linear       nonlinear  none
result["ys"]       nonlinear    nonlinear    nonlinear  nonlinear"""

TABLES: dict[str, tuple[Callable[..., Any], tuple[Any, ...], str]] = {
    "mixed": (mixed, ({"a": np.ones((3, 3)), "b": np.ones(3)}, np.ones(3), 2.0), MIXED),
    "gradient of a square": (
        pb.grad(lambda x, y: np.sum(x * x) + np.sum(np.exp(y))),
        (np.ones(3), np.ones(3)),
        "        x          y\nresult  linear     none",
    ),
    "solve": (
        np.linalg.solve,
        (np.eye(2), np.ones(2)),
        "        a          b\nresult  nonlinear  linear",
    ),
    "integers": (
        lambda x, i: (x[i], np.argmax(x)),
        (np.ones(3), np.array([0, 1])),
        "           x          i\nresult[0]  linear     nonlinear\nresult[1]  nonlinear  none",
    ),
    "custom rule": (
        pb.checkpoint(lambda x, y: 2.0 * x - y * y),
        (1.0, 2.0),
        "        x          y\nresult  linear     nonlinear",
    ),
    "types": (
        lambda x, y: x / y,
        (pb.ShapeDtype((3,)), pb.ShapeDtype(())),
        "        x          y\nresult  linear     nonlinear",
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_functions(name: str) -> None:
    function, arguments, table = TABLES[name]
    found = pb.jit(function).dependence(*arguments)
    assert [x.rstrip() for x in str(found).splitlines()] == table.splitlines()


def test_names_that_are_none() -> None:
    found = pb.jit(lambda x: x).dependence(1.0)
    with pytest.raises(ValueError, match="no 'y'"):
        found.kind("result", "y")
    with pytest.raises(ValueError, match="'linear' or 'nonlinear', got 'none'"):
        found.elements("result", "x", "none")  # type: ignore[arg-type]
