"""Transforms of functions of tensors: each is a level, and what depends on its entries is a graph.

A function that is transformed is called on *entries*, which stand for its arguments. What it
records from there to its results is a slice of the record; batched or with its tangents, that is
an operation like any other, on what the entries stand for and what the slice takes from outside.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

from pullback.tracer.ir import Graph, replay
from pullback.tracer.passes.batch import batch
from pullback.tracer.passes.tangent import jvp
from pullback.tracer.primitives.structure import broadcast
from pullback.tracer.trace import Tracer, new_trace
from pullback.tracer.types import is_inexact

from .compute import Key, Slice, add_steps, parameters_of
from .dtypes import here, kind_of
from .engine import nodes_of
from .modes import MODE
from .node import (
    DETACH,
    ENTER,
    PRIMAL,
    Node,
    Operand,
    Row,
    Variable,
    leaf_info,
    new_node,
    next_serial,
)
from .tensors import Tensor, of_node, operand

OUTSIDE = Row("outside", lambda x: x, "AliasBackward0")
"""The value of a result where derivatives are not recorded."""
BATCHED = Row("vmap", lambda *xs: None, "VmapBackward0")
TANGENT = Row("jvp", lambda *xs: None, "JvpBackward0")


class Level:
    """One transform under way: which, and what its entries stand for.

    ``given`` are the tangents that the user has made entries of.
    """

    def __init__(self, kind: str, size: int = 0, randomness: str = "error") -> None:
        self.kind = kind
        self.size = size
        self.randomness = randomness
        self.serial = next_serial()
        self.entries: dict[Operand, Operand] = {}
        self.given: dict[Operand, Tensor] = {}

    @contextmanager
    def around(self) -> Generator[None]:
        """The level is the innermost within the block."""
        before = MODE.levels
        MODE.levels = (*before, self)
        try:
            yield
        finally:
            MODE.levels = before

    @contextmanager
    def outside(self) -> Generator[None]:
        """The level, and those inside of it, are not there within the block."""
        before = MODE.levels
        MODE.levels = before[: before.index(self)] if self in before else before
        try:
            yield
        finally:
            MODE.levels = before


# -- entries ---------------------------------------------------------------------------------


def enter(x: Tensor) -> Tensor:
    """A tensor of the same value, by which derivatives are taken apart from others."""
    return of_node(new_node(ENTER, (operand(x),)))


def primal(level: Level, x: Tensor) -> Tensor:
    """The tensor without its tangent of this level."""
    node = new_node(PRIMAL, (operand(x),))
    node.primal_of = level
    node.look_closer()
    return of_node(node)


def add_tangent(level: Level, x: Tensor, tangent: Any) -> None:
    """Give an entry its tangent.

    Raises:
        RuntimeError: torch's, for another shape.
    """
    if tangent.shape != x.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original "
            f"Tensor, this is not supported. Tensor is of size {list(x.shape)} while the given "
            f"forward gradient is of size {list(tangent.shape)}.{here()}"
        )
    x.node.dual = True
    x.node.look_closer()
    level.entries[x.node] = operand(tangent)


def enter_batched(level: Level, x: Tensor, dim: int) -> Tensor:
    """One item of a batch: a tensor without a value of its own."""
    moved = x if dim == 0 else x.movedim(dim, 0)
    type = moved.node.info.kind.type
    node = Node(leaf_info(kind_of(type.shape[1:], type.dtype)), ())
    node.tracked, node.kept = moved.requires_grad, True
    made = of_node(node)
    level.entries[node] = operand(moved)
    return made


# -- what depends on entries -----------------------------------------------------------------


def dependents(level: Level, roots: Sequence[Operand]) -> set[Operand]:
    """The entries that the roots depend on, and all between."""
    order = _recorded_since(level, roots)
    found: set[Operand] = set()
    for x in sorted(order, key=attrgetter("serial")):
        hidden = isinstance(x, Node) and (
            x.primal_of is level or (level.kind != "vmap" and x.info.row is DETACH)
        )
        if x in level.entries or (not hidden and any(y in found for y in x.operands)):
            found.add(x)
    return found


def _recorded_since(level: Level, roots: Sequence[Operand]) -> set[Operand]:
    seen: set[Operand] = set(roots)
    stack = list(seen)
    while stack:
        x = stack.pop()
        if x.serial < level.serial or x in level.entries:
            continue
        for y in x.operands:
            if y not in seen:
                seen.add(y)
                stack.append(y)
    return seen


def depends(level: Level, x: Any) -> bool:
    """Whether a tensor depends on the level's entries."""
    return isinstance(x, Tensor) and operand(x) in dependents(level, [operand(x)])


def refuse_control_flow(x: Tensor) -> None:
    """An item of a batch does not decide which way the code goes.

    Raises:
        RuntimeError: torch's.
    """
    if any(level.kind == "vmap" and depends(level, x) for level in MODE.levels):
        raise RuntimeError(
            "vmap: It looks like you're attempting to use a Tensor in some data-dependent control "
            "flow. We don't support that yet, please file an issue at "
            f"https://github.com/pytorch/pytorch/issues .{here()}"
        )


