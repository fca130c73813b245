"""What comes in: checks of arguments and captured values, and where their data is."""

from __future__ import annotations

from pullback.tracer.types import SHORT_NAMES, ArrayType

from . import layout
from .assembly import I1, I64, PTR, FunctionWriter, Value, constant
from .entry import Argument, Static
from .frame import I8, I32, SIZES, Frame


def read_arguments(frame: Frame) -> None:
    """Check the arguments and store the addresses of their data."""
    f = frame.f
    place = 0
    for index, argument in enumerate(frame.entry.arguments):
        object = f.load(PTR, f.address(f.parameters[1], index, PTR), 8)
        if isinstance(argument, Static):
            expected = frame.record_item(layout.RECORD_OBJECTS, argument.object)
            frame.require(f.compare("eq", object, expected), frame.mismatch)
        else:
            _read_value(frame, object, argument, place)
            place += 1


def read_captures(frame: Frame) -> None:
    """The same for what the function refers to outside itself."""
    first = sum(isinstance(a, Argument) for a in frame.entry.arguments)
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
