"""Products by BLAS."""

from __future__ import annotations

from collections.abc import Mapping

from pullback.tracer.types import is_float

from .assembly import I64, FunctionWriter, Value, constant
from .elements import memory_element
from .kernel import Buffer, Product


def write_product(w: FunctionWriter, kernel: Product, pointers: Mapping[Buffer, Value]) -> None:
    """Call ``gemm``. BLAS counts by columns, so the operands change places."""
    dtype = kernel.node.type.dtype
    assert is_float(dtype)
    kind = memory_element(dtype)
    name = "blas.dgemm" if kind == "double" else "blas.sgemm"
    sizes = {x: _integer(w, x) for x in {kernel.m, kernel.n, kernel.k}}
    one, zero = _number(w, kind, 1.0), _number(w, kind, 0.0)
    flags = [
        w.module.bytes(b"T" if flag else b"N")
        for flag in (kernel.y_transposed, kernel.x_transposed)
    ]
    leading_y = sizes[kernel.k if kernel.y_transposed else kernel.n]
    leading_x = sizes[kernel.m if kernel.x_transposed else kernel.k]

    def call(index: Value) -> None:
        x, y, target = (
            w.address(pointers[b], w.scale_index(index, size), kind)
            for b, size in (
                (kernel.x, kernel.m * kernel.k),
                (kernel.y, kernel.k * kernel.n),
                (kernel.target, kernel.m * kernel.n),
            )
        )
        shape = [sizes[kernel.n], sizes[kernel.m], sizes[kernel.k]]
        operands = [one, y, leading_y, x, leading_x, zero, target, sizes[kernel.n]]
        w.call(name, "void", [*flags, *shape, *operands])

    with w.batch(kernel.batch) as index:
        call(index)


def _integer(w: FunctionWriter, value: int) -> Value:
    """BLAS takes integers by address; of 64 bits, of which some libraries read the lower 32."""
    slot = w.alloca(I64)
    w.store(constant(I64, value), slot, 8)
    return slot


def _number(w: FunctionWriter, kind: str, value: float) -> Value:
    slot = w.alloca(kind)
    w.store(constant(kind, value), slot, 8 if kind == "double" else 4)
    return slot
