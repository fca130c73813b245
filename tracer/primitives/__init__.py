"""The rows, a file a family; importing this package fills the table."""

from . import (
    complexes,
    contraction,
    cumulative,
    elementwise,
    fourier,
    indexing,
    linear_algebra,
    reduction,
    sorting,
    structure,
)

__all__ = [
    "complexes",
    "contraction",
    "cumulative",
    "elementwise",
    "fourier",
    "indexing",
    "linear_algebra",
    "reduction",
    "sorting",
    "structure",
]
