"""``torch.nn`` beside PyTorch: functions, modules, what they print and give."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import pullback.torch as ours

from .recorded import of_torch
from .transcripts import programs, transcript

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
def test_function(expression: str) -> None:
    mine = outcome(ours, expression)
    theirs = of_torch("function", expression, lambda torch: outcome(torch, expression))
    assert mine[0].dtype == theirs[0].dtype
    np.testing.assert_allclose(mine[0], theirs[0], rtol=1e-10, atol=1e-12)
    for gradient, their_gradient in zip(mine[2], theirs[2], strict=True):
        assert (gradient is None) == (their_gradient is None)
        if gradient is not None:
            np.testing.assert_allclose(gradient, their_gradient, rtol=1e-9, atol=1e-11)
    assert mine[1] == theirs[1]


# -- modules ---------------------------------------------------------------------------------

MODULES = [line.split(" | ") for line in (CASES / "modules.txt").read_text().splitlines()]


def numbered_state(module: Any, made: Any) -> dict[str, Any]:
    """Made-up numbers for the parameters and buffers of a module."""
    rng = np.random.default_rng(5)
    state = {}
    for name, value in made.state_dict().items():
        drawn = rng.uniform(0.1, 0.9, tuple(value.shape)) if "num_" not in name else 0
        state[name] = module.tensor(drawn).to(value.dtype)
    return state


def called(module: Any, expression: str, arguments: str) -> tuple[Any, ...]:
    """The text, the first result, the gradients, and the buffers of a module that is called."""
    inputs = Inputs(module, arguments)
    made = eval(expression, {"nn": module.nn, "torch": module}).double()
    assert str(made.load_state_dict(numbered_state(module, made))).startswith("<All keys")
    result = made(*eval(f"({arguments},)", {"F": module.nn.functional, **inputs.names}))
    while isinstance(result, tuple):
        result = result[0]
    value = result.detach().numpy().copy()
    weights = np.cos(np.arange(value.size)).reshape(value.shape)
    if result.requires_grad:
        (result * module.tensor(weights)).sum().backward()
    leaves = {**dict(enumerate(inputs.leaves)), **dict(made.named_parameters())}
    gradients = {k: None if x.grad is None else x.grad.numpy() for k, x in leaves.items()}
    buffers = {k: x.numpy() for k, x in made.named_buffers()}
    return (
        repr(made),
        [(k, tuple(v.shape)) for k, v in made.state_dict().items()],
        value,
        gradients,
        buffers,
    )


@pytest.mark.parametrize(("expression", "arguments"), MODULES, ids=[m[0] for m in MODULES])
@pytest.mark.filterwarnings("ignore")
def test_module(torch: ModuleType, expression: str, arguments: str) -> None:
    mine, theirs = (called(module, expression, arguments) for module in (ours, torch))
    assert mine[:2] == theirs[:2]
    np.testing.assert_allclose(mine[2], theirs[2], rtol=1e-10, atol=1e-12)
    for some, others in zip(mine[3:], theirs[3:], strict=True):
        assert list(some) == list(others)
        for name, value in some.items():
            assert (value is None) == (others[name] is None), name
            if value is not None:
                np.testing.assert_allclose(value, others[name], rtol=1e-9, atol=1e-11)


# -- programs --------------------------------------------------------------------------------

PROGRAMS = programs(CASES / "networks.txt")


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
@pytest.mark.filterwarnings("ignore")
def test_program(torch: ModuleType, number: int) -> None:
    mine, theirs = (transcript(module, PROGRAMS[number]) for module in (ours, torch))
    assert mine == theirs
