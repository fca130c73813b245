"""Small arrays in registers: straight-line code, an instruction for each element.

Neighbouring groups of a fusion whose arrays are all small become one kernel without loops. Moves,
concatenations, pads and updates cost nothing there, and values that only the kernel itself needs
never go to memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from pullback.tracer.ir import LITERAL, Node
from pullback.tracer.types import Shape, row_major_strides

from .fuse import (
    ARG_REDUCTIONS,
    MOVES,
    REDUCTIONS,
    SCANS,
    SCATTERS,
    SEVERAL,
    Fusion,
    Group,
    Use,
    base,
    weight,
)
from .kernel import Affine, Buffer, LoopKernel, Sink, Step
from .routines import ROUTINES

LARGEST_ARRAY = 16
LARGEST_SPACE = 64
LARGEST_GROUP = 128
LARGEST_KERNEL = 400
LARGEST_PROGRAM = 1200
CLOSED = -1
"""The room of a run that nothing is added to."""

LOOP_COST, LOOP_FACTOR = 40, 3
"""A loop over few elements takes so many instructions, and so many for one of its body: masks."""

MOVED = MOVES | {"concatenate", "pad", "update_slice"}
"""Rows that only say where elements come from."""

ALONG: Final = None
"""In an index: all of the axis, whose places are the turns of the kernel's one loop."""

Index = tuple[int | None, ...]
Place = tuple[Node, Index]


def small_runs(fusion: Fusion) -> list[tuple[list[Group], bool]]:
    """The groups in order, in lists; True with those that are to be unrolled together.

    In a large program only what a loop would not make shorter is unrolled.
    """
    shapes = [_Shape.of(group, fusion.uses) for group in fusion.groups]
    large = sum(shape.unrolled for shape in shapes if shape.begins) > LARGEST_PROGRAM
    runs: list[tuple[list[Group], bool]] = []
    made: set[Node] = set()
    computed: set[Node] = set()
    room = CLOSED
    for group, shape in zip(fusion.groups, shapes, strict=True):
        cost = sum(c for x, c in shape.costs.items() if x not in computed)
        joins = cost <= room and made.isdisjoint(shape.tables)
        looped = not shape.costs or (large and shape.unrolled > shape.looped)
        if looped or not (joins or shape.begins):
            runs.append(([group], False))
            room = CLOSED
            continue
        if not joins:
            runs.append(([], True))
            room, made, computed = LARGEST_KERNEL, set(), set()
            cost = shape.unrolled
        runs[-1][0].append(group)
        room -= cost
        made.update(group.roots)
        computed.update(shape.costs)
    return runs


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a group computes, and in how many instructions: unrolled, and as a loop.

    ``costs`` are the instructions of each node unrolled, none if the group has to be a loop;
    ``tables`` are what it reads at computed places. A run ``begins`` with a group of few alone.
    """

    costs: dict[Node, int]
    tables: set[Node]
    begins: bool
    unrolled: int
    looped: int

    @staticmethod
    def of(group: Group, uses: Mapping[Node, Use]) -> _Shape:
        nodes: set[Node] = set()
        whole: set[Node] = set()
        for root in group.roots:
            use = uses[root]
            nodes.update((root, *use.inside))
            whole.update(use.read)
        looped = LOOP_COST + LOOP_FACTOR * sum(map(weight, nodes))
        read = tables(group, uses)
        if any(excluded(x) or not 0 < _points(x) <= LARGEST_SPACE for x in nodes):
            return _Shape({}, read, False, 0, looped)
        roots = frozenset(group.roots)
        costs = {x: max(_instructions(x), x in roots) * _points(x) for x in nodes}
        unrolled = sum(costs.values())
        whole.update(nodes - roots)
        if any(x.type.size > LARGEST_ARRAY for x in whole if _is_made(x)):
            return _Shape({}, read, False, 0, looped)
        return _Shape(costs, read, unrolled <= LARGEST_GROUP, unrolled, looped)


def tables(group: Group, uses: Mapping[Node, Use]) -> set[Node]:
    """What a group reads at computed places: that has to be in memory, made by a run before."""
    nodes = (x for root in group.roots for x in (root, *uses[root].inside))
    return {base(x.operands[0]) for x in nodes if x.primitive.name == "gather"}


def _instructions(node: Node) -> int:
    """What an element of a node costs here, where moving elements costs nothing."""
    return 0 if node.primitive.name in MOVED else weight(node)


def excluded(node: Node) -> bool:
    """Whether a node cannot be computed an element at a time."""
    name = node.primitive.name
    return name == "dot" or any(
        name in names for names in (SCATTERS, ARG_REDUCTIONS, ROUTINES, SEVERAL)
    )


def _is_made(node: Node) -> bool:
    """Whether the node is an array of which all is used; a slice's operand may be large."""
    return node.primitive.elementwise or node.primitive.name in REDUCTIONS


