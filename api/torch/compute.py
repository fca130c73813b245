"""Values on demand: the recorded slice becomes a graph, the graph a native function.

The function is found by the structure of the slice: the operations, their types and parameters, and
how they hang together, never by values. What else is still wanted of the slice, because a tensor
holds it, is computed by the same call.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeAlias

import numpy as np

from .node import Node, Operand, Variable

Key: TypeAlias = tuple[Any, ...]
Array: TypeAlias = "np.ndarray[Any, Any]"
_by_serial = attrgetter("serial")


@dataclass(slots=True)
class Counts:
    """How often native functions were made and called: ``pullback.torch.counts``.

    >>> before = torch.counts.compiled
    >>> value = (torch.ones(2) + 1).tolist()
    >>> torch.counts.compiled - before <= 1
    True
    """

    compiled: int = 0
    called: int = 0


counts = Counts()


@dataclass(slots=True)
class Slice:
    """What some nodes are computed from, in the order in which it was recorded.

    ``numbers`` counts inputs and steps; ``structure`` is the same for equal slices.
    """

    steps: list[Operand]
    inputs: list[Operand]
    numbers: dict[Operand, int]
    structure: list[Any]


def slice_of(targets: Iterable[Node], through_tracked: bool) -> Slice:
    """The slice that ends in the targets.

    It begins where there are values; for differentiation it goes on through tracked operations.
    """
    steps = _reached(targets, through_tracked)
    steps.sort(key=_by_serial)
    inputs: list[Operand] = []
    numbers: dict[Operand, int] = {}
    structure: list[Any] = []
    for step in steps:
        operands = (step.source,) if type(step) is Variable else step.operands  # type: ignore[union-attr]
        for x in operands:
            place = numbers.get(x)
            if place is None:
                if type(step) is Variable:
                    # The variable itself is the input: it is told from its value used otherwise.
                    numbers[step] = len(numbers)
                    inputs.append(step)
                    structure.append(step.info)
                    break
                place = numbers[x] = len(numbers)
                inputs.append(x)
            structure.append(place)
        else:
            structure.append(step.info if type(step) is Node else Variable)
            numbers[step] = len(numbers)
    return Slice(steps, inputs, numbers, structure)


def _reached(targets: Iterable[Node], through_tracked: bool) -> list[Operand]:
    seen: set[Operand] = set()
    stack: list[Operand] = list(targets)
    found: list[Operand] = []
    while stack:
        x = stack.pop()
        if x in seen:
            continue
        seen.add(x)
        if type(x) is Variable:
            found.append(x)
            if x.source.value is None:
                stack.append(x.source)
        elif x.operands and (x.value is None or (through_tracked and x.tracked)):  # type: ignore[union-attr]
            found.append(x)
            stack.extend(x.operands)  # type: ignore[union-attr]
    return found
