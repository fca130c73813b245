"""Methods that show a tensor's memory in another way from now on: ``t_``, ``squeeze_``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from . import memory
from .dtypes import here
from .modes import MODE
from .node import Row
from .rows import wrap_dim, wrap_dims
from .shapes import SQUEEZE, SQUEEZE_DIM, SWAP, UNSQUEEZE, T
from .striding import AS_STRIDED, strided_view
from .tensors import Tensor, node_of_view
from .writing import check_writable


@cache
def _in_place(row: Row, name: str) -> Row:
    """The row as torch names it where the tensor itself is shown in another way."""
    return replace(row, grad_name=name)


def _shown(self: Tensor, row: Row, params: tuple[Any, ...], name: str) -> Tensor:
    """The tensor, which shows its memory by one more step."""
    row = _in_place(row, name)
    if self.node.value is not None:
        memory.part_from_readers(self)
    with memory.recording(MODE.own.enabled or self.node.tracked):
        node = node_of_view(self, row, params)
    memory.show(self, node, (row, params))
    return self


def t_(self: Tensor) -> Tensor:
    """A matrix transposed, in place."""
    check_writable(self, moving=True)
    if self.ndim > 2:
        raise RuntimeError(
            f"t_() expects a tensor with <= 2 dimensions, but self is {self.ndim}D{here()}"
        )
    memory.settle(self)
    return _shown(self, T, (), "TBackward1")


def transpose_(self: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions swapped, in place."""
    check_writable(self, moving=True)
    if not self.ndim:
        return self
    memory.settle(self)
    axes = (wrap_dim(dim0, self.ndim), wrap_dim(dim1, self.ndim))
    return _shown(self, SWAP, axes, "TransposeBackward1")


def unsqueeze_(self: Tensor, dim: int) -> Tensor:
    """A new dimension of extent 1, in place."""
    check_writable(self, moving=True)
    return _shown(self, UNSQUEEZE, (wrap_dim(dim, self.ndim + 1),), "UnsqueezeBackward1")


def squeeze_(self: Tensor, dim: Any = None) -> Tensor:
    """Without the dimensions of extent 1, or without those named if they are, in place."""
    check_writable(self, moving=True)
    if dim is None:
        return _shown(self, SQUEEZE, (), "SqueezeBackward3")
    axes = tuple(n for n in wrap_dims(dim, self.ndim) or () if self.shape[n] == 1)
    return _shown(self, SQUEEZE_DIM, (axes,), "SqueezeBackward4")


def as_strided_(self: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """The elements of the storage by strides, in place."""
    check_writable(self, moving=True)
    if self.chain:
        raise NotImplementedError(
            f"as_strided_ of a view is not supported; as_strided gives another tensor{here()}"
        )
    _, params = strided_view(self, size, stride, storage_offset)
    return _shown(self, AS_STRIDED, params, "AsStridedBackward1")


METHODS: dict[str, Callable[..., Tensor]] = {
    f.__name__: f for f in (t_, transpose_, unsqueeze_, squeeze_, as_strided_)
}
METHODS.update(swapaxes_=transpose_, swapdims_=transpose_)
