"""Orders of elements: sorting, ranks, medians, and places in sorted tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from pullback.tracer.primitives.elementwise import broadcast_scalar
from pullback.tracer.primitives.elementwise import where as choose

from .dtypes import here
from .node import Row
from .return_types import Results, recorded, rows
from .rows import counted, on_lines, wrap_dim
from .running import doubling
from .tensors import Tensor, record


def _order(x: Any, dim: int, descending: bool) -> Any:
    """The places in order; equal elements, and NaN as the greatest, as they come."""
    if not descending:
        return np.argsort(x, dim, stable=True)
    # The reverse of the order of the reverse: equal elements stay as they come.
    flipped = np.flip(np.argsort(np.flip(x, dim), dim, stable=True), dim)
    return x.shape[dim] - 1 - flipped


def _sorted(x: Any, dim: int, descending: bool) -> Any:
    places = _order(x, dim, descending)
    return np.take_along_axis(x, places, dim), places


def _firsts(places: Any, dim: int, start: int, stop: int) -> Any:
    covered = [slice(None)] * places.ndim
    covered[dim] = slice(start, stop)
    return places[tuple(covered)]


def _topk(x: Any, dim: int, k: int, largest: bool) -> Any:
    places = _firsts(_order(x, dim, largest), dim, 0, k)
    return np.take_along_axis(x, places, dim), places


def _picked(x: Any, places: Any, dim: int, keepdim: bool) -> Any:
    values = np.take_along_axis(x, places, dim)
    return (values, places) if keepdim else (np.squeeze(values, dim), np.squeeze(places, dim))


def _kth(x: Any, dim: int, k: int, keepdim: bool) -> Any:
    return _picked(x, _firsts(_order(x, dim, False), dim, k - 1, k), dim, keepdim)


def _median(x: Any, dim: int, keepdim: bool) -> Any:
    """The lower of the two in the middle; the first NaN where there is one."""
    order = _order(x, dim, False)
    middle = (x.shape[dim] - 1) // 2
    places = _firsts(order, dim, middle, middle + 1)
    if x.dtype.kind == "f":
        unknown = np.isnan(x)
        first = np.argmax(unknown, dim, keepdims=True)
        places = np.where(np.any(unknown, dim, keepdims=True), first, places)
    return _picked(x, places, dim, keepdim)


def _nanmedian(x: Any, dim: int, keepdim: bool) -> Any:
    """The lower of the two in the middle of the numbers, which come before NaN in the order."""
    order = _order(x, dim, False)
    count = np.sum(~np.isnan(x), dim, keepdims=True) if x.dtype.kind == "f" else x.shape[dim]
    middle = np.maximum(count - 1, 0) // 2
    shape = tuple(1 if i == dim else n for i, n in enumerate(x.shape))
    places = np.take_along_axis(order, np.broadcast_to(middle, shape), dim)
    return _picked(x, places, dim, keepdim)


def _mode(x: Any, dim: int, keepdim: bool) -> Any:
    """The most frequent value, the least of such, at its last place.

    In the order, an element ends the longest stretch of equal ones that is found first.
    """
    order = np.moveaxis(_order(x, dim, False), dim, -1)
    lines = np.take_along_axis(np.moveaxis(x, dim, -1), order, -1)
    number: Any = np.broadcast_to(counted(lines.shape[-1]), lines.shape)
    changed: Any = lines[..., 1:] != lines[..., :-1]
    starts = choose(changed, number[..., 1:], broadcast_scalar(0, number[..., 1:]))
    start = doubling(np.concatenate([number[..., :1], starts], -1), np.maximum)
    longest = np.argmax(number - start, -1, keepdims=True)
    place = np.take_along_axis(order, longest, -1)
    return _picked(x, np.moveaxis(place, -1, dim), dim, keepdim)


SORT = rows("sort", on_lines(_sorted), ("SortBackward0", None))
TOPK = rows("topk", on_lines(_topk), ("TopkBackward0", None))
KTH = rows("kthvalue", on_lines(_kth), ("KthvalueBackward0", None))
MEDIAN = rows("median", on_lines(_median), ("MedianBackward1", None))
NANMEDIAN = rows("nanmedian", on_lines(_nanmedian), ("NanmedianBackward1", None))
MODE = rows("mode", on_lines(_mode), ("ModeBackward0", None))
WHOLE = {
    name: Row(name, lambda x, f=f: f(np.reshape(x, -1), 0, False)[0], f"{name.title()}Backward0")
    for name, f in (("median", _median), ("nanmedian", _nanmedian))
}


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Results:
    """The elements in order along a dimension, and where they were; equal ones as they come.

    >>> torch.sort(torch.tensor([3.0, 1.0, 2.0]))
    torch.return_types.sort(
    values=tensor([1., 2., 3.]),
    indices=tensor([1, 2, 0]))
    """
    return recorded("sort", SORT, (input,), (wrap_dim(dim, input.ndim), bool(descending)))


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The places of the elements in order along a dimension.

    >>> torch.argsort(torch.tensor([3.0, 1.0, 2.0]))
    tensor([1, 2, 0])
    """
    return record(SORT[1], (input,), (wrap_dim(dim, input.ndim), bool(descending)))


