"""Eigenvalues and eigenvectors of square matrices without symmetry: always complex."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..primitive import Primitive, register
from ..trace import Tracer
from ..types import INT64, ArrayType, complex_dtype
from .complexes import complex, imag, real
from .decompositions import differences, over_gaps
from .elementwise import abs, broadcast_scalar, convert, eq, where
from .linear_algebra import (
    batch_of_matrices,
    conjugate,
    diagonal,
    matrix_product,
    square_matrices,
    with_complex_pairs,
)
from .reduction import argmax, reduce_sum
from .structure import broadcast, iota, zeros
from .systems import SQUARE, one_operand, small, solve

Array = np.ndarray[Any, Any]


def _infer_values(a: ArrayType) -> ArrayType:
    square_matrices("general_eigenvalues", a)
    return ArrayType(a.shape[:-1], complex_dtype(a.dtype))


def _infer_vectors(a: ArrayType) -> ArrayType:
    square_matrices("general_eigenvectors", a)
    return a.with_dtype(complex_dtype(a.dtype))


def _in_basis(tangents: Sequence[Tracer | None], vectors: Tracer) -> Tracer:
    """``V^-1 dA V``."""
    (change,) = tangents
    assert change is not None
    moved = matrix_product(convert(change, dtype=vectors.dtype), vectors)
    return solve(vectors, moved, transposed=False, checked=False)


def _values_jvp(tangents: Sequence[Tracer | None], out: Tracer, a: Tracer) -> Tracer:
    return diagonal(_in_basis(tangents, general_eigenvectors(a)))


def _vectors_jvp(tangents: Sequence[Tracer | None], out: Tracer, a: Tracer) -> Tracer:
    """The change out of each vector's own direction, then what keeps its norm and its phase.

    Giles 2008, "Collected matrix derivative results for forward and reverse mode", 3.1, for the
    former, of which any multiple ``c v`` of the vector ``v`` may be taken away. Of norm 1 it stays
    with ``Re c = Re v^H dv``; the element ``m`` that LAPACK has made real stays so with
    ``Im c = Im dv_m / v_m``.
    """
    if not a.size:
        return zeros(out.type)
    turned = over_gaps(_in_basis(tangents, out), differences(general_eigenvalues(a)))
    free = matrix_product(out, turned)
    lines = out.ndim - 2
    along = reduce_sum(real(conjugate(out) * free), axes=(lines,))
    chosen = _made_real(out)
    zero = broadcast_scalar(0.0, real(out))
    moved, fixed = (
        reduce_sum(where(chosen, part, zero), axes=(lines,)) for part in (imag(free), real(out))
    )
    multiple = complex(along, moved / fixed)
    axes = (*range(lines), lines + 1)
    return free - out * broadcast(multiple, shape=out.shape, axes=axes)


def _made_real(vectors: Tracer) -> Tracer:
    """Where each column has its largest element among the real ones."""
    lines, shape = vectors.ndim - 2, vectors.shape
    size = abs(real(vectors))
    size = where(imag(vectors) == 0.0, size, broadcast_scalar(-1.0, size))
    place = broadcast(argmax(size, axis=lines), shape=shape, axes=(*range(lines), lines + 1))
    return eq(place, broadcast(iota(size=shape[lines], dtype=INT64), shape=shape, axes=(lines,)))


general_eigenvalues: Primitive = register(
    Primitive(
        "general_eigenvalues",
        _infer_values,
        lambda a: np.asarray(np.linalg.eigvals(a), complex_dtype(a.dtype)),
        small(one_operand(*SQUARE), prepare=with_complex_pairs),
        jvp=_values_jvp,
        batch=batch_of_matrices(lambda: general_eigenvalues),
    )
)
"""In LAPACK's order; a conjugate pair of a real matrix has the positive imaginary part first."""

general_eigenvectors: Primitive = register(
    Primitive(
        "general_eigenvectors",
        _infer_vectors,
        lambda a: np.asarray(np.linalg.eig(a)[1], complex_dtype(a.dtype)),
        small(one_operand(*SQUARE), prepare=with_complex_pairs),
        jvp=_vectors_jvp,
        batch=batch_of_matrices(lambda: general_eigenvectors),
    )
)
"""The columns that belong to `general_eigenvalues`, of norm 1, their largest elements real.

They have no derivative where two eigenvalues are equal.
"""
