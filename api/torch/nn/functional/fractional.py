"""Pooling over windows at places drawn at random (Graham, 2014)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import random
from ...dtypes import here
from ...node import Row
from ...tensors import Tensor, record, wrapped


def _windows(x: Any, table: Any) -> Any:
    """The elements (..., out, K) of windows given by their numbers within each plane."""
    flat = np.reshape(x, (*x.shape[: table.ndim - 2], -1))
    lines = np.reshape(table, (*table.shape[:-2], -1))
    return np.reshape(np.take_along_axis(flat, lines, flat.ndim - 1), table.shape)


def _greatest(x: Any, table: Any, shape: tuple[int, ...]) -> Any:
    return np.reshape(np.max(_windows(x, table), -1), (*table.shape[:-2], *shape))


def _places(x: Any, table: Any, shape: tuple[int, ...]) -> Any:
    best = np.argmax(_windows(x, table), -1)
    found = np.take_along_axis(table, best[..., None], table.ndim - 1)
    return np.reshape(found, (*table.shape[:-2], *shape))


POOL = Row(
    "fractional_max_pool",
    _greatest,
    lambda kinds, shape: f"FractionalMaxPool{len(shape)}DBackward0",
)
PLACES = Row("fractional_max_pool_indices", _places, None)


def _starts(draws: Any, n: int, window: int, out: int) -> Any:
    """Where windows begin, (..., out): steps that are now longer and now shorter."""
    if out == 1:
        return np.full((*draws.shape, 1), n - window)
    step = (n - window) / (out - 1)
    shifted = np.floor((np.arange(out) + draws[..., None]) * step)
    starts = (shifted - np.floor(draws * step)[..., None]).astype(np.int64)
    starts[..., -1] = n - window
    return starts


def _table(draws: Any, sides: Sequence[int], window: Sequence[int], out: Sequence[int]) -> Any:
    """The numbers of elements within a plane, (..., windows, elements)."""
    count = len(sides)
    numbers: Any = 0
    for axis, (n, k, m) in enumerate(zip(sides, window, out, strict=True)):
        number = count - 1 - axis if count == 2 else axis  # In two dimensions x is drawn first.
        along = _starts(draws[..., number], n, k, m)[..., None] + np.arange(k)
        shape = [1] * (2 * count)
        shape[axis], shape[count + axis] = m, k
        numbers = numbers * n + along.reshape(*draws.shape[:-1], *shape)
    return numbers.reshape(*draws.shape[:-1], math.prod(out), math.prod(window))


def _pool(count: int) -> Callable[..., Any]:
    def function(
        input: Tensor,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> Any:
        name = f"fractional_max_pool{count}d"
        if output_size is None and output_ratio is None:
            raise ValueError(
                f"{name} requires specifying either an output_size or an output_ratio{here()}"
            )
        sides = tuple(input.shape[-count:])
        if output_size is None:
            ratios = _each(output_ratio, count)
            output_size = [int(n * r) for n, r in zip(sides, ratios, strict=True)]
        window, out = tuple(_each(kernel_size, count)), tuple(_each(output_size, count))
        for n, k, m in zip(sides, window, out, strict=True):
            if m + k - 1 > n:
                raise RuntimeError(
                    f"{name}(): pool size ({k}) too large relative to input size ({n}){here()}"
                )
        planes = tuple(input.shape[:-count])
        if _random_samples is None:
            draws = random.source().random((*planes, count))
        else:
            draws = _random_samples.value().reshape(*planes, count)
        table = wrapped(_table(draws, sides, window, out))
        pooled = record(POOL, (input, table), (out,))
        return (pooled, record(PLACES, (input, table), (out,))) if return_indices else pooled

    ones = ", ".join("4" * count)
    function.__name__ = function.__qualname__ = f"fractional_max_pool{count}d"
    function.__doc__ = (
        "The greatest elements of windows whose places are drawn; the result has the size "
        "``output_size``,\nor ``output_ratio`` times that of the input.\n\n"
        f">>> x = torch.ones(1, 1, {ones})\n"
        f">>> torch.nn.functional.fractional_max_pool{count}d(x, 2, output_size=2).sum()\n"
        f"tensor({2**count}.)\n"
    )
    return function


def _each(value: Any, count: int) -> list[Any]:
    return [value] * count if isinstance(value, (int, float)) else list(value)


fractional_max_pool2d, fractional_max_pool3d = _pool(2), _pool(3)
