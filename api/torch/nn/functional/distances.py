"""Distances and angles between vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import reductions
from ...dtypes import here
from ...node import Row
from ...reductions import NORM
from ...rows import wrap_dim
from ...tensors import Tensor, record, wrapped


def _cosine(x: Any, y: Any, dim: int, eps: float) -> Any:
    x, y = np.broadcast_arrays(x, y)

    def length(v: Any) -> Any:
        return np.maximum(NORM.apply(v, 2.0, dim, True), eps)

    return np.sum((x / length(x)) * (y / length(y)), dim)


def _pairwise(x: Any, y: Any, p: float, eps: float, keepdim: bool) -> Any:
    return NORM.apply(x - y + eps, p, -1, keepdim)


def _pdist(x: Any, first: Any, second: Any, p: float) -> Any:
    return NORM.apply(np.take(x, first, 0) - np.take(x, second, 0), p, -1, False)


COSINE = Row("cosine_similarity", _cosine, "SumBackward1")
PAIRWISE = Row("pairwise_distance", _pairwise, "NormBackward1")
PDIST = Row("pdist", _pdist, "PdistBackward0")


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along a dimension.

    >>> torch.nn.functional.cosine_similarity(torch.ones(1, 2), torch.ones(1, 2))
    tensor([1.0000])
    """
    axis = wrap_dim(dim, max(x1.ndim, x2.ndim))
    return record(COSINE, (x1, x2), (axis, float(eps)))


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of the differences of vectors, which lie along the last dimension.

    >>> torch.nn.functional.pairwise_distance(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]))
    tensor([5.0000])
    """
    return record(PAIRWISE, (x1, x2), (float(p), float(eps), keepdim))


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norms of the differences of all pairs of rows.

    >>> torch.nn.functional.pdist(torch.tensor([[0.0], [1.0], [3.0]]))
    tensor([1., 3., 2.])
    """
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D{here()}")
    first, second = (wrapped(x) for x in np.triu_indices(input.shape[0], 1))
    return record(PDIST, (input, first, second), (float(p),))


def normalize(
    input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """Vectors along a dimension divided by their norms.

    >>> torch.nn.functional.normalize(torch.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    lengths = reductions.norm(input, p, dim, keepdim=True)
    divisor: Tensor = lengths.clamp(min=eps).expand(input.shape)
    return input / divisor
