"""`torch.signal.windows`: weights that fall off to both sides.

Symmetric ones begin and end alike; others (``sym=False``) leave out the end, which is the next
one's beginning. Formulas are those of F. J. Harris, "On the use of windows for harmonic analysis
with the discrete Fourier transform" (1978), and of SciPy's windows of these names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..calling import factory
from ..dtypes import as_numpy, float32, float64, get_default_dtype, here
from ..tensors import Tensor, wrapped

Array = np.ndarray[Any, Any]


def _made(
    name: str, M: int, sym: bool, dtype: Any, requires_grad: bool, values: Callable[[float], Array]
) -> Tensor:
    """The window of a function of its length, from the first place to the last or past it."""
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}{here()}")
    wanted = get_default_dtype() if dtype is None else dtype
    if wanted not in (float32, float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {wanted}{here()}")
    made = values(M - 1 if sym else M) if M > 1 else np.ones(M)
    return wrapped(made.astype(as_numpy(wanted)), requires_grad)


def _cosines(M: int, a: Sequence[float]) -> Callable[[float], Array]:
    """The sum of ``(-1) ** i * a[i] * cos(i * x)``, x once around."""

    def values(length: float) -> Array:
        x = np.arange(M) * (2 * np.pi / length)
        total: Array = np.sum([(-1) ** i * c * np.cos(i * x) for i, c in enumerate(a)], 0)
        return total

    return values


@factory
def general_cosine(
    M: int,
    *,
    a: Sequence[float],
    sym: bool = True,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The sum of ``(-1) ** i * a[i] * cos(i * x)``, x once around.

    >>> torch.signal.windows.general_cosine(3, a=[0.5, 0.5])
    tensor([0., 1., 0.])
    """
    if not isinstance(a, (list, tuple)):
        raise TypeError(f"Coefficients must be a list/tuple{here()}")
    if not a:
        raise ValueError(f"Coefficients cannot be empty{here()}")
    return _made("general_cosine", M, sym, dtype, requires_grad, _cosines(M, a))


@factory
def general_hamming(
    M: int, *, alpha: float = 0.54, sym: bool = True, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """``alpha - (1 - alpha) * cos(x)``, x once around.

    >>> torch.signal.windows.general_hamming(5)
    tensor([0.0800, 0.5400, 1.0000, 0.5400, 0.0800])
    """
    return _made("general_hamming", M, sym, dtype, requires_grad, _cosines(M, (alpha, 1.0 - alpha)))


@factory
def hamming(M: int, *, sym: bool = True, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """``0.54 - 0.46 * cos(x)``, x once around.

    >>> torch.signal.windows.hamming(5)
    tensor([0.0800, 0.5400, 1.0000, 0.5400, 0.0800])
    """
    return _made("hamming", M, sym, dtype, requires_grad, _cosines(M, (0.54, 0.46)))


@factory
def hann(M: int, *, sym: bool = True, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """``0.5 - 0.5 * cos(x)``, x once around.

    >>> torch.signal.windows.hann(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return _made("hann", M, sym, dtype, requires_grad, _cosines(M, (0.5, 0.5)))


@factory
def blackman(M: int, *, sym: bool = True, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """``0.42 - 0.5 * cos(x) + 0.08 * cos(2 * x)``, x once around.

    >>> torch.signal.windows.blackman(4, sym=False)[1:]
    tensor([0.3400, 1.0000, 0.3400])
    """
    return _made("blackman", M, sym, dtype, requires_grad, _cosines(M, (0.42, 0.5, 0.08)))


_NUTTALL = (0.3635819, 0.4891775, 0.1365995, 0.0106411)


@factory
def nuttall(M: int, *, sym: bool = True, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Nuttall's sum of cosines up to ``cos(3 * x)``, x once around.

    >>> torch.signal.windows.nuttall(4, sym=False)
    tensor([3.6280e-04, 2.2698e-01, 1.0000e+00, 2.2698e-01])
    """
    return _made("nuttall", M, sym, dtype, requires_grad, _cosines(M, _NUTTALL))


@factory
def bartlett(M: int, *, sym: bool = True, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Up to 1 and down again in straight lines.

    >>> torch.signal.windows.bartlett(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return _made(
        "bartlett",
        M,
        sym,
        dtype,
        requires_grad,
        lambda length: 1.0 - np.abs(np.arange(M) * (2.0 / length) - 1.0),
    )


@factory
def cosine(M: int, *, sym: bool = True, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Half a turn of a sine, the zeros at its ends left out.

    >>> torch.signal.windows.cosine(3)
    tensor([0.5000, 1.0000, 0.5000])
    """
    return _made(
        "cosine",
        M,
        sym,
        dtype,
        requires_grad,
        lambda length: np.sin((np.arange(M) + 0.5) * (np.pi / (length + 1.0))),
    )


@factory
def exponential(
    M: int,
    *,
    center: float | None = None,
    tau: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """``exp(-abs(x - center) / tau)``, x the number of the place.

    >>> torch.signal.windows.exponential(3)
    tensor([0.3679, 1.0000, 0.3679])
    """
    if sym and center is not None:
        raise ValueError(f"Center must be None for symmetric windows{here()}")
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.{here()}")
    return _made(
        "exponential",
        M,
        sym,
        dtype,
        requires_grad,
        lambda length: np.exp(
            -np.abs(np.arange(M) - (length / 2 if center is None else center)) / tau
        ),
    )


@factory
def gaussian(
    M: int, *, std: float = 1.0, sym: bool = True, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """``exp(-0.5 * (x / std) ** 2)``, x the distance from the middle.

    >>> torch.signal.windows.gaussian(3)
    tensor([0.6065, 1.0000, 0.6065])
    """
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.{here()}")
    return _made(
        "gaussian",
        M,
        sym,
        dtype,
        requires_grad,
        lambda length: np.exp(-0.5 * ((np.arange(M) - length / 2) / std) ** 2),
    )


@factory
def kaiser(
    M: int, *, beta: float = 12.0, sym: bool = True, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """The Bessel function i0 of half a circle.

    >>> torch.signal.windows.kaiser(3)
    tensor([5.2773e-05, 1.0000e+00, 5.2773e-05])
    """
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.{here()}")

    def values(length: float) -> Array:
        side = np.arange(M) * (2.0 / length) - 1.0
        made: Array = np.i0(beta * np.sqrt(np.maximum(1.0 - side * side, 0.0))) / np.i0(beta)
        return made

    return _made("kaiser", M, sym, dtype, requires_grad, values)


__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]
