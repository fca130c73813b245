"""Fusion: which values are kept in memory, and which kernels make them.

A *root* is a node whose value is written to memory. All others are computed inside the kernels
that use them, as part of the loop body, as often as they are used.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from pullback.tracer.ir import LITERAL, PARAMETER, Graph, Node, family
from pullback.tracer.primitives.special import INCOMPLETE_DERIVATIVES
from pullback.tracer.types import Shape

from .math.special import BY_LANE, VECTOR
from .routines import ROUTINES

REDUCTIONS = frozenset(f"reduce_{x}" for x in ("sum", "prod", "max", "min", "any", "all"))
ARG_REDUCTIONS = frozenset({"argmax", "argmin"})
SCANS = frozenset({"cumsum", "cumprod", "cummax", "cummin", "recurrence"})
SCATTERS = frozenset({"scatter", "scatter_add"})
MOVES = frozenset({"broadcast", "permute", "slice", "flip", "reshape", "stop_gradient", "barrier"})
CONTROL = frozenset({"scan", "reversal", "while_loop", "switch"})
"""Rows with graphs inside, of several results, each of them a node."""
PYTHON = frozenset({"pure_callback", "debug_callback"})
"""Rows that call Python."""
SEVERAL = CONTROL | PYTHON
"""Rows of which one kernel makes all results."""

ALWAYS_ROOTS = (
    REDUCTIONS
    | SEVERAL
    | ARG_REDUCTIONS
    | SCANS
    | SCATTERS
    | ROUTINES.keys()
    | frozenset({"concatenate", "dot", "update_slice"})
)
WIDEST_STACK = 4
"""How many values one kernel puts side by side."""

LEAST_JOINED, MOST_ADDED, MOST_JOINED = 64, 16, 4
"""Of values joined inside kernels: the least extent, how much of it others than the longest have at
most, since these are read under masks, and how many values there are at most."""

ALIASES = frozenset({"reshape", "stop_gradient", "barrier"})

WEIGHTS = {
    **dict.fromkeys(VECTOR, 40),
    **dict.fromkeys(BY_LANE, 300),
    **dict.fromkeys(INCOMPLETE_DERIVATIVES, 1000),
    "div": 4,
    "sqrt": 5,
    "remainder": 20,
    "floor_divide": 10,
    "gather": 3,
    "integer_pow": 3,
    "gcd": 90,
}
CHEAP = frozenset(
    (
        "neg",
        "add",
        "sub",
        "mul",
        "abs",
        "copysign",
        "nextafter",
        "sign",
        "floor",
        "ceil",
        "trunc",
        "round",
        "maximum",
        "minimum",
        "clip",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "is_nan",
        "is_inf",
        "is_finite",
        "bit_and",
        "bit_or",
        "bit_xor",
        "bit_not",
        "bit_count",
        "shift_left",
        "shift_right",
        "fit",
        "where",
        "convert",
    )
)
BODY_LIMIT = 400

ROUNDS = 3
"""How often it is asked what else is worth keeping, once more is kept: of what is found, the first
round finds nearly all, and a long program would take many rounds to end."""

NEIGHBOURS = 64
"""How many groups over the same space are looked at for a root to join."""


@dataclass(slots=True)
class Group:
    """The roots that one kernel makes."""

    space: Shape
    roots: list[Node] = field(default_factory=list)
    weight: int = 0
    fusible: bool = True


class Use(NamedTuple):
    """What a root's kernel computes in place, and the roots it reads; ``weight`` is its cost.

    A read is marked True when it is element by element, at the place of the root's own element.
    """

    inside: dict[Node, None]
    read: dict[Node, bool]
    weight: int


@dataclass(slots=True)
class Fusion:
    """The roots of a graph, the groups of them in order, and what each root uses."""

    graph: Graph
    roots: dict[Node, int]
    groups: list[Group]
    uses: dict[Node, Use]


def base(node: Node) -> Node:
    """The node whose memory an alias (a reshape) shares."""
    while node.primitive.name in ALIASES:
        node = node.operands[0]
    return node


def weight(node: Node) -> int:
    """What computing one element costs, in simple instructions."""
    name = node.primitive.name
    if name in CHEAP:
        return 1
    if name in MOVES or node.primitive in (LITERAL, PARAMETER):
        return 0
    return WEIGHTS.get(name, 15)


def space_of(root: Node) -> Shape:
    """The iteration space of the kernel that makes a root."""
    name = root.primitive.name
    if name in REDUCTIONS or name in ARG_REDUCTIONS:
        return root.operands[0].type.shape
    if name in SCATTERS:
        return root.operands[-1].type.shape
    if is_stack(root):
        axis = root.params["axis"]
        return (*root.type.shape[:axis], *root.type.shape[axis + 1 :])
    return root.type.shape


def is_stack(node: Node) -> bool:
    """Whether a node joins a few values of extent 1: one kernel computes and writes them all."""
    if node.primitive.name != "concatenate" or len(node.operands) > WIDEST_STACK:
        return False
    return all(x.type.shape[node.params["axis"]] == 1 for x in node.operands)


def is_thin(node: Node) -> bool:
    """Whether a node joins a little to a large value: kernels pick, and mostly need not ask."""
    if node.primitive.name != "concatenate" or len(node.operands) > MOST_JOINED:
        return False
    extents = [x.type.shape[node.params["axis"]] for x in node.operands]
    return sum(extents) >= LEAST_JOINED and sum(extents) - max(extents) <= MOST_ADDED


def reshape_is_affine(source: Shape, target: Shape) -> bool:
    """Whether each index of the source is an affine function of those of the target."""
    return affine_groups(source, target) is not None


def affine_groups(source: Shape, target: Shape) -> list[tuple[int, list[int]]] | None:
    """For each source axis longer than one, the target axes it is split into; None if merged."""
    groups: list[tuple[int, list[int]]] = []
    position = 0
    for axis, extent in enumerate(source):
        if extent == 1:
            continue
        parts: list[int] = []
        product = 1
        while product < extent and position < len(target):
            product *= target[position]
            parts.append(position)
            position += 1
        if product != extent:
            return None
        groups.append((axis, parts))
    return groups


def find_roots(graph: Graph) -> set[Node]:
    """The nodes that must be in memory whatever the kernels are."""
    roots: set[Node] = set()
    thin: dict[Node, list[Node]] = {}
    for output in graph.outputs:
        roots.add(base(output))
    for node in graph.nodes:
        name = node.primitive.name
        if is_thin(node):
            thin[node] = []
        elif name in ALWAYS_ROOTS or (name == "pad" and any(node.params["interior"])):
            roots.add(node)
        for operand in node.operands:
            if operand in thin:
                thin[operand].append(node)
        roots.update(_operands_in_memory(node))
    roots.update(node for node, users in thin.items() if not _is_picked_in_place(users))
    return {x for x in roots if x.primitive is not PARAMETER}


def _is_picked_in_place(users: Sequence[Node]) -> bool:
    """Whether a joined value is used once, where it stands."""
    return len(users) == 1 and (_keeps_place(users[0]) or is_thin(users[0]))


def _operands_in_memory(node: Node) -> Iterable[Node]:
    """Operands that the node's kernel reads at places of its own choosing."""
    name = node.primitive.name
    if name == "dot" or name in ROUTINES or name in SEVERAL:
        return [base(x) for x in node.operands]
    if name == "gather":
        return [base(node.operands[0])]
    if name == "barrier":
        after = map(_unspread, node.operands[1:])
        return [base(x) for x in after if x.primitive is not LITERAL]
    if name == "reshape":
        source = node.operands[0]
        if not reshape_is_affine(source.type.shape, node.type.shape):
            return [base(source)]
    if name == "broadcast":
        source = node.operands[0]
        if source.type.ndim and inline_weight(source) > 4 and node.type.size > source.type.size:
            return [base(source)]
    return []


