"""Kernels at the edges: what is read and written where loops do not come out even."""

from __future__ import annotations

import ctypes
import mmap
import sys
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import pullback as pb


def between_guards(memory: list[Any], x: np.ndarray[Any, Any], ends: bool) -> Any:
    """A copy that begins or ends at a page to which there is no access; ``memory`` holds it."""
    page = mmap.PAGESIZE
    pages = -(-x.nbytes // page)
    block = mmap.mmap(-1, (pages + 2) * page)
    memory.append(block)
    start = ctypes.addressof(ctypes.c_char.from_buffer(block))
    protect = ctypes.CDLL(None).mprotect
    for guard in (start, start + (pages + 1) * page):
        assert protect(ctypes.c_void_p(guard), ctypes.c_size_t(page), 0) == 0
    offset = page + (pages * page - x.nbytes) * ends
    copy = np.frombuffer(block, x.dtype, x.size, offset)
    copy[...] = x
    return copy


@pytest.mark.skipif(sys.platform != "linux", reason="memory is protected by Linux's mprotect")
@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("step", [2, 3, 4, -2, -3, -4])
def test_slices_are_read_within_their_array(step: int, ends: bool, rng: np.random.Generator):
    """The body is long, so the rest of the loop is done under the mask of the whole of it."""
    memory: list[Any] = []
    wholes = [rng.standard_normal((n - 1) * abs(step) + 1) for n in (1, 2, 3, 5, 8, 13, 20, 31)]
    arrays = [between_guards(memory, x, ends) for x in wholes]

    def f(arrays: list[Any]) -> Any:
        return sum(np.sum(np.tanh(x[::step]) * np.sin(x[::step])) for x in arrays)

    for x, slope in zip(arrays, pb.grad(f)(arrays), strict=True):
        expected, s = np.zeros_like(x), x[::step]
        expected[::step] = (1 - np.tanh(s) ** 2) * np.sin(s) + np.tanh(s) * np.cos(s)
        assert_allclose(slope, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is protected by Linux's mprotect")
@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16])
@pytest.mark.parametrize("columns", [2, 3, 4])
def test_columns_are_read_together(columns: int, dtype: Any, ends: bool, rng: np.random.Generator):
    """All of them, or all but the last, in short bodies and long ones, and written so."""
    memory: list[Any] = []
    wholes = [rng.integers(1, 9, n * columns).astype(dtype) for n in (1, 2, 4, 7, 8, 21, 67)]
    arrays = [between_guards(memory, x, ends).reshape(-1, columns) for x in wholes]

    def f(x: Any) -> Any:
        some = [x[:, k] * (k + 2) for k in range(max(columns - 1, 1))]
        turned = np.stack([x[:, (k + 1) % columns] + x[:, k] for k in range(columns)], axis=1)
        long = np.stack([np.sqrt(np.abs(np.tanh(np.cos(x[:, k])))) for k in (1, 0)], axis=1)
        return sum(some), turned, long

    tolerance = {np.float64: 1e-14, np.float32: 1e-6, np.int16: 2e-7}[dtype]
    results = pb.jit(lambda xs: [f(x) for x in xs])(arrays)
    for array, found in zip(arrays, results, strict=True):
        for a, b in zip(found, f(np.array(array)), strict=True):
            assert_allclose(a, b, rtol=tolerance)


def framed(x: Any) -> Any:
    """Something at both ends of each axis, which a loop along the others need not ask for."""
    inside = x[1:-1, 1:-1] * x[:-2, 1:-1] - np.sin(x[1:-1, 2:])
    middle = np.concatenate([x[1:-1, :1] * 2.0, inside, x[1:-1, -1:]], axis=1)
    return np.concatenate([x[:1], middle, -x[-1:]], axis=0)


def shifted(x: Any) -> Any:
    """Joined values that several read, elsewhere than at their own place too."""
    for _ in range(3):
        rate = np.concatenate([x[:, :1], x[:, 1:] * x[:, :-1]], axis=1)
        x = x + 0.1 * np.concatenate([rate[:, :2], rate[:, 1:-1] * rate[:, 2:]], axis=1)
    return x


def ending(x: Any) -> Any:
    return np.concatenate([x[:, ::-1] * x, x[:, :3], x[:, 4:5]], axis=1)


def padded(x: Any) -> Any:
    return np.pad(np.exp(x), ((0, 2), (3, 1))) * np.pad(x, ((2, 0), (0, 4)), constant_values=1.5)


def chained(x: Any) -> Any:
    """Along one axis, which may be long."""
    y = x.ravel()
    y = np.concatenate([y[:2], np.tanh(y[2:] * y[1:-1] - y[:-2])])
    return np.concatenate([y[1:] * y[:-1] + y[1:] ** 2, y[-1:]]).reshape(x.shape)


@pytest.mark.parametrize("shape", [(3, 64), (65, 3), (67, 71), (64, 5), (2, 200), (300, 301)])
@pytest.mark.parametrize("f", [framed, shifted, ending, padded, chained])
def test_ends_of_loops(f: Any, shape: tuple[int, int], rng: np.random.Generator):
    """Values, sums along both axes, and derivatives, as the graph means them."""
    x = rng.uniform(0.5, 1.5, shape)

    def g(x: Any) -> Any:
        y = f(x)
        return y, np.sum(y, axis=0), np.max(y, axis=1), np.argmax(y, axis=0)

    def loss(x: Any) -> Any:
        return np.sum(np.cos(f(x)))

    for program in (g, pb.grad(loss), pb.jit(lambda x: pb.jvp(pb.grad(loss), (x,), (x * x,))[1])):
        found = pb.jit(program)(x)
        expected = pb.trace(program, x).evaluate(x)
        found = found if isinstance(found, tuple) else (found,)
        for a, b in zip(found, expected, strict=True):
            assert_allclose(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8])
def test_places_of_extremes(dtype: Any, rng: np.random.Generator):
    """The first of equal ones, and of NaNs, wherever it is among the lanes."""
    x = rng.integers(0, 4, (40, 29)).astype(dtype)
    if np.issubdtype(dtype, np.floating):
        x[::2, 20], x[::3, 5], x[::4, 28] = np.nan, np.nan, -np.inf
        x[1], x[2], x[3] = np.inf, -np.inf, -0.0
        x[3, 7] = 0.0
    found = pb.jit(lambda x: [f(x, axis=a) for f in (np.argmax, np.argmin) for a in (0, 1, None)])(
        x
    )
    expected = [f(x, axis=a) for f in (np.argmax, np.argmin) for a in (0, 1, None)]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize(("count", "extent"), [(6, 1000), (6, 64), (60, 100)])
def test_values_joined_of_shared_parts_are_one_kernel(axis: int, count: int, extent: int):
    def joined(x: Any, y: Any) -> Any:
        shared = np.exp(np.sin(x) * y)
        return np.stack([shared * x + k * y for k in range(count)], axis)

    f = pb.jit(joined)
    x, y = np.random.default_rng(0).normal(size=(2, extent))
    np.testing.assert_allclose(f(x, y), joined(x, y), rtol=1e-13, atol=1e-13)
    assert len(f.plan(x, y).kernels) == 1
    copies = pb.jit(lambda x, y: np.stack([x, y] * (count // 2), axis))
    np.testing.assert_array_equal(copies(x, y), np.stack([x, y] * (count // 2), axis))
