"""The tensor face: the tutorial's numbers, PyTorch beside it, what is compiled and when."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import pullback.torch as ours
from pullback.torch import engine

from .recorded import of_torch
from .transcripts import programs, transcript, transcript_of_torch

F = ours.nn.functional
ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT / "tests" / "torch_cases"
EXPRESSIONS = (CASES / "expressions.txt").read_text().splitlines()
PROGRAMS = programs(CASES / "programs.txt")

# -- the tutorial ----------------------------------------------------------------------------


def tutorial_layer() -> tuple[Any, Any, Any]:
    x, y = ours.ones(5), ours.zeros(3)
    w = ours.randn(5, 3, requires_grad=True)
    b = ours.randn(3, requires_grad=True)
    z = ours.matmul(x, w) + b
    return w, b, F.binary_cross_entropy_with_logits(z, y)


def test_tutorial_gradients() -> None:
    w, b, loss = tutorial_layer()
    loss.backward()
    z = w.detach().numpy().sum(0) + b.detach().numpy()
    expected = 1.0 / (1.0 + np.exp(-z)) / 3.0
    np.testing.assert_allclose(b.grad.numpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(w.grad.numpy(), np.tile(expected, (5, 1)), rtol=1e-5)
    np.testing.assert_allclose(loss.item(), np.mean(np.log1p(np.exp(z))), rtol=1e-5)
    assert str(loss.grad_fn).startswith("<BinaryCrossEntropyWithLogitsBackward0 object at 0x")


def test_tutorial_adds_up_gradients() -> None:
    inp = ours.eye(4, 5, requires_grad=True)
    out = (inp + 1).pow(2).t()
    once = 2.0 * (np.eye(4, 5) + 1.0)
    out.backward(ours.ones_like(out), retain_graph=True)
    np.testing.assert_array_equal(inp.grad.numpy(), once)
    out.backward(ours.ones_like(out), retain_graph=True)
    np.testing.assert_array_equal(inp.grad.numpy(), 2 * once)
    inp.grad.zero_()
    out.backward(ours.ones_like(out), retain_graph=True)
    np.testing.assert_array_equal(inp.grad.numpy(), once)


def test_tutorial_program() -> None:
    program = ROOT / "examples" / "autograd_tutorial.py"
    run = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
    lines = run.stdout.splitlines()
    assert lines[0].startswith("Gradient function for z = <AddBackward0 object at 0x")
    assert [line for line in lines if line in ("True", "False")] == ["True", "False", "False"]
    assert lines.count("tensor([[4., 2., 2., 2., 2.],") == 2
    assert lines.count("tensor([[8., 4., 4., 4., 4.],") == 1


def test_nothing_heavy_is_imported() -> None:
    program = (
        "import sys, pullback.torch as torch; w = torch.ones(3, requires_grad=True)\n"
        "(w * w).sum().backward(); print(w.grad)\n"
        "print([m for m in ('scipy', 'sympy', 'torch') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines()[-1] == "[]"


# -- beside PyTorch --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    module: ModuleType = pytest.importorskip("torch")
    module.set_num_threads(1)
    return module


def outcome(module: Any, expression: str) -> tuple[Any, ...]:
    """The value's text, the value, and the gradients of a weighted sum of it."""
    rng = np.random.default_rng(0)
    m, x = (
        module.tensor(rng.uniform(0.1, 0.9, shape).astype(np.float32), requires_grad=True)
        for shape in ((3, 3), (3,))
    )
    names = {"torch": module, "m": m, "x": x, "v": module.ones(3), "F": module.nn.functional}
    result = eval(expression, names)
    if not isinstance(result, module.Tensor):
        result = result[0]
    text, value = repr(result), result.detach().numpy().copy()
    if result.requires_grad:
        weights = np.cos(np.arange(value.size)).reshape(value.shape).astype(value.dtype)
        (result * module.tensor(weights)).sum().backward()
    gradients = [None if leaf.grad is None else leaf.grad.numpy() for leaf in (m, x)]
    return text, value, gradients


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expression(expression: str) -> None:
    text, value, gradients = outcome(ours, expression)
    their_text, their_value, theirs = of_torch(
        "expression", expression, lambda torch: outcome(torch, expression)
    )
    assert value.dtype == their_value.dtype
    np.testing.assert_allclose(value, their_value, rtol=1e-5, atol=1e-6)
    for gradient, their_gradient in zip(gradients, theirs, strict=True):
        assert (gradient is None) == (their_gradient is None)
        if gradient is not None:
            np.testing.assert_allclose(gradient, their_gradient, rtol=1e-4, atol=1e-5)
    assert text == their_text


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
@pytest.mark.filterwarnings("ignore")
def test_program(program: str) -> None:
    assert transcript(ours, program) == transcript_of_torch(program)


def test_printing(torch: ModuleType) -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        shape = tuple(rng.integers(0, 5, rng.integers(0, 4)))
        values = rng.normal(size=shape) * 10.0 ** rng.integers(-6, 9)
        if rng.random() < 0.3:
            values = np.round(values)
        if rng.random() < 0.2:
            values = np.where(rng.random(shape) < 0.3, rng.choice([np.nan, np.inf, 0.0]), values)
        dtype = rng.choice(["f4", "f8", "i4", "i8", "?"])
        with np.errstate(invalid="ignore"):
            array = np.asarray(values).astype(dtype)
        assert repr(ours.tensor(array)) == repr(torch.tensor(array))


