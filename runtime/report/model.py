"""The data of a report; what shows it is in other modules.

What belongs to a line of the user's program carries a *mark*: twice the number of the line in
`Report.lines`, and one more if it belongs to its derivative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..stages import Stages


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row of Python text: its number in the file, and in `Report.lines` where it has nodes.

    A row without a number names the file, or stands for rows that are left out.
    """

    text: str
    number: int | None = None
    line: int | None = None


@dataclass(slots=True)
class LineReport:
    """What a line of the user's program costs, its derivative included.

    ``seconds`` and ``largest_adjoint`` are those of a call with certain arguments; None without.
    The time of a kernel is shared among its lines by the work that each has to do in it.
    ``at_least`` tells that turns of a loop of unknown length are counted once. ``largest_adjoint``
    is the greatest absolute value of a derivative of the result by an element of what the line
    computes.
    """

    place: str
    text: str
    nodes: int = 0
    derivative_nodes: int = 0
    seconds: float | None = None
    flops: int = 0
    moved: int = 0
    kept: int = 0
    at_least: bool = False
    largest_adjoint: float | None = None


@dataclass(frozen=True, slots=True)
class DrawnNode:
    """A node of the graph: ``graph`` is 0 for the whole, or the number of the graph inside.

    ``operands`` are numbers of nodes, ``inner`` those of the graphs among its parameters.
    """

    label: str
    type: str
    operands: tuple[int, ...]
    mark: int | None
    graph: int
    inner: tuple[int, ...] = ()
    kind: str = "node"


@dataclass(frozen=True, slots=True)
class KernelReport:
    """A kernel: what it computes, as primitives with marks, and the buffers it reads and writes."""

    title: str
    steps: tuple[tuple[str, int | None], ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    flops: int
    moved: int
    seconds: float | None = None

    @property
    def marks(self) -> tuple[int, ...]:
        """The marks of its steps."""
        return tuple(dict.fromkeys(mark for _, mark in self.steps if mark is not None))


@dataclass(frozen=True, slots=True)
class Block:
    """Memory in the workspace: where, and from which kernel to which.

    ``kept`` tells that the derivative reads what the function has computed.
    """

    name: str
    type: str
    offset: int
    bytes: int
    first: int
    last: int
    mark: int | None
    kept: bool


@dataclass(frozen=True, slots=True)
class MarkedText:
    """A stage's lines without the comments, each with its marks."""

    lines: tuple[str, ...]
    marks: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of a call, and of each of its kernels: medians of so many calls."""

    calls: int
    call: float
    kernels: tuple[float, ...]


@dataclass(frozen=True)
class Report:
    """All there is to see of a compiled function for certain arguments.

    Printing it shows tables; a notebook, and `html`, show a page.
    """

    name: str
    signature: str
    rows: Sequence[SourceRow]
    lines: Sequence[LineReport]
    stages: Stages
    texts: Sequence[MarkedText]
    nodes: Sequence[DrawnNode]
    kernels: Sequence[KernelReport]
    workspace_bytes: int
    blocks: Sequence[Block]
    measured: Measured | None = None
    other: LineReport = field(default_factory=lambda: LineReport("", "what no line tells"))

    def __str__(self) -> str:
        from .terminal import tables

        return tables(self)

    def html(self) -> str:
        """A page that needs nothing from elsewhere: text, graph, code side by side, and tables."""
        from .page import page

        return page(self)

    def _repr_html_(self) -> str:
        from .page import frame

        return frame(self)
