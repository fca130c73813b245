"""Replacing nodes of a graph by others that mean the same: what lowering passes share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from pullback.tracer.ir import LITERAL, Graph, Node
from pullback.tracer.primitive import Primitive
from pullback.tracer.trace import Tracer, new_trace

Rule: TypeAlias = Callable[[Node, Sequence[Tracer]], "Tracer | None"]
"""``rule(node, operands)``: what to compute in the node's place, None to leave it."""


def rewritten(graph: Graph, rules: Mapping[Primitive, Rule]) -> Graph:
    """The graph with the rules applied to every node of their primitives, once."""
    if not any(node.primitive in rules for node in graph.nodes):
        return graph
    with new_trace() as trace:
        builder = trace.builder
        trace.fixed_location = True
        made = {p: builder.parameter(p.type) for p in graph.parameters}
        for node in graph.nodes:
            builder.where, builder.primal = node.where, made.get(node.primal or node)
            operands = tuple([made[x] for x in node.operands])
            rule = rules.get(node.primitive)
            simple = rule(node, [Tracer(x) for x in operands]) if rule is not None else None
            if simple is not None:
                made[node] = simple.node
            elif node.primitive is LITERAL:
                made[node] = builder.literal(node.params["value"], node.params["dtype"])
            else:
                made[node] = builder.add(node.primitive, operands, node.params)
        return builder.graph([made[x] for x in graph.outputs])
