"""Pooling over windows at places drawn at random, as modules."""

from __future__ import annotations

from typing import Any

from ...dtypes import here
from .. import functional as F
from .module import Module


class _FractionalMaxPool(Module):
    function: Any = None

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Any = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.return_indices = kernel_size, return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size, self.output_ratio = output_size, output_ratio
        if output_size is None and output_ratio is None:
            raise ValueError(
                f"{type(self).__name__} requires specifying either an output size, or a pooling "
                f"ratio{here()}"
            )
        if output_size is not None and output_ratio is not None:
            raise ValueError(f"only one of output_size and output_ratio may be specified{here()}")

    def forward(self, input: Any) -> Any:
        """The greatest elements of the windows."""
        return type(self).function(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            self._random_samples,
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    """`torch.nn.functional.fractional_max_pool2d` as a module.

    >>> torch.nn.FractionalMaxPool2d(2, output_ratio=0.5)(torch.ones(1, 1, 6, 6)).shape
    torch.Size([1, 1, 3, 3])
    """

    function = F.fractional_max_pool2d


class FractionalMaxPool3d(_FractionalMaxPool):
    """`torch.nn.functional.fractional_max_pool3d` as a module.

    >>> torch.nn.FractionalMaxPool3d(2, output_size=2)(torch.ones(1, 1, 4, 4, 4)).shape
    torch.Size([1, 1, 2, 2, 2])
    """

    function = F.fractional_max_pool3d
