"""Schedules one after the other, or together."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ...dtypes import here
from ..optimizer import Optimizer
from .base import LRScheduler


class SequentialLR(LRScheduler):
    """Several schedulers, one after the other from each milestone on.

    >>> s = torch.optim.lr_scheduler
    >>> optimizer = torch.optim.SGD([torch.ones(1)], lr=1.0)
    >>> first, second = s.ConstantLR(optimizer, 0.5, 9), s.ExponentialLR(optimizer, 0.5)
    >>> scheduler = s.SequentialLR(optimizer, [first, second], milestones=[1])
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than "
                f"the number of milestone points, but got number of schedulers {len(schedulers)} "
                f"and the number of milestones to be equal to {len(milestones)}{here()}"
            )
        self.optimizer = optimizer
        self._schedulers, self._milestones = list(schedulers), list(milestones)
        self.last_epoch = last_epoch + 1
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        for scheduler in self._schedulers:
            scheduler.last_epoch -= 1
        self._take(self._schedulers[0]._next())
        self._schedulers[0]._last_lr = self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """A step of the scheduler whose turn it is."""
        self.last_epoch += 1
        turn = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[turn]
        if turn and self._milestones[turn - 1] == self.last_epoch:
            scheduler.step(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """With the states of the schedulers."""
        state = super().state_dict()
        state["_schedulers"] = [s.state_dict() for s in self._schedulers]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what `state_dict` gave."""
        given = dict(state_dict)
        for scheduler, state in zip(self._schedulers, given.pop("_schedulers"), strict=True):
            scheduler.load_state_dict(state)
        super().load_state_dict(given)


class ChainedScheduler(LRScheduler):
    """Several schedulers that all step together.

    >>> s = torch.optim.lr_scheduler
    >>> optimizer = torch.optim.SGD([torch.ones(1)], lr=1.0)
    >>> both = [s.ExponentialLR(optimizer, 0.5), s.ExponentialLR(optimizer, 0.5)]
    >>> scheduler = s.ChainedScheduler(both)
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        if not schedulers:
            raise ValueError(
                f"ChainedScheduler expects at least one scheduler to be chained{here()}"
            )
        self._schedulers = list(schedulers)
        self.optimizer = optimizer or schedulers[0].optimizer
        self._last_lr = self._rates

    def step(self, epoch: int | None = None) -> None:
        """A step of each."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._rates

    state_dict = SequentialLR.state_dict
    load_state_dict = SequentialLR.load_state_dict
