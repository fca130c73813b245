"""Values that only show others: slices, and what has another shape or order.

A repetition is looked for in what is computed. What shows an element of an array is told apart by
its use: where two turns read the same element, there is one node for both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..ir import Node

SHOWING = frozenset(("slice", "reshape", "permute", "broadcast", "flip"))

LONGEST = 4
"""How many steps a view has at most: what goes further is a value of its own."""


@dataclass(frozen=True, slots=True)
class Views:
    """How many steps each view is away from the value that it shows."""

    steps: dict[Node, int] = field(default_factory=dict)

    @classmethod
    def of(cls, nodes: Iterable[Node]) -> Views:
        """Those among nodes in order of computation."""
        views = cls()
        for node in nodes:
            if node.primitive.name in SHOWING:
                steps = views.steps.get(node.operands[0], 0) + 1
                if steps <= LONGEST:
                    views.steps[node] = steps
        return views

    def chain(self, node: Node) -> list[Node]:
        """The steps from the value that is shown to the node, both included."""
        found = [node]
        while found[-1] in self.steps:
            found.append(found[-1].operands[0])
        return found[::-1]
