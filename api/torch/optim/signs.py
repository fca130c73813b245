"""Steps by the signs of the gradient, each parameter at its own pace."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import here
from ..tensors import Tensor
from .optimizer import Optimizer, check_at_least, counted, formula, zeros


def _lengths(step: Any, g: Any, before: Any, etas: Any, limits: Any) -> Any:
    turned = np.sign(g * before)
    factor = np.where(turned > 0.0, etas[1], np.where(turned < 0.0, etas[0], 1.0))
    return np.clip(step * factor, limits[0], limits[1])


LENGTHS = formula("rprop_lengths", _lengths)
KEPT = formula("rprop_gradient", lambda before, g: np.where(g * before < 0.0, 0.0, g))
SIGNED = formula("rprop", lambda p, g, step: p - np.sign(g) * step)


class Rprop(Optimizer):
    """Resilient backpropagation (Riedmiller and Braun, 1993).

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Rprop([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_at_least("learning rate", lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}{here()}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def move(
        self, group: dict[str, Any], p: Tensor, gradient: Tensor, state: dict[str, Any]
    ) -> None:
        """A longer step where the sign is what it was; none, and a shorter one next, where not."""
        if counted(state) == 1:
            state["prev"], state["step_size"] = zeros(p), zeros(p, group["lr"])
        options = tuple(group["etas"]), tuple(group["step_sizes"])
        before, length = state["prev"], state["step_size"]
        self.put(length, LENGTHS, (gradient, before), (), options)
        self.put(before, KEPT, (gradient,))
        self.put(p, SIGNED, (before, length))
