"""How large derivatives of the result are, by what each line computes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pullback.tracer.adjoints import TOLD, adjoints_told, tells
from pullback.tracer.interpret import evaluate, recorded
from pullback.tracer.ir import Graph, Node
from pullback.tracer.location import Location
from pullback.tracer.passes.quiet import quiet

from ..signature import Call
from ..traced import traced

MOST_SECONDS = 3.0
"""How long NumPy may take."""


def largest_adjoints(body: Callable[..., Any], call: Call) -> dict[Location, float]:
    """The largest absolute value of an element of an adjoint, by line; found by NumPy.

    Nothing for a function without a derivative in reverse mode, or if it takes NumPy very long. Of
    a derivative of a derivative, the adjoints are those of the first.
    """
    with adjoints_told():
        graph, captures, *_ = traced(body, call.signature, True, call.leaves, loops=False)
        if not tells(graph):
            return {}
        largest = _Largest(time.perf_counter() + MOST_SECONDS)
        try:
            with recorded(largest):
                evaluate(quiet(graph), [*call.leaves, *captures])
        except TimeoutError:
            return {}
    return largest.found


class _Largest:
    """The largest absolute value of the cotangents of each line, as they are computed."""

    def __init__(self, end: float) -> None:
        self.found: dict[Location, float] = {}
        self._values: list[Mapping[Node, Any]] = []
        self._end = end

    def entered(self, graph: Graph, values: Mapping[Node, Any]) -> None:
        self._values.append(values)

    def made(self, node: Node) -> None:
        if node.primitive is TOLD:
            value = self._values[-1][node]
            if value.size:
                where, size = node.params["where"], float(np.max(np.abs(value)))
                self.found[where] = max(self.found.get(where, 0.0), size, key=_or_nan)
        if time.perf_counter() > self._end:
            raise TimeoutError

    def left(self) -> None:
        self._values.pop()


def _or_nan(size: float) -> float:
    """A key by which NaN is the largest number."""
    return np.inf if np.isnan(size) else size
