"""From a graph to a program: found in memory or on disk, or else compiled.

What compiling takes is in `generate`, which is loaded when there is something to compile or to look
at.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pullback.codegen.entry import CHECKED, Entry
from pullback.tracer.ir import Graph
from pullback.tracer.locks import new_lock
from pullback.tracer.primitives.callback import Callback, debug_callback, pure_callback
from pullback.tracer.text import inner_graphs

from .cache import digest, store
from .libraries import implied, resolve
from .link import Linked, load
from .objects import Clock, Record, entry_object
from .support import free_workspaces

if TYPE_CHECKING:
    from pullback.codegen.kernel import Plan

    from .generate import Lowered

CACHE_SIZE = 4096


@dataclass(slots=True)
class Program:
    """A compiled graph: its code and how it is called.

    ``may_not_end`` tells whether a loop goes on as long as values say, ``callbacks`` are the Python
    functions that it calls, in the order of their numbers. The stages between graph and code are
    not kept: they take a hundred times the memory of the code. They are gone through once more when
    somebody looks.
    """

    graph: Graph
    entry: Entry
    code: Linked
    may_not_end: bool
    seconds: dict[str, float] = field(default_factory=dict)
    callbacks: tuple[Callback, ...] = ()

    def lowered(self) -> Lowered:
        """The stages between graph and code."""
        from pullback.codegen.call import write_entry

        from .generate import lower

        clock = Clock({})
        between = lower(self.graph, self.entry.donated, clock)
        # The entry point is compiled by itself, but read along with the kernels.
        write_entry(between.emission.module, self.entry)
        self.seconds = {**clock.seconds, **self.seconds}
        return between

    @property
    def plan(self) -> Plan:
        """Kernels, buffers and bytes."""
        return self.lowered().plan

    @property
    def llvm(self) -> str:
        """The LLVM text, with the lines of the program."""
        from pullback.codegen.origins import annotated

        return annotated(self.lowered().emission.module)

    @property
    def assembly(self) -> str:
        """The machine's instructions, with the lines of the program."""
        from .listing import annotated_assembly

        return annotated_assembly(self.lowered().emission.module)


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
    entry_object.cache_clear()
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
    rows = (pure_callback, debug_callback)
    return any(node.primitive in rows for each in graphs for node in each.nodes)


def _compiled(graph: Graph, entry: Entry, parts: tuple[str, str] | None = None) -> Program:
    """A new program, put on disk under ``parts``."""
    from .generate import generate

    seconds: dict[str, float] = {}
    clock = Clock(seconds)
    record, callbacks = generate(graph, entry, clock)
    linked = _linked(record, clock)
    disk = store()
    if disk is not None and parts is not None:
        disk.put(digest("graph", *parts), record.to_bytes())
    return Program(graph, record.entry, linked, record.may_not_end, seconds, callbacks)


def _from_disk(graph: Graph, entry: Entry, parts: tuple[str, str]) -> Program | None:
    disk = store()
    if disk is None:
        return None
    clock = Clock({})
    found = disk.get(digest("graph", *parts))
    if found is None:
        return None
    record = Record.from_bytes(found, entry)
    linked = _linked(record, clock)
    return Program(graph, record.entry, linked, record.may_not_end, clock.seconds)


def _linked(record: Record, clock: Clock) -> Linked:
    """A program's code in memory: its kernels, and the entry point that calls them."""
    kernels, call = record.kernels, record.call
    names = ("entry", CHECKED) if record.entry.expected else ("entry",)
    linked = load(
        [kernels.code, call.code], resolve({*kernels.symbols, *call.symbols, *implied()}), names
    )
    clock.lap("link")
    return linked
