"""Memory for what has no known length: blocks in a list, which the end of a call frees.

The list starts in the status that every kernel gets. A turn of a loop frees what its kernels have
taken, so that memory grows with what is kept, not with what was once needed.
"""

from __future__ import annotations

from .assembly import I64, PTR, FunctionWriter, Module, Value, constant

HEAD = 2
"""Where in the status the list starts; details of an error stand before."""
OBJECTS = 3
"""Where in the status the address of the Python objects is that kernels call."""
STATUS_SLOTS = 4
HEADER = 16
"""Bytes before a block, which hold the pointer to the one taken before."""

ALLOCATE, RELEASE = "arena.allocate", "arena.release"
NULL = Value(PTR, "null")


def allocate(w: FunctionWriter, status: Value, size: Value) -> Value:
    """So many bytes; null where there are none."""
    if w.module.use(ALLOCATE) == 1:
        _write_allocate(w.module)
    return w.call_known(ALLOCATE, PTR, [status, size])


def mark(w: FunctionWriter, status: Value) -> Value:
    """The state of the list, to come back to."""
    return w.load(PTR, w.address(status, HEAD, I64), 8)


def release(w: FunctionWriter, status: Value, until: Value) -> None:
    """Free what has been taken since the mark."""
    if w.module.use(RELEASE) == 1:
        _write_release(w.module)
    w.call_known(RELEASE, "void", [status, until])


def _write_allocate(module: Module) -> None:
    f = FunctionWriter(module, ALLOCATE, PTR, [(PTR, "status"), (I64, "size")], "internal")
    status, size = f.parameters
    whole = f.op("add", size, constant(I64, HEADER))
    block = f.call("PyMem_RawMalloc", PTR, [whole])
    failed, fine = f.label("failed"), f.label("fine")
    f.branch(f.compare("eq", block, NULL), failed, fine)
    f.start_block(failed)
    f.ret(NULL)
    f.start_block(fine)
    head = f.address(status, HEAD, I64)
    f.store(f.load(PTR, head, 8), block, 8)
    f.store(block, head, 8)
    f.ret(f.address(block, HEADER, "i8"))
    f.finish()


def _write_release(module: Module) -> None:
    f = FunctionWriter(module, RELEASE, "void", [(PTR, "status"), (PTR, "until")], "internal")
    status, until = f.parameters
    head = f.address(status, HEAD, I64)
    look, free, done = f.label("look"), f.label("free"), f.label("done")
    f.jump(look)
    f.start_block(look)
    block = f.load(PTR, head, 8)
    f.branch(f.compare("eq", block, until), done, free)
    f.start_block(free)
    f.store(f.load(PTR, block, 8), head, 8)
    f.call("PyMem_RawFree", "void", [block])
    f.jump(look)
    f.start_block(done)
    f.ret()
    f.finish()
