"""Functions that combine elements along axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pullback.tracer.primitives.elementwise import broadcast_scalar, stop_gradient
from pullback.tracer.primitives.elementwise import where as choose

from .dtypes import here
from .node import Row
from .refusals import check_dtypes
from .return_types import recorded
from .rows import float_one, on_lines, wrap_dim, wrap_dims
from .tensors import Tensor, record

Dims = tuple[int, ...] | None


def _whole_or_dim(name: str) -> Any:
    """Torch has one backward node for the reduction of everything, another for dimensions."""
    return lambda kinds, dims, *rest: f"{name}Backward{0 if dims is None else 1}"


def _signed(x: Any) -> Any:
    """Whole numbers are added up as int64."""
    return x.astype(np.int64) if x.dtype.kind == "u" else x


SUM = Row("sum", lambda x, d, k: np.sum(_signed(x), d, keepdims=k), _whole_or_dim("Sum"))
NANSUM = Row("nansum", lambda x, d, k: np.nansum(x, d, keepdims=k), "NansumBackward0")
MEAN = Row("mean", lambda x, d, k: np.mean(x, d, keepdims=k), _whole_or_dim("Mean"))
PROD = Row("prod", lambda x, d, k: np.prod(_signed(x), d, keepdims=k), _whole_or_dim("Prod"))
AMAX = Row("amax", lambda x, d, k: np.max(x, d, keepdims=k), "AmaxBackward0")
AMIN = Row("amin", lambda x, d, k: np.min(x, d, keepdims=k), "AminBackward0")
MAX = Row("max", lambda x: np.max(x), "MaxBackward1")
MIN = Row("min", lambda x: np.min(x), "MinBackward1")
ANY = Row("any", lambda x, d, k: np.any(x, d, keepdims=k), None)
ALL = Row("all", lambda x, d, k: np.all(x, d, keepdims=k), None)
ARGMAX = Row("place_of_max", on_lines(lambda x, d, k: np.argmax(x, d, keepdims=k)), None)
ARGMIN = Row("place_of_min", on_lines(lambda x, d, k: np.argmin(x, d, keepdims=k)), None)
VAR = Row("var", lambda x, d, c, k: np.var(x, d, ddof=c, keepdims=k), "VarBackward0")
STD = Row("std", lambda x, d, c, k: np.std(x, d, ddof=c, keepdims=k), "StdBackward0")
CUMSUM = Row("cumsum", on_lines(lambda x, d: np.cumsum(x, d)), "CumsumBackward0")


def _axes(input: Tensor, dim: Any) -> Dims:
    return wrap_dims(dim, input.ndim)


def _converted(input: Tensor, dtype: Any) -> Tensor:
    return input if dtype is None else input.to(dtype)


def _require_float(input: Tensor, name: str) -> None:
    if input.node.info.kind.type.dtype.kind not in "fc":
        raise RuntimeError(
            f"{name}(): could not infer output dtype. Input dtype must be either a floating point "
            f"or complex dtype. Got: {input.dtype.title}{here()}"
        )


def sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum of all elements, or along dimensions; integers are added as int64.

    >>> torch.sum(torch.ones(2, 3), dim=1)
    tensor([3., 3.])
    """
    return record(SUM, (_converted(input, dtype),), (_axes(input, dim), keepdim))


