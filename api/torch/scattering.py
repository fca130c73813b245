"""Writing by index, the result a new tensor: scatter, index_add and their like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pullback.tracer.primitives.elementwise import broadcast_scalar
from pullback.tracer.trace import Tracer

from .combining import greatest, multiplied, rounds_of, smallest
from .dtypes import here
from .node import Row
from .rows import counted, wrap_dim
from .subscripts import positions
from .tensors import Tensor, record, wrapped


def _lines(x: Any) -> Any:
    """Tensors without dimensions count as of one."""
    return x if x.ndim else np.reshape(x, (1,))


def _places(index: Any, dim: int) -> tuple[Any, ...]:
    """An index for each dimension: the given one along ``dim``, the own place along others."""
    places: list[Any] = []
    for axis, extent in enumerate(index.shape):
        own = np.reshape(counted(extent), (-1, *(1,) * (index.ndim - 1 - axis)))
        places.append(index if axis == dim else own)
    return tuple(places)


def _writable(x: Any) -> Any:
    return Tracer(x.node)


def _set(x: Any, places: Any, values: Any) -> Any:
    made = _writable(x)
    made[places] = values
    return Tracer(made.node)


def _added(x: Any, places: Any, values: Any) -> Any:
    made = _writable(x)
    np.add.at(made, places, values)
    return Tracer(made.node)


def _part(src: Any, index: Any) -> Any:
    return src[tuple(slice(n) for n in index.shape)] if src.shape != index.shape else src


def _given(x: Any, index: Any, src: Any) -> tuple[Any, Any, Any]:
    lines, places = _lines(x), _lines(index)
    values = np.broadcast_to(src, places.shape) if src.ndim == 0 else _part(_lines(src), places)
    return lines, places, values.astype(x.dtype)


def _scatter(x: Any, index: Any, src: Any, dim: int) -> Any:
    lines, places, values = _given(x, index, src)
    return np.reshape(_set(lines, _places(places, dim), values), x.shape)


def _scatter_add(x: Any, index: Any, src: Any, dim: int) -> Any:
    lines, places, values = _given(x, index, src)
    return np.reshape(_added(lines, _places(places, dim), values), x.shape)


HOW = ("sum", "prod", "mean", "amax", "amin")


def _combined(
    x: Any, index: Any, src: Any, dim: int, how: str, include: bool, rounds: int | None
) -> Any:
    """Elements and what is sent to their places, combined."""
    lines, index, values = _given(x, index, src)
    if how in ("sum", "mean"):
        return np.reshape(_totals(lines, _places(index, dim), values, how, include), x.shape)
    part = tuple(slice(None if i == dim else n) for i, n in enumerate(index.shape))
    before = np.moveaxis(lines[part], dim, -1)
    given = (before, np.moveaxis(index, dim, -1), np.moveaxis(values, dim, -1), include)
    if how == "prod":
        made = multiplied(*given, rounds)
    else:
        made = greatest(*given) if how == "amax" else smallest(*given)
    return np.reshape(_set(lines, part, np.moveaxis(made, -1, dim)), x.shape)


def _totals(lines: Any, places: Any, values: Any, how: str, include: bool) -> Any:
    start = lines if include else _set(lines, places, broadcast_scalar(0, values))
    made = _added(start, places, values)
    if how == "sum":
        return made
    first = broadcast_scalar(int(include), lines)
    count = _added(first, places, broadcast_scalar(1, values))
    count = np.maximum(count, broadcast_scalar(1, count))
    return made / count if made.dtype.kind == "f" else made // count


def _copied(x: Any, src: Any, index: Any, dim: int) -> Any:
    along = (*(slice(None),) * dim, _lines(index))
    return np.reshape(_set(_lines(x), along, _lines(src)), x.shape)


def _summed(x: Any, src: Any, index: Any, dim: int, alpha: float) -> Any:
    along = (*(slice(None),) * dim, _lines(index))
    values = _lines(src) if alpha == 1 else _lines(src) * alpha
    return np.reshape(_added(_lines(x), along, values), x.shape)


def _filled(x: Any, value: Any, index: Any, dim: int) -> Any:
    lines, places = _lines(x), _lines(index)
    shape = (*lines.shape[:dim], places.shape[0], *lines.shape[dim + 1 :])
    along = (*(slice(None),) * dim, places)
    made = _set(lines, along, np.broadcast_to(value.astype(x.dtype), shape))
    return np.reshape(made, x.shape)


def _put(x: Any, source: Any, index: Any, accumulate: bool) -> Any:
    flat = np.reshape(x, -1)
    places, values = np.reshape(index, -1), np.reshape(source, -1)
    made = _added(flat, places, values) if accumulate else _set(flat, places, values)
    return np.reshape(made, x.shape)


def _put_places(x: Any, values: Any, *rest: Any) -> Any:
    *indices, accumulate = rest
    places = tuple(indices)
    return _added(x, places, values) if accumulate else _set(x, places, values)


def _masked(x: Any, source: Any, *places: Any) -> Any:
    values = np.reshape(source, -1)
    count = places[0].shape[0] if places else 1
    return _set(x, places, values[:count])


SCATTER = Row("scatter", _scatter, "ScatterBackward0")
SCATTER_VALUE = Row("scatter", _scatter, "ScatterBackward1")
SCATTER_ADD = Row("scatter_add", _scatter_add, "ScatterAddBackward0")
SCATTER_REDUCE = Row("scatter_reduce", _combined, "ScatterReduceBackward0")
INDEX_COPY = Row("index_copy", _copied, "IndexCopyBackward0")
INDEX_ADD = Row("index_add", _summed, "IndexAddBackward0")
INDEX_FILL = Row("index_fill", _filled, "IndexFillBackward0")
PUT = Row("put", _put, "PutBackward0")
INDEX_PUT = Row("index_put", _put_places, "IndexPutBackward0")
MASKED_SCATTER = Row("masked_scatter", _masked, "MaskedScatterBackward0")
TAKE_ALONG = Row("take_along_dim", lambda x, i, d: np.take_along_axis(x, i, d), "GatherBackward0")


def _checked_source(input: Tensor, src: Any, name: str) -> None:
    if isinstance(src, Tensor) and src.dtype is not input.dtype:
        raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype{here()}")


def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
) -> Tensor:
    """Elements of ``src`` put at computed places along a dimension; of equal places the last.

    >>> torch.scatter(torch.zeros(3), 0, torch.tensor([2, 0]), torch.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    _checked_source(input, src, "scatter")
    axis = wrap_dim(dim, input.ndim)
    given = value if src is None else src
    if reduce is not None:
        how = {"add": "sum", "multiply": "prod"}[reduce]
        return _recorded(input, index, given, axis, how, True)
    row = SCATTER if isinstance(given, Tensor) and given.ndim else SCATTER_VALUE
    return record(row, (input, index, given), (axis,))


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Elements of ``src`` added at computed places along a dimension.

    >>> torch.scatter_add(torch.zeros(3), 0, torch.tensor([2, 2]), torch.ones(2))
    tensor([0., 0., 2.])
    """
    _checked_source(input, src, "scatter")
    return record(SCATTER_ADD, (input, index, src), (wrap_dim(dim, input.ndim),))


def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Elements of ``src`` combined at computed places: sum, prod, mean, amax or amin.

    >>> index = torch.tensor([0, 0])
    >>> torch.scatter_reduce(torch.zeros(1), 0, index, torch.tensor([3.0, 5.0]), "amax")
    tensor([5.])
    """
    if reduce not in HOW:
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}{here()}"
        )
    return _recorded(input, index, src, wrap_dim(dim, input.ndim), reduce, include_self)


