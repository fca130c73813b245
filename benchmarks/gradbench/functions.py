"""Gradients of functions of one vector: hello, lse, llsq, ode, det."""

from __future__ import annotations

from typing import Any

import numpy as np
from inputs import Array, minors

import pullback as pb


def square(x: Any) -> Any:
    return x * x


def log_sum_exp(x: Any) -> Any:
    top = pb.stop_gradient(np.max(x))
    return top + np.log(np.sum(np.exp(x - top)))


def least_squares(x: Any, t: Any, s: Any) -> Any:
    """Half the squared distance of a polynomial from ``s``, by Horner's rule."""
    y, _ = pb.scan(lambda y, c: (y * t + c, None), np.zeros_like(t), x, reverse=True)
    return 0.5 * np.sum((s - y) ** 2)


def ode_state(x: Any, steps: int) -> Any:
    """Runge and Kutta's method from 0 to 2, for y_i' = x_i y_(i-1) and y_0' = x_0."""
    h = 2.0 / steps

    def rate(y: Any) -> Any:
        return np.concatenate([x[:1], x[1:] * y[:-1]])

    def step(y: Any, _: Any) -> Any:
        a = rate(y)
        b = rate(y + h / 2 * a)
        c = rate(y + h / 2 * b)
        d = rate(y + h * c)
        return y + h / 6 * (a + 2 * b + 2 * c + d), None

    return pb.scan(step, np.zeros_like(x), length=steps)[0]


def last_state(x: Any, steps: int) -> Any:
    return ode_state(x, steps)[-1]


def determinant(rows: Any) -> Any:
    """By expansion along the first row; ``rows`` are lists of numbers."""

    def minor(row: int, columns: tuple[int, ...]) -> Any:
        if len(columns) == 1:
            return rows[row][columns[0]]
        terms = [
            rows[row][c] * minor(row + 1, columns[:i] + columns[i + 1 :])
            for i, c in enumerate(columns)
        ]
        return sum(terms[0::2]) - sum(terms[1::2])

    return minor(0, tuple(range(len(rows))))


def determinant_by_levels(a: Any, tables: list[Array]) -> Any:
    """The same for arrays of all minors of a size, where there are too many to write out."""
    level = a[-1][tables[0][:, 0]]
    for size, table in enumerate(tables[1:], start=2):
        signs = (-1.0) ** np.arange(size)
        level = np.sum(a[-size][table] * level.reshape(-1, size) * signs, axis=1)
    return level[0]


WRITTEN_OUT = 6
"""Sizes up to this are."""


def expansion(given: Any) -> tuple[Any, ...]:
    """The matrix, and the tables of minors if these are not written out."""
    size = given["ell"]
    a = np.array(given["A"]).reshape(size, size)
    return (a,) if size <= WRITTEN_OUT else (a, minors(size))


def expanded(a: Any, tables: list[Array] | None = None) -> Any:
    return determinant(entries(a)) if tables is None else determinant_by_levels(a, tables)


def expanded_gradient(a: Any, tables: list[Array] | None = None) -> Any:
    if tables is None:
        return pb.numpy.array(pb.grad(determinant)(entries(a)))
    return pb.grad(determinant_by_levels)(a, tables)


def entries(a: Any) -> list[list[Any]]:
    return [list(row) for row in a]
