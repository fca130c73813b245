"""A graph without detours that people would not write: axes of one element added and taken away,
and formulas under a name of their own.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir import LITERAL, Builder, Graph, Node, Params, literal_value, primal_among
from ..passes.subgraph import with_inner
from ..primitive import TABLE, Primitive
from ..primitives.formula import IDENTITIES, formula, of_dtype


def tidy(graph: Graph) -> Graph:
    """The same function, reshaped after arithmetic rather than before it; bodies of loops too."""
    return _tidy(graph, {})


def _tidy(graph: Graph, done: dict[Graph, Graph]) -> Graph:
    if graph in done:
        return done[graph]
    builder = Builder(_rewrite)
    made = {p: builder.parameter(p.type) for p in graph.parameters}
    for node in graph.nodes:
        builder.where = node.where
        builder.primal = primal_among(made, node)
        if node.primitive is LITERAL:
            made[node] = builder.literal(node.params["value"], node.params["dtype"])
        elif node.primitive is formula:
            made[node] = _opened(builder, node.params["value"], [made[x] for x in node.operands])
        else:
            params = with_inner(node.params, lambda inner: _tidy(inner, done))
            operands = tuple([made[x] for x in node.operands])
            made[node] = builder.add(node.primitive, operands, params)
    done[graph] = builder.graph([made[x] for x in graph.outputs])
    return done[graph]


def _opened(builder: Builder, graph: Graph, operands: Sequence[Node]) -> Node:
    """A formula, which is a graph of numbers, for every element."""
    type = operands[0].type
    made = dict(zip(graph.parameters, operands, strict=True))
    for node in graph.nodes:
        params = of_dtype(node.params, type.dtype)
        if node.primitive is LITERAL:
            made[node] = _repeated(
                builder, builder.literal(params["value"], params["dtype"]), type.shape
            )
        elif node.primitive.name in IDENTITIES:
            made[node] = made[node.operands[0]]
        else:
            given = tuple([made[x] for x in node.operands])
            made[node] = builder.add(node.primitive, given, params)
    return made[graph.outputs[0]]


def _rewrite(
    builder: Builder, primitive: Primitive, operands: tuple[Node, ...], params: Params
) -> Node | None:
    if primitive.name == "reshape":
        return _reshaped(builder, operands[0], params)
    if not primitive.elementwise or not any(x.primitive.name == "reshape" for x in operands):
        return None
    others = [x for x in operands if literal_value(x) is None]
    if any(x.primitive.name != "reshape" for x in others):
        return None
    shapes = {x.operands[0].type.shape for x in others}
    if len(shapes) != 1:
        return None
    (shape,) = shapes
    moved = [x.operands[0] if x in others else _repeated(builder, x, shape) for x in operands]
    result = builder.add(primitive, tuple(moved), params)
    return builder.add(TABLE["reshape"], (result,), {"shape": operands[0].type.shape})


def _reshaped(builder: Builder, x: Node, params: Params) -> Node | None:
    while x.primitive.name == "reshape":
        x = x.operands[0]
        if x.type.shape == params["shape"]:
            return x
    return x if x.type.shape == params["shape"] else None


def _repeated(builder: Builder, x: Node, shape: tuple[int, ...]) -> Node:
    """A literal in another shape."""
    while x.operands:
        (x,) = x.operands
    if not shape:
        return x
    return builder.add(TABLE["broadcast"], (x,), {"shape": shape, "axes": ()})
