"""Reading and writing by index."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import numpy as np

from pullback.tracer.trace import Tracer

from . import memory
from .dtypes import Kind, here
from .modes import MODE
from .node import Node, Row, new_node, number
from .recent import Recent
from .rows import wrap_dim
from .subscripts import Code, Subscript, decoded, is_mask, plain_code, positions, read
from .tensors import Tensor, operand, record, view_of, wrapped
from .writing import check_overlap, check_writable


def _basic_name(kinds: Any, code: Code) -> str:
    """Torch reads an index item by item; the last that does something gives the name."""
    extents = list(kinds[0].type.shape)
    for x in reversed(code):
        if x is None:
            return "UnsqueezeBackward0"
        extent = extents.pop()
        if isinstance(x, int):
            return "SelectBackward0"
        if slice(*x[1:]).indices(extent) != (0, extent, 1):
            return "SliceBackward0"
    return "AliasBackward0"


def _write_basic(x: Any, value: Any, code: Code) -> None:
    x[decoded(code)] = value


def _basic(x: Any, code: Code) -> Any:
    # With the dots what has no dimensions left is a view, too.
    return x[(*decoded(code), ...)]


INDEX = Row("index", _basic, _basic_name, view=True, write=_write_basic)
GATHER = Row("index", lambda *xs: xs[0][decoded(xs[-1], xs[1:-1])], "IndexBackward0")


SLICE = Row("index", _basic, "SliceBackward0", view=True, write=_write_basic)
"""A slice alone is a slice even if it shows everything."""


def get_item(self: Tensor, index: Any) -> Tensor:
    """``tensor[index]``: a view for ints and slices, a copy for tensors and masks."""
    items = index if type(index) is tuple else (index,)
    plain = plain_code(items)
    if plain is not None:
        key = plain, self.node.info.kind
        code = _views.get(key)
        if code is None:
            code = _views[key] = tuple(read(index, self).view)
        return _shown(self, code, items, SLICE if type(index) is slice else INDEX)
    found = read(index, self)
    view = tuple(found.view)
    if not found.tensors:
        return _shown(self, view)
    source = self if found.is_whole else _shown(self, view)
    return record(GATHER, (source, *found.tensors), (tuple(found.picking),))


_views: Recent[tuple[Code, Kind], Code] = Recent(10_000)
"""What plain indices of tensors of some shape come to."""


def _shown(
    self: Tensor, code: Code, items: tuple[Any, ...] | None = None, row: Row = INDEX
) -> Tensor:
    """The view that a code stands for; ``items`` is the index if NumPy reads it the same way."""
    node = self.node
    if node.value is None and not self.requires_grad and not node.kept:
        self.value()
    if self.wants_grad and MODE.own.enabled and code and type(code[0]) is int:
        return view_of(self, row, (code,), recorded=_row_of(self, code))
    return view_of(self, row, (code,), None if items is None else (*items, ...))


def _picked(x: Any, *rest: Any) -> Any:
    *places, code = rest
    for place in places:
        x = x[place]
    return _basic(x, code)


PICKED = Row("index", _picked, lambda kinds, code: _basic_name(kinds, (0, *code)), view=True)


def _row_of(self: Tensor, code: Code) -> Node:
    """What leading ints pick of a parameter, as numbers that may change from step to step.

    Programs that learn from one example after another compile once that way.
    """
    places = list(takewhile(lambda x: type(x) is int, code))
    numbers = [number(x % n) for x, n in zip(places, self.node.info.kind.shape, strict=False)]
    return new_node(PICKED, (operand(self), *numbers), (code[len(places) :],))


def _written(*xs: Any) -> Any:
    *tracers, code = xs
    whole, value, *tensors = tracers
    made = Tracer(whole.node)
    made[decoded(code, tuple(tensors))] = value
    return Tracer(made.node)


def _write_name(kinds: Any, code: Code) -> str:
    """What writing to some elements, or to all, is called."""
    if any(isinstance(x, tuple) and x[0] == "tensor" for x in code):
        return "IndexPutBackward0"
    if any(x is None for x in code) or _basic_name(kinds, code) != "AliasBackward0":
        return "CopySlices"
    whole, value = (k.type.shape for k in kinds[:2])
    return "FillBackward3" if whole and not value else "CopyBackwards"


WRITE = Row("index_put", _written, _write_name)


def set_item(self: Tensor, index: Any, value: Any) -> None:
    """``tensor[index] = value``, in place."""
    found = read(index, self)
    moving = found.is_whole and not (found.tensors or isinstance(value, Tensor))
    check_writable(self, value, part=not found.is_whole, moving=moving)
    target, code = self, tuple(found.picking if found.tensors else found.view)
    if found.tensors and not found.is_whole:
        target = _shown(self, tuple(found.view))
    given = value if isinstance(value, Tensor) else None
    if given is not None:
        masked = isinstance(index, Tensor) and is_mask(index)
        _check_source(self, found, target, given, masked)
    tracked = target.node.tracked or (
        given is not None and given.requires_grad and MODE.own.enabled
    )
    _check_fits(value, target, code, found.tensors)
    if tracked or target.node.kept or memory.is_apart(target):
        result = record(WRITE, (target, value, *found.tensors), (code,))
        memory.replace(target, result.node, result.node.serial)
        return
    target.value()
    places = decoded(code, tuple(x.value() for x in found.tensors))
    memory.write(target, value if given is None else given.value(), places)


def _check_source(
    self: Tensor, found: Subscript, target: Tensor, value: Tensor, masked: bool
) -> None:
    one = masked and value.numel() == 1
    if found.tensors and value.dtype is not self.dtype and not one:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{self.dtype.title} for the destination and {value.dtype.title} for the source."
            f"{here()}"
        )
    if value is self and found.tensors and found.is_whole:
        check_overlap(self, (value,), same=False)
    if self.sharing is not None and value.sharing is self.sharing:
        part = target if found.tensors else _shown(self, tuple(found.view))
        check_overlap(part, (value,), same=not found.tensors)


def _check_fits(value: Any, target: Tensor, code: Code, tensors: Sequence[Tensor]) -> None:
    """Whether a value can be written to a part of a tensor.

    Raises:
        RuntimeError: torch's.
    """
    have = list(value.shape if isinstance(value, Tensor) else np.shape(value))
    if not have or MODE.own.levels:
        return
    places = decoded(code, tuple(x.value() for x in tensors))
    want = list(np.broadcast_to(np.False_, target.shape)[places].shape)
    while len(have) > len(want) and have[0] == 1:
        del have[0]
    fits = len(have) <= len(want) and all(
        n in (1, m) for n, m in zip(reversed(have), reversed(want), strict=False)
    )
    if fits:
        return
    if tensors:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {have} cannot be broadcast to indexing result "
            f"of shape {want}{here()}"
        )
    wrapped(np.zeros(have)).expand(want)


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The places of the elements that are not zero, a row each; or a tensor for each dimension.

    >>> torch.nonzero(torch.tensor([0, 3, 4]))
    tensor([[1],
            [2]])
    """
    if as_tuple:
        return tuple(wrapped(x) for x in np.nonzero(np.atleast_1d(input.value())))
    return wrapped(
        np.argwhere(input.value()).reshape(-1 if input.ndim else int(bool(input)), input.ndim)
    )


