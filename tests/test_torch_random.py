"""Random programs on tensors, run by PyTorch and by us: equal values, gradients, graphs, errors."""

from __future__ import annotations

import random
from collections.abc import Iterator
from types import ModuleType

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

import pullback.torch as ours

from .torch_programs import Grower, compare


@pytest.fixture(scope="module", autouse=True)
def torch() -> Iterator[ModuleType]:
    module: ModuleType = pytest.importorskip("torch")
    module.set_num_threads(1)
    yield module
    module.set_grad_enabled(True)
    ours.set_grad_enabled(True)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=settings().max_examples // 5)
@given(rng=st.randoms(use_true_random=False), steps=st.integers(5, 24), watch=st.booleans())
def test_random_program(torch: ModuleType, rng: random.Random, steps: int, watch: bool) -> None:
    program = Grower(torch, lambda n: rng.randrange(n)).grow(steps)
    torch.set_grad_enabled(True)
    note("\n".join(program))
    assert compare(program, ours, torch, watch) is None
