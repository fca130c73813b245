"""Measure derivatives of incomplete functions and print their table of docs/numerics.md.

``python -m tests.special_accuracy``; it takes some minutes, for the reference is mpmath.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from pullback.codegen.math.special import VECTOR
from pullback.tracer.primitives.special import INCOMPLETE_DERIVATIVES

from .accuracy import in_single
from .elementary import Array, Compiled, ulps
from .test_special import exactly, operands

HEAD = """\
| function | ulp f64 | ulp f32 | ns f64 | ns f32 | lines |
|---|---|---|---|---|---|
"""
TIMED, POINTS = 4096, 60


def usual_operands(count: int) -> list[Array]:
    """Operands within the function's domain for timing."""
    x = np.linspace(0.01, 8.0, TIMED)
    return [x + 1.05, x + 0.5, x / 9.0] if count == 3 else [x + 1.05, x]


def nanoseconds(call: Callable[[], Any]) -> float:
    """Time of a call for each of the elements that it works on: the best of several."""
    best = float("inf")
    for _ in range(15):
        start = perf_counter()
        call()
        best = min(best, perf_counter() - start)
    return best / TIMED * 1e9


def time_of(function: Compiled, xs: list[Array]) -> float:
    """Nanoseconds for an element."""
    out = np.empty_like(xs[0])
    addresses = [*(x.ctypes.data for x in xs), out.ctypes.data]
    return nanoseconds(lambda: function.pointer(*addresses, TIMED))


def row(name: str) -> str:
    """One line of the table."""
    xs = operands(name, POINTS)
    singles = in_single(xs)
    double, single = (
        Compiled(VECTOR[name], dtype, lanes, len(xs)) for dtype, lanes in (("f64", 8), ("f32", 16))
    )
    exact = exactly(name, [y.astype(np.float64) for y in singles])
    worst = [ulps(double(*xs), exactly(name, xs)).max(), ulps(single(*singles), exact).max()]
    usual = usual_operands(len(xs))
    times = [time_of(double, usual), time_of(single, [x.astype(np.float32) for x in usual])]
    cells = [f"`{name}`", *(f"{e:.2f}" for e in worst), *(f"{t:.1f}" for t in times)]
    return "| " + " | ".join([*cells, str(double.instructions)]) + " |"


def main() -> None:
    """Measure."""
    print(HEAD, end="")  # noqa: T201
    for name in INCOMPLETE_DERIVATIVES:
        print(row(name), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
