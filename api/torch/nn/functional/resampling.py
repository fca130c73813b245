"""Padding, images in other sizes, and elements moved between channels and places."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...dtypes import here
from ...node import Row
from ...tensors import Tensor, record, wrapped
from .pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from .windows import padded


def _reflected(places: Any, n: int) -> Any:
    return n - 1 - np.abs(n - 1 - np.abs(places))


_MODES: dict[str, Callable[[Any, int], Any]] = {
    "reflect": _reflected,
    "replicate": lambda places, n: np.clip(places, 0, n - 1),
    "circular": lambda places, n: places % n,
}
"""Where an element outside is taken from."""


def _taken(x: Any, *rest: Any) -> Any:
    *tables, axes, _ = rest
    for places, axis in zip(tables, axes, strict=True):
        x = np.take(x, places, axis)
    return x


_PAD_NAMES = {"reflect": "ReflectionPad", "replicate": "ReplicationPad"}


def _pad_name(kinds: Any, axes: tuple[int, ...], mode: str) -> str:
    return "CopySlices" if mode == "circular" else f"{_PAD_NAMES[mode]}{len(axes)}DBackward0"


PAD = Row("pad", padded, "ConstantPadNdBackward0")
PAD_TAKEN = Row("pad", _taken, _pad_name)


def pad(input: Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """Elements added around the last dimensions: two numbers for each, the last one first.

    ``mode``: ``"constant"``, ``"reflect"``, ``"replicate"`` or ``"circular"``. A negative number
    takes elements away.

    >>> torch.nn.functional.pad(torch.tensor([1.0, 2.0]), (1, 2))
    tensor([0., 1., 2., 0., 0.])
    """
    numbers = [int(n) for n in pad]
    if len(numbers) % 2 or len(numbers) > 2 * input.ndim:
        raise RuntimeError(
            "Padding length must be divisible by 2 and at most twice the number of dimensions of "
            f"the input, but got {len(numbers)} for {input.ndim} dimensions{here()}"
        )
    if mode not in ("constant", *_MODES):
        raise NotImplementedError(f"Unrecognised padding mode {mode}{here()}")
    pairs = tuple(zip(numbers[::2], numbers[1::2], strict=True))[::-1]
    if mode == "constant":
        return record(PAD, (input,), (pairs, float(value or 0.0)))
    _check_reach(input, pairs, mode)
    axes = tuple(range(input.ndim - len(pairs), input.ndim))
    tables = [
        wrapped(_table(mode, input.shape[axis], a, b))
        for axis, (a, b) in zip(axes, pairs, strict=True)
    ]
    return record(PAD_TAKEN, (input, *tables), (axes, mode))


def _table(mode: str, n: int, before: int, after: int) -> Any:
    """Where the elements of a longer, or shorter, axis are taken from."""
    if mode != "circular":
        return _MODES[mode](np.arange(-before, n + after), n)
    # What is taken away is gone before the rest goes round.
    first, last = max(-before, 0), n - max(-after, 0)
    places = np.arange(-max(before, 0), last - first + max(after, 0))
    return first + _MODES[mode](places, last - first)


def _check_reach(input: Tensor, pairs: Any, mode: str) -> None:
    for (a, b), n in zip(pairs, input.shape[-len(pairs) :], strict=True):
        if mode == "reflect" and max(a, b) >= n:
            raise RuntimeError(
                "Argument #4: Padding size should be less than the corresponding input dimension, "
                f"but got: padding ({a}, {b}) at dimension {input.ndim - 1} of input "
                f"{list(input.shape)}{here()}"
            )
        if mode == "circular" and max(a, b) > n:
            raise RuntimeError(f"Padding value causes wrapping around more than once.{here()}")


# -- other sizes -----------------------------------------------------------------------------


def _tapped(x: Any, *rest: Any) -> Any:
    """Along each axis a weighted sum of elements: their places, and the weights."""
    *tables, axes, _ = rest
    for number, axis in enumerate(axes):
        places, weights = tables[2 * number], tables[2 * number + 1]
        shape = tuple(-1 if a == axis else 1 for a in range(x.ndim))
        x = sum(
            np.take(x, places[t], axis) * np.reshape(weights[t], shape)
            for t in range(places.shape[0])
        )
    return x


TAPPED = Row("upsample", _tapped, lambda kinds, axes, mode: f"Upsample{mode}Backward0")
TAKEN = Row("upsample", _taken, lambda kinds, axes, mode: f"Upsample{mode}Backward0")


def _positions(n: int, m: int, scale: float | None, corners: bool) -> Any:
    """Where the new elements lie among the old ones."""
    if corners:
        return np.arange(m) * ((n - 1) / (m - 1) if m > 1 else 0.0)
    return (np.arange(m) + 0.5) * _step(n, m, scale) - 0.5


def _step(n: int, m: int, scale: float | None) -> float:
    return n / m if scale is None else 1.0 / scale


def _linear_taps(n: int, m: int, scale: float | None, corners: bool) -> tuple[Any, Any]:
    at = np.maximum(_positions(n, m, scale, corners), 0.0)
    low = np.minimum(np.floor(at).astype(np.int64), n - 1)
    part = np.clip(at - low, 0.0, 1.0)
    return np.stack([low, np.minimum(low + 1, n - 1)]), np.stack([1.0 - part, part])


_CUBIC = -0.75
"""Keys' cubic convolution, with the constant that torch takes."""


