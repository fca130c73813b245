"""The function that CPython calls: checks the arguments, makes the results, runs the kernels.

CPython's vectorcall protocol hands over the callable, the arguments and the names of keywords; a
fifth parameter is the ``Record`` of this specialisation. All that belongs to one particular
function (captured arrays, guards, keys of a result's dict) is read from the record, and all that
belongs to one process is an external symbol: so the code can be shared and kept on disk.

Whatever the code was not made for goes to the next record, and in the end to Python.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pullback.tracer.types import BOOL, SHORT_NAMES, ArrayType

from . import layout
from .assembly import I1, I64, PTR, FunctionWriter, Module, Value, constant

I8, I32 = "i8", "i32"
NULL = Value(PTR, "null")
# Workspaces up to this size are on the stack.
STACK_WORKSPACE = 4096
WORKSPACE_ALIGNMENT = 64

# LLVM's code generator without its optimisations: a quarter of the time, and no slower calls.
ATTRIBUTES = "nounwind noinline optnone"
PARAMETERS = [(PTR, "self"), (PTR, "args"), (I64, "nargsf"), (PTR, "kwnames"), (PTR, "record")]


@dataclass(frozen=True)
class Argument:
    """An argument or captured value that becomes an input of the kernels.

    ``array``: an ndarray of exactly this type, aligned and C-contiguous; a 0-d one may as well be
    NumPy's scalar. ``float``, ``int``, ``bool``: Python's number, of type ``f64[]``, ``i64[]``,
    ``bool[]``.
    """

    kind: Literal["array", "float", "int", "bool"]
    type: ArrayType


@dataclass(frozen=True)
class Static:
    """An argument that must be the very object that stands at an index of the record's objects."""

    object: int


@dataclass(frozen=True)
class Leaf:
    """In a result: an output of the kernels."""

    output: int


@dataclass(frozen=True)
class Constant:
    """In a result: one of the record's objects."""

    object: int


@dataclass(frozen=True)
class Group:
    """In a result: a tuple or a list."""

    kind: Literal["tuple", "list"]
    children: tuple[Tree, ...]


@dataclass(frozen=True)
class Table:
    """In a result: a dict, whose keys are among the record's objects."""

    keys: tuple[int, ...]
    children: tuple[Tree, ...]


@dataclass(frozen=True)
class Applied:
    """In a result: what a Python callable among the record's objects makes of ``child``."""

    function: int
    child: Tree


Tree: TypeAlias = Leaf | Constant | Group | Table | Applied


@dataclass(frozen=True)
class Site:
    """Where kernels may find that something is wrong.

    ``message`` may contain ``{0}`` and ``{1}``, the details that the kernel leaves in its status.
    ``exception`` is the name of a builtin exception or the index of a class among the record's
    objects.
    """

    message: str
    exception: str | int


@dataclass(frozen=True)
class Entry:
    """How a function is called from Python.

    Arguments, then captures, are the inputs of ``i64 @run(ptr inputs, ptr outputs, ptr workspace,
    ptr status)``, which returns 0, or the number of a site, counted from 1.
    """

    arguments: tuple[Argument | Static, ...]
    outputs: tuple[ArrayType, ...]
    result: Tree
    captures: tuple[Argument, ...] = ()
    guarded: bool = False
    workspace_bytes: int = 0
    sites: tuple[Site, ...] = ()
    release_gil: bool = False


def objects_needed(entry: Entry) -> int:
    """How many objects a record of this entry has at least."""
    static = [a.object for a in entry.arguments if isinstance(a, Static)]
    classes = [s.exception for s in entry.sites if isinstance(s.exception, int)]
    return max([*static, *classes, *_objects(entry.result)], default=-1) + 1


