"""``torch.accelerator``, for programs that ask what to compute on: the CPU."""

from __future__ import annotations

from .dtypes import device


def is_available() -> bool:
    """Whether there is anything but the CPU to compute on: never.

    >>> torch.accelerator.is_available()
    False
    """
    return False


def current_accelerator(check_available: bool = False) -> device | None:
    """What to compute on instead of the CPU: nothing.

    >>> torch.accelerator.current_accelerator() is None
    True
    """
    return None


def device_count() -> int:
    """How many there are.

    >>> torch.accelerator.device_count()
    0
    """
    return 0
