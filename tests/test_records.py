"""Fields of items next to each other in memory: read and written as records, all as NumPy does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import pullback as pb
from pullback.codegen.bufferize import planned
from pullback.codegen.kernel import LoopKernel
from pullback.codegen.lowering import lowered
from pullback.codegen.records import read_windows, written_windows


def moved(x: Any) -> Any:
    """All fields, without the first, and five of them that are computed."""
    a, b, c, d, e = (x[:, i] for i in range(5))
    return x[:, ::-1] * 2, x[:, 1:] - x[:, :1], np.stack([a + b, c, e, d * b, a], 1)


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "i4"])
@pytest.mark.parametrize("fields", [5, 8, 11, 17])
def test_records_are_read_and_written_as_numpy_does(fields: int, dtype: str):
    for items in (64, 101):
        x = np.arange(items * fields).reshape(items, fields).astype(dtype)
        for got, wanted in zip(pb.jit(moved)(x), moved(x), strict=True):
            assert_array_equal(got, wanted)


@pytest.mark.parametrize("fields", [5, 9, 16])
def test_gradient_of_a_product_with_each_record(fields: int):
    rng = np.random.default_rng(fields)
    x, w = rng.normal(size=(203, fields)), rng.normal(size=fields)
    of_x, of_w = pb.grad(lambda x, w: np.sum(np.tanh(x @ w)), (0, 1))(x, w)
    ct = 1 - np.tanh(x @ w) ** 2
    assert_allclose(of_x, ct[:, None] * w, rtol=1e-12, atol=1e-14)
    assert_allclose(of_w, x.T @ ct, rtol=1e-12, atol=1e-12)


def test_what_is_a_record():
    def windows(fields: int) -> tuple[int, int]:
        x, w = np.ones((1000, fields)), np.ones(fields)
        graph = pb.trace(pb.grad(lambda x, w: np.sum((x @ w) ** 2), (0, 1)), x, w)
        kernel = planned(lowered(graph)).kernels[0]
        assert isinstance(kernel, LoopKernel)
        return len(read_windows(kernel, 8)), len(written_windows(kernel, 8))

    assert windows(10) == (8, 8)  # what is left over is too few
    assert windows(16) == (16, 16)
    assert windows(4) == (0, 0)
