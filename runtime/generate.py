"""The stages from a graph to LLVM text and object code, of which nothing is needed for code that
is on disk already: so this module, and most of ``codegen`` with it, is loaded when it is used.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pullback.codegen.bufferize import bufferize
from pullback.codegen.emit import Emission, emit
from pullback.codegen.entry import Entry
from pullback.codegen.fuse import fuse
from pullback.codegen.kernel import (
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
    Strips,
    While,
    may_not_end,
)
from pullback.codegen.lowering import lowered
from pullback.codegen.math.library import FAMILY
from pullback.codegen.routines import routine_work
from pullback.tracer.ir import Graph

from .link import object_code
from .objects import Clock, Object, Record, entry_object
from .target import vector_bytes

RELEASE_GIL_ABOVE = 20_000
"""Steps of work, of some tenths of a nanosecond each, above which other threads may run."""


@dataclass(frozen=True, slots=True)
class Lowered:
    """What a graph becomes on the way to code."""

    graph: Graph
    plan: Plan
    emission: Emission


@dataclass(frozen=True, slots=True)
class Generated:
    """A program's code, and the stages that it has come from."""

    record: Record
    stages: Lowered


def generate(graph: Graph, entry: Entry, clock: Clock) -> Generated:
    """The code of a graph's kernels, and its entry with what only the plan tells."""
    between = lower(graph, clock)
    module, plan = between.emission.module, between.plan
    callbacks = between.emission.callbacks
    assert not callbacks or entry.callbacks is not None, "nobody holds the Python functions"
    entry = replace(
        entry,
        workspace_bytes=plan.workspace_bytes,
        sites=tuple(between.emission.sites),
        release_gil=work(plan) > RELEASE_GIL_ABOVE,
        callbacks=entry.callbacks if callbacks else None,
        may_raise=any(symbol.startswith(FAMILY) for symbol in module.symbols),
    )
    text = module.text()
    clock.lap("emit")
    kernels = Object(tuple(module.symbols), object_code(text, lap=clock.lap))
    call = entry_object(entry)
    clock.lap("entry")
    return Generated(Record(entry, may_not_end(plan), kernels, call), between)


def lower(graph: Graph, clock: Clock) -> Lowered:
    """The way to LLVM text."""
    low = lowered(graph)
    clock.lap("lower")
    fusion = fuse(low)
    clock.lap("fuse")
    plan = bufferize(fusion)
    clock.lap("bufferize")
    emission = emit(plan, vector_bytes())
    clock.lap("emit")
    return Lowered(low, plan, emission)


PYTHON_WORK = 1000
"""What calling Python costs, without what the function does."""

TURNS = 1000
"""How often a loop of unknown length may go round."""


def work(plan: Plan) -> int:
    """A rough count of the steps that a call takes."""
    return sum(map(_kernel_work, plan.kernels))


def _kernel_work(kernel: Kernel) -> int:
    match kernel:
        case LoopKernel():
            return kernel.points * (len(kernel.steps) + len(kernel.sinks))
        case Strips():
            return sum(map(_kernel_work, kernel.kernels))
        case Product():
            return kernel.batch * kernel.m * kernel.n * kernel.k
        case Routine():
            return routine_work(kernel.node)
        case PythonCall():
            return PYTHON_WORK
        case Fill() | Copy():
            return 0
        case Repeat() | Reversal() | While() | Choice():
            return _control_work(kernel)


def _control_work(kernel: Control) -> int:
    match kernel:
        case Repeat():
            length = TURNS if kernel.length is None else kernel.length
            return length * (10 + work(kernel.plan))
        case Reversal():
            again = work(kernel.forward) * kernel.length.bit_length() // 2
            return kernel.length * (10 + again + work(kernel.plan))
        case While():
            return TURNS * (10 + work(kernel.test) + work(kernel.plan))
        case Choice():
            return max(map(work, kernel.plans))
