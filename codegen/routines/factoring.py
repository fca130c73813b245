"""Factorisations by LAPACK, each with all of its results packed into one array.

LAPACK counts by columns, so our operands, but for `cholesky`, are the transposes of the matrices,
and parts of the results are transposed as well. ``codegen/factorisations.py`` takes them apart.
"""

from __future__ import annotations

import math

from pullback.tracer.ir import Node
from pullback.tracer.types import is_complex

from ..assembly import I64, Value, constant
from ..elements import memory_element
from . import small_systems
from .writer import RoutineLowering, RoutineWriter

BLOCK = 64
"""No smaller than the blocks of columns that LAPACK's routines work in."""


def bytes_of(node: Node, numbers: int, integers: int = 0) -> int:
    return numbers * node.type.dtype.itemsize + 4 * integers


def cube(node: Node) -> int:
    *batch, m, n = node.operands[0].type.shape
    return math.prod(batch) * m * n * min(m, n)


# -- cholesky ----------------------------------------------------------------------------------


def _emit_cholesky(r: RoutineWriter) -> None:
    """Our lower triangle is LAPACK's upper one."""
    *batch, n, _ = r.node.type.shape
    r.copy(r.target, r.operands[0], r.node.type.nbytes)
    with r.w.batch(math.prod(batch)) as index:
        a = r.item(r.target, index, n * n, r.node.type)
        r.lapack("potrf", "U", n, a, n, failure="Matrix is not positive definite")
        r.clear_behind_diagonal(a, n, n)


CHOLESKY = RoutineLowering(_emit_cholesky, work=cube)

# -- LU ----------------------------------------------------------------------------------------


def _emit_lu(r: RoutineWriter) -> None:
    """The factors, and in a last row the pivots as numbers."""
    if small_systems.in_lanes(r.node):
        small_systems.factor(r)
        return
    w = r.w
    *batch, n, m = r.node.operands[0].type.shape
    count = min(m, n)
    with r.w.batch(math.prod(batch)) as index:
        a = r.item(r.target, index, (n + 1) * m, r.node.type)
        r.copy(a, r.item(r.operands[0], index, n * m, r.node.type), bytes_of(r.node, n * m))
        r.lapack("getrf", m, n, a, m, r.scratch_at(0))
        with w.loop(0, count) as loop:
            pivot = w.load("i32", w.address(r.scratch_at(0), loop.index, "i32"), 4)
            pivot = w.op("sub", pivot, constant("i32", 1))
            place = r.element(a, w.add_index(loop.index, n * m))
            r.store_real(w.cast("sitofp", pivot, r.number), place)
        r.clear(r.element(a, n * m + count), constant(I64, bytes_of(r.node, m - count)))


def _lu_scratch(node: Node) -> int:
    *_, n, m = node.operands[0].type.shape
    return 4 * min(m, n)


LU = RoutineLowering(_emit_lu, _lu_scratch, cube)


def _emit_lu_solve(r: RoutineWriter) -> None:
    """Right-hand sides, each a row, in place."""
    if small_systems.in_lanes(r.node):
        small_systems.solve(r)
        return
    w = r.w
    *batch, count, n = r.node.type.shape
    r.copy(r.target, r.operands[1], r.node.type.nbytes)
    with r.w.batch(math.prod(batch)) as index:
        factors = r.item(r.operands[0], index, (n + 1) * n, r.node.type)
        b = r.item(r.target, index, count * n, r.node.type)
        with w.loop(0, n) as loop:
            place = r.element(factors, w.add_index(loop.index, n * n))
            pivot = w.cast("fptosi", r.load_real(place), "i32")
            pivot = w.op("add", pivot, constant("i32", 1))
            w.store(pivot, w.address(r.scratch_at(0), loop.index, "i32"), 4)
        if r.node.params["checked"]:
            r.fail_if(_is_singular(r, factors, n), "Singular matrix", "numpy.LinAlgError")
        trans = "T" if r.node.params["transposed"] else "N"
        r.lapack("getrs", trans, n, count, factors, n, r.scratch_at(0), b, n)


def _is_singular(r: RoutineWriter, factors: Value, n: int) -> Value:
    """Whether a pivot is zero."""
    w = r.w
    with w.loop(0, n, carried=[Value("i1", "false")]) as loop:
        pivot = r.element(factors, w.scale_index(loop.index, n + 1))
        zero = w.compare("oeq", r.load_real(pivot), constant(r.number, 0.0))
        if r.complex:
            other = r.load_real(w.address(pivot, 1, r.number))
            zero = w.op("and", zero, w.compare("oeq", other, constant(r.number, 0.0)))
        loop.carried[0] = w.op("or", loop.carried[0], zero)
    return loop.carried[0]


def _lu_solve_scratch(node: Node) -> int:
    return 4 * node.type.shape[-1]


def _lu_solve_work(node: Node) -> int:
    return node.type.size * node.type.shape[-1]


LU_SOLVE = RoutineLowering(_emit_lu_solve, _lu_solve_scratch, _lu_solve_work)


