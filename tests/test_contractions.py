"""Products by loops, in blocks of registers and by BLAS: against NumPy, whatever the shapes are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import pullback as pb
from pullback.codegen.bufferize import planned
from pullback.codegen.emit import emit
from pullback.codegen.kernel import Product
from pullback.codegen.lowering import lowered
from pullback.runtime.link import assembly
from pullback.runtime.threads import threads

FLAGS = ("ij,jk->ik", "ji,jk->ik", "ij,kj->ik", "ji,kj->ik")

SIZES = (
    (16, 16, 16),
    (17, 9, 33),  # rests along rows and columns
    (2, 30, 90),
    (3, 300, 7),
    (50, 12, 3),
    (7, 1000, 5),  # terms in parts
    (1000, 100, 20),  # rows in parts
    (2, 40, 3000),
    (60, 600, 41),
    (130, 400, 340),  # by BLAS
)


def operands(text: str, size: tuple[int, int, int], dtype: str) -> list[Any]:
    rng = np.random.default_rng(sum(size))
    extents = dict(zip("ijk", size, strict=True))
    shapes = [[extents[x] for x in part] for part in text.split("->")[0].split(",")]
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def products(function: Any, *arguments: Any) -> list[Product]:
    kernels = planned(lowered(pb.trace(function, *arguments))).kernels
    return [kernel for kernel in kernels if isinstance(kernel, Product)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_product_is_numpys(size: tuple[int, int, int]):
    def all_of_them(*arrays: Any) -> list[Any]:
        pairs = zip(FLAGS * 2, arrays[::2], arrays[1::2], strict=True)
        return [np.einsum(text, x, y) for text, x, y in pairs]

    pairs = [(text, dtype) for dtype in ("f8", "f4") for text in FLAGS]
    arrays = [x for text, dtype in pairs for x in operands(text, size, dtype)]
    got, wanted = pb.jit(all_of_them)(*arrays), all_of_them(*map(np.float64, arrays))
    for (_, dtype), ours, theirs in zip(pairs, got, wanted, strict=True):
        assert ours.dtype == dtype
        close = 1e-13 if dtype == "f8" else 1e-5
        assert_allclose(ours, theirs, atol=close * np.abs(theirs).max())


def test_threads_share_items_rows_or_columns():
    rng = np.random.default_rng(0)
    shapes: dict[tuple[int, int], Any] = {
        (0, 1): [(9, 60, 70), (9, 70, 61)],
        (1, 24): [(301, 90), (90, 95)],
        (2, 256): [(2, 600), (600, 2001)],
    }
    before = int(threads[0])
    for shared, (of_x, of_y) in shapes.items():
        x, y = rng.normal(size=of_x), rng.normal(size=of_y)
        (kernel,) = products(np.matmul, x, y)
        assert kernel.shared == shared
        product = pb.jit(np.matmul)
        results = []
        for count in (1, 3):
            pb.set_num_threads(count)
            results.append(product(x, y))
        pb.set_num_threads(before)
        assert_array_equal(*results)
        assert_allclose(results[0], x @ y, atol=1e-11)


@pytest.mark.parametrize("batch", [(5,), (2, 3)], ids=str)
def test_products_of_a_batch(batch: tuple[int, ...]):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(*batch, 20, 9)), rng.normal(size=(*batch, 9, 13))
    turned = rng.normal(size=(9, *batch, 13))
    for text, right in (("...ij,...jk->...ik", y), ("...ij,j...k->...ik", turned)):
        got = pb.jit(lambda x, y, text=text: np.einsum(text, x, y))(x, right)
        assert_allclose(got, np.einsum(text, x, right), rtol=1e-12, atol=1e-13)


def test_nan_and_infinity_reach_their_rows_and_columns_alone():
    x, y = np.ones((20, 18)), np.ones((18, 21))
    x[3, 4], y[17, 20] = np.nan, np.inf
    x[5, 17] = 0.0
    got = pb.jit(lambda x, y: x @ y)(x, y)
    with np.errstate(invalid="ignore"):
        assert_array_equal(got, x @ y)
    assert np.isnan(got[3]).all()
    assert np.isnan(got[5, 20])
    assert np.isfinite(got[np.arange(20) != 3][:, :20]).all()


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "in columns": np.asfortranarray,
    "every other": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "backwards": lambda x: x[::-1].copy()[::-1],
    "a part": lambda x: np.pad(x, 1)[1:-1, 1:-1],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_operands_of_any_layout(layout: str):
    x, y = operands("ij,jk->ik", (33, 17, 25), "f8")
    product = pb.jit(lambda x, y: x @ y)
    assert_allclose(product(LAYOUTS[layout](x), LAYOUTS[layout](y)), x @ y, atol=1e-12)


def test_none_are_empty():
    product = pb.jit(lambda x, y: x @ y)
    for m, k, n in ((0, 20, 30), (20, 0, 30), (20, 30, 0)):
        assert_array_equal(product(np.ones((m, k)), np.ones((k, n))), np.zeros((m, n)))


def test_how_a_product_is_made():
    def of(m: int, k: int, n: int) -> list[bool]:
        return [p.blocks for p in products(lambda x, y: x @ y, np.ones((m, k)), np.ones((k, n)))]

    assert of(4, 4, 4) == []
    assert of(300, 200, 1) == []
    assert of(64, 64, 64) == [True]
    assert of(20_000, 100, 2) == [True]
    assert of(2, 100, 20_000) == [True]
    assert of(500, 500, 500) == [False]


@pytest.mark.parametrize("vector_bytes", [16, 32, 64])
def test_blocks_for_any_registers(vector_bytes: int):
    graph = lowered(
        pb.trace(lambda x, y: x.T @ y, np.ones((70, 19), "f4"), np.ones((70, 21), "f4"))
    )
    text = emit(planned(graph), vector_bytes).module.text()
    assert "fmuladd" in text
    assert assembly(text)


@pytest.mark.parametrize("text", FLAGS)
def test_gradients_of_a_product(text: str):
    x, y = operands(text, (12, 40, 11), "f8")
    pb.testing.check_grads(lambda x, y: np.sum(np.einsum(text, x, y) ** 2), (x, y))