def _objects(tree: Tree) -> list[int]:
    """The indices of objects in a result."""
    match tree:
        case Leaf():
            return []
        case Constant():
            return [tree.object]
        case Applied():
            return [tree.function, *_objects(tree.child)]
        case Group():
            return [i for child in tree.children for i in _objects(child)]
        case Table():
            return [*tree.keys, *(i for child in tree.children for i in _objects(child))]


def write_entry(module: Module, entry: Entry, name: str = "entry") -> None:
    """Add the function that CPython calls to a module that defines ``@run``."""
    f = FunctionWriter(module, name, PTR, PARAMETERS, attributes=ATTRIBUTES)
    call = _Call.begin(f, entry)
    _check_arity(call)
    # Guards come first: a comparison of strange keys may run Python code, which may do anything
    # to arrays that have been looked at.
    if entry.guarded:
        _check_guards(call)
    _read_arguments(call)
    _read_captures(call)
    _make_outputs(call)
    _run(call)
    f.ret(_build_result(call))
    _write_failure(call)
    _write_mismatch(call)
    f.finish()


@dataclass
class _Call:
    """The function being written, and the stack memory of a call.

    ``owned`` are references to drop should the call fail; a null one has been given away.
    """

    f: FunctionWriter
    entry: Entry
    inputs: Value
    outputs: Value
    owned: Value
    slots: int
    mismatch: str
    failure: str
    taken: int = 0

    @classmethod
    def begin(cls, f: FunctionWriter, entry: Entry) -> _Call:
        """Reserve the stack memory."""
        inputs = sum(isinstance(a, Argument) for a in (*entry.arguments, *entry.captures))
        slots = len(entry.outputs) + _count(entry.result)
        return cls(
            f,
            entry,
            inputs=f.alloca(PTR, max(inputs, 1)),
            outputs=f.alloca(PTR, max(len(entry.outputs), 1)),
            owned=f.alloca(PTR, slots),
            slots=slots,
            mismatch=f.label("mismatch"),
            failure=f.label("failure"),
            taken=len(entry.outputs),
        )

    def field(self, object: Value, offset: int, type: str = PTR) -> Value:
        """A field of a Python object."""
        return self.f.load(type, self.f.address(object, offset, I8), _SIZES[type])

    def record_item(self, field: int, index: int) -> Value:
        """An item of one of the record's tuples."""
        items = self.field(self.f.parameters[4], field)
        return self.field(items, layout.TUPLE_ITEMS + layout.POINTER * index)

    def require(self, condition: Value, otherwise: str) -> None:
        """Go on only if the condition holds."""
        following = self.f.label("ok")
        self.f.branch(condition, following, otherwise)
        self.f.start_block(following)

    def require_made(self, object: Value) -> Value:
        """A new object, unless CPython has raised an exception instead of making one."""
        self.require(self.f.compare("ne", object, NULL), self.failure)
        return object

    def own(self, object: Value, slot: int) -> None:
        """Drop the reference should the call fail."""
        self.f.store(object, self.f.address(self.owned, slot, PTR), 8)

    def give_away(self, slot: int) -> None:
        """The reference belongs to someone else now."""
        self.own(NULL, slot)

    def new_slot(self) -> int:
        """A place among the owned references."""
        self.taken += 1
        return self.taken - 1


_SIZES = {PTR: 8, I64: 8, I32: 4, I8: 1, "double": 8, "float": 4}
_MEMORY_TYPES = {"bool": I8, "i32": I32, "i64": I64, "f32": "float", "f64": "double"}


# -- what comes in ---------------------------------------------------------------------------------


def _check_arity(call: _Call) -> None:
    """As many positional arguments as there should be and no keywords."""
    f = call.f
    _, _, nargsf, kwnames, _ = f.parameters
    # The topmost bit tells that CPython lends us the slot before the arguments.
    count = f.op("and", nargsf, constant(I64, 2**63 - 1))
    right = f.compare("eq", count, constant(I64, len(call.entry.arguments)))
    call.require(f.op("and", right, f.compare("eq", kwnames, NULL)), call.mismatch)


