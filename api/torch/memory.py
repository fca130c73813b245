"""Memory that tensors share, and writing to it.

A tensor and its views and detached twins share a `Storage`. A write is seen by all of them, but not
by what has been recorded before: that keeps the value of its time, copied if need be.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .chains import UNNOTICED, Step, overwriting, read_through, shown, writing
from .compute import force, store, value_of
from .modes import MODE
from .node import DETACH, Node, Operand, Variable, leaf, new_node

if TYPE_CHECKING:
    from .tensors import Tensor

Array: TypeAlias = "np.ndarray[Any, Any]"
_ROOM = 16


class Storage:
    """What tensors share: the node of the whole, the version, the tensors that are alive.

    ``concrete``: they are views of one NumPy array; else each is computed from the whole. ``nodes``
    are those whose values are in that memory: what is recorded may refer to them longer than any
    tensor does.
    """

    def __init__(self, tensor: Tensor) -> None:
        self.node = tensor.node
        self.version = tensor.own_version
        self.base: Callable[[], Tensor | None] = weakref.ref(tensor)
        self.tensors: list[weakref.ref[Tensor]] = [weakref.ref(tensor)]
        self.concrete = tensor.node.value is not None
        self.nodes = [weakref.ref(tensor.node)]
        self.room = _ROOM

    def add(self, tensor: Tensor) -> None:
        """One tensor more shares it; those that are gone are forgotten from time to time."""
        self.tensors.append(weakref.ref(tensor))
        self.nodes.append(weakref.ref(tensor.node))
        if len(self.nodes) > self.room:
            self.nodes = [x for x in self.nodes if x() is not None]
            self.room = _ROOM + 2 * max(len(self.nodes), len(self.alive()))

    def alive(self) -> list[Tensor]:
        """The tensors that share it, those that are gone forgotten."""
        tensors = [t for ref in self.tensors if (t := ref()) is not None]
        if len(tensors) < len(self.tensors):
            self.tensors = [weakref.ref(t) for t in tensors]
        return tensors


def share(source: Tensor, view: Tensor, step: Step) -> None:
    """Make ``view`` a view of the source's memory, by one step."""
    storage = storage_of(source)
    view.sharing, view.counter, view.own_steps = storage, source.counter, source.own_steps
    view.chain = (*source.chain, step)
    storage.add(view)
    if not storage.concrete and storage.base() is source and source.node.value is not None:
        storage.concrete = len(storage.alive()) == len((source, view))


def storage_of(tensor: Tensor) -> Storage:
    """The tensor's storage, made if nothing has shared it so far."""
    if tensor.sharing is None:
        tensor.sharing = Storage(tensor)
    return tensor.sharing


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
        store(view.node, shown(whole, view.chain))
    storage.concrete = True
    storage.nodes = [weakref.ref(x.node) for x in storage.alive()]


def show(tensor: Tensor, node: Node, step: Step) -> None:
    """Have a tensor show its memory by one more step; the others show what they did.

    It is a view of another only if it was one before.
    """
    version, old = bump(tensor), tensor.node
    storage, counter = tensor.sharing, tensor.counter
    old.overwritten(version, node.serial)
    _move_retained(tensor, node)
    if storage is None or not is_shared(tensor):
        take_alone(tensor, node, version)
        return
    for x in storage.alive():
        if x is not tensor and x.counter is counter and x.node.tracked and steps_of(x):
            _show_again(x, _whole(storage))
    if storage.base() is tensor:
        storage.base = _nobody
    if not steps_of(tensor):
        tensor.own_steps = len(tensor.chain) + 1
    tensor.chain = (*tensor.chain, step)
    tensor.take_node(node)


def _nobody() -> None:
    """No tensor shows the whole as it is."""


def join(tensor: Tensor, other: Tensor, version: int) -> None:
    """Make a tensor share another's memory, writes to it being counted apart from this version."""
    storage = storage_of(other)
    tensor.sharing, tensor.chain, tensor.counter = storage, other.chain, [version]
    storage.add(tensor)


def with_place_of(old: Node, new: Node) -> Node:
    """A value for a tensor that keeps its place in the backward graph, if it has one."""
    return _unnoticed(old, new) if old.tracked and old.info.kind is new.info.kind else new


