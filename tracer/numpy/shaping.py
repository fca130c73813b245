"""Shapes and orders of elements. What is a view in NumPy is a view here."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from ..errors import at
from ..known import known_int, settled
from ..location import user_location
from ..primitives import structure as rows
from ..primitives.structure import Axes, inverse
from ..trace import Tracer, View
from ..types import INT64, Shape, normalize_axes, normalize_axis
from .creation import asarray, positions
from .promotion import as_dtype, common_shape, number, spread
from .strides import Strides, is_row_major, memory_order, reshaped


def as_ints(value: Any) -> tuple[int, ...]:
    """An int or a sequence of ints, as a tuple."""
    if not isinstance(value, (list, tuple)) and np.ndim(value) == 0:
        return (known_int(value),)
    return tuple(known_int(n) for n in value)


def _reshaped(x: Tracer, shape: Shape) -> Tracer:
    """A view where NumPy gives one: where the strides allow it."""
    before = x.memory_strides
    strides = None if before is None else reshaped(x.shape, before, shape)
    return rows.reshape(x, shape=shape) if strides is None else _in_shape(x, shape, strides)


def _in_shape(x: Tracer, shape: Shape, strides: Strides | None) -> Tracer:
    return x.seen_by(
        View(
            lambda t: rows.reshape(t, shape=shape),
            lambda base, value: rows.reshape(value, shape=base.shape),
            contiguous=False,
            strides=strides,
        )
    )


def _with_ones(x: Tracer, shape: Shape) -> Tracer:
    """A view in a shape that differs by axes of extent 1 only."""
    before = x.memory_strides
    return _in_shape(x, shape, None if before is None else reshaped(x.shape, before, shape))


def flat_view(x: Tracer) -> Tracer:
    """All elements along one axis, to be written through wherever they are in memory."""
    return _in_shape(x, (x.size,), None)


def _complete(shape: Shape, size: int) -> Shape:
    """The shape with -1 replaced by what is left."""
    known = math.prod(n for n in shape if n != -1)
    free = shape.count(-1)
    fits = size == known if not free else free == 1 and known > 0 and size % known == 0
    if not fits:
        raise ValueError(
            f"cannot reshape array of size {size} into shape {str(shape).replace(' ', '')}"
            f"{at(user_location())}"
        )
    return tuple(size // known if n == -1 else n for n in shape)


def reshape(a: Any, /, shape: Any, order: str = "C", *, copy: bool | None = None) -> Tracer:
    """`np.reshape`: the same elements, in row-major ("C") or column-major ("F") order."""
    x = asarray(a)
    wanted = _complete(as_ints(shape), x.size)
    if order == "F" or (order == "A" and _is_column_major(x)):
        result = transpose(_reshaped(transpose(x), wanted[::-1]))
    else:
        result = _reshaped(x, wanted)
    if copy is False and not result.steps[len(x.steps) :]:
        raise ValueError(f"Unable to avoid creating a copy while reshaping.{at(user_location())}")
    return Tracer(result.node) if copy else result


def _is_row_major(x: Tracer) -> bool:
    strides = x.memory_strides
    return strides is not None and is_row_major(x.shape, strides)


def _is_column_major(x: Tracer) -> bool:
    return _is_row_major(transpose(x)) and not _is_row_major(x)


def ravel(a: Any, order: str = "C") -> Tracer:
    """`np.ravel`: all elements along one axis; a view of those that follow one another."""
    x = asarray(a)
    strides = x.memory_strides
    if order == "F" or (order == "A" and _is_column_major(x)):
        x = transpose(x)
    elif order == "K" and strides is not None:
        x = permuted(x, memory_order(x.shape, strides))
    flat = (x.size,)
    return _reshaped(x, flat) if _is_row_major(x) else rows.reshape(x, shape=flat)


def permuted(x: Tracer, axes: Axes) -> Tracer:
    """A view with the axes in another order."""
    strides = x.memory_strides
    return x.seen_by(
        View(
            lambda t: rows.permute(t, axes=axes),
            lambda base, value: rows.permute(value, axes=inverse(axes)),
            contiguous=False,
            strides=None if strides is None else tuple(strides[a] for a in axes),
        )
    )


def transpose(a: Any, axes: Any = None) -> Tracer:
    """`np.transpose`: the axes reversed, or in the given order."""
    x = asarray(a)
    order = tuple(range(x.ndim))[::-1] if axes is None else as_ints(axes)
    if len(order) != x.ndim:
        raise ValueError(f"axes don't match array{at(user_location())}")
    return permuted(x, tuple(normalize_axis(n, x.ndim) for n in order))


def matrix_transpose(x: Any, /) -> Tracer:
    """`np.matrix_transpose`: the last two axes swapped."""
    value = asarray(x)
    if value.ndim < 2:
        raise ValueError(f"matrix transpose with ndim < 2 is undefined{at(user_location())}")
    return swapaxes(value, -1, -2)


def swapaxes(a: Any, axis1: int, axis2: int) -> Tracer:
    """`np.swapaxes`."""
    x = asarray(a)
    order = list(range(x.ndim))
    i, j = normalize_axis(axis1, x.ndim), normalize_axis(axis2, x.ndim)
    order[i], order[j] = order[j], order[i]
    return permuted(x, tuple(order))


def moveaxis(a: Any, source: Any, destination: Any) -> Tracer:
    """`np.moveaxis`."""
    x = asarray(a)
    moved = [normalize_axis(n, x.ndim) for n in as_ints(source)]
    targets = [normalize_axis(n, x.ndim) for n in as_ints(destination)]
    if len(moved) != len(targets):
        raise ValueError(
            "`source` and `destination` arguments must have the same number of elements"
            f"{at(user_location())}"
        )
    for places, name in ((moved, "source"), (targets, "destination")):
        if len(set(places)) < len(places):
            raise ValueError(f"repeated axis in `{name}` argument{at(user_location())}")
    order = [n for n in range(x.ndim) if n not in moved]
    for target, axis in sorted(zip(targets, moved, strict=True)):
        order.insert(target, axis)
    return permuted(x, tuple(order))


def rollaxis(a: Any, axis: int, start: int = 0) -> Tracer:
    """`np.rollaxis`: one axis moved to stand before another."""
    x = asarray(a)
    axis = normalize_axis(axis, x.ndim)
    start = start + x.ndim if start < 0 else start
    return moveaxis(x, axis, start - 1 if axis < start else start)


def squeeze(a: Any, axis: Any = None) -> Tracer:
    """`np.squeeze`: without the axes of extent 1, or without those named."""
    x = asarray(a)
    if axis is None:
        return _with_ones(x, tuple(n for n in x.shape if n != 1))
    if x.ndim == 0 and as_ints(axis) in ((0,), (-1,)):
        return _with_ones(x, ())
    axes = normalize_axes(as_ints(axis), x.ndim)
    if any(x.shape[n] != 1 for n in axes):
        raise ValueError(
            "cannot select an axis to squeeze out which has size not equal to one"
            f"{at(user_location())}"
        )
    return _with_ones(x, tuple(n for i, n in enumerate(x.shape) if i not in axes))


def expand_dims(a: Any, axis: Any) -> Tracer:
    """`np.expand_dims`: new axes of extent 1."""
    x = asarray(a)
    new = as_ints(axis)
    ndim = x.ndim + len(new)
    axes = normalize_axes(new, ndim)
    extents = iter(x.shape)
    return _with_ones(x, tuple(1 if n in axes else next(extents) for n in range(ndim)))


def _refuse_writing(base: Tracer, value: Tracer) -> NoReturn:
    raise ValueError(f"assignment destination is read-only{at(user_location())}")


def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Tracer:
    """`np.broadcast_to`: a view that cannot be written to."""
    x, wanted = asarray(array), as_ints(shape)
    strides = x.memory_strides
    if strides is not None:
        kept = tuple(0 if n == 1 else s for n, s in zip(x.shape, strides, strict=True))
        strides = (*(0,) * (len(wanted) - x.ndim), *kept)
    return read_only(x, lambda t: spread(t, wanted), strides)


def read_only(x: Tracer, read: Callable[[Tracer], Tracer], strides: Strides | None) -> Tracer:
    """A view that cannot be written to."""
    return x.seen_by(View(read, _refuse_writing, contiguous=False, strides=strides))


def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Tracer, ...]:
    """`np.broadcast_arrays`."""
    values = [asarray(x) for x in args]
    shape = common_shape([x.shape for x in values])
    return tuple(broadcast_to(x, shape) for x in values)


def _at_least(a: tuple[Any, ...], ndim: int) -> Any:
    values = [asarray(x) for x in a]
    done = [
        x if x.ndim >= ndim else _with_ones(x, (1,) * (ndim - x.ndim) + x.shape) for x in values
    ]
    return done[0] if len(done) == 1 else tuple(done)


def atleast_1d(*arys: Any) -> Any:
    """`np.atleast_1d`."""
    return _at_least(arys, 1)


def atleast_2d(*arys: Any) -> Any:
    """`np.atleast_2d`."""
    return _at_least(arys, 2)


def atleast_3d(*arys: Any) -> Any:
    """`np.atleast_3d`: a vector along the middle axis, a matrix before the last."""
    done = []
    for x in (asarray(v) for v in arys):
        shape = {0: (1, 1, 1), 1: (1, *x.shape, 1), 2: (*x.shape, 1)}.get(x.ndim, x.shape)
        done.append(_with_ones(x, shape))
    return done[0] if len(done) == 1 else tuple(done)


def flip(m: Any, axis: Any = None) -> Tracer:
    """`np.flip`: reversed along axes."""
    x = asarray(m)
    axes = normalize_axes(None if axis is None else as_ints(axis), x.ndim)
    strides = x.memory_strides
    if strides is not None:
        strides = tuple(-s if a in axes else s for a, s in enumerate(strides))
    return x.seen_by(
        View(
            lambda t: rows.flip(t, axes=axes),
            lambda base, value: rows.flip(value, axes=axes),
            contiguous=False,
            strides=strides,
        )
    )


def fliplr(m: Any) -> Tracer:
    """`np.fliplr`."""
    return flip(m, 1)


def flipud(m: Any) -> Tracer:
    """`np.flipud`."""
    return flip(m, 0)


def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tracer:
    """`np.rot90`: a quarter turn, ``k`` times."""
    x = asarray(m)
    i, j = (normalize_axis(n, x.ndim) for n in axes)
    if i == j:
        raise ValueError(f"Axes must be different.{at(user_location())}")
    match k % 4:
        case 0:
            return x
        case 1:
            return swapaxes(flip(x, j), i, j)
        case 2:
            return flip(x, (i, j))
        case _:
            return flip(swapaxes(x, i, j), j)


def part(x: Tracer, axis: int, start: int, stop: int) -> Tracer:
    """The elements from ``start`` to ``stop`` along an axis."""
    starts = tuple(start if n == axis else 0 for n in range(x.ndim))
    sizes = tuple(stop - start if n == axis else extent for n, extent in enumerate(x.shape))
    return rows.slice(x, starts=starts, sizes=sizes, steps=(1,) * x.ndim)


def roll(a: Any, shift: Any, axis: Any = None) -> Tracer:
    """`np.roll`: elements that leave at one end come in at the other; shifts may be traced."""
    x = asarray(a)
    if axis is None:
        flat = rows.reshape(x, shape=(x.size,))
        return rows.reshape(roll(flat, sum(_shifts(shift)), 0), shape=x.shape)
    shifts, axes = _shifts(shift), as_ints(axis)
    (count,) = np.broadcast_shapes((len(shifts),), (len(axes),))
    for n in range(count):
        places, place = shifts[n % len(shifts)], normalize_axis(axes[n % len(axes)], x.ndim)
        if isinstance(places, Tracer):
            x = _turned_by_traced(x, places, place)
        else:
            x = _turned(x, places, place)
    return Tracer(x.node)


def _shifts(shift: Any) -> list[Any]:
    given = settled(shift)
    if isinstance(given, Tracer):
        given = as_dtype(given, INT64)
        return [given] if given.ndim == 0 else list(given)
    if isinstance(given, (list, tuple)):
        return [x if isinstance(x, Tracer) else int(x) for x in given]
    return list(as_ints(given))


def _turned(x: Tracer, places: int, axis: int) -> Tracer:
    extent = x.shape[axis]
    places = places % extent if extent else 0
    if not places:
        return x
    tail, head = part(x, axis, extent - places, extent), part(x, axis, 0, extent - places)
    return rows.concatenate(tail, head, axis=axis)


def _turned_by_traced(x: Tracer, places: Tracer, axis: int) -> Tracer:
    from .selection import take

    extent = x.shape[axis]
    return take(x, (positions(extent) - places) % extent, axis) if extent else x


def repeat(a: Any, repeats: Any, axis: int | None = None) -> Tracer:
    """`np.repeat`: each element several times; how often is known while tracing."""
    x = asarray(a)
    if axis is None:
        x, axis = rows.reshape(x, shape=(x.size,)), 0
    axis = normalize_axis(axis, x.ndim)
    if np.size(repeats) != 1:
        from .selection import take

        return take(x, np.repeat(np.arange(x.shape[axis]), repeats), axis)
    times = as_ints(repeats)[0]
    wider = (*x.shape[: axis + 1], times, *x.shape[axis + 1 :])
    kept = tuple(n for n in range(x.ndim + 1) if n != axis + 1)
    shape = tuple(extent * times if n == axis else extent for n, extent in enumerate(x.shape))
    return rows.reshape(rows.broadcast(x, shape=wider, axes=kept), shape=shape)


def tile(A: Any, reps: Any) -> Tracer:
    """`np.tile`: copies side by side."""
    x = asarray(A)
    counts = as_ints(reps)
    ndim = max(x.ndim, len(counts))
    counts = (1,) * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - x.ndim) + x.shape
    wider = tuple(n for pair in zip(counts, shape, strict=True) for n in pair)
    copies = rows.broadcast(
        rows.reshape(x, shape=shape), shape=wider, axes=tuple(range(1, 2 * ndim, 2))
    )
    result = tuple(count * n for count, n in zip(counts, shape, strict=True))
    return rows.reshape(copies, shape=result)


def resize(a: Any, new_shape: Any) -> Tracer:
    """`np.resize`: as many copies as the new shape needs, zeros of nothing."""
    x, shape = asarray(a), as_ints(new_shape)
    size = math.prod(shape)
    if not x.size:
        return number(0, x.dtype, shape)
    copies = tile(rows.reshape(x, shape=(x.size,)), -(-size // x.size))
    return rows.reshape(part(copies, 0, 0, size), shape=shape)


def shape_of(a: Any) -> Shape:
    """`np.shape`."""
    return asarray(a).shape


def ndim_of(a: Any) -> int:
    """`np.ndim`."""
    return asarray(a).ndim


def size_of(a: Any, axis: Any = None) -> int:
    """`np.size`: of the whole array, or along axes."""
    x = asarray(a)
    if axis is None:
        return x.size
    axes = normalize_axes(as_ints(axis), x.ndim)
    return math.prod(x.shape[n] for n in axes)
