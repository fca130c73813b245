"""What real NumPy calls when it meets a traced value: NEP 13 for ufuncs, NEP 18 for functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import TracedValueError, UnsupportedFunctionError, at
from ..location import user_location
from ..trace import Tracer
from .promotion import as_dtype, is_python_scalar, number, prepare, spread, strong
from .ufuncs import as_operand, call

NO_VALUE: Any = vars(np)["_NoValue"]
"""What NumPy passes for arguments that were not given, such as `initial` and `where`."""

IGNORED = frozenset({"casting", "order", "subok"})
"""Arguments about memory, which traced values do not have."""


def call_ufunc(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """A ufunc, or one of its methods, on operands of which one is traced.

    Raises:
        UnsupportedFunctionError: when it has no traced meaning.
    """
    kwargs = {name: value for name, value in kwargs.items() if name not in IGNORED}
    match method:
        case "__call__":
            return _call(ufunc, inputs, **kwargs)
        case "at":
            from .indexing import add_at

            return add_at(ufunc, *inputs)
        case "outer":
            x, y = (strong(as_operand(v)) for v in inputs)
            column = x[(..., *(None,) * y.ndim)]
            return _call(ufunc, (column, y), **kwargs)
        case _:
            return _reduction(ufunc, method)(*inputs, **kwargs)


def _reduction(ufunc: np.ufunc, method: str) -> Callable[..., Any]:
    from .reductions import REDUCTIONS
    from .running import ACCUMULATIONS

    table = {"reduce": REDUCTIONS, "accumulate": ACCUMULATIONS}.get(method, {})
    function = table.get(ufunc.__name__)
    if function is None:
        raise _unsupported(f"{ufunc.__name__}.{method}")

    def reduce(x: Any, axis: Any = 0, dtype: Any = None, out: Any = None, **kwargs: Any) -> Any:
        options = kwargs if dtype is None else {**kwargs, "dtype": dtype}
        return store(out, function(x, axis=axis, **options))

    return reduce


def _call(
    ufunc: np.ufunc,
    inputs: tuple[Any, ...],
    *,
    out: Any = None,
    where: Any = True,
    dtype: Any = None,
    **unknown: Any,
) -> Any:
    if unknown:
        raise _unsupported(f"{ufunc.__name__} with {', '.join(unknown)}=")
    operands = [as_operand(x) for x in inputs]
    if dtype is not None:
        operands = [
            number(x, np.dtype(dtype))
            if is_python_scalar(x)
            else as_dtype(strong(x), np.dtype(dtype))
            for x in operands
        ]
    result = call(ufunc, *operands)
    if where is not True:
        result = _chosen(where, result, out)
    return store(out, result)


def _chosen(where: Any, result: Tracer, out: Any) -> Tracer:
    """The result where asked for, elsewhere what ``out`` holds: zeros if there is none."""
    from ..primitives.elementwise import where as choose

    otherwise = out[0] if isinstance(out, tuple) else out
    before = number(0, result.dtype, result.shape) if otherwise is None else otherwise
    mask = prepare(where, np.dtype(bool), result.shape)
    return choose(mask, result, prepare(before, result.dtype, result.shape))


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
    if not isinstance(target, Tracer):
        raise TracedValueError(
            "a traced value cannot be stored in an array made outside of the traced function\n"
            f"  use pullback.numpy to make the array, or np.zeros_like(x){at(user_location())}"
        )
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
    from .functions import FUNCTIONS

    traced = FUNCTIONS.get(function)
    if traced is None:
        raise _unsupported(_name(function))
    return traced(*args, **kwargs)


def _name(function: Callable[..., Any]) -> str:
    module = getattr(function, "__module__", "numpy").removeprefix("numpy").lstrip(".")
    return f"{module}.{function.__name__}" if module else function.__name__


def _unsupported(name: str) -> UnsupportedFunctionError:
    return UnsupportedFunctionError(
        f"np.{name} has no meaning for traced values; compute it outside the traced function, or "
        f"compose it of other functions{at(user_location())}"
    )