@pytest.mark.parametrize("shape", [(2000,), (40, 40), (1, 1200), (12, 12, 12), (7, 300)])
def test_printing_of_long_tensors(torch: ModuleType, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    assert repr(ours.tensor(array)) == repr(torch.tensor(array))
    assert repr(ours.tensor(array) > 0) == repr(torch.tensor(array) > 0)


def test_printing_golden() -> None:
    x = ours.tensor([[1.0, 2.5], [-3.0, 1e-3]], requires_grad=True)
    assert repr(x) == (
        "tensor([[ 1.0000e+00,  2.5000e+00],\n        [-3.0000e+00,  1.0000e-03]], "
        "requires_grad=True)"
    )
    assert repr(x.sum()) == "tensor(0.5010, grad_fn=<SumBackward0>)"
    assert repr(ours.zeros(2, 0)) == "tensor([], size=(2, 0))"
    assert repr(ours.ones(2, dtype=ours.float64)) == "tensor([1., 1.], dtype=torch.float64)"


# -- what is compiled, and when --------------------------------------------------------------


def steps(count: int, w: Any, b: Any) -> int:
    """Functions compiled by a training loop."""
    x, y = ours.ones(5), ours.zeros(3)
    before = ours.counts.compiled
    for _ in range(count):
        loss = F.binary_cross_entropy_with_logits(ours.matmul(x, w) + b, y)
        loss.backward()
        with ours.no_grad():
            for p in (w, b):
                if p.grad is not None:
                    p -= 0.1 * p.grad
                    p.grad.zero_()
    return ours.counts.compiled - before


def test_a_training_loop_compiles_at_most_twice() -> None:
    w = ours.full((5, 3), 0.25, requires_grad=True)
    assert steps(30, w, ours.zeros(3, requires_grad=True)) <= 2
    assert steps(30, ours.full((5, 3), 0.5, requires_grad=True), w.detach()[0].clone()) <= 2


def test_rates_that_change_compile_nothing_new() -> None:
    w = ours.ones(4, requires_grad=True)

    def step(rate: float) -> None:
        (w * w).sum().backward()
        with ours.no_grad():
            w.sub_(rate * w.grad)
        w.grad = None

    for i in range(3):
        step(0.1 / (i + 1))
    before = ours.counts.compiled
    for i in range(10):
        step(0.01 * i)
    assert ours.counts.compiled == before


def test_batches_of_data_compile_nothing_new() -> None:
    data = ours.arange(40.0).view(20, 2)
    w = ours.ones(2, requires_grad=True)
    compiled = []
    for i in range(5):
        (data[4 * i : 4 * i + 4] @ w).sum().backward()
        w.grad = None
        compiled.append(ours.counts.compiled)
    assert compiled[0] == compiled[-1]


def test_frozen_parameters_cost_nothing() -> None:
    engine._backward.clear()
    frozen, w = ours.ones(7, 6), ours.ones(6, 5, requires_grad=True)
    ours.tanh(ours.ones(3, 7) @ frozen @ w).sum().backward()
    assert frozen.grad is None
    assert w.grad is not None
    (functions,) = engine._backward.values()
    (function,) = functions.values()
    assert not [x for x in function.program.graph.nodes if x.type.shape == (7, 6)]
    # The loss, which has a tensor, and one gradient.
    assert [x.type.shape for x in function.program.graph.outputs] == [(), (6, 5)]


def test_a_long_sum_without_derivatives_is_computed_on_the_way() -> None:
    total = ours.zeros(2)
    for _ in range(350):
        total = total + 1.0
    assert total.tolist() == [350.0, 350.0]


def test_a_chain_of_many_operations() -> None:
    x = ours.ones(2, requires_grad=True)
    y = x
    for _ in range(300):
        y = y * 1.01
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 1.01**300, rtol=1e-4)


def test_the_graph_knows_the_lines_that_recorded_it() -> None:
    engine._backward.clear()
    w = ours.ones(11, requires_grad=True)
    ours.exp(w).sum().backward()
    (functions,) = engine._backward.values()
    (function,) = functions.values()
    places = {str(x.where) for x in function.program.graph.nodes if x.where is not None}
    assert any("test_torch.py" in place for place in places)


# -- modes, threads, memory ------------------------------------------------------------------


def test_no_grad_is_a_setting_of_the_thread() -> None:
    w = ours.ones(2, requires_grad=True)
    seen: list[bool] = []
    with ours.no_grad():
        thread = threading.Thread(target=lambda: seen.append((w * 2).requires_grad))
        thread.start()
        thread.join()
        seen.append((w * 2).requires_grad)
    assert seen == [True, False]


def test_values_are_those_of_the_time_of_recording() -> None:
    array = np.ones(3, np.float32)
    x = ours.from_numpy(array)
    y = x * 2
    array[0] = 9
    assert y.tolist() == [2.0, 2.0, 2.0]
    assert (x * 2).tolist() == [18.0, 2.0, 2.0]


def test_second_backward() -> None:
    w = ours.ones(2, requires_grad=True)
    loss = (w * w).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        loss.backward()


def test_errors_name_the_line() -> None:
    with pytest.raises(RuntimeError, match=r"must match the size of tensor b .*\n  at test_torch"):
        ours.ones(3) + ours.ones(2)


def test_overwritten_values_are_noticed() -> None:
    w = ours.ones(2, requires_grad=True)
    loss = (w * w).sum()
    with ours.no_grad():
        w.add_(1)
    with pytest.raises(RuntimeError, match=r"\[torch.FloatTensor \[2\]\] is at version 1"):
        loss.backward()


def test_random_numbers_can_be_repeated() -> None:
    ours.manual_seed(3)
    first = ours.randn(4)
    ours.manual_seed(3)
    assert ours.equal(first, ours.randn(4))
