"""Indexing traced values means what it means in NumPy: reading, writing, views, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

import pullback as pb
from pullback.testing import check_grads
from pullback.tracer.check import check_graph
from pullback.tracer.errors import TracedValueError
from pullback.tracer.ir import Graph
from pullback.tracer.text import parse
from pullback.tracer.trace import Storage, Tracer, lift, new_trace
from pullback.tracer.types import ArrayType

QUICK = settings(max_examples=150, deadline=None)


def trace(f: Callable[..., Any], *arguments: Any) -> tuple[Graph, list[Any]]:
    """The graph of f, and the arrays from outside that it reads."""
    with new_trace() as running:
        tracers = []
        for x in map(np.asarray, arguments):
            node = running.builder.parameter(ArrayType(x.shape, x.dtype))
            tracers.append(Tracer(node))
        results = f(*tracers)
        results = results if isinstance(results, (tuple, list)) else [results]
        return running.builder.graph([lift(x).node for x in results]), running.captures


def compare(f: Callable[..., Any], *arguments: Any) -> Graph:
    """The graph of f gives what f gives: dtype, shape and values."""
    expected = f(*[np.array(x) for x in arguments])
    expected = expected if isinstance(expected, (tuple, list)) else [expected]
    graph, captures = trace(f, *arguments)
    check_graph(graph)
    assert parse(graph.text()).text() == graph.text()
    found = graph.evaluate(*arguments, *captures)
    for got, want in zip(found, map(np.asarray, expected), strict=True):
        assert got.dtype == want.dtype
        assert got.shape == want.shape
        assert_array_equal(got, want)
    return graph


def assign(x: Any, index: Any, value: Any) -> None:
    """An assignment where an expression is asked for."""
    x[index] = value


def numbers(*shape: int) -> np.ndarray[Any, Any]:
    return np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape)


X = numbers(4, 5)
T = numbers(2, 3, 4)

INDICES: list[tuple[Any, Any]] = [
    (X, 1),
    (X, -1),
    (X, np.int32(2)),
    (X, (1, 2)),
    (X, slice(1, 3)),
    (X, slice(None, None, -1)),
    (X, (slice(3, 0, -2), slice(None, None, 2))),
    (X, (Ellipsis, 1)),
    (X, (None, slice(None), None, 2)),
    (X, ()),
    (X, Ellipsis),
    (X, slice(2, 2)),
    (X, [0, 2, 2]),
    (X, ([0, 1], [2, -1])),
    (X, (slice(1, 3), [0, 4])),
    (X, ([3, 1], slice(None, None, -2))),
    (X, (1, [0, 2])),
    (X, np.array([[0, 1], [2, 3]])),
    (X, np.array([0, 3], np.uint8)),
    (X, []),
    (X, X > 7),
    (X, X[:, 0] > 7),
    (X, (slice(None), X[0] > 2)),
    (X, ([0, 1, 2], X[0] > 2)),
    (T, ([0, 1], slice(None), [1, 2])),
    (T, (slice(None), [0, 1], [1, 2])),
    (T, (0, slice(None), [1, 2])),
    (T, ([[0], [1]], [0, 2])),
    (T, ([[0], [1]], slice(None), [0, 2])),
    (T, (slice(None), None, [0, 2], 1)),
    (T, (None, [0, 1], slice(0, 2), [1, 2], None)),
    (T, (Ellipsis, [0, 1], None)),
    (T, (slice(None), [0, 1], None, [1, 2])),
]
IDS = range(len(INDICES))


@pytest.mark.parametrize(("x", "index"), INDICES, ids=IDS)
def test_reading(x: Any, index: Any) -> None:
    compare(lambda x: x[index], x)


@pytest.mark.parametrize(("x", "index"), INDICES, ids=IDS)
def test_writing_a_number(x: Any, index: Any) -> None:
    def write(x: Any) -> Any:
        x = x.copy()
        x[index] = -1
        return x

    compare(write, x)


@pytest.mark.parametrize(("x", "index"), INDICES, ids=IDS)
def test_writing_an_array(x: Any, index: Any) -> None:
    def write(x: Any, value: Any) -> Any:
        x = x.copy()
        x[index] = value
        return x

    value = -numbers(*x[index].shape)
    compare(write, x, value)
    is_mask = isinstance(index, np.ndarray) and index.dtype == bool
    if value.ndim and value.size:
        compare(write, x, value[..., -1:])
    if value.ndim and value.size and not is_mask:
        compare(write, x, value[None].astype(np.int32))


@pytest.mark.parametrize(("x", "index"), INDICES, ids=IDS)
def test_updating(x: Any, index: Any) -> None:
    def update(x: Any) -> Any:
        x = x.copy()
        x[index] += 2.0
        x[index] *= x[index]
        return x

    compare(update, x)


def test_traced_positions() -> None:
    compare(lambda x, i: x[i], X, np.array([3, -1, 0]))
    compare(lambda x, i: x[i], X, np.int64(2))
    compare(lambda x, i: x[i, 1], X, np.int64(-2))
    compare(lambda x, i: x[1:, i], X, np.array([[0], [4]], np.int32))
    compare(lambda x, i, j: x[i, j], X, np.array([0, 1]), np.int64(2))
    compare(lambda x, i, j: x[i, :, j], T, np.array([[0], [1]]), np.array([1, 2, 3], np.int32))


def test_traced_positions_are_written_to() -> None:
    def write(x: Any, i: Any, v: Any) -> Any:
        x = x.copy()
        x[i] = v
        x[0, i] += 1.0
        return x

    compare(write, X, np.array([3, 1, 0]), numbers(3, 5))
    compare(write, X, np.int64(2), numbers(5))


def test_traced_masks_are_written_through() -> None:
    def write(x: Any, y: Any) -> Any:
        x = x.copy()
        x[x > 15] = 0
        x[y > 18] = np.float32(0.5)
        x[:, y[0] > 2] = -1
        x[y[:, 0] > 7] = y[0]
        x[1, y[0] > 4] = 9.5
        x[y[:, 1] > 1] = y[:1]
        x[y[2, 1] > 1] = y[0]
        corner = x[0, :1].reshape(())
        corner[y[0, 0] < 1] = y[:1, 3]
        corner[y[0, 0] > 1] = 0
        return x

    compare(write, X, X)
    with pytest.raises(ValueError, match="how many elements"):
        trace(lambda x, y: assign(x.copy(), x > 2, y), X, X)
    with pytest.raises(IndexError, match="boolean index did not match"):
        trace(lambda x, y: assign(x.copy(), y[0] > 2, 0.0), X, X)


def test_reading_through_a_traced_mask_names_the_way_out() -> None:
    with pytest.raises(TracedValueError, match=r"np\.where"):
        trace(lambda x: x[x > 0], X)


def test_views_are_seen_both_ways() -> None:
    def f(x: Any) -> Any:
        x = x.copy()
        row = x[2]
        row[:] = 0
        corner = x[:2, :2]
        x[0, 0] = 50.0
        corner.T[1] = corner[0] + 1
        flat = x.reshape(-1)
        flat[3:6] = [7.0, 8.0, 9.0]
        x.T[0, 1:3] += 100.0
        lifted = x[:, None].swapaxes(0, 1).squeeze(0)
        lifted[3, ::-2] = numbers(3)
        np.flip(x)[0, 0] = -5.0
        x[::2][1, 1:] *= 2.0
        return x, row, corner, flat, lifted

    compare(f, X)


def test_copies_are_apart() -> None:
    def f(x: Any) -> Any:
        x = x.copy()
        several = [x[[0, 1]], x.copy(), np.array(0.0) + x, x.flatten(), x.T.reshape(-1), +x]
        x[...] = 0.0
        several[0][0] = 3.0
        return x, *several

    compare(f, X)


def test_element_is_no_view() -> None:
    def f(x: Any) -> Any:
        x = x.copy()
        element = x[1, 1]
        element += 5.0
        return x, element

    compare(f, X)


def test_views_cost_nothing_when_nothing_is_written() -> None:
    graph = compare(lambda x: x.T[1:3].reshape(2, 4), X)
    assert [n.primitive.name for n in graph.nodes] == ["permute", "slice"]


def test_update_of_a_slice_is_one_node() -> None:
    def f(x: Any) -> Any:
        x = x.copy()
        x[1:3] += 1.0
        return x

    names = [n.primitive.name for n in compare(f, X).nodes]
    assert names == ["slice", "literal", "broadcast", "add", "update_slice"]


def test_broadcast_view_is_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        trace(lambda x: assign(np.broadcast_to(x, (3, 4)), 0, 1.0), numbers(4))


def test_read_only_storage() -> None:
    with new_trace() as running:
        node = running.builder.parameter(ArrayType((3,), np.dtype("f8")))
        x = Tracer(node, storage=Storage(node, read_only="an argument cannot be written to"))
        with pytest.raises(ValueError, match="an argument cannot"):
            x[0] = 1.0
        with pytest.raises(ValueError, match="an argument cannot"):
            x[1:][0] = 1.0
        np.copy(x)[0] = 1.0


def test_dtype_of_assignment() -> None:
    def f(x: Any, y: Any) -> Any:
        x = x.copy()
        x[0] = 2.9
        x[1:3] = y
        x[3] = True
        return x

    compare(f, np.arange(4), np.array([-1.5, 7.9]))
    with pytest.raises(OverflowError):
        trace(lambda x: assign(x.copy(), 0, 2**40), np.arange(3, dtype=np.int32))


def test_add_at() -> None:
    def f(x: Any, v: Any) -> Any:
        x = x.copy()
        np.add.at(x, [0, 0, 2], v)
        np.subtract.at(x, ([1, 1], [2, 2]), 5.0)
        place: Any = (slice(1, 3), 1)
        np.add.at(x, place, 1.0)
        return x

    compare(f, X, numbers(3, 5))


def test_put_along_axis() -> None:
    def f(x: Any) -> Any:
        x = x.copy()
        np.put_along_axis(x, np.argmax(x, axis=1, keepdims=True), -1.0, axis=1)
        return x

    compare(f, X)


ERRORS: list[tuple[Any, type[Exception], str]] = [
    (4, IndexError, "index 4 is out of bounds for axis 0 with size 4"),
    ((0, -6), IndexError, "index -6 is out of bounds for axis 1 with size 5"),
    ((0, 0, 0), IndexError, "too many indices for array: array is 2-dimensional, but 3 were"),
    ((..., ...), IndexError, "an index can only have a single ellipsis"),
    (1.5, IndexError, "only integers, slices"),
    ("a", IndexError, "only integers, slices"),
    ([0, 9], IndexError, "index 9 is out of bounds for axis 0 with size 4"),
    (([0, 1], [0, 1, 2]), IndexError, "shape mismatch: indexing arrays could not be broadcast"),
    (np.array([True, False]), IndexError, "boolean index did not match indexed array along axis 0"),
]


@pytest.mark.parametrize(("index", "kind", "text"), ERRORS, ids=range(len(ERRORS)))
def test_errors(index: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        X[index]
    with pytest.raises(kind, match=text) as raised:
        trace(lambda x: x[index], X)
    assert "test_indexing.py" in str(raised.value)
    with pytest.raises(kind, match=text):
        trace(lambda x: assign(x.copy(), index, 0.0), X)


def test_shape_of_assignment() -> None:
    with pytest.raises(ValueError, match=r"from shape \(3,\) into shape \(2,5\)"):
        trace(lambda x: assign(x.copy(), slice(0, 2), [1, 2, 3]), X)


def test_iteration_and_length() -> None:
    compare(lambda x: [row * 2 for row in x], X)
    assert len(trace(lambda x: list(x), X)[0].outputs) == 4


@st.composite
def cases(draw: st.DrawFn) -> tuple[Any, Any]:
    """An array and an index into it."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, max_side=4))
    basic = hnp.basic_indices(shape, allow_newaxis=True, max_dims=6)
    arrays = hnp.integer_array_indices(
        shape, result_shape=hnp.array_shapes(max_dims=2, max_side=3), dtype=np.dtype(np.int64)
    )
    return numbers(*shape), draw(st.one_of(basic, arrays, mixed(shape)))


