"""Slices whose places differ from turn to turn: read before the loop, or at indices within it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..ir import Node
from ..primitives.indexing import gather, scatter
from ..primitives.structure import inverse, permute, reshape, slice, to_front
from ..trace import Tracer
from .tables import Array, Tables

Axes = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """Where one slice is in each turn.

    ``axes`` are those along which it differs, or does not take everything.
    """

    starts: Array
    sizes: Axes
    steps: Axes
    axes: Axes

    @property
    def order(self) -> Axes:
        """The axes that are addressed by indices, then the others."""
        return (*self.axes, *(a for a in range(len(self.sizes)) if a not in self.axes))

    @property
    def shape(self) -> Axes:
        """The shape of what is read, before its axes are in order again."""
        return tuple(self.sizes[a] for a in self.order)

    @property
    def window(self) -> Axes:
        """The extents along the axes that are addressed."""
        return tuple(self.sizes[a] for a in self.axes)

    def indices(self) -> list[Array]:
        """For each of those axes the indices of all turns: an axis of turns, then the window."""
        found = []
        for n, axis in enumerate(self.axes):
            along = self.steps[axis] * np.arange(self.sizes[axis])
            grid = self.starts[:, axis, None] + along
            shape = [len(self.starts)] + [1] * len(self.axes)
            shape[n + 1] = self.sizes[axis]
            whole = (len(self.starts), *self.window)
            found.append(np.broadcast_to(grid.reshape(shape), whole).astype(np.int64))
        return found


def places_of(turns: Sequence[Node]) -> Places | None:
    """The places of the same slice, or update, in each turn; None if they are the same."""
    first = turns[0]
    if "starts" not in first.params:
        return None
    starts = np.array([x.params["starts"] for x in turns])
    if np.all(starts == starts[0]):
        return None
    whole, steps = first.operands[0].type.shape, first.params["steps"]
    sizes = first.params["sizes"] if "sizes" in first.params else first.operands[1].type.shape
    axes = [
        a
        for a, extent in enumerate(whole)
        if np.any(starts[:, a]) or sizes[a] != extent or steps[a] != 1
    ]
    return Places(starts, sizes, steps, tuple(axes))


def read_before(x: Tracer, places: Places, tables: Tables) -> Tracer:
    """What all turns read of a value that stays: an axis of turns, then as `read_within` has it."""
    even = _evenly_spaced(x, places)
    if even is not None:
        return even
    indices = [tables.array(index) for index in places.indices()]
    return gather(permute(x, axes=places.order), *indices)


def _evenly_spaced(x: Tracer, places: Places) -> Tracer | None:
    """One slice for all turns, where they go along one axis in even steps."""
    moving = [a for a in places.axes if np.any(places.starts[:, a] != places.starts[0, a])]
    gaps = np.diff(places.starts[:, moving[0]])
    if len(moving) > 1 or places.sizes[moving[0]] != 1 or np.any(gaps != gaps[0]):
        return None
    (axis,) = moving
    sizes, steps = list(places.sizes), list(places.steps)
    sizes[axis], steps[axis] = len(places.starts), int(gaps[0])
    first = tuple(int(i) for i in places.starts[0])
    rows = to_front(slice(x, starts=first, sizes=tuple(sizes), steps=tuple(steps)), axis)
    one = reshape(rows, shape=(len(places.starts), *places.sizes))
    return permute(one, axes=(0, *(a + 1 for a in places.order)))


def read_within(x: Tracer, places: Places, indices: Sequence[Tracer]) -> Tracer:
    """What one turn reads of a value that changes."""
    return in_place(gather(permute(x, axes=places.order), *indices), places)


def in_place(read: Tracer, places: Places) -> Tracer:
    """What was read, with the axes in their order again."""
    return permute(read, axes=inverse(places.order))


def written_within(x: Tracer, update: Tracer, places: Places, indices: Sequence[Tracer]) -> Tracer:
    """A value with what one turn writes to it."""
    moved, new = permute(x, axes=places.order), permute(update, axes=places.order)
    return in_place(scatter(moved, *indices, new), places)
