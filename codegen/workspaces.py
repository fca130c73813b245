"""Workspaces that wait for the next call: blocks in a list, the smallest first.

All programs share them, so what a process keeps is what its largest program needs, times the calls
that were under way at once. Whoever takes or gives a block holds the interpreter's lock.
"""

from __future__ import annotations

import sys

from .assembly import I64, PTR, FunctionWriter, Module, Value, constant
from .names import FREE_ALL, GIVE, TAKE

ALIGNMENT = 64
# A block begins with the address of the next one and with its size.
NEXT, SIZE, HEADER = 0, 8, 16
# What waits begins with the address of the first block and with the bytes of all.
FIRST, TOTAL = 0, 8

KEPT = 1 << 28
"""Bytes that wait at most; what is given beyond that goes back to the system."""

HUGE, PAGE, ADVICE = 1 << 22, 1 << 21, 14
"""From so many bytes on Linux is asked for pages of 2 MB (``MADV_HUGEPAGE``), as NumPy asks it."""

WORKSPACES = "pullback.workspaces"
FIND, FREE_FIRST = "pullback.find_workspace", "pullback.free_first_workspace"
NULL = Value(PTR, "null")


def write_workspaces(module: Module) -> None:
    """Add the functions that take, give and free workspaces."""
    _write_find(module)
    _write_take(module)
    _write_give(module)
    _write_free_first(module)
    _write_free_all(module)


def memory_of(f: FunctionWriter, block: Value) -> Value:
    """The first aligned address behind the header of a block, which has room for it."""
    up = f.address(block, HEADER + ALIGNMENT - 1, "i8")
    return f.call("llvm.ptrmask.p0.i64", PTR, [up, constant(I64, -ALIGNMENT)])


def _field(f: FunctionWriter, block: Value, offset: int, type: str = PTR) -> Value:
    return f.load(type, f.address(block, offset, "i8"), 8)


def _write_find(module: Module) -> None:
    """Where the address stands of the first block of a size at least; or the null at the end."""
    f = FunctionWriter(module, FIND, PTR, [(I64, "size")], "internal")
    (size,) = f.parameters
    place = f.alloca(PTR)
    f.store(module.extern(WORKSPACES), place, 8)
    look, check, on, found = map(f.label, ("look", "check", "on", "found"))
    f.jump(look)
    f.start_block(look)
    link = f.load(PTR, place, 8)
    block = f.load(PTR, link, 8)
    f.branch(f.compare("eq", block, NULL), found, check)
    f.start_block(check)
    f.branch(f.compare("sge", _field(f, block, SIZE, I64), size), found, on)
    f.start_block(on)
    f.store(block, place, 8)
    f.jump(look)
    f.start_block(found)
    f.ret(link)
    f.finish()


def _write_take(module: Module) -> None:
    """A block of a size at least: the smallest of those that wait, else a new one for one of them.

    Null, with an exception raised, if there is no memory.
    """
    f = FunctionWriter(module, TAKE, PTR, [(I64, "size")])
    (size,) = f.parameters
    link = f.call_known(FIND, PTR, [size])
    block = f.load(PTR, link, 8)
    with f.leaving(f.compare("ne", block, NULL)):
        f.store(_field(f, block, NEXT), link, 8)
        _add_to_total(f, f.op("sub", constant(I64, 0), _field(f, block, SIZE, I64)))
        f.ret(block)
    # What waits is too small for this program: it makes room, or every size would leave a block.
    with f.when(f.compare("ne", _field(f, f.module.extern(WORKSPACES), FIRST), NULL)):
        f.call_known(FREE_FIRST, "void", [])
    new = f.call("PyMem_RawMalloc", PTR, [f.add_index(size, HEADER + ALIGNMENT)])
    with f.leaving(f.compare("eq", new, NULL)):
        f.call("PyErr_NoMemory", PTR, [])
        f.ret(NULL)
    f.store(size, f.address(new, SIZE, "i8"), 8)
    if sys.platform == "linux":
        with f.when(f.compare("sge", size, constant(I64, HUGE))):
            up = f.address(new, PAGE - 1, "i8")
            first = f.call("llvm.ptrmask.p0.i64", PTR, [up, constant(I64, -PAGE)])
            length = f.op("sub", size, constant(I64, PAGE))
            f.call("madvise", "i32", [first, length, constant("i32", ADVICE)])
    f.ret(new)
    f.finish()


def _write_give(module: Module) -> None:
    """Let a block wait, unless that is too much."""
    f = FunctionWriter(module, GIVE, "void", [(PTR, "block")])
    (block,) = f.parameters
    size = _field(f, block, SIZE, I64)
    total = f.op("add", size, _field(f, f.module.extern(WORKSPACES), TOTAL, I64))
    with f.leaving(f.compare("sgt", total, constant(I64, KEPT))):
        f.call("PyMem_RawFree", "void", [block])
        f.ret()
    link = f.call_known(FIND, PTR, [size])
    f.store(f.load(PTR, link, 8), f.address(block, NEXT, "i8"), 8)
    f.store(block, link, 8)
    _add_to_total(f, size)
    f.ret()
    f.finish()


def _write_free_first(module: Module) -> None:
    f = FunctionWriter(module, FREE_FIRST, "void", [], "internal")
    waiting = f.module.extern(WORKSPACES)
    block = _field(f, waiting, FIRST)
    f.store(_field(f, block, NEXT), waiting, 8)
    _add_to_total(f, f.op("sub", constant(I64, 0), _field(f, block, SIZE, I64)))
    f.call("PyMem_RawFree", "void", [block])
    f.ret()
    f.finish()


def _write_free_all(module: Module) -> None:
    """Give all that waits back to the system."""
    f = FunctionWriter(module, FREE_ALL, "void", [])
    waiting = f.module.extern(WORKSPACES)
    look, free, done = map(f.label, ("look", "free", "done"))
    f.jump(look)
    f.start_block(look)
    f.branch(f.compare("eq", _field(f, waiting, FIRST), NULL), done, free)
    f.start_block(free)
    f.call_known(FREE_FIRST, "void", [])
    f.jump(look)
    f.start_block(done)
    f.ret()
    f.finish()


def _add_to_total(f: FunctionWriter, size: Value) -> None:
    place = f.address(f.module.extern(WORKSPACES), TOTAL, "i8")
    f.store(f.op("add", f.load(I64, place, 8), size), place, 8)
