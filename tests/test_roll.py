"""Loops of Python that tracing has written out, rolled again: the same values, to the last bit."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import pullback as pb
import pullback.numpy as pnp
from pullback.runtime.signature import take_apart
from pullback.runtime.traced import trace_signature
from pullback.tracer.check import check_graph
from pullback.tracer.ir import Graph
from pullback.tracer.passes import long, repetition
from pullback.tracer.passes.roll import roll

Array = np.ndarray[Any, Any]
Body = Callable[..., Any]
RNG = np.random.default_rng(7)
NEVER = 10**9


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Short repetitions are rolled, too."""
    monkeypatch.setattr(repetition, "NODES", 40)
    pb.clear_cache()
    yield
    pb.clear_cache()


def straight(f: Body, args: Any) -> tuple[Graph, tuple[Any, ...]]:
    """The graph with every turn written out, and the arrays that it captures."""
    return trace_signature(f, take_apart(args, {}, (), ()).signature)[:2]


def compiled(f: Body, *args: Any) -> Graph:
    function: Any = pb.jit(f)
    graph: Graph = function.ir(*args)
    return graph


def lengths(graph: Graph) -> set[int]:
    return {x.params["length"] for x in graph.nodes if x.primitive.name == "scan"}


# -- random bodies -------------------------------------------------------------------------------

OPERATIONS: list[Body] = [
    lambda a, b: a + 0.3 * b,
    lambda a, b: np.sin(a) * b,
    lambda a, b: np.tanh(a - b),
    lambda a, b: a / (1.5 + b * b),
    lambda a, b: np.where(a > 0.1, a, 0.5 * b),
    lambda a, b: np.minimum(a, b),
]


def random_program(seed: int) -> tuple[Body, tuple[Any, ...]]:
    """A loop of random operations, on what turns of Python's loops work with."""
    rng = np.random.default_rng(seed)
    shape = (3,) if rng.random() < 0.5 else ()
    count, carried = int(rng.integers(12, 30)), int(rng.integers(1, 4))
    sources = carried + 9
    chosen = [
        (int(rng.integers(6)), *map(int, rng.integers(0, sources + n, 2)))
        for n in range(int(rng.integers(2, 7)))
    ]
    last = [int(rng.integers(sources + len(chosen))) for _ in range(carried)]
    wants = rng.random(6) < 0.4
    numbers, rows = rng.random(count).tolist(), list(rng.random((count, *shape)))

    def program(x: Any, w: Any, s: Any) -> Any:
        state = [s + 0.1 * k for k in range(carried)]
        total, kept, before, table = s, [s], s, pnp.zeros((count, *shape))
        for i in range(count):
            values = [
                *state, w, before, x[i], x[-1 - i] + before, x[(i * 7) % 5] * state[0],
                0.01 * i * s, numbers[i] * w, rows[i] + s, x[min(i + 1, count - 1)],
            ]  # fmt: skip
            for operation, a, b in chosen:
                values.append(OPERATIONS[operation](values[a], values[b]))
            before = state[0]
            state = [np.tanh(0.7 * values[k] + 0.1 * v) for k, v in zip(last, state, strict=True)]
            if wants[0]:
                total = total + values[-1]
            if wants[1]:
                kept.append(state[-1])
            if wants[2]:
                table[count - 1 - i if wants[3] else i] = values[-1]
        if wants[4]:
            for v in reversed(kept):
                total = np.cos(total + v * v)
        return total + state[0] + before + table[2], np.stack(kept, axis=-1), table

    args = rng.random((count, *shape)), rng.random(shape), rng.random(shape)
    return program, args


@pytest.mark.parametrize("seed", range(40))
def test_random_bodies(seed: int, eager: None) -> None:
    f, args = random_program(seed)
    graph, captures = straight(f, args)
    rolled, numbers = roll(graph)
    check_graph(rolled)
    assert lengths(rolled)
    assert len(rolled.nodes) < len(graph.nodes)
    found = rolled.evaluate(*args, *captures, *numbers)
    for got, want in zip(found, graph.evaluate(*args, *captures), strict=True):
        assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize("seed", [41, 42, 43])
