"""`np.pad` in all its modes: axis by axis, each padding what the axes before have padded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import UnsupportedFunctionError, at
from ..location import user_location
from ..primitives import structure as rows
from ..primitives.elementwise import convert
from ..trace import Tracer
from ..types import is_float
from . import reductions
from .creation import asarray, contains_tracer
from .moments import mean
from .promotion import number, prepare
from .quantiles import median
from .ranges import linspace
from .selection import take, where
from .shaping import part

Pair = tuple[Any, Any]
Mode = Callable[[Tracer, int, Pair, Pair], Tracer]
"""What pads one axis: the array, the axis, the widths, and what the mode is given for both ends."""


def pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Tracer:
    """`np.pad`.

    Raises:
        TypeError: for widths that are no integers.
        ValueError: for negative widths, unknown modes, and options that a mode does not have.
        UnsupportedFunctionError: for functions as modes.
    """
    x = asarray(array)
    widths = _widths(pad_width, x.ndim)
    option, default = _option(mode, kwargs)
    if option == "reflect_type" and kwargs.get(option, "even") == "odd":
        mode = f"{mode} odd"
    given = _pairs(kwargs.get(option, default), x.ndim) if option in BY_PAIRS else [(0, 0)] * x.ndim
    for axis, (width, values) in enumerate(zip(widths, given, strict=True)):
        if width != (0, 0):
            if x.shape[axis] == 0 and mode not in ("constant", "empty"):
                raise ValueError(
                    f"can't extend empty axis {axis} using modes other than 'constant' or 'empty'"
                    f"{at(user_location())}"
                )
            x = MODES[mode](x, axis, width, values)
    return Tracer(x.node)


def _widths(pad_width: Any, ndim: int) -> list[Pair]:
    if isinstance(pad_width, dict):
        named = {n % ndim: w for n, w in pad_width.items()}
        sides = (named.get(n, 0) for n in range(ndim))
        pad_width = [(w, w) if np.ndim(w) == 0 else w for w in sides]
    values = np.asarray(pad_width)
    if values.dtype.kind != "i":
        raise TypeError(f"`pad_width` must be of integral type.{at(user_location())}")
    if values.size and values.min() < 0:
        raise ValueError(f"index can't contain negative values{at(user_location())}")
    return _pairs(values, ndim)


def _pairs(values: Any, ndim: int) -> list[Pair]:
    """Two values for each axis, of one, two, or two an axis; a traced one is for all ends."""
    if values is None or (isinstance(values, Tracer) and values.ndim == 0):
        return [(values, values)] * ndim
    if contains_tracer(values):
        from .shaping import broadcast_to

        spread = broadcast_to(asarray(values), (ndim, 2))
        return [(spread[n, 0], spread[n, 1]) for n in range(ndim)]
    return [(low, high) for low, high in np.broadcast_to(np.asarray(values), (ndim, 2)).tolist()]


def _option(mode: Any, kwargs: dict[str, Any]) -> tuple[str, Any]:
    """The option that a mode has, and its default."""
    if callable(mode):
        raise UnsupportedFunctionError(
            f"np.pad with a function as mode is not traced{at(user_location())}"
        )
    if mode not in OPTIONS:
        raise ValueError(f"mode '{mode}' is not supported{at(user_location())}")
    option, default = OPTIONS[mode]
    unknown = set(kwargs) - {option}
    if unknown:
        raise ValueError(
            f"unsupported keyword arguments for mode '{mode}': {unknown}{at(user_location())}"
        )
    return option, default


def _constant(x: Tracer, axis: int, width: Pair, values: Pair) -> Tracer:
    none = (0,) * x.ndim
    for side, (size, value) in enumerate(zip(width, values, strict=True)):
        filled = tuple(size if n == axis else 0 for n in range(x.ndim))
        low, high = (none, filled) if side else (filled, none)
        x = rows.pad(x, prepare(value, x.dtype, ()), low=low, high=high, interior=none)
    return x


def _by_position(mode: str) -> Mode:
    """Modes that repeat elements: NumPy pads the positions."""

    def extend(x: Tracer, axis: int, width: Pair, values: Pair) -> Tracer:
        pad_positions: Any = np.pad
        return take(x, pad_positions(np.arange(x.shape[axis]), width, mode), axis)

    return extend


def _odd(mode: str) -> Mode:
    """Reflections about the end: NumPy pads the unit vectors, which gives the coefficients."""

    def extend(x: Tracer, axis: int, width: Pair, values: Pair) -> Tracer:
        pad_units: Any = np.pad
        units = np.eye(x.shape[axis], dtype=int)
        matrix = pad_units(units, (width, (0, 0)), mode, reflect_type="odd")
        order = np.argsort(matrix == 0, axis=1, kind="stable")
        total: Any = None
        for n in range(int((matrix != 0).sum(axis=1).max())):
            places = order[:, n]
            shape = [-1 if a == axis else 1 for a in range(x.ndim)]
            factor = matrix[np.arange(len(places)), places].reshape(shape)
            term = take(x, places, axis) * prepare(factor, x.dtype, factor.shape)
            term = where(factor == 0, number(0, x.dtype), term)
            total = term if total is None else total + term
        return asarray(total)

    return extend


def _statistic(function: Callable[..., Tracer]) -> Mode:
    """Modes that repeat a statistic of the elements next to the end."""

    def extend(x: Tracer, axis: int, width: Pair, values: Pair) -> Tracer:
        extent = x.shape[axis]
        counts = [extent if n is None else min(int(n), extent) for n in values]
        if min(counts) == 0 and function is not mean:
            raise ValueError(f"stat_length of 0 yields no value for padding{at(user_location())}")
        ends = (part(x, axis, 0, counts[0]), part(x, axis, extent - counts[1], extent))
        padded = [x]
        for end, size, place in zip(ends, width, (0, len(padded) + 1), strict=True):
            value = function(end, axis, keepdims=True)
            if value.dtype != x.dtype:
                rounded: Any = value if is_float(x.dtype) else np.rint(value)
                value = convert(rounded, dtype=x.dtype)
            padded.insert(place, take(value, np.zeros(size, int), axis))
        return rows.concatenate(*padded, axis=axis)

    return extend


def _linear_ramp(x: Tracer, axis: int, width: Pair, values: Pair) -> Tracer:
    extent = x.shape[axis]
    without = tuple(n for a, n in enumerate(x.shape) if a != axis)
    edges = (part(x, axis, 0, 1), part(x, axis, extent - 1, extent))
    low, high = (
        linspace(value, rows.reshape(edge, shape=without), size, False, False, x.dtype, axis)
        for value, edge, size in zip(values, edges, width, strict=True)
    )
    return rows.concatenate(low, x, rows.flip(high, axes=(axis,)), axis=axis)


MODES: dict[str, Mode] = {
    "constant": _constant,
    "empty": lambda x, axis, width, values: _constant(x, axis, width, (0, 0)),
    **{mode: _by_position(mode) for mode in ("edge", "wrap", "reflect", "symmetric")},
    **{f"{mode} odd": _odd(mode) for mode in ("reflect", "symmetric")},
    "maximum": _statistic(reductions.max),
    "minimum": _statistic(reductions.min),
    "mean": _statistic(mean),
    "median": _statistic(median),
    "linear_ramp": _linear_ramp,
}
OPTIONS: dict[str, tuple[str, Any]] = {
    **dict.fromkeys(("empty", "edge", "wrap"), ("", None)),
    "constant": ("constant_values", 0),
    "linear_ramp": ("end_values", 0),
    **dict.fromkeys(("maximum", "minimum", "mean", "median"), ("stat_length", None)),
    **dict.fromkeys(("reflect", "symmetric"), ("reflect_type", "even")),
}
BY_PAIRS = frozenset({"constant_values", "end_values", "stat_length"})
"""Options with a value for each end of each axis."""
