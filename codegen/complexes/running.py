"""Running products and extrema of pairs, and linear recurrences.

All are associative, so each element is combined with the one 1, 2, 4, ... places before it.

Source: W. Hillis and G. Steele, "Data parallel algorithms", Communications of the ACM 29 (1986).
"""

from __future__ import annotations

from collections.abc import Callable

from pullback.tracer.primitives.cumulative import before
from pullback.tracer.primitives.elementwise import broadcast_scalar

from .arithmetic import add, maximum, minimum, mul
from .pair import Pair, choose_pair
from .reduce import numbers

Combine = Callable[[tuple[Pair, ...], tuple[Pair, ...]], tuple[Pair, ...]]
"""What two neighbouring stretches are together, the earlier one first."""


def cumprod(x: Pair, *, axis: int, reverse: bool) -> Pair:
    return _scan(lambda earlier, later: (mul(earlier[0], later[0]),), (x,), axis, reverse)[-1]


def cummax(x: Pair, *, axis: int, reverse: bool) -> Pair:
    return _scan(lambda earlier, later: (maximum(earlier[0], later[0]),), (x,), axis, reverse)[-1]


def cummin(x: Pair, *, axis: int, reverse: bool) -> Pair:
    return _scan(lambda earlier, later: (minimum(earlier[0], later[0]),), (x,), axis, reverse)[-1]


def recurrence(factor: Pair, x: Pair, *, axis: int, reverse: bool) -> Pair:
    def after(earlier: tuple[Pair, ...], later: tuple[Pair, ...]) -> tuple[Pair, ...]:
        (first, start), (second, rest) = earlier, later
        return mul(first, second), add(mul(second, start), rest)

    return _scan(after, (factor, x), axis, reverse)[-1]


def _scan(combine: Combine, state: tuple[Pair, ...], axis: int, reverse: bool) -> tuple[Pair, ...]:
    shape = state[0].re.shape
    number = numbers(shape, axis)
    place = broadcast_scalar(shape[axis] - 1, number) - number if reverse else number
    distance = 1
    while distance < shape[axis]:
        inside = place >= broadcast_scalar(distance, place)
        earlier = tuple(
            Pair(*(before(part, axis, reverse, 0.0, distance) for part in x)) for x in state
        )
        combined = combine(earlier, state)
        state = tuple(
            choose_pair(inside, new, old) for new, old in zip(combined, state, strict=True)
        )
        distance *= 2
    return state
