"""NumPy's own functions on a million elements: compiled, beside NumPy itself.

`python benchmarks/forward.py [NAME ...]` measures those in whose names a part occurs.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any, NamedTuple

import numpy as np

import pullback as pb

ROUNDS = 15
LIMIT = 1.2
"""Times NumPy's own that a function may take."""


class Timed(NamedTuple):
    """A function, best seconds of NumPy and of ours, and the median ratio of ours to NumPy's."""

    name: str
    numpy: float
    ours: float
    ratio: float


def cases() -> Iterator[tuple[str, Callable[..., Any], tuple[Any, ...]]]:
    """Names, functions, and arguments; arrays are of float64 unless said otherwise."""
    rng = np.random.default_rng(0)
    line, square, cube = (rng.normal(size=s) for s in (1_000_000, (1000, 1000), (100, 100, 100)))
    table, long = rng.normal(size=(10_000, 64)), rng.normal(size=2_000_000)
    places, rows = rng.integers(0, 1_000_000, 1_000_000), rng.integers(0, 10_000, 50_000)
    columns, ints = rng.integers(0, 1000, 1000), rng.integers(0, 1000, 1_000_000)

    yield "sum", np.sum, (line,)
    for axis in (0, 1):
        yield f"sum, 1000 x 1000, axis {axis}", lambda x, axis=axis: np.sum(x, axis), (square,)
    for axes in (0, 1, 2, (0, 2)):
        yield f"sum, 100 x 100 x 100, axis {axes}", lambda x, a=axes: np.sum(x, a), (cube,)
    yield "max", np.max, (line,)
    yield "max, axis 0", lambda x: np.max(x, 0), (square,)
    yield "max, axis 1", lambda x: np.max(x, 1), (square,)
    yield "argmax", np.argmax, (line,)
    yield "argmax, float32", np.argmax, (line.astype(np.float32),)
    yield "argmax, axis 0", lambda x: np.argmax(x, 0), (square,)
    yield "argmax, axis 1", lambda x: np.argmax(x, 1), (square,)
    yield "var, axis 0", lambda x: np.var(x, 0), (square,)
    yield "transpose, 1000 x 1000", lambda x: x.T.copy(), (square,)
    single = square.astype(np.float32)
    yield "transpose, 1000 x 1000, float32", lambda x: x.T.copy(), (single,)
    yield "transpose, axes 2 1 0", lambda x: np.transpose(x, (2, 1, 0)).copy(), (cube,)
    yield "transpose, axes 1 0 2", lambda x: np.transpose(x, (1, 0, 2)).copy(), (cube,)
    yield "every other element", lambda x: x[::2].copy(), (long,)
    yield "every other column", lambda x: x[:, ::2].copy(), (square,)
    yield "reversed", lambda x: x[::-1].copy(), (line,)
    yield "gather, elements", lambda x, i: x[i], (line, places)
    yield "gather, rows of 64", lambda x, i: x[i], (table, rows)
    yield "gather, columns", lambda x, i: x[:, i], (square, columns)
    yield "scatter-add, elements", _scatter_add, (line, places)
    yield "scatter-add, rows of 64", _scatter_add, (table, rows)
    yield "bincount", lambda i: np.bincount(i, minlength=1000), (ints,)
    yield "sort", np.sort, (line,)
    yield "argsort", np.argsort, (line,)
    yield "median", np.median, (line,)
    yield "cumsum", np.cumsum, (line,)
    for axis in (0, 1):
        yield f"cumsum, axis {axis}", lambda x, axis=axis: np.cumsum(x, axis), (square,)
    yield "roll", lambda x: np.roll(x, 7), (line,)
    yield "concatenate", lambda x: np.concatenate([x, x]), (line,)
    yield "where", lambda x: np.where(x > 0, x, 0.0), (line,)
    yield "x + x[0]", lambda x: x + x[0], (square,)


def _scatter_add(x: Any, places: Any) -> Any:
    result = np.zeros_like(x)
    np.add.at(result, places, x[: places.shape[0]] if x.ndim == 1 else x[0])
    return result


def forward(parts: Sequence[str] = ()) -> list[Timed]:
    """Both in turn, in this process."""
    return [
        _timed(name, function, arguments)
        for name, function, arguments in cases()
        if not parts or any(part.lower() in name.lower() for part in parts)
    ]


def _timed(name: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Timed:
    compiled = _compiled(name, function)
    np.testing.assert_allclose(compiled(*arguments), function(*arguments), rtol=1e-9, err_msg=name)
    theirs, ours = [], []
    for _ in range(ROUNDS):
        theirs.append(_seconds(function, arguments))
        ours.append(_seconds(compiled, arguments))
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Timed(name, min(theirs), min(ours), median(ratios))


def _compiled(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    if name == "bincount":
        return pb.jit(lambda i: pb.numpy.bincount(i, length=1000))
    return pb.jit(function)


def _seconds(function: Callable[..., Any], arguments: tuple[Any, ...]) -> float:
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def section(timed: Sequence[Timed]) -> str:
    """The table, in Markdown."""
    from report import columns, seconds

    cells = [
        (x.name, seconds(x.numpy), seconds(x.ours), f"{x.ratio:.2f}" + "*" * (x.ratio > LIMIT))
        for x in timed
    ]
    return columns(("function", "NumPy", "pullback", "our time over NumPy's"), cells)


if __name__ == "__main__":
    print(section(forward(sys.argv[1:])))
