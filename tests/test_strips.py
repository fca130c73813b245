"""Kernels over the same rows run strip by strip, with the results that they have one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pullback as pb
from pullback.codegen import split, strips
from pullback.codegen.kernel import Plan, Strips
from pullback.runtime.threads import threads as threads_in_use
from pullback.scipy.special import logsumexp, softmax

Array = np.ndarray[Any, Any]


@pytest.fixture(autouse=True)
def in_strips(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small loops are in strips too, of a few rows each, and in parts that threads share."""
    monkeypatch.setattr(strips, "FEWEST_BYTES", 1)
    monkeypatch.setattr(strips, "STRIP_BYTES", 600)
    monkeypatch.setattr(split, "LEAST_WORK", 1)
    pb.clear_cache()
    yield
    pb.clear_cache()


def strips_of(plan: Plan) -> list[Strips]:
    return [kernel for kernel in plan.kernels if isinstance(kernel, Strips)]


def draw(*shape: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


def normalised(x: Array, scale: Array, shift: Array) -> Any:
    centred = x - np.mean(x, -1, keepdims=True)
    spread = np.sqrt(np.mean(centred * centred, -1, keepdims=True) + 1e-5)
    return np.tanh(centred / spread * scale + shift)


def softmax_of(x: Array) -> Any:
    powers = np.exp(x - np.max(x, -1, keepdims=True))
    return powers / np.sum(powers, -1, keepdims=True)


def cross_entropy(x: Array, labels: Array) -> Any:
    return np.mean(logsumexp(x, 1) - x[np.arange(x.shape[0]), labels])


def of_columns(x: Array) -> Any:
    return np.sum(softmax_of(x), 0) @ np.cos(np.arange(x.shape[1]))


def read_across(x: Array) -> Any:
    """The rows of one kernel are needed whole by another."""
    powers = softmax_of(x)
    return powers - np.mean(powers, 0)


def padded(x: Array) -> Any:
    return np.pad(softmax_of(x), ((1, 2), (2, 0)))


def counted(x: Array) -> Any:
    return softmax_of(x) * np.arange(x.shape[0])[:, None]


def gathered(x: Array, places: Array) -> Any:
    return softmax_of(x)[:, places]


def of_maxima(x: Array) -> Any:
    return softmax_of(x) * np.argmax(x, 1)[:, None]


def rolled(x: Array) -> Any:
    """Kernels inside and outside of strips write to one array."""
    sums = np.roll(x, 1, 0) + np.roll(x, -1, 0) + np.roll(x, 1, 1) - 3.0 * x
    return softmax_of(sums * sums)


def chained(x: Array) -> Any:
    """Long bodies, of which each reads what the one before it has made."""
    for _ in range(30):
        x = np.sin(x) + np.sqrt(x * x + 1.0) * np.exp(-np.tanh(x)) - x / (1.0 + np.cosh(x))
    return x


LABELS = np.random.default_rng(0).integers(0, 33, 50)
CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "softmax": (softmax_of, (draw(50, 33),)),
    "of long rows": (softmax_of, (draw(8, 1000),)),
    "of short rows": (softmax_of, (draw(997, 3),)),
    "of a prime number of rows": (softmax_of, (draw(53, 33),)),
    "of blocks": (softmax_of, (draw(4, 13, 9),)),
    "of a slice": (softmax_of, (draw(100, 50)[::2, 3:],)),
    "of a transpose": (lambda x: softmax_of(x.T), (draw(33, 50),)),
    "of single precision": (softmax_of, (draw(50, 33).astype(np.float32),)),
    "of columns": (of_columns, (draw(50, 33),)),
    "layer norm": (normalised, (draw(37, 24), draw(24), draw(24))),
    "cross entropy": (cross_entropy, (draw(50, 33), LABELS)),
    "read across": (read_across, (draw(50, 33),)),
    "padded": (padded, (draw(50, 33),)),
    "counted": (counted, (draw(50, 33),)),
    "gathered": (gathered, (draw(50, 33), np.array([3, 1, 4, 1, 5]))),
    "of maxima": (of_maxima, (draw(50, 33),)),
    "rolled": (rolled, (draw(50, 33),)),
    "chained": (chained, (draw(1000),)),
    "in a loop": (
        lambda x: pb.scan(lambda c, _: (softmax_of(c) + x, c[0]), x, None, length=3)[0],
        (draw(50, 33),),
    ),
}


