"""Dtypes, shapes and promotion as PyTorch has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, SupportsIndex, overload

import numpy as np

from pullback.tracer.errors import at
from pullback.tracer.location import user_location
from pullback.tracer.types import ArrayType, DType, Shape

NumPyBool = np.dtype(np.bool_)


@dataclass(frozen=True, eq=False, slots=True)
class dtype:
    """The type of a tensor's elements: ``torch.float32`` and its like.

    >>> torch.ones(2).dtype
    torch.float32
    """

    name: str
    numpy: DType
    title: str

    @property
    def is_floating_point(self) -> bool:
        """Whether elements are real numbers with a point."""
        return self.numpy.kind == "f"

    @property
    def is_complex(self) -> bool:
        """Whether elements have an imaginary part."""
        return self.numpy.kind == "c"

    @property
    def is_signed(self) -> bool:
        """Whether elements can be negative."""
        return self.numpy.kind not in "bu"

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.numpy.itemsize

    @property
    def c_name(self) -> str:
        """The type of elements in C++, as messages have it."""
        return _C_NAMES.get(self.title, self.title.lower())

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


_C_NAMES = {
    "Long": "long int",
    "Byte": "unsigned char",
    "Char": "signed char",
    "ComplexFloat": "c10::complex<float>",
    "ComplexDouble": "c10::complex<double>",
}

bool_ = dtype("bool", np.dtype(np.bool_), "Bool")
uint8 = dtype("uint8", np.dtype(np.uint8), "Byte")
uint16 = dtype("uint16", np.dtype(np.uint16), "UInt16")
uint32 = dtype("uint32", np.dtype(np.uint32), "UInt32")
uint64 = dtype("uint64", np.dtype(np.uint64), "UInt64")
int8 = dtype("int8", np.dtype(np.int8), "Char")
int16 = dtype("int16", np.dtype(np.int16), "Short")
int32 = dtype("int32", np.dtype(np.int32), "Int")
int64 = dtype("int64", np.dtype(np.int64), "Long")
float16 = dtype("float16", np.dtype(np.float16), "Half")
float32 = dtype("float32", np.dtype(np.float32), "Float")
float64 = dtype("float64", np.dtype(np.float64), "Double")
complex64 = dtype("complex64", np.dtype(np.complex64), "ComplexFloat")
complex128 = dtype("complex128", np.dtype(np.complex128), "ComplexDouble")

bfloat16 = dtype("bfloat16", np.dtype("V2"), "BFloat16")
"""A name to be asked for: there are no such tensors here."""

_SIGNED = (int8, int16, int32, int64)
_UNSIGNED = (uint8, uint16, uint32, uint64)
ALL = (bool_, *_UNSIGNED, *_SIGNED, float16, float32, float64, complex64, complex128)
BY_NUMPY: dict[DType, dtype] = {x.numpy: x for x in ALL}
CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}
"""Of two kinds of numbers the greater is the one they are promoted to."""

_default = [float32]
ON_DEFAULT_CHANGED: list[Callable[[], None]] = []
"""What to forget when the default dtype is another."""


def get_default_dtype() -> dtype:
    """The dtype of tensors made of Python floats.

    >>> torch.get_default_dtype()
    torch.float32
    """
    return _default[0]


def set_default_dtype(d: dtype) -> None:
    """Make tensors of Python floats of this dtype from now on.

    >>> torch.set_default_dtype(torch.float32)
    """
    if not d.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type{here()}")
    _default[0] = d
    for forget in ON_DEFAULT_CHANGED:
        forget()


def here() -> str:
    """The user's line, as the last line of a message."""
    return at(user_location())


def of_numpy(dtype: DType) -> dtype:
    """The dtype of an array, in torch's words.

    Raises:
        TypeError: for dtypes that tensors cannot have here.
    """
    found = BY_NUMPY.get(dtype)
    if found is None:
        raise TypeError(
            f"can't convert np.ndarray of type {np.dtype(dtype).type.__module__}."
            f"{np.dtype(dtype).type.__name__}. The only supported types are: float64, float32, "
            "float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, "
            f"uint8, and bool.{here()}"
        )
    return found


class Size(tuple[int, ...]):
    """The shape of a tensor.

    >>> torch.zeros(2, 3).shape
    torch.Size([2, 3])
    """

    __slots__ = ()

    @overload
    def __getitem__(self, index: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Size: ...
    def __getitem__(self, index: SupportsIndex | slice) -> int | Size:
        part = super().__getitem__(index)
        return part if isinstance(part, int) else Size(part)

    def numel(self) -> int:
        """Number of elements."""
        count = 1
        for extent in self:
            count *= extent
        return count

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"


_DEVICE_TYPES = (
    *("cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga"),
    *("maia", "xla", "lazy", "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone"),
)


class device:
    """Where a tensor is; tensors are on the CPU only.

    >>> torch.device("cpu")
    device(type='cpu')
    """

    __slots__ = ("index", "type")

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        name, _, number = str(type).partition(":")
        if name not in _DEVICE_TYPES:
            raise RuntimeError(
                f"Expected one of {', '.join(_DEVICE_TYPES)} device type at start of device "
                f"string: {name}{here()}"
            )
        self.type = name
        self.index = int(number) if number else index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and repr(other) == repr(self)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> Any:
        return device, (self.type, self.index)

    def __repr__(self) -> str:
        place = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{place})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"


