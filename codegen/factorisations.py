"""Parts of factorisations: brought to the one factorisation that they are parts of.

A pass from graph to graph. A primitive such as `eigenvalues` is one result of a routine that has
several, and those of one matrix shall come from one call. So here they become slices of a packed
array, which `lu`, `qr`, `eigh` or `svd` makes: primitives of codegen alone, whose routines are in
``codegen/routines/factoring.py``. Equal nodes are shared, and so are the factorisations, between
a function and its derivatives too. LAPACK counts by columns: what is packed is of the transposes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pullback.tracer.ir import Graph, Node
from pullback.tracer.primitive import Primitive
from pullback.tracer.primitives import decompositions, matrix_functions, systems
from pullback.tracer.primitives import elementwise as rows
from pullback.tracer.primitives.linear_algebra import (
    columns_before,
    columns_scaled,
    conjugate,
    diagonal,
    identity,
    matrix_product,
    matrix_transposed,
    real_part,
)
from pullback.tracer.primitives.reduction import reduce_max, reduce_prod, reduce_sum
from pullback.tracer.primitives.structure import broadcast, reshape, zeros
from pullback.tracer.trace import Tracer
from pullback.tracer.types import FLOAT32, FLOAT64, INT32, INT64, ArrayType, real_dtype

from . import spectra
from .packed import Part, matrix_of, packed_primitive, row_of, rows_of
from .rewrite import rewritten


def _infer_lu(transposes: ArrayType) -> ArrayType:
    *batch, n, m = transposes.shape
    return transposes.with_shape((*batch, n + 1, m))


def _infer_qr(transposes: ArrayType, *, columns: int) -> ArrayType:
    *batch, n, m = transposes.shape
    return transposes.with_shape((*batch, columns + n, m))


def _infer_eigh(transposes: ArrayType, *, lower: bool, vectors: bool) -> ArrayType:
    *batch, n, _ = transposes.shape
    return transposes.with_shape((*batch, n + 1 if vectors else 1, n))


def _infer_svd(transposes: ArrayType, *, vectors: str) -> ArrayType:
    *batch, n, m = transposes.shape
    k = min(m, n)
    of_u, of_v = {"N": (0, 0), "S": (k, k), "A": (m, n)}[vectors]
    return transposes.with_shape((*batch, k + of_u * m + of_v * n))


lu = packed_primitive("lu", _infer_lu)
lu_solve = packed_primitive("lu_solve", lambda factors, sides, *, transposed, checked: sides)
qr = packed_primitive("qr", _infer_qr)
eigh = packed_primitive("eigh", _infer_eigh)
svd = packed_primitive("svd", _infer_svd)
squared = packed_primitive("squared", lambda x, times: x)


def lower_factorisations(graph: Graph) -> Graph:
    """The graph with the parts of factorisations taken from packed ones."""
    asked = frozenset(
        (node.primitive, node.operands[0], *node.params.values())
        for node in graph.nodes
        if node.primitive in PARTS
    )

    def rule(node: Node, operands: Sequence[Tracer]) -> Tracer:
        return PARTS[node.primitive](Part(node, asked), *operands)

    return rewritten(graph, dict.fromkeys(PARTS, rule))


# -- LU ----------------------------------------------------------------------------------------


def _pivots(factors: Tracer, transposes: Tracer) -> Tracer:
    *_, n, m = transposes.shape
    return rows.convert(row_of(factors, n, min(m, n)), dtype=INT32)


def _lu_factors(part: Part, a: Tracer) -> Tracer:
    if not a.size:
        return a
    transposes = matrix_transposed(a)
    return matrix_transposed(rows_of(lu(transposes), 0, a.shape[-1]))


def _lu_pivots(part: Part, a: Tracer) -> Tracer:
    if not a.size:
        return zeros(ArrayType((*a.shape[:-2], min(a.shape[-2:])), INT32))
    transposes = matrix_transposed(a)
    return _pivots(lu(transposes), transposes)


def _solve(part: Part, a: Tracer, b: Tracer) -> Tracer:
    return _solution(a, b, **part.node.params)


def _solution(a: Tracer, b: Tracer, *, transposed: bool, checked: bool) -> Tracer:
    if not b.size:
        return b
    *batch, n, count = b.shape
    sides = matrix_transposed(b) if count > 1 else reshape(b, shape=(*batch, 1, n))
    params = {"transposed": transposed, "checked": checked}
    solved = lu_solve(lu(matrix_transposed(a)), sides, **params)
    return matrix_transposed(solved) if count > 1 else reshape(solved, shape=b.shape)


def _diagonal_of_factors(a: Tracer) -> Tracer:
    return diagonal(rows_of(lu(matrix_transposed(a)), 0, a.shape[-1]))


def _determinant(part: Part, a: Tracer) -> Tracer:
    product = reduce_prod(_diagonal_of_factors(a), axes=(a.ndim - 2,))
    return product * systems.parity(_lu_pivots(part, a), a)


def _log_determinant(part: Part, a: Tracer) -> Tracer:
    return reduce_sum(rows.log(abs(_diagonal_of_factors(a))), axes=(a.ndim - 2,))


# -- QR ----------------------------------------------------------------------------------------


def _packed_qr(part: Part, a: Tracer) -> Tracer:
    m, n = a.shape[-2:]
    columns = m if part.asks(decompositions.qr_q, True) else min(m, n)
    return qr(matrix_transposed(a), columns=columns)


def _qr_q(part: Part, a: Tracer) -> Tracer:
    columns = part.node.type.shape[-1]
    return matrix_transposed(rows_of(_packed_qr(part, a), 0, columns)) if a.size else _unit(part, a)


def _qr_r(part: Part, a: Tracer) -> Tracer:
    if not a.size:
        return zeros(part.node.type)
    packed, (m, n) = _packed_qr(part, a), a.shape[-2:]
    columns = rows_of(packed, packed.shape[-2] - n, n)
    return matrix_transposed(columns_before(columns, min(m, n)))


# -- eigenvalues, singular values --------------------------------------------------------------


def _packed_eigh(part: Part, a: Tracer) -> Tracer:
    lower = part.node.params["lower"]
    vectors = part.asks(decompositions.eigenvectors, lower)
    return eigh(matrix_transposed(a), lower=lower, vectors=vectors)


def _eigenvalues(part: Part, a: Tracer) -> Tracer:
    return real_part(row_of(_packed_eigh(part, a), 0, a.shape[-1]))


def _eigenvectors(part: Part, a: Tracer) -> Tracer:
    return matrix_transposed(rows_of(_packed_eigh(part, a), 1, a.shape[-1]))


SIDES = decompositions.left_singular_vectors, decompositions.right_singular_vectors


def _packed_svd(part: Part, a: Tracer) -> tuple[Tracer, int, int]:
    """The packed array, and the numbers of left and of right vectors in it."""
    m, n = a.shape[-2:]
    every = m != n and any(part.asks(side, True) for side in SIDES)
    some = any(part.asks(side, full) for side in SIDES for full in (False, True))
    some = some or part.node.primitive is decompositions.pinv
    packed = svd(matrix_transposed(a), vectors="A" if every else "S" if some else "N")
    return packed, *((m, n) if every else (min(m, n), min(m, n)))


def _values(part: Part, a: Tracer) -> Tracer:
    shape = (*a.shape[:-2], min(a.shape[-2:]))
    if not a.size:
        return zeros(ArrayType(shape, real_dtype(a.dtype)))
    packed, _, _ = _packed_svd(part, a)
    return real_part(reshape(matrix_of(packed, 0, (1, shape[-1])), shape=shape))


def _left_transposed(part: Part, a: Tracer, columns: int) -> Tracer:
    packed, _, _ = _packed_svd(part, a)
    return matrix_of(packed, min(a.shape[-2:]), (columns, a.shape[-2]))


def _right(part: Part, a: Tracer, columns: int) -> Tracer:
    packed, of_u, of_v = _packed_svd(part, a)
    m, n = a.shape[-2:]
    return conjugate(columns_before(matrix_of(packed, min(m, n) + of_u * m, (n, of_v)), columns))


def _left_vectors(part: Part, a: Tracer) -> Tracer:
    columns = part.node.type.shape[-1]
    return matrix_transposed(_left_transposed(part, a, columns)) if a.size else _unit(part, a)


def _right_vectors(part: Part, a: Tracer) -> Tracer:
    return _right(part, a, part.node.type.shape[-1]) if a.size else _unit(part, a)


def _unit(part: Part, a: Tracer) -> Tracer:
    """The orthonormal columns that belong to an empty matrix."""
    *_, m, n = part.node.type.shape
    return identity(a, m) if m == n else zeros(part.node.type)


def _pinv(part: Part, a: Tracer) -> Tracer:
    """``V S^-1 U^H``, where ``S`` is large enough."""
    if not a.size:
        return zeros(part.node.type)
    values, count = _values(part, a), min(a.shape[-2:])
    largest = reduce_max(values, axes=(values.ndim - 1,)) * part.node.params["rcond"]
    batch = tuple(range(values.ndim - 1))
    large = values > broadcast(largest, shape=values.shape, axes=batch)
    one, zero = (rows.broadcast_scalar(x, values) for x in (1.0, 0.0))
    inverses = rows.where(large, one / rows.where(large, values, one), zero)
    right = columns_scaled(_right(part, a, count), inverses)
    return matrix_product(right, conjugate(_left_transposed(part, a, count)))


# -- the exponential ---------------------------------------------------------------------------

PADE = (
    64764752532480000.0,
    32382376266240000.0,
    7771770303897600.0,
    1187353796428800.0,
    129060195264000.0,
    10559470521600.0,
    670442572800.0,
    33522128640.0,
    1323241920.0,
    40840800.0,
    960960.0,
    16380.0,
    182.0,
    1.0,
)
"""The numerator of the approximation of degree 13."""

LARGEST = {FLOAT64: 5.371920351148152, FLOAT32: 3.925724783138660}
"""The norms up to which a matrix is not scaled."""


def _norm(a: Tracer) -> Tracer:
    """The largest sum of a column's absolute values."""
    sums = reduce_sum(abs(a), axes=(a.ndim - 2,))
    return reduce_max(sums, axes=(sums.ndim - 1,))


