"""Functions of square matrices: the exponential."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..primitive import Primitive, register
from ..trace import Tracer
from ..types import ArrayType
from .linear_algebra import (
    batch_of_matrices,
    matrix_transposed,
    square_matrices,
)
from .structure import concatenate, slice, zeros
from .systems import SQUARE, one_operand, same_square, small

Array = np.ndarray[Any, Any]


def blocks(corner: Tracer, above: Tracer) -> Tracer:
    """``[[corner, above], [0, corner]]``."""
    last = corner.ndim - 1
    upper = concatenate(corner, above, axis=last)
    return concatenate(upper, concatenate(zeros(corner.type), corner, axis=last), axis=last - 1)


def upper_right(x: Tracer) -> Tracer:
    """The upper right quarter."""
    *batch, n, _ = x.shape
    starts = (*(0 for _ in batch), 0, n // 2)
    return slice(x, starts=starts, sizes=(*batch, n // 2, n // 2), steps=(1,) * x.ndim)


def _expm_reference(a: Array) -> Array:
    """Taylor's series of a matrix made small, squared, in the longest floats that there are."""
    if not a.size:
        return a
    norm = np.max(np.sum(np.abs(a), -2))
    halvings = max(int(np.log2(norm)) + 4, 0) if 0 < norm < np.inf else 0
    x = np.asarray(a, np.result_type(a.dtype, np.longdouble)) / 2**halvings
    result = term = np.zeros_like(x) + np.eye(a.shape[-1])
    for n in range(1, 25):
        term = term @ x / n
        result = result + term
    for _ in range(halvings):
        result = result @ result
    return np.asarray(result, a.dtype)


def _expm_jvp(tangents: Sequence[Tracer | None], out: Tracer, a: Tracer) -> Tracer:
    (change,) = tangents
    assert change is not None
    return expm_change(a, change)


expm: Primitive = register(
    Primitive(
        "expm",
        same_square("expm"),
        _expm_reference,
        small(one_operand(*SQUARE), low=-2.0, high=2.0),
        jvp=_expm_jvp,
        batch=batch_of_matrices(lambda: expm),
    )
)


def _infer_change(a: ArrayType, e: ArrayType) -> ArrayType:
    square_matrices("expm_change", a)
    if e != a:
        raise TypeError(f"expm_change takes operands of one type, got {a} and {e}")
    return a


def _change_reference(a: Array, e: Array) -> Array:
    n = a.shape[-1]
    wide = np.block([[a, e], [np.zeros_like(a), a]])
    return _expm_reference(wide)[..., :n, n:]


def _change_jvp(tangents: Sequence[Tracer | None], out: Tracer, a: Tracer, e: Tracer) -> Tracer:
    """The second derivative is symmetric: that of the change along ``e``, linear in the tangent."""
    (change, _) = tangents
    assert change is not None
    return upper_right(expm_change(blocks(a, e), blocks(change, zeros(change.type))))


expm_change: Primitive = register(
    Primitive(
        "expm_change",
        _infer_change,
        _change_reference,
        small(
            ((((3, 3), (3, 3)), {}), (((2, 2, 2), (2, 2, 2)), {}), (((0, 0), (0, 0)), {})),
            low=-1.0,
            high=1.0,
        ),
        transpose=lambda ct, a, e: (None, expm_change(matrix_transposed(a), ct)),
        jvp=_change_jvp,
        linear=(1,),
        batch=batch_of_matrices(lambda: expm_change),
    )
)
"""How the exponential of ``a`` changes along ``e``: its derivative, linear in ``e``."""
