"""``torch.cuda``, for programs that ask whether there is a graphics card: there is none."""

from __future__ import annotations

from typing import Any

from .dtypes import cpu_only


def is_available() -> bool:
    """Whether there are graphics cards to compute on: never.

    >>> torch.cuda.is_available()
    False
    """
    return False


is_bf16_supported = is_available
is_initialized = is_available


def device_count() -> int:
    """How many there are.

    >>> torch.cuda.device_count()
    0
    """
    return 0


def manual_seed(seed: int) -> None:
    """Does nothing: nothing is drawn there.

    >>> torch.cuda.manual_seed(0)
    """


manual_seed_all = manual_seed


def empty_cache() -> None:
    """Does nothing: there is no memory to give back.

    >>> torch.cuda.empty_cache()
    """


def memory_allocated(device: Any = None) -> int:
    """The bytes in use.

    >>> torch.cuda.memory_allocated()
    0
    """
    return 0


max_memory_allocated = memory_reserved = memory_allocated


def current_device() -> int:
    """The number of the card in use.

    Raises:
        RuntimeError: always, as there is none.
    """
    cpu_only("cuda")
    return 0


def synchronize(device: Any = None) -> None:
    """Wait for a card to finish.

    Raises:
        RuntimeError: always, as there is none.
    """
    cpu_only("cuda")


def get_device_name(device: Any = None) -> str:
    """What a card is called.

    Raises:
        RuntimeError: always, as there is none.
    """
    cpu_only("cuda")
    return ""