def _spread(numbers: Tracer, like: Tracer) -> Tracer:
    numbers = rows.convert(numbers, dtype=like.dtype)
    return broadcast(numbers, shape=like.shape, axes=tuple(range(numbers.ndim)))


def _exponential(a: Tracer) -> Tracer:
    """Scaled by a power of 2, approximated, squared as often.

    Higham 2005, "The scaling and squaring method for the matrix exponential revisited", algorithm
    2.3, always with degree 13; how often is squared is found when it runs.
    """
    if not a.size:
        return a
    size = _norm(a) / LARGEST[real_dtype(a.dtype)]
    zero = rows.broadcast_scalar(0.0, size)
    most = rows.broadcast_scalar(float(np.finfo(a.dtype).maxexp), size)
    halvings = rows.minimum(rows.ceil(rows.log2(rows.where(size > 1.0, size, zero + 1.0))), most)
    x = a * _spread(rows.exp2(-halvings), a)
    return squared(_approximated(x), rows.convert(halvings, dtype=INT64))


def _approximated(x: Tracer) -> Tracer:
    """``(V - U)^-1 (V + U)``, ``U`` odd and ``V`` even."""
    b, unit = PADE, identity(x, x.shape[-1])
    x2 = matrix_product(x, x)
    x4 = matrix_product(x2, x2)
    x6 = matrix_product(x4, x2)
    odd = matrix_product(x6, b[13] * x6 + b[11] * x4 + b[9] * x2)
    odd = matrix_product(x, odd + b[7] * x6 + b[5] * x4 + b[3] * x2 + b[1] * unit)
    even = matrix_product(x6, b[12] * x6 + b[10] * x4 + b[8] * x2)
    even = even + b[6] * x6 + b[4] * x4 + b[2] * x2 + b[0] * unit
    return _solution(even - odd, even + odd, transposed=False, checked=False)


