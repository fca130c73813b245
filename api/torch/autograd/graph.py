"""The backward graph: its nodes, hooks for several tensors, hooks for what is saved."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from ..dtypes import here
from ..grad_fn import AccumulateGrad, BackwardNode, GradFn, backward_node
from ..hooks import PASSING, RemovableHandle, will_be_reached
from ..memory import bump
from ..modes import MODE
from ..saving import saved_tensors_hooks, tensor_of
from ..tensors import Tensor, operand

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]

Node = BackwardNode


class GradientEdge(NamedTuple):
    """A backward node, and which of its outputs.

    >>> torch.autograd.graph.get_gradient_edge(torch.ones(1, requires_grad=True)).output_nr
    0
    """

    node: Any
    output_nr: int
    ownership_token: Any = None


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The place in the backward graph that a tensor belongs to.

    >>> x = torch.ones(1, requires_grad=True)
    >>> torch.autograd.graph.get_gradient_edge(x * 2).node.name()
    'MulBackward0'
    """
    if not tensor.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require "
            f"gradients{here()}"
        )
    return GradientEdge(backward_node(operand(tensor)), tensor.node.output)


def tensor_at(edge: GradientEdge) -> Tensor:
    """A tensor that stands for a place in the backward graph."""
    node = edge.node
    if isinstance(node, AccumulateGrad):
        found = node.variable
    elif isinstance(node, GradFn):
        found = tensor_of(node.node)
    else:
        output = node.outputs.get(edge.output_nr, lambda: None)()
        found = None if output is None else tensor_of(output)
    if found is None:
        raise RuntimeError(f"the tensor at this place of the graph is gone{here()}")
    return found


def increment_version(tensor: Any) -> None:
    """Count a write to a tensor, or to several.

    >>> x = torch.ones(1)
    >>> torch.autograd.graph.increment_version(x)
    >>> x._version
    1
    """
    for x in (tensor,) if isinstance(tensor, Tensor) else tensor:
        bump(x)


class _Handles:
    """Takes the hooks of several tensors away again."""

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        self._handles = handles

    def remove(self) -> None:
        """The hooks are called no longer."""
        for handle in self._handles:
            handle.remove()

    def __enter__(self) -> _Handles:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable[..., Any], *, mode: str = "all"
) -> _Handles:
    """Call a function when a backward pass has found the gradients by several tensors.

    Args:
        tensors: tensors that require grad.
        fn: called with the list of the gradients, None for those that the pass does not get to;
            with ``mode="any"``, with the first.
        mode: ``"all"`` waits for all of them, ``"any"`` for the first.

    >>> x, y = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    >>> handle = torch.autograd.graph.register_multi_grad_hook([x, y], print)
    >>> (x * 2 + y).backward()
    [tensor([2.]), tensor([1.])]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}{here()}")
    make = _waits_for_all if mode == "all" else _takes_the_first
    hooks = make(tensors, fn)
    return _Handles([x.register_hook(h) for x, h in zip(tensors, hooks, strict=True)])


def _waits_for_all(
    tensors: Sequence[Tensor], fn: Callable[..., Any]
) -> list[Callable[[Tensor], None]]:
    received: dict[int, dict[int, Tensor]] = {}

    def hook(number: int) -> Callable[[Tensor], None]:
        def found(gradient: Tensor) -> None:
            now = received.setdefault(PASSING.serial, {})
            now[number] = gradient
            if len(now) == sum(will_be_reached(x) for x in tensors):
                del received[PASSING.serial]
                fn([now.get(i) for i in range(len(tensors))])

        return found

    return [hook(i) for i in range(len(tensors))]


def _takes_the_first(
    tensors: Sequence[Tensor], fn: Callable[..., Any]
) -> list[Callable[[Tensor], None]]:
    done: list[int] = []

    def found(gradient: Tensor) -> None:
        if done != [PASSING.serial]:
            done[:] = [PASSING.serial]
            fn(gradient)

    return [found] * len(tensors)


class save_on_cpu(saved_tensors_hooks):
    """What is saved within the block is on the CPU, as it is anyway.

    >>> x = torch.ones(1, requires_grad=True)
    >>> with torch.autograd.graph.save_on_cpu():
    ...     y = x * x
    >>> y.backward()
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cpu") -> None:
        super().__init__(lambda x: x, lambda x: x)


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Generator[None]:
    """Within the block, hooks for what is saved are refused, with this message.

    Raises:
        RuntimeError: when `saved_tensors_hooks` is used within.

    >>> with torch.autograd.graph.disable_saved_tensors_hooks("not here"):
    ...     y = torch.ones(1, requires_grad=True) * 2
    """
    own = MODE.own
    if own.saving:
        raise RuntimeError(f"{error_message}{here()}")
    before, own.no_packing = own.no_packing, error_message
    try:
        yield
    finally:
        own.no_packing = before


class _Saved:
    """What is kept of what has been written to."""

    def clear(self) -> None:
        """Nothing: it goes with the graphs that need it."""


@contextmanager
def allow_mutation_on_saved_tensors() -> Generator[_Saved]:
    """Within the block, what is saved for the backward pass may be written to.

    Gradients are those of the values that were saved.

    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> with torch.autograd.graph.allow_mutation_on_saved_tensors():
    ...     y = x * 1
    ...     z = (y * y).sum()
    ...     y = y.zero_()
    ...     z.backward()
    >>> x.grad
    tensor([2., 4.])
    """
    own = MODE.own
    if own.mutable:
        raise RuntimeError(f"allow_mutation_on_saved_tensors contexts cannot be nested{here()}")
    own.mutable = True
    try:
        yield _Saved()
    finally:
        own.mutable = False
