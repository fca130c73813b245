"""Transformations of Python functions while tracing: trace apart, transform, put in place.

A function to be transformed is traced into a graph of its own; a pass makes the transformed graph;
that is added to the trace under way. What the function takes from outside (arrays, tracers of the
outer trace) are parameters of its graph, so no two derivatives can be confused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

from . import tree
from .adjoints import adjoints_of
from .errors import UnsupportedTypeError, at
from .ir import LITERAL, Graph, Node, reachable, replay
from .location import user_location
from .observe import observe
from .passes import adjoint, tangent
from .passes.pick import pick
from .passes.roll import roll
from .trace import (
    Storage,
    Tracer,
    active_traces,
    current_trace,
    lift,
    new_trace,
    operand_node,
    refuse_selected,
)
from .types import is_inexact


@dataclass(frozen=True, slots=True)
class Flat:
    """A traced function of flat arguments.

    ``graph`` takes the arguments, then the captured values; its outputs are the leaves of a result
    of structure ``spec``; ``weak`` tells which of them count as Python's numbers.
    """

    graph: Graph
    captures: tuple[Any, ...]
    spec: tree.TreeSpec
    weak: tuple[Any, ...]

    def result(self, leaves: Sequence[Tracer]) -> Any:
        """The function's result made of these leaves."""
        return tree.unflatten(self.spec, leaves)


def as_leaf(value: Any) -> Tracer:
    """A leaf of an argument or a result as a tracer.

    Raises:
        UnsupportedTypeError: for what is neither an array nor a number.
    """
    if isinstance(value, (Tracer, np.ndarray, np.generic, bool, int, float, complex)):
        return lift(value)
    refuse_selected(value)
    raise UnsupportedTypeError(
        f"a {type(value).__name__} is not an array or a number{at(user_location())}"
    )


READ_ONLY = (
    "assignment to an argument of a transformed function would change the caller's array, which "
    "only pullback.jit does\n  copy it first: x = x.copy()"
)


def trace_function(
    function: Callable[..., Any],
    arguments: Sequence[Tracer],
    at_arguments: bool | Sequence[bool] = False,
    loops: bool = True,
    often: bool = False,
) -> Flat:
    """Trace ``function(*leaves)`` on parameters of the arguments' types.

    With ``at_arguments`` they have the values of the arguments, or those of them for which it is
    true: those of one call, where the function is traced for that. Repetitions become ``loops``,
    unless what is made of the graph has to look at each operation by itself. In what runs
    ``often``, of tables that are the same each time more than the picked rows may be wanted.
    """
    at = repeat(at_arguments) if isinstance(at_arguments, bool) else at_arguments
    with new_trace() as trace:
        trace.often = often
        nodes = [trace.builder.parameter(x.type) for x in arguments]
        known = zip(nodes, arguments, at, strict=False)
        trace.known.update((node, x.node) for node, x, yes in known if yes)
        parameters = [
            Tracer(node, x.weak, Storage(node, read_only=READ_ONLY))
            for node, x in zip(nodes, arguments, strict=True)
        ]
        start = time.perf_counter()
        leaves, spec = tree.flatten(function(*parameters))
        outputs = [as_leaf(x) for x in leaves]
        graph = trace.builder.graph([operand_node(x) for x in outputs])
        observe("trace", graph, start)
    numbers: tuple[Any, ...] = ()
    if loops:
        picks = not often and not any(outer.often for outer in active_traces())
        graph, numbers = with_loops(graph, picks)
    captures = (*trace.captures, *numbers)
    return Flat(graph, captures, spec, tuple(x.weak for x in outputs))


def with_loops(graph: Graph, picks: bool = True) -> tuple[Graph, tuple[Any, ...]]:
    """The graph with loops for its repetitions, and the arrays that it takes for them.

    If it ``picks``, rows of tables that nobody reads are not computed.
    """
    if picks:
        start = time.perf_counter()
        graph = pick(graph)
        observe("pick", graph, start)
    start = time.perf_counter()
    graph, numbers = roll(graph)
    observe("roll", graph, start)
    return graph, numbers


def captured(flat: Flat) -> list[Tracer]:
    """The captured values, as operands in the current trace."""
    return [Tracer(x) if isinstance(x, Node) else lift(x) for x in flat.captures]


