"""``torch.optim`` and ``torch.utils.data`` beside PyTorch: the same numbers, step by step."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import pullback.torch as ours

OPTIMIZERS = [
    "SGD(g, lr=0.1)",
    "SGD(g, lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.01)",
    "SGD(g, lr=0.1, momentum=0.9, nesterov=True)",
    "SGD(g, lr=0.1, momentum=0.9, maximize=True)",
    "Adam(g, lr=0.1)",
    "Adam(g, lr=0.1, betas=(0.8, 0.9), weight_decay=0.01, amsgrad=True)",
    "AdamW(g, lr=0.1, maximize=True)",
    "RMSprop(g, lr=0.1)",
    "RMSprop(g, lr=0.1, momentum=0.5, centered=True, weight_decay=0.1)",
    "Adagrad(g, lr=0.1, lr_decay=0.1, initial_accumulator_value=0.2)",
    "Adadelta(g, lr=0.5, weight_decay=0.1)",
    "Adamax(g, lr=0.1, weight_decay=0.1)",
    "NAdam(g, lr=0.1, weight_decay=0.1)",
    "NAdam(g, lr=0.1, weight_decay=0.1, decoupled_weight_decay=True)",
    "RAdam(g, lr=0.1, betas=(0.9, 0.99), weight_decay=0.1)",
    "RAdam(g, lr=0.1, betas=(0.5, 0.7), weight_decay=0.1, decoupled_weight_decay=True)",
    "ASGD(g, lr=0.1, t0=2, lambd=0.1, weight_decay=0.1)",
    "Rprop(g, lr=0.1)",
    "LBFGS(p, lr=0.5, max_iter=5)",
    "LBFGS(p, line_search_fn='strong_wolfe', max_iter=4, history_size=3)",
]
SCHEDULES = [
    "StepLR(o, 2, 0.5)",
    "MultiStepLR(o, [1, 4], 0.5)",
    "ExponentialLR(o, 0.9)",
    "LambdaLR(o, lambda e: 1 / (e + 1))",
    "MultiplicativeLR(o, lambda e: 0.5 + e / 10)",
    "ConstantLR(o, 0.5, 3)",
    "LinearLR(o, 0.25, 0.75, 4)",
    "PolynomialLR(o, 5, 2.0)",
    "CosineAnnealingLR(o, 3, 0.01)",
    "CosineAnnealingWarmRestarts(o, 2, 2)",
    "OneCycleLR(o, 0.5, 8)",
    "OneCycleLR(o, [0.5, 0.2], 8, anneal_strategy='linear', three_phase=True)",
    "CyclicLR(o, 0.1, [0.5, 0.3], 2, 3)",
    "CyclicLR(o, 0.1, 0.5, 2, mode='triangular2')",
    "CyclicLR(o, 0.1, 0.5, 2, mode='exp_range', gamma=0.9, cycle_momentum=False)",
    "SequentialLR(o, [L.ConstantLR(o, 0.1, 2), L.ExponentialLR(o, 0.9)], [3])",
    "ChainedScheduler([L.ConstantLR(o, 0.1, 2), L.ExponentialLR(o, 0.9)])",
]


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    module: ModuleType = pytest.importorskip("torch")
    module.set_num_threads(1)
    return module


def parameters(module: Any) -> list[Any]:
    rng = np.random.default_rng(0)
    return [module.tensor(rng.normal(size=n), requires_grad=True) for n in ((2, 3), 3, ())]


def loss_of(module: Any, w: list[Any]) -> Any:
    x = module.tensor(np.linspace(-1.0, 2.0, 8).reshape(4, 2))
    return ((module.tanh(x @ w[0] + w[1]) - 0.3) ** 2).sum() + (w[2] - 1) ** 4


def descent(module: Any, optimizer: str, steps: int = 6) -> list[Any]:
    """The parameters after each step, the state at the end and the text."""
    w = parameters(module)
    groups = [{"params": w[:2]}, {"params": w[2:], "lr": 0.05}]
    made = eval(optimizer, {**vars(module.optim), "g": groups, "p": w})
    seen: list[Any] = []

    def closure() -> Any:
        made.zero_grad()
        loss = loss_of(module, w)
        loss.backward()
        return loss

    for _ in range(steps):
        seen.append(made.step(closure).item())
        seen += [x.detach().numpy().copy() for x in w]
    state = made.state_dict()
    return [seen, state, repr(made)]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizer(torch: ModuleType, optimizer: str) -> None:
    (seen, state, text), (theirs, their_state, their_text) = (
        descent(module, optimizer) for module in (ours, torch)
    )
    for value, their_value in zip(seen, theirs, strict=True):
        np.testing.assert_allclose(value, their_value, rtol=1e-12, atol=1e-13)
    assert text == their_text
    assert state["param_groups"] == their_state["param_groups"]
    if "LBFGS" not in optimizer:
        for number, values in their_state["state"].items():
            for name, value in values.items():
                np.testing.assert_allclose(state["state"][number][name], value, rtol=1e-12)


@pytest.mark.parametrize("optimizer", ["SGD(p, 0.1, momentum=0.9)", "Adam(p, 0.1)"])
def test_state_is_taken_back(optimizer: str) -> None:
    w = parameters(ours)
    made = eval(optimizer, {**vars(ours.optim), "p": w})

    def steps(w: list[Any], made: Any) -> list[Any]:
        for _ in range(3):
            made.zero_grad()
            loss_of(ours, w).backward()
            made.step()
        return [x.tolist() for x in w]

    steps(w, made)
    copies = [x.detach().clone().requires_grad_() for x in w]
    other = eval(optimizer, {**vars(ours.optim), "p": copies})
    other.load_state_dict(made.state_dict())
    assert steps(copies, other) == steps(w, made)


def rates(module: Any, schedule: str) -> list[Any]:
    w = parameters(module)
    groups = [{"params": w[:2]}, {"params": w[2:], "lr": 0.05}]
    optimizer = module.optim.SGD(groups, lr=0.1, momentum=0.9)
    L = module.optim.lr_scheduler
    scheduler = eval(schedule, {**vars(L), "L": L, "o": optimizer})
    seen = [scheduler.get_last_lr()]
    for _ in range(7):
        optimizer.step()
        scheduler.step()
        seen.append(scheduler.get_last_lr())
        seen.append([group["lr"] for group in optimizer.param_groups])
        seen.append([group["momentum"] for group in optimizer.param_groups])
    return seen


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.filterwarnings("ignore")
def test_schedule(torch: ModuleType, schedule: str) -> None:
    assert rates(ours, schedule) == rates(torch, schedule)


@pytest.mark.parametrize("options", [{}, {"mode": "max", "cooldown": 1, "threshold_mode": "abs"}])
def test_plateau(torch: ModuleType, options: dict[str, Any]) -> None:
    def rates(module: Any) -> list[Any]:
        optimizer = module.optim.SGD(parameters(module), lr=1.0)
        make = module.optim.lr_scheduler.ReduceLROnPlateau
        scheduler = make(optimizer, patience=1, factor=0.5, **options)
        seen: list[Any] = []
        for metric in (3.0, 2.0, 2.0, 2.5, 2.1, 1.9999, 2.0, 2.2, 2.4):
            scheduler.step(metric)
            seen += scheduler.get_last_lr()
        return seen

    assert rates(ours) == rates(torch)


def test_a_loop_with_an_optimizer_compiles_at_most_twice() -> None:
    model = ours.nn.Sequential(ours.nn.Linear(3, 4), ours.nn.Tanh(), ours.nn.Linear(4, 2))
    optimizer = ours.optim.Adam(model.parameters(), lr=0.01)
    x, y = ours.ones(5, 3), ours.zeros(5, 2)
    before = ours.counts.compiled
    for i in range(20):
        optimizer.param_groups[0]["lr"] = 0.01 / (i + 1)
        optimizer.param_groups[0]["betas"] = (0.9 - i / 100, 0.999)
        optimizer.zero_grad()
        ours.nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
    assert ours.counts.compiled - before <= 3


LOADERS = [
    "DataLoader(TensorDataset(torch.arange(10), torch.ones(10, 2)), batch_size=4)",
    "DataLoader(TensorDataset(torch.arange(10)), batch_size=4, drop_last=True)",
    "DataLoader([{'a': i, 'b': float(i), 'c': str(i)} for i in range(5)], batch_size=2)",
    "DataLoader([(np.ones(2) * i, i % 2 == 0) for i in range(5)], batch_size=2)",
    "DataLoader(range(5), batch_size=2, collate_fn=lambda xs: sum(xs))",
    "DataLoader([np.ones(2) * i for i in range(3)], batch_size=None)",
    "DataLoader(range(6), sampler=[3, 1, 2], batch_size=2)",
    "DataLoader(range(6), batch_sampler=[[3, 1], [2]])",
    "DataLoader(ConcatDataset([Subset(range(9), [4, 2]), range(3)]), batch_size=3)",
    "[sum(b.tolist()) for b in DataLoader(range(12), batch_size=12, shuffle=True)]",
    "[len(p) for p in random_split(range(10), [0.35, 0.35, 0.3])]",
    "[len(DataLoader(range(7), batch_size=3, drop_last=d)) for d in (True, False)]",
]


@pytest.mark.parametrize("loader", LOADERS)
def test_loader(torch: ModuleType, loader: str) -> None:
    mine, theirs = (
        eval(loader, {**vars(module.utils.data), "torch": module, "np": np})
        for module in (ours, torch)
    )
    assert repr(list(mine)) == repr(list(theirs))
