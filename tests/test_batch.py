"""Batching against loops: every row, every choice of batched operands, and derivatives."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from pullback.tracer.check import check_graph
from pullback.tracer.ir import Builder, Graph
from pullback.tracer.location import Location
from pullback.tracer.passes.adjoint import vjp
from pullback.tracer.passes.batch import batch
from pullback.tracer.passes.tangent import jvp
from pullback.tracer.primitive import TABLE, Primitive
from pullback.tracer.types import FLOAT64, ArrayType, is_float

from .draw import Array, Case, domain_of, over_cases

SIZE = 3


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def choices(count: int) -> Iterator[tuple[bool, ...]]:
    """Every way to batch at least one of ``count`` operands."""
    return (flags for flags in itertools.product((True, False), repeat=count) if any(flags))


def arguments(draws: Sequence[Sequence[Array]], batched: Sequence[bool]) -> list[Array]:
    """One argument for each parameter: all draws of it stacked, or only the first."""
    return [
        np.stack(values) if flag else values[0]
        for flag, *values in zip(batched, *draws, strict=True)
    ]


def loop(graph: Graph, batched: Sequence[bool], size: int, given: Sequence[Array]) -> list[Array]:
    """The outputs of the graph for one example after the other, stacked."""
    runs = [
        graph.evaluate(*[x[i] if flag else x for x, flag in zip(given, batched, strict=True)])
        for i in range(size)
    ]
    return [np.stack(outputs) for outputs in zip(*runs, strict=True)]


def checked(graph: Graph, batched: Sequence[bool], size: int) -> Graph:
    """The sound batched graph; all its outputs have to be batched."""
    result, flags = batch(graph, batched, size)
    assert all(flags)
    return check_graph(result)


def compare(
    graph: Graph, batched: Sequence[bool], size: int, given: Sequence[Array], tolerance: float
) -> None:
    """The batched graph gives what a loop gives, where an output is batched and where not."""
    result, flags = batch(graph, batched, size)
    got = check_graph(result).evaluate(*given)
    for x, y, flag in zip(got, loop(graph, batched, size, given), flags, strict=True):
        assert x.dtype == y.dtype
        assert x.shape == (y.shape if flag else y.shape[1:])
        same = x if flag else np.broadcast_to(x, y.shape)
        np.testing.assert_allclose(same, y, rtol=tolerance, atol=tolerance)


def floating(case: Case) -> list[int]:
    fixed = domain_of(case.row).fixed
    parameters = enumerate(case.graph().parameters)
    return [i for i, x in parameters if is_float(x.type.dtype) and i not in fixed]


def has_derivative(case: Case) -> bool:
    return case.row.differentiable and is_float(case.graph().outputs[0].type.dtype)


def like(values: Sequence[Array], rng: np.random.Generator) -> list[Array]:
    return [np.asarray(rng.uniform(-1.0, 1.0, x.shape)) for x in values]


# -- rows --------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", TABLE.values(), ids=str)
def test_row_can_be_batched(row: Primitive):
    without_operands = not any(shapes for shapes, _ in domain_of(row).cases)
    assert row.elementwise or without_operands or row.batch is not None
    assert not (row.elementwise and row.batch is not None), "elementwise rows need no rule"


@over_cases()
def test_batch_is_a_loop(case: Case, rng: np.random.Generator):
    draws = [case.draw(rng) for _ in range(SIZE)]
    for batched in choices(len(case.shapes)):
        compare(case.graph(), batched, SIZE, arguments(draws, batched), case.tolerance)


@over_cases(["f64", "bool"])
@pytest.mark.parametrize("size", [0, 1])
def test_batch_of_none_and_of_one(case: Case, size: int, rng: np.random.Generator):
    draws = case.draw(rng)
    for batched in choices(len(case.shapes)):
        graph = checked(case.graph(), batched, size)
        given = [
            np.stack([x] * size) if flag and size else x[None][:size] if flag else x
            for x, flag in zip(draws, batched, strict=True)
        ]
        (got,) = graph.evaluate(*given)
        (one,) = case.graph().evaluate(*draws)
        assert got.shape == (size, *one.shape)
        np.testing.assert_allclose(got, np.stack([one] * size) if size else got)


@over_cases(["f64", "bool"])
def test_batch_of_a_batch(case: Case, rng: np.random.Generator):
    count = len(case.shapes)
    for inner in choices(count):
        graph = checked(case.graph(), inner, 2)
        draws = [arguments([case.draw(rng) for _ in range(2)], inner) for _ in range(SIZE)]
        for outer in choices(count):
            compare(graph, outer, SIZE, arguments(draws, outer), case.tolerance)


# -- derivatives -------------------------------------------------------------------------------


@over_cases(["f64"], has_derivative)
def test_batch_of_a_jvp(case: Case, rng: np.random.Generator):
    wrt = floating(case)
    graph = jvp(case.graph(), wrt)
    draws = [case.draw(rng) for _ in range(SIZE)]
    draws = [[*x, *like([x[i] for i in wrt], rng)] for x in draws]
    only_tangents = [i >= len(case.shapes) for i in range(len(graph.parameters))]
    for batched in ([True] * len(only_tangents), only_tangents):
        compare(graph, batched, SIZE, arguments(draws, batched), 1e-11)


@over_cases(["f64"], has_derivative)
def test_batch_of_a_vjp(case: Case, rng: np.random.Generator):
    graph = vjp(case.graph(), floating(case))
    draws = [case.draw(rng) for _ in range(SIZE)]
    draws = [[*x, *like(case.graph().evaluate(*x), rng)] for x in draws]
    only_cotangent = [False] * len(case.shapes) + [True]
    for batched in ([True] * len(only_cotangent), only_cotangent):
        compare(graph, batched, SIZE, arguments(draws, batched), 1e-11)


@over_cases(["f64"], has_derivative)
def test_jvp_of_a_batch(case: Case, rng: np.random.Generator):
    wrt = floating(case)
    draws = [case.draw(rng) for _ in range(SIZE)]
    draws = [[*x, *like([x[i] for i in wrt], rng)] for x in draws]
    for batched in choices(len(case.shapes)):
        flags = [*batched, *(batched[i] for i in wrt)]
        given = arguments(draws, flags)
        graph = check_graph(jvp(checked(case.graph(), batched, SIZE), wrt))
        expected = loop(jvp(case.graph(), wrt), flags, SIZE, given)
        for got, want in zip(graph.evaluate(*given), expected, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-11)


@over_cases(["f64"], has_derivative)
def test_vjp_of_a_batch(case: Case, rng: np.random.Generator):
    """The cotangent of an operand that is not batched is the sum over the batch."""
    wrt = floating(case)
    draws = [case.draw(rng) for _ in range(SIZE)]
    draws = [[*x, *like(case.graph().evaluate(*x), rng)] for x in draws]
    for batched in choices(len(case.shapes)):
        flags = [*batched, True]
        given = arguments(draws, flags)
        graph = check_graph(vjp(checked(case.graph(), batched, SIZE), wrt))
        _, *got = graph.evaluate(*given)
        _, *want = loop(vjp(case.graph(), wrt), flags, SIZE, given)
        for i, x, y in zip(wrt, got, want, strict=True):
            expected = y if batched[i] else y.sum(0)
            np.testing.assert_allclose(x, expected, rtol=1e-11, atol=1e-11)


# -- graphs ------------------------------------------------------------------------------------


def f64(*shape: int) -> ArrayType:
    return ArrayType(shape, FLOAT64)


class Small:
    """A graph written by hand."""

    def __init__(self, *types: ArrayType) -> None:
        self.builder = Builder()
        self.parameters = [self.builder.parameter(type) for type in types]

    def add(self, name: str, *operands: Any, **params: Any) -> Any:
        return self.builder.add(TABLE[name], operands, params)


def names(graph: Graph) -> list[str]:
    return [node.primitive.name for node in graph.nodes]


def test_what_does_not_vary_is_computed_once():
    small = Small(f64(5), f64(5))
    x, y = small.parameters
    fixed = small.add("sin", x)
    graph = small.builder.graph([fixed, small.add("mul", fixed, y)])
    result, flags = batch(graph, [False, True], SIZE)
    assert flags == (False, True)
    (sine,) = [node for node in result.nodes if node.primitive.name == "sin"]
    assert sine.type == f64(5)
    assert result.outputs[1].type == f64(SIZE, 5)


def test_a_parameter_can_be_an_output():
    small = Small(f64(2), f64(2))
    result, flags = batch(small.builder.graph(small.parameters), [True, False], SIZE)
    assert flags == (True, False)
    assert [x.type for x in result.outputs] == [f64(SIZE, 2), f64(2)]
    assert result.outputs == result.parameters


def test_nothing_batched():
    small = Small(f64(2))
    graph = small.builder.graph([small.add("sin", *small.parameters)])
    result, flags = batch(graph, [False], SIZE)
    assert flags == (False,)
    assert result.text() == graph.text()


@pytest.mark.parametrize(("shapes", "batched"), [(((4, 5), (5,)), 1), (((5,), (5, 4)), 0)])
def test_a_matrix_times_many_vectors_moves_no_axis(shapes: Any, batched: int):
    small = Small(*[f64(*shape) for shape in shapes])
    axes = ((len(shapes[0]) - 1,), (0,))
    product = small.add("dot", *small.parameters, contract=axes, batch=((), ()))
    graph = small.builder.graph([product])
    assert names(checked(graph, [batched == 0, batched == 1], SIZE)) == ["dot"]


def test_lines_and_primals_are_kept():
    small = Small(f64(5))
    line = Location("model.py", 7, "loss")
    small.builder.where = line
    node = small.add("reduce_sum", small.add("sin", *small.parameters), axes=(0,))
    result = checked(vjp(small.builder.graph([node]), [0]), [True, True], SIZE)
    assert {node.where for node in result.nodes} == {line}
    (cosine,) = [node for node in result.nodes if node.primitive.name == "cos"]
    assert cosine.primal is not None
    assert cosine.primal.primitive.name == "sin"
    assert cosine.primal in result.nodes


def test_a_long_chain():
    small = Small(f64())
    (node,) = small.parameters
    for _ in range(20_000):
        node = small.add("sin", node)
    result = checked(small.builder.graph([node]), [True], SIZE)
    assert len(result.nodes) == 20_000


def test_jacobian_by_a_batch_of_unit_vectors():
    small = Small(f64(3, 4), f64(4))
    A, x = small.parameters
    product = small.add("dot", A, small.add("sin", x), contract=((1,), (0,)), batch=((), ()))
    graph = small.builder.graph([product])
    values = np.arange(12.0).reshape(3, 4), np.array([0.1, 0.2, 0.3, 0.4])
    expected = values[0] * np.cos(values[1])
    forward, flags = batch(jvp(graph, [1]), [False, False, True], 4)
    assert flags == (False, True)
    np.testing.assert_allclose(forward.evaluate(*values, np.eye(4))[1].T, expected)
    backward, flags = batch(vjp(graph, [1]), [False, False, True], 3)
    assert flags == (False, True)
    np.testing.assert_allclose(backward.evaluate(*values, np.eye(3))[1], expected)


def test_the_untaken_branch_stays_out_of_a_batched_gradient():
    """The gradient of where(x > 0, log(x), 0) is 0 at 0, batched before or after."""
    small = Small(f64())
    (x,) = small.parameters
    zero = small.builder.literal(0.0, FLOAT64)
    chosen = small.add("where", small.add("gt", x, zero), small.add("log", x), zero)
    graph = small.builder.graph([chosen])
    values, ones = np.array([0.0, 2.0, -1.0]), np.ones(3)
    for pulled in (
        checked(vjp(graph, [0]), [True, True], SIZE),
        vjp(checked(graph, [True], SIZE), [0]),
    ):
        np.testing.assert_array_equal(pulled.evaluate(values, ones)[1], [0.0, 0.5, 0.0])