def _read_arguments(call: _Call) -> None:
    """Check the arguments and store the addresses of their data."""
    f = call.f
    place = 0
    for index, argument in enumerate(call.entry.arguments):
        object = f.load(PTR, f.address(f.parameters[1], index, PTR), 8)
        if isinstance(argument, Static):
            expected = call.record_item(layout.RECORD_OBJECTS, argument.object)
            call.require(f.compare("eq", object, expected), call.mismatch)
        else:
            _read_value(call, object, argument, place)
            place += 1


def _read_captures(call: _Call) -> None:
    """The same for what the function refers to outside itself."""
    first = sum(isinstance(a, Argument) for a in call.entry.arguments)
    for index, capture in enumerate(call.entry.captures):
        object = call.record_item(layout.RECORD_CAPTURES, index)
        _read_value(call, object, capture, first + index)


def _check_guards(call: _Call) -> None:
    """Whether the names that the function refers to still mean what they did."""
    hold = call.f.call("pullback.guards_hold", I1, [call.f.parameters[4]])
    call.require(hold, call.mismatch)


def _read_value(call: _Call, object: Value, argument: Argument, place: int) -> None:
    """Check one value and store where its data is."""
    match argument.kind:
        case "array" if argument.type.shape == ():
            data = _read_scalar_or_array(call, object, argument.type)
        case "array":
            _require_type(call, object, "PyArray_Type")
            data = _read_array(call, object, argument.type)
        case "float":
            _require_type(call, object, "PyFloat_Type")
            data = call.f.address(object, layout.FLOAT_VALUE, I8)
        case "int":
            _require_type(call, object, "PyLong_Type")
            data = _read_int(call, object)
        case "bool":
            data = _read_bool(call, object)
    call.f.store(data, call.f.address(call.inputs, place, PTR), 8)


def _has_type(call: _Call, object: Value, symbol: str) -> Value:
    """Whether an object's type is exactly this one."""
    return call.f.compare("eq", call.field(object, layout.TYPE), call.f.module.extern(symbol))


def _require_type(call: _Call, object: Value, symbol: str) -> None:
    call.require(_has_type(call, object, symbol), call.mismatch)


def _read_array(call: _Call, object: Value, type: ArrayType) -> Value:
    """The data of an ndarray, if it is as expected."""
    f = call.f
    _require_dtype(call, call.field(object, layout.ARRAY_DESCR), type)
    ndim = call.field(object, layout.ARRAY_NDIM, I32)
    flags = call.field(object, layout.ARRAY_FLAGS, I32)
    wanted = constant(I32, layout.C_CONTIGUOUS_AND_ALIGNED)
    plain = f.compare("eq", f.op("and", flags, wanted), wanted)
    right = f.compare("eq", ndim, constant(I32, type.ndim))
    call.require(f.op("and", plain, right), call.mismatch)
    if type.ndim:
        dims = call.field(object, layout.ARRAY_DIMS)
        for axis, extent in enumerate(type.shape):
            dim = f.load(I64, f.address(dims, axis, I64), 8)
            call.require(f.compare("eq", dim, constant(I64, extent)), call.mismatch)
    return call.field(object, layout.ARRAY_DATA)


def _require_dtype(call: _Call, descr: Value, type: ArrayType) -> None:
    """The usual descriptor of the dtype, or (in arrays that were unpickled) one that equals it."""
    f = call.f
    unusual, following = f.label("unusual"), f.label("ok")
    usual = f.module.extern(f"numpy.descr.{SHORT_NAMES[type.dtype]}")
    f.branch(f.compare("eq", descr, usual), following, unusual)
    f.start_block(unusual)
    numbers = [constant(I32, n) for n in layout.type_numbers(type.dtype)]
    equal = f.call("pullback.descr_matches", I1, [descr, *numbers])
    f.branch(equal, following, call.mismatch)
    f.start_block(following)


