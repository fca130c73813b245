"""Dtypes, shapes and promotion as PyTorch has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

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
        """Whether it can carry derivatives."""
        return self.numpy.kind == "f"

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.numpy.itemsize

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


bool_ = dtype("bool", np.dtype(np.bool_), "Bool")
int32 = dtype("int32", np.dtype(np.int32), "Int")
int64 = dtype("int64", np.dtype(np.int64), "Long")
float32 = dtype("float32", np.dtype(np.float32), "Float")
float64 = dtype("float64", np.dtype(np.float64), "Double")

BY_NUMPY: dict[DType, dtype] = {x.numpy: x for x in (bool_, int32, int64, float32, float64)}
RANK: dict[DType, int] = {numpy: rank for rank, numpy in enumerate(BY_NUMPY)}
"""The greater of two dtypes is the one they are promoted to."""

_default = [float32]


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
            f"can't convert np.ndarray of type {dtype}. The only supported types are: float64, "
            f"float32, int64, int32, and bool.{here()}"
        )
    return found


class Size(tuple[int, ...]):
    """The shape of a tensor.

    >>> torch.zeros(2, 3).shape
    torch.Size([2, 3])
    """

    __slots__ = ()

    def numel(self) -> int:
        """Number of elements."""
        count = 1
        for extent in self:
            count *= extent
        return count

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"


@dataclass(frozen=True, slots=True)
class device:
    """Where a tensor is; there is the CPU only.

    >>> torch.device("cpu")
    device(type='cpu')
    """

    type: str = "cpu"

    def __post_init__(self) -> None:
        if self.type not in ("cpu", "cpu:0"):
            raise RuntimeError(f"there is no device {self.type!r} here, only 'cpu'{here()}")

    def __repr__(self) -> str:
        return f"device(type={self.type!r})"

    def __str__(self) -> str:
        return self.type


# -- promotion -------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class Kind:
    """What promotion and compilation know of a value: one object for each type.

    ``number`` tells that it is a Python number, which is given as float64, int64 or bool, and
    counts less than any tensor.
    """

    type: ArrayType
    number: bool

    @property
    def rank(self) -> int:
        """Tensors with axes come before those without, and both before numbers."""
        return 2 if self.number else 0 if self.type.shape else 1


_kinds: dict[tuple[Shape, DType], Kind] = {}

NUMBER_KINDS: dict[type, Kind] = {
    float: Kind(ArrayType((), np.dtype(np.float64)), number=True),
    int: Kind(ArrayType((), np.dtype(np.int64)), number=True),
    bool: Kind(ArrayType((), np.dtype(np.bool_)), number=True),
}


def kind_of(shape: Shape, dtype: DType) -> Kind:
    """The one kind of tensors of this shape and dtype."""
    kind = _kinds.get((shape, dtype))
    if kind is None:
        kind = _kinds[shape, dtype] = Kind(ArrayType(shape, of_numpy(dtype).numpy), number=False)
    return kind


def _greatest(dtypes: Iterable[DType]) -> DType | None:
    return max(dtypes, key=RANK.__getitem__, default=None)


def _combine(higher: DType | None, lower: DType | None) -> DType | None:
    """A lower rank changes the category (bool, int, float) but not the width."""
    if higher is None or lower is None:
        return higher if lower is None else lower
    if higher.kind == "f":
        return higher
    return _greatest((higher, lower)) if higher.kind == "b" or lower.kind == "f" else higher


def promoted(kinds: Sequence[Kind]) -> DType:
    """The dtype that torch computes in: decided by rank first, by width only within a rank."""
    result: DType | None = None
    for rank in range(3):
        dtypes = [_dtype_of(k) for k in kinds if k.rank == rank]
        result = _combine(result, _greatest(dtypes))
    assert result is not None
    return result


def _dtype_of(kind: Kind) -> DType:
    floating_number = kind.number and kind.type.dtype.kind == "f"
    return get_default_dtype().numpy if floating_number else kind.type.dtype


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
    numpy: DType = dtype.numpy
    return numpy
