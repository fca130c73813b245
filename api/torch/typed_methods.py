"""Methods about dtypes and devices: ``type()``, ``half()``, ``new_full()`` and their like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import creation, shapes
from .dtypes import ALL, Size, cpu_only, dtype, here
from .layouts import strided
from .tensors import Tensor

BY_TYPE = {f"torch.{x.title}Tensor": x for x in ALL}


def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of the tensor's type, as ``torch.FloatTensor``; or the tensor in another dtype."""
    if dtype is None:
        return f"torch.{self.dtype.title}Tensor"
    if isinstance(dtype, str):
        found = BY_TYPE.get(dtype)
        if found is None:
            raise ValueError(f"invalid type: '{dtype}'{here()}")
        dtype = found
    return shapes.to(self, dtype)


def _of_dtype(wanted: dtype) -> Callable[[Tensor], Tensor]:
    def method(self: Tensor, memory_format: Any = None) -> Tensor:
        return shapes.to(self, wanted)

    method.__doc__ = f"The tensor as {wanted!r}."
    return method


def _new(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = self.dtype
        return make(*args, **kwargs)

    method.__doc__ = f"`torch.{make.__name__}` in the tensor's dtype."
    return method


def _cuda(self: Tensor, device: Any = None) -> Tensor:
    """Refused: there is only the CPU."""
    cpu_only("cuda")
    return self


_NAMES = {"half": "float16", "float": "float32", "double": "float64", "bool": "bool"}
_NAMES.update(char="int8", short="int16", int="int32", long="int64", byte="uint8")
_NAMES.update(cfloat="complex64", cdouble="complex128")
_BY_NAME = {x.name: x for x in ALL}
_MAKERS = ("zeros", "ones", "full", "empty", "tensor", "empty_strided")


def _constant(value: Any, doc: str) -> property:
    return property(lambda self: value, doc=doc)


def _tells(value: Any, doc: str) -> Callable[[Tensor], Any]:
    def method(self: Tensor) -> Any:
        return value

    method.__doc__ = doc
    return method


METHODS: dict[str, Any] = {
    "type": type_,
    **{name: _of_dtype(_BY_NAME[wanted]) for name, wanted in _NAMES.items()},
    **{f"new_{name}": _new(getattr(creation, name)) for name in _MAKERS},
    "ndimension": Tensor.dim,
    "cuda": _cuda,
    "get_device": _tells(-1, "The number of the graphics card, -1 for main memory."),
    "is_pinned": _tells(False, "Whether its memory is locked for a graphics card (never)."),
    "is_shared": _tells(False, "Whether its memory is shared by processes (never)."),
    "is_cuda": _constant(False, "Whether it is in the memory of a graphics card (never)."),
    "is_cpu": _constant(True, "Whether it is in main memory (always)."),
    "is_sparse": _constant(False, "Whether only some elements are stored (never)."),
    "is_quantized": _constant(False, "Whether elements are rounded to few levels (never)."),
    "is_meta": _constant(False, "Whether there are no values (never)."),
    "output_nr": property(
        lambda self: self.node.standing.output,
        doc="Which result of its operation in the backward graph it is.",
    ),
    "layout": _constant(strided, "How elements are stored (each in its place)."),
    "itemsize": property(Tensor.element_size),
    "nbytes": property(
        lambda self: self.numel() * self.element_size(), doc="The bytes that its elements take."
    ),
}
"""By name: what there is besides functions."""


def size(self: Tensor, dim: int | None = None) -> Any:
    """The shape, or one extent."""
    from .rows import wrap_dim

    shape: Size = self.shape
    return shape if dim is None else shape[wrap_dim(dim, len(shape))]


METHODS["size"] = size
