"""`torch.special`: error, gamma and Bessel functions and their like, element by element.

>>> torch.special.gammaln(torch.tensor([3.0, 4.0]))
tensor([0.6931, 1.7918])
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pullback.tracer.primitives import elementwise as basic
from pullback.tracer.primitives import special as rows
from pullback.tracer.primitives.elementwise import broadcast_scalar
from pullback.tracer.scipy import special as scipy

from . import polynomials
from .arithmetic import Binary, binary_function, round
from .calling import flexible
from .dtypes import here
from .node import Row
from .pointwise import FUNCTIONS as SINGLE
from .pointwise import Unary, unary_function
from .reductions import log_softmax, logsumexp, softmax
from .rows import float_dtype, float_one, floating
from .tensors import Tensor, record, wrapped


def _spherical(x: Any) -> Any:
    far: Any = np.isinf(x)
    return basic.where(far, broadcast_scalar(0.0, x), np.sinc(x / math.pi))


UNARY = (
    Unary(
        "gammaln", rows.lgamma, "LgammaBackward0", "log(abs(gamma(x)))", "tensor([1.2880, 0.5724])"
    ),
    Unary(
        "digamma",
        rows.digamma,
        "DigammaBackward0",
        "The derivative of `gammaln`",
        "tensor([-4.2275, -1.9635])",
    ),
    Unary(
        "erfinv", rows.erfinv, "ErfinvBackward0", "The inverse of `erf`", "tensor([0.2253, 0.4769])"
    ),
    Unary(
        "erfcx",
        rows.erfcx,
        "SpecialErfcxBackward0",
        "exp(x * x) * erfc(x)",
        "tensor([0.7703, 0.6157])",
    ),
    Unary(
        "i0",
        rows.i0,
        "I0Backward0",
        "The modified Bessel function of order 0",
        "tensor([1.0157, 1.0635])",
    ),
    Unary(
        "i0e", rows.i0e, "SpecialI0EBackward0", "exp(-abs(x)) * i0(x)", "tensor([0.7910, 0.6450])"
    ),
    Unary(
        "i1",
        rows.i1,
        "SpecialI1Backward0",
        "The modified Bessel function of order 1",
        "tensor([0.1260, 0.2579])",
    ),
    Unary(
        "i1e", rows.i1e, "SpecialI1EBackward0", "exp(-abs(x)) * i1(x)", "tensor([0.0981, 0.1564])"
    ),
    Unary(
        "spherical_bessel_j0",
        _spherical,
        None,
        "sin(x) / x, 1 at 0",
        "tensor([0.9896, 0.9589])",
    ),
    Unary("bessel_j0", rows.j0, None, "The Bessel function of order 0", "tensor([0.9844, 0.9385])"),
    Unary("bessel_j1", rows.j1, None, "The Bessel function of order 1", "tensor([0.1240, 0.2423])"),
    Unary(
        "bessel_y0",
        rows.y0,
        None,
        "The second Bessel function of order 0",
        "tensor([-0.9316, -0.4445])",
    ),
    Unary(
        "bessel_y1",
        rows.y1,
        None,
        "The second Bessel function of order 1",
        "tensor([-2.7041, -1.4715])",
    ),
    Unary(
        "modified_bessel_i0",
        rows.i0,
        None,
        "The modified Bessel function of order 0",
        "tensor([1.0157, 1.0635])",
    ),
    Unary(
        "modified_bessel_i1",
        rows.i1,
        None,
        "The modified Bessel function of order 1",
        "tensor([0.1260, 0.2579])",
    ),
    Unary(
        "modified_bessel_k0",
        rows.k0,
        None,
        "The second modified Bessel function, order 0",
        "tensor([1.5415, 0.9244])",
    ),
    Unary(
        "modified_bessel_k1",
        rows.k1,
        None,
        "The second modified Bessel function, order 1",
        "tensor([3.7470, 1.6564])",
    ),
    Unary(
        "scaled_modified_bessel_k0",
        rows.k0e,
        None,
        "exp(x) * modified_bessel_k0(x)",
        "tensor([1.9793, 1.5241])",
    ),
    Unary(
        "scaled_modified_bessel_k1",
        rows.k1e,
        None,
        "exp(x) * modified_bessel_k1(x)",
        "tensor([4.8113, 2.7310])",
    ),
    Unary(
        "ndtr",
        rows.ndtr,
        "MulBackward1",
        "The normal distribution's cumulative",
        "tensor([0.5987, 0.6915])",
    ),
    Unary(
        "ndtri",
        rows.ndtri,
        "SpecialNdtriBackward0",
        "The inverse of `ndtr`",
        "tensor([-0.6745,  0.0000])",
    ),
    Unary(
        "log_ndtr",
        rows.log_ndtr,
        "SpecialLogNdtrBackward0",
        "The logarithm of `ndtr`",
        "tensor([-0.5130, -0.3689])",
    ),
    Unary(
        "entr",
        scipy.entr,
        "SpecialEntrBackward0",
        "-x * log(x), 0 at 0",
        "tensor([0.3466, 0.3466])",
    ),
    Unary(
        "sinc",
        np.sinc,
        "SincBackward0",
        "sin(pi * x) / (pi * x), 1 at 0",
        "tensor([0.9003, 0.6366])",
    ),
)
"""Functions of one tensor."""


def _zeta(x: Any, q: Any) -> Any:
    return rows.zeta(x, q)


TWO = (
    Binary(
        "xlogy",
        scipy.xlogy,
        "XlogyBackward0",
        "x * log(y), 0 where x is 0",
        "tensor([0.6931, 1.3863])",
        promote=floating,
    ),
    Binary(
        "xlog1py",
        scipy.xlog1py,
        "SpecialXlog1PyBackward0",
        "x * log(1 + y), 0 where x is 0",
        "tensor([1.0986, 2.1972])",
        promote=floating,
    ),
    Binary(
        "gammainc",
        rows.gammainc,
        "IgammaBackward0",
        "The lower incomplete gamma function, over gamma(input)",
        "tensor([0.8647, 0.5940])",
        promote=floating,
    ),
    Binary(
        "gammaincc",
        rows.gammaincc,
        "IgammacBackward0",
        "The upper incomplete gamma function, over gamma(input)",
        "tensor([0.1353, 0.4060])",
        promote=floating,
    ),
    Binary(
        "zeta",
        _zeta,
        "SpecialZetaBackward0",
        "Hurwitz's zeta function, the sum of (n + other) ** -input",
        "tensor([1.6449, 1.2021])",
        "torch.tensor([2.0, 3.0]), torch.tensor([1.0, 1.0])",
        promote=floating,
    ),
)
"""Functions of two."""

FUNCTIONS: dict[str, Any] = {u.name: unary_function(u, "torch.special") for u in UNARY}
FUNCTIONS.update({b.name: binary_function(b, "torch.special") for b in TWO})


def _polygamma(x: Any, n: int) -> Any:
    if n == 0:
        return rows.digamma(x)
    scale = (-1.0) ** (n + 1) * math.factorial(n)
    return scale * rows.zeta(broadcast_scalar(n + 1.0, x), x)


def _logit(x: Any, eps: float) -> Any:
    low, high = broadcast_scalar(eps, x), broadcast_scalar(1.0 - eps, x)
    kept = basic.clip(x, low, high)
    return np.log(kept / (1.0 - kept))


def _multigammaln(x: Any, p: int) -> Any:
    total: Any = 0.25 * p * (p - 1) * math.log(math.pi)
    for i in range(p):
        total = total + rows.lgamma(x - 0.5 * i)
    return total


POLYGAMMA = Row("polygamma", _polygamma, "PolygammaBackward0", float_one)
LOGIT = Row("logit", _logit, "LogitBackward0", float_one)
MULTIGAMMALN = Row("mvlgamma", _multigammaln, "MvlgammaBackward0", float_one)


def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of `digamma`.

    >>> torch.polygamma(1, torch.tensor([1.0, 2.0]))
    tensor([1.6449, 0.6449])
    """
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n.{here()}")
    return record(POLYGAMMA, (input,), (n,))


