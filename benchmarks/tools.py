"""The tools side by side: how each likes its inputs, differentiates, and waits for the result."""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import programs

Array = np.ndarray[Any, Any]
Program = Callable[..., Any]
Call = Callable[[], Any]


@dataclass(frozen=True)
class Tool:
    """``prepare(program, inputs, argnums, value)`` gives a call that computes and waits.

    Without ``argnums`` the program itself is called. ``forget`` lets it compile again what it has
    compiled; those without compile each function anew that they are given.
    """

    prepare: Callable[[Program, Sequence[Array], tuple[int, ...], bool], Call]
    forget: Callable[[], None] = lambda: None


def leaves(result: Any) -> list[Array]:
    """The arrays of a result, value first."""
    if isinstance(result, tuple | list):
        return [x for part in result for x in leaves(part)]
    return [np.asarray(result)]


def _argument(argnums: tuple[int, ...]) -> int | tuple[int, ...]:
    return argnums[0] if len(argnums) == 1 else argnums


def pullback() -> Tool:
    import scipy.special

    import pullback as pb

    def logsumexp(x: Any, axis: int) -> Any:
        top = pb.stop_gradient(np.max(x, axis=axis, keepdims=True))
        return np.log(np.sum(np.exp(x - top), axis=axis)) + np.squeeze(top, axis=axis)

    def jacobians(f: Program) -> Program:
        return pb.vmap(pb.jacfwd(f))

    programs.use(np, scipy.special.erf, logsumexp, pb.scan, jacobians=jacobians)

    def prepare(
        program: Program, inputs: Sequence[Array], argnums: tuple[int, ...], value: bool
    ) -> Call:
        if not argnums:
            return functools.partial(pb.jit(program), *inputs)
        transform = pb.value_and_grad if value else pb.grad
        return functools.partial(transform(program, _argument(argnums)), *inputs)

    return Tool(prepare, pb.clear_cache)


def jax(on_device: bool = True) -> Tool:
    import jax

    jax.config.update("jax_enable_x64", True)
    special = jax.scipy.special

    def jacobians(f: Program) -> Program:
        return jax.vmap(jax.jacfwd(f))  # type: ignore[no-any-return]

    scan = jax.lax.scan
    programs.use(jax.numpy, special.erf, special.logsumexp, scan, jacobians=jacobians)

    def prepare(
        program: Program, inputs: Sequence[Array], argnums: tuple[int, ...], value: bool
    ) -> Call:
        transform = jax.value_and_grad if value else jax.grad
        function = jax.jit(transform(program, _argument(argnums)) if argnums else program)
        if not on_device:
            return lambda: np.asarray(function(*inputs))
        arrays = jax.block_until_ready([jax.device_put(x) for x in inputs])
        if value or len(argnums) > 1:
            return lambda: jax.block_until_ready(function(*arrays))
        return lambda: function(*arrays).block_until_ready()

    return Tool(prepare)


def torch() -> Tool:
    import torch

    names = "sum mean sin cos exp tanh log1p log sqrt logaddexp zeros_like concatenate stack"
    names += " einsum quantile"
    namespace = SimpleNamespace(**{name: getattr(torch, name) for name in names.split()})
    namespace.linalg = torch.linalg
    namespace.sort = lambda x: torch.sort(x).values

    def jacobians(f: Program) -> Program:
        return torch.func.vmap(torch.func.jacfwd(f))  # type: ignore[no-any-return]

    programs.use(namespace, torch.erf, torch.logsumexp, jacobians=jacobians)

    def prepare(
        program: Program, inputs: Sequence[Array], argnums: tuple[int, ...], value: bool
    ) -> Call:
        tensors = [torch.from_numpy(x.copy()) for x in inputs]
        wanted = [tensors[i].requires_grad_() for i in argnums]

        def call() -> Any:
            result = program(*tensors)
            if not wanted:
                return result
            gradients = torch.autograd.grad(result, wanted)
            return (result.detach(), *gradients) if value else gradients

        return call

    return Tool(prepare)


TOOLS: dict[str, Callable[[], Tool]] = {
    "pullback": pullback,
    "jax": jax,
    "jax, NumPy in and out": functools.partial(jax, on_device=False),
    "torch": torch,
}

MODULES = {name: name.partition(",")[0] for name in TOOLS}


def installed(name: str) -> bool:
    return importlib.util.find_spec(MODULES[name]) is not None


def one_thread(tool: str) -> None:
    """Keep this process, and the threads it will start, to one core; before a tool is imported.

    The variables of `ONE_THREAD` do not suffice: JAX 0.10 goes on to use two threads with its own.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if tool == "torch":
        import torch

        torch.set_num_threads(1)


ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