def _emit_permutation(r: RoutineWriter) -> None:
    """Rows in order, then changed as the pivots tell."""
    w, integer = r.w, memory_element(r.node.type.dtype)
    align = r.node.type.dtype.itemsize
    size, count = r.node.type.shape[-1], r.node.operands[0].type.shape[-1]
    with r.w.batch(math.prod(r.node.type.shape[:-1])) as index:
        pivots = r.item(r.operands[0], index, count, r.node.type)
        rows = r.item(r.target, index, size, r.node.type)
        with w.loop(0, size) as loop:
            number = loop.index if integer == I64 else w.cast("trunc", loop.index, integer)
            w.store(number, r.element(rows, loop.index), align)
        if count:
            with w.loop(0, count) as loop:
                _exchange(r, rows, loop.index, r.element(pivots, loop.index))


def _exchange(r: RoutineWriter, rows: Value, index: Value, pivot: Value) -> None:
    """Exchange a row's number with that at the place which a pivot tells."""
    w, integer, align = r.w, memory_element(r.node.type.dtype), r.node.type.dtype.itemsize
    size = r.node.type.shape[-1]
    number = w.load(integer, pivot, align)
    other = number if integer == I64 else w.cast("sext", number, I64)
    outside = w.compare("uge", other, constant(I64, size))
    r.fail_if(outside, f"pivot {{0}} is out of bounds for {size} rows", "IndexError", other)
    here, there = r.element(rows, index), r.element(rows, other)
    first, second = w.load(integer, here, align), w.load(integer, there, align)
    w.store(second, here, align)
    w.store(first, there, align)


PERMUTATION = RoutineLowering(_emit_permutation)

# -- QR ----------------------------------------------------------------------------------------


def _qr_extents(node: Node) -> tuple[int, int, int]:
    """Rows and columns of the matrix, and how many columns ``Q`` has."""
    *_, n, m = node.operands[0].type.shape
    return m, n, node.params["columns"]


def _emit_qr(r: RoutineWriter) -> None:
    """The columns of ``Q``, then those of ``R``, each with ``m`` numbers."""
    m, n, columns = _qr_extents(r.node)
    count = min(m, n)
    tau, work, lwork = r.scratch_at(0), r.scratch_at(count), BLOCK * max(n, columns)
    with r.w.batch(math.prod(r.node.type.shape[:-2])) as index:
        q = r.item(r.target, index, (columns + n) * m, r.node.type)
        factors = r.element(q, columns * m)
        a = r.item(r.operands[0], index, n * m, r.node.type)
        r.copy(factors, a, bytes_of(r.node, n * m))
        r.lapack("geqrf", m, n, factors, m, tau, work, lwork)
        r.copy(q, factors, bytes_of(r.node, count * m))
        r.lapack("orgqr", m, columns, count, q, m, tau, work, lwork)
        r.clear_behind_diagonal(factors, n, m)


def _qr_scratch(node: Node) -> int:
    m, n, columns = _qr_extents(node)
    return bytes_of(node, min(m, n) + BLOCK * max(n, columns))


QR = RoutineLowering(_emit_qr, _qr_scratch, cube)

# -- eigenvalues of symmetric matrices ---------------------------------------------------------


def check_finite(
    r: RoutineWriter, a: Value, shape: tuple[int, int], triangle: str, failure: str
) -> None:
    """Fail where there is a NaN or infinity, with which LAPACK may iterate for ever.

    Of square matrices only the triangle counts that is read: "U" or "L" in the order of LAPACK.
    """
    r.fail_if(not_finite(r, a, shape, triangle), failure, "numpy.LinAlgError")


def not_finite(r: RoutineWriter, a: Value, shape: tuple[int, int], triangle: str) -> Value:
    """Whether there is a NaN or infinity."""
    w, parts = r.w, 2 if r.complex else 1
    lines, size = shape
    zero = constant(r.number, 0.0)
    with w.loop(0, lines, carried=[zero]) as outer:
        line = w.scale_index(outer.index, parts)
        start = line if triangle == "L" else constant(I64, 0)
        stop = w.add_index(line, parts) if triangle == "U" else constant(I64, size * parts)
        with w.loop(start, stop, carried=outer.carried) as inner:
            place = w.add_index(w.scale_index(outer.index, size * parts), inner.index)
            value = r.load_real(w.address(a, place, r.number))
            inner.carried[0] = w.op("fadd", inner.carried[0], w.op("fmul", value, zero))
        outer.carried[0] = inner.carried[0]
    # What is multiplied by zero is zero, or else NaN.
    return w.compare("uno", outer.carried[0], zero)


def _eigh_room(node: Node) -> tuple[int, int, int]:
    """The elements, further real numbers and integers that ``syevd`` and ``heevd`` work with."""
    n, vectors = node.type.shape[-1], node.params["vectors"]
    integers = 3 + 5 * n if vectors else 1
    if is_complex(node.type.dtype):
        numbers = 1 + (BLOCK + 2) * n + (n * n if vectors else 0)
        return numbers, 1 + 5 * n + 2 * n * n if vectors else n, integers
    return 1 + (BLOCK + 6) * n + (2 * n * n if vectors else 0), 0, integers


