"""The functions as methods and operators of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import (
    arithmetic,
    complexes,
    creation,
    exchange,
    indexing,
    inplace,
    joining,
    operators,
    pointwise,
    products,
    random,
    reductions,
    shapes,
    storage,
    typed_methods,
)
from .dtypes import bool_, float32, float64, int32, int64
from .tensors import Tensor

NAMES: dict[Any, str] = {
    arithmetic: "add sub div pow clamp where masked_fill lerp addcmul addcdiv nan_to_num round "
    "isclose allclose equal",
    reductions: "sum nansum mean prod amax amin any all argmax argmin max min var std cumsum norm "
    "softmax log_softmax logsumexp",
    shapes: "reshape flatten ravel unflatten t transpose permute movedim squeeze unsqueeze "
    "broadcast_to clone flip roll tile tril triu diag diagonal trace",
    joining: "split chunk unbind narrow select",
    products: "matmul mm mv dot bmm outer addmm",
    indexing: "nonzero gather index_select masked_select take",
}
"""Functions that are methods, too, by the module that has them."""

ALIASES = {
    "subtract": "sub",
    "multiply": "mul",
    "divide": "div",
    "true_divide": "div",
    "clip": "clamp",
    "greater": "gt",
    "less": "lt",
    "not_equal": "ne",
    "swapaxes": "transpose",
    "swapdims": "transpose",
    "concat": "cat",
    "concatenate": "cat",
}


def _where_method(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """The tensor where the condition holds, else ``other``."""
    result: Tensor = arithmetic.where(condition, self, other)
    return result


def _of_dtype(dtype: Any) -> Callable[[Tensor], Tensor]:
    def method(self: Tensor) -> Tensor:
        return shapes.to(self, dtype)

    method.__doc__ = f"The tensor as {dtype!r}."
    return method


def _new(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        kwargs.setdefault("dtype", self.dtype)
        return make(*args, **kwargs)

    method.__doc__ = f"`torch.{make.__name__}` in the tensor's dtype."
    return method


def _same(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The tensor itself."""
    return self


def _type_as(self: Tensor, other: Tensor) -> Tensor:
    """The tensor in the dtype of another."""
    return shapes.to(self, other.dtype)


def _like(function: Callable[..., Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    def method(self: Tensor, other: Tensor) -> Tensor:
        return function(self, other.shape)

    method.__doc__ = f"`{function.__name__}` to the shape of another tensor."
    return method


def _contiguous(self: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself if its elements follow one another in memory, else a copy."""
    return self if self.is_contiguous() else shapes.clone(self)


MORE: dict[str, Any] = {
    "where": _where_method,
    "float": _of_dtype(float32),
    "double": _of_dtype(float64),
    "long": _of_dtype(int64),
    "int": _of_dtype(int32),
    "bool": _of_dtype(bool_),
    "to": shapes.to,
    "view": shapes.view,
    "expand": shapes.expand,
    "repeat": shapes.repeat,
    "cpu": _same,
    "contiguous": _contiguous,
    "type_as": _type_as,
    "expand_as": _like(shapes.expand),
    "view_as": _like(shapes.view),
    "reshape_as": _like(shapes.reshape),
    "new_zeros": _new(creation.zeros),
    "new_ones": _new(creation.ones),
    "new_tensor": _new(creation.tensor),
    "bernoulli": random.bernoulli,
    "relu": pointwise.FUNCTIONS["relu"],
    "T": property(lambda self: shapes.permute(self, tuple(range(self.ndim))[::-1])),
    "mT": property(lambda self: shapes.transpose(self, -2, -1)),
    "__getitem__": indexing.get_item,
    "__setitem__": indexing.set_item,
    "__matmul__": products.matmul_operator,
    "__neg__": pointwise.FUNCTIONS["neg"],
    "__abs__": pointwise.FUNCTIONS["abs"],
    "__invert__": pointwise.FUNCTIONS["bitwise_not"],
    "__pos__": _same,
}


def functions() -> dict[str, Callable[..., Any]]:
    """Every function by its name in torch."""
    found: dict[str, Callable[..., Any]] = {
        **pointwise.FUNCTIONS,
        **arithmetic.FUNCTIONS,
        **complexes.FUNCTIONS,
    }
    for module, names in NAMES.items():
        found.update({name: getattr(module, name) for name in names.split()})
    found.update({alias: found[name] for alias, name in ALIASES.items() if name in found})
    return found


def install() -> None:
    """Give `Tensor` its methods."""
    found = {name: f for name, f in functions().items() if name != "complex"}
    ours = (complexes.METHODS, storage.METHODS, typed_methods.METHODS, exchange.METHODS)
    for table in (found, inplace.METHODS, operators.OPERATORS, inplace.OPERATORS, MORE, *ours):
        for name, method in table.items():
            setattr(Tensor, name, method)
