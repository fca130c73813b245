"""Dropout."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ... import random
from ...arithmetic import ROWS
from ...dtypes import here
from ...tensors import Tensor, record, wrapped
from ...writing import assign


def check_probability(p: float) -> None:
    """A probability is between 0 and 1.

    Raises:
        ValueError: torch's.
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}{here()}")


def _kept(shape: Any, p: float) -> Any:
    """A mask of what is kept, with probability 1 - p."""
    return random.source().random(tuple(shape), dtype=np.float32) >= p


@random.per_item
def _factors(shape: Any, p: float, dtype: Any) -> Tensor:
    """What keeps and scales up, or is zero."""
    kept = _kept(shape, p)
    return wrapped((kept / (1.0 - p) if p < 1 else kept * 0.0).astype(dtype))


def _scaled(input: Tensor, shape: Any, p: float, inplace: bool) -> Tensor:
    result = record(ROWS["mul"], (input, _factors(shape, p, input.dtype.numpy)))
    return assign(input, result) if inplace else result


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Elements set to zero with probability p, the others scaled up.

    >>> torch.nn.functional.dropout(torch.ones(2), training=False)
    tensor([1., 1.])
    """
    check_probability(p)
    return _scaled(input, input.shape, p, inplace) if training and p else input


_CHANNELS = (
    "dropout2d: what is not of shape (N, C, H, W) is taken as (N, C, ...): it has a batch, even if "
    "it has three dimensions"
)


def _channels(ndims: tuple[int, ...], name: str) -> Any:
    def function(
        input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Tensor:
        check_probability(p)
        if not training or not p:
            return input
        channels = input.ndim - (ndims[0] - 2)
        if name == "dropout2d" and input.ndim != 4:
            warnings.warn(_CHANNELS, UserWarning, stacklevel=2)
            channels = 2
        shape = (*input.shape[:channels], *(1,) * (input.ndim - channels))
        return _scaled(input, shape, p, inplace)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        "Whole channels set to zero with probability p, the others scaled up.\n\n"
        f">>> x = torch.ones({', '.join('1' * ndims[0])})\n"
        f">>> torch.nn.functional.{name}(x, training=False).numel()\n1\n"
    )
    return function


dropout1d = _channels((3, 2), "dropout1d")
dropout2d = _channels((4, 3), "dropout2d")
dropout3d = _channels((5, 4), "dropout3d")


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout for `selu`: what is dropped becomes its limit, and mean and variance stay.

    >>> torch.nn.functional.alpha_dropout(torch.ones(2))
    tensor([1., 1.])
    """
    check_probability(p)
    return _alpha(input, input.shape, p, inplace) if training and p else input


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """`alpha_dropout` of whole channels.

    >>> torch.nn.functional.feature_alpha_dropout(torch.ones(1, 1, 2))
    tensor([[[1., 1.]]])
    """
    check_probability(p)
    shape = (*input.shape[:2], *(1,) * (input.ndim - 2))
    return _alpha(input, shape, p, inplace) if training and p else input


_LIMIT = -1.0507009873554805 * 1.6732632423543772
"""What `selu` goes to on the left."""


def _alpha(input: Tensor, shape: Any, p: float, inplace: bool) -> Tensor:
    kept = _kept(shape, p)
    scale = (1.0 - p + _LIMIT * _LIMIT * p * (1.0 - p)) ** -0.5 if p < 1 else 0.0
    shift = -scale * p * _LIMIT
    dtype = input.dtype.numpy
    factors = wrapped((kept * scale).astype(dtype))
    terms = wrapped((np.where(kept, 0.0, _LIMIT * scale) + shift).astype(dtype))
    result: Tensor = input * factors + terms
    return assign(input, result) if inplace else result
