"""Python's control flow on traced values: a call's path, and other calls on other paths."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import pullback as pb
import pullback.numpy as pnp
from pullback.tracer.errors import TracedValueError

Array = np.ndarray[Any, Any]


@pytest.fixture
def few_paths() -> Iterator[None]:
    pb.set_paths_limit(3)
    yield
    pb.set_paths_limit(64)


def clipped(x: Any) -> Any:
    if x < -1:
        return -2.0 * x
    if x > 1:
        return x * x
    return 3.0 * x


def newton(a: Any) -> Any:
    x = 0.5 * (1.0 + a)
    while abs(x * x - a) > 1e-12 * a:
        x = 0.5 * (x + a / x)
    return x


def power_sum(x: Any, n: Any) -> Any:
    total = 0.0
    for i in range(n):
        total = total + x**i
    return total


def pivot(x: Any) -> Any:
    return x[int(np.argmax(np.abs(x)))] * np.array([1.0, 2.0, 3.0])


def sorted_by_hand(x: Any) -> Any:
    """Insertion sort on Python's list."""
    values = list(x)
    for i in range(1, len(values)):
        j = i
        while j and values[j] < values[j - 1]:
            values[j], values[j - 1] = values[j - 1], values[j]
            j -= 1
    return pnp.stack(values)


def early(x: Any) -> Any:
    for i in range(x.shape[0]):
        if x[i] < 0:
            return x[i] * i
    return np.sum(x)


@pytest.mark.parametrize(
    ("function", "calls"),
    [
        (clipped, [(2.0,), (-3.0,), (0.5,), (2.5,), (-1.0,), (np.nan,)]),
        (newton, [(2.0,), (9.0,), (1e8,), (2.0,)]),
        (power_sum, [(2.0, 3), (2.0, 5), (2.0, 0), (0.5, 3)]),
        (pivot, [(np.array([1.0, -5.0, 2.0]),), (np.array([9.0, -5.0, 2.0]),)]),
        (sorted_by_hand, [(np.array([3.0, 1.0, 2.0]),), (np.array([1.0, 2.0, 3.0]),)]),
        (lambda x: x * x.item(), [(np.float64(2.0),), (np.float64(3.0),), (np.array([2.0]),)]),
        (early, [(np.array([1.0, -2.0, -3.0]),), (np.array([1.0, 2.0]),), (np.ones(0),)]),
    ],
)
def test_values_are_those_of_python(function: Callable[..., Any], calls: list[Any]) -> None:
    compiled = pb.jit(function)
    for _ in range(2):
        for args in calls:
            np.testing.assert_allclose(compiled(*args), function(*args), rtol=1e-14)


def test_gradients_follow_the_path() -> None:
    slope = pb.grad(clipped)
    found = [slope(x) for x in (2.0, -3.0, 0.5, 3.0, -2.0, 0.1)]
    np.testing.assert_array_equal(found, [4.0, -2.0, 3.0, 6.0, -2.0, 3.0])
    assert len(slope.signatures) == 3
    assert pb.grad(newton)(2.0) == pytest.approx(0.5 * 2**-0.5)
    assert pb.hessian(newton)(2.0) == pytest.approx(-0.25 * 2**-1.5)
    assert pb.jvp(clipped, (2.0,), (1.0,)) == (4.0, 4.0)
    assert pb.grad(power_sum)(2.0, 4) == 17.0
    np.testing.assert_array_equal(pb.grad(early)(np.array([1.0, -2.0, -3.0])), [0.0, 1.0, 0.0])
    value, pull = pb.vjp(clipped, 2.0)
    assert (value, pull(1.0)) == (4.0, (4.0,))
    assert pb.jet(clipped, (2.0,), ((1.0, 0.0),)) == (4.0, [4.0, 2.0])


def test_what_all_items_share_has_a_value() -> None:
    """So it decides on the path, under several `vmap` and with derivatives, too."""
    xs = np.arange(6.0).reshape(2, 3)
    f = pb.vmap(pb.vmap(power_sum, (0, None)), (1, None), 1)
    slope = pb.vmap(pb.grad(lambda x, n: np.sum(power_sum(x, n))), (0, None))
    for n in (3, 0, 2, 3):
        np.testing.assert_array_equal(f(xs, n), [[power_sum(x, n) for x in row] for row in xs])
        np.testing.assert_array_equal(slope(xs, n), sum(i * xs ** max(i - 1, 0) for i in range(n)))
    with pytest.raises(TracedValueError):
        pb.vmap(f, (None, 0))(xs, np.arange(3))


