"""Memory that tensors share, and writing to it.

A tensor and its views and detached twins share a `Storage`. A write is seen by all of them, but not
by what has been recorded before: that keeps the value of its time, copied if need be.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from pullback.tracer.trace import Tracer

from .compute import force, value_of
from .node import Node, Row, leaf, new_node

if TYPE_CHECKING:
    from .tensor import Tensor

Array: TypeAlias = "np.ndarray[Any, Any]"
Step: TypeAlias = tuple[Row, tuple[Any, ...]]


class Storage:
    """What tensors share: the node of the whole, the version, the tensors that are alive.

    ``concrete``: they are views of one NumPy array; else each is computed from the whole.
    """

    def __init__(self, tensor: Tensor) -> None:
        self.node = tensor._node
        self.version = tensor._own_version
        self.base = weakref.ref(tensor)
        self.tensors: list[weakref.ref[Tensor]] = [self.base]
        self.concrete = tensor._node.value is not None

    def alive(self) -> list[Tensor]:
        """The tensors that share it, those that are gone forgotten."""
        tensors = [t for ref in self.tensors if (t := ref()) is not None]
        if len(tensors) < len(self.tensors):
            self.tensors = [weakref.ref(t) for t in tensors]
        return tensors


def share(source: Tensor, view: Tensor, step: Step) -> None:
    """Make ``view`` a view of the source's memory, by one step."""
    storage = source._storage
    if storage is None:
        storage = source._storage = Storage(source)
    view._storage = storage
    view._chain = (*source._chain, step)
    storage.tensors.append(weakref.ref(view))


def is_shared(tensor: Tensor) -> bool:
    """Whether another tensor sees what is written to this one."""
    return tensor._storage is not None and len(tensor._storage.alive()) > 1


def _count(holder: list[Any]) -> int:
    thing = holder[0]
    return sys.getrefcount(thing)


_ALONE = _count([np.zeros(1)])
"""What is counted for an array that its holder alone refers to."""


def is_exposed(node: Node, variables: int = 0) -> bool:
    """Whether a NumPy array outside has the node's memory, and may be written to.

    ``variables``: how many of the caller's refer to the array.
    """
    base = node.value.base
    if base.__class__ is np.ndarray:
        del variables
        holder = [base]
        del base
        return _count(holder) > _ALONE + 1
    return _count([node.value]) > _ALONE + 1 + variables


def _fresh(node: Node) -> Node:
    """A node for the same memory that nothing recorded refers to."""
    if not node.tracked:
        return leaf(node.value)
    made = Node(node.info, node.operands)
    made.value, made.tracked, made.freed, made.where = node.value, True, node.freed, node.where
    return made


def snapshot(node: Node) -> Node:
    """A node of the same value in memory of its own."""
    made = _fresh(node)
    made.value = node.value.copy()
    return made


def prepare_write(tensor: Tensor) -> None:
    """Make the tensor's memory ready to be written to, and count the write."""
    part_from_readers(tensor, bump(tensor))


def part_from_readers(tensor: Tensor, version: int = 0) -> None:
    """What was recorded before keeps the present value; the tensor keeps the memory."""
    storage = tensor._storage
    sharing = [tensor] if storage is None else storage.alive()
    force([x._node for x in sharing if x._node.value is None])
    left = [(weakref.ref(x._node), x._node.value) for x in sharing]
    base = None if storage is None else storage.base()
    if storage is not None and base is None:
        left.append((weakref.ref(storage.node), storage.node.value))
        storage.node = _fresh(storage.node)
    for x in sharing:
        x._take(_fresh(x._node))
    if storage is not None and base is not None:
        storage.node = base._node
    for reference, array in left:
        _keep_reader(reference(), array, version)


def _keep_reader(node: Node | None, array: Array, version: int) -> None:
    """A node that something recorded still refers to keeps the value of its time."""
    if node is not None:
        node.modified = version or node.modified
        node.value = array.copy()


def write(tensor: Tensor, value: Any, index: Any = ...) -> None:
    """Write to the memory of a tensor, as all that share it will see."""
    prepare_write(tensor)
    tensor._node.value[index] = value


def bump(tensor: Tensor) -> int:
    """Count a write; gives the new version."""
    storage = tensor._storage
    if storage is not None:
        storage.version += 1
        return storage.version
    tensor._own_version += 1
    return tensor._own_version


def replace(tensor: Tensor, node: Node) -> None:
    """The tensor's value is that of a recorded operation from now on, as all that share it see."""
    version = bump(tensor)
    storage = tensor._storage
    old = tensor._node
    old.modified = version
    if storage is None or not is_shared(tensor):
        tensor._take(node)
        if storage is not None:
            tensor._storage, tensor._chain, tensor._own_version = None, (), version
        _keep_memory(old, node)
        return
    base = storage.node
    storage.concrete = False
    storage.node = new = new_node(_writing(tensor._chain), (base, node)) if tensor._chain else node
    _keep_memory(base, new)
    for sharing in storage.alive():
        if sharing is tensor:
            sharing._take(node)
        else:
            sharing._take(read_through(new, sharing._chain))


def _keep_memory(old: Node, new: Node) -> None:
    """If a NumPy array outside has the old memory, the new value is written there."""
    array = old.value
    if array is None or not is_exposed(old, variables=1):
        return
    value = value_of(new)
    if old.info.kind is new.info.kind:
        old.value = array.copy()
        array[...] = value
        new.value = array


def read_through(node: Node, chain: Sequence[Step]) -> Node:
    """What a view shows of the whole."""
    for row, params in chain:
        node = new_node(row, (node,), params)
    return node


_writers: dict[tuple[Step, ...], Row] = {}


def _writing(chain: tuple[Step, ...]) -> Row:
    """The row that puts a new value of a view into the whole."""
    row = _writers.get(chain)
    if row is None:

        def apply(base: Tracer, value: Tracer) -> Tracer:
            whole = Tracer(base.node)
            part = whole
            for step, params in chain:
                part = step.apply(part, *params)
            part.assign(value)
            return Tracer(whole.node)

        row = _writers[chain] = Row("copy_slices", apply, "CopySlices")
    return row
