"""Names in backticks: links where they are documented, otherwise code.

Docstrings write names in single backticks and other code in double ones. The role ``name`` is the
default of those texts. A name is looked for as it stands, in the class and the module that the text
is of, in `pullback`, and by the short names that programs give the modules. In all texts, code that
is a name with its module, such as ``pb.grad``, is a link as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxRole

NAME = re.compile(r"[A-Za-z_][\w.]*")
LIBRARIES = ("numpy.", "scipy.")
SHORT = {
    "pb": "pullback",
    "pnp": "pullback.numpy",
    "psp": "pullback.scipy",
    "torch": "pullback.torch",
    "F": "pullback.torch.nn.functional",
    "pullback.random": "pullback.numpy.random",
}


FULL = re.compile(rf"@?(pullback|{'|'.join(SHORT)})(\.[A-Za-z_]\w*)+(\(\))?")


class NameRole(SphinxRole):
    """The role ``name``."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Code, which becomes a link if a page with that name is found when all are read."""
        code = nodes.literal(self.rawtext, self.text, classes=["code"])
        return [link_to(self.env, code) if NAME.fullmatch(bare(self.text)) else code], []


class LinkNames(SphinxTransform):
    """Make links of code that is a name with its module."""

    default_priority = 400

    def apply(self, **_: Any) -> None:
        """Look at all code but that of links and headings."""
        for code in list(self.document.findall(nodes.literal)):
            inside = (nodes.reference, nodes.title, pending_xref)
            if FULL.fullmatch(code.astext()) and not isinstance(code.parent, inside):
                code.replace_self(link_to(self.env, code.deepcopy()))


def bare(text: str) -> str:
    """A name without the signs of a decorator and of a call."""
    return text.removeprefix("@").removesuffix("()")


def link_to(env: BuildEnvironment, code: nodes.literal) -> pending_xref:
    """What will be a link if there is such a name."""
    context = env.ref_context
    return pending_xref(
        "",
        code,
        refdomain="",
        reftype="name",
        reftarget=bare(code.astext()),
        refdoc=env.docname,
        within=[context.get("py:module"), context.get("py:class")],
    )


def candidates(name: str, module: str | None, owner: str | None) -> Iterator[str]:
    """The full names that a name may be short for."""
    yield name
    if module and owner:
        yield f"{module}.{owner}.{name}"
    if module:
        yield f"{module}.{name}"
    if not name.startswith(LIBRARIES):
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
    """Make ``name`` a role, and names links."""
    app.add_role("name", NameRole())
    app.add_transform(LinkNames)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
