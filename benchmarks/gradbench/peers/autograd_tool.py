"""HIPS autograd as a tool of GradBench."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import autograd
import autograd.numpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import eager
from protocol import serve


def value(x: Any) -> Any:
    """NumPy's array inside of boxes."""
    while hasattr(x, "_value"):
        x = x._value
    return np.asarray(x)


def gradient(f: Callable[..., Any], argnums: tuple[int, ...] = (0,)) -> Callable[..., Any]:
    return autograd.grad(f, argnums[0] if len(argnums) == 1 else argnums)


def push(f: Callable[..., Any], x: Any) -> Callable[..., Any]:
    forward = autograd.make_jvp(f)(x)
    return lambda direction: forward(direction)[1]


def direction(cost: Callable[..., Any]) -> Callable[..., Any]:
    slope = autograd.grad(cost)
    diagonal = autograd.elementwise_grad(slope)
    return lambda x, *rest: slope(x, *rest) / diagonal(x, *rest)


if __name__ == "__main__":
    eager.use(autograd.numpy, np.asarray, value, lambda x: np.max(value(x), axis=-1, keepdims=True))
    serve("autograd", eager.problems(lambda f: f, gradient, push, direction))