def msort(input: Tensor) -> Tensor:
    """The elements in order along the first dimension.

    >>> torch.msort(torch.tensor([3.0, 1.0, 2.0]))
    tensor([1., 2., 3.])
    """
    return record(SORT[0], (input,), (0, False))


def topk(
    input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> Results:
    """The k greatest (or smallest) elements in order, and where they were.

    >>> torch.topk(torch.tensor([3.0, 1.0, 2.0]), 2)
    torch.return_types.topk(
    values=tensor([3., 2.]),
    indices=tensor([0, 2]))
    """
    axis = wrap_dim(dim, input.ndim)
    if not 0 <= k <= (input.shape[axis] if input.ndim else 1):
        raise RuntimeError(f"selected index k out of range{here()}")
    return recorded("topk", TOPK, (input,), (axis, k, bool(largest)))


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Results:
    """The k-th smallest element, counted from 1, and where it was.

    >>> torch.kthvalue(torch.tensor([3.0, 1.0, 2.0]), 2)
    torch.return_types.kthvalue(
    values=tensor(2.),
    indices=tensor(2))
    """
    axis = wrap_dim(dim, input.ndim)
    if not 1 <= k <= (input.shape[axis] if input.ndim else 1):
        raise RuntimeError(
            f"kthvalue(): selected number k out of range for dimension {axis}{here()}"
        )
    return recorded("kthvalue", KTH, (input,), (axis, k, keepdim))


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The element in the middle, of two the lower; with ``dim`` also where it was.

    >>> torch.median(torch.tensor([3.0, 1.0, 2.0, 4.0]))
    tensor(2.)
    """
    if dim is None:
        return record(WHOLE["median"], (input,))
    return recorded("median", MEDIAN, (input,), (wrap_dim(dim, input.ndim), keepdim))


def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """`median` of the elements that are numbers.

    >>> torch.nanmedian(torch.tensor([3.0, float("nan"), 2.0]))
    tensor(2.)
    """
    if dim is None:
        return record(WHOLE["nanmedian"], (input,))
    return recorded("nanmedian", NANMEDIAN, (input,), (wrap_dim(dim, input.ndim), keepdim))


def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Results:
    """The most frequent element, of several the smallest, and where it was.

    >>> torch.mode(torch.tensor([3, 1, 3]))
    torch.return_types.mode(
    values=tensor(3),
    indices=tensor(2))
    """
    return recorded("mode", MODE, (input,), (wrap_dim(dim, input.ndim), keepdim))


# -- places in what is sorted ----------------------------------------------------------------


def _placed(boundaries: Any, values: Any, right: bool, small: bool) -> Any:
    if boundaries.ndim == 1:
        found: Any = np.searchsorted(boundaries, values, "right" if right else "left")
    else:
        rows, wanted = boundaries[..., None, :], values[..., :, None]
        found = np.sum(rows <= wanted if right else rows < wanted, -1)
    return found.astype(np.int32 if small else np.int64)


SEARCHSORTED = Row("searchsorted", _placed, None)


def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where values would be put into sorted rows to keep the order.

    >>> torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([3, 4]))
    tensor([1, 2])
    """
    if side is not None and side not in ("left", "right"):
        raise RuntimeError(
            f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}{here()}"
        )
    if sorter is not None:
        from .indexing import gather

        sorted_sequence = gather(sorted_sequence, -1, sorter)
    rightmost = right or side == "right"
    return record(SEARCHSORTED, (sorted_sequence, input), (rightmost, out_int32))


def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """The number of the interval between boundaries that each value is in.

    >>> torch.bucketize(torch.tensor([3, 6, 9]), torch.tensor([1, 3, 5, 7]))
    tensor([1, 3, 4])
    """
    return record(SEARCHSORTED, (boundaries, input), (right, out_int32))
