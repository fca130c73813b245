"""Activations and dropout as modules."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...creation import full
from ...dtypes import here
from ...tensors import Tensor
from .. import functional as F
from ..functional.dropping import check_probability
from ..parameter import Parameter
from .module import Module
from .simple import REQUIRED, simple

_activation = partial(simple, module=__name__, what="The function of the same name, as a module.")

ReLU = _activation("ReLU", function=F.relu, inplace=False)
ReLU6 = _activation("ReLU6", function=F.relu6, inplace=False)
LeakyReLU = _activation("LeakyReLU", function=F.leaky_relu, negative_slope=0.01, inplace=False)
ELU = _activation("ELU", function=F.elu, alpha=1.0, inplace=False)
SELU = _activation("SELU", function=F.selu, inplace=False)
CELU = _activation("CELU", function=F.celu, alpha=1.0, inplace=False)
GELU = _activation("GELU", function=F.gelu, approximate="none")
SiLU = _activation("SiLU", function=F.silu, inplace=False)
Mish = _activation("Mish", function=F.mish, inplace=False)
Softplus = _activation("Softplus", function=F.softplus, beta=1.0, threshold=20.0)
Softsign = _activation("Softsign", function=F.softsign)
Hardtanh = _activation("Hardtanh", function=F.hardtanh, min_val=-1.0, max_val=1.0, inplace=False)
Hardsigmoid = _activation("Hardsigmoid", function=F.hardsigmoid, shown="", inplace=False)
Hardswish = _activation("Hardswish", function=F.hardswish, shown="", inplace=False)
Hardshrink = _activation("Hardshrink", function=F.hardshrink, bare=True, lambd=0.5)
Softshrink = _activation("Softshrink", function=F.softshrink, bare=True, lambd=0.5)
Tanhshrink = _activation("Tanhshrink", function=F.tanhshrink)
Threshold = _activation(
    "Threshold",
    function=F.threshold,
    example="0.1, 20",
    threshold=REQUIRED,
    value=REQUIRED,
    inplace=False,
)
GLU = _activation("GLU", function=F.glu, dim=-1)
LogSigmoid = _activation("LogSigmoid", function=F.logsigmoid)
Sigmoid = _activation("Sigmoid", function=F.sigmoid)
Tanh = _activation("Tanh", function=F.tanh)
Softmin = _activation("Softmin", function=F.softmin, dim=None)
Softmax = _activation("Softmax", function=F.softmax, dim=None)
LogSoftmax = _activation("LogSoftmax", function=F.log_softmax, shown="dim", dim=None)


class RReLU(Module):
    """`LeakyReLU` with random slopes while training.

    >>> torch.nn.RReLU()
    RReLU(lower=0.125, upper=0.3333333333333333)
    """

    def __init__(
        self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False
    ) -> None:
        super().__init__()
        self.lower, self.upper, self.inplace = lower, upper, inplace

    def forward(self, input: Tensor) -> Tensor:
        """Random slopes while training, else their mean."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        """The limits."""
        return f"lower={self.lower}, upper={self.upper}" + (
            ", inplace=True" if self.inplace else ""
        )


class PReLU(Module):
    """`LeakyReLU` with slopes that are learnt: one, or one for each channel.

    >>> torch.nn.PReLU()
    PReLU(num_parameters=1)
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(full((num_parameters,), init, dtype=dtype))

    def forward(self, input: Tensor) -> Tensor:
        """The value, or a part of it where that is negative."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """How many slopes."""
        return f"num_parameters={self.num_parameters}"


class Softmax2d(Module):
    """`Softmax` over the channels of images.

    >>> torch.nn.Softmax2d()(torch.zeros(1, 2, 1, 1)).sum()
    tensor(1.)
    """

    def forward(self, input: Tensor) -> Tensor:
        """The softmax over dimension -3."""
        if input.ndim not in (3, 4):
            raise ValueError(
                f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D instead{here()}"
            )
        return F.softmax(input, -3)


class Identity(Module):
    """Gives back what it is given; arguments are ignored.

    >>> torch.nn.Identity()(torch.ones(1))
    tensor([1.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """The input."""
        return input


_dropout = partial(
    simple,
    module=__name__,
    what="Dropout while training.",
    trained=True,
    check=lambda options: check_probability(options["p"]),
    p=0.5,
    inplace=False,
)

Dropout = _dropout("Dropout", function=F.dropout)
Dropout1d = _dropout("Dropout1d", function=F.dropout1d)
Dropout2d = _dropout("Dropout2d", function=F.dropout2d)
Dropout3d = _dropout("Dropout3d", function=F.dropout3d)
AlphaDropout = _dropout("AlphaDropout", function=F.alpha_dropout)
FeatureAlphaDropout = _dropout("FeatureAlphaDropout", function=F.feature_alpha_dropout)