def _unspread(node: Node) -> Node:
    """What a broadcast value is made of: with that it is there."""
    while node.primitive.name == "broadcast":
        node = node.operands[0]
    return node


def inline_weight(node: Node, limit: int = 64) -> int:
    """The weight of computing a node in place, summed over what it is computed from."""
    total = 0
    stack, seen = [node], {node}
    while stack and total < limit:
        x = stack.pop()
        if x.primitive.name in ALWAYS_ROOTS and not is_thin(x):
            continue
        total += weight(x)
        for operand in x.operands:
            if operand not in seen:
                seen.add(operand)
                stack.append(operand)
    return total


def fuse(graph: Graph) -> Fusion:
    """Decide the roots and put them into groups, so that groups in order can be run in order."""
    order = {node: i for i, node in enumerate(graph.nodes)}
    roots = _bounded(find_roots(graph), order)
    counts = _count_uses(graph)
    uses: dict[Node, Use] = {}
    groups = _group(roots, order, uses)
    for _ in range(ROUNDS):
        extra = _worth_keeping(graph, roots, _users(groups, uses), counts)
        if not extra:
            break
        roots |= extra
        uses = {x: use for x, use in uses.items() if extra.isdisjoint(use.inside)}
        groups = _group(roots, order, uses)
    placed = {root: i for i, group in enumerate(groups) for root in group.roots}
    return Fusion(graph, placed, groups, uses)


