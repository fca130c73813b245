"""The whole way from a graph to code in memory, each stage kept to be looked at."""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pullback.codegen.bufferize import bufferize
from pullback.codegen.call import CHECKED, write_entry
from pullback.codegen.emit import Emission, emit
from pullback.codegen.entry import Entry, Site
from pullback.codegen.fuse import PYTHON, fuse
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
from pullback.codegen.lowering import LOWERING, lowered
from pullback.codegen.math.library import FAMILY
from pullback.codegen.routines import routine_work
from pullback.tracer.ir import Graph
from pullback.tracer.locks import new_lock
from pullback.tracer.primitives.callback import Callback
from pullback.tracer.text import inner_graphs

from .cache import digest, store
from .libraries import implied, resolve
from .link import Linked, assembly, load, object_code
from .support import free_workspaces
from .target import host

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


@dataclass(frozen=True, slots=True)
class Lowered:
    """What a graph becomes on the way to code."""

    graph: Graph
    plan: Plan
    emission: Emission


@dataclass(slots=True)
class Program:
    """A compiled graph: its code and how it is called.

    ``may_not_end`` tells whether a loop goes on as long as values say, ``symbols`` are what the
    code uses of others, ``callbacks`` the Python functions that it calls, in the order of their
    numbers. The stages between graph and code are not kept: they take a hundred times the memory of
    the code. They are gone through once more when somebody looks.
    """

    graph: Graph
    entry: Entry
    code: Linked
    may_not_end: bool
    symbols: tuple[str, ...]
    seconds: dict[str, float] = field(default_factory=dict)
    callbacks: tuple[Callback, ...] = ()

    def lowered(self) -> Lowered:
        """The stages between graph and code."""
        clock = _Clock({})
        between = _lower(self.graph, self.entry.donated, clock)
        write_entry(between.emission.module, self.entry)
        self.seconds = {**clock.seconds, **self.seconds}
        return between

    @property
    def plan(self) -> Plan:
        """Kernels, buffers and bytes."""
        return self.lowered().plan

    @property
    def llvm(self) -> str:
        """The LLVM text."""
        return self.lowered().emission.module.text()

    @property
    def assembly(self) -> str:
        """The machine's instructions."""
        return assembly(self.llvm)

    def stages(self) -> list[Stage]:
        """Every stage, from the traced graph to machine instructions."""
        between = self.lowered()
        llvm, times = between.emission.module.text(), self.seconds
        return [
            Stage("trace, differentiate", self.graph.text(), times.get("trace", 0.0)),
            Stage(", ".join(p.__name__ for p in LOWERING), between.graph.text(), times["lower"]),
            Stage("fuse, bufferize", between.plan.text(), times["fuse"] + times["bufferize"]),
            Stage("emit", llvm, times["emit"]),
            Stage(
                "parse, compile, link",
                assembly(llvm),
                sum(times.get(stage, 0.0) for stage in ("parse", "compile", "link")),
            ),
        ]


class _Cache:
    """Programs by the content of their graph; the least recently used go first."""

    def __init__(self) -> None:
        self._programs: OrderedDict[bytes, Program] = OrderedDict()
        self._lock = new_lock()

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


def clear_cache(disk: bool = False) -> None:
    """Forget compiled programs, and give back memory that waits for the next calls.

    Functions that have their programs keep them.

    With ``disk``, those that are kept for other processes too, in the directory that the
    environment variable ``PULLBACK_CACHE_DIR`` names (see ``docs/architecture.md``).

    >>> pb.clear_cache()
    """
    _cache.clear()
    free_workspaces()
    kept = store() if disk else None
    if kept is not None:
        kept.clear()


def compile_graph(graph: Graph, entry: Entry) -> Program:
    """The program of a graph that is to be called as ``entry`` tells; an equal one is reused.

    ``entry`` states arguments, captures and the result, and where Python functions would stand;
    workspace, error sites and whether other threads may run meanwhile are filled in here. Programs
    are looked for in memory, then on disk.
    """
    if calls_python(graph):
        # A cache would keep the functions, and text does not tell one from another.
        return _compiled(graph, entry)
    parts = (graph.text(), repr(entry))
    key = hashlib.sha256("\n".join(parts).encode()).digest()
    program = _cache.get(key)
    if program is None:
        program = _from_disk(graph, entry, parts) or _compiled(graph, entry, parts)
        _cache.put(key, program)
    return program


