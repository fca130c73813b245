"""Eigenvalues, Schur forms and what is solved by them, as parts of packed factorisations.

The routines are in ``codegen/routines/spectra.py``; what is packed is of the transposes.
"""

from __future__ import annotations

from collections.abc import Callable

from pullback.tracer.primitive import Primitive
from pullback.tracer.primitives import complexes, sylvester
from pullback.tracer.primitives import elementwise as rows
from pullback.tracer.primitives import general_eigenvalues as general
from pullback.tracer.primitives.linear_algebra import (
    conjugate,
    diagonal,
    identity,
    matrix_adjoint,
    matrix_product,
    matrix_transposed,
    rows_scaled,
    triangle,
)
from pullback.tracer.primitives.reduction import reduce_sum
from pullback.tracer.primitives.structure import broadcast, zeros
from pullback.tracer.trace import Tracer
from pullback.tracer.types import ArrayType, is_complex

from .packed import Part, packed_primitive, row_of, rows_of


def _infer_geev(transposes: ArrayType, *, vectors: bool) -> ArrayType:
    *batch, n, _ = transposes.shape
    of_values = 1 if is_complex(transposes.dtype) else 2
    return transposes.with_shape((*batch, of_values + n * vectors, n))


def _infer_schur(transposes: ArrayType) -> ArrayType:
    *batch, n, _ = transposes.shape
    return transposes.with_shape((*batch, 2 * n, n))


geev = packed_primitive("geev", _infer_geev)
schur = packed_primitive("schur", _infer_schur)
triangular_sylvester = packed_primitive(
    "triangular_sylvester", lambda form, other, sides, *, transposed: sides
)
triangular_root = packed_primitive("triangular_root", lambda form, blocks: blocks)

# -- eigenvalues -------------------------------------------------------------------------------


def _packed_geev(part: Part, a: Tracer) -> Tracer:
    vectors = part.asks(general.general_eigenvectors)
    return geev(matrix_transposed(a), vectors=vectors)


def _general_values(part: Part, a: Tracer) -> Tracer:
    if not a.size:
        return zeros(part.node.type)
    packed, n = _packed_geev(part, a), a.shape[-1]
    first = row_of(packed, 0, n)
    if is_complex(a.dtype):
        return first
    return complexes.complex(first, row_of(packed, packed.shape[-2] - 1, n))


def _general_vectors(part: Part, a: Tracer) -> Tracer:
    """Of a conjugate pair of real matrices LAPACK gives the real parts, then the imaginary ones."""
    if not a.size:
        return zeros(part.node.type)
    packed, n = _packed_geev(part, a), a.shape[-1]
    if is_complex(a.dtype):
        return matrix_transposed(rows_of(packed, 1, n))
    before, here, after = (rows_of(packed, start, n) for start in (0, 1, 2))
    imaginary = row_of(packed, n + 1, n)
    imaginary = broadcast(imaginary, shape=here.shape, axes=tuple(range(a.ndim - 1)))
    first, second = imaginary > 0.0, imaginary < 0.0
    zero = rows.broadcast_scalar(0.0, here)
    re = rows.where(second, before, here)
    im = rows.where(first, after, rows.where(second, -here, zero))
    return matrix_transposed(complexes.complex(re, im))


# -- Schur forms -------------------------------------------------------------------------------


def _triangular(form: Tracer) -> Tracer:
    return matrix_transposed(rows_of(form, 0, form.shape[-1]))


def _basis(form: Tracer) -> Tracer:
    return matrix_transposed(rows_of(form, form.shape[-1], form.shape[-1]))


def _sylvester(part: Part, a: Tracer, b: Tracer, q: Tracer) -> Tracer:
    """In the bases in which both matrices are triangular (Bartels & Stewart 1972).

    LAPACK solves with adjoints; a system of transposes is that of the adjoints, conjugated.
    """
    if not q.size:
        return q
    transposed = part.node.params["transposed"]
    form, other = schur(matrix_transposed(a)), schur(matrix_transposed(b))
    left, right = _basis(form), _basis(other)
    sides = conjugate(q) if transposed else q
    sides = matrix_product(matrix_adjoint(left), matrix_product(sides, right))
    sides = matrix_transposed(sides)
    solved = matrix_transposed(triangular_sylvester(form, other, sides, transposed=transposed))
    solution = matrix_product(left, matrix_product(solved, matrix_adjoint(right)))
    return conjugate(solution) if transposed else solution


def _square_root(part: Part, a: Tracer) -> Tracer:
    """Of the triangular form, in its basis."""
    if not a.size:
        return a
    form = schur(matrix_transposed(a))
    blocks = matrix_transposed(_roots_of_blocks(_triangular(form)))
    root = matrix_transposed(triangular_root(form, blocks))
    basis = _basis(form)
    return matrix_product(basis, matrix_product(root, matrix_adjoint(basis)))


def _roots_of_blocks(x: Tracer) -> Tracer:
    """The roots of the blocks on the diagonal, zeros elsewhere.

    Of a real form a block ``[[t, b], [c, t]]`` has the eigenvalues ``t + im`` and ``t - im``, where
    ``m^2 = -b c``, and with ``r`` the real part of their roots the root ``r + (block - t) / 2r``
    (Higham 1987, "Computing real square roots of a real matrix").
    """
    unit, values = identity(x, x.shape[-1]), diagonal(x)
    if is_complex(x.dtype):
        return rows_scaled(unit, rows.sqrt(values))
    below = triangle(x, lower=True, strict=True)
    paired = (below != 0.0) | (matrix_transposed(below) != 0.0)
    zero = rows.broadcast_scalar(0.0, x)
    pairs = rows.where(paired, x, zero)
    squares = -reduce_sum(pairs * matrix_transposed(pairs), axes=(x.ndim - 1,))
    of_pair = complexes.real(rows.sqrt(complexes.complex(values, rows.sqrt(squares))))
    reals = rows.where(squares > 0.0, of_pair, rows.sqrt(values))
    beside = rows.where(paired, rows_scaled(pairs, 0.5 / reals), zero)
    return rows.where(unit != 0.0, rows_scaled(unit, reals), beside)


PARTS: dict[Primitive, Callable[..., Tracer]] = {
    general.general_eigenvalues: _general_values,
    general.general_eigenvectors: _general_vectors,
    sylvester.sylvester: _sylvester,
    sylvester.square_root: _square_root,
}
"""What each part is in terms of packed factorisations."""