def _bounded(roots: set[Node], order: Mapping[Node, int]) -> set[Node]:
    """The roots, and so many more that none is computed from very many nodes in place.

    Each root takes the latest of the nodes that it needs, up to a number; what those read is kept
    in memory. So a graph of any length is cut in a time that grows as its length.
    """
    if len(order) <= BODY_LIMIT:
        return roots
    bounded = set(roots)
    waiting = [(-order[root], root) for root in roots if root in order]
    heapify(waiting)
    while waiting:
        _, root = heappop(waiting)
        for node in _beyond(root, bounded, order):
            bounded.add(node)
            heappush(waiting, (-order[node], node))
    return bounded


def _beyond(root: Node, roots: set[Node], order: Mapping[Node, int]) -> list[Node]:
    """What is left to compute once a root's kernel has as many nodes in place as it may."""
    beyond: list[Node] = []
    seen = {root}
    latest: list[tuple[int, Node]] = []
    node, room = root, BODY_LIMIT
    while True:
        for operand in node.operands:
            if operand not in seen and operand not in roots and operand in order:
                seen.add(operand)
                heappush(latest, (-order[operand], operand))
        while latest and not room and weight(latest[0][1]):
            beyond.append(heappop(latest)[1])
        if not latest:
            return beyond
        node = heappop(latest)[1]
        room -= weight(node) > 0


def _use(root: Node, roots: set[Node]) -> Use:
    """What a root's kernel does if these are the roots."""
    inside: dict[Node, None] = {}
    read: dict[Node, bool] = {}
    stack = [(x, _keeps_place(root)) for x in root.operands]
    aligned_at: dict[Node, bool] = {}
    while stack:
        node, aligned = stack.pop()
        if node in aligned_at and (aligned or not aligned_at[node]):
            continue
        aligned_at[node] = aligned
        if node in roots:
            read[node] = aligned and read.get(node, True)
        elif node.primitive is not PARAMETER:
            inside[node] = None
            keeps = aligned and _keeps_place(node)
            stack.extend((x, keeps) for x in node.operands)
    return Use(inside, read, weight(root) + sum(map(weight, inside)))


def _keeps_place(node: Node) -> bool:
    name = node.primitive.name
    return node.primitive.elementwise or name in REDUCTIONS or name in SCANS