def steps_of(tensor: Tensor) -> tuple[Step, ...]:
    """How the tensor is a view of another, which derivatives go on to; nothing if it is none."""
    steps = tensor.chain
    for i, (row, _) in enumerate(reversed(steps[tensor.own_steps :])):
        if row.grad_name is None:
            return steps[len(steps) - i :]
    return steps[tensor.own_steps :]


def views_of(tensor: Tensor) -> list[Tensor]:
    """The views of a tensor that is none itself."""
    if tensor.sharing is None or steps_of(tensor):
        return []
    return [
        x
        for x in tensor.sharing.alive()
        if steps_of(x)
        and x.chain[: len(tensor.chain)] == tensor.chain
        and len(steps_of(x)) == len(x.chain) - len(tensor.chain)
    ]


def version_of(tensor: Tensor) -> int:
    """How many writes have been counted."""
    if tensor.counter is not None:
        return tensor.counter[0]
    return tensor.own_version if tensor.sharing is None else tensor.sharing.version


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
        holder = [base]
        del base
        if _count(holder) > _ALONE + 1:
            return True
    twins = 0 if node.origin is None else node.operands[1].value is node.value  # type: ignore[union-attr]
    return _count([node.value]) > _ALONE + 1 + variables + twins


def _fresh(node: Node, array: Array) -> Node:
    """A node for this memory, of a value like the node's, that nothing recorded refers to."""
    return _unnoticed(node, leaf(array)) if node.tracked else leaf(array)


def snapshot(node: Node) -> Node:
    """A node of the same value in memory of its own."""
    return _fresh(node, node.value.copy())


def prepare_write(tensor: Tensor) -> None:
    """Make the tensor's memory ready to be written to, and count the write."""
    part_from_readers(tensor, bump(tensor))


def part_from_readers(tensor: Tensor, version: int = 0) -> None:
    """What was recorded before keeps the present value; the tensor keeps the memory."""
    storage = tensor.sharing
    sharing = [tensor] if storage is None else storage.alive()
    force([x.node for x in sharing if x.node.value is None])
    # What has been written to, as far as it is counted, is shown again by views.
    counts = [version if x.counter is tensor.counter else 0 for x in sharing]
    left = [(weakref.ref(x.node), x.node.value, n) for x, n in zip(sharing, counts, strict=True)]
    again = [
        x for x, n in zip(sharing, counts, strict=True) if n and x.node.tracked and steps_of(x)
    ]
    if storage is not None:
        left += _left_in(storage, sharing, 0 if tensor.counter is not None else version)
    for x in sharing:
        if not any(x is y for y in again):
            x.take_node(_fresh(x.node, x.node.value))
    if storage is not None:
        base = storage.base()
        if base is not None:
            storage.node = base.node
        elif storage.node.value is not None:
            storage.node = _fresh(storage.node, storage.node.value)
        for x in again:
            _show_again(x, _whole(storage))
        storage.nodes = [weakref.ref(x.node) for x in sharing]
    for reference, array, seen in left:
        _keep_reader(reference(), array, seen)


def _left_in(
    storage: Storage, sharing: Sequence[Tensor], version: int
) -> list[tuple[weakref.ref[Node], Array, int]]:
    """Nodes with values in the memory that no tensor has any more."""
    held = {x.node for x in sharing}
    found = [
        (reference, node.value, 0)
        for reference in (storage.nodes if storage.concrete else ())
        if (node := reference()) is not None and node.value is not None and node not in held
    ]
    if storage.base() is None and storage.node.value is not None:
        found.append((weakref.ref(storage.node), storage.node.value, version))
    return found


def _whole(storage: Storage) -> Operand:
    """What views of the storage are made from."""
    base = storage.base()
    return storage.node if base is None else _operand_of(base)


def _operand_of(tensor: Tensor) -> Operand:
    """How a tensor takes part in operations, wherever its memory is."""
    if tensor.operand is None and tensor.wants_grad:
        tensor.operand = Variable(tensor.node, tensor)
    return tensor.operand or tensor.node


