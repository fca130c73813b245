"""Branches: each a plan of its own, of which the one with the right number is run."""

from __future__ import annotations

from collections.abc import Sequence

from pullback.tracer.ir import Node
from pullback.tracer.passes.subgraph import with_outputs

from .assembly import I64, FunctionWriter, constant
from .fuse import base
from .held import Held
from .kernel import Buffer, Choice
from .repeat import Planned, Pointers, Turn, scratch_for


def choice_kernel(roots: Sequence[Node], buffers: dict[Node, Buffer], planned: Planned) -> Choice:
    """The kernel of a switch, of which the roots are the results that are wanted."""
    results = sorted(roots, key=lambda root: root.params["result"])
    wanted = [root.params["result"] for root in results]
    plans = tuple(
        planned(with_outputs(branch, [branch.outputs[i] for i in wanted]))
        for branch in roots[0].params["branches"]
    )
    index, *operands = [buffers[base(x)] for x in roots[0].operands]
    size = max(plan.workspace_bytes for plan in plans)
    scratch = scratch_for(roots, buffers, size)
    targets = tuple(buffers[root] for root in results)
    return Choice(tuple(roots), plans, index, tuple(operands), targets, scratch)


def emit_choice(w: FunctionWriter, kernel: Choice, outer: Pointers, turn: Turn) -> None:
    """Write the branches; a number beyond counts as the last one's."""
    index = w.load(I64, outer[kernel.index], 8)
    after, last = w.label("after"), len(kernel.plans) - 1
    for number, plan in enumerate(kernel.plans):
        here, other = w.label("here"), w.label("other")
        if number == last:
            w.jump(here)
        else:
            w.branch(w.compare("eq", index, constant(I64, number)), here, other)
        w.start_block(here)
        pointers = {b: outer[x] for b, x in zip(plan.inputs, kernel.operands, strict=True)}
        pointers |= {b: outer[x] for b, x in zip(plan.outputs, kernel.targets, strict=True)}
        for b, at in plan.workspace.items():
            pointers[b] = w.address(outer[kernel.scratch], at, "i8")
        turn(plan, pointers, Held())
        w.jump(after)
        if number != last:
            w.start_block(other)
    w.start_block(after)
