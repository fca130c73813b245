"""``torch.nn`` beside PyTorch: functions, modules, what they print and give."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import pullback.torch as ours

CASES = Path(__file__).resolve().parent / "torch_cases"
FUNCTIONS = (CASES / "functional.txt").read_text().splitlines()


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    module: ModuleType = pytest.importorskip("torch")
    module.set_num_threads(1)
    return module


class Inputs:
    """Made-up tensors, the same for both: normal, uniform, classes, signs, zeros."""

    def __init__(self, module: Any, expression: str) -> None:
        self.module = module
        self.rng = np.random.default_rng(len(expression))
        self.leaves: list[Any] = []
        self.names = {
            "r": lambda *shape: self.leaf(self.rng.normal(size=shape)),
            "u": lambda *shape: self.leaf(self.rng.uniform(0.1, 0.9, shape)),
            "n": lambda count, *shape: module.tensor(self.rng.integers(0, count, shape)),
            "s": lambda *shape: module.tensor(self.rng.choice([-1.0, 1.0], shape)),
            "z": lambda *shape: module.zeros(*shape, dtype=module.float64),
        }

    def leaf(self, value: Any) -> Any:
        self.leaves.append(self.module.tensor(value, requires_grad=True))
        return self.leaves[-1]


def outcome(module: Any, expression: str) -> tuple[Any, ...]:
    """The value, the backward node's name, and the gradients of a weighted sum."""
    inputs = Inputs(module, expression)
    names = {"torch": module, "F": module.nn.functional, **inputs.names}
    result = eval(expression, names)
    value = result.detach().numpy().copy()
    if result.requires_grad:
        weights = np.cos(np.arange(value.size)).reshape(value.shape)
        (result * module.tensor(weights)).sum().backward()
    gradients = [None if x.grad is None else x.grad.numpy() for x in inputs.leaves]
    return value, type(result.grad_fn).__name__ if result.requires_grad else "", gradients


@pytest.mark.parametrize("expression", FUNCTIONS)
@pytest.mark.filterwarnings("ignore")
def test_function(torch: ModuleType, expression: str) -> None:
    mine, theirs = outcome(ours, expression), outcome(torch, expression)
    assert mine[0].dtype == theirs[0].dtype
    np.testing.assert_allclose(mine[0], theirs[0], rtol=1e-10, atol=1e-12)
    for gradient, their_gradient in zip(mine[2], theirs[2], strict=True):
        assert (gradient is None) == (their_gradient is None)
        if gradient is not None:
            np.testing.assert_allclose(gradient, their_gradient, rtol=1e-9, atol=1e-11)
    assert mine[1] == theirs[1]
