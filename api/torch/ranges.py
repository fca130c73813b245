"""Numbers in a row: ranges, even and in powers, and the coordinates of grids."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from .calling import factory
from .creation import number_dtype, plain_number
from .dtypes import as_numpy, get_default_dtype, here
from .tensors import Tensor, wrapped

Array = np.ndarray[Any, Any]


@factory
def arange(
    *bounds: Any,
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The numbers from a start (0) to before an end, by a step (1).

    >>> torch.arange(3)
    tensor([0, 1, 2])
    """
    names = ("end",) if len(bounds) == 1 and end is None else ("start", "end", "step")
    given = {"start": start, "end": end, "step": step, **dict(zip(names, bounds, strict=False))}
    places = {name: i for i, name in enumerate(names, 1)}
    first, last, by = (plain_number("arange", n, places.get(n, 1), x) for n, x in given.items())
    _check_bounds(first, last, by)
    wanted = number_dtype(first, last, by, 0) if dtype is None else as_numpy(dtype)
    return wrapped(_evenly(first, by, math.ceil((last - first) / by), wanted), requires_grad)


@factory
def range_(
    start: Any, end: Any, step: Any = 1, *, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """The numbers from a start to an end, which is the last, by a step. Deprecated in PyTorch.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     torch.range(1, 4)
    tensor([1., 2., 3., 4.])
    """
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is "
        "inconsistent with Python's range builtin. Instead, use torch.arange, which produces "
        "values in [start, end).",
        UserWarning,
        stacklevel=4,
    )
    _check_bounds(start, end, step)
    count = math.floor((end - start) / step) + 1
    return wrapped(_evenly(start, step, count, as_numpy(dtype)), requires_grad)


range_.__name__ = range_.__qualname__ = "range"


def _evenly(start: Any, step: Any, count: int, dtype: Any) -> Array:
    if dtype.kind in "iu":
        start, step = int(start), int(step)
    numbers = np.arange(count)
    return np.asarray(start + step * numbers).astype(dtype)


def _check_bounds(start: Any, end: Any, step: Any) -> None:
    if not step:
        raise RuntimeError(f"step must be nonzero{here()}")
    if (end - start) * step < 0:
        raise RuntimeError(f"upper bound and lower bound inconsistent with step sign{here()}")


@factory
def linspace(
    start: Any, end: Any, steps: int, *, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """So many numbers at equal distances, both ends included.

    >>> torch.linspace(0, 1, 3)
    tensor([0.0000, 0.5000, 1.0000])
    """
    first, last, count = _ends("linspace", start, end, steps)
    wanted = _inexact_dtype(first, last) if dtype is None else as_numpy(dtype)
    return wrapped(_between(first, last, count, wanted).astype(wanted), requires_grad)


@factory
def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Powers of a base, their exponents at equal distances.

    >>> torch.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    first, last, count = _ends("logspace", start, end, steps)
    wanted = _inexact_dtype(first, last) if dtype is None else as_numpy(dtype)
    powers = np.power(base + 0.0, _between(first, last, count, wanted))
    return wrapped(powers.astype(wanted), requires_grad)


def _ends(name: str, start: Any, end: Any, steps: int) -> tuple[Any, Any, int]:
    for argument, value in (("start", start), ("end", end)):
        if isinstance(value, Tensor) and value.ndim:
            raise RuntimeError(
                f"{name} only supports 0-dimensional start and end tensors, but got {argument} "
                f"with {value.ndim} dimension(s).{here()}"
            )
    count = int(steps)
    if count < 0:
        raise RuntimeError(f"number of steps must be non-negative{here()}")
    return plain_number(name, "start", 1, start), plain_number(name, "end", 2, end), count


def _inexact_dtype(*ends: Any) -> Any:
    if any(type(x) is complex for x in ends):
        return as_numpy(complex)
    return get_default_dtype().numpy


def _between(start: Any, end: Any, count: int, dtype: Any) -> Array:
    """Counted from the end that is nearer, so that both ends are exact."""
    if dtype.kind in "iu":
        start, end = int(start), int(end)
    step = (end - start) / max(count - 1, 1)
    numbers = np.arange(count)
    found: Array = np.where(
        numbers < count // 2 + count % 2, start + step * numbers, end - step * (count - 1 - numbers)
    )
    return found


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """The coordinates of a grid, one tensor a dimension.

    >>> torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")[0].shape
    torch.Size([2, 3])
    """
    given = tensors[0] if len(tensors) == 1 and not isinstance(tensors[0], Tensor) else tensors
    order = list(range(len(given)))
    if indexing == "xy" and len(given) > 1:
        order[:2] = 1, 0
    shape = tuple(given[i].numel() for i in order)
    grids = []
    for i, x in enumerate(given):
        thin = tuple(-1 if a == order.index(i) else 1 for a in range(len(given)))
        grids.append(x.reshape(thin).expand(shape))
    return tuple(grids)
