"""Constructors of one dtype each: ``torch.FloatTensor`` and its like."""

from __future__ import annotations

from typing import Any

from .creation import empty, tensor
from .dtypes import ALL, dtype
from .tensors import Tensor


class _Typed(type):
    """Instances are tensors of one dtype."""

    dtype: dtype

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor) and instance.dtype == cls.dtype

    def __call__(cls, *args: Any, device: Any = None) -> Tensor:
        """A tensor of this shape, not filled; or of these data."""
        if args and not all(isinstance(x, int) for x in args):
            (data,) = args
            return tensor(data, dtype=cls.dtype)
        return empty(*(args or (0,)), dtype=cls.dtype)

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


def _constructor(of: dtype) -> type:
    name = f"{of.title}Tensor"
    doc = (
        f"A tensor of {of!r}, of data, or of extents and not filled.\n\n"
        f">>> torch.{name}(2, 3).shape\ntorch.Size([2, 3])\n"
    )
    return _Typed(name, (), {"dtype": of, "__doc__": doc, "__module__": __name__})


CONSTRUCTORS = {f"{x.title}Tensor": _constructor(x) for x in ALL if x.title}
"""The constructors by name."""
