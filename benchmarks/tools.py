"""The tools side by side: how each likes its inputs, differentiates, and waits for the result."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import programs
from families import Family

Array = np.ndarray[Any, Any]
Program = Callable[..., Any]
Call = Callable[[], Any]


@dataclass(frozen=True)
class Tool:
    """``prepare(family, program, inputs)`` gives a call that computes and waits.

    The program is that of the family, or a fresh one. ``forget`` lets go of what was compiled.
    """

    prepare: Callable[[Family, Program, Sequence[Array]], Call]
    forget: Callable[[], Any] = lambda: None


def leaves(result: Any) -> list[Array]:
    """The arrays of a result, value first."""
    if isinstance(result, tuple | list):
        return [x for part in result for x in leaves(part)]
    return [np.asarray(result)]


def argument(family: Family) -> int | tuple[int, ...]:
    return family.argnums[0] if len(family.argnums) == 1 else family.argnums


def pullback() -> Tool:
    import scipy.special

    import pullback as pb

    def logsumexp(x: Any, axis: int) -> Any:
        top = pb.stop_gradient(np.max(x, axis=axis, keepdims=True))
        return np.log(np.sum(np.exp(x - top), axis=axis)) + np.squeeze(top, axis=axis)

    def jacobians(f: Program) -> Program:
        return pb.vmap(pb.jacfwd(f))

    programs.use(np, scipy.special.erf, logsumexp, pb.scan, jacobians=jacobians)

    def prepare(family: Family, program: Program, inputs: Sequence[Array]) -> Call:
        match family.transform:
            case "value":
                function: Any = pb.jit(program)
            case "gradient":
                transform = pb.value_and_grad if family.value else pb.grad
                function = transform(program, argument(family))
            case "hessian":
                function = pb.hessian(program)
            case "hvp":
                function = pb.jit(lambda x, v: pb.hvp(program, (x,), (v,)))
            case _:
                import pullback.torch

                return program(pullback.torch)
        return functools.partial(function, *inputs)

    return Tool(prepare, pb.clear_cache)


def jax(on_device: bool = True) -> Tool:
    import jax

    jax.config.update("jax_enable_x64", True)
    special = jax.scipy.special

    def jacobians(f: Program) -> Program:
        return jax.vmap(jax.jacfwd(f))  # type: ignore[no-any-return]

    scan = jax.lax.scan
    programs.use(jax.numpy, special.erf, special.logsumexp, scan, jacobians=jacobians)

    def transformed(family: Family, program: Program) -> Program:
        match family.transform:
            case "value":
                return program
            case "gradient":
                transform = jax.value_and_grad if family.value else jax.grad
                return transform(program, argument(family))
            case "hessian":
                return jax.hessian(program)
            case _:
                return lambda x, v: jax.jvp(jax.grad(program), (x,), (v,))[1]

    def prepare(family: Family, program: Program, inputs: Sequence[Array]) -> Call:
        function = jax.jit(transformed(family, program))
        if not on_device:
            return lambda: np.asarray(function(*inputs))
        arrays = jax.block_until_ready([jax.device_put(x) for x in inputs])
        if family.transform == "gradient" and (family.value or len(family.argnums) > 1):
            return lambda: jax.block_until_ready(function(*arrays))
        return lambda: function(*arrays).block_until_ready()

    return Tool(prepare, jax.clear_caches)


def torch(compiled: bool = False) -> Tool:
    import torch

    names = (
        "sum mean sin cos exp tanh log1p log sqrt logaddexp zeros_like concatenate stack einsum "
        "quantile swapaxes"
    )
    namespace = SimpleNamespace(**{name: getattr(torch, name) for name in names.split()})
    namespace.linalg = torch.linalg
    namespace.sort = lambda x: torch.sort(x).values

    def jacobians(f: Program) -> Program:
        return torch.func.vmap(torch.func.jacfwd(f))  # type: ignore[no-any-return]

    programs.use(namespace, torch.erf, torch.logsumexp, _python_scan, jacobians=jacobians)

    def gradient(family: Family, program: Program, tensors: Sequence[Any]) -> Call:
        wanted = [tensors[i].requires_grad_() for i in family.argnums]

        def call() -> Any:
            result = program(*tensors)
            gradients = torch.autograd.grad(result, wanted)
            return (result.detach(), *gradients) if family.value else gradients

        return call

    def along(program: Program, x: Any, v: Any) -> Any:
        (slope,) = torch.autograd.grad(program(x), x, create_graph=True)
        return torch.autograd.grad(slope, x, v)[0]

    def prepare(family: Family, program: Program, inputs: Sequence[Array]) -> Call:
        if family.transform == "tensors":
            return program(torch)
        tensors = [torch.from_numpy(x.copy()) for x in inputs]
        program = torch.compile(program, dynamic=False) if compiled else program
        match family.transform:
            case "value":
                return functools.partial(program, *tensors)
            case "hessian":
                return functools.partial(torch.func.hessian(program), *tensors)
            case "hvp":
                x, v = tensors
                return functools.partial(along, program, x.requires_grad_(), v)
            case _:
                return gradient(family, program, tensors)

    return Tool(prepare, torch.compiler.reset if compiled else lambda: None)


def _python_scan(step: Program, state: Any, xs: Any) -> tuple[Any, None]:
    for x in xs:
        state, _ = step(state, x)
    return state, None


def autograd() -> Tool:
    import autograd
    import autograd.numpy
    from autograd.scipy import special

    programs.use(autograd.numpy, special.erf, special.logsumexp, _python_scan)

    def prepare(family: Family, program: Program, inputs: Sequence[Array]) -> Call:
        match family.transform:
            case "value":
                function: Any = program
            case "gradient":
                transform = autograd.value_and_grad if family.value else autograd.grad
                function = transform(program, argument(family))
            case "hessian":
                function = autograd.hessian(program)
            case _:
                return lambda: autograd.make_hvp(program)(inputs[0])[0](inputs[1])
        return functools.partial(function, *inputs)

    return Tool(prepare)


def numpy() -> Tool:
    """The value alone, which is what NumPy can do."""
    import scipy.special

    special = scipy.special
    programs.use(np, special.erf, lambda x, axis: special.logsumexp(x, axis), _python_scan)
    return Tool(lambda family, program, inputs: functools.partial(program, *inputs))


def by_hand(name: str) -> Tool:
    """Values and derivatives written by hand for a tool that does not take the programs."""
    module = importlib.import_module(f"by_hand_{name}")
    return Tool(
        lambda family, program, inputs: module.FAMILIES[family.name](*inputs),
        functools.partial(importlib.reload, module),
    )


TOOLS: dict[str, Callable[[], Tool]] = {
    "pullback": pullback,
    "jax": jax,
    "jax, NumPy in and out": functools.partial(jax, on_device=False),
    "torch": torch,
    "torch.compile": functools.partial(torch, compiled=True),
    "autograd": autograd,
    "numpy": numpy,
    "numba": functools.partial(by_hand, "numba"),
    "casadi": functools.partial(by_hand, "casadi"),
}

VALUE_ONLY = ("numpy",)
"""Tools that do not differentiate: yardsticks, not peers."""


def installed(name: str) -> bool:
    module = name.partition(",")[0].partition(".")[0]
    if name == "torch.compile" and shutil.which("g++") is None:
        return False
    return importlib.util.find_spec(module) is not None


def one_thread(tool: str) -> None:
    """Keep this process, and the threads it will start, to one core; before a tool is imported.

    The variables of `ONE_THREAD` do not suffice: JAX 0.10 goes on to use two threads with its own.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if tool.startswith("torch"):
        import torch

        torch.set_num_threads(1)


ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "PULLBACK_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