def test_paths_are_compiled_once() -> None:
    compiled = pb.jit(newton)
    compiled(2.0)
    compiled(2.1)
    assert len(compiled.signatures) == 1
    compiled(1e6)
    assert len(compiled.signatures) == 2
    for a in (2.0, 1e6, 2.05):
        compiled(a)
    assert len(compiled.signatures) == 2


def test_a_path_beyond_an_error() -> None:
    """What a path does that is not the call's own is no error of the call."""

    def f(x: Any, i: Any) -> Any:
        table = pnp.asarray(np.arange(3.0))
        return table[i] * x if i < 3 else -x

    compiled = pb.jit(f)
    assert compiled(2.0, 1) == 2.0
    assert compiled(2.0, 7) == -2.0
    assert compiled(2.0, 2) == 4.0
    with pytest.raises(IndexError):
        compiled(2.0, -9)


def test_a_path_that_would_not_end() -> None:
    """The loop of another path is not even begun."""

    def f(x: Any, step: Any) -> Any:
        if step > 0:
            return pb.while_loop(lambda v: v < 10.0, lambda v: v + step, x)
        return x

    compiled = pb.jit(f)
    assert compiled(1.0, 3.0) == 10.0
    assert compiled(1.0, 0.0) == 1.0


def test_values_of_arrays_from_outside() -> None:
    limit = np.array([1.0])

    @pb.jit
    def f(x: Any) -> Any:
        return x if x > pnp.asarray(limit)[0] else -x

    assert f(2.0) == 2.0
    limit[0] = 5.0
    assert f(2.0) == -2.0


def test_arrays_made_within_a_differentiated_function() -> None:
    def flight(u: Any) -> Any:
        place, speed = np.zeros(2), u * 1.0
        while place[1] >= 0.0:
            place = place + speed
            speed = speed - 1.0
        return place[0]

    value, slope = pb.value_and_grad(flight)(np.array([12.0, 0.8]))
    assert value == flight(np.array([12.0, 0.8]))
    np.testing.assert_array_equal(slope, [3.0, 0.0])


def test_arguments_that_are_written_to() -> None:
    @pb.jit
    def f(x: Any) -> Any:
        if x[0] > 0:
            x[1] = 7.0
        return np.sum(x)

    first, second = np.array([1.0, 2.0]), np.array([-1.0, 2.0])
    assert (f(first), f(second)) == (8.0, 1.0)
    np.testing.assert_array_equal(first, [1.0, 7.0])
    np.testing.assert_array_equal(second, [-1.0, 2.0])


def test_answers_of_many_turns_are_one_array() -> None:
    """A loop that went round often is a loop again, and so are its conditions."""

    def slowly(x: Any) -> Any:
        while x > 1.0:
            x = x * 0.99 - 0.001
        return x

    compiled = pb.jit(slowly)
    for x in (50.0, 2.0, 49.0, 60.0):
        assert compiled(x) == pytest.approx(slowly(x), rel=1e-12)
    graph = compiled.ir(50.0)
    assert len(graph.outputs) == 2
    assert len(graph.nodes) < 40
    turns, x = 0, 50.0
    while x > 1.0:
        turns, x = turns + 1, x * 0.99 - 0.001
    assert pb.grad(slowly)(50.0) == pytest.approx(0.99**turns)


def calls_in_python(run: Callable[[], Any]) -> list[str]:
    called: list[str] = []

    def note(frame: Any, event: str, _: Any) -> None:
        if event == "call":
            called.append(frame.f_code.co_name)

    sys.setprofile(note)
    run()
    sys.setprofile(None)
    return [name for name in called if name != "<lambda>"]