def calls_python(graph: Graph) -> bool:
    """Whether a row of the graph, or of those inside it, calls Python."""
    graphs = (graph, *inner_graphs(graph))
    return any(node.primitive.name in PYTHON for each in graphs for node in each.nodes)


def _compiled(graph: Graph, entry: Entry, parts: tuple[str, str] | None = None) -> Program:
    """A new program, put on disk under ``parts``."""
    seconds: dict[str, float] = {}
    clock = _Clock(seconds)
    between = _lower(graph, entry.donated, clock)
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
    )
    write_entry(module, entry)
    text = module.text()
    clock.lap("emit")
    code = object_code(text, lap=clock.lap)
    symbols = tuple(module.symbols)
    linked = load(code, resolve((*symbols, *implied())), _entries(entry))
    clock.lap("link")
    endless = may_not_end(plan)
    disk = store()
    if disk is not None and parts is not None:
        record = Record(entry, endless, symbols, code)
        disk.put(digest("graph", *parts), record.to_bytes())
    return Program(graph, entry, linked, endless, symbols, seconds, callbacks)


def _from_disk(graph: Graph, entry: Entry, parts: tuple[str, str]) -> Program | None:
    disk = store()
    if disk is None:
        return None
    clock = _Clock({})
    found = disk.get(digest("graph", *parts))
    if found is None:
        return None
    record = Record.from_bytes(found, entry)
    symbols = resolve((*record.symbols, *implied()))
    linked = load(record.code, symbols, _entries(entry))
    clock.lap("link")
    return Program(graph, record.entry, linked, record.may_not_end, record.symbols, clock.seconds)


def _entries(entry: Entry) -> tuple[str, ...]:
    """The functions that Python calls."""
    return ("entry", CHECKED) if entry.expected else ("entry",)


def may_raise(program: Program) -> bool:
    """Whether a function of SciPy may raise, as its error state says."""
    return any(symbol.startswith(FAMILY) for symbol in program.symbols)


def _lower(graph: Graph, donated: Sequence[int], clock: _Clock) -> Lowered:
    low = lowered(graph)
    clock.lap("lower")
    fusion = fuse(low)
    clock.lap("fuse")
    plan = bufferize(fusion, donated)
    clock.lap("bufferize")
    emission = emit(plan, host().vector_bytes)
    clock.lap("emit")
    return Lowered(low, plan, emission)


@dataclass(frozen=True, slots=True)
class Record:
    """A program as it is kept on disk: what its entry says beyond what was asked for, and code."""

    entry: Entry
    may_not_end: bool
    symbols: tuple[str, ...]
    code: bytes

    def to_bytes(self) -> bytes:
        """A line of JSON, then the object file."""
        entry = self.entry
        head = {
            "workspace_bytes": entry.workspace_bytes,
            "sites": [[site.message, site.exception] for site in entry.sites],
            "release_gil": entry.release_gil,
            "reused": entry.reused,
            "may_not_end": self.may_not_end,
            "symbols": self.symbols,
        }
        return json.dumps(head).encode() + b"\n" + self.code

    @classmethod
    def from_bytes(cls, data: bytes, entry: Entry) -> Record:
        """Read what `to_bytes` has written of a program that is asked for by ``entry``."""
        line, _, code = data.partition(b"\n")
        head = json.loads(line)
        whole = replace(
            entry,
            workspace_bytes=head["workspace_bytes"],
            sites=tuple(Site(message, exception) for message, exception in head["sites"]),
            release_gil=head["release_gil"],
            reused=tuple((output, given) for output, given in head["reused"]),
        )
        return cls(whole, head["may_not_end"], tuple(head["symbols"]), code)


class _Clock:
    """Notes how long each stage took."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now


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