def _show_again(view: Tensor, whole: Operand) -> None:
    """A view whose memory has been written to is made from the whole again."""
    value = view.node.value
    with recording(True):
        node = read_through(whole, view.chain)
    if node.tracked:
        node.value = value
        view.take_node(node)
    else:
        view.take_node(_fresh(view.node, value))


def _keep_reader(node: Node | None, array: Array, version: int) -> None:
    """A node that something recorded still refers to keeps the value of its time."""
    if node is not None:
        if version:
            node.overwritten(version, sys.maxsize)
        node.value = copied = array.copy()
        if node.origin is not None and node.operands[1].value is array:  # type: ignore[union-attr]
            node.operands[1].value = copied  # type: ignore[union-attr]


def write(tensor: Tensor, value: Any, index: Any = ...) -> None:
    """Write to the memory of a tensor, as all that share it will see."""
    prepare_write(tensor)
    tensor.node.value[index] = value


def bump(tensor: Tensor) -> int:
    """Count a write; gives the new version."""
    storage = tensor.sharing
    if tensor.counter is not None:
        tensor.counter[0] += 1
        return tensor.counter[0]
    if storage is not None:
        for x in storage.alive():
            if x.restricted and (x.node.tracked or x.nominal) and x is not tensor:
                _refuse_from_now_on(x)
    if storage is not None:
        storage.version += 1
        return storage.version
    tensor.own_version += 1
    return tensor.own_version


def replace(tensor: Tensor, node: Node, since: int, name: str = "ZeroBackward0") -> None:
    """The tensor's value is that of a recorded operation from now on, as all that share it see.

    ``since`` is the first number of what was recorded for this; ``name`` is that of the backward
    node if the value has no derivatives.
    """
    version = bump(tensor)
    storage = tensor.sharing
    old = tensor.node
    node = _with_derivatives_of(old, node, name)
    old.overwritten(version, since)
    _move_retained(tensor, node)
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
    if not alive or not all(_is_twin(x) for x in alive):
        return False
    assert storage is not None
    version = bump(tensor)
    base = storage.base()
    # The node is held by the tensor that takes it last.
    for x in sorted(alive, key=lambda x: x is base):
        if x.counter is tensor.counter:
            x.node.overwritten(version, node.serial)
        x.take_node(node)
    storage.node, storage.concrete = node, False
    return True


def _is_twin(x: Tensor) -> bool:
    """Whether a tensor is its storage's whole, and only the value of its node is to change."""
    return not (x.exposed or x.node.tracked) and all(row is DETACH for row, _ in x.chain)


def take_alone(tensor: Tensor, node: Node, version: int) -> None:
    """Have another value, in memory that no other tensor sees."""
    tensor.take_node(node)
    tensor.sharing, tensor.chain, tensor.own_version, tensor.own_steps = None, (), version, 0


def _move_retained(tensor: Tensor, node: Node) -> None:
    """If the tensor's gradient is kept, it is that of its new node from now on."""
    if not tensor.retains:
        return
    old = tensor.node.standing
    if old is not node.standing:
        old.retains, node.standing.retains = False, node.tracked


def _with_derivatives_of(
    old: Node, new: Node, name: str = "ZeroBackward0", unnoticed: bool = False
) -> Node:
    """A value that has no derivatives, in the place of one that has.

    Written while nothing was recorded, derivatives go where they went before; else they are zero.
    """
    if new.tracked or not old.tracked:
        return new
    if not MODE.own.enabled or unnoticed:
        return _unnoticed(old, new)
    node = new_node(overwriting(name), (old, new))
    node.track(True)
    return node


def _unnoticed(old: Node, new: Node) -> Node:
    """A value changed without derivatives: they go where they went before."""
    node = new_node(UNNOTICED, (old.standing, new))
    node.track(True)
    node.value, node.origin, node.where = new.value, old.standing, old.where
    return node


