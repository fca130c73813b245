"""Convolutions as modules."""

from __future__ import annotations

import math
from typing import Any

from ...creation import empty
from ...dtypes import here
from ...tensors import Tensor
from .. import functional as F
from .. import init
from ..functional.convolution import convolve, convolve_transposed
from ..functional.windows import per_axis
from ..parameter import Parameter
from .module import Module


class _Convolution(Module):
    """What convolutions of all kinds have: a weight, a bias, and how the windows go."""

    count = 0
    transposed = False

    def _set_up(
        self,
        channels: tuple[int, int],
        options: dict[str, Any],
        groups: int,
        bias: bool,
        padding_mode: str,
        dtype: Any,
    ) -> None:
        for what, n in zip(("in_channels", "out_channels"), channels, strict=True):
            if groups <= 0 or n % groups:
                raise ValueError(f"{what} must be divisible by groups{here()}")
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ValueError(
                "padding_mode must be one of {'zeros', 'reflect', 'replicate', 'circular'}, but "
                f"got padding_mode='{padding_mode}'{here()}"
            )
        self.in_channels, self.out_channels = channels
        for name, value in options.items():
            kept = value if isinstance(value, str) else per_axis(value, self.count, name)
            setattr(self, name, kept)
        self.groups, self.padding_mode = groups, padding_mode
        first, second = channels if self.transposed else channels[::-1]
        shape = (first, second // groups, *self.kernel_size)
        self.weight = Parameter(empty(shape, dtype=dtype))
        made = Parameter(empty((self.out_channels,), dtype=dtype)) if bias else None
        self.register_parameter("bias", made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw initial values anew: uniform, as torch does."""
        fan_in = math.prod(self.weight.shape[1:])
        bound = 1.0 / math.sqrt(fan_in) if fan_in else 0.0
        for parameter in self._parameters.values():
            if parameter is not None:
                init.uniform_(parameter, -bound, bound)

    def extra_repr(self) -> str:
        """The channels, and the options that are not the usual ones."""
        zeros, ones = (0,) * self.count, (1,) * self.count
        extra = getattr(self, "output_padding", zeros)
        shown = [f"{self.in_channels}, {self.out_channels}"]
        shown += [f"kernel_size={self.kernel_size}", f"stride={self.stride}"]
        for name, value, usual in (
            ("padding", self.padding, zeros),
            ("dilation", self.dilation, ones),
            ("output_padding", extra, zeros),
            ("groups", self.groups, 1),
            ("bias", self.bias is not None, True),
            ("padding_mode", self.padding_mode, "zeros"),
        ):
            if value != usual:
                shown.append(f"{name}={value}")
        return ", ".join(shown)


class _Forward(_Convolution):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(
                f"Invalid padding string '{padding}', should be one of {{'valid', 'same'}}{here()}"
            )
        options = {
            "kernel_size": kernel_size,
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
        }
        channels = (in_channels, out_channels)
        self._set_up(channels, options, groups, bias, padding_mode, dtype)

    def _around(self) -> list[int]:
        """The padding on each side, the last axis first, as `pad` takes it."""
        if self.padding == "valid":
            return [0] * (2 * self.count)
        sides: list[int] = []
        for axis in reversed(range(self.count)):
            total = self.dilation[axis] * (self.kernel_size[axis] - 1)
            before = total // 2 if self.padding == "same" else self.padding[axis]
            after = total - before if self.padding == "same" else before
            sides += [before, after]
        return sides

    def forward(self, input: Tensor) -> Tensor:
        """(batch, in_channels, ...) to (batch, out_channels, ...)."""
        padding = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._around(), self.padding_mode), 0
        return convolve(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )


class Conv1d(_Forward):
    """Windows over one dimension, multiplied by learnt kernels and added up.

    >>> torch.nn.Conv1d(3, 4, 2)(torch.ones(1, 3, 5)).shape
    torch.Size([1, 4, 4])
    """

    count = 1


class Conv2d(_Forward):
    """Windows over images, multiplied by learnt kernels and added up.

    >>> torch.nn.Conv2d(3, 4, 3, padding=1)
    Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
    """

    count = 2


class Conv3d(_Forward):
    """Windows over volumes, multiplied by learnt kernels and added up.

    >>> torch.nn.Conv3d(1, 2, 2)(torch.ones(1, 1, 3, 3, 3)).shape
    torch.Size([1, 2, 2, 2, 2])
    """

    count = 3


class _Transposed(_Convolution):
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if padding_mode != "zeros":
            raise ValueError(
                f'Only "zeros" padding mode is supported for {type(self).__name__}{here()}'
            )
        options = {
            "kernel_size": kernel_size,
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "output_padding": output_padding,
        }
        channels = (in_channels, out_channels)
        self._set_up(channels, options, groups, bias, padding_mode, dtype)

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """(batch, in_channels, ...) to (batch, out_channels, ...)."""
        extra = self.output_padding if output_size is None else self._extra(input, output_size)
        return convolve_transposed(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            extra,
            self.groups,
            self.dilation,
        )

    def _extra(self, input: Tensor, output_size: Any) -> tuple[int, ...]:
        """The output padding that gives the wanted size."""
        wanted = [int(n) for n in output_size][-self.count :]
        found: list[int] = []
        for axis, n in enumerate(input.shape[-self.count :]):
            least = (
                (n - 1) * self.stride[axis]
                - 2 * self.padding[axis]
                + self.dilation[axis] * (self.kernel_size[axis] - 1)
                + 1
            )
            if not least <= wanted[axis] < least + self.stride[axis]:
                raise ValueError(
                    f"requested an output size of {wanted}, which cannot be had from input of size "
                    f"{list(input.shape[2:])}{here()}"
                )
            found.append(wanted[axis] - least)
        return tuple(found)


class ConvTranspose1d(_Transposed):
    """The transpose of `Conv1d`.

    >>> torch.nn.ConvTranspose1d(3, 4, 2)(torch.ones(1, 3, 5)).shape
    torch.Size([1, 4, 6])
    """

    count = 1


class ConvTranspose2d(_Transposed):
    """The transpose of `Conv2d`.

    >>> torch.nn.ConvTranspose2d(3, 4, 2, stride=2)(torch.ones(1, 3, 5, 5)).shape
    torch.Size([1, 4, 10, 10])
    """

    count = 2


class ConvTranspose3d(_Transposed):
    """The transpose of `Conv3d`.

    >>> torch.nn.ConvTranspose3d(1, 2, 2)(torch.ones(1, 1, 2, 2, 2)).shape
    torch.Size([1, 2, 3, 3, 3])
    """

    count = 3
