"""The checker: every type inferred again, every operand made before it is used."""

from __future__ import annotations

from .ir import PARAMETER, Graph
from .text import inner_graphs


def check_graph(graph: Graph) -> Graph:
    """The graph itself, when it is sound.

    Raises:
        AssertionError: naming the node at fault, with the graph around it.
    """
    known = set(graph.parameters)
    for node in graph.parameters:
        assert node.primitive is PARAMETER, f"{node} is among the parameters"
    for node in graph.nodes:
        assert all(x in known for x in node.operands), f"{node} is used too early in\n{graph}"
        inferred = node.primitive.infer(*[x.type for x in node.operands], **node.params)
        assert inferred == node.type, f"{node} should be {inferred} in\n{graph}"
        assert node not in known, f"{node} stands twice in\n{graph}"
        known.add(node)
    for inner in inner_graphs(graph):
        check_graph(inner)
    assert all(x in known for x in graph.outputs), f"an output is not computed in\n{graph}"
    return graph
