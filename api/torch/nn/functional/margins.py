"""Losses with a margin, and those that compare vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pullback.tracer.numpy.creation import positions
from pullback.tracer.primitives.elementwise import broadcast_scalar
from pullback.tracer.primitives.elementwise import where as choose

from ... import arithmetic
from ...dtypes import here
from ...node import Row
from ...tensors import Tensor, record
from .activations import logsigmoid
from .distances import pairwise_distance
from .reducing import how, reduced, weighted

Flag = bool | None


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """Distances where the target is 1; what they lack to the margin where it is -1.

    >>> torch.nn.functional.hinge_embedding_loss(torch.tensor([0.5, 0.5]), torch.tensor([1, -1]))
    tensor(0.5000)
    """
    zero = input.detach() * 0.0
    near = arithmetic.where(target.eq(-1), zero, input)
    far = arithmetic.where(target.eq(1), zero, (margin - input).clamp(min=0.0))
    return weighted(near + far, None, how(reduction, size_average, reduce))


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """How far the first is from being above the second where the target is 1, below where -1.

    >>> torch.nn.functional.margin_ranking_loss(torch.ones(1), torch.zeros(1), -torch.ones(1))
    tensor(1.)
    """
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.shape}, input2: {input2.shape}, target: {target.shape} {here()}"
        )
    loss = (-target * (input1 - input2) + margin).clamp(min=0.0)
    return weighted(loss, None, how(reduction, size_average, reduce))


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """One minus the cosine where the target is 1; the cosine above the margin where it is -1.

    >>> x = torch.tensor([[1.0, 0.0]])
    >>> torch.nn.functional.cosine_embedding_loss(x, x, torch.tensor([-1]), margin=0.25)
    tensor(0.7500)
    """
    # torch adds this to the squared lengths.
    tiny = 1e-12
    products = (input1 * input2).sum(-1)
    lengths = ((input1 * input1).sum(-1) + tiny) * ((input2 * input2).sum(-1) + tiny)
    cosine = products / lengths.sqrt()
    zero = cosine.detach() * 0.0
    near = arithmetic.where(target.eq(1), 1.0 - cosine, zero)
    far = arithmetic.where(target.eq(-1), (cosine - margin).clamp(min=0.0), zero)
    return weighted(near + far, None, how(reduction, size_average, reduce))


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """What the distance to the negative lacks to that to the positive and the margin.

    >>> x = torch.tensor([[0.0, 0.0]])
    >>> torch.nn.functional.triplet_margin_loss(x, x, x)
    tensor(1.)
    """
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}{here()}")

    def distance(x: Tensor, y: Tensor) -> Tensor:
        return pairwise_distance(x, y, p, eps)

    loss = _triplet(anchor, positive, negative, distance, margin, swap)
    return weighted(loss, None, how(reduction, size_average, reduce))


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with any distance.

    >>> x = torch.tensor([[0.0, 0.0]])
    >>> torch.nn.functional.triplet_margin_with_distance_loss(x, x, x)
    tensor(1.)
    """
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}{here()}")
    distance = distance_function or pairwise_distance
    return weighted(
        _triplet(anchor, positive, negative, distance, margin, swap), None, how(reduction)
    )


def _triplet(
    anchor: Tensor, positive: Tensor, negative: Tensor, distance: Any, margin: float, swap: bool
) -> Tensor:
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = arithmetic.FUNCTIONS["minimum"](far, distance(positive, negative))
    result: Tensor = (near - far + margin).clamp(min=0.0)
    return result


# -- several classes -------------------------------------------------------------------------


def _multi_margin(x: Any, target: Any, *rest: Any) -> Any:
    *weights, p, margin, reduction = rest
    single = x.ndim < 2
    if single:
        x, target = np.reshape(x, (1, -1)), np.reshape(target, (1,))
    picked = np.take_along_axis(x, target[:, None], 1)
    gaps = np.maximum(margin - picked + x, broadcast_scalar(0.0, x))
    losses: Any = gaps if p == 1 else gaps * gaps
    if weights:
        losses = losses * np.take(weights[0], target)[:, None]
    classes = x.shape[1]
    others = positions(classes)[None, :] != target[:, None]
    losses = np.sum(choose(others, losses, broadcast_scalar(0.0, losses)), 1) / classes
    return reduced(losses[0] if single and reduction == "none" else losses, reduction)


MULTI_MARGIN = Row("multi_margin", _multi_margin, "MultiMarginLossBackward0")


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """What the score of the target class lacks to the others' and the margin.

    >>> torch.nn.functional.multi_margin_loss(torch.zeros(1, 2), torch.tensor([0]))
    tensor(0.5000)
    """
    if p not in (1, 2):
        raise ValueError(f"only p == 1 and p == 2 supported{here()}")
    given = (input, target) if weight is None else (input, target, weight)
    params = (p, float(margin), how(reduction, size_average, reduce))
    return record(MULTI_MARGIN, given, params)


def _multilabel_margin(x: Any, target: Any, reduction: str) -> Any:
    single = x.ndim < 2
    if single:
        x, target = np.reshape(x, (1, -1)), np.reshape(target, (1, -1))
    count = x.shape[1]
    # The labels of an example are those before its first -1.
    listed = np.cumsum((target < 0).astype(np.int64), 1) == 0
    places = choose(listed, target, broadcast_scalar(0, target))
    classes = positions(count)[None, None, :]
    is_label = np.any((places[:, :, None] == classes) & listed[:, :, None], 1)
    picked: Any = np.take_along_axis(x, places, 1)  # type: ignore[arg-type]
    gaps: Any = 1.0 - picked[:, :, None] + x[:, None, :]
    gaps = np.maximum(gaps, broadcast_scalar(0.0, gaps))
    counted = listed[:, :, None] & ~is_label[:, None, :]
    losses = np.sum(choose(counted, gaps, broadcast_scalar(0.0, gaps)), (1, 2)) / count
    return reduced(losses[0] if single and reduction == "none" else losses, reduction)


MULTILABEL_MARGIN = Row("multilabel_margin", _multilabel_margin, "MultilabelMarginLossBackward0")


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """What the scores of the labels lack to the others' and the margin 1.

    The target lists the labels of an example, then -1.

    >>> F = torch.nn.functional
    >>> F.multilabel_margin_loss(torch.zeros(1, 2), torch.tensor([[0, -1]]))
    tensor(0.5000)
    """
    if input.shape != target.shape:
        raise RuntimeError(
            f"inconsistent target size: {list(target.shape)} for input of size: "
            f"{list(input.shape)}{here()}"
        )
    params = (how(reduction, size_average, reduce),)
    return record(MULTILABEL_MARGIN, (input, target), params)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over classes of the cross entropy of each.

    >>> F = torch.nn.functional
    >>> F.multilabel_soft_margin_loss(torch.zeros(1, 2), torch.ones(1, 2))
    tensor(0.6931)
    """
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    means = loss.sum(-1) / input.shape[-1]
    return weighted(means, None, how(reduction, size_average, reduce))
