"""Which nodes of a graph the nodes of later graphs are made of.

Passes carry the places of nodes along. So a graph whose nodes have places of their own, equal to
those of others in the same line but not the same objects, is recognised in what passes make of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pullback.tracer.ir import LITERAL, Graph, Node
from pullback.tracer.passes.subgraph import with_inner
from pullback.tracer.text import inner_graphs


def apart(graph: Graph) -> Graph:
    """The same graph, in which each node has a place of its own."""
    made: dict[Graph, Graph] = {}

    def of(graph: Graph) -> Graph:
        if graph not in made:
            made[graph] = _apart(graph, {})
        return made[graph]

    def _apart(graph: Graph, nodes: dict[Node, Node]) -> Graph:
        for node in (*graph.parameters, *graph.nodes):
            nodes[node] = Node(
                node.primitive,
                tuple(nodes[x] for x in node.operands),
                with_inner(node.params, of),
                node.type,
                None if node.where is None else replace(node.where),
                None if node.primal is None else nodes.get(node.primal, node.primal),
            )
        parts = graph.parameters, graph.nodes, graph.outputs
        return Graph(*(tuple(nodes[x] for x in part) for part in parts))

    return of(graph)


class Provenance:
    """Numbers of the nodes of a graph and of the graphs inside it, without literals."""

    def __init__(self, graph: Graph) -> None:
        self.graphs: Sequence[Graph] = [graph, *inner_graphs(graph)]
        self.numbers: dict[Node, int] = {}
        count = 0
        for each in self.graphs:
            for node in (*each.parameters, *each.nodes):
                if node.primitive is not LITERAL:
                    self.numbers[node] = count
                    count += 1
            count += len(each.outputs)
        self._by_place = {id(x.where): n for x, n in self.numbers.items() if x.where is not None}

    def number(self, node: Node) -> int | None:
        """The number of the node that this one is made of, or is itself."""
        return self._by_place.get(id(node.where))

    def all(self, nodes: Iterable[Node]) -> tuple[int, ...]:
        """The numbers of several nodes."""
        found = (self.number(node) for node in nodes)
        return tuple(dict.fromkeys(x for x in found if x is not None))
