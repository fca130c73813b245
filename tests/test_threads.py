"""Loops that threads share: the same results for any number of threads, errors, forks, endings."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.codegen import split
from pullback.codegen.kernel import LoopKernel, Strips
from pullback.runtime.threads import VARIABLE, _number_at_first, threads


@pytest.fixture(autouse=True)
def in_parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small loops are shared too."""
    before = int(threads[0])
    monkeypatch.setattr(split, "LEAST_WORK", 1)
    pb.clear_cache()
    yield
    pb.set_num_threads(before)
    pb.clear_cache()


def shares(function: Any, *args: Any) -> bool:
    kernels = function.plan(*args).kernels
    return any(isinstance(k, Strips) or (isinstance(k, LoopKernel) and k.cut) for k in kernels)


def draw(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(1).normal(size=shape)


CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "sum": (np.sum, (draw(1000),)),
    "odd sum": (np.sum, (draw(997),)),
    "sums of columns": (lambda x: np.sum(x, 0), (draw(523, 5),)),
    "sums of rows": (lambda x: np.sum(x, 1), (draw(37, 21),)),
    "few rows": (lambda x: np.max(x, 1), (draw(3, 400),)),
    "largest": (lambda x: (np.max(x), np.min(x), np.any(x > 3), np.all(x < 9)), (draw(1000),)),
    "places": (lambda x: np.argmax(x, 1), (draw(19, 50),)),
    "elements": (lambda x: np.tanh(x) * x[::-1], (draw(1021),)),
    "transpose": (lambda x: x.T.copy(), (draw(41, 43),)),
    "running sums": (lambda x: np.cumsum(x, 1), (draw(17, 33),)),
    "padded": (lambda x: np.pad(x, 3) * 2.0, (draw(601),)),
    "joined": (lambda x: np.concatenate([x, 2.0 * x]), (draw(1000),)),
    "gather": (lambda x, i: np.sum(np.exp(x[i])), (draw(50), np.arange(1000) % 50)),
    "softmax": (lambda x: np.exp(x) / np.sum(np.exp(x), 1, keepdims=True), (draw(13, 70),)),
    "integers": (lambda x: np.sum(x), (np.arange(1000),)),
    "halves": (lambda x: np.sum(x), (draw(900).astype(np.float16),)),
    "complex": (lambda x: np.sum(x * x), (draw(700) + 1j,)),
}


@pytest.mark.parametrize("name", CASES)
def test_any_number_of_threads(name: str) -> None:
    function, args = CASES[name]
    compiled = pb.jit(function)
    assert shares(compiled, *args) or name in ("halves", "complex")
    found = []
    for number in (1, 2, 5):
        pb.set_num_threads(number)
        for _ in range(3):
            found.append(compiled(*args))
    for result in found:
        for x, y in zip(np.atleast_1d(result), np.atleast_1d(found[0]), strict=True):
            np.testing.assert_array_equal(x, y)
    for x, y in zip(np.atleast_1d(found[0]), np.atleast_1d(function(*args)), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12 if name != "halves" else 1e-2)


def test_gradients() -> None:
    slope = pb.grad(lambda x: np.sum(np.sin(x) * np.roll(x, 1)))
    x = draw(2003)
    pb.set_num_threads(4)
    assert shares(slope, x)
    np.testing.assert_allclose(slope(x), np.cos(x) * np.roll(x, 1) + np.roll(np.sin(x), -1))


def test_sums_that_make_parts_of_one_array() -> None:
    """Those over a few columns are each a number of the result."""
    slope = pb.grad(lambda v, x: np.sum(np.square(x @ v)))
    x, v = draw(2003, 10), draw(10)
    pb.set_num_threads(4)
    assert shares(slope, v, x)
    np.testing.assert_allclose(slope(v, x), 2 * x.T @ (x @ v), rtol=1e-12)


def test_the_first_of_several_errors() -> None:
    @pb.jit
    def take(x: Any, i: Any) -> Any:
        return np.exp(x[i])

    x, i = draw(10), np.zeros(1000, int)
    i[[700, 300, 900]] = 70, 30, 90
    for number in (1, 3):
        pb.set_num_threads(number)
        assert shares(take, x, i)
        for _ in range(20):
            with pytest.raises(IndexError, match="index 30 is out of bounds"):
                take(x, i)


