"""Computing again instead of keeping: ``torch.utils.checkpoint``."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

from ..autograd.function import PythonCall
from ..dtypes import here
from ..modes import MODE, enable_grad, no_grad
from ..node import Node, Operand, Variable, next_serial
from ..random import source
from ..sweep import Sweep, operands_of, passing, reached
from ..tensors import Tensor, of_node, operand

__all__ = [
    "checkpoint",
    "checkpoint_sequential",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
]


class _Checkpointed(PythonCall):
    """A part of a program that the backward pass runs once more."""

    def __init__(
        self,
        again: Callable[[], Sequence[Tensor]],
        operands: Sequence[Operand],
        random: Any,
    ) -> None:
        super().__init__(operands)
        self.again = again
        self.random = random

    def name(self) -> str:
        """As torch calls it."""
        return "CheckpointFunctionBackward"

    def pull(self, cotangents: list[Tensor | None]) -> list[Tensor | None]:
        """Run the part again, and pull the cotangents back through it."""
        generator = source().bit_generator
        state = generator.state
        if self.random is not None:
            generator.state = self.random
        with enable_grad():
            outputs = self.again()
        if self.random is not None:
            generator.state = state
        seeds = [
            (operand(y), ct)
            for y, ct in zip(outputs, cotangents, strict=True)
            if ct is not None and y.requires_grad
        ]
        found: dict[Any, Tensor] = {}

        def deliver(x: Operand, ct: Tensor) -> None:
            found[_identity(x)] = ct

        places = {_identity(x) for x in self.operands if x is not None}
        ends = {x for x in self.operands if isinstance(x, Node)}
        order = reached([y for y, _ in seeds], ends)
        wanted = [x for x in order if _identity(x) in places]
        with passing(order):
            create = MODE.enabled or bool(MODE.levels)
            Sweep(order, wanted, create, deliver, ends).run(seeds)
        return [found.get(_identity(x)) for x in self.operands]


def _identity(x: Operand | None) -> Any:
    """What gradients belong to: the node, or the leaf, which may have been written to."""
    return x.tensor() if isinstance(x, Variable) else x


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    context_fn: Any = None,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """Call a function, and call it again in the backward pass rather than keep what it computes.

    Args:
        function: gives a tensor or a tuple of them.
        args: its arguments.
        use_reentrant: no matter: arguments, and what the function takes from outside, get their
            gradients either way.
        preserve_rng_state: the second call draws the random numbers of the first.
        context_fn: not supported.
        determinism_check: no matter.
        debug: no matter.
        early_stop: no matter: of the second call, what is not needed is not computed.
        kwargs: its arguments by name.

    >>> x = torch.ones(2, requires_grad=True)
    >>> torch.utils.checkpoint.checkpoint(torch.exp, x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([2.7183, 2.7183])
    """
    if context_fn is not None:
        raise NotImplementedError(f"checkpoint: context_fn is not supported{here()}")
    random = source().bit_generator.state if preserve_rng_state else None
    start = next_serial()
    result = function(*args, **kwargs)
    outputs = result if isinstance(result, tuple) else (result,)
    places = [i for i, x in enumerate(outputs) if isinstance(x, Tensor) and x.requires_grad]
    if not places:
        return result

    def again() -> Sequence[Tensor]:
        found = function(*args, **kwargs)
        found = found if isinstance(found, tuple) else (found,)
        return [found[i] for i in places]

    call = _Checkpointed(again, _outside(outputs, places, start), random)
    call.count = len(places)
    made = list(outputs)
    for number, i in enumerate(places):
        with no_grad():
            made[i] = of_node(call.output(outputs[i], number))
    return tuple(made) if isinstance(result, tuple) else made[0]


def _outside(outputs: Sequence[Any], places: Sequence[int], start: int) -> list[Operand]:
    """Leaves, and what was recorded before, that the outputs depend on."""
    found: dict[Operand, None] = {}
    seen: set[Operand] = set()
    stack: list[Operand] = [operand(outputs[i]) for i in places]
    while stack:
        x = stack.pop()
        if x in seen or not x.tracked:
            continue
        seen.add(x)
        if isinstance(x, Variable) or x.serial < start:
            found[x] = None
        else:
            stack.extend(operands_of(x))
    return list(found)


def checkpoint_sequential(
    functions: Any,
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    **kwargs: Any,
) -> Any:
    """Call functions one after the other, in segments of which each is a `checkpoint`.

    >>> x = torch.ones(2, requires_grad=True)
    >>> torch.utils.checkpoint.checkpoint_sequential([torch.exp, torch.log], 2, x)
    tensor([1., 1.], grad_fn=<LogBackward0>)
    """
    steps = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(steps) // segments

    def run(first: int, last: int) -> Callable[[Any], Any]:
        def segment(x: Any) -> Any:
            for step in steps[first:last]:
                x = step(x)
            return x

        return segment

    for i in range(segments - 1):
        part = run(i * size, (i + 1) * size)
        input = checkpoint(part, input, use_reentrant=use_reentrant, **kwargs)
    # The last segment is about to be needed: it is not computed again.
    return run((segments - 1) * size, len(steps))(input)


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Generator[None]:
    """Whether the second call stops when nothing more is needed: that is no matter here.

    >>> with torch.utils.checkpoint.set_checkpoint_early_stop(False):
    ...     pass
    """
    yield


@contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Generator[None]:
    """Whether to look for differences between the calls: there is nothing to be set here.

    >>> with torch.utils.checkpoint.set_checkpoint_debug_enabled(True):
    ...     pass
    """
    yield
