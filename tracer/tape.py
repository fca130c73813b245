"""A call run by NumPy, an operation at a time, that keeps every value: a tape to go back over.

Loops are written out turn by turn and branches as they are taken, so that what is told of a value
is told of it in that turn. This is for looking at one call; compiled code has no tape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from .errors import UnsupportedFunctionError
from .ir import Builder, Graph, Node, family
from .passes.adjoint import vjp
from .passes.subgraph import with_outputs
from .primitive import Primitive
from .primitives.reversal import Ways
from .primitives.scan import Layout, taken
from .types import ArrayType, is_complex, is_inexact

Array = np.ndarray[Any, Any]


@dataclass(slots=True, eq=False)
class Entry:
    """A value on a tape, the node that it is a value of, and the entries that it was made of.

    ``node`` is None where a loop took a slice (``place``) or put slices together. ``cotangent`` is
    the derivative of what is seeded by the value, once it has been gone back over.
    """

    value: Array
    node: Node | None = None
    operands: tuple[Entry, ...] = ()
    place: int | None = None
    cotangent: Array | None = None

    def receive(self, ct: Any, place: int | None = None) -> None:
        """Add to the cotangent, or to a slice of it."""
        if self.cotangent is None:
            self.cotangent = np.zeros_like(self.value)
        if place is None:
            self.cotangent = self.cotangent + ct
        else:
            self.cotangent[place] += ct


class Tape:
    """The entries of one run, in order."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def run(self, graph: Graph, arguments: Sequence[Entry]) -> list[Entry]:
        """Run a graph; the entries of its outputs."""
        made = dict(zip(graph.parameters, arguments, strict=True))
        loops: dict[Any, dict[int, Entry]] = {}
        for node in graph.nodes:
            operands = [made[x] for x in node.operands]
            run = LOOPS.get(node.primitive.name)
            if run is None:
                value = node.primitive.reference(*[x.value for x in operands], **node.params)
                value = np.asarray(value, node.type.dtype)
                made[node] = self._add(Entry(value, node, tuple(operands)))
                continue
            key = family(node)
            if key not in loops:
                loops[key] = run(self, node, operands)
            made[node] = loops[key][node.params["result"]]
        return [made[x] for x in graph.outputs]

    def _add(self, entry: Entry) -> Entry:
        self.entries.append(entry)
        return entry

    def slice(self, x: Entry, place: int) -> Entry:
        """A slice along the first axis."""
        return self._add(Entry(x.value[place], None, (x,), place))

    def stack(self, parts: Sequence[Entry], type: ArrayType) -> Entry:
        """Slices put together along a new first axis."""
        value = np.zeros((len(parts), *type.shape), type.dtype)
        for i, part in enumerate(parts):
            value[i] = part.value
        return self._add(Entry(value, None, tuple(parts)))

    def pull_back(self) -> None:
        """Go back over all entries, from the cotangents that some have received.

        Derivatives that are not known count as zero.
        """
        for entry in reversed(self.entries):
            if entry.cotangent is not None and is_inexact(entry.value.dtype):
                _pull(entry, entry.cotangent)


def _pull(entry: Entry, ct: Array) -> None:
    if entry.place is not None:
        entry.operands[0].receive(ct, entry.place)
    elif entry.node is None:
        for operand, row in zip(entry.operands, ct, strict=True):
            operand.receive(row)
    elif entry.node.primitive.name == "stop_gradient":
        # Rounding passes where derivatives are held back.
        entry.operands[0].receive(ct)
    elif entry.operands:
        for operand, part in _parts(entry.node, entry.operands, ct):
            operand.receive(part)


def _parts(node: Node, operands: Sequence[Entry], ct: Array) -> Iterator[tuple[Entry, Array]]:
    """What a node's operands receive."""
    wrt = tuple(i for i, x in enumerate(node.operands) if is_inexact(x.type.dtype))
    types = tuple(x.type for x in node.operands)
    pulled = _pulled(node.primitive, types, tuple(node.params.items()), wrt)
    if pulled is None:
        return
    found = pulled.evaluate(*[x.value for x in operands], ct)
    for i, part in zip(wrt, found, strict=True):
        if node.primitive.elementwise and part.shape == ct.shape:
            # What nobody asks for is zero, whatever the partial derivative is.
            part = np.where(ct == 0, np.zeros_like(part), part)
        yield operands[i], part


