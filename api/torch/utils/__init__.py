"""What does not belong to tensors or modules."""

from __future__ import annotations

from . import checkpoint

__all__ = ["checkpoint"]
