"""Run a graph with NumPy, a node at a time: what a graph means, and the oracle of the tests."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from .ir import Graph, Node, Params, family
from .passes.quiet import quiet
from .passes.subgraph import with_inner


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
    again, recorder = _done_already(graph), _recording.recorder
    if recorder is not None:
        recorder.entered(graph, values)
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            operands = [values[x] for x in node.operands]
            params = again.get(node, node.params)
            values[node] = np.asarray(
                node.primitive.reference(*operands, **params), node.type.dtype
            )
            if recorder is not None:
                recorder.made(node)
    if recorder is not None:
        recorder.left()
    return tuple(values[x] for x in graph.outputs)


def _done_already(graph: Graph) -> dict[Node, Params]:
    """Params without effects for all but the first of the results of one loop or branch."""
    first: dict[Any, Node] = {}
    return {
        node: with_inner(node.params, quiet)
        for node in graph.effects
        if first.setdefault(family(node), node) is not node
    }


# -- recording -----------------------------------------------------------------------------------


class Recorder(Protocol):
    """What is told of all that graphs compute, bodies of loops included."""

    def entered(self, graph: Graph, values: Mapping[Node, Any]) -> None:
        """A graph begins; the values of its nodes will be among these."""

    def made(self, node: Node) -> None:
        """A node has its value, after all graphs inside it."""

    def left(self) -> None:
        """The graph is done."""


class _Recording(threading.local):
    def __init__(self) -> None:
        self.recorder: Recorder | None = None


_recording = _Recording()


@contextmanager
def recorded(recorder: Recorder) -> Generator[None]:
    """Within the block, in this thread, tell a recorder."""
    before, _recording.recorder = _recording.recorder, recorder
    try:
        yield
    finally:
        _recording.recorder = before
