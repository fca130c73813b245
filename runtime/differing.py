"""In what a call differs from those that a function has been compiled for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import FunctionType, MethodType
from typing import Any

from pullback.codegen.entry import Argument
from pullback.tracer import tree
from pullback.tracer.path import Turn

from .arguments import given_by_name, names_of_leaves, quoted
from .compiled import Compiled
from .native import Guard
from .recompilation import Difference, Kind
from .signature import Call, Signature

LOOKED_AT = 16
"""Signatures, the last ones, among which the nearest is looked for."""


def difference(
    wrapped: Callable[..., Any],
    call: Call,
    versions: Sequence[Compiled],
    others: Iterable[Signature],
    turn: Turn,
) -> Difference | None:
    """Why a call needs a new compilation.

    ``versions`` are those of the same signature, ``others`` the signatures compiled before.
    """
    if versions:
        return _outside(versions, wrapped) or _path(versions, turn)
    names = names_of_leaves(wrapped, call.signature)
    nearest: list[Difference] | None = None
    for other in list(others)[-LOOKED_AT:]:
        found = list(_differences(wrapped, names, other, call.signature))
        # Of those that are as near the last one counts.
        if nearest is None or len(found) <= len(nearest):
            nearest = found
    return nearest[0] if nearest else None


def _outside(versions: Sequence[Compiled], wrapped: Callable[..., Any]) -> Difference | None:
    """The name outside of a function that means something else than when it was traced."""
    if any(compiled.current() for compiled in versions):
        return None
    guards = versions[0].specialisation.guards
    for guard in guards:
        if guard.find() is not guard.expected:
            return Difference(_name_in(guards, guard, wrapped), "outside")
    for contents in versions[0].contents:
        if not contents.unchanged():
            own = [x for x in guards if x.expected is contents.container]
            name = _name_in(guards, own[0], wrapped) if own else "a container outside"
            return Difference(name, "contents")
    return Difference("an array outside", "outside")


def _name_in(guards: Sequence[Guard], guard: Guard, wrapped: Callable[..., Any]) -> str:
    """What a name is called that a guard looks after; a cell has its name in some function."""
    if guard.key is not None:
        return repr(guard.key)
    for x in (wrapped, *(other.expected for other in guards)):
        function = x.__func__ if isinstance(x, MethodType) else x
        if isinstance(function, FunctionType):
            cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
            for name, cell in cells:
                if cell is guard.container:
                    return repr(name)
    return "a name around it"


def _path(versions: Sequence[Compiled], turn: Turn) -> Difference | None:
    """The question that a call answers otherwise."""
    asked = len(turn.answers) - 1
    for compiled in versions:
        questions = compiled.answers.questions if compiled.answers is not None else ()
        if 0 <= asked < len(questions):
            return Difference(str(questions[asked].where), "path")
    return None


def _differences(
    wrapped: Callable[..., Any], names: Sequence[str], before: Signature, now: Signature
) -> Iterator[Difference]:
    """In what two signatures differ."""
    old = dict(before.static)
    for name, value in now.static:
        if name not in old or old[name] != value:
            yield Difference(
                _name_of(wrapped, name), "static value", _short(old.get(name)), _short(value)
            )
    if before.spec != now.spec:
        yield from _structures(wrapped, before, now)
        return
    for name, a, b in zip(names, before.arguments, now.arguments, strict=True):
        if a != b:
            yield Difference(name, _kind_of(a, b), _text(a), _text(b))
    if before.into != now.into:
        words = ("not given", "given")
        yield Difference("out", "out", words[before.into], words[now.into])


def _structures(
    wrapped: Callable[..., Any], before: Signature, now: Signature
) -> Iterator[Difference]:
    """In which arguments there is another container, and which came otherwise."""
    old, new = given_by_name(wrapped, before), given_by_name(wrapped, now)
    for name in dict.fromkeys((*new, *old)):
        a, b = old.get(name), new.get(name)
        if a is None or b is None or a.way != b.way:
            yield Difference(
                name, "given", a.way if a else "not given", b.way if b else "not given"
            )
        else:
            yield from _containers(name, a.spec, b.spec)


def _containers(name: str, before: tree.TreeSpec, now: tree.TreeSpec) -> Iterator[Difference]:
    """In which parts of an argument there is another container."""
    waiting = [(name, before, now)]
    while waiting:
        name, a, b = waiting.pop()
        if a == b:
            continue
        if a.type != b.type or a.is_leaf() or b.is_leaf() or a.entries() != b.entries():
            yield Difference(name, "structure", _container(a), _container(b))
            continue
        children = zip(a.entries(), a.children(), b.children(), strict=True)
        parts = [(f"{name}[{quoted(key)}]", x, y) for key, x, y in children]
        waiting += reversed(parts)


def _container(spec: tree.TreeSpec) -> str:
    """A container with what tells it from others of its type."""
    if spec.is_leaf():
        return "an array"
    if spec.type is type(None):
        return "None"
    if spec.type is dict:
        return _short_text(f"a dict of {', '.join(map(quoted, spec.entries()))}")
    return f"a {getattr(spec.type, '__name__', 'container')} of {spec.num_children}"


def _name_of(wrapped: Callable[..., Any], name: int | str) -> str:
    """What a static argument is called."""
    if isinstance(name, str):
        return name
    code = getattr(wrapped, "__code__", None)
    names = code.co_varnames[: code.co_argcount] if code is not None else ()
    return names[name] if name < len(names) else f"argument {name}"


def _kind_of(before: Argument, now: Argument) -> Kind:
    if before.kind != now.kind:
        return "kind" if "array" in (before.kind, now.kind) else "number"
    return "shape" if before.type.shape != now.type.shape else "dtype"


def _text(argument: Argument) -> str:
    number = {"float": "a float", "int": "an int", "complex": "a complex", "bool": "a bool"}
    return number.get(argument.kind, str(argument.type))


def _short(value: object) -> str:
    return _short_text(repr(value))


def _short_text(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."
