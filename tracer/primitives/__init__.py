"""The rows, a file a family; importing this package fills the table."""

from . import (
    contraction,
    cumulative,
    elementwise,
    indexing,
    linear_algebra,
    reduction,
    sorting,
    structure,
)

__all__ = [
    "contraction",
    "cumulative",
    "elementwise",
    "indexing",
    "linear_algebra",
    "reduction",
    "sorting",
    "structure",
]
