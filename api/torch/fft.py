"""`torch.fft`: frequencies, and spectra shifted. Transforms need complex dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .dtypes import as_numpy
from .node import Row
from .rows import wrap_dims
from .tensors import Tensor, record, wrapped

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


def fftfreq(n: int, d: float = 1.0, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """The frequencies of a transform of n samples at distance d.

    >>> torch.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    return wrapped(np.fft.fftfreq(n, d).astype(as_numpy(dtype)), requires_grad)


def rfftfreq(n: int, d: float = 1.0, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """The frequencies of a transform of n real samples at distance d.

    >>> torch.fft.rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    return wrapped(np.fft.rfftfreq(n, d).astype(as_numpy(dtype)), requires_grad)


__all__ = ["fftfreq", "fftshift", "ifftshift", "rfftfreq"]