def slice_since(level: Level, roots: Sequence[Operand]) -> Slice:
    """What the roots are made of, from the entries on; all else is input."""
    found = dependents(level, roots)
    steps = sorted((x for x in found if x not in level.entries), key=attrgetter("serial"))
    inputs: list[Operand] = []
    numbers: dict[Operand, int] = {}
    structure: list[Any] = []
    for step in [*steps, *roots]:
        for x in step.operands if step in found and step not in level.entries else (step,):
            if x not in numbers:
                numbers[x] = len(numbers)
                inputs.append(x)
                structure += (x.info, x.tracked, x in level.entries)
            structure.append(numbers[x])
        if step not in numbers:
            numbers[step] = len(numbers)
            structure += (step.info if isinstance(step, Node) else Variable, step.tracked)
    places = tuple([numbers[x] for x in roots])
    return Slice(steps, inputs, numbers, places, (*structure, places))


def _graph(part: Slice, roots: Sequence[Operand], forward: bool) -> Graph:
    with new_trace() as trace:
        trace.fixed_location = True
        made = parameters_of(part.inputs, trace)
        add_steps(part, made, trace, forward)
        return trace.builder.graph([made[x] for x in roots])


# -- the transforms --------------------------------------------------------------------------


def close_batched(level: Level, outputs: Sequence[Tensor]) -> list[Tensor]:
    """The outputs for all items of the batch, along a leading axis."""
    roots = [operand(x) for x in outputs]
    part = slice_since(level, roots)
    flags = [x in level.entries for x in part.inputs]
    with level.outside():
        forward = any(x.kind in ("jvp", "dual") for x in MODE.levels)

    def make() -> Graph:
        return _all_batched(_graph(part, roots, forward), flags, level.size)

    key: Key = ("vmap", level.size, forward, *part.structure)
    inputs = [level.entries.get(x, x) for x in part.inputs]
    with level.outside():
        nodes = nodes_of(key, inputs, make, BATCHED)
    return [of_node(_seen(node, root)) for node, root in zip(nodes, roots, strict=True)]


def _seen(node: Node, root: Operand) -> Node:
    """Without derivatives if what it is made of had none."""
    node.track(node.tracked and root.tracked and MODE.enabled)
    return node


def _all_batched(graph: Graph, flags: Sequence[bool], size: int) -> Graph:
    batched, which = batch(graph, flags, size)
    if all(which):
        return batched
    with new_trace() as trace:
        parameters = [trace.builder.parameter(p.type) for p in batched.parameters]
        outputs = replay(batched, trace.builder, parameters)
        for i, yes in enumerate(which):
            if not yes:
                shape = outputs[i].type.shape
                axes = tuple(range(1, len(shape) + 1))
                outputs[i] = broadcast(Tracer(outputs[i]), shape=(size, *shape), axes=axes).node
        return trace.builder.graph(outputs)


def tangents_of(level: Level, outputs: Sequence[Tensor]) -> list[Tensor | None]:
    """The tangents of the outputs, None of those that do not depend on the level's entries."""
    roots = [operand(x) for x in outputs]
    found = dependents(level, roots)
    depending = [x for x in roots if x in found and is_inexact(x.info.kind.type.dtype)]
    wanted = list(dict.fromkeys(depending))
    if not wanted:
        return [None] * len(roots)
    part = slice_since(level, wanted)
    wrt = [i for i, x in enumerate(part.inputs) if x in level.entries]

    def make() -> Graph:
        pushed = jvp(_graph(part, wanted, forward=True), wrt)
        return Graph(pushed.parameters, pushed.nodes, pushed.outputs[len(wanted) :])

    key: Key = ("jvp", *part.structure)
    # Entries are operands: outer derivatives go through them to what they stand for.
    inputs = [*part.inputs, *(level.entries[part.inputs[i]] for i in wrt)]
    tangents: dict[Operand, Tensor] = {}
    for root, node in zip(wanted, nodes_of(key, inputs, make, TANGENT), strict=True):
        node.track(node.tracked and MODE.enabled)
        tangents[root] = of_node(node)
    return [tangents.get(x) for x in roots]


def leave(level: Level, results: Sequence[Tensor], enabled: bool) -> list[Tensor]:
    """The results as they are seen from outside: with derivatives if these go on beyond entries."""
    tracked: dict[Operand, bool] = {}
    nodes = _recorded_since_entries(level, [operand(x) for x in results])
    for x in sorted(nodes, key=attrgetter("serial")):
        call = x.call if isinstance(x, Node) else None
        through = x.operands if call is None else call.operands
        if isinstance(x, Node) and through and x.tracked:
            tracked[x] = any(y is not None and tracked.get(y, y.tracked) for y in through)
    found = []
    for result in results:
        node = new_node(ENTER if enabled else OUTSIDE, (operand(result),))
        node.track(enabled and tracked.get(operand(result), result.requires_grad))
        found.append(of_node(node))
    return found


def _recorded_since_entries(level: Level, roots: Sequence[Operand]) -> set[Operand]:
    seen: set[Operand] = set(roots)
    stack = list(seen)
    while stack:
        x = stack.pop()
        call = x.call if isinstance(x, Node) else None
        for y in (*x.operands, *(() if call is None else call.operands)):
            if y is not None and y.serial > level.serial and y not in seen:
                seen.add(y)
                stack.append(y)
    return {x for x in seen if x.serial > level.serial}
