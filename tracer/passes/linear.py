"""Whether a graph is linear in some of its parameters: read off its nodes, not tried out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from enum import Enum
from typing import Any

from ..ir import LITERAL, Graph, Node, family, literal_value
from ..types import is_inexact


class Share(Enum):
    """What a value is of the parameters in question: nothing, not of them, or linear in them."""

    ZERO = 0
    CONSTANT = 1
    LINEAR = 2


class NotLinear(Exception):
    """A value is none of these."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.node = node


def nonlinear_node(graph: Graph, wrt: Sequence[int], zeros: Collection[Node] = ()) -> Node | None:
    """The first node that keeps the outputs from being linear in the parameters in ``wrt``.

    ``zeros`` are parameters that are known to be zero.
    """
    given = [Share.ZERO if p in zeros else Share.CONSTANT for p in graph.parameters]
    for i in wrt:
        given[i] = Share.LINEAR
    try:
        found = _shares(graph, given)
    except NotLinear as error:
        return error.node
    pairs = zip(graph.outputs, found, strict=True)
    return next((x for x, share in pairs if share is Share.CONSTANT), None)


def _shares(graph: Graph, given: Sequence[Share]) -> list[Share]:
    """Those of the outputs, by those of the parameters."""
    known = dict(zip(graph.parameters, given, strict=True))
    loops: dict[Any, list[Share]] = {}
    for node in graph.nodes:
        operands = [known[x] for x in node.operands]
        if Share.LINEAR not in operands:
            known[node] = Share.ZERO if _vanishes(node, operands) else Share.CONSTANT
        elif node.primitive.name in RESULTS:
            loop = family(node)
            if loop not in loops:
                loops[loop] = RESULTS[node.primitive.name](node, operands)
            known[node] = loops[loop][node.params["result"]]
        else:
            known[node] = _share(node, operands)
    return [known[x] for x in graph.outputs]


def _vanishes(node: Node, operands: Sequence[Share]) -> bool:
    """Whether a node without linear operands is zero: a linear function of what is."""
    if node.primitive is LITERAL:
        return bool(literal_value(node) == 0)
    if node.primitive.name in KEEPS_ZERO:
        return operands[0] is Share.ZERO
    nothing = {x for x, share in zip(node.operands, operands, strict=True) if share is Share.ZERO}
    return bool(nothing) and _is_together(node, operands) and is_linear(node, nothing)


KEEPS_ZERO = frozenset(("broadcast", "reshape", "convert"))
"""Rows that give zeros of zeros of any dtype."""


def _is_together(node: Node, operands: Sequence[Share]) -> bool:
    """Whether nothing constant is among the operands that a node is linear in together."""
    return all(operands[i] is not Share.CONSTANT for i in _summands(node))


def _share(node: Node, operands: Sequence[Share]) -> Share:
    """That of a node with an operand that is linear."""
    if node.primitive.name == "barrier":
        return operands[0]
    varies = {x for x, share in zip(node.operands, operands, strict=True) if share is Share.LINEAR}
    if not _is_together(node, operands) or not is_linear(node, varies):
        raise NotLinear(node)
    return Share.LINEAR


# -- rows that hold graphs -----------------------------------------------------------------------


def _together(node: Node, a: Share, b: Share) -> Share:
    """That of a value which is now the one, now the other."""
    if {a, b} == {Share.CONSTANT, Share.LINEAR}:
        raise NotLinear(node)
    return max(a, b, key=lambda share: share.value)


def _carried(
    node: Node, body: Graph, consts: Sequence[Share], init: Sequence[Share], xs: Sequence[Share]
) -> tuple[list[Share], list[Share]]:
    """Those of what a loop carries in any step, and of what else its body gives."""
    before = list(init)
    while True:
        outs = _shares(body, [*consts, *before, *xs])
        after = [_together(node, a, b) for a, b in zip(before, outs, strict=False)]
        if after == before:
            return after, outs[len(after) :]
        before = after


def _scan_results(node: Node, operands: Sequence[Share]) -> list[Share]:
    from ..primitives.scan import Layout, taken

    params = node.params
    layout = Layout.of(params["body"], params["consts"], params["carries"])
    count, operands = taken(params["length"], operands)
    carried, ys = _carried(node, params["body"], *layout.split(operands))
    if Share.LINEAR in count:
        raise NotLinear(node)
    return [*carried, *ys, *carried]


def _reversal_results(node: Node, operands: Sequence[Share]) -> list[Share]:
    from ..primitives.reversal import Ways

    params = node.params
    forward, backward = params["forward"], params["backward"]
    ways = Ways.of(forward, backward, params["consts"], params["carries"])
    there, back = ways.split(operands)
    states, _ = _carried(node, forward, *ways.forward.split(there))
    whole = ways.backward.split(ways.for_second(back, states))
    carried, ys = _carried(node, backward, *whole)
    return [*carried, *ys]


def _while_results(node: Node, operands: Sequence[Share]) -> list[Share]:
    cond, body = node.params["cond"], node.params["body"]
    count = len(body.outputs)
    own, consts = len(cond.parameters) - count, len(body.parameters) - count
    fixed, init = operands[own : own + consts], operands[own + consts :]
    carried, _ = _carried(node, body, fixed, init, ())
    if Share.LINEAR in _shares(cond, [*operands[:own], *carried]):
        raise NotLinear(node)
    return [*carried, *carried, Share.CONSTANT]


def _switch_results(node: Node, operands: Sequence[Share]) -> list[Share]:
    index, *given = operands
    if index is Share.LINEAR:
        raise NotLinear(node)
    first, *others = (_shares(branch, given) for branch in node.params["branches"])
    for other in others:
        first = [_together(node, a, b) for a, b in zip(first, other, strict=True)]
    return first


RESULTS: dict[str, Callable[[Node, Sequence[Share]], list[Share]]] = {
    "scan": _scan_results,
    "reversal": _reversal_results,
    "while_loop": _while_results,
    "switch": _switch_results,
    "call": lambda node, operands: _shares(node.params["graph"], operands),
}
"""For rows of several results those of all of them."""


# -- rows ----------------------------------------------------------------------------------------

SUMS = frozenset(("neg", "add", "sub"))
"""Elementwise rows that are linear in all operands together."""


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
