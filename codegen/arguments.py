"""What comes in: checks of arguments and captured values, and where their data is."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from pullback.tracer.types import SHORT_NAMES, ArrayType

from . import layout
from .assembly import I1, I64, PTR, FunctionWriter, Value, constant
from .entry import Argument, Fields, Given, Into, Items, Nothing, Static, arguments_of
from .frame import I8, I32, NULL, SIZES, Frame


def read_arguments(frame: Frame) -> None:
    """Check the arguments and store the addresses of their data."""
    f, entry = frame.f, frame.entry
    first = len(entry.arguments) - len(entry.keywords)
    place = 0
    for index, given in enumerate(entry.arguments):
        at: Value | int = index
        if index >= first:
            name = frame.record_item(layout.RECORD_OBJECTS, entry.keywords[index - first])
            number = f.call("pullback.find_keyword", I64, [f.parameters[3], name])
            frame.require(f.compare("sge", number, constant(I64, 0)), frame.mismatch)
            at = f.add_index(number, first)
        object = f.load(PTR, f.address(f.parameters[1], at, PTR), 8)
        if entry.into and index == len(entry.arguments) - 1:
            frame.into = object
        place = _read_given(frame, object, given, place)


def _read_given(frame: Frame, object: Value, given: Given, place: int, lent: bool = False) -> int:
    """Check one argument, or a part of one; gives the place of the next value."""
    f = frame.f
    match given:
        case Argument():
            if lent:
                frame.lent.append(object)
            _read_value(frame, object, given, place)
            return place + 1
        case Static():
            expected = frame.record_item(layout.RECORD_OBJECTS, given.object)
            frame.require(f.compare("eq", object, expected), frame.mismatch)
        case Nothing():
            none = f.module.extern("_Py_NoneStruct")
            frame.require(f.compare("eq", object, none), frame.mismatch)
        case Into():
            if lent:
                frame.lent.append(object)
            _read_target(frame, object, given.type)
        case Items() | Fields():
            for child, part in _parts(frame, object, given):
                place = _read_given(frame, part, child, place, lent=True)
    return place


def _parts(frame: Frame, object: Value, given: Items | Fields) -> Iterator[tuple[Given, Value]]:
    """The parts of a container, if it is of the right kind and size."""
    f, size = frame.f, constant(I64, len(given.children))
    if isinstance(given, Items):
        _require_type(frame, object, f"Py{given.kind.capitalize()}_Type")
        count = frame.field(object, layout.TUPLE_SIZE, I64)
        frame.require(f.compare("eq", count, size), frame.mismatch)
        first = f.address(object, layout.TUPLE_ITEMS, I8)
        items = first if given.kind == "tuple" else frame.field(object, layout.LIST_ITEMS)
        for index, child in enumerate(given.children):
            yield child, f.load(PTR, f.address(items, index, PTR), 8)
        return
    _require_type(frame, object, "PyDict_Type")
    count = f.call("PyDict_Size", I64, [object])
    frame.require(f.compare("eq", count, size), frame.mismatch)
    for key, child in zip(given.keys, given.children, strict=True):
        name = frame.record_item(layout.RECORD_OBJECTS, key)
        value = f.call("pullback.look_up", PTR, [object, name])
        frame.require(f.compare("ne", value, NULL), frame.mismatch)
        yield child, value


def read_captures(frame: Frame) -> None:
    """The same for what the function refers to outside itself."""
    first = sum(len(arguments_of(a)) for a in frame.entry.arguments)
    for index, capture in enumerate(frame.entry.captures):
        object = frame.record_item(layout.RECORD_CAPTURES, index)
        _read_value(frame, object, capture, first + index)


def _read_value(frame: Frame, object: Value, argument: Argument, place: int) -> None:
    """Check one value and store where its data is."""
    match argument.kind:
        case "array" if argument.type.shape == ():
            data = _read_scalar_or_array(frame, object, argument.type)
        case "array":
            _require_type(frame, object, "PyArray_Type")
            data = _read_array(frame, object, argument.type)
            frame.arrays[place] = object
        case "float":
            _require_type(frame, object, "PyFloat_Type")
            data = frame.f.address(object, layout.FLOAT_VALUE, I8)
        case "complex":
            _require_type(frame, object, "PyComplex_Type")
            data = frame.f.address(object, layout.COMPLEX_VALUE, I8)
        case "int":
            _require_type(frame, object, "PyLong_Type")
            data = _read_int(frame, object)
        case "bool":
            data = _read_bool(frame, object)
    frame.f.store(data, frame.f.address(frame.inputs, place, PTR), 8)
    if argument.kind == "array":
        frame.types[place] = argument.type


def _read_target(frame: Frame, object: Value, type: ArrayType) -> None:
    """Check an array that an output is written to and store where its data is."""
    f = frame.f
    _require_type(frame, object, "PyArray_Type")
    _require_writeable(frame, object)
    data = _read_array(frame, object, type)
    f.store(data, f.address(frame.outputs, frame.written, PTR), 8)
    frame.written += 1


def _require_writeable(frame: Frame, array: Value) -> None:
    flags = frame.field(array, layout.ARRAY_FLAGS, I32)
    writeable = frame.f.op("and", flags, constant(I32, layout.WRITEABLE))
    frame.require(frame.f.compare("ne", writeable, constant(I32, 0)), frame.mismatch)


def require_apart(frame: Frame) -> None:
    """See to it that what is written to shares no memory with what is read, nor with itself."""
    f, entry = frame.f, frame.entry
    targets = [given for _, given in entry.reused]
    for place in targets:
        _require_writeable(frame, frame.arrays[place])
    regions = [(frame.outputs, n, entry.outputs[n]) for n in range(frame.written)]
    regions += [(frame.inputs, place, frame.types[place]) for place in targets]
    count = len(regions)
    if not count:
        return
    regions += [(frame.inputs, n, t) for n, t in frame.types.items() if n not in targets]
    table = f.alloca(PTR, len(regions))
    for number, (addresses, place, _) in enumerate(regions):
        data = f.load(PTR, f.address(addresses, place, PTR), 8)
        f.store(data, f.address(table, number, PTR), 8)
    sizes = f.module.bytes(struct.pack(f"={len(regions)}q", *(t.nbytes for *_, t in regions)))
    numbers = [constant(I64, count), constant(I64, len(regions))]
    apart = f.call("pullback.lie_apart", I1, [table, sizes, *numbers])
    frame.require(apart, frame.mismatch)


def _has_type(frame: Frame, object: Value, symbol: str) -> Value:
    """Whether an object's type is exactly this one."""
    return frame.f.compare("eq", frame.field(object, layout.TYPE), frame.f.module.extern(symbol))


