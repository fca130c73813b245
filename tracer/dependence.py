"""Which results of a graph depend on which parameters: not at all, linearly, or otherwise.

Read off the graph, so it holds for all values. A result is linear in a parameter if its derivative
by it does not depend on that parameter; constants may be added. A statement may be too careful, as
for ``x * x / x``, never too bold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np

from .colour import shown
from .errors import at
from .ir import Builder, Graph, Node, reachable
from .location import user_location
from .passes.subgraph import with_outputs
from .primitive import Primitive
from .primitives.reversal import Ways
from .primitives.scan import Layout, taken
from .trace import Tracer, new_trace
from .types import ArrayType, is_inexact

Kind = Literal["none", "linear", "nonlinear"]
KINDS: tuple[Kind, ...] = ("none", "linear", "nonlinear")
NONE, LINEAR, NONLINEAR = range(3)

JUMPS = frozenset({"remainder"})
"""Rows whose derivative does not vary although they are not linear."""

Classes: TypeAlias = "np.ndarray[Any, np.dtype[np.int8]]"
"""For each parameter asked for, how a value depends on it."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """How each leaf of the results depends on each leaf of the arguments.

    ``kinds`` has a row for each of the ``results`` and a column for each of the ``arguments``.
    ``outside`` are arrays from outside of the function, as they are when it is asked for.

    >>> def f(x, y, z):
    ...     return x * y, np.sin(x) + 3.0 * z
    >>> print(pb.jit(f).dependence(1.0, 2.0, 3.0))
               x          y          z
    result[0]  linear     linear     none
    result[1]  nonlinear  none       linear
    """

    arguments: tuple[str, ...]
    results: tuple[str, ...]
    kinds: tuple[tuple[Kind, ...], ...]
    graph: Graph
    outside: tuple[Any, ...] = ()

    def __str__(self) -> str:
        """The text, in colours where `print` shows it in a terminal and `rich` is installed."""
        return shown(self.text(), "dependence")

    def text(self) -> str:
        """A table: a row for each leaf of the results, a column for each of the arguments."""
        first = max((len(name) for name in self.results), default=0)
        widths = [max(len(name), len(KINDS[NONLINEAR])) for name in self.arguments]
        lines = []
        for head, row in (("", self.arguments), *zip(self.results, self.kinds, strict=True)):
            cells = [f"{x:{n}}" for x, n in zip(row, widths, strict=True)]
            lines.append("  ".join([f"{head:{first}}", *cells]).rstrip())
        return "\n".join(lines)

    def kind(self, result: str, argument: str) -> Kind:
        """How one leaf depends on another, by their names.

        Raises:
            ValueError: if there is no such leaf.
        """
        return self.kinds[_place(self.results, result)][_place(self.arguments, argument)]

    def elements(
        self, result: str, argument: str, kind: Literal["linear", "nonlinear"] | None = None
    ) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which elements have a derivative by which: bools, of both shapes one behind the other.

        Of a ``kind``: those with a derivative that is the same wherever the argument is
        ("linear"), or that may vary ("nonlinear"). That there is none, or that it is the same, is
        certain; of others it need not be zero, or vary. Arrays from outside, such as indices,
        are what they are now.

        Raises:
            ValueError: if there is no such leaf, or kind.

        >>> found = pb.jit(lambda x: x[1:] * x[:-1] + x[0]).dependence(np.ones(4))
        >>> print(found.elements("result", "x").astype(int))
        [[1 1 0 0]
         [1 1 1 0]
         [1 0 1 1]]
        >>> print(found.elements("result", "x", "linear").astype(int))
        [[0 0 0 0]
         [1 0 0 0]
         [1 0 0 0]]
        """
        from .elements import elements

        if kind not in (None, "linear", "nonlinear"):
            raise ValueError(
                f"a kind is 'linear' or 'nonlinear', got {kind!r}{at(user_location())}"
            )
        i, j = _place(self.results, result), _place(self.arguments, argument)
        there, varies = elements(
            with_outputs(self.graph, (self.graph.outputs[i],)), j, self.outside
        )
        return there if kind is None else varies if kind == "nonlinear" else there & ~varies


def _place(names: Sequence[str], name: str) -> int:
    if name not in names:
        raise ValueError(f"there is {', '.join(names)}, no {name!r}")
    return names.index(name)


def dependence(
    graph: Graph, arguments: Sequence[str], results: Sequence[str], outside: Sequence[Any] = ()
) -> Dependence:
    """How the first outputs, those with names, depend on the first parameters."""
    count = len(arguments)
    start = [np.zeros(count, np.int8) for _ in graph.parameters]
    for i in range(count):
        start[i][i] = LINEAR
    outputs = graph.outputs[: len(results)]
    found = _outputs(Graph(graph.parameters, graph.nodes, outputs), start)
    kinds: tuple[tuple[Kind, ...], ...] = tuple(
        tuple(KINDS[int(c)] for c in classes) for classes in found
    )
    kept = Graph(graph.parameters, graph.nodes, outputs)
    return Dependence(tuple(arguments), tuple(results), kinds, kept, tuple(outside))


def _outputs(graph: Graph, given: Sequence[Classes]) -> list[Classes]:
    """The classes of a graph's outputs, of those of its parameters."""
    found: dict[Node, Classes] = dict(zip(graph.parameters, given, strict=True))
    width = len(given[0]) if given else 0
    for node in graph.nodes:
        operands = [found[x] for x in node.operands]
        inside = INSIDE.get(node.primitive.name)
        if not operands:
            found[node] = np.zeros(width, np.int8)
        elif inside is not None:
            found[node] = inside(node, operands)[node.params["result"]]
        else:
            found[node] = _of_row(node, operands)
    return [found[x] for x in graph.outputs]


