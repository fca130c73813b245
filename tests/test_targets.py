"""Results in arrays that the caller gives, with ``out`` or by donating arguments."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import optree
import pytest

import pullback as pb

tree_map: Any = optree.tree_map
tree_leaves: Any = optree.tree_leaves


class Pair(NamedTuple):
    a: Any
    b: Any


def draw(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(size=shape)


def like(result: Any) -> Any:
    """Arrays for a result, full of what no result has in it."""
    return tree_map(lambda x: np.full(np.shape(x), 77, np.asarray(x).dtype), result)


X, M = draw(6), draw(3, 4, seed=1)
CAPTURED = draw(6, seed=2)


def written(x: Any) -> Any:
    y = x * 2.0
    x[0] = 5.0
    return y


def asked(x: Any) -> Any:
    return np.sin(x) if np.sum(x) > 0 else np.cos(x)


FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "jit": (pb.jit(lambda x: np.tanh(x) * 2.0), (X,)),
    "grad": (pb.grad(lambda x: np.sum(np.sin(x))), (X,)),
    "value and gradient": (pb.value_and_grad(lambda x: np.sum(np.sin(x))), (X,)),
    "forward": (pb.jacfwd(lambda x: np.sin(x)), (X,)),
    "reverse": (pb.jacrev(lambda x: x @ M), (X[:3],)),
    "hessian": (pb.hessian(lambda x: np.sum(x**3)), (X,)),
    "vmap": (pb.vmap(lambda x: (x[::-1], np.sum(x))), (M,)),
    "jvp": (lambda x, **out: pb.jit(lambda x: pb.jvp(np.sin, (x,), (x,)))(x, **out), (X,)),
    "dict": (pb.jit(lambda x: {"b": x + 1.0, "a": [x[0], None]}), (X,)),
    "named tuple": (pb.jit(lambda x: Pair(x * 2.0, x - 1.0)), (X,)),
    "argument in a named tuple": (pb.jit(lambda p: p.a + p.b), (Pair(X, X),)),
    "captured": (pb.jit(lambda x: x + CAPTURED), (X,)),
    "captured as it lies": (pb.jit(lambda x: x + M[:, 1]), (X[:3],)),
    "the argument": (pb.jit(lambda x: (x, x + 1.0)), (X,)),
    "one value twice": (pb.jit(lambda x: (y := np.exp(x), y)), (X,)),
    "number": (pb.jit(lambda x: np.sum(x)), (X,)),
    "numbers of all kinds": (pb.jit(lambda x: (x > 0, x.astype(int), x + 1j)), (X,)),
    "nothing": (pb.jit(lambda x: x[:0]), (X,)),
    "half": (pb.jit(lambda x: x.astype(np.float16) + np.float16(1)), (X,)),
    "written": (pb.jit(written), (X,)),
    "asked": (pb.jit(asked), (X,)),
    "keyword": (lambda x, **out: pb.jit(lambda x, *, y: x * y)(x, y=x, **out), (X,)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_are_in_what_is_given(name: str) -> None:
    function, args = FUNCTIONS[name]
    fresh = tree_map(np.copy, args)
    expected = function(*fresh)
    for _ in range(3):
        given = like(expected)
        fresh = tree_map(np.copy, args)
        assert function(*fresh, out=given) is given
        tree_map(np.testing.assert_array_equal, given, expected)


SHARED = np.empty(9)
two = pb.jit(lambda x: (x, 2.0 * x))
one = pb.jit(lambda x: 2.0 * x)


def backwards(x: Any) -> Any:
    return np.cumsum(x[::-1]) + x[0]


X8 = draw(8, seed=3)
OVERLAPPING: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "the same": lambda m: (m[0], m[0]),
    "shifted": lambda m: (m.ravel()[:8], m.ravel()[3:11]),
    "backwards": lambda m: (m[0], m[0, ::-1]),
    "column": lambda m: (m[1], m[:, 1]),
    "row of another order": lambda m: (m[0], np.asfortranarray(m)[2]),
    "other byte order": lambda m: (m[0], np.empty(8, ">f8")),
}


@pytest.mark.parametrize("name", OVERLAPPING)
def test_given_arrays_may_lie_anywhere(name: str) -> None:
    function = pb.jit(backwards)
    for _ in range(3):
        x, out = OVERLAPPING[name](np.arange(64.0).reshape(8, 8) / 7)
        expected = backwards(x)
        assert function(x, out=out) is out
        np.testing.assert_allclose(out, expected, rtol=1e-15)


def test_columns_of_one_array_may_be_given() -> None:
    columns = np.empty((6, 2))
    two(X, out=(columns[:, 0], columns[:, 1]))
    np.testing.assert_array_equal(columns, np.stack([X, 2.0 * X], 1))


def test_what_is_captured_may_be_given() -> None:
    table = np.arange(4.0)
    function = pb.jit(lambda x: table[::-1] + x)
    for _ in range(2):
        expected = table[::-1] + 1.0
        np.testing.assert_array_equal(function(np.ones(4), out=table), expected)


def read_only() -> Any:
    x = np.empty(6)
    x.flags.writeable = False
    return x


BAD: list[tuple[Any, Any, type[Exception], str]] = [
    (one, np.empty(5), ValueError, r"out has an array of shape \(5,\) for a result f64\[6\]"),
    (one, np.empty(6, np.float32), TypeError, r"an array of dtype float32 for a result f64\[6\]"),
    (one, (np.empty(6),), TypeError, r"out is no tree like the result\n  the result is f64\[6\]"),
    (two, np.empty(6), TypeError, r"the result is \(f64\[6\], f64\[6\]\)"),
    (two, [np.empty(6)] * 2, ValueError, "two arrays given as out share memory"),
    (two, (SHARED[:6], SHARED[3:]), ValueError, "two arrays given as out share memory"),
    (two, [np.empty(6), np.empty(6)], TypeError, "no tree like the result"),
    (one, read_only(), ValueError, "an array given as out is read-only"),
    (one, 3.0, TypeError, "out takes arrays, got a float"),
    (one, [0.0] * 6, TypeError, "out takes arrays, got a float"),
    (one, None, TypeError, "no tree like the result"),
]


@pytest.mark.parametrize(("function", "out", "error", "message"), BAD)
def test_what_does_not_fit(function: Any, out: Any, error: type[Exception], message: str) -> None:
    function(X, out=like(function(X)))
    for _ in range(2):
        with pytest.raises(error, match=message) as caught:
            function(X, out=out)
        assert "test_targets.py" in str(caught.value)
    with pb.disable_jit(), pytest.raises(error):
        function(X, out=out)


def test_a_parameter_of_that_name_is_the_functions_own() -> None:
    assert pb.jit(lambda x, out: x + out)(1.0, out=2.0) == 3.0
    assert pb.jit(lambda x, **rest: x + rest["out"])(1.0, out=2.0) == 3.0
    assert pb.grad(lambda x, out: x * out)(1.0, out=2.0) == 2.0
    y = np.empty(6)
    np.testing.assert_allclose(pb.jit(np.add)(X, 1.0, out=y), X + 1.0)
    np.testing.assert_allclose(y, X + 1.0)


def test_within_traced_functions_and_without_compiling() -> None:
    inner = pb.jit(lambda x: 2.0 * x)

    @pb.jit
    def outer(x: Any) -> Any:
        y = np.zeros_like(x)
        inner(x, out=y[1:-1][:4]) if x.size == 4 else inner(x, out=y)
        return y

    np.testing.assert_array_equal(outer(X), 2.0 * X)
    np.testing.assert_allclose(pb.grad(lambda x: np.sum(outer(x) ** 2))(X), 8.0 * X)
    table = np.empty(6)
    with pytest.raises(TypeError, match="out takes arrays that it has computed"):
        pb.jit(lambda x: inner(x, out=table))(X)
    with pb.disable_jit():
        np.testing.assert_array_equal(inner(X, out=table), 2.0 * X)


def test_the_plan_for_given_arrays() -> None:
    assert one.plan(X, out=np.empty(6)).kernels
    assert one.signatures[-1].startswith("(f64[6], out=...) compiled")


def test_a_call_that_fails() -> None:
    take = pb.jit(lambda x, i: x[i])
    out = np.empty(2)
    for _ in range(2):
        with pytest.raises(IndexError):
            take(X, np.array([1, 99]), out=out)
        np.testing.assert_array_equal(take(X, np.array([1, 2]), out=out), X[1:3])


# -- donation --------------------------------------------------------------------------------------


@dataclass
class Donation:
    """A function, its arguments, the one donated, and the part of the result that lies in it."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    donated: int | tuple[int, ...] = 0
    reused: Callable[[Any], Any] | None = lambda result: result


