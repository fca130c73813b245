"""Names for values: the user's variables where the source tells, and the user's lines."""

from __future__ import annotations

import ast
import builtins
import keyword
import linecache
import re
from collections.abc import Iterable
from functools import lru_cache

from ..ir import Node
from ..location import Location

RESERVED = {"np", "special", *keyword.kwlist, *keyword.softkwlist, *dir(builtins)}

KINDS = {
    "reduce_sum": "total", "reduce_prod": "total", "reduce_max": "largest",
    "reduce_min": "smallest", "dot": "product", "gather": "picked", "concatenate": "joined",
    "broadcast": "repeated", "eq": "mask", "ne": "mask", "lt": "mask", "le": "mask", "gt": "mask",
    "ge": "mask", "bit_and": "mask", "bit_or": "mask", "bit_not": "mask", "argsort": "order",
    "argmax": "place", "argmin": "place", "iota": "numbers", "cholesky": "factor",
}  # fmt: skip
"""What a value is called that the user has no name for."""

SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.Expr)


class Names:
    """Names that are taken, and new ones like what is asked for."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {*RESERVED, *taken}
        self._numbers: dict[str, int] = {}

    def new(self, wish: str) -> str:
        """The wish, or the wish with the lowest number that is free."""
        wish = re.sub(r"\W", "_", wish) or "x"
        wish = f"x{wish}" if wish[0].isdigit() else wish
        name, stem = wish, wish.rstrip("_")
        number = self._numbers.get(stem, 2)
        while name in self._taken:
            name, number = f"{stem}_{number}", number + 1
        self._numbers[stem] = number
        self._taken.add(name)
        return name


def look_again() -> None:
    """Forget what files said, as they may have changed."""
    _statement_at.cache_clear()


def kind_of(node: Node) -> str:
    """A name by the row alone."""
    return KINDS.get(node.primitive.name, "t")


def variable_at(where: Location | None) -> str | None:
    """The variable that a line assigns to, if it is one."""
    statement = _statement_at(where)
    if where is None or where.function == "<lambda>":
        return None
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case ast.AugAssign(target=ast.Name(id=name)) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case _:
            return None


OUTERMOST: dict[type[ast.AST], tuple[str, ...]] = {
    ast.Add: ("add",), ast.Sub: ("sub",), ast.Mult: ("mul",), ast.Div: ("div",),
    ast.MatMult: ("dot",), ast.Pow: ("pow", "integer_pow", "mul"), ast.USub: ("neg",),
}  # fmt: skip


def is_updated(node: Node) -> bool:
    """Whether a node is the new value of a variable, made of its old one on the same line.

    That is known of lines such as ``h = np.tanh(w @ h)`` whose outermost operation is the node's.
    """
    statement, name = _statement_at(node.where), variable_at(node.where)
    row = node.primitive.name
    match statement:
        case ast.AugAssign(op=operator):
            return row in OUTERMOST.get(type(operator), ())
        case ast.Assign(value=value) if any(
            isinstance(x, ast.Name) and x.id == name for x in ast.walk(value)
        ):
            match value:
                case ast.BinOp() | ast.UnaryOp():
                    return row in OUTERMOST.get(type(value.op), ())
                case ast.Call(func=ast.Attribute(attr=function)):
                    return function in (row, f"arc{row[1:]}")
                case _:
                    return False
        case _:
            return False


def text_at(where: Location | None) -> str:
    """The user's statement on one line; empty where it cannot be read."""
    statement = _statement_at(where)
    if where is None:
        return ""
    if statement is None or statement.lineno == statement.end_lineno:
        return linecache.getline(where.file, where.line).strip()
    text = ast.unparse(statement).splitlines()
    return text[0] if len(text) == 1 and len(text[0]) < 100 else text[0][:90] + " ..."


def parameters_at(where: Location | None) -> tuple[str, ...]:
    """The parameters of the function that a line stands in, where there is no doubt about it."""
    if where is None:
        return ()
    functions = _functions("".join(linecache.getlines(where.file)))
    found = {
        tuple(x.arg for x in function.args.args)
        for function in functions
        if function.lineno <= where.line <= (function.end_lineno or function.lineno)
        and getattr(function, "name", "<lambda>") == where.function
    }
    return found.pop() if len(found) == 1 else ()


@lru_cache(maxsize=16)
def _functions(text: str) -> tuple[ast.FunctionDef | ast.Lambda, ...]:
    """The functions of a file; none of what is not Python."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return ()
    return tuple(x for x in ast.walk(tree) if isinstance(x, ast.FunctionDef | ast.Lambda))


@lru_cache(maxsize=4096)
def _statement_at(where: Location | None) -> ast.stmt | None:
    """The innermost simple statement around a line; known until `look_again`."""
    if where is None:
        return None
    text = "".join(linecache.getlines(where.file))
    around = [x for x in _statements(text) if x.lineno <= where.line <= (x.end_lineno or x.lineno)]
    return min(around, key=lambda x: (x.end_lineno or x.lineno) - x.lineno, default=None)


@lru_cache(maxsize=16)
def _statements(text: str) -> tuple[ast.stmt, ...]:
    """The simple statements of a file; none of what is not Python."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return ()
    return tuple(x for x in ast.walk(tree) if isinstance(x, SIMPLE))
