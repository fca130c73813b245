"""Repetition in a graph: the turns of a Python loop that was written out by tracing it.

A loop leaves a run of nodes in which each is like the one a period before: the same primitive at
the same line, and each operand the same value, or one as far back, or another number. The periods
that may be are found by counting the distances between like nodes; each is tried over the whole
graph at once, in time proportional to the number of nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ..ir import PARAMETER, Graph, Node, literal_value
from .views import SHOWING, Views

Array: TypeAlias = "np.ndarray[Any, Any]"
Numbers: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"
Flags: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"

TURNS = 8
"""How many turns a repetition has at least."""

NODES = 250
"""How many nodes it has at least: a shorter one is compiled soon written out."""

STACKED = 4096
"""How many elements a parameter has at most that is another one in each turn: it is copied."""

OPERANDS = 48
"""Nodes with more operands than this are no part of a repetition."""

LAGS = 8
"""How often like nodes may stand in one period at most, for the period to be found by them."""

CANDIDATES = 16
"""How many periods are tried that are frequent, and how many that span much."""

DEPTH = 4
"""How many turns back an operand may be at most."""

NOTHING, SAME, EARLIER, NUMBER, INPUT = -1, 0, 1, 2, 3
"""What an operand is from turn to turn: the same value, one as far back, numbers, parameters."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """Turns of ``period`` nodes each, from ``start`` on in the sequence.

    ``kinds`` tells of each operand of a turn's nodes what it is, and ``distances`` how many nodes
    before it those are which are `EARLIER`.
    """

    start: int
    period: int
    turns: int
    kinds: Numbers
    distances: Numbers

    @property
    def end(self) -> int:
        """Where the sequence goes on."""
        return self.start + self.turns * self.period


def computed(graph: Graph, views: Views) -> list[Node]:
    """The nodes in which repetitions are looked for: neither views nor numbers."""
    return [x for x in graph.nodes if x not in views.steps and literal_value(x) is None]


def repetitions(nodes: Sequence[Node], views: Views) -> list[Repetition]:
    """Those of the shortest period that spans half of what any does, in order, none in another.

    So inner loops come before those around them, which are found when the inner ones are rolled.
    """
    if len(nodes) < NODES:
        return []
    table = _Table(nodes, views)
    waiting = _frequent(_distances(table.keys), len(nodes), CANDIDATES)
    tried: dict[int, list[Repetition]] = {}
    while waiting:
        period = waiting.pop(0)
        if period in tried:
            continue
        runs = _Runs.of(table, period)
        found = tried[period] = _without_overlap(_of_period(table, runs))
        if 2 * _span(found) >= len(nodes):
            return found
        # Where like turns of an inner loop end, one of the loop around it does.
        ends = np.flatnonzero(runs.ends | runs.changes)
        if len(tried) <= 2 * CANDIDATES:
            waiting += _frequent(_distances(np.zeros(len(ends)), ends), len(nodes), 2)
    most = max(map(_span, tried.values()), default=0)
    return next((tried[p] for p in sorted(tried) if 2 * _span(tried[p]) >= most), [])


def _span(found: Sequence[Repetition]) -> int:
    """How many nodes are in the turns."""
    return sum(r.end - r.start for r in found)


class _Table:
    """The sequence as arrays: what each node is, what its operands show and how; -1 for none."""

    def __init__(self, nodes: Sequence[Node], views: Views) -> None:
        names = _Names()
        places = {node: i for i, node in enumerate(nodes)}
        width = max((len(x.operands) for x in nodes if len(x.operands) <= OPERANDS), default=0)
        shape = (len(nodes), width)
        self.keys = np.array([names.of_node(node) for node in nodes])
        self.sources, self.views, self.places = (np.full(shape, -1) for _ in range(3))
        self.are_numbers, self.are_inputs = (np.zeros(shape, bool) for _ in range(2))
        for i, node in enumerate(nodes):
            if len(node.operands) > OPERANDS:
                self.keys[i] = names.of(("long", i))
                continue
            for k, x in enumerate(node.operands):
                source, *steps = views.chain(x)
                self.sources[i, k] = names.of(source)
                self.views[i, k] = names.of((x.type, *map(names.of_node, steps)))
                self.places[i, k] = place = places.get(source, -1)
                self.are_inputs[i, k] = (
                    source.primitive is PARAMETER and source.type.size <= STACKED
                )
                self.are_numbers[i, k] = place < 0 and source.primitive is not PARAMETER

    def kinds(self, period: int) -> Numbers:
        """Of each operand from ``period`` on what it is, as against a period before."""
        now, before = slice(period, None), slice(None, -period)
        alike = self.views[now] == self.views[before]
        places = self.places[now], self.places[before]
        moved = (places[0] >= 0) & (places[1] >= 0) & (places[0] - places[1] == period)
        moved &= np.arange(len(moved))[:, None] - places[1] < DEPTH * period
        kinds = np.full(alike.shape, NOTHING)
        kinds[self.are_inputs[now] & self.are_inputs[before] & alike] = INPUT
        kinds[moved & alike] = EARLIER
        kinds[alike & (self.sources[now] == self.sources[before])] = SAME
        kinds[self.are_numbers[now] & self.are_numbers[before] & alike] = NUMBER
        return kinds


class _Names:
    """Small numbers for things that are equal."""

    def __init__(self) -> None:
        self._names: dict[Any, int] = {}
        self._texts: dict[Graph, str] = {}

    def of(self, thing: Any) -> int:
        return self._names.setdefault(thing, len(self._names))

    def of_node(self, node: Node) -> int:
        """Equal for nodes that may do the same in one turn and the next."""
        params = tuple([(k, self._param(x)) for k, x in node.params.items() if k != "starts"])
        where = None if node.primitive.name in SHOWING else node.where
        return self.of((node.primitive.name, params, node.type, where))

    def _param(self, value: Any) -> Any:
        """Graphs inside are what they are written as: each turn has its own."""
        if isinstance(value, tuple):
            return tuple([self._param(x) for x in value])
        if not isinstance(value, Graph):
            return value
        if value not in self._texts:
            self._texts[value] = value.text()
        return self._texts[value]


def _distances(keys: Array, places: Numbers | None = None) -> Numbers:
    """How far apart like things are, those next to each other and those further on."""
    order = np.argsort(keys, kind="stable")
    like = keys[order]
    at = order if places is None else places[order]
    return np.concatenate(
        [(at[lag:] - at[:-lag])[like[lag:] == like[:-lag]] for lag in range(1, LAGS + 1)]
    )


def _frequent(distances: Numbers, length: int, count: int) -> list[int]:
    """Those that there are most often, and those that span most; the shortest first."""
    votes = np.bincount(distances[distances <= length // TURNS], minlength=1)
    spans = votes * np.arange(len(votes))
    best = {int(p) for order in (votes, spans) for p in np.argsort(-order, kind="stable")[:count]}
    return sorted(p for p in best if p and votes[p] >= TURNS - 1)


@dataclass(frozen=True, slots=True)
class _Runs:
    """Pairs of nodes a period apart, each known by the place of the first.

    ``ends`` tells which are not alike, ``changes`` which differ in kind from the pair behind them.
    """

    period: int
    kinds: Numbers
    ends: Flags
    changes: Flags

    @classmethod
    def of(cls, table: _Table, period: int) -> _Runs:
        """All pairs of a table."""
        kinds = table.kinds(period)
        like = (table.keys[period:] == table.keys[:-period]) & np.all(kinds != NOTHING, axis=1)
        changes = np.zeros(len(like), bool)
        changes[:-period] = np.any(kinds[period:] != kinds[:-period], axis=1)
        return cls(period, kinds, ~like, changes)


def _of_period(table: _Table, runs: _Runs) -> Iterator[Repetition]:
    """Where nodes are like those a period behind, with operands of one kind from turn to turn."""
    period, kinds = runs.period, runs.kinds
    ends = np.flatnonzero(runs.ends)
    for low, high in _long(np.append(0, ends + 1), np.append(ends, len(kinds)), period):
        # Two pairs that differ, a period apart, are in no repetition together.
        apart = low + np.flatnonzero(runs.changes[low : max(high - period, low)])
        for start, end in _long(np.append(low, apart + 1), np.append(apart + period, high), period):
            found = _whole_turns(table, kinds, period, start, end + period)
            if found is not None:
                yield found


def _long(starts: Numbers, ends: Numbers, period: int) -> list[tuple[int, int]]:
    """The runs of pairs that have nodes enough."""
    enough = ends - starts + period >= NODES
    return list(zip(starts[enough].tolist(), ends[enough].tolist(), strict=True))


def _whole_turns(
    table: _Table, kinds: Numbers, period: int, start: int, end: int
) -> Repetition | None:
    """The turns between, cut where the fewest values go over from one to the next."""
    start += _best_cut(table, kinds, period, start)
    while (end - start) // period >= TURNS and (end - start) // period * period >= NODES:
        turn = slice(start, start + period)
        same = table.places[turn][kinds[turn] == SAME]
        latest = int(same.max(initial=-1))
        if latest < start:
            turns = (end - start) // period
            distances = np.arange(start, start + period)[:, None] - table.places[turn]
            return Repetition(start, period, turns, kinds[turn], distances)
        start += period * ((latest - start) // period + 1)
    return None


def _best_cut(table: _Table, kinds: Numbers, period: int, start: int) -> int:
    """Where in the period the fewest values are still needed."""
    turn = slice(start, start + period)
    live = np.zeros(period + 1, np.int64)
    reach: dict[int, int] = {}
    rows, columns = np.nonzero(kinds[turn] == EARLIER)
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        distance = start + row - int(table.places[start + row, column])
        source = (row - distance) % period
        reach[source] = max(reach.get(source, 0), distance)
    for source, distance in reach.items():
        whole, rest = divmod(distance, period)
        live += whole
        # It is needed at the cuts behind its own place, as far as it reaches.
        for first, last in (
            (source + 1, source + rest),
            (source + 1 - period, source + rest - period),
        ):
            live[max(first, 0) : max(last + 1, 0)] += 1
    return int(np.argmin(live[:period]))


def _without_overlap(found: Iterator[Repetition]) -> list[Repetition]:
    """The longest of those that share nodes."""
    kept: list[Repetition] = []
    for one in sorted(found, key=lambda r: r.start - r.end):
        if all(one.end <= other.start or other.end <= one.start for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda r: r.start)
