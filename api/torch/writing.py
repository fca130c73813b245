"""Results put in the place of a tensor's value."""

from __future__ import annotations

from . import memory
from .compute import value_of
from .dtypes import CATEGORY, here, of_numpy
from .modes import MODE
from .node import Node, new_node
from .tensors import CAST, COPY, Tensor, operand

OVERLAPPING = frozenset(("expand", "as_strided"))
"""Views that may show an element in several places."""


def check_writable(tensor: Tensor, through_view: bool = False) -> None:
    """Leaves that require grad must not be written to while that is recorded.

    Raises:
        RuntimeError: torch's.
    """
    if tensor.chain and any(row.name in OVERLAPPING for row, _ in tensor.chain):
        _check_apart(tensor)
    if not MODE.own.enabled:
        return
    if any(row.grad_name is None for row, _ in tensor.chain):
        return
    if through_view or tensor.chain:
        base = tensor if tensor.sharing is None else tensor.sharing.base()
        if base is not None and base.wants_grad and tensor.requires_grad:
            raise RuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place "
                f"operation.{here()}"
            )
    elif tensor.wants_grad:
        raise RuntimeError(
            f"a leaf Variable that requires grad is being used in an in-place operation.{here()}"
        )


def _check_apart(tensor: Tensor) -> None:
    from .storage import laid_out

    array, _ = laid_out(tensor)
    if any(step == 0 and n > 1 for step, n in zip(array.strides, array.shape, strict=True)):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. Please clone() the tensor before performing the operation."
            f"{here()}"
        )


def assign(tensor: Tensor, result: Tensor) -> Tensor:
    """Put a result, of the tensor's shape, in its place."""
    before, node = tensor.node, result.node
    alone = tensor.sharing is None and not tensor.exposed
    if alone and node.info.kind is before.info.kind and node is not before and node.operands:
        memory.replace(tensor, node, node.serial)
        return tensor
    if node.info.kind is not before.info.kind:
        node = _fitted(node, before)
    elif node is before or not node.operands:
        node = new_node(COPY, (operand(result),))
    untracked = not node.tracked and not before.tracked and before.value is not None
    untracked = untracked and not node.kept
    shared = memory.is_shared(tensor) and tensor.sharing is not None and tensor.sharing.concrete
    if untracked and (shared or (tensor.exposed and memory.is_exposed(before))):
        if not memory.replace_twins(tensor, node):
            memory.write(tensor, value_of(node))
    else:
        memory.replace(tensor, node, result.node.serial)
    return tensor


def _fitted(node: Node, before: Node) -> Node:
    have, want = node.info.kind.type, before.info.kind.type
    if have.shape != want.shape:
        raise RuntimeError(
            f"output with shape {list(want.shape)} doesn't match the broadcast shape "
            f"{list(have.shape)}{here()}"
        )
    if CATEGORY[have.dtype.kind] > CATEGORY[want.dtype.kind]:
        titles = of_numpy(have.dtype).title, of_numpy(want.dtype).title
        raise RuntimeError(
            f"result type {titles[0]} can't be cast to the desired output type {titles[1]}{here()}"
        )
    return new_node(CAST, (node,), (want.dtype,))
