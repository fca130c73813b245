"""Backward nodes, as far as they can be looked at: ``tensor.grad_fn``."""

from __future__ import annotations

import weakref
from functools import cache
from typing import TYPE_CHECKING, Any

from .node import Node, Operand, Variable

if TYPE_CHECKING:
    from .tensors import Tensor


class GradFn:
    """What pulls derivatives back through one operation."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def name(self) -> str:
        """The name of the class."""
        return type(self).__name__

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The backward nodes of the operands; None where no derivative goes."""
        return tuple(
            (backward_node(x), 0) for x in self._node.operands[: len(self._node.info.operands)]
        )

    @property
    def metadata(self) -> dict[str, Any]:
        """Room for the user's notes."""
        return self.__dict__.setdefault("_metadata", {})  # type: ignore[no-any-return]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GradFn) and other._node is self._node

    def __hash__(self) -> int:
        return hash(self._node)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {id(self._node):#x}>"


class AccumulateGrad:
    """The end of the way: adds to ``variable.grad``."""

    def __init__(self, variable: Variable) -> None:
        self._variable = variable

    def name(self) -> str:
        """As torch calls it."""
        return "torch::autograd::AccumulateGrad"

    next_functions: tuple[tuple[Any, int], ...] = ()

    @property
    def variable(self) -> Tensor | None:
        """The leaf, while it is there."""
        return self._variable.tensor()

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self._variable):#x}>"


@cache
def _class_of(name: str) -> type[GradFn]:
    return type(name, (GradFn,), {"__doc__": f"The backward node {name}."})


def backward_node(x: Operand) -> Any:
    """The backward node of a value, None if no derivatives go through it."""
    if not x.tracked:
        return None
    if type(x) is Variable:
        return AccumulateGrad(x)
    assert isinstance(x, Node)
    known = x.grad_fn() if x.grad_fn is not None else None
    if known is None:
        x.look_closer()
        known = _class_of(x.info.grad_name)(x)
        x.grad_fn = weakref.ref(known)
    return known