DONATIONS: dict[str, Donation] = {
    "elementwise": Donation(lambda x, y: np.tanh(x) * y, (X, 2.0)),
    "step": Donation(lambda w, g: (w - 0.1 * g, np.sum(g * g)), (M, M + 1.0), 0, lambda r: r[0]),
    "second": Donation(lambda x, y: x[0] * y, (X, M), 1),
    "from the end": Donation(lambda x, y: x[0] * y, (X, M), -1),
    "read before": Donation(lambda x: x - np.sum(x), (X,)),
    "read elsewhere": Donation(lambda x: x + x[::-1], (X8,), 0, None),
    "read afterwards": Donation(lambda x: (np.exp(x), np.cumsum(x)), (X8,), 0, None),
    "of another type": Donation(lambda x: x.astype(np.float32), (X,), 0, None),
    "read by product": Donation(lambda x: np.sin(x @ x) + x, (draw(40, 40),), 0),
    "sorted": Donation(lambda x: np.sort(x) * 2.0, (draw(50),), 0, None),
    "loop": Donation(
        lambda x: pb.scan(lambda c, _: (np.sin(c) + c[::-1], None), x, length=5)[0], (X,), 0, None
    ),
    "temporaries": Donation(
        lambda x, a: np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x))) + a * x, (draw(900), 2.0)
    ),
    "itself": Donation(lambda x: x, (X,), 0, None),
    "tree": Donation(lambda t: {"a": t["a"] * 2.0, "b": t["b"] + t["a"][0]}, ({"a": X, "b": M},)),
    "number": Donation(lambda n, x: n * x, (2.0, X), 0, None),
    "asked": Donation(asked, (X,), 0, None),
    "written": Donation(written, (X,), 0, None),
}


