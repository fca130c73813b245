"""Arguments that a compiled function writes to: their new values come back as further results.

They are copied into the caller's arrays when all has been computed, so a call that raises changes
nothing. Machine code reads every argument as it was at the call; arrays that share memory would see
each other's changes only in Python, so they are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pullback.tracer.errors import at
from pullback.tracer.location import user_location

OVERLAP_WORK: Any = 10_000
"""How long to look for an element in common before two arrays count as sharing memory."""


def check_targets(
    given: Sequence[Any], writes: Sequence[int], captures: Iterable[Any]
) -> list[np.ndarray[Any, Any]]:
    """The arguments that a call is going to write to.

    Raises:
        TypeError: for one that is no array.
        ValueError: for one that is read-only, or shares memory with another array that the
            function uses.
    """
    for number in writes:
        target = given[number]
        if not isinstance(target, np.ndarray):
            raise TypeError(
                f"{type(target).__name__!r} object does not support item assignment"
                f"{at(user_location())}"
            )
        if not target.flags.writeable:
            raise ValueError(f"assignment destination is read-only{at(user_location())}")
        others = [*(x for i, x in enumerate(given) if i != number), *captures]
        if _repeats(target) or any(share_memory(target, x) for x in others):
            raise ValueError(
                "an argument that a compiled function writes to shares memory with another array "
                f"that it uses\n  pass a copy of one of them{at(user_location())}"
            )
    return [given[number] for number in writes]


def write_back(targets: Sequence[np.ndarray[Any, Any]], values: Sequence[Any]) -> None:
    """Put the new values into the caller's arrays."""
    for target, value in zip(targets, values, strict=True):
        np.copyto(target, value)


def spare_what_is_shared(leaves: list[Any], places: Iterable[int], captures: Sequence[Any]) -> None:
    """Put copies in the place of donated arrays that must not be written to.

    Those are read-only ones, and those that share memory with another array of the call.
    """
    for place in places:
        donated = leaves[place]
        others = [*(x for i, x in enumerate(leaves) if i != place), *captures]
        arrays = [x for x in others if isinstance(x, np.ndarray)]
        if not donated.flags.writeable or any(np.may_share_memory(donated, x) for x in arrays):
            leaves[place] = donated.copy()


def _repeats(x: np.ndarray[Any, Any]) -> bool:
    """Whether elements of an array are at one place in memory."""
    pairs = zip(x.shape, x.strides, strict=True)
    return any(extent > 1 and stride == 0 for extent, stride in pairs)


def share_memory(x: np.ndarray[Any, Any], other: Any) -> bool:
    """Whether an array has an element in common with something, or nobody finds out soon."""
    if not isinstance(other, np.ndarray) or not np.may_share_memory(x, other):
        return False
    try:
        return np.shares_memory(x, other, max_work=OVERLAP_WORK)
    except np.exceptions.TooHardError:
        return True
