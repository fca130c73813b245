"""`numpy.fft`: all transforms by three rows, along the last axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..errors import at
from ..location import user_location
from ..primitives import fourier as rows
from ..primitives.structure import pad, permute, slice
from ..trace import Tracer, literal
from ..types import FLOAT16, FLOAT32, FLOAT64, complex_dtype, is_complex, is_inexact, normalize_axis
from .complexes import conjugated
from .creation import asarray
from .promotion import as_dtype
from .protocols import store
from .shaping import moveaxis, roll

Transform: TypeAlias = "Callable[..., Tracer]"

OPPOSITE = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def _checked_norm(norm: Any) -> Any:
    if norm not in OPPOSITE:
        raise ValueError(
            f'Invalid norm value {norm}; should be "backward", "ortho" or "forward".'
            f"{at(user_location())}"
        )
    return norm


def _factor(n: int, norm: Any, inverse: bool) -> float:
    """What a transform of ``n`` elements is multiplied with."""
    norm = OPPOSITE[_checked_norm(norm)] if inverse else _checked_norm(norm)
    if norm == "ortho":
        return float(1.0 / np.sqrt(n))
    return 1.0 / n if norm == "forward" else 1.0


def _inexact(a: Any) -> Tracer:
    x = asarray(a)
    if x.dtype == FLOAT16:
        return as_dtype(x, FLOAT32)
    return x if is_inexact(x.dtype) else as_dtype(x, FLOAT64)


def _complex(x: Tracer) -> Tracer:
    return as_dtype(x, complex_dtype(x.dtype))


def _resized(x: Tracer, n: int) -> Tracer:
    """The last axis cut, or continued by zeros."""
    extent, rest = x.shape[-1], (0,) * (x.ndim - 1)
    if extent > n:
        return slice(x, starts=(*rest, 0), sizes=(*x.shape[:-1], n), steps=(1,) * x.ndim)
    zero = literal(0, x.dtype)
    return pad(x, zero, low=(*rest, 0), high=(*rest, n - extent), interior=(*rest, 0))


def _prepared(x: Tracer, axis: int, n: Any, count: Callable[[int], int]) -> tuple[Tracer, int, int]:
    """The operand with its axis last and of the extent needed for ``n``; ``n``; the axis."""
    if not x.ndim:
        raise ValueError(f"a Fourier transform takes an array with axes{at(user_location())}")
    place = normalize_axis(int(axis), x.ndim)
    size = int(n)
    if size < 1:
        raise ValueError(
            f"Invalid number of FFT data points ({size}) specified.{at(user_location())}"
        )
    order = (*(a for a in range(x.ndim) if a != place), place)
    return _resized(permute(x, axes=order), count(size)), size, place


def _finished(result: Tracer, axis: int, out: Any) -> Tracer:
    stored: Tracer = store(out, moveaxis(result, -1, axis))
    return stored


def _full(inverse: bool, name: str) -> Transform:
    def transform(
        a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None
    ) -> Tracer:
        x = _complex(_inexact(a))
        wanted = _extent(x, axis) if n is None else n
        x, size, place = _prepared(x, axis, wanted, lambda size: size)
        result = rows.fft(x, inverse=inverse, factor=_factor(size, norm, inverse))
        return _finished(result, place, out)

    transform.__doc__ = f"`np.fft.{name}`."
    return transform


def _extent(x: Tracer, axis: int) -> int:
    return x.shape[normalize_axis(int(axis), x.ndim)] if x.ndim else 0


fft = _full(False, "fft")
ifft = _full(True, "ifft")


def rfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Tracer:
    """`np.fft.rfft`.

    Raises:
        TypeError: of complex values.
    """
    x = _inexact(a)
    if is_complex(x.dtype):
        raise TypeError(f"np.fft.rfft takes real values, got {x.dtype}{at(user_location())}")
    wanted = _extent(x, axis) if n is None else n
    x, size, place = _prepared(x, axis, wanted, lambda size: size)
    return _finished(rows.rfft(x, factor=_factor(size, norm, False)), place, out)


def irfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Tracer:
    """`np.fft.irfft`."""
    given = asarray(a)
    x = _complex(_inexact(given))
    wanted = 2 * (_extent(x, axis) - 1) if n is None else n
    x, size, place = _prepared(x, axis, wanted, lambda size: size // 2 + 1)
    result = rows.irfft(x, n=size, factor=_factor(size, norm, True))
    return _finished(as_dtype(result, FLOAT16) if given.dtype == FLOAT16 else result, place, out)


def hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Tracer:
    """`np.fft.hfft`."""
    return irfft(conjugated(asarray(a)), n, axis, OPPOSITE[_checked_norm(norm)], out)


def ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Tracer:
    """`np.fft.ihfft`."""
    stored: Tracer = store(out, conjugated(rfft(a, n, axis, OPPOSITE[_checked_norm(norm)])))
    return stored


def _sizes(x: Tracer, s: Any, axes: Any, last_doubled: bool = False) -> tuple[list[int], list[int]]:
    """The extents and the axes of a transform along several of them."""
    if axes is None:
        if s is not None:
            raise TypeError(f"with s a Fourier transform needs axes too{at(user_location())}")
        axes = range(x.ndim)
    places = [int(a) for a in axes]
    given = [-1] * len(places) if s is None else [int(n) for n in s]
    if len(given) != len(places):
        raise ValueError(f"Shape and axes have different lengths.{at(user_location())}")
    sizes = [_extent(x, a) if n == -1 else n for n, a in zip(given, places, strict=True)]
    if last_doubled and s is None:
        sizes[-1] = 2 * (sizes[-1] - 1)
    return sizes, places


def _along(
    transform: Transform, x: Tracer, sizes: Sequence[int], axes: Sequence[int], norm: Any
) -> Tracer:
    for n, axis in zip(sizes, axes, strict=True):
        x = transform(x, n, axis, norm)
    return x


def _full_nd(transform: Transform, name: str, default: Any) -> Transform:
    def several(
        a: Any, s: Any = None, axes: Any = default, norm: Any = None, out: Any = None
    ) -> Tracer:
        x = asarray(a)
        sizes, places = _sizes(x, s, axes)
        stored: Tracer = store(out, _along(transform, x, sizes[::-1], places[::-1], norm))
        return stored

    several.__doc__ = f"`np.fft.{name}`."
    return several


fftn, ifftn = _full_nd(fft, "fftn", None), _full_nd(ifft, "ifftn", None)
fft2, ifft2 = _full_nd(fft, "fft2", (-2, -1)), _full_nd(ifft, "ifft2", (-2, -1))


def rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Tracer:
    """`np.fft.rfftn`: the last axis first."""
    x = asarray(a)
    sizes, places = _sizes(x, s, axes)
    x = rfft(x, sizes[-1], places[-1], norm)
    stored: Tracer = store(out, _along(fft, x, sizes[-2::-1], places[-2::-1], norm))
    return stored


def irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Tracer:
    """`np.fft.irfftn`: the last axis last."""
    x = asarray(a)
    sizes, places = _sizes(x, s, axes, last_doubled=True)
    x = _along(ifft, x, sizes[:-1], places[:-1], norm)
    return irfft(x, sizes[-1], places[-1], norm, out)


def rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Tracer:
    """`np.fft.rfft2`."""
    return rfftn(a, s, axes, norm, out)


def irfft2(
    a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None
) -> Tracer:
    """`np.fft.irfft2`."""
    return irfftn(a, s, axes, norm, out)


def _shifted(a: Any, axes: Any, back: bool) -> Tracer:
    x = asarray(a)
    places = range(x.ndim) if axes is None else (axes,) if isinstance(axes, int) else axes
    shifts = {int(axis): x.shape[int(axis)] // 2 for axis in places}
    signs = -1 if back else 1
    return roll(x, tuple(signs * n for n in shifts.values()), tuple(shifts))


def fftshift(x: Any, axes: Any = None) -> Tracer:
    """`np.fft.fftshift`: frequency zero in the middle."""
    return _shifted(x, axes, back=False)


def ifftshift(x: Any, axes: Any = None) -> Tracer:
    """`np.fft.ifftshift`: the inverse of `fftshift`."""
    return _shifted(x, axes, back=True)


FOURIER: dict[str, Transform] = {
    "fft": fft,
    "ifft": ifft,
    "rfft": rfft,
    "irfft": irfft,
    "hfft": hfft,
    "ihfft": ihfft,
    "fft2": fft2,
    "ifft2": ifft2,
    "rfft2": rfft2,
    "irfft2": irfft2,
    "fftn": fftn,
    "ifftn": ifftn,
    "rfftn": rfftn,
    "irfftn": irfftn,
    "fftshift": fftshift,
    "ifftshift": ifftshift,
}
