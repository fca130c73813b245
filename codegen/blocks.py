"""Products in blocks of registers: of matrices that are too small, or too narrow, for BLAS.

A block of the result is in registers while the sums over the terms run. For each term a block takes
a few vectors of one operand, along the columns of the result, and a number of the other operand for
each of its rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from .assembly import I64, FunctionWriter, Value, constant, vector
from .elements import memory_element
from .kernel import Buffer, Product
from .vectors import lane_numbers, masked_load, masked_store

MOST_VECTORS, FEW_ROWS = 3, 2
"""Vectors in a row of a block, where there are more than a few rows."""

MOST_ROWS, CHUNK = 12, 24
MOST_ACROSS = 6

NEAR_BYTES = 1 << 14
"""Of an operand's vectors that are read for one block after the other."""

FAR_BYTES, STREAMS = 1 << 18, 16
"""Size of an operand from which on it is read in order, at least so many of its rows at a time."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """An array in memory: its first element, and the steps along its two axes."""

    start: Value
    row: int
    column: int


WASTED = 24
"""One part in so many may be made twice, rather than in code of its own for what is left."""


@dataclass(frozen=True, slots=True)
class Span:
    """Part of an axis: its first place, and how many there are."""

    first: Value
    count: int


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of the sums: the first, how many, and whether they are added to those before."""

    first: Value
    count: Value
    added: bool


@dataclass(frozen=True, slots=True)
class Columns:
    """Vectors of columns side by side: the first column, and each vector's lanes and mask."""

    first: Value
    vectors: tuple[tuple[int, Value | None], ...]


