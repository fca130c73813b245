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

TINY = 8 * 8 * 8
"""Multiplications below which a product is part of loops, which may compute other things too."""

SMALL = 128 * 128 * 128
"""Multiplications up to which blocks of registers are faster than a call of BLAS."""

THIN, VERY_THIN, WIDE = 48, 8, 4096
"""Rows or columns up to which they are whatever the rest is: BLAS packs what is read once.

Few rows of very many columns have to be fewer still: blocks read no more than a few columns of each
row of the other operand at a time.
"""

FEWEST_COLUMNS = 8
"""Columns from which on vectors along them are whole."""

SHORT = 4
"""Terms of a sum that are written out rather than left to BLAS."""

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
    loops = not is_float(x.dtype) or min(m, n) == 1 or m * n * k <= TINY or k <= SHORT
    if loops:
        return _multiply_and_sum(
            node, x, y, (x_batch, x_free, x_contract), (y_batch, y_free, y_contract)
        )
    x, x_transposed = _matrix(x, x_batch, x_free, x_contract)
    y, y_transposed = _matrix(y, y_batch, y_contract, y_free)
    turned = in_blocks(m, n, k) and _is_better_turned(m, n, k, x_transposed, y_transposed)
    if turned:
        x, y, m, n = y, x, n, m
        x_transposed, y_transposed = not y_transposed, not x_transposed
    # Without a batch, even of one, its permutation would be made a product turned back again.
    batched = int(b > 1 or turned)
    x = reshape(x, shape=(b,) * batched + ((k, m) if x_transposed else (m, k)))
    y = reshape(y, shape=(b,) * batched + ((n, k) if y_transposed else (k, n)))
    if y_transposed and in_blocks(m, n, k):
        y, y_transposed = permute(y, axes=(*range(batched), batched + 1, batched)), False
    contract = (batched + (not x_transposed),), (batched + y_transposed,)
    batch = ((0,), (0,)) if batched else ((), ())
    product = dot(x, y, contract=contract, batch=batch)
    if turned:
        product = permute(product, axes=(*range(batched), batched + 1, batched))
    return reshape(product, shape=node.type.shape)


def _is_better_turned(m: int, n: int, k: int, x_transposed: bool, y_transposed: bool) -> bool:
    """Whether a product in blocks had better be made with rows for columns.

    Blocks read ``y`` along the columns: what is not stored like that is copied before.
    """
    if y_transposed:
        return m * n + (0 if x_transposed else m * k) < k * n
    return x_transposed and n < FEWEST_COLUMNS < m


def in_blocks(m: int, n: int, k: int) -> bool:
    """Whether a product of matrices is made without BLAS."""
    return m * n * k <= SMALL or m <= VERY_THIN or (min(m, n) <= THIN and n <= WIDE)


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
