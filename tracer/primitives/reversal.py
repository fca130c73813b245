"""Going back over a loop that kept next to nothing, as one row.

``reversal`` is two scans: one carries values on by its body ``forward``; the other goes along the
same places the other way, by ``backward``, which takes constants, its own carried values, what the
first one carried at the beginning of the step, and a slice of each of its xs. Results are those of
the second. What the first one carried is kept of few steps, ``snapshots`` at a time, and computed
again for the others, in the order that takes the least steps (A. Griewank and A. Walther,
Algorithm 799: revolve, ACM Transactions on Mathematical Software 26, 2000).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ir import Graph, replay
from ..passes.quiet import quiet
from ..passes.subgraph import derived, with_outputs
from ..primitive import Domain, Primitive, register
from ..trace import Tracer, current_trace, new_trace
from ..types import ArrayType
from .elementwise import tanh
from .scan import (
    Dual,
    Flags,
    Layout,
    Run,
    batch_size,
    batched_body,
    dual_body,
    example,
    of_many,
    places,
    scan,
    swapped,
    varying,
    with_tangents,
)
from .structure import repeated

Params = Mapping[str, Any]
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Ways:
    """The layouts of both loops; the second takes what the first carries before its own xs."""

    forward: Layout
    backward: Layout

    @classmethod
    def of(cls, forward: Graph, backward: Graph, consts: Pair, carries: Pair) -> Ways:
        """Those of two bodies."""
        return cls(*map(Layout.of, (forward, backward), consts, carries))

    def split(self, values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Those for the first loop, and those for the second without what the first carries."""
        count = self.forward.consts + self.forward.carries + self.forward.xs
        return list(values[:count]), list(values[count:])

    def given(self) -> Layout:
        """The layout of the second loop without what the first carries."""
        back = self.backward
        return Layout(back.consts, back.carries, back.xs - self.forward.carries, back.ys)

    def own(self, values: Sequence[Any]) -> list[Any]:
        """Those of the second loop without those for what the first carries."""
        first = self.backward.consts + self.backward.carries
        return [*values[:first], *values[first + self.forward.carries :]]

    def for_second(self, values: Sequence[Any], states: Sequence[Any]) -> list[Any]:
        """Those of the second loop, with those for what the first carries in their place."""
        first = self.backward.consts + self.backward.carries
        return [*values[:first], *states, *values[first:]]


def over_snapshots(
    body: Graph,
    layout: Layout,
    operands: Sequence[Tracer],
    length: int | None,
    reverse: bool,
    snapshots: int,
) -> Run:
    """Going back over what the loop of a body carries, computed again from snapshots."""
    ends = body.outputs[: layout.carries]
    forward = derived(body, ("carries", layout.carries), lambda: quiet(with_outputs(body, ends)))

    def run(
        backward: Graph, fixed: Sequence[Tracer], first: Sequence[Tracer], along: Sequence[Tracer]
    ) -> list[Tracer]:
        params = {
            "forward": forward, "backward": backward, "consts": (layout.consts, len(fixed)),
            "carries": (layout.carries, len(first)), "length": length, "reverse": reverse,
            "snapshots": snapshots,
        }  # fmt: skip
        given = [*operands, *fixed, *first, *along]
        return [reversal(*given, **params, result=i) for i in range(len(backward.outputs))]

    return run


def _infer_reversal(
    *types: ArrayType,
    forward: Graph,
    backward: Graph,
    consts: Pair,
    carries: Pair,
    length: int,
    reverse: bool,
    snapshots: int,
    result: int,
) -> ArrayType:
    ways = Ways.of(forward, backward, consts, carries)
    there, back = ways.split(types)
    states = [t.stacked(length) for t in ways.forward.split(there)[1]]
    loop = {"length": length, "snapshots": None, "result": result}
    if ways.forward.ys or not snapshots > 0:
        raise TypeError("a reversal keeps a positive number of snapshots of what a loop carries")
    scan.infer(
        *there, body=forward, consts=consts[0], carries=carries[0], reverse=reverse,
        **{**loop, "result": 0},
    )  # fmt: skip
    return scan.infer(
        *ways.for_second(back, states), body=backward, consts=consts[1], carries=carries[1],
        reverse=not reverse, **loop,
    )  # fmt: skip


# -- the order -----------------------------------------------------------------------------------


