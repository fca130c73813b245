"""Views as copies, and what real tensors are that complex ones would not be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pullback.tracer.primitives.elementwise import broadcast_scalar
from pullback.tracer.primitives.elementwise import where as choose

from . import joining, shapes, striding
from .calling import factory
from .creation import full
from .dtypes import get_default_dtype, here
from .node import Row
from .return_types import Results, recorded, rows
from .rows import float_one
from .tensors import Tensor, record


def _copying(view: Callable[..., Any], name: str, example: str) -> Callable[..., Any]:
    def function(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        made = view(input, *args, **kwargs)
        if isinstance(made, tuple):
            return tuple(shapes.clone(x) for x in made)
        return shapes.clone(made)

    function.__name__ = function.__qualname__ = f"{name}_copy"
    function.__doc__ = f"`{name}`, as a copy.\n\n{example}"
    return function


def _example(call: str, shown: str) -> str:
    return f">>> torch.{call}\n{shown}\n"


VIEWS: dict[str, tuple[Callable[..., Any], str, str]] = {
    "alias": (lambda x: x, "alias_copy(torch.tensor([1, 2]))", "tensor([1, 2])"),
    "as_strided": (
        striding.as_strided,
        "as_strided_copy(torch.tensor([1, 2]), (2,), (0,))",
        "tensor([1, 1])",
    ),
    "diagonal": (shapes.diagonal, "diagonal_copy(torch.eye(2))", "tensor([1., 1.])"),
    "expand": (shapes.expand, "expand_copy(torch.tensor([1]), (2,))", "tensor([1, 1])"),
    "narrow": (joining.narrow, "narrow_copy(torch.tensor([1, 2]), 0, 0, 1)", "tensor([1])"),
    "permute": (shapes.permute, "permute_copy(torch.tensor([1, 2]), (0,))", "tensor([1, 2])"),
    "select": (joining.select, "select_copy(torch.tensor([1, 2]), 0, 1)", "tensor(2)"),
    "split_with_sizes": (
        joining.split,
        "split_with_sizes_copy(torch.tensor([1, 2]), [1, 1])",
        "(tensor([1]), tensor([2]))",
    ),
    "squeeze": (shapes.squeeze, "squeeze_copy(torch.tensor([1]))", "tensor(1)"),
    "t": (shapes.t, "t_copy(torch.tensor([1, 2]))", "tensor([1, 2])"),
    "transpose": (shapes.transpose, "transpose_copy(torch.ones(1, 1), 0, 1)", "tensor([[1.]])"),
    "unbind": (joining.unbind, "unbind_copy(torch.arange(2))", "(tensor(0), tensor(1))"),
    "unfold": (striding.unfold, "unfold_copy(torch.arange(2), 0, 2, 1)", "tensor([[0, 1]])"),
    "unsqueeze": (shapes.unsqueeze, "unsqueeze_copy(torch.tensor(1), 0)", "tensor([1])"),
    "view": (shapes.view, "view_copy(torch.tensor([1]), (1, 1))", "tensor([[1]])"),
}

FUNCTIONS: dict[str, Callable[..., Any]] = {
    f"{name}_copy": _copying(view, name, _example(call, shown))
    for name, (view, call, shown) in VIEWS.items()
}


# -- real tensors ----------------------------------------------------------------------------


def _itself(name: str, what: str) -> Callable[[Tensor], Tensor]:
    def function(input: Tensor) -> Tensor:
        return input

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{what}.\n\n>>> torch.{name}(torch.tensor([1.0]))\ntensor([1.])\n"
    return function


FUNCTIONS.update(
    {
        "real": _itself("real", "The real part: of real tensors the tensor itself"),
        "conj": _itself("conj", "The conjugate: of real tensors the tensor itself"),
        "conj_physical": _itself(
            "conj_physical", "The conjugate: of real tensors the tensor itself"
        ),
        "resolve_conj": _itself("resolve_conj", "The tensor itself, its elements being real"),
        "resolve_neg": _itself("resolve_neg", "The tensor itself"),
    }
)


def _angle(x: Any) -> Any:
    zero, half = broadcast_scalar(0.0, x), broadcast_scalar(np.pi, x)
    return choose(np.isnan(x), x, choose(x < zero, half, zero))


ANGLE = Row("angle", _angle, "AngleBackward0", float_one)
FREXP = rows("frexp", np.frexp, ("FrexpBackward0", None))


def angle(input: Tensor) -> Tensor:
    """The angle of each number: 0, of negative ones pi.

    >>> torch.angle(torch.tensor([1.0, -1.0]))
    tensor([0.0000, 3.1416])
    """
    return record(ANGLE, (input,))


def frexp(input: Tensor) -> Results:
    """A number from 0.5 to below 1, and the power of two that it is to be multiplied with.

    >>> torch.frexp(torch.tensor([3.0]))
    torch.return_types.frexp(
    mantissa=tensor([0.7500]),
    exponent=tensor([2], dtype=torch.int32))
    """
    if not input.is_floating_point():
        raise RuntimeError(f"torch.frexp() only supports floating-point dtypes{here()}")
    return recorded("frexp", FREXP, (input,))


def fill(input: Tensor, value: Any) -> Tensor:
    """One value, in the shape and dtype of a tensor.

    >>> torch.fill(torch.zeros(2), 3.0)
    tensor([3., 3.])
    """
    return record(FILL, (input, value))


FILL = Row("fill", lambda x, v: np.broadcast_to(v.astype(x.dtype), x.shape), "FillBackward1")


@factory
def scalar_tensor(s: Any, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of one number.

    >>> torch.scalar_tensor(2)
    tensor(2.)
    """
    return full((), s, dtype=dtype or get_default_dtype(), requires_grad=requires_grad)


FUNCTIONS.update({"angle": angle, "frexp": frexp, "fill": fill})
