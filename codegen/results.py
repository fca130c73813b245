"""What goes out: new arrays and scalars, and the containers that hold them."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from pullback.tracer.types import BOOL, SHORT_NAMES, ArrayType, is_complex

from . import layout
from .assembly import I64, PTR, Value, constant
from .elements import memory_element
from .entry import Applied, Constant, Group, Leaf, Table, Tree, leaves_of
from .frame import I8, I32, NULL, SIZES, Frame


def make_outputs(frame: Frame) -> None:
    """Arrays for the results, but for those that have been given one.

    They are new, or donated by the caller; those without axes are computed on the stack at first.
    """
    f = frame.f
    for slot in range(frame.slots):
        frame.own(NULL, slot)
    if frame.entry.into:
        return
    reused = dict(frame.entry.reused)
    for index, type in enumerate(frame.entry.outputs):
        words = -(-type.dtype.itemsize // 8)
        if index in reused:
            data = _given_array(frame, reused[index], index)
        else:
            data = _new_array(frame, type, index) if type.ndim else f.alloca(I64, words)
        f.store(data, f.address(frame.outputs, index, PTR), 8)


def _given_array(frame: Frame, place: int, slot: int) -> Value:
    """The memory of an argument that the result may lie in."""
    array = frame.arrays[place]
    frame.f.call("Py_IncRef", "void", [array])
    frame.own(array, slot)
    return frame.f.load(PTR, frame.f.address(frame.inputs, place, PTR), 8)


def _new_array(frame: Frame, type: ArrayType, slot: int) -> Value:
    """The memory of a new ndarray."""
    f = frame.f
    dims = f.module.bytes(struct.pack(f"={type.ndim}q", *type.shape))
    number = constant(I32, type.dtype.num)
    zero = constant(I32, 0)
    class_, ndim = f.module.extern("PyArray_Type"), constant(I32, type.ndim)
    arguments = [class_, ndim, dims, number, NULL, NULL, zero, zero, NULL]
    array = frame.require_made(f.call("PyArray_New", PTR, arguments))
    frame.own(array, slot)
    return frame.field(array, layout.ARRAY_DATA)


def _new_scalar(frame: Frame, type: ArrayType, slot: int) -> None:
    """NumPy's scalar of the value that an output has on the stack."""
    f, short = frame.f, SHORT_NAMES[type.dtype]
    # A complex number is moved as the bits that it has.
    bits = f"i{8 * type.dtype.itemsize}"
    memory_type = bits if is_complex(type.dtype) else memory_element(type.dtype)
    data = f.load(PTR, f.address(frame.outputs, slot, PTR), 8)
    value = f.load(memory_type, data, SIZES[memory_type])
    if type.dtype == BOOL:
        true, false = f.module.extern("numpy.True"), f.module.extern("numpy.False")
        object = f.select(f.compare("ne", value, constant(I8, 0)), true, false)
        f.call("Py_IncRef", "void", [object])
    else:
        class_ = f.module.extern(f"numpy.type.{short}")
        new = f.call(f"numpy.alloc.{short}", PTR, [class_, constant(I64, 0)])
        object = frame.require_made(new)
        inside = f.address(object, layout.SCALAR_VALUE, I8)
        f.store(value, inside, SIZES[memory_type])
    frame.own(object, slot)


def build_result(frame: Frame) -> Value:
    """The result from the outputs: innermost containers first."""
    if frame.entry.into:
        frame.f.call("Py_IncRef", "void", [frame.into])
        return frame.into
    for index, type in enumerate(frame.entry.outputs):
        if not type.ndim:
            _new_scalar(frame, type, index)
    slot = _build(frame, frame.entry.result, iter(_leaf_slots(frame)))
    return owned(frame, slot)


def owned(frame: Frame, slot: int) -> Value:
    return frame.f.load(PTR, frame.f.address(frame.owned, slot, PTR), 8)


def _leaf_slots(frame: Frame) -> list[int]:
    """For every leaf of the result the place that owns it: a reference for each time it is used."""
    slots: list[int] = []
    for leaf in leaves_of(frame.entry.result):
        if isinstance(leaf, Leaf) and leaf.output not in slots:
            slots.append(leaf.output)
            continue
        if isinstance(leaf, Leaf):
            object = owned(frame, leaf.output)
        else:
            object = frame.record_item(layout.RECORD_OBJECTS, leaf.object)
        slots.append(frame.new_slot())
        frame.f.call("Py_IncRef", "void", [object])
        frame.own(object, slots[-1])
    return slots


def _build(frame: Frame, tree: Tree, leaf_slots: Iterator[int]) -> int:
    """Make a part of the result; gives the place that owns it."""
    match tree:
        case Leaf() | Constant():
            return next(leaf_slots)
        case Group():
            slots = [_build(frame, child, leaf_slots) for child in tree.children]
            return _build_group(frame, tree.kind, slots)
        case Table():
            slots = [_build(frame, child, leaf_slots) for child in tree.children]
            return _build_table(frame, tree.keys, slots)
        case Applied():
            return _apply(frame, tree.function, _build(frame, tree.child, leaf_slots))


def _build_group(frame: Frame, kind: str, children: Sequence[int]) -> int:
    """A tuple or list of what the places own."""
    f, slot = frame.f, frame.new_slot()
    name = kind.capitalize()
    group = f.call(f"Py{name}_New", PTR, [constant(I64, len(children))])
    frame.own(frame.require_made(group), slot)
    for index, child in enumerate(children):
        item = owned(frame, child)
        frame.give_away(child)
        f.call(f"Py{name}_SetItem", I32, [group, constant(I64, index), item])
    return slot


def _build_table(frame: Frame, keys: Sequence[int], children: Sequence[int]) -> int:
    """A dict with the record's keys."""
    f, slot = frame.f, frame.new_slot()
    table = frame.require_made(f.call("PyDict_New", PTR, []))
    frame.own(table, slot)
    for key, child in zip(keys, children, strict=True):
        item = owned(frame, child)
        name = frame.record_item(layout.RECORD_OBJECTS, key)
        status = f.call("PyDict_SetItem", I32, [table, name, item])
        frame.require(f.compare("eq", status, constant(I32, 0)), frame.failure)
        frame.give_away(child)
        f.call("Py_DecRef", "void", [item])
    return slot


def _apply(frame: Frame, function: int, child: int) -> int:
    """What a Python callable makes of a part of the result."""
    f, slot = frame.f, frame.new_slot()
    argument = owned(frame, child)
    callable = frame.record_item(layout.RECORD_OBJECTS, function)
    frame.own(frame.require_made(f.call("PyObject_CallOneArg", PTR, [callable, argument])), slot)
    frame.give_away(child)
    f.call("Py_DecRef", "void", [argument])
    return slot
