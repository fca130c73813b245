"""A compiled function that writes to its arguments changes the caller's arrays, as NumPy does."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import pullback as pb

from .test_indexing import numbers


def shift(x: Any, i: Any = 1) -> Any:
    x[i] += 10.0
    x[:, 0] = x[:, -1] * 2.0
    return np.sum(x)


def test_the_callers_array_is_changed() -> None:
    f = pb.jit(shift)
    for layout in (np.array, np.asfortranarray, lambda x: np.flip(np.flip(x).copy())):
        x, y = layout(numbers(3, 4)), numbers(3, 4)
        for i in (0, 2, -1):
            assert f(x, i) == shift(y, i)
            assert_array_equal(x, y)
    assert len(f.signatures) == 1
    swapped = numbers(3, 4).astype(">f8")
    f(swapped)
    y = numbers(3, 4)
    shift(y)
    assert_array_equal(swapped, y)
    wide = numbers(6, 8)
    f(wide[::2, ::2])
    same = numbers(6, 8)
    shift(same[::2, ::2])
    assert_array_equal(wide, same)


def test_in_trees_and_by_name() -> None:
    @pb.jit
    def f(state: Any, *, rate: Any) -> Any:
        state["w"] -= rate * state["g"]
        state["g"][...] = 0.0

    state = {"w": numbers(3), "g": np.ones(3)}
    assert f(state, rate=0.5) is None
    assert_array_equal(state["w"], [0.5, 1.5, 2.5])
    assert_array_equal(state["g"], np.zeros(3))


def test_what_is_not_written_stays() -> None:
    f = pb.jit(lambda x, y: np.add(x, y, out=x[0]))
    x, y = numbers(2, 3)[:, :1] * np.ones((2, 3)), numbers(3)
    with pytest.raises(ValueError, match="non-broadcastable output operand"):
        f(x, y)
    g = pb.jit(lambda x, y: np.multiply(y, 2.0, out=x))
    x = np.zeros(3)
    g(x, y)
    assert_array_equal(x, 2.0 * y)
    assert_array_equal(y, numbers(3))


def test_a_call_that_raises_changes_nothing() -> None:
    @pb.jit
    def f(x: Any, i: Any) -> Any:
        x[0] = 5.0
        x[i] = 7.0

    x = numbers(3)
    with pytest.raises(IndexError, match="index 9 is out of bounds"):
        f(x, 9)
    assert_array_equal(x, numbers(3))
    f(x, 2)
    assert_array_equal(x, [5.0, 2.0, 7.0])


def test_targets_that_cannot_be_written() -> None:
    f = pb.jit(shift)
    x = numbers(3, 4)
    x.flags.writeable = False
    with pytest.raises(ValueError, match="assignment destination is read-only"):
        f(x)

    @pb.jit
    def fill(x: Any) -> Any:
        x[...] = 3.0

    for scalar in (np.float64(1.0), 1.0):
        with pytest.raises(TypeError, match="does not support item assignment"):
            fill(scalar)
    box = np.array(1.0)
    fill(box)
    assert box == 3.0


def test_arrays_that_share_memory() -> None:
    table = numbers(6)
    f = pb.jit(lambda x, y: x.__setitem__(slice(None), y + 1.0))
    g = pb.jit(lambda x: x.__setitem__(slice(None), x + table[:3]))
    for call in (
        lambda: f(table, table),
        lambda: f(table[:3], table[1:4]),
        lambda: g(table[1:4]),
        lambda: f(np.lib.stride_tricks.as_strided(table, (3,), (0,)), numbers(3)),
    ):
        with pytest.raises(ValueError, match="shares memory"):
            call()
    assert_array_equal(table, numbers(6))
    f(table[::2], table[1::2])
    assert_array_equal(table, [3.0, 2.0, 5.0, 4.0, 7.0, 6.0])


def test_reading_is_not_writing() -> None:
    @pb.jit
    def f(x: Any) -> Any:
        x = x * 2.0
        x[0] = 0.0
        return x

    x = numbers(3)
    x.flags.writeable = False
    assert_array_equal(f(x), [0.0, 4.0, 6.0])
    assert_array_equal(x, numbers(3))


def test_a_compiled_function_within_another_writes_through() -> None:
    inner = pb.jit(shift)

    @pb.jit
    def outer(x: Any) -> Any:
        y = x.copy()
        inner(y)
        inner(x[:2])
        return y

    x, want = numbers(3, 4), numbers(3, 4)
    y = outer(x)
    shift(want[:2])
    assert_array_equal(x, want)
    want = numbers(3, 4)
    shift(want)
    assert_array_equal(y, want)


def test_transformed_functions_do_not_write() -> None:
    def f(x: Any) -> Any:
        x[0] = 1.0
        return np.sum(x * x)

    x = numbers(3)
    for transform in (
        lambda: pb.grad(f)(x),
        lambda: pb.jit(lambda x: pb.grad(f)(x))(x),
        lambda: pb.jvp(f, (x,), (x,)),
        lambda: pb.vmap(f)(numbers(2, 3)),
        lambda: pb.hessian(f)(x),
        lambda: pb.trace(f, x),
    ):
        with pytest.raises(ValueError, match=r"copy it first(.|\n)*test_writing.py"):
            transform()
    assert_array_equal(x, numbers(3))
    assert_array_equal(pb.grad(lambda x: f(x.copy()))(x), [0.0, 4.0, 6.0])


def test_other_threads_see_their_own_arrays() -> None:
    f = pb.jit(lambda x: x.__iadd__(1.0))
    arrays = [np.zeros(1000) for _ in range(4)]

    def work(x: Any) -> None:
        for _ in range(50):
            f(x)

    threads = [threading.Thread(target=work, args=(x,)) for x in arrays]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for x in arrays:
        assert_array_equal(x, np.full(1000, 50.0))
