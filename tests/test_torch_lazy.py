"""Lazy execution of tensors: what is found again, what is computed along, what is freed."""

from __future__ import annotations

import sys
import weakref
from typing import Any

import numpy as np
import pytest

import pullback.torch as torch
from pullback.torch import recompiling


def train(count: int, between: Any = None) -> tuple[list[float], int]:
    """Losses of some steps, with something done between forward and backward pass."""
    torch.manual_seed(0)
    w = torch.randn(4, 3, requires_grad=True)
    b = torch.zeros(3, requires_grad=True)
    x, y = torch.ones(2, 4), torch.zeros(2, 3)
    speed = torch.zeros(4, 3)
    losses, compiled = [], 0
    for turn in range(count):
        if turn == 3:
            compiled = torch.counts.compiled
        hidden = torch.tanh(x @ w + b)
        loss = ((hidden - y) ** 2).mean()
        if between is not None:
            between(w, hidden, loss)
        loss.backward()
        slope: Any = b.grad
        with torch.no_grad():
            speed = 0.9 * speed + w.grad
            w -= 0.1 * speed
            b -= 0.1 * slope
        w.grad = b.grad = None
        losses.append(loss.item())
    return losses, torch.counts.compiled - compiled


def look(w: Any, hidden: Any, loss: Any) -> None:
    loss.item()


def hook(w: Any, hidden: Any, loss: Any) -> None:
    hidden.register_hook(lambda g: g * 1.0)


def keep(w: Any, hidden: Any, loss: Any) -> None:
    hidden.retain_grad()


def walk(w: Any, hidden: Any, loss: Any) -> None:
    assert loss.grad_fn.next_functions[0][0].name() == "PowBackward0"


@pytest.mark.parametrize("between", [None, look, hook, keep, walk])
def test_training_is_the_same_whatever_is_looked_at(between: Any) -> None:
    losses, compiled = train(8, between)
    np.testing.assert_allclose(losses, train(8)[0], rtol=1e-5)
    assert losses[-1] < losses[0]
    assert compiled == 0


def test_a_step_is_one_call() -> None:
    train(4)
    before = torch.counts.called
    train(10)
    assert torch.counts.called - before <= 10


def test_updates_are_computed_together() -> None:
    a, b = torch.ones(3), torch.ones(3)
    for turn in range(3):
        called = torch.counts.called
        a, b = a * 2, b * 3
        assert a.tolist() == [2.0 ** (turn + 1)] * 3
        assert b.tolist() == [3.0 ** (turn + 1)] * 3
        assert torch.counts.called == called + 1


def test_branches_of_one_record() -> None:
    for _ in range(3):
        w = torch.tensor([1.0, 2.0], requires_grad=True)
        hidden = torch.exp(w)
        one, two = hidden.sum(), (hidden * 2).sum()
        one.backward()
        with pytest.raises(RuntimeError, match="second time"):
            two.backward()


def test_writes_between_are_noticed() -> None:
    for _ in range(3):
        w = torch.tensor([1.0, 2.0], requires_grad=True)
        loss = (w * w).sum()
        with torch.no_grad():
            w += 1
        with pytest.raises(RuntimeError, match="modified by an inplace"):
            loss.backward()


def test_records_that_are_dropped_are_freed() -> None:
    w = torch.ones(3, requires_grad=True)
    y = torch.sin(w * 2).sum()
    node, operand = weakref.ref(y.node), weakref.ref(y.node.operands[0])
    del y
    assert node() is None
    assert operand() is None
    loss = torch.sin(w * 2).sum()
    kept = weakref.ref(loss.node.operands[0])
    loss.backward()
    assert kept() is None


def test_lines_that_keep_compiling_say_why() -> None:
    def sines(count: int) -> None:
        for extent in range(1, count):
            torch.atan(torch.sin(torch.ones(extent))).tolist()

    sines(16)
    with pytest.warns(torch.RecompilationWarning, match=r"is f32\[16\], and was f32\[15\]"):
        sines(17)


