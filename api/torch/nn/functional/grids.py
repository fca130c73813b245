"""Images taken at the places of a grid: ``affine_grid`` and ``grid_sample``."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ...dtypes import here
from ...node import Row
from ...rows import like_first
from ...tensors import Tensor, record, wrapped

_PADDINGS = ("zeros", "border", "reflection")
_MODES = ("bilinear", "nearest", "bicubic")


def _transformed(theta: Any, base: Any, shape: tuple[int, ...]) -> Any:
    return np.reshape(base @ np.swapaxes(theta, 1, 2), (theta.shape[0], *shape, len(shape)))


AFFINE = Row("affine_grid", _transformed, "AffineGridGeneratorBackward0", like_first)


def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """The places that affine maps (N, 2, 3) or (N, 3, 4) give to the points of images.

    ``size`` is (N, C, H, W) or (N, C, D, H, W); places run from -1 to 1, the last axis first.

    >>> theta = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> torch.nn.functional.affine_grid(theta, (1, 1, 1, 2), align_corners=False)
    tensor([[[[-0.5000,  0.0000],
              [ 0.5000,  0.0000]]]])
    """
    shape = tuple(int(n) for n in size[2:])
    count = len(shape)
    if tuple(theta.shape) != (size[0], count, count + 1):
        raise ValueError(
            f"Expected a batch of {count}D affine matrices of shape Nx{count}x{count + 1} for size "
            f"torch.Size({list(size)}). Got torch.Size({list(theta.shape)}).{here()}"
        )
    lines = [_line(n, bool(align_corners)) for n in shape]
    places = np.meshgrid(*lines, indexing="ij")[::-1]
    base = np.stack([*(p.ravel() for p in places), np.ones(int(np.prod(shape)))], 1)
    return record(AFFINE, (theta, wrapped(base)), (shape,))


def _line(n: int, corners: bool) -> Any:
    line = np.linspace(-1.0, 1.0, n) if n > 1 else np.zeros(n)
    return line if corners else line * (n - 1) / n


# -- taking ----------------------------------------------------------------------------------


def _unscaled(places: Any, n: int, corners: bool) -> Any:
    """From -1 ... 1 to numbers of elements."""
    if corners:
        return (places + 1.0) * ((n - 1) / 2.0)
    return ((places + 1.0) * n - 1.0) / 2.0


def _inside(at: Any, n: int, padding: str, corners: bool) -> Any:
    """Places that are outside moved inside, as the padding has it."""
    if padding == "zeros":
        return at
    if padding == "reflection":
        low, span = (0.0, n - 1.0) if corners else (-0.5, float(n))
        if span == 0.0:
            return at * 0.0
        from_low = np.abs(at - low)
        turns = np.floor(from_low / span)
        rest = from_low - turns * span
        at = np.where(turns % 2.0 == 0.0, rest, span - rest) + low
    return np.clip(at, 0.0, n - 1.0)


def _taken(x: Any, places: list[Any], sides: tuple[int, ...]) -> Any:
    """The elements (N, C, P) at whole-numbered places (N, P) along each axis, zero outside."""
    index: Any = 0
    valid: Any = True
    for at, n in zip(places, sides, strict=True):
        valid = valid & (at >= 0.0) & (at <= n - 1.0)
        index = index * n + np.clip(at, 0.0, n - 1.0).astype(np.int64)
    flat = np.reshape(x, (*x.shape[:2], -1))
    wide = np.broadcast_to(index[:, None, :], (*x.shape[:2], index.shape[1]))
    return np.take_along_axis(flat, wide, 2) * valid[:, None, :].astype(x.dtype)


def _linear(x: Any, at: list[Any], sides: tuple[int, ...], *_: Any) -> Any:
    lows = [np.floor(a) for a in at]
    total: Any = 0.0
    for corner in itertools.product((0, 1), repeat=len(sides)):
        weight: Any = 1.0
        for low, a, side in zip(lows, at, corner, strict=True):
            weight = weight * ((a - low) if side else (low + 1.0 - a))
        places = [low + float(side) for low, side in zip(lows, corner, strict=True)]
        total = total + _taken(x, places, sides) * weight[:, None, :]
    return total


def _nearest(x: Any, at: list[Any], sides: tuple[int, ...], *_: Any) -> Any:
    return _taken(x, [np.rint(a) for a in at], sides)


_CUBIC = -0.75


def _cubic_weights(t: Any) -> list[Any]:
    """Keys' cubic convolution at -1 - t, -t, 1 - t and 2 - t."""
    a = _CUBIC

    def near(d: Any) -> Any:
        return ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0

    def far(d: Any) -> Any:
        return ((d - 5.0) * d + 8.0) * d * a - 4.0 * a

    return [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)]