def _emit_eigh(r: RoutineWriter) -> None:
    """A row of eigenvalues, then each eigenvector as a row."""
    *batch, rows, n = r.node.type.shape
    vectors = r.node.params["vectors"]
    numbers, reals, integers = _eigh_room(r.node)
    start = 0 if vectors else n * n
    work, rwork = r.scratch_at(start), r.scratch_at(start + numbers)
    iwork = r.scratch_at(start + numbers + -(-reals // 2))
    flags = "V" if vectors else "N", "L" if r.node.params["lower"] else "U"
    with r.w.batch(math.prod(batch)) as index:
        values = r.item(r.target, index, rows * n, r.node.type)
        a = r.element(values, n) if vectors else r.scratch_at(0)
        r.copy(a, r.item(r.operands[0], index, n * n, r.node.type), bytes_of(r.node, n * n))
        failure = "Eigenvalues did not converge"
        check_finite(r, a, (n, n), flags[1], failure)
        real = (rwork, reals) if r.complex else ()
        sizes = work, numbers, *real, iwork, integers
        r.lapack("syevd", *flags, n, a, n, values, *sizes, failure=failure)
        r.spread_reals(values, n)


def _eigh_scratch(node: Node) -> int:
    numbers, reals, integers = _eigh_room(node)
    copied = 0 if node.params["vectors"] else node.type.shape[-1] ** 2
    return bytes_of(node, copied + numbers + -(-reals // 2), integers)


EIGH = RoutineLowering(_emit_eigh, _eigh_scratch, cube)

# -- singular values ---------------------------------------------------------------------------


def _svd_room(node: Node) -> tuple[int, int, int]:
    """The elements, further real numbers and integers that ``gesdd`` works with."""
    *_, n, m = node.operands[0].type.shape
    small, large = min(m, n), max(m, n)
    numbers, reals = 7 * small + BLOCK * (large + small), 7 * small
    if node.params["vectors"] != "N":
        numbers += 4 * small * small
        reals = 5 * small * small + 2 * large * small + 5 * small
    return numbers, reals if is_complex(node.type.dtype) else 0, 8 * small


def _emit_svd(r: RoutineWriter) -> None:
    """The values, the left vectors as rows, then the right vectors as columns."""
    *_, n, m = r.node.operands[0].type.shape
    job, count = r.node.params["vectors"], min(m, n)
    of_u, of_v = {"N": (0, 1), "S": (count, count), "A": (m, n)}[job]
    numbers, reals, _ = _svd_room(r.node)
    a, work, rwork = r.scratch_at(0), r.scratch_at(n * m), r.scratch_at(n * m + numbers)
    iwork = r.scratch_at(n * m + numbers + -(-reals // 2))
    room = work, numbers, *((rwork,) if r.complex else ()), iwork
    with r.w.batch(math.prod(r.node.type.shape[:-1])) as index:
        values = r.item(r.target, index, r.node.type.shape[-1], r.node.type)
        u = r.element(values, count) if of_u else values
        v = r.element(values, count + of_u * m) if of_u else values
        r.copy(a, r.item(r.operands[0], index, n * m, r.node.type), bytes_of(r.node, n * m))
        vectors = values, u, m, v, of_v
        failure = "SVD did not converge"
        check_finite(r, a, (n, m), "", failure)
        r.lapack("gesdd", job, m, n, a, m, *vectors, *room, failure=failure)
        r.spread_reals(values, count)


def _svd_scratch(node: Node) -> int:
    *_, n, m = node.operands[0].type.shape
    numbers, reals, integers = _svd_room(node)
    return bytes_of(node, n * m + numbers + -(-reals // 2), integers)


SVD = RoutineLowering(_emit_svd, _svd_scratch, cube)

# -- powers ------------------------------------------------------------------------------------


def _emit_squared(r: RoutineWriter) -> None:
    """Each matrix multiplied by itself, then the product by itself, as often as is told."""
    w = r.w
    *batch, n, _ = r.node.type.shape
    size = bytes_of(r.node, n * n)
    r.copy(r.target, r.operands[0], r.node.type.nbytes)
    with r.w.batch(math.prod(batch)) as index:
        x = r.item(r.target, index, n * n, r.node.type)
        times = w.load(I64, w.address(r.operands[1], index, I64), 8)
        with w.when(w.compare("sgt", times, constant(I64, 0))), w.loop(0, times):
            product = r.scratch_at(0)
            r.fortran("blas.?gemm", "N", "N", n, n, n, 1.0, x, n, x, n, 0.0, product, n)
            r.copy(x, product, size)


def _squared_scratch(node: Node) -> int:
    return bytes_of(node, node.type.shape[-1] ** 2)


SQUARED = RoutineLowering(_emit_squared, _squared_scratch, cube)
