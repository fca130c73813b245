"""Guards: the names outside a function that its code refers to must mean what they meant.

Closure cells and globals are followed through the Python functions of the user's that they name,
and through instances whose attributes the code names; what an object lists in ``__refers__`` is
followed too. Their values are compared by identity; arrays
themselves are read at each call, so changing one in place needs no guard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from pullback.tracer import tree
from pullback.tracer.location import is_library

from .native import ABSENT, Guard

CONTAINERS = (list, dict, tuple, set)
_SETTLED = (ModuleType, BuiltinFunctionType, np.ufunc)


def guards_of(*functions: Callable[..., Any]) -> tuple[tuple[Guard, ...], tuple[Contents, ...]]:
    """The guards of functions, and the containers whose contents are to be compared in Python."""
    guards: list[Guard] = []
    contents: list[Contents] = []
    seen: set[int] = set()
    stack: list[Any] = list(functions)
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, CONTAINERS):
            contents.append(Contents(value))
            continue
        stack += getattr(value, "__refers__", ())
        for guard in _names(value):
            guards.append(guard)
            stack.append(guard.expected)
    return tuple(guards), tuple(contents)


class Contents:
    """A container as it was: the leaves, by identity, and their structure."""

    def __init__(self, container: Any) -> None:
        self.container = container
        self._leaves, self._spec = _opened(container)

    def unchanged(self) -> bool:
        """Whether the container still holds the same."""
        leaves, spec = _opened(self.container)
        same = len(leaves) == len(self._leaves) and spec == self._spec
        return same and all(a is b for a, b in zip(leaves, self._leaves, strict=True))


def _opened(container: Any) -> tuple[list[Any], Any]:
    if isinstance(container, set):
        return list(container), None
    return tree.flatten(container)


def _names(value: Any) -> Iterator[Guard]:
    """The names that a function's code looks up."""
    own = value.__self__ if isinstance(value, MethodType) else None
    value = value.__func__ if isinstance(value, MethodType) else value
    value = getattr(value, "__wrapped__", value) if not isinstance(value, FunctionType) else value
    if not isinstance(value, FunctionType):
        return
    yield from _attributes(own, value)
    if is_library(value.__globals__):
        return
    for cell in value.__closure__ or ():
        yield from _cell(cell)
        yield from _attributes(_content(cell), value)
    for name in _code_names(value.__code__):
        if name in value.__globals__:
            found = value.__globals__[name]
            if not isinstance(found, _SETTLED):
                yield Guard(value.__globals__, name, found)
                yield from _attributes(found, value)


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return ABSENT


def _cell(cell: CellType) -> Iterator[Guard]:
    yield Guard(cell, None, _content(cell))


def _code_names(code: CodeType) -> Iterator[str]:
    """Names of globals and attributes in a function's code and in those within it."""
    stack = [code]
    while stack:
        code = stack.pop()
        yield from code.co_names
        stack.extend(x for x in code.co_consts if isinstance(x, CodeType))


def _attributes(value: Any, function: FunctionType) -> Iterator[Guard]:
    """Attributes of an instance that the code of the function names."""
    own = getattr(value, "__dict__", None)
    if type(own) is not dict or isinstance(value, (*_SETTLED, type, FunctionType)):
        return
    for name in _code_names(function.__code__):
        if name in own:
            yield Guard(own, name, own[name])
