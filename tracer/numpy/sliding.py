"""Windows that slide along axes: all places where one fits, side by side."""

from __future__ import annotations

from typing import Any

from ..errors import at
from ..location import user_location
from ..trace import Tracer
from ..types import Shape, normalize_axis
from .creation import asarray, positions
from .joining import stack
from .selection import take
from .shaping import as_ints, moveaxis, part, read_only

SHORT_WINDOW = 16
"""Up to this many places a window is put together of slices; longer ones are looked up."""


def sliding_window_view(
    x: Any,
    window_shape: Any,
    axis: Any = None,
    *,
    subok: bool = False,
    writeable: bool = False,
) -> Tracer:
    """`np.lib.stride_tricks.sliding_window_view`: a view that cannot be written to.

    Raises:
        ValueError: for a window that does not fit, and for another number of axes than of extents.
    """
    array = asarray(x)
    window = as_ints(window_shape)
    axes = _axes(axis, window, array.ndim)
    if any(extent < 0 for extent in window):
        raise ValueError(f"`window_shape` cannot contain negative values{at(user_location())}")
    extents = list(array.shape)
    for a, extent in zip(axes, window, strict=True):
        if extents[a] < extent:
            raise ValueError(
                f"window shape cannot be larger than input array shape{at(user_location())}"
            )
        extents[a] -= extent - 1
    strides = array.memory_strides
    if strides is not None:
        strides = (*strides, *(strides[a] for a in axes))
    return read_only(array, lambda base: _windows(base, axes, window), strides)


def _axes(axis: Any, window: Shape, ndim: int) -> tuple[int, ...]:
    axes = range(ndim) if axis is None else [normalize_axis(a, ndim) for a in as_ints(axis)]
    if len(axes) != len(window):
        raise ValueError(
            f"Must provide matching length window_shape and axis; got {len(window)} window_shape "
            f"elements and {len(axes)} axes elements{at(user_location())}"
        )
    return tuple(axes)


def _windows(x: Tracer, axes: tuple[int, ...], window: Shape) -> Tracer:
    for axis, extent in zip(axes, window, strict=True):
        count = x.shape[axis] - extent + 1
        if 0 < extent <= SHORT_WINDOW:
            x = stack([part(x, axis, k, k + count) for k in range(extent)], -1)
        else:
            places = positions(count)[:, None] + positions(extent)
            x = moveaxis(take(x, places, axis), axis + 1, -1)
    return x
