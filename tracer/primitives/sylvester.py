"""Sylvester's equation, and square roots of matrices, whose derivatives are solutions of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..primitive import Domain, Primitive, register
from ..trace import Tracer
from ..types import ArrayType
from .linear_algebra import (
    FIELD,
    batch_of_matrices,
    matrix_product,
    matrix_transposed,
    square_matrices,
    well_conditioned,
    with_complex_pairs,
)
from .structure import zeros
from .systems import SQUARE, one_operand, same_square, small

Array = np.ndarray[Any, Any]


def _infer_sylvester(a: ArrayType, b: ArrayType, q: ArrayType, *, transposed: bool) -> ArrayType:
    m, n = square_matrices("sylvester", a), square_matrices("sylvester", b)
    batches = {x.shape[:-2] for x in (a, b, q)}
    if len({x.dtype for x in (a, b, q)}) > 1 or len(batches) > 1 or q.shape[-2:] != (m, n):
        raise ValueError(f"sylvester: the right-hand sides {q} do not match {a} and {b}")
    return q


def _sylvester_reference(a: Array, b: Array, q: Array, *, transposed: bool) -> Array:
    from scipy.linalg import solve_sylvester

    a, b = (np.swapaxes(x, -1, -2) if transposed else x for x in (a, b))
    out = np.empty_like(q)
    for place in np.ndindex(*q.shape[:-2]) if q.size else ():
        out[place] = solve_sylvester(a[place], b[place], q[place])
    return out


def _sylvester_jvp(
    tangents: Sequence[Tracer | None],
    out: Tracer,
    a: Tracer,
    b: Tracer,
    q: Tracer,
    *,
    transposed: bool,
) -> Tracer:
    """From ``a x + x b = q``: ``a dx + dx b = -da x - x db``."""
    left, right = (
        matrix_transposed(x) if x is not None and transposed else x for x in tangents[:2]
    )
    moved = zeros(out.type)
    if left is not None:
        moved = moved - matrix_product(left, out)
    if right is not None:
        moved = moved - matrix_product(out, right)
    return sylvester(a, b, moved, transposed=transposed)


def _both_well_conditioned(a: Any, b: Any, q: Any) -> tuple[Any, Any, Any]:
    return *with_complex_pairs(a), well_conditioned(b), q


sylvester: Primitive = register(
    Primitive(
        "sylvester",
        _infer_sylvester,
        _sylvester_reference,
        Domain(
            (
                (((3, 3), (2, 2), (3, 2)), {"transposed": False}),
                (((2, 2), (3, 3), (2, 3)), {"transposed": True}),
                (((2, 3, 3), (2, 1, 1), (2, 3, 1)), {"transposed": False}),
                (((0, 0), (2, 2), (0, 2)), {"transposed": False}),
            ),
            low=-0.3,
            high=0.3,
            dtypes=FIELD,
            prepare=_both_well_conditioned,
        ),
        transpose=lambda ct, a, b, q, *, transposed: (
            *(None, None),
            sylvester(a, b, ct, transposed=not transposed),
        ),
        jvp=_sylvester_jvp,
        linear=(2,),
        batch=batch_of_matrices(lambda: sylvester),
    )
)
"""``x`` with ``a x + x b = q``, or with the transposes of ``a`` and ``b``."""


def _root_reference(a: Array) -> Array:
    from scipy.linalg import sqrtm

    out = np.empty_like(a)
    for place in np.ndindex(*a.shape[:-2]) if a.size else ():
        root = np.asarray(sqrtm(a[place]))
        out[place] = np.nan if root.dtype.kind > a.dtype.kind else root
    return out


def _root_jvp(tangents: Sequence[Tracer | None], out: Tracer, a: Tracer) -> Tracer:
    """From ``x x = a``: ``x dx + dx x = da``."""
    (change,) = tangents
    assert change is not None
    return sylvester(out, out, change, transposed=False)


square_root: Primitive = register(
    Primitive(
        "square_root",
        same_square("square_root"),
        _root_reference,
        small(one_operand(*SQUARE), prepare=with_complex_pairs),
        jvp=_root_jvp,
        batch=batch_of_matrices(lambda: square_root),
    )
)
"""The root whose eigenvalues have positive real parts.

NaN for a real matrix that has no such real root: one with negative real eigenvalues.
"""
