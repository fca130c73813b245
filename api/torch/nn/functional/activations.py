"""Activations: functions of each element, and the softmax family."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from pullback.tracer.primitives import elementwise as rows
from pullback.tracer.primitives.elementwise import broadcast_scalar
from pullback.tracer.primitives.elementwise import where as choose

from ... import pointwise, random, reductions
from ...dtypes import here
from ...node import Row
from ...rows import wrap_dim
from ...tensors import Tensor, record, wrapped
from ...writing import assign
from ...writing import check_writable as _check_writable

tanh = pointwise.FUNCTIONS["tanh"]
sigmoid = pointwise.FUNCTIONS["sigmoid"]
_relu = pointwise.FUNCTIONS["relu"]

_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805


def _softplus(x: Any, beta: float, threshold: float) -> Any:
    scaled = x * beta
    return choose(scaled > threshold, x, np.logaddexp(0.0, scaled) / beta)


def _leaky(x: Any, slope: float) -> Any:
    return choose(x > 0.0, x, x * slope)


def _prelu(x: Any, weight: Any) -> Any:
    shape = (-1,) + (1,) * (x.ndim - 2) if weight.size > 1 and x.ndim > 1 else ()
    weight = np.reshape(weight, shape)
    return choose(x > 0.0, x, x * np.broadcast_to(weight, x.shape))


def _low(x: Any) -> Any:
    """The elements up to 0, where their derivative is 1 yet; 0 for others, which could overflow."""
    return choose(x > 0.0, _constant(0.0, x), x)


def _elu(x: Any, alpha: float, scale: float = 1.0) -> Any:
    return choose(x > 0.0, x * scale, np.expm1(_low(x)) * (alpha * scale))


def _celu(x: Any, alpha: float) -> Any:
    return choose(x > 0.0, x, np.expm1(_low(x) / alpha) * alpha)


def _gelu(x: Any, approximate: str) -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))
    return 0.5 * x * (1.0 + rows.erf(x * math.sqrt(0.5)))


def _constant(value: float, x: Any) -> Any:
    return broadcast_scalar(value, x)


def _hardtanh(x: Any, low: float, high: float) -> Any:
    # Not np.clip: torch gives the limits themselves no derivative.
    below = choose(x <= low, _constant(low, x), x)
    return choose(x >= high, _constant(high, x), below)


def _hardsigmoid(x: Any) -> Any:
    return _hardtanh(x, -3.0, 3.0) / 6.0 + 0.5


def _hardswish(x: Any) -> Any:
    inner = choose(x <= -3.0, x * 0.0, x * (x + 3.0) / 6.0)
    return choose(x >= 3.0, x, inner)


def _hardshrink(x: Any, limit: float) -> Any:
    return choose((x >= -limit) & (x <= limit), _constant(0.0, x), x)


def _softshrink(x: Any, limit: float) -> Any:
    # Of NaN, too, the product is NaN.
    return choose(x > limit, x - limit, choose(x < -limit, x + limit, x * 0.0))


def _threshold(x: Any, limit: float, value: float) -> Any:
    return choose(x <= limit, _constant(value, x), x)


def _glu(x: Any, dim: int) -> Any:
    halves: Any = np.split(x, 2, dim)
    first, second = halves
    return first * rows.logistic(second)


SOFTPLUS = Row("softplus", _softplus, "SoftplusBackward0")
LEAKY = Row("leaky_relu", _leaky, "LeakyReluBackward0")
PRELU = Row("prelu", _prelu, "PreluKernelBackward0")
ELU = Row("elu", _elu, "EluBackward0")
CELU = Row("celu", _celu, "CeluBackward0")
GELU = Row("gelu", _gelu, "GeluBackward0")
SILU = Row("silu", lambda x: x * pointwise.sigmoid(x), "SiluBackward0")
MISH = Row("mish", lambda x: x * np.tanh(np.logaddexp(0.0, x)), "MishBackward0")
LOGSIGMOID = Row("logsigmoid", lambda x: -np.logaddexp(0.0, -x), "LogSigmoidBackward0")
HARDTANH = Row("hardtanh", _hardtanh, "HardtanhBackward0")
HARDSIGMOID = Row("hardsigmoid", _hardsigmoid, "HardsigmoidBackward0")
HARDSWISH = Row("hardswish", _hardswish, "HardswishBackward0")
HARDSHRINK = Row("hardshrink", _hardshrink, "HardshrinkBackward0")
SOFTSHRINK = Row("softshrink", _softshrink, "SoftshrinkBackward0")
TANHSHRINK = Row("tanhshrink", lambda x: x - np.tanh(x), "SubBackward0")
SOFTSIGN = Row("softsign", lambda x: x / (1.0 + np.abs(x)), "DivBackward0")
THRESHOLD = Row("threshold", _threshold, "ThresholdBackward0")
GLU = Row("glu", _glu, "GluBackward0")

_IN_PLACE = {
    row: replace(row, grad_name=f"{str(row.grad_name).removesuffix('0')}1")
    for row in (LEAKY, ELU, CELU, THRESHOLD)
}
"""Those whose backward nodes are called otherwise in place."""


def _applied(
    row: Row, input: Tensor, params: tuple[Any, ...] = (), inplace: bool = False
) -> Tensor:
    if not inplace:
        return record(row, (input,), params)
    _check_writable(input)
    return assign(input, record(_IN_PLACE.get(row, row), (input,), params))


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """The value where it is positive, else 0.

    >>> torch.nn.functional.relu(torch.tensor([-1.0, 1.0]))
    tensor([0., 1.])
    """
    if not inplace:
        result: Tensor = _relu(input)
        return result
    _check_writable(input)
    return assign(input, _relu(input))


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """The value between 0 and 6, else the nearer of these.

    >>> torch.nn.functional.relu6(torch.tensor([-1.0, 7.0]))
    tensor([0., 6.])
    """
    return _applied(HARDTANH, input, (0.0, 6.0), inplace)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """The value between two limits, else the nearer of these.

    >>> torch.nn.functional.hardtanh(torch.tensor([-2.0, 0.5]))
    tensor([-1.0000,  0.5000])
    """
    if min_val > max_val:
        raise ValueError(f"min_val cannot be greater than max_val{here()}")
    return _applied(HARDTANH, input, (float(min_val), float(max_val)), inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """``x / 6 + 1 / 2`` between 0 and 1.

    >>> torch.nn.functional.hardsigmoid(torch.tensor([-4.0, 0.0]))
    tensor([0.0000, 0.5000])
    """
    return _applied(HARDSIGMOID, input, (), inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """The value times its `hardsigmoid`.

    >>> torch.nn.functional.hardswish(torch.tensor([-4.0, 3.0]))
    tensor([-0.,  3.])
    """
    return _applied(HARDSWISH, input, (), inplace)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """``log(1 + exp(beta * x)) / beta``, the value itself where that is large.

    >>> torch.nn.functional.softplus(torch.zeros(1))
    tensor([0.6931])
    """
    return record(SOFTPLUS, (input,), (float(beta), float(threshold)))


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """The value where it is positive, else a small part of it.

    >>> torch.nn.functional.leaky_relu(torch.tensor([-1.0, 1.0]))
    tensor([-0.0100,  1.0000])
    """
    return _applied(LEAKY, input, (float(negative_slope),), inplace)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """`leaky_relu` with slopes that can be learnt: one, or one for each channel (dimension 1).

    >>> torch.nn.functional.prelu(torch.tensor([-1.0, 1.0]), torch.tensor([0.25]))
    tensor([-0.2500,  1.0000])
    """
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.numel() not in (1, channels):
        raise RuntimeError(
            f"Mismatch of parameter numbers and input channel size. Found parameter numbers = "
            f"{weight.numel()} and channel size = {channels}.{here()}"
        )
    return record(PRELU, (input, weight))


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """`leaky_relu` with a random slope for each element; with their mean if not training.

    >>> torch.nn.functional.rrelu(torch.tensor([-24.0, 1.0]))
    tensor([-5.5000,  1.0000])
    """
    if not training:
        return _applied(RRELU_MEAN, input, ((lower + upper) / 2,), inplace)
    drawn = random.source().uniform(lower, upper, input.shape)
    slopes = wrapped(np.asarray(drawn, input.dtype.numpy))
    result = record(RRELU, (input, slopes))
    return assign(input, result) if inplace else result


RRELU_MEAN = Row("rrelu", _leaky, "RreluWithNoiseBackward0")
RRELU = Row("rrelu", lambda x, slope: choose(x > 0.0, x, x * slope), "RreluWithNoiseBackward0")


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """The value where it is positive, else ``alpha * (exp(x) - 1)``.

    >>> torch.nn.functional.elu(torch.tensor([-1.0, 1.0]))
    tensor([-0.6321,  1.0000])
    """
    return _applied(ELU, input, (float(alpha),), inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """`elu` with the two constants of Klambauer et al. (2017), which keep mean and variance.

    >>> torch.nn.functional.selu(torch.tensor([-1.0, 1.0]))
    tensor([-1.1113,  1.0507])
    """
    return _applied(ELU, input, (_SELU_ALPHA, _SELU_SCALE), inplace)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """The value where it is positive, else ``alpha * (exp(x / alpha) - 1)``.

    >>> torch.nn.functional.celu(torch.tensor([-1.0, 1.0]), 2.0)
    tensor([-0.7869,  1.0000])
    """
    return _applied(CELU, input, (float(alpha),), inplace)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """The value times the normal distribution function of it; ``"tanh"`` approximates that.

    >>> torch.nn.functional.gelu(torch.tensor([1.0]))
    tensor([0.8413])
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh.{here()}")
    return record(GELU, (input,), (approximate,))


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """The value times its sigmoid.

    >>> torch.nn.functional.silu(torch.tensor([1.0]))
    tensor([0.7311])
    """
    return _applied(SILU, input, (), inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """The value times the tanh of its `softplus`.

    >>> torch.nn.functional.mish(torch.tensor([1.0]))
    tensor([0.8651])
    """
    return _applied(MISH, input, (), inplace)


def logsigmoid(input: Tensor) -> Tensor:
    """The logarithm of the sigmoid.

    >>> torch.nn.functional.logsigmoid(torch.zeros(1))
    tensor([-0.6931])
    """
    return record(LOGSIGMOID, (input,))


def softsign(input: Tensor) -> Tensor:
    """``x / (1 + |x|)``.

    >>> torch.nn.functional.softsign(torch.tensor([-1.0, 3.0]))
    tensor([-0.5000,  0.7500])
    """
    return record(SOFTSIGN, (input,))


def tanhshrink(input: Tensor) -> Tensor:
    """``x - tanh(x)``.

    >>> torch.nn.functional.tanhshrink(torch.tensor([1.0]))
    tensor([0.2384])
    """
    return record(TANHSHRINK, (input,))


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """0 within the limit, else the value.

    >>> torch.nn.functional.hardshrink(torch.tensor([0.25, 1.0]))
    tensor([0., 1.])
    """
    return record(HARDSHRINK, (input,), (float(lambd),))


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """0 within the limit, else the value moved towards 0 by it.

    >>> torch.nn.functional.softshrink(torch.tensor([0.25, 1.0]))
    tensor([0.0000, 0.5000])
    """
    if lambd < 0:
        greatest = np.finfo(input.dtype.numpy).max
        raise RuntimeError(
            f"lambda must be in range [0, {greatest:g}] for input dtype {input.dtype.title}, but "
            f"found {lambd}{here()}"
        )
    return record(SOFTSHRINK, (input,), (float(lambd),))


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """The value where it is above the threshold, else another one.

    >>> torch.nn.functional.threshold(torch.tensor([0.25, 1.0]), 0.5, 20.0)
    tensor([20.,  1.])
    """
    return _applied(THRESHOLD, input, (float(threshold), float(value)), inplace)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along a dimension times the sigmoid of the second.

    >>> torch.nn.functional.glu(torch.tensor([4.0, 0.0]))
    tensor([2.])
    """
    axis = wrap_dim(dim, input.ndim)
    if not input.ndim:
        raise RuntimeError(f"glu does not support 0-dimensional tensors{here()}")
    if input.shape[axis] % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {axis} is size {input.shape[axis]}"
            f"{here()}"
        )
    return record(GLU, (input,), (axis,))


# -- softmax ---------------------------------------------------------------------------------


def _class_dim(dim: int | None, ndim: int) -> int:
    """The dimension that torch takes where none is given."""
    if dim is not None:
        return dim
    return 0 if ndim in (0, 1, 3) else 1


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """Exponentials along a dimension, divided by their sum.

    >>> torch.nn.functional.softmax(torch.zeros(2), dim=0)
    tensor([0.5000, 0.5000])
    """
    return reductions.softmax(_cast(input, dtype), _class_dim(dim, input.ndim))


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """The logarithm of `softmax`.

    >>> torch.nn.functional.log_softmax(torch.zeros(2), dim=0)
    tensor([-0.6931, -0.6931])
    """
    return reductions.log_softmax(_cast(input, dtype), _class_dim(dim, input.ndim))


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """`softmax` of the negative.

    >>> torch.nn.functional.softmin(torch.zeros(2), dim=0)
    tensor([0.5000, 0.5000])
    """
    return softmax(-input, dim, dtype=dtype)


def _cast(input: Tensor, dtype: Any) -> Tensor:
    result: Tensor = input if dtype is None else input.to(dtype)
    return result


def gumbel_softmax(
    logits: Tensor, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """A draw from classes that can be differentiated: `softmax` of logits with Gumbel noise.

    ``hard``: a one at the greatest, with the derivatives of the soft draw (Jang et al., 2017).

    >>> torch.nn.functional.gumbel_softmax(torch.zeros(3), hard=True).sum()
    tensor(1.)
    """
    noise = -np.log(random.source().exponential(size=logits.shape))
    drawn = softmax((logits + wrapped(noise.astype(logits.dtype.numpy))) / tau, dim)
    if not hard:
        return drawn
    value = drawn.detach().value()
    places = np.expand_dims(np.argmax(value, dim), dim)
    ones = np.zeros_like(value)
    np.put_along_axis(ones, places, 1.0, dim)
    return wrapped(ones) - drawn.detach() + drawn
