"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from ..dtypes import here
from ..tensors import Tensor
from .optimizer import Optimizer, check_at_least, formula, zeros

MOVE = formula("sgd", lambda p, g, lr: p - g * lr)
MOVE_AHEAD = formula("sgd_nesterov", lambda p, g, buffer, lr, m: p - (g + buffer * m) * lr)
BUFFER = formula("sgd_momentum", lambda buffer, g, share, m: buffer * m + g * share)


class SGD(Optimizer):
    """Steps against the gradient, with momentum if asked (Sutskever et al., 2013).

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.SGD([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_at_least("learning rate", lr)
        check_at_least("momentum value", momentum)
        check_at_least("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError(f"Nesterov momentum requires a momentum and zero dampening{here()}")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def move(
        self, group: dict[str, Any], p: Tensor, gradient: Tensor, state: dict[str, Any]
    ) -> None:
        """Against the gradient, or its running sum."""
        momentum, rate = group["momentum"], group["lr"]
        if not momentum:
            self.put(p, MOVE, (gradient,), (rate,))
            return
        share = 1.0 - group["dampening"]
        buffer = state.get("momentum_buffer")
        if buffer is None:  # The first gradient counts whole, and the formula is the same.
            buffer, share = zeros(p), 1.0
            state["momentum_buffer"] = buffer
        self.put(buffer, BUFFER, (gradient,), (share, momentum))
        if group["nesterov"]:
            self.put(p, MOVE_AHEAD, (gradient, buffer), (rate, momentum))
        else:
            self.put(p, MOVE, (buffer,), (rate,))
