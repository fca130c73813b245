"""Switches of a library for graphics cards, which may be set and do nothing."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

benchmark = False
deterministic = False
enabled = True
allow_tf32 = True


def is_available() -> bool:
    """Whether the library is there: never.

    >>> torch.backends.cudnn.is_available()
    False
    """
    return False


def version() -> int | None:
    """The library's version: none.

    >>> torch.backends.cudnn.version() is None
    True
    """
    return None


@contextmanager
def flags(**switches: Any) -> Generator[None]:
    """Set switches within a block; they do nothing.

    >>> with torch.backends.cudnn.flags(allow_tf32=False):
    ...     torch.ones(1)
    tensor([1.])
    """
    yield
