"""Products by BLAS."""

from __future__ import annotations

from collections.abc import Mapping

from pullback.tracer.types import is_float

from .assembly import I64, FunctionWriter, Value, constant
from .elements import memory_element
from .kernel import Buffer, Product


def write_product(w: FunctionWriter, kernel: Product, pointers: Mapping[Buffer, Value]) -> None:
    """Call BLAS for each of the batch."""
    assert is_float(kernel.node.type.dtype)
    kind = memory_element(kernel.node.type.dtype)
    write = _square_of_one if _is_symmetric(kernel) else _product
    with w.batch(kernel.batch) as index:
        x, y, target = (
            w.address(pointers[b], w.scale_index(index, size), kind)
            for b, size in (
                (kernel.x, kernel.m * kernel.k),
                (kernel.y, kernel.k * kernel.n),
                (kernel.target, kernel.m * kernel.n),
            )
        )
        write(w, kernel, x, y, target)


def _is_symmetric(kernel: Product) -> bool:
    """Whether a matrix is multiplied by its own transpose."""
    return kernel.x is kernel.y and kernel.x_transposed != kernel.y_transposed


def _product(w: FunctionWriter, kernel: Product, x: Value, y: Value, target: Value) -> None:
    """Call ``gemm``. BLAS counts by columns, so the operands change places."""
    kind = memory_element(kernel.node.type.dtype)
    sizes = {size: _integer(w, size) for size in (kernel.m, kernel.n, kernel.k)}
    flags = [_flag(w, kernel.y_transposed), _flag(w, kernel.x_transposed)]
    leading_y = sizes[kernel.k if kernel.y_transposed else kernel.n]
    leading_x = sizes[kernel.m if kernel.x_transposed else kernel.k]
    shape = [sizes[kernel.n], sizes[kernel.m], sizes[kernel.k]]
    one, zero = _number(w, kind, 1.0), _number(w, kind, 0.0)
    operands = [one, y, leading_y, x, leading_x, zero, target, sizes[kernel.n]]
    w.call(_name(kind, "gemm"), "void", [*flags, *shape, *operands])


def _square_of_one(w: FunctionWriter, kernel: Product, x: Value, y: Value, target: Value) -> None:
    """Call ``syrk``, which makes one half of a symmetric matrix, and copy it to the other."""
    assert x == y, "the operands are one matrix"
    kind, size = memory_element(kernel.node.type.dtype), kernel.node.type.dtype.itemsize
    n, k = _integer(w, kernel.n), _integer(w, kernel.k)
    # By columns, what is behind the diagonal of the rows is before that of the columns.
    flags = [w.module.bytes(b"L"), _flag(w, kernel.y_transposed)]
    leading = k if kernel.y_transposed else n
    one, zero = _number(w, kind, 1.0), _number(w, kind, 0.0)
    w.call(_name(kind, "syrk"), "void", [*flags, n, k, one, x, leading, zero, target, n])
    with w.loop(1, kernel.n) as row, w.loop(0, row.index) as column:
        above = w.add_index(w.scale_index(column.index, kernel.n), row.index)
        below = w.add_index(w.scale_index(row.index, kernel.n), column.index)
        value = w.load(kind, w.address(target, above, kind), size)
        w.store(value, w.address(target, below, kind), size)


def _name(kind: str, routine: str) -> str:
    return f"blas.{'d' if kind == 'double' else 's'}{routine}"


def _flag(w: FunctionWriter, transposed: bool) -> Value:
    return w.module.bytes(b"T" if transposed else b"N")


def _integer(w: FunctionWriter, value: int) -> Value:
    """BLAS takes integers by address; of 64 bits, of which some libraries read the lower 32."""
    slot = w.alloca(I64)
    w.store(constant(I64, value), slot, 8)
    return slot


def _number(w: FunctionWriter, kind: str, value: float) -> Value:
    slot = w.alloca(kind)
    w.store(constant(kind, value), slot, 8 if kind == "double" else 4)
    return slot