@st.composite
def mixed(draw: st.DrawFn, shape: tuple[int, ...]) -> Any:
    """Ints, slices, new axes and index arrays in one index."""
    outer = draw(st.sampled_from([(), (2,), (3,), (2, 3)]))
    items: list[Any] = []
    for extent in shape[: draw(st.integers(1, len(shape)))]:
        if draw(st.integers(0, 4)) == 0:
            items.append(None)
        positions = st.integers(-extent, extent - 1)
        thin = st.sampled_from([outer, outer[1:], (1,) * len(outer)])
        items.append(
            draw(
                st.one_of(
                    positions,
                    st.slices(extent),
                    hnp.arrays(np.int64, thin, elements=positions),
                )
            )
        )
    return tuple(items)


@QUICK
@given(cases())
def test_any_reading(case: tuple[Any, Any]) -> None:
    x, index = case
    compare(lambda x: x[index], x)


@QUICK
@given(cases(), st.booleans())
def test_any_writing(case: tuple[Any, Any], broadcast: bool) -> None:
    x, index = case
    shape = np.asarray(x[index]).shape
    value = -numbers(*shape)
    if broadcast and shape:
        value = value[..., :1]

    def write(x: Any, value: Any) -> Any:
        x = x.copy()
        x[index] = value
        return x

    compare(write, x, value)


