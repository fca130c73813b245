"""Normalisation as modules."""

from __future__ import annotations

from typing import Any

from ...creation import ones, tensor, zeros
from ...dtypes import here
from ...tensors import Tensor
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module


def _add_affine(module: Module, shape: Any, weight: bool, bias: bool, dtype: Any) -> None:
    """A weight of ones and a bias of zeros, where there are to be any."""
    module.register_parameter("weight", Parameter(ones(shape, dtype=dtype)) if weight else None)
    module.register_parameter("bias", Parameter(zeros(shape, dtype=dtype)) if bias else None)


def _reset_affine(module: Module) -> None:
    if module.weight is not None:
        init.ones_(module.weight)
    if getattr(module, "bias", None) is not None:
        init.zeros_(module.bias)


def _shape(normalized_shape: Any) -> tuple[int, ...]:
    if isinstance(normalized_shape, int):
        return (normalized_shape,)
    return tuple(int(n) for n in normalized_shape)


class LayerNorm(Module):
    """The last dimensions brought to mean 0 and variance 1, then scaled and moved.

    >>> torch.nn.LayerNorm(4)
    LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=True)
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        affine = elementwise_affine
        _add_affine(self, self.normalized_shape, affine, affine and bias, dtype)

    def reset_parameters(self) -> None:
        """Ones and zeros again."""
        _reset_affine(self)

    def forward(self, input: Tensor) -> Tensor:
        """The same shape."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The shape and options."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """The last dimensions divided by their root mean square, then scaled.

    >>> torch.nn.RMSNorm(4)
    RMSNorm((4,), eps=None, elementwise_affine=True)
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        made = Parameter(ones(self.normalized_shape, dtype=dtype)) if elementwise_affine else None
        self.register_parameter("weight", made)

    def reset_parameters(self) -> None:
        """Ones again."""
        _reset_affine(self)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The shape and options."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Module):
    """Groups of channels brought to mean 0 and variance 1, then scaled and moved.

    >>> torch.nn.GroupNorm(2, 4)
    GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
                f"{here()}"
            )
        self.num_groups, self.num_channels = num_groups, num_channels
        self.eps, self.affine = eps, affine
        _add_affine(self, (num_channels,), affine, affine and bias, dtype)

    def reset_parameters(self) -> None:
        """Ones and zeros again."""
        _reset_affine(self)

    def forward(self, input: Tensor) -> Tensor:
        """The same shape."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The numbers and options."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class _ByChannel(Module):
    """Running moments and an affine map for each channel."""

    ndims: tuple[int, ...] = ()

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        _add_affine(self, (num_features,), affine, affine and bias, dtype)
        tracked = track_running_stats
        shape = (num_features,)
        self.register_buffer("running_mean", zeros(shape, dtype=dtype) if tracked else None)
        self.register_buffer("running_var", ones(shape, dtype=dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0) if tracked else None)

    def reset_running_stats(self) -> None:
        """Mean 0 and variance 1 again."""
        if self.track_running_stats:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Ones and zeros again, and no running moments."""
        self.reset_running_stats()
        _reset_affine(self)

    def _check(self, input: Tensor) -> None:
        if input.ndim not in self.ndims:
            wanted = " or ".join(f"{n}D" for n in self.ndims)
            raise ValueError(f"expected {wanted} input (got {input.ndim}D input){here()}")

    def _share(self) -> float:
        """By how much the running moments move; with momentum None they are plain means."""
        if not self.training or self.num_batches_tracked is None:
            return 0.0 if self.momentum is None else self.momentum
        count = self.num_batches_tracked.item() + 1
        init.put(self.num_batches_tracked, count)
        return 1.0 / count if self.momentum is None else self.momentum

    def extra_repr(self) -> str:
        """The number of channels and the options."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm(_ByChannel):
    """What the batch normalisations of all numbers of dimensions have in common."""

    def forward(self, input: Tensor) -> Tensor:
        """The same shape."""
        self._check(input)
        share = self._share()
        mean, var = self.running_mean, self.running_var
        training = self.training or mean is None
        return F.batch_norm(input, mean, var, self.weight, self.bias, training, share, self.eps)


class BatchNorm1d(BatchNorm):
    """Channels of (batch, channels) or (batch, channels, length) brought to mean 0 and variance 1.

    >>> torch.nn.BatchNorm1d(3)(torch.rand(5, 3)).shape
    torch.Size([5, 3])
    """

    ndims = (2, 3)


class BatchNorm2d(BatchNorm):
    """Channels of images brought to mean 0 and variance 1 over the batch.

    >>> torch.nn.BatchNorm2d(3)(torch.rand(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    ndims = (4,)


class BatchNorm3d(BatchNorm):
    """Channels of volumes brought to mean 0 and variance 1 over the batch.

    >>> torch.nn.BatchNorm3d(1)(torch.rand(2, 1, 2, 2, 2)).shape
    torch.Size([2, 1, 2, 2, 2])
    """

    ndims = (5,)


class _InstanceNorm(_ByChannel):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias
        )

    def forward(self, input: Tensor) -> Tensor:
        """The same shape; an example without a batch may come alone."""
        self._check(input)
        single = input.ndim == self.ndims[0]
        whole = input.unsqueeze(0) if single else input
        own = self.training or not self.track_running_stats
        moments = (self.running_mean, self.running_var)
        out = F.instance_norm(
            whole, *moments, self.weight, self.bias, own, self.momentum or 0.0, self.eps
        )
        return out.squeeze(0) if single else out


class InstanceNorm1d(_InstanceNorm):
    """Each channel of each example brought to mean 0 and variance 1.

    >>> torch.nn.InstanceNorm1d(3)(torch.rand(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    ndims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Each channel of each image brought to mean 0 and variance 1.

    >>> torch.nn.InstanceNorm2d(3)(torch.rand(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    ndims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Each channel of each volume brought to mean 0 and variance 1.

    >>> torch.nn.InstanceNorm3d(1)(torch.rand(2, 1, 2, 2, 2)).shape
    torch.Size([2, 1, 2, 2, 2])
    """

    ndims = (4, 5)


class LocalResponseNorm(Module):
    """Elements divided by a power of the mean square of their neighbours among the channels.

    >>> torch.nn.LocalResponseNorm(2)
    LocalResponseNorm(2, alpha=0.0001, beta=0.75, k=1.0)
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        """The same shape."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """The options."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
