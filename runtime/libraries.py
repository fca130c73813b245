"""Addresses of what machine code calls outside itself, by symbol name.

=====================  ===========================================================================
symbol                 what stands at the address
=====================  ===========================================================================
``PyList_New`` ...     a function of CPython's C API
``_Py_NoneStruct`` ... an object of CPython
``PyExc_ValueError``   a variable that points to the exception class
``PyArray_New`` ...    a function or type of NumPy's C API
``numpy.type.f64``     the type object of NumPy's scalars of a dtype
``numpy.alloc.f64``    that type's allocator, ``tp_alloc``
``numpy.descr.f64``    the descriptor of native arrays of a dtype
``numpy.True``         NumPy's scalar; likewise ``numpy.False``
``numpy.LinAlgError``  the exception class
``pullback.absent``    the marker of a name that does not exist
``pullback.traces_under_way``  how many traces are under way, an i64
``pullback.workspaces``  what waits of workspaces (``codegen/workspaces.py``)
``pullback.share_parts``  the function that has threads share a loop
``pullback.slow`` ...  a function that all entry points share (``codegen/support.py``)
``per_lane.sin.1.f64`` a function that goes through the lanes (``codegen/math/per_lane.py``)
``math.sin.1.f64``     an elementary function that programs share (``codegen/math/shared.py``)
``blas.dgemm`` ...     a routine of BLAS with Fortran's calling convention; integers in 64 bits
``lapack.dpotrf`` ...  a routine of LAPACK with Fortran's calling convention
``pocketfft.fft.f64``  a loop of NumPy's Fourier transforms; ``pocketfft.fft.data`` what it is given
``special.gammainc``   a function of SciPy that takes doubles, and an int that is to be 0
``__truncsfhf2`` ...   conversions of half precision where the machine has no instructions for them
``memcpy``, ``sin``    a function of the C library
=====================  ===========================================================================
"""

from __future__ import annotations

import ctypes
import importlib
import re
import sys
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final

import numpy as np

from pullback.codegen.names import HALF_CALLS
from pullback.tracer.trace import under_way
from pullback.tracer.types import DTYPES

from .errors import InternalError
from .pocketfft import loop_address
from .target import converts_half, host

# Places in the table of NumPy's C API, which its binary compatibility keeps fixed
# (numpy/_core/include/numpy/__multiarray_api.h).
NUMPY_API: dict[str, int] = {
    "PyArray_Type": 2,
    "PyArrayDescr_Type": 3,
    "PyArray_DescrFromType": 45,
    "PyArray_Scalar": 60,
    "PyArray_Return": 76,
    "PyArray_New": 93,
    "PyArray_NewFromDescr": 94,
}
# Stands for the object that a name means which does not exist.
ABSENT: Final = object()
TP_ALLOC = 47  # Py_tp_alloc in CPython's typeslots.h


def resolve(symbols: Iterable[str]) -> dict[str, int]:
    """The addresses of external symbols.

    Raises:
        InternalError: when nothing of the name is known.
    """
    return {symbol: address(symbol) for symbol in symbols}


def implied() -> tuple[str, ...]:
    """What code may call on this machine that neither its text nor the C library has."""
    return () if converts_half(host()) else tuple(HALF_CALLS)


@cache
def address(symbol: str) -> int:
    """The address of one external symbol."""
    family, _, name = symbol.partition(".")
    try:
        if name:
            return _FAMILIES[family](name)
        if symbol in NUMPY_API:
            return _numpy_table()[NUMPY_API[symbol]] or 0
        if symbol in HALF_CALLS:
            return address(HALF_CALLS[symbol])
        library = ctypes.pythonapi if symbol.startswith(("Py", "_Py")) else _process()
        return _exported(library, symbol)
    except (KeyError, AttributeError, ValueError) as error:
        message = f"machine code asks for {symbol!r}, of which no address is known"
        raise InternalError(message) from error


def _exported(library: ctypes.CDLL, name: str) -> int:
    """Address of a function or variable that a shared library exports."""
    return ctypes.addressof(ctypes.c_char.in_dll(library, name))


@cache
def _process() -> ctypes.CDLL:
    """The C library."""
    return ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)


