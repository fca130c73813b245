"""A backward pass in stretches, where Python has to be called on the way.

Hooks, calls with a derivative in Python, and gradients that are asked for by the way are
*stations*. Between two stations, in the order of recording, one native function pulls all
cotangents on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

import numpy as np

from . import anomaly
from .compute import Slice, force, slice_of
from .dtypes import here
from .engine import GRADIENT, Pull, check_usable, free, nodes_of, recorded, run
from .grad_fn import edges
from .hooks import FREED, PASSING, Call, call_after, call_before, call_tensor_hooks
from .modes import MODE
from .node import Node, Operand, Variable, leaf, location_of
from .saving import Kept, unpacked
from .stepwise import step_graph
from .tensors import Tensor, of_node, operand, wrapped

Deliver: TypeAlias = Callable[[Operand, Tensor], None]
Station: TypeAlias = Any
by_serial = attrgetter("serial")


def operands_of(x: Operand) -> tuple[Operand, ...]:
    """What derivatives go on to."""
    if not isinstance(x, Node):
        return ()
    if x.call is not None:
        return tuple([y for y in x.call.operands if y is not None])
    return tuple([y for y in x.operands if y.tracked])


def reached(roots: Sequence[Operand], ends: Collection[Operand] = frozenset()) -> list[Operand]:
    """All that derivatives of the roots go through, as far as the ends, in order of recording."""
    seen: set[Operand] = set(roots)
    stack = list(seen)
    while stack:
        x = stack.pop()
        for y in () if x in ends else operands_of(x):
            if y not in seen:
                seen.add(y)
                stack.append(y)
    return sorted(seen, key=by_serial)


class Sweep:
    """One backward pass in stretches: the cotangents on their way, and where they are wanted."""

    def __init__(
        self,
        order: Sequence[Operand],
        wanted: Sequence[Operand],
        create: bool,
        deliver: Deliver,
        ends: Collection[Operand] = frozenset(),
        partial: bool = False,
    ) -> None:
        """``partial``: derivatives need not get to all leaves."""
        self.wanted = set(wanted)
        self.ends = ends
        self.needed: set[Operand] = set(wanted)
        for x in order:
            if any(y in self.needed for y in self._after(x)):
                self.needed.add(x)
        self.create = create
        self.deliver = deliver
        self.pending: dict[Operand, list[Tensor | None]] = {}
        self.parts: list[Slice] = []
        self.calls: list[Call] = []
        self._check_freed(order, partial)
        self.order = [x for x in order if x in self.needed]
        self.leaves: dict[int, list[Variable]] = {}
        for x in self.order:
            if isinstance(x, Variable):
                self.leaves.setdefault(id(x.tensor), []).append(x)
        self.last_use: dict[Operand, int] = {}
        for x in reversed(self.order):
            for y in self._after(x):
                self.last_use[y] = _place(x)

    def _after(self, x: Operand) -> tuple[Operand, ...]:
        """What derivatives go on to."""
        return () if x in self.ends else operands_of(x)

    def _check_freed(self, order: Sequence[Operand], partial: bool) -> None:
        """What is gone through must not have been freed; what it was made of may be unknown now."""
        for x in order:
            freed = x.freed or (isinstance(x, Node) and x.call is not None and x.call.freed)
            after = self._after(x)
            unknown = not (after or partial or x in self.wanted)
            if freed and (unknown or any(y in self.needed for y in after)):
                raise RuntimeError(f"{FREED}{here()}")
        self.through = {x for x in order if any(y in self.needed for y in self._after(x))}

    def run(self, seeds: Sequence[tuple[Operand, Tensor | None]]) -> None:
        """Bring the cotangents of the seeds to what is wanted."""
        for x, ct in seeds:
            self._add(x, ct)
        for station in self._stations():
            self._advance(station.serial)
            if isinstance(station, Node):
                self._at_node(station)
            else:
                self._at_call(station)
        self._advance(-1)
        self._deliver_leaves(-1)

    def finish(self) -> None:
        """Give up what the graph has saved."""
        for part in self.parts:
            free(part, self.through)
        for call in self.calls:
            call.freed = True
            call.free()

    def _stations(self) -> list[Station]:
        found: dict[Station, None] = {}
        for x in self.order:
            if not isinstance(x, Node):
                continue
            watched = x.watch is not None and x.watch.on_the_way
            dual = self.create and x.dual
            if (
                watched
                or dual
                or x in self.wanted
                or x.packed is not None
                or anomaly.ANOMALY.enabled
            ):
                found[x] = None
            if x.call is not None and x not in self.ends:
                found[x.call] = None
        return sorted(found, key=by_serial, reverse=True)

    # -- cotangents on their way ---------------------------------------------------------------

    def _add(self, x: Operand, ct: Tensor | None) -> None:
        if x in self.needed:
            self.pending.setdefault(x, []).append(ct)

    def _sum(self, x: Operand) -> Tensor | None:
        """The whole cotangent; ones where a seed has been given none."""
        received = self.pending.get(x)
        if not received:
            return None
        total: Any = None
        for ct in received:
            type = x.info.kind.type
            one = wrapped(np.ones(type.shape, type.dtype)) if ct is None else ct
            total = one if total is None else total + one
        self.pending[x] = [total]
        found: Tensor = total
        return found

    def _advance(self, limit: int) -> None:
        """Pull what was recorded after the limit, until there is nothing more."""
        seeds = [
            x
            for x in self.pending
            if isinstance(x, Node) and x.call is None and x.serial > limit and self._after(x)
        ]
        if seeds:
            self._pull(seeds, self._ends(seeds, limit))
        self._deliver_leaves(limit)

    def _ends(self, seeds: Sequence[Node], limit: int) -> dict[Operand, None]:
        """Where the stretch ends: stations, leaves and calls."""
        ends: dict[Operand, None] = {}
        seen: set[Operand] = set(seeds)
        stack: list[Operand] = list(seeds)
        while stack:
            x = stack.pop()
            if self.create:
                ends.update((y, None) for y in x.operands if not y.tracked)
            for y in self._after(x):
                if y in seen:
                    continue
                seen.add(y)
                if isinstance(y, Node) and y.call is None and y.serial > limit:
                    stack.append(y)
                else:
                    ends[y] = None
        return ends

    def _pull(self, seeds: Sequence[Node], ends: dict[Operand, None]) -> None:
        wanted = [x for x in ends if x in self.needed]
        given = [(x, ct) for x in seeds for ct in self.pending.pop(x)]
        if not wanted:
            return
        for x, ct in zip(wanted, self._cotangents(given, wanted, ends), strict=True):
            self._add(x, ct)

    def _cotangents(
        self,
        given: Sequence[tuple[Operand, Tensor | None]],
        wanted: Sequence[Operand],
        ends: Collection[Operand],
    ) -> list[Tensor]:
        part = self._slice(given, frozenset(ends))
        check_usable(part, self.through)
        self.parts.append(part)
        nodes = [(x, None if ct is None else operand(ct)) for x, ct in given]
        pull = Pull(part, nodes, list(wanted))
        kept = self._unpack(pull.inputs)
        if self.create:
            return [of_node(x) for x in recorded(pull)]
        found = [wrapped(x) for x in run(pull)]
        _forget(kept)
        return found

    def _slice(
        self, given: Sequence[tuple[Operand, Tensor | None]], ends: frozenset[Operand]
    ) -> Slice:
        """What is to be gone through; unless that is recorded, with the values that it takes."""
        roots = [x for x, _ in given]
        part = slice_of(roots, True, ends)
        if self.create:
            return part
        self._unpack(part.inputs)
        values = [x.source if isinstance(x, Variable) else x for x in part.inputs]
        values += [ct.node for _, ct in given if ct is not None]
        missing = [x for x in values if x.value is None]
        if not missing:
            return part
        # What is computed on the way forgets what it was made of, so the slice is another now.
        force(missing)
        return slice_of(roots, True, ends)

    def _unpack(self, inputs: Sequence[Operand]) -> list[Node]:
        """Have the user's functions give what they keep; gives the nodes of it."""
        kept = [x for x in inputs if isinstance(x, Node) and isinstance(x.call, Kept)]
        for x in kept:
            call = x.call
            if call is not None and call not in self.calls:
                self.calls.append(call)
            if x.value is None:
                unpacked(x)
        return kept

    # -- stations ------------------------------------------------------------------------------

    def _at_node(self, x: Node) -> None:
        ct = self._sum(x)
        if ct is None:
            return
        ct = call_tensor_hooks(x.watch, ct)
        self.pending[x] = [ct]
        if x in self.wanted:
            self.deliver(x, ct)
        hooked = x.watch is not None and (x.watch.before or x.watch.after)
        alone = hooked or x.packed is not None or anomaly.ANOMALY.enabled
        if x.call is None and x in self.through and alone:
            self._one_step(x, ct)

    def _one_step(self, x: Node, ct: Tensor) -> None:
        (ct,) = call_before(x.watch, (ct,))
        del self.pending[x]
        places = edges(x)
        given = call_after(x.watch, tuple(self._step_back(x, ct, places)), (ct,))
        if anomaly.ANOMALY.enabled:
            anomaly.check_result(x.info.grad_name, given, x.location)
        for y, part in zip(places, given, strict=True):
            if part is not None:
                self._add(y, part)

    def _step_back(self, x: Node, ct: Tensor, places: Sequence[Operand]) -> list[Tensor | None]:
        """The cotangents of one operation's operands, each by itself."""
        part = slice_of([x], True, frozenset(x.operands))
        check_usable(part, self.through)
        self.parts.append(part)
        wrt = tuple(i for i, y in enumerate(x.operands) if y in self.needed)

        result = [] if x.packed is None else [x.packed]
        inputs = [*x.operands, operand(ct), *result]
        kept = self._unpack(inputs)
        key = ("step", x.info, wrt, bool(result))
        nodes = nodes_of(key, inputs, lambda: step_graph(x.info.graph, wrt, bool(result)), GRADIENT)
        if not self.create:
            force([y for y in nodes if y.value is None])
            nodes = [leaf(y.value) for y in nodes]
            _forget(kept)
        found = {i: of_node(y) for i, y in zip(wrt, nodes, strict=True)}
        return [found.get(i) for i, _ in enumerate(places)]

    def _at_call(self, call: Call) -> None:
        received: list[Tensor | None] = [None] * call.count
        here = [x for x in self.pending if isinstance(x, Node) and x.call is call]
        for x in [x for x in here if x not in self.ends]:
            received[x.output] = self._sum(x)
            del self.pending[x]
        if all(ct is None for ct in received):
            return
        self.calls.append(call)
        given = call.pull(list(call_before(call.watch, tuple(received))))
        given = list(call_after(call.watch, tuple(given), tuple(received)))
        if anomaly.ANOMALY.enabled:
            anomaly.check_result(call.name(), given, location_of(call.where))
        for y, ct in zip(call.operands, given, strict=True):
            if y is not None and ct is not None:
                self._add(y, ct)

    def _deliver_leaves(self, limit: int) -> None:
        """Leaves that nothing more will come to, with all that came to them in the record."""
        for group in self.leaves.values():
            here = [x for x in group if x in self.pending]
            if here and all(self.last_use.get(x, limit + 1) > limit for x in group):
                total: Any = None
                for x in here:
                    ct = self._sum(x)
                    del self.pending[x]
                    total = ct if total is None else total + ct
                self.deliver(here[0], total)


def _forget(kept: Sequence[Node]) -> None:
    for x in kept:
        x.value = None


def _place(x: Operand) -> int:
    return x.call.serial if isinstance(x, Node) and x.call is not None else x.serial


class passing:
    """The pass under way, as hooks that wait for several gradients want to know it."""

    def __init__(self, reached: Sequence[Operand]) -> None:
        self._nodes = frozenset(x for x in reached if isinstance(x, Node))
        self._leaves = frozenset(
            id(t) for x in reached if isinstance(x, Variable) and (t := x.tensor()) is not None
        )

    def __enter__(self) -> None:
        self._before = PASSING.serial, PASSING.nodes, PASSING.leaves, MODE.enabled
        PASSING.serial += 1
        PASSING.nodes, PASSING.leaves = self._nodes, self._leaves

    def __exit__(self, *exception: object) -> None:
        _, PASSING.nodes, PASSING.leaves, MODE.enabled = self._before
