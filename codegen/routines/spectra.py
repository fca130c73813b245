"""Factorisations of matrices without symmetry, and systems of triangular ones, by LAPACK."""

from __future__ import annotations

import math

from pullback.tracer.ir import Node
from pullback.tracer.types import is_complex

from ..assembly import I64, PTR, Value, constant
from .factoring import BLOCK, bytes_of, check_finite, cube, not_finite
from .writer import RoutineLowering, RoutineWriter

NOT_FINITE = "Array must not contain infs or NaNs"


def _geev_room(node: Node) -> int:
    """The elements that ``geev`` works with."""
    n = node.type.shape[-1]
    return (BLOCK + 4) * n + ((BLOCK + 1) * BLOCK if n > BLOCK else 0)


def _emit_geev(r: RoutineWriter) -> None:
    """A row of eigenvalues, then each eigenvector as a row.

    Of real matrices these have the real parts of the eigenvalues first and the imaginary ones last.
    """
    *batch, rows, n = r.node.type.shape
    numbers, vectors = _geev_room(r.node), r.node.params["vectors"]
    a, work, rwork = (r.scratch_at(x) for x in (0, n * n, n * n + numbers))
    with r.w.batch(math.prod(batch)) as index:
        values = r.item(r.target, index, rows * n, r.node.type)
        last = r.element(values, (rows - 1) * n)
        r.copy(a, r.item(r.operands[0], index, n * n, r.node.type), bytes_of(r.node, n * n))
        check_finite(r, a, (n, n), "", NOT_FINITE)
        both = (values,) if r.complex else (values, last)
        right = (r.element(values, n), n) if vectors else (a, 1)
        room = work, numbers, *((rwork,) if r.complex else ())
        flags = "N", "V" if vectors else "N"
        failure = "Eigenvalues did not converge"
        r.lapack("geev", *flags, n, a, n, *both, a, 1, *right, *room, failure=failure)


def _geev_scratch(node: Node) -> int:
    n = node.type.shape[-1]
    reals = n if is_complex(node.type.dtype) else 0
    return bytes_of(node, n * n + _geev_room(node) + reals)


GEEV = RoutineLowering(_emit_geev, _geev_scratch, cube)

# -- Schur forms -------------------------------------------------------------------------------


def _emit_schur(r: RoutineWriter) -> None:
    """The columns of the triangular form, then those of the basis; NaN where the matrix has one."""
    w, n, null = r.w, r.node.type.shape[-1], Value(PTR, "null")
    numbers = _geev_room(r.node)
    values, work, more = (r.scratch_at(x) for x in (0, 2 * n, 2 * n + numbers))
    selected = w.alloca("i32")
    with r.w.batch(math.prod(r.node.type.shape[:-2])) as index:
        form = r.item(r.target, index, 2 * n * n, r.node.type)
        basis = r.element(form, n * n)
        r.copy(form, r.item(r.operands[0], index, n * n, r.node.type), bytes_of(r.node, n * n))
        strange = not_finite(r, form, (n, n), "")
        with w.when(strange), w.loop(0, 2 * n * n) as loop:
            r.store_real(constant(r.number, math.nan), r.element(form, loop.index))
        with w.when(w.op("xor", strange, Value("i1", "true"))):
            both = (values,) if r.complex else (values, r.element(values, n))
            room = work, numbers, *((more,) if r.complex else ()), null
            given = "V", "N", null, n, form, n, selected, *both, basis, n
            r.lapack("gees", *given, *room, failure="Schur form not found")


def _schur_scratch(node: Node) -> int:
    n = node.type.shape[-1]
    return bytes_of(node, 3 * n + _geev_room(node))


SCHUR = RoutineLowering(_emit_schur, _schur_scratch, cube)


