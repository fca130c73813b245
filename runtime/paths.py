"""How many paths of one function, which Python's questions about values split it into."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from pullback.tracer.errors import TracedValueError, at
from pullback.tracer.location import user_location

from .compiled import Compiled

_paths_limit = 64


def paths_limit() -> int:
    """How many paths of one signature are compiled at most."""
    return _paths_limit


def set_paths_limit(number: int) -> None:
    """Let so many paths of one signature be compiled.

    A path is what Python's `if`, `while`, `int()` and `float()` on traced values have decided.

    >>> pb.set_paths_limit(64)
    """
    global _paths_limit
    limit = operator.index(number)
    if limit < 1:
        raise ValueError(f"there is one path at least, got {number}{at(user_location())}")
    _paths_limit = limit


def check_paths(compiled: Sequence[Compiled]) -> None:
    """Refuse a path too many.

    Raises:
        TracedValueError: naming the line that was asked most.
    """
    paths = [c.answers for c in compiled if c.answers]
    if len(paths) < _paths_limit:
        return
    last = paths[0].questions[-1].where
    raise TracedValueError(
        f"{len(paths)} paths through this function have been compiled, one for each answer that "
        f"Python got at {last}\n"
        "  np.where, pb.cond and pb.while_loop decide within compiled code; "
        f"pb.set_paths_limit allows more{at(user_location())}"
    )
