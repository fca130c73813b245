"""Activations and losses: ``torch.nn.functional``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pullback.tracer.primitives import elementwise as rows
from pullback.tracer.primitives.elementwise import broadcast_scalar
from pullback.tracer.primitives.elementwise import where as choose

from .. import pointwise, products, random, reductions
from ..dtypes import here
from ..node import Row
from ..reductions import log_softmax, log_softmax_of, softmax
from ..rows import same, wrap_dim
from ..tensors import Tensor, record, wrapped

relu = pointwise.FUNCTIONS["relu"]
sigmoid = pointwise.FUNCTIONS["sigmoid"]
tanh = pointwise.FUNCTIONS["tanh"]

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "dropout",
    "elu",
    "gelu",
    "huber_loss",
    "l1_loss",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "relu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "tanh",
]

# -- activations -----------------------------------------------------------------------------


def _softplus(x: Any, beta: float, threshold: float) -> Any:
    scaled = x * beta
    soft = np.logaddexp(0.0, scaled) / beta
    return choose(scaled > threshold, x, soft)


def _leaky(x: Any, slope: float) -> Any:
    return choose(x > 0.0, x, x * slope)


def _elu(x: Any, alpha: float) -> Any:
    return choose(x > 0.0, x, np.expm1(np.minimum(x, 0.0)) * alpha)


def _gelu(x: Any, approximate: str) -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))
    return 0.5 * x * (1.0 + rows.erf(x * math.sqrt(0.5)))


SOFTPLUS = Row("softplus", _softplus, "SoftplusBackward0")
LEAKY = Row("leaky_relu", _leaky, "LeakyReluBackward0")
ELU = Row("elu", _elu, "EluBackward0")
GELU = Row("gelu", _gelu, "GeluBackward0")
SILU = Row("silu", lambda x: x * rows.logistic(x), "SiluBackward0")
LOGSIGMOID = Row("logsigmoid", lambda x: -np.logaddexp(0.0, -x), "LogSigmoidBackward0")


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """``log(1 + exp(beta * x)) / beta``, the value itself where that is large.

    >>> torch.nn.functional.softplus(torch.zeros(1))
    tensor([0.6931])
    """
    return record(SOFTPLUS, (input,), (float(beta), float(threshold)))


def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """The value where it is positive, else a small part of it.

    >>> torch.nn.functional.leaky_relu(torch.tensor([-1.0, 1.0]))
    tensor([-0.0100,  1.0000])
    """
    return record(LEAKY, (input,), (float(negative_slope),))


def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """The value where it is positive, else ``alpha * (exp(x) - 1)``.

    >>> torch.nn.functional.elu(torch.tensor([-1.0, 1.0]))
    tensor([-0.6321,  1.0000])
    """
    return record(ELU, (input,), (float(alpha),))


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """The value times the normal distribution function of it.

    >>> torch.nn.functional.gelu(torch.tensor([1.0]))
    tensor([0.8413])
    """
    return record(GELU, (input,), (approximate,))


def silu(input: Tensor) -> Tensor:
    """The value times its sigmoid.

    >>> torch.nn.functional.silu(torch.tensor([1.0]))
    tensor([0.7311])
    """
    return record(SILU, (input,))


def logsigmoid(input: Tensor) -> Tensor:
    """The logarithm of the sigmoid.

    >>> torch.nn.functional.logsigmoid(torch.zeros(1))
    tensor([-0.6931])
    """
    return record(LOGSIGMOID, (input,))


# -- layers ----------------------------------------------------------------------------------


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias``.

    >>> torch.nn.functional.linear(torch.ones(2), torch.eye(2), torch.ones(2))
    tensor([2., 2.])
    """
    given = (input, weight) if bias is None else (input, weight, bias)
    return record(products.LINEAR, given)


