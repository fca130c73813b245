"""The stages of a compilation, gone through once more to be looked at."""

from __future__ import annotations

import difflib
import inspect
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, overload

from pullback.codegen.bufferize import bufferize
from pullback.codegen.call import write_entry
from pullback.codegen.emit import emit
from pullback.codegen.fuse import fuse
from pullback.codegen.lowering import LOWERING
from pullback.codegen.origins import Origin, annotated_text, line_origins
from pullback.codegen.report import Line, fusion_lines, plan_lines
from pullback.tracer.colour import shown
from pullback.tracer.ir import Graph, Node
from pullback.tracer.observe import observed
from pullback.tracer.text import graph_diff, inner_graphs, nodes_of_lines, parse

from .arguments import name_of
from .compiler import Program
from .generate import Lowered
from .listing import annotated_listing
from .target import host

Origins: TypeAlias = Sequence[Sequence[Node]]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of compilation as text, named by the pass that made it.

    ``kind`` tells what the text is: ``python``, ``graph`` (which `pullback.parse` reads back),
    ``plan``, ``llvm`` or ``asm``. It has so many (``count``) of what ``unit`` names: lines, nodes,
    kernels or instructions. A pass that has nothing to do leaves what was there ``unchanged``.
    ``origins`` are the nodes that each line is for; none for the Python text.
    """

    name: str
    kind: str
    text: str
    seconds: float
    count: int
    unit: str
    unchanged: bool = False
    origins: Origins = field(default=(), repr=False, compare=False)

    @property
    def title(self) -> str:
        """A line that tells name, size and time."""
        what = "unchanged" if self.unchanged else f"{self.count} {self.unit}"
        return f"-- {self.name}: {what} ({1e3 * self.seconds:.2f} ms)"

    def __repr__(self) -> str:
        return f"<Stage {self.title[3:]}>"

    def __str__(self) -> str:
        return self.title if self.unchanged else f"{self.title}\n{shown(self.text, self.kind)}"


class Stages(Sequence[Stage]):
    """The stages in order, by their numbers or names.

    >>> stages = pb.grad(lambda x: np.sum(np.sin(x))).stages(np.ones(3))
    >>> [stage.name for stage in stages][:3]
    ['source', 'trace', 'pick']
    >>> print(stages["adjoint"].text.splitlines()[0])
    graph (%0: f64[3], %1: f64[]) {
    >>> stages["adjoint"]
    <Stage adjoint: 5 nodes (... ms)>
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = tuple(stages)

    def __len__(self) -> int:
        return len(self._stages)

    @overload
    def __getitem__(self, key: int | str) -> Stage: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[Stage]: ...
    def __getitem__(self, key: int | str | slice) -> Stage | Sequence[Stage]:
        """The stage of a number, or the last of a name; KeyError names those that there are."""
        if not isinstance(key, str):
            return self._stages[key]
        for stage in reversed(self._stages):
            if stage.name == key:
                return stage
        names = ", ".join(dict.fromkeys(stage.name for stage in self._stages))
        raise KeyError(f"no pass is called {key!r}; there are {names}")

    def diff(self, before: int | str, after: int | str) -> str:
        """What differs between two stages, in the format of ``diff -u``.

        Between two graphs the names of nodes that both have are the same.

        >>> stages = pb.grad(lambda x: np.sum(x * x)).stages(np.ones(3))
        >>> print(stages.diff("trace", "inline"))
        --- trace
        +++ inline
        @@ -1,5 +1,4 @@
         graph (%0: f64[3]) {
        -  %1: f64[3] = mul %0 %0
        -  %2: f64[] = reduce_sum %1 [axes=(0,)]
        -  return %2
        +  %3: f64[3] = add %0 %0
        +  return %3
         }
        """
        first, second = self[before], self[after]
        names = first.name, second.name
        if first.kind == second.kind == "graph":
            return graph_diff(parse(first.text), parse(second.text), names)
        texts = first.text.splitlines(), second.text.splitlines()
        return "\n".join(difflib.unified_diff(*texts, *names, lineterm=""))

    def __str__(self) -> str:
        return "\n\n".join(map(str, self._stages))

    def __repr__(self) -> str:
        return "\n".join(stage.title for stage in self._stages)


@dataclass
class _Passes:
    """The stages so far, and the last of them: its graph and its text."""

    stages: list[Stage] = field(default_factory=list)
    spans: list[tuple[float, float]] = field(default_factory=list)
    text: str = ""
    graph: Graph | None = None

    def renew(self, graph: Graph) -> None:
        """The last stages are of this graph, if they read the same but for lines of calls."""
        self.text, self.graph = graph.text(), graph
        bare, origins = _bare(self.text), nodes_of_lines(graph)
        for i in reversed(range(len(self.stages))):
            if _bare(self.stages[i].text) != bare:
                break
            self.stages[i] = replace(self.stages[i], text=self.text, origins=origins)

    def observe(self, name: str, graph: Graph, start: float, end: float) -> None:
        """A pass, by its own time: without that of passes within it."""
        within = 0.0
        while self.spans and self.spans[-1][0] >= start:
            first, last = self.spans.pop()
            within += last - first
        self.spans.append((start, end))
        if name == "trace" and within:
            name = "inline"
        self.add(name, graph, end - start - within)

    def add(self, name: str, graph: Graph, seconds: float) -> None:
        """A stage of a graph."""
        size = sum(len(each.nodes) for each in (graph, *inner_graphs(graph)))
        text = self.text if graph is self.graph else graph.text()
        same = text == self.text
        self.text, self.graph = text, graph
        told = nodes_of_lines(graph)
        self.stages.append(Stage(name, "graph", text, seconds, size, "nodes", same, told))


def _bare(text: str) -> str:
    """A graph's text without comments."""
    return re.sub(r" +# .*", "", text)


def stages_of(
    function: Callable[..., Any], trace: Callable[[], object], program: Program
) -> Stages:
    """The stages of a program, whose function is traced once more by ``trace``."""
    return passed_through(function, trace, program)[0]


def passed_through(
    function: Callable[..., Any], trace: Callable[[], object], program: Program
) -> tuple[Stages, Lowered]:
    """The stages of a program, as text and what they are the text of."""
    source = source_of(function)
    passes = _Passes([Stage("source", "python", source, 0.0, source.count("\n") + 1, "lines")])
    with observed(passes.observe):
        trace()
    graph = program.graph
    passes.renew(graph)
    for lower in LOWERING:
        start = time.perf_counter()
        graph = lower(graph)
        passes.add(lower.__name__, graph, time.perf_counter() - start)
    code, lowered = _code_stages(graph, program)
    return Stages([*passes.stages, *code]), lowered


def _code_stages(graph: Graph, program: Program) -> tuple[list[Stage], Lowered]:
    """From the lowered graph to instructions."""
    times = [time.perf_counter()]

    def lap() -> float:
        times.append(time.perf_counter())
        return times[-1] - times[-2]

    fusion = fuse(graph)
    groups = _plan_stage("fuse", fusion_lines(fusion), lap(), len(fusion.groups))
    plan = bufferize(fusion, program.entry.donated)
    kernels = _plan_stage("bufferize", plan_lines(plan), lap(), len(plan.kernels))
    machine = host()
    emission = emit(plan, machine.vector_bytes, convention=machine.convention)
    # The entry point is compiled by itself, but read along with the kernels.
    write_entry(emission.module, program.entry)
    origins, text = line_origins(emission.module), emission.module.text()
    llvm = _code_stage("emit", "llvm", annotated_text(text, origins), lap(), origins)
    lines, found = zip(*annotated_listing(text, origins), strict=True)
    asm = _code_stage("compile", "asm", "\n".join((*lines, "")), lap(), found)
    return [groups, kernels, llvm, asm], Lowered(graph, plan, emission)


def _plan_stage(name: str, lines: Sequence[Line], seconds: float, count: int) -> Stage:
    text = "\n".join(line.text for line in lines)
    return Stage(name, "plan", text, seconds, count, "kernels", origins=[x.nodes for x in lines])


def _code_stage(
    name: str, kind: str, text: str, seconds: float, origins: Sequence[Origin]
) -> Stage:
    nodes = [origin.nodes for origin in origins]
    return Stage(name, kind, text, seconds, _instructions(text), "instructions", origins=nodes)


def _instructions(text: str) -> int:
    return len(re.findall(r"^ +[^\s.#/;]", text, re.MULTILINE))


def source_of(function: Callable[..., Any]) -> str:
    """The Python text of a function; a line that says so where there is none."""
    try:
        return inspect.getsource(inspect.unwrap(function)).rstrip()
    except (OSError, TypeError):
        return f"# the text of {name_of(function)} is not there to be read"