def _cubic_weight(distance: Any) -> Any:
    d, a = np.abs(distance), _CUBIC
    near = ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
    far = ((d - 5.0) * d + 8.0) * d * a - 4.0 * a
    return np.where(d <= 1.0, near, far)


def _cubic_taps(n: int, m: int, scale: float | None, corners: bool) -> tuple[Any, Any]:
    at = _positions(n, m, scale, corners)
    low = np.floor(at).astype(np.int64)
    taps = [low + k for k in range(-1, 3)]
    weights = [_cubic_weight(at - tap) for tap in taps]
    return np.stack([np.clip(tap, 0, n - 1) for tap in taps]), np.stack(weights)


def _nearest(n: int, m: int, scale: float | None, exact: bool) -> Any:
    step = _step(n, m, scale)
    at = (np.arange(m) + 0.5) * step if exact else np.arange(m) * step
    return np.minimum(np.floor(np.float32(at)).astype(np.int64), n - 1)


_LINEAR = {"linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2}
_AREA: dict[int, Callable[..., Tensor]] = {
    1: adaptive_avg_pool1d,
    2: adaptive_avg_pool2d,
    3: adaptive_avg_pool3d,
}


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """The dimensions behind the channels in another size.

    ``mode``: ``"nearest"``, ``"nearest-exact"``, ``"linear"`` (1 dimension), ``"bilinear"`` and
    ``"bicubic"`` (2), ``"trilinear"`` (3), ``"area"``.

    >>> torch.nn.functional.interpolate(torch.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    count = input.ndim - 2
    if antialias:
        raise NotImplementedError(f"interpolate: antialias is not supported here{here()}")
    new, scales = _sizes(input, size, scale_factor, recompute_scale_factor)
    if align_corners is not None and mode not in _LINEAR:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear "
            f"| bicubic | trilinear{here()}"
        )
    if mode == "area":
        return _AREA[count](input, new)
    sides = list(zip(input.shape[2:], new, scales, strict=True))
    axes = tuple(range(2, input.ndim))
    if mode in ("nearest", "nearest-exact"):
        tables = [wrapped(_nearest(n, m, s, mode != "nearest")) for n, m, s in sides]
        name = f"Nearest{'Exact' if mode != 'nearest' else ''}{count}D"
        return record(TAKEN, (input, *tables), (axes, name))
    if _LINEAR.get(mode) != count:
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.ndim}D) for the "
            f"modes: nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact (got "
            f"{mode}){here()}"
        )
    taps = _cubic_taps if mode == "bicubic" else _linear_taps
    both: list[Tensor] = []
    for n, m, s in sides:
        found, weights = taps(n, m, s, bool(align_corners))
        both += [wrapped(found), wrapped(weights.astype(input.dtype.numpy))]
    return record(TAPPED, (input, *both), (axes, f"{mode.title()}{count}D"))


def _sizes(input: Tensor, size: Any, factor: Any, recompute: Any) -> tuple[list[int], list[Any]]:
    """The new extents, and the factors if those are to be taken as they were given."""
    count = input.ndim - 2
    if (size is None) == (factor is None):
        what = "either size or scale_factor should be defined"
        raise ValueError(
            f"{what if size is None else 'only one of size or scale_factor should be defined'}"
            f"{here()}"
        )
    if size is not None:
        new = [size] * count if isinstance(size, int) else [int(n) for n in size]
        if len(new) != count:
            raise ValueError(
                "Input and output must have the same number of spatial dimensions, but got input "
                f"with spatial dimensions of {list(input.shape[2:])} and output size of {new}. "
                "Please provide input tensor in (N, C, d1, d2, ...,dK) format and output size in "
                f"(o1, o2, ...,oK) format.{here()}"
            )
        return new, [None] * count
    factors = [float(factor)] * count if isinstance(factor, (int, float)) else list(factor)
    new = [math.floor(n * f) for n, f in zip(input.shape[2:], factors, strict=True)]
    return new, [None] * count if recompute else factors


upsample = interpolate

# -- places and channels ---------------------------------------------------------------------


def _shuffled(x: Any, r: int) -> Any:
    *front, c, h, w = x.shape
    parts = np.reshape(x, (*front, c // (r * r), r, r, h, w))
    k = len(front)
    order = (*range(k + 1), k + 3, k + 1, k + 4, k + 2)
    return np.reshape(np.transpose(parts, order), (*front, c // (r * r), h * r, w * r))


def _unshuffled(x: Any, r: int) -> Any:
    *front, c, h, w = x.shape
    parts = np.reshape(x, (*front, c, h // r, r, w // r, r))
    k = len(front)
    order = (*range(k + 1), k + 2, k + 4, k + 1, k + 3)
    return np.reshape(np.transpose(parts, order), (*front, c * r * r, h // r, w // r))


def _channels_shuffled(x: Any, groups: int) -> Any:
    parts = np.reshape(x, (x.shape[0], groups, -1, *x.shape[2:]))
    return np.reshape(np.swapaxes(parts, 1, 2), x.shape)


PIXELS = Row("pixel_shuffle", _shuffled, "PixelShuffleBackward0")
UNPIXELS = Row("pixel_unshuffle", _unshuffled, "PixelUnshuffleBackward0")
CHANNELS = Row("channel_shuffle", _channels_shuffled, "ChannelShuffleBackward0")


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Channels laid out side by side: r * r of them become r * r as many places.

    >>> torch.nn.functional.pixel_shuffle(torch.ones(1, 4, 2, 2), 2).shape
    torch.Size([1, 1, 4, 4])
    """
    if input.shape[-3] % (upscale_factor * upscale_factor):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={input.shape[-3]} is not divisible by "
            f"{upscale_factor * upscale_factor}{here()}"
        )
    return record(PIXELS, (input,), (upscale_factor,))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """The inverse of `pixel_shuffle`.

    >>> torch.nn.functional.pixel_unshuffle(torch.ones(1, 1, 4, 4), 2).shape
    torch.Size([1, 4, 2, 2])
    """
    for axis, name in ((-2, "height"), (-1, "width")):
        if input.shape[axis] % downscale_factor:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                f"input.size({axis})={input.shape[axis]} is not divisible by {downscale_factor}"
                f"{here()}"
            )
    return record(UNPIXELS, (input,), (downscale_factor,))


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels in turn from each of the groups.

    >>> torch.nn.functional.channel_shuffle(torch.ones(1, 4, 2), 2).shape
    torch.Size([1, 4, 2])
    """
    return record(CHANNELS, (input,), (groups,))
