"""From a compiled function and a call of it to its report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pullback.tracer.ir import Graph
from pullback.tracer.location import Location
from pullback.tracer.text import inner_graphs

from ..compiled import Compiled
from ..signature import Call, ShapeDtype
from ..stages import passed_through
from .adjoints import largest_adjoints
from .gather import Looked, report
from .model import Measured, Report
from .provenance import apart
from .timing import measured


def explain(
    function: Callable[..., Any],
    body: Callable[..., Any],
    compiled: Compiled,
    call: Call,
    trace: Callable[[], object],
) -> Report:
    """The report of a specialisation; measured, where the call has values."""
    program = replace(compiled.program, graph=apart(compiled.program.graph))
    stages, lowered = passed_through(function, trace, program)
    times: Measured | None = None
    adjoints: Mapping[Location, float] = {}
    if not any(isinstance(x, ShapeDtype) for x in call.leaves):
        times = measured(compiled, lowered.plan, call)
        adjoints = largest_adjoints(body, call) if _is_derivative(program.graph) else {}
    looked = Looked(function, str(compiled.signature), program.graph, stages, lowered)
    return report(looked, times, adjoints)


def _is_derivative(graph: Graph) -> bool:
    """Whether there is a node that differentiation has made."""
    graphs = (graph, *inner_graphs(graph))
    return any(node.primal is not None for each in graphs for node in each.nodes)