def nansum(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The sum, NaN counted as 0.

    >>> torch.nansum(torch.tensor([1.0, float("nan")]))
    tensor(1.)
    """
    return record(NANSUM, (input,), (_axes(input, dim), keepdim))


def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean of all elements, or along dimensions.

    >>> torch.mean(torch.tensor([1.0, 2.0]))
    tensor(1.5000)
    """
    input = _converted(input, dtype)
    _require_float(input, "mean")
    return record(MEAN, (input,), (_axes(input, dim), keepdim))


def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The product of all elements, or along a dimension.

    >>> torch.prod(torch.tensor([2.0, 3.0]))
    tensor(6.)
    """
    return record(PROD, (_converted(input, dtype),), (_axes(input, dim), keepdim))


def amax(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The greatest element; equal ones share the gradient.

    >>> torch.amax(torch.tensor([[1.0, 4.0], [3.0, 2.0]]), dim=1)
    tensor([4., 3.])
    """
    return record(AMAX, (input,), (_axes(input, dim), keepdim))


def amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The smallest element; equal ones share the gradient.

    >>> torch.amin(torch.tensor([[1.0, 4.0], [3.0, 2.0]]), dim=1)
    tensor([1., 2.])
    """
    return record(AMIN, (input,), (_axes(input, dim), keepdim))


def any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether any element is not zero.

    >>> torch.any(torch.tensor([False, True]))
    tensor(True)
    """
    return record(ANY, (input,), (_axes(input, dim), keepdim))


def all(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether no element is zero.

    >>> torch.all(torch.tensor([False, True]))
    tensor(False)
    """
    return record(ALL, (input,), (_axes(input, dim), keepdim))


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the greatest element is: in the flattened tensor, or along a dimension.

    >>> torch.argmax(torch.tensor([1.0, 5.0, 2.0]))
    tensor(1)
    """
    check_dtypes("argmax", [input.node.info.kind])
    return record(ARGMAX, (input,), (None if dim is None else wrap_dim(dim, input.ndim), keepdim))


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the smallest element is: in the flattened tensor, or along a dimension.

    >>> torch.argmin(torch.tensor([1.0, 5.0, 2.0]))
    tensor(0)
    """
    check_dtypes("argmin", [input.node.info.kind])
    return record(ARGMIN, (input,), (None if dim is None else wrap_dim(dim, input.ndim), keepdim))


# -- greatest and smallest, with their places ------------------------------------------------


def _taken(x: Any, places: Any, dim: int, keepdim: bool) -> Any:
    values = np.take_along_axis(x, np.expand_dims(places, dim), dim)
    return values if keepdim else np.squeeze(values, dim)


def _greatest(x: Any, dim: int, keepdim: bool) -> Any:
    return _taken(x, np.argmax(x, dim), dim, keepdim)


def _least(x: Any, dim: int, keepdim: bool) -> Any:
    return _taken(x, np.argmin(x, dim), dim, keepdim)


MAX_VALUES = Row("max", on_lines(_greatest), "MaxBackward0")
MIN_VALUES = Row("min", on_lines(_least), "MinBackward0")


def _extremum(
    rows: tuple[Row, Row, Row], title: str, input: Tensor, dim: Any, keepdim: bool
) -> Any:
    whole, values, places = rows
    if dim is None:
        if input.numel() == 0:
            raise RuntimeError(
                f"{title}(): Expected reduction dim to be specified for input.numel() == 0. "
                f"Specify the reduction dim with the 'dim' argument.{here()}"
            )
        return record(whole, (input,))
    axis = wrap_dim(dim, input.ndim)
    return recorded(title, (values, places), (input,), (axis, keepdim))


def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The greatest element; with ``dim`` a pair of values and indices; of two tensors `maximum`.

    >>> torch.max(torch.tensor([1.0, 5.0, 2.0]))
    tensor(5.)
    """
    if isinstance(dim, Tensor):
        from .arithmetic import FUNCTIONS

        return FUNCTIONS["maximum"](input, dim)
    return _extremum((MAX, MAX_VALUES, ARGMAX), "max", input, dim, keepdim)


def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element; with ``dim`` a pair of values and indices; of two tensors `minimum`.

    >>> torch.min(torch.tensor([1.0, 5.0, 2.0]))
    tensor(1.)
    """
    if isinstance(dim, Tensor):
        from .arithmetic import FUNCTIONS

        return FUNCTIONS["minimum"](input, dim)
    return _extremum((MIN, MIN_VALUES, ARGMIN), "min", input, dim, keepdim)


# -- spread ----------------------------------------------------------------------------------


def spread_of(
    row: Row, input: Tensor, dim: Any, unbiased: bool, keepdim: bool, correction: float | None
) -> Tensor:
    """A spread along dimensions, divided by ``n - correction``."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    correction = int(unbiased) if correction is None else correction
    return record(row, (input,), (_axes(input, dim), correction, keepdim))


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The variance, divided by ``n - correction`` (1 unless told otherwise).

    >>> torch.var(torch.tensor([1.0, 3.0]))
    tensor(2.)
    """
    return spread_of(VAR, input, dim, unbiased, keepdim, correction)


def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The standard deviation, the square root of `var`.

    >>> torch.std(torch.tensor([1.0, 3.0]), unbiased=False)
    tensor(1.)
    """
    return spread_of(STD, input, dim, unbiased, keepdim, correction)


def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Sums of all elements up to each, along a dimension.

    >>> torch.cumsum(torch.tensor([1.0, 2.0, 3.0]), dim=0)
    tensor([1., 3., 6.])
    """
    return record(CUMSUM, (_converted(input, dtype),), (wrap_dim(dim, input.ndim),))


# -- norms -----------------------------------------------------------------------------------


def _squares(x: Any) -> Any:
    """The squares of absolute values."""
    return x.real * x.real + x.imag * x.imag if x.dtype.kind == "c" else x * x


def _norm(x: Any, p: float, dims: Dims, keepdim: bool) -> Any:
    if p == math.inf:
        return np.max(np.abs(x), dims, keepdims=keepdim)
    if p == -math.inf:
        return np.min(np.abs(x), dims, keepdims=keepdim)
    if p == 0:
        return np.sum((x != 0.0).astype(np.abs(x).dtype), dims, keepdims=keepdim)
    if p == 1:
        return np.sum(np.abs(x), dims, keepdims=keepdim)
    powers = _squares(x) if p == 2 else _power(x, p)
    total: Any = np.sum(powers, dims, keepdims=keepdim)
    # At zero the root has no derivative; torch takes 0.
    zero, one = broadcast_scalar(0.0, total), broadcast_scalar(1.0, total)
    inside = choose(total == zero, one, total)
    root: Any = np.sqrt(inside) if p == 2 else inside ** (1.0 / p)
    return choose(total == zero, zero, root)


def _power(x: Any, p: float) -> Any:
    """The powers of absolute values; negative ones of 0 are infinite, and constant."""
    length: Any = np.abs(x)
    if p > 0:
        return length**p
    zero, one = broadcast_scalar(0.0, length), broadcast_scalar(1.0, length)
    made: Any = choose(length == zero, one, length) ** p
    return choose(length == zero, broadcast_scalar(math.inf, length), made)


NORM = Row("norm", _norm, "LinalgVectorNormBackward0")


def _nuclear(x: Any, dims: tuple[int, int], keepdim: bool) -> Any:
    return np.linalg.norm(x, "nuc", dims, keepdims=keepdim)


NUCLEAR = Row("norm", _nuclear, "SumBackward1")


def norm(
    input: Tensor, p: Any = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    """The p-norm of all elements, or along dimensions.

    >>> torch.norm(torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    input = _converted(input, dtype)
    if p == "nuc":
        return record(NUCLEAR, (input,), (_axes(input, dim) or (0, 1), keepdim))
    order = 2.0 if p == "fro" or p is None else float(p)
    return record(NORM, (input,), (order, _axes(input, dim), keepdim))


def frobenius_norm(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The root of the sum of squares.

    >>> torch.frobenius_norm(torch.tensor([3.0, 4.0]), 0)
    tensor(5.)
    """
    return norm(input, 2, dim, keepdim)


def nuclear_norm(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The sum of the singular values of matrices.

    >>> torch.nuclear_norm(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(7.)
    """
    return norm(input, "nuc", dim, keepdim)


# -- soft maxima -----------------------------------------------------------------------------


def _shift(x: Any, dims: Any) -> Any:
    """The greatest value, 0 where it is infinite: subtracted, it keeps exp from overflowing."""
    greatest: Any = np.max(x, dims, keepdims=True)
    return stop_gradient(choose(np.isfinite(greatest), greatest, broadcast_scalar(0.0, greatest)))


def _below_greatest(x: Any, dim: int) -> Any:
    """What is left of the elements: NaN of the greatest if it is infinite, as in PyTorch."""
    return x - stop_gradient(np.max(x, dim, keepdims=True))


def _softmax(x: Any, dim: int) -> Any:
    if not x.size:
        return +x
    raised = np.exp(_below_greatest(x, dim))
    return raised / np.sum(raised, dim, keepdims=True)


def log_softmax_of(x: Any, dim: int) -> Any:
    """The logarithm of the softmax of a tracer."""
    if not x.size:
        return +x
    moved = _below_greatest(x, dim)
    return moved - np.log(np.sum(np.exp(moved), dim, keepdims=True))


def _logsumexp(x: Any, dims: Sequence[int], keepdim: bool) -> Any:
    if not x.size:
        return np.log(np.sum(np.exp(x), dims, keepdims=keepdim))
    shift = _shift(x, dims)
    result = np.log(np.sum(np.exp(x - shift), dims, keepdims=True)) + shift
    return result if keepdim else np.squeeze(result, dims)


SOFTMAX = Row("softmax", _softmax, "SoftmaxBackward0")
LOG_SOFTMAX = Row("log_softmax", log_softmax_of, "LogSoftmaxBackward0")
LOGSUMEXP = Row("logsumexp", _logsumexp, "LogsumexpBackward0", float_one)


def softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """Exponentials along a dimension, divided by their sum.

    >>> torch.softmax(torch.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    input = _converted(input, dtype)
    _require_soft(input, "softmax")
    return record(SOFTMAX, (input,), (wrap_dim(dim, input.ndim),))


def log_softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """The logarithm of `softmax`, exact where that underflows.

    >>> torch.log_softmax(torch.tensor([0.0, 0.0]), dim=0)
    tensor([-0.6931, -0.6931])
    """
    input = _converted(input, dtype)
    _require_soft(input, "log_softmax")
    return record(LOG_SOFTMAX, (input,), (wrap_dim(dim, input.ndim),))


def _require_soft(input: Tensor, name: str) -> None:
    if input.node.info.kind.type.dtype.kind not in "fc":
        raise NotImplementedError(
            f'"{name}_lastdim_kernel_impl" not implemented for {input.dtype.title!r}{here()}'
        )


def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """The logarithm of the sum of exponentials along dimensions.

    >>> torch.logsumexp(torch.tensor([0.0, 0.0]), dim=0)
    tensor(0.6931)
    """
    dims = _axes(input, dim) or tuple(range(input.ndim))
    return record(LOGSUMEXP, (input,), (dims, keepdim))
