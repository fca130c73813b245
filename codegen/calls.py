"""Calls and formulas replaced by what they hold: rules for derivatives have done their work."""

from __future__ import annotations

from collections.abc import Sequence

from pullback.tracer.ir import Graph, Node
from pullback.tracer.passes.subgraph import derived
from pullback.tracer.primitives.call import call
from pullback.tracer.primitives.formula import applied, formula
from pullback.tracer.trace import Tracer
from pullback.tracer.transform import inline

from .rewrite import rewritten


def lower_calls(graph: Graph) -> Graph:
    """The graph with that of each call or formula in its place, those inside of it included."""
    return rewritten(graph, {call: _opened, formula: _applied})


def _opened(node: Node, operands: Sequence[Tracer]) -> Tracer:
    graph: Graph = node.params["graph"]
    plain = derived(graph, "without calls", lambda: lower_calls(graph))
    return inline(plain, operands)[node.params["result"]]


def _applied(node: Node, operands: Sequence[Tracer]) -> Tracer:
    graph: Graph = node.params["value"]
    return applied(derived(graph, "without calls", lambda: lower_calls(graph)), operands)[0]
