"""The items of an index, each checked as NumPy checks it."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Any, TypeAlias

import numpy as np

from ..errors import TracedValueError, at
from ..known import known_value
from ..location import user_location
from ..trace import Tracer, lift
from ..types import BOOL, Shape, is_integer
from .creation import asarray, contains_tracer
from .window import Window, is_traced, of_traced_slice, within

Slice = builtins.slice
ALL = Slice(None)


@dataclass(frozen=True, slots=True)
class Positions:
    """An index array; ``known`` if its values are, ``extent`` if it stands for a mask of that."""

    values: Tracer
    known: np.ndarray[Any, Any] | None = None
    extent: int | None = None

    @property
    def is_scalar(self) -> bool:
        """Whether it stands for an int: then the index selects a view."""
        return self.values.ndim == 0 and self.known is None

    def checked(self, axis: int, extent: int) -> Tracer:
        """The positions, checked as far as is possible while tracing."""
        if self.extent is not None:
            _check_mask(axis, extent, self.extent)
        if self.known is not None and self.known.size:
            in_range(int(self.known.max()), axis, extent)
            in_range(int(self.known.min()), axis, extent)
        return self.values


@dataclass(frozen=True, slots=True)
class Mask:
    """A boolean array in an index, known or traced."""

    value: Any

    @property
    def ndim(self) -> int:
        """How many axes of the indexed array it covers."""
        return int(self.value.ndim)

    def positions(self) -> list[Positions]:
        """Where it is true, an index array for each axis.

        Raises:
            TracedValueError: when that is not known while tracing.
        """
        if isinstance(self.value, Tracer):
            raise TracedValueError(
                "the number of elements that a traced mask selects is not known while tracing\n"
                "  use np.where(mask, x, otherwise), or where=mask in a reduction; assignment "
                f"x[mask] = v works{at(user_location())}"
            )
        places = zip(self.value.nonzero(), self.value.shape, strict=True)
        return [Positions(lift(p.astype(np.int64)), None, extent) for p, extent in places]

    def check(self, covered: Shape, axis: int) -> None:
        """Compare with the extents of the axes that it covers.

        Raises:
            IndexError: when they differ.
        """
        for n, (extent, found) in enumerate(zip(covered, self.value.shape, strict=True)):
            _check_mask(axis + n, extent, found)


def _check_mask(axis: int, extent: int, found: int) -> None:
    if found != extent:
        raise IndexError(
            f"boolean index did not match indexed array along axis {axis}; size of axis is "
            f"{extent} but size of corresponding boolean axis is {found}{at(user_location())}"
        )


Item: TypeAlias = "int | Slice | EllipsisType | Positions | Mask | Window | None"


def items(index: Any) -> list[Item]:
    """The items of an index as they were written.

    Raises:
        IndexError: for what is no index.
    """
    return [_item(x) for x in (index if isinstance(index, tuple) else (index,))]


def _settled(item: Any) -> Any:
    """What is known of an item while tracing: one that is need not be looked up at each call."""
    if isinstance(item, Slice):
        return Slice(*map(_settled, (item.start, item.stop, item.step)))
    known = known_value(item) if isinstance(item, Tracer) else None
    if known is None:
        return item
    return known if known.ndim or known.dtype == BOOL else known[()]


def _item(item: Any) -> Item:
    item = _settled(item)
    if item is None or item is Ellipsis or isinstance(item, Window):
        return item
    if isinstance(item, Slice):
        return of_traced_slice(item) if is_traced(item) else item
    if isinstance(item, (int, np.integer)) and not isinstance(item, bool):
        return int(item)
    if isinstance(item, Sequence) and not isinstance(item, (str, bytes)):
        item = asarray(item) if contains_tracer(item) else np.asarray(item)
        item = item.astype(np.int64) if item.size == 0 else item
    if isinstance(item, (bool, np.bool_)):
        item = np.asarray(item)
    if isinstance(item, Tracer) and item.dtype == BOOL:
        return Mask(Tracer(item.node))
    if isinstance(item, Tracer) and is_integer(item.dtype):
        return Positions(Tracer(item.node))
    if isinstance(item, np.ndarray) and item.dtype.kind == "b":
        return Mask(item)
    if isinstance(item, np.ndarray) and item.dtype.kind in "iu":
        return Positions(lift(item), item)
    raise IndexError(
        "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or "
        f"boolean arrays are valid indices{at(user_location())}"
    )


def completed(given: list[Item], ndim: int) -> list[Item]:
    """The items with slices for the axes that are not mentioned.

    Raises:
        IndexError: when there are more items than axes, or two ellipses.
    """
    used = sum(x.ndim if isinstance(x, Mask) else x is not None for x in given if x is not Ellipsis)
    ellipses = [n for n, x in enumerate(given) if x is Ellipsis]
    if len(ellipses) > 1:
        raise IndexError(f"an index can only have a single ellipsis ('...'){at(user_location())}")
    if used > ndim:
        raise IndexError(
            f"too many indices for array: array is {ndim}-dimensional, but {used} were indexed"
            f"{at(user_location())}"
        )
    place = ellipses[0] if ellipses else len(given)
    rest: list[Item] = [*[ALL] * (ndim - used)]
    if ellipses and not rest:
        # Of no axis it still stands between index arrays, which are apart then.
        rest = [Ellipsis]
    return [*given[:place], *rest, *given[place + 1 :]]


def windowed(x: Tracer, given: list[Item]) -> tuple[Tracer, list[Item]]:
    """The view through the windows of a completed index, and the index with slices for them.

    A known True or False stands for a new axis, of which it selects the one place or none.
    """
    axis = 0
    rest: list[Item] = []
    for item in given:
        if isinstance(item, Window):
            x, item = within(x, axis, item), ALL
        elif isinstance(item, Mask) and item.ndim == 0 and not isinstance(item.value, Tracer):
            places = np.arange(int(item.value))
            x, item = x[(*[ALL] * axis, None)], Positions(lift(places), places)
        rest.append(item)
        axis += item.ndim if isinstance(item, Mask) else item is not None and item is not Ellipsis
    return x, rest


def one_an_axis(given: list[Item]) -> list[int | Slice | Positions | EllipsisType | None]:
    """The items with masks as positions: one for each axis, None for new axes, and gaps."""
    result: list[int | Slice | Positions | EllipsisType | None] = []
    for item in given:
        if isinstance(item, Mask):
            result.extend(item.positions())
        elif not isinstance(item, Window):
            result.append(item)
    return result


def in_range(position: int, axis: int, extent: int) -> int:
    """The position counted from the start.

    Raises:
        IndexError: when it is outside the axis.
    """
    if not -extent <= position < extent:
        raise IndexError(
            f"index {position} is out of bounds for axis {axis} with size {extent}"
            f"{at(user_location())}"
        )
    return position % extent


def of_slice(item: Slice, extent: int) -> tuple[int, int, int]:
    """Start, size and step of a slice; the step of one element or none is 1."""
    start, stop, step = item.indices(extent)
    size = len(range(start, stop, step))
    if size <= 1:
        return (start if size else 0), size, 1
    return start, size, step


def mask_place(given: list[Item]) -> int | None:
    """Which item is the mask, if there is one and beside it only ints, slices and new axes."""
    arrays = [n for n, x in enumerate(given) if isinstance(x, (Positions, Mask))]
    if len(arrays) != 1 or not isinstance(given[arrays[0]], Mask):
        return None
    return arrays[0]


def before(given: list[Item], place: int) -> int:
    """How many axes of the result stand before the item at a place."""
    return sum(not isinstance(x, (int, EllipsisType)) for x in given[:place])
