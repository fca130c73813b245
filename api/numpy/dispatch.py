"""Functions that are NumPy's on concrete arrays and build the graph on traced ones.

They stand apart from the names of NumPy, of which some (`any`, `sum`) are those of builtins.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from pullback.tracer.numpy.creation import contains_tracer
from pullback.tracer.numpy.functions import SIZES
from pullback.tracer.numpy.protocols import call_function, call_ufunc
from pullback.tracer.trace import tracing

from ..transforms.compiling import jit


def dispatching(
    function: Callable[..., Any], traced: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """The function of NumPy on concrete arguments, else what it does to traced ones.

    >>> import numpy as np
    >>> dispatching(np.sin)(0.0)
    np.float64(0.0)
    """

    @wraps(function)
    def either(*args: Any, **kwargs: Any) -> Any:
        if not (any(map(contains_tracer, args)) or any(map(contains_tracer, kwargs.values()))):
            return function(*args, **kwargs)
        if traced is not None:
            return traced(*args, **kwargs)
        if isinstance(function, np.ufunc):
            return call_ufunc(function, "__call__", args, kwargs)
        return call_function(function, args, kwargs)

    either.__module__ = __name__
    if isinstance(function, np.ufunc):
        vars(either).update((x, getattr(function, x)) for x in dir(function) if x[0] != "_")
    return either


def filling(function: Callable[..., Any], traced: Callable[..., Any]) -> Callable[..., Any]:
    """Arrays to be filled: inside a traced function they must be able to hold traced values."""

    @wraps(function)
    def either(*args: Any, **kwargs: Any) -> Any:
        return (traced if tracing() else function)(*args, **kwargs)

    either.__module__ = __name__
    return either


def sizing(function: Callable[..., Any], traced: Callable[..., Any]) -> Callable[..., Any]:
    """Functions that take the extent of their result as well; then arrays are computed compiled."""
    either = dispatching(function)

    @wraps(function)
    def sized(*args: Any, **kwargs: Any) -> Any:
        if not SIZES & kwargs.keys():
            return either(*args, **kwargs)
        if tracing():
            return traced(*args, **kwargs)
        first, *rest = args
        return jit(lambda x: traced(x, *rest, **kwargs))(np.asarray(first))

    sized.__module__ = __name__
    return sized
