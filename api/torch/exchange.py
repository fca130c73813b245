"""Memory of others: buffers, DLPack, NumPy's functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from .creation import as_tensor, from_numpy, tensor
from .dtypes import as_numpy, here
from .tensors import Tensor


def asarray(
    obj: Any, *, dtype: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of what is given, which shares its memory if it can and ``copy`` is not true.

    >>> torch.asarray(np.arange(2))
    tensor([0, 1])
    """
    if copy:
        made = tensor(obj, dtype=dtype)
    elif isinstance(obj, (Tensor, np.ndarray)):
        made = as_tensor(obj, dtype)
        if copy is False and dtype is not None and made is not obj and not _shared(obj, made):
            raise ValueError(f"can't alias tensor with dtype of another{here()}")
    elif hasattr(obj, "__dlpack__"):
        made = as_tensor(from_dlpack(obj), dtype)
    elif isinstance(obj, (bytes, bytearray, memoryview)):
        made = frombuffer(obj, dtype=dtype)
    else:
        made = tensor(obj, dtype=dtype)
    return made.requires_grad_() if requires_grad else made


def _shared(obj: Any, made: Tensor) -> bool:
    return bool(np.shares_memory(made.value(), np.asarray(obj)))


def frombuffer(
    buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A tensor of one dimension over the memory of an object, from ``offset`` bytes on.

    >>> torch.frombuffer(bytearray(8), dtype=torch.int32)
    tensor([0, 0], dtype=torch.int32)
    """
    wanted = as_numpy(dtype)
    length = len(memoryview(buffer).cast("B"))
    if not length or not 0 <= offset < length:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length "
            f"({length} bytes) minus 1{here()}"
        )
    if count < 0 and (length - offset) % wanted.itemsize:
        raise ValueError(
            f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a "
            f"multiple of element size ({wanted.itemsize}){here()}"
        )
    array = np.frombuffer(buffer, wanted, count, offset)
    made = from_numpy(array if array.flags.writeable else array.copy())
    return made.requires_grad_() if requires_grad else made


def from_dlpack(ext_tensor: Any) -> Tensor:
    """A tensor that shares the memory of another library's array.

    >>> torch.from_dlpack(np.arange(2))
    tensor([0, 1])
    """
    array = np.from_dlpack(ext_tensor)
    return from_numpy(array if array.flags.writeable else array.copy())


def dlpack(self: Tensor, *, stream: Any = None, **wanted: Any) -> Any:
    """The memory for another library."""
    if self.requires_grad:
        raise BufferError(
            f"Can't export tensors that require gradient, use tensor.detach(){here()}"
        )
    return self.numpy().__dlpack__(**wanted)


def dlpack_device(self: Tensor) -> tuple[int, int]:
    """The CPU, in DLPack's numbers."""
    return (1, 0)


def array_wrap(
    self: Tensor, array: Any, context: Any = None, return_scalar: bool = False
) -> Tensor:
    """The result of NumPy's function of a tensor, as a tensor; bools become bytes, as in torch."""
    result = np.asarray(array)
    return from_numpy(result.astype(np.uint8) if result.dtype.kind == "b" else result)


METHODS: dict[str, Any] = {
    "__dlpack__": dlpack,
    "__dlpack_device__": dlpack_device,
    "__array_wrap__": array_wrap,
}
