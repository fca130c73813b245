"""Autograd beside PyTorch: programs run by both; transforms in any order; what is compiled."""

from __future__ import annotations

import gc
import itertools
import weakref
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import pullback.torch as ours

from .transcripts import programs, transcript, transcript_of_torch

PROGRAMS = programs(Path(__file__).parent / "torch_cases" / "autograd.txt")


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    module: ModuleType = pytest.importorskip("torch")
    module.set_num_threads(1)
    return module


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
@pytest.mark.filterwarnings("ignore")
def test_program(program: str) -> None:
    assert transcript(ours, program) == transcript_of_torch(program)


# -- transforms within transforms ------------------------------------------------------------


def _cube(torch: ModuleType) -> Any:
    class Cube(torch.autograd.Function):  # type: ignore[name-defined, misc]
        generate_vmap_rule = True

        @staticmethod
        def forward(x: Any) -> Any:
            return x**3

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 3 * x**2 * ct

        jvp = backward

    return Cube.apply


BODIES: dict[str, Callable[..., Any]] = {
    "smooth": lambda t, x: x.sin() * x + (x @ x).exp() * 0.1,
    "in place": lambda t, x: _written(t, x),
    # PyTorch's own custom functions lose terms where forward mode is nested.
    "custom": lambda t, x: (_cube(t)(x * 0.5) if t is ours else (x * 0.5) ** 3) * x,
    "outer leaf": lambda t, x: (x * t.linspace(0.5, 1.5, 3, dtype=t.float64)) ** 4,
}


def _written(torch: ModuleType, x: Any) -> Any:
    y = x.clone()
    y[1] = x[0] * x[2]
    y.mul_(x)
    return y.cumsum(0)


TRANSFORMS: dict[str, Callable[[Any, Any], Any]] = {
    "grad": lambda F, f: F.grad(lambda x: f(x).sum()),
    "jvp": lambda F, f: lambda x: F.jvp(f, (x,), (x.cos(),))[1],
    "vmap": lambda F, f: lambda x: F.vmap(f, in_dims=1)(F_stack(x)).sum(0),
    "vjp": lambda F, f: lambda x: F.vjp(f, x)[1](f(x).detach())[0],
    "jacfwd": lambda F, f: lambda x: F.jacfwd(f)(x).flatten()[:9:4],
    "jacrev": lambda F, f: lambda x: F.jacrev(f)(x).flatten()[1:8:3],
}


def F_stack(x: Any) -> Any:
    """Two items, the batch along the second axis."""
    return x.unsqueeze(1) * x[:2]


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("order", list(itertools.permutations(TRANSFORMS, 2)), ids="-".join)
def test_transforms_nest(torch: ModuleType, body: str, order: tuple[str, ...]) -> None:
    results = []
    for module in (ours, torch):
        F, x = module.func, module.tensor([0.3, 0.7, 1.1], dtype=module.float64)

        def function(x: Any, module: Any = module) -> Any:
            return BODIES[body](module, x)

        for name in order:
            function = TRANSFORMS[name](F, function)
        w = x.clone().requires_grad_()
        out = function(w)
        (gradient,) = module.autograd.grad(out.sum(), w)
        results.append((function(x).numpy(), out.detach().numpy(), gradient.numpy()))
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


def test_batches_do_not_decide() -> None:
    with pytest.raises(RuntimeError, match=r"data-dependent control flow.*\n  at test_torch_aut"):
        ours.vmap(lambda x: x if x > 0 else -x)(ours.ones(2))
    with pytest.raises(RuntimeError, match=r"vmap over calling .item\(\)"):
        ours.vmap(lambda x: x.item())(ours.ones(2))
    with pytest.raises(RuntimeError, match="randomness error mode"):
        ours.vmap(lambda x: x + ours.rand(1))(ours.ones(2))


