"""The user's lines: their numbers, their text, and what is marked as theirs."""

from __future__ import annotations

import ast
import linecache
import os
from collections.abc import Iterable, Iterator, Sequence

from pullback.tracer.ir import Node
from pullback.tracer.location import Location

from ..stages import Stage
from .model import MarkedText, SourceRow
from .provenance import Provenance

NEAR = 1
"""Rows shown around a line that is in no function."""

_SIGNS = {"llvm": (";",), "asm": ("#", "//")}
"""What comments begin with, where it is not "#"."""


class Places:
    """Numbers of the user's lines, in the order of files and lines."""

    def __init__(self, found: Iterable[Location]) -> None:
        lines = {(x.file, x.line): x for x in found}
        self.lines: Sequence[Location] = [lines[key] for key in sorted(lines)]
        self.numbers = {key: i for i, key in enumerate(sorted(lines))}

    def number(self, where: Location | None) -> int | None:
        """The number of a line."""
        return None if where is None else self.numbers.get((where.file, where.line))

    def mark(self, node: Node) -> int | None:
        """The mark of a node."""
        number = self.number(node.where)
        return None if number is None else 2 * number + (node.primal is not None)

    def marked(self, stage: Stage, provenance: Provenance) -> MarkedText:
        """The lines of a stage, with marks in the place of the comments that tell lines."""
        texts = stage.text.splitlines()
        signs = _SIGNS.get(stage.kind, ("#",))
        origins = stage.origins or [()] * len(texts)
        lines: list[str] = []
        marks: list[tuple[int, ...]] = []
        for text, nodes in zip(texts, origins, strict=True):
            found = (self.mark(node) for node in nodes)
            marks.append(tuple(dict.fromkeys(mark for mark in found if mark is not None)))
            lines.append(_without_comment(text, nodes, signs))
        return MarkedText(
            tuple(lines), tuple(marks), tuple(provenance.all(nodes) for nodes in origins)
        )

    def text(self, where: Location) -> str:
        """The Python text of a line; empty where there is none to be read."""
        return linecache.getline(where.file, where.line).rstrip("\n")

    def rows(self) -> list[SourceRow]:
        """The functions that the lines are in, file by file."""
        rows: list[SourceRow] = []
        for file in dict.fromkeys(x.file for x in self.lines):
            numbers = [x.line for x in self.lines if x.file == file]
            unread = "" if linecache.getlines(file) else ": the text is not there to be read"
            rows.append(SourceRow(f"{os.path.basename(file)}{unread}"))
            rows += self._rows_of(file, numbers)
        return rows

    def _rows_of(self, file: str, numbers: Sequence[int]) -> Iterator[SourceRow]:
        text = linecache.getlines(file)
        before = 0
        for number in sorted(_shown(text, numbers)):
            if before and number > before + 1:
                yield SourceRow("⋯")
            before = number
            line = text[number - 1].rstrip("\n") if number <= len(text) else ""
            yield SourceRow(line, number, self.numbers.get((file, number)))


def _without_comment(text: str, nodes: Sequence[Node], signs: Sequence[str]) -> str:
    """A line without the comment that tells the places of its nodes."""
    told = min((at for x in nodes if (at := text.find(f" {x.where}")) > 0), default=0)
    before = text[:told].rstrip()
    for sign in signs:
        if told and before.endswith(sign):
            return before.removesuffix(sign).rstrip()
    return text


def _shown(text: Sequence[str], numbers: Sequence[int]) -> set[int]:
    """The numbers of the rows to be shown: functions as a whole, and rows near other lines."""
    shown = set(numbers)
    spans = list(_functions("".join(text)))
    for number in numbers:
        around = [span for span in spans if number in span]
        last = min(number + NEAR, max(len(text), number))
        widest = sorted(around, key=lambda span: span.start - span.stop)[:1]
        shown.update(*(widest or [range(max(number - NEAR, 1), last + 1)]))
    return shown


def _functions(text: str) -> Iterator[range]:
    """The lines of each function in a text."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(x.lineno for x in node.decorator_list)])
            yield range(first, (node.end_lineno or node.lineno) + 1)
