"""Reverse mode: sweep a graph backwards and add the adjoint nodes.

A cotangent may come with a mask: where it is false the cotangent is zero because the value was not
chosen there (the untaken side of `where`). The mask is applied after the multiplication by a
partial, never before, so an infinite or NaN partial at an unchosen place adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..adjoints import told
from ..ir import PARAMETER, Graph, Node, Params, family, replay
from ..primitive import NoDerivative, Primitive
from ..trace import Tracer, current_trace, derivative_of, literal, new_trace
from ..types import BOOL, ArrayType, is_complex, is_inexact
from .layers import FEWEST, Piece, laid, layers
from .subgraph import varies_with


@dataclass(frozen=True, slots=True)
class Cotangent:
    """The derivative of the result by a value, and where it can be other than zero."""

    value: Tracer
    mask: Tracer | None = None


def vjp(graph: Graph, wrt: Sequence[int], seeded: Sequence[int] | None = None) -> Graph:
    """The graph that also pulls cotangents back.

    Takes the parameters of ``graph``, then a cotangent for each of the outputs numbered in
    ``seeded`` (by default all of floating or complex dtype); gives its outputs, then the cotangent
    of each parameter numbered in ``wrt``.
    """
    if seeded is None:
        seeded = [i for i, x in enumerate(graph.outputs) if is_inexact(x.type.dtype)]
    with new_trace() as trace:
        builder = trace.builder
        parameters = [builder.parameter(p.type) for p in graph.parameters]
        outputs = replay(graph, builder, parameters)
        seeds = [(outputs[i], Tracer(builder.parameter(outputs[i].type))) for i in seeded]
        pulled = pull_back(seeds, [parameters[i] for i in wrt])
        return builder.graph([*outputs, *(x.node for x in pulled)])


def pull_back(seeds: Sequence[tuple[Node, Tracer]], wanted: Sequence[Node]) -> list[Tracer]:
    """The cotangents of the wanted nodes, given those of others, in the current trace.

    Only nodes on a path from a wanted node to a seed are visited; a wanted node that no seed
    depends on gets zeros.
    """
    from ..primitives.structure import zeros

    active = _active_nodes([node for node, _ in seeds], wanted)
    cotangents: dict[Node, Cotangent] = {}
    for node, ct in seeds:
        if node in active:
            with derivative_of(node):
                _accumulate(cotangents, node, Cotangent(ct))
    stop = set(wanted)
    families = _families(active)
    slices: dict[Node, list[Piece]] = {}
    for node in reversed(active):
        _add_slices(cotangents, node, slices.pop(node, ()))
        if node.primitive.vjp is not None:
            if families[family(node)][0] is node:
                _pull_family(families[family(node)], cotangents, active)
            continue
        received = cotangents.get(node)
        if received is None or (node in stop and not any(x in active for x in node.operands)):
            continue
        with derivative_of(node):
            received = cotangents[node] = _told(node, received)
            if node.primitive.name == "slice" and node.type.size:
                slices.setdefault(node.operands[0], []).append(Piece.of(node))
                continue
            wants = [x in active for x in node.operands]
            parts = _pull_node(node, received, wants)
            for operand, part in zip(node.operands, parts, strict=True):
                if part is not None and operand in active:
                    _accumulate(cotangents, operand, part)
    return [cotangents[x].value if x in cotangents else zeros(x.type) for x in wanted]


def _told(node: Node, received: Cotangent) -> Cotangent:
    return Cotangent(told(node, received.value), received.mask)


def _add_slices(cotangents: dict[Node, Cotangent], node: Node, slices: Sequence[Piece]) -> None:
    """Add what the slices of a node have received, those that do not overlap at once."""
    for layer in layers(slices):
        if len(layer) >= FEWEST:
            with derivative_of(layer[0].node):
                _accumulate(cotangents, node, _side_by_side(cotangents, node, layer))
            continue
        for piece in layer:
            with derivative_of(piece.node):
                (part,) = _pull_node(piece.node, cotangents[piece.node], [True])
                assert part is not None
                _accumulate(cotangents, node, part)


def _side_by_side(
    cotangents: Mapping[Node, Cotangent], node: Node, layer: Sequence[Piece]
) -> Cotangent:
    from ..primitives.structure import broadcast

    received = [cotangents[piece.node] for piece in layer]
    value = laid(
        received[0].value.type.with_shape(node.type.shape), layer, [x.value for x in received]
    )
    if all(x.mask is None for x in received):
        return Cotangent(value)
    masks = [
        broadcast(literal(True, BOOL), shape=x.value.shape, axes=()) if x.mask is None else x.mask
        for x in received
    ]
    return Cotangent(value, laid(ArrayType(node.type.shape, BOOL), layer, masks))


def _families(nodes: Iterable[Node]) -> dict[tuple[Any, ...], list[Node]]:
    """The results of each loop and branch, in order.

    All have the same operands, so at the first of them all that is computed from any is done.
    """
    families: dict[tuple[Any, ...], list[Node]] = {}
    for node in nodes:
        if node.primitive.vjp is not None:
            families.setdefault(family(node), []).append(node)
    return families


def _pull_family(
    family: Sequence[Node], cotangents: dict[Node, Cotangent], active: Mapping[Node, None]
) -> None:
    """Pull the cotangents of all results of a loop or branch back together."""
    node = family[0]
    with derivative_of(node):
        received = {
            x.params["result"]: _told(x, cotangents[x]).value for x in family if x in cotangents
        }
    if not received:
        return
    row, params = node.primitive, {k: v for k, v in node.params.items() if k != "result"}
    assert row.vjp is not None
    with derivative_of(node):
        wants = [x in active for x in node.operands]
        if not any(wants):
            return
        parts = row.vjp(received, wants, *map(Tracer, node.operands), **params)
        for operand, part in zip(node.operands, parts, strict=True):
            if part is not None and operand in active:
                _accumulate(cotangents, operand, Cotangent(part))


def _active_nodes(outputs: Sequence[Node], wanted: Sequence[Node]) -> dict[Node, None]:
    """The nodes between, in order of computation, as an ordered set."""
    depends = set(wanted)
    order: dict[Node, None] = {}
    for node in _in_order(outputs):
        if (node in depends and is_inexact(node.type.dtype)) or varies_with(node, depends):
            depends.add(node)
            order[node] = None
    return order


def _in_order(outputs: Sequence[Node]) -> list[Node]:
    """All nodes that the outputs are computed from, operands first."""
    done: dict[Node, None] = {}
    stack = list(reversed(outputs))
    while stack:
        node = stack[-1]
        if node in done:
            stack.pop()
            continue
        waiting = [x for x in node.operands if x not in done]
        if waiting:
            stack.extend(reversed(waiting))
        else:
            done[node] = None
            stack.pop()
    return list(done)


def _accumulate(cotangents: dict[Node, Cotangent], node: Node, ct: Cotangent) -> None:
    before = cotangents.get(node)
    if before is None:
        cotangents[node] = ct
        return
    mask = None
    if before.mask is not None and ct.mask is not None:
        mask = before.mask if before.mask.node is ct.mask.node else before.mask | ct.mask
    cotangents[node] = Cotangent(_sum(node, before.value, ct.value), mask)


def _sum(node: Node, a: Tracer, b: Tracer) -> Tracer:
    """Two cotangents of a node together."""
    if not node.type.is_stack:
        return a + b
    from ..primitives.stacks import entries, sum_of_stacks

    return sum_of_stacks(a, b, entries(node))


def _pull_node(node: Node, ct: Cotangent, wants: Sequence[bool]) -> list[Cotangent | None]:
    """The cotangent of each operand of one node."""
    row, params = node.primitive, node.params
    operands = [Tracer(x) for x in node.operands]
    if row.partials is not None:
        partials = row.partials(Tracer(node), *operands, **params)
        parts = [
            times_partial(ct.value, p, x) if p is not None and want else None
            for p, x, want in zip(partials, operands, wants, strict=True)
        ]
        return _masked(parts, ct.mask)
    pulled: list[Cotangent | None] = [None] * len(operands)
    if row.transpose is not None:
        pulled = _transposed(row, ct, operands, params)
        linear = row.linear_operands(len(operands))
        wants = [want and i not in linear for i, want in enumerate(wants)]
    if row.jvp is not None and any(wants):
        others = _transposed_jvp(node, ct.value, wants)
        pulled = [x if y is None else Cotangent(y) for x, y in zip(pulled, others, strict=True)]
    return pulled


def times_partial(ct: Tracer, partial: Tracer | float | NoDerivative, operand: Tracer) -> Tracer:
    """A cotangent times a partial derivative; of a real result by a complex operand, by parts."""
    if is_complex(ct.dtype) or not is_complex(operand.dtype):
        return ct * partial
    from ..primitives.complexes import complex, imag, real

    assert isinstance(partial, Tracer)
    return complex(ct * real(partial), ct * imag(partial))


def _masked(parts: Sequence[Tracer | None], mask: Tracer | None) -> list[Cotangent | None]:
    if mask is None:
        return [None if x is None else Cotangent(x) for x in parts]
    from ..primitives.elementwise import broadcast_scalar, where

    return [
        None if x is None else Cotangent(where(mask, x, broadcast_scalar(0.0, x)), mask)
        for x in parts
    ]


def _transposed(
    row: Primitive, ct: Cotangent, operands: Sequence[Tracer], params: Params
) -> list[Cotangent | None]:
    assert row.transpose is not None
    parts = row.transpose(ct.value, *operands, **params)
    if row.support is not None:
        chosen = row.support(*operands, **params)
        return [
            None if x is None else Cotangent(x, _both(ct.mask, mask))
            for x, mask in zip(parts, chosen, strict=True)
        ]
    masks: Sequence[Tracer | None] = [None] * len(parts)
    if row.elementwise:
        masks = [ct.mask] * len(parts)
    elif ct.mask is not None and row.name in MOVES:
        masks = _moved_mask(row, ct.mask, ct.value, operands, params)
    return [None if x is None else Cotangent(x, mask) for x, mask in zip(parts, masks, strict=True)]


MOVES = frozenset(
    (
        "broadcast",
        "reshape",
        "permute",
        "slice",
        "flip",
        "pad",
        "concatenate",
        "reduce_sum",
        "gather",
    )
)
"""Linear rows that only move and add elements: a mask goes through them as a cotangent does."""


def _moved_mask(
    row: Primitive, mask: Tracer, ct: Tracer, operands: Sequence[Tracer], params: Params
) -> list[Tracer | None]:
    """A place is chosen if any place that it went to is."""
    from ..primitives.elementwise import broadcast_scalar, where

    assert row.transpose is not None
    ones = where(mask, broadcast_scalar(1.0, ct), broadcast_scalar(0.0, ct))
    counts = row.transpose(ones, *operands, **params)
    return [None if x is None else x > 0.0 for x in counts]


def _both(a: Tracer | None, b: Tracer | None) -> Tracer | None:
    if a is None or b is None:
        return a if b is None else b
    return a & b


def _transposed_jvp(node: Node, ct: Tracer, wants: Sequence[bool]) -> list[Tracer | None]:
    """The vjp of a row that states a jvp: the transpose of that linear function of tangents."""
    row = node.primitive
    operands = [Tracer(x) for x in node.operands]
    builder = current_trace().builder
    slots = [
        Tracer(_placeholder(x)) if want else None
        for x, want in zip(node.operands, wants, strict=True)
    ]
    for slot in slots:
        if slot is not None:
            builder.adopt(slot.node)
    assert row.jvp is not None
    tangent = row.jvp(slots, Tracer(node), *operands, **node.params)
    assert tangent is not None
    asked = [slot.node for slot in slots if slot is not None]
    pulled = iter(pull_back([(tangent.node, ct)], asked))
    return [None if slot is None else next(pulled) for slot in slots]


def _placeholder(like: Node) -> Node:
    """Stands for a tangent while a linear function of it is transposed; nothing keeps it."""
    return Node(PARAMETER, (), {"type": like.type}, like.type, like.where)
