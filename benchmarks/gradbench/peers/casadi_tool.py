"""CasADi as a tool of GradBench: graphs of numbers, or of matrices where those are large."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import casadi as ca
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import inputs
from protocol import Problem, serve


def dense(x: Any) -> Any:
    return ca.DM(np.asarray(x, float))


def flat(result: Any) -> list[float]:
    return [float(v) for x in result for v in x.full().ravel(order="F")]


def number(result: Any) -> float:
    return float(result[0])


Graph = tuple[Any, Any, Any, Any]
"""Variables, a value, its derivative, and where."""


def problems(
    build: Callable[[Any], Graph],
    value: Callable[[Any], Any],
    finish: Callable[[Any], Any],
    *names: str,
) -> dict[str, Problem]:
    """The two functions of a graph, which is built while the tool prepares."""

    def prepare(which: int) -> Callable[[Any], tuple[Any, ...]]:
        def prepared(given: Any) -> tuple[Any, ...]:
            graph = build(given)
            return ca.Function("f", [graph[0]], [graph[1 + which]]), [dense(graph[3])]

        return prepared

    def run(function: Any, values: Any) -> Any:
        return function.call(values)

    f, derivative = names or ("primal", "gradient")
    return {f: Problem(prepare(0), run, value), derivative: Problem(prepare(1), run, finish)}


def with_gradient(value: Any, z: Any, where: Any) -> Graph:
    return z, value, ca.gradient(value, z), where


def square(x: float) -> Graph:
    z = ca.SX.sym("z")
    return with_gradient(z * z, z, x)


def log_sum_exp(g: Any) -> Graph:
    x = ca.MX.sym("x", len(g["x"]))
    top = ca.mmax(x)
    return with_gradient(ca.log(ca.sum1(ca.exp(x - top))) + top, x, g["x"])


def least_squares(g: Any) -> Graph:
    x = ca.MX.sym("x", len(g["x"]))
    t, s = (dense(v) for v in inputs.step_function(g["n"]))
    y = ca.MX.zeros(g["n"], 1)
    for i in reversed(range(len(g["x"]))):
        y = y * t + x[i]
    return with_gradient(0.5 * ca.sumsqr(s - y), x, g["x"])


def ode(g: Any) -> Graph:
    n, steps = len(g["x"]), g["s"]
    x, h = ca.MX.sym("x", n), 2.0 / steps

    def rate(y: Any) -> Any:
        return ca.vertcat(x[0], x[1:] * y[:-1])

    y = ca.MX.zeros(n, 1)
    for _ in range(steps):
        a = rate(y)
        b = rate(y + h / 2 * a)
        c = rate(y + h / 2 * b)
        d = rate(y + h * c)
        y = y + h / 6 * (a + 2 * b + 2 * c + d)
    return x, y, ca.gradient(y[n - 1], x), g["x"]


def determinant(g: Any) -> Graph:
    size = g["ell"]
    a = ca.SX.sym("a", size * size)
    tables = inputs.minors(size)
    level = [a[(size - 1) * size + int(c)] for c in tables[0][:, 0]]
    for m, table in enumerate(tables[1:], start=2):
        level = [
            sum(
                (-1) ** j * a[(size - m) * size + int(c)] * level[row * m + j]
                for j, c in enumerate(left)
            )
            for row, left in enumerate(table)
        ]
    return with_gradient(level[0], a, g["A"])


def kmeans(g: Any) -> Graph:
    points, centroids = dense(g["points"]), np.array(g["centroids"])
    z = ca.MX.sym("z", *centroids.shape)
    best: Any = None
    for j in range(len(centroids)):
        apart = ca.sum2((points - ca.repmat(z[j, :], points.shape[0], 1)) ** 2)
        best = apart if best is None else ca.fmin(best, apart)
    cost = ca.sum1(best)
    slope = ca.gradient(cost, z)
    diagonal = ca.jtimes(slope, z, ca.DM.ones(*centroids.shape))
    return z, cost, slope / diagonal, centroids


def lstm(g: Any) -> Graph:
    names = ("main_params", "extra_params", "state", "sequence")
    main, extra, state, sequence = (np.array(g[name]) for name in names)
    layers, width, count = len(main) // 2, sequence.shape[1], len(sequence) - 1
    p, s = ca.SX.sym("p", main.size + extra.size), ca.SX.sym("s", state.size)
    now, after = ca.SX.sym("x", width), ca.SX.sym("y", width)

    def sigmoid(v: Any) -> Any:
        return 1 / (1 + ca.exp(-v))

    numbers, rows = ca.vertsplit(p, width), ca.vertsplit(s, width)
    *main_rows, into, out, offset = numbers
    x = now * into
    for i in range(layers):
        w, b = main_rows[8 * i : 8 * i + 4], main_rows[8 * i + 4 : 8 * i + 8]
        h, c = rows[2 * i], rows[2 * i + 1]
        c = c * sigmoid(x * w[0] + b[0])
        c = c + sigmoid(h * w[1] + b[1]) * ca.tanh(h * w[3] + b[3])
        x = sigmoid(x * w[2] + b[2]) * ca.tanh(c)
        rows[2 * i], rows[2 * i + 1] = x, c
    y = x * out + offset
    part = ca.dot(after, y - ca.log(2 + ca.sum1(ca.exp(y))))
    step = ca.Function("step", [s, p, now, after], [ca.vertcat(*rows), part])
    z = ca.MX.sym("z", p.numel())
    whole = step.mapaccum("whole", count, {"base": 8})
    repeated = ca.repmat(z, 1, count)
    _, parts = whole(dense(state.ravel()), repeated, dense(sequence[:-1].T), dense(sequence[1:].T))
    where = np.concatenate([main.ravel(), extra.ravel()])
    return with_gradient(-ca.sum2(parts) / (width * count), z, where)


def rows(result: Any) -> list[list[float]]:
    return result[0].full().tolist()


OBJECTIVE = ("objective", "jacobian")

PROBLEMS = {
    "hello": problems(square, number, number, "square", "double"),
    "lse": problems(log_sum_exp, number, flat),
    "llsq": problems(least_squares, number, flat),
    "ode": problems(ode, flat, flat),
    "det": problems(determinant, number, flat),
    "kmeans": problems(kmeans, number, rows, "cost", "dir"),
    "lstm": problems(lstm, number, flat, *OBJECTIVE),
}


if __name__ == "__main__":
    serve("casadi", PROBLEMS)
