"""Orthogonal decompositions: QR, eigenvalues of symmetric matrices, singular values.

Each part is a row of its own, so that what is differentiated is what is used: eigenvalues and
singular values have derivatives where some are equal, their vectors have not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import UnsupportedFunctionError, at
from ..primitive import Primitive, register
from ..trace import Tracer, here
from ..types import ArrayType, is_complex, real_dtype
from .complexes import complex, imag
from .elementwise import broadcast_scalar, convert, where
from .linear_algebra import (
    batch_of_matrices,
    columns_before,
    columns_scaled,
    diagonal,
    floating_matrices,
    matrix_adjoint,
    matrix_product,
    matrix_transposed,
    on_diagonal,
    positive_definite,
    real_part,
    rows_scaled,
    square_matrices,
    symmetric_part,
    triangle,
    triangular_solve,
    well_conditioned,
)
from .structure import broadcast
from .systems import SQUARE, Infer, one_operand, same_square, small

Array = np.ndarray[Any, Any]
TALL = ((3, 3), (2, 4, 3), (1, 1))
ANY_SHAPE = (*TALL, (2, 4), (3, 0))


def _change(tangents: Sequence[Tracer | None]) -> Tracer:
    (change,) = tangents
    assert change is not None
    return change


def _prepared(x: Any) -> tuple[Any]:
    return (well_conditioned(x),)


def _not_unique(what: str) -> UnsupportedFunctionError:
    return UnsupportedFunctionError(
        f"{what} beyond the smaller extent are not determined by the matrix, so they have no "
        f"derivative\n  use the reduced decomposition{at(here())}"
    )


# -- QR ----------------------------------------------------------------------------------------


def _infer_q(a: ArrayType, *, complete: bool) -> ArrayType:
    m, n = floating_matrices("qr_q", a)
    return a.with_shape((*a.shape[:-1], m if complete else min(m, n)))


def _infer_r(a: ArrayType) -> ArrayType:
    m, n = floating_matrices("qr_r", a)
    return a.with_shape((*a.shape[:-2], min(m, n), n))


def _rotation(change: Tracer, a: Tracer) -> tuple[Tracer, Tracer]:
    """``dA R^-1`` and the anti-Hermitian ``S`` whose product with ``Q`` turns it.

    ``W = Q^H dA R^-1`` is the sum of ``S`` and of an upper triangle with a real diagonal, as that
    of ``R`` is: ``S`` is the lower triangle of ``W`` less its adjoint, and the imaginary diagonal
    (Walter & Lehmann 2012). Only the columns that ``Q`` comes from count.
    """
    q, r = qr_q(a, complete=False), qr_r(a)
    k = q.shape[-1]
    square, leading = columns_before(r, k), columns_before(change, k)
    solved = matrix_transposed(
        triangular_solve(
            square, matrix_transposed(leading), lower=False, transposed=True, unit_diagonal=False
        )
    )
    inner = matrix_product(matrix_adjoint(q), solved)
    below = triangle(inner, lower=True, strict=True)
    turned = below - matrix_adjoint(below)
    return solved, turned + _imaginary_diagonal(inner) if is_complex(a.dtype) else turned


def _imaginary_diagonal(x: Tracer) -> Tracer:
    """The imaginary parts on the diagonal of complex matrices, as imaginary numbers."""
    parts = imag(x)
    zero = broadcast_scalar(0.0, parts)
    return complex(zero, where(on_diagonal(x, x.shape[-1]), parts, zero))


def _q_jvp(tangents: Sequence[Tracer | None], out: Tracer, a: Tracer, *, complete: bool) -> Tracer:
    if complete and a.shape[-2] > a.shape[-1]:
        raise _not_unique("the columns of Q")
    solved, turned = _rotation(_change(tangents), a)
    inner = matrix_product(matrix_adjoint(out), solved)
    return solved + matrix_product(out, turned - inner)


def _r_jvp(tangents: Sequence[Tracer | None], out: Tracer, a: Tracer) -> Tracer:
    change = _change(tangents)
    _, turned = _rotation(change, a)
    seen = matrix_product(matrix_adjoint(qr_q(a, complete=False)), change)
    return triangle(seen - matrix_product(turned, out), lower=False)


qr_q: Primitive = register(
    Primitive(
        "qr_q",
        _infer_q,
        lambda a, *, complete: np.linalg.qr(a, "complete" if complete else "reduced")[0],
        small(
            (*one_operand(*ANY_SHAPE, complete=False), *one_operand((2, 3, 3), complete=True)),
            prepare=_prepared,
        ),
        jvp=_q_jvp,
        batch=batch_of_matrices(lambda: qr_q),
    )
)
"""The orthonormal columns of QR: as many as the smaller extent, or all."""

qr_r: Primitive = register(
    Primitive(
        "qr_r",
        _infer_r,
        lambda a: np.linalg.qr(a)[1],
        small(one_operand(*ANY_SHAPE), prepare=_prepared),
        jvp=_r_jvp,
        batch=batch_of_matrices(lambda: qr_r),
    )
)
"""The upper triangle of QR, without the rows of zeros below."""

# -- eigenvalues of symmetric matrices ---------------------------------------------------------


def _infer_eigenvalues(a: ArrayType, *, lower: bool) -> ArrayType:
    square_matrices("eigenvalues", a)
    return ArrayType(a.shape[:-1], real_dtype(a.dtype))


def _in_basis(change: Tracer, vectors: Tracer) -> Tracer:
    """``V^H dA V`` of the symmetric part of a change."""
    return matrix_product(matrix_adjoint(vectors), matrix_product(symmetric_part(change), vectors))


def _eigenvalues_jvp(
    tangents: Sequence[Tracer | None], out: Tracer, a: Tracer, *, lower: bool
) -> Tracer:
    return real_part(diagonal(_in_basis(_change(tangents), eigenvectors(a, lower=lower))))


def _eigenvectors_jvp(
    tangents: Sequence[Tracer | None], out: Tracer, a: Tracer, *, lower: bool
) -> Tracer:
    """Giles 2008, "Collected matrix derivative results for forward and reverse mode", 3.1.

    A complex vector keeps its phase: nothing of the change is along it.
    """
    gaps = differences(eigenvalues(a, lower=lower))
    turned = over_gaps(_in_basis(_change(tangents), out), gaps)
    return matrix_product(out, turned)


def differences(values: Tracer) -> Tracer:
    """``v_j - v_i`` at ``i, j``."""
    n, axis = values.shape[-1], values.ndim - 1
    batch, shape = tuple(range(axis)), (*values.shape, n)
    of_rows = broadcast(values, shape=shape, axes=(*batch, axis))
    return broadcast(values, shape=shape, axes=(*batch, axis + 1)) - of_rows


def over_gaps(x: Tracer, gaps: Tracer) -> Tracer:
    """Divided by the gaps, with zeros on the diagonal."""
    same = on_diagonal(gaps, gaps.shape[-1])
    divided = x / convert(where(same, broadcast_scalar(1.0, gaps), gaps), dtype=x.dtype)
    return where(same, broadcast_scalar(0.0, x), divided)


eigenvalues: Primitive = register(
    Primitive(
        "eigenvalues",
        _infer_eigenvalues,
        lambda a, *, lower: np.linalg.eigvalsh(a, "L" if lower else "U"),
        small(
            (*one_operand(*SQUARE, lower=True), *one_operand((3, 3), lower=False)),
            prepare=positive_definite,
        ),
        jvp=_eigenvalues_jvp,
        batch=batch_of_matrices(lambda: eigenvalues),
    )
)
"""Of symmetric or Hermitian matrices, rising; the lower or the upper triangle is read.

