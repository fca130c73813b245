"""Matrices in the last two axes, the axes before them a batch: what rows on them share.

The first of these rows is here as well, the solution of triangular systems.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..primitive import Domain, Primitive, register
from ..trace import Tracer, literal
from ..types import INT64, ArrayType, is_complex, is_inexact
from .complexes import conj, real
from .contraction import dot
from .elementwise import broadcast_scalar, convert, eq, ge, gt, where
from .structure import all_batched, broadcast, iota, permute, reshape, slice

Array = np.ndarray[Any, Any]
FIELD = ("f64", "f32", "c128", "c64")
"""The dtypes that LAPACK knows."""


def matrix_product(x: Tracer, y: Tracer) -> Tracer:
    """``x @ y`` over equal batches."""
    batch = tuple(range(x.ndim - 2))
    return dot(x, y, contract=((x.ndim - 1,), (y.ndim - 2,)), batch=(batch, batch))


def matrix_transposed(x: Tracer) -> Tracer:
    """The last two axes swapped."""
    return permute(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def conjugate(x: Tracer) -> Tracer:
    """The conjugates; real values themselves."""
    return conj(x) if is_complex(x.dtype) else x


def matrix_adjoint(x: Tracer) -> Tracer:
    """The conjugate transposes."""
    return conjugate(matrix_transposed(x))


def real_part(x: Tracer) -> Tracer:
    """The real parts; real values themselves."""
    return real(x) if is_complex(x.dtype) else x


def triangle(x: Tracer, lower: bool, strict: bool = False) -> Tracer:
    """The triangle with the diagonal (without it if ``strict``), and zeros elsewhere."""
    rows, columns = (
        broadcast(iota(size=x.shape[a], dtype=INT64), shape=x.shape, axes=(a,))
        for a in (x.ndim - 2, x.ndim - 1)
    )
    inside = (gt if strict else ge)(*((rows, columns) if lower else (columns, rows)))
    return where(inside, x, broadcast_scalar(0.0, x))


def identity(like: Tracer, n: int) -> Tracer:
    """The identity of order ``n``, in the batch and dtype of other matrices."""
    return where(
        on_diagonal(like, n),
        *(
            broadcast(literal(x, like.dtype), shape=(*like.shape[:-2], n, n), axes=())
            for x in (1, 0)
        ),
    )


def on_diagonal(like: Tracer, n: int) -> Tracer:
    """Where matrices of order ``n``, in the batch of others, have their diagonal."""
    shape = (*like.shape[:-2], n, n)
    count = iota(size=n, dtype=INT64)
    rows, columns = (broadcast(count, shape=shape, axes=(len(shape) - a,)) for a in (2, 1))
    return eq(rows, columns)


def diagonal(x: Tracer) -> Tracer:
    """The diagonals of square matrices: every element after ``n`` others."""
    *batch, n, _ = x.shape
    flat = reshape(x, shape=(*batch, n * n))
    starts, steps = (0,) * x.ndim, (*(1 for _ in batch), n + 1)
    return slice(flat, starts=starts[1:], sizes=(*batch, n), steps=steps)


def columns_scaled(x: Tracer, factors: Tracer) -> Tracer:
    """Each column times a factor: the product with a diagonal matrix from the right."""
    axes = (*range(x.ndim - 2), x.ndim - 1)
    return x * broadcast(convert(factors, dtype=x.dtype), shape=x.shape, axes=axes)


def rows_scaled(x: Tracer, factors: Tracer) -> Tracer:
    """Each row times a factor: the product with a diagonal matrix from the left."""
    spread = broadcast(
        convert(factors, dtype=x.dtype), shape=x.shape, axes=tuple(range(x.ndim - 1))
    )
    return x * spread


def symmetric_part(x: Tracer) -> Tracer:
    """Half the sum of matrices and their conjugate transposes."""
    return (x + matrix_adjoint(x)) * 0.5


def columns_before(x: Tracer, stop: int, start: int = 0) -> Tracer:
    """The columns from ``start`` to ``stop``."""
    starts, sizes = (0,) * (x.ndim - 1), x.shape[:-1]
    steps = (1,) * x.ndim
    return slice(x, starts=(*starts, start), sizes=(*sizes, stop - start), steps=steps)


def floating_matrices(name: str, a: ArrayType) -> tuple[int, int]:
    """The numbers of rows and columns.

    Raises:
        TypeError: when they are not of floating-point numbers.
        ValueError: when there are less than two axes.
    """
    if not is_inexact(a.dtype):
        raise TypeError(f"{name} takes floating-point matrices, got {a}")
    if a.ndim < 2:
        raise ValueError(f"{name} takes matrices, got {a}")
    return a.shape[-2], a.shape[-1]


def square_matrices(name: str, a: ArrayType) -> int:
    """The order of the matrices.

    Raises:
        TypeError: when they are not of floating-point numbers.
        ValueError: when they are not square.
    """
    rows, columns = floating_matrices(name, a)
    if rows != columns:
        raise ValueError(f"{name} takes square matrices, got {a}")
    return columns


def infer_system(name: str) -> Callable[..., ArrayType]:
    """The type of the solution of ``a x = b``: that of the right-hand sides, ``b``'s columns."""

    def infer(a: ArrayType, b: ArrayType, **params: Any) -> ArrayType:
        n = square_matrices(name, a)
        if b.dtype != a.dtype or b.ndim != a.ndim or b.shape[:-1] != (*a.shape[:-2], n):
            raise ValueError(f"{name}: the right-hand sides {b} do not match {a}")
        return b

    return infer


