"""How elements of a result depend on elements of an argument: not at all, linearly, or otherwise.

Every node gets a sparse matrix of bools, a row for each of its elements, with three columns for
each element of the argument: whether it depends on it at all, perhaps by jumps; whether there is a
derivative; and whether that may vary with the argument. All are handed on alike. A derivative
begins to vary where a row multiplies it by a partial derivative that depends on the argument:
`slopes` tells on what the partial derivatives of a row do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .dependence import slopes
from .ir import Graph, Node, family
from .passes.sparsity import Pattern, Values, dense, grouped, masked, pattern_of, union
from .primitives.scan import Layout, taken
from .types import is_inexact

Array = np.ndarray[Any, Any]
Patterns: TypeAlias = "list[Pattern | None]"

TURNS = 4000
"""Nodes of all turns of a loop together, up to which each turn has patterns of its own."""


def elements(graph: Graph, wrt: int, outside: Sequence[Any] = ()) -> tuple[Array, Array]:
    """Which elements of the output have a derivative by which of a parameter, and a varying one.

    Each has the shapes of both, one behind the other. What is not there is certain; what is may
    not be. ``outside`` are the values of the last parameters, as far as they are known.
    """
    from scipy import sparse

    (output,), width = graph.outputs, graph.parameters[wrt].type.size
    shape = (*output.type.shape, *graph.parameters[wrt].type.shape)
    given: Patterns = [None for _ in graph.parameters]
    there = sparse.eye_array(width, dtype=bool)
    none = sparse.csr_array((width, width), dtype=bool)
    given[wrt] = sparse.csr_array(sparse.hstack([there, there, none], format="csr"))
    jump = sparse.block_array([[there, none, none], [none] * 3, [none] * 3], format="csr")
    bend = sparse.block_array([[none] * 3, [none, none, there], [none] * 3], format="csr")
    unknown = len(graph.parameters) - len(outside)
    known = _inner(graph, [*(None for _ in range(unknown)), *outside])
    (found,) = _Walk(sparse.csr_array(bend), sparse.csr_array(jump)).outputs(graph, given, known)
    if found is None:
        return np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    _, slope, varies = np.split(np.asarray(found.toarray(), np.bool_), 3, axis=1)
    return slope.reshape(shape), varies.reshape(shape)


@dataclass(frozen=True, slots=True)
class _Walk:
    """Goes through graphs.

    A pattern times ``bend`` tells all its derivatives as ones that vary, and times ``jump`` what it
    depends on without any.
    """

    bend: Pattern
    jump: Pattern

    def outputs(self, graph: Graph, given: Sequence[Pattern | None], values: Values) -> Patterns:
        """The patterns of outputs, of those of parameters that have one."""
        found: dict[Node, Pattern] = {}
        results: dict[Any, Patterns] = {}
        for p, x in zip(graph.parameters, given, strict=True):
            if x is not None:
                found[p] = x
        for node in graph.nodes:
            operands = [found.get(x) for x in node.operands]
            if all(x is None for x in operands):
                continue
            inside = INSIDE.get(node.primitive.name)
            if inside is None:
                pattern = self._of_row(node, operands, values)
            else:
                key = family(node)
                if key not in results:
                    results[key] = inside(self, node, operands, values)
                pattern = results[key][node.params["result"]]
            if pattern is not None:
                found[node] = pattern
        return [found.get(x) for x in graph.outputs]

    def bent(self, pattern: Pattern, rows: Array | None = None) -> Pattern:
        """The pattern with derivatives that vary in these rows, or in all."""
        return pattern + (pattern if rows is None else masked(pattern, rows)) @ self.bend

    def decided(
        self, pattern: Pattern | None, deciding: Sequence[Pattern | None], height: int
    ) -> Pattern | None:
        """The pattern of what is another function for other values of what decides."""
        from scipy import sparse

        known = [grouped(x, np.zeros(x.shape[0], int), 1) for x in deciding if x is not None]
        if not known:
            return pattern
        jumps = sparse.csr_array(np.ones((height, 1), bool)) @ union(known) @ self.jump
        return jumps if pattern is None else self.bent(pattern) + jumps

    def _of_row(self, node: Node, operands: Sequence[Pattern | None], values: Values) -> Pattern:
        """The pattern of a node: whole numbers and truth values have no derivatives."""
        parts = [self._part(node, i, x, values) for i, x in enumerate(operands)]
        if not is_inexact(node.type.dtype):
            return union([x for x in parts if x is not None]) @ self.jump
        types, params = tuple(x.type for x in node.operands), tuple(node.params.items())
        moving = [None if x is None else np.asarray(np.diff(x.indptr) > 0) for x in parts]
        found = []
        for part, slope in zip(parts, slopes(node.primitive, types, params), strict=True):
            if part is None:
                continue
            rows = [x for x in (moving[i] for i in slope or ()) if x is not None]
            if slope is None:
                found.append(self.bent(part))
            else:
                found.append(self.bent(part, np.logical_or.reduce(rows)) if rows else part)
        return union(found)

    def _part(
        self, node: Node, place: int, operand: Pattern | None, values: Values
    ) -> Pattern | None:
        """What one operand gives to the pattern of a node."""
        if operand is None:
            return None
        alone = [operand if i == place else None for i in range(len(node.operands))]
        own = is_inexact(node.operands[place].type.dtype)
        if node.primitive.elementwise or (own and is_inexact(node.type.dtype)):
            return pattern_of(node, alone, values)
        return dense(node, alone)


def _height(node: Node) -> int:
    """The rows of a node's pattern: those of a stack are one."""
    return 1 if node.type.is_stack else node.type.size