def test_within_loops() -> None:
    @pb.grad
    def f(x: Any) -> Any:
        return np.sum(pb.scan(lambda c, _: (np.sin(c) + x, None), x, length=5)[0])

    x = draw(800)
    pb.set_num_threads(1)
    expected = f(x)
    pb.set_num_threads(3)
    np.testing.assert_array_equal(f(x), expected)


def test_callers_in_several_threads() -> None:
    compiled = pb.jit(lambda x: np.sum(np.exp(x)))
    args = [draw(999) + k for k in range(6)]
    expected = [compiled(x) for x in args]
    pb.set_num_threads(3)
    wrong: list[int] = []

    def call(k: int) -> None:
        for _ in range(200):
            if compiled(args[k]) != expected[k]:
                wrong.append(k)

    callers = [threading.Thread(target=call, args=(k,)) for k in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert wrong == []


def test_numbers_that_are_none() -> None:
    with pytest.raises(ValueError, match="one thread at least"):
        pb.set_num_threads(0)


FORKING = """
import os
import numpy as np
import pullback as pb
from pullback.codegen import split
from pullback.runtime.threads import threads

split.LEAST_WORK = 1
pb.set_num_threads(3)
f = pb.jit(lambda x: np.sum(np.exp(x)))
x = np.linspace(0.0, 1.0, 5000)
expected = f(x)
children = []
for _ in range(4):
    child = os.fork()
    if child == 0:
        fine = all(f(x) == expected for _ in range(50))
        os._exit(0 if fine else 1)
    children.append(child)
    assert f(x) == expected
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
print(threads[0])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_forks_and_endings() -> None:
    """A child has a pool of its own, and processes end while threads wait."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", FORKING],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PULLBACK_NUM_THREADS": "2"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["[0, 0, 0, 0]", "3"]


AT_ONCE = """
import os, threading
import numpy as np
import pullback as pb
from pullback.codegen import split

split.LEAST_WORK = 1
np_of = [lambda x, k=k: np.sum(np.exp(x) * k) for k in range(4)]
shared = [pb.grad(f) for f in np_of]
begin, wrong = threading.Barrier(8), []

def work(number):
    begin.wait()
    for turn in range(12):
        k, x = (number + turn) % 4, np.linspace(0.0, 1.0, 1500 + turn % 3)
        own = pb.jit(lambda x: np.sin(x) * turn + number, donate_argnums=0)
        pb.set_num_threads(1 + turn % 4)
        out = np.empty_like(x)
        fine = np.allclose(shared[k](x), np.exp(x) * k)
        fine = fine and np.allclose(shared[k](x, out=out), np.exp(x) * k)
        expected = np.sin(x) * turn + number
        if not (fine and np.allclose(own(x), expected)):
            wrong.append((number, turn))
        if turn == 6:
            pb.clear_cache()

threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
for thread in threads:
    thread.start()
x, children = np.linspace(0.0, 1.0, 1500), []
while any(thread.is_alive() for thread in threads) and len(children) < 4:
    shared[1](x)
    child = os.fork() if hasattr(os, "fork") else None
    if child == 0:
        anew = pb.jit(lambda x: np.exp(x) * 9.0)
        fine = np.allclose(shared[1](x), np.exp(x)) and np.allclose(anew(x), np.exp(x) * 9.0)
        os._exit(0 if fine else 1)
    children += [child] if child else []
for thread in threads:
    thread.join()
ends = {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children}
print(wrong, ends <= {0})
"""


def test_first_calls_at_once_and_forks_meanwhile() -> None:
    """Threads compile the same and other functions from nothing; children go on alone."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", AT_ONCE],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "[] True\n")


@pytest.mark.parametrize(("text", "number"), [("4", 4), ("1000", 64), ("no", 1)])
def test_the_number_from_outside(text: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, text)
    if text == "no":
        with pytest.warns(UserWarning, match="is a number of threads, not 'no'"):
            assert _number_at_first() == number
    else:
        assert _number_at_first() == number


def test_where_there_are_no_threads() -> None:
    """What machines without POSIX threads run."""
    from pullback.codegen.pool import SHARE_PARTS, pool_module
    from pullback.runtime.link import link

    assert link(pool_module(threads=False), {}, (SHARE_PARTS,)).address(SHARE_PARTS)
