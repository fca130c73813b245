"""Products, extremes and sums up to each element; differences and integrals of samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pullback.tracer.primitives.elementwise import broadcast_scalar
from pullback.tracer.primitives.elementwise import where as choose

from .dtypes import here
from .node import Row
from .return_types import Results, recorded, rows
from .rows import counted, on_lines, wrap_dim
from .shapes import clone
from .tensors import Tensor, record


def doubling(lines: Any, combine: Callable[[Any, Any], Any]) -> Any:
    """Each element of the last axis combined with all before it.

    What is combined reaches twice as far with each step, so there are few steps, and each joins
    values of like size.
    """
    step = 1
    while step < lines.shape[-1]:
        joined = combine(lines[..., :-step], lines[..., step:])
        lines = np.concatenate([lines[..., :step], joined], -1)
        step *= 2
    return lines


def _places(lines: Any, later: Callable[[Any, Any], Any]) -> Any:
    """The place of the extreme up to each element, the last of equal ones."""

    def combine(before: Any, after: Any) -> Any:
        a, b = (np.take_along_axis(lines, places, -1) for places in (before, after))
        kept = later(a, b)
        kept = kept | np.isnan(b) if lines.dtype.kind == "f" else kept
        return choose(kept, after, before)

    places: Any = np.broadcast_to(counted(lines.shape[-1]), lines.shape)
    return doubling(places, combine)


def _extremes(x: Any, dim: int, later: Callable[[Any, Any], Any]) -> Any:
    places = np.moveaxis(_places(np.moveaxis(x, dim, -1), later), -1, dim)
    return np.take_along_axis(x, places, dim), places


def _cummax(x: Any, dim: int) -> Any:
    return _extremes(x, dim, np.less_equal)


def _cummin(x: Any, dim: int) -> Any:
    return _extremes(x, dim, np.greater_equal)


def _logcumsumexp(x: Any, dim: int) -> Any:
    return np.moveaxis(doubling(np.moveaxis(x, dim, -1), np.logaddexp), -1, dim)


CUMPROD = Row("cumprod", on_lines(lambda x, d: np.cumprod(x, d)), "CumprodBackward0")
CUMMAX = rows("cummax", on_lines(_cummax), ("CummaxBackward0", None))
CUMMIN = rows("cummin", on_lines(_cummin), ("CumminBackward0", None))
LOGCUMSUMEXP = Row("logcumsumexp", on_lines(_logcumsumexp), "LogcumsumexpBackward0")


def cumprod(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Products of all elements up to each, along a dimension.

    >>> torch.cumprod(torch.tensor([1.0, 2.0, 3.0]), dim=0)
    tensor([1., 2., 6.])
    """
    input = input if dtype is None else input.to(dtype)
    return record(CUMPROD, (input,), (wrap_dim(dim, input.ndim),))


def cummax(input: Tensor, dim: int) -> Results:
    """The greatest of all elements up to each, and where it is.

    >>> torch.cummax(torch.tensor([1.0, 3.0, 2.0]), dim=0)
    torch.return_types.cummax(
    values=tensor([1., 3., 3.]),
    indices=tensor([0, 1, 1]))
    """
    return recorded("cummax", CUMMAX, (input,), (wrap_dim(dim, input.ndim),))


def cummin(input: Tensor, dim: int) -> Results:
    """The smallest of all elements up to each, and where it is.

    >>> torch.cummin(torch.tensor([2.0, 3.0, 1.0]), dim=0)
    torch.return_types.cummin(
    values=tensor([2., 2., 1.]),
    indices=tensor([0, 0, 2]))
    """
    return recorded("cummin", CUMMIN, (input,), (wrap_dim(dim, input.ndim),))


def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """Logarithms of the sums of exponentials up to each element.

    >>> torch.logcumsumexp(torch.tensor([0.0, 0.0, 0.0]), dim=0)
    tensor([0.0000, 0.6931, 1.0986])
    """
    return record(LOGCUMSUMEXP, (input,), (wrap_dim(dim, input.ndim),))


# -- samples ---------------------------------------------------------------------------------


def _diff(x: Any, *rest: Any) -> Any:
    *joined, n, dim, before = rest
    parts = [*joined[:before], x, *joined[before:]]
    whole = np.concatenate(parts, dim) if len(parts) > 1 else x
    if whole.dtype == np.dtype(bool) and n:
        for _ in range(min(n, whole.shape[dim])):
            whole = np.logical_xor(_from(whole, dim, 1, None), _from(whole, dim, None, -1))
        return whole
    return np.diff(whole, min(n, whole.shape[dim]), dim)


