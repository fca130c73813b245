"""``torch.functional``: where torch keeps its functions that are written in Python."""

from __future__ import annotations

from .methods import functions
from .ranges import meshgrid

_NAMES = """
    atleast_1d atleast_2d atleast_3d block_diag broadcast_shapes broadcast_tensors cartesian_prod
    cdist chain_matmul einsum norm split tensordot unique unique_consecutive unravel_index
"""
globals().update({name: f for name, f in functions().items() if name in _NAMES.split()})
__all__ = ["meshgrid"]
__all__ += _NAMES.split()  # pyright: ignore[reportUnsupportedDunderAll]
