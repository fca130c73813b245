"""Methods as functions: those that write in place, and a few that tell something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .tensors import Tensor

EXAMPLES = (
    ("as_strided_", "torch.tensor([1, 2, 3]), (2,), (2,)", "tensor([1, 3])"),
    ("addmv_", "torch.zeros(2), torch.eye(2), torch.ones(2)", "tensor([1., 1.])"),
    ("clamp_", "torch.tensor([1, 5]), max=3", "tensor([1, 3])"),
    ("clamp_max_", "torch.tensor([1, 5]), 3", "tensor([1, 3])"),
    ("clamp_min_", "torch.tensor([1, 5]), 3", "tensor([3, 5])"),
    ("clip_", "torch.tensor([1, 5]), max=3", "tensor([1, 3])"),
    ("conj_physical_", "torch.tensor([1 + 2j])", "tensor([1.-2.j])"),
    ("detach", "torch.tensor([1.0], requires_grad=True)", "tensor([1.])"),
    ("detach_", "torch.tensor([1.0])", "tensor([1.])"),
    ("fill_", "torch.zeros(2), 3", "tensor([3., 3.])"),
    ("gcd_", "torch.tensor([4, 6]), torch.tensor([6, 9])", "tensor([2, 3])"),
    ("get_device", "torch.ones(1)", "-1"),
    ("i0_", "torch.tensor([0.0])", "tensor([1.])"),
    ("index_put_", "torch.zeros(2), (torch.tensor([1]),), torch.ones(1)", "tensor([0., 1.])"),
    ("is_conj", "torch.ones(1)", "False"),
    ("is_inference", "torch.ones(1)", "False"),
    ("is_neg", "torch.ones(1)", "False"),
    ("lcm_", "torch.tensor([4, 6]), torch.tensor([6, 9])", "tensor([12, 18])"),
    ("ldexp_", "torch.tensor([1.0, 1.0]), torch.tensor([1, 2])", "tensor([2., 4.])"),
    ("logit_", "torch.tensor([0.5])", "tensor([0.])"),
    ("nan_to_num_", "torch.tensor([torch.nan])", "tensor([0.])"),
    ("resize_as_", "torch.tensor([1, 2, 3]), torch.ones(2)", "tensor([1, 2])"),
    ("round_", "torch.tensor([1.4])", "tensor([1.])"),
    ("sinc_", "torch.tensor([0.0])", "tensor([1.])"),
    ("xlogy_", "torch.tensor([0.0]), torch.tensor([0.0])", "tensor([0.])"),
    ("zero_", "torch.ones(2)", "tensor([0., 0.])"),
)
"""Methods by name, with arguments, and what torch prints of the result."""


def _function(name: str, given: str, gives: str) -> Callable[..., Any]:
    def function(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        return getattr(Tensor, name)(input, *args, **kwargs)

    what = f"`Tensor.{name}`" + (", in place" if name.endswith("_") else "")
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{what}.\n\n    >>> torch.{name}({given})\n    {gives}\n    "
    return function


FUNCTIONS = {name: _function(name, given, gives) for name, given, gives in EXAMPLES}
