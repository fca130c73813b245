"""What is sent to computed places, multiplied or compared with what else is sent there."""

from __future__ import annotations

from typing import Any

import numpy as np

from pullback.tracer.primitives.elementwise import broadcast_scalar, stop_gradient
from pullback.tracer.primitives.elementwise import where as choose
from pullback.tracer.trace import Tracer

from .rows import counted


def _placed(index: Any) -> tuple[Any, ...]:
    """An index for each dimension: the given one along the last, the own place along others."""
    own = [
        np.reshape(counted(n), (-1, *(1,) * (index.ndim - 1 - axis)))
        for axis, n in enumerate(index.shape[:-1])
    ]
    return (*own, index)


def _put(x: Any, places: tuple[Any, ...], values: Any) -> Any:
    made = Tracer(x.node)
    made[places] = values
    return Tracer(made.node)


def _added(x: Any, places: tuple[Any, ...], values: Any) -> Any:
    made = Tracer(x.node)
    np.add.at(made, places, values)
    return Tracer(made.node)


def multiplied(x: Any, index: Any, values: Any, include: bool, rounds: int | None) -> Any:
    """Products along the last dimension of what is sent to a place, times what is there.

    In the order of their places values are multiplied with those 1, 2, 4 and so on before them
    that are for the same place; so the last of each has the product. ``rounds``: how often, at
    most; None if it is not known how many values one place gets.
    """
    order = np.argsort(index, -1, kind="stable")
    index, values = np.sort(index, -1), np.take_along_axis(values, order, -1)
    extent = index.shape[-1]
    for number in range((extent - 1).bit_length() if rounds is None else rounds):
        values = values * np.take_along_axis(_with_one(values), _before(index, 2**number), -1)
    places = _placed(index)
    if not include:
        return _put(x, places, values)
    return x * _put(broadcast_scalar(1, x), places, values)


def _with_one(values: Any) -> Any:
    one = broadcast_scalar(1, values[..., :1])
    return np.concatenate([values, one], -1)


def _before(index: Any, distance: int) -> Any:
    """The numbers of the values that far before, if they are for the same place; else the last."""
    extent = index.shape[-1]
    same: Any = index[..., distance:] == index[..., :-distance]
    numbers: Any = np.broadcast_to(counted(extent - distance), same.shape)
    found = choose(same, numbers, broadcast_scalar(extent, numbers))
    return np.pad(found, (*((0, 0),) * (index.ndim - 1), (distance, 0)), constant_values=extent)


def rounds_of(index: Any, dim: int) -> int | None:
    """How often `multiplied` must multiply, if the places are known."""
    value = index.node.value
    if value is None or value.size < 2:
        return None if value is None else 0
    lines = np.sort(value.reshape(1) if not value.ndim else value, dim if value.ndim else 0)
    lines = np.moveaxis(lines, dim if value.ndim else 0, -1)
    rounds, distance = 0, 1
    while distance < lines.shape[-1] and (lines[..., distance:] == lines[..., :-distance]).any():
        rounds, distance = rounds + 1, distance * 2
    return rounds


def greatest(x: Any, index: Any, values: Any, include: bool) -> Any:
    """The greatest along the last dimension that is sent to a place, or that and what is there.

    Values are put in ascending order, so the last is the greatest. Derivatives are shared by those
    that are equal to it.
    """
    order = np.argsort(stop_gradient(values), -1, kind="stable")
    sorted_places = _placed(np.take_along_axis(index, order, -1))
    ascending: Any = np.take_along_axis(values, order, -1)
    found = _put(stop_gradient(x), sorted_places, stop_gradient(ascending))
    if include:
        found = np.maximum(found, stop_gradient(x))
    if x.dtype.kind != "f":
        return found
    places = _placed(index)
    one, none = broadcast_scalar(1.0, values), broadcast_scalar(0.0, values)
    equal: Any = stop_gradient(values) == found[places]
    own: Any = stop_gradient(x) == found
    sent = _put(broadcast_scalar(0.0, x), places, one) > 0.0
    kept: Any = own & ~sent if not include else own
    zero = broadcast_scalar(0.0, x)
    count = _added(kept.astype(x.dtype), places, choose(equal, one, none))
    change = _added(choose(kept, _change(x), zero), places, choose(equal, _change(values), none))
    return found + change / np.maximum(count, broadcast_scalar(1.0, count))


def _change(x: Any) -> Any:
    """Zeros that have the derivative of x, where that is a finite number."""
    finite: Any = np.isfinite(x)
    return choose(finite, x - stop_gradient(x), broadcast_scalar(0.0, x))


def smallest(x: Any, index: Any, values: Any, include: bool) -> Any:
    """The same of the smallest."""
    if x.dtype.kind == "f":
        return -greatest(-x, index, -values, include)
    return ~greatest(~x, index, ~values, include)
