"""The rows, a file a family; importing this package fills the table."""

from . import (
    complexes,
    contraction,
    cumulative,
    decompositions,
    elementwise,
    fourier,
    general_eigenvalues,
    indexing,
    linear_algebra,
    matrix_functions,
    reduction,
    sorting,
    special,
    structure,
    sylvester,
    systems,
)

__all__ = [
    "complexes",
    "contraction",
    "cumulative",
    "decompositions",
    "elementwise",
    "fourier",
    "general_eigenvalues",
    "indexing",
    "linear_algebra",
    "matrix_functions",
    "reduction",
    "sorting",
    "special",
    "structure",
    "sylvester",
    "systems",
]
