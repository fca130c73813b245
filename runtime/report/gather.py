"""Collecting a report: from a specialisation and its stages to the data of `model`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pullback.codegen.costs import (
    Cost,
    cost_of,
    kept_for_derivative,
    makers_of,
    turns_of_plans,
)
from pullback.codegen.kernel import Buffer, Kernel, LoopKernel, Plan, Strips
from pullback.codegen.report import kernel_title
from pullback.tracer.ir import LITERAL, Graph, Node, graphs_in
from pullback.tracer.location import Location
from pullback.tracer.text import inner_graphs

from ..arguments import name_of
from ..generate import Lowered
from ..stages import Stages
from .model import (
    Block,
    Computed,
    DrawnNode,
    KernelReport,
    LineReport,
    Measured,
    Report,
    Taken,
)
from .places import Places
from .provenance import Provenance


@dataclass(frozen=True, slots=True)
class Looked:
    """What a report is made of: a graph whose nodes have places of their own, and its stages."""

    function: Callable[..., Any]
    signature: str
    graph: Graph
    stages: Stages
    lowered: Lowered


@dataclass(frozen=True, slots=True)
class Named:
    """A kernel with its name, how often its plan is run, and the kernels inside it."""

    kernel: Kernel
    name: str
    times: int
    inner: tuple[Named, ...]

    @property
    def cost(self) -> Cost:
        """The cost of all its runs."""
        return cost_of(self.kernel, self.times)


def report(looked: Looked, measured: Measured | None, adjoints: Mapping[Location, float]) -> Report:
    """The report of a compiled function; without a call there are no times and no adjoints."""
    plan = looked.lowered.plan
    provenance = Provenance(looked.graph)
    shown = [node for graph in provenance.graphs for node in graph.nodes]
    below = looked.lowered.graph
    lowered = [x for g in (below, *inner_graphs(below)) for x in g.nodes]
    told = (*(n.where for n in (*shown, *lowered)), *adjoints)
    places = Places(x for x in told if x is not None)
    kernels = [_named(kernel, f"kernel{i}", 1) for i, kernel in enumerate(plan.kernels)]
    kept = kept_for_derivative(plan)
    lines, other = _lines(places, shown, kernels, kept)
    if measured is not None:
        for line in (*lines, other):
            line.seconds = 0.0
        _share_time(lambda node: _line(places, node, lines, other), kernels, measured.kernels)
    for where, size in adjoints.items():
        lines[places.numbers[where.file, where.line]].largest_adjoint = size
    seconds = {} if measured is None else measured.kernels
    return Report(
        name_of(looked.function),
        looked.signature,
        places.rows(),
        lines,
        looked.stages,
        [places.marked(x, provenance) for x in looked.stages if not x.unchanged],
        _drawn(provenance, places),
        [_kernel(each, places, provenance, seconds) for each in kernels],
        plan.workspace_bytes,
        _blocks(plan, kept, places, provenance),
        measured,
        other,
    )


def _named(kernel: Kernel, name: str, times: int) -> Named:
    """A kernel with the kernels inside it, named in the order in which they are written."""
    inside = [(k, times * turns) for p, turns, _ in turns_of_plans(kernel) for k in p.kernels]
    inner = [_named(each, f"{name}.{i}", runs) for i, (each, runs) in enumerate(inside)]
    return Named(kernel, name, times, tuple(inner))


# -- lines ---------------------------------------------------------------------------------------


def _line(
    places: Places, node: Node | None, lines: Sequence[LineReport], other: LineReport
) -> LineReport:
    number = None if node is None else places.number(node.where)
    return other if number is None else lines[number]


def _lines(
    places: Places,
    nodes: Sequence[Node],
    kernels: Sequence[Named],
    kept: Mapping[Buffer, Node],
) -> tuple[list[LineReport], LineReport]:
    """What each line costs, and what is of no line."""
    lines = [LineReport(str(where), places.text(where)) for where in places.lines]
    other = LineReport("", "what no line tells")

    def of(node: Node | None) -> LineReport:
        return _line(places, node, lines, other)

    for node in nodes:
        if node.primitive is not LITERAL:
            of(node).derivative_nodes += node.primal is not None
            of(node).nodes += node.primal is None
    _add_costs(of, [kernel.cost for kernel in kernels])
    for buffer, node in kept.items():
        of(node).kept += buffer.type.nbytes
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
    kernels: Sequence[Named],
    taken: Mapping[str, Taken],
    part: float = 1.0,
) -> None:
    """Share the time of each kernel, or a part of it, among its lines by the work that it does.

    Of a loop, what the kernels inside it do not take belongs to the line of the loop. Of so short
    times that they come out longer than the loop a part counts, so that the whole is right.
    """
    for named in kernels:
        seconds = part * taken[named.name].seconds
        if named.inner and named.inner[0].name in taken:
            inside = part * sum(taken[each.name].seconds for each in named.inner)
            _share_time(
                of, named.inner, taken, part * min(seconds / inside, 1.0) if inside else 0.0
            )
            shares: Mapping[Node | None, int] = {_roots(named.kernel)[0]: 1}
            seconds = max(seconds - inside, 0.0)
        else:
            shares = named.cost.work
        whole = sum(shares.values())
        for node, work in shares.items():
            of(node).seconds = (of(node).seconds or 0.0) + seconds * work / max(whole, 1)


# -- the graph -----------------------------------------------------------------------------------


def _drawn(provenance: Provenance, places: Places) -> list[DrawnNode]:
    """The nodes of the graph and of those inside it, numbers within the labels of their users."""
    numbers = provenance.numbers
    inside = {graph: i for i, graph in enumerate(provenance.graphs)}
    found: list[DrawnNode] = []
    for place, graph in enumerate(provenance.graphs):
        for i, node in enumerate((*graph.parameters, *graph.nodes)):
            if node.primitive is LITERAL:
                continue
            operands = tuple(numbers[x] for x in node.operands if x in numbers)
            inner = tuple(dict.fromkeys(inside[x] for x in graphs_in(node.params)))
            kind = "input" if i < len(graph.parameters) else "node"
            label = f"%{i}" if kind == "input" else _label(node)
            primal = None if node.primal is None else numbers.get(node.primal)
            type, mark = str(node.type), places.mark(node)
            found.append(DrawnNode(label, type, operands, mark, place, inner, kind, primal))
        for i, output in enumerate(graph.outputs):
            source = (numbers[output],) if output in numbers else ()
            label = f"result {i}" if len(graph.outputs) > 1 else "result"
            drawn = DrawnNode(label, str(output.type), source, None, place, (), "output")
            found.append(drawn)
    return found


def _label(node: Node) -> str:
    values = [f"{x.params['value']:.4g}" for x in node.operands if x.primitive is LITERAL]
    return " ".join([node.primitive.name, *values])


# -- the plan ------------------------------------------------------------------------------------


def _kernel(
    named: Named, places: Places, provenance: Provenance, taken: Mapping[str, Taken]
) -> KernelReport:
    kernel, cost, time = named.kernel, named.cost, taken.get(named.name)
    return KernelReport(
        named.name.removeprefix("kernel"),
        kernel_title(kernel).partition("  #")[0],
        tuple(
            Computed(node.primitive.name, places.mark(node), provenance.number(node))
            for node in _computed(named)
        ),
        tuple(sorted({str(b) for b in kernel.reads})),
        tuple(sorted({str(b) for b in kernel.writes})),
        sum(cost.flops.values()),
        sum(cost.moved.values()),
        None if time is None else time.seconds,
        None if time is None else time.runs,
        tuple(_kernel(each, places, provenance, taken) for each in named.inner),
    )


def _computed(named: Named) -> Iterator[Node]:
    """What a kernel computes, in order; of loops and branches, what is inside too."""
    match kernel := named.kernel:
        case LoopKernel():
            yield from (s.node for s in kernel.steps if s.kind == "apply")
            yield from (s.node for s in kernel.sinks if s.kind != "store")
        case Strips():
            for each in kernel.kernels:
                yield from _computed(Named(each, "", 1, ()))
        case _:
            yield from _roots(kernel)
            for inner in named.inner:
                yield from _computed(inner)


def _roots(kernel: Kernel) -> tuple[Node, ...]:
    """The node that all of a kernel is for, if there is one."""
    node = getattr(kernel, "node", None)
    return (node,) if node is not None else getattr(kernel, "roots", ())[:1]


def _blocks(
    plan: Plan, kept: Mapping[Buffer, Node], places: Places, provenance: Provenance
) -> list[Block]:
    """The workspace over time: kernels are the steps of time."""
    makers, used = _makers(plan), _used(plan)
    blocks: list[Block] = []
    for buffer, offset in plan.workspace.items():
        if buffer in plan.shared:
            continue
        together = [buffer, *(x for x, owner in plan.shared.items() if owner is buffer)]
        times = sorted(t for x in together for t in used.get(x, ()))
        if not times:
            continue
        maker = next((found[x] for found in (kept, makers) for x in together if x in found), None)
        blocks.append(
            Block(
                name=", ".join(map(str, together)),
                type=str(buffer.type),
                offset=offset,
                bytes=buffer.type.nbytes,
                first=times[0],
                last=times[-1],
                mark=None if maker is None else places.mark(maker),
                kept=any(x in kept for x in together),
                node=None if maker is None else provenance.number(maker),
            )
        )
    return blocks


def _makers(plan: Plan) -> dict[Buffer, Node]:
    """The node that is first written to each buffer."""
    makers: dict[Buffer, Node] = {}
    for kernel in plan.kernels:
        for buffer, node in makers_of(kernel).items():
            makers.setdefault(buffer, node)
    return makers


def _used(plan: Plan) -> dict[Buffer, list[int]]:
    """The numbers of the kernels that use each buffer."""
    used: dict[Buffer, list[int]] = {}
    for number, kernel in enumerate(plan.kernels):
        for buffer in kernel.reads | kernel.writes:
            used.setdefault(buffer, []).append(number)
    return used
