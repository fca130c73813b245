"""The body of a loop kernel: each root followed back to memory, as steps with affine maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pullback.tracer.errors import LoweringError
from pullback.tracer.ir import LITERAL, Node
from pullback.tracer.types import Shape, row_major_strides

from .fuse import ALWAYS_ROOTS, affine_groups, base, is_thin
from .kernel import Affine, Buffer, Condition, Step, combine

Rows = tuple[Affine, ...]


@dataclass(frozen=True, slots=True)
class Key:
    """A value of the body: a node at a place, read only where the conditions hold.

    Of joined values, ``first`` is the first operand that may be at the place.
    """

    node: Node
    rows: Rows
    mask: tuple[Condition, ...] = ()
    first: int = 0


def identity_rows(axes: int) -> Rows:
    """Each index of a node is the kernel's own."""
    return tuple(Affine(0, tuple(int(a == b) for b in range(axes))) for a in range(axes))


@dataclass(slots=True)
class Body:
    """The steps of one kernel over a space, being collected."""

    space: Shape
    buffers: dict[Node, Buffer]
    inside: frozenset[Node]
    steps: list[Step] = field(default_factory=list)
    numbers: dict[Key, int] = field(default_factory=dict)

    @property
    def axes(self) -> int:
        """Number of loops."""
        return len(self.space)

    def value(self, node: Node, rows: Rows, mask: tuple[Condition, ...] = ()) -> int:
        """The number of the step that computes a node at a place; iterates, never recurses."""
        wanted = self._follow(Key(node, rows, mask))
        stack = [wanted]
        while stack:
            key = stack[-1]
            if key in self.numbers:
                stack.pop()
                continue
            needs = [self._follow(k) for k in self._needs(key)]
            waiting = [k for k in needs if k not in self.numbers]
            if waiting:
                stack.extend(reversed(waiting))
            else:
                self.numbers[key] = self._make(key, tuple(self.numbers[k] for k in needs))
                stack.pop()
        return self.numbers[wanted]

    # -- following moves -------------------------------------------------------------------------

    def _in_memory(self, node: Node) -> bool:
        memory = base(node)
        return memory in self.buffers and memory not in self.inside

    def _follow(self, key: Key) -> Key:
        """Go through moves: the same value as an element of the operand they move."""
        while not self._in_memory(key.node):
            step = MOVE_ROWS.get(key.node.primitive.name)
            if step is None:
                break
            key = Key(key.node.operands[0], step(key.node, key.rows, self.axes), key.mask)
        return key

    def _needs(self, key: Key) -> list[Key]:
        node, rows, mask = key.node, key.rows, key.mask
        if self._in_memory(node) or node.primitive is LITERAL:
            return []
        match node.primitive.name:
            case "iota":
                return []
            case "pad":
                shifted, conditions = pad_rows(node, rows)
                inner = Key(node.operands[0], shifted, (*mask, *conditions))
                return [inner, Key(node.operands[1], (), mask)]
            case "gather":
                indices = node.operands[1:]
                return [Key(i, rows[: i.type.ndim], mask) for i in indices]
            case "concatenate" if is_thin(node):
                return _joined(key)
            case _:
                pass
        if node.primitive.name in ALWAYS_ROOTS and node not in self.inside:
            raise LoweringError(f"{node} was to be in memory")
        return [Key(x, rows, mask) for x in node.operands]

    def _make(self, key: Key, operands: tuple[int, ...]) -> int:
        self.steps.append(self._step(key, operands))
        return len(self.steps) - 1

    def _step(self, key: Key, operands: tuple[int, ...]) -> Step:
        node, rows, mask = key.node, key.rows, key.mask
        if self._in_memory(node):
            index = combine(rows, row_major_strides(node.type.shape), self.axes)
            return Step("load", node, (), self.buffers[base(node)], index, mask)
        if node.primitive is LITERAL:
            return Step("literal", node)
        match node.primitive.name:
            case "iota":
                return Step("iota", node, index=rows[0])
            case "pad":
                _, conditions = pad_rows(node, rows)
                return Step("select", node, operands, mask=conditions)
            case "concatenate":
                _, condition = joined_rows(node, rows, key.first)
                return Step("select", node, operands, mask=(condition,))
            case "gather":
                table = node.operands[0]
                count = len(node.operands) - 1
                rest = rows[node.operands[1].type.ndim :]
                strides = row_major_strides(table.type.shape)[count:]
                index = combine(rest, strides, self.axes)
                return Step("gather", node, operands, self.buffers[base(table)], index, mask)
            case _:
                return Step("apply", node, operands)