# -- loops and branches ----------------------------------------------------------------------------


def _call(walk: _Walk, node: Node, operands: Sequence[Pattern | None], values: Values) -> Patterns:
    graph = node.params["graph"]
    return walk.outputs(graph, operands, _inner(graph, [values.constant(x) for x in node.operands]))


def _switch(
    walk: _Walk, node: Node, operands: Sequence[Pattern | None], values: Values
) -> Patterns:
    known = [values.constant(x) for x in node.operands[1:]]
    graphs = node.params["branches"]
    branches = [walk.outputs(graph, operands[1:], _inner(graph, known)) for graph in graphs]
    merged = [_either(same) for same in zip(*branches, strict=True)]
    return [
        walk.decided(x, operands[:1], _height(out))
        for x, out in zip(merged, graphs[0].outputs, strict=True)
    ]


def _scan(walk: _Walk, node: Node, operands: Sequence[Pattern | None], values: Values) -> Patterns:
    params = node.params
    body, length = params["body"], params["length"]
    layout = Layout.of(body, params["consts"], params["carries"])
    count, rest = taken(length, operands)
    known = taken(length, [values.constant(x) for x in node.operands])[1]
    if length is not None and length * len(body.nodes) <= TURNS:
        return _turn_by_turn(walk, node, layout, rest, known)
    fixed, state, xs = layout.split(rest)
    sizes = [x.type.size for x in body.parameters[layout.consts + layout.carries :]]
    any_turn = [x and grouped(x, _in_turn(x, n), n) for x, n in zip(xs, sizes, strict=True)]
    state, out = _any_turn(walk, body, layout, [*fixed, *state, *any_turn])
    ys = [_spread(x, length) for x in (*out[layout.carries :], *state)]
    heights = [_height(x) for x in body.outputs[: layout.carries]] + [1 for _ in ys]
    found = zip((*state, *ys), heights, strict=True)
    return [walk.decided(x, count, height) for x, height in found]


def _in_turn(x: Pattern, size: int) -> Array:
    """The place in a slice along the first axis of each row."""
    return np.resize(np.arange(size), x.shape[0])