@dataclass(slots=True)
class Blocks:
    """A product being written: ``rows`` by ``columns`` sums of so many ``terms``."""

    w: FunctionWriter
    kind: str
    size: int
    width: int
    registers: int
    shape: tuple[int, int, int]
    x: Matrix
    y: Matrix
    target: Matrix

    def write(self) -> None:
        """Write the whole product."""
        rows, columns, _ = self.shape
        vectors = -(-columns // self.width)
        if rows > FEW_ROWS:
            across, down = _block_size(rows, vectors, self.registers)
        else:
            most = self.registers * 7 // 6 // rows
            across, down = vectors if vectors <= most else _even(vectors, MOST_ACROSS), rows
        for terms in self._terms(across, down):
            for part in self._columns(across, again=not terms.added):
                for block in _parts(self.w, rows, down, again=not terms.added):
                    self._block(block, part, terms)

    def _terms(self, across: int, down: int) -> Iterator[Terms]:
        """The terms, as many at a time as can be read again from near, or in order from afar."""
        rows, columns, terms = self.shape
        most, row = terms, self.y.row * self.size
        if down < rows:
            most = NEAR_BYTES // (across * self.width * self.size)
        elif across * self.width < columns and terms * row > FAR_BYTES:
            most = max(NEAR_BYTES // row, STREAMS)
        count = _even(terms, max(most, 1))
        if count == terms:
            yield Terms(constant(I64, 0), constant(I64, terms), added=False)
            return
        self._clear()
        with self.w.loop(0, terms, count) as loop:
            size = constant(I64, count)
            if terms % count:
                left = self.w.op("sub", constant(I64, terms), loop.index)
                size = self.w.intrinsic("smin", left, size)
            yield Terms(loop.index, size, added=True)

    def _clear(self) -> None:
        """Set the result to zero, to which the sums of some terms after others are added."""
        rows, columns, _ = self.shape
        whole = columns == self.target.row
        size = constant(I64, (rows if whole else 1) * columns * self.size)
        with self.w.batch(1 if whole else rows) as row:
            place = self._at(self.target, row, constant(I64, 0), 0, 0)
            arguments = [place, constant("i8", 0), size, Value("i1", "false")]
            self.w.call("llvm.memset.p0.i64", "void", arguments)

    def _columns(self, across: int, again: bool) -> Iterator[Columns]:
        """Vectors side by side; the last one is as narrow as it may be, and has a mask.

        A few columns may be made ``again`` instead.
        """
        columns, step = self.shape[1], across * self.width
        if again and _overlap(columns, step):
            for span in _parts(self.w, columns, step, again):
                yield Columns(span.first, ((self.width, None),) * across)
            return
        whole = columns - columns % step
        for span in _parts(self.w, whole, step):
            yield Columns(span.first, ((self.width, None),) * across)
        count, rest = divmod(columns - whole, self.width)
        vectors: list[tuple[int, Value | None]] = [(self.width, None)] * count
        if rest:
            width = 1 << (rest - 1).bit_length()
            numbers = lane_numbers(self.w, constant("i32", 0), 1, width)
            inside = self.w.compare("ult", numbers, constant(numbers.type, rest))
            vectors.append((width, inside if rest < width else None))
        if vectors:
            yield Columns(constant(I64, whole), tuple(vectors))

    def _block(self, rows: Span, columns: Columns, terms: Terms) -> None:
        """The sums of one block, in registers from the first term to the last."""
        w, vectors = self.w, columns.vectors
        numbers = [(r, c) for r in range(rows.count) for c in range(len(vectors))]

        def place(r: int, c: int) -> Value:
            return self._at(self.target, rows.first, columns.first, r, c * self.width)

        sums = [
            self._read(place(r, c), *vectors[c])
            if terms.added
            else constant(vector(self.kind, vectors[c][0]), 0.0)
            for r, c in numbers
        ]
        x = self._at(self.x, rows.first, terms.first, 0, 0)
        y = self._at(self.y, terms.first, columns.first, 0, 0)
        with w.loop(0, terms.count, 1, sums) as loop:
            loop.carried = self._term(loop.index, x, y, vectors, loop.carried)
        for (r, c), total in zip(numbers, loop.carried, strict=True):
            self._write(total, place(r, c), vectors[c][1])

    def _term(
        self,
        term: Value,
        x: Value,
        y: Value,
        vectors: Sequence[tuple[int, Value | None]],
        sums: Sequence[Value],
    ) -> list[Value]:
        """The sums with one more term."""
        w = self.w
        first = w.address(y, w.scale_index(term, self.y.row), self.kind)
        values = [
            self._read(w.address(first, c * self.width, self.kind), width, mask)
            for c, (width, mask) in enumerate(vectors)
        ]
        factors = w.address(x, w.scale_index(term, self.x.column), self.kind)
        result = []
        for number, total in enumerate(sums):
            r, c = divmod(number, len(vectors))
            place = w.address(factors, r * self.x.row, self.kind)
            factor = w.once(place.name, partial(w.load, self.kind, place, self.size))
            factor = w.splat(factor, vectors[c][0])
            result.append(w.intrinsic("fmuladd", factor, values[c], total))
        return result

    def _at(self, matrix: Matrix, row: Value, column: Value, rows: int, columns: int) -> Value:
        """The address of an element, so many rows and columns behind a place."""
        w = self.w
        first = w.add_index(w.scale_index(row, matrix.row), w.scale_index(column, matrix.column))
        start = w.address(matrix.start, first, self.kind)
        return w.address(start, rows * matrix.row + columns * matrix.column, self.kind)

    def _read(self, place: Value, width: int, mask: Value | None) -> Value:
        type = vector(self.kind, width)
        if mask is None:
            return self.w.load(type, place, self.size)
        return masked_load(self.w, type, place, self.size, mask)

    def _write(self, value: Value, place: Value, mask: Value | None) -> None:
        if mask is None:
            self.w.store(value, place, self.size)
        else:
            masked_store(self.w, value, place, self.size, mask)


def _even(total: int, most: int) -> int:
    """The size of as few parts as can be, none with more than so many places; about equal ones."""
    return -(-total // -(-total // most))


def _block_size(rows: int, vectors: int, registers: int) -> tuple[int, int]:
    """Vectors and rows of a block that needs no more registers than there are.

    Where two thirds of them are enough for blocks of one size, there is no code for smaller ones.
    """
    across = _even(vectors, MOST_VECTORS)
    down = _even(rows, min(registers // across, MOST_ROWS))
    same = [
        (a * d, a, d)
        for a in range(1, MOST_VECTORS + 1)
        for d in range(1, min(registers // a, MOST_ROWS) + 1)
        if vectors % a == rows % d == 0 and a * d * 3 >= 2 * min(registers, across * down)
    ]
    return max(same)[1:] if same else (across, down)


def _overlap(total: int, size: int) -> bool:
    """Whether parts of one size cover an axis with little of it in two of them."""
    wasted = -total % size
    return wasted > 0 and total > size and wasted * WASTED <= total


def _parts(w: FunctionWriter, total: int, size: int, again: bool = False) -> Iterator[Span]:
    """Parts of an axis, in a loop where there are several of the same size; then what is left.

    Where a little may be done ``again``, the last part begins earlier instead.
    """
    if again and _overlap(total, size):
        with w.loop(0, total, size) as loop:
            yield Span(w.intrinsic("smin", loop.index, constant(I64, total - size)), size)
        return
    whole = total - total % size
    if whole == size:
        yield Span(constant(I64, 0), size)
    elif whole:
        with w.loop(0, whole, size) as loop:
            yield Span(loop.index, size)
    if whole < total:
        yield Span(constant(I64, whole), total - whole)


def write_blocks(
    w: FunctionWriter,
    kernel: Product,
    pointers: Mapping[Buffer, Value],
    vector_bytes: int,
    part: Value | None = None,
) -> None:
    """Write a product without BLAS, or one part of it; ``y`` is not stored transposed."""
    assert not kernel.y_transposed, "vectors are read along the columns"
    extents = [kernel.batch, kernel.m, kernel.n]
    starts = [constant(I64, 0)] * 3
    if part is None:
        _write(w, kernel, pointers, vector_bytes, starts, extents)
        return
    assert kernel.shared is not None, "the product has no parts"
    axis, size = kernel.shared
    starts[axis] = w.scale_index(part, size)
    whole, rest = divmod(extents[axis], size)
    for predicate, count in (("slt", size), ("eq", rest)):
        if count:
            with w.when(w.compare(predicate, part, constant(I64, whole))):
                extents[axis] = count
                _write(w, kernel, pointers, vector_bytes, starts, extents)


def _write(
    w: FunctionWriter,
    kernel: Product,
    pointers: Mapping[Buffer, Value],
    vector_bytes: int,
    starts: Sequence[Value],
    extents: Sequence[int],
) -> None:
    """Write the product of some of a batch, of some rows by some columns."""
    kind, size = memory_element(kernel.node.type.dtype), kernel.node.type.dtype.itemsize
    (batch, m, n), k = extents, kernel.k
    width = vector_bytes // size
    while width // 2 >= n:
        width //= 2
    of_x = (1, kernel.m) if kernel.x_transposed else (k, 1)
    with w.batch(batch) as index:
        item = w.add_index(index, starts[0])

        def matrix(buffer: Buffer, count: int, row: int, column: int, *at: Value) -> Matrix:
            start = w.address(pointers[buffer], w.scale_index(item, count), kind)
            for place, step in zip(at, (row, column), strict=True):
                start = w.address(start, w.scale_index(place, step), kind)
            return Matrix(start, row, column)

        zero = constant(I64, 0)
        x = matrix(kernel.x, kernel.m * k, *of_x, starts[1], zero)
        y = matrix(kernel.y, k * kernel.n, kernel.n, 1, zero, starts[2])
        target = matrix(kernel.target, kernel.m * kernel.n, kernel.n, 1, *starts[1:])
        registers = 24 if vector_bytes == 64 else 12
        for span in _parts(w, m, _rows_at_once(m, n, k, size, kernel.x_transposed)):
            at_x, at_target = (
                replace(a, start=w.address(a.start, w.scale_index(span.first, a.row), kind))
                for a in (x, target)
            )
            shape = span.count, n, k
            Blocks(w, kind, size, width, registers, shape, at_x, y, at_target).write()


def _rows_at_once(m: int, n: int, k: int, size: int, in_columns: bool) -> int:
    """How many rows are made of all columns before the next ones are: so many as are near.

    Where the factors of all rows are side by side, terms are read once if the result is near.
    """
    if m * (n if in_columns else k) * size <= FAR_BYTES:
        return m
    rows = FAR_BYTES // 2 // ((k + n) * size)
    rows = min(m, max(rows - rows % CHUNK, CHUNK))
    return next((near for near in (rows, rows + 8, rows - 8) if m % near == 0), rows)
