"""Rows on the matrices that the last two axes hold; the axes before them are a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..primitive import Domain, Primitive, register
from ..trace import Tracer
from ..types import ArrayType, is_float
from .contraction import dot
from .elementwise import broadcast_scalar, ge, gt, where
from .structure import all_batched, broadcast, iota, permute, reshape

Array = np.ndarray[Any, Any]


def matrix_product(x: Tracer, y: Tracer) -> Tracer:
    """``x @ y`` over equal batches."""
    batch = tuple(range(x.ndim - 2))
    return dot(x, y, contract=((x.ndim - 1,), (y.ndim - 2,)), batch=(batch, batch))


def matrix_transposed(x: Tracer) -> Tracer:
    """The last two axes swapped."""
    return permute(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def triangle(x: Tracer, lower: bool, strict: bool = False) -> Tracer:
    """The triangle with the diagonal (without it if ``strict``), and zeros elsewhere."""
    rows, columns = (
        broadcast(iota(size=x.shape[a], dtype=np.dtype(np.int64)), shape=x.shape, axes=(a,))
        for a in (x.ndim - 2, x.ndim - 1)
    )
    inside = (gt if strict else ge)(*((rows, columns) if lower else (columns, rows)))
    return where(inside, x, broadcast_scalar(0.0, x))


def square_matrices(name: str, a: ArrayType) -> int:
    """The order of the matrices.

    Raises:
        TypeError: when they are not of floating-point numbers.
        ValueError: when they are not square.
    """
    if not is_float(a.dtype):
        raise TypeError(f"{name} takes floating-point matrices, got {a}")
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ValueError(f"{name} takes square matrices, got {a}")
    return a.shape[-1]


# -- triangular systems ------------------------------------------------------------------------


def _infer_solve(a: ArrayType, b: ArrayType, **params: bool) -> ArrayType:
    n = square_matrices("triangular_solve", a)
    if b.dtype != a.dtype or b.ndim != a.ndim or b.shape[:-1] != (*a.shape[:-2], n):
        raise ValueError(f"triangular_solve: the right-hand sides {b} do not match {a}")
    return b


def _solve_reference(
    a: Array, b: Array, *, lower: bool, transposed: bool, unit_diagonal: bool
) -> Array:
    matrices = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        n = a.shape[-1]
        matrices = matrices * (1 - np.eye(n, dtype=a.dtype)) + np.eye(n, dtype=a.dtype)
    if not b.size:
        return b
    return np.linalg.solve(np.swapaxes(matrices, -1, -2) if transposed else matrices, b)


def _solve_transpose(
    ct: Tracer, a: Tracer, b: Tracer, *, lower: bool, transposed: bool, unit_diagonal: bool
) -> tuple[None, Tracer]:
    back = {"lower": lower, "transposed": not transposed, "unit_diagonal": unit_diagonal}
    return None, triangular_solve(a, ct, **back)


def _solve_jvp(
    tangents: Sequence[Tracer | None],
    out: Tracer,
    a: Tracer,
    b: Tracer,
    *,
    lower: bool,
    transposed: bool,
    unit_diagonal: bool,
) -> Tracer:
    """From ``a x = b``: ``a dx = -da x``."""
    (change, _) = tangents
    assert change is not None
    change = triangle(change, lower, strict=unit_diagonal)
    product = matrix_product(matrix_transposed(change) if transposed else change, out)
    params = {"lower": lower, "transposed": transposed, "unit_diagonal": unit_diagonal}
    return triangular_solve(a, -product, **params)


def _solve_batch(batched: Sequence[bool], a: Tracer, b: Tracer, **params: bool) -> Tracer:
    if batched[0]:
        return triangular_solve(*all_batched(batched, (a, b)), **params)
    # One matrix for the whole batch: its right-hand sides are so many columns more.
    count, *shape = b.shape
    last = b.ndim - 1
    columns = permute(b, axes=(*range(1, last), 0, last))
    columns = reshape(columns, shape=(*shape[:-1], count * shape[-1]))
    solved = triangular_solve(a, columns, **params)
    solved = reshape(solved, shape=(*shape[:-1], count, shape[-1]))
    return permute(solved, axes=(last - 1, *range(last - 1), last))


def _solve_cases() -> tuple[tuple[tuple[tuple[int, ...], ...], dict[str, Any]], ...]:
    shapes = ((3, 3), (3, 2)), ((2, 4, 4), (2, 4, 1)), ((2, 2), (2, 0))
    flags = [(False, False, False), (True, False, True), (True, True, False), (False, True, True)]
    names = "lower", "transposed", "unit_diagonal"
    return tuple((s, dict(zip(names, f, strict=True))) for s in shapes for f in flags)


triangular_solve: Primitive = register(
    Primitive(
        "triangular_solve",
        _infer_solve,
        _solve_reference,
        Domain(_solve_cases(), low=(0.5, -2.0), high=(1.5, 2.0)),
        transpose=_solve_transpose,
        jvp=_solve_jvp,
        linear=(1,),
        batch=_solve_batch,
    )
)
