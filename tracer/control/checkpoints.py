"""How much reverse mode keeps of the steps of a scan."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

from ..errors import at
from ..location import user_location

Checkpoint: TypeAlias = int | str | tuple[str, int] | None
"""None for the carry of every step; "sqrt", "log" or the length of a segment for segments;
"binomial", alone or with a number, for so many snapshots."""

FACTOR = 8
"""How many segments each level has of a scan that keeps a logarithm of its steps."""


def segment_of(checkpoint: Checkpoint, count: int) -> int:
    """How many steps a segment has."""
    match checkpoint:
        case None | "binomial" | ("binomial", _):
            return count
        case "sqrt":
            return max(math.isqrt(count), 1)
        case "log":
            size = 1
            while size * FACTOR < count:
                size *= FACTOR
            return size if size > 1 else count
        case int() if checkpoint > 0 and not isinstance(checkpoint, bool):
            return checkpoint
        case _:
            raise _no_checkpoint(checkpoint)


def snapshots_of(checkpoint: Checkpoint, count: int) -> int | None:
    """How many snapshots are kept of so many steps; None where that is not the way.

    By default there are as many as the number of steps has binary digits, so that both they and
    the times that a step is computed again grow with its logarithm.
    """
    match checkpoint:
        case "binomial":
            wanted = count.bit_length()
        case ("binomial", int() as wanted) if wanted > 0 and not isinstance(wanted, bool):
            pass
        case tuple():
            raise _no_checkpoint(checkpoint)
        case _:
            return None
    return min(wanted, count) if count > 1 else None


def _no_checkpoint(checkpoint: Any) -> ValueError:
    return ValueError(
        'a checkpoint is "sqrt", "log", "binomial", a number of steps, or ("binomial", a number '
        f"of snapshots), got {checkpoint!r}{at(user_location())}"
    )
