"""`numpy.linalg` on traced values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import decompositions, norms, systems

LINALG: dict[str, Callable[..., Any]] = {
    name: getattr(module, name)
    for module, names in (
        (norms, "norm vector_norm matrix_norm cond matrix_rank"),
        (systems, "cholesky solve inv det slogdet pinv lstsq tensorsolve tensorinv"),
        (systems, "matrix_power multi_dot diagonal trace"),
        (decompositions, "qr eig eigvals eigh eigvalsh svd svdvals"),
    )
    for name in names.split()
}
"""The functions by NumPy's names."""
