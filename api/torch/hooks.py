"""Hooks on gradients, and what is said of gradients that are not there."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

NOT_A_LEAF = (
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad "
    "attribute won't be populated during autograd.backward(). If you indeed want the .grad field "
    "to be populated for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. If you "
    "access the non-leaf Tensor by mistake, make sure you access the leaf Tensor instead."
)
NOT_CHANGEABLE = (
    "you can only change requires_grad flags of leaf variables. If you want to use a computed "
    "variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
)


_keys = itertools.count()


class RemovableHandle:
    """Takes a hook away again.

    >>> x = torch.ones(2, requires_grad=True)
    >>> handle = x.register_hook(lambda g: 2 * g)
    >>> handle.remove()
    """

    def __init__(self, hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]) -> None:
        self._hooks, self._key = hooks, next(_keys)
        hooks[self._key] = hook

    def remove(self) -> None:
        """The hook is called no longer."""
        self._hooks.pop(self._key, None)
