"""Windows that slide over the last axes of a tracer: what convolution and pooling see."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...dtypes import here

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


def per_axis(value: Any, count: int, name: str) -> Ints:
    """An argument for each axis, given one by one or once for all.

    Raises:
        RuntimeError: torch's, for another number.
    """
    if isinstance(value, int):
        return (value,) * count
    given = tuple(int(n) for n in value)
    if len(given) == 1:
        return given * count
    if len(given) != count:
        raise RuntimeError(f"expected {name} to be {count} ints, but got {list(given)}{here()}")
    return given


def padded(x: Any, pairs: Sequence[tuple[int, int]], fill: float = 0.0) -> Any:
    """The last axes made longer at both ends, or shorter where a number is negative."""
    front = x.ndim - len(pairs)
    if any(n > 0 for pair in pairs for n in pair):
        widths = [(0, 0)] * front + [(max(a, 0), max(b, 0)) for a, b in pairs]
        x = np.pad(x, widths, constant_values=fill)
    if any(n < 0 for pair in pairs for n in pair):
        cuts = [
            slice(max(-a, 0), n - max(-b, 0))
            for (a, b), n in zip(pairs, x.shape[front:], strict=True)
        ]
        x = x[(..., *cuts)]
    return x


def spread_out(x: Any, steps: Ints) -> Any:
    """Zeros put between the elements of the last axes, so that they are ``steps`` apart."""
    for axis, step in enumerate(steps, x.ndim - len(steps)):
        if step > 1:
            count = x.shape[axis]
            widths = [(0, 0)] * (axis + 1) + [(0, step - 1)] + [(0, 0)] * (x.ndim - axis - 1)
            wide = np.pad(np.expand_dims(x, axis + 1), widths)
            shape = (*x.shape[:axis], count * step, *x.shape[axis + 1 :])
            whole = (slice(None),) * axis
            x = np.reshape(wide, shape)[(*whole, slice((count - 1) * step + 1))]
    return x


def places(kernel: Ints) -> Iterator[Ints]:
    """The places of a window, the last axis fastest."""
    return itertools.product(*[range(n) for n in kernel])


def counts(extents: Sequence[int], kernel: Ints, stride: Ints, dilation: Ints) -> Ints:
    """How many windows fit along each axis."""
    return tuple(
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(extents, kernel, stride, dilation, strict=True)
    )


def slices(x: Any, kernel: Ints, stride: Ints, dilation: Ints, out: Ints) -> Iterator[Any]:
    """For each place of the window, what all windows have there."""
    for place in places(kernel):
        cut = [
            slice(i * d, i * d + s * (n - 1) + 1, s)
            for i, d, s, n in zip(place, dilation, stride, out, strict=True)
        ]
        yield x[(..., *cut)]
