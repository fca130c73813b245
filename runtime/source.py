"""Compiled functions as NumPy programs, with the arguments that the user's function has."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from pullback.tracer import tree
from pullback.tracer.program import Given, Source, program

from .signature import Call, Signature
from .traced import PYTHON_TYPES, traced


@dataclass(slots=True)
class _Arguments:
    """The parameters of a program's function, and where the leaves of a call are in them."""

    positional: list[str] = field(default_factory=list)
    keywords: list[str] = field(default_factory=list)
    leaves: list[tuple[str, str]] = field(default_factory=list)

    def text(self) -> str:
        """What stands between the parentheses."""
        named = ["*", *self.keywords] if self.keywords else []
        return ", ".join([*self.positional, *named])


def source_of(
    body: Callable[..., Any], wrapped: Callable[..., Any], call: Call, writing: bool, name: str
) -> Source:
    """The program that computes what compiled code does for arguments of these types."""
    graph, captures, spec, writes, answers = traced(body, call.signature, writing, call.leaves)
    arguments = _arguments(wrapped, call.signature)
    given = []
    places = zip(call.signature.arguments, arguments.leaves, strict=True)
    for place, (argument, (code, wish)) in enumerate(places):
        number = argument.type.dtype.name if argument.kind in PYTHON_TYPES else None
        given.append(Given(code, wish, number, place in writes))
    types = ", ".join(str(x.type) for x in call.signature.arguments)
    return program(
        graph,
        name,
        arguments.text(),
        [*arguments.positional, *arguments.keywords],
        given,
        captures,
        lambda outputs: _tree_text(spec, outputs),
        f"For arguments of these types: {types}." if types else "",
        () if answers is None else answers.expected,
    )


def names_of_leaves(wrapped: Callable[..., Any], signature: Signature) -> list[str]:
    """Each leaf of the arguments as an expression, such as ``params["w"]``."""
    return [code for code, _ in _arguments(wrapped, signature).leaves]


def names_of_results(spec: tree.TreeSpec) -> list[str]:
    """Each leaf of the result as an expression, such as ``result[0]``."""
    places = _places(spec, "result", "result")
    return (
        [f"result_{i}" for i in range(spec.num_leaves)]
        if places is None
        else [x for x, _ in places]
    )


def _arguments(wrapped: Callable[..., Any], signature: Signature) -> _Arguments:
    """Parameters by the names that the user's function has for them."""
    found = _Arguments()
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


def _add(found: _Arguments, names: list[str], name: str, spec: tree.TreeSpec) -> None:
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
    if not _is_plain(spec):
        return None
    found: list[tuple[str, str]] = []
    for key, child in zip(spec.entries(), spec.children(), strict=True):
        word = isinstance(key, str) and key.isidentifier() and not keyword.iskeyword(key)
        places = _places(child, f"{code}[{_quoted(key)}]", key if word else f"{wish}_{key}")
        if places is None:
            return None
        found += places
    return found


def _is_plain(spec: tree.TreeSpec) -> bool:
    """Whether a container is a tuple, list, dict or None, whose entries are written in Python."""
    if spec.type is dict:
        return all(isinstance(key, (str, int, bool, float)) for key in spec.entries())
    return spec.type in (tuple, list, type(None))


def _tree_text(spec: tree.TreeSpec, outputs: Iterator[str]) -> str:
    """A tree as Python writes it; of a container that is no plain one, its leaves in a tuple."""
    if spec.is_leaf():
        return next(outputs)
    if spec.type is type(None):
        return "None"
    if not _is_plain(spec):
        return _group("()", [next(outputs) for _ in range(spec.num_leaves)])
    parts = [_tree_text(child, outputs) for child in spec.children()]
    if spec.type is dict:
        entries = zip(spec.entries(), parts, strict=True)
        return f"{{{', '.join(f'{_quoted(key)}: {part}' for key, part in entries)}}}"
    return _group("()" if spec.type is tuple else "[]", parts)


def _group(brackets: str, parts: Sequence[str]) -> str:
    end = "," if brackets == "()" and len(parts) == 1 else ""
    return f"{brackets[0]}{', '.join(parts)}{end}{brackets[1]}"


def _quoted(key: object) -> str:
    """A key as Python writes it, in the quotes of the rest of the program."""
    text = repr(key)
    return f'"{text[1:-1]}"' if isinstance(key, str) and '"' not in text else text
