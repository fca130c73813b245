"""Plans as text: what each kernel reads and writes, and the memory in use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pullback.tracer.ir import Node

from .fuse import Fusion
from .kernel import (
    Affine,
    Buffer,
    Carried,
    Choice,
    Control,
    Copy,
    Fill,
    Kernel,
    LoopKernel,
    Plan,
    Product,
    PythonCall,
    Repeat,
    Reversal,
    Routine,
    Step,
    Strips,
    While,
    nodes_of_steps,
    plans_of,
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text, and the nodes that it is about."""

    text: str
    nodes: tuple[Node, ...] = ()

    def indented(self) -> Line:
        """The line, further to the right."""
        return Line(f"    {self.text}", self.nodes)


def plan_text(plan: Plan) -> str:
    """A page: buffers, then kernels in order with the bytes they move."""
    return "\n".join(line.text for line in plan_lines(plan))


def plan_lines(plan: Plan) -> list[Line]:
    """The lines of a plan's text."""
    moved = sum(bytes_moved(k) for k in plan.kernels)
    read = {b for k in plan.kernels for b in k.reads if b.kind == "input"}
    least = sum(b.type.nbytes for b in (*read, *plan.outputs))
    head = [
        f"inputs    {_buffers(plan.inputs)}",
        f"outputs   {_buffers(plan.outputs)}",
        f"workspace {plan.workspace_bytes} bytes"
        + "".join(f", {b.name}: {b.type} at {at}" for b, at in plan.workspace.items())
        + "".join(
            f", {b.name}: {b.type} in {owner.name}"
            for b, owner in plan.shared.items()
            if owner.kind == "output"
        )
        + "".join(f", out{o} in in{i}" for o, i in plan.reused.items()),
        f"moved     {moved} bytes by {len(plan.kernels)} kernels, {least} at least",
    ]
    kernels = (line for i, kernel in enumerate(plan.kernels) for line in _kernel_lines(i, kernel))
    return [*map(Line, head), *kernels]


def fusion_lines(fusion: Fusion) -> list[Line]:
    """Which nodes, by their numbers in the graph, each kernel makes, computes and reads."""
    graph = fusion.graph
    names = {x: f"%{i}" for i, x in enumerate((*graph.parameters, *graph.nodes))}

    def listed(what: str, nodes: Iterable[Node]) -> Line:
        told = " ".join(sorted((names[x] for x in nodes), key=lambda name: int(name[1:])))
        return Line(f"{what} {told}", tuple(nodes))

    lines: list[Line] = []
    for number, group in enumerate(fusion.groups):
        uses = [fusion.uses[root] for root in group.roots]
        inside = {x for use in uses for x in use.inside} - {*group.roots}
        read = {x for use in uses for x in use.read} - {*group.roots}
        space = " x ".join(map(str, group.space)) or "one element"
        lines.append(listed(f"group {number}: over {space}, keeps", group.roots))
        parts = ("computes", inside), ("reads", read)
        lines += [listed(what, x).indented() for what, x in parts if x]
    return lines


def _buffers(buffers: tuple[Buffer, ...]) -> str:
    return ", ".join(f"{b}: {b.type}" for b in buffers)


def bytes_moved(kernel: Kernel) -> int:
    """The size of all buffers that a kernel reads or writes, each counted once."""
    inside = sum(bytes_moved(k) for plan in plans_of(kernel) for k in plan.kernels)
    if inside:
        return inside * ((kernel.length or 1) if isinstance(kernel, Repeat | Reversal) else 1)
    return sum(b.type.nbytes for b in (*kernel.reads, *kernel.writes))


def _kernel_lines(number: int, kernel: Kernel) -> Iterator[Line]:
    head = f"kernel {number}: {kernel_title(kernel)}, {bytes_moved(kernel)} bytes"
    match kernel:
        case Repeat() | Reversal() | While() | Choice():
            yield Line(head, kernel.roots)
            yield from (line.indented() for line in _control_lines(kernel))
        case Strips():
            yield Line(head)
            for i, each in enumerate(kernel.kernels):
                yield from (line.indented() for line in _kernel_lines(i, each))
        case LoopKernel():
            yield Line(head)
            yield from _loop_lines(kernel)
        case Product() | Routine():
            yield Line(head, (kernel.node,))
        case _:
            yield Line(head, kernel.roots if isinstance(kernel, PythonCall) else ())


def _loop_lines(kernel: LoopKernel) -> Iterator[Line]:
    steps = zip(kernel.steps, nodes_of_steps(kernel), strict=True)
    for i, (step, node) in enumerate(steps):
        yield Line(f"    {'  ' * step.depth}v{i} = {_step(step)}", (node,))
    for sink in kernel.sinks:
        where = f"{sink.buffer}[{_affine(sink.index)}]"
        yield Line(f"    {sink.kind} v{sink.step} -> {where}{_of(sink.node)}", (sink.node,))


def _control_lines(kernel: Control) -> Iterator[Line]:
    """What stands for what in the plans of a kernel, and their kernels."""
    for number, plan in enumerate(plans_of(kernel)):
        yield Line(f"plan {number}:")
        yield from (Line(f"    {line}") for line in _meanings(kernel, number))
        for i, inner in enumerate(plan.kernels):
            yield from (line.indented() for line in _kernel_lines(i, inner))


