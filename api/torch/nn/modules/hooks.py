"""What is called along with a module: before and after it, and on the way of its gradients."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ...autograd.function import Function
from ...dtypes import here
from ...hooks import RemovableHandle
from ...modes import MODE
from ...tensors import Tensor


class Hooked:
    """A module's hooks."""

    forward: Callable[..., Any]
    _before: OrderedDict[int, Any]
    _after: OrderedDict[int, Any]
    _back_before: OrderedDict[int, Any]
    _back: OrderedDict[int, Any]
    _back_part: OrderedDict[int, Any]

    def __init__(self) -> None:
        put = super().__setattr__
        for name in ("_before", "_after", "_back_before", "_back", "_back_part"):
            put(name, OrderedDict())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call ``forward``, and the hooks before and after."""
        if not (self._before or self._after or self._back or self._back_before or self._back_part):
            return self.forward(*args, **kwargs)
        return _call_with_hooks(self, args, kwargs)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> Any:
        """Call a function with the module and its arguments; what it returns takes their place."""
        return _registered(self._before, (hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> Any:
        """Call a function with the module, its arguments and result, which it may replace.

        ``always_call``: also when ``forward`` raises, with None as the result.
        """
        return _registered(self._after, (hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> Any:
        """Call a function with the module and the gradients by its outputs.

        What it returns takes their place.
        """
        return _registered(self._back_before, hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> Any:
        """Call a function with the module and the gradients by its inputs and by its outputs.

        What it returns takes the place of the gradients by the inputs.
        """
        if self._back_part:
            raise RuntimeError(f"{_ONE_KIND}{here()}")
        return _registered(self._back, hook, prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> Any:
        """Call a function with the gradients of the last operation alone.

        `register_full_backward_hook` gives those by the module's inputs.
        """
        if self._back:
            raise RuntimeError(f"{_ONE_KIND}{here()}")
        return _registered(self._back_part, hook, first=False)


_ONE_KIND = (
    "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use "
    "only one of them."
)


_FIRING = (
    "Full backward hook is firing when gradients are computed with respect to module outputs since "
    "no inputs require gradients. See "
    "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
    "#torch.nn.Module.register_full_backward_hook for more details."
)


def _registered(hooks: Any, hook: Any, first: bool) -> Any:
    handle = RemovableHandle(hooks, hook)
    if first:
        hooks.move_to_end(next(reversed(hooks)), last=False)
    return handle


def _call_with_hooks(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    for hook, with_kwargs in list(module._before.values()):
        result = hook(module, args, kwargs) if with_kwargs else hook(module, args)
        if result is not None and with_kwargs:
            args, kwargs = result
        elif result is not None:
            args = result if isinstance(result, tuple) else (result,)
    back = _Back(module, len(args)) if module._back or module._back_before else None
    if back is not None:
        args = back.enter(args)
    try:
        output = module.forward(*args, **kwargs)
    except Exception:
        _call_always(module, args, kwargs)
        raise
    for hook, with_kwargs, _ in list(module._after.values()):
        given = (module, args, kwargs, output) if with_kwargs else (module, args, output)
        result = hook(*given)
        output = output if result is None else result
    if back is not None:
        output = back.leave(output)
    if module._back_part:
        _watch_part(module, output)
    return output


def _call_always(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    for hook, with_kwargs, always in list(module._after.values()):
        if always:
            hook(*((module, args, kwargs, None) if with_kwargs else (module, args, None)))


def _watch_part(module: Any, output: Any) -> None:
    while not isinstance(output, Tensor):
        output = next(iter(output.values())) if isinstance(output, dict) else output[0]
    if output.grad_fn is not None:
        for hook in module._back_part.values():
            output.grad_fn.register_hook(partial(hook, module))


# -- gradients on their way ------------------------------------------------------------------


class BackwardHookFunction(Function):
    """Tensors as they are; on the way back a function sees, and may replace, their gradients."""

    @staticmethod
    def forward(ctx: Any, seen: Callable[..., Any], *tensors: Tensor) -> tuple[Tensor, ...]:
        """The tensors."""
        ctx.seen = seen
        made = tuple([x.view_as(x) for x in tensors])
        given = zip(made, tensors, strict=True)
        ctx.mark_non_differentiable(*[y for y, x in given if not x.requires_grad])
        return made

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        """The gradients, or what takes their place."""
        return None, *ctx.seen(gradients)


class _Back:
    """One call of a module whose gradients are looked at."""

    def __init__(self, module: Any, count: int) -> None:
        self.module, self.count = module, count
        self.before = list(module._back_before.values())
        self.hooks = list(module._back.values())
        self.places: list[int] | None = None
        self.received: tuple[Any, ...] = ()

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, with their gradients watched."""
        places, args = self._through(args, self._at_inputs)
        self.places = places
        return args

    def leave(self, output: Any) -> Any:
        """The result, with its gradients watched."""
        many = isinstance(output, (tuple, list))
        outputs = tuple(output) if many else (output,)
        count = len(outputs)

        def at_outputs(places: Sequence[int], gradients: tuple[Any, ...]) -> tuple[Any, ...]:
            received = _spread(places, gradients, count)
            for hook in self.before:
                result = hook(self.module, received)
                if result is not None:
                    received = result if isinstance(result, tuple) else (result,)
            self.received = received
            if self.places is None and self.hooks:
                warnings.warn(_FIRING, UserWarning, stacklevel=2)
                for hook in self.hooks:
                    hook(self.module, (None,) * self.count, received)
            return tuple([received[i] for i in places])

        _, outputs = self._through(outputs, at_outputs)
        return type(output)(outputs) if many else outputs[0]

    def _at_inputs(self, places: Sequence[int], gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        found = _spread(places, gradients, self.count)
        for hook in self.hooks:
            result = hook(self.module, found, self.received)
            if result is not None:
                result = result if isinstance(result, tuple) else (result,)
                if len(result) != len(found):
                    raise RuntimeError(
                        "Backward hook returned an invalid number of grad_input, got "
                        f"{len(result)}, but expected {len(found)}{here()}"
                    )
                found = result
        return tuple([found[i] for i in places])

    def _through(
        self, values: tuple[Any, ...], seen: Callable[..., Any]
    ) -> tuple[list[int] | None, tuple[Any, ...]]:
        """The values with their tensors watched, and where those are; None if none needs that."""
        places = [i for i, x in enumerate(values) if isinstance(x, Tensor)]
        if not MODE.enabled or not any(values[i].requires_grad for i in places):
            return None, values
        made = BackwardHookFunction.apply(partial(seen, places), *[values[i] for i in places])
        changed = list(values)
        for i, x in zip(places, made, strict=True):
            changed[i] = x
        return places, tuple(changed)


def _spread(places: Sequence[int], gradients: Sequence[Any], count: int) -> tuple[Any, ...]:
    found: list[Any] = [None] * count
    for i, ct in zip(places, gradients, strict=True):
        found[i] = ct
    return tuple(found)
