"""Where values are in memory: the addresses of a kernel's accesses, and the lanes read there."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from .assembly import I64, PTR, FunctionWriter, Value, constant, lanes, vector
from .elements import from_memory, memory_element, to_memory
from .held import Held
from .interleaved import first_among
from .kernel import Affine, Buffer, Condition, LoopKernel
from .vectors import (
    LARGEST_STRIDE,
    Masks,
    Parts,
    both,
    first_lanes,
    lane_numbers,
    load_span,
    masked_gather,
    masked_load,
    masked_scatter,
    masked_store,
    pick_lanes,
    reverse,
    spread,
    store_interleaved,
    strided_load,
    strided_store,
)


@dataclass(slots=True)
class Place:
    """One turn of the innermost loop: its index, its lanes, and which of them count.

    With a mask, those before the place ``stop`` do.
    """

    index: Value
    width: int
    mask: Value | None = None
    stop: int | Value = 0


@dataclass
class Access:
    """Memory as one kernel sees it: ``indices`` are those of the loops around the innermost.

    Of some conditions it may be ``known`` whether they hold where the kernel is being written.
    """

    w: FunctionWriter
    kernel: LoopKernel
    pointers: dict[Buffer, Value]
    held: Held = field(default_factory=Held)
    indices: list[Value] = field(default_factory=list)
    bases: dict[tuple[Buffer, Affine], Value] = field(default_factory=dict)
    known: dict[Condition, bool] = field(default_factory=dict)
    spans: dict[tuple[Buffer, Affine, Value], Parts] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        """Number of loops."""
        return len(self.kernel.extents)

    def row(self, row: Affine, place: Place) -> Value:
        """An affine function of the indices; a vector where the innermost one takes part."""
        w = self.w
        total = constant(I64, row.offset)
        inner = row.coefs[-1] if row.coefs else 0
        for index, coef in zip(self.indices, row.coefs, strict=False):
            total = w.add_index(w.scale_index(index, coef), total)
        if not inner:
            return total
        total = w.add_index(w.scale_index(place.index, inner), total)
        return lane_numbers(self.w, total, inner, place.width)

    def condition(self, mask: tuple[Condition, ...], place: Place) -> Value | None:
        """Where all of the conditions hold: scalar, or by lane; None if they do everywhere."""
        result: Value | None = None
        for row, extent in mask:
            if self.known.get((row, extent), False):
                continue
            number = self.row(row, place)
            holds = self.w.compare("ult", number, constant(number.type, extent))
            result = holds if result is None else both(self.w, result, holds)
        return result

    def never(self, mask: tuple[Condition, ...]) -> bool:
        """Whether it is known that the conditions do not hold."""
        return any(not self.known.get(condition, True) for condition in mask)

    @contextmanager
    def knowing(self, known: Mapping[Condition, bool]) -> Generator[None]:
        """What is written meanwhile is where these conditions are known."""
        before, self.known = self.known, {**self.known, **known}
        yield
        self.known = before

    def hoist_bases(self) -> None:
        """Compute outside the innermost loop what of each address does not depend on it."""
        self.bases.clear()
        accesses = [(s.buffer, s.index) for s in self.kernel.steps if s.depth == self.depth]
        accesses += [(s.buffer, s.index) for s in self.kernel.sinks]
        for buffer, index in accesses:
            if buffer is not None and index is not None:
                key = (buffer, Affine(index.offset, index.coefs[:-1]))
                self.bases[key] = self._base(buffer, index)

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

    def address(self, buffer: Buffer, index: Affine, place: Place) -> Value:
        inner = index.coefs[-1] if index.coefs else 0
        start = self._base(buffer, index)
        return self.w.address(
            start, self.w.scale_index(place.index, inner), memory_element(buffer.type.dtype)
        )

    def read(
        self, buffer: Buffer, pointer: Value, stride: int, place: Place, condition: Value | None
    ) -> Value:
        """Elements from ``pointer`` on, a lane each, ``stride`` apart; zeros where masked out."""
        w = self.w
        kind = memory_element(buffer.type.dtype)
        size = buffer.type.dtype.itemsize
        width = place.width if stride else 1
        if condition is not None and lanes(condition.type) > 1:
            width = place.width
        mask = self.mask(condition, place, width)
        if width == 1:
            value = self._read_one(kind, pointer, size, condition)
        elif stride == 1 and mask is None:
            value = w.load(vector(kind, width), pointer, size)
        elif stride == -1 and mask is None:
            first = w.address(pointer, -(width - 1), kind)
            value = reverse(w, w.load(vector(kind, width), first, size))
        elif stride == 1:
            value = masked_load(w, vector(kind, width), pointer, size, mask)
        elif 2 <= abs(stride) <= LARGEST_STRIDE:
            masks = self._spread(mask, place, stride)
            value = strided_load(w, vector(kind, width), pointer, stride, size, masks)
        else:
            pointers = self.lane_pointers(pointer, kind, stride, width)
            value = masked_gather(w, vector(kind, width), pointers, size, mask)
        return from_memory(w, value, buffer.type.dtype)

    def mask(self, condition: Value | None, place: Place, width: int) -> Value | None:
        if width == 1:
            return None
        if condition is None:
            return place.mask
        if place.mask is not None:
            return both(self.w, condition, place.mask)
        return self.w.splat(condition, width) if lanes(condition.type) == 1 else condition

    def _read_one(self, kind: str, pointer: Value, size: int, condition: Value | None) -> Value:
        if condition is None:
            return self.w.load(kind, pointer, size)
        zero = self.w.alloca(kind)
        self.w.store(constant(kind, 0), zero, size)
        return self.w.load(kind, self.w.select(condition, pointer, zero), size)

    def _spread(self, mask: Value | None, place: Place, stride: int) -> Masks | None:
        """The mask for each of the vectors that lanes some elements apart span."""
        if mask is None:
            return None
        if mask is not place.mask:
            return spread(self.w, mask, stride)
        return self._first_lanes(place, stride)

    def _first_lanes(self, place: Place, stride: int, reach: int = 0) -> Masks | None:
        if place.mask is None:
            return None
        stop = place.stop if isinstance(place.stop, Value) else constant(I64, place.stop)
        count = self.w.op("sub", stop, place.index)
        return first_lanes(self.w, count, stride, place.width, reach)

    def read_among(self, buffer: Buffer, index: Affine, reach: int, place: Place) -> Value:
        """Lanes of one of several interleaved values, up to ``reach`` behind the first of them.

        What all of them span is read once.
        """
        w, stride, width = self.w, index.coefs[-1], place.width
        kind, size = memory_element(buffer.type.dtype), buffer.type.dtype.itemsize
        first, number = first_among(index)
        key = (buffer, first, place.index)
        parts = self.spans.get(key)
        if parts is None:
            pointer, masks = self.address(buffer, first, place), None
            masks = self._first_lanes(place, stride, reach)
            count = (width - 1) * stride + reach + 1
            parts = load_span(w, vector(kind, width), pointer, count, size, masks)
            self.spans[key] = parts
        value = pick_lanes(w, parts, [number + k * stride for k in range(width)])
        return from_memory(w, value, buffer.type.dtype)

    def write_all(
        self, buffer: Buffer, index: Affine, values: Sequence[Value], place: Place
    ) -> None:
        """Lanes of interleaved values that leave nothing out; ``index`` is that of the first."""
        w, dtype = self.w, buffer.type.dtype
        stored = [to_memory(w, value, dtype) for value in values]
        pointer = self.address(buffer, index, place)
        masks = self._first_lanes(place, len(values), len(values) - 1)
        store_interleaved(w, stored, pointer, dtype.itemsize, masks)

    def lane_pointers(self, pointer: Value, kind: str, stride: int, width: int) -> Value:
        numbers = lane_numbers(self.w, constant(I64, 0), stride, width)
        type = vector(PTR, width)
        return self.w.pure(type, f"getelementptr {kind}, {pointer}, {numbers}")

    def write(
        self, buffer: Buffer, pointer: Value, stride: int, value: Value, place: Place
    ) -> None:
        w = self.w
        kind, size = memory_element(buffer.type.dtype), buffer.type.dtype.itemsize
        value = to_memory(w, value, buffer.type.dtype)
        if place.width == 1 or (stride == 1 and place.mask is None):
            w.store(value, pointer, size)
        elif stride == 1:
            assert place.mask is not None
            masked_store(w, value, pointer, size, place.mask)
        elif 2 <= abs(stride) <= LARGEST_STRIDE:
            masks = self._spread(place.mask, place, stride)
            strided_store(w, value, pointer, stride, size, masks)
        else:
            pointers = self.lane_pointers(pointer, kind, stride, place.width)
            masked_scatter(w, value, pointers, size, place.mask)