def _solve_triangular_sylvester(
    r: RoutineWriter,
    letter: str,
    extents: tuple[Value | int, Value | int],
    matrices: tuple[Value, int, Value, int],
    sides: tuple[Value, int],
) -> None:
    """``a x + x b`` is made equal to the sides, in their place; LAPACK scales against overflow."""
    w, (rows, columns), (c, ldc) = r.w, extents, sides
    scale = w.alloca(r.number)
    counts = [_integer(r, x) for x in extents]
    r.lapack("trsyl", letter, letter, 1, *counts, *matrices, c, ldc, scale)
    factor = w.load(r.number, scale, r.align)
    parts = 2 if r.complex else 1
    height = w.scale_index(rows if isinstance(rows, Value) else constant(I64, rows), parts)
    with w.loop(0, columns) as column:
        start = r.element(c, w.scale_index(column.index, ldc))
        with w.loop(0, height) as line:
            place = w.address(start, line.index, r.number)
            w.store(w.op("fdiv", r.load_real(place), factor), place, r.align)


def _integer(r: RoutineWriter, x: Value | int) -> Value | int:
    """An index as LAPACK takes it: by address, of 32 bits."""
    if isinstance(x, int):
        return x
    slot = r.w.alloca("i32")
    r.w.store(r.w.cast("trunc", x, "i32"), slot, 4)
    return slot


def _emit_sylvester(r: RoutineWriter) -> None:
    """Right-hand sides by columns, in place; the matrices are the beginnings of Schur forms."""
    *batch, n, m = r.node.type.shape
    r.copy(r.target, r.operands[2], r.node.type.nbytes)
    letter = "C" if r.node.params["transposed"] else "N"
    with r.w.batch(math.prod(batch)) as index:
        a = r.item(r.operands[0], index, 2 * m * m, r.node.type)
        b = r.item(r.operands[1], index, 2 * n * n, r.node.type)
        c = r.item(r.target, index, n * m, r.node.type)
        _solve_triangular_sylvester(r, letter, (m, n), (a, m, b, n), (c, m))


def _sylvester_work(node: Node) -> int:
    return node.type.size * sum(node.type.shape[-2:])


SYLVESTER = RoutineLowering(_emit_sylvester, work=_sylvester_work)


def _emit_root(r: RoutineWriter) -> None:
    """The columns of the root of a triangular form, whose blocks on the diagonal are given.

    A block of columns above the diagonal solves a system of Sylvester with the root to its left and
    the root of its block (Higham 1987, "Computing real square roots of a real matrix").
    """
    w, n = r.w, r.node.type.shape[-1]
    r.copy(r.target, r.operands[1], r.node.type.nbytes)
    with r.w.batch(math.prod(r.node.type.shape[:-2])) as index:
        form = r.item(r.operands[0], index, 2 * n * n, r.node.type)
        root = r.item(r.target, index, n * n, r.node.type)
        with w.loop(0, n, carried=[Value("i1", "false")]) as loop:
            j, second = loop.index, loop.carried[0]
            pair = _begins_pair(r, form, n, j)
            loop.carried[0] = pair
            inside = w.compare("sgt", j, constant(I64, 0))
            first = w.op("xor", second, Value("i1", "true"))
            with w.when(w.op("and", inside, first)):
                width = w.add_index(w.cast("zext", pair, I64), 1)
                _emit_columns(r, (form, root), n, j, width)


def _begins_pair(r: RoutineWriter, form: Value, n: int, j: Value) -> Value:
    """Whether a real form has a block of two here: an element below the diagonal."""
    w = r.w
    if r.complex:
        return Value("i1", "false")
    below = r.load_real(r.element(form, w.add_index(w.scale_index(j, n + 1), 1)))
    present = w.compare("une", below, constant(r.number, 0.0))
    return w.op("and", present, w.compare("slt", j, constant(I64, n - 1)))


def _emit_columns(
    r: RoutineWriter, arrays: tuple[Value, Value], n: int, j: Value, width: Value
) -> None:
    w = r.w
    form, root = arrays
    start = w.scale_index(j, n)
    with w.loop(0, width) as loop:
        column = w.add_index(start, w.scale_index(loop.index, n))
        size = w.scale_index(j, r.node.type.dtype.itemsize)
        r.copy(r.element(root, column), r.element(form, column), size)
    block, sides = r.element(root, w.scale_index(j, n + 1)), r.element(root, start)
    _solve_triangular_sylvester(r, "N", (j, width), (root, n, block, n), (sides, n))


ROOT = RoutineLowering(_emit_root, work=cube)
