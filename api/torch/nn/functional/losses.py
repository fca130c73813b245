"""Losses that compare numbers with numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pullback.tracer.primitives.elementwise import broadcast_scalar
from pullback.tracer.primitives.elementwise import where as choose

from ...dtypes import here
from ...node import Row
from ...rows import same
from ...tensors import Tensor, record
from .reducing import how, reduced, warn_of_sizes, weighted

Flag = bool | None


def _logits_loss(x: Any, y: Any, *rest: Any) -> Any:
    *given, flags, reduction = rest
    if not any(flags):
        return reduced(np.logaddexp(broadcast_scalar(0.0, x), x) - x * y, reduction)
    weight, positive = _expanded(given, flags)
    soft = np.logaddexp(broadcast_scalar(0.0, x), -x)
    # Positive examples count as often as their weight says.
    loss = (1.0 - y) * x + (soft if positive is None else (1.0 + (positive - 1.0) * y) * soft)
    return reduced(loss if weight is None else loss * weight, reduction)


def _expanded(given: list[Any], flags: tuple[bool, ...]) -> list[Any]:
    """What was given, None in the place of what was not."""
    rest = iter(given)
    return [next(rest) if there else None for there in flags]


def _probability_loss(p: Any, y: Any, *rest: Any) -> Any:
    *weight, reduction = rest
    # Logarithms are kept above -100, as in torch.
    logs = np.maximum(np.log(p), -100.0), np.maximum(np.log1p(-p), -100.0)
    loss = -(y * logs[0] + (1.0 - y) * logs[1])
    return reduced(loss * weight[0] if weight else loss, reduction)


def _smooth_l1(x: Any, y: Any, beta: float, reduction: str) -> Any:
    size = np.abs(x - y)
    if not beta:
        return reduced(size, reduction)
    return reduced(choose(size < beta, 0.5 * size * size / beta, size - 0.5 * beta), reduction)


def _huber(x: Any, y: Any, delta: float, reduction: str) -> Any:
    size = np.abs(x - y)
    return reduced(
        choose(size <= delta, 0.5 * size * size, delta * (size - 0.5 * delta)), reduction
    )


def _kl_div(x: Any, y: Any, log_target: bool, reduction: str) -> Any:
    if log_target:
        return reduced(np.exp(y) * (y - x), reduction)
    # A target of 0 counts nothing; its logarithm is not to be met.
    positive = y > 0.0
    safe = choose(positive, y, broadcast_scalar(1.0, y))
    return reduced(choose(positive, y * np.log(safe), broadcast_scalar(0.0, y)) - y * x, reduction)


def _soft_margin(x: Any, y: Any, reduction: str) -> Any:
    return reduced(np.logaddexp(broadcast_scalar(0.0, x), -y * x), reduction)


BCE_LOGITS = Row("bce_logits", _logits_loss, "BinaryCrossEntropyWithLogitsBackward0", same)
BCE = Row("bce", _probability_loss, "BinaryCrossEntropyBackward0", same)
MSE = Row("mse", lambda x, y, r: reduced((x - y) * (x - y), r), "MseLossBackward0", same)
SMOOTH_L1 = Row("smooth_l1", _smooth_l1, "SmoothL1LossBackward0", same)
HUBER = Row("huber", _huber, "HuberLossBackward0", same)
_NAMES: dict[str, str] = {"mean": "MeanBackward0", "sum": "SumBackward0"}
L1 = Row(
    "l1",
    lambda x, y, r: reduced(np.abs(x - y), r),
    lambda k, r: _NAMES.get(r, "AbsBackward0"),
    same,
)
KL_DIV = Row(
    "kl_div",
    _kl_div,
    lambda k, log, r: _NAMES.get(r, "MulBackward0" if log else "SubBackward0"),
    same,
)
SOFT_MARGIN = Row("soft_margin", _soft_margin, "SoftMarginLossBackward0", same)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """The cross entropy between targets and the sigmoid of ``input``.

    >>> torch.nn.functional.binary_cross_entropy_with_logits(torch.zeros(3), torch.ones(3))
    tensor(0.6931)
    """
    if input.shape != target.shape:
        raise ValueError(
            f"Target size ({target.shape}) must be the same as input size ({input.shape}){here()}"
        )
    given = tuple(x for x in (weight, pos_weight) if x is not None)
    flags = (weight is not None, pos_weight is not None)
    params = (flags, how(reduction, size_average, reduce))
    return record(BCE_LOGITS, (input, target, *given), params)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """The cross entropy between targets and probabilities.

    >>> torch.nn.functional.binary_cross_entropy(torch.tensor([0.5]), torch.ones(1))
    tensor(0.6931)
    """
    if input.shape != target.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}) is deprecated. Please ensure they have the same size.{here()}"
        )
    given = (input, target) if weight is None else (input, target, weight)
    return record(BCE, given, (how(reduction, size_average, reduce),))


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The mean of the squared differences.

    >>> torch.nn.functional.mse_loss(torch.zeros(2), torch.tensor([1.0, 3.0]))
    tensor(5.)
    """
    warn_of_sizes(input, target)
    return _averaged(MSE, input, target, weight, (), how(reduction, size_average, reduce))


