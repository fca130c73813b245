"""Elements of an array at places that run along indices: slices where that can be, else picked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..primitives.structure import permute, reshape
from ..trace import Tracer, lift

Places = int | np.ndarray[Any, Any]
"""Of one axis: a number, or numbers along axes that are counted from the last."""


def elements(array: Tracer, places: Sequence[Places]) -> Tracer:
    """The elements, along the axes of the places together."""
    runs = [_run(x) for x in places]
    axes = [run.axis for run in runs if run is not None and run.axis]
    if any(run is None for run in runs) or len({*axes}) < len(axes):
        return lift(array[tuple(places)])
    found = lift(array[tuple(run.item for run in runs if run is not None)])
    order = tuple(sorted(range(len(axes)), key=lambda i: -axes[i]))
    shape = [1] * max(axes, default=0)
    for axis, extent in zip(axes, found.shape, strict=True):
        shape[-axis] = extent
    return reshape(permute(found, axes=order), shape=tuple(shape))


class Run(NamedTuple):
    """Places one after another: along which axis, counted from the last, and the index for them.

    A number runs along none, which is axis 0.
    """

    axis: int
    item: int | slice


def _run(places: Places) -> Run | None:
    numbers = np.asarray(places)
    along = [n for n, extent in enumerate(numbers.shape) if extent > 1]
    first = int(numbers.ravel()[0])
    if not along:
        return Run(0, first)
    steps = np.unique(np.diff(numbers.ravel()))
    if len(along) > 1 or len(steps) > 1 or not steps[0]:
        return None
    stop = first + int(steps[0]) * numbers.size
    item = slice(first, stop if stop >= 0 else None, int(steps[0]))
    return Run(numbers.ndim - along[0], item)
