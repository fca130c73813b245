"""Polynomials by their coefficients, the highest power first.

Lengths are known while tracing, so leading zeros stay where NumPy strips them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import UnsupportedFunctionError, at
from ..location import user_location
from ..primitives.complexes import real
from ..primitives.structure import concatenate, reshape
from ..trace import Tracer
from ..types import FLOAT64, complex_dtype, is_complex, is_inexact
from .calculus import convolve
from .creation import asarray, positions
from .joining import stack
from .linalg.decompositions import eigvals
from .promotion import as_dtype, number
from .ranges import vander
from .shaping import atleast_1d, part


def _coefficients(value: Any) -> Tracer:
    x: Tracer = atleast_1d(asarray(value))
    return x


def _floating(value: Any) -> Tracer:
    x = asarray(value)
    return x if is_inexact(x.dtype) else as_dtype(x, FLOAT64)


def polyval(p: Any, x: Any) -> Tracer:
    """`np.polyval` by Horner's rule."""
    coefficients, value = asarray(p), asarray(x)
    if not coefficients.ndim:
        raise TypeError(f"iteration over a 0-d array{at(user_location())}")
    result = number(0, value.dtype, value.shape)
    for n in range(coefficients.shape[0]):
        result = result * value + coefficients[n]
    return result


def _same_length(a1: Any, a2: Any) -> tuple[Tracer, Tracer]:
    """The coefficients, with zeros before those of the lower degree."""
    values = [_coefficients(a) for a in (a1, a2)]
    size = max(x.shape[0] for x in values)
    first, second = (
        concatenate(number(0, x.dtype, (size - x.shape[0],)), x, axis=0) for x in values
    )
    return first, second


def polyadd(a1: Any, a2: Any) -> Tracer:
    """`np.polyadd`: the sum of two polynomials."""
    x, y = _same_length(a1, a2)
    return x + y


def polysub(a1: Any, a2: Any) -> Tracer:
    """`np.polysub`: the difference of two polynomials."""
    x, y = _same_length(a1, a2)
    return x - y


def polymul(a1: Any, a2: Any) -> Tracer:
    """`np.polymul`: the product of two polynomials."""
    return convolve(_coefficients(a1), _coefficients(a2))


def polyder(p: Any, m: int = 1) -> Tracer:
    """`np.polyder`: the derivative of a polynomial, ``m`` times.

    Raises:
        ValueError: for a negative ``m``.
    """
    order = int(m)
    if order < 0:
        raise ValueError(f"Order of derivative must be positive (see polyint){at(user_location())}")
    x = asarray(p)
    for _ in range(order):
        count = max(x.shape[0] - 1, 0)
        x = part(x, 0, 0, count) * (count - positions(count))
    return Tracer(x.node)


def polyint(p: Any, m: int = 1, k: Any = None) -> Tracer:
    """`np.polyint`: the integral of a polynomial, ``m`` times, with ``k`` as constants.

    Raises:
        ValueError: for a negative ``m``, and too few constants.
    """
    order = int(m)
    if order < 0:
        raise ValueError(f"Order of integral must be positive (see polyder){at(user_location())}")
    constants = number(0.0, FLOAT64, (order,)) if k is None else _coefficients(k)
    if constants.shape[0] == 1 and order > 1:
        constants = constants[0] * np.ones(order)
    if constants.shape[0] < order:
        raise ValueError(
            "k must be a scalar or a rank-1 array of length 1 or >m." + at(user_location())
        )
    x = asarray(p)
    for n in range(order):
        size = x.shape[0]
        parts: list[Tracer] = [x / (size - positions(size)), constants[n : n + 1]]
        dtype = np.result_type(*(y.dtype for y in parts))
        x = concatenate(*(as_dtype(y, dtype) for y in parts), axis=0)
    return Tracer(x.node)


def roots(p: Any) -> Tracer:
    """`np.roots`: the eigenvalues of the companion matrix, always complex.

    A leading coefficient of zero, which NumPy strips, raises `numpy.linalg.LinAlgError`.

    Raises:
        ValueError: when there is more than one axis.
    """
    coefficients = _floating(_coefficients(p))
    if coefficients.ndim != 1:
        raise ValueError(f"Input must be a rank-1 array.{at(user_location())}")
    degree = max(coefficients.shape[0] - 1, 0)
    if degree == 0:
        return number(0.0, complex_dtype(coefficients.dtype), (0,))
    first = reshape(-coefficients[1:] / coefficients[0], shape=(1, degree))
    shifts = asarray(np.eye(degree - 1, degree, dtype=coefficients.dtype))
    return eigvals(concatenate(first, shifts, axis=0))


def poly(seq_of_zeros: Any) -> Tracer:
    """`np.poly`: the polynomial with the given zeros, or with the eigenvalues of a matrix.

    That of complex numbers is complex, where NumPy makes it real if they come in conjugate pairs;
    that of a real matrix is real.

    Raises:
        ValueError: for a matrix that is empty or not square, and for more axes.
    """
    zeros = _floating(_coefficients(seq_of_zeros))
    if zeros.ndim == 1:
        return _with_zeros(zeros)
    if zeros.ndim != 2 or zeros.shape[0] != zeros.shape[1] or not zeros.size:
        raise ValueError(f"input must be 1d or non-empty square 2d array.{at(user_location())}")
    result = _with_zeros(eigvals(zeros))
    return result if is_complex(zeros.dtype) else real(result)


def _with_zeros(zeros: Tracer) -> Tracer:
    result = number(1.0, zeros.dtype, (1,))
    for n in range(zeros.shape[0]):
        nothing = number(0.0, zeros.dtype, (1,))
        shifted = concatenate(nothing, result * zeros[n], axis=0)
        result = concatenate(result, nothing, axis=0) - shifted
    return result


