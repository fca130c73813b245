"""The Python type whose instances CPython calls straight into machine code.

An instance holds a pointer to the dispatching code (CPython's vectorcall protocol), the first
``Record`` of a chain and the Python callable behind it. A record holds the entry point of one
specialisation and what belongs to this function alone. Both classes are ordinary Python classes
with ``__slots__``, which CPython counts references to and collects, on top of a base type that
reserves the bytes of the pointers: so a new chain appears in one step, and what a running call
needs cannot vanish under it.
"""

from __future__ import annotations

import ctypes
import struct
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from types import CellType, MethodType
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np

from pullback.codegen import layout
from pullback.codegen.entry import Constant, Entry, objects_needed
from pullback.codegen.names import DISPATCH, DISPATCH_UNLESS_TRACING, SLOW
from pullback.tracer.types import DTYPES

from .libraries import ABSENT
from .link import Linked
from .support import support

TPFLAGS_BASETYPE = 1 << 10
TPFLAGS_HAVE_VECTORCALL = 1 << 11
TP_MEMBERS = 72
T_PYSSIZET, READONLY = 19, 1
# tp_flags follows PyVarObject's header (of three words here) and eighteen pointers or sizes.
TYPE_FLAGS = layout.HEADER + 152


class _Slot(ctypes.Structure):
    _fields_ = (("slot", ctypes.c_int), ("value", ctypes.c_void_p))


class _Member(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("offset", ctypes.c_ssize_t),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _Spec(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("basicsize", ctypes.c_int),
        ("itemsize", ctypes.c_int),
        ("flags", ctypes.c_uint),
        ("slots", ctypes.POINTER(_Slot)),
    )


__all__ = ["ABSENT", "Guard", "NativeCallable", "Record", "Specialisation"]

_kept_alive: list[object] = []


def _base_type(name: str, size: int, vectorcall: int | None) -> Any:
    """A type whose instances have so many bytes, zero at first.

    At the offset ``vectorcall`` stands the function by which CPython calls an instance.
    """
    members = (_Member * 2)()
    if vectorcall is not None:
        members[0] = _Member(b"__vectorcalloffset__", T_PYSSIZET, vectorcall, READONLY, None)
    slots = (_Slot * 2)(_Slot(TP_MEMBERS, ctypes.addressof(members)))
    qualified = f"{__name__}.{name}".encode()
    flags = TPFLAGS_BASETYPE | (TPFLAGS_HAVE_VECTORCALL if vectorcall is not None else 0)
    spec = _Spec(qualified, size, 0, flags, slots)
    _kept_alive.append((members, slots, spec))
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.POINTER(_Spec))
    return make(("PyType_FromSpec", ctypes.pythonapi))(ctypes.byref(spec))


if TYPE_CHECKING:
    # To type checkers: plain classes.
    class _CallableBytes: ...

    class _RecordBytes: ...
else:
    _CallableBytes = _base_type("_CallableBytes", layout.CALLABLE_FIRST, layout.CALLABLE_VECTORCALL)
    _RecordBytes = _base_type("_RecordBytes", layout.RECORD_CAPTURES, None)


@dataclass(frozen=True, eq=False)
class Guard:
    """A name that must mean the same as when the function was traced.

    ``container`` is a dict and ``key`` the name in it; or a closure's cell, and ``key`` is None.
    ``expected`` is the very object found there; ``ABSENT`` if there was none.
    """

    container: dict[str, Any] | CellType
    key: str | None
    expected: object

    def find(self) -> object:
        """What the name means now."""
        if isinstance(self.container, dict):
            return self.container.get(str(self.key), ABSENT)
        try:
            return self.container.cell_contents
        except ValueError:
            return ABSENT


@dataclass(frozen=True, eq=False)
class Specialisation:
    """Machine code for one signature, with what it needs of one function.

    ``captures`` are the objects of the entry's captures, ``objects`` those that the entry refers
    to by index.
    """

    code: Linked
    entry: Entry
    captures: tuple[object, ...] = ()
    guards: tuple[Guard, ...] = ()
    objects: tuple[object, ...] = ()
    name: str = "entry"

    def __post_init__(self) -> None:
        assert len(self.captures) == len(self.entry.captures), self
        assert len(self.objects) >= objects_needed(self.entry), self
        assert self.entry.guarded or not self.guards, self