@pytest.mark.parametrize("work", [1, split.LEAST_WORK], ids=["shared", "alone"])
@pytest.mark.parametrize("name", CASES)
def test_values(name: str, work: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(split, "LEAST_WORK", work)
    function, args = CASES[name]
    with pb.disable_jit():
        want = function(*args)
    np.testing.assert_allclose(
        pb.jit(function)(*args), want, rtol=2e-6 if want.dtype == np.float32 else 1e-12, atol=1e-15
    )


@pytest.mark.parametrize("name", [name for name in CASES if "single" not in name])
def test_gradients(name: str):
    function, args = CASES[name]

    def loss(*xs: Any) -> Any:
        y = function(*xs)
        return np.sum(y * np.cos(np.arange(float(np.size(y)))).reshape(np.shape(y)))

    floats, others = args[:1], args[1:]
    if name == "layer norm":
        floats, others = args, ()
    pb.testing.check_grads(lambda *xs: loss(*xs, *others), floats, order=1, rtol=1e-4)


WHOLE = ("of short rows", "of a transpose", "in a loop", "chained")
"""Cases with unrolled rows, with rows innermost, with kernels elsewhere or no sums."""


@pytest.mark.parametrize("name", [name for name in CASES if name not in WHOLE])
def test_strips_are_made(name: str):
    function, args = CASES[name]
    plan = pb.grad(lambda *xs: np.sum(function(*xs) ** 2)).plan(*args)
    (first, *_) = strips_of(plan)
    assert len(first.kernels) > 1


def test_values_between_kernels_take_memory_for_a_strip_only():
    x = draw(500, 16)
    plan = pb.jit(softmax_of).plan(x)
    (strip,) = strips_of(plan)
    assert len(plan.kernels) == 1
    assert plan.workspace_bytes < x.nbytes // 4
    assert "500 rows in" in str(plan)
    assert strip.kernels[0].whole == 500


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_do_not_depend_on_threads(threads: int):
    x, before = draw(301, 17), int(threads_in_use[0])
    gradient = pb.grad(lambda x: np.sum(np.tanh(softmax(x, 1)) ** 2))
    want = gradient(x)
    pb.set_num_threads(threads)
    try:
        np.testing.assert_array_equal(gradient(x), want)
    finally:
        pb.set_num_threads(before)


def test_an_error_in_a_strip_is_the_users():
    x, places = draw(50, 33), np.array([1, 40])
    with pytest.raises(IndexError, match="index 40 is out of bounds"):
        pb.jit(gathered)(x, places)


@settings(max_examples=25)
@given(rows=st.integers(4, 70), columns=st.integers(1, 40), size=st.sampled_from([64, 500, 4000]))
def test_rows_and_columns_of_all_numbers(rows: int, columns: int, size: int):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strips, "STRIP_BYTES", size)
        x, scale = draw(rows, columns), draw(columns, seed=2)

        def loss(x: Array, scale: Array) -> Any:
            return np.sum(softmax_of(x * scale) * np.sin(x)) + np.max(normalised(x, scale, scale))

        with pb.disable_jit():
            want = loss(x, scale)
        value, (by_x, by_scale) = pb.value_and_grad(loss, (0, 1))(x, scale)
        np.testing.assert_allclose(value, want, rtol=1e-12)
        along = draw(rows, columns, seed=3)
        _, tangent = pb.jvp(loss, (x, scale), (along, scale))
        np.testing.assert_allclose(
            tangent, np.sum(by_x * along) + np.sum(by_scale * scale), rtol=1e-10, atol=1e-12
        )
