"""Loops of known length over arrays, as one row.

``scan`` runs its body once for each place along the first axis of ``xs``. The body takes constants,
carried values and a slice of each of the xs; it gives the next carried values and a slice of each
of the ys. Results, by number: the last carried values; the ys, stacked; and of each carried value
what it was at the beginning of every step, which is what reverse mode reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias, TypeVar

import numpy as np

from ..ir import LITERAL, PARAMETER, Graph, Node, replay
from ..passes.quiet import quiet
from ..passes.subgraph import derived, used_parameters, varying_outputs
from ..primitive import Domain, OfDtype, Primitive, register
from ..trace import Tracer, current_trace, inner_trace, new_trace
from ..types import ANY, BOOL, INT64, ArrayType, DType, Shape, is_inexact, scalar
from .elementwise import broadcast_scalar, tanh, where
from .lifting import lifted
from .reduction import reduce_max
from .structure import broadcast, permute, repeated, zeros

Flags = tuple[bool, ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Layout:
    """How many parameters and results of each kind a loop has."""

    consts: int
    carries: int
    xs: int
    ys: int

    @classmethod
    def of(cls, body: Graph, consts: int, carries: int) -> Layout:
        """That of a body."""
        xs = len(body.parameters) - consts - carries
        return cls(consts, carries, xs, len(body.outputs) - carries)

    def split(self, values: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """Constants, carried values and xs, of something for each parameter."""
        first, second = self.consts, self.consts + self.carries
        return list(values[:first]), list(values[first:second]), list(values[second:])

    def history(self, carry: int) -> int:
        """The number of the result that holds a carried value at the beginning of every step."""
        return self.carries + self.ys + carry


def _infer_scan(
    *types: ArrayType,
    body: Graph,
    consts: int,
    carries: int,
    length: int | None,
    reverse: bool,
    snapshots: int | None,
    result: int,
) -> ArrayType:
    layout = Layout.of(body, consts, carries)
    count, types = taken(length, types)
    wanted = [p.type for p in body.parameters]
    stacked = [t.stacked(length) for t in wanted[consts + carries :]]
    if any(t != scalar(INT64) for t in count):
        raise TypeError(f"the length of a scan is {scalar(INT64)}, got {count[0]}")
    if list(types) != [*wanted[: consts + carries], *stacked]:
        raise TypeError(f"the body of a scan takes {wanted}, got {list(types)}")
    carried = [x.type for x in body.outputs[:carries]]
    if carried != wanted[consts : consts + carries]:
        raise TypeError(f"a scan carries {wanted[consts : consts + carries]} to {carried}")
    if result < carries:
        return carried[result]
    if result < carries + layout.ys:
        y = body.outputs[result].type
    else:
        y = carried[result - carries - layout.ys]
    return y.stacked(length)


def _scan_reference(
    *operands: Any,
    body: Graph,
    consts: int,
    carries: int,
    length: int | None,
    reverse: bool,
    snapshots: int | None,
    result: int,
) -> Any:
    layout = Layout.of(body, consts, carries)
    count, operands = taken(length, operands)
    steps = int(count[0]) if length is None else length
    fixed, state, xs = layout.split(operands)
    types = [x.type for x in body.outputs[carries:]] + [x.type for x in body.outputs[:carries]]
    stacks = [np.zeros((steps, *t.shape), t.dtype) for t in types]
    for place in reversed(range(steps)) if reverse else range(steps):
        out = body.evaluate(*fixed, *state, *(x[place] for x in xs))
        for stack, value in zip(stacks, [*out[carries:], *state], strict=True):
            stack[place] = value
        state = list(out[:carries])
    return [*state, *stacks][result]


def taken(length: int | None, values: Sequence[T]) -> tuple[tuple[T, ...], tuple[T, ...]]:
    """What stands for the number of steps, if that is an operand, and the other ones."""
    first = int(length is None)
    return tuple(values[:first]), tuple(values[first:])


# -- making loops ------------------------------------------------------------------------------


def results_of(
    body: Graph,
    consts: Sequence[Tracer],
    init: Sequence[Tracer],
    xs: Sequence[Tracer],
    length: int | Tracer,
    reverse: bool = False,
    snapshots: int | None = None,
) -> list[Tracer]:
    """The last carried values and the ys of a new loop; it takes only what the body uses."""
    count = [length] if isinstance(length, Tracer) else []
    wanted = len(body.outputs)
    if body.effects and not wanted:
        body = derived(body, "with nothing", lambda: with_nothing(body))
    used = used_parameters(body)
    layout = Layout(len(consts), len(init), len(xs), len(body.outputs) - len(init))
    keep_const, _, keep_x = layout.split(used)
    if not all((*keep_const, *keep_x)):
        kept = [*keep_const, *([True] * len(init)), *keep_x]
        parameters = [p for p, keep in zip(body.parameters, kept, strict=True) if keep]
        body = derived(body, "used", lambda: Graph(tuple(parameters), body.nodes, body.outputs))
        consts = [x for x, keep in zip(consts, keep_const, strict=True) if keep]
        xs = [x for x, keep in zip(xs, keep_x, strict=True) if keep]
    params = {
        "body": body, "consts": len(consts), "carries": len(init),
        "length": None if isinstance(length, Tracer) else length, "reverse": reverse,
        "snapshots": snapshots,
    }  # fmt: skip
    operands = [*count, *consts, *init, *xs]
    return [scan(*operands, **params, result=i) for i in range(len(body.outputs))][:wanted]


NOTHING = ArrayType((0,), BOOL)
"""The type of what stands for a result where there is none."""


def with_nothing(body: Graph) -> Graph:
    """A graph without results, which is there for its effects, with one of no elements."""
    with new_trace() as trace:
        parameters = [trace.builder.parameter(p.type) for p in body.parameters]
        replay(body, trace.builder, parameters)
        return trace.builder.graph([zeros(NOTHING).node])


def varying(body: Graph, layout: Layout, operands: Sequence[bool]) -> Flags:
    """Which parameters of the body vary with the operands that do, in any step."""
    varies = tuple(
        yes and is_inexact(p.type.dtype) for yes, p in zip(operands, body.parameters, strict=True)
    )
    while True:
        carried = varying_outputs(body, varies)[: layout.carries]
        consts, before, xs = layout.split(varies)
        after = [a or b for a, b in zip(before, carried, strict=True)]
        if after == before:
            return varies
        varies = (*consts, *after, *xs)


def varying_results(body: Graph, layout: Layout, operands: Sequence[bool]) -> list[bool]:
    """Which last carried values, ys and histories vary with the operands that do."""

    def found() -> list[bool]:
        varies = varying(body, layout, operands)
        carried, ys = layout.split(varies)[1], varying_outputs(body, varies)[layout.carries :]
        return [*carried, *ys, *carried]

    return derived(body, ("results", layout, tuple(operands)), found)


def _scan_varies(
    operands: Sequence[bool],
    *,
    body: Graph,
    consts: int,
    carries: int,
    length: int | None,
    reverse: bool,
    snapshots: int | None,
) -> list[bool]:
    return varying_results(body, Layout.of(body, consts, carries), taken(length, operands)[1])


def chosen(values: Sequence[Any], flags: Sequence[bool]) -> list[Any]:
    return [x for x, yes in zip(values, flags, strict=True) if yes]


def places(flags: Sequence[bool]) -> Iterator[int]:
    return (i for i, yes in enumerate(flags) if yes)


# -- forward mode ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Dual:
    """A body that carries tangents along: which carried values and ys have one."""

    body: Graph
    layout: Layout
    carries: Flags
    ys: Flags

    def primal(self, result: int, old: Layout) -> int:
        """The number of a result of the loop without tangents."""
        if result < old.carries:
            return result
        if result < old.carries + old.ys:
            return self.layout.carries + result - old.carries
        return self.layout.history(result - old.carries - old.ys)

    def tangent(self, result: int, old: Layout) -> int | None:
        """The number of its tangent; None where that is zero."""
        if result < old.carries:
            number = rank(self.carries, result)
            return None if number is None else old.carries + number
        if result < old.carries + old.ys:
            number = rank(self.ys, result - old.carries)
            return None if number is None else self.layout.carries + old.ys + number
        number = rank(self.carries, result - old.carries - old.ys)
        return None if number is None else self.layout.history(old.carries + number)


def rank(flags: Flags, place: int) -> int | None:
    return sum(flags[:place]) if flags[place] else None


def dual_body(body: Graph, layout: Layout, varies: Flags) -> Dual:
    from ..passes.tangent import jvp

    outs = varying_outputs(body, varies)
    carries = tuple(layout.split(varies)[1])
    ys = tuple(outs[layout.carries :])
    both = jvp(body, list(places(varies)))
    inexact = [i for i, x in enumerate(body.outputs) if is_inexact(x.type.dtype)]
    tangent_of = {i: both.outputs[len(body.outputs) + n] for n, i in enumerate(inexact)}
    with new_trace() as trace:
        groups = zip(layout.split(body.parameters), layout.split(varies), strict=True)
        primal: list[Node] = []
        tangent: list[Node] = []
        for parameters, flags in groups:
            primal += [trace.builder.parameter(p.type) for p in parameters]
            tangent += [trace.builder.parameter(p.type) for p in chosen(parameters, flags)]
        wanted = [
            *both.outputs[: layout.carries],
            *(tangent_of[i] for i in places(carries)),
            *both.outputs[layout.carries : len(body.outputs)],
            *(tangent_of[layout.carries + i] for i in places(ys)),
        ]
        graph = Graph(both.parameters, both.nodes, tuple(wanted))
        made = trace.builder.graph(replay(graph, trace.builder, [*primal, *tangent]))
    new = Layout(
        layout.consts + sum(varies[: layout.consts]),
        layout.carries + sum(carries),
        layout.xs + sum(varies[layout.consts + layout.carries :]),
        layout.ys + sum(ys),
    )
    return Dual(made, new, carries, ys)


def with_tangents(
    layout: Layout,
    operands: Sequence[Tracer],
    tangents: Sequence[Tracer | None],
    varies: Sequence[bool],
) -> list[Tracer]:
    """The operands of a body that carries tangents along."""
    given: list[Tracer] = []
    for values, changes, flags in zip(
        *map(layout.split, (operands, tangents, varies)), strict=True
    ):
        given += values
        pairs = chosen(list(zip(values, changes, strict=True)), flags)
        given += [zeros(x.type) if t is None else t for x, t in pairs]
    return given


def _scan_jvp(
    tangents: Sequence[Tracer | None],
    out: Tracer,
    *operands: Tracer,
    body: Graph,
    consts: int,
    carries: int,
    length: int | None,
    reverse: bool,
    snapshots: int | None,
    result: int,
) -> Tracer | None:
    layout = Layout.of(body, consts, carries)
    count, operands = taken(length, operands)
    _, tangents = taken(length, tangents)
    varies = varying(body, layout, [t is not None for t in tangents])
    dual = derived(body, ("dual", layout, varies), lambda: dual_body(body, layout, varies))
    given = [*count, *with_tangents(layout, operands, tangents, varies)]
    params = {
        "body": dual.body, "consts": dual.layout.consts, "carries": dual.layout.carries,
        "length": length, "reverse": reverse, "snapshots": snapshots,
    }  # fmt: skip
    both = scan(*given, **params, result=dual.primal(result, layout))
    current_trace().replaced[out.node] = both.node
    number = dual.tangent(result, layout)
    return None if number is None else scan(*given, **params, result=number)


# -- reverse mode ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Backward:
    """A body that goes back a step.

    It takes the constants; carries the cotangents of the carried values that vary and sums up those
    of the constants; its xs are what was carried, the xs, the ys that it need not compute again,
    and the cotangents of the results, of which ``ys`` are stacked ones and ``histories`` carried
    values.
    """

    body: Graph
    consts: Flags
    carries: Flags
    xs: Flags
    ys: tuple[int, ...]
    histories: tuple[int, ...]
    known: tuple[int, ...]

    def pull(
        self,
        cotangents: Mapping[int, Tracer],
        layout: Layout,
        operands: Sequence[Tracer],
        result: Callable[[int], Tracer],
        run: Run,
    ) -> list[Tracer | None]:
        """The cotangents of constants, first carried values and xs, by the loop that goes back.

        ``result`` gives a result of the loop by its number.
        """
        fixed, init, xs = layout.split(operands)
        first = layout.consts + sum(self.carries) + sum(self.consts) + len(init) + len(xs)
        ys = [layout.carries + y for y in self.known]
        # What is not used is left out, whatever stands in its place.
        known = [
            result(y) if yes else cotangents[y]
            for y, yes in zip(ys, used_parameters(self.body)[first:], strict=False)
        ]
        ct_init = [
            cotangents[i] if i in cotangents else zeros(init[i].type) for i in places(self.carries)
        ]
        sums = [zeros(x.type) for x in chosen(fixed, self.consts)]
        along = [*xs, *known, *(cotangents[layout.carries + y] for y in self.ys)]
        along += [cotangents[layout.history(h)] for h in self.histories]
        found = iter(run(self.body, fixed, [*ct_init, *sums], along))
        ct_carries = [next(found) if yes else None for yes in self.carries]
        ct_consts = [next(found) if yes else None for yes in self.consts]
        return [*ct_consts, *ct_carries, *(next(found) if yes else None for yes in self.xs)]


Run: TypeAlias = Callable[
    [Graph, Sequence[Tracer], Sequence[Tracer], Sequence[Tracer]], list[Tracer]
]
"""Runs a body that goes back: constants, first carried values, and xs behind what was carried."""


def over_histories(
    history: Callable[[int], Tracer], init: Sequence[Tracer], steps: int | Tracer, reverse: bool
) -> Run:
    """Going back along what each carried value was at the beginning of every step."""

    def run(
        body: Graph, fixed: Sequence[Tracer], first: Sequence[Tracer], along: Sequence[Tracer]
    ) -> list[Tracer]:
        used = used_parameters(body)[len(fixed) + len(first) :]
        # What is not used is left out, whatever stands in its place.
        states = [history(i) if used[i] else x for i, x in enumerate(init)]
        return results_of(body, fixed, first, [*states, *along], steps, reverse)

    return run


def backward(body: Graph, layout: Layout, varies: Flags, known: Iterable[int]) -> Backward:
    """The step back, where the results numbered in ``known`` have cotangents."""
    outs, moving = varying_outputs(body, varies), layout.split(varies)[1]
    known = set(known)
    ys = tuple(
        i for i in range(layout.ys) if layout.carries + i in known and outs[layout.carries + i]
    )
    histories = tuple(i for i in range(layout.carries) if layout.history(i) in known and moving[i])
    key = ("backward", layout, varies, ys, histories)
    return derived(body, key, lambda: _backward(body, layout, varies, ys, histories))


def _backward(
    body: Graph, layout: Layout, varies: Flags, ys: tuple[int, ...], histories: tuple[int, ...]
) -> Backward:
    from ..passes.adjoint import vjp

    consts, carries, xs = (tuple(flags) for flags in layout.split(varies))
    seeded = [*places(carries), *(layout.carries + y for y in ys)]
    back = vjp(quiet(body), list(places(varies)), seeded)
    known = {
        back.outputs[layout.carries + y]: y
        for y in ys
        if back.outputs[layout.carries + y].primitive not in (PARAMETER, LITERAL)
    }
    pulled = Graph(
        (*back.parameters, *known),
        tuple(x for x in back.nodes if x not in known),
        back.outputs[len(body.outputs) :],
    )
    of_consts, of_carries, of_xs = layout.split(body.parameters)
    with inner_trace() as trace:

        def new(like: Sequence[Node]) -> list[Tracer]:
            return [Tracer(trace.builder.parameter(x.type)) for x in like]

        fixed = new(of_consts)
        cts, sums = new(chosen(of_carries, carries)), new(chosen(of_consts, consts))
        state, slices, values = new(of_carries), new(of_xs), new(list(known))
        ct_ys = new([body.outputs[layout.carries + y] for y in ys])
        ct_states = new([of_carries[h] for h in histories])
        arguments = [x.node for x in (*fixed, *state, *slices, *cts, *ct_ys, *values)]
        found = [Tracer(x) for x in replay(pulled, trace.builder, arguments)]
        ct_consts, found = found[: len(sums)], found[len(sums) :]
        ct_carries, ct_xs = found[: len(cts)], found[len(cts) :]
        for ct, carry in zip(ct_states, histories, strict=True):
            place = sum(carries[:carry])
            ct_carries[place] = ct_carries[place] + ct
        totals = [a + b for a, b in zip(sums, ct_consts, strict=True)]
        graph = trace.builder.graph([x.node for x in (*ct_carries, *totals, *ct_xs)])
    return Backward(graph, consts, carries, xs, ys, histories, tuple(known.values()))


def pulled_back(
    body: Graph,
    layout: Layout,
    operands: Sequence[Tracer],
    wants: Sequence[bool],
    cotangents: Mapping[int, Tracer],
    result: Callable[[int], Tracer],
    run: Run,
) -> list[Tracer | None]:
    """The cotangents of what a body takes, given those of the results of its loop.

    Parts of constants are constants of the loop that goes back: see `lifted`. A constant of which
    nothing but parts are used has no cotangent of its own.
    """
    lift = derived(body, ("lifted", layout.consts), lambda: lifted(body, layout.consts))
    fixed, others = operands[: layout.consts], operands[layout.consts :]
    used = used_parameters(lift.body)[: layout.consts]
    wants = [
        *(yes and is_used for yes, is_used in zip(wants, used, strict=False)),
        *(wants[i] for i in lift.source),
        *wants[layout.consts :],
    ]
    constants = [*fixed, *lift.made(fixed)]
    inner = Layout.of(lift.body, len(constants), layout.carries)
    varies = varying(lift.body, inner, wants)
    back = backward(lift.body, inner, varies, cotangents)
    pulled = back.pull(cotangents, inner, [*constants, *others], result, run)
    return [*lift.pulled(pulled[: len(constants)], fixed), *pulled[len(constants) :]]


def _scan_vjp(
    cotangents: Mapping[int, Tracer],
    wants: Sequence[bool],
    *operands: Tracer,
    body: Graph,
    consts: int,
    carries: int,
    length: int | None,
    reverse: bool,
    snapshots: int | None,
) -> list[Tracer | None]:
    layout = Layout.of(body, consts, carries)
    count, given = taken(length, operands)
    params = {
        "body": body, "consts": consts, "carries": carries, "length": length, "reverse": reverse,
        "snapshots": snapshots,
    }  # fmt: skip

    def result_of(number: int) -> Tracer:
        return scan(*operands, **params, result=number)

    if snapshots is None:
        steps = count[0] if length is None else length
        history = lambda carry: result_of(layout.history(carry))  # noqa: E731
        run = over_histories(history, layout.split(given)[1], steps, not reverse)
    else:
        from .reversal import over_snapshots

        run = over_snapshots(body, layout, given, length, reverse, snapshots)
    wanted = taken(length, wants)[1]
    return [
        *(None for _ in count),
        *pulled_back(body, layout, given, wanted, cotangents, result_of, run),
    ]


# -- batches -----------------------------------------------------------------------------------


def batched_body(
    body: Graph, layout: Layout, batched: Flags, size: int, every: bool = False
) -> tuple[Graph, Flags, Flags]:
    """The body for many at once, and which of its parameters and outputs have a batch axis.

    With ``every`` all outputs have one.
    """
    from ..passes.batch import batch

    while True:
        graph, outs = batch(body, batched, size)
        consts, before, xs = layout.split(batched)
        after = [a or b for a, b in zip(before, outs, strict=False)]
        if after == before:
            break
        batched = (*consts, *after, *xs)
    with new_trace() as trace:
        parameters = [trace.builder.parameter(p.type) for p in graph.parameters]
        values = [Tracer(x) for x in replay(graph, trace.builder, parameters)]
        wanted = [every or flag for flag in (*after, *outs[layout.carries :])]
        whole = [
            repeated(x, size) if want and not has else x
            for x, want, has in zip(values, wanted, outs, strict=True)
        ]
        return trace.builder.graph([x.node for x in whole]), batched, tuple(wanted)


def _scan_batch(
    batched: Sequence[bool],
    *operands: Tracer,
    body: Graph,
    consts: int,
    carries: int,
    length: int | None,
    reverse: bool,
    snapshots: int | None,
    result: int,
) -> Tracer:
    layout = Layout.of(body, consts, carries)
    size = batch_size(operands, batched)
    count, operands = taken(length, operands)
    count_varies, batched = taken(length, batched)
    batched = [
        x.shape[1:] != p.type.shape if x.type.is_stack else has
        for x, has, p in zip(operands, batched, body.parameters, strict=True)
    ]
    if any(count_varies):
        return _masked_batch(count[0], size, batched, operands, body, layout, reverse, result)
    key = ("batch", layout, tuple(batched), size)
    graph, inside, outs = derived(
        body, key, lambda: batched_body(body, layout, tuple(batched), size)
    )
    given = of_many(layout, operands, batched, inside, size)
    made = scan(
        *count, *given, body=graph, consts=consts, carries=carries, length=length,
        reverse=reverse, snapshots=snapshots, result=result,
    )  # fmt: skip
    if not outs[result if result < len(outs) else result - len(outs)]:
        return made if made.type.is_stack else repeated(made, size)
    return made if result < carries or length is None else swapped(made)


def batch_size(operands: Sequence[Tracer], batched: Sequence[bool]) -> int:
    """How many there are; a stack has the axis of a batch behind its own."""
    chosen_ones = [x.shape for x, yes in zip(operands, batched, strict=True) if yes]
    return min((s[1:] if s[:1] == (ANY,) else s for s in chosen_ones), key=lambda s: not s)[0]


def _masked_batch(
    counts: Tracer,
    size: int,
    batched: Sequence[bool],
    operands: Sequence[Tracer],
    body: Graph,
    layout: Layout,
    reverse: bool,
    result: int,
) -> Tracer:
    """Loops of different lengths as one, in which those that are done stay as they are.

    The body gets the lengths as a constant more, and carries the number of the step.
    """
    consts, _, xs = layout.split(batched)
    flags = (*consts, *([True] * layout.carries), *xs)
    masked = derived(
        body,
        ("masked", layout, flags, size, reverse),
        lambda: _masked(body, layout, flags, size, reverse),
    )
    longest = reduce_max(counts, axes=(0,))
    first = longest - 1 if reverse else broadcast_scalar(0, longest)
    given = [
        repeated(x, size) if i < layout.consts + layout.carries and want and not has else x
        for i, (x, has, want) in enumerate(zip(operands, batched, flags, strict=True))
    ]
    fixed, init, along = layout.split(given)
    new = Layout(layout.consts + 1, layout.carries + 1, layout.xs, layout.ys)
    number = result + 1 if result < layout.carries + layout.ys else result + 2
    return scan(
        longest, counts, *fixed, first, *init, *along, body=masked, consts=new.consts,
        carries=new.carries, length=None, reverse=reverse, snapshots=None, result=number,
    )  # fmt: skip


def _masked(body: Graph, layout: Layout, flags: Flags, size: int, reverse: bool) -> Graph:
    graph, _, _ = batched_body(body, layout, flags, size, every=True)
    with new_trace() as trace:

        def new(types: Iterable[ArrayType]) -> list[Tracer]:
            return [Tracer(trace.builder.parameter(t)) for t in types]

        (counts,) = new([ArrayType((size,), INT64)])
        fixed, state, xs = layout.split([p.type for p in graph.parameters])
        consts, (step,) = new(fixed), new([scalar(INT64)])
        carried, slices = new(state), new(xs)
        nodes = [x.node for x in (*consts, *carried, *slices)]
        outs = [Tracer(x) for x in replay(graph, trace.builder, nodes)]
        going = broadcast(step, shape=(size,), axes=()) < counts
        kept = [*carried, *(zeros(x.type) for x in outs[layout.carries :])]
        chosen_ones = [
            where(broadcast(going, shape=x.shape, axes=(0,)), x, old)
            for x, old in zip(outs, kept, strict=True)
        ]
        following = step - 1 if reverse else step + 1
        return trace.builder.graph([x.node for x in (following, *chosen_ones)])


def of_many(
    layout: Layout,
    operands: Sequence[Tracer],
    batched: Sequence[bool],
    inside: Sequence[bool],
    size: int,
) -> list[Tracer]:
    """The operands of a body for many: with a batch axis where it takes one, behind the loop's."""
    given = [
        repeated(x, size) if wanted and not has else x
        for x, has, wanted in zip(operands, batched, inside, strict=True)
    ]
    fixed, init, xs = layout.split(given)
    of_xs = zip(xs, layout.split(batched)[2], strict=True)
    # A stack has the axis of the batch behind its own from the beginning.
    return [*fixed, *init, *(swapped(x) if has and not x.type.is_stack else x for x, has in of_xs)]


