"""The scripts of the gallery are of the form that makes pages; ``make docs`` runs each of them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

GALLERY = Path(__file__).resolve().parents[1] / "examples" / "gallery"
SCRIPTS = sorted(GALLERY.glob("*.py"))
TITLE = re.compile(r"\n(?P<title>\S.*)\n(?P<line>=+)\n\n(?P<text>.+)\n", re.DOTALL)
BLOCK = re.compile(r"^# %%\n((?:#.*\n)*)", re.MULTILINE)


def test_there_is_a_gallery() -> None:
    header = (GALLERY / "GALLERY_HEADER.rst").read_text(encoding="utf-8")
    assert TITLE.fullmatch("\n" + header)
    assert len(SCRIPTS) >= 12
    assert all(path.name.startswith("plot_") for path in SCRIPTS)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script_makes_a_page(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    module = ast.parse(source)
    found = TITLE.fullmatch(ast.get_docstring(module, clean=False) or "")
    assert found, "the docstring is a title and some sentences"
    assert len(found["line"]) == len(found["title"])
    texts = BLOCK.findall(source)
    assert texts, "blocks are divided by # %%"
    assert all(text.startswith("# ") for text in texts), "each block begins with what it is about"
    calls = {ast.unparse(x.func) for x in ast.walk(module) if isinstance(x, ast.Call)}
    assert calls & {"plt.subplots", "plt.figure"}
    assert ast.unparse(module.body[-1]) == "plt.show()"
    names = {x.id for x in ast.walk(module) if isinstance(x, ast.Name)}
    assert "__file__" not in names, "Sphinx runs the text of a script, which has none"
