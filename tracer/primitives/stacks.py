"""Stacks: arrays with an entry for each turn of a loop of unknown length."""

from __future__ import annotations

from ..ir import Graph, Node
from ..trace import Tracer, new_trace
from ..types import ArrayType
from .scan import Layout, results_of
from .while_loop import turns, while_loop


def entries(stack: Node) -> Tracer:
    """How many entries a stack has: the turns of the loop that makes it."""
    operands = list(map(Tracer, stack.operands))
    if stack.primitive is not while_loop:
        return operands[0]
    carries = len(stack.params["body"].outputs)
    number = turns(Layout(0, carries, 0, 0))
    return while_loop(*operands, **{**stack.params, "result": number})


def sum_of_stacks(a: Tracer, b: Tracer, count: Tracer) -> Tracer:
    """Entry by entry, by a loop over both."""
    body = _addition(a.type.with_shape(a.shape[1:]))
    (total,) = results_of(body, [], [], [a, b], count)
    return total


def _addition(type: ArrayType) -> Graph:
    with new_trace() as trace:
        x, y = (Tracer(trace.builder.parameter(type)) for _ in range(2))
        return trace.builder.graph([(x + y).node])
