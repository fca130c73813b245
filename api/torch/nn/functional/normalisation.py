"""Normalisation: mean and variance of groups of elements brought to 0 and 1."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...dtypes import here
from ...modes import no_grad
from ...node import Row
from ...shapes import clone
from ...tensors import Tensor, record


def _standardised(x: Any, axes: tuple[int, ...], eps: float) -> Any:
    centred = x - np.mean(x, axes, keepdims=True)
    return centred / np.sqrt(np.mean(centred * centred, axes, keepdims=True) + eps)


def _affine(x: Any, given: tuple[Any, ...], flags: tuple[bool, bool], shape: Any = None) -> Any:
    """Times a weight, plus a bias, of which there may be neither."""
    rest = list(given)
    for there, put in zip(flags, (np.multiply, np.add), strict=True):
        if there:
            value = rest.pop(0)
            x = put(x, value if shape is None else np.reshape(value, shape))
    return x


def _per_channel(x: Any) -> Any:
    return (1, -1) + (1,) * (x.ndim - 2)


def _layer(x: Any, *rest: Any) -> Any:
    *given, count, flags, eps = rest
    axes = tuple(range(x.ndim - count, x.ndim))
    return _affine(_standardised(x, axes, eps), tuple(given), flags)


def _rms(x: Any, *rest: Any) -> Any:
    *given, count, flags, eps = rest
    axes = tuple(range(x.ndim - count, x.ndim))
    scaled = x / np.sqrt(np.mean(x * x, axes, keepdims=True) + eps)
    return _affine(scaled, tuple(given), flags)


def _group(x: Any, *rest: Any) -> Any:
    *given, groups, flags, eps = rest
    size = math.prod(x.shape[1:]) // groups
    parts = np.reshape(x, (x.shape[0], groups, size))
    whole = np.reshape(_standardised(parts, (2,), eps), x.shape)
    return _affine(whole, tuple(given), flags, _per_channel(x))


def _batch_by(x: Any, mean: Any, var: Any, *rest: Any) -> Any:
    *given, flags, eps = rest
    shape = _per_channel(x)
    scaled = (x - np.reshape(mean, shape)) / np.sqrt(np.reshape(var, shape) + eps)
    return _affine(scaled, tuple(given), flags, shape)


def _instance(x: Any, *rest: Any) -> Any:
    *given, flags, eps = rest
    axes = tuple(range(2, x.ndim))
    return _affine(_standardised(x, axes, eps), tuple(given), flags, _per_channel(x))


def _moment(x: Any, variance: bool) -> Any:
    axes = (0, *range(2, x.ndim))
    return np.var(x, axes) if variance else np.mean(x, axes)


def _towards(old: Any, new: Any, momentum: Any, scale: float) -> Any:
    share = momentum.astype(old.dtype)
    return old * (1.0 - share) + new * (share * scale)


def _local_response(x: Any, size: int, alpha: float, beta: float, k: float) -> Any:
    squares = np.pad(x * x, [(0, 0), (size // 2, (size - 1) // 2)] + [(0, 0)] * (x.ndim - 2))
    channels = x.shape[1]
    total: Any = squares[:, :channels]
    for first in range(1, size):
        total = total + squares[:, first : first + channels]
    return x / (total * (alpha / size) + k) ** beta


LAYER = Row("layer_norm", _layer, "NativeLayerNormBackward0")
RMS = Row("rms_norm", _rms, "MulBackward0")
GROUP = Row("group_norm", _group, "NativeGroupNormBackward0")
BATCH_BY = Row("batch_norm", _batch_by, "NativeBatchNormBackward0")
INSTANCE = Row("instance_norm", _instance, "ViewBackward0")
MOMENT = Row("batch_moment", _moment, "MeanBackward1")
TOWARDS = Row("running_moment", _towards, None)
LOCAL_RESPONSE = Row("local_response_norm", _local_response, "DivBackward0")


def _given(weight: Tensor | None, bias: Tensor | None) -> tuple[Any, tuple[bool, bool]]:
    present = tuple(x for x in (weight, bias) if x is not None)
    return present, (weight is not None, bias is not None)


def _check_shape(input: Tensor, shape: tuple[int, ...]) -> None:
    if not shape or input.shape[-len(shape) :] != shape:
        stars = ", ".join(("*", *map(str, shape)))
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [{stars}], but got "
            f"input of size{list(input.shape)}{here()}"
        )


def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Each stretch of the last dimensions brought to mean 0 and variance 1.

    >>> torch.nn.functional.layer_norm(torch.tensor([1.0, 3.0]), (2,))
    tensor([-1.0000,  1.0000])
    """
    shape = tuple(int(n) for n in normalized_shape)
    _check_shape(input, shape)
    given, flags = _given(weight, bias)
    return record(LAYER, (input, *given), (len(shape), flags, float(eps)))


