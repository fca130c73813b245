"""Rates that go up and down between two bounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...dtypes import here
from ..optimizer import Optimizer
from .base import LRScheduler, for_groups
from .cycles import set_momentum

_MODES = ("triangular", "triangular2", "exp_range")


class CyclicLR(LRScheduler):
    """The rate from ``base_lr`` to ``max_lr`` and back, again and again (Smith, 2017).

    ``mode``: ``"triangular"``; ``"triangular2"``: each cycle is half as high; ``"exp_range"``: the
    height shrinks by ``gamma`` at each step. Or ``scale_fn`` gives the height.

    >>> optimizer = torch.optim.SGD([torch.ones(1)], lr=1.0, momentum=0.9)
    >>> scheduler = torch.optim.lr_scheduler.CyclicLR(optimizer, 0.1, 0.3, step_size_up=2)
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.2]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Any,
        max_lr: Any,
        step_size_up: float = 2000,
        step_size_down: float | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.8,
        max_momentum: Any = 0.9,
        last_epoch: int = -1,
    ) -> None:
        groups = optimizer.param_groups
        lows = list(for_groups(base_lr, groups))
        if last_epoch == -1:
            for group, low in zip(groups, lows, strict=True):
                group["lr"] = low
        self.max_lrs = list(for_groups(max_lr, groups))
        down = step_size_up if step_size_down is None else step_size_down
        self.total_size = float(step_size_up + down)
        self.step_ratio = step_size_up / self.total_size
        if mode not in _MODES and scale_fn is None:
            raise ValueError(f"mode is invalid and scale_fn is None{here()}")
        self.mode, self.gamma, self.scale_fn = mode, gamma, scale_fn
        if scale_fn is None:
            scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.scale_mode, self.cycle_momentum = scale_mode, cycle_momentum
        if cycle_momentum:
            self._set_momenta(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = lows

    def _set_momenta(self, optimizer: Optimizer, base: Any, high: Any, last_epoch: int) -> None:
        if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
            raise ValueError(
                "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
                + here()
            )
        groups = optimizer.param_groups
        self.base_momentums = list(for_groups(base, groups))
        self.max_momentums = list(for_groups(high, groups))
        if last_epoch == -1:
            pairs = zip(self.base_momentums, self.max_momentums, strict=True)
            for group, (low, top) in zip(groups, pairs, strict=True):
                set_momentum(group, top)
                group |= {"max_momentum": top, "base_momentum": low}

    def _height(self, cycle: int) -> float:
        at = cycle if self.scale_mode == "cycle" else self.last_epoch
        if self.scale_fn is not None:
            return self.scale_fn(at)
        if self.mode == "exp_range":
            height: float = self.gamma**at
            return height
        return 1.0 if self.mode == "triangular" else 1 / (2.0 ** (at - 1))

    def get_lr(self) -> list[float]:
        """The rates; the momenta, which go the other way, are set as well."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        rising = x <= self.step_ratio
        share = x / self.step_ratio if rising else (x - 1) / (self.step_ratio - 1)
        height = self._height(cycle)
        if self.cycle_momentum:
            pairs = zip(self.base_momentums, self.max_momentums, strict=True)
            for group, (low, top) in zip(self.optimizer.param_groups, pairs, strict=True):
                set_momentum(group, top - (top - low) * share * height)
        pairs = zip(self.base_lrs, self.max_lrs, strict=True)
        return [low + (top - low) * share * height for low, top in pairs]
