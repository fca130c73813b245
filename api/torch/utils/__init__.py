"""``torch.utils``: data sets and their loaders, checkpoints, times."""

from __future__ import annotations

from . import benchmark, checkpoint, data

__all__ = ["benchmark", "checkpoint", "data"]
