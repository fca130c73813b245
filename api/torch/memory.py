"""Memory that tensors share, and writing to it.

A tensor and its views and detached twins share a `Storage`. A write is seen by all of them, but not
by what has been recorded before: that keeps the value of its time, copied if need be.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace as replaced
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from pullback.tracer.primitives.elementwise import stop_gradient, where
from pullback.tracer.primitives.structure import broadcast
from pullback.tracer.trace import Tracer, literal
from pullback.tracer.types import BOOL

from .compute import force, store, value_of
from .modes import MODE
from .node import DETACH, Node, Operand, Row, Variable, leaf, new_node

if TYPE_CHECKING:
    from .tensors import Tensor

Array: TypeAlias = "np.ndarray[Any, Any]"
Step: TypeAlias = tuple[Row, tuple[Any, ...]]


_ROOM = 16


class Storage:
    """What tensors share: the node of the whole, the version, the tensors that are alive.

    ``concrete``: they are views of one NumPy array; else each is computed from the whole.
    """

    def __init__(self, tensor: Tensor) -> None:
        self.node = tensor.node
        self.version = tensor.own_version
        reference = weakref.ref(tensor)
        self.base: Callable[[], Tensor | None] = reference
        self.tensors = [reference]
        self.concrete = tensor.node.value is not None
        self.room = _ROOM

    def add(self, tensor: Tensor) -> None:
        """One tensor more; those that are gone are forgotten when there are many."""
        self.tensors.append(weakref.ref(tensor))
        if len(self.tensors) > self.room:
            self.room = 2 * len(self.alive()) + _ROOM

    def alive(self) -> list[Tensor]:
        """The tensors that share it, those that are gone forgotten."""
        tensors = [t for ref in self.tensors if (t := ref()) is not None]
        if len(tensors) < len(self.tensors):
            self.tensors = [weakref.ref(t) for t in tensors]
        return tensors


def share(source: Tensor, view: Tensor, step: Step) -> None:
    """Make ``view`` a view of the source's memory, by one step."""
    storage = source.sharing
    if storage is None:
        storage = source.sharing = Storage(source)
    view.sharing = storage
    view.chain = (*source.chain, step)
    storage.add(view)
    if not storage.concrete and storage.base() is source and source.node.value is not None:
        storage.concrete = len(storage.alive()) == len((source, view))


def settle(tensor: Tensor) -> None:
    """Compute a tensor; it and those that share its memory become views of one array.

    Until somebody asks where they are, each is computed apart from the whole.
    """
    value_of(tensor.node)
    storage = tensor.sharing
    if storage is None or storage.concrete:
        return
    whole = value_of(storage.node)
    for view in storage.alive():
        store(view.node, _shown(whole, view.chain))
    storage.concrete = True


def show(tensor: Tensor, node: Node, step: Step) -> None:
    """Have a tensor show its memory by one more step; the others show what they did."""
    version = bump(tensor)
    storage = tensor.sharing
    if storage is None or not is_shared(tensor):
        take_alone(tensor, node, version)
        return
    if storage.base() is tensor:
        storage.base = _nobody
    tensor.chain = (*tensor.chain, step)
    tensor.take_node(node)


def _nobody() -> None:
    """No tensor shows the whole as it is."""


def is_shared(tensor: Tensor) -> bool:
    """Whether another tensor sees what is written to this one."""
    return tensor.sharing is not None and len(tensor.sharing.alive()) > 1


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
    """A node of the same value in memory of its own.

    What was written through NumPy is not in the record: derivatives go where they went before.
    """
    copied = leaf(node.value.copy())
    if not node.tracked:
        return copied
    made = _with_derivatives_of(node, copied, unnoticed=True)
    made.value = copied.value
    return made


def prepare_write(tensor: Tensor) -> None:
    """Make the tensor's memory ready to be written to, and count the write."""
    part_from_readers(tensor, bump(tensor))


def part_from_readers(tensor: Tensor, version: int = 0) -> None:
    """What was recorded before keeps the present value; the tensor keeps the memory."""
    storage = tensor.sharing
    sharing = [tensor] if storage is None else storage.alive()
    force([x.node for x in sharing if x.node.value is None])
    left = [(weakref.ref(x.node), x.node.value) for x in sharing]
    base = None if storage is None else storage.base()
    if storage is not None and base is None and storage.node.value is not None:
        left.append((weakref.ref(storage.node), storage.node.value))
        storage.node = _fresh(storage.node)
    for x in sharing:
        x.take_node(_fresh(x.node))
    if storage is not None and base is not None:
        storage.node = base.node
    for reference, array in left:
        _keep_reader(reference(), array, version)


def _keep_reader(node: Node | None, array: Array, version: int) -> None:
    """A node that something recorded still refers to keeps the value of its time."""
    if node is not None:
        if version:
            node.overwritten(version, sys.maxsize)
        node.value = array.copy()


def write(tensor: Tensor, value: Any, index: Any = ...) -> None:
    """Write to the memory of a tensor, as all that share it will see."""
    prepare_write(tensor)
    tensor.node.value[index] = value


def bump(tensor: Tensor) -> int:
    """Count a write; gives the new version."""
    storage = tensor.sharing
    if storage is not None:
        storage.version += 1
        return storage.version
    tensor.own_version += 1
    return tensor.own_version


def replace(tensor: Tensor, node: Node, since: int) -> None:
    """The tensor's value is that of a recorded operation from now on, as all that share it see.

    ``since`` is the first number of what was recorded for this.
    """
    version = bump(tensor)
    storage = tensor.sharing
    old = tensor.node
    node = _with_derivatives_of(old, node)
    old.overwritten(version, since)
    if storage is not None and is_shared(tensor):
        _replace_shared(tensor, storage, node, version, since)
        return
    take_alone(tensor, node, version)
    _keep_memory(old, node, tensor.exposed)


