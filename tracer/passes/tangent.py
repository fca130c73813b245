"""Forward mode: carry tangents along a graph and add the tangent nodes."""

from __future__ import annotations

from collections.abc import Sequence

from ..ir import Builder, Graph, Node, replay
from ..primitive import Primitive
from ..trace import Tracer, current_trace, derivative_of, new_trace
from ..types import is_complex, is_inexact
from .quiet import quiet


def jvp(graph: Graph, wrt: Sequence[int]) -> Graph:
    """The graph that also pushes tangents forward.

    Takes the parameters of ``graph``, then a tangent for each parameter numbered in ``wrt``; gives
    its outputs, then the tangent of each of its floating or complex outputs. Loops that carry
    tangents are others than those of the graph: effects are those of the graph itself.
    """
    if graph.effects:
        return with_primal(graph, jvp(quiet(graph), wrt))
    with new_trace() as trace:
        builder = trace.builder
        parameters = [builder.parameter(p.type) for p in graph.parameters]
        outputs = replay(graph, builder, parameters)
        seeds = [(parameters[i], Tracer(builder.parameter(parameters[i].type))) for i in wrt]
        floating = [x for x in outputs if is_inexact(x.type.dtype)]
        pushed = push_forward(seeds, list(builder.nodes), floating)
        return builder.graph(merged([*outputs, *(x.node for x in pushed)]))


def with_primal(graph: Graph, derived: Graph) -> Graph:
    """A graph made of a quiet one, whose first outputs come from the graph itself instead."""
    with new_trace() as trace:
        builder = trace.builder
        parameters = [builder.parameter(p.type) for p in derived.parameters]
        outputs = replay(graph, builder, parameters[: len(graph.parameters)])
        more = replay(derived, builder, parameters)[len(outputs) :]
        return builder.graph([*outputs, *more])


def push_forward(
    seeds: Sequence[tuple[Node, Tracer]], nodes: Sequence[Node], wanted: Sequence[Node]
) -> list[Tracer]:
    """The tangents of the wanted nodes, given those of others, in the current trace.

    ``nodes`` are in order of computation; those that do not vary have no tangent, and a wanted one
    that does not gets zeros.
    """
    from ..primitives.structure import zeros

    tangents: dict[Node, Tracer] = dict(seeds)
    for node in nodes:
        varies = any(x in tangents for x in node.operands)
        if varies and node not in tangents and node.primitive.differentiable:
            with derivative_of(node):
                tangent = push_node(node, [tangents.get(x) for x in node.operands])
            if tangent is not None:
                tangents[node] = tangent
    return [tangents[x] if x in tangents else zeros(x.type) for x in wanted]


def merged(outputs: Sequence[Node]) -> list[Node]:
    """The outputs, computed without the loops whose values other loops have found."""
    trace = current_trace()
    if not trace.replaced:
        return list(outputs)
    builder = trace.builder
    made: dict[Node, Node] = {}

    def now(node: Node) -> Node:
        node = trace.replaced.get(node, node)
        return made.get(node, node)

    stack = [trace.replaced.get(x, x) for x in reversed(outputs)]
    while stack:
        node = stack[-1]
        operands = [trace.replaced.get(x, x) for x in node.operands]
        waiting = [x for x in operands if x not in made]
        if waiting and node not in made:
            stack.extend(reversed(waiting))
            continue
        stack.pop()
        if node not in made:
            made[node] = _remade(builder, node, tuple(now(x) for x in node.operands))
    return [now(x) for x in outputs]


def _remade(builder: Builder, node: Node, operands: tuple[Node, ...]) -> Node:
    if operands == node.operands:
        return node
    builder.where, builder.primal = node.where, node.primal
    return builder.add(node.primitive, operands, node.params)


def push_node(node: Node, tangents: Sequence[Tracer | None]) -> Tracer | None:
    row, params = node.primitive, node.params
    operands = [Tracer(x) for x in node.operands]
    if row.partials is not None:
        partials = row.partials(Tracer(node), *operands, **params)
        pairs = zip(partials, tangents, strict=True)
        products = [t * p for p, t in pairs if p is not None and t is not None]
        return _sum([_of_result(x, node) for x in products])
    parts: list[Tracer | None] = []
    if row.transpose is not None:
        parts.append(_push_linear(row, node, tangents))
        linear = row.linear_operands(len(operands))
        tangents = [None if i in linear else t for i, t in enumerate(tangents)]
    if row.jvp is not None and any(t is not None for t in tangents):
        pushed = row.jvp(tangents, Tracer(node), *operands, **params)
        # Of several results some may be such as do not vary.
        parts += [] if pushed is None else [pushed]
    return _sum([part for part in parts if part is not None])


def _of_result(part: Tracer, node: Node) -> Tracer:
    """A tangent times a partial: of a real result by a complex operand, the real part."""
    from ..primitives.complexes import real

    return real(part) if is_complex(part.dtype) and not is_complex(node.type.dtype) else part


def _push_linear(row: Primitive, node: Node, tangents: Sequence[Tracer | None]) -> Tracer | None:
    """A linear row's tangent is the row itself, of tangents."""
    if not is_inexact(node.type.dtype):
        return None
    operands = [Tracer(x) for x in node.operands]
    linear = row.linear_operands(len(operands))
    if row.jointly:
        moved: list[Tracer] = list(operands)
        for i in linear:
            moved[i] = _or_zeros(tangents[i], operands[i])
        return row(*moved, **node.params)
    parts = []
    for i in linear:
        tangent = tangents[i]
        if tangent is not None:
            parts.append(row(*operands[:i], tangent, *operands[i + 1 :], **node.params))
    return _sum(parts)


def _sum(parts: Sequence[Tracer]) -> Tracer | None:
    total: Tracer | None = None
    for part in parts:
        total = part if total is None else total + part
    return total


def _or_zeros(tangent: Tracer | None, operand: Tracer) -> Tracer:
    from ..primitives.structure import zeros

    return zeros(operand.type) if tangent is None else tangent
