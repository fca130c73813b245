"""PyTorch's own samples of its operations, run by PyTorch and by us.

PyTorch describes each operation with makers of inputs, for its own tests; they are used here on
every operation that we have by the same name: results, gradients and second derivatives in float64.
"""

from __future__ import annotations

import random
import sys
import unittest
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import islice
from types import ModuleType
from typing import Any

import numpy as np

import pullback.torch as ours

ASPECTS: tuple[str, ...] = ("forward", "gradient", "second order")

RANDOM = """
    bernoulli cauchy dropout empty empty_like empty_permuted empty_strided exponential geometric
    log_normal multinomial new_empty new_empty_strided normal rand rand_like randint randint_like
    randn randn_like uniform nn.functional.alpha_dropout nn.functional.dropout
    nn.functional.multi_head_attention_forward
    nn.functional.dropout2d nn.functional.dropout3d nn.functional.feature_alpha_dropout
    nn.functional.rrelu nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d
"""
"""Operations whose values are made up: shapes and dtypes are compared."""


OF_ITS_OWN = frozenset(
    [
        "linalg.lstsq (grad_oriented)",
        "linalg.pinv (singular)",
        "normal (in_place)",
        "pca_lowrank",
        "svd_lowrank",
    ]
)
"""Descriptions of functions that PyTorch composes for its tests, and of no operation."""

PREPARED = frozenset(["gradcheck_wrapper_hermitian_input", "gradcheck_wrapper_triangular_input"])
"""What brings arguments into the form that operations want, by methods that tensors have."""

WEIGHT_FIRST = frozenset(["nn.functional.embedding", "nn.functional.embedding_bag"])
"""Operations that are described with the second argument, which has derivatives, as the first."""

ONCE = frozenset(["nn.functional.ctc_loss"])
"""Operations that PyTorch can differentiate once only, whatever it says of them."""

METHODS = frozenset(["where", "polygamma", "special.polygamma"])
"""Operations that are described with the arguments in the order that the method has."""


def described() -> list[Any]:
    """PyTorch's descriptions of its operations, in order of their names."""
    # The base of test classes that PyTorch derives from; none of its tests is run here.
    stand_in: Any = ModuleType("expecttest")
    stand_in.TestCase = unittest.TestCase
    sys.modules.setdefault("expecttest", stand_in)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arguments, sys.argv = sys.argv, sys.argv[:1]
        try:
            torch = import_module("torch")
            op_db = import_module("torch.testing._internal.common_methods_invocations").op_db
        finally:
            sys.argv = arguments
    # PyTorch's own tests must not change its settings; programs in ours do.
    frozen = torch.backends.flags_frozen.__globals__
    frozen["__allow_nonbracketed_mutation_flag"] = True
    wanted = (op for op in op_db if title(op) not in OF_ITS_OWN)
    return sorted(wanted, key=title)


def title(op: Any) -> str:
    """An operation's name, and which of its forms is meant."""
    return f"{op.name} ({op.variant_test_name})" if op.variant_test_name else str(op.name)


def our_function(op: Any) -> Callable[..., Any] | None:
    """What we have by an operation's name: a function, else a method."""
    if op.name == "einsum":
        return lambda operands, equation: ours.einsum(equation, operands)
    if op.name in WEIGHT_FIRST:
        function = getattr(ours.nn.functional, op.name.split(".")[-1])
        return lambda weight, places, **kwargs: function(places, weight, **kwargs)
    found: Any = None if op.name in METHODS else ours
    for part in op.name.split("."):
        found = getattr(found, part, None)
    if not callable(found) and ("." not in op.name or op.name in METHODS):
        found = getattr(ours.Tensor, op.name.split(".")[-1], None)
    if found is None and op.name in RANDOM.split():
        written = getattr(ours.Tensor, f"{op.name}_", None)
        found = written and (lambda x, *args, **kwargs: written(x.clone(), *args, **kwargs))
    if isinstance(found, property):
        return found.fget
    return found if callable(found) and not isinstance(found, ModuleType) else None


@cache
def _dtypes() -> dict[Any, Any]:
    torch = import_module("torch")

    names = [n for n in dir(ours) if isinstance(getattr(ours, n), ours.dtype)]
    return {getattr(torch, name): getattr(ours, name) for name in names}


def translated(value: Any) -> Any:
    """PyTorch's tensors and dtypes as ours, in whatever holds them."""
    torch = import_module("torch")

    if isinstance(value, torch.Tensor):
        array = value.detach().numpy().copy()
        return ours.tensor(array, requires_grad=value.requires_grad)
    if isinstance(value, torch.dtype):
        return _dtypes()[value]
    if isinstance(value, (torch.device, torch.layout, torch.memory_format)):
        return "cpu"
    if isinstance(value, dict):
        return {k: translated(v) for k, v in value.items()}
    if isinstance(value, torch.nn.Module):
        return getattr(ours.nn, type(value).__name__)()
    if type(value) in (tuple, list):
        return type(value)(translated(v) for v in value)
    return value


