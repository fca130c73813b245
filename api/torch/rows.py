"""How operations prepare their operands: promotion and broadcasting, by torch's rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pullback.tracer.numpy.promotion import as_dtype, spread
from pullback.tracer.primitives.structure import iota
from pullback.tracer.trace import Tracer
from pullback.tracer.types import INT64, DType, Shape

from .dtypes import Kind, get_default_dtype, here, promoted


def common_shape(shapes: Sequence[Shape]) -> Shape:
    """The shape that the shapes broadcast to.

    Raises:
        RuntimeError: torch's.
    """
    result = shapes[0]
    for shape in shapes[1:]:
        if shape != result:
            result = _broadcast(result, shape)
    return result


def _broadcast(a: Shape, b: Shape) -> Shape:
    ndim = max(len(a), len(b))
    wide_a, wide_b = (1,) * (ndim - len(a)) + a, (1,) * (ndim - len(b)) + b
    result: list[int] = []
    for axis, (n, m) in enumerate(zip(wide_a, wide_b, strict=True)):
        if n != m and n != 1 and m != 1:
            raise RuntimeError(
                f"The size of tensor a ({n}) must match the size of tensor b ({m}) at "
                f"non-singleton dimension {axis}{here()}"
            )
        result.append(m if n == 1 else n)
    return tuple(result)


def in_dtype(kinds: Sequence[Kind], tracers: Sequence[Tracer], dtype: DType) -> list[Tracer]:
    """The operands in one dtype and shape."""
    shape = common_shape([k.type.shape for k in kinds])
    return [spread(as_dtype(x, dtype), shape) for x in tracers]


def same(kinds: Sequence[Kind], tracers: Sequence[Tracer]) -> list[Tracer]:
    """The operands promoted to a common dtype and broadcast."""
    return in_dtype(kinds, tracers, promoted(kinds))


def first_two(kinds: Sequence[Kind], tracers: Sequence[Tracer]) -> list[Tracer]:
    """All as the first two are promoted: a factor does not change what is added."""
    shape = common_shape([k.type.shape for k in kinds])
    dtype = promoted(kinds[:2])
    return [spread(as_dtype(x, dtype), shape) for x in tracers]


def floating(kinds: Sequence[Kind], tracers: Sequence[Tracer]) -> list[Tracer]:
    """The same; integers become the default dtype."""
    return in_dtype(kinds, tracers, float_dtype(promoted(kinds)))


def first_is_mask(kinds: Sequence[Kind], tracers: Sequence[Tracer]) -> list[Tracer]:
    """The first a bool, the others as in `same`; all broadcast."""
    shape = common_shape([k.type.shape for k in kinds])
    dtype = promoted(kinds[1:])
    rest = [spread(as_dtype(x, dtype), shape) for x in tracers[1:]]
    return [spread(as_dtype(tracers[0], np.dtype(bool)), shape), *rest]


def like_first(kinds: Sequence[Kind], tracers: Sequence[Tracer]) -> list[Tracer]:
    """All in the dtype of the first, not broadcast."""
    return [as_dtype(x, kinds[0].type.dtype) for x in tracers]


def float_dtype(dtype: DType) -> DType:
    """The dtype itself if it is floating, else the default one."""
    return dtype if dtype.kind in "fc" else get_default_dtype().numpy


def float_one(kinds: Sequence[Kind], tracers: Sequence[Tracer]) -> list[Tracer]:
    """One operand, integers as the default dtype; what follows it as it is."""
    return [as_dtype(tracers[0], float_dtype(kinds[0].type.dtype)), *tracers[1:]]


def wrap_dim(dim: int, ndim: int) -> int:
    """A non-negative axis.

    Raises:
        IndexError: torch's.
    """
    count = max(ndim, 1)
    if not -count <= dim < count:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-count}, {count - 1}], but got "
            f"{dim}){here()}"
        )
    return dim % count


def wrap_dims(dim: Any, ndim: int) -> tuple[int, ...] | None:
    """The axes that a ``dim`` argument names; None is all."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return None
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    return tuple(wrap_dim(int(d), ndim) for d in dims if ndim)


def counted(count: int) -> Tracer:
    """The whole numbers below ``count``."""
    return iota(size=count, dtype=INT64)


def on_lines(apply: Callable[..., Any]) -> Callable[..., Any]:
    """What works along a dimension, for a tensor without any, too: that counts as one line."""

    def either(x: Any, dim: Any, *params: Any) -> Any:
        if x.ndim:
            return apply(x, dim, *params)
        made = apply(np.reshape(x, (1,)), None if dim is None else 0, *params)
        if isinstance(made, tuple):
            return tuple(np.reshape(part, ()) for part in made)
        return np.reshape(made, ())

    return either
