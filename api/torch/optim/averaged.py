"""Descent whose steps get shorter, and the mean of where it has been."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import memory
from ..tensors import Tensor, wrapped
from .optimizer import Optimizer, check_at_least, counted, formula, zeros

STEP = formula("asgd", lambda p, g, rate, decay: p * decay - g * rate)
AVERAGE = formula("average", lambda mean, p, share: mean + (p - mean) * share)


class ASGD(Optimizer):
    """Averaged stochastic gradient descent (Polyak and Juditsky, 1992).

    The state's ``ax`` is the mean of the parameter from step ``t0`` on.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.ASGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8000], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_at_least("learning rate", lr)
        check_at_least("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def move(
        self, group: dict[str, Any], p: Tensor, gradient: Tensor, state: dict[str, Any]
    ) -> None:
        """A step of the present length; then that length and the share of the mean are new."""
        count = counted(state)
        if count == 1:
            state["eta"], state["mu"] = _single(group["lr"]), _single(1.0)
            state["ax"] = zeros(p)
        rate, share = state["eta"].item(), state["mu"].item()
        self.put(p, STEP, (gradient,), (rate, 1 - group["lambd"] * rate))
        self.put(state["ax"], AVERAGE, (p,), (share,))
        shrunk = (1 + group["lambd"] * group["lr"] * count) ** group["alpha"]
        memory.write(state["eta"], group["lr"] / shrunk)
        memory.write(state["mu"], 1 / max(1, count - group["t0"]))


def _single(value: float) -> Tensor:
    return wrapped(np.full((), value, np.float32))
