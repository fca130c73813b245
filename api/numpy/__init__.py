"""NumPy's functions for traced and for concrete arrays.

On concrete arrays they are NumPy's own and return ndarrays; if an argument, or an element of a
list or tuple, is traced they build the graph:

>>> import pullback as pb
>>> import pullback.numpy as pnp
>>> pnp.zeros(3)
array([0., 0., 0.])
>>> graph = pb.trace(lambda x: pnp.array([x, 2.0 * x, 1.0]), 1.5)
>>> graph.evaluate(1.5)
(array([1.5, 3. , 1. ]),)

Inside a traced function the functions that make arrays (`zeros`, `eye`, `arange`, `linspace`,
`array`, `zeros_like` and their like) make traced ones: traced values can be written to them, and
they can be read at traced places. What is computed of nothing but numbers in the code has values
all the same: it can be an index, an axis or a condition of Python's.

>>> squares = np.arange(10.0) ** 2
>>> pb.jit(lambda i: pnp.asarray(squares)[i])(3)
np.float64(9.0)

Functions whose results are as long as the values decide take a static ``size``, here and in traced
functions; places left over hold ``fill_value``. `bincount` takes a ``length``:

>>> pnp.unique(np.array([3, 1, 3]), size=3, return_counts=True)
(array([1, 3, 1]), array([1, 2, 0]))
>>> pb.jit(lambda x: pnp.nonzero(x > 2, size=3, fill_value=-1))(np.arange(5.0))
(array([ 3,  4, -1]),)
>>> pnp.bincount(np.array([0, 2, 2]), length=4)
array([1, 0, 2, 0])

Every name of NumPy is here: those without a meaning for traced values are NumPy's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pullback.tracer.numpy.functions import CREATION, SIZED, WRITABLE
from pullback.tracer.numpy.makers import ORIGINALS
from pullback.tracer.numpy.window import window

from . import fft, linalg, random
from .concatenators import c_, r_
from .dispatch import dispatching, filling, sizing
from .vectorize import vectorize

__array_api_version__ = np.__array_api_version__


_SAME = frozenset({"dtype", "finfo", "iinfo"})


def __getattr__(name: str) -> Any:
    """A name of NumPy: functions dispatch, all else is NumPy's.

    What is found becomes a global here, so this module must not use builtins that NumPy names too.
    """
    found = ORIGINALS.get(name) or getattr(np, name)
    if not callable(found) or isinstance(found, type) or name in _SAME:
        return found
    if name in WRITABLE:
        function = filling(found, WRITABLE[name])
    elif name in SIZED:
        function = sizing(found, SIZED[name])
    else:
        function = dispatching(found, CREATION.get(name))
    globals()[name] = function
    return function


def __dir__() -> list[str]:
    """NumPy's names."""
    return sorted({*globals(), *dir(np)})


__all__ = ["c_", "dispatching", "fft", "linalg", "r_", "random", "vectorize", "window"]
