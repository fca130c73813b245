"""Collecting a report: from a specialisation and its stages to the data of `model`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pullback.codegen.costs import Cost, cost_of, kept_for_derivative
from pullback.codegen.kernel import Buffer, Kernel, LoopKernel, Plan, Strips, plans_of
from pullback.codegen.report import kernel_title
from pullback.tracer.ir import LITERAL, Graph, Node, graphs_in
from pullback.tracer.location import Location
from pullback.tracer.text import inner_graphs

from ..arguments import name_of
from ..compiled import Compiled
from ..stages import Stages
from .model import (
    Block,
    DrawnNode,
    KernelReport,
    LineReport,
    Measured,
    Report,
)
from .places import Places


@dataclass(frozen=True, slots=True)
class Looked:
    """What a report is made of; ``measured`` and ``adjoints`` are empty without a call."""

    function: Callable[..., Any]
    compiled: Compiled
    stages: Stages
    measured: Measured | None
    adjoints: Mapping[Location, float]


def report(looked: Looked) -> Report:
    """The report of a compiled function."""
    program = looked.compiled.program
    between = program.lowered()
    plan = between.plan
    graphs = [program.graph, *inner_graphs(program.graph)]
    shown = [node for graph in graphs for node in graph.nodes]
    lowered = [x for g in (between.graph, *inner_graphs(between.graph)) for x in g.nodes]
    places = Places(
        x for x in (*(n.where for n in (*shown, *lowered)), *looked.adjoints) if x is not None
    )
    costs = [cost_of(kernel) for kernel in plan.kernels]
    kept = kept_for_derivative(plan)
    lines, other = _lines(places, shown, costs, kept, looked)
    return Report(
        name_of(looked.function),
        str(looked.compiled.signature),
        places.rows(),
        lines,
        looked.stages,
        [places.marked(stage.text, stage.kind) for stage in looked.stages],
        _drawn(graphs, places),
        [
            _kernel(kernel, cost, places, seconds)
            for kernel, cost, seconds in zip(
                plan.kernels, costs, _seconds(looked, len(costs)), strict=True
            )
        ],
        plan.workspace_bytes,
        _blocks(plan, kept, places),
        looked.measured,
        other,
    )


def _seconds(looked: Looked, count: int) -> Sequence[float | None]:
    return [None] * count if looked.measured is None else looked.measured.kernels[:count]


# -- lines ---------------------------------------------------------------------------------------


def _lines(
    places: Places,
    nodes: Sequence[Node],
    costs: Sequence[Cost],
    kept: Mapping[Buffer, Node],
    looked: Looked,
) -> tuple[list[LineReport], LineReport]:
    """What each line costs, and what is of no line."""
    lines = [LineReport(str(where), places.text(where)) for where in places.lines]
    other = LineReport("", "what no line tells")

    def of(node: Node | None) -> LineReport:
        number = None if node is None else places.number(node.where)
        return other if number is None else lines[number]

    for node in nodes:
        if node.primitive is not LITERAL:
            of(node).derivative_nodes += node.primal is not None
            of(node).nodes += node.primal is None
    _add_costs(of, costs)
    for buffer, node in kept.items():
        of(node).kept += buffer.type.nbytes
    _share_time(of, costs, looked.measured, [*lines, other])
    for where, size in looked.adjoints.items():
        lines[places.numbers[where.file, where.line]].largest_adjoint = size
    return lines, other


def _add_costs(of: Callable[[Node | None], LineReport], costs: Sequence[Cost]) -> None:
    for cost in costs:
        for node, flops in cost.flops.items():
            of(node).flops += flops
        for node, moved in cost.moved.items():
            of(node).moved += moved
        for node in cost.unknown:
            of(node).at_least = True


def _share_time(
    of: Callable[[Node | None], LineReport],
    costs: Sequence[Cost],
    measured: Measured | None,
    lines: Sequence[LineReport],
) -> None:
    """Share the time of each kernel among its lines by the work that it does for them."""
    if measured is None:
        return
    for line in lines:
        line.seconds = 0.0
    for cost, seconds in zip(costs, measured.kernels, strict=False):
        whole = sum(cost.work.values())
        for node, work in cost.work.items():
            line = of(node)
            line.seconds = (line.seconds or 0.0) + seconds * work / max(whole, 1)


# -- the graph -----------------------------------------------------------------------------------


def _drawn(graphs: Sequence[Graph], places: Places) -> list[DrawnNode]:
    """The nodes of the graph and of those inside it, numbers within the labels of their users."""
    numbers: dict[Node, int] = {}
    inside = {graph: i for i, graph in enumerate(graphs)}
    found: list[DrawnNode] = []
    for place, graph in enumerate(graphs):
        numbers.clear()
        for i, node in enumerate((*graph.parameters, *graph.nodes)):
            if node.primitive is LITERAL:
                continue
            operands = tuple(numbers[x] for x in node.operands if x in numbers)
            inner = tuple(dict.fromkeys(inside[x] for x in graphs_in(node.params)))
            numbers[node] = len(found)
            kind = "input" if i < len(graph.parameters) else "node"
            label = f"%{i}" if kind == "input" else _label(node)
            found.append(
                DrawnNode(label, str(node.type), operands, places.mark(node), place, inner, kind)
            )
        for i, output in enumerate(graph.outputs):
            if output in numbers:
                source = (numbers[output],)
                label = f"result {i}" if len(graph.outputs) > 1 else "result"
                drawn = DrawnNode(label, str(output.type), source, None, place, (), "output")
                found.append(drawn)
    return found


def _label(node: Node) -> str:
    values = [f"{x.params['value']:.4g}" for x in node.operands if x.primitive is LITERAL]
    return " ".join([node.primitive.name, *values])


# -- the plan ------------------------------------------------------------------------------------


def _kernel(kernel: Kernel, cost: Cost, places: Places, seconds: float | None) -> KernelReport:
    return KernelReport(
        kernel_title(kernel).partition("  #")[0],
        tuple((node.primitive.name, places.mark(node)) for node in _computed(kernel)),
        tuple(sorted({str(b) for b in kernel.reads})),
        tuple(sorted({str(b) for b in kernel.writes})),
        sum(cost.flops.values()),
        sum(cost.moved.values()),
        seconds,
    )


def _computed(kernel: Kernel) -> Iterator[Node]:
    """What a kernel computes, in order; of loops and branches, what is inside."""
    match kernel:
        case LoopKernel():
            yield from (s.node for s in kernel.steps if s.kind == "apply")
            yield from (s.node for s in kernel.sinks if s.kind != "store")
        case Strips():
            for each in kernel.kernels:
                yield from _computed(each)
        case _:
            yield from _whole(kernel)
            for plan in plans_of(kernel):
                for inner in plan.kernels:
                    yield from _computed(inner)


def _whole(kernel: Kernel) -> Iterator[Node]:
    node = getattr(kernel, "node", None)
    roots = (node,) if node is not None else getattr(kernel, "roots", ())[:1]
    yield from roots


def _blocks(plan: Plan, kept: Mapping[Buffer, Node], places: Places) -> list[Block]:
    """The workspace over time: kernels are the steps of time."""
    used: dict[Buffer, list[int]] = {}
    for number, kernel in enumerate(plan.kernels):
        for buffer in kernel.reads | kernel.writes:
            used.setdefault(buffer, []).append(number)
    blocks: list[Block] = []
    for buffer, offset in plan.workspace.items():
        if buffer in plan.shared:
            continue
        together = [buffer, *(x for x, owner in plan.shared.items() if owner is buffer)]
        times = sorted(t for x in together for t in used.get(x, ()))
        if not times:
            continue
        maker = next((kept[x] for x in together if x in kept), None)
        name = ", ".join(map(str, together))
        mark = places.mark(maker) if maker is not None else None
        size = buffer.type.nbytes
        blocks.append(
            Block(
                name, str(buffer.type), offset, size, times[0], times[-1], mark, maker is not None
            )
        )
    return blocks
