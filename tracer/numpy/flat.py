"""``x.flat``: the elements of a traced array one after another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..primitives.structure import reshape
from ..trace import Tracer
from .creation import asarray
from .indexing import get_item, set_item
from .shaping import flat_view, resize


class Flat:
    """What NumPy's ``flatiter`` is to an array.

    >>> def f(x):
    ...     x = x.copy()
    ...     x.T.flat[1:3] = 0.0
    ...     return x
    >>> pb.jit(f)(np.ones((2, 2)))
    array([[1., 0.],
           [0., 1.]])
    """

    __slots__ = ("_next", "base")

    def __init__(self, base: Tracer) -> None:
        self.base = base
        self._next = 0

    def __len__(self) -> int:
        return self.base.size

    def __iter__(self) -> Iterator[Tracer]:
        return self

    def __next__(self) -> Tracer:
        if self._next >= len(self):
            raise StopIteration
        self._next += 1
        return self[self._next - 1]

    def __getitem__(self, index: Any) -> Tracer:
        return Tracer(get_item(flat_view(self.base), index).node)

    def __setitem__(self, index: Any, value: Any) -> None:
        """Write values; as many copies of them, one after another, as there is room for."""
        target = flat_view(self.base)
        given = asarray(value)
        if given.ndim:
            size = get_item(target, index).size
            given = reshape(given, shape=(given.size,)) if size == given.size else given
            given = given if size == given.size else resize(given, size)
        set_item(target, index, given)

    def copy(self) -> Tracer:
        """The elements in storage of their own."""
        return self[...]
