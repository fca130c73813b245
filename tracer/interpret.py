"""Run a graph with NumPy, a node at a time: what a graph means, and the oracle of the tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .ir import Graph, Node


def evaluate(graph: Graph, arguments: Sequence[Any]) -> tuple[np.ndarray[Any, Any], ...]:
    """The outputs for the given values of the parameters.

    Raises:
        TypeError: when the number of arguments, a shape or a dtype is not the parameter's.
    """
    if len(arguments) != len(graph.parameters):
        raise TypeError(f"the graph takes {len(graph.parameters)} arguments, got {len(arguments)}")
    values: dict[Node, Any] = {}
    for parameter, argument in zip(graph.parameters, arguments, strict=True):
        array = np.asarray(argument, parameter.type.dtype)
        if array.shape != parameter.type.shape:
            raise TypeError(f"a parameter is {parameter.type}, got shape {array.shape}")
        values[parameter] = array
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            operands = [values[x] for x in node.operands]
            result = node.primitive.reference(*operands, **node.params)
            values[node] = np.asarray(result, node.type.dtype)
    return tuple(values[x] for x in graph.outputs)
