"""``python -m pullback bench``: how long functions take to compile and to run on this machine."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from pullback.runtime.compiler import clear_cache

from ..transforms import jit, value_and_grad
from .loading import ARGUMENTS, Asked, add_function, load

REPEATS = 7

EXAMPLES = """
examples:
  python -m pullback bench
  python -m pullback bench fit.py:loss --args 'f64[3]' 'f64[100,3]' --transform value_and_grad
"""


def add_to(commands: Any) -> None:
    """Add the command to a parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "bench",
        help="time a function, or a few that come with it, beside NumPy",
        description="How long the first call of a function takes, and later ones.",
        epilog=f"{ARGUMENTS}{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_function(parser, required=False)
    parser.add_argument(
        "--seconds",
        type=float,
        default=0.2,
        help="how long each measurement takes (default: 0.2)",
    )
    parser.set_defaults(run=run)


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of the first call of a function, of later ones, and by NumPy, where that can be."""

    name: str
    first: float
    call: float
    numpy: float | None

    def __str__(self) -> str:
        beside = "" if self.numpy is None else f"{1e6 * self.numpy:11.1f}"
        return f"{self.name:34} {1e3 * self.first:9.1f} {1e6 * self.call:11.1f} {beside}".rstrip()


def run(given: argparse.Namespace) -> str:
    """A table of times."""
    head = f"{'':34} {'first/ms':>9} {'call/us':>11} {'NumPy/us':>11}"
    if given.function is not None:
        timings = [timed(load(given), given.seconds)]
    else:
        timings = list(_of_examples(given.seconds))
    return "\n".join([head, *map(str, timings)])


def timed(asked: Asked, seconds: float) -> Timing:
    """Time a function, and what it was made of if that runs on arrays as it is."""
    function = asked.function
    start = time.perf_counter()
    asked(function)
    first = time.perf_counter() - start
    call = best(lambda: function(*asked.args, **asked.kwargs), seconds)
    plain = function.__wrapped__
    name = getattr(plain, "__name__", str(plain))
    numpy = None if function.is_derived else _by_numpy(plain, asked, seconds)
    return Timing(name, first, call, numpy)


def _by_numpy(plain: Callable[..., Any], asked: Asked, seconds: float) -> float | None:
    """How long the function takes as it is; None if arrays are not what it is written for."""
    with suppress(Exception):
        return best(lambda: plain(*asked.args, **asked.kwargs), seconds)
    return None


def best(call: Callable[[], Any], seconds: float) -> float:
    """The least seconds of a call, of several rows of calls that take so long together."""
    call()
    start = time.perf_counter()
    call()
    once = max(time.perf_counter() - start, 1e-7)
    number = max(1, int(seconds / REPEATS / once))
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        for _ in range(number):
            call()
        times.append((time.perf_counter() - start) / number)
    return min(times)


def logistic_regression(w: Any, x: Any, y: Any) -> Any:
    z = x @ w
    return np.mean(np.logaddexp(0.0, z) - y * z) + 0.01 * np.sum(w * w)


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def forces(x: Any) -> Any:
    apart = x[:, None, :] - x[None, :, :]
    return np.sum(1.0 / np.sqrt(np.sum(apart * apart, axis=2) + 0.1))


def perceptron(w1: Any, w2: Any, x: Any, y: Any) -> Any:
    hidden = np.tanh(x @ w1)
    return np.mean((hidden @ w2 - y) ** 2)


FUNCTIONS: dict[Callable[..., Any], tuple[tuple[int, ...], ...]] = {
    rosenbrock: ((10,),),
    logistic_regression: ((20,), (10_000, 20), (10_000,)),
    forces: ((300, 3),),
    perceptron: ((64, 64), (64, 1), (512, 64), (512, 1)),
}
"""Functions with the shapes of their arguments."""


def _of_examples(seconds: float) -> Sequence[Timing]:
    rng, timings = np.random.default_rng(0), []
    clear_cache()
    for function, shapes in FUNCTIONS.items():
        arguments = [rng.standard_normal(shape) for shape in shapes]
        timings.append(timed(Asked(jit(function), arguments, {}), seconds))
        timing = timed(Asked(value_and_grad(function), arguments, {}), seconds)
        timings.append(Timing(f"{timing.name}, with gradient", timing.first, timing.call, None))
    return timings