def _capsule_pointer(capsule: Any) -> int:
    """What a capsule points to, whatever its name."""
    get_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", ctypes.pythonapi)
    )
    pointer: int = get_pointer(capsule, _name(capsule))
    return pointer


def _name(capsule: Any) -> bytes | None:
    """The name of a capsule, None if it has none."""
    get_name = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(
        ("PyCapsule_GetName", ctypes.pythonapi)
    )
    name: bytes | None = get_name(capsule)
    return name


@cache
def _numpy_table() -> Any:
    """NumPy's C API: an array of pointers."""
    module = importlib.import_module("numpy._core._multiarray_umath")
    return (ctypes.c_void_p * 400).from_address(_capsule_pointer(module._ARRAY_API))


def _numpy(name: str) -> int:
    """Objects of NumPy; ``id`` is an object's address in CPython."""
    kind, _, dtype = name.partition(".")
    match kind:
        case "True":
            return id(np.True_)
        case "False":
            return id(np.False_)
        case "LinAlgError":
            return id(np.linalg.LinAlgError)
        case "descr":
            return id(np.dtype(DTYPES[dtype].char))
        case "type":
            return id(DTYPES[dtype].type)
        case "alloc":
            get_slot = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_int)(
                ("PyType_GetSlot", ctypes.pythonapi)
            )
            slot: int = get_slot(DTYPES[dtype].type, TP_ALLOC)
            return slot
        case _:
            raise KeyError(name)


def _routine(module: str) -> Callable[[str], int]:
    """Addresses among the routines that a Cython module of SciPy exports."""

    def find(name: str) -> int:
        routines = importlib.import_module(module).__pyx_capi__
        return _capsule_pointer(routines[name])

    return find


def _blas(name: str) -> int:
    """A routine of BLAS: of the library that NumPy has loaded, else of SciPy's.

    NumPy's counts in 64 bits and SciPy's in 32. Machine code gives each number in 64 bits, of which
    little-endian machines have the lower half in front.
    """
    try:
        if sys.byteorder == "little":
            return _exported(_numpy_library(), f"scipy_{name}_64_")
    except (OSError, ValueError):
        pass
    return _routine("scipy.linalg.cython_blas")(name)


@cache
def _numpy_library() -> ctypes.CDLL:
    """NumPy's extension module: names are looked for in the libraries that it needs, too."""
    module = importlib.import_module("numpy._core._multiarray_umath")
    return ctypes.CDLL(module.__file__)


def _special(name: str) -> int:
    """A function of ``scipy.special`` on doubles; of functions on several types, that variant."""
    exported = importlib.import_module("scipy.special.cython_special").__pyx_capi__
    variant = re.compile(rf"(__pyx_fuse_\d+)?{re.escape(name)}")
    found = [f for key, f in exported.items() if variant.fullmatch(key) and _takes_doubles(f)]
    (capsule,) = found
    return _capsule_pointer(capsule)


def _takes_doubles(capsule: Any) -> bool:
    """Whether a function that Cython exports, named by its signature, takes and gives doubles."""
    signature = rb"double \((double, )+int __pyx_skip_dispatch\)"
    return re.fullmatch(signature, _name(capsule) or b"") is not None


def _pullback(name: str) -> int:
    """What is ours."""
    if name == "absent":
        return id(ABSENT)
    if name == "traces_under_way":
        return int(under_way.ctypes.data)
    if name == "share_parts":
        from .threads import pool

        return pool().address(f"pullback.{name}")
    from .support import support, workspaces

    if name == "workspaces":
        return int(workspaces.ctypes.data)
    return support().address(f"pullback.{name}")


def _per_lane(name: str) -> int:
    from .support import per_lane

    symbol = f"per_lane.{name}"
    return per_lane(symbol).address(symbol)


def _math(name: str) -> int:
    from .support import elementary

    symbol = f"math.{name}"
    return elementary(symbol).address(symbol)


_FAMILIES: dict[str, Callable[[str], int]] = {
    "numpy": _numpy,
    "pullback": _pullback,
    "per_lane": _per_lane,
    "math": _math,
    "blas": _blas,
    "pocketfft": loop_address,
    "lapack": _routine("scipy.linalg.cython_lapack"),
    "special": _special,
}
