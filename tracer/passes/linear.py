"""Whether a graph is linear in some of its parameters: read off its nodes, not tried out."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..ir import Graph, Node, literal_value
from ..types import is_inexact

SUMS = frozenset(("neg", "add", "sub"))
"""Elementwise rows that are linear in all operands together."""


def nonlinear_node(graph: Graph, wrt: Sequence[int], zeros: Collection[Node] = ()) -> Node | None:
    """The first node that keeps the outputs from being linear in the parameters in ``wrt``.

    ``zeros`` are parameters that are known to be zero. Loops and branches count as not linear.
    """
    varies = {graph.parameters[i] for i in wrt}

    def fits(node: Node) -> bool:
        return node in varies or _vanishes(node, zeros)

    for node in graph.nodes:
        if any(x in varies for x in node.operands):
            whole = all(fits(node.operands[i]) for i in _summands(node))
            if not whole or not is_linear(node, varies):
                return node
            varies.add(node)
    return next((x for x in graph.outputs if not fits(x)), None)


def _vanishes(node: Node, zeros: Collection[Node]) -> bool:
    while node.primitive.name in ("broadcast", "reshape", "convert"):
        node = node.operands[0]
    return node in zeros or literal_value(node) == 0


def _summands(node: Node) -> Sequence[int]:
    """Operands that a node is linear in together: with some of them constant it is affine."""
    row = node.primitive
    if row.name in SUMS:
        return range(len(node.operands))
    return row.linear_operands(len(node.operands)) if row.jointly else ()


def is_linear(node: Node, varies: Collection[Node]) -> bool:
    """Whether a node is linear in those of its operands that vary, or affine."""
    row = node.primitive
    moving = [i for i, x in enumerate(node.operands) if x in varies]
    if not is_inexact(node.type.dtype):
        return False
    if row.name in SUMS:
        return True
    if row.name in ("mul", "div"):
        return len(moving) == 1 and (row.name == "mul" or moving == [0])
    if row.transpose is None or not set(moving) <= set(row.linear_operands(len(node.operands))):
        return False
    return row.jointly or len(moving) == 1
