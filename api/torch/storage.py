"""Where tensors are in memory: strides, offsets, the base of a view."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from . import memory
from .chains import Step, read_through
from .dtypes import here
from .node import leaf
from .rows import wrap_dim
from .tensors import Tensor, of_node

Array = np.ndarray[Any, Any]


def laid_out(tensor: Tensor) -> tuple[Array, Array]:
    """Arrays that lie as the tensor and its storage do: the memory itself, if there is any.

    What has not been computed yet lies as it would in torch: what makes a view of the storage is
    done to an array in its place.
    """
    storage = tensor.sharing
    if storage is None or not tensor.chain:
        array = _stand_in(tensor.node) if tensor.node.value is None else tensor.node.value
        return array, root_of(array)
    value = tensor.node.value
    if storage.concrete and value is not None:
        return value, root_of(value)
    whole = array = _stand_in(storage.node)
    for row, params in tensor.chain:
        array = row.apply(array, *params)
    return array, whole


def _stand_in(node: Any) -> Array:
    type = node.info.kind.type
    return np.zeros(type.shape, type.dtype)


def root_of(array: Array) -> Array:
    """The array whose memory an array is in."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def stride(self: Tensor, dim: int | None = None) -> Any:
    """How many elements apart in memory neighbours along each dimension are."""
    array, _ = laid_out(self)
    if not array.size:
        array = np.zeros([max(n, 1) for n in array.shape], array.dtype)
    steps = tuple(n // array.itemsize for n in array.strides)
    return steps if dim is None else steps[wrap_dim(dim, self.ndim)]


def storage_offset(self: Tensor) -> int:
    """How many elements of the storage come before the first."""
    array, whole = laid_out(self)
    return (array.ctypes.data - whole.ctypes.data) // max(array.itemsize, 1)


def is_contiguous(self: Tensor, memory_format: Any = None) -> bool:
    """Whether its elements follow one another in memory."""
    return bool(laid_out(self)[0].flags.c_contiguous)


class UntypedStorage:
    """The memory that a tensor and its views share.

    >>> x = torch.zeros(4)
    >>> x.untyped_storage().data_ptr() == x[1:].untyped_storage().data_ptr()
    True
    """

    def __init__(self, tensor: Tensor) -> None:
        memory.settle(tensor)
        self._array = laid_out(tensor)[1]

    def data_ptr(self) -> int:
        """The address of its first byte."""
        return int(self._array.ctypes.data)

    def nbytes(self) -> int:
        """Its length in bytes."""
        return int(self._array.nbytes)

    size = __len__ = nbytes


def untyped_storage(self: Tensor) -> UntypedStorage:
    """The memory that the tensor and its views share."""
    return UntypedStorage(self)


def base_of(self: Tensor) -> Tensor | None:
    """The tensor that a view is a view of; if that is gone, one of the same memory."""
    storage = self.sharing
    if storage is None or not self.chain or not is_view(self):
        return None
    hidden = self.chain[: len(self.chain) - len(memory.steps_of(self))]
    if hidden:
        return _detached(self, storage, hidden)
    base = storage.base()
    if base is None:
        base = of_node(storage.node)
        base.sharing = storage
        reference = weakref.ref(base)
        storage.base = reference
        storage.add(base)
    return base


def _detached(tensor: Tensor, storage: memory.Storage, chain: tuple[Step, ...]) -> Tensor:
    """The tensor without derivatives that another is a view of."""
    for x in storage.alive():
        if x.chain == chain and x.counter is tensor.counter:
            return x
    made = of_node(read_through(storage.node, chain))
    made.sharing, made.chain, made.counter = storage, chain, tensor.counter
    storage.add(made)
    return made


def is_view(self: Tensor) -> bool:
    """Whether it is a view of another."""
    return bool(memory.steps_of(self))


def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether another tensor shows the very same memory in the same way."""
    memory.settle(self)
    memory.settle(tensor)
    own, other = self.value(), tensor.value()
    same_place = own.ctypes.data == other.ctypes.data and own.strides == other.strides
    return same_place and own.shape == other.shape


def resize_(self: Tensor, *sizes: Any) -> Tensor:
    """Another shape in place: of the first elements in memory, zeros after the last."""
    from .shapes import shape_argument

    if self.requires_grad:
        raise RuntimeError(f"cannot resize variables that require grad{here()}")
    shape = shape_argument(sizes)
    if memory.is_shared(self) or self.exposed:
        raise RuntimeError(f"resize_ of memory that others share is not supported{here()}")
    value = self.value()
    made = np.zeros(shape, value.dtype)
    count = min(made.size, value.size)
    made.reshape(-1)[:count] = value.reshape(-1)[:count]
    memory.take_alone(self, leaf(made), memory.bump(self))
    return self


def resize_as_(self: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """The shape of another tensor in place, as `resize_` does."""
    return resize_(self, the_template.shape)


def dim_order(self: Tensor) -> tuple[int, ...]:
    """The dimensions from the one along which neighbours are farthest apart in memory."""
    steps = stride(self)
    return tuple(sorted(range(self.ndim), key=lambda d: -steps[d]))


def set_(self: Tensor, source: Tensor | None = None, *rest: Any) -> Tensor:
    """Show the memory of another tensor."""
    if rest or source is None:
        raise NotImplementedError(f"set_ takes a tensor here, no storage{here()}")
    if source.dtype is not self.dtype:
        raise RuntimeError(
            f"Could not set tensor of type {source.dtype.c_name} to a tensor of type "
            f"{self.dtype.c_name}{here()}"
        )
    self.data = source
    return self


METHODS: dict[str, Any] = {
    **{f.__name__: f for f in (stride, storage_offset, is_contiguous, untyped_storage)},
    **{f.__name__: f for f in (is_set_to, resize_, set_)},
    "resize_as_": resize_as_,
    "dim_order": dim_order,
    "_base": property(base_of),
    "_is_view": is_view,
}
