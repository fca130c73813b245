"""Products of arrays: brought to matrix form, or to multiply and sum for a loop kernel.

A pass from graph to graph. What stays a `dot` afterwards has operands of three axes, the batch
first, each contiguous, and is worth a call of BLAS or blocks of registers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pullback.tracer.ir import PARAMETER, Graph, Node
from pullback.tracer.primitives.call import barrier
from pullback.tracer.primitives.contraction import dot
from pullback.tracer.primitives.elementwise import mul
from pullback.tracer.primitives.reduction import reduce_sum
from pullback.tracer.primitives.structure import broadcast, permute, reshape, zeros
from pullback.tracer.trace import Tracer
from pullback.tracer.types import is_float, row_major_strides

from .fuse import ALWAYS_ROOTS, reshape_is_affine
from .kernel import combine
from .rewrite import rewritten
from .steps import MOVE_ROWS, identity_rows

TINY = 4 * 4 * 4
"""Multiplications below which a product is part of loops, which may compute other things too."""

NEAR_BYTES = 1 << 20
"""Size of an operand up to which blocks of registers are faster than a call of BLAS: it stays near
while all rows of the other one go by."""

THIN, VERY_THIN, WIDE = 48, 8, 4096
"""Rows or columns up to which they are whatever the rest is: BLAS packs what is read once.

