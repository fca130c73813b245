"""Differences, gradients, integrals, interpolation and sliding sums along an axis."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from ..errors import at
from ..location import user_location
from ..primitives import elementwise as rows
from ..primitives.reduction import reduce_sum
from ..primitives.structure import flip, pad, reshape
from ..trace import Tracer, literal
from ..types import BOOL, COMPLEX128, FLOAT64, is_complex, is_inexact, normalize_axis
from .complexes import conjugated
from .creation import along, asarray, positions
from .joining import concatenate
from .products import contract, promoted
from .promotion import as_dtype
from .protocols import NO_VALUE
from .running import cumsum
from .selection import clip, operand, where
from .shaping import atleast_1d, broadcast_to, part
from .sorting import argsort, searchsorted

SHORT_WINDOW = 16
"""Up to this many products a sliding sum is written out: no positions are computed to read at."""


def _float(value: Any) -> Tracer:
    x = asarray(value)
    return x if is_inexact(x.dtype) else as_dtype(x, FLOAT64)


def diff(
    a: Any, n: int = 1, axis: int = -1, prepend: Any = NO_VALUE, append: Any = NO_VALUE
) -> Tracer:
    """`np.diff`: differences of neighbours, ``n`` times.

    Raises:
        ValueError: for a negative ``n``, and a 0-d array.
    """
    x = asarray(a)
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}{at(user_location())}")
    if x.ndim == 0:
        raise ValueError(
            f"diff requires input that is at least one dimensional{at(user_location())}"
        )
    place = normalize_axis(axis, x.ndim)
    if n:
        parts = [*_edge(x, prepend, place), x, *_edge(x, append, place)]
        x = concatenate(parts, place) if len(parts) > 1 else x
    for _ in range(n):
        extent = x.shape[place]
        later = part(x, place, min(1, extent), extent)
        sooner = part(x, place, 0, max(extent - 1, 0))
        x = rows.ne(later, sooner) if x.dtype == BOOL else later - sooner
    return Tracer(x.node)


def _edge(x: Tracer, value: Any, axis: int) -> list[Tracer]:
    if value is NO_VALUE:
        return []
    edge = asarray(value)
    shape = tuple(1 if n == axis else extent for n, extent in enumerate(x.shape))
    return [broadcast_to(edge, shape) if edge.ndim == 0 else edge]


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Tracer:
    """`np.ediff1d`: differences of all neighbours, along one axis.

    Raises:
        TypeError: when the ends cannot be cast to the dtype of the array.
    """
    x = asarray(ary)
    flat = reshape(x, shape=(x.size,))
    parts = [_but_first(flat, 0) - part(flat, 0, 0, max(x.size - 1, 0))]
    for value, place, name in ((to_begin, 0, "to_begin"), (to_end, 2, "to_end")):
        if value is None:
            continue
        edge = asarray(value)
        if not np.can_cast(edge.dtype, x.dtype, "same_kind"):
            raise TypeError(
                f"dtype of `{name}` must be compatible with input `ary` under the `same_kind` "
                f"rule.{at(user_location())}"
            )
        parts.insert(place, as_dtype(reshape(edge, shape=(edge.size,)), x.dtype))
    return concatenate(parts) if len(parts) > 1 else parts[0]


def _but_first(x: Tracer, place: int) -> Tracer:
    extent = x.shape[place]
    return part(x, place, min(1, extent), extent)


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Tracer:
    """`np.trapezoid`: the integral of a piecewise linear function."""
    values = asarray(y)
    place = normalize_axis(axis, values.ndim)
    extent = values.shape[place]
    width: Any = operand(dx)
    if x is not None:
        points = asarray(x)
        width = diff(points, axis=axis if points.ndim > 1 else 0)
        if width.ndim == 1:
            shape = tuple(width.size if n == place else 1 for n in range(values.ndim))
            width = reshape(width, shape=shape)
    ends = _but_first(values, place) + part(values, place, 0, max(extent - 1, 0))
    areas = asarray(width * ends / 2.0)
    return reduce_sum(areas, axes=(place,))


# -- gradient ----------------------------------------------------------------------------------


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """`np.gradient`: central differences, one-sided at the ends.

    Raises:
        TypeError: for another number of spacings than axes.
        ValueError: for coordinates that do not fit the axis, and for axes that are too short.
    """
    x = asarray(f)
    if x.dtype == BOOL and x.ndim:
        _ = x - x  # NumPy's error: bools are not subtracted.
    if axis is None:
        axes: Sequence[int] = range(x.ndim)
    else:
        given = axis if isinstance(axis, tuple) else (axis,)
        axes = [normalize_axis(operator.index(n), x.ndim) for n in given]
    spacings = _spacings(x, axes, varargs)
    if edge_order > 2:
        raise ValueError(f"'edge_order' greater than 2 not supported{at(user_location())}")
    dtype = x.dtype if is_inexact(x.dtype) else FLOAT64
    x = as_dtype(x, dtype)
    results = []
    for place, spacing in zip(axes, spacings, strict=True):
        if x.shape[place] < edge_order + 1:
            raise ValueError(
                "Shape of array too small to calculate a numerical gradient, at least "
                f"(edge_order + 1) elements are required.{at(user_location())}"
            )
        results.append(as_dtype(_slope(x, place, spacing, edge_order), dtype))
    return results[0] if len(results) == 1 else tuple(results)


def _spacings(x: Tracer, axes: Sequence[int], given: tuple[Any, ...]) -> list[Any]:
    """For each axis a 0-d distance, or the distances of its points."""
    count = len(axes)
    if len(given) == 1 and asarray(given[0]).ndim == 0:
        given = given * count
    if given and len(given) != count:
        raise TypeError(f"invalid number of arguments{at(user_location())}")
    spacings: list[Any] = []
    for place, value in zip(axes, given or (1.0,) * count, strict=True):
        distance = asarray(value)
        if distance.ndim == 0:
            spacings.append(operand(value))
            continue
        if distance.ndim != 1:
            raise ValueError(f"distances must be either scalars or 1d{at(user_location())}")
        if distance.shape[0] != x.shape[place]:
            raise ValueError(
                "when 1d, distances must match the length of the corresponding dimension"
                f"{at(user_location())}"
            )
        spacings.append(diff(_float(distance)))
    return spacings


def _slope(x: Tracer, axis: int, spacing: Any, edge_order: int) -> Tracer:
    extent = x.shape[axis]

    def points(start: int, stop: int) -> Tracer:
        return part(x, axis, start % extent, stop if stop > 0 else stop + extent)

    def gaps(start: int, stop: int) -> Any:
        """Distances between neighbours; one of them stands for an even spacing."""
        if not isinstance(spacing, Tracer) or spacing.ndim == 0:
            return spacing
        chosen = spacing[start:stop] if stop else spacing[start:]
        return reshape(chosen, shape=tuple(chosen.size if n == axis else 1 for n in range(x.ndim)))

    if not isinstance(spacing, Tracer) or spacing.ndim == 0:
        inner = (points(2, extent) - points(0, -2)) / (2.0 * spacing) if extent > 2 else None
    else:
        a, b = gaps(0, -1), gaps(1, 0)
        inner = (
            -b / (a * (a + b)) * points(0, -2)
            + (b - a) / (a * b) * points(1, -1)
            + a / (b * (a + b)) * points(2, extent)
            if extent > 2
            else None
        )
    if edge_order == 1:
        first = (points(1, 2) - points(0, 1)) / gaps(0, 1)
        last = (points(-1, extent) - points(-2, -1)) / gaps(-1, 0)
    else:
        a, b = gaps(0, 1), gaps(1, 2)
        first = (
            -(2.0 * a + b) / (a * (a + b)) * points(0, 1)
            + (a + b) / (a * b) * points(1, 2)
            - a / (b * (a + b)) * points(2, 3)
        )
        a, b = gaps(-2, -1), gaps(-1, 0)
        last = (
            b / (a * (a + b)) * points(-3, -2)
            - (b + a) / (a * b) * points(-2, -1)
            + (2.0 * b + a) / (b * (a + b)) * points(-1, extent)
        )
    return concatenate([y for y in (first, inner, last) if y is not None], axis)


# -- interpolation -----------------------------------------------------------------------------


def _real(x: Tracer) -> Tracer:
    if is_complex(x.dtype):
        raise TypeError(
            f"Cannot cast array data from {x.dtype!r} to {FLOAT64!r} according to the rule 'safe'"
            f"{at(user_location())}"
        )
    return as_dtype(x, FLOAT64)


def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Tracer:
    """`np.interp`: a piecewise linear function through the points (xp, fp), constant beyond.

    Raises:
        TypeError: for complex positions.
        ValueError: when the points do not fit, and for a period of 0.
    """
    at_, knots = (_real(asarray(v)) for v in (x, xp))
    values = asarray(fp)
    values = as_dtype(values, COMPLEX128 if is_complex(values.dtype) else FLOAT64)
    if knots.ndim != 1 or values.ndim != 1 or knots.shape != values.shape or not knots.size:
        raise ValueError(f"fp and xp are not 1-D arrays of the same length{at(user_location())}")
    if period is not None:
        if not isinstance(period, Tracer) and period == 0:
            raise ValueError(f"period must be a non-zero value{at(user_location())}")
        at_, knots, values = _periodic(at_, knots, values, abs(period))
        left = right = None
    last = knots.shape[0] - 1
    if last == 0:
        inside = at_ * 0.0 + values[0]
    else:
        below = clip(searchsorted(knots, at_, "right") - 1, 0, last - 1)
        low, high = knots[below], knots[below + 1]
        slope = (values[below + 1] - values[below]) / (high - low)
        inside = slope * (at_ - low) + values[below]
        inside = where(at_ >= knots[last], values[last], inside)
    inside = where(at_ < knots[0], values[0] if left is None else left, inside)
    return inside if right is None else where(at_ > knots[last], right, inside)


def _periodic(x: Tracer, knots: Tracer, values: Tracer, period: Any) -> tuple[Tracer, ...]:
    """The points within one period, in order, with one more at each end."""
    x, knots = asarray(np.mod(x, period)), asarray(np.mod(knots, period))
    order = argsort(knots)
    knots, values = knots[order], values[order]
    knots = concatenate([knots[-1:] - period, knots, knots[:1] + period])
    return x, knots, concatenate([values[-1:], values, values[:1]])


# -- sliding sums ------------------------------------------------------------------------------


def convolve(a: Any, v: Any, mode: str = "full") -> Tracer:
    """`np.convolve`: products with the shifted second operand, summed.

    Raises:
        ValueError: for operands that are empty or have several axes, and unknown modes.
    """
    x, y = _sliding_operands(atleast_1d(a), atleast_1d(v))
    if y.size > x.size:
        x, y = y, x
    return _slide(x, flip(y, axes=(0,)), mode)


def correlate(a: Any, v: Any, mode: str = "valid") -> Tracer:
    """`np.correlate`.

    Raises:
        ValueError: for operands that are empty or have several axes, and unknown modes.
    """
    x, y = _sliding_operands(a, v)
    if y.size > x.size:
        return Tracer(flip(_slide(conjugated(y), x, mode), axes=(0,)).node)
    return _slide(x, conjugated(y), mode)


def _sliding_operands(a: Any, v: Any) -> list[Tracer]:
    values = promoted(asarray(a), asarray(v), what="np.convolve")
    for x, name in zip(values, "av", strict=True):
        if x.ndim != 1:
            problem = "too deep" if x.ndim else "of too small depth"
            raise ValueError(f"object {problem} for desired array{at(user_location())}")
        if x.size == 0:
            raise ValueError(f"{name} cannot be empty{at(user_location())}")
    return values


def _slide(x: Tracer, window: Tracer, mode: Any) -> Tracer:
    size = window.size
    match {0: "valid", 1: "same", 2: "full"}.get(mode, mode):
        case "full":
            low, high = size - 1, size - 1
        case "same":
            low, high = size // 2, (size - 1) - size // 2
        case "valid":
            low, high = 0, 0
        case _:
            raise ValueError(
                f"mode must be one of 'valid', 'same', or 'full', got {mode!r}{at(user_location())}"
            )
    padded = pad(x, literal(0, x.dtype), low=(low,), high=(high,), interior=(0,))
    count = padded.size - size + 1
    if size <= SHORT_WINDOW and x.dtype != BOOL:
        terms = [part(padded, 0, n, n + count) * window[n] for n in range(size)]
        return reduce(operator.add, terms)
    grid = along(positions(count), (count, size), 0) + along(positions(size), (count, size), 1)
    return contract(padded[grid], window, ((1,), (0,)))


def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Tracer:
    """`np.unwrap`: jumps of more than half a period taken out."""
    x = asarray(p)
    place = normalize_axis(axis, x.ndim)
    jumps = diff(x, axis=place)
    whole = not is_inexact(x.dtype) and isinstance(period, (int, np.integer))
    half = period / 2 if not whole else period // 2
    low = -(period // 2) if whole else -half
    folded = np.mod(jumps - low, period) + low
    if not whole or period % 2 == 0:
        folded = where((folded == low) & (jumps > 0), half, folded)
    limit = period / 2 if discont is None else discont
    change = where(abs(jumps) < limit, 0, folded - jumps)
    rest = _but_first(x, place) + cumsum(change, place)
    first = part(x, place, 0, min(1, x.shape[place]))
    return concatenate([as_dtype(first, rest.dtype), rest], place)
