"""Modules as functions of their parameters: ``torch.func.functional_call`` and its like."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from .dtypes import here


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other tensors in the place of its parameters and buffers.

    Args:
        module: anything that can be called and has ``named_parameters``.
        parameter_and_buffer_dicts: tensors by their names, in one dict or several.
        args: the arguments; what is no tuple is one argument.
        kwargs: arguments by name.
        tie_weights: not supported: names are replaced one by one.
        strict: all of the module's names must be given, and no others.

    >>> class Line:
    ...     w = torch.tensor(3.0)
    ...     def named_parameters(self):
    ...         return [("w", self.w)]
    ...     def __call__(self, x):
    ...         return self.w * x
    >>> torch.func.functional_call(Line(), {"w": torch.tensor(2.0)}, torch.tensor(4.0))
    tensor(8.)
    """
    given: dict[str, Any] = {}
    dicts = parameter_and_buffer_dicts
    for part in (dicts,) if isinstance(dicts, dict) else dicts:
        given.update(part)
    known = _names(module)
    unexpected = [name for name in given if name not in known]
    missing = [name for name in known if name not in given]
    if strict and (unexpected or missing):
        raise RuntimeError(
            f"Error(s) in reparametrizing for {type(module).__name__}: missing {missing}, "
            f"unexpected {unexpected}{here()}"
        )
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, {name: x for name, x in given.items() if name in known}):
        return module(*arguments, **(kwargs or {}))


def _names(module: Any) -> list[str]:
    """The names of parameters and buffers."""
    found = [name for name, _ in module.named_parameters()]
    if hasattr(module, "named_buffers"):
        found += [name for name, _ in module.named_buffers()]
    return found


@contextmanager
def _replaced(module: Any, tensors: dict[str, Any]) -> Generator[None]:
    """The tensors are the module's within the block."""
    before: list[tuple[dict[str, Any], str, Any, bool]] = []
    try:
        for path, tensor in tensors.items():
            *owners, name = path.split(".")
            owner = module
            for step in owners:
                owner = owner[int(step)] if step.isdigit() else getattr(owner, step)
            place = _place_of(owner, name)
            before.append((place, name, place.get(name), name in place))
            place[name] = tensor
        yield
    finally:
        for place, name, value, there in reversed(before):
            if there:
                place[name] = value
            else:
                del place[name]


def _place_of(owner: Any, name: str) -> dict[str, Any]:
    """The dict that attribute look-up finds the name in."""
    for registry in ("_parameters", "_buffers"):
        found = owner.__dict__.get(registry)
        if found is not None and name in found:
            return found  # type: ignore[no-any-return]
    found = owner.__dict__
    assert isinstance(found, dict)
    return found


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of several modules of one class, stacked.

    Returns:
        Two dicts of tensors with a leading axis of as many as there are modules.

    >>> class Line:
    ...     w = torch.tensor(3.0)
    ...     def named_parameters(self):
    ...         return [("w", self.w)]
    >>> torch.func.stack_module_state([Line(), Line()])[0]
    {'w': tensor([3., 3.], requires_grad=True)}
    """
    if not models:
        raise RuntimeError(f"stack_module_state: Expected at least one model, got 0.{here()}")
    if not all(type(x) is type(models[0]) for x in models):
        raise RuntimeError(
            "stack_module_state: Expected all models to be of the same class. Received the "
            f"following classes: {[type(x).__name__ for x in models]}{here()}"
        )
    parameters = _stacked([dict(x.named_parameters()) for x in models], True)
    buffers = [dict(x.named_buffers()) if hasattr(x, "named_buffers") else {} for x in models]
    return parameters, _stacked(buffers, False)


def _stacked(dicts: Sequence[dict[str, Any]], requires_grad: bool) -> dict[str, Any]:
    from .joining import stack

    return {
        name: stack([d[name].detach() for d in dicts]).requires_grad_(requires_grad)
        for name in dicts[0]
    }