Few rows of very many columns have to be fewer still: blocks read no more than a few columns of each
row of the other operand at a time.
"""

FEWEST_COLUMNS = 8
"""Columns from which on vectors along them are whole."""

LEAST_SHARED = 1 << 21
"""Multiplications that are worth the time to wake a thread."""

FEWEST_PARTS, MOST_PARTS = 4, 16
"""Parts of a product: of items of a batch, or of a multiple of the rows and columns of blocks."""

SHORT = 4
"""Terms of a sum that are written out rather than left to BLAS."""

LONGEST_ROW = 1024
"""Bytes of a row up to which sums of rows are in registers when they are made by a loop."""

FARTHEST = 64
"""Nodes that are looked at to see from which array an operand is computed."""

Axes = tuple[int, ...]


def lower_products(graph: Graph) -> Graph:
    """The graph with every product as a loop, or as one of matrices."""
    return rewritten(graph, {dot: _lower})


def _lower(node: Node, operands: Sequence[Tracer]) -> Tracer:
    x, y = operands
    (x_contract, y_contract), (x_batch, y_batch) = node.params["contract"], node.params["batch"]
    x, x_contract, x_batch = _as_stored(x, x_contract, x_batch)
    y, y_contract, y_batch = _as_stored(y, y_contract, y_batch)
    x_free = tuple(a for a in range(x.ndim) if a not in (*x_contract, *x_batch))
    y_free = tuple(a for a in range(y.ndim) if a not in (*y_contract, *y_batch))
    m, n = _extent(x, x_free), _extent(y, y_free)
    k, b = _extent(x, x_contract), _extent(x, x_batch)
    if k == 0:
        return zeros(node.type)
    loops = not is_float(x.dtype) or m * n * k <= TINY or k <= SHORT
    if loops or (min(m, n) == 1 and not _sums_long_rows(x, x_contract, y, y_contract, m, n)):
        return _multiply_and_sum(
            node, x, y, (x_batch, x_free, x_contract), (y_batch, y_free, y_contract)
        )
    x, x_transposed = _matrix(x, x_batch, x_free, x_contract)
    y, y_transposed = _matrix(y, y_batch, y_contract, y_free)
    x = reshape(x, shape=(b, k, m) if x_transposed else (b, m, k))
    y = reshape(y, shape=(b, n, k) if y_transposed else (b, k, n))
    size = x.dtype.itemsize
    if in_blocks(m, n, k, size) and _is_better_turned(m, n, k, x_transposed, y_transposed):
        turned = _product(y, not y_transposed, x, not x_transposed)
        product = permute(turned, axes=(0, 2, 1))
    else:
        product = _product(x, x_transposed, y, y_transposed)
    return reshape(product, shape=node.type.shape)


def _product(x: Tracer, x_transposed: bool, y: Tracer, y_transposed: bool) -> Tracer:
    """A product of two stacks of matrices, stored transposed or not."""
    k, m = x.shape[1:] if x_transposed else x.shape[:0:-1]
    n = y.shape[1 if y_transposed else 2]
    blocks = in_blocks(m, n, k, x.dtype.itemsize)
    if blocks and y_transposed:
        y, y_transposed = permute(y, axes=(0, 2, 1)), False
    contract = ((1 if x_transposed else 2,), (2 if y_transposed else 1,))
    product = dot(x, y, contract=contract, batch=((0,), (0,)))
    # Behind a barrier no permutation of the result changes its operands again.
    return barrier(product) if blocks else product


def _sums_long_rows(
    x: Tracer, x_contract: Axes, y: Tracer, y_contract: Axes, m: int, n: int
) -> bool:
    """Whether a product with a vector is a sum of rows in memory, longer than registers hold."""
    matrix, contract = (x, x_contract) if n == 1 else (y, y_contract)
    last = matrix.ndim - 1
    long = max(m, n) * matrix.dtype.itemsize > LONGEST_ROW and last not in contract
    return long and _is_memory(matrix.node)


def _is_memory(node: Node) -> bool:
    while node.primitive in (reshape, permute):
        node = node.operands[0]
    return node.primitive is PARAMETER or node.primitive.name in ALWAYS_ROOTS


def _is_better_turned(m: int, n: int, k: int, x_transposed: bool, y_transposed: bool) -> bool:
    """Whether a product in blocks had better be made with rows for columns.

    Blocks read ``y`` along the columns: what is not stored like that is copied before.
    """
    if y_transposed:
        return m * n + (0 if x_transposed else m * k) < k * n
    return x_transposed and n < FEWEST_COLUMNS < m


def in_blocks(m: int, n: int, k: int, size: int) -> bool:
    """Whether a product of matrices is made without BLAS."""
    return k * n * size <= NEAR_BYTES or m <= VERY_THIN or (min(m, n) <= THIN and n <= WIDE)


def shared_parts(batch: int, m: int, n: int, k: int) -> tuple[int, int] | None:
    """The axis, batch, rows or columns, that threads may share, and how much of it a part is.

    Parts are of one size where that is possible with a few more or less of them.
    """
    if batch * m * n * k < LEAST_SHARED:
        return None
    for axis, (extent, multiple, step) in enumerate(((batch, 1, 1), (m, 24, 8), (n, 256, 256))):
        if extent >= FEWEST_PARTS * multiple:
            least = -(-extent // (MOST_PARTS * multiple)) * multiple
            sizes = range(-(-least // step) * step, extent // FEWEST_PARTS + 1, step)
            return axis, next((size for size in sizes if extent % size == 0), least)
    return None


def _extent(x: Tracer, axes: Axes) -> int:
    return math.prod(x.shape[a] for a in axes)


def _as_stored(x: Tracer, contract: Axes, batch: Axes) -> tuple[Tracer, Axes, Axes]:
    """The operand with its axes as memory has them, where that keeps the order of its free axes.

    Of an operand that is computed, it is the array with most elements that is to be read in order.
    """
    order = _order_in_memory(x.node)
    free = [a for a in order if a not in (*contract, *batch)]
    if free != sorted(free):
        return x, contract, batch
    stored = permute(x, axes=order)
    return stored, tuple(order.index(a) for a in contract), tuple(order.index(a) for a in batch)


def _order_in_memory(node: Node) -> Axes:
    """The axes by how far apart the elements along them are in what a value is computed from."""
    axes = tuple(range(node.type.ndim))
    best, largest = (0,) * len(axes), 0
    stack, seen = [(node, identity_rows(len(axes)))], 0
    while stack and seen < FARTHEST:
        x, rows = stack.pop()
        seen += 1
        name = x.primitive.name
        if name in MOVE_ROWS and (name != "reshape" or _is_affine(x)):
            stack.append((x.operands[0], MOVE_ROWS[name](x, rows, len(axes))))
        elif x.primitive.elementwise:
            stack += [(operand, rows) for operand in x.operands]
        elif x.type.size > largest:
            largest = x.type.size
            best = combine(rows, row_major_strides(x.type.shape), len(axes)).coefs
    return tuple(sorted(axes, key=lambda a: (-abs(best[a]) if node.type.shape[a] > 1 else 0, a)))


def _is_affine(x: Node) -> bool:
    return reshape_is_affine(x.operands[0].type.shape, x.type.shape)


def _matrix(x: Tracer, batch: Axes, rows: Axes, columns: Axes) -> tuple[Tracer, bool]:
    """The operand with its axes in the order (batch, rows, columns), or the last two swapped."""
    order = tuple(range(x.ndim))
    if order == (*batch, *columns, *rows) and columns != ():
        return x, order != (*batch, *rows, *columns)
    return permute(x, axes=(*batch, *rows, *columns)), False


def _multiply_and_sum(
    node: Node, x: Tracer, y: Tracer, x_axes: Sequence[Axes], y_axes: Sequence[Axes]
) -> Tracer:
    """A product as a loop: over batch, the free axes of both, and the contracted ones.

    Where one operand has all of these axes, they are in its order, so that the loop can be one with
    others over that operand.
    """
    (x_batch, x_free, x_contract), (_, y_free, _) = x_axes, y_axes
    labels = [*range(len(x_batch) + len(x_free) + len(y_free) + len(x_contract))]
    batch, rest = labels[: len(x_batch)], labels[len(x_batch) :]
    free, contract = rest[: node.type.ndim - len(batch)], rest[node.type.ndim - len(batch) :]
    of_x = _labelled(x, x_axes, (batch, free[: len(x_free)], contract))
    of_y = _labelled(y, y_axes, (batch, free[len(x_free) :], contract))
    order = next((o for o in (of_x, of_y) if _keeps(o, labels, contract)), labels)
    extents = dict(zip((*of_x, *of_y), (*x.shape, *y.shape), strict=True))
    shape = tuple(extents[label] for label in order)
    factors = []
    for operand, of_it in ((x, of_x), (y, of_y)):
        places = [order.index(label) for label in of_it]
        sorted_axes = tuple(sorted(range(operand.ndim), key=places.__getitem__))
        moved = permute(operand, axes=sorted_axes)
        factors.append(broadcast(moved, shape=shape, axes=tuple(sorted(places))))
    product = mul(*factors)
    summed = tuple(sorted(order.index(c) for c in contract))
    if all(shape[a] == 1 for a in summed):  # An outer product is a part of what it is added to.
        return reshape(product, shape=node.type.shape)
    return reduce_sum(product, axes=summed)


def _labelled(operand: Tracer, axes: Sequence[Axes], labels: Sequence[Sequence[int]]) -> list[int]:
    """The label of each axis of an operand."""
    known = dict(
        zip((a for part in axes for a in part), (x for p in labels for x in p), strict=True)
    )
    return [known[a] for a in range(operand.ndim)]


def _keeps(order: Sequence[int], labels: Sequence[int], contract: Sequence[int]) -> bool:
    """Whether an order has all axes, and those of the result in theirs."""
    kept = [label for label in order if label not in contract]
    return len(order) == len(labels) and kept == sorted(kept)
