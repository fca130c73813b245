"""Activations that write their result in place of the tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...inplace import in_place
from ...tensors import Tensor
from . import activations

EXAMPLES = (
    ("celu_", "torch.tensor([1.0])", "tensor([1.])"),
    ("elu_", "torch.tensor([1.0])", "tensor([1.])"),
    ("hardtanh_", "torch.tensor([3.0])", "tensor([1.])"),
    ("leaky_relu_", "torch.tensor([-100.0])", "tensor([-1.])"),
    ("relu_", "torch.tensor([-1.0])", "tensor([0.])"),
    ("rrelu_", "torch.tensor([1.0])", "tensor([1.])"),
    ("selu_", "torch.tensor([1.0])", "tensor([1.0507])"),
    ("threshold_", "torch.tensor([1.0]), 2, 0", "tensor([0.])"),
)


def _made(name: str, given: str, gives: str) -> Callable[..., Tensor]:
    plain: Any = getattr(activations, name.rstrip("_"))
    function = in_place(plain, name)
    function.__doc__ = (
        f"`{plain.__name__}`, in place.\n\n    >>> torch.nn.functional.{name}({given})\n"
        f"    {gives}\n    "
    )
    return function


FUNCTIONS = {name: _made(name, given, gives) for name, given, gives in EXAMPLES}
