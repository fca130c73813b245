"""Calls that machine code takes apart by itself: containers, keywords, many signatures."""

from __future__ import annotations

import gc
import sys
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import pullback as pb


class Pair(NamedTuple):
    a: Any
    b: Any


def total(tree: Any) -> Any:
    """A number that depends on where in a tree each value is."""
    if tree is None:
        return 0.25
    if isinstance(tree, dict):
        return sum(len(key) * total(tree[key]) for key in sorted(tree))
    if isinstance(tree, (tuple, list)):
        return sum((k + 2) * total(x) for k, x in enumerate(tree)) + 3 * isinstance(tree, list)
    return np.sum(tree * np.arange(1.0, 4.0))


X, Y = np.array([1.0, 2.0, 3.0]), np.array([0.5, -1.0, 4.0])
TREES: list[Any] = [
    (X, Y),
    [X, Y],
    {"a": X, "bb": Y},
    {"bb": Y, "a": X},
    {"a": X, "bbb": Y},
    {"a": X},
    {"a": X, "bb": Y, "ccc": X},
    {"a": None, "bb": Y},
    None,
    (X, None),
    (),
    [],
    {},
    ({"a": [X, (Y,)]}, [None, {"b": X}]),
    ({"a": [X, [Y]]}, [None, {"b": X}]),
    Pair(X, Y),
    OrderedDict(a=X, bb=Y),
    defaultdict(list, {"a": X, "bb": Y}),
    {1: X, 2: Y},
    [X, 2.0, 3, True, 1j, np.float64(4.0), np.int64(5)],
]


def expected(tree: Any) -> Any:
    return total({str(k): v for k, v in tree.items()} if isinstance(tree, dict) else tree)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], int]:
    """How often a function's calls went through Python."""
    seen: list[int] = []
    original = pb.Function._slow

    def slow(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(1)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(pb.Function, "_slow", slow)

    def count(call: Any) -> int:
        seen.clear()
        call()
        return len(seen)

    return count


def test_trees_of_every_kind_in_one_function() -> None:
    function = pb.jit(expected)
    for _ in range(3):
        for tree in TREES:
            np.testing.assert_allclose(function(tree), expected(tree), rtol=1e-15)
    assert len(function.signatures) == len({str(s) for s in map(repr, TREES)}) - 1


def test_machine_code_takes_them_apart(counting: Callable[[Any], int]) -> None:
    function = pb.jit(expected)
    for tree in TREES:
        function(tree)
        outside = isinstance(tree, (Pair, OrderedDict, defaultdict))
        outside = outside or (isinstance(tree, dict) and 1 in tree)
        assert counting(lambda tree=tree: function(tree)) == outside, tree


def test_keywords(counting: Callable[[Any], int]) -> None:
    def f(a: Any, b: Any = 2.0, *, scale: Any = 1.0) -> Any:
        return (a - b) * scale

    function = pb.jit(f)
    calls: list[Callable[[], Any]] = [
        lambda: function(5.0),
        lambda: function(5.0, 3.0),
        lambda: function(5.0, b=3.0),
        lambda: function(a=5.0, b=3.0),
        lambda: function(b=3.0, a=5.0),
        lambda: function(5.0, scale=4.0, b=1.0),
        lambda: function(5.0, b=1.0, scale=4.0),
    ]
    want = [3.0, 2.0, 2.0, 2.0, 2.0, 16.0, 16.0]
    assert [call() for call in calls] == want
    assert [call() for call in calls] == want
    assert [counting(call) for call in calls] == [0] * len(calls)
    made = {"".join(["sc", "ale"]): 3.0}
    assert function(5.0, **made) == 9.0
    with pytest.raises(TypeError):
        function(5.0, other=1.0)


def test_static_arguments_beside_containers(counting: Callable[[Any], int]) -> None:
    def f(w: Any, power: int, x: Any, *, shift: Any = 0) -> Any:
        return w["a"] ** power * x + shift

    function = pb.jit(f, static_argnums=1, static_argnames="shift")
    w = {"a": X}
    for power, shift in ((2, 1), (3, 1), (2, 5)):
        for _ in range(2):
            np.testing.assert_array_equal(function(w, power, Y, shift=shift), X**power * Y + shift)
        assert counting(lambda p=power, s=shift: function(w, p, Y, shift=s)) == 0
    assert len(function.signatures) == 3


def test_gradients_of_dicts(counting: Callable[[Any], int]) -> None:
    slope = pb.grad(lambda p, x: np.sum(np.tanh(x @ p["w"] + p["b"][0])))
    p, x = {"w": np.ones(3), "b": [np.float64(0.5)]}, np.ones((4, 3))
    found = slope(p, x)
    assert set(found) == {"w", "b"}
    assert counting(lambda: slope(p, x)) == 0
    np.testing.assert_array_equal(slope(p, x)["w"], found["w"])


def test_arrays_in_other_memory() -> None:
    function = pb.jit(lambda t: np.sum(t["x"] * np.arange(3.0)))
    wide = np.arange(12.0).reshape(3, 4)
    odd = [wide[:, 1], wide[::-1, 2], X.astype(">f8"), np.asfortranarray(X)]
    for _ in range(2):
        for x in odd:
            assert function({"x": x}) == np.sum(x * np.arange(3.0))
    assert len(function.signatures) == 1


@pytest.mark.filterwarnings("ignore::pullback.RecompilationWarning")
def test_more_signatures_than_a_few(counting: Callable[[Any], int]) -> None:
    function = pb.jit(lambda x: np.sum(x))
    for n in range(1, 40):
        assert function(np.ones(n)) == n
    assert counting(lambda: [function(np.ones(n)) for n in range(1, 40)]) == 0


def test_references_stay_balanced() -> None:
    function = pb.jit(lambda t: {"s": t["a"] + t["b"][0], "n": None})
    tree: dict[str, Any] = {"a": np.ones(3), "b": [np.ones(3)]}
    function(tree)
    counts = [sys.getrefcount(x) for x in (tree["a"], tree["b"], tree["b"][0], None)]
    for _ in range(2000):
        function(tree)
    after = [sys.getrefcount(x) for x in (tree["a"], tree["b"], tree["b"][0], None)]
    assert after[:3] == counts[:3]
    assert abs(after[3] - counts[3]) < 50


def test_containers_that_change_while_code_runs() -> None:
    """The arrays that a call began with live until it is done."""
    function = pb.jit(lambda xs: [np.sum(np.exp(np.sin(x))) for x in xs])
    size = 20_000
    xs = [np.full(size, 0.5) for _ in range(4)]
    want = [np.sum(np.exp(np.sin(x))) for x in xs]
    function(xs)
    done = threading.Event()

    def change() -> None:
        while not done.is_set():
            for k in range(4):
                xs[k] = np.full(size, 0.5)
            gc.collect(0)

    changer = threading.Thread(target=change)
    changer.start()
    try:
        for _ in range(300):
            np.testing.assert_allclose(function(xs), want, rtol=1e-12)
    finally:
        done.set()
        changer.join()


class Sneaky:
    """A key that equals nothing, has the hash of a string, and complains."""

    def __hash__(self) -> int:
        return hash("bb")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")


def test_keys_that_raise() -> None:
    function = pb.jit(lambda t: t["a"])
    assert function({"a": 1.0, "bb": 2.0}) == 1.0
    with pytest.raises((RuntimeError, TypeError)):
        function({"a": 1.0, Sneaky(): 2.0})
    assert function({"a": 3.0, "bb": 2.0}) == 3.0
