"""Products of arrays, all of them by the row `dot`."""

from __future__ import annotations

from typing import Any

from ..errors import at
from ..location import user_location
from ..primitives.contraction import dot as dot_row
from ..primitives.elementwise import broadcast_scalar, ne
from ..primitives.structure import Axes, permute, reshape
from ..trace import Tracer
from ..types import BOOL, INT64
from .complexes import conjugated
from .promotion import as_dtype, common_dtype, common_shape, spread, strong

Pairs = tuple[Axes, Axes]


def contract(x: Tracer, y: Tracer, axes: Pairs, batch: Pairs = ((), ())) -> Tracer:
    """The row `dot`; bools are multiplied by `and` and added by `or`."""
    if x.dtype != BOOL:
        return dot_row(x, y, contract=axes, batch=batch)
    count = dot_row(as_dtype(x, INT64), as_dtype(y, INT64), contract=axes, batch=batch)
    return ne(count, broadcast_scalar(0, count))


def promoted(*operands: Any, what: str) -> list[Tracer]:
    """Operands of a product, in their common dtype."""
    values = [strong(x) for x in operands]
    dtype = common_dtype(values, what)
    return [as_dtype(x, dtype) for x in values]


def _mismatch(what: str, x: Tracer, y: Tracer) -> ValueError:
    return ValueError(
        f"{what}: operands of shapes {x.shape} and {y.shape} do not fit{at(user_location())}"
    )


def _batched(x: Tracer, y: Tracer, x_core: int, y_core: int, axes: tuple[int, int]) -> Tracer:
    """A product of the last axes; those before them are broadcast together.

    ``axes`` are the summed axes, counted from the end.
    """
    outer = common_shape([x.shape[: x.ndim - x_core], y.shape[: y.ndim - y_core]])
    x_outer, y_outer = x.shape[: x.ndim - x_core], y.shape[: y.ndim - y_core]
    if outer and y_core == 2 and not y_outer and x_core == 2:
        return contract(x, y, ((x.ndim + axes[0],), (y.ndim + axes[1],)))
    x = spread(x, (*outer, *x.shape[len(x_outer) :]))
    y = spread(y, (*outer, *y.shape[len(y_outer) :]))
    batch = tuple(range(len(outer)))
    return contract(x, y, ((x.ndim + axes[0],), (y.ndim + axes[1],)), (batch, batch))


def matmul(x: Any, y: Any) -> Tracer:
    """``x @ y``: matrices in the last two axes, the others broadcast; vectors are not.

    Raises:
        ValueError: when the shapes do not fit, or an operand is 0-d.
    """
    a, b = promoted(x, y, what="np.matmul")
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError(f"matmul: an operand is 0-d; use * instead{at(user_location())}")
    if a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise _mismatch("matmul", a, b)
    if a.ndim == 1:
        return contract(a, b, ((0,), (max(b.ndim - 2, 0),)))
    if b.ndim == 1:
        return contract(a, b, ((a.ndim - 1,), (0,)))
    return _batched(a, b, 2, 2, (-1, -2))


def vecdot(x: Any, y: Any) -> Tracer:
    """Dot products of the vectors in the last axes, the first conjugated, the others broadcast."""
    a, b = promoted(x, y, what="np.vecdot")
    if a.ndim == 0 or b.ndim == 0 or a.shape[-1] != b.shape[-1]:
        raise _mismatch("vecdot", a, b)
    return _batched(conjugated(a), b, 1, 1, (-1, -1))


def matvec(x: Any, y: Any) -> Tracer:
    """Matrices in the last two axes by vectors in the last."""
    a, b = promoted(x, y, what="np.matvec")
    if a.ndim < 2 or b.ndim < 1 or a.shape[-1] != b.shape[-1]:
        raise _mismatch("matvec", a, b)
    return _batched(a, b, 2, 1, (-1, -1))


def vecmat(x: Any, y: Any) -> Tracer:
    """Vectors in the last axis, conjugated, by matrices in the last two."""
    a, b = promoted(x, y, what="np.vecmat")
    if a.ndim < 1 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
        raise _mismatch("vecmat", a, b)
    return _batched(conjugated(a), b, 1, 2, (-1, -2))


def dot(x: Any, y: Any) -> Tracer:
    """`np.dot`: the last axis of ``x`` with the last but one of ``y``; nothing is broadcast."""
    a, b = promoted(x, y, what="np.dot")
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise _mismatch("dot", a, b)
    return contract(a, b, ((a.ndim - 1,), (max(b.ndim - 2, 0),)))


def inner(x: Any, y: Any) -> Tracer:
    """`np.inner`: the last axes of both."""
    a, b = promoted(x, y, what="np.inner")
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if a.shape[-1] != b.shape[-1]:
        raise _mismatch("inner", a, b)
    return contract(a, b, ((a.ndim - 1,), (b.ndim - 1,)))


def outer(x: Any, y: Any) -> Tracer:
    """`np.outer`: every product of an element of ``x`` with one of ``y``."""
    a, b = promoted(x, y, what="np.outer")
    return contract(_flat(a), _flat(b), ((), ()))


def vdot(x: Any, y: Any) -> Tracer:
    """`np.vdot`: the sum of the products of all elements, those of ``x`` conjugated."""
    a, b = (_flat(v) for v in promoted(x, y, what="np.vdot"))
    if a.shape != b.shape:
        raise _mismatch("vdot", a, b)
    return contract(conjugated(a), b, ((0,), (0,)))


def _flat(x: Tracer) -> Tracer:
    return reshape(x, shape=(x.size,))


def tensordot(x: Any, y: Any, axes: Any = 2) -> Tracer:
    """`np.tensordot`: sums over the given pairs of axes."""
    a, b = promoted(x, y, what="np.tensordot")
    if isinstance(axes, int):
        of_a, of_b = tuple(range(a.ndim - axes, a.ndim)), tuple(range(axes))
    else:
        of_a, of_b = (_axis_list(part) for part in axes)
    of_a = tuple(n % a.ndim for n in of_a) if a.ndim else ()
    of_b = tuple(n % b.ndim for n in of_b) if b.ndim else ()
    if [a.shape[n] for n in of_a] != [b.shape[n] for n in of_b]:
        raise ValueError(f"shape-mismatch for sum{at(user_location())}")
    return contract(a, b, (of_a, of_b))


def _axis_list(part: Any) -> Axes:
    return (int(part),) if isinstance(part, int) else tuple(int(n) for n in part)


def kron(x: Any, y: Any) -> Tracer:
    """`np.kron`: the product of every element of ``x`` with all of ``y``."""
    a, b = promoted(x, y, what="np.kron")
    ndim = max(a.ndim, b.ndim)
    a = reshape(a, shape=(1,) * (ndim - a.ndim) + a.shape)
    b = reshape(b, shape=(1,) * (ndim - b.ndim) + b.shape)
    pairs = contract(a, b, ((), ()))
    axes = tuple(n for axis in range(ndim) for n in (axis, ndim + axis))
    shape = tuple(m * n for m, n in zip(a.shape, b.shape, strict=True))
    return reshape(permute(pairs, axes=axes), shape=shape)
