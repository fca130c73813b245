"""What a plan costs, node by node: operations, bytes moved, bytes kept for the backward pass."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pullback.tracer.ir import Node
from pullback.tracer.types import is_inexact

from .fuse import CHEAP, weight
from .kernel import (
    Buffer,
    Choice,
    Copy,
    Fill,
    Kernel,
    LoopKernel,
    Plan,
    Product,
    Repeat,
    Reversal,
    Routine,
    Strips,
    While,
    nodes_of_steps,
)
from .routines import routine_work

ARITHMETIC = frozenset(("neg", "add", "sub", "mul", "abs", "maximum", "minimum", "clip"))
"""Of what is cheap, what counts as an operation on floating-point numbers."""


@dataclass(slots=True)
class Cost:
    """What is done for each node: floating-point operations, and bytes read and written.

    Each operation on an element counts as one, an elementary function too, and a product of
    matrices as two for each term. Of a buffer each kernel moves all, once. ``work`` is the time
    that this is guessed to take, in simple instructions. What is for no node in particular, such
    as a copy to a result, is under None.
    """

    flops: Counter[Node | None] = field(default_factory=Counter)
    moved: Counter[Node | None] = field(default_factory=Counter)
    work: Counter[Node | None] = field(default_factory=Counter)
    unknown: set[Node | None] = field(default_factory=set)


def cost_of(kernel: Kernel, times: int = 1) -> Cost:
    """The cost of a kernel that is run so many times.

    Turns of loops of unknown length are counted once, and their nodes are ``unknown``; of branches
    the one counts that has most to do.
    """
    cost = Cost()
    for leaf, turns, known in _leaves(kernel, times):
        before = set(cost.work)
        _count(leaf, turns, cost)
        if not known:
            cost.unknown |= set(cost.work) - before
    return cost


def _leaves(
    kernel: Kernel, times: int = 1, known: bool = True
) -> Iterator[tuple[Kernel, int, bool]]:
    """The kernels without plans inside, how often they are run, and whether that is known."""
    match kernel:
        case Strips():
            yield from ((each, times, known) for each in kernel.kernels)
        case Repeat() | Reversal() | While() | Choice():
            plans = turns_of_plans(kernel)
            if isinstance(kernel, Choice):
                plans = [max(plans, key=lambda each: _work(each[0]))]
            for plan, turns, told in plans:
                yield from leaves(plan, times * turns, known and told)
        case _:
            yield kernel, times, known


def leaves(plan: Plan, times: int = 1, known: bool = True) -> Iterator[tuple[Kernel, int, bool]]:
    """The kernels of a plan and of the plans inside; as `_leaves`."""
    for kernel in plan.kernels:
        yield from _leaves(kernel, times, known)


def turns_of_plans(kernel: Kernel) -> list[tuple[Plan, int, bool]]:
    """The plans that a kernel is made of, how often each is run, and whether that is known."""
    match kernel:
        case Repeat():
            return [(kernel.plan, kernel.length or 1, bool(kernel.length))]
        case Reversal():
            again = max(kernel.length.bit_length() // 2, 1)
            return [
                (kernel.forward, kernel.length * again, True),
                (kernel.plan, kernel.length, True),
            ]
        case While():
            return [(plan, 1, False) for plan in kernel.plans]
        case Choice():
            return [(plan, 1, True) for plan in kernel.plans]
        case _:
            return []


def _work(plan: Plan) -> int:
    return sum(sum(cost_of(kernel).work.values()) for kernel in plan.kernels)


def _count(kernel: Kernel, times: int, cost: Cost) -> None:
    node = maker(kernel)
    match kernel:
        case LoopKernel():
            _count_loop(kernel, times, cost)
            return
        case Product():
            cost.flops[kernel.node] += 2 * times * kernel.batch * kernel.m * kernel.n * kernel.k
            cost.work[kernel.node] += times * kernel.batch * kernel.m * kernel.n * kernel.k
        case Routine():
            operations = times * routine_work(kernel.node)
            cost.flops[kernel.node] += operations
            cost.work[kernel.node] += operations
        case _:
            pass
    moved = sum(b.type.nbytes for b in (*kernel.reads, *kernel.writes))
    cost.moved[node] += times * moved
    cost.work[node] += times * max(moved // 8, 1)


def maker(kernel: Kernel) -> Node | None:
    """The node that all of a kernel is for, if there is one."""
    match kernel:
        case Product() | Routine():
            return kernel.node
        case LoopKernel() | Strips() | Fill() | Copy():
            return None
        case _:
            return kernel.roots[0]


def _count_loop(kernel: LoopKernel, times: int, cost: Cost) -> None:
    nodes = nodes_of_steps(kernel)
    read: set[Buffer] = set()
    for step, node in zip(kernel.steps, nodes, strict=True):
        turns = times * turns_to(kernel, step.depth)
        cost.work[node] += turns
        if step.kind in ("apply", "combine"):
            cost.flops[node] += turns * operations(step.node)
            cost.work[node] += turns * weight(step.node)
        if step.buffer is not None and step.buffer not in read:
            read.add(step.buffer)
            cost.moved[node] += times * step.buffer.type.nbytes
    written: set[Buffer] = set()
    for sink in kernel.sinks:
        if sink.kind != "store" and is_inexact(sink.node.type.dtype):
            cost.flops[sink.node] += times * kernel.points
        cost.work[sink.node] += times * kernel.points
        if sink.buffer not in written:
            written.add(sink.buffer)
            cost.moved[sink.node] += times * sink.buffer.type.nbytes


def turns_to(kernel: LoopKernel, depth: int) -> int:
    """How often what stands within so many loops of a kernel is done."""
    if depth < kernel.cut or not kernel.cut:
        return math.prod(kernel.extents[:depth])
    return kernel.whole * math.prod(kernel.extents[kernel.cut : depth])


def operations(node: Node) -> int:
    """How many operations on floating-point numbers an element of a node counts as."""
    name = node.primitive.name
    counts = is_inexact(node.type.dtype) and (name in ARITHMETIC or name not in CHEAP)
    return int(counts and weight(node) > 0)


def kept_for_derivative(plan: Plan) -> dict[Buffer, Node]:
    """The temporaries that the function makes and its derivative reads, with what makes them."""
    made: dict[Buffer, Node] = {}
    kept: dict[Buffer, Node] = {}
    for kernel in plan.kernels:
        read = _read_for_derivative(kernel)
        kept.update({buffer: node for buffer, node in made.items() if buffer in read})
        for buffer, node in makers_of(kernel).items():
            if buffer.kind == "workspace" and node.primal is None:
                made.setdefault(buffer, node)
        if isinstance(kernel, Reversal):
            kept[kernel.scratch] = kernel.roots[0]
    return kept


def _read_for_derivative(kernel: Kernel) -> set[Buffer]:
    """The buffers of which a kernel computes derivatives, by way of other values or not."""
    if isinstance(kernel, Strips):
        return set[Buffer]().union(*map(_read_for_derivative, kernel.kernels))
    if not isinstance(kernel, LoopKernel):
        node = maker(kernel)
        return kernel.reads if node is not None and node.primal is not None else set()
    needed = {i for s in kernel.sinks if s.node.primal is not None for i in (s.step, *s.indices)}
    found: set[Buffer] = set()
    for i in reversed(range(len(kernel.steps))):
        step = kernel.steps[i]
        if i in needed or (step.kind == "apply" and step.node.primal is not None):
            needed.update(step.operands)
            if step.buffer is not None:
                found.add(step.buffer)
    return found


def makers_of(kernel: Kernel) -> Mapping[Buffer, Node]:
    """The node whose value is written to each buffer."""
    match kernel:
        case Strips():
            return {s.buffer: s.node for each in kernel.kernels for s in each.sinks}
        case LoopKernel():
            return {sink.buffer: sink.node for sink in kernel.sinks}
        case _:
            node = maker(kernel)
            return {} if node is None else dict.fromkeys(kernel.writes, node)