def _meanings(kernel: Control, number: int) -> list[str]:
    match kernel:
        case Choice():
            plan = kernel.plans[number]
            pairs = [*zip(kernel.operands, plan.inputs, strict=True)]
            pairs += [*zip(kernel.targets, plan.outputs, strict=True)]
        case While() if number == 0:
            states = [c.source for c in kernel.carried]
            pairs = [*kernel.test_fixed, *zip(states, kernel.tested, strict=True)]
        case Reversal() if number == 0:
            pairs = list(kernel.forward_fixed)
        case Reversal():
            states = [c.source for c in kernel.states]
            pairs = [*kernel.fixed, *zip(states, kernel.seen, strict=True)]
        case _:
            pairs = list(kernel.fixed)
    lines = [f"{own} is {outer}" for outer, own in pairs]
    if isinstance(kernel, Reversal) and number == 0:
        lines += [f"{own} is {b}[i]" for b, own in kernel.forward_read]
        lines += [_carried(c) for c in kernel.states]
    elif isinstance(kernel, Repeat | Reversal):
        lines += [f"{own} is {b}[i]" for b, own in (*kernel.read, *kernel.written)]
    if not isinstance(kernel, Choice) and kernel.plan is plans_of(kernel)[number]:
        lines += [_carried(c) for c in kernel.carried]
    return lines


def _carried(c: Carried) -> str:
    kept = f", each in {c.history}" if c.history is not None else ""
    last = f", the last is {c.last}" if c.last is not None else ""
    return f"{c.source} is {c.init}, then {c.target}{kept}{last}"


def kernel_title(kernel: Kernel) -> str:
    """What a kernel does, in a line."""
    match kernel:
        case LoopKernel():
            loops = " x ".join(map(str, kernel.extents)) or "one element"
            parts = " in parts" if kernel.cut else ""
            return f"loop over {loops}{parts} ({kernel.points} points)"
        case Strips():
            first = kernel.kernels[0]
            count, strips, height = first.extents[:3]
            return f"{first.whole} rows in {count} x {strips} strips of {height}"
        case Product():
            flags = f"{'T' if kernel.x_transposed else 'N'}{'T' if kernel.y_transposed else 'N'}"
            sizes = f"{kernel.m} x {kernel.k} by {kernel.k} x {kernel.n}"
            buffers = f"{kernel.x}, {kernel.y} -> {kernel.target}"
            by = "blocks" if kernel.blocks else "gemm"
            return f"{by} {flags} {sizes}, {kernel.batch} times, {buffers}"
        case Copy():
            return f"copy {kernel.source} -> {kernel.target}"
        case Fill():
            return f"fill {kernel.buffer} with {kernel.value}"
        case Repeat() | Reversal() | While() | Choice():
            return f"{_control_title(kernel)}{_of(kernel.roots[0])}"
        case PythonCall():
            operands = ", ".join(map(str, kernel.operands))
            results = ", ".join(str(b) for _, b in sorted(kernel.targets.items())) or "nothing"
            return f"Python {kernel.callback} {operands} -> {results}{_of(kernel.roots[0])}"
        case Routine():
            operands = ", ".join(map(str, kernel.operands))
            return f"{kernel.node.primitive.name} {operands} -> {kernel.target}{_of(kernel.node)}"


def _control_title(kernel: Control) -> str:
    match kernel:
        case Repeat():
            backwards = ", backwards" if kernel.reverse else ""
            times = kernel.count if kernel.length is None else kernel.length
            return f"{times} times{backwards}"
        case Reversal():
            onwards = "" if kernel.reverse else ", backwards"
            kept = f"{kernel.snapshots} snapshots of plan 0"
            return f"{kernel.length} times{onwards}, by {kept}"
        case While():
            return "while plan 0 says so"
        case Choice():
            return f"plan of the number in {kernel.index}"


def _step(step: Step) -> str:
    operands = "".join(f" v{i}" for i in step.operands)
    match step.kind:
        case "literal":
            return repr(step.node.params["value"])
        case "iota":
            return f"iota [{_affine(step.index)}]"
        case "load" | "gather":
            masked = " where in range" if step.mask else ""
            return f"{step.kind}{operands} {step.buffer}[{_affine(step.index)}]{masked}"
        case "select" | "combine":
            return f"{step.kind}{operands}"
        case "apply":
            return f"{step.node.primitive.name}{operands}{_of(step.node)}"


def _of(node: Node) -> str:
    if node.where is None:
        return ""
    of = f", for {node.primal.primitive.name}" if node.primal is not None else ""
    return f"  # {node.where}{of}"


def _affine(row: Affine | None) -> str:
    """An index as ``3 + 40 i0 + i1``."""
    if row is None:
        return ""
    terms = [str(row.offset)] if row.offset or not any(row.coefs) else []
    for axis, coef in enumerate(row.coefs):
        if coef:
            terms.append(f"i{axis}" if coef == 1 else f"{coef} i{axis}")
    return " + ".join(terms)
