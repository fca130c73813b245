"""Numerical functions composed of others: rounding, differences, comparison, interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import at
from ..location import user_location
from ..primitives import elementwise as rows
from ..primitives.structure import flip, pad, permute, reshape
from ..trace import Tracer, literal
from ..types import BOOL, COMPLEX128, FLOAT64, is_complex, is_inexact, normalize_axis
from .complexes import conjugated
from .creation import along, asarray, positions
from .joining import concatenate, stack
from .products import contract, promoted
from .promotion import as_dtype
from .protocols import NO_VALUE, store
from .reductions import all_of
from .reductions import sum as sum_of
from .selection import clip, operand, where
from .shaping import broadcast_to, moveaxis, part
from .sorting import searchsorted


def round(a: Any, decimals: int = 0, out: Any = None) -> Tracer:
    """`np.round`: halves to even."""
    x = asarray(a)
    if not is_inexact(x.dtype):
        if decimals < 0 or x.dtype == BOOL:
            raise TypeError(f"np.round of {x.dtype} with {decimals} decimals{at(user_location())}")
        result = Tracer(x.node)
    elif decimals == 0:
        result = rows.round(x)
    else:
        scale = float(10.0 ** abs(decimals))
        result = rows.round(x * scale) / scale if decimals > 0 else rows.round(x / scale) * scale
    stored: Tracer = store(out, result)
    return stored


def fix(x: Any, out: Any = None) -> Tracer:
    """`np.fix`: towards zero."""
    result: Tracer = store(out, np.trunc(asarray(x)))
    return result


def diff(
    a: Any, n: int = 1, axis: int = -1, prepend: Any = NO_VALUE, append: Any = NO_VALUE
) -> Tracer:
    """`np.diff`: differences of neighbours, ``n`` times."""
    x = asarray(a)
    place = normalize_axis(axis, x.ndim)
    edges = [_edge(x, value, place) for value in (prepend, append)]
    parts = [*edges[0], x, *edges[1]]
    x = concatenate(parts, place) if len(parts) > 1 else x
    for _ in range(n):
        extent = x.shape[place]
        later, sooner = part(x, place, 1, extent), part(x, place, 0, extent - 1)
        x = rows.ne(later, sooner) if x.dtype == BOOL else later - sooner
    return Tracer(x.node)


def _edge(x: Tracer, value: Any, axis: int) -> list[Tracer]:
    if value is NO_VALUE:
        return []
    edge = asarray(value)
    shape = tuple(1 if n == axis else extent for n, extent in enumerate(x.shape))
    return [broadcast_to(edge, shape) if edge.ndim == 0 else edge]


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Tracer:
    """`np.ediff1d`: differences of all neighbours, along one axis."""
    x = asarray(ary)
    parts = [diff(reshape(x, shape=(x.size,)))]
    for value, place in ((to_begin, 0), (to_end, len(parts) + 1)):
        if value is not None:
            edge = asarray(value)
            parts.insert(place, reshape(edge, shape=(edge.size,)))
    return concatenate(parts) if len(parts) > 1 else parts[0]


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Tracer:
    """`np.trapezoid`: the integral of a piecewise linear function."""
    values = asarray(y)
    place = normalize_axis(axis, values.ndim)
    extent = values.shape[place]
    width: Any = operand(dx)
    if x is not None:
        width = diff(x, axis=place if asarray(x).ndim > 1 else 0)
        if width.ndim == 1:
            shape = tuple(width.size if n == place else 1 for n in range(values.ndim))
            width = reshape(width, shape=shape)
    ends = part(values, place, 1, extent) + part(values, place, 0, extent - 1)
    result: Tracer = sum_of(width * ends / 2.0, place)
    return result


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """`np.gradient` with even spacing: central differences, one-sided at the ends."""
    x = as_dtype(y, FLOAT64) if not is_inexact((y := asarray(f)).dtype) else y
    axes = (
        range(x.ndim)
        if axis is None
        else [normalize_axis(int(n), x.ndim) for n in np.atleast_1d(axis)]
    )
    spacings = varargs or (1.0,)
    spacings = spacings * len(axes) if len(spacings) == 1 else spacings
    uneven = any(np.ndim(h) if not isinstance(h, Tracer) else h.ndim for h in spacings)
    if edge_order != 1 or uneven:
        raise TypeError(
            f"np.gradient is traced for even spacing and edge_order 1{at(user_location())}"
        )
    results = [_gradient(x, n, h) for n, h in zip(axes, spacings, strict=True)]
    return results[0] if len(results) == 1 else tuple(results)


def _gradient(x: Tracer, axis: int, spacing: Any) -> Tracer:
    extent = x.shape[axis]
    first = (part(x, axis, 1, 2) - part(x, axis, 0, 1)) / spacing
    last = (part(x, axis, extent - 1, extent) - part(x, axis, extent - 2, extent - 1)) / spacing
    inner = (part(x, axis, 2, extent) - part(x, axis, 0, extent - 2)) / (2.0 * spacing)
    return concatenate([first, inner, last], axis)


def isclose(
    a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False
) -> Tracer:
    """`np.isclose`."""
    x, y = asarray(a), asarray(b)
    y = y if is_inexact(y.dtype) else as_dtype(y, FLOAT64)
    near = (abs(x - y) <= atol + rtol * abs(y)) & rows.is_finite(y)
    result: Tracer = near | (x == y)
    return result | _both_nan(x, y) if equal_nan else result


def _both_nan(x: Tracer, y: Tracer) -> Tracer:
    missing: Any = np.isnan(x) & np.isnan(y)
    return asarray(missing)


def allclose(
    a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False
) -> Tracer:
    """`np.allclose`, as a traced bool."""
    result: Tracer = all_of(isclose(a, b, rtol, atol, equal_nan))
    return result


def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """`np.array_equal`, as a traced bool; False if the shapes differ."""
    x, y = asarray(a1), asarray(a2)
    if x.shape != y.shape:
        return False
    same = x == y
    if equal_nan:
        same = same | _both_nan(x, y)
    return all_of(same)


def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None
) -> Tracer:
    """`np.cross` of vectors in three dimensions."""
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = (
        moveaxis(v, n, -1)
        for v, n in zip(promoted(a, b, what="np.cross"), (axisa, axisb), strict=True)
    )
    if x.shape[-1] != 3 or y.shape[-1] != 3:
        raise ValueError(f"np.cross takes vectors of length 3{at(user_location())}")
    (x0, x1, x2), (y0, y1, y2) = ([v[..., n] for n in range(3)] for v in (x, y))
    return stack([x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0], axis=axisc)


def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Tracer:
    """`np.interp`: a piecewise linear function through the points (xp, fp), constant beyond."""
    if period is not None:
        raise TypeError(f"np.interp is not traced with a period{at(user_location())}")
    at_, knots = (as_dtype(asarray(v), FLOAT64) for v in (x, xp))
    values = asarray(fp)
    values = as_dtype(values, COMPLEX128 if is_complex(values.dtype) else FLOAT64)
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


def convolve(a: Any, v: Any, mode: str = "full") -> Tracer:
    """`np.convolve`: products with the shifted second operand, summed."""
    x, y = promoted(a, v, what="np.convolve")
    if y.size > x.size:
        x, y = y, x
    return _slide(x, flip(y, axes=(0,)), mode)


def correlate(a: Any, v: Any, mode: str = "valid") -> Tracer:
    """`np.correlate`."""
    x, y = promoted(a, v, what="np.correlate")
    if y.size > x.size:
        return Tracer(flip(_slide(conjugated(y), x, mode), axes=(0,)).node)
    return _slide(x, conjugated(y), mode)


def _slide(x: Tracer, window: Tracer, mode: str) -> Tracer:
    size = window.size
    match mode:
        case "full":
            low, high = size - 1, size - 1
        case "same":
            low, high = size // 2, (size - 1) - size // 2
        case _:
            low, high = 0, 0
    padded = pad(x, literal(0, x.dtype), low=(low,), high=(high,), interior=(0,))
    count = padded.size - size + 1
    grid = along(positions(count), (count, size), 0) + along(positions(size), (count, size), 1)
    return contract(padded[grid], window, ((1,), (0,)))


def polyval(p: Any, x: Any) -> Tracer:
    """`np.polyval` by Horner's rule, the highest power first."""
    coefficients, value = asarray(p), operand(x)
    result: Any = value * 0
    for n in range(coefficients.shape[0]):
        result = result * value + coefficients[n]
    return asarray(result)


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Tracer:
    """`np.vander`: powers as columns."""
    value = asarray(x)
    count = value.shape[0] if N is None else N
    powers = [value**n for n in range(count)]
    return stack(powers if increasing else powers[::-1], axis=-1)