def test_machine_code_finds_the_path() -> None:
    """What is quickly done and cannot fail is tried without any Python."""
    compiled, row = pb.value_and_grad(clipped), pb.jit(lambda x: x * 2 if x[0] > 0 else x)
    for x in (2.0, -3.0, 0.5):
        compiled(x)
        row(np.array([x, 1.0]))
    wanted = [(4.0, 4.0), (6.0, -2.0), (1.5, 3.0)]
    assert [compiled(x) for x in (2.0, -3.0, 0.5)] == wanted
    ones = np.ones(2)
    assert not calls_in_python(lambda: [compiled(2.0), compiled(-3.0), row(ones)])
    alive = sys.getrefcount(None), len(gc.get_objects())
    for _ in range(1000):
        row(np.array([-1.0, 1.0]))
    assert abs(sys.getrefcount(None) - alive[0]) < 100
    assert abs(len(gc.get_objects()) - alive[1]) < 100


def test_values_from_outside_in_derivatives() -> None:
    table = np.array([[1.0, 2.0], [3.0, 4.0]])

    def f(x: Any) -> Any:
        y = table @ x
        return np.sum(y) if y[0] > 0 else -2.0 * np.sum(y)

    slope = pb.grad(f)
    np.testing.assert_array_equal(slope(np.ones(2)), [4.0, 6.0])
    np.testing.assert_array_equal(slope(-np.ones(2)), [-8.0, -12.0])
    table[:] = -table
    np.testing.assert_array_equal(slope(np.ones(2)), [8.0, 12.0])


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: x if x > 0 else -x, r"one truth(.|\n)*np\.any"),
        (lambda x: x[0] if x[0] in {1.0} else -x[0], r"a set or a dict(.|\n)*float\(x\)"),
    ],
)
def test_what_is_no_single_value(f: Callable[..., Any], message: str) -> None:
    with pytest.raises(TracedValueError, match=message):
        pb.jit(f)(np.ones(3))


def test_too_many_paths(few_paths: None) -> None:
    compiled = pb.jit(lambda x: float(x) * 2.0)
    for x in (1.0, 2.0, 3.0, 2.0):
        assert compiled(x) == 2 * x
    with pytest.raises(TracedValueError, match=r"3 paths .* test_values\.py") as raised:
        compiled(4.0)
    assert "pb.while_loop" in str(raised.value)
    assert compiled(1.0) == 2.0


def many(f: Callable[..., Any]) -> pb.Function:
    return pb.vmap(f)


def compiled(f: Callable[..., Any]) -> pb.Function:
    return pb.jit(f)


def test_numbers_that_have_lost_their_derivative_are_told() -> None:
    with pytest.warns(UserWarning, match="being differentiated"):
        assert pb.grad(lambda x: x * float(x))(3.0) == 3.0


@pytest.mark.parametrize(
    "call",
    [
        lambda f: many(f)(np.ones(3)),
        lambda f: pb.scan(lambda c, x: (f(c), x), 1.0, np.ones(3)),
        lambda f: pb.trace(f, pb.ShapeDtype((), np.float64)),
        lambda f: compiled(f).ir(pb.ShapeDtype((), np.float64)),
    ],
)
def test_where_there_is_no_value(call: Callable[[Any], Any]) -> None:
    with pytest.raises(TracedValueError, match=r"np\.where"):
        call(clipped)


def test_the_graph_of_the_path_is_shown() -> None:
    compiled = pb.jit(clipped)
    texts = [compiled.ir(x).text() for x in (2.0, -3.0, 2.5)]
    assert texts[0] == texts[2] != texts[1]


def test_inner_functions_take_the_path_of_the_outer_call() -> None:
    inner = pb.grad(clipped)
    outer = pb.jit(lambda x: inner(x) + inner(2.0 * x))
    assert outer(1.0) == 3.0 + 4.0
    assert outer(2.0) == 4.0 + 8.0
    np.testing.assert_array_equal(pb.jacfwd(pb.grad(clipped))(2.0), 2.0)


def test_rules_and_checkpoints_take_the_path() -> None:
    doubled: Any = pb.custom_vjp(clipped)
    doubled.defvjp(lambda x: (doubled(x), x), lambda x, ct: (2.0 * ct * x,))
    kept: Any = pb.checkpoint(clipped)
    for f, wanted in ((doubled, [4.0, -6.0]), (kept, [4.0, -2.0])):
        slope: Any = pb.grad(f)
        assert [slope(x) for x in (2.0, -3.0)] == wanted
