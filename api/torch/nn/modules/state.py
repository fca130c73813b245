"""What modules save, and how they take it back."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

from ... import memory
from ...dtypes import here
from ...tensors import Tensor
from ..parameter import Parameter

if TYPE_CHECKING:
    from .module import Module


class IncompatibleKeys(NamedTuple):
    """Names that a module has and a state lacks, and the other way round."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return (
            f"_IncompatibleKeys(missing_keys={self.missing_keys!r}, "
            f"unexpected_keys={self.unexpected_keys!r})"
        )

    def __str__(self) -> str:
        return repr(self)


def _entries(module: Module, prefix: str) -> dict[str, tuple[Module, str, Any]]:
    """Where each name of a state belongs."""
    found: dict[str, tuple[Any, str, Any]] = {}
    for path, owner in module.named_modules(remove_duplicate=False):
        front = f"{prefix}{path}." if path else prefix
        places: Any = vars(owner)
        for name, value in places["_parameters"].items():
            if value is not None:
                found[front + name] = (owner, name, value)
        for name, value in places["_buffers"].items():
            if value is not None and name not in places["_non_persistent"]:
                found[front + name] = (owner, name, value)
    return found


def _extra(module: Module, prefix: str) -> dict[str, Module]:
    """The modules that save more than tensors."""
    from .module import Module as Base

    return {
        f"{prefix}{path}._extra_state" if path else f"{prefix}_extra_state": owner
        for path, owner in module.named_modules()
        if type(owner).get_extra_state is not Base.get_extra_state
    }


def collected(module: Module, destination: Any, prefix: str, keep_vars: bool) -> dict[str, Any]:
    """Parameters and persistent buffers by their paths."""
    result: dict[str, Any] = OrderedDict() if destination is None else destination
    for name, (_, _, value) in _entries(module, prefix).items():
        result[name] = value if keep_vars else value.detach()
    for name, owner in _extra(module, prefix).items():
        result[name] = owner.get_extra_state()
    return result


def loaded(module: Module, given: Any, strict: bool, assign: bool) -> IncompatibleKeys:
    """Copy a state into a module.

    Raises:
        TypeError: for a state that is no mapping.
        RuntimeError: for all that does not fit, listed as torch does.
    """
    if not hasattr(given, "keys"):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(given)}.{here()}")
    entries, extra = _entries(module, ""), _extra(module, "")
    missing = [name for name in (*entries, *extra) if name not in given]
    unexpected = [name for name in given if name not in entries and name not in extra]
    wrong: list[str] = []
    for name, (owner, short, value) in entries.items():
        if name in given:
            wrong += _taken(owner, short, name, value, given[name], assign)
    for name, owner in extra.items():
        if name in given:
            owner.set_extra_state(given[name])
    if strict:
        wrong = [*_listed("Missing", missing), *_listed("Unexpected", unexpected), *wrong]
    if wrong:
        lines = "\n\t".join(wrong)
        raise RuntimeError(
            f"Error(s) in loading state_dict for {type(module).__name__}:\n\t{lines}{here()}"
        )
    return IncompatibleKeys(missing, unexpected)


def _listed(what: str, names: list[str]) -> list[str]:
    quoted = ", ".join(f'"{name}"' for name in names)
    return [f"{what} key(s) in state_dict: {quoted}. "] if names else []


def _taken(
    owner: Module, short: str, name: str, value: Tensor, given: Any, assign: bool
) -> list[str]:
    """Put a value in its place; gives what is wrong with it."""
    if not isinstance(given, Tensor):
        text = (
            f'While copying the parameter named "{name}", expected torch.Tensor or Tensor-like '
            f"object from checkpoint but received {type(given)}"
        )
        return [text]
    if given.shape != value.shape:
        text = (
            f"size mismatch for {name}: copying a param with shape {given.shape} from checkpoint, "
            f"the shape in current model is {value.shape}."
        )
        return [text]
    if assign:
        kept = given if isinstance(given, Parameter) or not isinstance(value, Parameter) else None
        setattr(owner, short, kept or Parameter(given, value.requires_grad))
    else:
        value.value()
        memory.write(value, given.detach().value())
    return []
