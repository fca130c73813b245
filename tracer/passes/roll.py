"""Loops for repetitions: the turns of a Python loop, written out by tracing, become a scan again.

What the turns compute is the same, in the same order. What one takes from those before is carried;
numbers, places in arrays and parameters that differ from turn to turn are the xs; what is used
behind the loop is a carried value at its end, or one of the ys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from ..ir import Builder, Graph, Node, literal_value, primal_among, reachable
from ..primitives.scan import results_of
from ..primitives.structure import broadcast, reshape, slice, update_slice, zeros
from ..source import loop_of
from ..trace import Trace, Tracer, current_trace, new_trace
from ..types import INT64, ArrayType
from .places import Places, in_place, places_of, read_before, read_within, written_within
from .repetition import EARLIER, INPUT, NUMBER, SAME, Repetition, computed, repetitions
from .tables import Array, Tables
from .views import Views

Carry = tuple[int, int]
"""A value of a turn, by its place there, and how many turns ago it was computed."""


def roll(graph: Graph) -> tuple[Graph, tuple[Array, ...]]:
    """The graph with loops for its repetitions.

    It takes more parameters, behind its own, for the arrays that are given second: numbers that
    differ from turn to turn. What has effects stays as it is written, in its order.
    """
    if graph.effects:
        return graph, ()
    tables = Tables()
    # A loop whose values are all used elsewhere saves nothing until what uses them is a loop too.
    smallest, count = graph, len(graph.nodes) + 1
    while True:
        views = Views.of(graph.nodes)
        nodes = computed(graph, views)
        found = repetitions(nodes, views) if len(nodes) < count else ()
        if not found:
            break
        count = len(nodes)
        graph = _with_loops(graph, nodes, views, found, tables)
        if len(graph.nodes) < len(smallest.nodes):
            smallest = graph
    graph = smallest
    used = reachable(graph.outputs)
    kept = {p: array for p, array in tables.arrays.items() if p in used}
    parameters = tuple(p for p in graph.parameters if p in kept or p not in tables.arrays)
    arrays = tuple(kept[p] for p in parameters if p in kept)
    return Graph(parameters, graph.nodes, graph.outputs), arrays


def _with_loops(
    graph: Graph,
    nodes: Sequence[Node],
    views: Views,
    found: Sequence[Repetition],
    tables: Tables,
) -> Graph:
    with new_trace() as trace:
        trace.fixed_location = True
        for parameter in graph.parameters:
            trace.builder.parameters.append(trace.builder.adopt(parameter))
        new = _NewGraph(trace, views, {p: p for p in graph.parameters})
        starts = {r.start: _Loop(r, nodes, new, tables) for r in found}
        _note_uses(graph, nodes, views, starts.values())
        place = 0
        while place < len(nodes):
            loop = starts.get(place)
            if loop is not None:
                loop.add()
                place = loop.turns.end
            else:
                new.copy(nodes[place])
                place += 1
        return trace.builder.graph([new.now(x) for x in graph.outputs])


@dataclass(slots=True)
class _NewGraph:
    """The graph that is being made: what is there now for the nodes of the old one."""

    trace: Trace
    views: Views
    made: dict[Node, Node]
    later: dict[Node, Callable[[], Tracer]] = field(default_factory=dict)

    def now(self, node: Node) -> Node:
        """The node that has the value; of what a loop has found it is added at the first use."""
        source, *steps = self.views.chain(node)
        builder = self.trace.builder
        for x in (source, *steps):
            if x in self.made:
                continue
            builder.where = x.where
            if x is not source:
                operand = self.made[x.operands[0]]
                self.made[x] = builder.add(x.primitive, (operand,), x.params)
            elif x in self.later:
                self.made[x] = self.later[x]().node
            else:
                self.made[x] = _number(builder, x)
        return self.made[node]

    def copy(self, node: Node) -> None:
        """Add a node that is in no loop."""
        builder = self.trace.builder
        operands = tuple([self.now(x) for x in node.operands])
        builder.where, builder.primal = node.where, primal_among(self.made, node)
        self.made[node] = builder.add(node.primitive, operands, node.params)


def _number(builder: Builder, node: Node) -> Node:
    """A number, repeated in the shape of the node."""
    value = Tracer(builder.literal(literal_value(node), node.type.dtype))
    return broadcast(value, shape=node.type.shape, axes=()).node


def _note_uses(graph: Graph, nodes: Sequence[Node], views: Views, loops: Iterable[_Loop]) -> None:
    """Tell the loops which of their values are used elsewhere."""
    owner: dict[Node, tuple[_Loop, int]] = {}
    for loop in loops:
        for place in range(loop.turns.start, loop.turns.end):
            owner[nodes[place]] = loop, place

    def note(x: Node, by: _Loop | None) -> None:
        loop, place = owner.get(views.chain(x)[0], (None, 0))
        if loop is not None and loop is not by:
            loop.uses.add(place)

    for node in nodes:
        for x in node.operands:
            note(x, owner.get(node, (None, 0))[0])
    for x in graph.outputs:
        note(x, None)


@dataclass(slots=True)
class _Loop:
    """One repetition, on its way to be a scan."""

    turns: Repetition
    nodes: Sequence[Node]
    new: _NewGraph
    tables: Tables
    uses: set[int] = field(default_factory=set)
    consts: dict[Node, Tracer] = field(default_factory=dict)
    carries: dict[Carry, Tracer] = field(default_factory=dict)
    xs: list[tuple[Tracer, Callable[[], Tracer]]] = field(default_factory=list)

    def add(self) -> None:
        """Add the scan to the new graph, and tell that what its turns computed is found there."""
        with new_trace() as trace:
            trace.fixed_location = True
            made = self._turn(trace)
            self._carry_between()
            ends, ys = self._used_behind()
            body = self._body(trace, made, ends, ys)
        turn = self._every_node()[: self.turns.period]
        self.new.trace.builder.where = loop_of(x.where for x in turn) or turn[0].where
        consts = [Tracer(self.new.now(x)) for x in self.consts]
        init = [Tracer(self.new.now(self._node(q, -lag))) for q, lag in self.carries]
        init += [zeros(made[q].type) for q in ends]
        results = results_of(body, consts, init, [make() for _, make in self.xs], self.turns.turns)
        last = [*self.carries, *((q, 1) for q in ends)]
        self._tell(
            dict(zip(last, results, strict=False)), dict(zip(ys, results[len(last) :], strict=True))
        )

    def _body(
        self, trace: Trace, made: Sequence[Tracer], ends: Sequence[int], ys: Sequence[int]
    ) -> Graph:
        """The body: its constants, what it carries and its xs; what it carries on, and its ys."""
        after = [made[q] if lag == 1 else self.carries[q, lag - 1] for q, lag in self.carries]
        unused = [_parameter(made[q].type) for q in ends]
        outputs = [*after, *(made[q] for q in ends), *(made[q] for q in ys)]
        given = [*self.consts.values(), *self.carries.values(), *unused, *(x for x, _ in self.xs)]
        inside = trace.builder.graph([x.node for x in outputs])
        return Graph(tuple(x.node for x in given), inside.nodes, inside.outputs)

    def _tell(self, last: Mapping[Carry, Tracer], ys: Mapping[int, Tracer]) -> None:
        """Where what is used behind the loop is found: at its end, or among the ys."""
        for place in self.uses:
            turn, q = divmod(place - self.turns.start, self.turns.period)
            self.new.later[self.nodes[place]] = (
                partial(_row, ys[q], turn)
                if q in ys
                else partial(_same, last[q, self.turns.turns - turn])
            )

    def _every_node(self) -> Sequence[Node]:
        return self.nodes[self.turns.start : self.turns.end]

    def _node(self, q: int, turn: int) -> Node:
        """The node at a place of a turn; before the first one, what is carried into it."""
        return self.nodes[self.turns.start + turn * self.turns.period + q]

    def _every(self, q: int) -> list[Node]:
        """The nodes at one place in all turns."""
        return list(self._every_node()[q :: self.turns.period])

    def _carry_between(self) -> None:
        """What is carried over several turns is carried over each of them."""
        for q, lag in list(self.carries):
            for nearer in range(1, lag):
                self._carried(q, nearer)

    def _used_behind(self) -> tuple[list[int], list[int]]:
        """The places whose last value is used behind the loop, and those of which others are."""
        behind: dict[int, set[int]] = {}
        for place in sorted(self.uses):
            turn, q = divmod(place - self.turns.start, self.turns.period)
            lag = self.turns.turns - turn
            if (q, lag) not in self.carries:
                behind.setdefault(q, set()).add(lag)
        ends = [q for q, lags in behind.items() if lags == {1}]
        return ends, [q for q in behind if q not in ends]

    # -- one turn --------------------------------------------------------------------------------

    def _turn(self, trace: Trace) -> list[Tracer]:
        """The values of one turn in the body of the scan."""
        made: list[Tracer] = []
        inside: dict[Node, Node] = {}
        builder = trace.builder
        for q in range(self.turns.period):
            node = self._node(q, 0)
            builder.where = node.where
            builder.primal = primal_among(inside, node)
            operands = [self._operand(q, k, made) for k in range(len(node.operands))]
            made.append(self._updated(q, operands))
            inside[node] = made[q].node
        builder.primal = None
        return made

    def _operand(self, q: int, k: int, made: Sequence[Tracer]) -> Tracer:
        """What a node of the turn reads: a view of a value that is there in the body."""
        node = self._node(q, 0).operands[k]
        turns = [x.operands[k] for x in self._every(q)]
        kind = self.turns.kinds[q, k]
        if kind == NUMBER:
            return self._number(node, turns)
        chains = [self.new.views.chain(x) for x in turns]
        source, *steps = zip(*chains, strict=True)
        if steps and kind == SAME:
            places = places_of(steps[0])
            if places is not None:
                x, type = source[0], steps[0][0].type.with_shape(places.shape)
                before = lambda: read_before(Tracer(self.new.now(x)), places, self.tables)  # noqa: E731
                value = in_place(self._of_turns(type, before), places)
                return self._shown(value, steps[1:])
        return self._shown(self._source(q, k, source, made), steps)

    def _source(self, q: int, k: int, turns: Sequence[Node], made: Sequence[Tracer]) -> Tracer:
        kind = self.turns.kinds[q, k]
        if kind == SAME:
            return self._const(turns[0])
        if kind == INPUT:
            return self._of_turns(turns[0].type, lambda: self.tables.stacked(turns))
        assert kind == EARLIER
        turn, place = divmod(q - int(self.turns.distances[q, k]), self.turns.period)
        return made[place] if turn == 0 else self._carried(place, -turn)

    def _shown(self, value: Tracer, steps: Sequence[Sequence[Node]]) -> Tracer:
        """A value as it is shown, by the steps of all turns."""
        for turns in steps:
            places = places_of(turns)
            if places is None:
                value = turns[0].primitive(value, **turns[0].params)
            else:
                value = read_within(value, places, self._indices(places))
        return value

    def _indices(self, places: Places) -> list[Tracer]:
        type = ArrayType(places.window, INT64)
        return [self._of_turns(type, partial(self.tables.array, i)) for i in places.indices()]

    def _const(self, node: Node) -> Tracer:
        if node not in self.consts:
            self.consts[node] = _parameter(node.type)
        return self.consts[node]

    def _carried(self, q: int, lag: int) -> Tracer:
        if (q, lag) not in self.carries:
            self.carries[q, lag] = _parameter(self._node(q, 0).type)
        return self.carries[q, lag]

    def _of_turns(self, type: ArrayType, make: Callable[[], Tracer]) -> Tracer:
        """A value that each turn has of its own, of an array that is made before the loop."""
        self.xs.append((_parameter(type), make))
        return self.xs[-1][0]

    def _number(self, node: Node, turns: Sequence[Node]) -> Tracer:
        builder = current_trace().builder
        if all(x is node for x in turns):
            return Tracer(_number(builder, node))
        values = np.array([literal_value(x) for x in turns], node.type.dtype)
        value = self._of_turns(node.type.with_shape(()), lambda: self.tables.array(values))
        return broadcast(value, shape=node.type.shape, axes=())

    def _updated(self, q: int, operands: Sequence[Tracer]) -> Tracer:
        """A node of the turn; an update may be at another place in each."""
        node = self._node(q, 0)
        places = places_of(self._every(q)) if node.primitive is update_slice else None
        if places is None:
            return node.primitive(*operands, **node.params)
        x, update = operands
        return written_within(x, update, places, self._indices(places))


def _parameter(type: ArrayType) -> Tracer:
    return Tracer(current_trace().builder.parameter(type))


def _same(found: Tracer) -> Tracer:
    return found


def _row(found: Tracer, turn: int) -> Tracer:
    """What one turn has computed."""
    shape = found.shape[1:]
    starts, steps = (turn, *(0 for _ in shape)), (1,) * found.ndim
    row = slice(found, starts=starts, sizes=(1, *shape), steps=steps)
    return reshape(row, shape=shape)
