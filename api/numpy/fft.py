"""`numpy.fft` for traced and for concrete arrays.

>>> import pullback.numpy as pnp
>>> pnp.fft.rfft([1.0, 0.0, 0.0, 0.0])
array([1.+0.j, 1.+0.j, 1.+0.j])
"""

from __future__ import annotations

from typing import Any

import numpy as np

_TAKES_NUMBERS = frozenset({"fftfreq", "rfftfreq"})
"""Functions that only multiply with what may be traced: NumPy's own do."""


def __getattr__(name: str) -> Any:
    """A name of `numpy.fft`: functions dispatch, all else is NumPy's."""
    from . import dispatching

    found = getattr(np.fft, name)
    if not callable(found) or isinstance(found, type):
        return found
    function = found if name in _TAKES_NUMBERS else dispatching(found)
    globals()[name] = function
    return function


def __dir__() -> list[str]:
    """The names of `numpy.fft`."""
    return sorted({*globals(), *dir(np.fft)})
