"""What several traced functions take from outside, as operands that all of them have in common."""

from __future__ import annotations

from typing import Any

from ..ir import Graph, Node, replay
from ..trace import Tracer, array_type, lift, new_trace
from ..transform import Flat
from ..types import ArrayType


class Captures:
    """Values from outside, each of them once; ``types`` are theirs."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    @property
    def types(self) -> list[ArrayType]:
        """Their types."""
        return [x.type if isinstance(x, Node) else array_type(x) for x in self.values]

    def add(self, flat: Flat) -> bool:
        """Take in what a function takes; whether there was anything new."""
        new = [x for x in flat.captures if self._place(x) is None]
        self.values += new
        return bool(new)

    def here(self) -> list[Tracer]:
        """The values as operands in the current trace."""
        return [Tracer(x) if isinstance(x, Node) else lift(x) for x in self.values]

    def regrouped(self, flat: Flat, count: int) -> Graph:
        """The graph of ``count`` arguments, all the captured values, and the other arguments."""
        given = flat.graph.parameters[: len(flat.graph.parameters) - len(flat.captures)]
        with new_trace() as trace:
            new = trace.builder.parameter
            first = [new(p.type) for p in given[:count]]
            captured = [new(type) for type in self.types]
            rest = [new(p.type) for p in given[count:]]
            taken = [captured[self.index(x)] for x in flat.captures]
            return trace.builder.graph(replay(flat.graph, trace.builder, [*first, *rest, *taken]))

    def index(self, value: Any) -> int:
        """The place of a value that was taken in."""
        place = self._place(value)
        assert place is not None
        return place

    def _place(self, value: Any) -> int | None:
        """An array that a function makes while it is traced is another one in the next trace."""
        for i, x in enumerate(self.values):
            if x is value:
                return i
        for i, x in enumerate(self.values):
            if _equal(x, value):
                return i
        return None


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, Node) or isinstance(b, Node):
        return False
    return bool(array_type(a) == array_type(b) and a.tobytes() == b.tobytes())
