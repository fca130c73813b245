"""How losses of single elements are reduced to one number."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ... import reductions
from ...dtypes import here
from ...rows import common_shape
from ...tensors import Tensor


def reduced(loss: Any, reduction: str) -> Any:
    """A tracer of losses, reduced."""
    if reduction == "mean":
        return np.mean(loss)
    return np.sum(loss) if reduction == "sum" else loss


def weighted(loss: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """Losses times weights, reduced; the mean is over their number, not over the weights."""
    if weight is not None:
        loss = loss * weight
    if reduction == "none":
        return loss
    return reductions.mean(loss) if reduction == "mean" else reductions.sum(loss)


def how(reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> str:
    """The reduction that is asked for, in today's words or by the two flags of old.

    Raises:
        ValueError: for another word.
    """
    if size_average is not None or reduce is not None:
        if reduce is False:
            return "none"
        return "sum" if size_average is False else "mean"
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction{here()}")
    return reduction


def warn_of_sizes(input: Tensor, target: Tensor) -> None:
    """Shapes that differ and can be broadcast are seldom meant.

    Raises:
        RuntimeError: for shapes that cannot be broadcast.
    """
    if input.shape != target.shape:
        common_shape([input.shape, target.shape])
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            UserWarning,
            stacklevel=3,
        )
