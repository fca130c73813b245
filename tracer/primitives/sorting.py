"""Rows that sort along the last axis, and the search in what is sorted.

NaN comes last, both zeros are equal, and what is equal stays in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..primitive import Domain, Primitive, register
from ..trace import Tracer
from ..types import INT64, ArrayType, Shape
from .indexing import ALL, gather
from .structure import all_batched, broadcast, iota, reshape

Array = np.ndarray[Any, Any]
ORDERED = tuple(x for x in ALL if not x.startswith("c"))


def gather_last(x: Tracer, positions: Tracer) -> Tracer:
    """Elements of the last axis, for each place of the others at positions of its own."""
    grid = [
        broadcast(iota(size=n, dtype=INT64), shape=positions.shape, axes=(a,))
        for a, n in enumerate(positions.shape[:-1])
    ]
    return gather(x, *grid, positions)


def _infer_sort(x: ArrayType) -> ArrayType:
    if not x.ndim:
        raise ValueError(f"sort takes an array with an axis, got {x}")
    return x


def _sort_jvp(tangents: Sequence[Tracer | None], out: Tracer, x: Tracer) -> Tracer:
    (tangent,) = tangents
    assert tangent is not None
    return gather_last(tangent, argsort(x))


SHAPES: tuple[Shape, ...] = ((5,), (3, 4), (2, 3, 3), (1,), (0,), (3, 0), (20,), (2, 11))
CASES: tuple[tuple[tuple[Shape, ...], dict[str, Any]], ...] = tuple(((x,), {}) for x in SHAPES)

sort: Primitive = register(
    Primitive(
        "sort",
        _infer_sort,
        lambda x: np.sort(x, -1, kind="stable"),
        Domain(CASES, low=-9.0, high=9.0, dtypes=ALL, smooth=False),
        jvp=_sort_jvp,
        batch=lambda batched, x: sort(x),
    )
)

argsort: Primitive = register(
    Primitive(
        "argsort",
        lambda x: _infer_sort(x).with_dtype(INT64),
        lambda x: np.argsort(x, -1, kind="stable"),
        Domain(CASES, low=-9.0, high=9.0, dtypes=ALL),
        batch=lambda batched, x: argsort(x),
    )
)


def _infer_searchsorted(table: ArrayType, queries: ArrayType, *, side: str) -> ArrayType:
    if table.dtype != queries.dtype:
        raise TypeError(f"searchsorted takes operands of one dtype, got {table} and {queries}")
    if not table.ndim or queries.shape[:-1] != table.shape[:-1] or queries.ndim != table.ndim:
        raise ValueError(f"searchsorted: the queries {queries} do not match the table {table}")
    return queries.with_dtype(INT64)


def _searchsorted_reference(table: Array, queries: Array, *, side: Any) -> Array:
    n, count = table.shape[-1], queries.shape[-1]
    batch = int(np.prod(table.shape[:-1], dtype=int))
    rows = zip(table.reshape(batch, n), queries.reshape(batch, count), strict=True)
    found = [np.searchsorted(row, wanted, side) for row, wanted in rows]
    return np.reshape(np.asarray(found, np.int64), queries.shape)


def _searchsorted_batch(
    batched: Sequence[bool], table: Tracer, queries: Tracer, *, side: str
) -> Tracer:
    if batched[0]:
        return searchsorted(*all_batched(batched, (table, queries)), side=side)
    # One table for the whole batch: its queries are so many more.
    if table.ndim > 1:
        return searchsorted(*all_batched([False, True], (table, queries)), side=side)
    flat = reshape(queries, shape=(queries.size,))
    return reshape(searchsorted(table, flat, side=side), shape=queries.shape)


searchsorted: Primitive = register(
    Primitive(
        "searchsorted",
        _infer_searchsorted,
        _searchsorted_reference,
        Domain(
            (
                (((1,), (7,)), {"side": "left"}),
                (((1,), (0,)), {"side": "right"}),
                (((0,), (3,)), {"side": "right"}),
                (((2, 1), (2, 9)), {"side": "right"}),
            ),
            dtypes=ORDERED,
        ),
        batch=_searchsorted_batch,
    )
)
"""``searchsorted(table, queries)``: both have equal axes before the last."""