@QUICK
@given(cases())
def test_any_traced_positions(case: tuple[Any, Any]) -> None:
    """The same with the index arrays as arguments."""
    x, index = case
    items = list(index) if isinstance(index, tuple) else [index]
    places = [n for n, item in enumerate(items) if isinstance(item, np.ndarray)]

    def read(x: Any, *arrays: Any) -> Any:
        full = list(items)
        for n, array in zip(places, arrays, strict=True):
            full[n] = array
        return x[tuple(full)]

    compare(read, x, *(items[n] for n in places))


@QUICK
@given(cases())
def test_any_chain_of_views(case: tuple[Any, Any]) -> None:
    """Writing to a view of a view is seen by the array wherever NumPy's is."""
    x, index = case

    def write(x: Any) -> Any:
        x = x.copy()
        view = x[index]
        if view.ndim:
            view[::2] = -1.0
            view.T[...] += 100.0
        return x

    compare(write, x)


def test_an_index_that_is_read_and_added_to_is_checked_once() -> None:
    gradient = pb.grad(lambda table, at: np.sum(table[at] ** 2))
    table, places = np.arange(1.0, 5.0), np.array([0, -1, 3, 3, -4])
    np.testing.assert_allclose(gradient(table, places), [4.0, 0.0, 0.0, 24.0])
    assert str(gradient.llvm(table, places)).count("!prof") == 1
    for bad in (4, -5, 2**62, -(2**63)):
        places[2] = bad
        with pytest.raises(IndexError, match=f"index {bad} is out of bounds"):
            gradient(table, places)


