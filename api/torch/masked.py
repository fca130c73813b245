"""`torch.masked`: reductions and normalisations of the elements that a mask lets through.

Where a mask lets nothing through, the result is that of no elements: 0 of sums, NaN of means.

>>> x, mask = torch.tensor([1.0, 2.0, 30.0]), torch.tensor([True, True, False])
>>> torch.masked.mean(x, mask=mask)
tensor(1.5000)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from . import reductions, running
from .arithmetic import FUNCTIONS, where
from .creation import ones
from .dtypes import bool_, here, of_numpy
from .linalg.norms import vector_norm
from .rows import wrap_dims
from .sorting import median as _median
from .sorting import nanmedian
from .tensors import Tensor

Reduction: TypeAlias = Callable[..., Any]


def _converted(input: Tensor, dtype: Any, sums: bool = False) -> Any:
    """The input in the dtype of the result; sums of integers are counted in int64."""
    if dtype is None and sums and input.dtype.numpy.kind in "biu":
        dtype = of_numpy(np.dtype(np.int64))
    return input if dtype is None else input.to(dtype)


def _filled(x: Any, mask: Tensor | None, fill: float) -> Any:
    """The elements that the mask lets through, a number in place of the others."""
    if mask is None:
        return x
    kind = x.dtype.numpy.kind
    if kind in "iu" and math.isinf(fill):
        limits = np.iinfo(x.dtype.numpy)
        fill = int(limits.max if fill > 0 else limits.min)
    return where(mask.expand(x.shape), x, int(fill) if kind in "iu" else fill)


def _axes(x: Any, dim: Any) -> tuple[int, ...]:
    axes = wrap_dims(dim, x.ndim)
    return tuple(range(x.ndim)) if axes is None else axes


def _count(x: Any, mask: Tensor | None, axes: tuple[int, ...], keepdim: bool) -> Any:
    """How many elements each result is of."""
    seen = ones(x.shape, dtype=bool_) if mask is None else mask.expand(x.shape)
    return reductions.sum(seen, axes, keepdim).to(x.dtype) if axes else seen.to(x.dtype)


def _check_floating(name: str, x: Any) -> None:
    if x.dtype.numpy.kind not in "fc":
        raise ValueError(
            f"{name}(): Could not infer output dtype. Input dtype must be either a floating point "
            f"or complex dtype. Got: {x.dtype}{here()}"
        )


def _product(x: Any, axes: tuple[int, ...], keepdim: bool) -> Any:
    for axis in sorted(axes, reverse=True):
        x = reductions.prod(x, axis, keepdim)
    return x


# -- from several elements to one ------------------------------------------------------------


def _extreme(name: str, function: Reduction, fill: float, what: str, gives: str) -> Reduction:
    def reduction(
        input: Tensor,
        dim: Any = None,
        *,
        keepdim: bool = False,
        dtype: Any = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        x = _converted(input, dtype, sums=name in ("sum", "prod"))
        axes = _axes(x, dim)
        made: Tensor = function(_filled(x, mask, fill), axes, keepdim) if axes else x
        return made

    return _named(reduction, name, what, gives)


def _place(name: str, function: Reduction, fill: float, what: str, gives: str) -> Reduction:
    def reduction(
        input: Tensor,
        dim: int | None = None,
        *,
        keepdim: bool = False,
        dtype: Any = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        x = _converted(input, dtype)
        made: Tensor = function(_filled(x, mask, fill), dim, bool(keepdim)).to(x.dtype)
        return made

    return _named(reduction, name, what, gives)


_GIVEN = "torch.tensor([1.0, 2.0, 3.0])"
_MASK = "mask=torch.tensor([True, True, False])"


def _named(function: Any, name: str, what: str, gives: str, given: str = "") -> Reduction:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"{what} of the elements that the mask lets through.\n\n"
        f"    >>> torch.masked.{name}({_GIVEN}, {given}{_MASK})\n    {gives}\n    "
    )
    return function  # type: ignore[no-any-return]


sum = _extreme("sum", reductions.sum, 0.0, "The sum", "tensor(3.)")
prod = _extreme("prod", _product, 1.0, "The product", "tensor(2.)")
amax = _extreme("amax", reductions.amax, -math.inf, "The greatest", "tensor(2.)")
amin = _extreme("amin", reductions.amin, math.inf, "The smallest", "tensor(1.)")
argmax = _place("argmax", reductions.argmax, -math.inf, "The place of the greatest", "tensor(1.)")
argmin = _place("argmin", reductions.argmin, math.inf, "The place of the smallest", "tensor(0.)")


def mean(
    input: Tensor,
    dim: Any = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The mean of the elements that the mask lets through.

    >>> torch.masked.mean(torch.tensor([1.0, 2.0]), mask=torch.tensor([True, False]))
    tensor(1.)
    """
    x = _converted(input, dtype)
    _check_floating("mean", x)
    axes = _axes(x, dim)
    made: Tensor = sum(x, axes, keepdim=keepdim, mask=mask) / _count(x, mask, axes, keepdim)
    return made


