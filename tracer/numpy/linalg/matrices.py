"""What the functions of `numpy.linalg` take: matrices in the last two axes, as floats."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import at
from ...location import user_location
from ...primitives.complexes import complex
from ...primitives.elementwise import broadcast_scalar, where
from ...primitives.linear_algebra import (
    matrix_adjoint,
    matrix_transposed,
    on_diagonal,
    real_part,
    triangle,
)
from ...primitives.structure import reshape
from ...trace import Tracer
from ...types import FLOAT16, FLOAT64, Shape, is_complex, is_inexact
from ..creation import asarray
from ..promotion import as_dtype, common_dtype, common_shape, spread


def refused(message: str) -> np.linalg.LinAlgError:
    """NumPy's error, with the user's line."""
    return np.linalg.LinAlgError(f"{message}{at(user_location())}")


def floating(value: Any) -> Tracer:
    """Integers as f64; what is floating-point, real or complex, stays as it is."""
    x = asarray(value)
    return x if is_inexact(x.dtype) else as_dtype(x, FLOAT64)


def elements(value: Any) -> Tracer:
    """In the dtype that NumPy computes with: integers become f64, f32 and complex ones stay.

    Raises:
        TypeError: for half precision, as NumPy has it.
    """
    x = floating(value)
    if x.dtype == FLOAT16:
        raise TypeError(f"array type {x.dtype} is unsupported in linalg{at(user_location())}")
    return x


def matrices(value: Any) -> Tracer:
    """At least two axes.

    Raises:
        numpy.linalg.LinAlgError: for fewer.
    """
    x = elements(value)
    if x.ndim < 2:
        raise refused(f"{x.ndim}-dimensional array given. Array must be at least two-dimensional")
    return x


def squares(value: Any) -> Tracer:
    """Square matrices.

    Raises:
        numpy.linalg.LinAlgError: when they are not.
    """
    x = matrices(value)
    if x.shape[-1] != x.shape[-2]:
        raise refused("Last 2 dimensions of the array must be square")
    return x


def of_one_type(*values: Tracer) -> list[Tracer]:
    """The values in their common dtype."""
    dtype = common_dtype(values, "np.linalg")
    return [as_dtype(x, dtype) for x in values]


def in_one_batch(a: Tracer, b: Tracer) -> tuple[Tracer, Tracer]:
    """Matrices of one dtype, their batches broadcast together."""
    a, b = of_one_type(a, b)
    batch = common_shape([a.shape[:-2], b.shape[:-2]])
    return spread(a, (*batch, *a.shape[-2:])), spread(b, (*batch, *b.shape[-2:]))


def as_columns(a: Tracer, b: Tracer, name: str) -> tuple[Tracer, Tracer, Shape]:
    """Systems and their right-hand sides as columns, and the shape of the solution.

    Sides of one axis are one vector for every matrix, others are matrices.

    Raises:
        ValueError: when the sides have not as many rows as the matrices.
    """
    vector = b.ndim == 1
    b = reshape(b, shape=(*b.shape, 1)) if vector else b
    if b.ndim == 0 or b.shape[-2] != a.shape[-2]:
        raise ValueError(
            f"{name}: the matrices have shape {a.shape}, the right-hand sides "
            f"{b.shape[:1] if vector else b.shape}{at(user_location())}"
        )
    a, b = in_one_batch(a, b)
    result = (*b.shape[:-2], a.shape[-1], b.shape[-1])
    return a, b, result[:-1] if vector else result


def symmetric_from(a: Tracer, lower: bool) -> Tracer:
    """The symmetric matrices whose lower or upper triangle is read."""
    kept = triangle(a, lower)
    return kept + matrix_transposed(triangle(a, lower, strict=True))


def hermitian_from(a: Tracer, lower: bool) -> Tracer:
    """The Hermitian matrices whose lower or upper triangle is read, but for imaginary diagonals."""
    if not is_complex(a.dtype):
        return symmetric_from(a, lower)
    half = triangle(a, lower, strict=True)
    parts = real_part(a)
    zero = broadcast_scalar(0.0, parts)
    return (
        half + matrix_adjoint(half) + complex(where(on_diagonal(a, a.shape[-1]), parts, zero), zero)
    )