def _recorded(
    input: Tensor, index: Tensor, src: Tensor, dim: int, how: str, include: bool
) -> Tensor:
    rounds = rounds_of(index, dim) if how == "prod" else None
    return record(SCATTER_REDUCE, (input, index, src), (dim, how, include, rounds))


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Whole slices put at computed places along a dimension.

    >>> torch.index_copy(torch.zeros(3), 0, torch.tensor([2]), torch.ones(1))
    tensor([0., 0., 1.])
    """
    return record(INDEX_COPY, (input, source, index), (wrap_dim(dim, input.ndim),))


def index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1
) -> Tensor:
    """Whole slices added at computed places along a dimension.

    >>> torch.index_add(torch.zeros(3), 0, torch.tensor([2, 2]), torch.ones(2))
    tensor([0., 0., 2.])
    """
    return record(INDEX_ADD, (input, source, index), (wrap_dim(dim, input.ndim), alpha))


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """One value put at computed places along a dimension.

    >>> torch.index_fill(torch.zeros(3), 0, torch.tensor([2]), 5)
    tensor([0., 0., 5.])
    """
    return record(INDEX_FILL, (input, value, index), (wrap_dim(dim, input.ndim),))


def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """Whole slices combined at computed places: prod, mean, amax or amin.

    >>> torch.index_reduce(torch.ones(3), 0, torch.tensor([2]), torch.tensor([5.0]), "prod")
    tensor([1., 1., 5.])
    """
    axis = wrap_dim(dim, input.ndim)
    shape = tuple(-1 if i == axis else 1 for i in range(source.ndim))
    spread = index.reshape(shape).expand(source.shape) if source.ndim else index
    return _recorded(input, spread, source, axis, reduce, include_self)


def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """Elements put, or added, at places of the flattened tensor.

    >>> torch.put(torch.zeros(3), torch.tensor([2]), torch.ones(1))
    tensor([0., 0., 1.])
    """
    return record(PUT, (input, source, index), (accumulate,))


def index_put(
    input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False
) -> Tensor:
    """Elements put, or added, at places told by a tensor for each dimension.

    >>> torch.index_put(torch.zeros(3), (torch.tensor([2]),), torch.tensor(1.0))
    tensor([0., 0., 1.])
    """
    places = [part for index in indices for part in positions(index)]
    return record(INDEX_PUT, (input, values, *places), (accumulate,))


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Elements of ``source``, in order, where the mask is true.

    >>> torch.masked_scatter(torch.zeros(3), torch.tensor([True, False, True]), torch.ones(2))
    tensor([1., 0., 1.])
    """
    shape = np.broadcast_shapes(input.shape, mask.shape)
    places = positions(mask.expand(shape))
    return record(MASKED_SCATTER, (input.expand(shape), source, *places))


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """Elements at computed places along a dimension, all other dimensions broadcast.

    >>> torch.take_along_dim(torch.tensor([[3, 1], [2, 4]]), torch.tensor([[1], [0]]), 1)
    tensor([[1],
            [2]])
    """
    if dim is None:
        return record(TAKE_ALONG, (input.reshape(-1), indices.reshape(-1)), (0,))
    axis = wrap_dim(dim, input.ndim)
    ours, theirs = list(input.shape), list(indices.shape)
    ours[axis] = theirs[axis] = 1
    shape = list(np.broadcast_shapes(ours, theirs))
    wide = [x.expand([*shape[:axis], x.shape[axis], *shape[axis + 1 :]]) for x in (input, indices)]
    return record(TAKE_ALONG, tuple(wide), (axis,))


def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element so many times in a row.

    >>> torch.repeat_interleave(torch.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    if repeats is None:
        return wrapped(np.repeat(np.arange(input.numel()), input.value()))
    counts = repeats.value().reshape(-1) if isinstance(repeats, Tensor) else np.array([repeats])
    whole = input.reshape(-1) if dim is None else input
    axis = 0 if dim is None else wrap_dim(dim, input.ndim)
    if not whole.ndim:
        whole = whole.reshape(1)
    extent = whole.shape[axis]
    if counts.size not in (1, extent):
        raise RuntimeError(f"repeats must have the same size as input along dim{here()}")
    places = np.repeat(np.arange(extent), np.broadcast_to(counts, extent))
    return record(REPEAT, (whole, wrapped(places)), (axis, isinstance(repeats, int)))


def _repeated(x: Any, places: Any, dim: int, evenly: bool) -> Any:
    return np.take(x, places, dim)


REPEAT = Row(
    "repeat_interleave",
    _repeated,
    lambda kinds, dim, evenly: "ViewBackward0" if evenly else "IndexSelectBackward0",
)
