"""`argmax` and `argmin` along outer axes: extremes first, then the first place that holds one.

The value carried with its place keeps the innermost loop along the axis, across the rows of memory.
Two reductions that keep the order of memory, one for the value and one for the place, read it
twice and are several times as fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from pullback.tracer.ir import Graph, Node
from pullback.tracer.primitive import Primitive
from pullback.tracer.primitives.elementwise import eq, is_nan, where
from pullback.tracer.primitives.reduction import argmax, argmin, reduce_max, reduce_min
from pullback.tracer.primitives.structure import broadcast, iota
from pullback.tracer.trace import Tracer, literal
from pullback.tracer.types import BOOL, INT64, is_float

from .rewrite import Rule, rewritten

FEWEST_COLUMNS = 8


def lower_outer_places(graph: Graph) -> Graph:
    """The graph with places along outer axes as two reductions."""
    return rewritten(graph, RULES)


def _in_two_passes(extreme: Callable[..., Tracer]) -> Rule:
    def rule(node: Node, operands: Sequence[Tracer]) -> Tracer | None:
        (x,) = operands
        axis = node.params["axis"]
        if math.prod(x.shape[axis + 1 :]) < FEWEST_COLUMNS or x.dtype == BOOL or not x.size:
            return None
        kept = tuple(a for a in range(x.ndim) if a != axis)
        best = broadcast(extreme(x, axes=(axis,)), shape=x.shape, axes=kept)
        found = eq(x, best)
        if is_float(x.dtype):  # a NaN is the extreme, and the only values then are NaN
            found = found | is_nan(x)
        places = broadcast(iota(size=x.shape[axis], dtype=INT64), shape=x.shape, axes=(axis,))
        beyond = broadcast(literal(np.iinfo(np.int64).max, INT64), shape=x.shape, axes=())
        return reduce_min(where(found, places, beyond), axes=(axis,))

    return rule


RULES: dict[Primitive, Rule] = {
    argmax: _in_two_passes(reduce_max),
    argmin: _in_two_passes(reduce_min),
}