# -- rows of computed tables -----------------------------------------------------------------------

ROWS, COLUMNS = numbers(40, 3) / 50.0, np.linspace(-1.0, 1.0, 6).reshape(3, 2)
PICKED = np.array([[3, -1], [0, 3]])

PICKS: dict[str, Callable[..., Any]] = {
    "elements": lambda x, i: (np.sin(x) * x - np.where(x > 0.5, x, 2.0))[i],
    "products": lambda x, i: (np.exp(x @ COLUMNS) + 1.0)[i],
    "sums": lambda x, i: np.sqrt(np.sum(x * x, axis=1))[i],
    "spread": lambda x, i: (x[:, None, :] * COLUMNS.T - np.ones((40, 2, 3)))[i],
    "joined": lambda x, i: np.concatenate([np.cos(x), x, x * x], axis=1)[i],
    "moved": lambda x, i: np.transpose((x * 2.0).reshape(40, 3, 1), (0, 2, 1))[i],
    "several": lambda x, i: (lambda y: y[i] * np.tanh(y)[i])(x + 1.0),
    "one": lambda x, i: np.maximum(x @ COLUMNS, 0.1)[i[0, 1]],
    "floats": lambda x, i: (x.astype(np.float32) + np.float32(1.0))[i],
}


@pytest.mark.parametrize("name", PICKS)
def test_rows_are_computed_alone(name: str) -> None:
    f = PICKS[name]
    np.testing.assert_allclose(pb.jit(f)(ROWS, PICKED), f(ROWS, PICKED), rtol=1e-13)
    graph = pb.jit(f).ir(ROWS, PICKED)
    assert all(x.type.shape[:1] != (40,) for x in graph.nodes)
    if name != "floats":
        check_grads(lambda x: np.sum(f(x, PICKED) ** 2), (ROWS,), order=1)


def test_tables_that_are_wanted_are_computed() -> None:
    """As a whole, by other rows, or since most of the rows are picked."""
    other = np.array([5, 7])
    cases: list[Callable[..., Any]] = [
        lambda x, i: (lambda y: (y, y[i]))(np.sin(x)),
        lambda x, i: (lambda y: (y[i], y[other]))(np.sin(x)),
        lambda x, i: np.sin(x)[np.arange(30)],
        lambda x, i: np.sum(x[:, :, None] * np.ones(40), axis=0)[:, i],
    ]
    for f in cases:
        whole = [x for x in pb.jit(f).ir(ROWS, PICKED).nodes if 40 in x.type.shape]
        assert any(x.primitive.elementwise for x in whole)
        for got, want in zip(pb.jit(f)(ROWS, PICKED), f(ROWS, PICKED), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-15)


def test_tables_of_loops_and_batches_are_computed_once() -> None:
    """However few rows each turn and each item picks."""
    rates, places = np.linspace(0.1, 1.0, 40), np.arange(100) % 40

    def loop(i: Any, r: Any) -> Any:
        return pb.scan(lambda c, k: (c + np.exp(r)[k], None), 0.0, i)[0]

    def items(i: Any, r: Any) -> Any:
        return pb.vmap(lambda x, k: pb.grad(lambda x: x * np.exp(r)[k])(x))(np.ones(100), i)

    for f, expected in ((loop, np.exp(rates)[places].sum()), (items, np.exp(rates)[places])):
        graph = pb.jit(f).ir(places, rates)
        applied = [line.split()[1] for line in graph.text().splitlines() if "= exp" in line]
        assert applied == ["f64[40]"]
        np.testing.assert_allclose(pb.jit(f)(places, rates), expected, rtol=1e-14)


def test_rows_that_are_not_there() -> None:
    function = pb.jit(PICKS["elements"])
    for bad in (40, -41):
        with pytest.raises(
            IndexError, match=f"index {bad} is out of bounds for axis 0 with size 40"
        ):
            function(ROWS, np.array([0, bad]))
