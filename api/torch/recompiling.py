"""A warning for lines that compile again and again, with the reason."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pullback.tracer.errors import RecompilationWarning as RecompilationWarning
from pullback.tracer.ir import Graph
from pullback.tracer.location import Location, user_location

OFTEN = 16
"""Functions compiled for one line, at which it warns."""


@dataclass(slots=True)
class _Line:
    graph: Graph
    count: int = 1


_lines: dict[Location, _Line] = {}


def _line() -> Location | None:
    """The user's line; None where all that is typed in has the same number."""
    where = user_location()
    typed = where is not None and where.file in ("<stdin>", "<string>", "<console>", "<timer>")
    return None if typed else where


def note(graph: Graph) -> None:
    """Remember that the user's line has compiled; warn if it keeps doing so."""
    where = _line()
    if where is None:
        return
    line = _lines.get(where)
    if line is None:
        _lines[where] = _Line(graph)
        return
    before, line.graph = line.graph, graph
    line.count += 1
    if line.count == OFTEN:
        text = (
            f"this line has compiled {OFTEN} functions, the last one because "
            f"{_difference(before, graph)}"
        )
        warnings.warn_explicit(text, RecompilationWarning, where.file, where.line)


# -- what is not worth it --------------------------------------------------------------------

LONG = 200
"""Steps from which on compiling takes seconds."""

AT_ONCE = {True: 2, False: OFTEN}
"""Functions that a line compiles when it meets their structures first: long ones, and others."""

PATIENCE = 10
"""How often other structures are met before they are compiled, too: compiling takes as long as
going through them some thirty times."""

ROOM = 50_000
"""Structures that are remembered."""


@dataclass(slots=True)
class _Meetings:
    compiled: int = 0
    passed: int = 0


_meetings: dict[tuple[Location, bool], _Meetings] = {}
"""By lines, long structures apart from others."""
_met: dict[int, int] = {}
"""How often structures have been met, by their hashes."""


def worth_compiling(structure: tuple[Any, ...], long: bool, planning: bool) -> bool:
    """Whether to compile something now; else it is gone through one operation at a time.

    That is so where the user's line has met other structures before, and this one only now.
    ``planning`` does not count as meeting it.
    """
    where = _line()
    if where is None:
        return True
    line = _meetings.setdefault((where, long), _Meetings())
    key = hash(structure)
    if line.compiled < AT_ONCE[long] or _met.get(key, 0) >= PATIENCE:
        _met.pop(key, None)
        line.compiled += 1
        return True
    if planning:
        return False
    if len(_met) >= ROOM:
        _met.clear()
    _met[key] = _met.get(key, 0) + 1
    line.passed += 1
    if line.passed == OFTEN:
        text = (
            f"this line has computed {OFTEN} times what had not been compiled: it has another "
            "structure each time, so it is done one operation after the other"
        )
        warnings.warn_explicit(text, RecompilationWarning, where.file, where.line)
    return False


def _difference(before: Graph, now: Graph) -> str:
    """What one graph has and the other has not."""
    if len(before.parameters) == len(now.parameters):
        for i, (a, b) in enumerate(zip(before.parameters, now.parameters, strict=True)):
            if a.type != b.type:
                return (
                    f"value {i + 1} of those that it starts from is {b.type}, and was {a.type}\n"
                    "  pad tensors to a few shapes"
                )
    names, others = _names(before), _names(now)
    if names != others:
        return (
            f"it computes {_listed(others)}, and computed {_listed(names)}\n"
            "  where a loop records other steps each time, take a value (.item()) after each turn"
        )
    if len(before.outputs) != len(now.outputs):
        return (
            f"{len(now.outputs)} results of it are wanted, and {len(before.outputs)} were: tensors "
            "that wait for their values are computed along with others"
        )
    return "an index, axis or another static argument changed"


def _names(graph: Graph) -> list[str]:
    return [node.primitive.name for node in graph.nodes]


def _listed(names: Sequence[str]) -> str:
    return f"{len(names)} steps ending in {names[-1]}" if names else "nothing"
