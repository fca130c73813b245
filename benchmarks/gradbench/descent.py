"""particle and saddle: gradient descent on functions that have derivatives inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import pullback as pb

Function = Callable[[Any], Any]
Derivative = Callable[[Function], Function]

MODES: dict[str, Derivative] = {"f": pb.jacfwd, "r": pb.grad}
"""The gradient by forward and by reverse mode."""

NEAR = 1e-5


def descend(f: Function, gradient: Function, start: Any) -> Any:
    """GradBench's gradient descent: ten steps that help double the rate, any other halves it."""

    def step(state: Any) -> Any:
        x, fx, slope, rate, helped, _ = state
        further = x - rate * slope
        value = f(further)
        faster, flat = helped == 10, norm(slope) <= NEAR
        tried = np.logical_not(faster | flat)
        arrived = flat | (tried & (norm(further - x) <= NEAR))
        better = tried & np.logical_not(arrived) & (value < fx)
        worse = tried & np.logical_not(arrived | better)
        slope = np.where(better, gradient(further), slope)
        x, fx = np.where(better, further, x), np.where(better, value, fx)
        rate = rate * np.where(faster, 2.0, np.where(worse, 0.5, 1.0))
        return x, fx, slope, rate, np.where(better, helped + 1, 0), arrived

    state = start, f(start), gradient(start), 1e-5, 0, False
    return pb.while_loop(lambda state: np.logical_not(state[-1]), step, state)[0]


def norm(x: Any) -> Any:
    return np.sqrt(np.sum(x * x))


# -- particle ----------------------------------------------------------------------------------


def miss(w: Any, field: Derivative) -> Any:
    """The square of where a particle crosses the axis, repelled by charges of which w moves one."""
    charges = pb.numpy.array([[10.0, 10.0 - w], [10.0, 0.0]])

    def potential(x: Any) -> Any:
        apart = x - charges
        return np.sum(1.0 / np.sqrt(np.sum(apart * apart, axis=1)))

    force = field(potential)

    def step(state: Any) -> Any:
        x, v, _ = state
        return x + 0.1 * v, v - 0.1 * force(x), v

    start = np.array([0.0, 8.0]), np.array([0.75, 0.0]), np.zeros(2)
    x, _, v = pb.while_loop(lambda state: state[0][1] > 0.0, step, start)
    x = x - x[1] / v[1] * v
    return x[0] ** 2


def particle(outer: Derivative, inner: Derivative) -> Function:
    """The w at which the particle goes through the origin."""

    def f(w: Any) -> Any:
        return miss(w, inner)

    return pb.jit(lambda w: descend(f, outer(f), w))


# -- saddle ------------------------------------------------------------------------------------


def saddle_surface(x: Any, y: Any) -> Any:
    return np.sum(x * x) - np.sum(y * y)


def saddle(outer: Derivative, inner: Derivative) -> Function:
    """The x for which the largest value over y is least, and that y; both from one start."""

    def highest(x: Any, start: Any) -> Any:
        def depth(y: Any) -> Any:
            return -saddle_surface(x, y)

        return descend(depth, inner(depth), start)

    def least_highest(start: Any) -> Any:
        def height(x: Any) -> Any:
            return saddle_surface(x, highest(x, start))

        x = descend(height, outer(height), start)
        return np.concatenate([x, highest(x, start)])

    return pb.jit(least_highest)
