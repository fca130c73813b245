"""Sorted values that come along with their order are read by it, not sorted a second time.

The derivative of a sort needs the order; where both are there, reading is the cheaper way.
"""

from __future__ import annotations

from collections.abc import Sequence

from pullback.tracer.ir import Graph, Node
from pullback.tracer.primitives.sorting import argsort, gather_last, sort
from pullback.tracer.trace import Tracer

from .rewrite import rewritten

SHORTEST = 256
"""Shorter rows are sorted in the time that it takes to read them in an order."""


def share_orders(graph: Graph) -> Graph:
    """The graph with one sort for the values and the order of an array."""
    ordered = {node.operands[0] for node in graph.nodes if node.primitive is argsort}

    def by_order(node: Node, operands: Sequence[Tracer]) -> Tracer | None:
        (x,) = operands
        if node.operands[0] not in ordered or x.shape[-1] < SHORTEST:
            return None
        return gather_last(x, argsort(x))

    return rewritten(graph, {sort: by_order}) if ordered else graph
