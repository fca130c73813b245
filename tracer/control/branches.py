"""Branches: one of several Python functions, chosen by a value that is not known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..errors import at
from ..ir import Graph, replay
from ..location import user_location
from ..numpy.meanings import truth
from ..numpy.promotion import as_dtype
from ..primitives import switch as choices
from ..primitives.structure import iota
from ..trace import Tracer, new_trace
from ..transform import Flat, as_leaf, captured, trace_function
from ..types import INT64, ArrayType, is_integer
from .steps import KINDS


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """``branches[index](*operands)``, of which only the one chosen is computed.

    Raises:
        IndexError: when the compiled code meets an index out of range.
        TypeError: when the branches give trees of different structure or types.
    """
    if not branches:
        raise ValueError(f"a switch has a branch at least{at(user_location())}")
    number = as_leaf(index)
    if number.ndim or not is_integer(number.dtype):
        raise TypeError(
            f"the index of a switch is an integer, got {number.type}{at(user_location())}"
        )
    numbers: Any = iota(size=len(branches), dtype=INT64)
    return _switched(numbers[number], branches, operands)


def cond(
    pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any
) -> Any:
    """``true_fun(*operands)`` if ``pred`` else ``false_fun(*operands)``.

    Raises:
        TypeError: when ``pred`` is not one bool or number, or the branches give different types.
    """
    answer = as_leaf(pred)
    if answer.ndim:
        raise TypeError(f"a condition is one bool, got {answer.type}{at(user_location())}")
    return _switched(as_dtype(truth(answer), INT64), (false_fun, true_fun), operands)


def _switched(
    index: Tracer, branches: Sequence[Callable[..., Any]], operands: Sequence[Any]
) -> Any:
    leaves, spec = tree.flatten(tuple(operands))
    given = [as_leaf(x) for x in leaves]

    def traced(branch: Callable[..., Any]) -> Flat:
        return trace_function(lambda *x: branch(*tree.unflatten(spec, x)), given)

    flats = [traced(branch) for branch in branches]
    first = flats[0]
    for other in flats[1:]:
        if other.spec != first.spec:
            raise TypeError(f"branches give {first.spec} and {other.spec}{at(user_location())}")
    types = [_common(flats, i) for i in range(len(first.graph.outputs))]
    taken = [len(flat.captures) for flat in flats]
    outside = [x for flat in flats for x in captured(flat)]
    graphs = tuple(
        _branch(flat, given, outside, sum(taken[:i]), types) for i, flat in enumerate(flats)
    )
    graphs = choices.with_results(graphs)
    values = [
        choices.switch(index, *given, *outside, branches=graphs, result=i)
        for i in range(len(graphs[0].outputs))
    ]
    return tree.unflatten(first.spec, values[: len(types)])


def _common(flats: Sequence[Flat], number: int) -> ArrayType:
    """The type of a result in all branches; Python numbers take that of the others."""
    outs = [(flat.graph.outputs[number].type, flat.weak[number]) for flat in flats]
    strong = {type for type, weak in outs if weak is None} or {type for type, _ in outs}
    widest = max(strong, key=lambda type: KINDS.index(type.dtype.kind))
    strict = {type for type, weak in outs if weak is None}
    kinds = [KINDS.index(type.dtype.kind) for type, weak in outs if weak is not None]
    fits = all(kind <= KINDS.index(widest.dtype.kind) for kind in kinds)
    if len(strict) > 1 or not fits or any(type.shape != widest.shape for type, _ in outs):
        found = ", ".join(str(type) for type, _ in outs)
        raise TypeError(f"branches give values of different types: {found}{at(user_location())}")
    return widest


def _branch(
    flat: Flat,
    given: Sequence[Tracer],
    outside: Sequence[Tracer],
    first: int,
    types: Sequence[ArrayType],
) -> Graph:
    """A branch as a graph of what all branches take, its own captures from ``first`` on."""
    with new_trace() as trace:
        parameters = [trace.builder.parameter(x.type) for x in (*given, *outside)]
        start = len(given) + first
        own = [*parameters[: len(given)], *parameters[start : start + len(flat.captures)]]
        outs = [Tracer(x) for x in replay(flat.graph, trace.builder, own)]
        return trace.builder.graph(
            [as_dtype(x, type.dtype).node for x, type in zip(outs, types, strict=True)]
        )
