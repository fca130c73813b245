"""Values that are looked through for NaN, within blocks of ``pullback.debug.check_nan()``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pullback.tracer.trace import checked_for

if TYPE_CHECKING:
    from pullback.tracer.ir import Graph


def check_values(
    values: Sequence[Any], graph: Callable[[], Graph], arguments: Sequence[Any]
) -> None:
    """Look through the results of a graph, which is made only if there is a fault.

    Raises:
        FloatingPointError: naming what made the first NaN, or infinity.
    """
    check = checked_for()
    if check is None:
        return
    from pullback.tracer.faults import find_fault, is_bad

    if any(is_bad(x, check) for x in values):
        names = ["a tensor from before"] * len(arguments)
        fault = find_fault(graph(), arguments, check, names)
        if fault is not None:
            raise FloatingPointError(fault.text())
