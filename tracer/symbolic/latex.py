r"""Graphs as LaTeX: an equation for each value that is used more than once, and for each output.

Values of the function are called v, those that its derivative computes \bar{v}; arrays are written
by their indices. Rows without a formula are written as functions of whole arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy

from ..errors import UnsupportedFunctionError
from ..ir import LITERAL, Graph, Node
from .write import Indexed, assumed, letters

PLAIN = frozenset(("neg", "broadcast", "reshape", "permute", "slice", "flip", "convert", "barrier"))
"""Rows that get no name of their own: that would not be shorter."""


def latex(graph: Graph, names: Sequence[Any] | None) -> str:
    """The equations, aligned at their signs."""
    page = _Page(graph, names)
    for node in graph.nodes:
        page.enter(node)
    for number, node in enumerate(graph.outputs):
        if number not in page.written:
            page.equation(page.outputs[number], node)
    body = " \\\\\n".join(page.lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


class _Page:
    """The equations of a graph, and the nodes that have names."""

    def __init__(self, graph: Graph, names: Sequence[Any] | None) -> None:
        self.lines: list[str] = []
        self.written: set[int] = set()
        self._writer = Indexed()
        self._names: dict[Node, str] = {}
        given = names or [f"x{i}" for i in range(len(graph.parameters))]
        for parameter, name in zip(graph.parameters, given, strict=True):
            self._names[parameter] = sympy.latex(sympy.Symbol(str(name)))
            self._writer.parameter(parameter, name)
        single = len(graph.outputs) == 1
        self.outputs = ["f" if single else f"f_{{{i}}}" for i in range(len(graph.outputs))]
        self._output_of = {x: i for i, x in reversed(list(enumerate(graph.outputs)))}
        self._wanted = _named(graph)
        self._counts = {"v": 0, r"\bar{v}": 0}

    def enter(self, node: Node) -> None:
        """Write the node's equation, if it has one; those that use it then read its name."""
        try:
            self._writer.write(node)
        except UnsupportedFunctionError:
            self._name(node)
            operands = ", ".join(self._whole(x) for x in node.operands)
            self._line(node, (), f"\\operatorname{{{_escaped(node)}}}\\left({operands}\\right)")
            return
        if node in self._wanted:
            expression, indices = self._writer.made[node]
            self._name(node)
            self._line(node, indices, expression)

    def equation(self, name: str, node: Node) -> None:
        """An equation for an output."""
        expression, indices = self._writer.made[node]
        self.lines.append(_equation(name, indices, expression))

    def _name(self, node: Node) -> None:
        number = self._output_of.get(node)
        if number is not None:
            self._names[node] = self.outputs[number]
            self.written.add(number)
            return
        letter = "v" if node.primal is None else r"\bar{v}"
        self._counts[letter] += 1
        self._names[node] = f"{letter}_{{{self._counts[letter]}}}"

    def _line(self, node: Node, indices: Sequence[Any], right: Any) -> None:
        """The equation of a node that has got a name, which stands for it from there on."""
        name = self._names[node]
        self.lines.append(_equation(name, indices, right))
        if node.type.ndim:
            own = self._writer.indices(node.type.ndim)
            base = sympy.IndexedBase(
                sympy.Symbol(name), shape=node.type.shape, **assumed(node.type)
            )
            self._writer.made[node] = base[own], own
        else:
            self._writer.made[node] = sympy.Symbol(name, **assumed(node.type)), ()

    def _whole(self, node: Node) -> str:
        """An operand as a whole: its name, or what it is."""
        if node in self._names:
            return self._names[node]
        expression, indices = self._writer.made[node]
        return _text(expression, _renamed(indices, expression))


def _named(graph: Graph) -> set[Node]:
    """The nodes that are used more than once, and those that are read as a whole."""
    uses: dict[Node, int] = {}
    for node in graph.nodes:
        for x in {*node.operands}:
            uses[x] = uses.get(x, 0) + 1
    candidates = (x for x in graph.nodes if x.primitive is not LITERAL)
    return {x for x in candidates if uses.get(x, 0) > 1 and x.primitive.name not in PLAIN}


def _escaped(node: Node) -> str:
    return node.primitive.name.replace("_", r"\_")


def _equation(name: str, indices: Sequence[Any], right: Any) -> str:
    if isinstance(right, str):
        return f"{name} &= {right}"
    renamed = _renamed(indices, right)
    below = " ".join(str(renamed[i]) for i in indices)
    left = f"{{{name}}}_{{{below}}}" if below else name
    return f"{left} &= {_text(right, renamed)}"


def _renamed(indices: Sequence[Any], expression: Any) -> Mapping[Any, Any]:
    inner = [x for x in sympy.preorder_traversal(expression) if isinstance(x, sympy.Dummy)]
    names = letters(())
    return {x: sympy.Symbol(next(names), integer=True) for x in dict.fromkeys((*indices, *inner))}


def _text(expression: Any, renamed: Mapping[Any, Any]) -> str:
    return str(sympy.latex(expression.xreplace(dict(renamed))))
