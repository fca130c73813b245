"""Many small things at once: an instruction for each element of one, and a lane for each thing.

Neighbouring groups over arrays that have one long axis in common, and are small along all others,
become one kernel: a loop along that axis in whose body the small arrays are in registers. So the
derivatives of a small function under `vmap` are computed as those of one item would be.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pullback.tracer.ir import Node
from pullback.tracer.types import Shape

from .fuse import REDUCTIONS, Fusion, Group, Use, inline_weight, weight
from .kernel import Affine, Buffer, LoopKernel, Sink
from .schedule import schedule
from .unroll import ALONG, Index, NotAlongError, Unrolled, excluded, tables, unravel

FEWEST_ITEMS = 64
LARGEST_ITEM = 48
"""Elements of an array that belong to one item."""

LARGEST_JOINED = 256
"""The same where they are computed from each other's parts, and joined."""

LARGEST_BODY = 3000
"""Instructions for one item."""

LOOK_AHEAD = 256
"""Runs among which the groups of one kernel are looked for."""

SHARED_WORK = 64
"""What computing values apart has to cost more than together, for one kernel to make them all."""

MOST_SUMS = 16
"""Values that a kernel sums up over the items."""


@dataclass(slots=True)
class Items:
    """A kernel over items, being collected."""

    count: int
    body: Unrolled
    groups: list[Group] = field(default_factory=list)
    made: set[Node] = field(default_factory=set)
    sinks: list[Sink] = field(default_factory=list)
    cost: int = 0

    def take(self, group: Group, uses: Mapping[Node, Use]) -> bool:
        """Add a group to the kernel, if its values can be computed item by item."""
        read = {x for root in group.roots for x in uses[root].read}
        summed = {s.node for s in self.sinks if s.kind == "reduce"}
        if read & summed or not self.made.isdisjoint(tables(group, uses)):
            return False
        body, before, known = self.body, len(self.body.steps), len(self.body.numbers)
        inside = body.inside
        body.make_inside(inside | set(group.roots))
        try:
            sinks = [s for root in group.roots for s in _sinks(root, body, self.count)]
        except NotAlongError:
            sinks = []
        cost = sum(weight(s.node) if s.kind == "apply" else 1 for s in body.steps[before:])
        sums = sum(s.kind == "reduce" for s in (*self.sinks, *sinks))
        if not sinks or self.cost + cost > LARGEST_BODY or sums > MOST_SUMS:
            body.make_inside(inside)
            del body.steps[before:]
            for key in list(body.numbers)[known:]:
                del body.numbers[key]
            return False
        self.groups.append(group)
        self.made.update(group.roots)
        self.sinks += sinks
        self.cost += cost
        return True


def item_runs(
    runs: Sequence[tuple[list[Group], bool]],
    fusion: Fusion,
    buffers: dict[Node, Buffer],
    stored: Callable[[Sequence[Group]], Sequence[Node]],
) -> list[tuple[list[Group], bool] | Items]:
    """The runs, with those of one group joined that go along the same items.

    What stands between such groups goes before them, or behind if it reads what they make. Of
    groups ``stored`` tells which roots have to be in memory.
    """
    uses = fusion.uses
    result: list[tuple[list[Group], bool] | Items] = []
    waiting = deque(runs)
    while waiting:
        groups, small = waiting.popleft()
        count = 0 if small or len(groups) > 1 else _items_of(groups[0], uses)
        if not count:
            result.append((groups, small))
            continue
        items = Items(count, Unrolled(buffers, frozenset(), 1))
        near = [waiting.popleft() for _ in range(min(LOOK_AHEAD, len(waiting)))]
        before, behind = _collected(items, [(groups, small), *near], uses)
        kept = sum(root.type.size for root in stored(items.groups))
        shared = len(items.groups) == 1 and _shares_work(groups[0], uses)
        most = LARGEST_JOINED if shared else LARGEST_ITEM
        if not (shared or len(items.groups) > 1) or kept > count * most:
            result.append((groups, small))
            waiting.extendleft(reversed(near))
            continue
        result += [*before, items]
        waiting.extendleft(reversed(behind))
    return result


def _is_joined(group: Group) -> bool:
    return all(root.primitive.name == "concatenate" for root in group.roots)