The derivative is by such matrices: that of the operand's symmetric (Hermitian) part.
"""

eigenvectors: Primitive = register(
    Primitive(
        "eigenvectors",
        same_square("eigenvectors"),
        lambda a, *, lower: np.linalg.eigh(a, "L" if lower else "U")[1],
        small(
            (*one_operand(*SQUARE, lower=True), *one_operand((3, 3), lower=False)),
            prepare=positive_definite,
        ),
        jvp=_eigenvectors_jvp,
        batch=batch_of_matrices(lambda: eigenvectors),
    )
)
"""The columns that belong to `eigenvalues`; without a derivative where two of those are equal."""

# -- singular values ---------------------------------------------------------------------------


def _infer_singular_values(a: ArrayType) -> ArrayType:
    m, n = floating_matrices("singular_values", a)
    return ArrayType((*a.shape[:-2], min(m, n)), real_dtype(a.dtype))


def _infer_vectors(side: int) -> Infer:
    def infer(a: ArrayType, *, full: bool) -> ArrayType:
        extents = floating_matrices("singular vectors", a)
        size = extents[side]
        return a.with_shape((*a.shape[:-2], size, size if full else min(extents)))

    return infer


def _vectors_reference(a: Array, full: bool, side: int) -> Array:
    u, _, vh = np.linalg.svd(a, full)
    return u if side == 0 else np.conj(np.swapaxes(vh, -1, -2))


def _singular_values_jvp(tangents: Sequence[Tracer | None], out: Tracer, a: Tracer) -> Tracer:
    u, v = left_singular_vectors(a, full=False), right_singular_vectors(a, full=False)
    moved = matrix_product(matrix_adjoint(u), matrix_product(_change(tangents), v))
    return real_part(diagonal(moved))


def _vectors_tangent(change: Tracer, u: Tracer, s: Tracer, v: Tracer) -> Tracer:
    """How the left vectors move (Townsend 2016, "Differentiating the singular value
    decomposition"): within their span, and out of it where they do not span everything.
    """
    seen = matrix_product(change, v)
    inner = matrix_product(matrix_adjoint(u), seen)
    mixed = columns_scaled(inner, s) + rows_scaled(matrix_adjoint(inner), s)
    turned = over_gaps(mixed, differences(s) * _sums(s))
    moved = matrix_product(u, turned)
    if u.shape[-2] > u.shape[-1]:
        moved = moved + columns_scaled(seen - matrix_product(u, inner), 1.0 / s)
    return moved


def _sums(values: Tracer) -> Tracer:
    n, axis = values.shape[-1], values.ndim - 1
    batch, shape = tuple(range(axis)), (*values.shape, n)
    of_rows = broadcast(values, shape=shape, axes=(*batch, axis))
    return broadcast(values, shape=shape, axes=(*batch, axis + 1)) + of_rows


def _left_jvp(tangents: Sequence[Tracer | None], out: Tracer, a: Tracer, *, full: bool) -> Tracer:
    if full and a.shape[-2] > a.shape[-1]:
        raise _not_unique("left singular vectors")
    change, s, v = _change(tangents), singular_values(a), right_singular_vectors(a, full=False)
    if not is_complex(a.dtype):
        return _vectors_tangent(change, out, s, v)
    # Where left and right vectors turn against each other, the left ones take it all.
    inner = matrix_product(matrix_adjoint(out), matrix_product(change, v))
    turned = matrix_product(out, columns_scaled(_imaginary_diagonal(inner), 1.0 / s))
    return _vectors_tangent(change, out, s, v) + turned


def _right_jvp(tangents: Sequence[Tracer | None], out: Tracer, a: Tracer, *, full: bool) -> Tracer:
    if full and a.shape[-1] > a.shape[-2]:
        raise _not_unique("right singular vectors")
    u = left_singular_vectors(a, full=False)
    return _vectors_tangent(matrix_adjoint(_change(tangents)), out, singular_values(a), u)


singular_values: Primitive = register(
    Primitive(
        "singular_values",
        _infer_singular_values,
        np.linalg.svdvals,
        small(one_operand(*ANY_SHAPE), prepare=_prepared),
        jvp=_singular_values_jvp,
        batch=batch_of_matrices(lambda: singular_values),
    )
)
"""Falling, as many as the smaller extent."""

left_singular_vectors: Primitive = register(
    Primitive(
        "left_singular_vectors",
        _infer_vectors(0),
        lambda a, *, full: _vectors_reference(a, full, 0),
        small(
            (*one_operand(*ANY_SHAPE, full=False), *one_operand((2, 3, 3), full=True)),
            prepare=_prepared,
        ),
        jvp=_left_jvp,
        batch=batch_of_matrices(lambda: left_singular_vectors),
    )
)
"""In columns, as many as the smaller extent, or all."""

right_singular_vectors: Primitive = register(
    Primitive(
        "right_singular_vectors",
        _infer_vectors(1),
        lambda a, *, full: _vectors_reference(a, full, 1),
        small(
            (*one_operand(*ANY_SHAPE, full=False), *one_operand((2, 3, 3), full=True)),
            prepare=_prepared,
        ),
        jvp=_right_jvp,
        batch=batch_of_matrices(lambda: right_singular_vectors),
    )
)
"""In columns, as many as the smaller extent, or all."""

# -- pseudo-inverse ----------------------------------------------------------------------------


def _infer_pinv(a: ArrayType, *, rcond: float) -> ArrayType:
    m, n = floating_matrices("pinv", a)
    return a.with_shape((*a.shape[:-2], n, m))


def _pinv_jvp(tangents: Sequence[Tracer | None], out: Tracer, a: Tracer, *, rcond: float) -> Tracer:
    """Golub & Pereyra 1973, "The differentiation of pseudo-inverses and nonlinear least squares
    problems whose variables separate", theorem 4.3: where the rank stays as it is.
    """
    change = _change(tangents)
    flipped, back = matrix_adjoint(change), matrix_adjoint(out)
    moved = -matrix_product(out, matrix_product(change, out))
    of_columns = matrix_product(matrix_product(out, back), flipped)
    of_rows = matrix_product(flipped, matrix_product(back, out))
    moved = moved + of_columns - matrix_product(matrix_product(of_columns, a), out)
    return moved + of_rows - matrix_product(out, matrix_product(a, of_rows))


pinv: Primitive = register(
    Primitive(
        "pinv",
        _infer_pinv,
        lambda a, *, rcond: np.linalg.pinv(a, rcond),
        small(one_operand((3, 3), (2, 4, 3), (2, 4), (3, 0), rcond=1e-15), prepare=_prepared),
        jvp=_pinv_jvp,
        batch=batch_of_matrices(lambda: pinv),
    )
)
"""The pseudo-inverse; singular values up to ``rcond`` times the largest count as zero."""
