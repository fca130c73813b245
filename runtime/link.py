"""LLVM text -> object code -> code in memory: three steps, so that objects can be cached."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import llvmlite.binding as llvm
import numpy as np
from llvmlite.binding import LLJIT, ModuleRef, ResourceTracker

from pullback.tracer.locks import MAKING, once

from .errors import InternalError
from .target import Target, host, level_for, machine

CONTEXT_LINES = 4


@dataclass(frozen=True, eq=False)
class Linked:
    """Code in memory, which stays there as long as this object lives.

    ``addresses`` are those of the entry names asked for. ``tracker`` is what LLVM keeps the code
    for, held by an array of objects, into which the garbage collector does not see: otherwise it
    would finalise the tracker together with all else in a cycle of garbage, while finalisers of
    others in the cycle may still call the code.
    """

    addresses: Mapping[str, int]
    tracker: np.ndarray

    def address(self, name: str) -> int:
        """Where a function begins."""
        return self.addresses[name]


def link(
    text: str,
    symbols: Mapping[str, int],
    entries: Iterable[str] = ("entry",),
    level: int | None = None,
) -> Linked:
    """Compile LLVM text and load it.

    Args:
        text: a module as LLVM assembly.
        symbols: the addresses of what the module declares but does not define. Others are looked
            for among the functions that this process has loaded (``memcpy``, ``fmod``).
        entries: names of functions of the module whose addresses are wanted.
        level: how hard the code generator works, 0 to 3; by default what suits the size.
    """
    return load([object_code(text, level)], symbols, entries)


def object_code(
    text: str,
    level: int | None = None,
    lap: Callable[[str], None] = lambda stage: None,
    target: Target | None = None,
) -> bytes:
    """The object file (ELF, Mach-O or COFF) of a module, for this machine or another.

    ``lap`` is told the name of each stage at its end.
    """
    level = level_for(text) if level is None else level
    with _lock, _parsed(text) as module:
        lap("parse")
        code = machine(level, target).emit_object(module)
    lap("compile")
    return code


def assembly(text: str, level: int | None = None) -> str:
    """The instructions of a module as this machine's assembly language."""
    level = level_for(text) if level is None else level
    with _lock, _parsed(text) as module:
        return machine(level).emit_assembly(module)


def load(
    codes: Iterable[bytes], symbols: Mapping[str, int], entries: Iterable[str] = ("entry",)
) -> Linked:
    """Load object files that use each other into memory, in a name space of their own."""
    names = tuple(entries)
    held = np.empty((), object)
    with _lock:
        tracker = _linked(codes, symbols, names)
        addresses = {name: tracker[name] for name in names}
        held[()] = _Loaded(tracker)
        del tracker
        _unload()
    return Linked(addresses, held)


def _linked(
    codes: Iterable[bytes], symbols: Mapping[str, int], names: Iterable[str]
) -> ResourceTracker:
    builder = llvm.JITLibraryBuilder().add_current_process()
    for code in codes:
        builder.add_object_img(code)
    for name, address in symbols.items():
        builder.import_symbol(name, address)
    for name in names:
        builder.export_symbol(name)
    try:
        return builder.link(_linker(), f"module{next(_serial)}")
    except RuntimeError as error:
        raise InternalError(f"object code does not link: {error}") from error


_serial = itertools.count()
# LLVM's objects are shared by all threads: one uses them at a time, and none while a process forks,
# or the child would find them and the lock of llvmlite as another thread has left them.
_lock = MAKING
_unneeded: list[ResourceTracker] = []


class _Loaded:
    """Code that is in memory until nobody needs it."""

    __slots__ = ("_tracker",)

    def __init__(self, tracker: ResourceTracker) -> None:
        self._tracker = tracker

    def __del__(self, ending: Callable[[], bool] = sys.is_finalizing) -> None:
        if not ending():
            _unneeded.append(self._tracker)
            del self._tracker
            _unload()


def _unload() -> None:
    """Let LLVM forget what nobody needs; if another thread is using LLVM, that one does it."""
    if _lock.acquire(blocking=False):
        try:
            while _unneeded:
                _unneeded.pop()
        finally:
            _lock.release()


@once
def _linker() -> LLJIT:
    """The one linker; kept, and with it the code, until the process ends."""
    host()
    return llvm.create_lljit_compiler(use_jit_link=sys.platform != "win32")


@contextmanager
def _parsed(text: str) -> Generator[ModuleRef]:
    """The module that the text describes, checked."""
    host()
    # What LLVM remembers of types and constants goes with the context, after the module.
    with ExitStack() as stack:
        context = llvm.create_context()
        stack.callback(context.close)
        try:
            module = llvm.parse_assembly(text, context)
            stack.callback(module.close)
            module.verify()
        except RuntimeError as error:
            raise InternalError(f"LLVM text is not valid: {_near_fault(text, error)}") from error
        yield module


def _near_fault(text: str, error: RuntimeError) -> str:
    """The message of a parse error, with numbered lines around the place."""
    place = re.search(r"<string>:(\d+):(\d+): (.*)", str(error))
    if place is None:
        return str(error)
    fault = int(place[1])
    lines = text.splitlines()
    first = max(fault - CONTEXT_LINES, 1)
    near = enumerate(lines[first - 1 : fault + CONTEXT_LINES], first)
    numbered = [f"{'>' if n == fault else ' '}{n:6} | {line}" for n, line in near]
    return "\n".join([f"line {fault}, column {place[2]}: {place[3]}", *numbered])
