"""Addresses of the loops behind `numpy.fft`: pocketfft, as compiled into NumPy.

The transforms are generalised ufuncs, whose objects hold the addresses of their loops
(``PyUFuncObject`` in ``numpy/ufuncobject.h``, part of NumPy's binary interface). A loop needs no
Python: it takes the addresses of its arrays, counts and strides.
"""

from __future__ import annotations

import ctypes
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

NAMES = ("fft", "ifft", "rfft_n_even", "rfft_n_odd", "irfft")


class _UFunc(ctypes.Structure):
    _fields_ = (
        ("head", ctypes.c_byte * object.__basicsize__),
        ("nin", ctypes.c_int),
        ("nout", ctypes.c_int),
        ("nargs", ctypes.c_int),
        ("identity", ctypes.c_int),
        ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("ntypes", ctypes.c_int),
        ("reserved1", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("types", ctypes.POINTER(ctypes.c_byte)),
    )


_Loop = ctypes.CFUNCTYPE(None, *([ctypes.c_void_p] * 4))


def loop_address(name: str) -> int:
    """The loop ``fft.f64`` for a ufunc and a precision, or ``fft.data``, what its loops are given.

    Raises:
        NotImplementedError: when NumPy is built differently from what is known.
    """
    ufunc, _, what = name.partition(".")
    loops, data = _loops()[ufunc]
    return data if what == "data" else loops[what]


@cache
def _loops() -> dict[str, tuple[dict[str, int], int]]:
    """For each ufunc its loops by precision, and their data; each has been tried."""
    module = import_module("numpy.fft._pocketfft_umath")
    found = {name: _read(getattr(module, name), name) for name in NAMES}
    for name, (loops, data) in found.items():
        _try(getattr(module, name), loops["f64"], data)
    return found


def _read(ufunc: Any, name: str) -> tuple[dict[str, int], int]:
    fields = _UFunc.from_address(id(ufunc))
    if (fields.nin, fields.nout, fields.nargs) != (2, 1, 3) or fields.ntypes != ufunc.ntypes:
        raise _unknown(name)
    if fields.name != name.encode():
        raise _unknown(name)
    loops: dict[str, int] = {}
    for number, signature in enumerate(ufunc.types):
        letters = signature.replace("->", "")
        if [fields.types[3 * number + i] for i in range(3)] != [np.dtype(c).num for c in letters]:
            raise _unknown(name)
        precision = {"f": "f32", "d": "f64"}.get(letters[1])
        address = fields.functions[number]
        if precision is not None and address is not None:
            loops[precision] = address
    if loops.keys() != {"f32", "f64"}:
        raise _unknown(name)
    return loops, (fields.data[0] or 0) if fields.data else 0


def _try(ufunc: Any, loop: int, data: int) -> None:
    """Compare a short transform with the ufunc's own."""
    first, _, last = ufunc.types[0].replace("->", "")
    size = 7 if ufunc.__name__ == "rfft_n_odd" else 8
    count = 5 if first == "D" and last == "d" else size
    length = size // 2 + 1 if first == "d" else size
    x = np.sqrt(np.arange(1.0, count + 1)).astype(first)
    factor, wanted, got = np.array(0.5), np.empty(length, last), np.empty(length, last)
    ufunc(x, factor, wanted)
    args = (ctypes.c_void_p * 3)(*(a.ctypes.data for a in (x, factor, got)))
    dimensions = (ctypes.c_ssize_t * 3)(1, count, length)
    steps = (ctypes.c_ssize_t * 5)(x.nbytes, 0, got.nbytes, x.itemsize, got.itemsize)
    _Loop(loop)(args, dimensions, steps, data)
    if not np.array_equal(got, wanted):
        raise _unknown(ufunc.__name__)


def _unknown(name: str) -> NotImplementedError:
    return NotImplementedError(f"this build of NumPy keeps the loops of its {name} differently")
