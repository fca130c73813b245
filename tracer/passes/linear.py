"""Whether a graph is linear in some of its parameters: read off its nodes, not tried out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from ..ir import Graph, Node, literal_value
from ..types import is_inexact

SUMS = frozenset(("neg", "add", "sub"))
"""Elementwise rows that are linear in all operands together."""


def nonlinear_node(graph: Graph, wrt: Sequence[int], zeros: Collection[Node] = ()) -> Node | None:
    """The first node that keeps the outputs from being linear in the parameters in ``wrt``.

    ``zeros`` are parameters that are known to be zero. Loops and branches count as not linear.
    """
    varies = {graph.parameters[i] for i in wrt}

    def vanishes(node: Node) -> bool:
        while node.primitive.name in ("broadcast", "reshape", "convert"):
            node = node.operands[0]
        return node in zeros or literal_value(node) == 0

    def fits(node: Node) -> bool:
        return node in varies or vanishes(node)

    for node in graph.nodes:
        if any(x in varies for x in node.operands):
            if not _is_linear(node, varies, fits):
                return node
            varies.add(node)
    return next((x for x in graph.outputs if not fits(x)), None)


def _is_linear(node: Node, varies: Collection[Node], fits: Callable[[Node], bool]) -> bool:
    """Whether a node is linear in those of its operands that vary."""
    row, operands = node.primitive, node.operands
    moving = [i for i, x in enumerate(operands) if x in varies]
    if not is_inexact(node.type.dtype):
        return False
    if row.name in SUMS:
        return all(map(fits, operands))
    if row.name in ("mul", "div"):
        return len(moving) == 1 and (row.name == "mul" or moving == [0])
    if row.transpose is None:
        return False
    linear = row.linear_operands(len(operands))
    if not set(moving) <= set(linear):
        return False
    return all(fits(operands[i]) for i in linear) if row.jointly else len(moving) == 1
