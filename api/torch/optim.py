"""Gradient descent: ``torch.optim``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from .dtypes import here
from .modes import enable_grad, no_grad
from .tensors import Tensor

__all__ = ["SGD", "Adam"]


class _Optimizer:
    """Parameters, and what is remembered of each."""

    def __init__(self, params: Iterable[Tensor]) -> None:
        self.parameters = list(params)
        if not self.parameters:
            raise ValueError(f"optimizer got an empty parameter list{here()}")
        self.state: dict[int, dict[str, Any]] = {id(p): {} for p in self.parameters}

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or set them to zero."""
        for p in self.parameters:
            if set_to_none:
                p.grad = None
            elif p.gradient is not None:
                p.gradient.zero_()  # type: ignore[attr-defined,unused-ignore]

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move the parameters; gives what the closure gives, which is called first."""
        result = None
        if closure is not None:
            with enable_grad():
                result = closure()
        with no_grad():
            for p in self.parameters:
                if p.gradient is not None:
                    self._move(p, p.gradient, self.state[id(p)])
        return result

    def _move(self, p: Any, gradient: Any, state: dict[str, Any]) -> None:
        raise NotImplementedError


class SGD(_Optimizer):
    """Steps against the gradient, with momentum if asked.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.SGD([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(params)
        self.lr, self.momentum, self.dampening = lr, momentum, dampening
        self.weight_decay, self.nesterov = weight_decay, nesterov

    def _move(self, p: Any, gradient: Any, state: dict[str, Any]) -> None:
        if self.weight_decay:
            gradient = gradient + self.weight_decay * p
        if self.momentum:
            before = state.get("momentum_buffer")
            if before is None:
                moved = gradient.clone()
            else:
                moved = self.momentum * before + (1.0 - self.dampening) * gradient
            state["momentum_buffer"] = moved
            gradient = gradient + self.momentum * moved if self.nesterov else moved
        p.sub_(self.lr * gradient)


class Adam(_Optimizer):
    """Steps scaled by running means of the gradient and its square.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params)
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay

    def _move(self, p: Any, gradient: Any, state: dict[str, Any]) -> None:
        if self.weight_decay:
            gradient = gradient + self.weight_decay * p
        first, second = self.betas
        state["step"] = count = state.get("step", 0) + 1
        mean = state.get("exp_avg", 0.0) * first + (1.0 - first) * gradient
        square = state.get("exp_avg_sq", 0.0) * second + (1.0 - second) * gradient * gradient
        state["exp_avg"], state["exp_avg_sq"] = mean, square
        scale = self.lr / (1.0 - first**count)
        root = square.sqrt() / math.sqrt(1.0 - second**count) + self.eps
        p.sub_(scale * mean / root)
