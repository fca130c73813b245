"""Whether Apple's graphics can be computed on."""

from __future__ import annotations


def is_available() -> bool:
    """Never.

    >>> torch.backends.mps.is_available()
    False
    """
    return False


is_built = is_available
