"""Where the fields of CPython's, NumPy's and our own objects stand, in bytes from their beginning.

All follow from the size of ``PyObject`` and the published structs; before the first use
``pullback.runtime.native`` compares them with what real objects hold.
"""

from __future__ import annotations

import sys

import numpy as np

from pullback.tracer.types import DType

POINTER = 8
HEADER: int = object.__basicsize__

# Of any object: its type.
TYPE = HEADER - POINTER
# PyFloatObject, PyComplexObject, PyCellObject, NumPy's scalars: what they hold.
FLOAT_VALUE = HEADER
COMPLEX_VALUE = HEADER
CELL_VALUE = HEADER
SCALAR_VALUE = HEADER
# PyTupleObject: how many items, the first item (between them 3.14 has a hash).
TUPLE_SIZE = HEADER
TUPLE_ITEMS: int = tuple.__basicsize__
# PyListObject: the same size, and where the items are.
LIST_ITEMS = HEADER + 8

# PyArrayObject.
ARRAY_DATA = HEADER
ARRAY_NDIM = HEADER + 8
ARRAY_DIMS = HEADER + 16
ARRAY_DESCR = HEADER + 40
ARRAY_FLAGS = HEADER + 48
C_CONTIGUOUS_AND_ALIGNED = 0x0001 | 0x0100
WRITEABLE = 0x0400

# PyArray_Descr.
DESCR_BYTEORDER = HEADER + 10
DESCR_NUMBER = HEADER + 12
FOREIGN_ORDER = ord(">" if sys.byteorder == "little" else "<")

# NativeCallable: what CPython calls, the first Record, the Python callable behind them.
CALLABLE_VECTORCALL = HEADER
CALLABLE_FIRST = HEADER + 8
CALLABLE_SLOW = HEADER + 16

# Record: the entry function, then Python objects: tuples and the next Record.
RECORD_ENTRY = HEADER
RECORD_CAPTURES = HEADER + 8
RECORD_GUARDS = HEADER + 16
RECORD_NEXT = HEADER + 24
RECORD_OBJECTS = HEADER + 32


def type_numbers(dtype: DType) -> tuple[int, int]:
    """The numbers under which NumPy may know a dtype (``long``, ``long long``), or one twice."""
    numbers = [np.dtype(c).num for c in "?bhilqBHILQefdFD" if np.dtype(c) == dtype]
    return numbers[0], numbers[-1]
