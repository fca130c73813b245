"""Questions about dtypes: limits, what two are promoted to, what can be cast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .dtypes import dtype, get_default_dtype, here, kind_of, of_numpy, promoted
from .tensors import Tensor, operand


@dataclass(frozen=True)
class finfo:
    """Limits of a floating dtype.

    >>> torch.finfo(torch.float32).bits
    32
    """

    bits: int
    resolution: float
    min: float
    max: float
    eps: float
    smallest_normal: float
    tiny: float
    dtype: str

    def __init__(self, type: Any = None) -> None:
        wanted = get_default_dtype() if type is None else type
        if not wanted.is_floating_point:
            raise TypeError(
                f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle "
                f"'torch.finfo'{here()}"
            )
        found = np.finfo(wanted.numpy)
        for name in ("resolution", "min", "max", "eps", "smallest_normal", "tiny"):
            object.__setattr__(self, name, float(getattr(found, name)))
        object.__setattr__(self, "bits", found.bits)
        object.__setattr__(self, "dtype", wanted.name)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


@dataclass(frozen=True)
class iinfo:
    """Limits of an integer dtype.

    >>> torch.iinfo(torch.int32)
    iinfo(min=-2.14748e+09, max=2.14748e+09, dtype=int32)
    """

    bits: int
    min: int
    max: int
    dtype: str

    def __init__(self, type: Any) -> None:
        if type.numpy.kind not in "iu":
            raise TypeError(
                f"torch.iinfo() requires an integer input type. Use torch.finfo to handle "
                f"'torch.iinfo'{here()}"
            )
        found = np.iinfo(type.numpy)
        values = {"bits": found.bits, "min": int(found.min), "max": int(found.max)}
        for name, value in {**values, "dtype": type.name}.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


def result_type(tensor1: Any, tensor2: Any) -> dtype:
    """The dtype that an operation on both would compute in.

    >>> torch.result_type(torch.tensor([1, 2]), 1.0)
    torch.float32
    """
    return of_numpy(promoted([operand(x).info.kind for x in (tensor1, tensor2)]))


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype that both can be cast to.

    >>> torch.promote_types(torch.int32, torch.float32)
    torch.float32
    """
    return of_numpy(promoted([kind_of((1,), x.numpy) for x in (type1, type2)]))


_CATEGORIES = "biufc"


def can_cast(from_: dtype, to: dtype) -> Any:
    """Whether results of one dtype may be written to tensors of another.

    >>> torch.can_cast(torch.float32, torch.int64)
    False
    """
    source, target = (_CATEGORIES.index(x.numpy.kind.replace("u", "i")) for x in (from_, to))
    return source <= target


def is_floating_point(input: Tensor) -> Any:
    """Whether the elements are floats.

    >>> torch.is_floating_point(torch.ones(1))
    True
    """
    return input.dtype.is_floating_point


def is_complex(input: Tensor) -> Any:
    """Whether the elements are complex.

    >>> torch.is_complex(torch.ones(1))
    False
    """
    return input.dtype.numpy.kind == "c"


def is_signed(input: Tensor) -> Any:
    """Whether elements can be negative.

    >>> torch.tensor([True]).is_signed()
    False
    """
    return input.dtype.numpy.kind not in "bu"


def is_nonzero(input: Tensor) -> Any:
    """Whether the one element is not zero.

    >>> torch.is_nonzero(torch.tensor(0.0))
    False
    """
    return bool(input)


def is_same_size(input: Tensor, other: Tensor) -> Any:
    """Whether the shapes are equal.

    >>> torch.is_same_size(torch.ones(2), torch.zeros(2))
    True
    """
    return input.shape == other.shape
