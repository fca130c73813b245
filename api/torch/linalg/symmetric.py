"""Symmetric matrices that may be indefinite: factors with blocks of one and two on the diagonal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import here
from ..return_types import TYPES, Results
from ..tensors import Tensor, wrapped
from .failing import ldl_factor_ex

Array = np.ndarray[Any, Any]


def ldl_factor(A: Tensor, *, hermitian: bool = False) -> Results:
    """LAPACK's ``sytrf``: a triangular factor, blocks on its diagonal, and the rows exchanged.

    There are no derivatives, as in PyTorch.

    >>> torch.linalg.ldl_factor(torch.tensor([[4.0, 2.0], [2.0, 3.0]])).LD
    tensor([[4.0000, 0.0000],
            [0.5000, 2.0000]])
    """
    factors, pivots, info = ldl_factor_ex(A, hermitian=hermitian)
    if info.value().any():
        raise RuntimeError(
            f"torch.linalg.ldl_factor: the factorization has a zero block on its diagonal{here()}"
        )
    return TYPES["linalg_ldl_factor"]((factors, pivots))


def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False) -> Tensor:
    """The solution of A X = B by what `ldl_factor` gives for A.

    >>> A = torch.tensor([[4.0, 2.0], [2.0, 3.0]])
    >>> torch.linalg.ldl_solve(*torch.linalg.ldl_factor(A), torch.tensor([[6.0], [5.0]]))
    tensor([[1.],
            [1.]])
    """
    batch = np.broadcast_shapes(LD.shape[:-2], B.shape[:-2])
    n, columns = B.shape[-2:]
    if not n * columns * math.prod(batch):
        return wrapped(np.zeros((*batch, n, columns), B.dtype.numpy))
    factors = np.broadcast_to(LD.value(), (*batch, n, n)).reshape(-1, n, n)
    exchanged = np.broadcast_to(pivots.value(), (*batch, n)).reshape(-1, n)
    sides = np.broadcast_to(B.value(), (*batch, n, columns)).reshape(-1, n, columns).copy()
    for a, order, b in zip(factors, exchanged, sides, strict=True):
        _solve(np.conj if hermitian else np.asarray, a, order, b)
    return wrapped(sides.reshape(*batch, n, columns))


def _blocks(order: Array) -> list[tuple[int, int, int]]:
    """The blocks on the diagonal: where each begins, its extent, and the row exchanged with."""
    found: list[tuple[int, int, int]] = []
    place = 0
    while place < len(order):
        extent = 1 if order[place] > 0 else 2
        found.append((place, extent, abs(int(order[place])) - 1))
        place += extent
    return found


def _solve(conjugate: Any, a: Array, order: Array, b: Array) -> None:
    """Columns, replaced by the solution: through the factor, the blocks, and back."""
    blocks = _blocks(order)
    for place, extent, row in blocks:
        end = place + extent
        b[[end - 1, row]] = b[[row, end - 1]]
        b[end:] -= a[end:, place:end] @ b[place:end]
        block = np.tril(a[place:end, place:end])
        block = block + conjugate(np.tril(block, -1).T)
        b[place:end] = np.linalg.solve(block, b[place:end])
    for place, extent, row in reversed(blocks):
        end = place + extent
        b[place:end] -= conjugate(a[end:, place:end].T) @ b[end:]
        b[[end - 1, row]] = b[[row, end - 1]]
