"""Rows that put complex numbers together, take them apart, and conjugate.

They are linear over the real numbers only, so the transposes here are where the derivatives of
complex functions differ from those of real ones: the derivative of a real result by z = x + iy is
df/dx - i df/dy, and every other row is linear over the complex numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import Domain, Primitive, register
from ..types import ArrayType, complex_dtype, is_complex, is_float, real_dtype
from .elementwise import broadcast_scalar

Array = np.ndarray[Any, Any]
SHAPES: tuple[tuple[int, ...], ...] = ((3, 5), (), (0, 2), (37,))
COMPLEX = ("c128", "c64")
OF_ONE = Domain(tuple(((shape,), {}) for shape in SHAPES), dtypes=COMPLEX)


def _infer_complex(x: ArrayType, y: ArrayType) -> ArrayType:
    if x != y or not is_float(x.dtype):
        raise TypeError(f"complex takes two operands of one floating type, got {x} and {y}")
    return x.with_dtype(complex_dtype(x.dtype))


def _complex_reference(x: Array, y: Array) -> Array:
    out = np.empty(np.shape(x), complex_dtype(np.asarray(x).dtype))
    out.real, out.imag = x, y
    return out


complex: Primitive = register(
    Primitive(
        "complex",
        _infer_complex,
        _complex_reference,
        Domain(tuple(((shape, shape), {}) for shape in SHAPES)),
        transpose=lambda ct, x, y: (real(ct), -imag(ct)),
        jointly=True,
        elementwise=True,
    )
)
"""``x + iy`` of two real operands."""


def _infer_part(x: ArrayType) -> ArrayType:
    if not is_complex(x.dtype):
        raise TypeError(f"the parts of a complex number are asked for, got {x}")
    return x.with_dtype(real_dtype(x.dtype))


real: Primitive = register(
    Primitive(
        "real",
        _infer_part,
        np.real,
        OF_ONE,
        transpose=lambda ct, x: (complex(ct, broadcast_scalar(0.0, ct)),),
        elementwise=True,
    )
)
imag: Primitive = register(
    Primitive(
        "imag",
        _infer_part,
        np.imag,
        OF_ONE,
        transpose=lambda ct, x: (complex(broadcast_scalar(0.0, ct), -ct),),
        elementwise=True,
    )
)


def _infer_conj(x: ArrayType) -> ArrayType:
    if not is_complex(x.dtype):
        raise TypeError(f"conj takes a complex operand, got {x}")
    return x


conj: Primitive = register(
    Primitive(
        "conj",
        _infer_conj,
        np.conjugate,
        OF_ONE,
        transpose=lambda ct, x: (conj(ct),),
        elementwise=True,
    )
)
