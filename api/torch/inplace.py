"""Methods that write in place: ``add_`` and its like, and ``+=``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from . import arithmetic, memory, pairs, pointwise, random
from .compute import value_of
from .dtypes import here
from .modes import MODE
from .node import Row, leaf
from .tensors import NUMBERS, Tensor, record
from .writing import assign, check_overlap, check_writable

Method = Callable[..., Any]


def _is_plain(tensor: Tensor) -> bool:
    """Whether nothing can be wrong with writing to it, as to parameters where none is recorded."""
    return tensor.sharing is None and not tensor.inference and not MODE.own.enabled


def in_place(function: Method, name: str) -> Method:
    """The method that puts a function's result in the place of its first argument."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if not _is_plain(self):
            check_writable(self, *args, *kwargs.values())
            check_overlap(self, args)
        return assign(self, function(self, *args, **kwargs))

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`torch.{function.__name__}`, in place."
    return method


FUNCTIONS: dict[str, Method] = {
    "add_": arithmetic.add,
    "sub_": arithmetic.sub,
    "mul_": arithmetic.MUL,
    "div_": arithmetic.div,
    "pow_": arithmetic.pow,
    "clamp_": arithmetic.clamp,
    "lerp_": arithmetic.lerp,
    "addcmul_": arithmetic.addcmul,
    "addcdiv_": arithmetic.addcdiv,
    "round_": arithmetic.round,
    "masked_fill_": arithmetic.masked_fill,
    "remainder_": arithmetic.FUNCTIONS["remainder"],
    "floor_divide_": arithmetic.FUNCTIONS["floor_divide"],
    **{f"{name}_": f for name, f in pointwise.FUNCTIONS.items() if name[:2] not in ("is", "lo")},
}
METHODS: dict[str, Method] = {name: in_place(f, name) for name, f in FUNCTIONS.items()}


def _operator(function: Method, name: str) -> Method:
    written = in_place(function, name)

    def operator(self: Tensor, other: Any) -> Any:
        return written(self, other) if isinstance(other, (Tensor, *NUMBERS)) else NotImplemented

    return operator


def _unless_array(function: Method) -> Method:
    """The operator of a function; with an array on its right the result is another tensor."""

    def operator(self: Tensor, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        if not _is_plain(self):
            check_writable(self, other)
            check_overlap(self, (other,))
        return assign(self, function(self, other))

    return operator


OPERATORS = {
    **{
        f"__i{name}__": _operator(function, name)
        for name, function in (
            ("and", arithmetic.FUNCTIONS["bitwise_and"]),
            ("or", arithmetic.FUNCTIONS["bitwise_or"]),
            ("xor", arithmetic.FUNCTIONS["bitwise_xor"]),
            ("lshift", pairs.FUNCTIONS["bitwise_left_shift"]),
            ("rshift", pairs.FUNCTIONS["bitwise_right_shift"]),
        )
    },
    "__iadd__": _unless_array(FUNCTIONS["add_"]),
    "__isub__": _unless_array(FUNCTIONS["sub_"]),
    "__imul__": _unless_array(FUNCTIONS["mul_"]),
    "__itruediv__": _unless_array(FUNCTIONS["div_"]),
    "__ipow__": _unless_array(FUNCTIONS["pow_"]),
    "__ifloordiv__": _unless_array(FUNCTIONS["floor_divide_"]),
    "__imod__": _unless_array(FUNCTIONS["remainder_"]),
}


def overwrite(self: Tensor, array: np.ndarray[Any, Any], name: str = "ZeroBackward0") -> Tensor:
    """New values that do not depend on the old ones; ``name`` is that of the backward node."""
    before = self.node
    if before.tracked or memory.is_apart(self):
        constant = leaf(array)
        memory.replace(self, constant, constant.serial, name)
        return self
    if not memory.is_shared(self) and not self.exposed:
        version = memory.bump(self)
        before.overwritten(version, sys.maxsize)
        memory.take_alone(self, leaf(array), version)
        return self
    value_of(before)
    memory.write(self, array)
    return self


def _fill(self: Tensor, value: Any, name: str = "FillBackward2") -> Tensor:
    type = self.node.info.kind.type
    return overwrite(self, np.full(type.shape, value, type.dtype), name)


FILL = Row("fill", lambda x, *shape: np.broadcast_to(x, shape), "FillBackward3")
COPIED = Row("copy", lambda x: x, "CopyBackwards")


def zero_(self: Tensor) -> Tensor:
    """Zeros everywhere, in place."""
    check_writable(self, moving=True)
    type = self.node.info.kind.type
    return overwrite(self, np.zeros(type.shape, type.dtype))


def fill_(self: Tensor, value: Any) -> Tensor:
    """One value everywhere, in place."""
    check_writable(self, value, moving=True)
    arithmetic.check_value(self, value)
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(
                "fill_ only supports 0-dimension value tensor but got tensor with "
                f"{value.ndim} dimensions.{here()}"
            )
        return assign(self, record(FILL, (value.to(self.dtype),), tuple(self.shape)))
    return _fill(self, value)


def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """The values of another tensor, in place."""
    check_writable(self, src)
    check_overlap(self, (src,))
    if not isinstance(src, Tensor):
        return _fill(self, src, "CopyBackwards")
    return assign(self, record(COPIED, (src.to(self.dtype).expand(self.shape),)))


def normal_(self: Tensor, mean: float = 0, std: float = 1, *, generator: Any = None) -> Tensor:
    """Normally distributed numbers, in place."""
    check_writable(self)
    drawn = random.source(generator).standard_normal(self.shape)
    return overwrite(self, (mean + std * drawn).astype(self.dtype.numpy), "NormalBackward0")


def uniform_(self: Tensor, a: float = 0, b: float = 1, *, generator: Any = None) -> Tensor:
    """Numbers spread evenly over an interval, in place."""
    check_writable(self)
    drawn = random.source(generator).random(self.shape)
    return overwrite(self, (a + (b - a) * drawn).astype(self.dtype.numpy), "UniformBackward0")


def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """A Python function of each element, in place."""
    return _mapped("apply_", self, callable)


def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """A Python function of each element and that of another tensor, in place."""
    return _mapped("map_", self, callable, tensor)


def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Callable[[Any, Any, Any], Any]) -> Tensor:
    """A Python function of each element and those of two other tensors, in place."""
    return _mapped("map2_", self, callable, x, y)


def _mapped(name: str, self: Tensor, function: Callable[..., Any], *others: Tensor) -> Tensor:
    if self.requires_grad or any(x.requires_grad for x in others):
        raise RuntimeError(
            f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() "
            f"instead.{here()}"
        )
    lists = [np.broadcast_to(x.value(), self.shape).reshape(-1).tolist() for x in (self, *others)]
    made = [function(*given) for given in zip(*lists, strict=True)]
    return overwrite(self, np.array(made, self.dtype.numpy).reshape(self.shape))


METHODS.update({f.__name__: f for f in (apply_, map_, map2_)})
METHODS.update({f.__name__: f for f in (zero_, fill_, copy_, normal_, uniform_)})