def leaves(value: Any, module: Any) -> list[Any]:
    """The tensors in a value, in order."""
    if isinstance(value, module.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return [x for item in value for x in leaves(item, module)]
    return []


@dataclass
class Run:
    """One sample, computed as far as it goes by one of the two."""

    module: Any
    call: Callable[[], Any]
    inputs: list[Any]
    outputs: Any = None
    wanted: tuple[Any, ...] = ()
    first: tuple[Any, ...] = ()

    def forward(self) -> list[Any]:
        """The results, numbers among them."""
        self.outputs = self.call()
        found = leaves(self.outputs, self.module)
        return [x.numpy(force=True) for x in found] or [np.asarray(self.outputs)]

    def gradient(self) -> list[Any]:
        """The derivatives of a weighted sum of the results."""
        self.wanted = tuple(x for x in self.inputs if x.requires_grad)
        self.first = self._pulled(leaves(self.outputs, self.module)) if self.wanted else ()
        return [x.numpy(force=True) for x in self.first]

    def second(self) -> list[Any]:
        """The derivatives of a weighted sum of those."""
        return [x.numpy(force=True) for x in self._pulled(self.first)]

    def _pulled(self, outputs: Sequence[Any]) -> tuple[Any, ...]:
        pairs = [
            (x, self.module.tensor(weights(x, i))) for i, x in enumerate(outputs) if x.requires_grad
        ]
        zeros = [self.module.zeros_like(x) for x in self.wanted]
        if not pairs:
            return tuple(zeros)
        pulled = self.module.autograd.grad(
            *([x for x, _ in pairs], self.wanted, [w for _, w in pairs]),
            create_graph=True,
            allow_unused=True,
        )
        return tuple(z if g is None else g for g, z in zip(pulled, zeros, strict=True))


def weights(x: Any, first: int) -> Any:
    """Numbers of a tensor's shape and dtype."""
    angles = np.arange(x.numel()).reshape(tuple(x.shape)) + first
    dtype = np.dtype(str(x.dtype).removeprefix("torch."))
    return (np.exp(1j * angles) if dtype.kind == "c" else np.cos(angles)).astype(dtype)


def runs(op: Any, sample: Any) -> tuple[Run, Run]:
    """Ours and theirs."""
    torch = import_module("torch")

    function = our_function(op)
    assert function is not None
    arguments = translated((sample.input, tuple(sample.args), dict(sample.kwargs)))
    given, args, kwargs = arguments
    prepared = op.gradcheck_wrapper if op.gradcheck_wrapper.__name__ in PREPARED else _as_is
    finish = sample.output_process_fn_grad
    if op.name.endswith("_") and not op.name.startswith("__"):
        given = given.clone()
    mine = Run(
        ours, lambda: finish(prepared(function, given, *args, **kwargs)), leaves(arguments, ours)
    )
    whole = (sample.input, tuple(sample.args), dict(sample.kwargs))
    theirs = Run(
        torch,
        lambda: finish(prepared(op.op, sample.input, *sample.args, **sample.kwargs)),
        leaves(whole, torch),
    )
    return mine, theirs


def _as_is(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


def samples(op: Any, count: int | None) -> Iterator[Any]:
    """Some of an operation's samples, the same ones each time."""
    torch = import_module("torch")

    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    order = (torch.float64, torch.complex128, torch.int64, torch.bool)
    dtype = next((x for x in order if x in op.dtypes), torch.float32)
    tracked = op.supports_autograd and dtype in order[:2]
    made = op.sample_inputs("cpu", dtype, requires_grad=tracked)
    return islice((x for x in made if _is_ordinary(x)), count)


def _is_ordinary(sample: Any) -> bool:
    """Dense and of dtypes that we have."""
    torch = import_module("torch")

    whole = (sample.input, tuple(sample.args), dict(sample.kwargs))
    return all(x.layout == torch.strided and x.dtype in _dtypes() for x in leaves(whole, torch))


def differences(op: Any, sample: Any) -> dict[str, str]:
    """What does not agree, by aspect; the first that fails hides those that build on it."""
    mine, theirs = runs(op, sample)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for aspect in ASPECTS[: _orders(op)]:
            method = {"forward": "forward", "gradient": "gradient", "second order": "second"}
            expected = getattr(theirs, method[aspect])()
            try:
                _compare(getattr(mine, method[aspect])(), expected, _is_random(op, sample))
            except Exception as error:  # noqa: BLE001
                return {aspect: f"{type(error).__name__}: {error}"}
    return {}


def _is_random(op: Any, sample: Any) -> bool:
    return op.name in RANDOM.split() or bool(sample.kwargs.get("dropout_p"))


def _orders(op: Any) -> int:
    if op.name in RANDOM.split() or not op.supports_autograd:
        return 1
    return 3 if op.supports_gradgrad and op.name not in ONCE else 2


def _compare(found: list[Any], expected: list[Any], shapes_only: bool) -> None:
    assert len(found) == len(expected), f"{len(found)} results for {len(expected)}"
    for x, y in zip(found, expected, strict=True):
        assert x.shape == y.shape, f"shape {x.shape} for {y.shape}"
        assert x.dtype == y.dtype, f"dtype {x.dtype} for {y.dtype}"
        if not shapes_only:
            # Single precision as closely as PyTorch's own tests ask for.
            close = (1.3e-6, 1e-5) if y.dtype in (np.float32, np.complex64) else (1e-6, 1e-7)
            np.testing.assert_allclose(x, y, rtol=close[0], atol=close[1])


@dataclass(frozen=True)
class Summary:
    """How many samples agree in each aspect, of how many, and what is wrong with the others."""

    agreed: dict[str, int]
    total: int
    wrong: list[str]


def summary(op: Any, count: int | None) -> Summary:
    """The samples of an operation, compared."""
    agreed: dict[str, int] = dict.fromkeys(ASPECTS[: _orders(op)], 0)
    total, wrong = 0, []
    for sample in samples(op, count):
        total += 1
        found = differences(op, sample)
        wrong += [f"{aspect}: {text}" for aspect, text in found.items()]
        for aspect in agreed:
            if aspect in found:
                break
            agreed[aspect] += 1
    return Summary(agreed, total, wrong)
