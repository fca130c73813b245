"""What all entry points share: a small module that is compiled once."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from . import layout
from .assembly import I1, I64, PTR, FunctionWriter, Module, Value, constant
from .frame import I8, I32, NULL, PARAMETERS
from .half_bits import write_half_conversions
from .names import DISPATCH, DISPATCH_UNLESS_TRACING, SLOW, SUPPORT
from .workspaces import write_workspaces


def support_module() -> Module:
    """The module that defines the functions of ``SUPPORT``."""
    module = Module()
    _write_slow(module)
    _write_dispatch(module, DISPATCH)
    _write_dispatch(module, DISPATCH_UNLESS_TRACING)
    _write_guards_hold(module)
    _write_find_keyword(module)
    _write_look_up(module)
    _write_descr_matches(module)
    _write_lie_apart(module)
    write_workspaces(module)
    _write_release(module)
    write_half_conversions(module)
    for name in SUPPORT:
        module.symbols.discard(name)
        module.declarations.pop(name, None)
    return module


def _field(f: FunctionWriter, object: Value, offset: int, type: str = PTR, align: int = 8) -> Value:
    return f.load(type, f.address(object, offset, I8), align)


@contextmanager
def _leaving_if(f: FunctionWriter, condition: Value) -> Generator[None]:
    """``if condition:`` around instructions that end by returning."""
    yes, no = f.label("then"), f.label("else")
    f.branch(condition, yes, no)
    f.start_block(yes)
    yield
    f.start_block(no)


def _write_dispatch(module: Module, name: str) -> None:
    """What CPython calls: hands the call to the first record, which lives until it is done.

    The code that an entry point returns to must not be its own: dropping the record may unload it.
    """
    f = FunctionWriter(module, name, PTR, PARAMETERS[:4])
    self = f.parameters[0]
    record = _field(f, self, layout.CALLABLE_FIRST)
    # The garbage collector may have taken the object apart.
    leaves = f.compare("eq", record, NULL)
    if name == DISPATCH_UNLESS_TRACING:
        # While this thread traces, the function becomes part of the trace; Python knows whether
        # it is this thread.
        traces = f.load(I64, module.extern("pullback.traces_under_way"), 8)
        leaves = f.op("or", leaves, f.compare("ne", traces, constant(I64, 0)))
    with _leaving_if(f, leaves):
        f.ret(f.call_known(SLOW, PTR, [*f.parameters, NULL]))
    f.call("Py_IncRef", "void", [record])
    entry = _field(f, record, layout.RECORD_ENTRY)
    arguments = ", ".join(map(str, [*f.parameters, record]))
    result = f.make(PTR, f"call ptr {entry.name}({arguments})")
    f.call("Py_DecRef", "void", [record])
    f.ret(result)
    f.finish()


def _write_slow(module: Module) -> None:
    """The last record's entry: the Python callable behind the machine code."""
    f = FunctionWriter(module, SLOW, PTR, PARAMETERS)
    self, args, nargsf, kwnames, _ = f.parameters
    slow = _field(f, self, layout.CALLABLE_SLOW)
    with _leaving_if(f, f.compare("eq", slow, NULL)):
        error = f.load(PTR, module.extern("PyExc_TypeError"), 8)
        text = module.bytes(b"this function has not been initialised\0")
        f.call("PyErr_SetString", "void", [error, text])
        f.ret(NULL)
    f.call("Py_IncRef", "void", [slow])
    result = f.call("PyObject_Vectorcall", PTR, [slow, args, nargsf, kwnames])
    f.call("Py_DecRef", "void", [slow])
    f.ret(result)
    f.finish()


def _write_guards_hold(module: Module) -> None:
    """Whether all guards of a record hold: triples of container, key and the object expected.

    The container is a dict, or a closure's cell, whose key is None. Expected may be the marker
    that the name must not exist.
    """
    f = FunctionWriter(module, "pullback.guards_hold", I1, [(PTR, "record")])
    guards = _field(f, f.parameters[0], layout.RECORD_GUARDS)
    count = _field(f, guards, layout.TUPLE_SIZE, I64)
    with _leaving_if(f, f.compare("eq", count, constant(I64, 0))):
        f.ret(constant(I1, True))
    with f.loop(0, count, 3) as loop:
        triple = f.address(f.address(guards, layout.TUPLE_ITEMS, I8), loop.index, PTR)
        container, key, expected = (f.load(PTR, f.address(triple, i, PTR), 8) for i in range(3))
        found = f.call_known("pullback.find", PTR, [container, key])
        with _leaving_if(f, f.compare("ne", found, expected)):
            f.ret(constant(I1, False))
    f.ret(constant(I1, True))
    f.finish()
    _write_find(module)


