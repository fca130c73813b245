"""Random programs on tensors, run by PyTorch and by us: equal values, gradients, graphs, errors.

`python -m tests.torch_programs FIRST LAST` runs more of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest

import pullback.torch as ours

from .torch_programs import compare, grown


@pytest.fixture(scope="module", autouse=True)
def torch() -> Iterator[ModuleType]:
    module: ModuleType = pytest.importorskip("torch")
    module.set_num_threads(1)
    yield module
    module.set_grad_enabled(True)
    ours.set_grad_enabled(True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("first", range(0, 40, 5))
def test_random_program(torch: ModuleType, first: int) -> None:
    for seed in range(first, first + 5):
        program, watch = grown(torch, seed)
        found = compare(program, ours, torch, watch)
        assert found is None, "\n".join((f"seed {seed}: {found}", *program))
