"""Adam that goes without the mean square as long as that is not reliable."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensors import Tensor
from .adam import MEAN, SHRUNK, SQUARE
from .adaptive import MOVE
from .optimizer import Optimizer, check_at_least, check_betas, counted, formula, zeros

RECTIFIED = formula(
    "radam", lambda p, mean, square, rate, eps: p - rate * (mean / (np.sqrt(square) + eps))
)


class RAdam(Optimizer):
    """Adam with a rate that starts when the mean square is known well enough (Liu et al., 2020).

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.RAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8000], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_at_least("learning rate", lr)
        check_at_least("epsilon value", eps)
        check_betas(betas)
        check_at_least("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def move(
        self, group: dict[str, Any], p: Tensor, gradient: Tensor, state: dict[str, Any]
    ) -> None:
        """The mean, over the root of the mean square once its variance is small enough."""
        first, second = group["betas"]
        rate = group["lr"]
        count = counted(state)
        if count == 1:
            state["exp_avg"], state["exp_avg_sq"] = zeros(p), zeros(p)
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        if group["decoupled_weight_decay"] and group["weight_decay"]:
            self.put(p, SHRUNK, (), (1 - rate * group["weight_decay"],))
        self.put(mean, MEAN, (gradient,), (1 - first,))
        self.put(square, SQUARE, (gradient,), (second, 1 - second))
        rate = rate / (1 - first**count)
        factor = _rectification(second, count)
        if factor is None:
            self.put(p, MOVE, (mean,), (rate,))
        else:
            rate = rate * factor * math.sqrt(1 - second**count)
            self.put(p, RECTIFIED, (mean, square), (rate,), (group["eps"],))


def _rectification(share: float, count: int) -> float | None:
    """By how much the variance of the mean square is greater than at the end; None if too great."""
    end = 2 / (1 - share) - 1
    now = end - 2 * count * share**count / (1 - share**count)
    if now <= 5.0:
        return None
    return math.sqrt((now - 4) * (now - 2) * end / ((end - 4) * (end - 2) * now))
