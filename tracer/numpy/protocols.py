"""What real NumPy calls when it meets a traced value: NEP 13 for ufuncs, NEP 18 for functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import STORED, TracedValueError, UnsupportedFunctionError, at
from ..known import settled
from ..location import user_location
from ..trace import Tracer
from .promotion import as_dtype, spread

NO_VALUE: Any = vars(np)["_NoValue"]
"""What NumPy passes for arguments that were not given, such as `initial` and `where`."""


def call_ufunc(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """A ufunc, or one of its methods, on operands of which one is traced.

    Raises:
        UnsupportedFunctionError: when it has no traced meaning.
    """
    from .ufunc_methods import call_method

    return call_method(ufunc, method, inputs, kwargs)


def require_traced(target: Any) -> None:
    """Refuse to store traced values in a real array.

    Raises:
        TracedValueError: for what is not traced.
    """
    if target is not None and not isinstance(target, Tracer):
        raise TracedValueError(f"{STORED}{at(user_location())}")


def store(out: Any, result: Any) -> Any:
    """Put a result into the array that ``out=`` names, if it names one.

    Raises:
        TracedValueError: when that is a real array, which cannot hold traced values.
        TypeError: when the result cannot be cast to its dtype within its kind.
    """
    if isinstance(out, tuple) and isinstance(result, tuple):
        return tuple(store(o, r) for o, r in zip(out, result, strict=True))
    target = out[0] if isinstance(out, tuple) else out
    if target is None:
        return result
    require_traced(target)
    if not np.can_cast(result.dtype, target.dtype, "same_kind"):
        raise TypeError(
            f"Cannot cast output from {result.dtype!r} to {target.dtype!r} with casting rule "
            f"'same_kind'{at(user_location())}"
        )
    target.assign(spread(as_dtype(result, target.dtype), target.shape))
    return target


def call_function(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """A NumPy function on arguments of which one, or an element of one, is traced.

    Raises:
        UnsupportedFunctionError: when it has no traced meaning.
    """
    from .creation import contains_tracer, noted
    from .functions import FUNCTIONS, LIKE, SIZED, SIZES

    traced = FUNCTIONS.get(function) or LIKE.get(function)
    if traced is None:
        raise _unsupported(_name(function))
    if traced in SIZED.values() and not SIZES & kwargs.keys():
        known = settled(args)
        if not contains_tracer(known) and not any(map(contains_tracer, kwargs.values())):
            return noted(function)(*known, **kwargs)
    return traced(*args, **kwargs)


def _name(function: Callable[..., Any]) -> str:
    module = getattr(function, "__module__", "numpy").removeprefix("numpy").lstrip(".")
    return f"{module}.{function.__name__}" if module else function.__name__


def _unsupported(name: str) -> UnsupportedFunctionError:
    return UnsupportedFunctionError(
        f"np.{name} has no meaning for traced values; compute it outside the traced function, or "
        f"compose it of other functions{at(user_location())}"
    )
