"""Reading and writing parts of traced arrays by index, as NumPy does both.

Ints and slices give views: writing to one is seen by the array. Index arrays and masks give copies.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import UnsupportedFunctionError, at
from ..location import user_location
from ..primitives.elementwise import where
from ..primitives.indexing import scatter_add
from ..primitives.structure import reshape
from ..trace import Tracer, View, lift
from ..types import DType, Shape
from .creation import asarray
from .index import select
from .items import ALL, Item, Mask, before, completed, items, mask_place
from .promotion import as_dtype, is_python_scalar, number, spread


def get_item(x: Tracer, index: Any) -> Tracer:
    """``x[index]``.

    Raises:
        IndexError: for what NumPy has no element at, or for what is no index.
        TracedValueError: for a traced mask: how many elements it selects is not known.
    """
    selection = select(completed(items(index), x.ndim), x.shape)
    if not selection.is_view or not selection.shape:
        return selection.read(Tracer(x.node))
    return x.view(
        View(
            selection.read,
            selection.write,
            contiguous=not selection.arrays and selection.region.contiguous(x.shape),
        )
    )


def set_item(x: Tracer, index: Any, value: Any) -> None:
    """``x[index] = value``: the value is converted to the dtype of ``x`` and broadcast.

    Raises:
        IndexError: as for reading.
        ValueError: when the value cannot be broadcast to what the index selects.
    """
    given = completed(items(index), x.ndim)
    place = mask_place(given)
    if place is not None and _set_where(x, given, place, value):
        return
    selection = select(given, x.shape)
    update = as_update(value, x.dtype, selection.shape)
    base = Tracer(x.node)
    if selection.is_view and selection.read(base).node is update.node:
        return  # what `x[i] += v` puts back has been written through the view already
    x.assign(selection.write(base, update))


def as_update(value: Any, dtype: DType, shape: Shape) -> Tracer:
    """A value to be assigned: converted as a C cast does, and broadcast.

    Raises:
        ValueError: when it does not have, and cannot be broadcast to, the shape.
    """
    if is_python_scalar(value):
        return number(value, dtype, shape)
    update = as_dtype(asarray(value), dtype)
    extra = update.ndim - len(shape)
    if extra > 0 and all(n == 1 for n in update.shape[:extra]):
        update = reshape(update, shape=update.shape[extra:])
    return spread(update, shape)


def _set_where(x: Tracer, given: list[Item], place: int, value: Any) -> bool:
    """Assignment through one mask by choosing at every place, if that can be.

    It can where what is assigned does not depend on how many elements the mask selects: for
    numbers, and for values that are broadcast along the axis of the selected elements.
    """
    mask = given[place]
    assert isinstance(mask, Mask)
    part = get_item(x, tuple(_with_slices(given, place, mask.ndim)))
    first = before(given, place)
    after = part.ndim - first - mask.ndim
    update = value if is_python_scalar(value) else asarray(value)
    ndim = 0 if is_python_scalar(update) else update.ndim
    aligned = ndim <= after and (first == 0 or not any(isinstance(item, int) for item in given))
    if mask.ndim == 0 or not (ndim == 0 or aligned):
        if isinstance(mask.value, Tracer):
            _refuse_counted()
        return False
    covered = part.shape[first : first + mask.ndim]
    mask.check(covered, first)
    chosen = spread(reshape(lift(mask.value), shape=(*covered, *(1,) * after)), part.shape)
    part.assign(where(chosen, as_update(update, x.dtype, part.shape), Tracer(part.node)))
    return True


def _with_slices(given: list[Item], place: int, count: int) -> list[Any]:
    return [*given[:place], *[ALL] * count, *given[place + 1 :]]


def _refuse_counted() -> None:
    raise ValueError(
        "what is assigned through a traced mask must not depend on how many elements it selects\n"
        f"  use x = np.where(mask, values, x){at(user_location())}"
    )


def add_at(ufunc: np.ufunc, x: Any, index: Any, value: Any = None) -> None:
    """`np.add.at`: adds in place; of positions that repeat, every one counts.

    Raises:
        UnsupportedFunctionError: for other ufuncs than add and subtract.
    """
    if ufunc not in (np.add, np.subtract) or not isinstance(x, Tracer):
        raise UnsupportedFunctionError(
            f"np.{ufunc.__name__}.at has no meaning for traced values; np.add.at on a traced array "
            f"has{at(user_location())}"
        )
    selection = select(completed(items(index), x.ndim), x.shape)
    update = as_update(value, x.dtype, selection.shape)
    update = update if ufunc is np.add else -update
    base = Tracer(x.node)
    if selection.arrays:
        x.assign(selection.write(base, update, scatter_add))
    else:
        x.assign(selection.write(base, selection.read(base) + update))
