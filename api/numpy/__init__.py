"""NumPy's functions for traced and for concrete arrays.

On concrete arrays they are NumPy's own and return ndarrays; if an argument, or an element of a
list or tuple, is traced they build the graph. They are for what real `numpy` cannot dispatch, like
making an array of traced numbers:

>>> import pullback as pb
>>> import pullback.numpy as pnp
>>> pnp.zeros(3)
array([0., 0., 0.])
>>> graph = pb.trace(lambda x: pnp.array([x, 2.0 * x, 1.0]), 1.5)
>>> graph.evaluate(1.5)
(array([1.5, 3. , 1. ]),)

Inside a traced function `zeros`, `ones`, `empty` and `full` make arrays that traced values can be
written to.

Every name of NumPy is here: those without a meaning for traced values are NumPy's own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from pullback.tracer.numpy.creation import contains_tracer
from pullback.tracer.numpy.functions import CREATION, WRITABLE
from pullback.tracer.numpy.protocols import call_function, call_ufunc
from pullback.tracer.trace import tracing

from . import linalg

__array_api_version__ = np.__array_api_version__


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
    return either


def _filling(function: Callable[..., Any], traced: Callable[..., Any]) -> Callable[..., Any]:
    """Arrays to be filled: inside a traced function they must be able to hold traced values."""

    @wraps(function)
    def either(*args: Any, **kwargs: Any) -> Any:
        return (traced if tracing() else function)(*args, **kwargs)

    either.__module__ = __name__
    return either


_SAME = frozenset({"dtype", "finfo", "iinfo"})


def __getattr__(name: str) -> Any:
    """A name of NumPy: functions dispatch, all else is NumPy's."""
    found = getattr(np, name)
    if not callable(found) or isinstance(found, type) or name in _SAME:
        return found
    if name in WRITABLE:
        function = _filling(found, WRITABLE[name])
    else:
        function = dispatching(found, CREATION.get(name))
    globals()[name] = function
    return function


def __dir__() -> list[str]:
    """NumPy's names."""
    return sorted({*globals(), *dir(np)})


__all__ = ["dispatching", "linalg"]