def inline(graph: Graph, arguments: Sequence[Tracer]) -> list[Tracer]:
    """Add a graph to the current trace, applied to arguments."""
    nodes = [operand_node(x) for x in arguments]
    return [Tracer(x) for x in replay(graph, current_trace().builder, nodes)]


def value_and_cotangents(
    flat: Flat,
    arguments: Sequence[Tracer],
    cotangents: Sequence[Tracer],
    seeded: Sequence[int],
) -> tuple[list[Tracer], list[Tracer]]:
    """The outputs at the arguments, and the cotangents of all arguments.

    ``cotangents`` are those of the outputs numbered in ``seeded``; the others' are zero.
    """
    start = time.perf_counter()
    with adjoints_of(flat.graph):
        graph = adjoint.vjp(flat.graph, range(len(arguments)), seeded)
    observe("adjoint", graph, start)
    results = inline(graph, [*arguments, *captured(flat), *cotangents])
    count = len(flat.graph.outputs)
    return results[:count], results[count:]


def pushed(
    flat: Flat, arguments: Sequence[Tracer], tangents: Sequence[Tracer], wrt: Sequence[int]
) -> tuple[list[Tracer], list[Tracer]]:
    """The outputs at the arguments, and their tangents for those of the arguments in ``wrt``."""
    start = time.perf_counter()
    graph = tangent.jvp(flat.graph, wrt)
    observe("tangent", graph, start)
    results = inline(graph, [*arguments, *captured(flat), *tangents])
    count = len(flat.graph.outputs)
    return results[:count], results[count:]


def vectorized(
    flat: Flat, arguments: Sequence[Tracer], batched: Sequence[bool], size: int
) -> tuple[list[Tracer], tuple[bool, ...]]:
    """The outputs for a batch of arguments, and which of them have the batch axis, in front."""
    from .passes.batch import batch

    outside = captured(flat)
    start = time.perf_counter()
    graph, of_outputs = batch(flat.graph, [*batched, *(False for _ in outside)], size)
    observe("batch", graph, start)
    return inline(graph, [*arguments, *outside]), of_outputs


def linear_parts(graph: Graph, late: Sequence[Node]) -> tuple[Graph, Graph]:
    """Split a graph in what can be computed without the ``late`` parameters, and the rest.

    The first graph takes the other parameters and gives its share of the outputs' operands, the
    residuals; the second takes the residuals, then the late parameters, and gives all outputs.
    Each has the effects of what it computes.
    """
    early = set(graph.parameters) - set(late)
    depends, again = set(late), set(late)
    for node in graph.nodes:
        # Stacks are computed again, nothing but a loop reads them; and so are constants.
        if node.type.is_stack or any(x in depends for x in node.operands):
            depends.add(node)
        if node in depends or not any(x in early for x in node.operands):
            again.add(node)
        else:
            early.add(node)
    effects = [x for x in graph.effects if x in depends]
    soon = [x for x in graph.effects if x not in depends]
    live = reachable([*graph.outputs, *effects])
    again.difference_update(soon)
    early.update(soon)
    computed = [node for node in graph.nodes if node in again and node in live]
    taken = [x for node in computed for x in node.operands] + list(graph.outputs)
    kept = tuple(dict.fromkeys(x for x in taken if x in early))
    parameters = tuple(p for p in graph.parameters if p in early)
    wanted = reachable([*kept, *soon])
    first = Graph(parameters, tuple(n for n in graph.nodes if n in wanted), kept)
    with new_trace() as trace:
        builder = trace.builder
        made = {x: builder.parameter(x.type) for x in (*kept, *late)}
        for node in computed:
            builder.where = node.where
            operands = tuple([made[x] for x in node.operands])
            made[node] = (
                builder.literal(node.params["value"], node.params["dtype"])
                if node.primitive is LITERAL
                else builder.add(node.primitive, operands, node.params)
            )
        return first, builder.graph([made[x] for x in graph.outputs])


def require_float(value: Tracer, what: str) -> Tracer:
    """The value as something that has a derivative; Python's numbers count as float64.

    Raises:
        UnsupportedTypeError: for integers and bools.
    """
    if not is_inexact(value.dtype):
        raise UnsupportedTypeError(
            f"{what} takes floating-point or complex inputs, got {value.type}\n"
            f"  pass 2.0 in place of 2, and x.astype(float) of an array{at(user_location())}"
        )
    return value
