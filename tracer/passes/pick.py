"""Rows that are picked: where few rows of a table are wanted, these alone are computed.

A gather of rows moves towards what the table is computed from, past every step that makes each row
of the rows of its operands. That is done before a function is differentiated, so derivatives are
those of the rows too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..ir import LITERAL, PARAMETER, Builder, Graph, Node, primal_among
from ..primitives.indexing import gather
from ..trace import Tracer, new_trace
from ..types import Shape

FEWER = 4
"""How many times as many rows as are picked a table has at least."""

REDUCED = frozenset(("reduce_sum", "reduce_prod", "reduce_max", "reduce_min"))


def pick(graph: Graph) -> Graph:
    """The graph with the rows of tables computed from rows, where nothing else reads the tables."""
    if not any(map(_is_selective, graph.nodes)):
        return graph
    picked = _picked(graph)
    if not picked:
        return graph
    with new_trace() as trace:
        trace.fixed_location = True
        builder = trace.builder
        rows = _Rows(builder, picked)
        for parameter in graph.parameters:
            builder.parameters.append(builder.adopt(parameter))
            rows.made[parameter] = parameter
        for node in graph.nodes:
            rows.add(node)
        return builder.graph([rows.made[x] for x in graph.outputs])


def _is_selective(node: Node) -> bool:
    """Whether a node takes few of the rows of a table that is computed."""
    if node.primitive is not gather or len(node.operands) != 2:
        return False
    table, index = node.operands
    return row_operands(table) is not None and index.type.size * FEWER <= table.type.shape[0]


def _picked(graph: Graph) -> dict[Node, Node]:
    """The values of which rows alone are wanted, each with the index of these rows."""
    users: dict[Node, set[Node]] = {}
    for node in graph.nodes:
        for operand in node.operands:
            users.setdefault(operand, set()).add(node)
    kept = {*graph.outputs, *graph.effects}
    picked: dict[Node, Node] = {}
    for node in reversed(graph.nodes):
        if node in kept or node not in users or row_operands(node) is None:
            continue
        wanted = {_index_of(user, node, picked) for user in users[node]}
        if len(wanted) == 1 and (index := wanted.pop()) is not None:
            picked[node] = index
    return picked


def _index_of(user: Node, node: Node, picked: Mapping[Node, Node]) -> Node | None:
    """Which rows of a node a user reads; None if others too."""
    if _is_selective(user) and user.operands[0] is node and user.operands[1] is not node:
        return user.operands[1]
    if user not in picked:
        return None
    through = row_operands(user)
    assert through is not None
    by_rows = all(number in through for number, x in enumerate(user.operands) if x is node)
    return picked[user] if by_rows else None


def row_operands(node: Node) -> tuple[int, ...] | None:
    """The operands of whose rows each row of a node is made; None if it is not made so.

    Of operands that are left out all is needed for every row.
    """
    if not node.type.ndim or node.primitive in (PARAMETER, LITERAL):
        return None
    params, everything = node.params, tuple(range(len(node.operands)))
    match node.primitive.name:
        case "broadcast":
            return (0,) if params["axes"][:1] == (0,) else ()
        case "reshape":
            source = node.operands[0].type.shape
            return (0,) if source and source[0] == node.type.shape[0] else None
        case "permute":
            return (0,) if params["axes"][0] == 0 else None
        case "concatenate":
            return everything if params["axis"] != 0 else None
        case "dot":
            batch, contract = params["batch"][0], params["contract"][0]
            return (0,) if not batch and node.operands[0].type.ndim and 0 not in contract else None
        case name if name in REDUCED:
            return (0,) if 0 not in params["axes"] else None
        case _:
            return everything if node.primitive.elementwise else None


@dataclass(slots=True)
class _Rows:
    """The graph that is being made: what there is for the old nodes, or for their rows."""

    builder: Builder
    picked: Mapping[Node, Node]
    made: dict[Node, Node] = field(default_factory=dict)
    rows: dict[Node, Node] = field(default_factory=dict)

    def add(self, node: Node) -> None:
        """The node as it was, or what takes its place."""
        if node in self.picked:
            return
        if node.primitive is gather and node.operands[0] in self.picked:
            self.made[node] = self._rows_of(node.operands[0], node)
        elif node.primitive is LITERAL:
            self.made[node] = self.builder.literal(node.params["value"], node.params["dtype"])
        else:
            self._like(node)
            operands = tuple([self.made[x] for x in node.operands])
            self.made[node] = self.builder.add(node.primitive, operands, node.params)

    def _like(self, node: Node) -> None:
        self.builder.where = node.where
        self.builder.primal = primal_among(self.made, node)

    def _rows_of(self, wanted: Node, by: Node) -> Node:
        """The rows of a picked value that a gather reads; iterates, never recurses."""
        stack = [wanted]
        while stack:
            node = stack[-1]
            waiting = [x for x in self._through(node) if x in self.picked and x not in self.rows]
            if waiting:
                stack += waiting
                continue
            stack.pop()
            if node not in self.rows:
                self.rows[node] = self._row(node, by)
        return self.rows[wanted]

    def _through(self, node: Node) -> Iterable[Node]:
        return [node.operands[number] for number in row_operands(node) or ()]

    def _row(self, node: Node, by: Node) -> Node:
        """A node's rows, of those of its operands."""
        index = self.made[self.picked[node]]
        through = row_operands(node) or ()
        self._like(by)
        operands = [
            self._operand(x, index) if number in through else self.made[x]
            for number, x in enumerate(node.operands)
        ]
        self._like(node)
        params = _params(node, index.type.shape, operands)
        return self.builder.add(node.primitive, tuple(operands), params)

    def _operand(self, node: Node, index: Node) -> Node:
        known = self.rows.get(node)
        return gather(Tracer(self.made[node]), Tracer(index)).node if known is None else known


def _params(node: Node, picked: Shape, operands: Sequence[Node]) -> dict[str, object]:
    """A node's parameters where the axes of the index are in the place of the first one."""
    params, more = dict(node.params), len(picked) - 1

    def moved(axes: Iterable[int]) -> tuple[int, ...]:
        return tuple(a + more for a in axes)

    match node.primitive.name:
        case "broadcast":
            rest = params["axes"][1:] if params["axes"][:1] == (0,) else params["axes"]
            whole = range(len(picked)) if rest != params["axes"] else ()
            params |= {"axes": (*whole, *moved(rest)), "shape": (*picked, *node.type.shape[1:])}
        case "reshape":
            params["shape"] = (*picked, *node.type.shape[1:])
        case "permute":
            params["axes"] = (*range(len(picked)), *moved(params["axes"][1:]))
        case "concatenate":
            params["axis"] += more
        case "dot":
            of_x, of_y = params["contract"]
            params["contract"] = (moved(of_x), of_y)
        case name if name in REDUCED:
            params["axes"] = moved(params["axes"])
        case _:
            assert all(x.type.shape == operands[0].type.shape for x in operands)
    return params
