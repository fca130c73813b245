"""Emit a loop kernel: a nest of counted loops, the innermost one in vectors.

The innermost loop runs over whole vectors, several at a time where the body is short (one
accumulator each, so that sums do not wait for one another), then over the rest under a mask.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from pullback.tracer.ir import Node
from pullback.tracer.types import BOOL

from .assembly import (
    I1,
    I64,
    PTR,
    FunctionWriter,
    Loop,
    Value,
    constant,
    element,
    intrinsic_suffix,
    lanes,
    like,
    vector,
)
from .bufferize import identity, reduces_in_registers, register_depth
from .combine import combine_across_lanes, combine_pair, combiner, start_state, state_result
from .entry import Site
from .fuse import weight
from .kernel import Affine, Buffer, Condition, LoopKernel, Sink, Step
from .math import sincos
from .scalar import ELEMENTS, convert, literal_value, lower, memory_element

Env = dict[int, Value]


@dataclass(slots=True)
class Place:
    """One turn of the innermost loop: its index, its lanes, and which of them count."""

    index: Value
    width: int
    mask: Value | None = None


SINE_AND_COSINE = ("sin", "cos")


def _applies(step: Step, name: str) -> bool:
    return step.kind == "apply" and step.node.primitive.name == name


@dataclass
class Nest:
    """The state of emitting one kernel."""

    w: FunctionWriter
    kernel: LoopKernel
    pointers: dict[Buffer, Value]
    sites: list[Site]
    status: Value
    vector_bytes: int
    indices: list[Value] = field(default_factory=list)
    outer: Env = field(default_factory=dict)
    bases: dict[tuple[Buffer, Affine], Value] = field(default_factory=dict)
    accumulators: dict[int, list[list[Value]]] = field(default_factory=dict)
    turned: dict[Value, tuple[Value, Value]] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        """Number of loops."""
        return len(self.kernel.extents)

    # -- the nest ------------------------------------------------------------------------------

    def emit(self) -> None:
        """Write the whole kernel."""
        self._level(0)

    def _level(self, depth: int) -> None:
        scalar = Place(constant(I64, 0), 1)
        for i, step in enumerate(self.kernel.steps):
            if step.depth == depth and (depth < self.depth or self.depth == 0):
                self.outer[i] = self._step(step, scalar, self.outer)
        opened = self._open(depth)
        if self.depth == 0:
            self._sinks(scalar, self.outer, 0)
        elif depth == self.depth - 1:
            self._innermost()
        else:
            with self._counted(0, self.kernel.extents[depth], 1) as index:
                self.indices.append(index)
                self._level(depth + 1)
                self.indices.pop()
        self.bases.clear()
        for number in opened:
            self._close(number, depth)

    @contextmanager
    def _counted(self, start: int, stop: int, step: int) -> Generator[Value]:
        """A loop that carries every open accumulator; straight-line where there is one turn."""
        if stop - start <= step:
            yield constant(I64, start)
            return
        flat = [v for states in self.accumulators.values() for state in states for v in state]
        with self.w.loop(start, stop, step, flat) as loop:
            self._replace(loop.carried)
            yield loop.index
            loop.carried = [
                v for states in self.accumulators.values() for state in states for v in state
            ]
        self._replace(_after(loop, flat))

    def _replace(self, flat: Sequence[Value]) -> None:
        values = iter(flat)
        for number, states in self.accumulators.items():
            self.accumulators[number] = [[next(values) for _ in state] for state in states]

    # -- the innermost loop --------------------------------------------------------------------

    def _innermost(self) -> None:
        extent = self.kernel.extents[-1]
        self._hoist_bases()
        width = self.width
        unroll = self.unroll
        block = width * unroll
        full = 0 if self._masked_throughout else extent - extent % block
        if full:
            with self._counted(0, full, block) as index:
                for copy in range(unroll):
                    at = self.w.add_index(index, copy * width) if copy else index
                    self._turn(Place(at, width), copy)
        if full == extent:
            return
        with self._counted(full, extent, width) as index:
            mask = self._lane_mask(index, extent, width) if extent % width else None
            self._turn(Place(index, width, mask), 0)

    def _hoist_bases(self) -> None:
        """Compute outside the innermost loop what of each address does not depend on it."""
        self.bases.clear()
        accesses = [(s.buffer, s.index) for s in self.kernel.steps if s.depth == self.depth]
        accesses += [(s.buffer, s.index) for s in self.kernel.sinks]
        for buffer, index in accesses:
            if buffer is not None and index is not None:
                key = (buffer, Affine(index.offset, index.coefs[:-1]))
                self.bases[key] = self._base(buffer, index)

    @property
    def width(self) -> int:
        """Lanes of the innermost loop's vectors."""
        if self.kernel.sequential or not self.kernel.extents:
            return 1
        widest = 4
        for step in self.kernel.steps:
            if step.depth == self.depth:
                size = 8 if step.kind == "gather" else step.node.type.dtype.itemsize
                widest = max(widest, size)
        for sink in self.kernel.sinks:
            widest = max(widest, sink.node.type.dtype.itemsize)
        width = self.vector_bytes // widest
        while width // 2 >= self.kernel.extents[-1]:
            width //= 2
        return width

    @property
    def unroll(self) -> int:
        """How many vectors a turn of the innermost loop works on."""
        cost = self._body_cost
        wanted = 4 if cost <= 12 else 2 if cost <= 24 else 1
        plain = all(s.kind in ("store", "reduce") for s in self.kernel.sinks)
        turns = self.kernel.extents[-1] // self.width
        return max(1, min(wanted, turns)) if plain else 1

    @property
    def _body_cost(self) -> int:
        """Instructions of the innermost body, roughly."""
        inner = [s for s in self.kernel.steps if s.depth == self.depth]
        cost = sum(weight(s.node) if s.kind == "apply" else 1 for s in inner)
        return cost + 20 * sum(s.kind == "gather" for s in inner)

    @property
    def _masked_throughout(self) -> bool:
        """Whether a long body is written once, under a mask, rather than again for the rest."""
        return self._body_cost > 24 and self.kernel.extents[-1] % self.width != 0

    def _lane_mask(self, index: Value, extent: int, width: int) -> Value | None:
        if width == 1:
            return None
        numbers = self._lane_numbers(index, 1, width)
        return self.w.compare("ult", numbers, constant(numbers.type, extent))

    def _lane_numbers(self, first: Value, step: int, width: int) -> Value:
        """``first + lane * step`` in every lane."""
        type = vector(I64, width)
        if width == 1:
            return first
        steps = Value(type, "<" + ", ".join(f"i64 {k * step}" for k in range(width)) + ">")
        return self.w.op("add", self.w.splat(first, width), steps)

    def _turn(self, place: Place, copy: int) -> None:
        env = dict(self.outer)
        for i, step in enumerate(self.kernel.steps):
            if step.depth == self.depth:
                env[i] = self._step(step, place, env)
        self._sinks(place, env, copy)

    # -- steps -----------------------------------------------------------------------------------

    def _step(self, step: Step, place: Place, env: Env) -> Value:
        w = self.w
        match step.kind:
            case "literal":
                return literal_value(step.node)
            case "load":
                assert step.index is not None
                return self._load(step, step.index, place)
            case "iota":
                assert step.index is not None
                number = self._row(step.index, place)
                return convert_index(w, number, ELEMENTS[step.node.type.dtype])
            case "select":
                inside, outside = (env[i] for i in step.operands)
                condition = self._condition(step.mask, place)
                if condition is None:
                    return inside
                return self._select(condition, inside, outside)
            case "gather":
                return self._gather(step, place, env)
            case "combine":
                pair = [[env[i]] for i in step.operands]
                return combine_pair(w, combiner(step.node), *pair)[0]
        if step.node.primitive.name in SINE_AND_COSINE and step.operands[0] in self.angles:
            return self._sine_or_cosine(step, env[step.operands[0]])
        return lower(w, step.node, [env[i] for i in step.operands])

    @cached_property
    def angles(self) -> set[int]:
        """The steps of which both sine and cosine are wanted: for little more than one of them."""
        of = {
            name: {s.operands[0] for s in self.kernel.steps if _applies(s, name)}
            for name in SINE_AND_COSINE
        }
        return of["sin"] & of["cos"]

    def _sine_or_cosine(self, step: Step, angle: Value) -> Value:
        both = self.turned.get(angle)
        if both is None:
            both = self.turned[angle] = sincos(self.w, angle)
        return both[SINE_AND_COSINE.index(step.node.primitive.name)]

    def _select(self, condition: Value, yes: Value, no: Value) -> Value:
        width = max(lanes(condition.type), lanes(yes.type), lanes(no.type))
        condition, yes, no = (
            self.w.splat(x, width) if lanes(x.type) < width else x for x in (condition, yes, no)
        )
        return self.w.select(condition, yes, no)

    def _row(self, row: Affine, place: Place) -> Value:
        """An affine function of the indices; a vector where the innermost one takes part."""
        w = self.w
        total = constant(I64, row.offset)
        inner = row.coefs[-1] if row.coefs else 0
        for index, coef in zip(self.indices, row.coefs, strict=False):
            total = w.add_index(w.scale_index(index, coef), total)
        if not inner:
            return total
        total = w.add_index(w.scale_index(place.index, inner), total)
        return self._lane_numbers(total, inner, place.width)

    def _condition(self, mask: tuple[Condition, ...], place: Place) -> Value | None:
        """Where all of the conditions hold: scalar, or by lane."""
        result: Value | None = None
        for row, extent in mask:
            number = self._row(row, place)
            holds = self.w.compare("ult", number, constant(number.type, extent))
            result = holds if result is None else self._both(result, holds)
        return result

    def _both(self, a: Value, b: Value) -> Value:
        width = max(lanes(a.type), lanes(b.type))
        a, b = (self.w.splat(x, width) if lanes(x.type) < width else x for x in (a, b))
        return self.w.op("and", a, b)

    def _base(self, buffer: Buffer, index: Affine) -> Value:
        """The address of an access without the innermost index's part."""
        row = Affine(index.offset, index.coefs[:-1])
        key = (buffer, row)
        known = self.bases.get(key)
        w = self.w
        if known is not None:
            return known
        total = constant(I64, row.offset)
        for loop_index, coef in zip(self.indices, row.coefs, strict=False):
            total = w.add_index(w.scale_index(loop_index, coef), total)
        return w.address(self.pointers[buffer], total, memory_element(buffer.type.dtype))

    def _address(self, buffer: Buffer, index: Affine, place: Place) -> Value:
        inner = index.coefs[-1] if index.coefs else 0
        start = self._base(buffer, index)
        return self.w.address(
            start, self.w.scale_index(place.index, inner), memory_element(buffer.type.dtype)
        )

    def _load(self, step: Step, index: Affine, place: Place) -> Value:
        assert step.buffer is not None
        condition = self._condition(step.mask, place)
        pointer = self._address(step.buffer, index, place)
        inner = index.coefs[-1] if index.coefs and step.depth == self.depth else 0
        return self._read(step.buffer, pointer, inner, place, condition)

    def _read(
        self, buffer: Buffer, pointer: Value, stride: int, place: Place, condition: Value | None
    ) -> Value:
        """Elements from ``pointer`` on, a lane each, ``stride`` apart; zeros where masked out."""
        w = self.w
        kind = memory_element(buffer.type.dtype)
        size = buffer.type.dtype.itemsize
        width = place.width if stride else 1
        if condition is not None and lanes(condition.type) > 1:
            width = place.width
        mask = self._mask(condition, place, width)
        if width == 1:
            value = self._read_one(kind, pointer, size, condition)
        elif stride == 1 and mask is None:
            value = w.load(vector(kind, width), pointer, size)
        elif stride == -1 and mask is None:
            first = w.address(pointer, -(width - 1), kind)
            value = reverse(w, w.load(vector(kind, width), first, size))
        elif stride == 1:
            value = masked_load(w, vector(kind, width), pointer, size, mask)
        else:
            pointers = self._lane_pointers(pointer, kind, stride, width)
            value = masked_gather(w, vector(kind, width), pointers, size, mask)
        return self._from_memory(value, buffer)

    def _mask(self, condition: Value | None, place: Place, width: int) -> Value | None:
        if width == 1:
            return None
        if condition is None:
            return place.mask
        if place.mask is not None:
            return self._both(condition, place.mask)
        return self.w.splat(condition, width) if lanes(condition.type) == 1 else condition

    def _read_one(self, kind: str, pointer: Value, size: int, condition: Value | None) -> Value:
        if condition is None:
            return self.w.load(kind, pointer, size)
        zero = self.w.alloca(kind)
        self.w.store(constant(kind, 0), zero, size)
        return self.w.load(kind, self.w.select(condition, pointer, zero), size)

    def _from_memory(self, value: Value, buffer: Buffer) -> Value:
        if buffer.type.dtype == BOOL:
            return self.w.compare("ne", value, constant(value.type, 0))
        return value

    def _to_memory(self, value: Value, buffer: Buffer) -> Value:
        if buffer.type.dtype == BOOL:
            return self.w.cast("zext", value, like(value.type, "i8"))
        return value

    def _lane_pointers(self, pointer: Value, kind: str, stride: int, width: int) -> Value:
        numbers = self._lane_numbers(constant(I64, 0), stride, width)
        type = vector(PTR, width)
        return self.w.make(type, f"getelementptr {kind}, {pointer}, {numbers}")

    # -- gather and scatter ----------------------------------------------------------------------

    def _gather(self, step: Step, place: Place, env: Env) -> Value:
        assert step.buffer is not None
        assert step.index is not None
        table = step.node.operands[0].type
        condition = self._condition(step.mask, place)
        offset = self._place_in(
            step.node, table.shape, [env[i] for i in step.operands], place, condition
        )
        pointer = self._address(step.buffer, step.index, place)
        kind, size = memory_element(table.dtype), table.dtype.itemsize
        if lanes(offset.type) == 1:
            pointer = self.w.address(pointer, offset, kind)
            inner = step.index.coefs[-1] if step.index.coefs and step.depth == self.depth else 0
            return self._read(step.buffer, pointer, inner, place, condition)
        inner = step.index.coefs[-1] if step.index.coefs else 0
        if inner:
            offset = self.w.op(
                "add", offset, self._lane_numbers(constant(I64, 0), inner, place.width)
            )
        type = vector(PTR, place.width)
        pointers = self.w.make(type, f"getelementptr {kind}, {pointer}, {offset}")
        mask = self._mask(condition, place, place.width)
        value = masked_gather(self.w, vector(kind, place.width), pointers, size, mask)
        return self._from_memory(value, step.buffer)

    def _place_in(
        self,
        node: Node,
        shape: tuple[int, ...],
        indices: Sequence[Value],
        place: Place,
        condition: Value | None,
    ) -> Value:
        """The offset in elements that checked indices address; scalar if all of them are."""
        w = self.w
        strides = [1] * len(shape)
        for axis in range(len(shape) - 2, -1, -1):
            strides[axis] = strides[axis + 1] * shape[axis + 1]
        total: Value | None = None
        for axis, index in enumerate(indices):
            wide = convert(w, index, I64)
            extent = constant(wide.type, shape[axis])
            negative = w.compare("slt", wide, constant(wide.type, 0))
            number = w.select(negative, w.op("add", wide, extent), wide)
            self._check(node, axis, shape[axis], number, wide, extent, place, condition)
            part = w.op("mul", number, constant(number.type, strides[axis]))
            total = part if total is None else self._sum(total, part)
        assert total is not None
        return total

    def _sum(self, a: Value, b: Value) -> Value:
        width = max(lanes(a.type), lanes(b.type))
        a, b = (self.w.splat(x, width) if lanes(x.type) < width else x for x in (a, b))
        return self.w.op("add", a, b)

    def _check(
        self,
        node: Node,
        axis: int,
        size: int,
        number: Value,
        given: Value,
        extent: Value,
        place: Place,
        condition: Value | None,
    ) -> None:
        """Leave the kernel with the number of the error site where an index is out of range."""
        w = self.w
        bad = w.compare("uge", number, extent)
        if condition is not None:
            bad = self._both(bad, condition)
        if place.mask is not None and lanes(bad.type) > 1:
            bad = self._both(bad, place.mask)
        failed, fine = w.label("failed"), w.label("fine")
        if lanes(bad.type) > 1:
            any_bad = w.call(f"llvm.vector.reduce.or.{intrinsic_suffix(bad.type)}", I1, [bad])
        else:
            any_bad = bad
        w.branch(any_bad, failed, fine)
        w.start_block(failed)
        if lanes(bad.type) > 1:
            given = w.splat(given, lanes(bad.type)) if lanes(given.type) == 1 else given
            bits = w.cast("bitcast", bad, f"i{lanes(bad.type)}")
            no = Value(I1, "false")
            lane = w.call(f"llvm.cttz.{bits.type}", bits.type, [bits, no])
            lane = w.cast("zext", lane, I64) if bits.type != I64 else lane
            given = w.make(I64, f"extractelement {given}, {lane}")
        w.store(given, self.status, 8)
        where = f" at {node.where}" if node.where is not None else ""
        self.sites.append(
            Site(
                f"index {{0}} is out of bounds for axis {axis} with size {size}{where}",
                "IndexError",
            )
        )
        w.ret(constant(I64, len(self.sites)))
        w.start_block(fine)

    # -- sinks -----------------------------------------------------------------------------------

    def _sinks(self, place: Place, env: Env, copy: int) -> None:
        for number, sink in enumerate(self.kernel.sinks):
            value = env[sink.step]
            if place.width > 1 and lanes(value.type) == 1:
                value = self.w.splat(value, place.width)
            match sink.kind:
                case "store":
                    self._store(sink, sink.index, value, place)
                case "reduce":
                    self._reduce(number, sink, value, place, copy)
                case "scan":
                    self._scan(number, sink, value, place)
                case "scatter":
                    self._scatter(sink, value, place, env)

    def _store(self, sink: Sink, index: Affine, value: Value, place: Place) -> None:
        stride = index.coefs[-1] if index.coefs else 0
        pointer = self._address(sink.buffer, index, place)
        self._write(sink.buffer, pointer, stride, value, place)

    def _write(
        self, buffer: Buffer, pointer: Value, stride: int, value: Value, place: Place
    ) -> None:
        w = self.w
        kind, size = memory_element(buffer.type.dtype), buffer.type.dtype.itemsize
        value = self._to_memory(value, buffer)
        if place.width == 1 or (stride == 1 and place.mask is None):
            w.store(value, pointer, size)
        elif stride == 1:
            assert place.mask is not None
            masked_store(w, value, pointer, size, place.mask)
        else:
            pointers = self._lane_pointers(pointer, kind, stride, place.width)
            masked_scatter(w, value, pointers, size, place.mask)

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
            new.append(self._lane_numbers(place.index, 1, place.width))
        old = self.accumulators[number][copy]
        merged = combine_pair(w, name, old, new)
        if place.mask is not None:
            merged = [w.select(place.mask, a, b) for a, b in zip(merged, old, strict=True)]
        self.accumulators[number][copy] = merged
        return None

    def _reduce_in_memory(self, sink: Sink, value: Value, place: Place) -> None:
        """The innermost index is kept: combine with what the memory holds for it."""
        stride = sink.index.coefs[-1] if sink.index.coefs else 0
        pointer = self._address(sink.buffer, sink.index, place)
        old = self._read(sink.buffer, pointer, stride, place, None)
        (merged,) = combine_pair(self.w, sink.node.primitive.name, [old], [value])
        self._write(sink.buffer, pointer, stride, merged, place)

    def _open(self, depth: int) -> list[int]:
        """Start the accumulators that live within the loops from this depth on."""
        opened = []
        width, unroll = (self.width, self.unroll) if self.depth else (1, 1)
        for number, sink in enumerate(self.kernel.sinks):
            if sink.kind == "reduce" and sink.axes:
                at = register_depth(self.kernel, sink)
                if at != depth or at == self.depth:
                    continue
                kind = ELEMENTS[sink.node.operands[0].type.dtype]
                first = identity(sink.node.primitive.name, sink.node.operands[0].type.dtype)
                state = start_state(sink.node.primitive.name, vector(kind, width), first)
                self.accumulators[number] = [list(state) for _ in range(unroll)]
                opened.append(number)
            if sink.kind == "scan" and self.kernel.sequential and depth == self.depth - 1:
                kind = ELEMENTS[sink.node.type.dtype]
                first = identity("reduce_sum", sink.node.type.dtype)
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
        total = states[0]
        for state in states[1:]:
            total = combine_pair(w, name, total, state)
        result = state_result(name, combine_across_lanes(w, name, total))
        place = Place(constant(I64, 0), 1)
        pointer = self._address(sink.buffer, sink.index, place)
        if not reduces_in_registers(self.kernel, sink):
            old = self._read(sink.buffer, pointer, 0, place, None)
            (result,) = combine_pair(w, name, [old], [result])
        self._write(sink.buffer, pointer, 0, result, place)

    def _scan(self, number: int, sink: Sink, value: Value, place: Place) -> None:
        w = self.w
        if not sink.axes:
            return self._store(sink, sink.index, value, place)
        add = "fadd" if element(value.type) in ("double", "float") else "add"
        if self.kernel.sequential:
            (old,) = self.accumulators[number][0]
            total = w.op(add, old, value)
            self.accumulators[number][0] = [total]
            return self._store(sink, sink.index, total, place)
        (axis,) = sink.axes
        stride = sink.index.coefs[-1]
        pointer = self._address(sink.buffer, sink.index, place)
        before = w.address(pointer, -sink.index.coefs[axis], memory_element(sink.buffer.type.dtype))
        later = w.compare("ne", self.indices[axis], constant(I64, 0))
        old = self._read(sink.buffer, before, stride, place, later)
        total = self._select(later, w.op(add, old, value), value)
        self._write(sink.buffer, pointer, stride, total, place)
        return None

    def _scatter(self, sink: Sink, value: Value, place: Place, env: Env) -> None:
        w = self.w
        target = sink.node.type
        indices = [env[i] for i in sink.indices]
        offset = self._place_in(sink.node, target.shape, indices, place, None)
        pointer = self._address(sink.buffer, sink.index, place)
        pointer = w.address(pointer, offset, memory_element(target.dtype))
        stride = sink.index.coefs[-1] if sink.index.coefs else 0
        if sink.node.primitive.name == "scatter_add":
            old = self._read(sink.buffer, pointer, stride, place, None)
            value = combine_pair(w, "reduce_sum", [old], [value])[0]
        self._write(sink.buffer, pointer, stride, value, place)


