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
