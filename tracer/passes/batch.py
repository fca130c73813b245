"""Batching: the graph for one example becomes a graph for many at once.

A batched value has the batch axis in front of its own. What no batched parameter reaches stays as
it is and is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir import LITERAL, Builder, Graph, Node, primal_among
from ..trace import Tracer, new_trace


def batch(graph: Graph, batched: Sequence[bool], size: int) -> tuple[Graph, tuple[bool, ...]]:
    """The graph for ``size`` values of the batched parameters, and which outputs are batched.

    The parameters chosen by ``batched`` get a leading axis of extent ``size``, and so does each
    output that depends on one of them.
    """
    with new_trace() as trace:
        trace.fixed_location = True
        builder = trace.builder
        varies = {x for x, chosen in zip(graph.parameters, batched, strict=True) if chosen}
        made: dict[Node, Node] = {}
        for node in graph.parameters:
            builder.where = node.where
            shape = (size, *node.type.shape) if node in varies else node.type.shape
            made[node] = builder.parameter(node.type.with_shape(shape))
        for node in graph.nodes:
            builder.where = node.where
            builder.primal = primal_among(made, node)
            flags = [x in varies for x in node.operands]
            made[node] = _batch_node(builder, node, flags, [made[x] for x in node.operands])
            if any(flags):
                varies.add(node)
        result = builder.graph([made[x] for x in graph.outputs])
        return result, tuple(x in varies for x in graph.outputs)


def _batch_node(
    builder: Builder, node: Node, batched: Sequence[bool], operands: Sequence[Node]
) -> Node:
    """The node for the whole batch: by the row's rule, or the row itself if elementwise."""
    from ..primitives.structure import all_batched

    row, params = node.primitive, node.params
    if row is LITERAL:
        return builder.literal(params["value"], params["dtype"])
    if not any(batched):
        return builder.add(row, tuple(operands), params)
    tracers = [Tracer(x) for x in operands]
    if row.batch is not None:
        return row.batch(batched, *tracers, **params).node
    assert row.elementwise, f"{row} has no rule for batches"
    return row(*all_batched(batched, tracers), **params).node
