"""Names in other modules that mean something else while a function is being traced."""

from __future__ import annotations

import pickle
import random
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy import random as npr

import pullback as pb
from pullback.tracer import trace as tracing

X = np.arange(1.0, 4.0)


@contextmanager
def names_stay() -> Generator[None]:
    """After the block NumPy's and Python's names are what they were, and nothing is under way."""
    before = dict(vars(np)), dict(vars(np.random)), dict(vars(random))
    yield
    after = dict(vars(np)), dict(vars(np.random)), dict(vars(random))
    for old, new in zip(before, after, strict=True):
        assert {name for name, value in old.items() if new.get(name) is not value} == set()
    assert tracing.under_way[0] == 0


def in_comprehension(x: Any) -> Any:
    return x * sum([random.random() for _ in range(3)])


def with_keywords(x: Any) -> Any:
    options = {"size": 3}
    return x + np.random.normal(0.0, **options)


FROZEN: list[Callable[[Any], Any]] = [
    lambda x: x + np.random.normal(size=3),
    lambda x: x + np.random.rand(3)[::-1],
    lambda x: x + npr.uniform(0, 1, 3),
    lambda x: x * random.gauss(0, 1),
    lambda x: x + np.random.default_rng().normal(),
    lambda x: x + (lambda: npr.randint(3))(),
    in_comprehension,
    with_keywords,
]


@pytest.mark.parametrize("f", FROZEN, ids=range(len(FROZEN)))
def test_draws_that_are_frozen_are_told(f: Callable[[Any], Any]) -> None:
    compiled = pb.jit(f)
    match = r"draws once(.|\n)*pullback\.random(.|\n)*test_exchanged\.py:\d+"
    with names_stay(), pytest.warns(pb.FrozenDrawWarning, match=match) as told:
        first = compiled(X)
    assert [w.filename for w in told] == [__file__]
    np.testing.assert_array_equal(compiled(X), first)
    compiled(np.float32(X))  # told once


def seeded(x: Any) -> Any:
    np.random.seed(3)
    return x + np.random.normal(size=3)


def in_c(x: Any) -> Any:
    return x + next(map(np.random.rand, [3]))


MEANT: list[Callable[[Any], Any]] = [
    seeded,
    in_c,
    lambda x: x + np.random.default_rng(0).normal(size=3),
    lambda x: x + np.random.RandomState(0).normal(size=3),
    lambda x: x + pb.random.normal(pb.random.key(0), size=3),
]


@pytest.mark.parametrize("f", MEANT, ids=range(len(MEANT)))
def test_other_draws_are_not(f: Callable[[Any], Any]) -> None:
    with names_stay():
        assert pb.jit(f)(X).shape == (3,)


def test_draws_outside_of_traced_functions() -> None:
    def drawn() -> Any:
        return np.random.normal(size=3) + random.random()

    def f(x: Any) -> Any:
        other = threading.Thread(target=drawn)
        other.start()
        other.join()
        return x + pb.pure_callback(lambda v: v + drawn(), pb.ShapeDtype((3,)), x)

    with pb.disable_jit():
        pb.jit(lambda x: x + np.random.normal(size=3))(X)
    compiled = pb.jit(f)
    assert np.any(compiled(X) != compiled(X))


def test_interrupts_restore_names() -> None:
    def interrupted(x: Any) -> Any:
        np.zeros(2)[0] = x.ravel()[0]
        raise KeyboardInterrupt

    for f in (interrupted, pb.jacfwd(interrupted), pb.vmap(interrupted)):
        with names_stay(), pytest.raises(KeyboardInterrupt):
            pb.jit(f)(np.ones((2, 3)))


def test_interrupts_amid_the_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []

    def interrupt(begins: bool) -> None:
        begun.append(begins)
        if len(begun) in (1, 5):
            raise KeyboardInterrupt

    monkeypatch.setattr(tracing, "_around", [interrupt, *tracing._around])
    for _ in range(2):
        with names_stay(), pytest.raises(KeyboardInterrupt), tracing.new_trace():
            assert tracing.tracing()
    assert begun == [True, True, False, True, False, False]


def test_what_somebody_else_puts_there_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "ones", lambda *_: 5.0)

    np.testing.assert_array_equal(pb.jit(lambda x: x + np.ones(3))(X), X + 5.0)
    assert np.ones(3) == 5.0


def test_traces_of_several_threads_share_the_exchange() -> None:
    started = threading.Barrier(4)
    results: list[Any] = [None] * 4

    def f(x: Any) -> Any:
        started.wait(30)
        out = np.zeros(3)
        out[1:] = pb.grad(lambda v: np.sum(np.array([v[0] ** 2, v[1]]) ** 2))(x)[:2]
        return out

    def run(n: int) -> None:
        results[n] = pb.jit(f)(X + n)

    with names_stay():
        threads = [threading.Thread(target=run, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for n, found in enumerate(results):
        np.testing.assert_allclose(found, [0.0, 4 * (1.0 + n) ** 3, 2 * (2.0 + n)])


def test_exchanged_functions_keep_what_they_are() -> None:
    def f(x: Any) -> Any:
        assert pickle.loads(pickle.dumps(np.zeros))(2).shape == (2,)
        assert (np.eye.__name__, np.random.normal.__doc__) == names
        return x

    names = np.eye.__name__, np.random.normal.__doc__
    with names_stay():
        pb.jit(f)(X)