def _points(node: Node) -> int:
    if node.primitive.name in REDUCTIONS:
        return node.operands[0].type.size
    return node.type.size


class NotAlongError(Exception):
    """An axis that the kernel's loop runs along is moved, or cut, or joined with another."""


@dataclass(slots=True)
class Unrolled:
    """The steps of a kernel without loops, being collected by (node, index)."""

    buffers: dict[Node, Buffer]
    inside: AbstractSet[Node]
    loops: int = 0
    steps: list[Step] = field(default_factory=list)
    numbers: dict[Place, int] = field(default_factory=dict)
    followed: dict[Place, Place] = field(default_factory=dict)

    def value(self, node: Node, index: Index) -> int:
        """The step that computes one element; iterates, never recurses."""
        wanted = self._follow((node, index))
        stack = [wanted]
        needed: dict[Place, list[Place]] = {}
        while stack:
            place = stack[-1]
            if place in self.numbers:
                stack.pop()
                continue
            needs = needed.get(place)
            if needs is None:
                needs = needed[place] = [self._follow(p) for p in self._needs(place)]
                waiting = [p for p in needs if p not in self.numbers]
                if waiting:
                    stack.extend(reversed(waiting))
                    continue
            self.numbers[place] = self._make(place, [self.numbers[p] for p in needs])
            stack.pop()
        return self.numbers[wanted]

    def make_inside(self, nodes: AbstractSet[Node]) -> None:
        """Compute these nodes here, and none but these of those that have memory."""
        self.inside = nodes
        self.followed.clear()

    def _in_memory(self, node: Node) -> bool:
        memory = base(node)
        return memory in self.buffers and memory not in self.inside

    def _follow(self, place: Place) -> Place:
        """Through everything that only moves elements, to where the element is made."""
        known = self.followed.get(place)
        if known is not None:
            return known
        start = place
        while not self._in_memory(place[0]):
            moved = _source(*place)
            if moved is None:
                break
            place = moved
        self.followed[start] = place
        return place

    def _needs(self, place: Place) -> list[Place]:
        node, index = place
        if self._in_memory(node) or node.primitive is LITERAL:
            return []
        name = node.primitive.name
        if name in REDUCTIONS:
            return [(node.operands[0], i) for i in _reduced_indices(node, index)]
        if name in SCANS:
            return _carried(node, index)
        if name == "gather":
            return [(x, index[: x.type.ndim]) for x in node.operands[1:]]
        return [(x, index) for x in node.operands]

    def _make(self, place: Place, operands: Sequence[int]) -> int:
        node, index = place
        name = node.primitive.name
        if self._in_memory(node):
            at = self.place(node.type.shape, index)
            step = Step("load", node, (), self.buffers[base(node)], at)
        elif node.primitive is LITERAL:
            step = Step("literal", node)
        elif name == "iota":
            step = Step("iota", node, index=self.place((node.type.size,), index))
        elif name in SCANS and len(operands) > 1:
            step = Step("combine", node, tuple(operands))
        elif name in REDUCTIONS or name in SCANS:
            return self.combined(node, operands)
        elif name == "gather":
            table = node.operands[0]
            rest = index[node.operands[1].type.ndim :]
            where = self.place(table.type.shape[len(node.operands) - 1 :], rest)
            buffer = self.buffers[base(table)]
            step = Step("gather", node, tuple(operands), buffer, where)
        else:
            step = Step("apply", node, tuple(operands))
        return self._append(step)

    def combined(self, node: Node, operands: Sequence[int]) -> int:
        """Operands combined in pairs, as a balanced tree."""
        current = list(operands)
        while len(current) > 1:
            pairs = zip(current[::2], current[1::2], strict=False)
            combined = [self._append(Step("combine", node, pair)) for pair in pairs]
            current = combined + current[2 * len(combined) :]
        return current[0]

    def place(self, shape: Shape, index: Index) -> Affine:
        """Where an element is in the memory of an array of the shape."""
        strides = list(zip(index, row_major_strides(shape), strict=True))
        offset = sum(i * stride for i, stride in strides if i is not None)
        along = sum(stride for i, stride in strides if i is None)
        return Affine(offset, (along,) * self.loops)

    def _append(self, step: Step) -> int:
        self.steps.append(step)
        return len(self.steps) - 1