def _averaged(
    row: Row, x: Tensor, y: Tensor, weight: Tensor | None, params: Any, reduction: str
) -> Tensor:
    """Differences with weights; their mean is over the sum of the weights."""
    if weight is None:
        return record(row, (x, y), (*params, reduction))
    loss = record(row, (x, y), (*params, "none"))
    if reduction == "mean":
        result: Tensor = (loss * weight).sum() / weight.expand(loss.shape).sum()
        return result
    return weighted(loss, weight, reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The mean of the absolute differences.

    >>> torch.nn.functional.l1_loss(torch.zeros(2), torch.tensor([1.0, 3.0]))
    tensor(2.)
    """
    warn_of_sizes(input, target)
    return _averaged(L1, input, target, weight, (), how(reduction, size_average, reduce))


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Squared for small differences, absolute for others.

    >>> torch.nn.functional.smooth_l1_loss(torch.zeros(2), torch.tensor([1.0, 3.0]))
    tensor(1.5000)
    """
    warn_of_sizes(input, target)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss does not support negative values for beta.{here()}")
    return record(SMOOTH_L1, (input, target), (float(beta), how(reduction, size_average, reduce)))


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """`smooth_l1_loss` times delta.

    >>> torch.nn.functional.huber_loss(torch.zeros(2), torch.tensor([1.0, 3.0]))
    tensor(1.5000)
    """
    warn_of_sizes(input, target)
    if delta <= 0:
        raise RuntimeError(f"huber_loss does not support non-positive values for delta.{here()}")
    return _averaged(HUBER, input, target, weight, (float(delta),), how(reduction))


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """``target * (log(target) - input)``; ``"batchmean"`` divides the sum by the batch's size.

    >>> torch.nn.functional.kl_div(torch.zeros(1, 2), torch.ones(1, 2), reduction="batchmean")
    tensor(0.)
    """
    if reduction == "batchmean" and size_average is None and reduce is None:
        total = record(KL_DIV, (input, target), (log_target, "sum"))
        return total / input.shape[0] if input.ndim else total
    reduction = how(reduction, size_average, reduce)
    return record(KL_DIV, (input, target), (log_target, reduction))


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: Flag = None,
    eps: float = 1e-8,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log-likelihood of counts; ``full`` adds Stirling's approximation.

    >>> torch.nn.functional.poisson_nll_loss(torch.zeros(2), torch.ones(2))
    tensor(1.)
    """
    if log_input:
        loss = input.exp() - target * input
    else:
        loss = input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return weighted(loss, None, how(reduction, size_average, reduce))


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """The negative log-likelihood of normally distributed targets.

    >>> torch.nn.functional.gaussian_nll_loss(torch.zeros(2), torch.ones(2), torch.ones(2))
    tensor(0.5000)
    """
    if not isinstance(var, Tensor):
        if var < 0:
            raise ValueError(f"var has negative entry/entries{here()}")
        var = input.detach() * 0.0 + var
    if var.shape != input.shape:
        if input.shape[:-1] == var.shape:
            var = var.unsqueeze(-1)
        elif input.shape[:-1] != var.shape[:-1] or var.shape[-1] != 1:
            raise ValueError(f"var is of incorrect size{here()}")
    reduction = how(reduction)
    if bool((var < 0).any()):
        raise ValueError(f"var has negative entry/entries{here()}")
    # The limit has no derivatives of its own: those of the variance pass it.
    kept = var + (var.detach().clamp(min=eps) - var.detach())
    loss = 0.5 * (kept.log() + (input - target) ** 2 / kept)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return weighted(loss, None, reduction)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """``log(1 + exp(-target * input))``, targets being 1 and -1.

    >>> torch.nn.functional.soft_margin_loss(torch.zeros(2), torch.ones(2))
    tensor(0.6931)
    """
    return record(SOFT_MARGIN, (input, target), (how(reduction, size_average, reduce),))
