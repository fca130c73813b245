"""Compiled functions as NumPy programs, with the arguments that the user's function has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pullback.tracer import tree
from pullback.tracer.program import Given, Source, program

from .arguments import arguments_of, is_plain, quoted
from .signature import Call
from .traced import PYTHON_TYPES, traced


def source_of(
    body: Callable[..., Any], wrapped: Callable[..., Any], call: Call, writing: bool, name: str
) -> Source:
    """The program that computes what compiled code does for arguments of these types."""
    graph, captures, spec, writes, answers = traced(body, call.signature, writing, call.leaves)
    arguments = arguments_of(wrapped, call.signature)
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


def _tree_text(spec: tree.TreeSpec, outputs: Iterator[str]) -> str:
    """A tree as Python writes it; of a container that is no plain one, its leaves in a tuple."""
    if spec.is_leaf():
        return next(outputs)
    if spec.type is type(None):
        return "None"
    if not is_plain(spec):
        return _group("()", [next(outputs) for _ in range(spec.num_leaves)])
    parts = [_tree_text(child, outputs) for child in spec.children()]
    if spec.type is dict:
        entries = zip(spec.entries(), parts, strict=True)
        return f"{{{', '.join(f'{quoted(key)}: {part}' for key, part in entries)}}}"
    return _group("()" if spec.type is tuple else "[]", parts)


def _group(brackets: str, parts: Sequence[str]) -> str:
    end = "," if brackets == "()" and len(parts) == 1 else ""
    return f"{brackets[0]}{', '.join(parts)}{end}{brackets[1]}"
