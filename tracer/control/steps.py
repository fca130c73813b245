"""Steps of loops: Python functions of carried values, traced into graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .. import tree
from ..errors import at
from ..ir import Graph, Node, replay
from ..location import user_location
from ..numpy.promotion import as_dtype
from ..primitives.structure import zeros
from ..trace import Tracer, new_trace
from ..transform import Flat, as_leaf, captured, trace_function
from ..types import ArrayType, DType


@dataclass(frozen=True, slots=True)
class Body:
    """A traced step: its graph takes what is captured, then the carried values, then the slices.

    It gives the next carried values, as ``carry``, and what else it makes, as ``rest``.
    """

    graph: Graph
    captures: list[Tracer]
    init: list[Tracer]
    carry: tree.TreeSpec
    rest: tree.TreeSpec


KINDS = "biufc"


def stand_in(type: ArrayType, weak: Any = None) -> Tracer:
    """A value of a type, to trace a function with."""
    return Tracer(zeros(type).node, weak)


def trace_step(f: Callable[..., Any], init: Any, slices: Sequence[ArrayType]) -> Body:
    """Trace ``f(carry, *slices)``, which gives the next carry and more.

    Python numbers to begin with take the dtype that the step gives them.
    """
    leaves, spec = tree.flatten(init)
    first = [as_leaf(x) for x in leaves]
    while True:
        flat = traced_step(f, first, spec, slices)
        carry_spec, rest = _parts(flat)
        if carry_spec != spec:
            raise TypeError(
                f"the carry is {spec} at first and {carry_spec} after a step{at(user_location())}"
            )
        outs = flat.graph.outputs[: len(first)]
        weak = flat.weak[: len(first)]
        again = list(map(_as_carried, first, outs, [w is not None for w in weak]))
        if all(a.type == b.type for a, b in zip(first, again, strict=True)):
            graph = captures_first(flat, [x.dtype for x in first])
            return Body(graph, captured(flat), first, spec, rest)
        first = again


def traced_step(
    f: Callable[..., Any], first: Sequence[Tracer], spec: tree.TreeSpec, slices: Sequence[ArrayType]
) -> Flat:
    def flat_step(*values: Tracer) -> Any:
        return f(tree.unflatten(spec, values[: len(first)]), *values[len(first) :])

    with new_trace():
        given = [stand_in(x.type, x.weak) for x in first] + [stand_in(t) for t in slices]
    return trace_function(flat_step, given, often=True)


def _as_carried(x: Tracer, out: Node, out_is_weak: bool) -> Tracer:
    """The first value in the type that it has after a step."""
    type = out.type
    if x.shape == type.shape:
        before, after = (KINDS.index(t.dtype.kind) for t in (x.type, type))
        if x.type == type or (out_is_weak and after <= before):
            return x
        if x.weak is not None and before <= after:
            return Tracer(as_dtype(x, type.dtype).node)
    raise TypeError(
        f"a carried value is {x.type} at first and {type} after a step; make it {type} from the "
        f"beginning{at(user_location())}"
    )


def _parts(flat: Flat) -> tuple[tree.TreeSpec, tree.TreeSpec]:
    carry, rest = flat.spec.children()
    return carry, rest


def captures_first(flat: Flat, dtypes: Sequence[DType] = ()) -> Graph:
    """The graph with what it captures in front; its first outputs in the dtypes that are given."""
    count = len(flat.graph.parameters) - len(flat.captures)
    given, taken = flat.graph.parameters[:count], flat.graph.parameters[count:]
    with new_trace() as trace:
        captures = [trace.builder.parameter(p.type) for p in taken]
        parameters = [trace.builder.parameter(p.type) for p in given]
        outs = [Tracer(x) for x in replay(flat.graph, trace.builder, [*parameters, *captures])]
        for i, dtype in enumerate(dtypes):
            outs[i] = as_dtype(outs[i], dtype)
        return trace.builder.graph([x.node for x in outs])
