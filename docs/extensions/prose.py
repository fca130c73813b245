"""Docstrings tell of results and properties in prose.

``napoleon`` takes what stands before a colon to be a type. Types are in the signatures, so a colon
is one of the text; an empty type in front of the text says so.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

SECTIONS = ("Returns:", "Yields:")


def leave_colons(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Put an empty type in front of results, and of what a property is."""
    starts = [at + 1 for at, line in enumerate(lines[:-1]) if line in SECTIONS]
    if what in ("attribute", "property"):
        starts.append(0)
    for at in starts:
        text = lines[at].lstrip()
        lines[at] = lines[at].removesuffix(text) + f": {text}"


def setup(app: Sphinx) -> dict[str, Any]:
    """Change docstrings before ``napoleon`` does."""
    app.connect("autodoc-process-docstring", leave_colons, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