def _write_find(module: Module) -> None:
    """What a name means now, or the marker of absence."""
    f = FunctionWriter(module, "pullback.find", PTR, [(PTR, "container"), (PTR, "key")], "internal")
    container, key = f.parameters
    with _leaving_if(f, f.compare("eq", key, module.extern("_Py_NoneStruct"))):
        f.ret(_or_absent(f, _field(f, container, layout.CELL_VALUE)))
    found = f.call("PyDict_GetItemWithError", PTR, [container, key])
    # A strange key may raise in its comparison.
    with f.when(f.compare("eq", found, NULL)):
        f.call("PyErr_Clear", "void", [])
    f.ret(_or_absent(f, found))
    f.finish()


def _or_absent(f: FunctionWriter, found: Value) -> Value:
    return f.select(f.compare("eq", found, NULL), f.module.extern("pullback.absent"), found)


def _write_find_keyword(module: Module) -> None:
    """The place of a keyword among those of a call, -1 if it is not there.

    Keywords are interned strings: the same name is the same object, or a caller who makes names
    of his own is left to Python.
    """
    f = FunctionWriter(module, "pullback.find_keyword", I64, [(PTR, "names"), (PTR, "name")])
    names, name = f.parameters
    count = _field(f, names, layout.TUPLE_SIZE, I64)
    items = f.address(names, layout.TUPLE_ITEMS, I8)
    with f.loop(0, count) as loop:
        item = f.load(PTR, f.address(items, loop.index, PTR), 8)
        with _leaving_if(f, f.compare("eq", item, name)):
            f.ret(loop.index)
    f.ret(constant(I64, -1))
    f.finish()


def _write_look_up(module: Module) -> None:
    """The value of a key in a dict, lent by it; null if it is not there."""
    f = FunctionWriter(module, "pullback.look_up", PTR, [(PTR, "dict"), (PTR, "key")])
    value = f.call("PyDict_GetItemWithError", PTR, list(f.parameters))
    with _leaving_if(f, f.compare("ne", value, NULL)):
        f.ret(value)
    # Comparing the key with another one may have raised.
    f.call("PyErr_Clear", "void", [])
    f.ret(NULL)
    f.finish()


def _write_descr_matches(module: Module) -> None:
    """Whether a descriptor is for native values of a type with one of two numbers."""
    parameters = [(PTR, "descr"), (I32, "one"), (I32, "other")]
    f = FunctionWriter(module, "pullback.descr_matches", I1, parameters)
    descr, one, other = f.parameters
    number = _field(f, descr, layout.DESCR_NUMBER, I32, 4)
    either = f.op("or", f.compare("eq", number, one), f.compare("eq", number, other))
    order = _field(f, descr, layout.DESCR_BYTEORDER, I8, 1)
    native = f.compare("ne", order, constant(I8, layout.FOREIGN_ORDER))
    f.ret(f.op("and", either, native))
    f.finish()


def _write_lie_apart(module: Module) -> None:
    """Whether the first arrays of a table share no memory with each other, nor with the rest."""
    parameters = [(PTR, "table"), (PTR, "sizes"), (I64, "first"), (I64, "count")]
    f = FunctionWriter(module, "pullback.lie_apart", I1, parameters)
    table, sizes, first, count = f.parameters

    def bounds(number: Value) -> tuple[Value, Value]:
        start = f.load(PTR, f.address(table, number, PTR), 8)
        return start, f.address(start, f.load(I64, f.address(sizes, number, I64), 8), I8)

    with f.loop(0, first) as outer:
        begin, end = bounds(outer.index)
        following = f.add_index(outer.index, 1)
        with f.when(f.compare("slt", following, count)), f.loop(following, count) as inner:
            other, other_end = bounds(inner.index)
            before, after = f.compare("ult", begin, other_end), f.compare("ult", other, end)
            with _leaving_if(f, f.op("and", before, after)):
                f.ret(constant(I1, False))
    f.ret(constant(I1, True))
    f.finish()


def _write_release(module: Module) -> None:
    """Drop references; some may be null."""
    f = FunctionWriter(module, "pullback.release", "void", [(PTR, "owned"), (I64, "count")])
    owned, count = f.parameters
    with f.loop(0, count) as loop:
        f.call("Py_DecRef", "void", [f.load(PTR, f.address(owned, loop.index, PTR), 8)])
    f.ret()
    f.finish()