def median(
    input: Tensor,
    dim: int = -1,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The median, the lower of two, of the elements that the mask lets through.

    >>> torch.masked.median(torch.tensor([1.0, 2.0]), 0, mask=torch.tensor([False, True]))
    tensor(2.)
    """
    x = _converted(input, dtype)
    _check_floating("median", x)
    function: Any = _median if mask is None else nanmedian
    made: Tensor = function(_filled(x, mask, math.nan), dim, keepdim)[0]
    return made


def norm(
    input: Tensor,
    ord: float | None = 2.0,
    dim: Any = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The norm of the elements that the mask lets through, as of a vector.

    >>> x, mask = torch.tensor([3.0, 4.0, 9.0]), torch.tensor([True, True, False])
    >>> torch.masked.norm(x, mask=mask)
    tensor(5.)
    """
    x = _converted(input, dtype)
    order = 2.0 if ord is None else ord
    return vector_norm(_filled(x, mask, math.inf if order < 0 else 0.0), order, dim, keepdim)


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The variance of the elements that the mask lets through.

    >>> x, mask = torch.tensor([1.0, 3.0, 9.0]), torch.tensor([True, True, False])
    >>> torch.masked.var(x, mask=mask)
    tensor(2.)
    """
    if unbiased is not None and correction is not None:
        raise ValueError(f"Only one of unbiased and correction may be given{here()}")
    less = (1.0 if unbiased is None or unbiased else 0.0) if correction is None else correction
    x = _converted(input, dtype)
    if x.dtype.numpy.kind not in "fc":
        x = x.to(of_numpy(np.dtype(np.float32)))
    axes = _axes(x, dim)
    count = _count(x, mask, axes, True)
    away = x - sum(x, axes, keepdim=True, mask=mask) / count
    squares = sum((away * away.conj()).real, axes, keepdim=keepdim, mask=mask)
    made: Tensor = squares / (_count(x, mask, axes, keepdim).real - less).clamp(min=0.0)
    return made


def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The root of the variance of the elements that the mask lets through.

    >>> x, mask = torch.tensor([1.0, 3.0, 9.0]), torch.tensor([True, True, False])
    >>> torch.masked.std(x, unbiased=False, mask=mask)
    tensor(1.)
    """
    made: Tensor = var(
        input, dim, unbiased, correction=correction, keepdim=keepdim, dtype=dtype, mask=mask
    ).sqrt()
    return made


def logsumexp(
    input: Tensor,
    dim: Any = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The logarithm of the sum of the exponentials of the elements that the mask lets through.

    >>> torch.masked.logsumexp(torch.tensor([1.0, 2.0]), 0, mask=torch.tensor([True, False]))
    tensor(1.)
    """
    x = _converted(input, dtype)
    axes = _axes(x, dim)
    made: Tensor = x
    if axes:
        made = reductions.logsumexp(_filled(x, mask, -math.inf), axes, keepdim)
    return made


# -- from elements to as many ----------------------------------------------------------------


def _along(name: str, function: Reduction, fill: float, what: str, gives: str) -> Reduction:
    def operation(
        input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None
    ) -> Tensor:
        x = _converted(input, dtype, sums=name.startswith("cum"))
        made: Tensor = function(_filled(x, mask, fill), dim)
        return made

    return _named(operation, name, what, gives, "0, ")


def _softmin(x: Any, dim: int) -> Any:
    return reductions.softmax(-x, dim)


softmax = _along(
    "softmax", reductions.softmax, -math.inf, "The softmax", "tensor([0.2689, 0.7311, 0.0000])"
)
log_softmax = _along(
    "log_softmax",
    reductions.log_softmax,
    -math.inf,
    "The logarithm of the softmax",
    "tensor([-1.3133, -0.3133,    -inf])",
)
softmin = _along(
    "softmin",
    _softmin,
    math.inf,
    "The softmax of negatives",
    "tensor([0.7311, 0.2689, 0.0000])",
)
cumsum = _along("cumsum", reductions.cumsum, 0.0, "Running sums", "tensor([1., 3., 3.])")
cumprod = _along("cumprod", running.cumprod, 1.0, "Running products", "tensor([1., 2., 2.])")


def normalize(
    input: Tensor,
    ord: float,
    dim: int,
    *,
    eps: float = 1e-12,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The elements that the mask lets through over their norm, 0 for the others.

    >>> torch.masked.normalize(torch.tensor([2.0, 9.0]), 2, 0, mask=torch.tensor([True, False]))
    tensor([1., 0.])
    """
    x = _converted(input, dtype)
    length = norm(x, ord, dim, keepdim=True, mask=mask)
    made: Tensor = _filled(x, mask, 0.0) / length.clamp(min=eps)
    return made


def logaddexp(
    input: Tensor,
    other: Tensor,
    *,
    dtype: Any = None,
    input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:
    """log(exp(input) + exp(other)) of the elements that masks let through.

    >>> x = torch.tensor([1.0, 2.0])
    >>> torch.masked.logaddexp(x, x, other_mask=torch.tensor([False, False]))
    tensor([1., 2.])
    """
    first = _filled(_converted(input, dtype), input_mask, -math.inf)
    second = _filled(_converted(other, dtype), other_mask, -math.inf)
    made: Tensor = FUNCTIONS["logaddexp"](first, second)
    return made


__all__ = [
    "amax",
    "amin",
    "argmax",
    "argmin",
    "cumprod",
    "cumsum",
    "log_softmax",
    "logaddexp",
    "logsumexp",
    "mean",
    "median",
    "norm",
    "normalize",
    "prod",
    "softmax",
    "softmin",
    "std",
    "sum",
    "var",
]