@pytest.mark.parametrize("name", DONATIONS)
def test_donated_arrays_hold_the_result(name: str) -> None:
    case = DONATIONS[name]
    expected = case.function(*tree_map(np.copy, case.args))
    compiled = pb.jit(case.function, donate_argnums=case.donated)
    number = case.donated if isinstance(case.donated, int) else case.donated[0]
    for _ in range(3):
        args = tree_map(lambda x: np.copy(x) if isinstance(x, np.ndarray) else x, case.args)
        result = compiled(*args)
        tree_map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15), result, expected
        )
        if case.reused is not None:
            leaves = tree_leaves(args[number])
            found = tree_leaves(case.reused(result))
            assert any(a is b for a in leaves for b in found)


def test_arrays_that_must_not_be_written_to() -> None:
    add = pb.jit(lambda x, y: x + y, donate_argnums=0)
    x, y = draw(40), draw(40, seed=1)
    whole = draw(60)
    frozen = x.copy()
    frozen.flags.writeable = False
    for _ in range(3):
        before = x.copy()
        np.testing.assert_array_equal(add(x, x), 2.0 * before)
        np.testing.assert_array_equal(x, before)
        expected = whole[:40] + whole[20:]
        np.testing.assert_array_equal(add(whole[:40], whole[20:]), expected)
        np.testing.assert_array_equal(add(frozen, y), before + y)
        np.testing.assert_array_equal(frozen, before)
        strided = np.repeat(x, 2)[::2]
        np.testing.assert_array_equal(add(strided, y), x + y)
        np.testing.assert_array_equal(strided, x)
    assert add(x, y) is x


def test_donated_and_captured() -> None:
    table = draw(30)
    add = pb.jit(lambda x: x + table[::-1], donate_argnums=0)
    for _ in range(2):
        before = table.copy()
        np.testing.assert_array_equal(add(table), before + before[::-1])
        np.testing.assert_array_equal(table, before)


def test_donating_what_is_not_there() -> None:
    with pytest.raises(TypeError, match="donate argument 2, but the call has 1 positional"):
        pb.jit(lambda x: x + 1.0, donate_argnums=2)(X)
    with pytest.raises(ValueError, match="static argument cannot be donated"):
        pb.jit(lambda n, x: x * n, static_argnums=0, donate_argnums=(0, 1))
    scaled = pb.jit(lambda n, x: x * n, static_argnums=0, donate_argnums=1)
    x = X.copy()
    assert scaled(3, x) is x
    with_both = pb.jit(lambda x: x + 1.0, donate_argnums=0)
    y, out = X.copy(), np.empty(6)
    assert with_both(y, out=out) is out
    np.testing.assert_array_equal(y, X)


def test_many_threads_with_arrays_of_their_own() -> None:
    step = pb.jit(lambda x, k: np.sin(x) + k, donate_argnums=0)
    wave = pb.jit(lambda x, k: np.cos(x) * k)
    wrong: list[int] = []

    def work(k: int) -> None:
        x, y = np.full(3000, float(k)), np.empty(3000)
        for _ in range(50):
            expected = np.sin(x[0]) + k
            x = step(x, float(k))
            if abs(x[7] - expected) > 1e-12:
                wrong.append(k)
            if abs(wave(x, float(k), out=y)[9] - np.cos(x[9]) * k) > 1e-12:
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_donated_arrays_of_no_elements():
    """An output without elements is read by a kernel, and written by none."""

    def program(x: Any, y: Any) -> Any:
        inner = np.tanh(x[:0, :0])
        return inner, np.pad(y * (1.0 - inner * inner), ((0, 1), (0, 1)))

    empty, whole = pb.jit(program, donate_argnums=1)(np.ones((1, 1)), np.empty((0, 0)))
    assert empty.shape == (0, 0)
    np.testing.assert_array_equal(whole, [[0.0]])
