"""Short axes and reductions: written out, so that the loops are over the long axes.

The sum over the three coordinates of a point is two additions. As a loop it would be the innermost
one, with most lanes of its vectors idle; written out, the loops are over the points. The sum over
many pairs of points of what has three coordinates is three sums.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from pullback.tracer.ir import Graph, Node
from pullback.tracer.primitive import Primitive
from pullback.tracer.primitives.elementwise import add, maximum, minimum, mul
from pullback.tracer.primitives.reduction import reduce_max, reduce_min, reduce_prod, reduce_sum
from pullback.tracer.primitives.structure import broadcast, concatenate, reshape, slice
from pullback.tracer.trace import Tracer
from pullback.tracer.types import Shape

from .fuse import MOVES
from .rewrite import Rule, rewritten

LONGEST = 4
FEWEST_RESULTS = 32
FEWEST_TERMS = 4096
FARTHEST = 64
"""Nodes that are looked at to see whether a value is computed from one broadcast."""


def lower_short_axes(graph: Graph) -> Graph:
    """The graph with reductions of a few elements each as elementwise nodes."""
    return rewritten(graph, RULES)


def _written_out(combine: Callable[[Tracer, Tracer], Tracer]) -> Rule:
    def rule(node: Node, operands: Sequence[Tracer]) -> Tracer | None:
        (x,) = operands
        axes = node.params["axes"]
        count = math.prod(x.shape[a] for a in axes)
        if not 1 < count <= LONGEST or node.type.size < FEWEST_RESULTS:
            return _by_parts(node, x)
        total: Tracer | None = None
        for number in range(count):
            part = reshape(_part(x, axes, number), shape=node.type.shape)
            total = part if total is None else combine(total, part)
        return total

    return rule


def _by_parts(node: Node, x: Tracer) -> Tracer | None:
    """A reduction that keeps a short axis as one for each of its places.

    Not where the axis and its neighbours run through memory as one.
    """
    axes = node.params["axes"]
    kept = [a for a in range(x.ndim) if a not in axes]
    short = [a for a in kept if 1 < x.shape[a] <= LONGEST]
    if len(short) != 1 or x.type.size < FEWEST_TERMS or not _spread_along(x.node):
        return None
    (axis,) = short
    rest = tuple(a - (a > axis) for a in axes)
    place = kept.index(axis)
    shape = tuple(1 if a == place else n for a, n in enumerate(node.type.shape))
    parts = [
        reshape(node.primitive(_entries(x, axis, n), axes=rest), shape=shape)
        for n in range(x.shape[axis])
    ]
    return concatenate(*parts, axis=place)


def _entries(x: Tracer, axis: int, number: int) -> Tracer:
    """The entries at one place of an axis, computed without the others."""
    made: dict[tuple[Node, int], Tracer] = {}
    stack = [(x.node, axis)]
    while stack:
        node, at = stack[-1]
        needs = _entries_needed(node, at)
        waiting = [key for key in needs if key not in made]
        if waiting:
            stack += waiting
            continue
        stack.pop()
        if not node.primitive.elementwise and node.primitive is not broadcast:
            part = _part(Tracer(node), (at,), number)
            made[node, at] = reshape(part, shape=_less(node.type.shape, at))
        elif node.primitive.elementwise:
            made[node, at] = node.primitive(*(made[key] for key in needs), **node.params)
        else:
            (source,) = [made[key] for key in needs] or [Tracer(node.operands[0])]
            axes = tuple(a - (a > at) for a in node.params["axes"] if a != at)
            made[node, at] = broadcast(source, shape=_less(node.type.shape, at), axes=axes)
    return made[x.node, axis]


def _entries_needed(node: Node, axis: int) -> list[tuple[Node, int]]:
    """Of which operands entries are needed, and at a place of which of their axes."""
    if node.primitive.elementwise:
        return [(operand, axis) for operand in node.operands]
    if node.primitive is broadcast and axis in node.params["axes"]:
        return [(node.operands[0], node.params["axes"].index(axis))]
    return []


def _less(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])


def _spread_along(node: Node) -> bool:
    """Whether a value is computed from one that is broadcast."""
    stack, seen = [node], {node}
    while stack and len(seen) < FARTHEST:
        x = stack.pop()
        if x.primitive.name == "broadcast" and x.operands[0].type.ndim:
            return True
        if x.primitive.elementwise or x.primitive.name in MOVES:
            new = [y for y in x.operands if y not in seen]
            seen.update(new)
            stack += new
    return False


def _part(x: Tracer, axes: Sequence[int], number: int) -> Tracer:
    """The entries of ``x`` at one of the places along the axes."""
    starts = [0] * x.ndim
    for axis in reversed(axes):
        number, starts[axis] = divmod(number, x.shape[axis])
    sizes = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    return slice(x, starts=tuple(starts), sizes=sizes, steps=(1,) * x.ndim)


RULES: dict[Primitive, Rule] = {
    reduce_sum: _written_out(add),
    reduce_prod: _written_out(mul),
    reduce_max: _written_out(maximum),
    reduce_min: _written_out(minimum),
}