def rms_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Each stretch of the last dimensions divided by its root mean square.

    >>> torch.nn.functional.rms_norm(torch.tensor([1.0, 7.0]), (2,))
    tensor([0.2000, 1.4000])
    """
    shape = tuple(int(n) for n in normalized_shape)
    _check_shape(input, shape)
    given, flags = _given(weight, None)
    small = float(np.finfo(input.dtype.numpy).eps) if eps is None else float(eps)
    return record(RMS, (input, *given), (len(shape), flags, small))


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Groups of channels (dimension 1) of each example brought to mean 0 and variance 1.

    >>> torch.nn.functional.group_norm(torch.tensor([[1.0, 3.0]]), 1)
    tensor([[-1.0000,  1.0000]])
    """
    if input.ndim < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {input.ndim}{here()}"
        )
    if input.shape[1] % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {list(input.shape)} and num_groups={num_groups}{here()}"
        )
    given, flags = _given(weight, bias)
    return record(GROUP, (input, *given), (num_groups, flags, float(eps)))


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel (dimension 1) brought to mean 0 and variance 1 over the batch.

    While training, the running mean and variance are moved towards the batch's, in place;
    otherwise they take its part.

    >>> torch.nn.functional.batch_norm(torch.tensor([[1.0], [3.0]]), None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    if input.ndim < 2 and not input.numel():
        return clone(input)
    given, flags = _given(weight, bias)
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError(
                "Expected running_mean and running_var to be defined when training=False" + here()
            )
        return record(BATCH_BY, (input, running_mean, running_var, *given), (flags, float(eps)))
    if math.prod(input.shape) == input.shape[1]:
        raise ValueError(
            "Expected more than 1 value per channel when training, got input size "
            f"{input.shape}{here()}"
        )
    mean, var = (record(MOMENT, (input,), (variance,)) for variance in (False, True))
    count = math.prod(input.shape) // input.shape[1]
    _move(running_mean, mean, momentum)
    _move(running_var, var, momentum, count / (count - 1))
    return record(BATCH_BY, (input, mean, var, *given), (flags, float(eps)))


def _move(running: Tensor | None, moment: Tensor, momentum: float, scale: float = 1.0) -> None:
    """Record a move of a running moment; the one before is computed now, so that none pile up."""
    if running is not None:
        running.value()
        with no_grad():
            running.copy_(record(TOWARDS, (running, moment, float(momentum)), (scale,)))
        # Held by what waits for it, the moment is computed with the gradients.
        vars(running)["awaited"] = moment


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of each example brought to mean 0 and variance 1.

    >>> torch.nn.functional.instance_norm(torch.tensor([[[1.0, 3.0]]]))
    tensor([[[-1.0000,  1.0000]]])
    """
    given, flags = _given(weight, bias)
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if math.prod(input.shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {input.shape}"
            f"{here()}"
        )
    if running_mean is not None and running_var is not None:
        _move_by_examples(input, running_mean, running_var, momentum)
    return record(INSTANCE, (input, *given), (flags, float(eps)))


def _move_by_examples(x: Tensor, mean: Tensor, var: Tensor, momentum: float) -> None:
    """The running moments move towards the mean over the examples of theirs."""
    axes = tuple(range(2, x.ndim))
    _move(mean, x.mean(axes).mean(0), momentum)
    _move(var, x.var(axes).mean(0), momentum)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Elements divided by a power of the mean square of their neighbours among the channels.

    >>> torch.nn.functional.local_response_norm(torch.ones(1, 1, 1), 1, alpha=1.0, beta=1.0)
    tensor([[[0.5000]]])
    """
    if input.ndim < 3:
        raise ValueError(
            "Expected 3D or higher dimensionality                          input (got "
            f"{input.ndim} dimensions){here()}"
        )
    return record(LOCAL_RESPONSE, (input,), (size, float(alpha), float(beta), float(k)))
