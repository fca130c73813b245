"""What operations keep for the backward pass, through the hands of the user's functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .dtypes import here
from .hooks import Watch
from .modes import MODE
from .node import Node, Operand, Variable, leaf_info, next_serial

if TYPE_CHECKING:
    from .tensors import Tensor

Hooks = tuple[Callable[[Any], Any], Callable[[Any], Any]]


class Kept:
    """A kept value: what was packed, and the value's place in the record.

    In the record it is a call of its own, which does nothing to cotangents.
    """

    freed = False
    watch: Watch | None = None
    where = None
    count = 1

    def __init__(self, source: Operand, hooks: Hooks, value: Tensor) -> None:
        self.operands: tuple[Operand | None, ...] = (source if source.tracked else None,)
        self.unpack = hooks[1]
        self.serial = next_serial()
        self.packed = hooks[0](value)

    def name(self) -> str:
        """A name for messages."""
        return "SavedTensor"

    def pull(self, cotangents: list[Tensor | None]) -> list[Tensor | None]:
        """The cotangent as it is."""
        return cotangents

    def free(self) -> None:
        """Give up what is saved."""
        self.packed = None


def pack(node: Node, hooks: Hooks) -> None:
    """Put what a recorded operation keeps into the user's hands."""
    from .compute import force

    saved = node.info.saved(tuple([x.tracked for x in node.operands]))
    if not saved:
        return
    node.look_closer()
    force([node, *[_source(x) for x in node.operands]])
    operands = list(node.operands)
    for i in saved.operands:
        if not operands[i].info.kind.number:
            operands[i] = _kept(operands[i], hooks)
    node.operands = tuple(operands)
    node.serial = next_serial()
    if saved.result:
        node.packed = _kept(node, hooks)


def _source(x: Operand) -> Node:
    return x.source if isinstance(x, Variable) else x


def _kept(x: Operand, hooks: Hooks) -> Node:
    node = Node(leaf_info(x.info.kind), ())
    with _unrecorded():
        node.call = Kept(x, hooks, tensor_of(x))
    node.tracked = x.tracked
    return node


def tensor_of(x: Operand) -> Tensor:
    """The leaf, or a tensor of the node, which another tensor may have."""
    from .tensors import Tensor

    leaf = x.tensor() if isinstance(x, Variable) else None
    if leaf is not None:
        return leaf
    made: Tensor = Tensor.__new__(Tensor)
    made.node = made.operand = _source(x)
    return made


class _unrecorded:
    """The user's functions are not recorded, and nothing of theirs is packed."""

    def __enter__(self) -> None:
        self._before = MODE.enabled, MODE.saving
        MODE.enabled, MODE.saving = False, ()

    def __exit__(self, *exception: object) -> None:
        MODE.enabled, MODE.saving = self._before


def shown(node: Node) -> Tensor:
    """What the user's function makes of what was packed."""
    call = node.call
    assert isinstance(call, Kept)
    with _unrecorded():
        found: Tensor = call.unpack(call.packed)
    return found


def unpacked(node: Node) -> None:
    """Give a kept value's node its value, for one step of a backward pass."""
    node.value = shown(node).value()


class saved_tensors_hooks:
    """Within the block, what operations keep for the backward pass is packed, and then unpacked.

    Args:
        pack_hook: called with a tensor that is to be kept; gives anything.
        unpack_hook: called with that in the backward pass; gives the tensor.

    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), torch.tensor):
    ...     y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    tensor([2., 2.])
    """

    def __init__(
        self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]
    ) -> None:
        self._hooks = pack_hook, unpack_hook

    def __enter__(self) -> None:
        if MODE.own.no_packing is not None:
            raise RuntimeError(f"{MODE.own.no_packing}{here()}")
        MODE.saving = (*MODE.saving, self._hooks)

    def __exit__(self, *exception: object) -> None:
        MODE.saving = MODE.saving[:-1]
