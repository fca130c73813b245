"""What an index means: the part of the array that it selects, and how the result is laid out.

An index is taken apart once into a `Selection`: a regular region (ints and slices), the index
arrays that then address some of its axes, and the order of the axes of the result. Reading and
writing follow from that.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import EllipsisType
from typing import Any

import numpy as np

from ..errors import at
from ..location import user_location
from ..primitives import structure as rows
from ..primitives.indexing import gather, scatter
from ..primitives.structure import Axes, inverse
from ..trace import Tracer
from ..types import INT32, INT64, Shape
from .items import Item, Positions, in_range, of_slice, one_an_axis
from .promotion import as_dtype, spread
from .strides import Strides


@dataclass(frozen=True, slots=True)
class Region:
    """A regular grid of places: where it starts, its extents and its steps, by axis."""

    starts: Axes
    sizes: Axes
    steps: Axes

    def read(self, x: Tracer) -> Tracer:
        """The values of the region."""
        return rows.slice(x, starts=self.starts, sizes=self.sizes, steps=self.steps)

    def write(self, x: Tracer, value: Tracer) -> Tracer:
        """The array with the region replaced; the row wants rising positions."""
        backward = tuple(n for n, step in enumerate(self.steps) if step < 0)
        if backward:
            value = rows.flip(value, axes=backward)
        starts, steps = list(self.starts), list(self.steps)
        for n in backward:
            starts[n] += (self.sizes[n] - 1) * steps[n]
            steps[n] = -steps[n]
        return rows.update_slice(x, value, starts=tuple(starts), steps=tuple(steps))


@dataclass(frozen=True, slots=True)
class Selection:
    """An index taken apart.

    ``arrays`` have one shape and address the axes ``addressed`` of the region. ``kept`` are the
    axes of slices; of the axes of the result those of the arrays begin at ``place``, and ``shape``
    includes the new axes.
    """

    region: Region
    arrays: tuple[Tracer, ...]
    addressed: Axes
    kept: Axes
    place: int
    shape: Shape
    is_view: bool
    layout: tuple[int | str, ...]

    def _order(self, x: Tracer) -> Axes:
        rest = (n for n in range(x.ndim) if n not in self.addressed)
        return (*self.addressed, *rest)

    def _among_kept(self) -> tuple[Axes, Shape]:
        """The axes, arrays' first, in the order of the result; and their extents before that."""
        before = self.arrays[0].ndim if self.arrays else 0
        moved = list(range(before, before + len(self.kept)))
        moved[self.place : self.place] = range(before)
        outer = self.arrays[0].shape if self.arrays else ()
        return tuple(moved), (*outer, *(self.region.sizes[n] for n in self.kept))

    def read(self, x: Tracer) -> Tracer:
        """The selected values."""
        part = self.region.read(x)
        if self.arrays:
            part = gather(rows.permute(part, axes=self._order(x)), *self.arrays)
        order, shape = self._among_kept()
        part = rows.permute(rows.reshape(part, shape=shape), axes=order)
        return rows.reshape(part, shape=self.shape)

    def strides(self, whole: Strides | None) -> Strides | None:
        """The strides of the view that the selection is of an array with these strides."""
        if whole is None or self.arrays:
            return None
        axes = (item for item in self.layout if item not in ("int", "gap"))
        return tuple(whole[a] * self.region.steps[a] if isinstance(a, int) else 0 for a in axes)

    def write(self, x: Tracer, value: Tracer, row: Any = scatter) -> Tracer:
        """The array with the selected values replaced (or what else the row does with them)."""
        order, shape = self._among_kept()
        value = rows.reshape(value, shape=tuple(shape[n] for n in order))
        value = rows.permute(value, axes=inverse(order))
        if not self.arrays:
            return self.region.write(x, rows.reshape(value, shape=self.region.sizes))
        leading = self._order(x)
        part = rows.permute(self.region.read(x), axes=leading)
        outer = self.arrays[0].shape
        value = rows.reshape(value, shape=(*outer, *part.shape[len(self.arrays) :]))
        part = rows.permute(row(part, *self.arrays, value), axes=inverse(leading))
        return self.region.write(x, part)


def select(given: list[Item], shape: Shape) -> Selection:
    """Take an index, one that mentions every axis of the shape, apart.

    Raises:
        IndexError: as NumPy does: for too many indices, wrong types, positions outside.
    """
    starts: list[int] = []
    sizes: list[int] = []
    steps: list[int] = []
    arrays: list[tuple[int, Tracer]] = []
    layout: list[int | str] = []
    is_view = True
    for item in one_an_axis(given):
        axis = len(starts)
        if item is None or isinstance(item, EllipsisType):
            layout.append("new" if item is None else "gap")
            continue
        match item:
            case Positions():
                start, size, step = 0, shape[axis], 1
                arrays.append((axis, item.checked(axis, shape[axis])))
                is_view = is_view and item.is_scalar
                layout.append("array")
            case int():
                start, size, step = in_range(item, axis, shape[axis]), 1, 1
                layout.append("int")
            case _:
                start, size, step = of_slice(item, shape[axis])
                layout.append(axis)
        starts.append(start)
        sizes.append(size)
        steps.append(step)
    region = Region(tuple(starts), tuple(sizes), tuple(steps))
    return _laid_out(region, arrays, layout, is_view)


def _laid_out(
    region: Region, arrays: list[tuple[int, Tracer]], layout: list[int | str], is_view: bool
) -> Selection:
    """NumPy's rule: the arrays' axes stand where the arrays do, or first if they are apart."""
    values = _together([x for _, x in arrays])
    addressing = [n for n, item in enumerate(layout) if item in ("array", "int")]
    adjacent = not addressing or addressing[-1] - addressing[0] == len(addressing) - 1
    before = layout[: addressing[0]] if arrays and adjacent else []
    outer = values[0].shape if values else ()
    after = layout[len(before) :]
    shape = (*_extents(before, region), *outer, *_extents(after, region))
    return Selection(
        region,
        values,
        addressed=tuple(n for n, _ in arrays),
        kept=tuple(item for item in layout if isinstance(item, int)),
        place=sum(isinstance(item, int) for item in before),
        shape=shape,
        is_view=is_view,
        layout=tuple(layout),
    )


def _extents(layout: list[int | str], region: Region) -> list[int]:
    axes = (item for item in layout if item == "new" or isinstance(item, int))
    return [region.sizes[item] if isinstance(item, int) else 1 for item in axes]


def _together(arrays: list[Tracer]) -> tuple[Tracer, ...]:
    """Index arrays in one shape and dtype."""
    if not arrays:
        return ()
    dtype = INT32 if all(x.dtype == INT32 for x in arrays) else INT64
    try:
        shape = np.broadcast_shapes(*(x.shape for x in arrays))
    except ValueError:
        shapes = " ".join(str(x.shape).replace(" ", "") for x in arrays)
        raise IndexError(
            "shape mismatch: indexing arrays could not be broadcast together with shapes "
            f"{shapes}{at(user_location())}"
        ) from None
    return tuple(spread(as_dtype(x, dtype), shape) for x in arrays)
