"""Products of arrays: brought to matrix form for BLAS, or to multiply and sum for a loop kernel.

A pass from graph to graph. What stays a `dot` afterwards has operands of two axes, or three with a
batch axis first, each contiguous, and is worth a call of BLAS.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pullback.tracer.ir import Graph, Node
from pullback.tracer.primitives.contraction import dot
from pullback.tracer.primitives.elementwise import mul
from pullback.tracer.primitives.reduction import reduce_sum
from pullback.tracer.primitives.structure import broadcast, permute, reshape, zeros
from pullback.tracer.trace import Tracer
from pullback.tracer.types import is_float

from .rewrite import rewritten

SMALL = 16 * 16 * 16
"""Multiplications below which a loop is faster than a call of BLAS."""

SHORT = 4
"""Terms of a sum that are written out rather than left to BLAS."""

NARROW, WIDE = 3, 5
"""Columns of two tall matrices, of the one at most and of the other at least, whose product over
the rows is a loop: it reads both once, where BLAS packs them first."""

Axes = tuple[int, ...]


def lower_products(graph: Graph) -> Graph:
    """The graph with every product in one of the two forms."""
    return rewritten(graph, {dot: _lower})


def _lower(node: Node, operands: Sequence[Tracer]) -> Tracer:
    x, y = operands
    (x_contract, y_contract), (x_batch, y_batch) = node.params["contract"], node.params["batch"]
    x, x_contract, x_batch = _unpermuted(x, x_contract, x_batch)
    y, y_contract, y_batch = _unpermuted(y, y_contract, y_batch)
    x_free = tuple(a for a in range(x.ndim) if a not in (*x_contract, *x_batch))
    y_free = tuple(a for a in range(y.ndim) if a not in (*y_contract, *y_batch))
    m, n = _extent(x, x_free), _extent(y, y_free)
    k, b = _extent(x, x_contract), _extent(x, x_batch)
    if k == 0:
        return zeros(node.type)
    loops = not is_float(x.dtype) or min(m, n) == 1 or m * n * k <= SMALL or k <= SHORT
    loops = loops or (
        b == 1
        and _is_tall(x, x_contract)
        and _is_tall(y, y_contract)
        and min(m, n) <= NARROW
        and max(m, n) >= WIDE
    )
    if loops:
        return _multiply_and_sum(
            node, x, y, (x_batch, x_free, x_contract), (y_batch, y_free, y_contract)
        )
    x, x_transposed = _matrix(x, x_batch, x_free, x_contract)
    y, y_transposed = _matrix(y, y_batch, y_contract, y_free)
    batched = int(b > 1)
    x = reshape(x, shape=(b,) * batched + ((k, m) if x_transposed else (m, k)))
    y = reshape(y, shape=(b,) * batched + ((n, k) if y_transposed else (k, n)))
    contract = (batched + (not x_transposed),), (batched + y_transposed,)
    batch = ((0,), (0,)) if batched else ((), ())
    product = dot(x, y, contract=contract, batch=batch)
    return reshape(product, shape=node.type.shape)


def _is_tall(x: Tracer, contract: Axes) -> bool:
    """Whether the axes that are summed over come first."""
    return contract == tuple(range(len(contract)))


def _extent(x: Tracer, axes: Axes) -> int:
    return math.prod(x.shape[a] for a in axes)


def _unpermuted(x: Tracer, contract: Axes, batch: Axes) -> tuple[Tracer, Axes, Axes]:
    """Look through a permutation of the operand, where that keeps the order of its free axes."""
    source = x.node
    if source.primitive is not permute:
        return x, contract, batch
    axes = source.params["axes"]
    free = [axes[a] for a in range(x.ndim) if a not in (*contract, *batch)]
    if free != sorted(free):
        return x, contract, batch
    inner = Tracer(source.operands[0])
    return inner, tuple(axes[a] for a in contract), tuple(axes[a] for a in batch)


def _matrix(x: Tracer, batch: Axes, rows: Axes, columns: Axes) -> tuple[Tracer, bool]:
    """The operand with its axes in the order (batch, rows, columns), or the last two swapped."""
    order = tuple(range(x.ndim))
    if order == (*batch, *columns, *rows) and columns != ():
        return x, order != (*batch, *rows, *columns)
    return permute(x, axes=(*batch, *rows, *columns)), False


def _multiply_and_sum(
    node: Node, x: Tracer, y: Tracer, x_axes: Sequence[Axes], y_axes: Sequence[Axes]
) -> Tracer:
    """A product as a loop: over batch, the free axes of both, and the contracted ones."""
    (x_batch, x_free, x_contract), (y_batch, y_free, y_contract) = x_axes, y_axes
    b, m, n = len(x_batch), len(x_free), len(y_free)
    shape = (
        *(x.shape[a] for a in (*x_batch, *x_free)),
        *(y.shape[a] for a in y_free),
        *(x.shape[a] for a in x_contract),
    )
    contracted = tuple(range(b + m + n, len(shape)))
    of_x = (*range(b), *range(b, b + m), *contracted)
    of_y = (*range(b), *range(b + m, b + m + n), *contracted)
    spread_x = broadcast(permute(x, axes=(*x_batch, *x_free, *x_contract)), shape=shape, axes=of_x)
    spread_y = broadcast(permute(y, axes=(*y_batch, *y_free, *y_contract)), shape=shape, axes=of_y)
    return reduce_sum(mul(spread_x, spread_y), axes=contracted)