def _of_row(node: Node, operands: Sequence[Classes]) -> Classes:
    """A row is linear in an operand if its derivative by it depends on other operands alone."""
    result = np.zeros_like(operands[0])
    own = slopes(node.primitive, tuple(x.type for x in node.operands), tuple(node.params.items()))
    for classes, slope in zip(operands, own, strict=True):
        result = np.maximum(result, classes)
        if slope is None:
            result[classes > NONE] = NONLINEAR
        else:
            for i in slope:
                result[(classes > NONE) & (operands[i] > NONE)] = NONLINEAR
    return result


Slopes: TypeAlias = "tuple[tuple[int, ...] | None, ...]"
"""For each operand, on which operands the derivative by it depends; None if it is no derivative."""


@lru_cache(maxsize=4096)
def slopes(
    row: Primitive, types: tuple[ArrayType, ...], params: tuple[tuple[str, Any], ...]
) -> Slopes:
    count = len(types)
    if row.name in ("stop_gradient", "barrier"):
        return ((), *((),) * (count - 1))
    result = row.infer(*types, **dict(params))
    if not is_inexact(result.dtype) and any(is_inexact(x.dtype) for x in types):
        return (None,) * count
    if row.partials is not None and row.name not in JUMPS:
        return _slopes_of_partials(row, types, dict(params))
    if row.transpose is None or row.name in JUMPS:
        return (None,) * count
    linear = row.linear_operands(count)
    every = tuple(range(count))
    others = [() if row.jointly else tuple(i for i in linear if i != own) for own in every]
    fixed = tuple(i for i in every if i not in linear)
    return tuple((*others[own], *fixed) if own in linear else None for own in every)


def _slopes_of_partials(
    row: Primitive, types: Sequence[ArrayType], params: Mapping[str, Any]
) -> Slopes:
    assert row.partials is not None
    with new_trace() as trace:
        builder: Builder = trace.builder
        operands = [builder.parameter(x) for x in types]
        out = builder.add(row, tuple(operands), params)
        try:
            partials = row.partials(Tracer(out), *map(Tracer, operands), **params)
        except TypeError:
            return (None,) * len(types)
        found: list[tuple[int, ...] | None] = []
        for partial in partials:
            if isinstance(partial, Tracer):
                used = reachable([partial.node])
                found.append(tuple(i for i, x in enumerate(operands) if x in used))
            else:
                found.append(() if isinstance(partial, (int, float)) else None)
        return tuple(found)


# -- loops and branches ----------------------------------------------------------------------------


def _scan(node: Node, operands: Sequence[Classes]) -> list[Classes]:
    params = node.params
    layout = Layout.of(params["body"], params["consts"], params["carries"])
    count, rest = taken(params["length"], operands)
    results = _along(params["body"], layout, rest)
    return [_bent(x, count) for x in results]


def _along(body: Graph, layout: Layout, operands: Sequence[Classes]) -> list[Classes]:
    """The classes of all results of a loop: what it carries grows until it does not any more."""
    fixed, state, xs = layout.split(operands)
    while True:
        out = _outputs(body, [*fixed, *state, *xs])
        grown = [np.maximum(a, b) for a, b in zip(state, out[: layout.carries], strict=True)]
        if all(np.array_equal(a, b) for a, b in zip(state, grown, strict=True)):
            return [*state, *out[layout.carries :], *state]
        state = grown


def _bent(result: Classes, deciding: Sequence[Classes]) -> Classes:
    """A result that is another function for other values of what decides."""
    bent = result.copy()
    for classes in deciding:
        bent[classes > NONE] = NONLINEAR
    return bent


def _reversal(node: Node, operands: Sequence[Classes]) -> list[Classes]:
    params = node.params
    forward, backward = params["forward"], params["backward"]
    ways = Ways.of(forward, backward, params["consts"], params["carries"])
    there, back = ways.split(operands)
    states = _along(forward, ways.forward, there)[: ways.forward.carries]
    return _along(backward, ways.backward, ways.for_second(back, states))


def _while(node: Node, operands: Sequence[Classes]) -> list[Classes]:
    cond, body = node.params["cond"], node.params["body"]
    carries = len(body.outputs)
    own, consts = len(cond.parameters) - carries, len(body.parameters) - carries
    layout = Layout(consts, carries, 0, 0)
    state = _along(body, layout, operands[own:])[:carries]
    goes_on = _outputs(cond, [*operands[:own], *state])
    turns = _bent(np.zeros_like(goes_on[0]), goes_on)
    bent = [_bent(x, goes_on) for x in state]
    return [*bent, *bent, turns]


def _switch(node: Node, operands: Sequence[Classes]) -> list[Classes]:
    found = [_outputs(branch, operands[1:]) for branch in node.params["branches"]]
    return [_bent(np.maximum.reduce(same), operands[:1]) for same in zip(*found, strict=True)]


def _call(node: Node, operands: Sequence[Classes]) -> list[Classes]:
    return _outputs(node.params["graph"], operands)


INSIDE: dict[str, Callable[[Node, Sequence[Classes]], list[Classes]]] = {
    "scan": _scan,
    "reversal": _reversal,
    "while_loop": _while,
    "switch": _switch,
    "call": _call,
}
"""Rows with graphs inside: the classes of all their results."""
