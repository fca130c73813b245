"""Making tensors: at once, in memory."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from .calling import factory
from .dtypes import as_numpy, cpu_only, get_default_dtype, here, of_numpy
from .rows import wrap_dim
from .shapes import shape_argument
from .tensors import Tensor, wrapped


def _plain(data: Any) -> Any:
    """Nested lists of numbers, tensors in them as their values."""
    if isinstance(data, Tensor):
        return data.tolist()
    if isinstance(data, (list, tuple)):
        return [_plain(x) for x in data]
    return data


def _array(data: Any, wanted: Any) -> np.ndarray[Any, Any]:
    if isinstance(data, Tensor):
        array = data.value()
    elif isinstance(data, (np.ndarray, np.generic)):
        array = np.asarray(data)
    else:
        array = _of_python(_plain(data))
        if wanted is not None and type(data) is int:
            _check_range(data, as_numpy(wanted))
        if wanted is None and array.dtype.kind in "fc":
            wanted = complex if array.dtype.kind == "c" else get_default_dtype()
    numpy = of_numpy(array.dtype.newbyteorder("=")).numpy if wanted is None else as_numpy(wanted)
    return np.array(array, dtype=numpy, order="C")


def _check_range(value: int, dtype: Any) -> None:
    """A number must have a place in a dtype; below zero, those of unsigned ones wrap around."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if not limits.min - (limits.max if dtype.kind == "u" else 0) <= value <= limits.max:
            raise RuntimeError(
                f"value cannot be converted to type {dtype.name} without overflow{here()}"
            )


def _of_python(data: Any) -> np.ndarray[Any, Any]:
    try:
        array = np.array(data)
    except ValueError:
        raise ValueError(f"{_ragged_text(data, 0)}{here()}") from None
    if array.dtype.kind not in "biufc":
        _refuse(data)
    return array.astype(np.float64) if array.size == 0 else array


def _refuse(data: Any) -> None:
    """Raise torch's error for what is no number."""
    while isinstance(data, list) and data:
        data = next((x for x in data if not isinstance(x, (int, float, builtins.complex))), data[0])
    if isinstance(data, str):
        raise TypeError(f"new(): invalid data type 'str'{here()}")
    if isinstance(data, int):
        raise ValueError(f"Overflow when unpacking long long{here()}")
    raise RuntimeError(f"Could not infer dtype of {type(data).__name__}{here()}")


def _ragged_text(data: Any, dim: int) -> str:
    lengths = [len(x) if isinstance(x, list) else 0 for x in data]
    for length in lengths:
        if length != lengths[0]:
            return f"expected sequence of length {lengths[0]} at dim {dim + 1} (got {length})"
    return _ragged_text([y for x in data for y in x], dim + 1)


@factory
def tensor(data: Any, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of the data; Python floats become float32, ints int64.

    >>> torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 2.],
            [3., 4.]])
    """
    return wrapped(_array(data, dtype), requires_grad)


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor that shares the memory of an array.

    >>> array = np.zeros(2)
    >>> torch.from_numpy(array).add_(1)
    tensor([1., 1.], dtype=torch.float64)
    >>> array
    array([1., 1.])
    """
    if isinstance(ndarray, np.ndarray) and any(step < 0 for step in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative "
            "strides are not currently supported. (You can probably work around this by making a "
            f"copy of your array  with array.copy().) {here()}"
        )
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__}){here()}")
    of_numpy(ndarray.dtype)
    made = wrapped(ndarray)
    made.exposed, made.operand = True, None
    return made


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of the data, which shares its memory if it can.

    >>> torch.as_tensor([1, 2])
    tensor([1, 2])
    """
    if device is not None:
        cpu_only(device)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray) and (dtype is None or as_numpy(dtype) == data.dtype):
        return from_numpy(data)
    return tensor(data, dtype=dtype)


@factory
def zeros(*size: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros.

    >>> torch.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return wrapped(np.zeros(_extents("zeros", size), as_numpy(dtype)), requires_grad)


@factory
def ones(*size: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones.

    >>> torch.ones(3)
    tensor([1., 1., 1.])
    """
    return wrapped(np.ones(_extents("ones", size), as_numpy(dtype)), requires_grad)