def _read_scalar_or_array(call: _Call, object: Value, type: ArrayType) -> Value:
    """The data of NumPy's scalar or of a 0-d array."""
    f = call.f
    scalar, other, done = f.label("scalar"), f.label("other"), f.label("value")
    f.branch(_has_type(call, object, f"numpy.type.{SHORT_NAMES[type.dtype]}"), scalar, other)
    f.start_block(scalar)
    inside = f.address(object, layout.SCALAR_VALUE, I8)
    f.jump(done)
    f.start_block(other)
    _require_type(call, object, "PyArray_Type")
    data = _read_array(call, object, type)
    end = f.block
    f.jump(done)
    f.start_block(done)
    return f.phi(PTR, [(inside, scalar), (data, end)])


def _read_int(call: _Call, object: Value) -> Value:
    """The value of a Python int, if it fits in 64 bits."""
    f = call.f
    overflow = f.alloca(I32, align=4)
    value = f.call("PyLong_AsLongLongAndOverflow", I64, [object, overflow])
    fits = f.compare("eq", f.load(I32, overflow, 4), constant(I32, 0))
    call.require(fits, call.mismatch)
    return _on_stack(f, value)


def _read_bool(call: _Call, object: Value) -> Value:
    """The value of ``True`` or ``False``."""
    f = call.f
    true = f.compare("eq", object, f.module.extern("_Py_TrueStruct"))
    false = f.compare("eq", object, f.module.extern("_Py_FalseStruct"))
    call.require(f.op("or", true, false), call.mismatch)
    return _on_stack(f, f.cast("zext", true, I8))


def _on_stack(f: FunctionWriter, value: Value) -> Value:
    """The address of a value."""
    slot = f.alloca(value.type)
    f.store(value, slot, _SIZES[value.type])
    return slot


# -- what goes out ---------------------------------------------------------------------------------


def _make_outputs(call: _Call) -> None:
    """New arrays for the results; those without axes are computed on the stack at first."""
    f = call.f
    for slot in range(call.slots):
        call.own(NULL, slot)
    for index, type in enumerate(call.entry.outputs):
        data = _new_array(call, type, index) if type.ndim else f.alloca(I64)
        f.store(data, f.address(call.outputs, index, PTR), 8)


def _new_array(call: _Call, type: ArrayType, slot: int) -> Value:
    """The memory of a new ndarray."""
    f = call.f
    dims = f.module.bytes(struct.pack(f"={type.ndim}q", *type.shape))
    number = constant(I32, type.dtype.num)
    zero = constant(I32, 0)
    class_, ndim = f.module.extern("PyArray_Type"), constant(I32, type.ndim)
    arguments = [class_, ndim, dims, number, NULL, NULL, zero, zero, NULL]
    array = call.require_made(f.call("PyArray_New", PTR, arguments))
    call.own(array, slot)
    return call.field(array, layout.ARRAY_DATA)


def _new_scalar(call: _Call, type: ArrayType, slot: int) -> None:
    """NumPy's scalar of the value that an output has on the stack."""
    f, short = call.f, SHORT_NAMES[type.dtype]
    memory_type = _MEMORY_TYPES[short]
    data = f.load(PTR, f.address(call.outputs, slot, PTR), 8)
    value = f.load(memory_type, data, _SIZES[memory_type])
    if type.dtype == BOOL:
        true, false = f.module.extern("numpy.True"), f.module.extern("numpy.False")
        object = f.select(f.compare("ne", value, constant(I8, 0)), true, false)
        f.call("Py_IncRef", "void", [object])
    else:
        class_ = f.module.extern(f"numpy.type.{short}")
        new = f.call(f"numpy.alloc.{short}", PTR, [class_, constant(I64, 0)])
        object = call.require_made(new)
        inside = f.address(object, layout.SCALAR_VALUE, I8)
        f.store(value, inside, _SIZES[memory_type])
    call.own(object, slot)


