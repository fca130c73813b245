"""Scalar programs as CasADi likes them: graphs of numbers, loops by `mapaccum`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import casadi as ca
import numpy as np


def called(outputs: list[Any], inputs: list[Any], values: list[Any]) -> Callable[[], Any]:
    function = ca.Function("f", inputs, outputs)
    given = [ca.DM(x) for x in values]

    def call() -> Any:
        return [x.full().squeeze() for x in function.call(given)]

    return call


def small(x: Any) -> Callable[[], Any]:
    z = ca.SX.sym("z", len(x))
    return called([ca.gradient(ca.sum1(ca.sin(z) * z), z)], [z], [x])


def steps(step: Any, start: Any, count: int, parameters: Any) -> Any:
    """The last state of a loop with the same parameters in every turn."""
    return step.mapaccum(count)(start, ca.repmat(parameters, 1, count))[:, -1]


def predator_and_prey(rates: Any, start: Any, sizes: Any) -> Callable[[], Any]:
    y, p = ca.SX.sym("y", 2), ca.SX.sym("p", 4)
    h = float(sizes[0])

    def rate(y: Any) -> Any:
        meetings = y[0] * y[1]
        return ca.vertcat(p[0] * y[0] - p[1] * meetings, p[2] * meetings - p[3] * y[1])

    a = rate(y)
    b = rate(y + 0.5 * h * a)
    c = rate(y + 0.5 * h * b)
    d = rate(y + h * c)
    step = ca.Function("step", [y, p], [y + h / 6 * (a + 2 * b + 2 * c + d)])
    z = ca.MX.sym("z", 4)
    end = ca.sumsqr(steps(step, ca.DM(start), len(sizes), z))
    return called([end, ca.gradient(end, z)], [z], [rates])


def dozen(start: Any, sizes: Any) -> Callable[[], Any]:
    y, p = ca.SX.sym("y", 12), ca.SX.sym("p", 12)
    after = ca.vertcat(y[1:], y[0])
    pulls = after * p - ca.sin(y)
    step = ca.Function("step", [y, p], [y + float(sizes[0]) * pulls])
    z = ca.MX.sym("z", 12)
    end = ca.sumsqr(steps(step, z, len(sizes), z))
    return called([end, ca.gradient(end, z)], [z], [np.asarray(start)])


FAMILIES = {
    "call overhead: gradient, 10 elements": small,
    "Runge-Kutta, 1000 steps of 2 variables": predator_and_prey,
    "loop of 12 numbers, 1000 steps": dozen,
}
