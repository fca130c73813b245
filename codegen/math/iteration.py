"""Loops until every lane has settled, for series and continued fractions; double precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..assembly import FunctionWriter, Value
from .number import Number, any_lane, choose

Step = Callable[..., tuple[Sequence[Number], Number]]
"""``step(*state) -> (the next state, mask of the lanes that want to go on)``."""


def iterate(state: Sequence[Number], step: Step, active: Number) -> list[Number]:
    """Turn by turn the next state, in the lanes that are active, until none is.

    A lane that has settled keeps its values, so that no lane's result depends on its neighbours.
    """
    w = active.w
    with w.repeat([x.value for x in (*state, active)]) as loop:
        *current, going = (Number(w, x) for x in loop.carried)
        following, more = step(*current)
        turned = [choose(going, new, old) for new, old in zip(following, current, strict=True)]
        going = going & more
        loop.carried = [x.value for x in (*turned, going)]
        loop.more = any_lane(going)
    return [Number(w, x) for x in loop.carried[:-1]]


def through_double(function: Callable[..., Number]) -> Callable[..., Value]:
    """The function on values of either format, computed in double precision."""

    def emit(w: FunctionWriter, *xs: Value) -> Value:
        numbers = [Number(w, x) for x in xs]
        if numbers[0].element == "double":
            return function(*numbers).value
        return function(*(x.widened() for x in numbers)).narrowed().value

    return emit