def _from(x: Any, dim: int, start: int | None, stop: int | None) -> Any:
    return x[(*(slice(None),) * dim, slice(start, stop))]


DIFF = Row("diff", _diff, "SubBackward0")


def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """Differences of neighbours along a dimension, n times.

    >>> torch.diff(torch.tensor([1, 3, 6]))
    tensor([2, 3])
    """
    if not input.ndim:
        raise RuntimeError(f"diff expects input to be at least one-dimensional{here()}")
    if n == 0:
        return clone(input)
    joined = [x for x in (prepend, append) if x is not None]
    params = (n, wrap_dim(dim, input.ndim), int(prepend is not None))
    return record(DIFF, (input, *joined), params)


def _trapezoid(y: Any, *rest: Any) -> Any:
    *x, dx, dim = rest
    return np.trapezoid(y, x[0], axis=dim) if x else np.trapezoid(y, dx=dx, axis=dim)


def _cumulative(y: Any, *rest: Any) -> Any:
    *x, dx, dim = rest
    means = 0.5 * (_from(y, dim, 1, None) + _from(y, dim, None, -1))
    if not x:
        return np.cumsum(means * dx, dim)
    axis = 0 if x[0].ndim == 1 else dim
    widths = np.diff(x[0], 1, axis)
    if x[0].ndim == 1:
        widths = np.reshape(widths, (-1, *(1,) * (y.ndim - 1 - dim)))
    return np.cumsum(means * widths, dim)


TRAPEZOID = Row(
    "trapezoid",
    _trapezoid,
    lambda kinds, *rest: "MulBackward1" if len(kinds) == 1 else "DivBackward1",
)
CUMULATIVE = Row(
    "cumulative_trapezoid",
    _cumulative,
    lambda kinds, *rest: "CumsumBackward0" if len(kinds) == 1 else "DivBackward1",
)


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1, dim: int = -1) -> Tensor:
    """The integral of samples, by the trapezoidal rule.

    >>> torch.trapezoid(torch.tensor([1.0, 2.0, 3.0]))
    tensor(4.)
    """
    given = (y,) if x is None else (y, x)
    return record(TRAPEZOID, given, (dx, wrap_dim(dim, y.ndim)))


def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: float = 1, dim: int = -1
) -> Tensor:
    """The integrals up to each sample, by the trapezoidal rule.

    >>> torch.cumulative_trapezoid(torch.tensor([1.0, 2.0, 3.0]))
    tensor([1.5000, 4.0000])
    """
    given = (y,) if x is None else (y, x)
    return record(CUMULATIVE, given, (dx, wrap_dim(dim, y.ndim)))


def _gradient(x: Any, *rest: Any) -> Any:
    *spacing, dim, step, order = rest
    return np.gradient(x, spacing[0] if spacing else step, axis=dim, edge_order=order)


GRADIENT = Row("gradient", _gradient, "CatBackward0")


def gradient(
    input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """Slopes of samples along each dimension, by central differences.

    >>> torch.gradient(torch.tensor([1.0, 4.0, 9.0]))
    (tensor([3., 4., 5.]),)
    """
    dims = _dims(input, dim)
    many = isinstance(spacing, Sequence)
    spacings = list(spacing) if many else [spacing] * len(dims)
    made: list[Tensor] = []
    for d, step in zip(dims, spacings, strict=True):
        step = 1 if step is None else step
        places = isinstance(step, Tensor) and step.ndim == 1
        given, width = ((input, step), 0) if places else ((input,), float(step))
        made.append(record(GRADIENT, given, (d, width, edge_order)))
    return tuple(made)


def _dims(input: Tensor, dim: Any) -> list[int]:
    if dim is None:
        return list(range(input.ndim))
    return [wrap_dim(d, input.ndim) for d in ([dim] if isinstance(dim, int) else dim)]


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of the elements, a column each.

    >>> torch.vander(torch.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [4, 2, 1],
            [9, 3, 1]])
    """
    return record(VANDER, (x,), (x.shape[-1] if N is None else N, increasing))


def _vander(x: Any, n: int, increasing: bool) -> Any:
    powers = [broadcast_scalar(1, x), *[x**i for i in range(1, n)]][:n]
    ordered = powers if increasing else powers[::-1]
    return np.stack(ordered, -1) if n else x[..., None][..., :0]


VANDER = Row("vander", _vander, "FlipBackward0")
