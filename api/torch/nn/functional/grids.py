"""Images read at computed places, and the places that an affine map leads to."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from pullback.tracer.primitives.elementwise import broadcast_scalar
from pullback.tracer.primitives.elementwise import where as choose

from ... import creation, ranges
from ...dtypes import here
from ...joining import stack
from ...node import Row
from ...tensors import Tensor, record

_CUBIC = -0.75
"""The slope that makes cubic weights those of torch and of image programs."""


def _reflected(x: Any, low: float, high: float) -> Any:
    if low == high:
        return x * 0.0
    span = high - low
    away = np.abs(x - low)
    extra = away - np.floor(away / span) * span
    odd: Any = np.floor(away / span) % 2.0 == 1.0
    return choose(odd, high - extra, extra + low)


def _inside(x: Any, n: int, padding: str, align: bool) -> Any:
    """A coordinate, brought into the image if that is how it is continued."""
    if padding == "reflection":
        x = _reflected(x, 0.0, n - 1.0) if align else _reflected(x, -0.5, n - 0.5)
    return x if padding == "zeros" else np.clip(x, 0.0, n - 1.0)


def _read(x: Any, places: Sequence[Any]) -> Any:
    """The elements of all channels at whole coordinates, zero outside."""
    size = x.shape[2:]
    flat, seen = 0, True
    for place, n in zip(places, size, strict=True):
        seen = seen & (place >= 0.0) & (place <= n - 1.0)
        flat = flat * n + np.clip(place, 0.0, n - 1.0)
    index = np.reshape(flat.astype(np.int64), (x.shape[0], 1, -1))
    lines = np.reshape(x, (*x.shape[:2], -1))
    found = np.take_along_axis(lines, np.broadcast_to(index, (*x.shape[:2], index.shape[-1])), 2)
    values = np.reshape(found, (*x.shape[:2], *places[0].shape[1:]))
    kept = np.broadcast_to(seen[:, None], values.shape)
    return choose(kept, values, broadcast_scalar(0.0, values))


def _linear(x: Any, coordinates: Sequence[Any]) -> Any:
    low = [np.floor(c) for c in coordinates]
    total: Any = 0.0
    for corner in itertools.product((0, 1), repeat=len(low)):
        weight: Any = 1.0
        for c, place, side in zip(coordinates, low, corner, strict=True):
            weight = weight * ((c - place) if side else (place + 1.0 - c))
        places = [place + side for place, side in zip(low, corner, strict=True)]
        total = total + _read(x, places) * weight[:, None]
    return total


def _cubic_weights(t: Any) -> list[Any]:
    def near(d: Any) -> Any:
        return ((_CUBIC + 2.0) * d - (_CUBIC + 3.0)) * d * d + 1.0

    def far(d: Any) -> Any:
        return ((_CUBIC * d - 5.0 * _CUBIC) * d + 8.0 * _CUBIC) * d - 4.0 * _CUBIC

    return [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)]


def _cubic(x: Any, coordinates: Sequence[Any], padding: str, align: bool) -> Any:
    low = [np.floor(c) for c in coordinates]
    weights = [_cubic_weights(c - place) for c, place in zip(coordinates, low, strict=True)]
    total: Any = 0.0
    for taps in itertools.product(range(4), repeat=len(low)):
        places, weight = [], 1.0
        for axis, tap in enumerate(taps):
            places.append(_inside(low[axis] + (tap - 1.0), x.shape[2 + axis], padding, align))
            weight = weight * weights[axis][tap]
        total = total + _read(x, places) * weight[:, None]  # type: ignore[index]
    return total


def _sampled(x: Any, grid: Any, mode: str, padding: str, align: bool) -> Any:
    size = x.shape[2:]
    # The last number of a place goes with the first of the dimensions.
    raw = [grid[..., len(size) - 1 - axis] for axis in range(len(size))]
    scaled = [
        (c + 1.0) * ((n - 1.0) / 2) if align else ((c + 1.0) * n - 1.0) / 2
        for c, n in zip(raw, size, strict=True)
    ]
    if mode == "bicubic":
        return _cubic(x, scaled, padding, align)
    inside = [_inside(c, n, padding, align) for c, n in zip(scaled, size, strict=True)]
    return _linear(x, inside) if mode == "bilinear" else _read(x, [np.round(c) for c in inside])


GRID_SAMPLE = Row(
    "grid_sample",
    _sampled,
    lambda kinds, *rest: f"GridSampler{len(kinds[0].type.shape) - 2}DBackward0",
)


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """An image read at places from -1 to 1, (x, y) or (x, y, z), by interpolation.

    Args:
        input: images, (N, C, H, W) or (N, C, D, H, W).
        grid: a place for each element of the result, (N, H', W', 2) or (N, D', H', W', 3).
        mode: "bilinear", "nearest", or "bicubic" (for the former shape).
        padding_mode: what is outside: "zeros", "border", or "reflection".
        align_corners: whether -1 and 1 are the middles of the elements at the border, or the edges.

    >>> image = torch.tensor([[[[1.0, 3.0]]]])
    >>> torch.nn.functional.grid_sample(image, torch.zeros(1, 1, 1, 2))
    tensor([[[[2.]]]])
    """
    count = input.ndim - 2
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'{here()}"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'{here()}"
        )
    if count not in (2, 3) or grid.ndim != input.ndim or grid.shape[-1] != count:
        raise RuntimeError(
            "grid_sampler(): expected grid to have size "
            f"{count} in last dimension, but got grid with sizes {list(grid.shape)}{here()}"
        )
    if mode == "bicubic" and count == 3:
        raise RuntimeError(f"grid_sampler(): bicubic interpolation only supports 4D input{here()}")
    return record(GRID_SAMPLE, (input, grid), (mode, padding_mode, bool(align_corners)))


def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """The places that affine maps lead to, for `grid_sample`.

    Args:
        theta: maps, (N, 2, 3) or (N, 3, 4).
        size: the shape of the images wanted, (N, C, H, W) or (N, C, D, H, W).
        align_corners: whether -1 and 1 are the middles of the elements at the border, or the edges.

    >>> theta = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> torch.nn.functional.affine_grid(theta, (1, 1, 1, 2))
    tensor([[[[-0.5000,  0.0000],
              [ 0.5000,  0.0000]]]])
    """
    extents = [int(n) for n in tuple(size)[2:]]
    if theta.ndim != 3 or tuple(theta.shape[1:]) != (len(extents), len(extents) + 1):
        raise ValueError(
            f"Expected a batch of {len(extents)}D affine matrices of shape Nx{len(extents)}x"
            f"{len(extents) + 1} for size {tuple(size)}. Got {theta.shape}.{here()}"
        )
    lines = [_places(n, bool(align_corners), theta.dtype) for n in extents]
    grids = ranges.meshgrid(*lines, indexing="ij")
    places: Any = stack([*grids[::-1], creation.ones_like(grids[0])], -1)
    mapped = places.reshape(1, -1, len(extents) + 1) @ theta.mT
    return mapped.reshape(theta.shape[0], *extents, len(extents))


def _places(n: int, align: bool, dtype: Any) -> Tensor:
    if n <= 1:
        return creation.zeros(n, dtype=dtype)
    line: Any = ranges.linspace(-1, 1, n, dtype=dtype)
    made: Tensor = line if align else line * ((n - 1) / n)
    return made