def dropout(input: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Elements set to zero with probability p, the others scaled up.

    >>> torch.nn.functional.dropout(torch.ones(2), training=False)
    tensor([1., 1.])
    """
    if not training or p == 0:
        return input
    kept = random.source().random(input.shape) >= p
    return input * wrapped((kept / (1.0 - p) if p < 1 else kept * 0.0).astype(input.dtype.numpy))


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Vectors along a dimension divided by their norms.

    >>> torch.nn.functional.normalize(torch.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    lengths = reductions.norm(input, p, dim, keepdim=True)
    divisor: Tensor = lengths.clamp(min=eps).expand(input.shape)
    return input / divisor


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """A row for each number, with a one at its place.

    >>> torch.nn.functional.one_hot(torch.tensor([1, 0]))
    tensor([[0, 1],
            [1, 0]])
    """
    places = tensor.value()
    count = int(places.max()) + 1 if num_classes == -1 else num_classes
    return wrapped(np.eye(count, dtype=np.int64)[places])


# -- losses ----------------------------------------------------------------------------------


def _reduced(loss: Any, reduction: str) -> Any:
    if reduction == "mean":
        return np.mean(loss)
    return np.sum(loss) if reduction == "sum" else loss


def _logits_loss(x: Any, y: Any, reduction: str) -> Any:
    return _reduced(np.logaddexp(broadcast_scalar(0.0, x), x) - x * y, reduction)


def _logits_loss_weighted(x: Any, y: Any, w: Any, reduction: str) -> Any:
    # Positive examples count as often as the weight says.
    soft = np.logaddexp(broadcast_scalar(0.0, x), -x)
    return _reduced((1.0 - y) * x + (1.0 + (w - 1.0) * y) * soft, reduction)


def _probability_loss(p: Any, y: Any, reduction: str) -> Any:
    # Logarithms are kept above -100, as in torch.
    logs = np.maximum(np.log(p), -100.0), np.maximum(np.log1p(-p), -100.0)
    return _reduced(-(y * logs[0] + (1.0 - y) * logs[1]), reduction)


def _smooth_l1(x: Any, y: Any, beta: float, reduction: str) -> Any:
    size = np.abs(x - y)
    return _reduced(choose(size < beta, 0.5 * size * size / beta, size - 0.5 * beta), reduction)


def _huber(x: Any, y: Any, delta: float, reduction: str) -> Any:
    size = np.abs(x - y)
    return _reduced(
        choose(size <= delta, 0.5 * size * size, delta * (size - 0.5 * delta)), reduction
    )


BCE_LOGITS = Row("bce_logits", _logits_loss, "BinaryCrossEntropyWithLogitsBackward0", same)
BCE_LOGITS_WEIGHTED = Row(
    "bce_logits", _logits_loss_weighted, "BinaryCrossEntropyWithLogitsBackward0", same
)
BCE = Row("bce", _probability_loss, "BinaryCrossEntropyBackward0", same)
MSE = Row("mse", lambda x, y, r: _reduced((x - y) * (x - y), r), "MseLossBackward0", same)
SMOOTH_L1 = Row("smooth_l1", _smooth_l1, "SmoothL1LossBackward0", same)
HUBER = Row("huber", _huber, "HuberLossBackward0", same)
_L1_NAMES: dict[str, str] = {"mean": "MeanBackward0", "sum": "SumBackward0", "none": "AbsBackward0"}
L1 = Row("l1", lambda x, y, r: _reduced(np.abs(x - y), r), lambda k, r: _L1_NAMES[r], same)


def _reduction(name: str) -> str:
    if name not in ("mean", "sum", "none"):
        raise ValueError(f"{name} is not a valid value for reduction{here()}")
    return name


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: None = None,
    reduce: None = None,
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
    how = _reduction(reduction)
    given = (input, target) if pos_weight is None else (input, target, pos_weight)
    row = BCE_LOGITS if pos_weight is None else BCE_LOGITS_WEIGHTED
    if weight is None:
        return record(row, given, (how,))
    return _apply_weight(record(row, given, ("none",)), weight, how)


def _apply_weight(loss: Tensor, weight: Tensor, reduction: str) -> Tensor:
    loss = loss * weight
    if reduction == "none":
        return loss
    return reductions.mean(loss) if reduction == "mean" else reductions.sum(loss)


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """The cross entropy between targets and probabilities.

    >>> torch.nn.functional.binary_cross_entropy(torch.tensor([0.5]), torch.ones(1))
    tensor(0.6931)
    """
    how = _reduction(reduction)
    if weight is None:
        return record(BCE, (input, target), (how,))
    return _apply_weight(record(BCE, (input, target), ("none",)), weight, how)


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """The mean of the squared differences.

    >>> torch.nn.functional.mse_loss(torch.zeros(2), torch.tensor([1.0, 3.0]))
    tensor(5.)
    """
    return record(MSE, (input, target), (_reduction(reduction),))


def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """The mean of the absolute differences.

    >>> torch.nn.functional.l1_loss(torch.zeros(2), torch.tensor([1.0, 3.0]))
    tensor(2.)
    """
    return record(L1, (input, target), (_reduction(reduction),))


def smooth_l1_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """Squared for small differences, absolute for others.

    >>> torch.nn.functional.smooth_l1_loss(torch.zeros(2), torch.tensor([1.0, 3.0]))
    tensor(1.5000)
    """
    return record(SMOOTH_L1, (input, target), (float(beta), _reduction(reduction)))


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0
) -> Tensor:
    """`smooth_l1_loss` times delta.

    >>> torch.nn.functional.huber_loss(torch.zeros(2), torch.tensor([1.0, 3.0]))
    tensor(1.5000)
    """
    return record(HUBER, (input, target), (float(delta), _reduction(reduction)))


def _picked(logs: Any, target: Any, ignored: int, reduction: str) -> Any:
    """The negative entries at the targets; classes are on axis 1, or 0 of a single example."""
    axis = 1 if logs.ndim > 1 else 0
    last: Any = np.moveaxis(logs, axis, -1)
    counted = target != ignored
    places: Any = choose(counted, target, broadcast_scalar(0, target))
    taken: Any = np.take_along_axis(last, np.expand_dims(places, -1), -1)
    loss: Any = choose(counted, -taken[..., 0], broadcast_scalar(0.0, taken[..., 0]))
    if reduction == "mean":
        return np.sum(loss) / np.sum(counted.astype(logs.dtype))
    return _reduced(loss, reduction)


def _class_loss(x: Any, target: Any, ignored: int, reduction: str) -> Any:
    return _picked(log_softmax_of(x, 1 if x.ndim > 1 else 0), target, ignored, reduction)


def _distribution_loss(x: Any, target: Any, reduction: str) -> Any:
    axis = 1 if x.ndim > 1 else 0
    loss = -np.sum(log_softmax_of(x, axis) * target, axis)
    if reduction == "mean":
        return np.sum(loss) / max(loss.size, 1)
    return _reduced(loss, reduction)


NLL = Row("nll_loss", _picked, "NllLossBackward0")
CROSS_ENTROPY = Row("cross_entropy", _class_loss, "NllLossBackward0")
CROSS_ENTROPY_SOFT = Row("cross_entropy", _distribution_loss, "DivBackward1", same)


def _check_target(input: Tensor, target: Tensor) -> None:
    batch = input.shape[:1] if input.ndim > 1 else ()
    if target.shape[:1] != batch:
        raise ValueError(
            f"Expected input batch_size ({batch[0] if batch else 1}) to match target batch_size "
            f"({target.shape[0] if target.ndim else 1}).{here()}"
        )
    value = target.node.value
    if value is not None and value.size:
        classes = input.shape[1 if input.ndim > 1 else 0]
        outside = value[((value < 0) | (value >= classes)) & (value != -100)]
        if outside.size:
            raise IndexError(f"Target {outside.reshape(-1)[0]} is out of bounds.{here()}")


def nll_loss(
    input: Tensor, target: Tensor, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """The mean of the negative log-probabilities at the target classes.

    >>> torch.nn.functional.nll_loss(torch.tensor([[-1.0, -2.0]]), torch.tensor([1]))
    tensor(2.)
    """
    _check_target(input, target)
    return record(NLL, (input, target), (ignore_index, _reduction(reduction)))


def cross_entropy(
    input: Tensor,
    target: Tensor,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The cross entropy between the softmax of ``input`` and classes, or probabilities.

    >>> torch.nn.functional.cross_entropy(torch.zeros(1, 2), torch.tensor([1]))
    tensor(0.6931)
    """
    how = _reduction(reduction)
    if target.is_floating_point():
        classes = input.shape[wrap_dim(1, input.ndim) if input.ndim > 1 else 0]
        if label_smoothing:
            target = target * (1.0 - label_smoothing) + label_smoothing / classes
        return record(CROSS_ENTROPY_SOFT, (input, target), (how,))
    _check_target(input, target)
    if label_smoothing:
        raise NotImplementedError(
            f"label_smoothing with class indices is not supported; pass probabilities{here()}"
        )
    return record(CROSS_ENTROPY, (input, target), (ignore_index, how))
