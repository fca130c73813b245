"""Calls of Python functions: arrays are made of the operands, those returned are copied.

A function is an item of the table of Python objects in the status. The interpreter's lock is taken
for the call, whether or not this thread has it already. The arrays handed over are copies, which
the function may keep; an exception ends the whole call and stays what it is.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from pullback.tracer.ir import Node
from pullback.tracer.primitives.callback import Callback
from pullback.tracer.types import ArrayType

from . import layout
from .arena import OBJECTS
from .assembly import I64, PTR, FunctionWriter, Value, constant
from .entry import RAISED, Site
from .frame import I8, I32, NULL
from .fuse import base
from .kernel import Buffer, PythonCall
from .repeat import Pointers, copy


def python_kernel(roots: Sequence[Node], buffers: dict[Node, Buffer], _: object) -> PythonCall:
    """The kernel of a call, of which the roots are the results that are wanted."""
    node = roots[0]
    targets = {x.params["result"]: buffers[x] for x in roots if "result" in x.params}
    operands = tuple(buffers[base(x)] for x in node.operands)
    unused = tuple(buffers[x] for x in roots if "result" not in x.params)
    return PythonCall(tuple(roots), node.params["callback"], operands, targets, unused)


def emit_python_call(
    w: FunctionWriter,
    kernel: PythonCall,
    pointers: Pointers,
    callbacks: list[Callback],
    sites: list[Site],
    status: Value,
) -> None:
    """Write the body of the kernel's function."""
    callback = kernel.callback
    if callback not in callbacks:
        callbacks.append(callback)
    number = callbacks.index(callback)
    sites.append(Site("", RAISED))
    table = w.load(PTR, w.address(status, OBJECTS, I64), 8)
    function = w.load(PTR, w.address(table, number, PTR), 8)
    state = w.call("PyGILState_Ensure", I32, [])
    count = len(kernel.operands)
    slots = max(count, 1)  # The loop that drops references runs once at least.
    arrays = w.alloca(PTR, slots)
    for i in range(slots):
        w.store(NULL, w.address(arrays, i, PTR), 8)
    failed = w.label("failed")
    for i, (type, buffer) in enumerate(zip(callback.given, kernel.operands, strict=True)):
        array = _new_array(w, type, failed)
        w.store(array, w.address(arrays, i, PTR), 8)
        copy(w, type.nbytes, pointers[buffer], _field(w, array, layout.ARRAY_DATA))
    arguments = [function, arrays, constant(I64, count), NULL]
    found = _made(w, w.call("PyObject_Vectorcall", PTR, arguments), failed)
    for i, target in sorted(kernel.targets.items()):
        item = _field(w, found, layout.TUPLE_ITEMS + layout.POINTER * i)
        copy(w, target.type.nbytes, _field(w, item, layout.ARRAY_DATA), pointers[target])
    w.call("Py_DecRef", "void", [found])
    _leave(w, arrays, slots, state)
    done = w.label("done")
    w.jump(done)
    w.start_block(failed)
    _leave(w, arrays, slots, state)
    w.ret(constant(I64, len(sites)))
    w.start_block(done)


def _leave(w: FunctionWriter, arrays: Value, count: int, state: Value) -> None:
    """Drop the arrays that were handed over, and the lock if it was taken here."""
    w.call("pullback.release", "void", [arrays, constant(I64, count)])
    w.call("PyGILState_Release", "void", [state])


def _new_array(w: FunctionWriter, type: ArrayType, failed: str) -> Value:
    """A new ndarray, with room for values."""
    dims = w.module.bytes(struct.pack(f"={type.ndim}q", *type.shape)) if type.ndim else NULL
    number, zero = constant(I32, type.dtype.num), constant(I32, 0)
    class_, ndim = w.module.extern("PyArray_Type"), constant(I32, type.ndim)
    arguments = [class_, ndim, dims, number, NULL, NULL, zero, zero, NULL]
    return _made(w, w.call("PyArray_New", PTR, arguments), failed)


def _made(w: FunctionWriter, object: Value, failed: str) -> Value:
    """A new object, unless an exception has been raised instead."""
    fine = w.label("fine")
    w.branch(w.compare("eq", object, NULL), failed, fine)
    w.start_block(fine)
    return object


def _field(w: FunctionWriter, object: Value, offset: int) -> Value:
    return w.load(PTR, w.address(object, offset, I8), 8)
