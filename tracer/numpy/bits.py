"""`np.packbits` and `np.unpackbits`: bits as bytes and bytes as bits."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..errors import at
from ..location import user_location
from ..primitives.structure import reshape
from ..trace import Tracer
from ..types import BOOL, UINT8, is_integer
from .creation import asarray
from .meanings import truth
from .padding import pad
from .promotion import as_dtype
from .reductions import sum as sum_of
from .shaping import moveaxis, part

ORDERS = {"big": np.arange(7, -1, -1), "little": np.arange(8)}
"""Which bit of a byte each of eight elements is."""


def _places(bitorder: Any) -> Any:
    if bitorder not in ORDERS:
        raise ValueError(f"'order' must be either 'little' or 'big'{at(user_location())}")
    return ORDERS[bitorder].astype(np.uint8)


def _along_last(x: Tracer, axis: Any) -> tuple[Tracer, int]:
    """The array with the axis last, and where that was; None makes one axis of all."""
    if axis is None:
        return reshape(x, shape=(x.size,)), 0
    return moveaxis(x, axis, -1), operator.index(axis)


def packbits(a: Any, /, axis: Any = None, bitorder: Any = "big") -> Tracer:
    """`np.packbits`: eight elements as the bits of a byte, zeros after the last.

    Raises:
        TypeError: for elements that are neither bools nor integers.
    """
    x = asarray(a)
    if x.dtype != BOOL and not is_integer(x.dtype):
        raise TypeError(
            f"Expected an input array of integer or boolean data type{at(user_location())}"
        )
    places = _places(bitorder)
    lines, place = _along_last(x, axis)
    count = -(-lines.shape[-1] // 8)
    widths = [(0, 0)] * (lines.ndim - 1) + [(0, 8 * count - lines.shape[-1])]
    padded = pad(truth(lines), widths)
    eights: Any = as_dtype(reshape(padded, shape=(*lines.shape[:-1], count, 8)), UINT8)
    return moveaxis(sum_of(eights << places, -1, dtype=UINT8), -1, place)


def unpackbits(a: Any, /, axis: Any = None, count: Any = None, bitorder: Any = "big") -> Tracer:
    """`np.unpackbits`: the bits of bytes as elements, cut or filled to a count.

    Raises:
        TypeError: for elements other than uint8.
    """
    x = asarray(a)
    if x.dtype != UINT8:
        raise TypeError(f"Expected an input array of unsigned byte data type{at(user_location())}")
    places = _places(bitorder)
    lines, place = _along_last(x, axis)
    size = 8 * lines.shape[-1]
    bytes_of: Any = reshape(lines, shape=(*lines.shape, 1))
    bits: Any = (bytes_of >> places) & np.uint8(1)
    bits = reshape(bits, shape=(*lines.shape[:-1], size))
    if count is not None:
        wanted = operator.index(count)
        wanted = wanted if wanted >= 0 else size + wanted
        if wanted < 0:
            raise ValueError(f"-count larger than number of elements: {count}{at(user_location())}")
        bits = part(bits, bits.ndim - 1, 0, min(wanted, size))
        bits = pad(bits, [(0, 0)] * (bits.ndim - 1) + [(0, max(wanted - size, 0))])
    return moveaxis(bits, -1, place)