def sinc(x: Any) -> Tracer:
    """`np.sinc`: sin(πx) / (πx)."""
    value = asarray(x) * np.pi
    nothing = value == 0.0
    safe = where(nothing, 1.0, value)
    return where(nothing, 1.0, np.sin(safe) / safe)


def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Tracer:
    """`np.unwrap`: jumps of more than half a period taken out."""
    from .reductions import cumsum

    x = asarray(p)
    place = normalize_axis(axis, x.ndim)
    jumps = diff(x, axis=place)
    half = period / 2
    folded = np.mod(jumps + half, period) - half
    folded = where((folded == -half) & (jumps > 0), half, folded)
    limit = half if discont is None else discont
    change = where(abs(jumps) < limit, 0.0, folded - jumps)
    rest = part(x, place, 1, x.shape[place]) + cumsum(change, place)
    return concatenate([part(x, place, 0, 1), rest], place)


def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Tracer:
    """`np.apply_along_axis`: the function is traced for each of the vectors."""
    x = moveaxis(arr, axis, -1)
    lines = reshape(x, shape=(-1 if not x.size else x.size // x.shape[-1], x.shape[-1]))
    results = [asarray(func1d(lines[n], *args, **kwargs)) for n in range(lines.shape[0])]
    joined = stack(results)
    shaped = reshape(joined, shape=(*x.shape[:-1], *joined.shape[1:]))
    order = list(range(x.ndim - 1))
    place = normalize_axis(axis, x.ndim)
    order[place:place] = range(x.ndim - 1, shaped.ndim)
    return permute(shaped, axes=tuple(order))
