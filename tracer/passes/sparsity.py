"""Which elements of the outputs depend on which elements of the parameters, read off the graph.

Every node gets a sparse matrix of bools: a row for each of its elements, a column for each element
of the parameters asked for. What a row of the table only moves, it moves numbers of elements too:
so its reference, applied to numbers, tells where each element came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np

from ..errors import at
from ..ir import PARAMETER, Graph, Node

Array = np.ndarray[Any, Any]
Pattern: TypeAlias = Any
"""A ``scipy.sparse.csr_array`` of bools."""

MOVES = frozenset(
    (
        "broadcast",
        "reshape",
        "permute",
        "slice",
        "flip",
        "pad",
        "concatenate",
        "update_slice",
        "gather",
        "scatter",
    )
)
"""Rows that put elements of their operands in other places, each by itself."""


class Values:
    """The values of a graph's nodes, as far as those of its parameters are known.

    ``read`` collects the parameters that an answer was made of. Those that are ``fixed`` cannot be
    other ones.
    """

    def __init__(self, graph: Graph, given: Mapping[Node, Array], fixed: bool = False) -> None:
        self.read: set[Node] = set()
        self._given = given
        self._values: dict[Node, Array] = {}
        self._known = set(given)
        self._constant: set[Node] = set(given) if fixed else set()
        for node in graph.nodes:
            for kind in (self._known, self._constant):
                if all(x in kind for x in node.operands):
                    kind.add(node)

    def find(self, node: Node) -> Array | None:
        """The value of a node, None if it depends on what is not known."""
        return self._computed(node) if node in self._known else None

    def constant(self, node: Node) -> Array | None:
        """The value of a node that no parameter can change, None for others."""
        return self._computed(node) if node in self._constant else None

    def _computed(self, wanted: Node) -> Array:
        stack = [wanted]
        while stack:
            node = stack[-1]
            waiting = [x for x in node.operands if x not in self._values]
            if node in self._values or not waiting:
                stack.pop()
                if node not in self._values:
                    self._values[node] = self._value(node)
            stack += waiting
        return self._values[wanted]

    def _value(self, node: Node) -> Array:
        if node.primitive is PARAMETER:
            self.read.add(node)
            return self._given[node]
        operands = [self._values[x] for x in node.operands]
        with np.errstate(all="ignore"):
            value = node.primitive.reference(*operands, **node.params)
        return np.asarray(value, node.type.dtype)


def pattern(graph: Graph, wrt: Sequence[int], values: Values) -> Pattern:
    """The pattern of all outputs, one behind the other, by the parameters numbered in ``wrt``.

    For graphs that are linear in these, such as derivatives: nothing else is asked of a product
    than what it is a product of. An element may be said to depend on another one and not do so,
    never the other way round.
    """
    from scipy import sparse

    parameters = [graph.parameters[i] for i in wrt]
    width = sum(p.type.size for p in parameters)
    identity = sparse.eye_array(width, dtype=bool, format="csr")
    found: dict[Node, Pattern] = {}
    start = 0
    for p in parameters:
        found[p] = identity[start : start + p.type.size]
        start += p.type.size
    for node in graph.nodes:
        if any(x in found for x in node.operands):
            try:
                found[node] = pattern_of(node, [found.get(x) for x in node.operands], values)
            except IndexError as error:
                raise IndexError(f"{error}{at(node.where)}") from None
    nothing = [sparse.csr_array((x.type.size, width), dtype=bool) for x in graph.outputs]
    rows = [found.get(x, none) for x, none in zip(graph.outputs, nothing, strict=True)]
    whole = sparse.csr_array(sparse.vstack(rows, format="csr")) if rows else identity[:0]
    whole.sum_duplicates()
    return whole


def pattern_of(node: Node, operands: Sequence[Pattern | None], values: Values) -> Pattern:
    """The pattern of a node, of those of its operands that have one."""
    row = node.primitive
    if node.type.is_stack or any(x.type.is_stack for x in node.operands):
        return dense(node, operands)
    if row.elementwise:
        return _elementwise(node, operands, values)
    if row.name in MOVES:
        return _moved(node, operands, values)
    match row.name:
        case "reduce_sum":
            (x,) = operands
            return summed(x, node.operands[0].type.shape, node.params["axes"])
        case "dot":
            return _dot(node, operands)
        case "scatter_add":
            return _scattered(node, operands, values)
        case "cumsum":
            return _along(operands[0], node)
        case "recurrence" if operands[0] is None:
            return _along(operands[1], node)
        case _:
            return dense(node, operands)


def union(parts: Sequence[Pattern]) -> Pattern:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def dense(node: Node, operands: Sequence[Pattern | None]) -> Pattern:
    """Each element depends on all that any operand depends on."""
    from scipy import sparse

    size = 1 if node.type.is_stack else node.type.size
    rows = [grouped(x, np.zeros(x.shape[0], int), 1) for x in operands if x is not None]
    return sparse.csr_array(np.ones((size, 1), bool)) @ union(rows)


def grouped(x: Pattern, group: Array, count: int) -> Pattern:
    """The union of the rows of each group, given the group of every row."""
    from scipy import sparse

    ones = np.ones(group.size, bool)
    member = sparse.csr_array((ones, (group, np.arange(group.size))), (count, x.shape[0]))
    return member @ x


def read(x: Pattern, source: Array) -> Pattern:
    """The rows with these numbers; negative numbers stand for none."""
    from scipy import sparse

    (places,) = np.nonzero(source >= 0)
    ones = np.ones(places.size, bool)
    chosen = sparse.csr_array((ones, (places, source[places])), (source.size, x.shape[0]))
    return chosen @ x


def _elementwise(node: Node, operands: Sequence[Pattern | None], values: Values) -> Pattern:
    name = node.primitive.name
    if name == "where":
        chosen = values.constant(node.operands[0])
        if chosen is not None:
            sides = ((operands[1], chosen), (operands[2], ~chosen))
            return union([masked(x, mask) for x, mask in sides if x is not None])
    if name == "mul":
        for x, factor in zip(operands, reversed(node.operands), strict=True):
            number = values.constant(factor) if x is not None else None
            if number is not None:
                return masked(x, number != 0)
    return union([x for x in operands if x is not None])


def masked(x: Pattern, mask: Array) -> Pattern:
    """The rows where the mask is true."""
    return read(x, np.where(mask.ravel(), np.arange(mask.size), -1))


def _moved(node: Node, operands: Sequence[Pattern | None], values: Values) -> Pattern:
    """What a row moves, found by moving numbers."""
    from scipy import sparse

    linear = node.primitive.linear_operands(len(node.operands))
    numbers, start = [], 1
    for i, x in enumerate(node.operands):
        if i in linear:
            numbers.append(np.arange(start, start + x.type.size).reshape(x.type.shape))
            start += x.type.size
            continue
        index = values.find(x)
        if index is None:
            return _unknown_places(node, operands)
        numbers.append(index)
    width = next(x.shape[1] for x in operands if x is not None)
    whole = [
        sparse.csr_array((x.type.size, width), dtype=bool) if have is None else have
        for i, (x, have) in enumerate(zip(node.operands, operands, strict=True))
        if i in linear
    ]
    source = np.asarray(node.primitive.reference(*numbers, **node.params)).ravel() - 1
    return read(sparse.csr_array(sparse.vstack(whole, format="csr")), source)


def _unknown_places(node: Node, operands: Sequence[Pattern | None]) -> Pattern:
    """Gathers and scatters whose indices are not known: dense along the axes that they address."""
    x = operands[0]
    if node.primitive.name == "gather":
        assert x is not None
        shape = node.operands[0].type.shape
        count = len(node.operands) - 1
        rest = np.arange(prod(shape[count:]))
        return read(summed(x, shape, range(count)), np.resize(rest, node.type.size))
    update = operands[-1]
    parts = [] if x is None else [x]
    if update is not None:
        addressed = node.operands[1].type.ndim
        kept = node.operands[-1].type.shape[addressed:]
        reduced = summed(update, node.operands[-1].type.shape, range(addressed))
        parts.append(read(reduced, np.resize(np.arange(prod(kept)), node.type.size)))
    return union(parts)


def _scattered(node: Node, operands: Sequence[Pattern | None], values: Values) -> Pattern:
    """A sum of what is there and the updates that come there."""
    indices = [values.find(x) for x in node.operands[1:-1]]
    x, update = operands[0], operands[-1]
    if any(i is None for i in indices):
        return _unknown_places(node, operands)
    parts = [] if x is None else [x]
    if update is not None:
        places = np.arange(node.type.size).reshape(node.type.shape)
        parts.append(grouped(update, places[tuple(indices)].ravel(), node.type.size))
    return union(parts)


def summed(x: Pattern, shape: Sequence[int], axes: Any) -> Pattern:
    """The union over axes of an array of this shape."""
    kept = [1 if a in axes else n for a, n in enumerate(shape)]
    group = np.broadcast_to(np.arange(prod(kept)).reshape(kept), shape)
    return grouped(x, group.ravel(), prod(kept))


def _along(x: Pattern, node: Node) -> Pattern:
    """Each element depends on itself and those before it along an axis."""
    from scipy import sparse

    shape, axis = node.type.shape, node.params["axis"]
    numbers = np.arange(prod(shape)).reshape(shape)
    lines = np.moveaxis(numbers, axis, -1).reshape(-1, shape[axis])
    later, before = np.tril_indices(shape[axis])
    if node.params["reverse"]:
        later, before = before, later
    pairs = lines[:, later].ravel(), lines[:, before].ravel()
    reads = sparse.csr_array((np.ones(pairs[0].size, bool), pairs), (x.shape[0], x.shape[0]))
    return reads @ x


def _dot(node: Node, operands: Sequence[Pattern | None]) -> Pattern:
    """Each element depends on the contracted lines of both operands."""
    parts = []
    before = 0
    shared = len(node.params["batch"][0])
    for side, (operand, x) in enumerate(zip(node.operands, operands, strict=True)):
        contract, batch = node.params["contract"][side], node.params["batch"][side]
        shape = operand.type.shape
        free = [a for a in range(len(shape)) if a not in contract and a not in batch]
        if x is not None:
            kept = [1 if a in contract else n for a, n in enumerate(shape)]
            numbers = np.arange(prod(kept)).reshape(kept)
            numbers = numbers.transpose(*batch, *free, *contract)
            extents = [shape[a] for a in (*batch, *free)]
            numbers = numbers.reshape(extents)
            places = [*range(shared), *range(shared + before, shared + before + len(free))]
            others = [a for a in range(node.type.ndim) if a not in places]
            spread = np.broadcast_to(np.expand_dims(numbers, others), node.type.shape)
            parts.append(read(summed(x, shape, contract), spread.ravel()))
        before += len(free)
    return union(parts)
