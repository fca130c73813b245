"""`scipy.linalg` for traced and for concrete arrays.

>>> import pullback.scipy as psp
>>> psp.linalg.det([[1.0, 2.0], [3.0, 5.0]]).round(12)
np.float64(-1.0)

Every name of `scipy.linalg` is here: on concrete arrays all are SciPy's own. On traced ones axes
before the last two are a batch, and these are differentiable: systems (`solve`, `inv`, `pinv`,
`solve_triangular`, `cho_solve`, `lu_solve`), factorisations (`cholesky`, `cho_factor`, `lu`,
`lu_factor`, `qr`, `svd`, `svdvals`, `eigh`, `eigvalsh`, `polar`), `det`, `norm`, `expm`,
`expm_frechet`, and matrices of a pattern (`block_diag`, `circulant`, `hankel`, `toeplitz`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from pullback.tracer.errors import UnsupportedFunctionError, at
from pullback.tracer.location import user_location
from pullback.tracer.numpy.creation import contains_tracer
from pullback.tracer.scipy.linalg import LINALG


def _dispatching(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def either(*args: Any, **kwargs: Any) -> Any:
        if not contains_tracer([*args, *kwargs.values()]):
            return function(*args, **kwargs)
        traced = LINALG.get(function.__name__)
        if traced is None:
            raise UnsupportedFunctionError(
                f"scipy.linalg.{function.__name__} has no meaning for traced values; compute it "
                f"outside the traced function{at(user_location())}"
            )
        return traced(*args, **kwargs)

    either.__module__ = __name__
    return either


def __getattr__(name: str) -> Any:
    """A name of `scipy.linalg`: functions dispatch, all else is SciPy's."""
    import scipy.linalg

    found = getattr(scipy.linalg, name)
    if not callable(found) or isinstance(found, type):
        return found
    function = _dispatching(found)
    globals()[name] = function
    return function


def __dir__() -> list[str]:
    """The names of `scipy.linalg`."""
    import scipy.linalg

    return sorted({*globals(), *dir(scipy.linalg)})
