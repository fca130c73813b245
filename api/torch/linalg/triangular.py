"""Triangular factors of general matrices, and solving with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from pullback.tracer.scipy import linalg as traced

from ..dtypes import here
from ..node import Row
from ..return_types import TYPES, Results, recorded, rows
from ..tensors import Tensor, record, wrapped
from .checks import matrix


def _lu(x: Any) -> Any:
    return traced.lu(x)


LU = rows("lu", _lu, (None, "LinalgLuBackward0", "LinalgLuBackward0"))
LU_FACTOR = Row("lu_factor", lambda x: traced.lu_factor(x)[0], "LinalgLuFactorExBackward0")
PIVOTS = Row("lu_factor", lambda x: (traced.lu_factor(x)[1] + 1).astype(np.int32), None)


def lu(A: Tensor, *, pivot: bool = True) -> Results:
    """A permutation, a lower and an upper triangular factor.

    >>> torch.linalg.lu(torch.tensor([[4.0, 2.0], [2.0, 2.0]])).U
    tensor([[4., 2.],
            [0., 1.]])
    """
    matrix("lu", A)
    _pivoted(pivot)
    return recorded("linalg_lu", LU, (A,))


def _pivoted(pivot: bool) -> None:
    if not pivot:
        raise RuntimeError(f"linalg.lu: LU without pivoting is not implemented on the CPU{here()}")


def lu_factor(A: Tensor, *, pivot: bool = True) -> Results:
    """Both triangular factors in one matrix, and the rows exchanged, counted from 1.

    >>> torch.linalg.lu_factor(torch.tensor([[4.0, 2.0], [2.0, 2.0]])).LU
    tensor([[4.0000, 2.0000],
            [0.5000, 1.0000]])
    """
    matrix("lu_factor", A)
    _pivoted(pivot)
    return recorded("linalg_lu_factor", (LU_FACTOR, PIVOTS), (A,))


def lu_top(A: Tensor, pivot: bool = True, get_infos: bool = False) -> tuple[Tensor, ...]:
    """`torch.linalg.lu_factor`; with ``get_infos`` `torch.linalg.lu_factor_ex`.

    >>> torch.lu(torch.tensor([[4.0]]))
    (tensor([[4.]]), tensor([1], dtype=torch.int32))
    """
    if get_infos:
        from .failing import lu_factor_ex

        return tuple(lu_factor_ex(A, pivot=pivot))
    return tuple(lu_factor(A, pivot=pivot))


lu_top.__name__ = lu_top.__qualname__ = "lu"


def _order(pivots: Any, count: int) -> Any:
    """Where the rows come from that exchanges one after another bring to each place."""
    lines = np.reshape(pivots, (-1, pivots.shape[-1]))
    made = []
    for line in lines:
        order = list(range(count))
        for i, j in enumerate(line):
            order[i], order[j - 1] = order[j - 1], order[i]
        made.append(order)
    return np.array(made, np.int64).reshape(*pivots.shape[:-1], count)


def _unpacked(x: Any) -> Any:
    m, n = x.shape[-2:]
    k = min(m, n)
    lower = np.tril(x[..., :k], -1) + np.eye(m, k, dtype=x.dtype)
    return lower, np.triu(x[..., :k, :])


def _moved_rows(x: Any, order: Any) -> Any:
    return np.take_along_axis(x, np.broadcast_to(order[..., None], x.shape), -2)


def _lu_solve(factors: Any, b: Any, order: Any, left: bool, adjoint: bool) -> Any:
    if not left:
        made = _lu_solve(factors, np.swapaxes(b, -1, -2), order, True, not adjoint)
        return np.swapaxes(made, -1, -2)
    batch = np.broadcast_shapes(factors.shape[:-2], b.shape[:-2])
    x = np.broadcast_to(factors, (*batch, *factors.shape[-2:]))
    b = np.broadcast_to(b, (*batch, *b.shape[-2:]))
    order = np.broadcast_to(order, (*batch, order.shape[-1]))
    if adjoint:
        half = traced.solve_triangular(np.swapaxes(x, -1, -2), b, lower=True)
        inner = traced.solve_triangular(
            np.swapaxes(x, -1, -2), half, lower=False, unit_diagonal=True
        )
        return _moved_rows(inner, np.argsort(order, -1))
    half = traced.solve_triangular(x, _moved_rows(b, order), lower=True, unit_diagonal=True)
    return traced.solve_triangular(x, half, lower=False)


UNPACK = rows("lu_unpack", _unpacked, ("LuUnpackBackward0",) * 2)
LU_SOLVE = Row("lu_solve", _lu_solve, "LinalgLuSolveBackward0")


def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> Results:
    """The permutation and the factors that `lu_factor` has packed.

    >>> torch.lu_unpack(*torch.linalg.lu_factor(torch.tensor([[4.0, 2.0], [2.0, 2.0]]))).U
    tensor([[4., 2.],
            [0., 1.]])
    """
    none = wrapped(np.zeros(0, LU_data.dtype.numpy))
    lower, upper = recorded("qr", UNPACK, (LU_data,)) if unpack_data else (none, none)
    if not unpack_pivots:
        return TYPES["lu_unpack"]((none, lower, upper))
    order = _order(LU_pivots.value(), LU_data.shape[-2])
    eye = np.eye(LU_data.shape[-2], dtype=LU_data.dtype.numpy)
    return TYPES["lu_unpack"]((wrapped(np.swapaxes(eye[order], -1, -2).copy()), lower, upper))


def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """The solution of A X = B (or X A = B) by what `lu_factor` gives for A.

    >>> torch.linalg.lu_solve(*torch.linalg.lu_factor(torch.tensor([[2.0]])), torch.ones(1, 1))
    tensor([[0.5000]])
    """
    order = wrapped(_order(pivots.value(), LU.shape[-1]))
    return record(LU_SOLVE, (LU, B, order), (left, adjoint))


def lu_solve_top(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """`torch.linalg.lu_solve`.

    >>> torch.lu_solve(torch.ones(1, 1), *torch.linalg.lu_factor(torch.tensor([[2.0]])))
    tensor([[0.5000]])
    """
    return lu_solve(LU_data, LU_pivots, b)


lu_solve_top.__name__ = lu_solve_top.__qualname__ = "lu_solve"