def _expm(part: Part, a: Tracer) -> Tracer:
    return _exponential(a)


def _expm_change(part: Part, a: Tracer, e: Tracer) -> Tracer:
    """The upper right block of the exponential of ``[[a, e], [0, a]]``; ``e`` of norm 1 there."""
    if not a.size:
        return e
    norm = _norm(e)
    one = rows.broadcast_scalar(1.0, norm)
    norm = rows.where(rows.is_finite(norm) & (norm > 0.0), norm, one)
    wide = matrix_functions.blocks(a, e / _spread(norm, e))
    return matrix_functions.upper_right(_exponential(wide)) * _spread(norm, e)


PARTS: dict[Primitive, Callable[..., Tracer]] = {
    systems.solve: _solve,
    systems.lu_factors: _lu_factors,
    systems.lu_pivots: _lu_pivots,
    systems.determinant: _determinant,
    systems.log_determinant: _log_determinant,
    decompositions.qr_q: _qr_q,
    decompositions.qr_r: _qr_r,
    decompositions.eigenvalues: _eigenvalues,
    decompositions.eigenvectors: _eigenvectors,
    decompositions.singular_values: _values,
    decompositions.left_singular_vectors: _left_vectors,
    decompositions.right_singular_vectors: _right_vectors,
    decompositions.pinv: _pinv,
    matrix_functions.expm: _expm,
    matrix_functions.expm_change: _expm_change,
    **spectra.PARTS,
}
"""What each part is in terms of packed factorisations."""
