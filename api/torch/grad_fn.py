"""Backward nodes, as far as they can be looked at: ``tensor.grad_fn``."""

from __future__ import annotations

import weakref
from functools import cache
from typing import TYPE_CHECKING, Any

from .dtypes import here
from .hooks import FREED, Hook, RemovableHandle, watch_of
from .node import Node, Operand, Variable
from .saving import Kept, shown, tensor_of

if TYPE_CHECKING:
    from .tensors import Tensor


_QUALIFIED = frozenset(("AccumulateGrad", "CopyBackwards", "CopySlices", "NotImplemented"))


class BackwardNode:
    """What backward nodes have in common: notes, hooks, and the nodes that they go on to.

    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> isinstance((x * x).grad_fn, torch.autograd.graph.Node)
    True
    """

    _place: Any
    """What has the watch: a node of the record, a call, or a leaf."""

    def name(self) -> str:
        """The name of the class, of some with the place in torch where it is."""
        name = type(self).__name__
        return f"torch::autograd::{name}" if name in _QUALIFIED else name

    requires_grad = True

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The backward nodes of the operands, and which of their outputs; None without any."""
        return ()

    def _sequence_nr(self) -> int:
        """The later it was recorded, the greater."""
        return int(self._place.serial)

    @property
    def metadata(self) -> dict[Any, Any]:
        """Room for the user's notes."""
        return watch_of(self._place).metadata

    def register_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(grad_inputs, grad_outputs)`` after the node; what it returns is passed on."""
        return RemovableHandle(watch_of(self._place).after, hook)

    def register_prehook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(grad_outputs)`` before the node; what it returns takes their place."""
        return RemovableHandle(watch_of(self._place).before, hook)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {id(self._place):#x}>"


class GradFn(BackwardNode):
    """What pulls derivatives back through one operation."""

    def __init__(self, node: Node) -> None:
        self._place = self._node = node

    @property
    def node(self) -> Node:
        """The operation in the record."""
        return self._node

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The backward nodes of the operands, and which of their outputs; None without any."""
        return next_of(edges(self._node))

    def __getattr__(self, name: str) -> Any:
        """What is saved, under torch's names: ``_saved_self``, ``_saved_other``, ``_saved_result``.

        Raises:
            RuntimeError: torch's, if it has been freed.
        """
        node = self._node
        if name == "_saved_exponent" and len(node.operands) == 1 and node.info.params:
            return node.info.params[0]
        if node.freed and name in (*_SAVED, "_saved_result"):
            raise RuntimeError(f"{FREED}{here()}")
        saved = node.info.saved(tuple([x.tracked for x in node.operands]))
        place = _SAVED.get(name, -1)
        if place not in saved.operands and not (name == "_saved_result" and saved.result):
            raise AttributeError(f"{self.name()!r} object has no attribute {name!r}")
        if name == "_saved_result":
            return tensor_of(node) if node.packed is None else shown(node.packed)
        x = node.operands[place]
        if isinstance(x, Node) and isinstance(x.call, Kept):
            return shown(x)
        return x.value if isinstance(x, Node) and x.info.kind.number else tensor_of(x)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GradFn) and other._node is self._node

    def __hash__(self) -> int:
        return hash(self._node)


class AccumulateGrad(BackwardNode):
    """The end of the way: adds to ``variable.grad``."""

    def __init__(self, variable: Variable) -> None:
        self._variable = variable

    @property
    def _place(self) -> Any:
        return self._variable.tensor()

    def _sequence_nr(self) -> int:
        """It comes before all others."""
        return 2**64 - 1

    @property
    def variable(self) -> Tensor | None:
        """The leaf, while it is there."""
        return self._variable.tensor()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccumulateGrad) and other.variable is self.variable

    def __hash__(self) -> int:
        return id(self.variable)

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self.variable):#x}>"


_SAVED = {"_saved_self": 0, "_saved_other": 1, "_saved_exponent": 1, "_saved_mat2": 1}
_TAKE_NUMBERS = {"AddBackward0", "SubBackward0", "MulBackward0", "DivBackward0"}


def edges(node: Node) -> tuple[Operand, ...]:
    """The operands that a backward node has a place for: numbers are tensors to a few of them."""
    operands = node.operands[: len(node.info.operands)]
    if node.info.row.grad_name in _TAKE_NUMBERS:
        return operands[:2]
    if node.info.row.name == "where":
        return operands[1:]
    chooses = node.info.row.name in _CHOOSING
    return tuple([x for x in operands if not (x.info.kind.number or (chooses and _is_index(x)))])


_CHOOSING = frozenset(
    (
        *("masked_fill", "masked_select", "masked_scatter", "gather", "take", "take_along_dim"),
        *("index", "index_put", "index_select", "index_add", "index_copy", "index_fill"),
        *("index_reduce", "scatter", "scatter_add", "scatter_reduce", "put"),
    )
)
"""Rows with masks or places among their operands."""


def _is_index(x: Operand) -> bool:
    """Whether derivatives cannot go on to an operand: masks and places."""
    return x.info.kind.type.dtype.kind in "biu" and not x.tracked


def next_of(operands: tuple[Operand | None, ...]) -> tuple[tuple[Any, int], ...]:
    """The backward nodes of operands, and which of their outputs these are."""
    return tuple(
        (None, 0) if x is None else (backward_node(x), getattr(x, "output", 0)) for x in operands
    )


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
    x = x.standing
    if x.call is not None:
        return x.call
    known = x.grad_fn() if x.grad_fn is not None else None
    if known is None:
        x.look_closer()
        known = _class_of(x.info.grad_name)(x)
        x.grad_fn = weakref.ref(known)
    return known
