"""How large derivatives of the result are, by what each line computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pullback.tracer.interpret import evaluate
from pullback.tracer.location import Location
from pullback.tracer.observe import cotangents_told
from pullback.tracer.passes.quiet import quiet

from ..signature import Call
from ..traced import traced


def largest_adjoints(body: Callable[..., Any], call: Call) -> dict[Location, float]:
    """The largest absolute value of an element of an adjoint, by line; found by NumPy.

    Nothing for a function that is no derivative, or that takes one in reverse mode within another
    transformation.
    """
    places: list[Location | None] = []

    def with_adjoints(*args: Any, **kwargs: Any) -> Any:
        with cotangents_told() as found:
            result = body(*args, **kwargs)
        places[:] = [node.where for node in found]
        return list(found.values()), result

    graph, captures, *_ = traced(with_adjoints, call.signature, True, call.leaves)
    if not places:
        return {}
    values = evaluate(quiet(graph), [*call.leaves, *captures])
    largest: dict[Location, float] = {}
    for where, value in zip(places, values, strict=False):
        if where is not None and value.size:
            size = float(np.max(np.abs(value)))
            largest[where] = max(largest.get(where, 0.0), size, key=_or_nan)
    return largest


def _or_nan(size: float) -> float:
    """A key by which NaN is the largest number."""
    return np.inf if np.isnan(size) else size