@lru_cache(maxsize=4096)
def _pulled(
    row: Primitive,
    types: tuple[ArrayType, ...],
    params: tuple[tuple[str, Any], ...],
    wrt: tuple[int, ...],
) -> Graph | None:
    """From the operands and a cotangent to theirs; None if there is no derivative."""
    if not row.differentiable or not wrt:
        return None
    builder = Builder()
    operands = tuple(builder.parameter(x) for x in types)
    graph = builder.graph([builder.add(row, operands, dict(params))])
    try:
        both = vjp(graph, wrt)
    except UnsupportedFunctionError:
        return None
    return with_outputs(both, both.outputs[1:])


# -- loops and branches ----------------------------------------------------------------------------


def _scan(tape: Tape, node: Node, operands: Sequence[Entry]) -> dict[int, Entry]:
    params, body = node.params, node.params["body"]
    layout = Layout.of(body, params["consts"], params["carries"])
    count, rest = taken(params["length"], operands)
    length = int(count[0].value) if count else params["length"]
    return _along(tape, body, layout, rest, length, params["reverse"])


def _along(
    tape: Tape, body: Graph, layout: Layout, operands: Sequence[Entry], length: int, reverse: bool
) -> dict[int, Entry]:
    fixed, state, xs = layout.split(operands)
    kept: dict[int, list[Entry]] = {}
    for place in reversed(range(length)) if reverse else range(length):
        out = tape.run(body, [*fixed, *state, *(tape.slice(x, place) for x in xs)])
        kept[place] = [*out[layout.carries :], *state]
        state = out[: layout.carries]
    types = [x.type for x in (*body.outputs[layout.carries :], *body.outputs[: layout.carries])]
    stacks = [
        tape.stack([kept[place][i] for place in range(length)], type)
        for i, type in enumerate(types)
    ]
    return dict(enumerate([*state, *stacks]))


def _reversal(tape: Tape, node: Node, operands: Sequence[Entry]) -> dict[int, Entry]:
    params = node.params
    forward, backward = params["forward"], params["backward"]
    ways = Ways.of(forward, backward, params["consts"], params["carries"])
    there, back = ways.split(operands)
    length, reverse = params["length"], params["reverse"]
    found = _along(tape, forward, ways.forward, there, length, reverse)
    states = [found[ways.forward.history(n)] for n in range(ways.forward.carries)]
    second = ways.for_second(back, states)
    return _along(tape, backward, ways.backward, second, length, not reverse)


def _while(tape: Tape, node: Node, operands: Sequence[Entry]) -> dict[int, Entry]:
    cond, body = node.params["cond"], node.params["body"]
    carries = len(body.outputs)
    own, consts = len(cond.parameters) - carries, len(body.parameters) - carries
    first, fixed = list(operands[:own]), list(operands[own : own + consts])
    state, kept = list(operands[own + consts :]), []
    while bool(tape.run(cond, [*first, *state])[0].value):
        kept.append(state)
        state = tape.run(body, [*fixed, *state])
    stacks = [tape.stack([turn[i] for turn in kept], x.type) for i, x in enumerate(body.outputs)]
    return dict(enumerate([*state, *stacks, Entry(np.asarray(len(kept)))]))


def _switch(tape: Tape, node: Node, operands: Sequence[Entry]) -> dict[int, Entry]:
    branch = node.params["branches"][int(operands[0].value)]
    return dict(enumerate(tape.run(branch, operands[1:])))


def _call(tape: Tape, node: Node, operands: Sequence[Entry]) -> dict[int, Entry]:
    return dict(enumerate(tape.run(node.params["graph"], operands)))


LOOPS: dict[str, Callable[[Tape, Node, Sequence[Entry]], dict[int, Entry]]] = {
    "scan": _scan,
    "reversal": _reversal,
    "while_loop": _while,
    "switch": _switch,
    "call": _call,
}


def seed(outputs: Sequence[Entry]) -> None:
    """Ask for the derivative of the sum of all elements of results."""
    for entry in outputs:
        if is_inexact(entry.value.dtype):
            one = np.ones_like(entry.value)
            entry.receive(one * (1 + 0j) if is_complex(entry.value.dtype) else one)
