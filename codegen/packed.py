"""Packed factorisations: all results of a routine in one array, and how parts are taken from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pullback.tracer.ir import Node
from pullback.tracer.primitive import LOWERED, Primitive
from pullback.tracer.primitives.structure import reshape, slice
from pullback.tracer.trace import Tracer


def _no_reference(*operands: Any, **params: Any) -> Any:
    raise AssertionError("a packed factorisation is made after graphs are evaluated")


def packed_primitive(name: str, infer: Any) -> Primitive:
    """A primitive that has a routine alone."""
    assert name not in LOWERED, f"two primitives are called {name}"
    LOWERED[name] = Primitive(name, infer, _no_reference)
    return LOWERED[name]


@dataclass(frozen=True, slots=True)
class Part:
    """A node to be lowered, and what else the graph asks for: primitive, operand, params."""

    node: Node
    asked: frozenset[tuple[Any, ...]]

    def asks(self, primitive: Primitive, *params: Any) -> bool:
        """Whether the graph has another part, of the same operand."""
        return (primitive, self.node.operands[0], *params) in self.asked


def rows_of(packed: Tracer, start: int, size: int) -> Tracer:
    """Some of the rows of packed matrices."""
    *batch, _, n = packed.shape
    starts = (*(0 for _ in batch), start, 0)
    return slice(packed, starts=starts, sizes=(*batch, size, n), steps=(1,) * packed.ndim)


def row_of(packed: Tracer, place: int, size: int) -> Tracer:
    """The first numbers of one row."""
    *batch, _, _ = packed.shape
    starts = (*(0 for _ in batch), place, 0)
    row = slice(packed, starts=starts, sizes=(*batch, 1, size), steps=(1,) * packed.ndim)
    return reshape(row, shape=(*batch, size))


def matrix_of(packed: Tracer, start: int, shape: tuple[int, int]) -> Tracer:
    """A matrix out of flat numbers."""
    *batch, _ = packed.shape
    starts, sizes = (*(0 for _ in batch), start), (*batch, math.prod(shape))
    flat = slice(packed, starts=starts, sizes=sizes, steps=(1,) * packed.ndim)
    return reshape(flat, shape=(*batch, *shape))