def test_functions_need_a_rule_for_batches() -> None:
    class Plain(ours.autograd.Function):
        @staticmethod
        def forward(*args: Any) -> Any:
            return args[-1] * 2

    class Ruleless(Plain):
        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            pass

    with pytest.raises(RuntimeError, match="must override the setup_context staticmethod"):
        ours.vmap(Plain.apply)(ours.ones(2))
    with pytest.raises(RuntimeError, match="does not have vmap support"):
        ours.vmap(Ruleless.apply)(ours.ones(2))


class Line:
    """As little of a module as functional_call asks for."""

    def __init__(self, slope: float) -> None:
        self.w = ours.tensor([slope, 1.0], requires_grad=True)

    def named_parameters(self) -> list[tuple[str, Any]]:
        return [("w", self.w)]

    def __call__(self, x: Any) -> Any:
        return (self.w * x).sum()


def test_an_ensemble_of_modules() -> None:
    lines = [Line(float(i)) for i in range(3)]
    parameters, buffers = ours.func.stack_module_state(lines)

    def call(p: Any, b: Any, x: Any) -> Any:
        return ours.func.functional_call(lines[0], (p, b), (x,))

    x = ours.tensor([2.0, 5.0])
    assert ours.vmap(call, (0, 0, None))(parameters, buffers, x).tolist() == [5.0, 7.0, 9.0]
    gradients = ours.func.grad(lambda p: call(p, {}, x) ** 2)({"w": lines[1].w})
    assert gradients["w"].tolist() == [28.0, 70.0]
    assert lines[0].w.tolist() == [0.0, 1.0]


# -- what is compiled, and what is kept -------------------------------------------------------


def test_loops_with_python_on_the_way_compile_nothing_new() -> None:
    cube = _cube(ours)
    w = ours.ones(3, requires_grad=True)
    compiled = []
    for i in range(5):
        h = cube(w * 2)
        h.register_hook(lambda g: 2 * g)
        h.grad_fn.register_prehook(lambda gs: None)
        (h * h).sum().backward()
        with ours.no_grad():
            w.sub_(w.grad, alpha=0.001)
        w.grad = None
        ours.func.hessian(lambda a: (a**3).sum())(ours.ones(3) * i).tolist()
        ours.vmap(ours.func.grad(lambda a: cube(a).sum()))(ours.ones(2, 3) * i).tolist()
        compiled.append(ours.counts.compiled)
    assert compiled[1] == compiled[-1]


def test_graphs_with_functions_are_freed() -> None:
    cube = _cube(ours)
    w = ours.ones(3, requires_grad=True)
    y = cube(w * 2)
    gone = [weakref.ref(y.node), weakref.ref(y.grad_fn)]
    y.sum().backward()
    gc.disable()
    try:
        del y
        assert [x() for x in gone] == [None, None]
    finally:
        gc.enable()


def test_anomalies_name_the_line() -> None:
    x = ours.tensor(-1.0, requires_grad=True)
    with ours.autograd.detect_anomaly():
        y = ours.sqrt(x)
        with (
            pytest.warns(UserWarning, match=r"Error detected in SqrtBackward0.*\n.*test_torch_aut"),
            pytest.raises(RuntimeError, match="'SqrtBackward0' returned nan values in its 0th"),
        ):
            y.backward()


def test_a_long_chain_with_many_stations() -> None:
    x = ours.ones(2, requires_grad=True)
    y = x
    for _ in range(60):
        y = y * 1.01
        y.register_hook(lambda g: g * 1.0)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 1.01**60, rtol=1e-5)


def test_checkpoints_draw_the_same_numbers() -> None:
    w = ours.ones(4, requires_grad=True)
    drawn: list[Any] = []

    def part(x: Any) -> Any:
        drawn.append(ours.rand(4))
        return x * drawn[-1] * w

    ours.utils.checkpoint.checkpoint(part, w * 2, use_reentrant=False).sum().backward()
    assert ours.equal(drawn[0], drawn[1])
    np.testing.assert_allclose(w.grad.numpy(), 4 * drawn[0].numpy(), rtol=1e-6)
