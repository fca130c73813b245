"""`scipy.linalg` on traced values: matrices of a pattern."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..numpy.creation import asarray
from ..numpy.shaping import atleast_2d
from ..primitives.linear_algebra import conjugate
from ..primitives.structure import concatenate, flip, pad, reshape
from ..trace import Tracer, literal


def _vectors(values: Any) -> Tracer:
    x = asarray(values)
    return reshape(x, shape=(1,)) if x.ndim == 0 else x


def toeplitz(c: Any, r: Any = None) -> Tracer:
    """`scipy.linalg.toeplitz`: the first column, and the first row but for its first element."""
    column = _vectors(c)
    row = conjugate(column) if r is None else _vectors(r)
    dtype = np.result_type(column.dtype, row.dtype)
    column, row = column.astype(dtype), row.astype(dtype)
    last = column.ndim - 1
    numbers = concatenate(flip(column, axes=(last,)), row[..., 1:], axis=last)
    n, m = column.shape[-1], row.shape[-1]
    return numbers[..., np.arange(n)[::-1, None] + np.arange(m)]


def circulant(c: Any) -> Tracer:
    """`scipy.linalg.circulant`: the first column."""
    column = _vectors(c)
    n = column.shape[-1]
    return column[..., (np.arange(n)[:, None] - np.arange(n)) % n]


def hankel(c: Any, r: Any = None) -> Tracer:
    """`scipy.linalg.hankel`: the first column, and the last row but for its first element."""
    column = _vectors(c)
    row = column * 0 if r is None else _vectors(r)
    dtype = np.result_type(column.dtype, row.dtype)
    numbers = concatenate(column.astype(dtype), row.astype(dtype)[1:], axis=0)
    return numbers[np.arange(column.shape[0])[:, None] + np.arange(row.shape[0])]


def block_diag(*arrs: Any) -> Tracer:
    """`scipy.linalg.block_diag`."""
    parts: list[Tracer] = [atleast_2d(asarray(x)) for x in arrs]
    wide = sum(x.shape[-1] for x in parts)
    lines, before = [], 0
    dtype = np.result_type(*(x.dtype for x in parts))
    for part in parts:
        none = (0,) * (part.ndim - 1)
        low, high = (*none, before), (*none, wide - before - part.shape[-1])
        zero = literal(0, dtype)
        lines.append(pad(part.astype(dtype), zero, low=low, high=high, interior=(*none, 0)))
        before += part.shape[-1]
    return concatenate(*lines, axis=lines[0].ndim - 2)
