"""Python's questions about values that arguments decide: answered by the actual ones, and guarded.

A function is traced with the values of one call. What Python asks for (a truth, an index, a number)
is computed from them with NumPy, and the function goes on along that path; the question becomes an
output of the graph, so that a later call finds out whether it is on the same path.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .ir import PARAMETER, Node
from .location import Location, user_location
from .trace import Trace, Tracer, active_traces
from .types import DType, is_inexact

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """A value that Python has asked for, the answer on this path, and the line that asked."""

    node: Node
    answer: Array
    where: Location | None


@dataclass(frozen=True, slots=True)
class Turn:
    """The answers of a call up to the first that is another than on the path that was tried."""

    answers: tuple[bytes, ...] = ()


@dataclass(slots=True)
class Path:
    """The values of one call's arguments, and the questions asked on the way."""

    values: dict[Node, Array]
    trace: Trace | None = None
    questions: dict[Node, Question] = field(default_factory=dict)
    outside: dict[Node, Node] = field(default_factory=dict)

    def answer(self, node: Node) -> Array:
        """The value of a node of the outermost trace; asked once, it is an output."""
        if node not in self.questions:
            self.questions[node] = Question(node, self.evaluate(node), user_location())
        return self.questions[node].answer

    def evaluate(self, node: Node) -> Array:
        """The value, computed with NumPy; those of the nodes on the way are kept."""
        stack = [node]
        while stack:
            top = stack[-1]
            waiting = [x for x in top.operands if x not in self.values]
            if top in self.values:
                stack.pop()
            elif waiting:
                stack += waiting
            elif top.primitive is PARAMETER:
                assert self.trace is not None
                self.values[top] = np.asarray(self.trace.sources[top], top.type.dtype)
                stack.pop()
            else:
                operands = [self.values[x] for x in top.operands]
                with np.errstate(all="ignore"):
                    found = top.primitive.reference(*operands, **top.params)
                self.values[top] = np.asarray(found, top.type.dtype)
                stack.pop()
        return self.values[node]


@dataclass(frozen=True, slots=True)
class Answers:
    """All questions of a path, and what a call has to answer to be on it.

    The answers are outputs of the graph, packed: those of one dtype are one array, as ``expected``
    has them. ``parameters`` are those of the graph that the questions' nodes belong to.
    """

    questions: tuple[Question, ...]
    parameters: tuple[Node, ...]
    expected: tuple[bytes, ...]

    def turn(self, packed: Sequence[Any]) -> Turn | None:
        """Where a call leaves the path; its answers after the first other one mean nothing."""
        if all(x.tobytes() == e for x, e in zip(packed, self.expected, strict=True)):
            return None
        rest = dict(zip(_by_dtype(self.questions), packed, strict=True))
        answers = []
        for question in self.questions:
            dtype, size = question.node.type.dtype, question.node.type.size
            answers.append(rest[dtype][:size])
            rest[dtype] = rest[dtype][size:]
        return self._first_other(answers)

    def turn_of(self, values: Sequence[Any]) -> Turn | None:
        """The same for the values of the parameters, one answer after another with NumPy."""
        pairs = zip(self.parameters, values, strict=True)
        path = Path({p: np.asarray(x, p.type.dtype) for p, x in pairs})
        return self._first_other(path.evaluate(q.node) for q in self.questions)

    def _first_other(self, answers: Iterable[Array]) -> Turn | None:
        taken: list[bytes] = []
        for question, answer in zip(self.questions, answers, strict=True):
            taken.append(answer.tobytes())
            if taken[-1] != question.answer.tobytes():
                return Turn(tuple(taken))
        return None

    def follows(self, turn: Turn) -> bool:
        """Whether the path begins with the answers of a call."""
        own = (question.answer.tobytes() for question in self.questions)
        return len(self.questions) >= len(turn.answers) and all(
            a == b for a, b in zip(own, turn.answers, strict=False)
        )


def _by_dtype(questions: Iterable[Question]) -> dict[DType, list[Question]]:
    groups: dict[DType, list[Question]] = {}
    for question in questions:
        groups.setdefault(question.node.type.dtype, []).append(question)
    return groups


def packed_answers(questions: Iterable[Question]) -> tuple[list[Node], tuple[bytes, ...]]:
    """The answers to all questions as outputs of the current trace, and what they are here."""
    from .primitives.structure import concatenate, reshape

    outputs, expected = [], []
    for group in _by_dtype(questions).values():
        rows = [reshape(Tracer(q.node), shape=(q.node.type.size,)) for q in group]
        outputs.append(concatenate(*rows, axis=0).node)
        expected.append(b"".join([q.answer.tobytes() for q in group]))
    return outputs, tuple(expected)


def actual_value(x: Tracer, what: str, truth: bool = False) -> Array | None:
    """The value of a traced array in the call that is being traced; None if there is none.

    There is none where only types are given, and of what has many values at once: the items of
    `vmap`, what a loop carries, and all that depends on them. With ``truth`` only whether it is
    zero is asked.
    """
    traces = active_traces()
    path = traces[0].path if traces else None
    if path is None:
        return None
    node = _in_outermost(x.node, traces, path)
    if node is None:
        return None
    if truth and x.dtype != np.bool_:
        node = _compared(node, traces[0])
    elif not truth and not traces[0].builder.owns(x.node) and is_inexact(x.dtype):
        _warn(
            f"{what} of a value that is being differentiated gives a constant without derivative\n"
            "  take the value itself; what math.sin does is np.sin"
        )
    return path.answer(node)


def _warn(message: str) -> None:
    where = user_location()
    if where is None:
        warnings.warn(message, stacklevel=4)
    else:
        warnings.warn_explicit(message, UserWarning, where.file, where.line)


def _compared(node: Node, outermost: Trace) -> Node:
    from .primitives.elementwise import ne
    from .primitives.structure import zeros
    from .trace import resumed

    with resumed(outermost):
        return ne(Tracer(node), zeros(node.type)).node


def _in_outermost(node: Node, traces: Sequence[Trace], path: Path) -> Node | None:
    """The node of the outermost trace with the same value, made if need be."""
    outermost, made = traces[0], path.outside
    stack = [node]
    while stack:
        top = stack[-1]
        if top in made or outermost.builder.owns(top):
            stack.pop()
            continue
        captured = next((t.sources[top] for t in traces if top in t.sources), None)
        if isinstance(captured, np.ndarray):
            made[top] = outermost.capture(captured, top.type)
            continue
        same = next((t.known[top] for t in traces if top in t.known), None)
        sources = (same,) if isinstance(same, Node) else top.operands
        if top.primitive is PARAMETER and not isinstance(same, Node):
            return None
        waiting = [x for x in sources if x not in made and not outermost.builder.owns(x)]
        if waiting:
            stack += waiting
            continue
        found = [made.get(x, x) for x in sources]
        if isinstance(same, Node):
            made[top] = found[0]
        else:
            outermost.builder.where = top.where
            made[top] = _again(outermost, top, found)
        stack.pop()
    return made.get(node, node)


def _again(outermost: Trace, node: Node, operands: Sequence[Node]) -> Node:
    from .ir import LITERAL

    if node.primitive is LITERAL:
        return outermost.builder.literal(node.params["value"], node.params["dtype"])
    return outermost.builder.add(node.primitive, tuple(operands), node.params)