def _count(tree: Tree) -> int:
    """The number of nodes of a result."""
    match tree:
        case Leaf() | Constant():
            return 1
        case Applied():
            return 1 + _count(tree.child)
        case Group() | Table():
            return 1 + sum(map(_count, tree.children))


def _build_result(call: _Call) -> Value:
    """The result from the outputs: innermost containers first."""
    for index, type in enumerate(call.entry.outputs):
        if not type.ndim:
            _new_scalar(call, type, index)
    slot = _build(call, call.entry.result, iter(_leaf_slots(call)))
    return _owned(call, slot)


def _owned(call: _Call, slot: int) -> Value:
    return call.f.load(PTR, call.f.address(call.owned, slot, PTR), 8)


def _leaf_slots(call: _Call) -> list[int]:
    """For every leaf of the result the place that owns it: a reference for each time it is used."""
    slots: list[int] = []
    for leaf in _leaves(call.entry.result):
        if isinstance(leaf, Leaf) and leaf.output not in slots:
            slots.append(leaf.output)
            continue
        if isinstance(leaf, Leaf):
            object = _owned(call, leaf.output)
        else:
            object = call.record_item(layout.RECORD_OBJECTS, leaf.object)
        slots.append(call.new_slot())
        call.f.call("Py_IncRef", "void", [object])
        call.own(object, slots[-1])
    return slots


def _leaves(tree: Tree) -> list[Leaf | Constant]:
    """The leaves of a result, from left to right."""
    match tree:
        case Leaf() | Constant():
            return [tree]
        case Applied():
            return _leaves(tree.child)
        case Group() | Table():
            return [leaf for child in tree.children for leaf in _leaves(child)]


def _build(call: _Call, tree: Tree, leaf_slots: Iterator[int]) -> int:
    """Make a part of the result; gives the place that owns it."""
    match tree:
        case Leaf() | Constant():
            return next(leaf_slots)
        case Group():
            slots = [_build(call, child, leaf_slots) for child in tree.children]
            return _build_group(call, tree.kind, slots)
        case Table():
            slots = [_build(call, child, leaf_slots) for child in tree.children]
            return _build_table(call, tree.keys, slots)
        case Applied():
            return _apply(call, tree.function, _build(call, tree.child, leaf_slots))


def _build_group(call: _Call, kind: str, children: Sequence[int]) -> int:
    """A tuple or list of what the places own."""
    f, slot = call.f, call.new_slot()
    name = kind.capitalize()
    group = f.call(f"Py{name}_New", PTR, [constant(I64, len(children))])
    call.own(call.require_made(group), slot)
    for index, child in enumerate(children):
        item = _owned(call, child)
        call.give_away(child)
        f.call(f"Py{name}_SetItem", I32, [group, constant(I64, index), item])
    return slot


def _build_table(call: _Call, keys: Sequence[int], children: Sequence[int]) -> int:
    """A dict with the record's keys."""
    f, slot = call.f, call.new_slot()
    table = call.require_made(f.call("PyDict_New", PTR, []))
    call.own(table, slot)
    for key, child in zip(keys, children, strict=True):
        item = _owned(call, child)
        name = call.record_item(layout.RECORD_OBJECTS, key)
        status = f.call("PyDict_SetItem", I32, [table, name, item])
        call.require(f.compare("eq", status, constant(I32, 0)), call.failure)
        call.give_away(child)
        f.call("Py_DecRef", "void", [item])
    return slot


def _apply(call: _Call, function: int, child: int) -> int:
    """What a Python callable makes of a part of the result."""
    f, slot = call.f, call.new_slot()
    argument = _owned(call, child)
    callable = call.record_item(layout.RECORD_OBJECTS, function)
    call.own(call.require_made(f.call("PyObject_CallOneArg", PTR, [callable, argument])), slot)
    call.give_away(child)
    f.call("Py_DecRef", "void", [argument])
    return slot