def _replace_shared(tensor: Tensor, storage: Storage, node: Node, version: int, since: int) -> None:
    base, base_tensor = storage.node, storage.base()
    if tensor.counter is None:
        base.overwritten(version, since)
    storage.concrete = False
    # What is written through a detached view reaches the others as values only.
    detached = any(row.grad_name is None for row, _ in tensor.chain)
    new = node
    if tensor.chain:
        with recording(MODE.own.enabled and not detached):
            new = new_node(writing(tensor.chain), (base, node))
        new = _with_derivatives_of(base, new, unnoticed=detached)
    storage.node = new
    _keep_memory(base, new, any(x.exposed for x in storage.alive()))
    if base_tensor is not None:
        _move_retained(base_tensor, new)
        base_tensor.take_node(new)
    sharing = storage.alive()
    seen = _write_detached(tensor, node, sharing) if detached else []
    # Views of detached tensors come after these, as they are made from them.
    for view in sorted(sharing, key=lambda x: len(x.chain)):
        if view is not base_tensor and not any(view is x for x in seen):
            _read_again(view, storage, sharing, tensor.counter)


def _read_again(
    view: Tensor, storage: Storage, sharing: Sequence[Tensor], counter: list[int] | None
) -> None:
    """Have a tensor show what the whole has become by a write that has been counted there."""
    whole, chain = _whole(storage), view.chain
    steps = steps_of(view)
    hidden = chain[: len(chain) - len(steps)]
    if hidden and steps:
        heads = [x for x in sharing if x.chain == hidden and x.counter is view.counter]
        whole, chain = (_operand_of(heads[0]), steps) if heads else (whole, chain)
    if view.restricted and whole.tracked and view.counter is counter:
        _refuse_from_now_on(view)
    with recording(MODE.own.enabled or view.node.tracked):
        node = read_through(whole, chain)
    _move_retained(view, node)
    view.take_node(node)


def _write_detached(tensor: Tensor, node: Node, sharing: Sequence[Tensor]) -> list[Tensor]:
    """Write to a detached tensor, or to a view of one: derivatives are those of it and its views.

    Gives the tensors that have been taken care of.
    """
    steps = steps_of(tensor)
    if not steps:
        tensor.take_node(node)
        return [tensor]
    hidden = tensor.chain[: len(tensor.chain) - len(steps)]
    heads = [x for x in sharing if x.chain == hidden and x.counter is tensor.counter]
    if not heads:
        tensor.take_node(node)
        return [tensor]
    (head, *_) = heads
    made = new_node(writing(steps), (head.node, node))
    head.take_node(_with_derivatives_of(head.node, made))
    whole = _operand_of(head)
    found = [head]
    for view in sharing:
        own = steps_of(view)
        if own and view.chain[: len(view.chain) - len(own)] == hidden:
            view.take_node(read_through(whole, own))
            found.append(view)
    return found


_NO_MORE = {
    "multiple": " This view is the output of a function that returns multiple views. Such "
    "functions do not allow the output views to be modified inplace. You should replace the "
    "inplace operation by an out-of-place one.",
    **{
        mode: " Given that this use case is ambiguous and error-prone, it is forbidden. You can "
        "clarify your code by moving both the view and the inplace either both inside the "
        f"{mode} block (if you don't want the inplace to be tracked) or both outside (if you want "
        "the inplace to be tracked)."
        for mode in ("no_grad", "inference_mode")
    },
}


def misuse(view: Tensor, what: str) -> str:
    """Torch's words for writing to a view that is not to be written to."""
    node = view.node
    if node.tracked:
        name = node.grad_name.removesuffix("0").removesuffix("Backward")
        text = f"Output {node.output} of {name} is a view and {what} modified inplace."
    elif view.restricted == "inference_mode":
        text = f"A view was created in inference mode and {what} modified inplace in normal mode."
    else:
        text = (
            f"A view was created in no_grad mode and {what} modified inplace with grad mode "
            "enabled."
        )
    return text + _NO_MORE[view.restricted]


def _refuse_from_now_on(view: Tensor) -> None:
    """A restricted view of what has been written to has no derivatives any more."""
    view.broken = view.broken or misuse(view, "its base or another view of its base has been")
    view.operand = None


@contextmanager
def recording(enabled: bool) -> Generator[None]:
    before, MODE.own.enabled = MODE.own.enabled, enabled
    try:
        yield
    finally:
        MODE.own.enabled = before


def is_apart(tensor: Tensor) -> bool:
    """Whether others share it whose memory is their own: they are computed again after a write."""
    return is_shared(tensor) and tensor.sharing is not None and not tensor.sharing.concrete


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
