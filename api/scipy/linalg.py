"""`scipy.linalg` for traced and for concrete arrays.

>>> import pullback.scipy as psp
>>> psp.linalg.det([[1.0, 2.0], [3.0, 5.0]]).round(12)
np.float64(-1.0)

Every name of `scipy.linalg` is here: on concrete arrays all are SciPy's own. On traced ones axes
before the last two are a batch, and these are differentiable: systems (`solve`, `inv`, `pinv`,
`solve_triangular`, `cho_solve`, `lu_solve`), factorisations (`cholesky`, `cho_factor`, `lu`,
`lu_factor`, `qr`, `svd`, `svdvals`, `eig`, `eigvals`, `eigh`, `eigvalsh`, `polar`), `det`, `norm`,
`expm`, `expm_frechet`, `sqrtm`, `solve_sylvester`, `solve_continuous_lyapunov`, and matrices of a
pattern (`block_diag`, `circulant`, `hankel`, `toeplitz`).

>>> pb.grad(lambda a: np.sum(psp.linalg.sqrtm(a)))(np.diag([4.0, 9.0])).round(4)
array([[0.25  , 0.2   ],
       [0.2   , 0.1667]])
>>> psp.linalg.solve_sylvester(np.diag([1.0, 2.0]), np.eye(2), np.ones((2, 2))).round(4)
array([[0.5   , 0.5   ],
       [0.3333, 0.3333]])
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from pullback.tracer.errors import UnsupportedFunctionError, at
from pullback.tracer.location import user_location
from pullback.tracer.scipy.linalg import LINALG

from ..numpy.dispatch import dispatching


def _traced(name: str) -> Callable[..., Any]:
    """What a function does to traced values."""

    def refused(*args: Any, **kwargs: Any) -> Any:
        raise UnsupportedFunctionError(
            f"scipy.linalg.{name} has no meaning for traced values; compute it outside the traced "
            f"function{at(user_location())}"
        )

    return LINALG.get(name, refused)


@cache
def _function(name: str) -> Callable[..., Any]:
    import scipy.linalg

    return dispatching(getattr(scipy.linalg, name), _traced(name))


def __getattr__(name: str) -> Any:
    """A name of `scipy.linalg`: functions dispatch, all else is SciPy's."""
    import scipy.linalg

    found = getattr(scipy.linalg, name)
    if not callable(found) or isinstance(found, type):
        return found
    return _function(name)


def __dir__() -> list[str]:
    """The names of `scipy.linalg`."""
    import scipy.linalg

    return sorted({*globals(), *dir(scipy.linalg)})
