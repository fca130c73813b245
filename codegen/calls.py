"""Calls replaced by what they call: rules for derivatives have done their work by then."""

from __future__ import annotations

from collections.abc import Sequence

from pullback.tracer.ir import Graph, Node
from pullback.tracer.passes.subgraph import derived
from pullback.tracer.primitives.call import call
from pullback.tracer.trace import Tracer
from pullback.tracer.transform import inline

from .rewrite import rewritten


def lower_calls(graph: Graph) -> Graph:
    """The graph with that of each call in its place, calls inside of it included."""
    return rewritten(graph, {call: _opened})


def _opened(node: Node, operands: Sequence[Tracer]) -> Tracer:
    graph: Graph = node.params["graph"]
    plain = derived(graph, "without calls", lambda: lower_calls(graph))
    return inline(plain, operands)[node.params["result"]]