def _source(node: Node, index: Index) -> Place | None:
    """The operand's element that an element of a moving node is."""
    params, name = node.params, node.primitive.name
    operand = node.operands[0] if node.operands else node
    match name:
        case "broadcast":
            return operand, tuple(index[a] for a in params["axes"])
        case "permute":
            axes = params["axes"]
            return operand, tuple(index[axes.index(a)] for a in range(len(axes)))
        case "slice":
            moves = zip(
                index, params["starts"], params["steps"], operand.type.shape, node.type.shape,
                strict=True,
            )  # fmt: skip
            return operand, tuple([_moved(*move) for move in moves])
        case "flip":
            pairs = enumerate(zip(index, node.type.shape, strict=True))
            return operand, tuple(
                n - 1 - _known(i) if a in params["axes"] else i for a, (i, n) in pairs
            )
        case "reshape":
            return operand, _reshaped(node, index)
        case "stop_gradient" | "barrier":
            return operand, index
        case "concatenate":
            return _concatenated(node, index)
        case "pad":
            gaps = [gap + 1 for gap in params["interior"]]
            inner = _within(index, params["low"], gaps, operand.type.shape, node.type.shape)
            return (node.operands[1], ()) if inner is None else (operand, inner)
        case "update_slice":
            update = node.operands[1]
            regions = params["starts"], params["steps"], update.type.shape
            inner = _within(index, *regions, node.type.shape)
            return (operand, index) if inner is None else (update, inner)
        case _:
            return None


def _concatenated(node: Node, index: Index) -> Place:
    axis = node.params["axis"]
    position = _known(index[axis])
    for operand in node.operands:
        extent = operand.type.shape[axis]
        if position < extent:
            return operand, (*index[:axis], position, *index[axis + 1 :])
        position -= extent
    raise AssertionError(f"{index} is outside {node}")


def _within(
    index: Index, starts: Sequence[int], steps: Sequence[int], shape: Shape, whole: Shape
) -> Index | None:
    """The index in a region that begins at ``starts``, in ``steps``; None outside of it."""
    inner: list[int | None] = []
    extents = zip(shape, whole, strict=True)
    for i, start, step, (extent, outer) in zip(index, starts, steps, extents, strict=True):
        if i is None:
            inner.append(_moved(i, start, step, extent, outer))
            continue
        number, rest = divmod(i - start, step)
        if rest or not 0 <= number < extent:
            return None
        inner.append(number)
    return tuple(inner)


def _known(i: int | None) -> int:
    """A place along an axis that the kernel's loop must not run along."""
    if i is None:
        raise NotAlongError
    return i


def _moved(i: int | None, start: int, step: int, extent: int, kept: int) -> int | None:
    """Where a place is behind a slice; the loop goes on along an axis of which all is kept."""
    if i is not None:
        return start + i * step
    if start or step != 1 or extent != kept:
        raise NotAlongError
    return ALONG


def _reshaped(node: Node, index: Index) -> Index:
    """The operand's index; an axis that the loop runs along must stay as it is."""
    source, target = node.operands[0].type.shape, node.type.shape
    if ALONG not in index:
        return unravel(_flat(target, index), source)
    axis = index.index(ALONG)
    before = math.prod(target[:axis])
    for here in range(len(source)):
        if math.prod(source[:here]) == before and source[here] == target[axis]:
            first = unravel(_flat(target[:axis], index[:axis]), source[:here])
            rest = unravel(_flat(target[axis + 1 :], index[axis + 1 :]), source[here + 1 :])
            return (*first, ALONG, *rest)
    raise NotAlongError


def _flat(shape: Shape, index: Index) -> int:
    return sum(_known(i) * s for i, s in zip(index, row_major_strides(shape), strict=True))


def unravel(flat: int, shape: Shape) -> tuple[int, ...]:
    index: list[int] = []
    for extent in reversed(shape):
        flat, i = divmod(flat, extent)
        index.append(i)
    return tuple(reversed(index))


def _reduced_indices(node: Node, index: Index) -> Iterable[Index]:
    shape, axes = node.operands[0].type.shape, node.params["axes"]
    if math.prod(shape[a] for a in axes) > LARGEST_SPACE:
        raise NotAlongError
    for number in range(math.prod(shape[a] for a in axes)):
        along = iter(unravel(number, tuple(shape[a] for a in axes)))
        kept = iter(index)
        yield tuple(next(along) if a in axes else next(kept) for a in range(len(shape)))


def _carried(node: Node, index: Index) -> list[Place]:
    """What a scan is made of at an index: its value at the place before, if any, and operands."""
    axis, reverse = node.params["axis"], node.params["reverse"]
    position = _known(index[axis])
    if position == (node.type.shape[axis] - 1 if reverse else 0):
        return [(node.operands[-1], index)]
    before = (*index[:axis], position + (1 if reverse else -1), *index[axis + 1 :])
    return [(node, before), *((x, index) for x in node.operands)]


def unrolled_kernel(
    groups: Sequence[Group], buffers: dict[Node, Buffer], stored: Iterable[Node]
) -> LoopKernel:
    """The kernel of a run of small groups, which writes the ``stored`` roots to memory."""
    roots = tuple(root for group in groups for root in group.roots)
    body = Unrolled(buffers, frozenset(roots))
    sinks = []
    for root in stored:
        for flat in range(root.type.size):
            value = body.value(root, unravel(flat, root.type.shape))
            sinks.append(Sink("store", root, value, buffers[root], Affine(flat, ())))
    return LoopKernel((), body.steps, sinks, roots=roots)
