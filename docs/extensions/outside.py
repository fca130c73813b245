"""Pages that stand outside of ``docs/``, where a repository has them, and links to those.

A page of ``project/`` includes such a file. A link to the file, as it works where the repository is
read, becomes a link to the page.
"""

from __future__ import annotations

import logging
import posixpath
import re
from functools import partial
from typing import Any

from sphinx.application import Sphinx

PAGES = {
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "README.md": "index.md",
    "benchmarks/RESULTS.md": "project/benchmarks.md",
}
LINK = re.compile(r"(?<=\]\()(?:\.\./)+[\w./]+\.md")


def link_pages(app: Sphinx, page: str, source: list[str]) -> None:
    """Let links lead to the pages."""
    source[0] = LINK.sub(partial(_inside, posixpath.dirname(page)), source[0])


def _inside(folder: str, match: re.Match[str]) -> str:
    file = posixpath.normpath(posixpath.join("docs", folder, match[0]))
    page = PAGES.get(file)
    return posixpath.relpath(page, folder or ".") if page else match[0]


class _PagesToCome(logging.Filter):
    """That a pattern of pages has none is no fault: a table of contents shows what there is."""

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(record, "subtype", None) != "empty_glob"


def setup(app: Sphinx) -> dict[str, Any]:
    """Change links when a page is read."""
    app.connect("source-read", link_pages)
    logging.getLogger("sphinx.sphinx.directives.other").addFilter(_PagesToCome())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
