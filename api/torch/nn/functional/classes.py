"""Losses that compare scores with classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from pullback.tracer.primitives.elementwise import broadcast_scalar
from pullback.tracer.primitives.elementwise import where as choose

from ...dtypes import here
from ...node import Row
from ...reductions import log_softmax_of
from ...rows import like_first
from ...tensors import Tensor, record
from .reducing import how, reduced

Flag = bool | None


def _class_axis(x: Any) -> int:
    """Classes are on axis 1, or 0 of a single example."""
    return 1 if x.ndim > 1 else 0


def _weights_at(logs: Any, target: Any, weights: Any, ignored: int) -> tuple[Any, Any]:
    """Targets that can be looked up, and what each counts: its class's weight, or nothing."""
    counted = target != ignored
    places: Any = choose(counted, target, broadcast_scalar(0, target))
    each = np.take(weights[0], places) if weights else counted.astype(logs.dtype)
    return places, choose(counted, each, broadcast_scalar(0.0, each))


def _mean(loss: Any, each: Any, reduction: str) -> Any:
    if reduction == "mean":
        return np.sum(loss) / np.sum(each)
    return reduced(loss, reduction)


def _picked(logs: Any, target: Any, *rest: Any) -> Any:
    """The negative entries at the targets, weighted."""
    *weights, ignored, reduction = rest
    last: Any = np.moveaxis(logs, _class_axis(logs), -1)
    places, each = _weights_at(logs, target, weights, ignored)
    taken: Any = np.take_along_axis(last, np.expand_dims(places, -1), -1)[..., 0]
    counted = target != ignored
    # What is not counted must not be met, be it infinite.
    loss = choose(counted, -taken, broadcast_scalar(0.0, taken)) * each
    return _mean(loss, each, reduction)


def _class_loss(x: Any, target: Any, *rest: Any) -> Any:
    *weights, ignored, smoothing, reduction = rest
    axis = _class_axis(x)
    logs = log_softmax_of(x, axis)
    loss = _picked(logs, target, *weights, ignored, reduction)
    if not smoothing:
        return loss
    _, each = _weights_at(logs, target, weights, ignored)
    spread = logs * _along_axis(weights[0], x.ndim, axis) if weights else logs
    total: Any = -np.sum(spread, axis)
    total = choose(target != ignored, total, broadcast_scalar(0.0, total))
    smooth = _mean(total, each, reduction)
    return (1.0 - smoothing) * loss + (smoothing / x.shape[axis]) * smooth


def _along_axis(weight: Any, ndim: int, axis: int) -> Any:
    return np.reshape(weight, tuple(-1 if a == axis else 1 for a in range(ndim)))


def _distribution_loss(x: Any, target: Any, *rest: Any) -> Any:
    *weights, smoothing, reduction = rest
    axis = _class_axis(x)
    if smoothing:
        target = target * (1.0 - smoothing) + smoothing / x.shape[axis]
    logs = log_softmax_of(x, axis)
    if weights:
        logs = logs * _along_axis(weights[0], x.ndim, axis)
    loss = -np.sum(logs * target, axis)
    if reduction == "mean":
        return np.sum(loss) / max(loss.size, 1)
    return reduced(loss, reduction)


def _nll_name(kinds: Any, *params: Any) -> str:
    ndim = len(kinds[0].type.shape)
    if ndim == 3 and params[-1] == "none":
        return "ViewBackward0"
    return "NllLossBackward0" if ndim < 3 else "NllLoss2DBackward0"


def _class_loss_name(kinds: Any, ignored: int, smoothing: float, reduction: str) -> str:
    return "AddBackward0" if smoothing else _nll_name(kinds, reduction)


def _distribution_name(kinds: Any, smoothing: float, reduction: str) -> str:
    return {"mean": "DivBackward1", "sum": "NegBackward0"}.get(reduction, "NegBackward0")


NLL = Row("nll_loss", _picked, _nll_name)
CROSS_ENTROPY = Row("cross_entropy", _class_loss, _class_loss_name)
CROSS_ENTROPY_SOFT = Row("cross_entropy", _distribution_loss, _distribution_name, like_first)


def _check_target(input: Tensor, target: Tensor, ignored: int) -> None:
    if target.dtype.numpy.kind != "i":
        raise RuntimeError(f"expected scalar type Long but found {target.dtype.title}{here()}")
    batch = input.shape[:1] if input.ndim > 1 else ()
    if target.shape[:1] != batch:
        raise ValueError(
            f"Expected input batch_size ({batch[0] if batch else 1}) to match target batch_size "
            f"({target.shape[0] if target.ndim else 1}).{here()}"
        )
    classes = input.shape[1 if input.ndim > 1 else 0]
    node = target.node
    limits = classes, ignored
    if node.value is not None and (target.exposed or node.checked != limits):
        _check_within(node.value, classes, ignored)
        node.checked = limits


def _check_within(value: Any, classes: int, ignored: int) -> None:
    outside = value[((value < 0) | (value >= classes)) & (value != ignored)]
    if outside.size:
        raise IndexError(f"Target {outside.reshape(-1)[0]} is out of bounds.{here()}")


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    ignore_index: int = -100,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean of the negative log-probabilities at the target classes.

    >>> torch.nn.functional.nll_loss(torch.tensor([[-1.0, -2.0]]), torch.tensor([1]))
    tensor(2.)
    """
    _check_target(input, target, ignore_index)
    given = (input, target) if weight is None else (input, target, weight)
    return record(NLL, given, (ignore_index, how(reduction, size_average, reduce)))


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Flag = None,
    ignore_index: int = -100,
    reduce: Flag = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The cross entropy between the softmax of ``input`` and classes, or probabilities.

    >>> torch.nn.functional.cross_entropy(torch.zeros(1, 2), torch.tensor([1]))
    tensor(0.6931)
    """
    reduction = how(reduction, size_average, reduce)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(
            f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}{here()}"
        )
    given = (input, target) if weight is None else (input, target, weight)
    if target.is_floating_point():
        if target.shape != input.shape:
            raise RuntimeError(
                f"Expected floating point type for target with class probabilities, got "
                f"{target.dtype.title}{here()}"
                if target.ndim == input.ndim - 1
                else f"input and target must have the same shape{here()}"
            )
        return record(CROSS_ENTROPY_SOFT, given, (float(label_smoothing), reduction))
    _check_target(input, target, ignore_index)
    return record(CROSS_ENTROPY, given, (ignore_index, float(label_smoothing), reduction))
