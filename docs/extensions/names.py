"""Names in single backticks: links where they are documented, otherwise code.

Docstrings write names in single backticks and other code in double ones. The role ``name`` is the
default of those texts. A name is looked for as it stands, in the class and the module that the text
is of, in `pullback`, and by the short names that programs give the modules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxRole

NAME = re.compile(r"[A-Za-z_][\w.]*")
SHORT = {
    "pb": "pullback",
    "pnp": "pullback.numpy",
    "psp": "pullback.scipy",
    "torch": "pullback.torch",
    "F": "pullback.torch.nn.functional",
    "pullback.random": "pullback.numpy.random",
}


class NameRole(SphinxRole):
    """The role ``name``."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Code, which becomes a link if a page with that name is found when all are read."""
        code = nodes.literal(self.rawtext, self.text, classes=["code"])
        name = self.text.removesuffix("()")
        if not NAME.fullmatch(name):
            return [code], []
        context = self.env.ref_context
        link = pending_xref(
            "",
            code,
            refdomain="",
            reftype="name",
            reftarget=name,
            refdoc=self.env.docname,
            within=[context.get("py:module"), context.get("py:class")],
        )
        return [link], []


def candidates(name: str, module: str | None, owner: str | None) -> Iterator[str]:
    """The full names that a name may be short for."""
    yield name
    if module and owner:
        yield f"{module}.{owner}.{name}"
    if module:
        yield f"{module}.{name}"
    yield f"pullback.{name}"
    for short, long in SHORT.items():
        if name.startswith(f"{short}."):
            yield long + name.removeprefix(short)


def resolve(
    app: Sphinx, env: BuildEnvironment, link: pending_xref, code: nodes.TextElement
) -> nodes.Node | None:
    """The link to what a name is found to be, else the code alone."""
    if link["reftype"] != "name":
        return None
    domain = env.domains.python_domain
    for full in candidates(link["reftarget"], *link["within"]):
        if full in domain.objects:
            return domain.resolve_xref(env, link["refdoc"], app.builder, "obj", full, link, code)
    return code


def setup(app: Sphinx) -> dict[str, Any]:
    """Make ``name`` a role."""
    app.add_role("name", NameRole())
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
