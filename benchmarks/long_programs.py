"""How compile time grows with the length: `python benchmarks/long_programs.py [LENGTH ...]`.

Operations in a row and operations on any values before, their value and their gradient, by the
number of operations: seconds of CPU time of the first call, microseconds of a later one, and the
stages of the first in seconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import pullback as pb

LENGTHS = (2500, 5000, 10_000, 20_000, 40_000)
SIZES = (1, 10, 1000)


def row(x: Any, length: int) -> Any:
    """Each value from the one before."""
    for _ in range(length // 3):
        x = np.sin(x) * 0.9 + 0.1
    return np.sum(x)


def tangle(x: Any, length: int) -> Any:
    """Each value from two of the last fifty."""
    rng = np.random.default_rng(0)
    values = [x, 0.5 * x]
    for way in rng.integers(4, size=length):
        a, b = (values[-1 - n] for n in rng.integers(min(50, len(values)), size=2))
        if way < 2:
            values.append(a - b if way else a * b)
        else:
            values.append(np.sin(a) if way == 2 else np.tanh(a))
    return np.sum(sum(values[-50:]))


def report(program: Callable[[Any, int], Any], length: int, size: int, gradient: bool) -> None:
    """Print one line."""
    x = np.full(size, 0.3) if size > 1 else 0.3
    function = (pb.grad if gradient else pb.jit)(lambda x: program(x, length))
    start = time.process_time()
    function(x)
    first = time.process_time() - start
    start = time.perf_counter()
    function(x)
    later = time.perf_counter() - start
    stages = ", ".join(f"{k} {v:.2f}" for k, v in pb.debug.profile_compile(function, x).items())
    what = f"{program.__name__}{' gradient' if gradient else ''}"
    print(f"{what:16}{size:6}{length:8}{first:8.2f} s{1e6 * later:10.0f} us   {stages}", flush=True)


def main() -> None:
    """Print the table."""
    pb.grad(np.sin)(0.3)
    lengths = [int(x) for x in sys.argv[1:]] or LENGTHS
    for program in (row, tangle):
        for gradient in (False, True):
            for size in SIZES:
                for length in lengths:
                    report(program, length, size, gradient)


if __name__ == "__main__":
    main()
