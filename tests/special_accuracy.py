"""Measure our special functions and print the table of docs/numerics.md.

``python -m tests.special_accuracy``; it takes some minutes, for the reference is mpmath.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special

from pullback.codegen.math.special import VECTOR
from pullback.tracer.primitives.special import INCOMPLETE_DERIVATIVES

from .accuracy import TIMED, nanoseconds
from .elementary import Array, Compiled, ulps
from .test_special import exactly, operands

HEAD = """\
| function | ulp f64 | ulp f32 | ns f64 | ns f32 | SciPy f64 | lines |
|---|---|---|---|---|---|---|
"""
SCIPY_NAMES = {"lgamma": "gammaln", "digamma": "psi"}
SLOW = {*INCOMPLETE_DERIVATIVES, "zeta"}


def usual_operands(name: str, count: int) -> list[Array]:
    """Operands within the function's domain for timing."""
    high = 0.98 if name in {"erfinv", "erfcinv", "ndtri"} else 8.0
    x = np.linspace(0.01, high, TIMED)
    if count == 3:
        return [x + 1.05, x + 0.5, x / (high + 1.0)]
    return [x + 1.05, x] if count == 2 else [x]


def in_single(xs: list[Array]) -> list[Array]:
    """The operands that single precision has as normal numbers."""
    with np.errstate(over="ignore", under="ignore"):
        ys = [x.astype(np.float32) for x in xs]
    sizes = [np.abs(y) for y in ys]
    kept = np.logical_and.reduce([np.isfinite(s) & (s > 1e-37) for s in sizes])
    return [y[kept] for y in ys]


def time_of(function: Compiled, xs: list[Array]) -> float:
    """Nanoseconds for an element."""
    out = np.empty_like(xs[0])
    addresses = [*(x.ctypes.data for x in xs), out.ctypes.data]
    return nanoseconds(lambda: function.pointer(*addresses, TIMED))


def row(name: str) -> str:
    """One line of the table."""
    xs = operands(name, 60 if name in SLOW else 250)
    singles = in_single(xs)
    double, single = (
        Compiled(VECTOR[name], dtype, lanes, len(xs)) for dtype, lanes in (("f64", 8), ("f32", 16))
    )
    exact = exactly(name, [y.astype(np.float64) for y in singles])
    worst = [ulps(double(*xs), exactly(name, xs)).max(), ulps(single(*singles), exact).max()]
    usual = usual_operands(name, len(xs))
    times = [time_of(double, usual), time_of(single, [x.astype(np.float32) for x in usual])]
    theirs: Callable[..., Any] | None = getattr(scipy.special, SCIPY_NAMES.get(name, name), None)
    scipy_time = f"{nanoseconds(lambda: theirs(*usual)):.1f}" if theirs is not None else ""
    cells = [f"`{name}`", *(f"{e:.2f}" for e in worst), *(f"{t:.1f}" for t in times), scipy_time]
    return "| " + " | ".join([*cells, str(double.instructions)]) + " |"


def main() -> None:
    """Measure."""
    print(HEAD, end="")  # noqa: T201
    for name in VECTOR:
        print(row(name), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
