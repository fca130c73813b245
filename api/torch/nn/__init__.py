"""``torch.nn``: the functions of `functional`, and `Parameter`."""

from __future__ import annotations

from typing import Any

from ..tensors import Tensor, wrapped
from . import functional

__all__ = ["Parameter", "functional"]


def Parameter(data: Tensor | None = None, requires_grad: bool = True) -> Tensor:
    """A leaf of this value that requires grad.

    >>> torch.nn.Parameter(torch.ones(2)).requires_grad
    True
    """
    value: Any = Tensor() if data is None else data
    return wrapped(value.detach().value(), requires_grad)
