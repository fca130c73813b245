"""Modules that are a function with options: no parameters, and one line each in a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...dtypes import here
from ..functional.reducing import how
from .module import Module

REQUIRED: Any = object()
"""In the place of the default of an option that has to be given."""


class _Simple(Module):
    """Calls ``function`` with its inputs and its options, which are attributes."""

    function: Callable[..., Any]
    options: dict[str, Any]
    shown: tuple[str, ...] | None
    bare: bool
    trained: bool
    buffers_of: tuple[str, ...]
    check: Callable[[dict[str, Any]], None] | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        given = self._bound(args, kwargs)
        check = type(self).check
        if check is not None:
            check(given)
        for name, value in given.items():
            if name in self.buffers_of:
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The options, by place or by name.

        Raises:
            TypeError: Python's, for too many, unknown or lacking ones.
        """
        name = type(self).__name__
        if len(args) > len(self.options):
            raise TypeError(
                f"{name}.__init__() takes from 1 to {len(self.options) + 1} positional arguments "
                f"but {len(args) + 1} were given{here()}"
            )
        unknown = [option for option in kwargs if option not in self.options]
        if unknown:
            raise TypeError(
                f"{name}.__init__() got an unexpected keyword argument '{unknown[0]}'{here()}"
            )
        given = {**self.options, **dict(zip(self.options, args, strict=False)), **kwargs}
        lacking = [option for option, value in given.items() if value is REQUIRED]
        if lacking:
            raise TypeError(
                f"{name}.__init__() missing 1 required positional argument: '{lacking[0]}'{here()}"
            )
        if "size_average" in given:
            flags = given.pop("size_average"), given.pop("reduce")
            if any(flag is not None for flag in flags):
                given["reduction"] = how(given["reduction"], *flags)
        return given

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """The function of the inputs."""
        options = {
            name: getattr(self, name)
            for name in self.options
            if name not in ("size_average", "reduce")
        }
        if self.trained:
            options["training"] = self.training
        return type(self).function(*inputs, **named, **options)

    def extra_repr(self) -> str:
        """The options; ``inplace`` only where it is set."""
        names = self.options if self.shown is None else self.shown
        values = [(name, getattr(self, name)) for name in names]
        if self.bare:
            return ", ".join(str(value) for _, value in values)
        return ", ".join(
            f"{name}={value!r}"
            for name, value in values
            if name != "inplace" or value or self.trained
        )


def simple(
    name: str,
    module: str,
    function: Callable[..., Any],
    what: str,
    shown: str | None = None,
    bare: bool = False,
    trained: bool = False,
    buffers: tuple[str, ...] = (),
    example: str = "",
    check: Callable[[dict[str, Any]], None] | None = None,
    **options: Any,
) -> type[Any]:
    """A module that calls ``function`` with these options.

    ``shown``: those that are printed, all if None; ``bare``: without their names. ``trained``: the
    function is told whether the module is training. ``buffers``: options that are tensors to save.
    ``check`` raises an error for options that make no sense.
    """
    doc = f"{what}\n\n>>> torch.nn.{name}({example})  # doctest: +ELLIPSIS\n{name}(...)\n"
    body = {
        "__module__": module,
        "__doc__": doc,
        "function": staticmethod(function),
        "options": options,
        "shown": None if shown is None else tuple(shown.split()),
        "bare": bare,
        "trained": trained,
        "buffers_of": buffers,
        "check": None if check is None else staticmethod(check),
    }
    return type(name, (_Simple,), body)
