"""PyTorch with random numbers of NumPy's generator, drawn in the order in which ours are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest


class Draws:
    """What is drawn in place of PyTorch's numbers, from `manual_seed` on."""

    def __init__(self, torch: Any) -> None:
        self.torch = torch
        self.numpy = np.random.default_rng(0)

    def manual_seed(self, seed: int) -> None:
        """Begin anew."""
        self.numpy = np.random.default_rng(seed)

    def put(self, target: Any, values: Any) -> Any:
        """Write numbers to a tensor."""
        with self.torch.no_grad():
            return target.copy_(self.torch.as_tensor(np.asarray(values)))

    def uniform(self, target: Any, a: float = 0.0, b: float = 1.0, **_: Any) -> Any:
        """``Tensor.uniform_``."""
        return self.put(target, self.numpy.uniform(a, b, tuple(target.shape)))

    def normal(self, target: Any, mean: float = 0.0, std: float = 1.0, **_: Any) -> Any:
        """``Tensor.normal_``."""
        return self.put(target, self.numpy.normal(mean, std, tuple(target.shape)))

    def randn(self, *shape: int, requires_grad: bool = False) -> Any:
        """``torch.randn``."""
        drawn = self.numpy.standard_normal(shape, dtype=np.float32)
        return self.torch.from_numpy(drawn).requires_grad_(requires_grad)

    def randperm(self, n: int, **_: Any) -> Any:
        """``torch.randperm``."""
        return self.torch.from_numpy(self.numpy.permutation(n).astype(np.int64))

    def dropout(self, x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
        """``torch.nn.functional.dropout``."""
        if not training or not p:
            return x
        kept = self.numpy.random(tuple(x.shape), dtype=np.float32) >= p
        return x * self.torch.as_tensor((kept / (1.0 - p)).astype(x.detach().numpy().dtype))

    def shuffled(self, sampler: Any) -> Iterator[int]:
        """The order of a ``RandomSampler``."""
        yield from self.numpy.permutation(len(sampler.data_source)).tolist()


def same_draws(torch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have PyTorch draw as we do, until the test is over."""
    draws = Draws(torch)
    data = torch.utils.data
    for owner, name, function in (
        (torch, "manual_seed", draws.manual_seed),
        (torch, "randn", draws.randn),
        (torch.Tensor, "uniform_", lambda *a, **k: draws.uniform(*a, **k)),
        (torch.Tensor, "normal_", lambda *a, **k: draws.normal(*a, **k)),
        (torch.nn.functional, "dropout", draws.dropout),
        (data.dataset, "randperm", draws.randperm),
        (data.RandomSampler, "__iter__", lambda sampler: draws.shuffled(sampler)),
    ):
        monkeypatch.setattr(owner, name, function)
