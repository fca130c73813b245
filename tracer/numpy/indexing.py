"""Reading and writing parts of traced arrays by index, as NumPy does both.

Ints and slices give views: writing to one is seen by the array. Index arrays and masks give copies.
"""

from __future__ import annotations

from typing import Any

from ..errors import at
from ..location import user_location
from ..primitives.elementwise import where
from ..primitives.structure import reshape
from ..trace import Tracer, View, lift
from .creation import asarray
from .index import select
from .items import ALL, Item, Mask, before, completed, items, mask_place, windowed
from .masked import Selected, refuse
from .promotion import is_python_scalar, spread
from .writing import as_update


def get_item(x: Tracer, index: Any) -> Any:
    """``x[index]``.

    Raises:
        IndexError: for what NumPy has no element at, or for what is no index.
        TracedValueError: for a traced mask beside other index arrays: how many elements it selects
            is not known. One by itself gives `Selected`.
    """
    given = items(index)
    x, whole = windowed(x, completed(given, x.ndim))
    place = mask_place(whole)
    if place is not None:
        part, mask, first = _covered(x, whole, place)
        if isinstance(mask.value, Tracer):
            return _selected(part, mask.value, first, whole)
    selection = select(whole, x.shape)
    element = not selection.shape and not any(item is Ellipsis for item in given)
    if not selection.is_view or element:
        return selection.read(Tracer(x.node))
    return x.seen_by(
        View(
            selection.read,
            selection.write,
            contiguous=False,
            strides=selection.strides(x.memory_strides),
        )
    )


def set_item(x: Tracer, index: Any, value: Any) -> None:
    """``x[index] = value``: the value is converted to the dtype of ``x`` and broadcast.

    Raises:
        IndexError: as for reading.
        ValueError: when the value cannot be broadcast to what the index selects.
    """
    x, given = windowed(x, completed(items(index), x.ndim))
    place = mask_place(given)
    if place is not None and _set_where(x, given, place, value):
        return
    selection = select(given, x.shape)
    update = as_update(value, x.dtype, selection.shape)
    base = Tracer(x.node)
    if selection.is_view and selection.read(base).node is update.node:
        return  # what `x[i] += v` puts back has been written through the view already
    x.assign(selection.write(base, update))


def _covered(x: Tracer, given: list[Item], place: int) -> tuple[Tracer, Mask, int]:
    """The view that the index selects without its mask, the mask, and its first axis there."""
    mask = given[place]
    assert isinstance(mask, Mask)
    part = get_item(x, (*given[:place], *[ALL] * mask.ndim, *given[place + 1 :], ...))
    first = before(given, place)
    mask.check(part.shape[first : first + mask.ndim], first)
    return part, mask, first


def _selected(part: Tracer, mask: Tracer, first: int, given: list[Item]) -> Any:
    """What a traced mask selects, with all that it does not."""
    if mask.ndim == 0 or (first and any(isinstance(item, int) for item in given)):
        refuse("this index")
    return Selected(Tracer(part.node), mask, first)


def _set_where(x: Tracer, given: list[Item], place: int, value: Any) -> bool:
    """Assignment through one mask by choosing at every place, if that can be.

    It can where what is assigned does not depend on how many elements the mask selects: for
    numbers, and for values that are broadcast along the axis of the selected elements.
    """
    part, mask, first = _covered(x, given, place)
    after = part.ndim - first - mask.ndim
    if isinstance(value, Selected):
        if not (isinstance(mask.value, Tracer) and value.is_like(mask.value, first)):
            refuse("assignment of what another mask selects")
        value = value.values
    else:
        value, traced = _once(value, after), isinstance(mask.value, Tracer)
        if not _is_aligned(value, after, first, given) or (mask.ndim == 0 and not traced):
            if traced:
                _refuse_counted()
            return False
    covered = part.shape[first : first + mask.ndim]
    chosen = spread(reshape(lift(mask.value), shape=(*covered, *(1,) * after)), part.shape)
    part.assign(where(chosen, as_update(value, x.dtype, part.shape), Tracer(part.node)))
    return True


def _once(value: Any, after: int) -> Any:
    """A value for each selected element as one for all, if it has but one along their axis."""
    if is_python_scalar(value) or asarray(value).ndim != after + 1:
        return value
    values = asarray(value)
    return reshape(values, shape=values.shape[1:]) if values.shape[0] == 1 else value


def _is_aligned(value: Any, after: int, first: int, given: list[Item]) -> bool:
    """Whether a value is broadcast along the axis of the selected elements."""
    ndim = 0 if is_python_scalar(value) else asarray(value).ndim
    without_ints = first == 0 or not any(isinstance(item, int) for item in given)
    return ndim == 0 or (ndim <= after and without_ints)


def _refuse_counted() -> None:
    raise ValueError(
        "what is assigned through a traced mask must not depend on how many elements it selects\n"
        f"  use x = np.where(mask, values, x){at(user_location())}"
    )
