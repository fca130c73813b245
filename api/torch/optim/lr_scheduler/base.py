"""What schedules of learning rates have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...dtypes import here
from ..optimizer import Optimizer


class LRScheduler:
    """Sets the rate of each group when ``step`` is called; sub-classes say to what.

    >>> w = torch.ones(1, requires_grad=True)
    >>> optimizer = torch.optim.SGD([w], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Any, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer{here()}")
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    "param 'initial_lr' is not specified in param_groups"
                    f"[{i}] when resuming an optimizer{here()}"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._last_lr: list[float] = []
        self._take(self._next())

    def _next(self) -> list[float]:
        self.last_epoch += 1
        return self.get_lr()

    def _take(self, rates: Sequence[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = list(rates)

    @property
    def _rates(self) -> list[float]:
        """The rates as they are."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def get_lr(self) -> list[float]:
        """The rates of the epoch ``last_epoch``."""
        raise NotImplementedError(f"get_lr is for sub-classes to define{here()}")

    def get_last_lr(self) -> list[float]:
        """The rates that were set last."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Set the rates of the next epoch."""
        if epoch is None:
            self._take(self._next())
        else:
            self.last_epoch = epoch
            closed = getattr(self, "_closed_form", None)
            self._take(self.get_lr() if closed is None else closed())

    def state_dict(self) -> dict[str, Any]:
        """What tells where it is; functions are not part of it."""
        return {
            name: value
            for name, value in vars(self).items()
            if name != "optimizer" and not callable(value)
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what `state_dict` gave."""
        vars(self).update(state_dict)


def for_groups(value: Any, groups: Sequence[Any]) -> list[Any]:
    """A value for each group, given one by one or once for all.

    Raises:
        ValueError: for another number.
    """
    if not isinstance(value, (list, tuple)):
        return [value] * len(groups)
    if len(value) != len(groups):
        raise ValueError(f"expected {len(groups)} values, got {len(value)}{here()}")
    return list(value)
