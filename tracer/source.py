"""The user's source text: in which loop a line stands."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable
from functools import lru_cache

from .location import Location

Span = tuple[int, int]
"""The first line and the last."""


def loop_of(places: Iterable[Location | None]) -> Location | None:
    """The innermost `for` or `while` around the first of the lines that stands in one."""
    for where in dict.fromkeys(places):
        if where is None:
            continue
        around = [s for s in _loops(where.file, _text(where.file)) if s[0] <= where.line <= s[1]]
        if around:
            first, _ = max(around)
            return Location(where.file, first, where.function)
    return None


def _text(file: str) -> str:
    return "".join(linecache.getlines(file))


@lru_cache(maxsize=64)
def _loops(file: str, text: str) -> tuple[Span, ...]:
    """Every loop of a file; none of what is not there to be read."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return ()
    return tuple(
        (node.lineno, node.end_lineno or node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, (ast.For, ast.While, ast.ListComp, ast.GeneratorExp))
    )
