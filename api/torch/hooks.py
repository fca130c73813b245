"""What is called on the way of a gradient, and what is said of gradients that are not there."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from .dtypes import here

if TYPE_CHECKING:
    from .node import Operand
    from .tensors import Tensor

Hook: TypeAlias = Callable[..., Any]

NOT_A_LEAF = (
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad "
    "attribute won't be populated during autograd.backward(). If you indeed want the .grad field "
    "to be populated for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. If you "
    "access the non-leaf Tensor by mistake, make sure you access the leaf Tensor instead."
)
NOT_CHANGEABLE = (
    "you can only change requires_grad flags of leaf variables. If you want to use a computed "
    "variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
)

FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
    "graph a second time or if you need to access saved tensors after calling backward."
)

_OTHER_DTYPE = (
    "attempting to assign a gradient with dtype '{}' to a tensor with grad_dtype '{}'. The "
    "gradient must match the tensor's grad_dtype (defaults to the tensor's dtype). You can set the "
    "tensor's grad_dtype attribute with a specific dtype, or None to allow any dtype. Set "
    "grad_dtype with caution. Diverging the dtypes of a tensor and its gradient may break "
    "downstream systems that assume they match."
)


def check_gradient(tensor: Tensor, value: Any) -> None:
    """Whether this can be the gradient of the tensor.

    Raises:
        TypeError: torch's, for what is no tensor.
        RuntimeError: torch's, for another shape or dtype.
    """
    if not hasattr(value, "node"):
        raise TypeError(
            "assigned grad expected to be a Tensor or None but got grad of type "
            f"{type(value).__name__}{here()}"
        )
    if value.shape != tensor.shape:
        raise RuntimeError(
            f"attempting to assign a gradient of size '{list(value.shape)}' to a tensor of size "
            f"'{list(tensor.shape)}'. Please ensure that the gradient and the tensor are the same "
            f"size{here()}"
        )
    if value.dtype is not tensor.dtype:
        given = value.dtype.title.lower()
        raise RuntimeError(_OTHER_DTYPE.format(given, tensor.dtype.title) + here())


@dataclass(slots=True)
class Watch:
    """What the user wants to be called at one place of the graph, and their notes.

    ``tensor``: with the gradient by the tensor; ``before`` and ``after``: with what the backward
    node gets and gives; ``accumulated``: with the leaf, when its ``grad`` has been added to.
    """

    tensor: dict[int, Hook] = field(default_factory=dict)
    before: dict[int, Hook] = field(default_factory=dict)
    after: dict[int, Hook] = field(default_factory=dict)
    accumulated: dict[int, Hook] = field(default_factory=dict)
    metadata: dict[Any, Any] = field(default_factory=dict)

    @property
    def on_the_way(self) -> bool:
        """Whether anything is to be called before the gradient has arrived at leaves."""
        return bool(self.tensor or self.before or self.after)


class Call(Protocol):
    """An operation whose derivative is Python code: its outputs are nodes of their own.

    ``operands`` belong to its arguments, None where no derivative goes.
    """

    serial: int
    freed: bool
    watch: Watch | None
    where: Any

    @property
    def operands(self) -> tuple[Operand | None, ...]:
        """The nodes of its arguments."""
        ...

    @property
    def count(self) -> int:
        """How many outputs it has."""
        ...

    def name(self) -> str:
        """What its backward node is called."""
        ...

    def pull(self, cotangents: list[Tensor | None]) -> list[Tensor | None]:
        """The cotangents of the arguments, given those of the outputs."""
        ...

    def free(self) -> None:
        """Give up what is saved."""
        ...


def watch_of(thing: Any) -> Watch:
    """The watch of a node, call or leaf; of a tensor that is no leaf, its node's."""
    node = getattr(thing, "node", None)
    place = node.standing if node is not None and node.tracked else thing
    if place.watch is None:
        place.watch = Watch()
        if place is thing and node is not None:
            operand = place.operand
            if operand is not None and operand.leaf:
                operand.kept = place
        if hasattr(place, "look_closer"):
            place.look_closer()
    watch: Watch = place.watch
    return watch


_keys = itertools.count()


class RemovableHandle:
    """Takes a hook away again; at the end of a block, if used as one.

    >>> x = torch.ones(2, requires_grad=True)
    >>> handle = x.register_hook(lambda g: 2 * g)
    >>> handle.remove()
    """

    def __init__(self, hooks: dict[int, Hook], hook: Hook) -> None:
        self._hooks = hooks
        self.id = next(_keys)
        hooks[self.id] = hook

    def remove(self) -> None:
        """The hook is called no longer."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


class _Passing(threading.local):
    """The backward pass under way: its number, and where gradients will arrive."""

    serial = 0
    nodes: frozenset[Any] = frozenset()
    leaves: frozenset[int] = frozenset()


PASSING = _Passing()


def will_be_reached(tensor: Tensor) -> bool:
    """Whether the backward pass under way gets to the tensor."""
    if tensor.node.tracked:
        return tensor.node.standing in PASSING.nodes
    return id(tensor) in PASSING.leaves


# -- calling them ----------------------------------------------------------------------------


def call_tensor_hooks(watch: Watch | None, ct: Tensor) -> Tensor:
    """The gradient as the hooks leave it."""
    from .tensors import Tensor

    for hook in list(watch.tensor.values()) if watch is not None else ():
        result = hook(ct)
        if result is None:
            continue
        if not isinstance(result, Tensor):
            raise TypeError(
                f"expected Variable, but hook returned {type(result).__name__!r}{here()}"
            )
        if result.shape != ct.shape:
            raise RuntimeError(
                f"hook '{getattr(hook, '__name__', repr(hook))}' has changed the size of value"
                f"{here()}"
            )
        ct = result
    return ct


def call_before(watch: Watch | None, received: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a backward node gets, as its prehooks leave it."""
    for hook in list(watch.before.values()) if watch is not None else ():
        result = hook(received)
        if result is not None:
            received = result if isinstance(result, tuple) else (result,)
    return received


def call_after(
    watch: Watch | None, given: tuple[Any, ...], received: tuple[Any, ...]
) -> tuple[Any, ...]:
    """What a backward node gives, as its hooks leave it."""
    for hook in list(watch.after.values()) if watch is not None else ():
        result = hook(given, received)
        if result is not None:
            given = result if isinstance(result, tuple) else (result,)
    return given
