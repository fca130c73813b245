"""Results put in the place of a tensor's value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from . import memory
from .compute import value_of
from .dtypes import CATEGORY, here, of_numpy
from .modes import MODE
from .node import Node, Row, new_node
from .tensors import CAST, COPY, Tensor, operand

OVERLAPPING = frozenset(("expand", "as_strided"))
"""Views that may show an element in several places."""


def check_writable(tensor: Tensor, *others: Any, part: bool = False, moving: bool = False) -> None:
    """Whether a tensor, or ``part`` of it, can be written to, with what ``others`` give.

    ``moving``: no values are written.

    Leaves that require grad must not be written to while that is recorded, nor must views that
    were not made for it.

    Raises:
        RuntimeError: torch's.
    """
    if tensor.chain and not moving and any(row.name in OVERLAPPING for row, _ in tensor.chain):
        _check_apart(tensor)
    if tensor.inference and not MODE.own.inference and any(_is_normal(x) for x in others):
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed.You can make "
            "a clone to get a normal tensor before doing inplace update.See "
            f"https://github.com/pytorch/rfcs/pull/17 for more details.{here()}"
        )
    if not MODE.own.enabled or not any(
        isinstance(x, Tensor) and x.requires_grad for x in (tensor, *others)
    ):
        return
    if tensor.restricted:
        raise RuntimeError(f"{memory.misuse(tensor, 'is being')}{here()}")
    if not tensor.requires_grad:
        return
    shown = memory.steps_of(tensor)
    if shown or part:
        if _is_of_leaf(tensor):
            raise RuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place "
                f"operation.{here()}"
            )
    elif tensor.wants_grad:
        raise RuntimeError(
            f"a leaf Variable that requires grad is being used in an in-place operation.{here()}"
        )


def _is_normal(x: Any) -> bool:
    return isinstance(x, Tensor) and not x.inference


def _is_of_leaf(tensor: Tensor) -> bool:
    """Whether it is a leaf, or was made as a view of one."""
    x: Any = tensor.node.standing if tensor.node.tracked else tensor.operand or operand(tensor)
    while not x.leaf and x.info.row.view and x.operands:
        x = x.operands[0]
    return bool(x.leaf)


_OVERLAP = (
    "unsupported operation: some elements of the input tensor and the written-to tensor refer to a "
    "single memory location. Please clone() the tensor before performing the operation."
)


def check_overlap(tensor: Tensor, others: Sequence[Any], same: bool = True) -> None:
    """What is written must not be read from the same memory, unless element by element (``same``).

    Raises:
        RuntimeError: torch's.
    """
    if not same and any(x is tensor for x in others) and tensor.numel():
        raise RuntimeError(f"{_OVERLAP}{here()}")
    storage = getattr(tensor, "sharing", None)
    if storage is None:
        return
    from .storage import laid_out

    for x in others:
        if not isinstance(x, Tensor) or x.sharing is not storage or x is tensor:
            continue
        if not (x.numel() and tensor.numel()):
            continue
        (mine, whole), (theirs, again) = laid_out(tensor), laid_out(x)
        if not (_is_dense(mine) and _is_dense(theirs)):
            continue
        start, begin = (a.ctypes.data - w.ctypes.data for a, w in ((mine, whole), (theirs, again)))
        equal = (start, mine.nbytes, mine.strides) == (begin, theirs.nbytes, theirs.strides)
        apart = start + mine.nbytes <= begin or begin + theirs.nbytes <= start
        if not (apart or (equal and same)):
            raise RuntimeError(f"{_OVERLAP}{here()}")


def _is_dense(array: Any) -> bool:
    """Whether elements fill a stretch of memory, in any order."""
    step = array.itemsize
    for stride, n in sorted(
        (s, n) for s, n in zip(array.strides, array.shape, strict=True) if n > 1
    ):
        if stride != step:
            return False
        step *= n
    return True


def _check_apart(tensor: Tensor) -> None:
    from .storage import laid_out

    array, _ = laid_out(tensor)
    if array.size and any(
        step == 0 and n > 1 for step, n in zip(array.strides, array.shape, strict=True)
    ):
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
    return new_node(_cast(node.grad_name), (node,), (want.dtype,))


@cache
def _cast(name: str) -> Row:
    """The row of a cast that belongs to an operation of another name."""
    return replace(CAST, grad_name=name if name != "None" else CAST.grad_name)