def cpu_only(wanted: Any) -> None:
    """Refuse devices that are not the CPU.

    Raises:
        RuntimeError: for other devices.
    """
    found = device(wanted)
    if found.type != "cpu":
        raise RuntimeError(f"there is no device {str(found)!r} here, only 'cpu'{here()}")


# -- promotion -------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class Kind:
    """What promotion and compilation know of a value: one object for each type.

    ``number`` tells that it is a Python number, which is given as float64, int64 or bool, and
    counts less than any tensor.
    """

    type: ArrayType
    number: bool
    shape: Size = field(init=False)
    dtype: dtype = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", Size(self.type.shape))
        object.__setattr__(self, "dtype", of_numpy(self.type.dtype))

    @property
    def rank(self) -> int:
        """Tensors with axes come before those without, and both before numbers."""
        return 2 if self.number else 0 if self.type.shape else 1


_kinds: dict[tuple[Shape, DType], Kind] = {}

NUMBER_KINDS: dict[type, Kind] = {
    float: Kind(ArrayType((), np.dtype(np.float64)), number=True),
    int: Kind(ArrayType((), np.dtype(np.int64)), number=True),
    bool: Kind(ArrayType((), np.dtype(np.bool_)), number=True),
    complex: Kind(ArrayType((), np.dtype(np.complex128)), number=True),
}


def kind_of(shape: Shape, dtype: DType) -> Kind:
    """The one kind of tensors of this shape and dtype."""
    kind = _kinds.get((shape, dtype))
    if kind is None:
        kind = _kinds[shape, dtype] = Kind(ArrayType(shape, of_numpy(dtype).numpy), number=False)
    return kind


def promote_dtypes(a: DType, b: DType) -> DType:
    """The dtype of two tensors together: the greater kind of number; within a kind the wider.

    Raises:
        RuntimeError: torch's, for long unsigned integers among others.
    """
    if a == b:
        return a
    order = CATEGORY[a.kind] - CATEGORY[b.kind]
    if order and {a.kind, b.kind} != {"f", "c"}:
        return a if order > 0 else b
    for x in (a, b):
        if x.kind == "u" and x.itemsize > 1:
            raise RuntimeError(
                f"Promotion for uint16, uint32, uint64 types is not supported, attempted to promote"
                f" {of_numpy(a).title} and {of_numpy(b).title}{here()}"
            )
    if a.kind == "c" or b.kind == "c":
        return np.promote_types(complex_of(a), complex_of(b))
    return np.promote_types(a, b)


def complex_of(dtype: DType) -> DType:
    """The complex dtype of parts of this one."""
    return complex128.numpy if dtype.char in "dD" else complex64.numpy


def _greatest(dtypes: Iterable[DType]) -> DType | None:
    result: DType | None = None
    for dtype in dtypes:
        result = dtype if result is None else promote_dtypes(result, dtype)
    return result


def _combine(higher: DType | None, lower: DType | None) -> DType | None:
    """A lower rank changes the category (bool, int, float, complex) but not the width."""
    if higher is None or lower is None:
        return higher if lower is None else lower
    if CATEGORY[higher.kind] >= CATEGORY[lower.kind]:
        return higher
    return complex_of(higher) if higher.kind == "f" else lower


def promoted(kinds: Sequence[Kind]) -> DType:
    """The dtype that torch computes in: decided by rank first, by width only within a rank."""
    result: DType | None = None
    for rank in range(3):
        dtypes = [_dtype_of(k) for k in kinds if k.rank == rank]
        result = _combine(result, _greatest(dtypes))
    assert result is not None
    return result


def _dtype_of(kind: Kind) -> DType:
    dtype = kind.type.dtype
    if kind.number and dtype.kind in "fc":
        default = get_default_dtype().numpy
        return default if dtype.kind == "f" else complex_of(default)
    return dtype


def as_numpy(dtype: Any) -> DType:
    """The NumPy dtype of what a ``dtype`` argument may be."""
    if dtype is None:
        return get_default_dtype().numpy
    if dtype is float:
        return np.dtype(np.float64)
    if dtype is int:
        return np.dtype(np.int64)
    if dtype is bool:
        return NumPyBool
    if dtype is complex:
        return complex_of(get_default_dtype().numpy)
    numpy: DType = dtype.numpy
    if dtype is bfloat16:
        raise TypeError(f"bfloat16 is not supported: NumPy has no such dtype; use float32{here()}")
    return numpy
