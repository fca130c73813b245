"""What compiling makes of long programs, and what it tells about its time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import pullback as pb
from pullback.codegen import emit
from pullback.codegen.emit import LARGEST_FUNCTION, LONGEST_CALLS

STEPS = 600
STAGES = ["trace", "lower", "fuse", "bufferize", "emit", "parse", "compile", "entry", "link"]
RNG = np.random.default_rng(3)


def chain(x: Any) -> Any:
    """A long way of equal steps."""
    for _ in range(STEPS):
        x = np.sin(x) * 0.9 + 0.3
    return x


def braid(x: Any) -> Any:
    """A long way of two kinds of steps in no order, which is no repetition."""
    for kind in np.random.default_rng(1).integers(2, size=STEPS):
        x = np.sin(x) * 0.9 + 0.3 if kind else np.cos(x) * 0.5 + 0.2
    return x


def chain_slope(x: Any) -> Any:
    slope = np.ones_like(x)
    for _ in range(STEPS):
        slope = slope * np.cos(x) * 0.9
        x = np.sin(x) * 0.9 + 0.3
    return slope


def tangle(x: Any) -> Any:
    """A long way on which each value depends on some of the last fifty."""
    rng = np.random.default_rng(0)
    values = [x, 0.5 * x]
    for way in rng.integers(3, size=2 * STEPS):
        a, b = (values[-1 - n] for n in rng.integers(min(50, len(values)), size=2))
        values.append([a - 0.5 * b, np.tanh(a * b), np.sin(a) + 0.1 * b][way])
    return sum(values[-50:])


def tangle_slope(x: Any) -> Any:
    """By a complex step, which takes nothing away."""
    return tangle(x + 1e-200j).imag / 1e-200


@pytest.mark.filterwarnings("ignore::pullback.LongTraceWarning")
@pytest.mark.parametrize(("program", "slope"), [(chain, chain_slope), (tangle, tangle_slope)])
@pytest.mark.parametrize(
    "x", [0.4, RNG.uniform(0.1, 0.9, 3), RNG.uniform(0.1, 0.9, 40)], ids=np.size
)
def test_long_programs(program: Callable[..., Any], slope: Callable[..., Any], x: Any):
    gradient = pb.value_and_grad(lambda x: np.sum(program(x)))
    value, found = gradient(x)
    assert_allclose(value, np.sum(program(x)), rtol=1e-10)
    assert_allclose(found, slope(x), rtol=1e-8, atol=1e-12)
    functions = gradient.llvm(x).split("\ndefine ")
    assert max(f.count("\n") for f in functions) < 3 * max(LARGEST_FUNCTION, LONGEST_CALLS)


def test_equal_kernels_are_one_function():
    x = RNG.uniform(0.1, 0.9, 40)
    function = pb.jit(braid)
    assert_allclose(function(x), braid(x), rtol=1e-12)
    kernels = str(function.plan(x)).count("\nkernel ")
    assert kernels > 20
    assert function.llvm(x).count(" @kernel") - function.llvm(x).count("call i64 @kernel") < 10


def test_functions_of_kernels_have_names_of_their_own(monkeypatch: pytest.MonkeyPatch):
    """Where memory is filled at the beginning of a function that several kernels share."""
    monkeypatch.setattr(emit, "LARGEST_FUNCTION", 1)
    pb.clear_cache()
    x = RNG.uniform(0.1, 0.9, (40, 3000))
    sums = lambda x: [np.sum(np.cumsum(x, 1), 0), np.sum(np.sin(x), 0)]  # noqa: E731
    function = pb.jit(sums)
    assert "fill" in str(function.plan(x))
    assert_allclose(function(x), sums(x), rtol=1e-12)
    pb.clear_cache()


def test_profile_compile():
    gradient = pb.grad(lambda x: np.sum(np.sin(x) * 1.25))
    seconds = pb.debug.profile_compile(gradient, pb.ShapeDtype((3,), float))
    assert list(seconds) == STAGES
    assert all(x >= 0 for x in seconds.values())
    with pytest.raises(TypeError, match=r"function that pullback has made(.|\n)*test_compiling.py"):
        pb.debug.profile_compile(np.sin, 1.0)
