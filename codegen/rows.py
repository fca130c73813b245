"""Rows side by side: where each place of a loop ends a reduction along the innermost one.

As many rows as a vector has lanes are reduced together, each in a vector of its own. So what the
rows share is read once, none waits for itself, and in the end the sums across lanes of all rows are
those of halves of whole vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pullback.tracer.ir import Node

from .access import Place
from .assembly import I64, FunctionWriter, Value, constant, element, lanes, vector
from .combine import ARG, combine_pair, start_state
from .elements import ELEMENTS
from .fuse import elements
from .kernel import LoopKernel
from .registers import SHORT_BODY, identity, widest
from .split import body_work

if TYPE_CHECKING:
    from .loops import Nest

LONGEST_ROW = 1024
"""Elements of a row above which its own sum across lanes does not count."""

NEAR_BYTES = 1 << 18
"""Bytes up to which all rows may be read side by side; farther away memory is read in order."""

MOST_ROWS, STREAMS = 8, 4
"""Rows side by side; long ones that are far away are so many streams, with which memory keeps up.
"""

STREAM_VECTORS = 32
"""Vectors of a row from which on it is a stream."""

LONGEST_BLOCK = 512
"""Instructions of all rows together up to which they are written out, one after the other."""


def rows_together(kernel: LoopKernel, width: int) -> int:
    """How many rows are reduced together; one if it is not worth it."""
    depth = len(kernel.extents)
    if depth < 2 + kernel.around or kernel.sequential or body_work(kernel) > SHORT_BODY:
        return 1
    if not all(s.kind == "reduce" and s.axes == (depth - 1,) for s in kernel.sinks):
        return 1
    if any(s.node.primitive.name in ARG for s in kernel.sinks):
        return 1
    rows, row = kernel.extents[-2:]
    count = min(width, MOST_ROWS)
    far = elements(kernel.extents[kernel.around :]) * widest(kernel) > NEAR_BYTES
    if row > LONGEST_ROW or (far and not is_short(kernel, width, count)):
        count = min(count, STREAMS)
        worth_it = row >= STREAM_VECTORS * width and _share(kernel)
        return count if count <= rows and worth_it else 1
    return count if count <= rows and width <= row else 1


def _share(kernel: LoopKernel) -> bool:
    """Whether rows read the same memory."""
    indices = [s.index.coefs[-2:] for s in kernel.steps if s.kind == "load" and s.index is not None]
    return any(around == 0 and inner for around, inner in indices)


def is_short(kernel: LoopKernel, width: int, rows: int) -> bool:
    """Whether so many rows are few instructions, so that there need be no loop along them."""
    return -(-kernel.extents[-1] // width) * rows * body_work(kernel) <= LONGEST_BLOCK


def reduce_rows(nest: Nest, depth: int) -> None:
    """Write the two innermost loops, the one over rows being that at the depth."""
    extent, count = nest.kernel.extents[depth], nest.rows
    full = extent - extent % count
    with nest.counted(0, full, count) as index:
        _reduce_block(nest, depth, [nest.w.add_index(index, n) for n in range(count)])
    if full < extent:
        with nest.counted(full, extent, 1) as index:
            _reduce_block(nest, depth, [index])


def _reduce_block(nest: Nest, depth: int, indices: Sequence[Value]) -> None:
    rows = [nest.row(depth, index) for index in indices]
    for number, sink in enumerate(nest.kernel.sinks):
        dtype = sink.node.operands[0].type.dtype
        name, type = sink.node.primitive.name, vector(ELEMENTS[dtype], nest.width)
        state = start_state(name, type, identity(name, dtype))
        nest.accumulators[number] = [list(state) for _ in rows]

    def turn(place: Place, number: int) -> None:
        nest.access.indices.append(rows[number].index)
        nest.access.bases = rows[number].bases
        nest.turn(place, number, rows[number].outer)
        nest.access.indices.pop()

    def turn_all(place: Place) -> None:
        for number in range(len(rows)):
            turn(place, number)

    if is_short(nest.kernel, nest.width, nest.rows):
        for number in range(len(rows)):
            for place in nest.parts():
                turn(place, number)
    else:
        nest.turns(turn_all)
    nest.access.bases = {}
    nest.access.indices.append(indices[0])
    for number, sink in enumerate(nest.kernel.sinks):
        states = [value for (value,) in nest.accumulators.pop(number)]
        result = combine_rows(nest.w, sink.node, states)
        stride = sink.index.coefs[depth]
        pointer = nest.access.address(sink.buffer, sink.index, Place(constant(I64, 0), 1))
        place = Place(constant(I64, 0), len(rows))
        nest.access.write(sink.buffer, pointer, stride, result, place)
    nest.access.indices.pop()


def combine_rows(w: FunctionWriter, node: Node, states: Sequence[Value]) -> Value:
    """A vector of each state's combination across its lanes, as halves of it are combined."""
    current, size = list(states), lanes(states[0].type)
    while size > 1:
        size //= 2
        pairs: list[tuple[Value, Value | None]] = [(current[0], None)]
        if len(current) > 1:
            pairs = [*zip(current[::2], current[1::2], strict=True)]
        halves = [[_halves(w, a, b, size, high) for high in (0, 1)] for a, b in pairs]
        current = [combine_pair(w, node, [low], [high])[0] for low, high in halves]
    return current[0]


def _halves(w: FunctionWriter, a: Value, b: Value | None, size: int, high: int) -> Value:
    """The lower or higher halves of the groups of lanes, twice ``size`` each, of two vectors."""
    width = lanes(a.type)
    total = width if b is None else 2 * width
    picked = [k for k in range(total) if k // size % 2 == high]
    if len(picked) == 1:
        return w.extract(a, picked[0])
    order = ", ".join(f"i32 {k}" for k in picked)
    second = Value(a.type, "poison") if b is None else b
    type = vector(element(a.type), len(picked))
    return w.make(type, f"shufflevector {a}, {second}, <{len(picked)} x i32> <{order}>")
