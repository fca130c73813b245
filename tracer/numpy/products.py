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
from .promotion import as_dtype, common_dtype, common_shape, spread

Pairs = tuple[Axes, Axes]


def contract(x: Tracer, y: Tracer, axes: Pairs, batch: Pairs = ((), ())) -> Tracer:
    """The row `dot`; bools are multiplied by `and` and added by `or`."""
    if x.dtype != BOOL:
        return dot_row(x, y, contract=axes, batch=batch)
    count = dot_row(as_dtype(x, INT64), as_dtype(y, INT64), contract=axes, batch=batch)
    return ne(count, broadcast_scalar(0, count))


def promoted(*operands: Any, what: str) -> list[Tracer]:
    """Operands of a product, lists among them, in their common dtype."""
    from .creation import asarray

    values = [asarray(x) for x in operands]
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


def dot(a: Any, b: Any, out: Any = None) -> Tracer:
    """`np.dot`: the last axis of ``a`` with the last but one of ``b``; nothing is broadcast."""
    from .protocols import store

    x, y = promoted(a, b, what="np.dot")
    if x.ndim == 0 or y.ndim == 0:
        result = x * y
    elif x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        raise _mismatch("dot", x, y)
    else:
        result = contract(x, y, ((x.ndim - 1,), (max(y.ndim - 2, 0),)))
    if out is not None and (out.dtype, out.shape) != (result.dtype, result.shape):
        raise ValueError(
            f"output array is not acceptable (must have the right datatype and shape)"
            f"{at(user_location())}"
        )
    stored: Tracer = store(out, result)
    return stored


def inner(a: Any, b: Any, /) -> Tracer:
    """`np.inner`: the last axes of both."""
    x, y = promoted(a, b, what="np.inner")
    if x.ndim == 0 or y.ndim == 0:
        return x * y
    if x.shape[-1] != y.shape[-1]:
        raise _mismatch("inner", x, y)
    return contract(x, y, ((x.ndim - 1,), (y.ndim - 1,)))


def outer(a: Any, b: Any, out: Any = None) -> Tracer:
    """`np.outer`: every product of an element of ``a`` with one of ``b``."""
    from .protocols import store

    x, y = promoted(a, b, what="np.outer")
    stored: Tracer = store(out, contract(_flat(x), _flat(y), ((), ())))
    return stored


def vdot(a: Any, b: Any, /) -> Tracer:
    """`np.vdot`: the sum of the products of all elements, those of ``a`` conjugated."""
    x, y = (_flat(v) for v in promoted(a, b, what="np.vdot"))
    if x.shape != y.shape:
        raise _mismatch("vdot", x, y)
    return contract(conjugated(x), y, ((0,), (0,)))


def _flat(x: Tracer) -> Tracer:
    return reshape(x, shape=(x.size,))


def tensordot(a: Any, b: Any, axes: Any = 2) -> Tracer:
    """`np.tensordot`: sums over the given pairs of axes.

    Raises:
        ValueError: when their extents differ.
    """
    x, y = promoted(a, b, what="np.tensordot")
    if isinstance(axes, int):
        of_x, of_y = tuple(range(-axes, 0)), tuple(range(axes))
    else:
        of_x, of_y = (_axis_list(part) for part in axes)
    if len(of_x) != len(of_y) or not _fit(x, y, (of_x, of_y)):
        raise ValueError(f"shape-mismatch for sum{at(user_location())}")
    of_x, of_y = tuple(n % x.ndim for n in of_x), tuple(n % y.ndim for n in of_y)
    return contract(x, y, (of_x, of_y))


def _fit(x: Tracer, y: Tracer, axes: Pairs) -> bool:
    """Whether each pair of axes has one extent; the first pair that has not decides."""
    for m, n in zip(*axes, strict=True):
        if not -x.ndim <= m < x.ndim or not -y.ndim <= n < y.ndim:
            raise IndexError(f"tensordot: an operand has too few axes{at(user_location())}")
        if x.shape[m] != y.shape[n]:
            return False
    return True


def _axis_list(part: Any) -> Axes:
    return (int(part),) if isinstance(part, int) else tuple(int(n) for n in part)


def kron(a: Any, b: Any) -> Tracer:
    """`np.kron`: the product of every element of ``a`` with all of ``b``."""
    x, y = promoted(a, b, what="np.kron")
    ndim = max(x.ndim, y.ndim)
    x = reshape(x, shape=(1,) * (ndim - x.ndim) + x.shape)
    y = reshape(y, shape=(1,) * (ndim - y.ndim) + y.shape)
    pairs = contract(x, y, ((), ()))
    axes = tuple(n for axis in range(ndim) for n in (axis, ndim + axis))
    shape = tuple(m * n for m, n in zip(x.shape, y.shape, strict=True))
    return reshape(permute(pairs, axes=axes), shape=shape)