def polydiv(u: Any, v: Any) -> tuple[Tracer, Tracer]:
    """`np.polydiv`: quotient and remainder; the remainder has the length it has in general."""
    rest, divisor = _floating(_coefficients(u)), _floating(_coefficients(v))
    dtype = np.result_type(rest.dtype, divisor.dtype)
    rest, divisor = as_dtype(rest, dtype), as_dtype(divisor, dtype)
    m, n = rest.shape[0], divisor.shape[0]
    if m < n:
        return number(0.0, dtype, (1,)), rest
    scale = 1.0 / divisor[0]
    quotient = []
    for _ in range(m - n + 1):
        digit = scale * rest[0]
        quotient.append(reshape(digit, shape=(1,)))
        lowered = part(rest, 0, 1, n) - digit * part(divisor, 0, 1, n)
        rest = concatenate(lowered, part(rest, 0, n, rest.shape[0]), axis=0)
    remainder = rest if n > 1 else number(0.0, dtype, (1,))
    return concatenate(*quotient, axis=0), remainder


# -- least squares -------------------------------------------------------------------------------


def polyfit(
    x: Any,
    y: Any,
    deg: Any,
    rcond: Any = None,
    full: bool = False,
    w: Any = None,
    cov: Any = False,
) -> Any:
    """`np.polyfit`: the polynomial of least squares, for at least as many points as coefficients.

    Raises:
        TypeError: as NumPy's, for points of the wrong shapes.
        ValueError: for a negative degree.
        UnsupportedFunctionError: with ``full``, which tells of singular values, and for few points.
    """
    points, values, order = _doubles(x), _doubles(y), int(deg) + 1
    _check_points(points, values, order)
    if full or points.size < order:
        raise UnsupportedFunctionError(
            "np.polyfit is traced without full=True, for at least as many points as coefficients"
            f"{at(user_location())}"
        )
    matrix = vander(points, order)
    columns = [matrix[:, n] for n in range(order)]
    if w is not None:
        weights = _doubles(w)
        _check_weights(weights, values)
        columns = [c * weights for c in columns]
        values = values * reshape(weights, shape=(weights.size, *(1,) * (values.ndim - 1)))
    scale: list[Any] = [np.sqrt(np.sum(c * c)) for c in columns]
    scaled = [c / s for c, s in zip(columns, scale, strict=True)]
    solution, factor = _least_squares(scaled, values)
    result = stack([c / s for c, s in zip(solution, scale, strict=True)])
    if not cov:
        return result
    spread = _spread(factor, scale)
    if cov == "unscaled":
        return result, spread if values.ndim == 1 else spread[:, :, None]
    if points.size <= order:
        raise ValueError(
            "the number of data points must exceed order to scale the covariance matrix"
            f"{at(user_location())}"
        )
    misfit: Any = values - np.tensordot(stack(columns, axis=1), result, 1)
    variance = np.sum(misfit * misfit, axis=0) / (points.size - order)
    return result, asarray(np.multiply.outer(spread, variance))


def _doubles(value: Any) -> Tracer:
    return as_dtype(asarray(value), FLOAT64)


def _check_points(x: Tracer, y: Tracer, order: int) -> None:
    if order <= 0:
        raise ValueError(f"expected deg >= 0{at(user_location())}")
    problem = ""
    if x.ndim != 1:
        problem = "expected 1D vector for x"
    elif x.size == 0:
        problem = "expected non-empty vector for x"
    elif y.ndim not in (1, 2):
        problem = "expected 1D or 2D array for y"
    elif x.shape[0] != y.shape[0]:
        problem = "expected x and y to have same length"
    if problem:
        raise TypeError(f"{problem}{at(user_location())}")


def _check_weights(w: Tracer, y: Tracer) -> None:
    if w.ndim != 1:
        raise TypeError(f"expected a 1-d array for weights{at(user_location())}")
    if w.shape[0] != y.shape[0]:
        raise TypeError(f"expected w and y to have the same length{at(user_location())}")


def _least_squares(columns: list[Tracer], y: Tracer) -> tuple[list[Any], list[list[Any]]]:
    """The coefficients of the columns, and the triangular factor.

    Modified Gram-Schmidt with the right-hand side as one more column, which is as accurate as
    Householder's method (Å. Björck, BIT 7, 1967).
    """
    count = len(columns)
    rest, factor, sides = list(columns), [[None] * count for _ in range(count)], []
    for n in range(count):
        size: Any = np.sqrt(np.sum(rest[n] * rest[n]))
        unit = rest[n] / size
        line: list[Any] = [None] * n + [size]
        for later in range(n + 1, count):
            line.append(np.sum(unit * rest[later]))
            rest[later] = rest[later] - line[later] * unit
        factor[n] = line
        sides.append(np.tensordot(unit, y, 1))
        y = y - np.multiply.outer(unit, sides[n])
    return _back_substituted(factor, sides), factor


def _back_substituted(factor: list[list[Any]], sides: list[Any]) -> list[Any]:
    """The solution of an upper triangular system, from the last unknown to the first."""
    solution: list[Any] = [None] * len(sides)
    for n in reversed(range(len(sides))):
        value = sides[n]
        for later in range(n + 1, len(sides)):
            value = value - factor[n][later] * solution[later]
        solution[n] = value / factor[n][n]
    return solution


def _spread(factor: list[list[Any]], scale: list[Any]) -> Tracer:
    """The inverse of the product of the scaled matrix with itself, the scaling taken out."""
    count = len(scale)
    units = [np.eye(count)[n] for n in range(count)]
    inverse = stack(_back_substituted(factor, units))
    scales = stack(scale)
    return asarray(inverse @ inverse.T / np.multiply.outer(scales, scales))
