"""A graph as a function of traced values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .errors import at
from .ir import Graph, Node, replay
from .location import user_location
from .trace import Tracer, current_trace, operand_node
from .transform import as_leaf
from .types import ArrayType


def spliced(graph: Graph, arguments: Sequence[Any]) -> tuple[Tracer, ...]:
    """The outputs of a graph that becomes part of what is being traced; its lines stay its own.

    Raises:
        TypeError: when the number of arguments, a shape or a dtype is not the parameter's.
    """
    if len(arguments) != len(graph.parameters):
        raise TypeError(
            f"the graph takes {len(graph.parameters)} arguments, got {len(arguments)}"
            f"{at(user_location())}"
        )
    given = [
        _operand(i, parameter.type, argument)
        for i, (parameter, argument) in enumerate(zip(graph.parameters, arguments, strict=True))
    ]
    return tuple([Tracer(x) for x in replay(graph, current_trace().builder, given)])


def _operand(i: int, type: ArrayType, argument: Any) -> Node:
    if isinstance(argument, (bool, int, float, complex)) and not type.shape:
        argument = type.dtype.type(argument)
    node = operand_node(as_leaf(argument))
    if node.type != type:
        raise TypeError(
            f"parameter {i} of the graph is {type}, got {node.type}{at(user_location())}"
        )
    return node