def power(w: Any, factors: int) -> float:
    """The gradient of a power of a tensor, which is multiplied step by step."""
    torch.optim.SGD([w]).zero_grad()
    y = w
    for _ in range(factors):
        y = y * w
    y.backward()
    gradient: float = w.grad.item()
    return gradient


USUAL = recompiling.AT_ONCE
"""What lines compile at once where tests do not have it otherwise."""


def test_what_is_long_and_another_each_time_is_done_step_by_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recompiling, "AT_ONCE", USUAL)
    w = torch.tensor(0.99, dtype=torch.float64, requires_grad=True)
    before = torch.counts.compiled
    with pytest.warns(torch.RecompilationWarning, match="another structure each time"):
        gradients = [power(w, n) for n in range(200, 218)]
    expected = [(n + 1) * 0.99**n for n in range(200, 218)]
    assert gradients == pytest.approx(expected, rel=1e-12)
    assert torch.counts.compiled == before + 2
    again = [power(w, 217) for _ in range(recompiling.PATIENCE + 2)]
    assert again == pytest.approx([expected[-1]] * len(again), rel=1e-12)
    assert torch.counts.compiled == before + 3


STEPWISE = """
nn.Sequential(nn.Conv2d(2,3,3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2)) | r(2,2,6,6)
nn.LSTM(3,4,batch_first=True,bidirectional=True) | r(2,3,3)
nn.TransformerEncoderLayer(4,2,8,0.0,batch_first=True) | r(2,3,4)
nn.Sequential(nn.Embedding(5,3), nn.LayerNorm(3), nn.Flatten(), nn.LogSoftmax(1)) | n(5,2,2)
nn.CrossEntropyLoss() | r(3,4), n(4,3)
"""


@pytest.mark.parametrize("case", STEPWISE.strip().splitlines())
def test_steps_one_by_one_give_what_compiled_code_gives(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    for stepwise in (True, False):
        at_once = 0 if stepwise else sys.maxsize
        monkeypatch.setattr(recompiling, "AT_ONCE", {True: at_once, False: at_once})
        torch.manual_seed(0)
        drawn = {
            "nn": torch.nn,
            "r": lambda *shape: torch.randn(*shape, requires_grad=True),
            "n": lambda below, *shape: torch.randint(0, below, shape),
        }
        module, inputs = (eval(f"{part.strip()},", drawn) for part in case.split("|"))
        result = module[0](*inputs)
        result = result[0] if isinstance(result, tuple) else result
        before = torch.counts.called
        result.square().sum().backward()
        assert (torch.counts.called == before) == stepwise
        leaves = [*module[0].parameters(), *(x for x in inputs if x.requires_grad)]
        results.append([result, *(x.grad for x in leaves)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a.detach(), b.detach(), rtol=1e-5, atol=1e-5)


def test_a_value_counted_twice_is_not_taken_for_two() -> None:
    for other in (False, True):
        x = torch.tensor([2.0, 3.0], requires_grad=True)
        y = torch.tensor([5.0, 7.0], requires_grad=True) if other else x
        first = x * 1.5
        y.requires_grad_()
        (first * y).sum().backward()
        expected = [7.5, 10.5] if other else [6.0, 9.0]
        assert x.grad.tolist() == expected


def test_what_is_typed_in_is_compiled_however_much_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recompiling, "AT_ONCE", USUAL)
    before = torch.counts.compiled
    for extent in range(30, 60):
        exec(compile(f"torch.cos(torch.ones({extent})).tolist()", "<stdin>", "single"))
    assert torch.counts.compiled == before + 30


def test_programs_tell_what_was_run() -> None:
    with torch.programs() as programs:
        losses, _ = train(6)
    assert losses[-1] < losses[0]
    assert sum(program.calls for program in programs) <= 7
    last = programs[-1]
    assert "test_torch_lazy.py" in str(last.where)
    results = last.function(*last.arguments)
    for a, b in zip(results, last.graph.evaluate(*last.arguments), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    lines = [line.text for line in last.explain().lines]
    assert any("torch.tanh(x @ w + b)" in line for line in lines)
    before = len(programs)
    (torch.ones(3) * 7).tolist()
    assert len(programs) == before
