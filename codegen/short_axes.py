"""Reductions along short axes: written out, so that they fuse like any elementwise work.

The sum over the three coordinates of a point is two additions. As a loop it would be the innermost
one, with most lanes of its vectors idle; written out, the loops are over the points.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from pullback.tracer.ir import Graph, Node
from pullback.tracer.primitive import Primitive
from pullback.tracer.primitives.elementwise import add, maximum, minimum, mul
from pullback.tracer.primitives.reduction import reduce_max, reduce_min, reduce_prod, reduce_sum
from pullback.tracer.primitives.structure import reshape, slice
from pullback.tracer.trace import Tracer

from .rewrite import Rule, rewritten

LONGEST = 4
FEWEST_RESULTS = 32


def lower_short_axes(graph: Graph) -> Graph:
    """The graph with reductions of a few elements each as elementwise nodes."""
    return rewritten(graph, RULES)


def _written_out(combine: Callable[[Tracer, Tracer], Tracer]) -> Rule:
    def rule(node: Node, operands: Sequence[Tracer]) -> Tracer | None:
        (x,) = operands
        axes = node.params["axes"]
        count = math.prod(x.shape[a] for a in axes)
        if not 1 < count <= LONGEST or node.type.size < FEWEST_RESULTS:
            return None
        total: Tracer | None = None
        for number in range(count):
            part = reshape(_part(x, axes, number), shape=node.type.shape)
            total = part if total is None else combine(total, part)
        return total

    return rule


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
