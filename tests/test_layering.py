"""Imports run one way: tracer <- codegen <- runtime <- api, and start-up stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = ("tracer", "codegen", "runtime", "api")
SOURCES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))


class Import(NamedTuple):
    module: str  # dotted; a leading dot for each level of a relative import
    line: int
    at_import_time: bool


def imports(tree: ast.AST, *, at_import_time: bool = True) -> Iterator[Import]:
    """All imports in a syntax tree, those inside functions included."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.Import(names):
                for alias in names:
                    yield Import(alias.name, node.lineno, at_import_time)
            case ast.ImportFrom(module, names, level):
                start = "." * level + (module + "." if module else "")
                for alias in names:
                    yield Import(start + alias.name, node.lineno, at_import_time)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from imports(node, at_import_time=False)
            case ast.If(test=test) if ast.unparse(test).endswith("TYPE_CHECKING"):
                yield from imports(node, at_import_time=False)
            case _:
                yield from imports(node, at_import_time=at_import_time)


def layer_of(module: str) -> str:
    """The layer that an absolute ``pullback...`` module belongs to."""
    second = module.split(".")[1] if "." in module else ""
    return second if second in LAYERS[:-1] else "api"


def faults(path: Path) -> Iterator[str]:
    where = path.relative_to(ROOT)
    layer = where.parts[0]
    depth = len(where.parts) - 1
    below = LAYERS[: LAYERS.index(layer)]
    for found in imports(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        dots = len(found.module) - len(found.module.lstrip("."))
        top = found.module.split(".")[0]
        fault = ""
        if dots > depth:
            fault = f"leaves {layer}/ by a relative import"
        elif top in LAYERS:
            fault = f"is the bare name {top}"
        elif top == "pullback" and layer_of(found.module) == layer:
            fault = f"names {layer}/ from inside; import it relatively"
        elif top == "pullback" and layer_of(found.module) not in below:
            fault = f"makes {layer}/ depend on {layer_of(found.module)}/"
        elif top == "llvmlite" and layer in ("tracer", "codegen"):
            fault = f"makes {layer}/ depend on llvmlite"
        elif top == "sympy" and found.at_import_time and where.parent.name != "symbolic":
            fault = "is slow; import it inside the function that needs it"
        if fault:
            yield f"{where}:{found.line}: import of {found.module} {fault}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_layers(path: Path) -> None:
    found = list(faults(path))
    assert not found, "\n".join(found)


def test_import_is_light() -> None:
    heavy = ("sympy", "scipy", "jax", "torch")
    program = f"import pullback, sys; print([m for m in {heavy} if m in sys.modules])"
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "[]"
