"""Steps scaled by the squares of the gradients so far."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensors import Tensor
from .adam import MEAN, SQUARE, square_moved
from .optimizer import Optimizer, check_at_least, counted, formula, zeros


def _rms(g: Any, square: Any, *rest: Any) -> Any:
    """The gradient over its root mean square, or its standard deviation."""
    *mean, eps = rest
    spread = square - mean[0] * mean[0] if mean else square
    return g / (np.sqrt(spread) + eps)


def _delta(g: Any, square: Any, moved: Any, eps: float) -> Any:
    return np.sqrt(moved + eps) / np.sqrt(square + eps) * g


RMS = formula("rmsprop", _rms)
BUFFER = formula("rmsprop_momentum", lambda buffer, step, momentum: buffer * momentum + step)
MOVE = formula("move", lambda p, step, rate: p - step * rate)
ADDED = formula("squares", lambda total, g: total + g * g)
ADAGRAD = formula("adagrad", lambda p, g, total, rate, eps: p - rate * (g / (np.sqrt(total) + eps)))
DELTA = formula("adadelta", _delta)
MOVED = formula("adadelta_moved", square_moved)


class RMSprop(Optimizer):
    """Steps over the running root mean square of the gradient (Hinton, 2012).

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.RMSprop([w], lr=0.05)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.5000], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        for name, value in (
            ("learning rate", lr),
            ("epsilon value", eps),
            ("momentum value", momentum),
            ("weight_decay value", weight_decay),
            ("alpha value", alpha),
        ):
            check_at_least(name, value)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def move(
        self, group: dict[str, Any], p: Tensor, gradient: Tensor, state: dict[str, Any]
    ) -> None:
        """The gradient over its spread, summed up if there is momentum."""
        shares = group["alpha"], 1 - group["alpha"]
        if counted(state) == 1:
            state["square_avg"] = zeros(p)
            if group["momentum"] > 0:
                state["momentum_buffer"] = zeros(p)
            if group["centered"]:
                state["grad_avg"] = zeros(p)
        self.put(state["square_avg"], SQUARE, (gradient,), shares)
        given: tuple[Tensor, ...] = (gradient, state["square_avg"])
        if group["centered"]:
            self.put(state["grad_avg"], MEAN, (gradient,), shares[1:])
            given = (*given, state["grad_avg"])
        step = self.computed(RMS, given, (), (group["eps"],))
        if group["momentum"] > 0:
            self.put(state["momentum_buffer"], BUFFER, (step,), (group["momentum"],))
            step = state["momentum_buffer"]
        self.put(p, MOVE, (step,), (group["lr"],))


class Adagrad(Optimizer):
    """Steps over the root of the sum of squares of all gradients (Duchi et al., 2011).

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Adagrad([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.5000], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        for name, value in (
            ("learning rate", lr),
            ("lr_decay value", lr_decay),
            ("weight_decay value", weight_decay),
            ("initial_accumulator_value value", initial_accumulator_value),
            ("epsilon value", eps),
        ):
            check_at_least(name, value)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def move(
        self, group: dict[str, Any], p: Tensor, gradient: Tensor, state: dict[str, Any]
    ) -> None:
        """The gradient over the root of the sum."""
        count = counted(state)
        if count == 1:
            state["sum"] = zeros(p, group["initial_accumulator_value"])
        self.put(state["sum"], ADDED, (gradient,))
        rate = group["lr"] / (1 + (count - 1) * group["lr_decay"])
        self.put(p, ADAGRAD, (gradient, state["sum"]), (rate,), (group["eps"],))


class Adadelta(Optimizer):
    """Steps as long as the steps so far, over the gradients so far (Zeiler, 2012).

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Adadelta([w])
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> bool(w < 1)
    True
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        for name, value in (
            ("learning rate", lr),
            ("rho value", rho),
            ("epsilon value", eps),
            ("weight_decay value", weight_decay),
        ):
            check_at_least(name, value)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def move(
        self, group: dict[str, Any], p: Tensor, gradient: Tensor, state: dict[str, Any]
    ) -> None:
        """The gradient by the ratio of the two roots."""
        shares = group["rho"], 1 - group["rho"]
        if counted(state) == 1:
            state["square_avg"], state["acc_delta"] = zeros(p), zeros(p)
        square, moved = state["square_avg"], state["acc_delta"]
        self.put(square, SQUARE, (gradient,), shares)
        step = self.computed(DELTA, (gradient, square, moved), (), (group["eps"],))
        self.put(moved, MOVED, (step,), shares)
        self.put(p, MOVE, (step,), (group["lr"],))
