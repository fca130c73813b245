"""Functions of this library as text: definitions, with all that they use, without annotations.

What a row means is written down once, as its reference. Where that is more than an expression, the
program brings the definition along.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = "pullback.tracer.primitives"
SUFFIX = "_reference"

Wanted = tuple[str, str]
"""A module and a name at its top."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What stands at the top of a program: imports, definitions, and their names."""

    imports: tuple[str, ...]
    definitions: tuple[str, ...]
    names: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class _Module:
    """What a module defines, and for what it imports the module and the name there, if any."""

    name: str
    definitions: dict[str, ast.stmt]
    imports: dict[str, tuple[str, str]]


@cache
def _module(name: str) -> _Module:
    spec = importlib.util.find_spec(name)
    assert spec is not None, f"there is no module {name}"
    assert spec.origin is not None, f"{name} has no file"
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    definitions: dict[str, ast.stmt] = {}
    imports: dict[str, tuple[str, str]] = {}
    for statement in tree.body:
        match statement:
            case ast.FunctionDef() | ast.ClassDef():
                definitions[statement.name] = statement
            case ast.Assign(targets=targets):
                for target in targets:
                    found = (x for x in ast.walk(target) if isinstance(x, ast.Name))
                    definitions.update({x.id: statement for x in found})
            case ast.AnnAssign(target=ast.Name(id=own), value=ast.expr()):
                definitions[own] = statement
            case ast.Import(names):
                imports.update({x.asname or x.name: (x.name, "") for x in names})
            case ast.ImportFrom(module=module, names=names, level=level):
                above = name.rsplit(".", level)[0] + "." if level else ""
                imports.update(
                    {x.asname or x.name: (above + (module or ""), x.name) for x in names}
                )
            case _:
                pass
    return _Module(name, definitions, imports)


def bundle(wanted: Iterable[Wanted]) -> Bundle:
    """The text of definitions and of what they use, as they stand in their modules."""
    found: dict[_Module, set[str]] = {}
    imports: dict[str, None] = {}
    waiting = [(f"{PACKAGE}.{module}", name) for module, name in wanted]
    while waiting:
        where, name = waiting.pop()
        module = _module(where)
        if name in module.definitions and name not in found.setdefault(module, set()):
            found[module].add(name)
            for used in _names_in(module.definitions[name]):
                source, original = module.imports.get(used, (where, used))
                if source.startswith("pullback"):
                    waiting.append((source, original))
                else:
                    imports[_import(source, original, used)] = None
    # What a module imports was found after it.
    texts = [
        ast.unparse(ast.fix_missing_locations(_bare(statement)))
        for module, names in reversed(found.items())
        for statement in dict.fromkeys(module.definitions.values())
        if not names.isdisjoint(_defined(statement))
    ]
    names = frozenset(plain_name(name) for chosen in found.values() for name in chosen)
    return Bundle(tuple(sorted(imports)), tuple(texts), names)


def _defined(statement: ast.stmt) -> set[str]:
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return {statement.name}
    stored = (x for x in ast.walk(statement) if isinstance(x, ast.Name))
    return {x.id for x in stored if isinstance(x.ctx, ast.Store)}


def plain_name(name: str) -> str:
    """What a definition is called in a program."""
    return name.removesuffix(SUFFIX) if name != SUFFIX[1:] else name


def _import(source: str, original: str, used: str) -> str:
    if original:
        return f"from {source} import {original}"
    return f"import {source}" if source == used else f"import {source} as {used}"


def _names_in(statement: ast.stmt) -> Iterator[str]:
    """The names that a definition looks up, annotations left out."""
    for node in ast.walk(_Bare().visit(_copy(statement))):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id


def _bare(statement: ast.stmt) -> ast.stmt:
    found = _Plain().visit(_Bare().visit(_copy(statement)))
    assert isinstance(found, ast.stmt)
    return found


def _copy(statement: ast.stmt) -> ast.stmt:
    return ast.parse(ast.unparse(statement)).body[0]


class _Bare(ast.NodeTransformer):
    """Takes annotations and documentation away, but for the fields of a class."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.returns = None
        node.body = _without_docstring(node.body)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        node.body = _without_docstring(node.body)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        if node.value is None:
            node.annotation = ast.Name("object", ast.Load())
            return node
        return ast.Assign([node.target], node.value, lineno=node.lineno)


class _Plain(ast.NodeTransformer):
    """Calls definitions as a program does."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.name = plain_name(node.name)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = plain_name(node.id)
        return node


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    kept = [
        x
        for x in body
        if not (isinstance(x, ast.Expr) and isinstance(x.value, ast.Constant))
        or not isinstance(x.value.value, str)
    ]
    return kept or [ast.Pass()]
