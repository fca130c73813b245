"""Names of orders of memory: there is but one way here, elements one by one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class layout:
    """How elements are stored: ``torch.strided``, each in its place.

    >>> torch.ones(2).layout
    torch.strided
    """

    name: str

    def __repr__(self) -> str:
        return f"torch.{self.name}"


@dataclass(frozen=True, slots=True)
class memory_format:
    """The order of dimensions in memory: the last runs fastest, whatever is asked for.

    >>> torch.contiguous_format
    torch.contiguous_format
    """

    name: str

    def __repr__(self) -> str:
        return f"torch.{self.name}"


strided = layout("strided")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
