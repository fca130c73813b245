"""What all functions take: ``out=``, and NumPy's names of arguments, ``axis`` and ``keepdims``."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from .dtypes import cpu_only, here
from .modes import MODE
from .tensors import Tensor, wrapped
from .writing import assign, check_overlap

_NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}


def flexible(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with ``out=``, ``axis=`` and ``keepdims=``."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            out = kwargs.pop("out", None)
            _rename(kwargs)
            if out is not None:
                check_overlap(out, args)
                return written(out, function(*args, **kwargs), function.__name__)
        return function(*args, **kwargs)

    return call


def flexible_method(function: Callable[..., Any]) -> Callable[..., Any]:
    """The method with ``axis=`` and ``keepdims=``; methods have no ``out=``."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs and "out" not in kwargs:
            _rename(kwargs)
        return function(*args, **kwargs)

    return call


def factory(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """What makes tensors, with ``out=``, ``size=`` and what says how a tensor lies in memory.

    There is one way that tensors lie in memory here, on the CPU; other devices raise.
    """
    extents = bool(make.__code__.co_flags & inspect.CO_VARARGS)

    @wraps(make)
    def call(
        *args: Any,
        out: Any = None,
        device: Any = None,
        layout: Any = None,
        pin_memory: Any = False,
        memory_format: Any = None,
        **kwargs: Any,
    ) -> Tensor:
        if device is not None:
            cpu_only(device)
        if extents and "size" in kwargs:
            args = (kwargs.pop("size"), *args)
        if out is None:
            return make(*args, **kwargs)
        wanted = kwargs.get("dtype") or out.dtype
        if wanted is not out.dtype:
            raise RuntimeError(
                f"dtype {wanted.title} does not match dtype of out parameter ({out.dtype.title})"
                f"{here()}"
            )
        result: Tensor = written(out, make(*args, **{**kwargs, "dtype": wanted}), make.__name__)
        return result

    return call


def _rename(kwargs: dict[str, Any]) -> None:
    for name in kwargs.keys() & _NUMPY_NAMES.keys():
        kwargs[_NUMPY_NAMES[name]] = kwargs.pop(name)


def takes_dim(function: Callable[..., Any]) -> bool:
    """Whether the function has a parameter that NumPy calls otherwise."""
    return "dim" in function.__code__.co_varnames[: function.__code__.co_argcount + 1]


def written(out: Any, result: Any, name: str) -> Any:
    """``out`` with the values of the result in it; a tuple if there are several.

    Raises:
        RuntimeError: torch's, where derivatives would be lost or dtypes do not fit.
    """
    if isinstance(result, tuple):
        for x, part in zip(out, result, strict=True):
            written(x, part, name)
        return type(result)(tuple(out))
    if MODE.enabled and (result.requires_grad or out.requires_grad):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, "
            f"but one of the arguments requires grad.{here()}"
        )
    if out.shape != result.shape:
        _resize(out, result)
    assign(out, result)
    return out


def _resize(out: Tensor, result: Tensor) -> None:
    if out.numel():
        warnings.warn(
            "An output with one or more elements was resized since it had shape "
            f"{list(out.shape)}, which does not match the required output shape "
            f"{list(result.shape)}. This behavior is deprecated.",
            UserWarning,
            stacklevel=4,
        )
    out.data = wrapped(np.zeros(tuple(result.shape), out.dtype.numpy))
