"""Tensors that modules learn."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import here
from ..node import leaf
from ..tensors import Tensor


class Parameter(Tensor):
    """A leaf that requires grad, which a module that it is assigned to counts as its own.

    >>> torch.nn.Parameter(torch.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        value = np.zeros(0, np.float32) if data is None else data.detach().value()
        if requires_grad and value.dtype.kind != "f":
            raise RuntimeError(
                f"Only Tensors of floating point and complex dtype can require gradients{here()}"
            )
        self.wants_grad = requires_grad
        self.take_node(leaf(value))

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        made = Parameter(None, False)
        made.take_node(leaf(self.value().copy()))
        made.requires_grad_(self.requires_grad)
        memo[id(self)] = made
        return made

    def __reduce__(self) -> Any:
        return _rebuilt, (self.value().copy(), self.requires_grad)


def _rebuilt(array: np.ndarray[Any, Any], requires_grad: bool) -> Parameter:
    made = Parameter(None, False)
    made.take_node(leaf(array))
    made.requires_grad_(requires_grad)
    return made