def _require_type(frame: Frame, object: Value, symbol: str) -> None:
    frame.require(_has_type(frame, object, symbol), frame.mismatch)


def _read_array(frame: Frame, object: Value, type: ArrayType) -> Value:
    """The data of an ndarray, if it is as expected."""
    f = frame.f
    _require_dtype(frame, frame.field(object, layout.ARRAY_DESCR), type)
    ndim = frame.field(object, layout.ARRAY_NDIM, I32)
    flags = frame.field(object, layout.ARRAY_FLAGS, I32)
    wanted = constant(I32, layout.C_CONTIGUOUS_AND_ALIGNED)
    plain = f.compare("eq", f.op("and", flags, wanted), wanted)
    right = f.compare("eq", ndim, constant(I32, type.ndim))
    frame.require(f.op("and", plain, right), frame.mismatch)
    if type.ndim:
        dims = frame.field(object, layout.ARRAY_DIMS)
        for axis, extent in enumerate(type.shape):
            dim = f.load(I64, f.address(dims, axis, I64), 8)
            frame.require(f.compare("eq", dim, constant(I64, extent)), frame.mismatch)
    return frame.field(object, layout.ARRAY_DATA)


def _require_dtype(frame: Frame, descr: Value, type: ArrayType) -> None:
    """The usual descriptor of the dtype, or (in arrays that were unpickled) one that equals it."""
    f = frame.f
    unusual, following = f.label("unusual"), f.label("ok")
    usual = f.module.extern(f"numpy.descr.{SHORT_NAMES[type.dtype]}")
    f.branch(f.compare("eq", descr, usual), following, unusual)
    f.start_block(unusual)
    numbers = [constant(I32, n) for n in layout.type_numbers(type.dtype)]
    equal = f.call("pullback.descr_matches", I1, [descr, *numbers])
    f.branch(equal, following, frame.mismatch)
    f.start_block(following)


def _read_scalar_or_array(frame: Frame, object: Value, type: ArrayType) -> Value:
    """The data of NumPy's scalar or of a 0-d array."""
    f = frame.f
    scalar, other, done = f.label("scalar"), f.label("other"), f.label("value")
    f.branch(_has_type(frame, object, f"numpy.type.{SHORT_NAMES[type.dtype]}"), scalar, other)
    f.start_block(scalar)
    inside = f.address(object, layout.SCALAR_VALUE, I8)
    f.jump(done)
    f.start_block(other)
    _require_type(frame, object, "PyArray_Type")
    data = _read_array(frame, object, type)
    end = f.block
    f.jump(done)
    f.start_block(done)
    return f.phi(PTR, [(inside, scalar), (data, end)])


def _read_int(frame: Frame, object: Value) -> Value:
    """The value of a Python int, if it fits in 64 bits."""
    f = frame.f
    overflow = f.alloca(I32, align=4)
    value = f.call("PyLong_AsLongLongAndOverflow", I64, [object, overflow])
    fits = f.compare("eq", f.load(I32, overflow, 4), constant(I32, 0))
    frame.require(fits, frame.mismatch)
    return _on_stack(f, value)


def _read_bool(frame: Frame, object: Value) -> Value:
    """The value of ``True`` or ``False``."""
    f = frame.f
    true = f.compare("eq", object, f.module.extern("_Py_TrueStruct"))
    false = f.compare("eq", object, f.module.extern("_Py_FalseStruct"))
    frame.require(f.op("or", true, false), frame.mismatch)
    return _on_stack(f, f.cast("zext", true, I8))


def _on_stack(f: FunctionWriter, value: Value) -> Value:
    """The address of a value."""
    slot = f.alloca(value.type)
    f.store(value, slot, SIZES[value.type])
    return slot