# -- what happens in between -----------------------------------------------------------------------


def _run(call: _Call) -> None:
    """Run the kernels, with a workspace, perhaps without the interpreter's lock."""
    f, entry = call.f, call.entry
    size = constant(I64, entry.workspace_bytes)
    large = entry.workspace_bytes > STACK_WORKSPACE
    if large:
        block = f.call("pullback.take_workspace", PTR, [f.parameters[4], size])
        call.require_made(block)
        workspace = _aligned(f, block)
    elif entry.workspace_bytes:
        workspace = f.alloca(I8, entry.workspace_bytes, WORKSPACE_ALIGNMENT)
    else:
        workspace, block = NULL, NULL
    status = f.alloca(I64, 2)
    thread = f.call("PyEval_SaveThread", PTR, []) if entry.release_gil else NULL
    site = f.call_known("run", I64, [call.inputs, call.outputs, workspace, status])
    if entry.release_gil:
        f.call("PyEval_RestoreThread", "void", [thread])
    if large:
        f.call("pullback.give_workspace", "void", [f.parameters[4], block, size])
    if entry.sites:
        _raise_at_site(call, site, status)


def _aligned(f: FunctionWriter, block: Value) -> Value:
    """The first aligned address of a block, which has room for it."""
    up = f.address(block, WORKSPACE_ALIGNMENT - 1, I8)
    mask = constant(I64, -WORKSPACE_ALIGNMENT)
    return f.call("llvm.ptrmask.p0.i64", PTR, [up, mask])


def _raise_at_site(call: _Call, number: Value, status: Value) -> None:
    """Raise the exception of the site that the kernels report."""
    f, sites = call.f, call.entry.sites
    following = f.label("fine")
    labels = [f.label("site") for _ in sites]
    cases = " ".join(f"i64 {n}, label %{label}" for n, label in enumerate(labels, 1))
    # Any other number than 0 would be a kernel's fault: it counts as the last site.
    f.line(f"switch {number}, label %{labels[-1]} [ i64 0, label %{following} {cases} ]")
    for label, site in zip(labels, sites, strict=True):
        f.start_block(label)
        _raise(call, site, status)
        f.jump(call.failure)
    f.start_block(following)


def _raise(call: _Call, site: Site, status: Value) -> None:
    """Raise one site's exception; ``{0}`` and ``{1}`` become what stands in the status."""
    f = call.f
    if isinstance(site.exception, str):
        class_ = f.load(PTR, f.module.extern(f"PyExc_{site.exception}"), 8)
    else:
        class_ = call.record_item(layout.RECORD_OBJECTS, site.exception)
    parts = re.split(r"\{([01])\}", site.message)
    text = "%lld".join(part.replace("%", "%%") for part in parts[::2])
    details = [f.load(I64, f.address(status, int(d), I64), 8) for d in parts[1::2]]
    format = f.module.bytes(text.encode() + b"\0")
    arguments = ", ".join(map(str, [class_, format, *details]))
    f.module.declare("PyErr_Format", PTR, [PTR, PTR, "..."])
    f.make(PTR, f"call ptr (ptr, ptr, ...) @PyErr_Format({arguments})")


def _write_failure(call: _Call) -> None:
    """Drop what was made; an exception has been raised."""
    f = call.f
    f.start_block(call.failure)
    f.call("pullback.release", "void", [call.owned, constant(I64, call.slots)])
    f.ret(NULL)


def _write_mismatch(call: _Call) -> None:
    """Let the next record have a try."""
    f = call.f
    self, args, nargsf, kwnames, record = f.parameters
    f.start_block(call.mismatch)
    following = call.field(record, layout.RECORD_NEXT)
    entry = call.field(following, layout.RECORD_ENTRY)
    arguments = ", ".join(map(str, [self, args, nargsf, kwnames, following]))
    f.ret(f.make(PTR, f"musttail call ptr {entry.name}({arguments})"))
