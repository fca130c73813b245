"""Loops that go on while a condition holds, as one row.

``while_loop`` takes the constants of its condition, those of its body, and the carried values. The
condition's graph takes its constants and the carried values and gives a bool; the body's gives the
next carried values. Results, by number: the last carried values; of each a stack of what it was at
the beginning of every turn; and the number of turns. Reverse mode goes back along the stacks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ir import Graph, Node, replay
from ..passes.quiet import quiet
from ..passes.subgraph import derived
from ..primitive import Domain, Primitive, register
from ..trace import Tracer, current_trace, new_trace
from ..types import BOOL, INT64, ArrayType, scalar
from .elementwise import convert, where
from .items import copied, items_graph, one_by_one, results
from .reduction import reduce_any, reduce_sum
from .scan import (
    Flags,
    Layout,
    batch_size,
    batched_body,
    chosen,
    dual_body,
    example,
    over_histories,
    pulled_back,
    varying,
    varying_results,
    with_tangents,
)
from .structure import broadcast, repeated, zeros


def _layout(body: Graph) -> Layout:
    carries = len(body.outputs)
    return Layout(len(body.parameters) - carries, carries, 0, 0)


def _infer_while(*types: ArrayType, cond: Graph, body: Graph, result: int) -> ArrayType:
    layout = _layout(body)
    own = len(cond.parameters) - layout.carries
    wanted = [p.type for p in (*cond.parameters[:own], *body.parameters)]
    if list(types) != wanted or [x.type for x in cond.outputs] != [scalar(BOOL)]:
        raise TypeError(f"a while loop of {wanted} got {list(types)}")
    carried = [x.type for x in body.outputs]
    if carried != wanted[own + layout.consts :]:
        raise TypeError(f"a while loop carries {wanted[own + layout.consts :]} to {carried}")
    if result == turns(layout):
        return scalar(INT64)
    return (
        carried[result] if result < len(carried) else carried[result - len(carried)].stacked(None)
    )


def turns(layout: Layout) -> int:
    """The number of the result that tells how often the body was run."""
    return 2 * layout.carries


def _while_reference(*operands: Any, cond: Graph, body: Graph, result: int) -> Any:
    layout = _layout(body)
    own = len(cond.parameters) - layout.carries
    first, fixed = operands[:own], operands[own : own + layout.consts]
    state: Sequence[Any] = operands[own + layout.consts :]
    stacks: list[list[Any]] = [[] for _ in state]
    while bool(cond.evaluate(*first, *state)[0]):
        for stack, value in zip(stacks, state, strict=True):
            stack.append(value)
        state = body.evaluate(*fixed, *state)
    types = [x.type for x in body.outputs]
    found = [
        np.reshape(np.asarray(stack, t.dtype), (len(stack), *t.shape))
        for stack, t in zip(stacks, types, strict=True)
    ]
    return [*state, *found, len(stacks[0])][result]


def _while_jvp(
    tangents: Sequence[Tracer | None],
    out: Tracer,
    *operands: Tracer,
    cond: Graph,
    body: Graph,
    result: int,
) -> Tracer | None:
    layout = _layout(body)
    own = len(cond.parameters) - layout.carries
    varies = varying(body, layout, [t is not None for t in tangents[own:]])
    dual = derived(body, ("dual", layout, varies), lambda: dual_body(body, layout, varies))
    test = derived(cond, ("dual", body, varies), lambda: _with_tangents(cond, layout, varies))
    given = [
        *operands[:own],
        *with_tangents(layout, operands[own:], tangents[own:], varies),
    ]
    carries = dual.layout.carries
    kept = result < layout.carries
    # Behind the last carried values stand their stacks, and then the number of turns.
    moved = result if kept else result + carries - layout.carries
    if result == turns(layout):
        moved = turns(dual.layout)
    both = while_loop(*given, cond=test, body=dual.body, result=moved)
    current_trace().replaced[out.node] = both.node
    if result == turns(layout):
        return None
    number = dual.tangent(result if kept else result - layout.carries, layout)
    if number is None:
        return None
    number += 0 if kept else carries
    return while_loop(*given, cond=test, body=dual.body, result=number)


def _with_tangents(cond: Graph, layout: Layout, varies: Flags) -> Graph:
    """The condition with tangents among the carried values, which it does not look at."""
    own = len(cond.parameters) - layout.carries
    moving = chosen(cond.parameters[own:], layout.split(varies)[1])
    with new_trace() as trace:
        parameters = [trace.builder.parameter(p.type) for p in cond.parameters]
        for p in moving:
            trace.builder.parameter(p.type)
        return trace.builder.graph(replay(cond, trace.builder, parameters))


def _while_varies(operands: Sequence[bool], *, cond: Graph, body: Graph) -> list[bool]:
    own = len(cond.parameters) - len(body.outputs)
    return [*varying_results(body, _layout(body), operands[own:]), False]


def _while_vjp(
    cotangents: Mapping[int, Tracer],
    wants: Sequence[bool],
    *operands: Tracer,
    cond: Graph,
    body: Graph,
) -> list[Tracer | None]:
    layout = _layout(body)
    own = len(cond.parameters) - layout.carries
    init = layout.split(operands[own:])[1]

    def result(number: int) -> Tracer:
        return while_loop(*operands, cond=cond, body=body, result=number)

    run = over_histories(
        lambda carry: result(layout.history(carry)), init, result(turns(layout)), reverse=True
    )
    pulled = pulled_back(body, layout, operands[own:], wants[own:], cotangents, result, run)
    return [*(None for _ in operands[:own]), *pulled]


def _while_batch(
    batched: Sequence[bool], *operands: Tracer, cond: Graph, body: Graph, result: int
) -> Tracer:
    layout = _layout(body)
    own = len(cond.parameters) - layout.carries
    size = batch_size(operands, batched)
    many = derived(
        body,
        ("batch", cond, tuple(batched), size),
        lambda: _batched(cond, body, tuple(batched), size),
    )
    if many.masked and (cond.effects or body.effects):
        if result < layout.carries:
            key = ("items", cond, tuple(batched))
            items = derived(body, key, lambda: _items(cond, body, batched))
            return one_by_one(items, batched, operands)[result]
        cond, body = quiet(cond), quiet(body)
        return _while_batch(batched, *operands, cond=cond, body=body, result=result)
    given = [
        repeated(x, size) if wanted and not has else x
        for x, has, wanted in zip(operands, batched, many.inside, strict=True)
    ]
    number = result
    if many.masked:
        # The condition's constants are the body's too, and the turns of each item are carried.
        given = [*given[:own], *given, zeros(ArrayType((size,), INT64))]
        if result >= layout.carries:
            number = layout.carries if result == turns(layout) else result + 1
    made = while_loop(*given, cond=many.cond, body=many.body, result=number)
    if made.type.is_stack:
        return made
    if result == turns(layout):
        return made if many.masked else repeated(made, size)
    return made if many.inside[own + layout.consts + result] else repeated(made, size)


def _items(cond: Graph, body: Graph, batched: Sequence[bool]) -> Graph:
    """The loop for one item, which has effects in its own turns alone."""
    own = len(cond.parameters) - len(body.outputs)
    types = [p.type for p in (*cond.parameters[:own], *body.parameters)]
    params = {"cond": copied(cond), "body": copied(body)}
    return items_graph(while_loop, types, batched, results(params, len(body.outputs)))


@dataclass(frozen=True, slots=True)
class Many:
    """Condition and body for many at once, and which operands have a batch axis.

    Items that go on for different times are ``masked``: those that are done stay as they are.
    """

    cond: Graph
    body: Graph
    inside: Flags
    masked: bool


def _batched(cond: Graph, body: Graph, batched: Flags, size: int) -> Many:
    from ..passes.batch import batch

    layout = _layout(body)
    own = len(cond.parameters) - layout.carries
    step, inside, _ = batched_body(body, layout, batched[own:], size)
    test, (each,) = batch(cond, (*batched[:own], *inside[layout.consts :]), size)
    if not each:
        return Many(test, step, (*batched[:own], *inside), masked=False)
    every = (True,) * layout.carries
    step, inside, _ = batched_body(body, layout, (*inside[: layout.consts], *every), size)
    test, _ = batch(cond, (*batched[:own], *every), size)
    counts = ArrayType((size,), INT64)
    with new_trace() as trace:
        builder = trace.builder

        def new(like: Sequence[Node]) -> list[Node]:
            return [builder.parameter(p.type) for p in like]

        first, fixed = new(test.parameters[:own]), new(step.parameters[: layout.consts])
        state, done = new(step.parameters[layout.consts :]), builder.parameter(counts)
        more = Tracer(replay(test, builder, [*first, *state])[0])
        after = replay(step, builder, [*fixed, *state])
        kept = [
            where(broadcast(more, shape=b.type.shape, axes=(0,)), Tracer(a), Tracer(b)).node
            for a, b in zip(after, state, strict=True)
        ]
        total = Tracer(done) + convert(more, dtype=INT64)
        masked = builder.graph([*kept, total.node])
    with new_trace() as trace:
        parameters = [trace.builder.parameter(p.type) for p in test.parameters]
        trace.builder.parameter(counts)
        going = Tracer(replay(test, trace.builder, parameters)[0])
        whole = trace.builder.graph([reduce_any(going, axes=(0,)).node])
    return Many(whole, masked, (*batched[:own], *inside), masked=True)


_COND = example(((), (2,)), lambda limit, c: (reduce_sum(c, axes=(0,)) < limit,))
_BODY = example(((), (2,)), lambda r, c: (c + c * broadcast(r, shape=(2,), axes=()),))

while_loop: Primitive = register(
    Primitive(
        "while_loop",
        _infer_while,
        _while_reference,
        Domain(
            ((((), (), (2,)), {"cond": _COND, "body": _BODY, "result": 0}),),
            low=(20.0, 1.0, 1.0),
            high=(24.0, 1.5, 1.5),
            dtypes=("f64", "f32"),
            fixed=(0,),
        ),
        jvp=_while_jvp,
        vjp=_while_vjp,
        varies=_while_varies,
        batch=_while_batch,
    )
)
