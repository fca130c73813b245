"""The data of a report; what shows it is in other modules.

What belongs to a line of the user's program carries a *mark*: twice the number of the line in
`Report.lines`, and one more if it belongs to its derivative. What is made of certain nodes carries
their numbers in `Report.nodes`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

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
    The time of each kernel is measured, those in loops included, and shared among its lines by the
    work that each has to do in it.
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

    ``operands`` are numbers of nodes, ``inner`` those of the graphs among its parameters;
    ``primal`` is the number of the node that it is part of the derivative of, if that is there.
    """

    label: str
    type: str
    operands: tuple[int, ...]
    mark: int | None
    graph: int
    inner: tuple[int, ...] = ()
    kind: str = "node"
    primal: int | None = None


class Computed(NamedTuple):
    """What a kernel computes of a node: the name of a primitive, the mark, the node's number."""

    name: str
    mark: int | None
    node: int | None


@dataclass(frozen=True, slots=True)
class KernelReport:
    """A kernel: what it computes, and the buffers that it reads and writes.

    ``number`` is its place in the plan, and for one in a loop or branch that of the loop before it:
    ``2.0``. ``seconds`` are those of a call, of all turns together, and ``runs`` how many of them
    there are. Loops have the kernels in their bodies ``inner``.
    """

    number: str
    title: str
    steps: tuple[Computed, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    flops: int
    moved: int
    seconds: float | None = None
    runs: int | None = None
    inner: tuple[KernelReport, ...] = ()

    @property
    def marks(self) -> tuple[int, ...]:
        """The marks of its steps."""
        return tuple(dict.fromkeys(x.mark for x in self.steps if x.mark is not None))

    @property
    def nodes(self) -> tuple[int, ...]:
        """The nodes of its steps."""
        return tuple(dict.fromkeys(x.node for x in self.steps if x.node is not None))

    @property
    def computed(self) -> str:
        """The primitives of its steps, equal ones once with their number."""
        counts = Counter(step.name for step in self.steps)
        return ", ".join(x if count == 1 else f"{x} ×{count}" for x, count in counts.items())

    @property
    def all(self) -> Iterator[KernelReport]:
        """Itself, and the kernels inside."""
        yield self
        for each in self.inner:
            yield from each.all


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
    node: int | None = None


@dataclass(frozen=True, slots=True)
class MarkedText:
    """A stage's lines without the comments, each with its marks and the numbers of its nodes."""

    lines: tuple[str, ...]
    marks: tuple[tuple[int, ...], ...]
    nodes: tuple[tuple[int, ...], ...]


class Taken(NamedTuple):
    """The seconds that all runs of a kernel take in a call, and how many runs that are."""

    seconds: float
    runs: int


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of a call, and what each kernel takes of it, by its name: medians of some calls.

    Kernels in loops are named ``kernel2.0``. What the timer itself takes is not in it.
    """

    calls: int
    call: float
    kernels: Mapping[str, Taken]


@dataclass(frozen=True)
class Report:
    """All there is to see of a compiled function for certain arguments.

    Printing it shows tables; a notebook, and `html`, show a page. ``texts`` are those of the stages
    that change something.
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

    @property
    def seconds(self) -> float:
        """What all kernels take of a call; 0 if nothing was measured."""
        return sum(kernel.seconds or 0.0 for kernel in self.kernels)

    @property
    def all_kernels(self) -> Sequence[KernelReport]:
        """The kernels in order, those in loops behind these."""
        return [each for kernel in self.kernels for each in kernel.all]

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
