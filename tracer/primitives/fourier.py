"""Fourier transforms along the last axis, times a factor; linear, and each other's transposes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import Domain, Primitive, register
from ..trace import Tracer
from ..types import (
    FLOAT16,
    INT64,
    ArrayType,
    complex_dtype,
    is_complex,
    is_float,
    real_dtype,
)
from .complexes import conj
from .elementwise import broadcast_scalar, where
from .structure import broadcast, iota

Array = np.ndarray[Any, Any]


def _extent(name: str, x: ArrayType) -> int:
    if not x.ndim or not x.shape[-1]:
        raise ValueError(f"{name} takes an array with elements along its last axis, got {x}")
    return x.shape[-1]


def _infer_fft(x: ArrayType, *, inverse: bool, factor: float) -> ArrayType:
    _extent("fft", x)
    if not is_complex(x.dtype):
        raise TypeError(f"fft takes a complex operand, got {x}")
    return x


def _fft_reference(x: Array, *, inverse: bool, factor: float) -> Array:
    result = np.fft.ifft(x, norm="forward") if inverse else np.fft.fft(x)
    return np.asarray(result * factor, x.dtype)


SHAPES: tuple[tuple[int, ...], ...] = ((8,), (3, 5), (2, 2, 1), (0, 3), (30,))

fft: Primitive = register(
    Primitive(
        "fft",
        _infer_fft,
        _fft_reference,
        Domain(
            (
                *(((shape,), {"inverse": False, "factor": 1.0}) for shape in SHAPES),
                (((2, 6),), {"inverse": True, "factor": 0.25}),
            ),
            dtypes=("c128", "c64"),
        ),
        transpose=lambda ct, x, *, inverse, factor: (fft(ct, inverse=inverse, factor=factor),),
        batch=lambda batched, x, *, inverse, factor: fft(x, inverse=inverse, factor=factor),
    )
)
"""The sum over j of ``x_j exp(-2 pi i j k / n)``; with ``inverse`` of the conjugate numbers."""


def _infer_rfft(x: ArrayType, *, factor: float) -> ArrayType:
    n = _extent("rfft", x)
    if not is_float(x.dtype) or x.dtype == FLOAT16:
        raise TypeError(f"rfft takes a real operand of single or double precision, got {x}")
    return ArrayType((*x.shape[:-1], n // 2 + 1), complex_dtype(x.dtype))


def _weighted(x: Tracer, n: int, inner: float) -> Tracer:
    """Half of a spectrum, of which all but the real ends stands for two elements."""
    number = iota(size=x.shape[-1], dtype=INT64)
    ends = (number == 0) | (2 * number == n)
    spread = broadcast(ends, shape=x.shape, axes=(x.ndim - 1,))
    return where(spread, x, x * broadcast_scalar(inner, x))


rfft: Primitive = register(
    Primitive(
        "rfft",
        _infer_rfft,
        lambda x, *, factor: np.asarray(np.fft.rfft(x) * factor, complex_dtype(x.dtype)),
        Domain(
            (
                *(((shape,), {"factor": 1.0}) for shape in SHAPES),
                (((2, 6),), {"factor": 0.25}),
            ),
        ),
        transpose=lambda ct, x, *, factor: (
            irfft(_weighted(conj(ct), x.shape[-1], 0.5), n=x.shape[-1], factor=factor),
        ),
        batch=lambda batched, x, *, factor: rfft(x, factor=factor),
    )
)
"""The first half of the transform of a real operand: the rest is its mirror image."""


def _infer_irfft(x: ArrayType, *, n: int, factor: float) -> ArrayType:
    if _extent("irfft", x) != n // 2 + 1 or n < 1:
        raise ValueError(f"irfft to {n} elements takes {n // 2 + 1}, got {x}")
    if not is_complex(x.dtype):
        raise TypeError(f"irfft takes a complex operand, got {x}")
    return ArrayType((*x.shape[:-1], n), real_dtype(x.dtype))


irfft: Primitive = register(
    Primitive(
        "irfft",
        _infer_irfft,
        lambda x, *, n, factor: np.asarray(
            np.fft.irfft(x, n, norm="forward") * factor, real_dtype(x.dtype)
        ),
        Domain(
            (
                (((5,),), {"n": 8, "factor": 1.0}),
                (((3, 5),), {"n": 9, "factor": 0.5}),
                (((2, 1),), {"n": 1, "factor": 1.0}),
                (((0, 2),), {"n": 2, "factor": 1.0}),
            ),
            dtypes=("c128", "c64"),
        ),
        transpose=lambda ct, x, *, n, factor: (_weighted(conj(rfft(ct, factor=factor)), n, 2.0),),
        batch=lambda batched, x, *, n, factor: irfft(x, n=n, factor=factor),
    )
)
"""The inverse transform of half a spectrum, which is real; ``n`` elements, not divided by n."""
