"""Adam and its relatives: steps scaled by running moments of the gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import memory
from ..tensors import Tensor, wrapped
from .optimizer import Optimizer, check_at_least, check_betas, counted, formula, zeros


def mean_moved(mean: Any, gradient: Any, part: Any) -> Any:
    """A running mean, of which a part is new."""
    return mean + (gradient - mean) * part


def square_moved(square: Any, gradient: Any, share: Any, part: Any) -> Any:
    """A running mean of squares: a share of what it was, and a part that is new."""
    return square * share + gradient * gradient * part


def _scaled(p: Any, mean: Any, square: Any, rate: Any, root: Any, eps: float) -> Any:
    return p - rate * (mean / (np.sqrt(square) / root + eps))


def _nadam(
    p: Any, g: Any, mean: Any, square: Any, rate_g: Any, rate_m: Any, correction: Any, eps: float
) -> Any:
    divisor = np.sqrt(square / correction) + eps
    return p - g / divisor * rate_g - mean / divisor * rate_m


def _greatest(greatest: Any, gradient: Any, share: Any, eps: float) -> Any:
    return np.maximum(greatest * share, np.abs(gradient) + eps)


MEAN = formula("running_mean", mean_moved)
SQUARE = formula("running_square", square_moved)
SCALED = formula("adam", _scaled)
NADAM = formula("nadam", _nadam)
SHRUNK = formula("weight_decay", lambda p, factor: p * factor)
GREATER = formula("amsgrad", lambda a, b: np.maximum(a, b))
GREATEST = formula("adamax_norm", _greatest)
ADAMAX = formula("adamax", lambda p, mean, greatest, rate: p - rate * (mean / greatest))


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and its square (Kingma and Ba, 2015).

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
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
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def move(
        self, group: dict[str, Any], p: Tensor, gradient: Tensor, state: dict[str, Any]
    ) -> None:
        """The mean over the root of the mean square, both as if they had begun with the first."""
        first, second = group["betas"]
        rate = group["lr"]
        count = counted(state)
        if count == 1:
            state["exp_avg"], state["exp_avg_sq"] = zeros(p), zeros(p)
            if group["amsgrad"]:
                state["max_exp_avg_sq"] = zeros(p)
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        if group["decoupled_weight_decay"] and group["weight_decay"]:
            self.put(p, SHRUNK, (), (1 - rate * group["weight_decay"],))
        self.put(mean, MEAN, (gradient,), (1 - first,))
        self.put(square, SQUARE, (gradient,), (second, 1 - second))
        if group["amsgrad"]:
            self.put(state["max_exp_avg_sq"], GREATER, (square,))
            square = state["max_exp_avg_sq"]
        numbers = (rate / (1 - first**count), math.sqrt(1 - second**count))
        self.put(p, SCALED, (mean, square), numbers, (group["eps"],))


class AdamW(Adam):
    """`Adam` with the weights shrunk apart from the gradient (Loshchilov and Hutter, 2019).

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.AdamW([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8990], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, decoupled_weight_decay=True, **options
        )


class Adamax(Optimizer):
    """`Adam` with the greatest gradient in the place of the mean square (Kingma and Ba, 2015).

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Adamax([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
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
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def move(
        self, group: dict[str, Any], p: Tensor, gradient: Tensor, state: dict[str, Any]
    ) -> None:
        """The mean over the greatest."""
        first, second = group["betas"]
        count = counted(state)
        if count == 1:
            state["exp_avg"], state["exp_inf"] = zeros(p), zeros(p)
        mean, greatest = state["exp_avg"], state["exp_inf"]
        self.put(mean, MEAN, (gradient,), (1 - first,))
        self.put(greatest, GREATEST, (gradient,), (second,), (group["eps"],))
        self.put(p, ADAMAX, (mean, greatest), (group["lr"] / (1 - first**count),))


class NAdam(Optimizer):
    """`Adam` with Nesterov momentum (Dozat, 2016).

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.NAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> bool(w < 1)
    True
    """

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        check_at_least("momentum_decay value", momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def move(
        self, group: dict[str, Any], p: Tensor, gradient: Tensor, state: dict[str, Any]
    ) -> None:
        """The gradient, and the mean as it will be next."""
        first, second = group["betas"]
        rate, decay = group["lr"], group["momentum_decay"]
        count = counted(state)
        if count == 1:
            state["exp_avg"], state["exp_avg_sq"] = zeros(p), zeros(p)
            state["mu_product"] = wrapped(np.ones((), np.float32))
        if group["decoupled_weight_decay"] and group["weight_decay"]:
            self.put(p, SHRUNK, (), (1 - rate * group["weight_decay"],))
        now, later = (first * (1.0 - 0.5 * 0.96 ** (n * decay)) for n in (count, count + 1))
        # Kept as float32, as torch does; the next factor is not rounded to that.
        memory.write(state["mu_product"], state["mu_product"].value() * np.float32(now))
        product = float(state["mu_product"].value())
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        self.put(mean, MEAN, (gradient,), (1 - first,))
        self.put(square, SQUARE, (gradient,), (second, 1 - second))
        numbers = (
            rate * (1.0 - now) / (1.0 - product),
            rate * later / (1.0 - product * later),
            1 - second**count,
        )
        self.put(p, NADAM, (gradient, mean, square), numbers, (group["eps"],))