def _cubic(x: Any, at: list[Any], sides: tuple[int, ...], padding: str, corners: bool) -> Any:
    lows = [np.floor(a) for a in at]
    weights = [_cubic_weights(a - low) for a, low in zip(at, lows, strict=True)]
    total: Any = 0.0
    for i, j in itertools.product(range(4), repeat=2):
        places = [
            _inside(low + (k - 1.0), n, padding, corners)
            for low, k, n in zip(lows, (i, j), sides, strict=True)
        ]
        total = total + _taken(x, places, sides) * (weights[0][i] * weights[1][j])[:, None, :]
    return total


_WAYS: dict[str, Callable[..., Any]] = {
    "bilinear": _linear,
    "nearest": _nearest,
    "bicubic": _cubic,
}


def _sampled(x: Any, grid: Any, mode: str, padding: str, corners: bool) -> Any:
    sides = x.shape[2:]
    flat = np.reshape(grid, (grid.shape[0], -1, len(sides)))
    at = [_unscaled(flat[:, :, -1 - axis], n, corners) for axis, n in enumerate(sides)]
    if mode != "bicubic":
        at = [_inside(a, n, padding, corners) for a, n in zip(at, sides, strict=True)]
    found = _WAYS[mode](x, at, sides, padding, corners)
    return np.reshape(found, (*x.shape[:2], *grid.shape[1:-1]))


SAMPLE = Row(
    "grid_sampler",
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
    """The images (N, C, H, W) or (N, C, D, H, W) at the places (N, ..., 2 or 3) of a grid.

    ``mode``: ``"bilinear"``, ``"nearest"``, ``"bicubic"`` (of two dimensions).
    ``padding_mode``: outside there are ``"zeros"``, what is at the ``"border"``, or what a
    ``"reflection"`` shows.

    >>> x = torch.tensor([[[[1.0, 3.0]]]])
    >>> torch.nn.functional.grid_sample(x, torch.zeros(1, 1, 1, 2), align_corners=False)
    tensor([[[[2.]]]])
    """
    for what, value, known, last in (
        ("mode", mode, _MODES, " or"),
        ("padding_mode", padding_mode, _PADDINGS, ", or"),
    ):
        if value not in known:
            names = ", ".join(repr(name) for name in known[:-1])
            raise ValueError(
                f"nn.functional.grid_sample(): expected {what} to be {names}{last} {known[-1]!r}, "
                f"but got: '{value}'{here()}"
            )
    _check_grid(input, grid, mode)
    return record(SAMPLE, (input, grid), (mode, padding_mode, bool(align_corners)))


def _check_grid(input: Tensor, grid: Tensor, mode: str) -> None:
    if input.ndim not in (4, 5) or input.ndim != grid.ndim:
        raise RuntimeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but "
            f"got input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
            f"{here()}"
        )
    if grid.shape[-1] != input.ndim - 2 or grid.shape[0] != input.shape[0]:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {input.ndim - 2} in last dimension and "
            f"the batch size of the input, but got input with sizes {list(input.shape)} and grid "
            f"with sizes {list(grid.shape)}{here()}"
        )
    if mode == "bicubic" and input.ndim != 4:
        raise RuntimeError(f"grid_sampler(): bicubic interpolation only supports 4D input{here()}")
