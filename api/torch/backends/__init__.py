"""``torch.backends``: switches of libraries that are not used here."""

from __future__ import annotations

from . import cudnn, mps

__all__ = ["cudnn", "mps"]
