"""Stacks: arrays with an entry for each turn of a loop of unknown length."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..ir import Node
from ..trace import Tracer, inner_trace
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
    return _each_entry(lambda x, y: x + y, [a, b], count)


def scaled_stack(stack: Tracer, factor: float) -> Tracer:
    """A stack with each entry multiplied by a number."""
    return _each_entry(lambda x: x * factor, [stack], entries(stack.node))


def _each_entry(function: Callable[..., Tracer], stacks: Sequence[Tracer], count: Tracer) -> Tracer:
    """What a function gives of the entries at each place."""
    with inner_trace() as trace:
        types = [x.type.with_shape(x.shape[1:]) for x in stacks]
        parameters = [Tracer(trace.builder.parameter(t)) for t in types]
        body = trace.builder.graph([function(*parameters).node])
    (made,) = results_of(body, [], [], stacks, count)
    return made
