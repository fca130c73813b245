"""What routines are written with: loops over a batch, calls of LAPACK, errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from pullback.tracer.errors import at
from pullback.tracer.ir import Node
from pullback.tracer.types import ArrayType, is_complex, real_dtype

from ..assembly import I64, FunctionWriter, Value, constant
from ..elements import memory_element
from ..entry import Site

COMPLEX_NAMES = {"orgqr": "ungqr", "syevd": "heevd"}
"""What LAPACK calls differently for complex matrices."""


def meant(node: Node) -> Node:
    """The node of complex arrays that one of pairs stands for; any other node itself.

    Complex numbers are pairs in memory, to LAPACK as to us: a routine sees complex types again.
    """
    params = dict(node.params)
    types = params.pop("complex_types", None)
    if types is None:
        return node
    operands = zip(node.operands, types[1:], strict=True)
    given = tuple(Node(x.primitive, x.operands, x.params, type) for x, type in operands)
    return Node(node.primitive, given, params, types[0], node.where)


@dataclass(slots=True)
class RoutineWriter:
    """The function of one routine: its node, and the addresses of its arrays.

    ``target`` is not initialised; ``scratch`` has as many bytes as the lowering asked for.
    """

    w: FunctionWriter
    node: Node
    operands: tuple[Value, ...]
    target: Value
    scratch: Value | None
    sites: list[Site]
    status: Value
    vector_bytes: int

    def fail_if(self, bad: Value, message: str, exception: str, *details: Value) -> None:
        """Leave with an exception at the node's line; details are for ``{0}`` and ``{1}``."""
        w = self.w
        failed, fine = w.label("failed"), w.label("fine")
        w.branch(bad, failed, fine)
        w.start_block(failed)
        for i, detail in enumerate(details):
            w.store(detail, w.address(self.status, i, I64), 8)
        self.sites.append(Site(message + at(self.node.where), exception))
        w.ret(constant(I64, len(self.sites)))
        w.start_block(fine)

    @property
    def complex(self) -> bool:
        """Whether an element of the node is a pair of numbers."""
        return is_complex(self.node.type.dtype)

    @property
    def number(self) -> str:
        """The LLVM type of an element's real part."""
        return memory_element(real_dtype(self.node.type.dtype))

    @property
    def align(self) -> int:
        """The bytes of an element's real part."""
        return real_dtype(self.node.type.dtype).itemsize

    def spread_reals(self, array: Value, count: int) -> None:
        """Make elements of the real numbers that stand side by side at their beginning."""
        w = self.w
        if not self.complex or not count:
            return
        with w.loop(0, count) as loop:
            place = w.op("sub", constant(I64, count - 1), loop.index)
            value = self.load_real(w.address(array, place, self.number))
            self.store_real(value, self.element(array, place))

    def item(self, array: Value, index: Value, size: int, type: ArrayType) -> Value:
        """Where an item of ``size`` elements of an array begins."""
        offset = self.w.scale_index(index, size)
        return self.w.address(array, offset, memory_element(type.dtype))

    def load_real(self, place: Value) -> Value:
        """The real part of an element."""
        return self.w.load(self.number, place, self.align)

    def store_real(self, value: Value, place: Value) -> None:
        """Make an element of a real number."""
        self.w.store(value, place, self.align)
        if self.complex:
            zero = constant(self.number, 0.0)
            self.w.store(zero, self.w.address(place, 1, self.number), self.align)

    def copy(self, target: Value, source: Value, size: Value | int) -> None:
        """Copy bytes that do not overlap."""
        no = Value("i1", "false")
        count = size if isinstance(size, Value) else constant(I64, size)
        self.w.call("llvm.memcpy.p0.p0.i64", "void", [target, source, count, no])

    def fortran(self, name: str, *arguments: Value | int | float | str) -> None:
        """Call a routine of BLAS or LAPACK; numbers and letters are passed by address.

        An ``int`` is an integer of 64 bits, of which LAPACK reads the lower 32, a ``float`` a
        number of the node's dtype. ``name`` has ``?`` for the letter of the dtype: ``blas.?trsm``.
        """
        letter = {"f": "s", "d": "d", "F": "c", "D": "z"}[self.node.type.dtype.char]
        given = [self._by_address(x) for x in arguments]
        self.w.call(name.replace("?", letter), "void", given)

    def lapack(
        self, name: str, *arguments: Value | int | float | str, failure: str | None = None
    ) -> None:
        """Call a routine that tells in its last argument, added here, whether it did its work.

        If not, leave with `numpy.linalg.LinAlgError`, unless no ``failure`` is given.
        """
        w = self.w
        info = w.alloca("i32")
        name = COMPLEX_NAMES.get(name, name) if self.complex else name
        self.fortran(f"lapack.?{name}", *arguments, info)
        if failure is not None:
            failed = w.compare("ne", w.load("i32", info, 4), constant("i32", 0))
            self.fail_if(failed, failure, "numpy.LinAlgError")

    def scratch_at(self, elements: int) -> Value:
        """Scratch memory behind so many elements of the node's dtype."""
        assert self.scratch is not None
        return self.w.address(self.scratch, elements, memory_element(self.node.type.dtype))

    def element(self, array: Value, index: Value | int) -> Value:
        """The address of an element, of the node's dtype."""
        return self.w.address(array, index, memory_element(self.node.type.dtype))

    def clear(self, target: Value, size: Value) -> None:
        """Set bytes to zero."""
        no = Value("i1", "false")
        self.w.call("llvm.memset.p0.i64", "void", [target, constant("i8", 0), size, no])

    def clear_behind_diagonal(self, array: Value, rows: int, columns: int) -> None:
        """Set to zero, in each of the rows in memory, what follows the diagonal."""
        w, size = self.w, self.node.type.dtype.itemsize
        if not min(rows, columns - 1):
            return
        with w.loop(0, min(rows, columns - 1)) as loop:
            place = w.add_index(w.scale_index(loop.index, columns + 1), 1)
            rest = w.op("sub", constant(I64, columns - 1), loop.index)
            self.clear(self.element(array, place), w.scale_index(rest, size))

    def _by_address(self, x: Value | int | float | str) -> Value:
        w = self.w
        if isinstance(x, Value):
            return x
        if isinstance(x, str):
            return w.module.bytes(x.encode())
        if isinstance(x, int):
            slot = w.alloca(I64)
            w.store(constant(I64, x), slot, 8)
        else:
            slot = w.alloca(self.number, 2 if self.complex else 1)
            self.store_real(constant(self.number, x), slot)
        return slot


def _nothing(node: Node) -> int:
    return 0


def _elements(node: Node) -> int:
    return sum(math.prod(x.type.shape) for x in (node, *node.operands))


@dataclass(frozen=True, slots=True)
class RoutineLowering:
    """How a primitive is run by a routine.

    ``emit`` writes the body of a function that returns 0 at its end, ``scratch`` tells how many
    bytes of memory it needs beside its operands and its result, ``work`` about how many steps it
    takes.
    """

    emit: Callable[[RoutineWriter], None]
    scratch: Callable[[Node], int] = _nothing
    work: Callable[[Node], int] = _elements
