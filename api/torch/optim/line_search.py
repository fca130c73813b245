"""A line search for the strong Wolfe conditions (Nocedal and Wright, 2006, algorithms 3.5, 3.6)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
ENOUGH = 1e-4
"""What share of the slope a step has to go down by (the book's c1)."""
FLATTER = 0.9
"""What share of the slope may be left (the book's c2)."""


@dataclass(slots=True)
class Point:
    """A place along the line: the loss there, its gradient, and its slope along the line."""

    length: float
    loss: float
    gradient: Array
    slope: float
    evaluations: int = 0


def cubic_minimum(a: Point, b: Point, bounds: tuple[float, float] | None = None) -> float:
    """Where the cubic through two points with their slopes is least, within the bounds."""
    if a.length > b.length:
        a, b = b, a
    low, high = (a.length, b.length) if bounds is None else bounds
    first = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.length - b.length)
    square = first * first - a.slope * b.slope
    if square < 0:
        return (low + high) / 2.0
    second = math.sqrt(square)
    share = (b.slope + second - first) / (b.slope - a.slope + 2 * second)
    return min(max(b.length - (b.length - a.length) * share, low), high)


def strong_wolfe(
    at: Callable[[float], tuple[float, Array]],
    direction: Array,
    length: float,
    loss: float,
    gradient: Array,
    slope: float,
    tolerance: float,
    limit: int = 25,
) -> Point:
    """A step that lowers the loss enough, to where the slope is flat enough."""
    reach = float(np.abs(direction).max())
    start = Point(0.0, loss, gradient.copy(), slope)
    count = 0

    def point(where: float) -> Point:
        nonlocal count
        count += 1
        found, its_gradient = at(where)
        return Point(where, found, its_gradient, float(its_gradient @ direction))

    bracket, done = _bracketed(point, start, length, limit)
    if not done:
        bracket = _narrowed(point, start, bracket, reach, tolerance, limit - (count - 1))
    best = min(bracket, key=lambda p: p.loss) if len(bracket) > 1 else bracket[0]
    best.evaluations = count
    return best


def _is_low(point: Point, start: Point) -> bool:
    return point.loss <= start.loss + ENOUGH * point.length * start.slope


def _is_flat(point: Point, start: Point) -> bool:
    return abs(point.slope) <= -FLATTER * start.slope


def _bracketed(
    point: Callable[[float], Point], start: Point, length: float, limit: int
) -> tuple[list[Point], bool]:
    """Two points that a good one lies between, or a good one."""
    before, now = start, point(length)
    for turn in range(limit):
        if not _is_low(now, start) or (turn > 1 and now.loss >= before.loss):
            return [before, now], False
        if _is_flat(now, start):
            return [now], True
        if now.slope >= 0:
            return [before, now], False
        bounds = (now.length + 0.01 * (now.length - before.length), now.length * 10)
        further = cubic_minimum(before, now, bounds)
        before, now = now, point(further)
    return [start, now], False


def _narrowed(
    point: Callable[[float], Point],
    start: Point,
    bracket: list[Point],
    reach: float,
    tolerance: float,
    turns: int,
) -> list[Point]:
    """The two points moved together until one of them is good."""
    low, high = sorted(bracket, key=lambda p: p.loss)
    slow = False
    for _ in range(turns):
        if abs(high.length - low.length) * reach < tolerance:
            break
        length, slow = _within(cubic_minimum(low, high), low, high, slow)
        now = point(length)
        if not _is_low(now, start) or now.loss >= low.loss:
            high = now
            if high.loss < low.loss:
                low, high = high, low
        else:
            if _is_flat(now, start):
                return [now]
            if now.slope * (high.length - low.length) >= 0:
                high = low
            low = now
    return [low]


def _within(length: float, low: Point, high: Point, slow: bool) -> tuple[float, bool]:
    """A length that is not too close to the ends twice in a row."""
    ends = sorted((low.length, high.length))
    margin = 0.1 * (ends[1] - ends[0])
    if min(ends[1] - length, length - ends[0]) >= margin:
        return length, False
    if not slow and ends[0] < length < ends[1]:
        return length, True
    near_end = abs(length - ends[1]) < abs(length - ends[0])
    return (ends[1] - margin if near_end else ends[0] + margin), False