def _group(roots: set[Node], order: Mapping[Node, int], uses: dict[Node, Use]) -> list[Group]:
    """The groups; what each root uses is added to ``uses`` where it is not known."""
    groups: list[Group] = []
    by_space: dict[Shape, list[int]] = {}
    placed: dict[Node, int] = {}
    of_loop: dict[Hashable, int] = {}
    literals = [x for x in roots if x not in order]
    for root in (*literals, *sorted((x for x in roots if x in order), key=order.__getitem__)):
        use = uses.get(root)
        if use is None:
            use = uses[root] = _use(root, roots)
        loop = family(root) if root.primitive.name in SEVERAL else None
        if loop in of_loop:
            number = of_loop[loop]
        else:
            number = _place(root, use, groups, by_space, placed)
            if loop is not None:
                of_loop[loop] = number
        placed[root] = number
        groups[number].roots.append(root)
        groups[number].weight += use.weight
    return groups


def _users(groups: Sequence[Group], uses: Mapping[Node, Use]) -> dict[Node, int]:
    """How many groups compute each node in place."""
    users: dict[Node, int] = {}
    for group in groups:
        for node in {node for root in group.roots for node in uses[root].inside}:
            users[node] = users.get(node, 0) + 1
    return users


def _place(
    root: Node,
    use: Use,
    groups: list[Group],
    by_space: dict[Shape, list[int]],
    placed: dict[Node, int],
) -> int:
    """The group to put a root into: an open one over the same space, else a new one."""
    space = space_of(root)
    fusible = is_fusible(root)
    earliest = 0
    for node, aligned in use.read.items():
        made = placed[node]
        joins = aligned and fusible and is_fusible(node) and node.type.shape == space
        joins = joins and node.primitive.elementwise
        earliest = max(earliest, made if joins else made + 1)
    if fusible:
        for number in reversed(by_space.get(space, ())[-NEIGHBOURS:]):
            if number < earliest:
                break
            if groups[number].weight + use.weight <= BODY_LIMIT:
                return number
    groups.append(Group(space, fusible=fusible))
    if fusible:
        by_space.setdefault(space, []).append(len(groups) - 1)
    return len(groups) - 1


def is_fusible(root: Node) -> bool:
    """Whether a root's kernel may make other roots too."""
    name = root.primitive.name
    if name == "pad":
        return not any(root.params["interior"])
    if is_stack(root) or is_thin(root):
        return True
    return name in REDUCTIONS or name not in ALWAYS_ROOTS


def _worth_keeping(
    graph: Graph, roots: set[Node], users: Mapping[Node, int], uses: Mapping[Node, int]
) -> set[Node]:
    """Nodes that several kernels would compute again at more cost than reading them back.

    Where a body would grow too long it is cut as well; there the cost of a shared operand is
    counted once, a part for each of its users. Single numbers are computed once a kernel, not once
    an element: they are kept where there are many kernels, or if that is much.
    """
    keep: set[Node] = set()
    again: dict[Node, int] = {}
    length: dict[Node, float] = {}
    for node in graph.nodes:
        if node in roots:
            continue
        own = weight(node)
        operands = set(node.operands)
        total = min(own + sum(again.get(x, 0) for x in operands), 1000)
        long = own + sum(length.get(x, 0.0) / uses[x] for x in operands)
        shared = users.get(node, 0) > 1
        much = 12 if node.type.ndim or len(graph.nodes) > BODY_LIMIT else BODY_LIMIT / 4
        if own and ((shared and total > much) or (node.type.ndim and long > BODY_LIMIT / 2)):
            keep.add(node)
        else:
            again[node], length[node] = total, long
    return keep


def _count_uses(graph: Graph) -> dict[Node, int]:
    """How many nodes use each node."""
    uses: dict[Node, int] = {}
    for node in graph.nodes:
        for operand in set(node.operands):
            uses[operand] = uses.get(operand, 0) + 1
    return uses


def elements(shape: Sequence[int]) -> int:
    """Number of points of a space."""
    return math.prod(shape)
