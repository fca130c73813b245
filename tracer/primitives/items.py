"""Batches taken apart: a row for one item after another, where it cannot be for all at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ir import Graph, Node, Params
from ..primitive import Primitive
from ..trace import Tracer, current_trace, new_trace
from ..types import ArrayType
from .scan import batch_size, results_of


def one_by_one(items: Graph, batched: Sequence[bool], operands: Sequence[Tracer]) -> list[Tracer]:
    """The results of a graph that `items_graph` made, for each item of a batch."""
    shared = [x for x, has in zip(operands, batched, strict=True) if not has]
    own = [x for x, has in zip(operands, batched, strict=True) if has]
    return results_of(items, shared, [], own, batch_size(operands, batched))


def items_graph(
    row: Primitive, types: Sequence[ArrayType], batched: Sequence[bool], numbers: Sequence[Params]
) -> Graph:
    """Some of a row's results, for params each, of operands of one item.

    First come the parameters that all items share, as the body of a loop over them wants it.
    """
    where = current_trace().builder.where
    with new_trace() as trace:
        builder = trace.builder
        builder.where, trace.fixed_location = where, True
        made: dict[int, Node] = {}
        for chosen in (False, True):
            for i, (type, has) in enumerate(zip(types, batched, strict=True)):
                if has is chosen:
                    made[i] = builder.parameter(type)
        operands = [Tracer(made[i]) for i in range(len(types))]
        return builder.graph([row(*operands, **params).node for params in numbers])


def results(params: dict[str, Any], count: int) -> list[Params]:
    """The params of so many results of a row."""
    return [{**params, "result": i} for i in range(count)]


def copied(graph: Graph) -> Graph:
    """An equal graph: what is derived from a graph must not hold it, or both are kept for ever."""
    return Graph(graph.parameters, graph.nodes, graph.outputs)