def batch_of_systems(
    solve: Callable[..., Tracer], batched: Sequence[bool], a: Tracer, b: Tracer
) -> Tracer:
    """A batch of systems; right-hand sides for one matrix are so many columns more."""
    if batched[0]:
        return solve(*all_batched(batched, (a, b)))
    count, *shape = b.shape
    last = b.ndim - 1
    columns = permute(b, axes=(*range(1, last), 0, last))
    columns = reshape(columns, shape=(*shape[:-1], count * shape[-1]))
    solved = reshape(solve(a, columns), shape=(*shape[:-1], count, shape[-1]))
    return permute(solved, axes=(last - 1, *range(last - 1), last))


def batch_of_matrices(row: Callable[[], Primitive]) -> Callable[..., Tracer]:
    """How rows on single matrices move through a batch: its axis is one before the matrices."""
    return lambda batched, *operands, **params: row()(*all_batched(batched, operands), **params)


# -- operands to test with ---------------------------------------------------------------------


def well_conditioned(x: Any) -> Any:
    """1, 2, 3, ... added to the diagonals: far from singular, no two singular values alike."""
    return (
        x
        + np.asarray(np.diag(np.arange(1.0, max(x.shape[-2:]) + 1)), x.dtype)[
            : x.shape[-2], : x.shape[-1]
        ]
    )


def with_complex_pairs(x: Any) -> tuple[Any]:
    """Some of whose eigenvalues are far from real, and all from each other."""
    turned = np.zeros(x.shape[-2:], x.dtype)
    if x.shape[-1] > 1:
        turned[0, 1], turned[1, 0] = 3.0, -3.0
    return (well_conditioned(x) + turned,)


def positive_definite(x: Any) -> tuple[Any]:
    """Symmetric or Hermitian, and as far from singular."""
    return (well_conditioned((x + np.conj(np.swapaxes(x, -1, -2))) * 0.5),)


def first_well_conditioned(x: Any, *others: Any) -> tuple[Any, ...]:
    """The first operand is, the others are as drawn."""
    return (well_conditioned(x), *others)


# -- triangular systems ------------------------------------------------------------------------


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
    return batch_of_systems(partial(triangular_solve, **params), batched, a, b)


def _solve_cases() -> tuple[tuple[tuple[tuple[int, ...], ...], dict[str, Any]], ...]:
    shapes = ((3, 3), (3, 2)), ((2, 4, 4), (2, 4, 1)), ((2, 2), (2, 0))
    flags = [(False, False, False), (True, False, True), (True, True, False), (False, True, True)]
    names = "lower", "transposed", "unit_diagonal"
    return tuple((s, dict(zip(names, f, strict=True))) for s in shapes for f in flags)


triangular_solve: Primitive = register(
    Primitive(
        "triangular_solve",
        infer_system("triangular_solve"),
        _solve_reference,
        Domain(_solve_cases(), low=(0.5, -2.0), high=(1.5, 2.0), dtypes=FIELD),
        transpose=_solve_transpose,
        jvp=_solve_jvp,
        linear=(1,),
        batch=_solve_batch,
    )
)
