"""Emit a loop kernel: a nest of counted loops, the innermost one in vectors.

The innermost loop runs over whole vectors, several at a time where the body is short (one
accumulator each, so that sums do not wait for one another), then over the rest under a mask.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from pullback.tracer.ir import Node

from .access import Access, Place
from .assembly import I64, FunctionWriter, Value, constant, lanes, vector
from .body import Body, Env
from .combine import (
    combine_across_lanes,
    combine_next,
    combine_pair,
    continued,
    start_state,
    state_result,
)
from .elements import ELEMENTS, memory_element
from .entry import Site
from .held import Held
from .interleaved import written_together
from .kernel import Affine, Buffer, LoopKernel, Sink, nodes_of_steps
from .positions import Positions
from .records import Window, read_window, read_windows, write_window, written_windows
from .registers import (
    identity,
    keeps_row,
    reduces_in_registers,
    register_depth,
    widest,
)
from .rows import reduce_rows, rows_together
from .split import WHOLE, body_work
from .stretches import Stretch, stretch, turn_stretched, visit_stretched
from .tiles import tile_axis, write_tiles
from .turns import is_even, turns_of
from .vectors import lane_numbers, level

FEW_INSTRUCTIONS = 4
"""Up to so many a loop is quicker where each turn works on two vectors."""


def emit_loops(
    w: FunctionWriter,
    kernel: LoopKernel,
    pointers: dict[Buffer, Value],
    sites: list[Site],
    status: Value,
    vector_bytes: int,
    around: Sequence[Value] = (),
    held: Held | None = None,
) -> None:
    """Write a kernel into a function: to the end of the loops, without the return.

    ``sites`` gets the places where the kernel can fail; it then returns the number of one, counted
    from 1, with what it found in ``status``. ``around`` are the indices of the loops around it.
    """
    access = Access(w, kernel, pointers, held or Held(), list(around))
    Nest(access, Positions(access, sites, status), vector_bytes).emit()


@dataclass(slots=True)
class Row:
    """A place of the loop around the innermost one: what is computed there, and addresses."""

    index: Value
    outer: Env
    bases: dict[tuple[Buffer, Affine], Value]


@dataclass
class Nest:
    """The state of emitting one kernel."""

    access: Access
    positions: Positions
    vector_bytes: int
    outer: Env = field(default_factory=dict)
    accumulators: dict[int, list[list[Value]]] = field(default_factory=dict)
    at_end: bool = False

    @property
    def w(self) -> FunctionWriter:
        """The function being written."""
        return self.access.w

    @property
    def kernel(self) -> LoopKernel:
        """The kernel being written."""
        return self.access.kernel

    @cached_property
    def body(self) -> Body:
        """What writes the steps of the kernel."""
        return Body(self.access, self.positions)

    @cached_property
    def for_nodes(self) -> list[Node]:
        """What each step is written for."""
        return nodes_of_steps(self.kernel)

    @cached_property
    def depth(self) -> int:
        """Number of loops."""
        return len(self.kernel.extents)

    # -- the nest ------------------------------------------------------------------------------

    def emit(self) -> None:
        """Write the whole kernel, within the loops around it."""
        for depth in range(self.kernel.around):
            self.steps_at(depth, self.outer)
        self._level(self.kernel.around)

    def _level(self, depth: int) -> None:
        if depth < self.depth or self.depth == 0:
            self.steps_at(depth, self.outer)
        opened = self._open(depth)
        if self.depth == 0:
            self._sinks(Place(constant(I64, 0), 1), self.outer, 0)
        elif depth == self.depth - 2 and self.rows > 1:
            reduce_rows(self, depth)
        elif depth == self.depth - 2 and self.tiled:
            write_tiles(self, depth)
        elif depth == self.depth - 1:
            self._innermost()
        else:
            self._outer(depth)
        self.access.bases.clear()
        for number in opened:
            self.w.node = self.kernel.sinks[number].node
            self._close(number, depth)
        self.w.node = None

    def _outer(self, depth: int) -> None:
        """A loop that is not the innermost one."""
        found = self._stretch(depth)
        if found is not None:
            visit_stretched(self, depth, found, lambda index: self._at(index, depth))
            return
        with self.counted(0, self.turns_at(depth), 1) as index:
            self._at(index, depth)

    def _at(self, index: Value, depth: int) -> None:
        """What is done at a place of the loop at the depth."""
        self.access.indices.append(index)
        self._level(depth + 1)
        self.access.indices.pop()

    def _stretch(self, depth: int) -> Stretch | None:
        """Where to leave out conditions of a loop: not at the ends of those around it."""
        return None if self.at_end else stretch(self.kernel, depth)

    def turns_at(self, depth: int) -> int | Value:
        return turns_of(self.w, self.kernel, self.access.indices, depth)

    def steps_at(self, depth: int, outer: Env) -> None:
        """The steps that depend on so many loops, all of which are around the innermost one."""
        for i, step in enumerate(self.kernel.steps):
            if step.depth == depth:
                self.w.node = self.for_nodes[i]
                outer[i] = self.body.step(step, Place(constant(I64, 0), 1), outer)
        self.w.node = None

    @contextmanager
    def counted(
        self, start: int | Value, stop: int | Value, step: int, *, empty: bool = False
    ) -> Generator[Value]:
        """A loop that carries every open accumulator; straight-line where there is one turn."""
        if isinstance(start, int) and isinstance(stop, int) and stop - start <= step:
            yield constant(I64, start)
            return
        flat = [v for states in self.accumulators.values() for state in states for v in state]
        with self.w.loop(start, stop, step, flat, empty=empty) as loop:
            self._replace(loop.carried)
            yield loop.index
            loop.carried = [
                v for states in self.accumulators.values() for state in states for v in state
            ]
        if flat:
            self._replace(loop.carried)

    def _replace(self, flat: Sequence[Value]) -> None:
        values = iter(flat)
        for number, states in self.accumulators.items():
            self.accumulators[number] = [[next(values) for _ in state] for state in states]

    # -- the innermost loop --------------------------------------------------------------------

    def _innermost(self) -> None:
        self.access.hoist_bases()
        width, unroll = self.width, self.unroll
        if self.written_out:
            for copy in range(unroll):
                self.turn(self._part(copy), copy, self.outer)
            return
        extent, block = self.turns_at(self.depth - 1), width * unroll
        found = self._stretch(self.depth - 1)
        if found is not None and turn_stretched(self, found, extent, block):
            return
        masked = self._masked_throughout or self.at_end
        full = 0 if masked else self._whole_blocks(extent, block)
        if full:
            self.blocks(0, full, block)
        self.rest(full, extent, lambda place: self.turn(place, 0, self.outer))

    def blocks(
        self, start: int | Value, stop: int | Value, block: int, *, empty: bool = False
    ) -> None:
        """The innermost loop over whole blocks of vectors."""
        with self.counted(start, stop, block, empty=empty) as index:
            for copy in range(block // self.width):
                at = self.w.add_index(index, copy * self.width) if copy else index
                self.turn(Place(at, self.width), copy, self.outer)

    def row(self, depth: int, index: Value) -> Row:
        """What a place of the loop at the depth, that around the innermost one, has of its own."""
        self.access.indices.append(index)
        outer = dict(self.outer)
        self.steps_at(depth + 1, outer)
        self.access.hoist_bases()
        bases = self.access.bases
        self.access.bases = {}
        self.access.indices.pop()
        return Row(index, outer, bases)

    def turns(self, turn: Callable[[Place], None]) -> None:
        """The innermost loop, a vector at a time."""
        full = self.kernel.extents[-1] // self.width * self.width
        with self.counted(0, full, self.width) as index:
            turn(Place(index, self.width))
        self.rest(full, self.kernel.extents[-1], turn)

    def rest(self, start: int | Value, extent: int | Value, turn: Callable[[Place], None]) -> None:
        """What is left over of the innermost loop, the last of it under a mask."""
        width = self.width
        if start == extent:
            return
        with self.counted(start, extent, width) as index:
            uneven = isinstance(extent, Value) or extent % width
            mask = self.lane_mask(index, extent, width) if uneven else None
            turn(Place(index, width, mask, extent))

    def _whole_blocks(self, extent: int | Value, block: int) -> int | Value:
        """The turns that make whole blocks; a part has at least one, a strip may have none."""
        if isinstance(extent, int):
            return extent - extent % block
        assert block <= WHOLE, "a part may be shorter"
        assert self.depth < 3, "a strip may be shorter"
        assert block & (block - 1) == 0, "no power of two"
        return self.w.op("and", extent, constant(I64, -block))

    @cached_property
    def width(self) -> int:
        """Lanes of the innermost loop's vectors."""
        if self.kernel.sequential or not self.kernel.extents:
            return 1
        width = self.vector_bytes // widest(self.kernel)
        while width // 2 >= self.kernel.extents[-1]:
            width //= 2
        return width

    @cached_property
    def written_out(self) -> bool:
        """Whether the innermost loop is no loop, since reductions keep what is along it."""
        return any(keeps_row(self.kernel, sink) for sink in self.kernel.sinks)

    @cached_property
    def tiled(self) -> bool:
        """Whether what is read across the innermost loop is read in tiles."""
        square = self.width > 1 and min(self.kernel.extents[-2:]) >= self.width
        square = square and self._has_rows
        axis = tile_axis(self.kernel, self.depth - 1)
        return square and not self.kernel.sequential and axis == self.depth - 2

    @cached_property
    def read_windows(self) -> dict[int, Window]:
        """What is read as records: the window of each step that is part of one."""
        return read_windows(self.kernel, self.width)

    @cached_property
    def written_windows(self) -> dict[int, Window]:
        """What is written as records: the window of each sink that is part of one."""
        return written_windows(self.kernel, self.width)

    @cached_property
    def written_together(self) -> list[tuple[int, ...]]:
        """Interleaved values that are written, by the numbers of their sinks."""
        return written_together(self.kernel)

    @cached_property
    def places(self) -> str:
        """The type in which places along the innermost loop are counted."""
        return I64 if widest(self.kernel) > 4 else "i32"

    @cached_property
    def rows(self) -> int:
        """How many places of the loop around the innermost one are worked on together."""
        return rows_together(self.kernel, self.width) if self._has_rows else 1

    @property
    def _has_rows(self) -> bool:
        """Whether the loop around the innermost one is the kernel's, always of as many turns."""
        around = self.depth - 2
        return around >= self.kernel.around and is_even(self.kernel, around)

    @cached_property
    def unroll(self) -> int:
        """How many vectors a turn of the innermost loop works on.

        Sums need several at a time, as each waits for the last; processors find other work in the
        next turns by themselves.
        """
        if self.written_out:
            return -(-self.kernel.extents[-1] // self.width)
        cost, kinds = body_work(self.kernel), {sink.kind for sink in self.kernel.sinks}
        if not kinds <= {"store", "reduce"}:
            return 1
        wanted = 4 if cost <= 12 else 2 if cost <= 24 else 1
        if "reduce" not in kinds:
            wanted = 2 if cost <= FEW_INSTRUCTIONS else 1
        return max(1, min(wanted, self.kernel.extents[-1] // self.width))

    @property
    def _masked_throughout(self) -> bool:
        """Whether a body is written once, under a mask, rather than again for the rest.

        That is so if it is long, and for rows that a strip may have few of.
        """
        even = is_even(self.kernel, self.depth - 1)
        if even and self.kernel.extents[-1] % self.width == 0:
            return False
        return body_work(self.kernel) > 24 or not (even or self.kernel.around < 2)

    def parts(self) -> Iterator[Place]:
        """The vectors of an innermost loop that is written out, one after the other."""
        return map(self._part, range(-(-self.kernel.extents[-1] // self.width)))

    def _part(self, copy: int) -> Place:
        """A vector of an innermost loop that is written out."""
        extent, width = self.kernel.extents[-1], self.width
        at = constant(I64, copy * width)
        inside = (copy + 1) * width <= extent
        return Place(at, width, None if inside else self.lane_mask(at, extent, width), extent)

    def lane_mask(self, index: Value, extent: int | Value, width: int) -> Value | None:
        if width == 1:
            return None
        numbers = lane_numbers(self.w, index, 1, width)
        if isinstance(extent, Value):
            return self.w.compare("ult", numbers, self.w.splat(extent, width))
        return self.w.compare("ult", numbers, constant(numbers.type, extent))

    def turn(self, place: Place, copy: int, outer: Env) -> None:
        """One turn of the innermost loop, given what is computed outside of it."""
        env = dict(outer)
        self.access.spans.clear()
        whole = place.mask is None and place.width == self.width
        for i, step in enumerate(self.kernel.steps):
            if step.depth == self.depth and i not in env:
                self.w.node = self.for_nodes[i]
                if whole and i in self.read_windows:
                    env.update(read_window(self, self.read_windows[i], place))
                else:
                    env[i] = self.body.step(step, place, env)
        self._sinks(place, env, copy)
        self.w.node = None

    # -- sinks -----------------------------------------------------------------------------------

    def _sinks(self, place: Place, env: Env, copy: int) -> None:
        together = self._write_together(place, env) if place.width > 1 else set()
        for number, sink in enumerate(self.kernel.sinks):
            if number in together:
                continue
            self.w.node = sink.node
            value = self._lanes_of(sink, place, env)
            match sink.kind:
                case "store":
                    self._store(sink, sink.index, value, place)
                case "reduce":
                    self._reduce(number, sink, value, place, copy)
                case "scan":
                    self._scan(number, sink, value, place, env)
                case "scatter":
                    self._scatter(sink, value, place, env)

    def _lanes_of(self, sink: Sink, place: Place, env: Env) -> Value:
        value = env[sink.step]
        if place.width > 1 and lanes(value.type) == 1:
            return self.w.splat(value, place.width)
        return value

    def _write_together(self, place: Place, env: Env) -> set[int]:
        """Write what is interleaved, and whole records; gives the numbers of these sinks."""
        written: set[int] = set()
        if place.mask is None and place.width == self.width:
            for window in {id(x): x for x in self.written_windows.values()}.values():
                inside = window.fields.values()
                self.w.node = self.kernel.sinks[next(iter(inside))].node
                fields = {n: self._lanes_of(self.kernel.sinks[n], place, env) for n in inside}
                write_window(self, window, place, fields)
                written.update(inside)
        for numbers in self.written_together:
            sinks = [self.kernel.sinks[number] for number in numbers]
            first = sinks[0]
            if first.buffer not in self.access.held.buffers:
                self.w.node = first.node
                values = [self._lanes_of(sink, place, env) for sink in sinks]
                self.access.write_all(first.buffer, first.index, values, place)
                written.update(numbers)
        return written

    def _store(self, sink: Sink, index: Affine, value: Value, place: Place) -> None:
        held = self.access.held
        if sink.buffer in held.buffers:
            held.values[sink.buffer, index.offset] = value
            if sink.buffer not in self.access.pointers:
                return
        stride = index.coefs[-1] if index.coefs else 0
        pointer = self.access.address(sink.buffer, index, place)
        self.access.write(sink.buffer, pointer, stride, value, place)

    def _reduce(self, number: int, sink: Sink, value: Value, place: Place, copy: int) -> None:
        w, name = self.w, sink.node.primitive.name
        if not sink.axes:
            result = constant(I64, 0) if name in ("argmax", "argmin") else value
            if lanes(result.type) < place.width:
                result = w.splat(result, place.width)
            return self._store(sink, sink.index, result, place)
        if number not in self.accumulators:
            return self._reduce_in_memory(sink, value, place)
        new = [value]
        if name in ("argmax", "argmin"):
            at = place.index
            if self.places != I64:
                at = w.cast("trunc", at, self.places)
            new.append(lane_numbers(self.w, at, 1, place.width))
        old = self.accumulators[number][copy]
        merged = combine_next(w, sink.node, old, new)
        if place.mask is not None:
            merged = [w.select(place.mask, a, b) for a, b in zip(merged, old, strict=True)]
        self.accumulators[number][copy] = merged
        return None

    def _reduce_in_memory(self, sink: Sink, value: Value, place: Place) -> None:
        """The innermost index is kept: combine with what the memory holds for it."""
        stride = sink.index.coefs[-1] if sink.index.coefs else 0
        pointer = self.access.address(sink.buffer, sink.index, place)
        old = self.access.read(sink.buffer, pointer, stride, place, None)
        (merged,) = combine_pair(self.w, sink.node, [old], [value])
        self.access.write(sink.buffer, pointer, stride, merged, place)

    def _open(self, depth: int) -> list[int]:
        """Start the accumulators that live within the loops from this depth on."""
        opened = []
        width, unroll = (self.width, self.unroll) if self.depth else (1, 1)
        for number, sink in enumerate(self.kernel.sinks):
            if sink.kind == "reduce" and sink.axes:
                at = register_depth(self.kernel, sink)
                if at != depth or at == self.depth or self.rows > 1:
                    continue
                kind = ELEMENTS[sink.node.operands[0].type.dtype]
                first = identity(sink.node.primitive.name, sink.node.operands[0].type.dtype)
                name, type = sink.node.primitive.name, vector(kind, width)
                state = start_state(name, type, first, self.places)
                self.accumulators[number] = [list(state) for _ in range(unroll)]
                opened.append(number)
            if sink.kind == "scan" and self.kernel.sequential and depth == self.depth - 1:
                kind = ELEMENTS[sink.node.type.dtype]
                first = identity(sink.node.primitive.name, sink.node.type.dtype)
                self.accumulators[number] = [[constant(kind, first)]]
                opened.append(number)
        return opened

    def _close(self, number: int, depth: int) -> None:
        """Combine the accumulators to one value and write it."""
        w, sink = self.w, self.kernel.sinks[number]
        states = self.accumulators.pop(number)
        if sink.kind == "scan":
            return
        name = sink.node.primitive.name
        if keeps_row(self.kernel, sink):
            for copy, (merged,) in enumerate(states):
                self._write_reduced(sink, merged, self._part(copy))
            return
        total = states[0]
        for state in states[1:]:
            total = combine_pair(w, sink.node, total, state)
        result = state_result(w, name, combine_across_lanes(w, sink.node, total))
        self._write_reduced(sink, result, Place(constant(I64, 0), 1))

    def _write_reduced(self, sink: Sink, result: Value, place: Place) -> None:
        """Write what a reduction has come to, together with what the memory holds already."""
        stride = sink.index.coefs[-1] if place.width > 1 else 0
        pointer = self.access.address(sink.buffer, sink.index, place)
        if not reduces_in_registers(self.kernel, sink):
            old = self.access.read(sink.buffer, pointer, stride, place, None)
            (result,) = combine_pair(self.w, sink.node, [old], [result])
        self.access.write(sink.buffer, pointer, stride, result, place)

    def _scan(self, number: int, sink: Sink, value: Value, place: Place, env: Env) -> None:
        w = self.w
        if not sink.axes:
            return self._store(sink, sink.index, value, place)
        factor = None if sink.factor is None else env[sink.factor]
        (axis,) = sink.axes
        if self.kernel.sequential:
            if factor is not None:
                later = w.compare("ne", place.index, constant(I64, 0))
                factor = w.select(later, factor, constant(factor.type, 0))
            (old,) = self.accumulators[number][0]
            total = continued(w, sink.node, old, value, factor)
            self.accumulators[number][0] = [total]
            return self._store(sink, sink.index, total, place)
        stride = sink.index.coefs[-1]
        pointer = self.access.address(sink.buffer, sink.index, place)
        before = w.address(pointer, -sink.index.coefs[axis], memory_element(sink.buffer.type.dtype))
        later = w.compare("ne", self.access.indices[axis], constant(I64, 0))
        old = self.access.read(sink.buffer, before, stride, place, later)
        if factor is not None:
            factor = level(w, factor, value)[0]
        total = continued(w, sink.node, old, value, factor)
        total = w.select(*level(w, later, total, value))
        self.access.write(sink.buffer, pointer, stride, total, place)
        return None

    def _scatter(self, sink: Sink, value: Value, place: Place, env: Env) -> None:
        w = self.w
        target = sink.node.type
        indices = [env[i] for i in sink.indices]
        offset = self.positions.place_in(sink.node, target.shape, indices, place, None)
        pointer = self.access.address(sink.buffer, sink.index, place)
        pointer = w.address(pointer, offset, memory_element(target.dtype))
        stride = sink.index.coefs[-1] if sink.index.coefs else 0
        if sink.node.primitive.name == "scatter_add":
            old = self.access.read(sink.buffer, pointer, stride, place, None)
            value = combine_pair(w, sink.node, [old], [value])[0]
        self.access.write(sink.buffer, pointer, stride, value, place)
