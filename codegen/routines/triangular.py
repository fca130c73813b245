"""Triangular systems of linear equations, by BLAS."""

from __future__ import annotations

import math

from pullback.tracer.ir import Node

from .writer import RoutineLowering, RoutineWriter


def _emit_solve(r: RoutineWriter) -> None:
    """Each system in place of its right-hand side.

    BLAS sees the transposes of our matrices, so it solves ``x^T a^T = b^T``.
    """
    params = r.node.params
    *batch, n, columns = r.node.type.shape
    uplo = "U" if params["lower"] else "L"
    trans = "T" if params["transposed"] else "N"
    diagonal = "U" if params["unit_diagonal"] else "N"
    r.copy(r.target, r.operands[1], r.node.type.nbytes)
    with r.w.batch(math.prod(batch)) as index:
        a = r.item(r.operands[0], index, n * n, r.node.type)
        b = r.item(r.target, index, n * columns, r.node.type)
        r.fortran("blas.?trsm", "R", uplo, trans, diagonal, columns, n, 1.0, a, n, b, columns)


def _solve_work(node: Node) -> int:
    return node.type.size * node.type.shape[-2]


SOLVE = RoutineLowering(_emit_solve, work=_solve_work)
