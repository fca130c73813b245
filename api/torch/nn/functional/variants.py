"""Other names of functions: those that write in place, and those that give indices, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import activations, pooling
from .fractional import fractional_max_pool2d, fractional_max_pool3d
from .resampling import interpolate


def _named(function: Any, name: str, doc: str) -> Any:
    function.__name__ = function.__qualname__ = name
    function.__module__ = __name__
    function.__doc__ = doc
    return function


def _written(plain: Callable[..., Any], example: str, gives: str) -> Any:
    name = f"{plain.__name__}_"
    doc = (
        f"`{plain.__name__}` that writes in place of its input.\n\n"
        f">>> torch.nn.functional.{name}({example})\n{gives}\n"
    )

    def function(input: Any, *args: Any, **kwargs: Any) -> Any:
        return plain(input, *args, **kwargs, inplace=True)

    return _named(function, name, doc)


_X = "torch.tensor([-1.0, 2.0])"
relu_ = _written(activations.relu, _X, "tensor([0., 2.])")
selu_ = _written(activations.selu, _X, "tensor([-1.1113,  2.1014])")
elu_ = _written(activations.elu, _X, "tensor([-0.6321,  2.0000])")
celu_ = _written(activations.celu, _X, "tensor([-0.6321,  2.0000])")
leaky_relu_ = _written(activations.leaky_relu, _X, "tensor([-0.0100,  2.0000])")
hardtanh_ = _written(activations.hardtanh, _X, "tensor([-1.,  1.])")
threshold_ = _written(activations.threshold, f"{_X}, 0.0, 7.0", "tensor([7., 2.])")
rrelu_ = _written(activations.rrelu, f"{_X}, 0.5, 0.5", "tensor([-0.5000,  2.0000])")


def _indexed(plain: Callable[..., Any], shape: str, size: str) -> Any:
    name = f"{plain.__name__}_with_indices"
    doc = (
        f"`{plain.__name__}`, and where the greatest elements are.\n\n"
        f">>> values, places = torch.nn.functional.{name}(torch.ones({shape}), {size})\n"
        ">>> values.shape == places.shape\nTrue\n"
    )

    def function(*args: Any, **kwargs: Any) -> Any:
        return plain(*args, return_indices=True, **kwargs)

    return _named(function, name, doc)


max_pool1d_with_indices = _indexed(pooling.max_pool1d, "1, 1, 4", "2")
max_pool2d_with_indices = _indexed(pooling.max_pool2d, "1, 1, 4, 4", "2")
max_pool3d_with_indices = _indexed(pooling.max_pool3d, "1, 1, 4, 4, 4", "2")
adaptive_max_pool1d_with_indices = _indexed(pooling.adaptive_max_pool1d, "1, 1, 4", "2")
adaptive_max_pool2d_with_indices = _indexed(pooling.adaptive_max_pool2d, "1, 1, 4, 4", "2")
adaptive_max_pool3d_with_indices = _indexed(pooling.adaptive_max_pool3d, "1, 1, 4, 4, 4", "2")
fractional_max_pool2d_with_indices = _indexed(fractional_max_pool2d, "1, 1, 4, 4", "2, 2")
fractional_max_pool3d_with_indices = _indexed(fractional_max_pool3d, "1, 1, 4, 4, 4", "2, 2")


def upsample_nearest(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """`interpolate` that repeats elements.

    >>> torch.nn.functional.upsample_nearest(torch.ones(1, 1, 2), scale_factor=2).shape
    torch.Size([1, 1, 4])
    """
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """`interpolate` along lines in two dimensions, from corner to corner.

    >>> torch.nn.functional.upsample_bilinear(torch.ones(1, 1, 2, 2), scale_factor=2).shape
    torch.Size([1, 1, 4, 4])
    """
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)
