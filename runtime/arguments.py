"""What functions, and leaf by leaf the arguments and results of a call, are called."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from pullback.tracer import tree

from .signature import Signature


@dataclass(slots=True)
class Arguments:
    """The parameters of a function, and where the leaves of a call are in them."""

    positional: list[str] = field(default_factory=list)
    keywords: list[str] = field(default_factory=list)
    leaves: list[tuple[str, str]] = field(default_factory=list)

    def text(self) -> str:
        """What stands between the parentheses."""
        named = ["*", *self.keywords] if self.keywords else []
        return ", ".join([*self.positional, *named])


def name_of(function: Callable[..., Any]) -> str:
    """What a function is called; of an object without a name, its class."""
    return str(getattr(function, "__qualname__", type(function).__name__))


def names_of_leaves(wrapped: Callable[..., Any], signature: Signature) -> list[str]:
    """Each leaf of the arguments as an expression, such as ``params["w"]``."""
    return [code for code, _ in arguments_of(wrapped, signature).leaves]


def names_of_results(spec: tree.TreeSpec) -> list[str]:
    """Each leaf of the result as an expression, such as ``result[0]``."""
    places = _places(spec, "result", "result")
    return (
        [f"result_{i}" for i in range(spec.num_leaves)]
        if places is None
        else [x for x, _ in places]
    )


def arguments_of(wrapped: Callable[..., Any], signature: Signature) -> Arguments:
    """Parameters by the names that the user's function has for them."""
    found = Arguments()
    positional, named = signature.spec.children()
    static = dict(signature.static)
    names = _names(wrapped)
    children = iter(positional.children())
    for place in range(positional.num_children + sum(isinstance(x, int) for x in static)):
        name = next(names)
        if place in static:
            found.positional.append(name)
        else:
            _add(found, found.positional, name, next(children))
    for name, child in zip(named.entries(), named.children(), strict=True):
        _add(found, found.keywords, name, child)
    found.keywords += [str(x) for x in static if isinstance(x, str)]
    return found


@dataclass(frozen=True, slots=True)
class Place:
    """How an argument was given, and of what structure."""

    way: str
    spec: tree.TreeSpec


def given_by_name(wrapped: Callable[..., Any], signature: Signature) -> dict[str, Place]:
    """The arguments that are not static, by their names."""
    positional, named = signature.spec.children()
    static = {x for x, _ in signature.static}
    children = iter(positional.children())
    places = range(positional.num_children + sum(isinstance(x, int) for x in static))
    known = zip(places, _names(wrapped), strict=False)
    found = {
        name: Place("given by position", next(children)) for n, name in known if n not in static
    }
    for name, child in zip(named.entries(), named.children(), strict=True):
        found[name] = Place("given by name", child)
    return found


def _names(wrapped: Callable[..., Any]) -> Iterator[str]:
    """Names of positional parameters, without end."""
    try:
        parameters = list(inspect.signature(wrapped).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    name = "argument"
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            name = parameter.name
            break
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            yield parameter.name
    for number in count():
        yield f"{name}_{number}"


def _add(found: Arguments, names: list[str], name: str, spec: tree.TreeSpec) -> None:
    """One argument; in place of a container that is no plain one, an argument for each leaf."""
    places = _places(spec, name, name)
    if places is None:
        places = [(f"{name}_{i}", f"{name}_{i}") for i in range(spec.num_leaves)]
        names += [wish for _, wish in places]
    else:
        names.append(name)
    found.leaves += places


def _places(spec: tree.TreeSpec, code: str, wish: str) -> list[tuple[str, str]] | None:
    """An expression for each leaf of an argument, and a name; None if that is not known."""
    if spec.is_leaf():
        return [(code, wish)]
    if not is_plain(spec):
        return None
    found: list[tuple[str, str]] = []
    for key, child in zip(spec.entries(), spec.children(), strict=True):
        word = isinstance(key, str) and key.isidentifier() and not keyword.iskeyword(key)
        places = _places(child, f"{code}[{quoted(key)}]", key if word else f"{wish}_{key}")
        if places is None:
            return None
        found += places
    return found


def is_plain(spec: tree.TreeSpec) -> bool:
    """Whether a container is a tuple, list, dict or None, whose entries are written in Python."""
    if spec.type is dict:
        return all(isinstance(key, (str, int, bool, float)) for key in spec.entries())
    return spec.type in (tuple, list, type(None))


def quoted(key: object) -> str:
    """A key as Python writes it, in the quotes of the rest of the program."""
    text = repr(key)
    return f'"{text[1:-1]}"' if isinstance(key, str) and '"' not in text else text
