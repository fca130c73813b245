"""Without effects: what computes again what has been computed must not print it again."""

from __future__ import annotations

from ..ir import LITERAL, Builder, Graph, Node, has_effect, primal_among
from ..trace import new_trace
from .subgraph import derived, with_inner


def quiet(graph: Graph) -> Graph:
    """The graph for its outputs alone, the graphs inside it included.

    Rules for derivatives keep their effects.
    """
    return derived(graph, "quiet", lambda: _quiet(graph)) if graph.effects else graph


def _quiet(graph: Graph) -> Graph:
    with new_trace() as trace:
        builder = trace.builder
        trace.fixed_location = True
        made = {p: builder.parameter(p.type) for p in graph.parameters}
        for node in graph.nodes:
            builder.where = node.where
            builder.primal = primal_among(made, node)
            made[node] = add_quiet(builder, node, tuple([made[x] for x in node.operands]))
        return builder.graph([made[x] for x in graph.outputs])


def add_quiet(builder: Builder, node: Node, operands: tuple[Node, ...]) -> Node:
    """Add a node to a builder without its effects, of other operands."""
    from ..primitives.structure import zeros

    row, params = node.primitive, node.params
    if row is LITERAL:
        return builder.literal(params["value"], params["dtype"])
    if row.effect:
        return zeros(node.type).node
    if has_effect(row, params):
        params = with_inner(params, quiet)
    return builder.add(row, operands, params)
