"""Array types: what the compiler knows of a value before it runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

import numpy as np

DType: TypeAlias = "np.dtype[Any]"
Shape: TypeAlias = tuple[int, ...]

BOOL: DType = np.dtype(np.bool_)
INT8: DType = np.dtype(np.int8)
INT16: DType = np.dtype(np.int16)
INT32: DType = np.dtype(np.int32)
INT64: DType = np.dtype(np.int64)
UINT8: DType = np.dtype(np.uint8)
UINT16: DType = np.dtype(np.uint16)
UINT32: DType = np.dtype(np.uint32)
UINT64: DType = np.dtype(np.uint64)
FLOAT16: DType = np.dtype(np.float16)
FLOAT32: DType = np.dtype(np.float32)
FLOAT64: DType = np.dtype(np.float64)
COMPLEX64: DType = np.dtype(np.complex64)
COMPLEX128: DType = np.dtype(np.complex128)

SHORT_NAMES: dict[DType, str] = {
    BOOL: "bool",
    INT8: "i8",
    INT16: "i16",
    INT32: "i32",
    INT64: "i64",
    UINT8: "u8",
    UINT16: "u16",
    UINT32: "u32",
    UINT64: "u64",
    FLOAT16: "f16",
    FLOAT32: "f32",
    FLOAT64: "f64",
    COMPLEX64: "c64",
    COMPLEX128: "c128",
}
DTYPES: dict[str, DType] = {name: dtype for dtype, name in SHORT_NAMES.items()}


def supported_names() -> str:
    """The dtypes that can be compiled, for messages."""
    *names, last = (str(dtype) for dtype in SHORT_NAMES)
    return f"{', '.join(names)} and {last}"


ANY = -1
"""The extent of the first axis of a stack: what a loop of unknown length keeps for another one."""


@dataclass(frozen=True)
class ArrayType:
    """Shape and dtype of an array; printed as ``f64[5,3]``."""

    shape: Shape
    dtype: DType

    @cached_property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of a contiguous array of this type."""
        return self.size * self.dtype.itemsize

    def with_shape(self, shape: Shape) -> ArrayType:
        """The same dtype in another shape."""
        return ArrayType(shape, self.dtype)

    def with_dtype(self, dtype: DType) -> ArrayType:
        """The same shape of another dtype."""
        return ArrayType(self.shape, dtype)

    @property
    def is_stack(self) -> bool:
        """Whether it is known only at run time how many entries there are."""
        return self.shape[:1] == (ANY,)

    def stacked(self, length: int | None) -> ArrayType:
        """That of so many values of this type along a new first axis."""
        return self.with_shape((ANY if length is None else length, *self.shape))

    def __str__(self) -> str:
        extents = ("?" if n == ANY else str(n) for n in self.shape)
        return f"{SHORT_NAMES[self.dtype]}[{','.join(extents)}]"


def scalar(dtype: DType) -> ArrayType:
    """The 0-d type of a dtype."""
    return ArrayType((), dtype)


@lru_cache(maxsize=256)
def supported(dtype: DType) -> bool:
    """Whether arrays of this dtype (in native byte order) can be compiled."""
    return dtype in SHORT_NAMES and dtype.isnative


@lru_cache(maxsize=256)
def is_float(dtype: DType) -> bool:
    """Whether values of the dtype are real floating-point numbers."""
    return dtype.kind == "f"


@lru_cache(maxsize=256)
def is_complex(dtype: DType) -> bool:
    """Whether values of the dtype are complex numbers."""
    return dtype.kind == "c"


@lru_cache(maxsize=256)
def is_inexact(dtype: DType) -> bool:
    """Whether values of the dtype can carry derivatives: real and complex floating-point."""
    return dtype.kind in "fc"


@lru_cache(maxsize=256)
def real_dtype(dtype: DType) -> DType:
    """The dtype of the parts of a complex number; any other dtype itself."""
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


@lru_cache(maxsize=256)
def complex_dtype(dtype: DType) -> DType:
    """The complex dtype whose parts have this floating dtype; a complex one itself."""
    return dtype if dtype.kind == "c" else np.dtype(f"c{2 * dtype.itemsize}")


@lru_cache(maxsize=256)
def is_integer(dtype: DType) -> bool:
    """Whether the dtype is an integer, signed or not."""
    return dtype.kind in "iu"


@lru_cache(maxsize=256)
def is_unsigned(dtype: DType) -> bool:
    """Whether the dtype's values are never negative: unsigned integers, and bool."""
    return dtype.kind in "ub"


@lru_cache(maxsize=4096)
def row_major_strides(shape: Shape) -> Shape:
    """Strides, in elements, of a C-contiguous array."""
    strides: list[int] = []
    step = 1
    for extent in reversed(shape):
        strides.append(step)
        step *= extent
    return tuple(reversed(strides))


def normalize_axis(axis: int, ndim: int) -> int:
    """A non-negative axis number.

    Raises:
        numpy.exceptions.AxisError: when the axis is out of bounds.
    """
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis % ndim


def normalize_axes(axis: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    """Sorted, non-negative axes; ``None`` means all of them."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    result = sorted(normalize_axis(int(a), ndim) for a in axes)
    if len(set(result)) != len(result):
        raise ValueError(f"duplicate axis in {axis}")
    return tuple(result)
