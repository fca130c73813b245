"""Sources of functions that a table makes: the link leads to the row."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import PycodeError
from sphinx.pycode import ModuleAnalyzer

Tags = dict[str, tuple[str, int, int]]


def source_of(app: Sphinx, module: str) -> tuple[str, Tags] | None:
    """The text of a module, with the lines of what it defines and of the rows of its tables."""
    try:
        analyzer = ModuleAnalyzer.for_module(module)
    except PycodeError:
        return None  # not written in Python
    analyzer.find_tags()
    return analyzer.code, dict(rows(analyzer.code)) | analyzer.tags


def rows(code: str) -> Iterator[tuple[str, tuple[str, int, int]]]:
    """Calls and tuples that begin with a name in quotes, keys of dictionaries; the first wins."""
    found = [entry for node in ast.walk(ast.parse(code)) for entry in _named(node)]
    for name, first, last in reversed(found):
        if isinstance(name, ast.Constant) and str(name.value).isidentifier():
            yield str(name.value), ("def", first.lineno, last.end_lineno or last.lineno)


def _named(node: ast.AST) -> list[tuple[ast.expr | None, ast.expr, ast.expr]]:
    match node:
        case ast.Call(args=[name, *_]) | ast.Tuple(elts=[name, *_]):
            return [(name, node, node)]
        case ast.Dict(keys, values):
            pairs = zip(keys, values, strict=True)
            return [(key, key, value) for key, value in pairs if key is not None]
        case _:
            return []


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell ``viewcode`` of the rows."""
    app.connect("viewcode-find-source", source_of)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
