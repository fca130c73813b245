"""`scipy.special` for traced and for concrete arrays.

>>> from pullback.scipy.special import logsumexp, softmax
>>> logits = np.array([1.0, 2.0, 3.0])
>>> bool(np.allclose(pb.grad(logsumexp)(logits), softmax(logits)))
True

SciPy's ufuncs are traced as they are, too: `scipy.special.erf(x)` on a traced `x` is this one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import numpy as np
import scipy.special

from pullback.tracer.errors import UnsupportedFunctionError, at
from pullback.tracer.location import user_location
from pullback.tracer.numpy.creation import contains_tracer
from pullback.tracer.numpy.protocols import call_function, call_ufunc
from pullback.tracer.scipy.functions import FUNCTIONS


def _traced(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """What a function of SciPy does to traced values.

    Raises:
        UnsupportedFunctionError: when called, if that has not been told.
    """

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise UnsupportedFunctionError(
            f"scipy.special.{name} has no meaning for traced values; compute it outside the traced "
            f"function, or compose it of other functions{at(user_location())}"
        )

    if isinstance(function, np.ufunc):
        return lambda *args, **kwargs: call_ufunc(function, "__call__", args, kwargs)
    if function is np.sinc:
        return lambda *args, **kwargs: call_function(function, args, kwargs)
    return FUNCTIONS.get(name, refuse)


@cache
def _dispatching(name: str) -> Any:
    """The function of SciPy on concrete arguments, else what it does to traced ones."""
    function = getattr(scipy.special, name)
    if not callable(function) or isinstance(function, type):
        return function
    traced = _traced(name, function)

    @wraps(function)
    def either(*args: Any, **kwargs: Any) -> Any:
        found = any(map(contains_tracer, args)) or any(map(contains_tracer, kwargs.values()))
        return (traced if found else function)(*args, **kwargs)

    either.__module__ = __name__
    return either


def __getattr__(name: str) -> Any:
    """A name of `scipy.special`: functions dispatch, all else is SciPy's."""
    return _dispatching(name)


def __dir__() -> list[str]:
    """The names of `scipy.special`."""
    return sorted({*globals(), *dir(scipy.special)})
