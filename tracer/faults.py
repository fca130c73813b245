"""Where a NaN or an infinity comes from: the operation that made the first one that got out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .colour import shown
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

    ``index`` is the first such element of its result. ``operands`` are, of rows that work element
    by element, their values there, and of others None; ``infinite`` tells of these which operand
    has infinities, and where the first one is. ``primal`` is the row that it is in the derivative
    of, None in the forward part; ``where`` is the user's line in either case. ``turns`` are the
    loops around, the outermost first. What a call was given is made by nothing: then ``argument``
    is its name.
    """

    primitive: str
    types: tuple[str, ...]
    what: str
    index: tuple[int, ...]
    operands: tuple[Any, ...] = ()
    where: Location | None = None
    primal: str | None = None
    turns: tuple[Turn, ...] = ()
    infinite: tuple[tuple[int, tuple[int, ...]], ...] = ()
    argument: str | None = None

    def __str__(self) -> str:
        """The text, in colours where `print` shows it in a terminal and `rich` is installed."""
        return shown(self.text(), "fault")

    def text(self) -> str:
        """The text without colours."""
        if self.argument is not None:
            return (
                f"{self.argument}, {self.types[0]}, has {self.what} to begin with{self._details()}"
            )
        derivative = "" if self.primal is None else f", in the derivative of {self.primal}"
        place = "".join(f", {turn}" for turn in self.turns)
        line = at(self.where) or ("\n  at an unknown line" if place else "")
        of = f" of {', '.join(self.types)}" if self.types else ""
        return f"{self.primitive}{of} made {self.what}{derivative}{line}{place}{self._details()}"

    def _details(self) -> str:
        known = [str(x) for x in self.operands if x is not None]
        values = f"of {' and '.join(known)}" if known and len(known) == len(self.operands) else ""
        if self.infinite:
            values = " and ".join(_place(index, number) for number, index in self.infinite)
            values = f"with an infinity {values}"
        place = "" if not self.index else f"at {list(self.index)}"
        place += " of the result" if place and self.argument is None else ""
        details = ", ".join(x for x in (values, place) if x)
        return f"\n  {details}" if details else ""


def _place(index: tuple[int, ...], operand: int) -> str:
    return f"at {list(index)} of operand {operand + 1}" if index else f"in operand {operand + 1}"


def find_fault(
    graph: Graph, arguments: Sequence[Any], check: Check, names: Sequence[str]
) -> Fault | None:
    """Run a graph with NumPy, without its effects; None if nothing goes wrong in it.

    What does not reach a result, such as the side of `where` that is not chosen, is no fault.
    ``names`` are those of the arguments.
    """
    recorder = _Frames(check)
    with recorded(recorder):
        evaluate(quiet(graph), arguments)
    frame = recorder.outermost
    return _fault(frame, check, ()) or _given(frame, check, names)


def is_bad(array: Any, check: Check) -> bool:
    """Whether an element is not a number, or is infinite."""
    array = np.asarray(array)
    if array.dtype.kind not in "fc":
        return False
    with np.errstate(all="ignore"):
        if np.isfinite(np.sum(array)):
            return False
    return bool(_bad_elements(array, check).any())


def _bad_elements(array: Any, check: Check) -> Array:
    array = np.asarray(array)
    if array.dtype.kind not in "fc":
        return np.zeros(array.shape, np.bool_)
    return np.asarray(~np.isfinite(array) if check == "inf" else np.isnan(array))


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
    reached = _reached(frame, check)
    for node in frame.graph.nodes:
        made = reached.get(node)
        if made is None or not made.any():
            continue
        for run in frame.inside.get(node, ()):
            found = _fault(run, check, (*turns, _turn(node, run)))
            if found is not None:
                return found
        return _made_by(node, frame.values, made, turns)
    return None


