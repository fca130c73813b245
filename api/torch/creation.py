"""Making tensors: at once, in memory."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from .dtypes import as_numpy, get_default_dtype, here, of_numpy
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


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
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
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray) and (dtype is None or as_numpy(dtype) == data.dtype):
        return from_numpy(data)
    return tensor(data, dtype=dtype)


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros.

    >>> torch.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return wrapped(np.zeros(shape_argument(size), as_numpy(dtype)), requires_grad)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones.

    >>> torch.ones(3)
    tensor([1., 1., 1.])
    """
    return wrapped(np.ones(shape_argument(size), as_numpy(dtype)), requires_grad)


def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros too: memory is never shown uninitialised.

    >>> torch.empty(2).shape
    torch.Size([2])
    """
    return zeros(*size, dtype=dtype, requires_grad=requires_grad)


def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """One value everywhere.

    >>> torch.full((2,), 7.0)
    tensor([7., 7.])
    """
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    wanted = _number_dtype(value) if dtype is None else as_numpy(dtype)
    return wrapped(np.full(shape_argument((size,)), value, wanted), requires_grad)


def _number_dtype(*values: Any) -> Any:
    """The dtype that Python numbers have together."""
    if any(type(x) is complex for x in values):
        return as_numpy(complex)
    if any(isinstance(x, float) for x in values):
        return get_default_dtype().numpy
    if all(isinstance(x, builtins.bool) for x in values):
        return np.dtype(np.bool_)
    return np.dtype(np.int64)


def _like(name: str, make: Any, gives: str) -> Any:
    def function(
        input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
    ) -> Tensor:
        wanted = input.dtype if dtype is None else dtype
        made: Tensor = make(input.shape, dtype=wanted, requires_grad=requires_grad)
        return made

    function.__name__ = function.__qualname__ = f"{name}_like"
    function.__doc__ = (
        f"`{name}` in the shape and dtype of a tensor.\n\n"
        f">>> torch.{name}_like(torch.arange(2)){gives}\n"
    )
    return function


zeros_like = _like("zeros", zeros, "\ntensor([0, 0])")
ones_like = _like("ones", ones, "\ntensor([1, 1])")
empty_like = _like("empty", empty, ".shape\ntorch.Size([2])")


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    layout: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`full` in the shape and dtype of a tensor.

    >>> torch.full_like(torch.ones(2), 3)
    tensor([3., 3.])
    """
    wanted = input.dtype if dtype is None else dtype
    return full(input.shape, fill_value, dtype=wanted, requires_grad=requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Ones on the diagonal, zeros elsewhere.

    >>> torch.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    return wrapped(np.eye(n, m, dtype=as_numpy(dtype)), requires_grad)


def arange(
    *bounds: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The numbers from a start (0) to before an end, by a step (1).

    >>> torch.arange(3)
    tensor([0, 1, 2])
    """
    given = [x.item() if isinstance(x, Tensor) else x for x in bounds]
    _check_bounds(*(given if len(given) > 1 else (0, *given)))
    wanted = _number_dtype(*given, 0) if dtype is None else as_numpy(dtype)
    return wrapped(
        np.arange(*given, dtype=np.float64 if wanted.kind == "f" else None).astype(wanted),
        requires_grad,
    )


def _check_bounds(start: Any, end: Any, step: Any = 1) -> None:
    if not step:
        raise RuntimeError(f"step must be nonzero{here()}")
    if (end - start) * step < 0:
        raise RuntimeError(f"upper bound and lower bound inconsistent with step sign{here()}")


def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """So many numbers at equal distances, both ends included.

    >>> torch.linspace(0, 1, 3)
    tensor([0.0000, 0.5000, 1.0000])
    """
    return wrapped(np.linspace(start, end, steps).astype(as_numpy(dtype)), requires_grad)


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    layout: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Powers of a base, their exponents at equal distances.

    >>> torch.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    powers = np.logspace(float(start), float(end), steps, base=base).astype(as_numpy(dtype))
    return wrapped(powers, requires_grad)


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