def _along(x: Any, places: Any, dim: int) -> Any:
    if not places.size:
        return np.reshape(np.reshape(x, -1)[:0], places.shape)
    if not x.ndim:
        return np.reshape(np.reshape(x, 1)[np.reshape(places, -1)], places.shape)
    covered = [slice(None) if a == dim else slice(n) for a, n in enumerate(places.shape)]
    return np.take_along_axis(x[tuple(covered)], places, dim)


def _selected(x: Any, places: Any, dim: int) -> Any:
    places = np.reshape(places, -1)
    return np.take(x, places, dim) if x.ndim else np.reshape(np.reshape(x, 1)[places], ())


TAKE_ALONG = Row("gather", _along, "GatherBackward0")
TAKE = Row("take", lambda x, i: np.reshape(x, -1)[i], "TakeBackward0")
MASKED_SELECT = Row("masked_select", lambda x, *i: x[i], "MaskedSelectBackward0")
SELECT = Row("index_select", _selected, "IndexSelectBackward0")


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
    shape = np.broadcast_shapes(input.shape, mask.shape, () if input.ndim or mask.ndim else (1,))
    return record(MASKED_SELECT, (input.expand(shape), *positions(mask.expand(shape))))


def take(input: Tensor, index: Tensor) -> Tensor:
    """Elements of the flattened tensor.

    >>> torch.take(torch.tensor([[1, 2], [3, 4]]), torch.tensor([3]))
    tensor([4])
    """
    return record(TAKE, (input, index))