def _shares_work(group: Group, uses: Mapping[Node, Use]) -> bool:
    """Whether a group joins values that are computed from each other's parts.

    A kernel for each of them would compute these parts again.
    """
    if not _is_joined(group):
        return False
    apart = sum(inline_weight(x) for root in group.roots for x in root.operands)
    return apart > SHARED_WORK + sum(uses[root].weight for root in group.roots)


def _collected(
    items: Items, runs: Sequence[tuple[list[Group], bool]], uses: Mapping[Node, Use]
) -> tuple[list[tuple[list[Group], bool]], list[tuple[list[Group], bool]]]:
    """Let the items take what they can; gives what goes before them and what behind."""
    before: list[tuple[list[Group], bool]] = []
    behind: list[tuple[list[Group], bool]] = []
    later: set[Node] = set()
    for groups, small in runs:
        read = {x for g in groups for root in g.roots for x in uses[root].read}
        free = read.isdisjoint(later)
        fits = free and not small and len(groups) == 1
        fits = fits and _items_of(groups[0], uses) == items.count
        if fits and items.take(groups[0], uses):
            continue
        if free and read.isdisjoint(items.made):
            before.append((groups, small))
        else:
            behind.append((groups, small))
            later.update(root for g in groups for root in g.roots)
    return before, behind


def _items_of(group: Group, uses: Mapping[Node, Use]) -> int:
    """How many items a group is about; 0 if it is none of many small things."""
    count = max(group.space, default=0)
    most = LARGEST_JOINED if _is_joined(group) else LARGEST_ITEM
    if count < FEWEST_ITEMS or math.prod(group.space) > count * most:
        return 0
    found = False
    for root in group.roots:
        inside, read, _ = uses[root]
        if any(excluded(x) for x in (root, *inside)):
            return 0
        found = found or any(count < x.type.size for x in (root, *inside, *read))
    return count if found else 0


def _sinks(root: Node, body: Unrolled, count: int) -> list[Sink]:
    """Where the elements of a root go, each along all items or summed over them."""
    if root.primitive.name in REDUCTIONS and count not in root.type.shape:
        return [_sum(root, body, flat, count) for flat in range(root.type.size)]
    sinks = []
    for index in _along(root.type.shape, count):
        value = body.value(root, index)
        place = body.place(root.type.shape, index)
        sinks.append(Sink("store", root, value, body.buffers[root], place))
    return sinks


def _sum(root: Node, body: Unrolled, flat: int, count: int) -> Sink:
    """Where an element of a reduction over the items, and perhaps other axes, goes."""
    (source,) = root.operands
    shape, axes = source.type.shape, root.params["axes"]
    at = unravel(flat, root.type.shape)
    parts = []
    for index in _along(tuple(n if a in axes else 1 for a, n in enumerate(shape)), count):
        kept = iter(at)
        rows = [i if a in axes else next(kept) for a, i in enumerate(index)]
        parts.append(body.value(source, tuple(rows)))
    value = body.combined(root, parts)
    return Sink("reduce", root, value, body.buffers[root], Affine(flat, (0,)), (0,))


def _along(shape: Shape, count: int) -> Iterator[Index]:
    """The indices of an array, all places of the axis that goes along the items at once."""
    if shape.count(count) != 1:
        raise NotAlongError
    axis = shape.index(count)
    small = (*shape[:axis], 1, *shape[axis + 1 :])
    for flat in range(math.prod(small)):
        index = unravel(flat, small)
        yield (*index[:axis], ALONG, *index[axis + 1 :])


def items_kernel(items: Items, stored: Iterable[Node]) -> LoopKernel:
    """The kernel over items, which writes the ``stored`` roots to memory."""
    kept = set(stored)
    sinks = [sink for sink in items.sinks if sink.node in kept]
    steps = items.body.steps
    live = {sink.step for sink in sinks}
    for number in reversed(range(len(steps))):
        if number in live:
            live.update(steps[number].operands)
    numbers = {old: new for new, old in enumerate(sorted(live))}
    for old in numbers:
        steps[old].operands = tuple(numbers[i] for i in steps[old].operands)
    for sink in sinks:
        sink.step = numbers[sink.step]
    kernel = schedule((items.count,), [steps[old] for old in numbers], sinks)
    kernel.roots = tuple(root for group in items.groups for root in group.roots)
    return kernel