def test_derivatives_of_random_bodies(
    seed: int, eager: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    f, args = random_program(seed)

    def total(*args: Any) -> Any:
        return sum(np.sum(x**2) for x in f(*args))

    def derivatives() -> Any:
        gradient = pb.grad(lambda *a: total(*a), (0, 1, 2))(*args)
        values, tangents = pb.jvp(lambda *a: f(*a), args, args)
        return *values, *tangents, *gradient

    rolled = derivatives()
    monkeypatch.setattr(repetition, "NODES", NEVER)
    pb.clear_cache()
    for got, want in zip(rolled, derivatives(), strict=True):
        assert_allclose(got, want, rtol=1e-9, atol=1e-11)


# -- programs ------------------------------------------------------------------------------------

X = RNG.random((100, 4)) - 0.5
W = RNG.random((4, 4)) / 4
SYMBOLS = RNG.integers(0, 4, 200)


def euler(x: Any, v: Any) -> Any:
    for _ in range(1000):
        x, v = x + 0.01 * v, v - 0.01 * np.sin(x)
    return x


def forward_algorithm(start: Any, step: Any, emit: Any) -> Any:
    alpha, score = start * emit[:, SYMBOLS[0]], 0.0
    for symbol in SYMBOLS[1:]:
        alpha = (alpha @ step) * emit[:, symbol]
        score = score + np.log(np.sum(alpha))
        alpha = alpha / np.sum(alpha)
    return score


def runge_kutta(y: Any) -> Any:
    def slope(y: Any) -> Any:
        return np.tanh(y) * 0.5 - y

    for _ in range(100):
        k1 = slope(y)
        k2 = slope(y + 0.05 * k1)
        y = y + 0.05 * (k1 + k2)
    return np.sum(y)


def states(w: Any, x: Any) -> Any:
    h, kept = np.zeros(4), []
    for row in x:
        h = np.tanh(w @ h + row)
        kept.append(h)
    return np.sum(np.stack(kept, axis=1) ** 2) + kept[7][0]


def two_loops(x: Any) -> Any:
    kept, total = [], 0.0
    for i in range(100):
        x = np.sin(x) * 1.1 + 0.01 * i
        kept.append(x)
    for y in reversed(kept):
        total = np.cos(total * 0.5 + y * y)
    return np.sum(total)


def around(x: Any) -> Any:
    """Turns of the inner loop are too few to be rolled by themselves."""
    x = x.copy()
    for _ in range(20):
        for i in range(1, 9):
            x[i] = 0.5 * (x[i - 1] + x[i + 1])
    return np.sum(x * x)


def nested(x: Any) -> Any:
    total = 0.0
    for i in range(15):
        for j in range(60):
            total = np.sin(total * 0.5 + x[j, i % 4] * 0.1 * i)
            total = total - 0.2 * np.cos(x[j, 0])
    return total


def written(a: Any, x: Any) -> Any:
    out, h = pnp.zeros(120), 0.0
    for i in range(120):
        h = np.tanh(a * h + x[i // 2, 1])
        out[i] = h
    return np.sum(out * out)


def layers(x: Any, weights: Any) -> Any:
    for w in weights:
        x = np.tanh(w @ x) + 0.1 * x
        x = x - 0.1 * np.mean(x)
    return np.sum(x)


def turned(z: Any) -> Any:
    for i in range(100):
        z = z * np.exp(0.1j * i) + 0.01 * (W @ z)
    return np.sum(np.abs(z) ** 2)


PROGRAMS: list[tuple[Body, tuple[Any, ...], set[int]]] = [
    (euler, (1.0, 0.2), {998, 999}),
    (forward_algorithm, (np.full(4, 0.25), np.full((4, 4), 0.25), RNG.random((4, 4))), {197, 198}),
    (runge_kutta, (X[0],), {99}),
    (states, (W, X), {98, 99}),
    (two_loops, (X[0],), {98, 99}),
    (around, (RNG.random(10),), {18, 19}),
    (nested, (X,), {13, 14, 58, 59}),
    (written, (0.3, X), {118, 119}),
    (layers, (X[0], [W + 0.01 * i for i in range(60)]), {58, 59}),
    (turned, (X[0] + 1j,), {98, 99}),
]


@pytest.mark.parametrize(("f", "args", "turns"), PROGRAMS, ids=[f.__name__ for f, _, _ in PROGRAMS])
def test_programs(f: Body, args: tuple[Any, ...], turns: set[int]) -> None:
    graph, captures = straight(f, args)
    leaves = take_apart(args, {}, (), ()).leaves
    rolled, numbers = roll(graph)
    assert len(rolled.nodes) < len(graph.nodes) / 4
    assert max(lengths(rolled)) in turns
    (want,) = graph.evaluate(*leaves, *captures)
    (got,) = rolled.evaluate(*leaves, *captures, *numbers)
    assert got.tobytes() == want.tobytes()
    assert_allclose(pb.jit(f)(*args), want, rtol=1e-12)


def test_second_derivatives_and_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(x: Any) -> Any:
        total = 0.0
        for i in range(90):
            x = np.sin(x) * 1.1 + 0.01 * i
            total = total + x[0] * x[1]
        return total

    found = pb.hessian(f)(X[0]), pb.vmap(pb.grad(f))(X[:3]), pb.jacfwd(pb.grad(f))(X[0])
    assert lengths(pb.grad(f).ir(X[0]))
    monkeypatch.setattr(repetition, "NODES", NEVER)
    plain = lambda x: f(x)  # noqa: E731
    assert_allclose(found[0], pb.hessian(plain)(X[0]), rtol=1e-10, atol=1e-12)
    slopes = [pb.grad(plain)(x) for x in X[:3]]
    assert_allclose(found[1], slopes, rtol=1e-10, atol=1e-12)
    assert_allclose(found[2], found[0], rtol=1e-10, atol=1e-12)


def test_where_every_operation_counts_loops_are_written_out() -> None:
    """Sparsity, linearity and Taylor series are told operation by operation."""

    def f(x: Any) -> Any:
        for _ in range(150):
            x = x * 0.9 + 0.1 * x
        return x

    assert pb.sparse_jacobian(lambda x: np.sin(f(x)))(X[0]).nnz == 4
    (got,) = pb.linear_transpose(f, X[0])(X[1])
    assert_allclose(got, X[1], rtol=1e-12)
    _, (first, second) = pb.jet(lambda x: f(x) ** 2, (2.0,), [(1.0, 0.0)])
    assert_allclose([first, second], [4.0, 2.0], rtol=1e-12)


def test_short_loops_and_large_parameters_are_left_alone() -> None:
    assert not lengths(compiled(lambda x: sum(np.sin(x * i) for i in range(50)), 1.0))
    many = [np.ones((80, 80)) for _ in range(70)]
    graph, _ = straight(layers, (np.ones(80), many))
    assert roll(graph)[0].nodes == graph.nodes


def test_the_line_of_the_loop_is_shown() -> None:
    lines, first = inspect.getsourcelines(euler)
    loop = first + next(i for i, line in enumerate(lines) if "for _" in line)
    scan = next(x for x in compiled(euler, 1.0, 0.0).nodes if x.primitive.name == "scan")
    assert scan.where is not None
    assert (scan.where.line, scan.where.function) == (loop, "euler")
    inside = {x.where.line for x in scan.params["body"].nodes if x.where is not None}
    assert inside == {loop + 1}


# -- loops that are not rolled -------------------------------------------------------------------


def irregular(x: Any) -> Any:
    for i in range(1500):
        x = np.sin(x) if hash((i, i * i)) % 3 else np.cos(x)
        if hash((i, 1)) % 5 == 0:
            x = x * 0.5 + 1.0
    return x


def test_long_traces_are_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long, "LONG", 1000)
    first = inspect.getsourcelines(irregular)[1]
    with pytest.warns(pb.LongTraceWarning, match=r"pb\.scan(.|\n)*test_roll\.py") as told:
        compiled(irregular, 0.5)
    assert [w.lineno for w in told] == [first + 1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled(irregular, 0.5)
        compiled(euler, 1.0, 0.0)
