"""Run a graph with NumPy, a node at a time: what a graph means, and the oracle of the tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .errors import at
from .ir import Graph, Node, Params, family
from .passes.quiet import quiet
from .passes.subgraph import with_inner

Watch = Callable[[Node, Sequence[Any], Any], None]
"""``watch(node, operands, result)`` is called for every node that is computed."""


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
    again = _done_already(graph)
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            operands = [values[x] for x in node.operands]
            params = again.get(node, node.params)
            result = np.asarray(node.primitive.reference(*operands, **params), node.type.dtype)
            if _watching.watch is not None:
                _watching.watch(node, operands, result)
            values[node] = result
    return tuple(values[x] for x in graph.outputs)


def _done_already(graph: Graph) -> dict[Node, Params]:
    """Params without effects for all but the first of the results of one loop or branch."""
    first: dict[Any, Node] = {}
    return {
        node: with_inner(node.params, quiet)
        for node in graph.effects
        if first.setdefault(family(node), node) is not node
    }


# -- watching ------------------------------------------------------------------------------------


class _Watching(threading.local):
    def __init__(self) -> None:
        self.watch: Watch | None = None


_watching = _Watching()


@contextmanager
def watched(watch: Watch) -> Generator[None]:
    """Within the block, let a function see all that graphs compute, bodies of loops included."""
    before, _watching.watch = _watching.watch, watch
    try:
        yield
    finally:
        _watching.watch = before


def find_nan(graph: Graph, arguments: Sequence[Any]) -> None:
    """Run a graph without its effects until a node makes a NaN of operands without any.

    Raises:
        FloatingPointError: naming the node's line.
    """
    with watched(_refuse_nan):
        evaluate(quiet(graph), arguments)


def _refuse_nan(node: Node, operands: Sequence[Any], result: Any) -> None:
    if operands and has_nan(result) and not any(map(has_nan, operands)):
        types = ", ".join(str(x.type) for x in node.operands)
        primal = node.primal
        of = "" if primal is None else f", in the derivative of {primal.primitive.name}"
        message = f"{node.primitive.name} of {types} made a NaN{of}{at(node.where)}"
        raise FloatingPointError(message)


def has_nan(array: np.ndarray[Any, Any]) -> bool:
    """Whether an element is not a number."""
    return array.dtype.kind in "fc" and bool(np.isnan(array).any())