def _broadcast_rows(node: Node, rows: Rows, _: int) -> Rows:
    return tuple([rows[a] for a in node.params["axes"]])


def _permute_rows(node: Node, rows: Rows, _: int) -> Rows:
    axes = node.params["axes"]
    return tuple([rows[axes.index(a)] for a in range(len(axes))])


def _slice_rows(node: Node, rows: Rows, _: int) -> Rows:
    moves = zip(rows, node.params["steps"], node.params["starts"], strict=True)
    return tuple([row.scaled(step, start) for row, step, start in moves])


def _flip_rows(node: Node, rows: Rows, _: int) -> Rows:
    shape, axes = node.type.shape, node.params["axes"]
    return tuple([row.scaled(-1, shape[a] - 1) if a in axes else row for a, row in enumerate(rows)])


def _reshape_rows(node: Node, rows: Rows, axes: int) -> Rows:
    source, target = node.operands[0].type.shape, node.type.shape
    groups = affine_groups(source, target)
    assert groups is not None, "a reshape that merges axes is read from memory"
    result = [Affine(0, (0,) * axes)] * len(source)
    for axis, parts in groups:
        strides = row_major_strides(tuple(target[p] for p in parts))
        result[axis] = combine(tuple(rows[p] for p in parts), strides, axes)
    return tuple(result)


MOVE_ROWS: dict[str, Callable[[Node, Rows, int], Rows]] = {
    "broadcast": _broadcast_rows,
    "permute": _permute_rows,
    "slice": _slice_rows,
    "flip": _flip_rows,
    "reshape": _reshape_rows,
    "stop_gradient": lambda node, rows, axes: rows,
    "barrier": lambda node, rows, axes: rows,
}
"""Where the element of the operand is, from where that of the result is in so many axes."""


def pad_rows(node: Node, rows: Rows) -> tuple[Rows, tuple[Condition, ...]]:
    """Where a padded element comes from, and when it does."""
    shifted, conditions = [], []
    inner = node.operands[0].type.shape
    for row, low, high, extent in zip(
        rows, node.params["low"], node.params["high"], inner, strict=True
    ):
        moved = row.scaled(1, -low)
        shifted.append(moved)
        if low or high:
            conditions.append((moved, extent))
    return tuple(shifted), tuple(conditions)


def joined_rows(node: Node, rows: Rows, number: int) -> tuple[Rows, Condition]:
    """Where an element of one of several joined values is, and when it is of that value."""
    axis = node.params["axis"]
    extents = [x.type.shape[axis] for x in node.operands]
    moved = rows[axis].scaled(1, -sum(extents[:number]))
    return (*rows[:axis], moved, *rows[axis + 1 :]), (moved, extents[number])


def _joined(key: Key) -> list[Key]:
    """The operand that may be at the place, and what else may."""
    node, rows, mask, first = key.node, key.rows, key.mask, key.first
    chosen = [(number, *joined_rows(node, rows, number)) for number in (first, first + 1)]
    keys = [Key(node.operands[n], moved, (*mask, holds)) for n, moved, holds in chosen]
    if first + 2 < len(node.operands):
        keys[1] = Key(node, rows, mask, first + 1)
    return keys


def dependence(steps: Sequence[Step]) -> list[set[int]]:
    """For each step the axes that its value depends on."""
    result: list[set[int]] = []
    for step in steps:
        axes: set[int] = set()
        for i in step.operands:
            axes |= result[i]
        rows = [row for row, _ in step.mask]
        if step.index is not None:
            rows.append(step.index)
        for row in rows:
            axes |= {a for a, c in enumerate(row.coefs) if c}
        result.append(axes)
    return result
