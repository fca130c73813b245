"""Replacing nodes of a graph by others that mean the same: what lowering passes share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from pullback.tracer.ir import LITERAL, Graph, Node, primal_among
from pullback.tracer.primitive import Primitive
from pullback.tracer.trace import Tracer, current_trace, new_trace
from pullback.tracer.types import ArrayType

Rule: TypeAlias = Callable[[Node, Sequence[Tracer]], "Tracer | None"]
"""``rule(node, operands)``: what to compute in the node's place, None to leave it."""


def _parameter(type: ArrayType) -> Tracer:
    return Tracer(current_trace().builder.parameter(type))


def _output(x: Tracer) -> Tracer:
    return x


def rewritten(
    graph: Graph,
    rules: Mapping[Primitive, Rule],
    parameter: Callable[[ArrayType], Tracer] = _parameter,
    output: Callable[[Tracer], Tracer] = _output,
) -> Graph:
    """The graph with the rules applied to every node of their primitives, once.

    ``parameter`` makes the parameters, ``output`` makes the outputs of the values of old ones.
    """
    usual = parameter is _parameter and output is _output
    if usual and not any(node.primitive in rules for node in graph.nodes):
        return graph
    with new_trace() as trace:
        builder = trace.builder
        trace.fixed_location = True
        made = {p: parameter(p.type).node for p in graph.parameters}
        for node in graph.nodes:
            builder.where, builder.primal = node.where, primal_among(made, node)
            operands = tuple([made[x] for x in node.operands])
            rule = rules.get(node.primitive)
            simple = rule(node, [Tracer(x) for x in operands]) if rule is not None else None
            if simple is not None:
                made[node] = simple.node
            elif node.primitive is LITERAL:
                made[node] = builder.literal(node.params["value"], node.params["dtype"])
            else:
                made[node] = builder.add(node.primitive, operands, node.params)
        return builder.graph([output(Tracer(made[x])).node for x in graph.outputs])
