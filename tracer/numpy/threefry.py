"""Threefry-2x32: random words as a function of a key and a counter, in traced integers.

J. Salmon, M. Moraes, R. Dror and D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011:
twenty rounds of adding, rotating and mixing. All is exact arithmetic on uint32, so the words do not
depend on how a program is fused, on the width of vectors or on threads, and a kernel that needs
random numbers computes them in place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..errors import at
from ..location import user_location
from ..primitives.structure import iota, reshape
from ..trace import Tracer
from ..types import UINT32, Shape
from .promotion import number

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = 0x1BD11BDA
ROUNDS = 20

DRAWS, MORE_DRAWS, SPLITS, FOLDS = range(4)
"""What a counter's second word says it is for: so no two uses of a key see the same words."""


def threefry(key: Sequence[Tracer], counter: Sequence[Tracer]) -> tuple[Tracer, Tracer]:
    """The two words that a key of two words makes of a counter of two words, broadcast."""
    schedule = (key[0], key[1], key[0] ^ key[1] ^ np.uint32(PARITY))
    x, y = counter[0] + schedule[0], counter[1] + schedule[1]
    for turn in range(ROUNDS):
        x = x + y
        y = rotated(y, ROTATIONS[turn % 8]) ^ x
        if turn % 4 == 3:
            step = turn // 4 + 1
            x = x + schedule[step % 3]
            y = y + (schedule[(step + 1) % 3] + np.uint32(step))
    return x, y


def rotated(x: Tracer, places: int) -> Tracer:
    """The bits moved to the left, and in again from the right."""
    result: Tracer = (x << places) | (x >> (32 - places))
    return result


def words(key: Tracer, shape: Shape, use: int = DRAWS) -> tuple[Tracer, Tracer]:
    """Two random words for each element of ``shape``, for each key of a batch.

    Raises:
        TypeError: when the key is none.
        ValueError: for more elements than a word can count.
    """
    check_key(key)
    count = math.prod(shape)
    if count > 2**32:
        raise ValueError(f"one key makes up to 2**32 random numbers, not {count}{_line()}")
    counter = reshape(iota(size=count, dtype=UINT32), shape=shape)
    return threefry(spread_key(key, len(shape)), (counter, number(use, UINT32)))


def spread_key(key: Tracer, ndim: int) -> tuple[Tracer, Tracer]:
    """The two words of each key, ready to be broadcast with arrays of so many axes."""
    batch = (*key.shape[:-1], *(1,) * ndim)
    return reshape(key[..., 0], shape=batch), reshape(key[..., 1], shape=batch)


def check_key(key: Tracer) -> None:
    """Raise TypeError for what is no key."""
    if key.dtype != UINT32 or key.ndim == 0 or key.shape[-1] != 2:
        raise TypeError(
            f"a key is an array of uint32 whose last axis has length 2, as pullback.random.key "
            f"makes it; got {key.type}{_line()}"
        )


def _line() -> str:
    return at(user_location())
