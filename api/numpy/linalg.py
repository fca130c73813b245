"""`numpy.linalg` for traced and for concrete arrays.

>>> import pullback.numpy as pnp
>>> pnp.linalg.norm([3.0, 4.0])
np.float64(5.0)
>>> pb.jit(lambda a: pnp.linalg.eigvals(a))(np.array([[0.0, 2.0], [-2.0, 0.0]]))
array([0.+2.j, 0.-2.j])
"""

from __future__ import annotations

from typing import Any

import numpy as np


def __getattr__(name: str) -> Any:
    """A name of `numpy.linalg`: functions dispatch, all else is NumPy's."""
    from . import dispatching

    found = getattr(np.linalg, name)
    if not callable(found) or isinstance(found, type):
        return found
    function = dispatching(found)
    globals()[name] = function
    return function


def __dir__() -> list[str]:
    """The names of `numpy.linalg`."""
    return sorted({*globals(), *dir(np.linalg)})
