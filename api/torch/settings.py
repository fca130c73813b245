"""Settings that programs make, of which there is one choice here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .dtypes import cpu_only, device, here

_PRECISIONS = ("highest", "high", "medium")
_deterministic = False
_precision = "highest"


def compile(model: Any = None, **kwargs: Any) -> Any:
    """The function or module itself: all that is recorded is compiled.

    Also a decorator, with or without arguments; what they ask of PyTorch's compilers is not needed.

    >>> torch.compile(torch.sin)(torch.zeros(1))
    tensor([0.])
    """

    def same(model: Callable[..., Any]) -> Callable[..., Any]:
        return model

    return same if model is None else model


def set_default_device(device: Any) -> None:
    """Where tensors are made: on the CPU.

    Raises:
        RuntimeError: for other devices.

    >>> torch.set_default_device("cpu")
    """
    if device is not None:
        cpu_only(device)


def get_default_device() -> device:
    """Where tensors are made.

    >>> torch.get_default_device()
    device(type='cpu')
    """
    return device()


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for results that are the same in each run, which they are in any case.

    >>> torch.use_deterministic_algorithms(True)
    """
    global _deterministic
    _deterministic = mode


def are_deterministic_algorithms_enabled() -> bool:
    """What was asked for.

    >>> torch.use_deterministic_algorithms(False)
    >>> torch.are_deterministic_algorithms_enabled()
    False
    """
    return _deterministic


def set_float32_matmul_precision(precision: str) -> None:
    """How exact products of float32 matrices have to be; they are always as exact as can be.

    >>> torch.set_float32_matmul_precision("high")
    """
    if precision not in _PRECISIONS:
        raise RuntimeError(f"float32_matmul_precision must be one of {_PRECISIONS}{here()}")
    global _precision
    _precision = precision


def get_float32_matmul_precision() -> str:
    """What was asked for.

    >>> torch.set_float32_matmul_precision("highest")
    >>> torch.get_float32_matmul_precision()
    'highest'
    """
    return _precision
