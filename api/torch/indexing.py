"""Reading and writing by index."""

from __future__ import annotations

from typing import Any

import numpy as np

from pullback.tracer.trace import Tracer

from . import memory
from .dtypes import here
from .modes import MODE
from .node import Row
from .rows import wrap_dim
from .tensors import Tensor, record, view_of, wrapped
from .writing import check_writable

Code = tuple[Any, ...]
"""A static index: ints, None, Ellipsis, ("slice", start, stop, step), ("tensor", its number)."""


def _coded(index: Any, input: Tensor) -> tuple[Code, list[Tensor]]:
    """The static part of an index, and the tensors in it."""
    items = index if isinstance(index, tuple) else (index,)
    code: list[Any] = []
    tensors: list[Tensor] = []
    for item in items:
        if isinstance(item, slice):
            code.append(("slice", *[_plain(x) for x in (item.start, item.stop, item.step)]))
        elif item is None or item is Ellipsis or _is_int(item):
            code.append(item if item is None or item is Ellipsis else int(item))
        else:
            for part in _positions(item):
                code.append(("tensor", len(tensors)))
                tensors.append(part)
    _check(code, tensors, input)
    return tuple(code), tensors


def _plain(x: Any) -> int | None:
    return None if x is None else int(x)


def _is_int(item: Any) -> bool:
    return isinstance(item, (int, np.integer)) and not isinstance(item, (bool, np.bool_))


def _positions(item: Any) -> list[Tensor]:
    """Index arrays; a mask is turned into the places where it is true."""
    if not isinstance(item, Tensor):
        item = wrapped(np.array(item))
    kind = item.node.info.kind.type.dtype.kind
    if kind == "b":
        return [wrapped(x) for x in np.nonzero(item.value())]
    if kind == "f":
        raise IndexError(f"tensors used as indices must be long, int, byte or bool tensors{here()}")
    return [item]


def _check(code: list[Any], tensors: list[Tensor], input: Tensor) -> None:
    """The errors that can be seen without values."""
    shape = input.shape
    taken = sum(1 for x in code if x is not None and x is not Ellipsis)
    if taken > len(shape):
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}{here()}")
    axis = 0
    for x in code:
        if x is Ellipsis:
            axis += len(shape) - taken
        elif isinstance(x, int):
            if not -shape[axis] <= x < shape[axis]:
                raise IndexError(
                    f"index {x} is out of bounds for dimension {axis} with size {shape[axis]}"
                    f"{here()}"
                )
            axis += 1
        elif x is not None:
            if x[0] == "slice" and (x[3] or 1) < 0:
                raise ValueError(f"step must be greater than zero{here()}")
            axis += 1


def _decoded(code: Code, tensors: tuple[Any, ...]) -> tuple[Any, ...]:
    items: list[Any] = []
    for x in code:
        if isinstance(x, tuple):
            items.append(slice(*x[1:]) if x[0] == "slice" else tensors[x[1]])
        else:
            items.append(x)
    return tuple(items)


def _basic_name(kinds: Any, code: Code) -> str:
    """Torch reads an index item by item; the last that does something gives the name."""
    for x in reversed(code):
        if x is None:
            return "UnsqueezeBackward0"
        if isinstance(x, int):
            return "SelectBackward0"
        if x is not Ellipsis and x != ("slice", None, None, None):
            return "SliceBackward0"
    return "AliasBackward0"


def _write_basic(x: Any, value: Any, code: Code) -> None:
    x[_decoded(code, ())] = value


INDEX = Row(
    "index", lambda x, code: x[_decoded(code, ())], _basic_name, view=True, write=_write_basic
)
GATHER = Row("index", lambda *xs: xs[0][_decoded(xs[-1], xs[1:-1])], "IndexBackward0")


def get_item(self: Tensor, index: Any) -> Tensor:
    """``tensor[index]``: a view for ints and slices, a copy for tensors and masks."""
    code, tensors = _coded(index, self)
    if tensors:
        return record(GATHER, (self, *tensors), (code,))
    if not self.requires_grad and not self.node.kept:
        self.value()
    return view_of(self, INDEX, (code,))


def _written(*xs: Any) -> Any:
    *tracers, code = xs
    whole, value, *tensors = tracers
    made = Tracer(whole.node)
    made[_decoded(code, tuple(tensors))] = value
    return Tracer(made.node)


WRITE = Row("index_put", _written, "CopySlices")


def set_item(self: Tensor, index: Any, value: Any) -> None:
    """``tensor[index] = value``, in place."""
    check_writable(self, through_view=True)
    code, tensors = _coded(index, self)
    given = value if isinstance(value, Tensor) else None
    tracked = self.node.tracked or (given is not None and given.requires_grad and MODE.enabled)
    if tracked or self.node.kept or memory.is_apart(self):
        result = record(WRITE, (self, value, *tensors), (code,))
        memory.replace(self, result.node, result.node.serial)
        return
    self.value()
    places = _decoded(code, tuple(x.value() for x in tensors))
    memory.write(self, value if given is None else given.value(), places)


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The places of the elements that are not zero, a row each; or a tensor for each dimension.

    >>> torch.nonzero(torch.tensor([0, 3, 4]))
    tensor([[1],
            [2]])
    """
    if as_tuple:
        return tuple(wrapped(x) for x in np.nonzero(input.value()))
    return wrapped(np.argwhere(input.value()))


def _along(x: Any, places: Any, dim: int) -> Any:
    covered = [slice(None) if a == dim else slice(n) for a, n in enumerate(places.shape)]
    return np.take_along_axis(x[tuple(covered)], places, dim)


TAKE_ALONG = Row("gather", _along, "GatherBackward0")
TAKE = Row("take", lambda x, i: np.reshape(x, -1)[i], "TakeBackward0")
MASKED_SELECT = Row("masked_select", lambda x, *i: x[i], "MaskedSelectBackward0")
SELECT = Row("index_select", lambda x, i, d: np.take(x, i, d), "IndexSelectBackward0")


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Elements at computed places along a dimension.

    >>> torch.gather(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([[0], [1]]))
    tensor([[1],
            [4]])
    """
    return record(TAKE_ALONG, (input, index), (wrap_dim(dim, input.ndim),))


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Whole slices at computed places along a dimension.

    >>> torch.index_select(torch.eye(2), 0, torch.tensor([1]))
    tensor([[0., 1.]])
    """
    return record(SELECT, (input, index), (wrap_dim(dim, input.ndim),))


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask is true.

    >>> torch.masked_select(torch.tensor([1, 2]), torch.tensor([False, True]))
    tensor([2])
    """
    return record(MASKED_SELECT, (input, *_positions(mask.expand(input.shape))))


def take(input: Tensor, index: Tensor) -> Tensor:
    """Elements of the flattened tensor.

    >>> torch.take(torch.tensor([[1, 2], [3, 4]]), torch.tensor([3]))
    tensor([4])
    """
    return record(TAKE, (input, index))
