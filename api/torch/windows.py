"""Windows: weights for pieces of a signal, that fall off to both sides."""

from __future__ import annotations

from typing import Any

import numpy as np

from .calling import factory
from .dtypes import as_numpy, here
from .tensors import Tensor, wrapped


def _made(values: Any, length: int, periodic: bool, dtype: Any, requires_grad: bool) -> Tensor:
    if as_numpy(dtype).kind != "f":
        raise RuntimeError(f"windows are of floating point dtypes, got: {dtype}{here()}")
    kept = values[:length] if periodic else values
    return wrapped(kept.astype(as_numpy(dtype)), requires_grad)


def _places(length: int, periodic: bool) -> Any:
    """From 0 to 1; a periodic window leaves out the end, which is the next one's start."""
    if length < 0:
        raise RuntimeError(
            f"a window requires non-negative window_length, got window_length={length}{here()}"
        )
    count = length + periodic
    return np.linspace(0.0, 1.0, count) if length > 1 else np.full(count, 0.5)


@factory
def hann_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """Half of 1 - cos over the length.

    >>> torch.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return hamming_window(
        window_length, periodic, 0.5, 0.5, dtype=dtype, requires_grad=requires_grad
    )


@factory
def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """``alpha - beta * cos`` over the length.

    >>> torch.hamming_window(4)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    turns = _places(window_length, periodic) * 2 * np.pi
    return _made(alpha - beta * np.cos(turns), window_length, periodic, dtype, requires_grad)


@factory
def blackman_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """``0.42 - 0.5 * cos(x) + 0.08 * cos(2 * x)`` over the length.

    >>> torch.blackman_window(4)[1:]
    tensor([0.3400, 1.0000, 0.3400])
    """
    turns = _places(window_length, periodic) * 2 * np.pi
    values = 0.42 - 0.5 * np.cos(turns) + 0.08 * np.cos(2 * turns)
    return _made(values, window_length, periodic, dtype, requires_grad)


@factory
def bartlett_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """Up to 1 and down again in straight lines.

    >>> torch.bartlett_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    values = 1 - np.abs(2 * _places(window_length, periodic) - 1)
    return _made(values, window_length, periodic, dtype, requires_grad)


@factory
def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The Bessel function i0 of a half circle.

    >>> torch.kaiser_window(4)
    tensor([5.2773e-05, 2.1567e-01, 1.0000e+00, 2.1567e-01])
    """
    side = 2 * _places(window_length, periodic) - 1
    values = np.i0(beta * np.sqrt(np.maximum(1 - side * side, 0.0))) / np.i0(beta)
    return _made(values, window_length, periodic, dtype, requires_grad)
