"""Links between files, as they work where the repository is read, become links between pages.

Some pages stand outside of ``docs/``, where a repository has them: a page of ``project/`` includes
such a file, and links to the file lead to the page. A link with the name of a file for its text
gets the title of the page.
"""

from __future__ import annotations

import logging
import posixpath
import re
from functools import partial
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

PAGES = {
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "README.md": "index.md",
    "benchmarks/RESULTS.md": "project/benchmarks.md",
}
OUTSIDE = re.compile(r"(?<=\]\()(?:\.\./)+[\w./]+\.md")
FILE_NAME = re.compile(r"(?<=\[)[\w./]+\.md(?=\]\()")


def link_page(app: Sphinx, page: str, source: list[str]) -> None:
    """Let the links of a page lead to pages."""
    text = OUTSIDE.sub(partial(_inside, posixpath.dirname(page)), source[0])
    source[0] = FILE_NAME.sub("", text)


def link_included(app: Sphinx, path: Path, page: str, source: list[str]) -> None:
    """Give the links of a file that a page includes the titles of pages."""
    source[0] = FILE_NAME.sub("", source[0])


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
    app.connect("source-read", link_page)
    app.connect("include-read", link_included)
    logging.getLogger("sphinx.sphinx.directives.other").addFilter(_PagesToCome())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
