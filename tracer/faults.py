"""Where a NaN or an infinity comes from: the operation that made the first one that got out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .errors import at
from .interpret import evaluate, recorded
from .ir import Graph, Node
from .location import Location
from .passes.quiet import quiet
from .trace import Check

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """A loop that an operation was in, and in which turn, counted from 0; None for a branch."""

    loop: Location | None
    number: int | None

    def __str__(self) -> str:
        if self.number is None:
            return f"in the branch or call at {self.loop}"
        return f"in turn {self.number} of the loop at {self.loop}"


@dataclass(frozen=True, slots=True)
class Fault:
    """An operation that made a NaN, or an infinity, of operands without any.

    ``index`` is the first such element of its result, ``operands`` are their values there, of rows
    that work element by element, or whole where they are numbers (None for others). ``primal`` is
    the row that it is in the derivative of, None in the forward part; ``where`` is the user's line
    in either case. ``turns`` are the loops around, the outermost first.
    """

    primitive: str
    types: tuple[str, ...]
    what: str
    index: tuple[int, ...]
    operands: tuple[Any, ...]
    where: Location | None
    primal: str | None
    turns: tuple[Turn, ...]

    def __str__(self) -> str:
        of = "" if self.primal is None else f", in the derivative of {self.primal}"
        place = "".join(f", {turn}" for turn in self.turns)
        line = at(self.where) or ("\n  at an unknown line" if place else "")
        return (
            f"{self.primitive} of {', '.join(self.types)} made {self.what}{of}{line}{place}"
            f"{self._details()}"
        )

    def _details(self) -> str:
        known = [str(x) for x in self.operands if x is not None]
        if len(known) < len(self.operands):
            known = []
        values = f"of {' and '.join(known)}" if known else ""
        place = f"at {list(self.index)} of the result" if self.index else ""
        details = ", ".join(x for x in (values, place) if x)
        return f"\n  {details}" if details else ""


def find_fault(graph: Graph, arguments: Sequence[Any], check: Check) -> Fault | None:
    """Run a graph with NumPy, without its effects; None if nothing goes wrong in it.

    What does not reach a result, such as the side of `where` that is not chosen, is no fault.
    """
    recorder = _Frames(check)
    with recorded(recorder):
        evaluate(quiet(graph), arguments)
    return _fault(recorder.outermost, check, ())


def is_bad(array: Any, check: Check) -> bool:
    """Whether an element is not a number, or is infinite."""
    array = np.asarray(array)
    if array.dtype.kind not in "fc":
        return False
    return not bool(np.isfinite(array).all()) if check == "inf" else bool(np.isnan(array).any())


@dataclass(slots=True)
class _Frame:
    """One run of a graph: its values, and the first bad run of each graph inside, by node.

    ``number`` tells how many runs of the same graph there were before, for the same node.
    """

    graph: Graph
    values: Mapping[Node, Any]
    number: int = 0
    runs: dict[Graph, int] = field(default_factory=dict)
    bad: dict[Graph, _Frame] = field(default_factory=dict)
    inside: dict[Node, list[_Frame]] = field(default_factory=dict)


class _Frames:
    """Keeps the runs of graphs in which something went wrong."""

    def __init__(self, check: Check) -> None:
        self.outermost: _Frame
        self._check: Check = check
        self._stack: list[_Frame] = []

    def entered(self, graph: Graph, values: Mapping[Node, Any]) -> None:
        frame = _Frame(graph, values)
        if self._stack:
            around = self._stack[-1]
            frame.number = around.runs.get(graph, 0)
            around.runs[graph] = frame.number + 1
        self._stack.append(frame)

    def made(self, node: Node) -> None:
        frame = self._stack[-1]
        if frame.bad:
            frame.inside[node] = list(frame.bad.values())
        frame.runs, frame.bad = {}, {}

    def left(self) -> None:
        frame = self._stack.pop()
        if not self._stack:
            self.outermost = frame
        elif any(is_bad(frame.values[x], self._check) for x in frame.graph.outputs):
            self._stack[-1].bad.setdefault(frame.graph, frame)


def _fault(frame: _Frame, check: Check, turns: tuple[Turn, ...]) -> Fault | None:
    """What made the first bad value that reaches a result of a run."""
    values, graph = frame.values, frame.graph
    bad = {x for x in (*graph.parameters, *graph.nodes) if is_bad(values[x], check)}
    reached = {x for x in graph.outputs if x in bad}
    stack = list(reached)
    while stack:
        for x in stack.pop().operands:
            if x in bad and x not in reached:
                reached.add(x)
                stack.append(x)
    for node in graph.nodes:
        if node in reached and node.operands and not any(x in bad for x in node.operands):
            for run in frame.inside.get(node, ()):
                found = _fault(run, check, (*turns, _turn(node, run)))
                if found is not None:
                    return found
            return _made_by(node, values, check, turns)
    return None


def _turn(node: Node, run: _Frame) -> Turn:
    params, number = node.params, run.number
    if node.primitive.name not in ("scan", "while_loop", "reversal"):
        return Turn(node.where, None)
    length, backwards = params.get("length"), params.get("reverse", False)
    if run.graph is params.get("backward"):
        backwards = not backwards
    return Turn(node.where, length - 1 - number if backwards and length is not None else number)


def _made_by(
    node: Node, values: Mapping[Node, Any], check: Check, turns: tuple[Turn, ...]
) -> Fault:
    result = np.asarray(values[node])
    wrong = ~np.isfinite(result) if check == "inf" else np.isnan(result)
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    what = "a NaN" if np.isnan(result[index]) else "an infinity"
    operands = [_part(np.asarray(values[x]), index, result) for x in node.operands]
    return Fault(
        node.primitive.name,
        tuple(str(x.type) for x in node.operands),
        what,
        index,
        tuple(operands),
        node.where,
        None if node.primal is None else node.primal.primitive.name,
        turns,
    )


def _part(operand: Array, index: tuple[int, ...], result: Array) -> Any:
    """The element that a result's was made of, if it was made of one."""
    if operand.shape == result.shape:
        return operand[index]
    return operand[()] if not operand.ndim else None