def polygamma_method(self: Tensor, n: int) -> Tensor:
    """The n-th derivative of `digamma`."""
    return polygamma(n, self)


def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """The inverse of the sigmoid; with ``eps`` the values are kept that far from 0 and 1.

    >>> torch.logit(torch.tensor([0.25, 0.5]))
    tensor([-1.0986,  0.0000])
    """
    return SINGLE["logit"](input) if eps is None else record(LOGIT, (input,), (float(eps),))


def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension p.

    >>> torch.mvlgamma(torch.tensor([2.0, 3.0]), 2)
    tensor([0.4516, 1.5502])
    """
    return record(MULTIGAMMALN, (input,), (p,))


def airy_ai(input: Tensor) -> Tensor:
    """Airy's function Ai. There are no derivatives, as in PyTorch.

    >>> torch.special.airy_ai(torch.tensor([0.0, 1.0]))
    tensor([0.3550, 0.1353])
    """
    from scipy.special import airy

    kind = float_dtype(input.dtype.numpy)
    return wrapped(np.asarray(airy(input.value().astype(np.float64))[0]).astype(kind))


FUNCTIONS.update(
    {
        "airy_ai": airy_ai,
        "polygamma": polygamma,
        "logit": logit,
        "multigammaln": mvlgamma,
        "psi": FUNCTIONS["digamma"],
        "expit": SINGLE["sigmoid"],
        "softmax": softmax,
        "log_softmax": log_softmax,
        "logsumexp": logsumexp,
        "round": round,
        **{name: SINGLE[name] for name in ("erf", "erfc", "exp2", "expm1", "log1p")},
    }
)
FUNCTIONS.update(polynomials.FUNCTIONS)
FUNCTIONS.update({name: flexible(f) for name, f in FUNCTIONS.items()})
globals().update(FUNCTIONS)

TOP: dict[str, Any] = {
    **{name: FUNCTIONS[name] for name in ["digamma", "erfinv", "i0", "sinc", "xlogy"]},
    "lgamma": FUNCTIONS["gammaln"],
    "igamma": FUNCTIONS["gammainc"],
    "igammac": FUNCTIONS["gammaincc"],
    "polygamma": polygamma,
    "logit": logit,
    "mvlgamma": mvlgamma,
}
"""Those that are in `torch` itself, by their names there."""

__all__ = sorted(FUNCTIONS)  # pyright: ignore[reportUnsupportedDunderAll]
