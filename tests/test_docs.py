"""The documentation runs: code blocks of the pages, examples in the docstrings.

In a page, the ``python`` blocks run in order in one namespace; a block that is not meant to run is
``text``. A ``text`` block right behind a ``python`` block is what that prints: it is
compared, and written anew with ``pytest --rewrite-golden``. In docstrings ``np`` and ``pb`` are
there without an import, and in ``pullback.torch`` ``torch`` is that module.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import inspect
import io
import linecache
import pkgutil
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import pullback

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    page for place in ("*.md", "benchmarks/*.md", "docs/**/*.md") for page in ROOT.glob(place)
)
BLOCK = re.compile(
    r"^```python[ \t]*\n(.*?)^```[ \t]*\n(?:\n*```text\n(.*?)^```)?", re.MULTILINE | re.DOTALL
)
BLANKED = re.compile(
    r"\A.*?^```python[ \t]*\n|^```[ \t]*\n.*?(?:^```python[ \t]*\n|\Z)", re.MULTILINE | re.DOTALL
)
"""What is no Python block."""
NOT_RUN = re.compile(
    r"^(?!```python$).*(?:[`~:]{3,}[ \t]*\{?(?:i?py|code|doctest|testcode|sourcecode)|>>> ).*$",
    re.MULTILINE | re.IGNORECASE,
)
"""Python that would not be run: under another label, in a directive, with a prompt, indented."""


def _modules(package: str) -> list[str]:
    path = importlib.import_module(package).__path__
    return [package, *(m.name for m in pkgutil.walk_packages(path, f"{package}."))]


def _is_exception(thing: Any) -> bool:
    return inspect.isclass(thing) and issubclass(thing, BaseException)


LAYERS = ("pullback", "pullback.tracer", "pullback.codegen", "pullback.runtime")
"""Each in a folder of its own, where an editable install leaves it."""
MODULES = sorted({module for layer in LAYERS for module in _modules(layer)})
ELSEWHERE = {
    "pullback.scipy.special": "SciPy's functions with SciPy's docstrings",
    "pullback.torch.return_types": "made by functions that have examples",
}
PUBLIC = [
    name
    for name in _modules("pullback")
    if hasattr(importlib.import_module(name), "__all__") and name not in ELSEWHERE
]
CENTRAL = [it for it in vars(pullback).values() if inspect.isclass(it) and not _is_exception(it)]
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def run_page(page: Path) -> str:
    """Run the Python blocks of a page; the page with what they print in their ``text`` blocks."""
    text = page.read_text(encoding="utf-8")
    lines = BLANKED.sub(lambda match: "\n" * match[0].count("\n"), text).splitlines(keepends=True)
    # What looks at the source of a function finds the blocks at their lines.
    linecache.cache[page.name] = (len(text), None, lines, page.name)
    namespace: dict[str, Any] = {"__name__": page.stem}
    done, position = [], 0
    for match in BLOCK.finditer(text):
        lines_above = text.count("\n", 0, match.start(1))
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * lines_above + match[1], page.name, "exec"), namespace)
        if match[2] is not None:
            done += [text[position : match.start(2)], printed.getvalue()]
            position = match.end(2)
    return "".join([*done, text[position:]])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page(page: Path, request: pytest.FixtureRequest) -> None:
    rendered = run_page(page)
    if request.config.getoption("--rewrite-golden"):
        page.write_text(rendered, encoding="utf-8")
    assert rendered == page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_all_python_of_a_page_runs(page: Path) -> None:
    assert NOT_RUN.findall(page.read_text(encoding="utf-8")) == []


def public_objects(module: ModuleType) -> dict[str, Any]:
    """What a module offers and defines itself: functions, classes, callables; no constants."""
    offered = {name: getattr(module, name) for name in getattr(module, "__all__", ())}
    return {name: it for name, it in offered.items() if callable(it) and _is_ours(it)}


def _is_ours(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "")).split(".")[0] == "pullback"


def _is_documented(thing: Any) -> bool:
    doc: str = thing.__doc__ or ""
    return bool(doc) if _is_exception(thing) else ">>>" in doc


def examples(module: ModuleType) -> list[doctest.DocTest]:
    """The examples of a module, and of callables in its ``__all__`` that doctest overlooks."""
    names: dict[str, Any] = {
        "__name__": "__main__",
        "__package__": None,  # an example is a user's program, not a part of the module's package
        "np": np,
        "pb": pullback,
    }
    if module.__name__.startswith("pullback.torch"):
        names["torch"] = importlib.import_module("pullback.torch")
    finder = doctest.DocTestFinder()
    found = finder.find(module, module.__name__, extraglobs=names)
    for name, thing in public_objects(module).items():
        if _is_overlooked(thing):
            label = f"{module.__name__}.{name}"
            found += finder.find(thing, label, module=False, globs={**vars(module), **names})
    return found


def _is_overlooked(thing: Any) -> bool:
    """Callables that are no functions, and functions that a table has made."""
    if inspect.isclass(thing):
        return False
    if not inspect.isroutine(thing):
        return True
    function = inspect.unwrap(thing)
    if not _is_ours(function):
        return False
    home = vars(importlib.import_module(function.__module__))
    return home.get(function.__name__) is not function


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    for example in examples(importlib.import_module(name)):
        runner.run(example, out=report.append)
    assert not runner.summarize(verbose=False).failed, "".join(report)


@pytest.mark.parametrize("central", CENTRAL, ids=lambda central: central.__name__)
def test_methods_have_an_example(central: type) -> None:
    methods = {name: it for name, it in vars(central).items() if not name.startswith("_")}
    lacking = [name for name, it in methods.items() if callable(it) and not _is_documented(it)]
    assert not lacking, f"without an example: {', '.join(lacking)}"


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_have_an_example(name: str) -> None:
    """Exceptions need a docstring only."""
    offered = public_objects(importlib.import_module(name))
    lacking = [public for public, thing in offered.items() if not _is_documented(thing)]
    assert not lacking, f"{len(lacking)} of {len(offered)} lack an example: {', '.join(lacking)}"
