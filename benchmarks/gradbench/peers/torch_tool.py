"""PyTorch as a tool of GradBench, eager, in float64."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.autograd import forward_ad as forward

sys.path.insert(0, str(Path(__file__).parents[1]))

import eager
from protocol import serve


def constant(x: Any) -> Any:
    return torch.as_tensor(x, dtype=torch.float64)


def value(x: Any) -> Any:
    return x.detach().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)


def plain(f: Callable[..., Any]) -> Callable[..., Any]:
    return torch.no_grad()(f)


def gradient(f: Callable[..., Any], argnums: tuple[int, ...] = (0,)) -> Callable[..., Any]:
    def slopes(*args: Any) -> Any:
        given = list(args)
        for i in argnums:
            given[i] = given[i].detach().requires_grad_()
        found = torch.autograd.grad(f(*given), [given[i] for i in argnums])
        return found[0] if len(argnums) == 1 else found

    return slopes


def push(f: Callable[..., Any], x: Any) -> Callable[..., Any]:
    def along(direction: Any) -> Any:
        with forward.dual_level():
            return forward.unpack_dual(f(forward.make_dual(x, direction))).tangent

    return along


def direction(cost: Callable[..., Any]) -> Callable[..., Any]:
    def newton(x: Any, *rest: Any) -> Any:
        x = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(cost(x, *rest), x, create_graph=True)
        (diagonal,) = torch.autograd.grad(slope.sum(), x)
        return (slope / diagonal).detach()

    return newton


if __name__ == "__main__":
    torch.set_num_threads(1)
    eager.use(torch, constant, value, lambda x: x.detach().amax(-1, keepdim=True))
    serve("torch", eager.problems(plain, gradient, push, direction))
