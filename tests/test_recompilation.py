"""What is told of compilations: why, when, to the logger, and too many of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.runtime.recompilation import recompilation_limit

factor = 2.0


def scaled(x: Any) -> Any:
    return factor * x


CALLS: dict[str, tuple[Any, list[tuple[tuple[Any, ...], dict[str, Any]]], str]] = {
    "shape": (
        pb.jit(lambda x, y: x + y),
        [((np.ones(3), 1.0), {}), ((np.ones(4), 1.0), {})],
        "x is f64[4] after f64[3]",
    ),
    "dtype": (
        pb.grad(lambda p: np.sum(p["w"])),
        [(({"w": np.ones(3)},), {}), (({"w": np.ones(3, np.float32)},), {})],
        'p["w"] is f32[3] after f64[3]',
    ),
    "a number": (
        pb.jit(lambda x: x),
        [((np.ones(()),), {}), ((1.0,), {})],
        "x is a float after f64[]",
    ),
    "static": (
        pb.jit(lambda x, n: x**n, static_argnums=1),
        [((2.0, 3), {}), ((2.0, 4), {})],
        "n is 4 after 3",
    ),
    "static by name": (
        pb.jit(lambda x, *, n: x**n, static_argnames="n"),
        [((2.0,), {"n": 3}), ((2.0,), {"n": 4})],
        "n is 4 after 3",
    ),
    "structure": (
        pb.jit(lambda xs: sum(xs)),
        [(((1.0, 2.0),), {}), (((1.0, 2.0, 3.0),), {})],
        "xs is a tuple of 3 after a tuple of 2",
    ),
    "inner structure": (
        pb.jit(lambda n, p: p["a"][0], static_argnums=0),
        [((1, {"a": [1.0], "b": 2.0}), {}), ((1, {"a": (1.0,), "b": 2.0}), {})],
        'p["a"] is a tuple of 1 after a list of 1',
    ),
    "keys": (
        pb.jit(lambda p: p["a"]),
        [(({"a": 1.0},), {}), (({"a": 1.0, "b": 3.0},), {})],
        'p is a dict of "a", "b" after a dict of "a"',
    ),
    "None": (
        pb.jit(lambda x, y: x if y is None else y),
        [((1.0, None), {}), ((1.0, 2.0), {})],
        "y is an array after None",
    ),
    "by name": (
        pb.jit(lambda x, y: x + y),
        [((1.0, 2.0), {}), ((1.0,), {"y": 2.0})],
        "y is given by name after given by position",
    ),
    "a default": (
        pb.jit(lambda x, y=1.0: x + y),
        [((1.0,), {}), ((1.0, 2.0), {})],
        "y is given by position after not given",
    ),
    "numbers": (
        pb.jit(lambda x, y: x + y),
        [((1.0, 2), {}), ((1.0, 2.0), {})],
        "y is a float after an int",
    ),
    "the nearest": (
        pb.jit(lambda x, y: (x, y)),
        [
            ((np.ones(3), np.ones(3)), {}),
            ((np.ones(4), np.ones(4)), {}),
            ((np.ones(3), np.ones(4)), {}),
        ],
        "x is f64[3] after f64[4]",
    ),
    "out": (
        pb.jit(lambda x: x * 2.0),
        [((np.ones(3),), {}), ((np.ones(3),), {"out": np.empty(3)})],
        "out is given after not given",
    ),
    "path": (
        pb.jit(lambda x: x if x > 0.0 else -x),
        [((1.0,), {}), ((-1.0,), {})],
        r"another answer at test_recompilation.py:\d+ (<lambda>)",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_why(name: str) -> None:
    function, calls, why = CALLS[name]
    before = time.time()
    for args, kwargs in calls:
        function(*args, **kwargs)
    assert len(function.compilations) == len(calls)
    first, last = function.compilations[0], function.compilations[-1]
    assert first.difference is None
    assert before <= first.when <= last.when <= time.time()
    text = str(last.difference)
    assert text.startswith(why.split("\\d")[0])
    assert function.signatures[0].endswith(": the first call")
    assert function.signatures[-1].endswith(f": {text}")


def test_a_name_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    function = pb.jit(scaled)
    assert function(2.0) == 4.0
    monkeypatch.setitem(globals(), "factor", 3.0)
    assert function(2.0) == 6.0
    assert str(function.compilations[-1].difference) == "'factor' means something else"


def test_what_is_around() -> None:
    """Names of closures, what containers hold, and attributes."""
    numbers, own = [2.0], SimpleNamespace(power=2.0)
    rate = 1.0

    def grown(x: Any) -> Any:
        return x**own.power * numbers[0] + rate

    function = pb.jit(grown)
    function(3.0)
    numbers[0] = 3.0
    function(3.0)
    own.power = 3.0
    function(3.0)
    rate = 2.0
    assert function(3.0) == 83.0
    told = [str(x.difference) for x in function.compilations[1:]]
    assert told == [
        "'numbers' holds something else",
        "'power' means something else",
        "'rate' means something else",
    ]


def test_log(caplog: pytest.LogCaptureFixture) -> None:
    def cubed(x: Any) -> Any:
        return x**3

    function = pb.jit(cubed)
    with caplog.at_level(logging.INFO, "pullback"):
        for n in (2, 3, 3):
            function(np.ones(n))
    first, second = (record.getMessage() for record in caplog.records)
    assert "cubed(f64[2]) compiled in " in first
    assert first.endswith(" ms: the first call")
    assert second.endswith(" ms: x is f64[3] after f64[2]")


@pytest.fixture
def few() -> Iterator[None]:
    before = recompilation_limit()
    pb.set_recompilation_limit(4)
    yield
    pb.set_recompilation_limit(before)


@pytest.mark.usefixtures("few")
def test_warning() -> None:
    def squares(x: Any, n: int) -> Any:
        return np.sum(x**n)

    function = pb.jit(squares, static_argnums=1)
    function(np.ones(1), 2)
    function(np.ones(1), 3)
    function(np.ones(2), 3)
    message = (
        r"^squares has been compiled 4 times, 2 of them because of one thing: "
        r"x is f64\[3\] after f64\[2\]\n  pad it .*\n  at test_recompilation\.py"
    )
    with pytest.warns(pb.RecompilationWarning, match=message) as told:
        function(np.ones(3), 3)
    assert told[0].filename == __file__
    function(np.ones(4), 3)


def test_limits_that_are_none() -> None:
    with pytest.raises(ValueError, match="no recompilation"):
        pb.set_recompilation_limit(1)