def _after(loop: Loop, flat: Sequence[Value]) -> list[Value]:
    """The carried values as seen after the loop."""
    return loop.carried if flat else []


def convert_index(w: FunctionWriter, number: Value, target: str) -> Value:
    """An index as a value of an element type."""
    return convert(w, number, target)


def reverse(w: FunctionWriter, x: Value) -> Value:
    """The lanes in the opposite order."""
    order = ", ".join(f"i32 {k}" for k in reversed(range(lanes(x.type))))
    return w.make(x.type, f"shufflevector {x}, {x.type} poison, <{lanes(x.type)} x i32> <{order}>")


def _all_lanes(type: str) -> Value:
    return constant(like(type, I1), True)


def masked_load(
    w: FunctionWriter, type: str, pointer: Value, align: int, mask: Value | None
) -> Value:
    """Contiguous lanes; zeros where the mask is false, and no access there."""
    mask = mask or _all_lanes(type)
    suffix = intrinsic_suffix(type)
    arguments = [pointer, constant("i32", align), mask, constant(type, 0)]
    return w.call(f"llvm.masked.load.{suffix}.p0", type, arguments)


def masked_store(w: FunctionWriter, value: Value, pointer: Value, align: int, mask: Value) -> None:
    """Write the lanes for which the mask is true."""
    suffix = intrinsic_suffix(value.type)
    arguments = [value, pointer, constant("i32", align), mask]
    w.call(f"llvm.masked.store.{suffix}.p0", "void", arguments)


def masked_gather(
    w: FunctionWriter, type: str, pointers: Value, align: int, mask: Value | None
) -> Value:
    """A lane from each address; zeros where the mask is false."""
    name = f"llvm.masked.gather.{intrinsic_suffix(type)}.{intrinsic_suffix(pointers.type)}"
    arguments = [pointers, constant("i32", align), mask or _all_lanes(type), constant(type, 0)]
    return w.call(name, type, arguments)


def masked_scatter(
    w: FunctionWriter, value: Value, pointers: Value, align: int, mask: Value | None
) -> None:
    """Write a lane to each address, in the order of lanes, where the mask is true."""
    name = f"llvm.masked.scatter.{intrinsic_suffix(value.type)}.{intrinsic_suffix(pointers.type)}"
    arguments = [value, pointers, constant("i32", align), mask or _all_lanes(value.type)]
    w.call(name, "void", arguments)