def distance(steps: int, snapshots: int) -> int:
    """How many steps to go until the next snapshot, of so many steps to go back over.

    The state at their beginning counts among the snapshots. With r the least number such that
    β(c, r) = (c + r)! / (c! r!) is no less than the steps, no step is taken more than r times, and
    the next snapshot is where both parts are within what that needs of them.
    """
    reach, before, times = 1, 1, 0
    while reach < steps:
        times += 1
        reach, before = reach * (times + snapshots) // times, reach
    rest = before * snapshots // (snapshots + times - 1)
    return min(before, steps - rest)


def order(steps: int, snapshots: int) -> Iterator[tuple[int, int]]:
    """Pairs ``(place, count)``: from the state at a place go so many steps, or go back over it.

    Going back is a count of zero.
    """
    kept, end = [0], steps
    while kept:
        place = kept[-1]
        if end - place == 1:
            yield place, 0
            end = kept.pop()
        else:
            count = distance(end - place, snapshots + 1 - len(kept))
            yield place, count
            kept.append(place + count)


def _reversal_reference(
    *operands: Any,
    forward: Graph,
    backward: Graph,
    consts: Pair,
    carries: Pair,
    length: int,
    reverse: bool,
    snapshots: int,
    result: int,
) -> Any:
    ways = Ways.of(forward, backward, consts, carries)
    there, back = ways.split(operands)
    fixed, init, xs = ways.forward.split(there)
    own, carried, along = Layout(consts[1], carries[1], 0, 0).split(back)
    stacks = [np.zeros((length, *x.type.shape), x.type.dtype) for x in backward.outputs]
    states = {0: init}
    for place, count in order(length, snapshots):
        if count:
            state = states[place]
            for i in range(place, place + count):
                at = length - 1 - i if reverse else i
                state = list(forward.evaluate(*fixed, *state, *(x[at] for x in xs)))
            states[place + count] = state
        else:
            at = length - 1 - place if reverse else place
            slices = [*states.pop(place), *(x[at] for x in along)]
            out = backward.evaluate(*own, *carried, *slices)
            carried = list(out[: carries[1]])
            for stack, value in zip(stacks, out, strict=True):
                stack[at] = value
    return carried[result] if result < carries[1] else stacks[result]


# -- derivatives ---------------------------------------------------------------------------------


def _split(params: Params) -> tuple[Ways, dict[str, Any]]:
    """The layouts, and what does not change with the bodies."""
    bodies = [params[name] for name in ("forward", "backward", "consts", "carries")]
    return Ways.of(*bodies), {name: params[name] for name in ("length", "reverse", "snapshots")}


def _reversal_jvp(
    tangents: Sequence[Tracer | None], out: Tracer, *operands: Tracer, **params: Any
) -> Tracer | None:
    ways, common = _split(params)
    forward, backward, result = params["forward"], params["backward"], params["result"]
    moves_there, moves_back = ways.split([t is not None for t in tangents])
    there = varying(forward, ways.forward, moves_there)
    states = ways.forward.split(there)[1]
    back = varying(backward, ways.backward, ways.for_second(moves_back, states))
    first = derived(
        forward, ("dual", ways.forward, there), lambda: dual_body(forward, ways.forward, there)
    )
    second = derived(
        backward, ("dual back", ways, back), lambda: _second_dual(backward, ways, back)
    )
    own = ways.own(back)
    pairs = zip(ways.split(operands), ways.split(tangents), strict=True)
    (values, changes), (more, others) = pairs
    given = [
        *with_tangents(ways.forward, values, changes, there),
        *with_tangents(ways.given(), more, others, own),
    ]
    bodies = {
        "forward": first.body, "backward": second.body,
        "consts": (first.layout.consts, second.layout.consts),
        "carries": (first.layout.carries, second.layout.carries), **common,
    }  # fmt: skip
    both = reversal(*given, **bodies, result=second.primal(result, ways.backward))
    current_trace().replaced[out.node] = both.node
    number = second.tangent(result, ways.backward)
    return None if number is None else reversal(*given, **bodies, result=number)


def _second_dual(backward: Graph, ways: Ways, varies: Flags) -> Dual:
    """The dual body of the second loop, which takes all that the first one carries in a row."""
    dual = dual_body(backward, ways.backward, varies)
    consts, carries, xs = dual.layout.split(dual.body.parameters)
    states, count = ways.forward.carries, ways.backward.xs
    moving = sum(ways.backward.split(varies)[2][:states])
    ordered = [*xs[:states], *xs[count : count + moving], *xs[states:count], *xs[count + moving :]]
    body = Graph((*consts, *carries, *ordered), dual.body.nodes, dual.body.outputs)
    return Dual(body, dual.layout, dual.carries, dual.ys)