def swapped(x: Tracer) -> Tracer:
    """The first two axes exchanged: that of the batch and that of the loop."""
    return permute(x, axes=(1, 0, *range(2, x.ndim)))


def example(parameters: Sequence[Shape], step: Callable[..., Sequence[Tracer]]) -> OfDtype:
    """A small body for tests, one for each dtype."""

    @cache
    def make(dtype: DType) -> Graph:
        with new_trace() as trace:
            nodes = [trace.builder.parameter(ArrayType(shape, dtype)) for shape in parameters]
            return trace.builder.graph([x.node for x in step(*map(Tracer, nodes))])

    return OfDtype(make)


_STEP = example(
    ((), (2,), (2,), (2,)),
    lambda a, c, d, x: (
        tanh(broadcast(a, shape=(2,), axes=()) * c) + x,
        d * c,
        c * x,
    ),
)
_CASES = tuple(
    (
        ((), (2,), (2,), (length, 2)),
        {
            "body": _STEP, "consts": 1, "carries": 2, "length": length, "reverse": reverse,
            "snapshots": None, "result": result,
        },
    )
    for length, reverse in ((4, False), (3, True), (1, False), (0, True))
    for result in range(5 if length > 1 else 2)
)  # fmt: skip

scan: Primitive = register(
    Primitive(
        "scan",
        _infer_scan,
        _scan_reference,
        Domain(_CASES, low=-0.9, high=0.9, dtypes=("f64", "f32", "c128")),
        jvp=_scan_jvp,
        vjp=_scan_vjp,
        varies=_scan_varies,
        batch=_scan_batch,
    )
)
