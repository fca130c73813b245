"""Rates that go along cosines, down and up."""

from __future__ import annotations

import math
from typing import Any

from ...dtypes import here
from ..optimizer import Optimizer
from .base import LRScheduler, for_groups


class CosineAnnealingLR(LRScheduler):
    """The rate along half a cosine, down to ``eta_min`` (Loshchilov and Hutter, 2017).

    >>> optimizer = torch.optim.SGD([torch.ones(1)], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Each from the one before, so that other changes of the rate are kept."""
        epoch, end, low = self.last_epoch, self.T_max, self.eta_min
        if epoch == 0:
            return self._rates
        if (epoch - 1 - end) % (2 * end) == 0:
            rise = (1 - math.cos(math.pi / end)) / 2
            pairs = zip(self._rates, self.base_lrs, strict=True)
            return [rate + (base - low) * rise for rate, base in pairs]
        ratio = (1 + math.cos(math.pi * epoch / end)) / (1 + math.cos(math.pi * (epoch - 1) / end))
        return [ratio * (rate - low) + low for rate in self._rates]

    def _closed_form(self) -> list[float]:
        share = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine again and again, each ``T_mult`` times as long (Loshchilov and Hutter, 2017).

    >>> optimizer = torch.optim.SGD([torch.ones(1)], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: Any,
        T_mult: Any = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        if T_0 <= 0 or not isinstance(T_0, int):
            raise ValueError(f"Expected positive integer T_0, but got {T_0}{here()}")
        if T_mult < 1 or not isinstance(T_mult, int):
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}{here()}")
        self.T_0, self.T_i, self.T_mult, self.eta_min = T_0, T_0, T_mult, eta_min
        self.T_cur = last_epoch
        super().__init__(optimizer, last_epoch)

    def _next(self) -> list[float]:
        self.last_epoch += 1
        self.T_cur += 1
        if self.T_cur >= self.T_i:
            self.T_cur -= self.T_i
            self.T_i *= self.T_mult
        return self.get_lr()

    def get_lr(self) -> list[float]:
        """The place on the present cosine."""
        share = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]


class OneCycleLR(LRScheduler):
    """The rate up to ``max_lr`` and down again, the momentum the other way (Smith, 2018).

    >>> optimizer = torch.optim.SGD([torch.ones(1)], lr=1.0, momentum=0.9)
    >>> scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=10)
    >>> optimizer.param_groups[0]["initial_lr"]
    0.04
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Any,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.85,
        max_momentum: Any = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError(
                    "You must define either total_steps OR (epochs AND steps_per_epoch)" + here()
                )
            total_steps = epochs * steps_per_epoch
        if total_steps <= 0:
            raise ValueError(
                f"Expected positive integer total_steps, but got {total_steps}{here()}"
            )
        if not 0 <= pct_start <= 1:
            raise ValueError(
                f"Expected float between 0 and 1 pct_start, but got {pct_start}{here()}"
            )
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                "anneal_strategy must be one of 'cos' or 'linear', instead got "
                f"{anneal_strategy}{here()}"
            )
        self.total_steps, self.cycle_momentum = total_steps, cycle_momentum
        self._anneal_func_type = anneal_strategy
        self._phases = _phases(total_steps, pct_start, three_phase)
        groups = optimizer.param_groups
        if last_epoch == -1:
            for group, high in zip(groups, for_groups(max_lr, groups), strict=True):
                first = high / div_factor
                group |= {"initial_lr": first, "max_lr": high, "min_lr": first / final_div_factor}
        if cycle_momentum:
            self._set_momenta(groups, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def _set_momenta(self, groups: Any, base: Any, high: Any, last_epoch: int) -> None:
        if "momentum" not in groups[0] and "betas" not in groups[0]:
            raise ValueError(
                "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
                + here()
            )
        if last_epoch == -1:
            pairs = zip(for_groups(base, groups), for_groups(high, groups), strict=True)
            for group, (low, top) in zip(groups, pairs, strict=True):
                set_momentum(group, top)
                group |= {"max_momentum": top, "base_momentum": low}

    def _between(self, start: float, end: float, share: float) -> float:
        if self._anneal_func_type == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (1 + math.cos(math.pi * share))

    def get_lr(self) -> list[float]:
        """The rates; the momenta are set as well."""
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(
                f"Tried to step {step} times. The specified number of total steps is "
                f"{self.total_steps}{here()}"
            )
        rates: list[float] = []
        for group in self.optimizer.param_groups:
            begin = 0.0
            for i, (end, lr, momentum) in enumerate(self._phases):
                if step <= end or i == len(self._phases) - 1:
                    share = (step - begin) / (end - begin)
                    rates.append(self._between(group[lr[0]], group[lr[1]], share))
                    if self.cycle_momentum:
                        pair = group[momentum[0]], group[momentum[1]]
                        set_momentum(group, self._between(*pair, share))
                    break
                begin = end
        return rates


def set_momentum(group: dict[str, Any], value: float) -> None:
    """Give a group another momentum, whatever its name."""
    if "betas" in group:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value


def _phases(total: int, first: float, three: bool) -> list[Any]:
    """Where each phase ends, and between which options the rate and the momentum go."""
    up = float(first * total) - 1
    rise = (up, ("initial_lr", "max_lr"), ("max_momentum", "base_momentum"))
    last = total - 1
    if not three:
        return [rise, (last, ("max_lr", "min_lr"), ("base_momentum", "max_momentum"))]
    down = float(2 * first * total) - 2
    fall = (down, ("max_lr", "initial_lr"), ("base_momentum", "max_momentum"))
    return [rise, fall, (last, ("initial_lr", "min_lr"), ("max_momentum", "max_momentum"))]