def _spread(x: Pattern | None, length: int | None) -> Pattern | None:
    """The pattern of something stacked, which is in each turn the same."""
    from scipy import sparse

    if x is None:
        return None
    if length is None:
        return grouped(x, np.zeros(x.shape[0], int), 1)
    return sparse.csr_array(sparse.vstack([x] * length, format="csr")) if length else x[:0]


def _turn_by_turn(
    walk: _Walk,
    node: Node,
    layout: Layout,
    operands: Sequence[Pattern | None],
    known: Sequence[Array | None],
) -> Patterns:
    """The patterns of a loop's results, each turn with those of what it takes then."""
    body, length = node.params["body"], node.params["length"]
    fixed, state, xs = layout.split(operands)
    own, values, slices = layout.split(known)
    stacked: list[Patterns] = [[None] * length for _ in body.outputs]
    turns = range(length)
    for turn in reversed(turns) if node.params["reverse"] else turns:
        parts = [x if x is None else _rows(x, turn, length) for x in xs]
        inside = _inner(body, [*own, *values, *(x if x is None else x[turn] for x in slices)])
        before = state
        out = walk.outputs(body, [*fixed, *state, *parts], inside)
        state = out[: layout.carries]
        values = [inside.constant(x) for x in body.outputs[: layout.carries]]
        for stack, x in zip(stacked, [*out[layout.carries :], *before], strict=True):
            stack[turn] = x
    types = [x.type for x in body.outputs]
    sizes = [x.size for x in (*types[layout.carries :], *types[: layout.carries])]
    width = walk.bend.shape[0]
    return [*state, *(_stacked(x, n, width) for x, n in zip(stacked, sizes, strict=True))]


def _rows(x: Pattern, turn: int, length: int) -> Pattern:
    size = x.shape[0] // length
    return x[turn * size : (turn + 1) * size]


def _stacked(parts: Patterns, size: int, width: int) -> Pattern | None:
    from scipy import sparse

    if all(x is None for x in parts):
        return None
    nothing = sparse.csr_array((size, width), dtype=bool)
    return sparse.csr_array(sparse.vstack([nothing if x is None else x for x in parts], "csr"))


def _any_turn(
    walk: _Walk, body: Graph, layout: Layout, operands: Sequence[Pattern | None]
) -> tuple[Patterns, Patterns]:
    """What a loop carries in any turn, and what its body gives."""
    fixed, state, xs = layout.split(operands)
    values = Values(body, {})
    while True:
        out = walk.outputs(body, [*fixed, *state, *xs], values)
        grown = [_either(both) for both in zip(state, out[: layout.carries], strict=True)]
        if _count(grown) == _count(state):
            return state, out
        state = grown


def _count(patterns: Patterns) -> int:
    return sum(0 if x is None else x.nnz for x in patterns)


def _while(walk: _Walk, node: Node, operands: Sequence[Pattern | None], values: Values) -> Patterns:
    cond, body = node.params["cond"], node.params["body"]
    carries = len(body.outputs)
    own = len(cond.parameters) - carries
    layout = Layout(len(body.parameters) - carries, carries, 0, 0)
    state, _ = _any_turn(walk, body, layout, operands[own:])
    (goes_on,) = walk.outputs(cond, [*operands[:own], *state], Values(cond, {}))
    found = [
        walk.decided(x, [goes_on], _height(out)) for x, out in zip(state, body.outputs, strict=True)
    ]
    return [*found, *(_spread(x, None) for x in found), goes_on]


def _either(patterns: Sequence[Pattern | None]) -> Pattern | None:
    known = [x for x in patterns if x is not None]
    return union(known) if known else None


def _inner(graph: Graph, known: Sequence[Array | None]) -> Values:
    """The values within a graph that is given these."""
    pairs = zip(graph.parameters, known, strict=True)
    return Values(graph, {p: np.asarray(x) for p, x in pairs if x is not None}, fixed=True)


INSIDE: dict[str, Callable[..., Patterns]] = {
    "scan": _scan,
    "while_loop": _while,
    "switch": _switch,
    "call": _call,
}
"""Rows with graphs inside: the patterns of all their results."""
