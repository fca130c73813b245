"""The whole way from a graph to code in memory, each stage kept to be looked at."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from pullback.codegen.assembly import Module
from pullback.codegen.bufferize import bufferize
from pullback.codegen.call import write_entry
from pullback.codegen.emit import emit
from pullback.codegen.entry import Entry
from pullback.codegen.fuse import elements, fuse
from pullback.codegen.kernel import (
    Choice,
    Copy,
    Fill,
    Kernel,
    LoopKernel,
    Plan,
    Product,
    Repeat,
    Routine,
    While,
)
from pullback.codegen.lowering import LOWERING, lowered
from pullback.codegen.routines import routine_work
from pullback.tracer.ir import Graph

from .libraries import resolve
from .link import Linked, assembly, load, object_code
from .target import vector_bytes

RELEASE_GIL_ABOVE = 20_000
"""Steps of work, of some tenths of a nanosecond each, above which other threads may run."""

CACHE_SIZE = 4096


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of compilation as text, named by the pass that made it."""

    name: str
    text: str
    seconds: float

    def __str__(self) -> str:
        return f"-- {self.name} ({1e3 * self.seconds:.2f} ms)\n{self.text}"


@dataclass(slots=True)
class Program:
    """A compiled graph: its plan, its LLVM text and its code."""

    graph: Graph
    lowered: Graph
    plan: Plan
    module: Module
    entry: Entry
    code: Linked
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def llvm(self) -> str:
        """The LLVM text."""
        return self.module.text()

    @property
    def assembly(self) -> str:
        """The machine's instructions."""
        return assembly(self.llvm)

    def stages(self) -> list[Stage]:
        """Every stage, from the traced graph to machine instructions."""
        times, lowered = self.seconds, self.lowered
        return [
            Stage("trace, differentiate", self.graph.text(), times.get("trace", 0.0)),
            Stage(", ".join(p.__name__ for p in LOWERING), lowered.text(), times["lower"]),
            Stage("fuse, bufferize", self.plan.text(), times["fuse"] + times["bufferize"]),
            Stage("emit", self.llvm, times["emit"]),
            Stage(
                "parse, compile, link",
                self.assembly,
                times["parse"] + times["compile"] + times["link"],
            ),
        ]


class _Cache:
    """Programs by the content of their graph; the least recently used go first."""

    def __init__(self) -> None:
        self._programs: OrderedDict[bytes, Program] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: bytes) -> Program | None:
        with self._lock:
            found = self._programs.get(key)
            if found is not None:
                self._programs.move_to_end(key)
            return found

    def put(self, key: bytes, program: Program) -> None:
        with self._lock:
            self._programs[key] = program
            while len(self._programs) > CACHE_SIZE:
                self._programs.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._programs.clear()


_cache = _Cache()


def clear_cache() -> None:
    """Forget compiled programs; functions that have theirs keep them.

    >>> import pullback as pb
    >>> pb.clear_cache()
    """
    _cache.clear()


def compile_graph(graph: Graph, entry: Entry) -> Program:
    """The program of a graph that is to be called as ``entry`` tells; an equal one is reused.

    ``entry`` states arguments, captures and the result; workspace, error sites and whether other
    threads may run meanwhile are filled in here.
    """
    key = hashlib.sha256(f"{graph.text()}\n{entry}".encode()).digest()
    known = _cache.get(key)
    if known is not None:
        return known
    seconds: dict[str, float] = {}
    clock = _Clock(seconds)
    low = lowered(graph)
    clock.lap("lower")
    fusion = fuse(low)
    clock.lap("fuse")
    plan = bufferize(fusion)
    clock.lap("bufferize")
    emission = emit(plan, vector_bytes())
    entry = Entry(
        entry.arguments,
        entry.outputs,
        entry.result,
        entry.captures,
        entry.guarded,
        plan.workspace_bytes,
        tuple(emission.sites),
        release_gil=work(plan) > RELEASE_GIL_ABOVE,
    )
    write_entry(emission.module, entry)
    text = emission.module.text()
    clock.lap("emit")
    object_file = object_code(text, lap=clock.lap)
    code = load(object_file, resolve(emission.module.symbols))
    clock.lap("link")
    program = Program(graph, low, plan, emission.module, entry, code, seconds)
    _cache.put(key, program)
    return program


class _Clock:
    """Notes how long each stage took."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self._seconds = seconds
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._seconds[name] = now - self._last
        self._last = now


TURNS = 1000
"""How often a loop of unknown length may go round."""


def work(plan: Plan) -> int:
    """A rough count of the steps that a call takes."""
    return sum(map(_kernel_work, plan.kernels))


def _kernel_work(kernel: Kernel) -> int:
    match kernel:
        case LoopKernel():
            return elements(kernel.extents) * (len(kernel.steps) + len(kernel.sinks))
        case Product():
            return kernel.batch * kernel.m * kernel.n * kernel.k
        case Routine():
            return routine_work(kernel.node)
        case Repeat():
            length = TURNS if kernel.length is None else kernel.length
            return length * (10 + work(kernel.plan))
        case While():
            return TURNS * (10 + work(kernel.test) + work(kernel.plan))
        case Choice():
            return max(map(work, kernel.plans))
        case Fill() | Copy():
            return 0
