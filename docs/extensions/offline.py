"""Pages show themselves without a network: what would be fetched from elsewhere is a warning."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

FETCHED = re.compile(
    r"""<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=["'](?:https?:)?//[^"']*"""
)


def check_page(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Look through what a page is made of."""
    for found in FETCHED.findall(context.get("body", "")):
        logging.getLogger(__name__).warning("would be fetched: %s", found, location=page)


def setup(app: Sphinx) -> dict[str, Any]:
    """Look at every page."""
    app.connect("html-page-context", check_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
