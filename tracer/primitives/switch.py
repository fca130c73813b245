"""One of several graphs, chosen by a number, as one row.

``switch`` takes the number of a branch, from 0 on, and the operands of all branches, which are of
the same types. Only the chosen one runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ..ir import Graph, replay
from ..passes.quiet import quiet
from ..passes.subgraph import derived, varying_outputs
from ..primitive import Domain, OfDtype, Primitive, register
from ..trace import Tracer, current_trace, new_trace
from ..types import INT64, ArrayType, is_inexact, scalar
from .elementwise import broadcast_scalar, tanh, where
from .items import copied, items_graph, one_by_one, results
from .scan import example, places, rank, with_nothing
from .structure import broadcast, repeated

Branches = tuple[Graph, ...]


def _infer_switch(
    index: ArrayType, *types: ArrayType, branches: Branches, result: int
) -> ArrayType:
    if index != scalar(INT64):
        raise TypeError(f"the number of a branch is {scalar(INT64)}, got {index}")
    outputs = [x.type for x in branches[0].outputs]
    for branch in branches:
        if [p.type for p in branch.parameters] != list(types):
            raise TypeError(f"a branch takes {[p.type for p in branch.parameters]}, got {types}")
        if [x.type for x in branch.outputs] != outputs:
            raise TypeError(f"branches give {outputs} and {[x.type for x in branch.outputs]}")
    return outputs[result]


def with_results(branches: Branches) -> Branches:
    """The branches with a result of no elements, if they are there for their effects alone."""
    if branches[0].outputs or not any(branch.effects for branch in branches):
        return branches
    return tuple(map(with_nothing, branches))


def _switch_reference(index: Any, *operands: Any, branches: Branches, result: int) -> Any:
    return branches[int(index)].evaluate(*operands)[result]


def _derived(branches: Branches, key: Any, make: Callable[[Graph], Graph]) -> Branches:
    """Each branch changed, once for all results."""
    return tuple(derived(b, key, partial(make, b)) for b in branches)


def _varying(branches: Branches, varies: Sequence[bool]) -> list[bool]:
    """Which results vary in any branch."""
    return [
        any(flags) for flags in zip(*(varying_outputs(b, varies) for b in branches), strict=True)
    ]


def _switch_varies(operands: Sequence[bool], *, branches: Branches) -> list[bool]:
    key = ("results", branches[1:], tuple(operands))
    return derived(branches[0], key, lambda: _varying(branches, operands[1:]))


def _switch_jvp(
    tangents: Sequence[Tracer | None],
    out: Tracer,
    index: Tracer,
    *operands: Tracer,
    branches: Branches,
    result: int,
) -> Tracer | None:
    varies = tuple(t is not None for t in tangents[1:])
    outs = tuple(_varying(branches, varies))
    if not any(outs):
        return None
    dual = _derived(branches, ("dual", varies, outs), lambda b: _dual(b, varies, outs))
    given = [*operands, *(t for t in tangents[1:] if t is not None)]
    both = switch(index, *given, branches=dual, result=result)
    current_trace().replaced[out.node] = both.node
    number = rank(outs, result)
    if number is None:
        return None
    return switch(index, *given, branches=dual, result=len(outs) + number)


def _dual(branch: Graph, varies: Sequence[bool], outs: Sequence[bool]) -> Graph:
    """The branch with the tangents of the results that vary in any branch."""
    from ..passes.tangent import jvp

    both = jvp(branch, list(places(varies)))
    inexact = [is_inexact(x.type.dtype) for x in branch.outputs]
    tangents = [both.outputs[len(branch.outputs) + sum(inexact[:i])] for i in places(outs)]
    return Graph(both.parameters, both.nodes, (*both.outputs[: len(branch.outputs)], *tangents))


def _switch_vjp(
    cotangents: Mapping[int, Tracer],
    wants: Sequence[bool],
    index: Tracer,
    *operands: Tracer,
    branches: Branches,
) -> list[Tracer | None]:
    wanted = tuple(wants[1:])
    seeded = tuple(sorted(cotangents))
    back = _derived(branches, ("backward", wanted, seeded), lambda b: _backward(b, wanted, seeded))
    given = [*operands, *(cotangents[i] for i in seeded)]
    found = iter([switch(index, *given, branches=back, result=i) for i in range(sum(wanted))])
    return [None, *(next(found) if want else None for want in wanted)]


def _backward(branch: Graph, wanted: Sequence[bool], seeded: Sequence[int]) -> Graph:
    """The cotangents of the operands; the branch is computed again on the way."""
    from ..passes.adjoint import vjp

    back = vjp(quiet(branch), list(places(wanted)), seeded)
    with new_trace() as trace:
        parameters = [trace.builder.parameter(p.type) for p in back.parameters]
        outputs = replay(back, trace.builder, parameters)
        return trace.builder.graph(outputs[len(branch.outputs) :])


def _switch_batch(
    batched: Sequence[bool],
    index: Tracer,
    *operands: Tracer,
    branches: Branches,
    result: int,
) -> Tracer:
    size = next(x.shape[0] for x, yes in zip((index, *operands), batched, strict=True) if yes)
    flags = tuple(batched[1:])
    if not batched[0]:
        many = _derived(branches, ("batch", flags, size), lambda b: for_many(b, flags, size))
        return switch(index, *operands, branches=many, result=result)
    if any(branch.effects for branch in branches):
        key = ("items", branches[1:], tuple(batched))
        items = derived(branches[0], key, lambda: _items(branches, batched))
        return one_by_one(items, batched, (index, *operands))[result]
    # Each item has a branch of its own: all are computed, and the item's is taken.
    if not any(flags):
        values = [repeated(x, size) for x in _each(branches, operands, result)]
    else:
        many = _derived(branches, ("batch", flags, size), lambda b: for_many(b, flags, size))
        values = _each(many, operands, result)
    total = values[0]
    for number, value in enumerate(values[1:], 1):
        chosen_here = index == broadcast_scalar(number, index)
        mask = broadcast(chosen_here, shape=value.shape, axes=(0,))
        total = where(mask, value, total)
    return total


def _items(branches: Branches, batched: Sequence[bool]) -> Graph:
    """The choice for one item, which has the effects of its own branch alone."""
    types = [scalar(INT64), *(p.type for p in branches[0].parameters)]
    params = {"branches": tuple(map(copied, branches))}
    return items_graph(switch, types, batched, results(params, len(branches[0].outputs)))


def _each(branches: Branches, operands: Sequence[Tracer], result: int) -> list[Tracer]:
    """The result of every branch."""
    builder = current_trace().builder
    nodes = [x.node for x in operands]
    return [Tracer(replay(b, builder, nodes)[result]) for b in branches]


def for_many(branch: Graph, flags: Sequence[bool], size: int) -> Graph:
    """The branch for many at once, all of its results with a batch axis."""
    from ..passes.batch import batch

    graph, outs = batch(branch, flags, size)
    with new_trace() as trace:
        parameters = [trace.builder.parameter(p.type) for p in graph.parameters]
        found = [Tracer(x) for x in replay(graph, trace.builder, parameters)]
        whole = [x if has else repeated(x, size) for x, has in zip(found, outs, strict=True)]
        return trace.builder.graph([x.node for x in whole])


_EXAMPLES = (
    example(((3,), (3,)), lambda x, y: (x * y, tanh(x))),
    example(((3,), (3,)), lambda x, y: (x - y, x)),
    example(((3,), (3,)), lambda x, y: (y, x * x)),
)
_BRANCHES = OfDtype(lambda dtype: tuple(branch.make(dtype) for branch in _EXAMPLES))

switch: Primitive = register(
    Primitive(
        "switch",
        _infer_switch,
        _switch_reference,
        Domain(
            tuple((((), (3,), (3,)), {"branches": _BRANCHES, "result": n}) for n in (0, 1)),
            dtypes=("f64", "f32", "c128"),
            kinds=("i64", "*", "*"),
            low=(0.0, -2.0, -2.0),
            high=(2.0, 2.0, 2.0),
        ),
        jvp=_switch_jvp,
        vjp=_switch_vjp,
        varies=_switch_varies,
        batch=_switch_batch,
    )
)