class _RecordSlots(_RecordBytes):
    """The fields of a record that are Python objects: they stand in alphabetical order."""

    __slots__ = ("captures", "guards", "next", "objects")

    captures: tuple[object, ...]
    guards: tuple[object, ...]
    next: Record | None
    objects: tuple[object, ...]


class Record(_RecordSlots):
    """One link of the chain of specialisations, as machine code reads it. It never changes."""

    __slots__ = ("__weakref__", "_code")

    def __init__(self, specialisation: Specialisation, next: Record | None) -> None:
        guards = [(g.container, _interned(g.key), g.expected) for g in specialisation.guards]
        self._code: Linked = specialisation.code
        self.captures = specialisation.captures
        self.guards = tuple([item for guard in guards for item in guard])
        self.next = next
        self.objects = specialisation.objects
        _write(self, layout.RECORD_ENTRY, self._code.address(specialisation.name))


class _CallableSlots(_CallableBytes):
    """The fields of a callable that are Python objects: they stand in alphabetical order."""

    __slots__ = ("_first", "_slow")

    _first: Record
    _slow: Callable[..., Any]


class NativeCallable(_CallableSlots):
    """A callable whose calls go into machine code: the base class of compiled functions.

    A new one calls nothing; ``set_slow`` gives it a Python callable, and ``set_chain`` machine code
    to try before that.
    """

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        """Let CPython call instances through their pointer.

        Python classes do not inherit this before 3.12, and from then on only as long as they have
        no ``__call__`` in Python; ours serves instances that have no machine code yet, and means
        the same.
        """
        super().__init_subclass__()
        if cls.__call__ is NativeCallable.__call__:
            flags = _type_flags(cls)
            if flags.value == cls.__flags__:
                flags.value |= TPFLAGS_HAVE_VECTORCALL

    def set_slow(self, slow: Callable[..., Any]) -> None:
        """The Python callable that gets the calls which no machine code is made for."""
        if not callable(slow):
            raise TypeError(f"{slow!r} is not callable")
        _set_slow(self, slow)

    def set_chain(
        self, specialisations: Sequence[Specialisation], unless_tracing: bool = False
    ) -> None:
        """The machine code to try, in this order, in place of what was tried so far.

        With ``unless_tracing``, the Python callable gets the calls while any thread traces.
        """
        record = _last_record()
        for specialisation in reversed(specialisations):
            record = Record(specialisation, record)
        _set_first(self, record)
        dispatch = DISPATCH_UNLESS_TRACING if unless_tracing else DISPATCH
        _write(self, layout.CALLABLE_VECTORCALL, support().address(dispatch))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        slow = _get_slow(self)
        if slow is None:
            raise TypeError("this function has not been initialised")
        return slow(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __copy__(self) -> NativeCallable:
        return self

    def __deepcopy__(self, memo: object) -> NativeCallable:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("compiled functions cannot be pickled; pickle the Python function")


def _take_descriptor(name: str) -> Any:
    """What reads and writes a slot; hidden from everyone else, since machine code relies on it."""
    descriptor = vars(_CallableSlots)[name]
    delattr(_CallableSlots, name)
    return descriptor


_first: Final = _take_descriptor("_first")
_slow: Final = _take_descriptor("_slow")


def _set_first(function: NativeCallable, record: Record) -> None:
    _first.__set__(function, record)


def _set_slow(function: NativeCallable, slow: Callable[..., Any]) -> None:
    _slow.__set__(function, slow)


def _get_slow(function: NativeCallable) -> Callable[..., Any] | None:
    try:
        found: Callable[..., Any] = _slow.__get__(function)
    except AttributeError:
        return None
    return found


def _interned(key: str | None) -> str | None:
    """The one string of its text, which dicts find fastest."""
    return sys.intern(key) if type(key) is str else key


def _type_flags(cls: type) -> ctypes.c_ulong:
    return ctypes.c_ulong.from_address(id(cls) + TYPE_FLAGS)


def _read(object: object, offset: int) -> int:
    return ctypes.c_void_p.from_address(id(object) + offset).value or 0


def _write(object: object, offset: int, value: int) -> None:
    ctypes.c_void_p.from_address(id(object) + offset).value = value


@cache
def _last_record() -> Record:
    """The end of every chain: to Python."""
    _check_interpreter()
    entry = Entry((), (), Constant(0))
    return Record(Specialisation(support(), entry, objects=(None,), name=SLOW), None)


def _check_interpreter() -> None:
    """Compare what ``codegen.layout`` says with real objects.

    Raises:
        NotImplementedError: on a build of Python that machine code cannot work with yet.
    """
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise NotImplementedError("free-threaded builds of Python are not supported yet")
    wrong = [name for name, found, expected in _probes() if found != expected]
    if wrong or struct.calcsize("P") != layout.POINTER:
        raise NotImplementedError(f"this build of Python or NumPy lays out {wrong} differently")


def _probes() -> Iterator[tuple[str, object, object]]:
    """What is where, what is found there, and what should be."""
    array = np.zeros((3, 5), np.float32)
    yield "type flags", _type_flags(NativeCallable).value, NativeCallable.__flags__
    yield "type", _read(array, layout.TYPE), id(np.ndarray)
    yield "array data", _read(array, layout.ARRAY_DATA), array.ctypes.data
    yield "array ndim", _read_int(array, layout.ARRAY_NDIM), array.ndim
    dims = (ctypes.c_ssize_t * 2).from_address(_read(array, layout.ARRAY_DIMS))
    yield "array dims", tuple(dims), array.shape
    yield "array descr", _read(array, layout.ARRAY_DESCR), id(array.dtype)
    yield "array flags", _read_int(array, layout.ARRAY_FLAGS), array.flags.num
    swapped = array.dtype.newbyteorder()
    yield "descr number", _read_int(swapped, layout.DESCR_NUMBER), swapped.num
    order = ctypes.c_ubyte.from_address(id(swapped) + layout.DESCR_BYTEORDER).value
    yield "descr byte order", order, layout.FOREIGN_ORDER
    number = 1.5
    yield "float", ctypes.c_double.from_address(id(number) + layout.FLOAT_VALUE).value, number
    pair = 1.5 - 2.5j
    held = (ctypes.c_double * 2).from_address(id(pair) + layout.COMPLEX_VALUE)
    yield "complex", tuple(held), (pair.real, pair.imag)
    for dtype in DTYPES.values():
        scalar = dtype.type(1)
        inside = ctypes.string_at(id(scalar) + layout.SCALAR_VALUE, dtype.itemsize)
        yield f"{dtype} scalar", inside, scalar.tobytes()
    cell, items = CellType(array), (None, array)
    yield "cell", _read(cell, layout.CELL_VALUE), id(array)
    yield "tuple", _read(items, layout.TUPLE_ITEMS + layout.POINTER), id(array)
    yield "tuple size", _read(items, layout.TUPLE_SIZE), len(items)
    several = [None, array]
    first = ctypes.c_void_p.from_address(_read(several, layout.LIST_ITEMS) + layout.POINTER)
    yield "list", (first.value, _read(several, layout.TUPLE_SIZE)), (id(array), len(several))
    yield from _slot_probes()


def _slot_probes() -> Iterator[tuple[str, object, object]]:
    """The same for our own types."""
    record = Record.__new__(Record)
    record.captures, record.guards, record.objects = (0, 1), (2, 3), (4, 5)
    record.next = record
    yield "captures", _read(record, layout.RECORD_CAPTURES), id(record.captures)
    yield "guards", _read(record, layout.RECORD_GUARDS), id(record.guards)
    yield "next", _read(record, layout.RECORD_NEXT), id(record)
    yield "objects", _read(record, layout.RECORD_OBJECTS), id(record.objects)
    record.next = None
    function = NativeCallable()
    _set_first(function, record)
    _set_slow(function, print)
    yield "first", _read(function, layout.CALLABLE_FIRST), id(record)
    yield "slow", _read(function, layout.CALLABLE_SLOW), id(print)


def _read_int(object: object, offset: int) -> int:
    return ctypes.c_int.from_address(id(object) + offset).value