def replace_twins(tensor: Tensor, node: Node) -> bool:
    """Have all that share a tensor's memory take another value, which need not be computed yet.

    That goes if each of them shows the whole as it is, and no NumPy array does; tells whether.
    """
    storage = tensor.sharing
    alive = [] if storage is None else storage.alive()
    if not alive or any(x.exposed or any(row is not DETACH for row, _ in x.chain) for x in alive):
        return False
    assert storage is not None
    version = bump(tensor)
    base = storage.base()
    # The node is held by the tensor that takes it last.
    for x in sorted(alive, key=lambda x: x is base):
        x.node.overwritten(version, node.serial)
        x.take_node(node)
    storage.node, storage.concrete = node, False
    return True


def take_alone(tensor: Tensor, node: Node, version: int) -> None:
    """Have another value, in memory that no other tensor sees."""
    tensor.take_node(node)
    tensor.sharing, tensor.chain, tensor.own_version = None, (), version


def _with_derivatives_of(old: Node, new: Node, unnoticed: bool = False) -> Node:
    """A value that has no derivatives, in the place of one that has.

    Written while nothing was recorded, derivatives go where they went before; else they are zero.
    """
    if new.tracked or not old.tracked:
        return new
    row = OVERWRITTEN if MODE.own.enabled and not unnoticed else _unnoticed(old.info.grad_name)
    node = new_node(row, (old, new))
    node.track(True)
    return node


def _replace_shared(tensor: Tensor, storage: Storage, node: Node, version: int, since: int) -> None:
    base, base_tensor = storage.node, storage.base()
    base.overwritten(version, since)
    storage.concrete = False
    # What is written through a detached view reaches the others as values only.
    detached = any(row.grad_name is None for row, _ in tensor.chain)
    new = node
    if tensor.chain:
        with _recording(MODE.own.enabled and not detached):
            new = new_node(_writing(tensor.chain), (base, node))
        new = _with_derivatives_of(base, new, unnoticed=detached)
    storage.node = new
    _keep_memory(base, new, any(x.exposed for x in storage.alive()))
    whole: Operand = new
    if base_tensor is not None:
        base_tensor.take_node(new)
        whole = Variable(new, base_tensor) if base_tensor.wants_grad else new
    for view in storage.alive():
        if view is tensor and detached:
            view.take_node(node)
        elif view is not base_tensor:
            with _recording(MODE.own.enabled or view.node.tracked):
                view.take_node(read_through(whole, view.chain))


@contextmanager
def _recording(enabled: bool) -> Generator[None]:
    before, MODE.own.enabled = MODE.own.enabled, enabled
    try:
        yield
    finally:
        MODE.own.enabled = before


def is_apart(tensor: Tensor) -> bool:
    """Whether others share it whose memory is their own: they are computed again after a write."""
    return is_shared(tensor) and tensor.sharing is not None and not tensor.sharing.concrete


def _changed(old: Tracer, new: Tracer) -> Tracer:
    return new + (old - stop_gradient(old))


def _overwritten(old: Tracer, new: Tracer) -> Tracer:
    never = broadcast(literal(False, BOOL), shape=old.shape, axes=())
    return where(never, old, new)


OVERWRITTEN = Row("overwritten", _overwritten, "ZeroBackward0")


@cache
def _unnoticed(name: str) -> Row:
    """The row of a value changed without derivatives: they go where they went before."""
    return Row("unnoticed", _changed, name)


def _keep_memory(old: Node, new: Node, exposed: bool) -> None:
    """If a NumPy array outside has the old memory, the new value is written there."""
    array = old.value
    if array is None or not exposed or not is_exposed(old, variables=1):
        return
    value = value_of(new)
    if old.info.kind is new.info.kind:
        old.value = array.copy()
        array[...] = value
        new.value = array


def read_through(whole: Operand, chain: Sequence[Step]) -> Node:
    """What a view shows of the whole."""
    first, *rest = chain
    node = new_node(_reading(first[0]), (whole,), first[1])
    for row, params in rest:
        node = new_node(_reading(row), (node,), params)
    return node


@cache
def _reading(row: Row) -> Row:
    """The row as torch names it when a view is made again."""
    return row if row.grad_name is None else replaced(row, grad_name="AsStridedBackward0")


@cache
def _writing(chain: tuple[Step, ...]) -> Row:
    """The row that puts a new value of a view into the whole."""
    return Row("copy_slices", lambda base, value: _written(base, value, chain), "CopySlices")


def _written(base: Tracer, value: Tracer, chain: tuple[Step, ...]) -> Tracer:
    """The whole with a new value of the part that a chain of views shows.

    What assignment does not reach, behind a step that writes in a way of its own, is written to
    that step's view first.
    """
    cut = max((i for i in range(1, len(chain)) if chain[i - 1][0].write), default=0)
    if cut:
        value = _written(_shown(base, chain[:cut]), value, chain[cut:])
        return _written(base, value, chain[:cut])
    whole = Tracer(base.node)
    part = _shown(whole, chain[:-1])
    step, params = chain[-1]
    if step.write is not None:
        step.write(part, value, *params)
    else:
        step.apply(part, *params).assign(value)
    return Tracer(whole.node)


def _shown(whole: Any, chain: Sequence[Step]) -> Any:
    for row, params in chain:
        whole = row.apply(whole, *params)
    return whole
