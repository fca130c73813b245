"""Graphs inside graphs: what depends on what in the body of a loop, and bodies derived from it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import TypeVar
from weakref import WeakKeyDictionary

from ..adjoints import asked
from ..ir import LITERAL, Graph, Node, Params, reachable
from ..trace import new_trace
from ..types import is_inexact

T = TypeVar("T")

_derived: WeakKeyDictionary[Graph, dict[Hashable, object]] = WeakKeyDictionary()


def derived(graph: Graph, key: Hashable, make: Callable[[], T]) -> T:
    """What is made of a body once, so that all results of a loop are of the same derived loop."""
    key = key, asked()
    known = _derived.setdefault(graph, {})
    if key not in known:
        made = make()
        known.setdefault(key, made)  # another thread's may be there already
    return known[key]  # type: ignore[return-value]


def varying_outputs(graph: Graph, varies: Sequence[bool]) -> list[bool]:
    """Which outputs have a derivative by the parameters that vary."""
    pairs = zip(graph.parameters, varies, strict=True)
    depends = {p for p, yes in pairs if yes and is_inexact(p.type.dtype)}
    for node in graph.nodes:
        if varies_with(node, depends):
            depends.add(node)
    return [x in depends for x in graph.outputs]


def varies_with(node: Node, depends: Collection[Node]) -> bool:
    """Whether a node has a derivative by those of its operands that have one."""
    row = node.primitive
    if not row.differentiable or not is_inexact(node.type.dtype):
        return False
    operands = [x in depends for x in node.operands]
    if row.varies is None or not any(operands):
        return any(operands)
    results = row.varies(operands, **{k: v for k, v in node.params.items() if k != "result"})
    return results[node.params["result"]]


def used_parameters(graph: Graph) -> list[bool]:
    """Which parameters the outputs and the effects are computed from."""
    used = reachable([*graph.outputs, *graph.effects])
    return [p in used for p in graph.parameters]


def with_outputs(graph: Graph, outputs: Sequence[Node]) -> Graph:
    """The graph with other outputs, without the nodes that neither these nor effects need."""
    live = reachable([*outputs, *graph.effects])
    return Graph(graph.parameters, tuple(n for n in graph.nodes if n in live), tuple(outputs))


def with_inner(params: Params, change: Callable[[Graph], Graph]) -> dict[str, object]:
    """The parameters of a row with the graphs among them changed."""

    def changed(value: object) -> object:
        if isinstance(value, tuple):
            return tuple(map(changed, value))
        return change(value) if isinstance(value, Graph) else value

    return {name: changed(value) for name, value in params.items()}


def part(parameters: Sequence[Node], outputs: Sequence[Node]) -> Graph:
    """A graph of the outputs, in which the given nodes are parameters."""
    with new_trace() as trace:
        trace.fixed_location = True
        builder = trace.builder
        made = {x: builder.parameter(x.type) for x in parameters}
        stack = list(reversed(outputs))
        while stack:
            node = stack[-1]
            if node in made:
                stack.pop()
                continue
            waiting = [x for x in node.operands if x not in made]
            if waiting:
                stack += reversed(waiting)
                continue
            builder.where, builder.primal = node.where, node.primal
            if node.primitive is LITERAL:
                made[node] = builder.literal(node.params["value"], node.params["dtype"])
            else:
                operands = tuple(made[x] for x in node.operands)
                made[node] = builder.add(node.primitive, operands, node.params)
            stack.pop()
        return builder.graph([made[x] for x in outputs])
