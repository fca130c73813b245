"""`torch.fft`: discrete Fourier transforms, their frequencies, and spectra shifted.

>>> torch.fft.rfft(torch.tensor([1.0, 2.0, 3.0, 2.0]))
tensor([ 8.+0.j, -2.+0.j,  0.+0.j])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from pullback.tracer.numpy.fft import FOURIER

from .calling import factory, flexible
from .dtypes import Kind, as_numpy, complex_of, here, of_numpy
from .node import Row
from .rows import float_dtype, float_one, wrap_dim, wrap_dims
from .tensors import Tensor, record, wrapped

Steps: TypeAlias = tuple[tuple[str, int, int], ...]
"""Transforms one after the other: which, to how many elements, along which dimension."""

OF_REAL = ("rfft", "ihfft")
HALVED = ("irfft", "hfft")
"""Transforms that take, and those that give, real numbers."""


def _transformed(x: Any, steps: Steps, norm: str | None) -> Any:
    for name, n, axis in steps:
        x = FOURIER[name](x, n, axis, norm)
    return x


def _grad_name(kinds: Sequence[Kind], steps: Steps, norm: str | None) -> str:
    """Torch has a node for real numbers in, one for real numbers out, and one for all others."""
    names = [step[0] for step in steps]
    if names[-1] in HALVED:
        return "FftC2RBackward0"
    real = len(steps) == 1 and kinds[0].type.dtype.kind != "c"
    if "rfft" in names or (real and names[0] == "fft"):
        return "FftR2CBackward0"
    return "ConjBackward0" if real else "FftC2CBackward0"


FFT = Row("fft", _transformed, _grad_name, float_one)


def _recorded(name: str, input: Tensor, steps: Steps, norm: str | None) -> Tensor:
    kind = input.dtype.numpy
    if norm not in (None, "backward", "ortho", "forward"):
        raise RuntimeError(f'Invalid normalization mode: "{norm}"{here()}')
    if kind.char == "e":
        raise RuntimeError(f"Unsupported dtype Half{here()}")
    if kind.kind == "c" and any(step[0] in OF_REAL for step in steps):
        raise RuntimeError(
            f"{name} expects a real input tensor, but got {input.dtype.title}{here()}"
        )
    for _, n, _ in steps:
        if n < 1:
            raise RuntimeError(f"Invalid number of data points ({n}) specified{here()}")
    return record(FFT, (input,), (steps, norm))


def _extent(name: str, input: Tensor, axis: int) -> int:
    extent: int = input.shape[axis]
    return 2 * (extent - 1) if name in HALVED else extent


# -- along one dimension ---------------------------------------------------------------------


def _one(name: str, what: str, given: str, gives: str) -> Callable[..., Tensor]:
    def transform(
        input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None
    ) -> Tensor:
        if not input.ndim:
            raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions{here()}")
        axis = wrap_dim(dim, input.ndim)
        size = _extent(name, input, axis) if n is None else n
        return _recorded(name, input, ((name, size, axis),), norm)

    return _named(transform, name, what, given, gives)


def _named(function: Any, name: str, what: str, given: str, gives: str) -> Callable[..., Tensor]:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"{what}.\n\n    ``norm`` tells which way sums are divided by the number of their terms: "
        'back\n    ("backward"), there ("forward"), or both, by its root ("ortho").\n\n'
        f"    >>> torch.fft.{name}(torch.tensor({given})).real\n    {gives}\n    "
    )
    return flexible(function)


_PAIR = "[2.0, 1.0]"
fft = _one("fft", "The Fourier transform along a dimension", _PAIR, "tensor([3., 1.])")
ifft = _one("ifft", "The inverse of `fft`", _PAIR, "tensor([1.5000, 0.5000])")
rfft = _one("rfft", "Of `fft` the half that is not a mirror image", _PAIR, "tensor([3., 1.])")
irfft = _one("irfft", "The inverse of `rfft`: real numbers", _PAIR, "tensor([1.5000, 0.5000])")
hfft = _one(
    "hfft", "`fft` of half of what is its mirror image: real numbers", _PAIR, "tensor([3., 1.])"
)
ihfft = _one("ihfft", "The inverse of `hfft`", _PAIR, "tensor([1.5000, 0.5000])")


# -- along several ---------------------------------------------------------------------------


def _axes(input: Tensor, sizes: Sequence[int] | None, dim: Any) -> tuple[int, ...]:
    """The dimensions of a transform.

    Raises:
        RuntimeError: torch's, for some that are named twice, or more sizes than dimensions.
    """
    if dim is not None:
        axes = () if isinstance(dim, (tuple, list)) and not dim else wrap_dims(dim, input.ndim)
        axes = axes or ()
        if len(set(axes)) < len(axes):
            raise RuntimeError(f"FFT dims must be unique{here()}")
        return axes
    count = input.ndim if sizes is None else len(sizes)
    if count > input.ndim:
        raise RuntimeError(
            f"Got shape with {count} values but input tensor only has {input.ndim} dimensions."
            f"{here()}"
        )
    return tuple(range(input.ndim - count, input.ndim))


def _several(name: str, default: Any, what: str, forward: bool) -> Callable[..., Tensor]:
    """A transform along several dimensions; the half of a real one is taken of the last."""
    last = name.rstrip("2n")

    def transform(
        input: Tensor, s: Any = None, dim: Any = default, norm: str | None = None
    ) -> Tensor:
        given = [s] if isinstance(s, int) else s
        axes = _axes(input, given, dim)
        if given is not None and len(given) != len(axes):
            raise RuntimeError(
                f"When given, dim and shape arguments must have the same length{here()}"
            )
        if not axes:
            return _of_nothing(name, last, input)
        names = (*("fft" if forward else "ifft",) * (len(axes) - 1), last)
        wanted = [-1] * len(axes) if given is None else [int(n) for n in given]
        steps = [
            (step, _extent(step, input, axis) if n == -1 else n, axis)
            for step, n, axis in zip(names, wanted, axes, strict=True)
        ]
        return _recorded(name, input, tuple(steps[::-1] if last in OF_REAL else steps), norm)

    gives = "3., 1.], [1., 3." if forward else "0.7500, 0.2500], [0.2500, 0.7500"
    return _named(transform, name, what, "[[2.0, 0.0], [0.0, 1.0]]", f"tensor([[{gives}]])")


def _of_nothing(name: str, last: str, input: Tensor) -> Tensor:
    """Along no dimension there is nothing to add up."""
    if last not in ("fft", "ifft"):
        raise RuntimeError(f"{name} must transform at least one axis{here()}")
    made: Tensor = input.to(of_numpy(complex_of(float_dtype(input.dtype.numpy))))
    return made


_TWO = (-2, -1)
fft2 = _several("fft2", _TWO, "`fft` along two dimensions", forward=True)
ifft2 = _several("ifft2", _TWO, "The inverse of `fft2`", forward=False)
rfft2 = _several(
    "rfft2", _TWO, "`rfft` along the last dimension, `fft` along another", forward=True
)
irfft2 = _several("irfft2", _TWO, "The inverse of `rfft2`: real numbers", forward=False)
hfft2 = _several("hfft2", _TWO, "`fft` along a dimension, `hfft` along the last", forward=True)
ihfft2 = _several("ihfft2", _TWO, "The inverse of `hfft2`", forward=False)
fftn = _several("fftn", None, "`fft` along several dimensions", forward=True)
ifftn = _several("ifftn", None, "The inverse of `fftn`", forward=False)
rfftn = _several(
    "rfftn", None, "`rfft` along the last of dimensions, `fft` along the others", forward=True
)
irfftn = _several("irfftn", None, "The inverse of `rfftn`: real numbers", forward=False)
hfftn = _several(
    "hfftn", None, "`fft` along dimensions, `hfft` along the last of them", forward=True
)
ihfftn = _several("ihfftn", None, "The inverse of `hfftn`", forward=False)


# -- frequencies -----------------------------------------------------------------------------

SHIFT = Row("fftshift", lambda x, dims: np.fft.fftshift(x, dims), "RollBackward0")
UNSHIFT = Row("ifftshift", lambda x, dims: np.fft.ifftshift(x, dims), "RollBackward0")


def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """Frequency 0 moved to the middle of dimensions.

    >>> torch.fft.fftshift(torch.arange(4))
    tensor([2, 3, 0, 1])
    """
    return record(SHIFT, (input,), (wrap_dims(dim, input.ndim),))


def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """What `fftshift` did, undone.

    >>> torch.fft.ifftshift(torch.tensor([2, 3, 0, 1]))
    tensor([0, 1, 2, 3])
    """
    return record(UNSHIFT, (input,), (wrap_dims(dim, input.ndim),))


@factory
def fftfreq(n: int, d: float = 1.0, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """The frequencies of a transform of n samples at distance d.

    >>> torch.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    return wrapped(np.fft.fftfreq(n, d).astype(as_numpy(dtype)), requires_grad)


@factory
def rfftfreq(n: int, d: float = 1.0, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """The frequencies of a transform of n real samples at distance d.

    >>> torch.fft.rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    return wrapped(np.fft.rfftfreq(n, d).astype(as_numpy(dtype)), requires_grad)


__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "hfft2",
    "hfftn",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "ihfft2",
    "ihfftn",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]