@factory
def empty(*size: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros too: memory is never shown uninitialised.

    >>> torch.empty(2).shape
    torch.Size([2])
    """
    return wrapped(np.zeros(_extents("empty", size), as_numpy(dtype)), requires_grad)


@factory
def full(size: Any, fill_value: Any, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """One value everywhere.

    >>> torch.full((2,), 7.0)
    tensor([7., 7.])
    """
    value = plain_number("full", "fill_value", 2, fill_value)
    wanted = number_dtype(value) if dtype is None else as_numpy(dtype)
    return wrapped(np.full(_extents("full", (size,)), value, wanted), requires_grad)


def _extents(name: str, size: Any) -> tuple[int, ...]:
    """The shape that is asked for.

    Raises:
        TypeError, RuntimeError: torch's, for what is no number, or below zero.
    """
    if len(size) == 1 and isinstance(size[0], (float, str)):
        raise TypeError(
            f"{name}(): argument 'size' (position 1) must be tuple of ints, not "
            f"{type(size[0]).__name__}{here()}"
        )
    shape = shape_argument(size)
    negative = next((n for n in shape if n < 0), None)
    if negative is not None and name == "zeros":
        raise RuntimeError(f"zeros: Dimension size must be non-negative.{here()}")
    if negative is not None:
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {negative}: {list(shape)}{here()}"
        )
    return shape


def plain_number(name: str, argument: str, position: int, value: Any) -> Any:
    """A Python number; of a tensor without dimensions its element.

    Raises:
        TypeError: torch's, for all else.
    """
    if isinstance(value, Tensor) and not value.ndim:
        return value.item()
    if isinstance(value, (Tensor, str)) or value is None:
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be Number, not "
            f"{type(value).__name__}{here()}"
        )
    return value.item() if isinstance(value, np.generic) else value


def number_dtype(*values: Any) -> Any:
    """The dtype that Python numbers have together."""
    if any(type(x) is complex for x in values):
        return as_numpy(complex)
    if any(isinstance(x, float) for x in values):
        return get_default_dtype().numpy
    if all(isinstance(x, builtins.bool) for x in values):
        return np.dtype(np.bool_)
    return np.dtype(np.int64)


def _like(name: str, make: Any, gives: str) -> Any:
    def function(input: Tensor, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
        wanted = input.dtype if dtype is None else dtype
        made: Tensor = make(input.shape, dtype=wanted, requires_grad=requires_grad)
        return made

    function.__name__ = function.__qualname__ = f"{name}_like"
    function.__doc__ = (
        f"`{name}` in the shape and dtype of a tensor.\n\n"
        f">>> torch.{name}_like(torch.arange(2)){gives}\n"
    )
    return factory(function)


zeros_like = _like("zeros", zeros, "\ntensor([0, 0])")
ones_like = _like("ones", ones, "\ntensor([1, 1])")
empty_like = _like("empty", empty, ".shape\ntorch.Size([2])")


@factory
def full_like(
    input: Tensor, fill_value: Any, *, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """`full` in the shape and dtype of a tensor.

    >>> torch.full_like(torch.ones(2), 3)
    tensor([3., 3.])
    """
    wanted = input.dtype if dtype is None else dtype
    return full(input.shape, fill_value, dtype=wanted, requires_grad=requires_grad)


@factory
def eye(n: int, m: int | None = None, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones on the diagonal, zeros elsewhere.

    >>> torch.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    for name, extent in (("n", n), ("m", m)):
        if extent is not None and extent < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {int(extent)}{here()}")
    columns = None if m is None else int(m)
    return wrapped(np.eye(int(n), columns, dtype=as_numpy(dtype)), requires_grad)


@factory
def empty_strided(
    size: Any, stride: Any, *, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """Zeros that lie in memory at the given distances.

    >>> torch.empty_strided((2, 2), (1, 2)).stride()
    (1, 2)
    """
    shape, steps = _extents("empty_strided", (size,)), tuple(int(n) for n in stride)
    if len(shape) != len(steps):
        raise RuntimeError(
            f"dimensionality of sizes ({len(shape)}) must match dimensionality of strides "
            f"({len(steps)}){here()}"
        )
    kind = as_numpy(dtype)
    last = sum((n - 1) * step for n, step in zip(shape, steps, strict=True))
    memory = np.zeros(last + 1 if min(shape, default=1) > 0 else 0, kind)
    lying = np.ndarray(shape, kind, memory, 0, [step * kind.itemsize for step in steps])
    return wrapped(lying, requires_grad)


@factory
def empty_permuted(
    size: Any, physical_layout: Any, *, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """Zeros that lie in memory with the dimensions in the given order, the densest last.

    >>> torch.empty_permuted((2, 3), (1, 0)).stride()
    (1, 2)
    """
    shape = _extents("empty_permuted", (size,))
    order = [wrap_dim(d, len(shape)) for d in physical_layout]
    if sorted(order) != list(range(len(shape))):
        raise RuntimeError(f"Invalid permutation {list(physical_layout)}{here()}")
    lying = np.zeros([shape[d] for d in order], as_numpy(dtype)).transpose(np.argsort(order))
    return wrapped(lying, requires_grad)
