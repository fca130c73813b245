"""The stages from a graph to LLVM text and object code, of which nothing is needed for code that
is on disk already: so this module, and most of ``codegen`` with it, is loaded when it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from pullback.tracer.primitives.callback import Callback

from .link import object_code
from .objects import Clock, Object, Record, entry_object
from .target import host

RELEASE_GIL_ABOVE = 20_000
"""Steps of work, of some tenths of a nanosecond each, above which other threads may run."""


@dataclass(frozen=True, slots=True)
class Lowered:
    """What a graph becomes on the way to code."""

    graph: Graph
    plan: Plan
    emission: Emission


def generate(graph: Graph, entry: Entry, clock: Clock) -> tuple[Record, tuple[Callback, ...]]:
    """The code of a graph's kernels, its entry with what only the plan tells, and the Python
    functions that it calls.
    """
    between = lower(graph, entry.donated, clock)
    module, plan = between.emission.module, between.plan
    callbacks = tuple(between.emission.callbacks)
    assert not callbacks or entry.callbacks is not None, "nobody holds the Python functions"
    entry = replace(
        entry,
        workspace_bytes=plan.workspace_bytes,
        sites=tuple(between.emission.sites),
        release_gil=work(plan) > RELEASE_GIL_ABOVE,
        callbacks=entry.callbacks if callbacks else None,
        reused=tuple(plan.reused.items()),
        may_raise=any(symbol.startswith(FAMILY) for symbol in module.symbols),
    )
    text = module.text()
    clock.lap("emit")
    kernels = Object(tuple(module.symbols), object_code(text, lap=clock.lap))
    call = entry_object(entry)
    clock.lap("entry")
    return Record(entry, may_not_end(plan), kernels, call), callbacks


def lower(graph: Graph, donated: Sequence[int], clock: Clock) -> Lowered:
    """The way to LLVM text."""
    low = lowered(graph)
    clock.lap("lower")
    fusion = fuse(low)
    clock.lap("fuse")
    plan = bufferize(fusion, donated)
    clock.lap("bufferize")
    machine = host()
    emission = emit(plan, machine.vector_bytes, convention=machine.convention)
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
