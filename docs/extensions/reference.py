"""The pages of the reference, written from the public surface before Sphinx reads its sources.

A page is a module, a family of a large module, or a class with many methods. On top there is a
table of its names, below it an entry for each, by ``autodoc``. A public name that ends up on no
page is a warning, and so an error of the build.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from .families import FAMILIES, OTHERS, in_families
from .surface import Name, Surface, borrowed, public_surface, summary_of, unreached

FOLDER = "reference"
MANY = 40
"""Methods above which a class has a page of its own, and names above which a page has sections."""
FEW = 3
"""Names below which they are no section."""


def write_reference(app: Sphinx) -> None:
    """Write the pages that have changed, and remove those that are no longer made."""
    folder = Path(app.srcdir) / FOLDER
    folder.mkdir(exist_ok=True)
    pages = dict(pages_of(public_surface()))
    for old in folder.glob("*.rst"):
        if old.stem not in pages:
            old.unlink()
    for page, lines in pages.items():
        text = "\n".join(lines) + "\n"
        path = folder / f"{page}.rst"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def pages_of(surface: Surface) -> Iterator[tuple[str, list[str]]]:
    """The names of the pages, and their lines of reStructuredText."""
    yield "index", _index(surface)
    for module, names in surface.modules.items():
        large = [name for name in names if has_page(name)]
        families = in_families(module, names) if module in FAMILIES else {}
        pages = [f"{module}-{_slug(title)}" for title in families]
        yield module, _module_page(module, names, families, [*pages, *(n.path for n in large)])
        for page, (title, members) in zip(pages, families.items(), strict=True):
            yield page, [*_heading(title, "="), *_current(module), *_section(members)]
        for name in large:
            yield name.path, _class_page(name, surface)


def _index(surface: Surface) -> list[str]:
    tops = [module for module in surface.modules if module.count(".") < 2 or "torch" not in module]
    table = [(module, summary_of(importlib.import_module(module))) for module in surface.modules]
    return [
        *_heading("API reference", "="),
        "Every public name, by modules; what stands here is the docstrings, and their examples run",
        "as tests.",
        "",
        *_table("mod", table),
        *_toctree(tops),
    ]


def _module_page(
    module: str, names: list[Name], families: dict[str, list[Name]], pages: list[str]
) -> list[str]:
    lines = [*_heading(f"``{module}``", "="), f".. automodule:: {module}", "", *_current(module)]
    inner = [other for other in _modules_inside(module) if module.startswith("pullback.torch")]
    lines += _toctree([*pages, *inner])
    if families:
        for title, members in families.items():
            lines += [*_heading(title, "-"), *_names_table(members)]
        return lines
    groups = _by_home(module, names)
    for title, members in groups.items():
        heading = _heading(title, "-") if len(groups) > 1 else []
        lines += [*heading, *_section(members)]
    return [*lines, *_borrowed(module)]


def _modules_inside(module: str) -> list[str]:
    depth = module.count(".") + 1
    inside = (m for m in public_surface().modules if m.startswith(f"{module}."))
    return [name for name in inside if name.count(".") == depth]


def _by_home(module: str, names: list[Name]) -> dict[str, list[Name]]:
    """The names of a page by the last part of the module that defines them, if there are many."""
    if len(names) <= MANY:
        return {OTHERS: names}
    groups: dict[str, list[Name]] = {}
    for name in names:
        groups.setdefault(name.home.rpartition(".")[2].capitalize(), []).append(name)
    own = module.rpartition(".")[2].capitalize()
    few = [title for title, members in groups.items() if len(members) < FEW or title == own]
    rest = [name for title in few for name in groups.pop(title)]
    return dict(sorted(groups.items())) | ({OTHERS: rest} if rest else {})


def _section(names: list[Name]) -> list[str]:
    """A table of names, and the entries of those that are documented here."""
    lines = _names_table(names)
    for name in names:
        lines += [] if has_page(name) else _entry(name)
    return lines


def _names_table(names: Iterable[Name]) -> list[str]:
    return _table("obj", [(name.path, _summary(name)) for name in names])


def _summary(name: Name) -> str:
    if name.is_reference:
        return f"The same as :py:obj:`{name.documented}`."
    return name.summary


def _entry(name: Name) -> list[str]:
    role = _role_of(name.thing)
    if name.is_reference:
        return [f".. py:{role}:: {name.last}", "   :no-typesetting:", ""]
    if role == "data" or name.last != getattr(name.thing, "__name__", name.last):
        return [f".. py:{role}:: {name.last}", "", *_indented(_description(name)), ""]
    options = ["   :members:", *_excluded(name.thing)] if role == "class" else []
    return [f".. auto{role}:: {name.path}", *options, ""]


def _description(name: Name) -> list[str]:
    """The docstring as autodoc would show it, of what is no function or has another name."""
    if name.is_plain:
        return [name.summary]
    return (inspect.getdoc(name.thing) or "").splitlines()


def _excluded(owner: type) -> list[str]:
    """Functions that a class holds, and that are not methods written in it."""
    held = [
        name
        for name, thing in vars(owner).items()
        if not getattr(thing, "__qualname__", owner.__qualname__).startswith(owner.__qualname__)
    ]
    return [f"   :exclude-members: {', '.join(held)}"] if held else []


def _role_of(thing: Any) -> str:
    if inspect.isclass(thing):
        return "exception" if issubclass(thing, BaseException) else "class"
    return "function" if callable(thing) else "data"


def has_page(name: Name) -> bool:
    """Whether a name is a class with so many methods that it is a page of its own."""
    if name.is_reference or not inspect.isclass(name.thing):
        return False
    return len(_methods(name.thing).keys() & vars(name.thing).keys()) > MANY


def _methods(owner: type) -> dict[str, Any]:
    """The public methods and properties of a class, by name."""
    public = {name: getattr(owner, name) for name in dir(owner) if not name.startswith("_")}
    return {
        name: thing
        for name, thing in public.items()
        if inspect.isroutine(thing) or isinstance(thing, property)
    }


def _class_page(name: Name, surface: Surface) -> list[str]:
    """A class by itself: methods that are functions of the same name refer to these."""
    module = name.path.rpartition(".")[0]
    methods = _methods(name.thing)
    functions = {
        method: f"{module}.{method}"
        for method, thing in methods.items()
        if (same := surface.names.get(f"{module}.{method}"))
        and inspect.getdoc(same.thing) == inspect.getdoc(thing)
    }
    lines = [*_heading(f"``{name.last}``", "="), *_current(module)]
    lines += [f".. autoclass:: {name.path}", ""]
    own = [method for method in methods if method not in functions]
    table = [(f"{name.path}.{method}", summary_of(methods[method])) for method in own]
    lines += [*_heading("Methods", "-"), *_table("obj", table)]
    for method in own:
        kind = "property" if isinstance(methods[method], property) else "method"
        lines += [f".. auto{kind}:: {name.path}.{method}", ""]
    lines += [
        *_heading("Functions as methods", "-"),
        "These are functions of the module, with the tensor as their first argument.",
        "",
    ]
    for method in functions:
        lines += [f".. py:method:: {name.last}.{method}", "   :no-typesetting:", ""]
    return [*lines, *_table("obj", [(f, summary_of(methods[m])) for m, f in functions.items()])]


def _borrowed(module: str) -> list[str]:
    """The names of a library that a module has with a meaning for traced values."""
    names = borrowed(importlib.import_module(module))
    if not names:
        return []
    library = module.removeprefix("pullback.")
    return [
        *_heading(f"Names of ``{library}``", "-"),
        f"On concrete arrays these are what they are in ``{library}``; on traced ones they become",
        "part of the graph, or say that they have no meaning there.",
        "",
        f".. py:function:: {names[0]}",
        *(f"                 {name}" for name in names[1:]),
        "   :no-typesetting:",
        "",
        ".. container:: names",
        "",
        "   " + " ".join(f"``{name}``" for name in names),
        "",
    ]


def _heading(title: str, line: str) -> list[str]:
    return [title, line * len(title), ""]


def _current(module: str) -> list[str]:
    return [f".. py:currentmodule:: {module}", ""]


def _toctree(pages: Iterable[str]) -> list[str]:
    pages = list(pages)
    if not pages:
        return []
    return [".. toctree::", "   :hidden:", "", *(f"   {page}" for page in pages), ""]


def _table(role: str, rows: Iterable[tuple[str, str]]) -> list[str]:
    """Names, as references, with a sentence on each."""
    rows = list(rows)
    if not rows:
        return []
    lines = [".. list-table::", "   :class: names", "   :widths: auto", ""]
    for path, summary in rows:
        shown = path if role == "mod" else f"~{path}"
        lines += [f"   * - :py:{role}:`{shown}`", f"     - {summary}"]
    return [*lines, ""]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"   {line}" if line else "" for line in lines]


def _slug(title: str) -> str:
    return title.lower().replace(",", "").replace(" ", "-")


def check_completeness(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of public names that are on no page."""
    surface = public_surface()
    missing = [path for path in surface.names if path not in env.domains.python_domain.objects]
    for path in missing + unreached(surface):
        logging.getLogger(__name__).warning("%s is public, and on no page", path)


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages, and look after their being complete."""
    app.connect("builder-inited", write_reference)
    app.connect("env-check-consistency", check_completeness)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