def _reversal_vjp(
    cotangents: Mapping[int, Tracer], wants: Sequence[bool], *operands: Tracer, **params: Any
) -> list[Tracer | None]:
    """By the two loops, of which all is kept."""
    from ..passes.adjoint import vjp

    types, seeded = tuple(x.type for x in operands), tuple(sorted(cotangents))
    key = ("apart", types, tuple(wants), seeded, *params.items())

    def back() -> Graph:
        return vjp(_apart(types, params), list(places(wants)), seeded)

    graph = derived(params["backward"], key, back)
    given = [x.node for x in (*operands, *(cotangents[i] for i in seeded))]
    outs = replay(graph, current_trace().builder, given)[len(params["backward"].outputs) :]
    found = map(Tracer, outs)
    return [next(found) if want else None for want in wants]


def _apart(types: Sequence[ArrayType], params: Params) -> Graph:
    """Both loops as a graph."""
    ways, common = _split(params)
    consts, carries = params["consts"], params["carries"]
    common = {"length": common["length"], "snapshots": None}
    with new_trace() as trace:
        operands = [Tracer(trace.builder.parameter(t)) for t in types]
        there, back = ways.split(operands)
        first = {
            "body": params["forward"], "consts": consts[0], "carries": carries[0],
            "reverse": params["reverse"], **common,
        }  # fmt: skip
        second = {
            "body": params["backward"], "consts": consts[1], "carries": carries[1],
            "reverse": not params["reverse"], **common,
        }  # fmt: skip
        states = [scan(*there, **first, result=ways.forward.history(i)) for i in range(carries[0])]
        given = ways.for_second(back, states)
        count = len(params["backward"].outputs)
        return trace.builder.graph([scan(*given, **second, result=i).node for i in range(count)])


def _reversal_batch(batched: Sequence[bool], *operands: Tracer, **params: Any) -> Tracer:
    ways, common = _split(params)
    forward, backward, result = params["forward"], params["backward"], params["result"]
    size = batch_size(operands, batched)
    has_there, has_back = map(tuple, ways.split(batched))
    first, there, _ = derived(
        forward,
        ("batch", ways.forward, has_there, size),
        lambda: batched_body(forward, ways.forward, has_there, size),
    )
    flags = tuple(ways.for_second(has_back, ways.forward.split(there)[1]))
    second, back, outs = derived(
        backward,
        ("batch", ways.backward, flags, size),
        lambda: batched_body(backward, ways.backward, flags, size),
    )
    values, more = ways.split(operands)
    given = [
        *of_many(ways.forward, values, has_there, there, size),
        *of_many(ways.given(), more, has_back, ways.own(back), size),
    ]
    bodies = {"forward": first, "backward": second}
    made = reversal(
        *given, **bodies, consts=params["consts"], carries=params["carries"], **common,
        result=result,
    )  # fmt: skip
    if not outs[result]:
        return repeated(made, size)
    return made if result < ways.backward.carries else swapped(made)


# -- examples ------------------------------------------------------------------------------------

_THERE = example(((2,), (2,), (2,)), lambda a, c, x: (tanh(a * c) + x,))
_BACK = example(((2,), (2,), (2,), (2,)), lambda a, b, c, x: (a * b + tanh(c), b * c * x))
_CASES = tuple(
    (
        ((2,), (2,), (length, 2), (2,), (2,), (length, 2)),
        {
            "forward": _THERE, "backward": _BACK, "consts": (1, 1), "carries": (1, 1),
            "length": length, "reverse": reverse, "snapshots": snapshots, "result": result,
        },
    )
    for length, reverse, snapshots, result in (
        (1, False, 1, 0), (2, True, 1, 1), (7, False, 2, 1), (11, True, 3, 0), (5, False, 9, 0),
    )
)  # fmt: skip

reversal: Primitive = register(
    Primitive(
        "reversal",
        _infer_reversal,
        _reversal_reference,
        Domain(_CASES, low=-0.9, high=0.9, dtypes=("f64", "f32", "c128")),
        jvp=_reversal_jvp,
        vjp=_reversal_vjp,
        batch=_reversal_batch,
    )
)
