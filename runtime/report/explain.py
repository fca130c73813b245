"""From a compiled function and a call of it to its report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pullback.tracer.location import Location

from ..compiled import Compiled
from ..signature import Call, ShapeDtype
from ..stages import stages_of
from .adjoints import largest_adjoints
from .gather import Looked, report
from .model import Measured, Report
from .timing import measured


def explain(
    function: Callable[..., Any],
    body: Callable[..., Any],
    compiled: Compiled,
    call: Call,
    trace: Callable[[], object],
) -> Report:
    """The report of a specialisation; measured, where the call has values."""
    stages = stages_of(function, trace, compiled.program)
    times: Measured | None = None
    adjoints: Mapping[Location, float] = {}
    if not any(isinstance(x, ShapeDtype) for x in call.leaves):
        times, adjoints = measured(compiled, call), largest_adjoints(body, call)
    return report(Looked(function, compiled, stages, times, adjoints))
