"""Pooling, padding and other shapes as modules."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...tensors import Tensor
from .. import functional as F
from ..functional.windows import per_axis
from .module import Module
from .simple import REQUIRED, simple

_function = partial(simple, module=__name__, what="The function of the same name, as a module.")


class Flatten(Module):
    """Dimensions joined into one; all but the first if not told otherwise.

    >>> torch.nn.Flatten()(torch.ones(2, 3, 4)).shape
    torch.Size([2, 12])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        """The dimensions joined."""
        result: Tensor = input.flatten(self.start_dim, self.end_dim)
        return result

    def extra_repr(self) -> str:
        """Which dimensions."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """One dimension taken apart into several.

    >>> torch.nn.Unflatten(1, (3, 4))(torch.ones(2, 12)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        """The dimension taken apart."""
        result: Tensor = input.unflatten(self.dim, self.unflattened_size)
        return result

    def extra_repr(self) -> str:
        """Which dimension, and into what."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


# -- pooling ---------------------------------------------------------------------------------


class _MaxPool(Module):
    function: Any = None

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.padding, self.dilation = kernel_size, padding, dilation
        self.stride = kernel_size if stride is None else stride
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input: Tensor) -> Any:
        """The greatest of each window, and its place if asked."""
        return type(self).function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )

    def extra_repr(self) -> str:
        """The windows."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The greatest of each window over one dimension.

    >>> torch.nn.MaxPool1d(2)(torch.ones(1, 1, 4)).shape
    torch.Size([1, 1, 2])
    """

    function = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPool):
    """The greatest of each window over images.

    >>> torch.nn.MaxPool2d(2)(torch.ones(1, 1, 4, 4)).shape
    torch.Size([1, 1, 2, 2])
    """

    function = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPool):
    """The greatest of each window over volumes.

    >>> torch.nn.MaxPool3d(2)(torch.ones(1, 1, 2, 2, 2)).shape
    torch.Size([1, 1, 1, 1, 1])
    """

    function = staticmethod(F.max_pool3d)


class _AvgPool(Module):
    function: Any = None

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Any:
        """The mean of each window."""
        return type(self).function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        """The windows."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """The mean of each window over one dimension.

    >>> torch.nn.AvgPool1d(2)(torch.ones(1, 1, 4)).shape
    torch.Size([1, 1, 2])
    """

    function = staticmethod(F.avg_pool1d)

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        kernel = per_axis(kernel_size, 1, "kernel_size")
        steps = kernel if stride is None else per_axis(stride, 1, "stride")
        pads = per_axis(padding, 1, "padding")
        super().__init__(kernel, steps, pads, ceil_mode, count_include_pad)


class AvgPool2d(_AvgPool):
    """The mean of each window over images.

    >>> torch.nn.AvgPool2d(2)(torch.ones(1, 1, 4, 4)).shape
    torch.Size([1, 1, 2, 2])
    """

    function = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPool):
    """The mean of each window over volumes.

    >>> torch.nn.AvgPool3d(2)(torch.ones(1, 1, 2, 2, 2)).shape
    torch.Size([1, 1, 1, 1, 1])
    """

    function = staticmethod(F.avg_pool3d)


_LP: dict[str, Any] = {
    "example": "2, 3",
    "norm_type": REQUIRED,
    "kernel_size": REQUIRED,
    "stride": None,
    "ceil_mode": False,
}
LPPool1d = _function("LPPool1d", function=F.lp_pool1d, **_LP)
LPPool2d = _function("LPPool2d", function=F.lp_pool2d, **_LP)
LPPool3d = _function("LPPool3d", function=F.lp_pool3d, **_LP)

_ADAPTIVE: dict[str, Any] = {"example": "2", "output_size": REQUIRED}
AdaptiveAvgPool1d = _function("AdaptiveAvgPool1d", function=F.adaptive_avg_pool1d, **_ADAPTIVE)
AdaptiveAvgPool2d = _function("AdaptiveAvgPool2d", function=F.adaptive_avg_pool2d, **_ADAPTIVE)
AdaptiveAvgPool3d = _function("AdaptiveAvgPool3d", function=F.adaptive_avg_pool3d, **_ADAPTIVE)
_GREATEST: dict[str, Any] = {**_ADAPTIVE, "shown": "output_size", "return_indices": False}
AdaptiveMaxPool1d = _function("AdaptiveMaxPool1d", function=F.adaptive_max_pool1d, **_GREATEST)
AdaptiveMaxPool2d = _function("AdaptiveMaxPool2d", function=F.adaptive_max_pool2d, **_GREATEST)
AdaptiveMaxPool3d = _function("AdaptiveMaxPool3d", function=F.adaptive_max_pool3d, **_GREATEST)


class _MaxUnpool(Module):
    count = 0
    function: Any = None

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size = per_axis(kernel_size, self.count, "kernel_size")
        self.stride = per_axis(kernel_size if stride is None else stride, self.count, "stride")
        self.padding = per_axis(padding, self.count, "padding")

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Any:
        """Elements put back to where pooling found them."""
        return type(self).function(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )

    def extra_repr(self) -> str:
        """The windows."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Elements put back to where `MaxPool1d` found them.

    >>> torch.nn.MaxUnpool1d(2)
    MaxUnpool1d(kernel_size=(2,), stride=(2,), padding=(0,))
    """

    count, function = 1, staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """Elements put back to where `MaxPool2d` found them.

    >>> torch.nn.MaxUnpool2d(2)
    MaxUnpool2d(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))
    """

    count, function = 2, staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """Elements put back to where `MaxPool3d` found them.

    >>> torch.nn.MaxUnpool3d(1)
    MaxUnpool3d(kernel_size=(1, 1, 1), stride=(1, 1, 1), padding=(0, 0, 0))
    """

    count, function = 3, staticmethod(F.max_unpool3d)


# -- padding ---------------------------------------------------------------------------------


class _Pad(Module):
    count = 0
    mode = "constant"
    value: float | None = None

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = per_axis(padding, 2 * self.count, "padding")

    def forward(self, input: Tensor) -> Tensor:
        """The input with its surroundings."""
        return F.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        """How many elements on each side."""
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        """How many elements on each side, and which."""
        return f"padding={self.padding}, value={self.value}"


def _pad(kind: str, base: type[_Pad], mode: str, count: int) -> Any:
    name = f"{kind}Pad{count}d"
    given = "1, 0.0" if base is _ConstantPad else "1"
    ones, threes = ", ".join("1" * count), ", ".join("3" * count)
    zeros = ", ".join("0" * 2 * count)
    example = f"torch.nn.{name}({given})(torch.ones(1, 1, {ones})).shape"
    shown = f"torch.Size([1, 1, {threes}])"
    if mode == "reflect":
        example, shown = f"torch.nn.{name}(0)", f"{name}(({zeros}))"
    doc = f"`pad` of mode {mode!r} as a module.\n\n>>> {example}\n{shown}\n"
    body = {"__module__": __name__, "__doc__": doc, "count": count, "mode": mode}
    return type(name, (base,), body)


class _ZeroPad(_Pad):
    value = 0.0


ConstantPad1d, ConstantPad2d, ConstantPad3d = (
    _pad("Constant", _ConstantPad, "constant", n) for n in (1, 2, 3)
)
ZeroPad1d, ZeroPad2d, ZeroPad3d = (_pad("Zero", _ZeroPad, "constant", n) for n in (1, 2, 3))
ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = (
    _pad("Reflection", _Pad, "reflect", n) for n in (1, 2, 3)
)
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = (
    _pad("Replication", _Pad, "replicate", n) for n in (1, 2, 3)
)
CircularPad1d, CircularPad2d, CircularPad3d = (
    _pad("Circular", _Pad, "circular", n) for n in (1, 2, 3)
)

# -- other places ----------------------------------------------------------------------------

PixelShuffle = _function(
    "PixelShuffle", function=F.pixel_shuffle, example="2", upscale_factor=REQUIRED
)
PixelUnshuffle = _function(
    "PixelUnshuffle", function=F.pixel_unshuffle, example="2", downscale_factor=REQUIRED
)
ChannelShuffle = _function(
    "ChannelShuffle", function=F.channel_shuffle, example="2", groups=REQUIRED
)
_WINDOWS: dict[str, Any] = {"kernel_size": REQUIRED, "dilation": 1, "padding": 0, "stride": 1}
Unfold = _function("Unfold", function=F.unfold, example="2", **_WINDOWS)
Fold = _function("Fold", function=F.fold, example="4, 2", output_size=REQUIRED, **_WINDOWS)


class Upsample(Module):
    """`interpolate` as a module.

    >>> torch.nn.Upsample(scale_factor=2)(torch.ones(1, 1, 2)).shape
    torch.Size([1, 1, 4])
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size, self.mode, self.align_corners = size, mode, align_corners
        if isinstance(scale_factor, tuple):
            scale_factor = tuple(float(f) for f in scale_factor)
        self.scale_factor = float(scale_factor) if isinstance(scale_factor, int) else scale_factor
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """The input in another size."""
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        """The size or factor, and the mode."""
        given = (
            f"size={self.size}"
            if self.scale_factor is None
            else f"scale_factor={self.scale_factor}"
        )
        return f"{given}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` to the nearest element.

    >>> torch.nn.UpsamplingNearest2d(scale_factor=2)
    UpsamplingNearest2d(scale_factor=2.0, mode='nearest')
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, "nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` along straight lines, the corners kept.

    >>> torch.nn.UpsamplingBilinear2d(scale_factor=2)
    UpsamplingBilinear2d(scale_factor=2.0, mode='bilinear')
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, "bilinear", True)