def _reached(frame: _Frame, check: Check) -> dict[Node, Array]:
    """Of nodes with bad elements that reach a result, which of these no operand's element made.

    Of parameters, all that reach a result.
    """
    values, graph = frame.values, frame.graph
    bad = {
        x: _bad_elements(values[x], check)
        for x in (*graph.parameters, *graph.nodes)
        if is_bad(values[x], check)
    }
    reach = {x: bad[x] for x in graph.outputs if x in bad}
    made: dict[Node, Array] = {}
    for node in reversed(graph.nodes):
        here = reach.get(node)
        if here is None:
            continue
        made[node] = here.copy()
        for operand, part in zip(node.operands, _sources(node, here, values, bad), strict=True):
            if part is not None and part.any():
                reach[operand] = part | reach[operand] if operand in reach else part
                same = node.primitive.elementwise and part.shape == here.shape
                made[node] &= ~part if same else False
    return {**made, **{p: reach[p] for p in graph.parameters if p in reach}}


MOVES = frozenset(("broadcast", "reshape", "permute", "slice", "flip", "stop_gradient", "gather"))
"""Rows of which each element of the result is one of the first operand."""


def _sources(
    node: Node, here: Array, values: Mapping[Node, Any], bad: Mapping[Node, Array]
) -> list[Array | None]:
    """The bad elements of each operand that those ``here`` may have been made of."""
    parts = [bad.get(x) for x in node.operands]
    if node.primitive.elementwise:
        same = [x is None or x.shape == here.shape for x in parts]
        return [
            x if x is None or not fits else x & here for x, fits in zip(parts, same, strict=True)
        ]
    first = parts[0] if parts else None
    if first is None or node.primitive.name not in MOVES:
        return parts
    numbers = np.arange(first.size).reshape(first.shape)
    others = [values[x] for x in node.operands[1:]]
    moved = np.asarray(node.primitive.reference(numbers, *others, **node.params))
    taken = np.zeros(first.size, np.bool_)
    taken[moved[here]] = True
    return [taken.reshape(first.shape) & first, *parts[1:]]


def _given(frame: _Frame, check: Check, names: Sequence[str]) -> Fault | None:
    """What a call was given that is bad and reaches a result."""
    reached = _reached(frame, check)
    for parameter, name in zip(frame.graph.parameters, names, strict=True):
        if parameter in reached:
            what, index = _first(frame.values[parameter], reached[parameter])
            types = (str(parameter.type),)
            return Fault(parameter.primitive.name, types, what, index, argument=name)
    return None


def _turn(node: Node, run: _Frame) -> Turn:
    params, number = node.params, run.number
    if node.primitive.name not in ("scan", "while_loop", "reversal"):
        return Turn(node.where, None)
    length, backwards = params.get("length"), params.get("reverse", False)
    if run.graph is params.get("backward"):
        backwards = not backwards
    return Turn(node.where, length - 1 - number if backwards and length is not None else number)


def _made_by(node: Node, values: Mapping[Node, Any], made: Array, turns: tuple[Turn, ...]) -> Fault:
    what, index = _first(values[node], made)
    operands = [np.asarray(values[x]) for x in node.operands]
    elementwise = node.primitive.elementwise
    infinite = [] if elementwise else [(i, np.isinf(x)) for i, x in enumerate(operands)]
    return Fault(
        node.primitive.name,
        tuple(str(x.type) for x in node.operands),
        what,
        index,
        tuple(_part(x, index, made.shape) if elementwise else None for x in operands),
        node.where,
        None if node.primal is None else node.primal.primitive.name,
        turns,
        tuple((i, _index(x)) for i, x in infinite if x.any()),
    )


def _first(value: Any, elements: Array) -> tuple[str, tuple[int, ...]]:
    """What the first of some bad elements is, and where."""
    index = _index(elements)
    return ("a NaN" if np.isnan(np.asarray(value)[index]) else "an infinity"), index


def _index(elements: Array) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(elements)[0])


def _part(operand: Array, index: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """The element that a result's was made of, if it was made of one."""
    if operand.shape == shape:
        return operand[index]
    return operand[()] if not operand.ndim else None
