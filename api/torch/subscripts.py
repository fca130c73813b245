"""What stands between the brackets: a view first, then the tensors that pick from it.

Torch reads an index item by item: ints, slices and None make a view, in which every tensor has a
dimension of its own; so an int beside tensors does not join them, as it does in NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .dtypes import here
from .tensors import Tensor, wrapped

Code = tuple[Any, ...]
"""A static index: ints, None, ("slice", start, stop, step), ("tensor", its number)."""

WHOLE = ("slice", None, None, None)


@dataclass(slots=True)
class Subscript:
    """``view``: the code of the view; ``picking``: that of the tensors, which pick from it."""

    shape: tuple[int, ...]
    view: list[Any] = field(default_factory=list)
    picking: list[Any] = field(default_factory=list)
    tensors: list[Tensor] = field(default_factory=list)
    axis: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether the view shows everything as it is."""
        return all(x == WHOLE for x in self.view)

    def add(self, code: Any) -> None:
        """One item more."""
        if code is None or isinstance(code, bool):
            self.view.append(None)
            if code is None:
                self.picking.append(WHOLE)
            else:
                self._pick(wrapped(np.zeros(int(code), np.int64)))
        elif isinstance(code, int):
            self._check_int(code)
            self.view.append(code)
            self.axis += 1
        elif isinstance(code, tuple):
            self.view.append(code)
            self.picking.append(WHOLE)
            self.axis += 1
        else:
            for part in self._positions(code):
                self.view.append(WHOLE)
                self._pick(part)
                self.axis += 1

    def skip(self, count: int) -> None:
        """So many dimensions as they are."""
        self.view += [WHOLE] * count
        self.picking += [WHOLE] * count
        self.axis += count

    def _pick(self, tensor: Tensor) -> None:
        self.picking.append(("tensor", len(self.tensors)))
        self.tensors.append(tensor)

    def _check_int(self, place: int) -> None:
        extent = self.shape[self.axis]
        if not -extent <= place < extent:
            raise IndexError(
                f"index {place} is out of bounds for dimension {self.axis} with size {extent}"
                f"{here()}"
            )

    def _positions(self, index: Tensor) -> list[Tensor]:
        """Index tensors; a mask must have the shape of what it chooses from."""
        if is_mask(index):
            for i, n in enumerate(index.shape):
                if n != self.shape[self.axis + i]:
                    raise IndexError(
                        f"The shape of the mask {list(index.shape)} at index {i} does not match "
                        f"the shape of the indexed tensor {list(self.shape)} at index "
                        f"{self.axis + i}{here()}"
                    )
            return positions(index)
        self._check_values(index)
        return [index]

    def _check_values(self, index: Tensor) -> None:
        """Places that are known already must exist."""
        value = index.node.value
        extent = self.shape[self.axis]
        if value is None or not value.size:
            return
        for place in (int(value.max()), int(value.min())):
            if not -extent <= place < extent:
                raise IndexError(
                    f"index {place} is out of bounds for dimension {self.axis} with size {extent}"
                    f"{here()}"
                )


def is_mask(index: Tensor) -> bool:
    """Whether a tensor says which elements are meant: bools, or bytes as in older programs."""
    return index.node.info.kind.type.dtype.char in "?B"


def positions(item: Any) -> list[Tensor]:
    """Index arrays; a mask is turned into the places where it is true."""
    index = item if isinstance(item, Tensor) else _as_index(item)
    if index.node.info.kind.type.dtype.kind in "fc":
        raise IndexError(f"tensors used as indices must be long, int, byte or bool tensors{here()}")
    if is_mask(index):
        return [wrapped(x) for x in np.nonzero(index.value())]
    return [index]


def _as_index(item: Any) -> Tensor:
    if isinstance(item, (float, complex)):
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are "
            f"valid indices (got {type(item).__name__}){here()}"
        )
    array = np.array(item.value() if isinstance(item, Tensor) else item)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"new(): invalid data type '{_culprit(item)}'{here()}")
    return wrapped(array.astype(np.int64) if not array.size else array)


def _culprit(item: Any) -> str:
    while isinstance(item, (list, tuple)) and item:
        item = item[0]
    return type(item).__name__


def _slice_code(item: slice) -> Code:
    bounds = [None if x is None else _whole_number(x) for x in (item.start, item.stop, item.step)]
    if bounds[2] is not None and bounds[2] <= 0:
        raise ValueError(f"step must be greater than zero{here()}")
    return ("slice", *bounds[:2], None if bounds[2] == 1 else bounds[2])


def _whole_number(x: Any) -> int:
    if not hasattr(x, "__index__"):
        raise TypeError(
            f"slice indices must be integers or None or have an __index__ method{here()}"
        )
    return int(x)


def _code_of(item: Any) -> Any:
    """None, an int, a bool, Ellipsis, a slice's code, or an index tensor."""
    if item is None or item is Ellipsis or type(item) is int:
        return item
    if isinstance(item, slice):
        return _slice_code(item)
    if isinstance(item, (bool, np.bool_)):
        return bool(item)
    if isinstance(item, (int, np.integer)):
        return int(item)
    index = item if isinstance(item, Tensor) else _as_index(item)
    kind = index.node.info.kind.type.dtype.kind
    if kind in "fc":
        raise IndexError(f"tensors used as indices must be long, int, byte or bool tensors{here()}")
    return bool(index.value()) if kind == "b" and not index.ndim else index


def plain_code(items: tuple[Any, ...]) -> Code | None:
    """The code of an index of ints, None and slices between ints alone; None for others."""
    code: list[Any] = []
    for x in items:
        kind = type(x)
        if kind is int or x is None:
            code.append(x)
        elif kind is slice and all(y is None or type(y) is int for y in (x.start, x.stop, x.step)):
            code.append(("slice", x.start, x.stop, x.step))
        else:
            return None
    return tuple(code)


def _taken(code: Any) -> int:
    """How many dimensions an item is about."""
    if code is None or code is Ellipsis or isinstance(code, bool):
        return 0
    return code.ndim if isinstance(code, Tensor) and is_mask(code) else 1


def read(index: Any, input: Tensor) -> Subscript:
    """An index of a tensor, read item by item.

    Raises:
        IndexError: for places that do not exist, as torch.
    """
    items = index if isinstance(index, tuple) else (index,)
    codes = [_code_of(x) for x in items]
    shape = tuple(input.shape)
    taken = sum(_taken(x) for x in codes)
    if taken > len(shape):
        _refuse(codes, len(shape))
    made = Subscript(shape)
    left = len(shape) - taken
    for code in codes:
        if code is Ellipsis:
            made.skip(left)
            left = 0
        else:
            made.add(code)
    made.skip(left)
    return made


def _refuse(codes: list[Any], ndim: int) -> None:
    if not ndim and len(codes) == 1 and isinstance(codes[0], int):
        raise IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
            f"`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number{here()}"
        )
    if not ndim and len(codes) == 1 and isinstance(codes[0], tuple):
        raise IndexError(f"slice() cannot be applied to a 0-dim tensor.{here()}")
    raise IndexError(f"too many indices for tensor of dimension {ndim}{here()}")


def decoded(code: Code, tensors: tuple[Any, ...] = ()) -> tuple[Any, ...]:
    """The index that a code stands for."""
    return tuple([_decoded_item(x, tensors) for x in code])


def _decoded_item(x: Any, tensors: tuple[Any, ...]) -> Any:
    if not isinstance(x, tuple):
        return x
    return slice(*x[1:]) if x[0] == "slice" else tensors[x[1]]
