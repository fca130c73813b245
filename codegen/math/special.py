"""Special functions: vector forms for the common ones, SciPy's functions by lane for the rest."""

from __future__ import annotations

from collections.abc import Callable

from pullback.tracer.primitives.special import INCOMPLETE_DERIVATIVES

from ..assembly import Value
from .bessel import i0, i0e, i1, i1e
from .gamma import digamma, lgamma
from .incomplete import derivative
from .inverse_error import erfcinv, erfinv, ndtri
from .library import by_lane
from .normal import erfcx, log_ndtr, ndtr
from .zeta import zeta

VECTOR: dict[str, Callable[..., Value]] = {
    "lgamma": lgamma,
    "digamma": digamma,
    "zeta": zeta,
    **{
        name: derivative(function, orders)
        for name, (function, orders) in INCOMPLETE_DERIVATIVES.items()
    },
    "erfinv": erfinv,
    "erfcinv": erfcinv,
    "ndtri": ndtri,
    "erfcx": erfcx,
    "ndtr": ndtr,
    "log_ndtr": log_ndtr,
    "i0": i0,
    "i1": i1,
    "i0e": i0e,
    "i1e": i1e,
}

BY_LANE = (
    "gamma", "beta", "betaln", "binom", "poch", "gammainc", "gammaincc", "gammaincinv",
    "gammainccinv", "betainc", "betaincinv", "stdtr", "stdtrit", "expi", "exp1", "j0", "j1", "y0",
    "y1", "k0", "k1", "k0e", "k1e", "iv", "kv", "jv", "yv", "ive", "kve",
)  # fmt: skip

SPECIAL: dict[str, Callable[..., Value]] = {**VECTOR, **{name: by_lane(name) for name in BY_LANE}}
