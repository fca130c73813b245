"""A warning about loops that are compiled turn by turn."""

from __future__ import annotations

import warnings
from collections import Counter

from ..errors import LongTraceWarning, at
from ..ir import Graph
from ..location import Location
from ..source import loop_of

LONG = 5000
"""So many nodes take seconds to compile."""

OFTEN = 50
"""A line that has made so many nodes was executed again and again."""

_told: set[Location] = set()


def warn_of_long(graph: Graph) -> None:
    """Warn, once for each loop, where a long graph is a Python loop written out.

    Warns:
        LongTraceWarning: naming the line of the loop.
    """
    if len(graph.nodes) < LONG:
        return
    lines = Counter(node.where for node in graph.nodes if node.where is not None)
    where, count = max(lines.items(), key=lambda pair: pair[1], default=(None, 0))
    place = loop_of([where]) or where
    if place is None or count < OFTEN or place in _told:
        return
    _told.add(place)
    message = (
        f"a trace of {len(graph.nodes)} operations, {count} of them of one line in a loop whose "
        "turns are not alike: all are compiled, one by one\n"
        f"  pb.scan, pb.fori_loop and pb.while_loop compile a single turn{at(place)}"
    )
    warnings.warn_explicit(message, LongTraceWarning, place.file, place.line)
