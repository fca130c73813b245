"""What concerns complex numbers: their parts, conjugates, directions and angles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import TracedValueError, at
from ..location import user_location
from ..primitives import complexes as rows
from ..primitives.elementwise import abs as size_of
from ..primitives.elementwise import atan2, is_inf, is_nan, ne, sign, where
from ..primitives.structure import zeros
from ..trace import Tracer, View
from ..types import BOOL, is_complex
from .promotion import as_dtype, number


def _array(value: Any) -> Tracer:
    from .creation import asarray

    return asarray(value)


def conjugated(x: Tracer) -> Tracer:
    """The conjugate; a real value itself."""
    return rows.conj(x) if is_complex(x.dtype) else x


def conj(x: Any) -> Tracer:
    """`numpy.ndarray.conj`: the conjugate, in storage of its own."""
    return Tracer(conjugated(_array(x)).node)


def squared_size(x: Tracer) -> Tracer:
    """``|x| ** 2``, which is real."""
    if not is_complex(x.dtype):
        return x * x
    real, imag = rows.real(x), rows.imag(x)
    return real * real + imag * imag


REAL = View(rows.real, lambda x, part: rows.complex(part, rows.imag(x)), contiguous=False)
IMAG = View(rows.imag, lambda x, part: rows.complex(rows.real(x), part), contiguous=False)


def real(val: Any) -> Tracer:
    """`np.real`: a view of the real parts; a real array itself."""
    x = _array(val)
    return x.seen_by(REAL) if is_complex(x.dtype) else x


def imag(val: Any) -> Tracer:
    """`np.imag`: a view of the imaginary parts; zeros for a real array."""
    x = _array(val)
    return x.seen_by(IMAG) if is_complex(x.dtype) else zeros(x.type)


def require_imag(x: Tracer) -> Tracer:
    """The imaginary parts, to be assigned to.

    Raises:
        TypeError: when the array is real.
    """
    if not is_complex(x.dtype):
        raise TypeError(f"array does not have imaginary part to set{at(user_location())}")
    return imag(x)


def angle(z: Any, deg: bool = False) -> Tracer:
    """`np.angle`: the argument, in radians or degrees."""
    x = _array(z)
    if is_complex(x.dtype):
        result = atan2(rows.imag(x), rows.real(x))
    else:
        x = as_dtype(x, np.arctan2(0, np.zeros(0, x.dtype)).dtype)
        result = atan2(number(0.0, x.dtype, x.shape), x)
    return result * (180.0 / math.pi) if deg else result


def direction(x: Tracer) -> Tracer:
    """`np.sign` of complex numbers: x / abs(x), 0 at 0, and NaN where no direction is known."""
    size = size_of(x)
    real, imag = rows.real(x), rows.imag(x)
    zero, one = number(0.0, size.dtype, x.shape), number(1.0, size.dtype, x.shape)
    nothing = size == zero
    safe = where(nothing, one, size)
    known = [where(nothing, zero, part / safe) for part in (real, imag)]
    # Of an infinite number the infinite part decides; two of them have no direction.
    infinite = is_inf(size)
    parts = [where(is_inf(part), sign(part), zero) for part in (real, imag)]
    both = is_inf(real) & is_inf(imag)
    unknown = number(math.nan, size.dtype, x.shape)
    far = [where(both, unknown, part) for part in parts]
    chosen = [where(infinite, a, b) for a, b in zip(far, known, strict=True)]
    return rows.complex(*(where(is_nan(size), unknown, part) for part in chosen))


def real_if_close(a: Any, tol: float = 100) -> Tracer:
    """`np.real_if_close` of a real array: the array.

    Raises:
        TracedValueError: for a complex one, whose values would decide about the dtype.
    """
    x = _array(a)
    if is_complex(x.dtype):
        raise TracedValueError(
            "np.real_if_close needs the values of a traced array to tell the dtype of the result\n"
            f"  use .real{at(user_location())}"
        )
    return x


def iscomplex(x: Any) -> Tracer:
    """`np.iscomplex`: where the imaginary part is not zero."""
    value = _array(x)
    if not is_complex(value.dtype):
        return number(False, BOOL, value.shape)
    part = rows.imag(value)
    return ne(part, zeros(part.type))


def isreal(x: Any) -> Tracer:
    """`np.isreal`: where the imaginary part is zero."""
    result: Tracer = ~iscomplex(x)
    return result


def iscomplexobj(x: Any) -> bool:
    """`np.iscomplexobj`: whether the dtype is complex."""
    return is_complex(_array(x).dtype)


def isrealobj(x: Any) -> bool:
    """`np.isrealobj`: whether the dtype is not complex."""
    return not iscomplexobj(x)
