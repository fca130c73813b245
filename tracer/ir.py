"""The graph: nodes are data, graphs are immutable, everything else is a function on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from .location import Location
from .primitive import Primitive
from .types import ArrayType, DType, scalar

if TYPE_CHECKING:
    from .symbolic.write import Formulas

Params: TypeAlias = Mapping[str, Any]


LONGEST_SHOWN = 200
"""Nodes of a graph that a notebook shows as equations; a longer one is shown as text."""


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """One value of a graph: the primitive that makes it and what from.

    ``where`` is the line of the user's code; ``primal`` is the node whose derivative this node
    takes part in, for nodes made by a differentiation pass: one of the same graph, or what
    `primal_among` leaves of one that the graph does not need.
    """

    primitive: Primitive
    operands: tuple[Node, ...]
    params: Params
    type: ArrayType
    where: Location | None = None
    primal: Node | None = None

    def __repr__(self) -> str:
        return f"<{self.primitive.name} {self.type}>"


@dataclass(frozen=True, eq=False)
class Graph:
    """A function: parameters, nodes in an order in which they can be computed, outputs.

    Among the nodes are all those that have an effect, in the order in which these happen.

    >>> graph = pb.trace(lambda x: np.sum(x * x), np.ones(3))
    >>> len(graph.parameters), [node.primitive.name for node in graph.nodes]
    (1, ['mul', 'reduce_sum'])
    """

    parameters: tuple[Node, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Node, ...]

    @cached_property
    def effects(self) -> tuple[Node, ...]:
        """The nodes that are not there for their value alone."""
        return tuple(x for x in self.nodes if has_effect(x.primitive, x.params))

    def text(self, locations: bool = True) -> str:
        """One line a node; ``pullback.parse`` reads it back.

        >>> import numpy as np, pullback as pb
        >>> print(pb.trace(lambda x: np.sin(x), 1.0).text(locations=False))
        graph (%0: f64[]) {
          %1: f64[] = sin %0
          return %1
        }
        """
        from .text import graph_text

        return graph_text(self, locations)

    def __call__(self, *arguments: Any) -> Any:
        r"""The output, or a tuple of several.

        In a function that is being traced the graph becomes a part, so transforms take graphs as
        they take functions; elsewhere NumPy runs it.

        Raises:
            TypeError: when the number of arguments, a shape or a dtype is not the parameter's.

        >>> graph = pb.parse("graph (%0: f64[]) {\n %1: f64[] = sin %0\n return %1\n}")
        >>> pb.jit(graph)(0.0), pb.vmap(pb.grad(graph))(np.zeros(2))
        (np.float64(0.0), array([1., 1.]))
        """
        from .splice import spliced
        from .trace import tracing

        outputs = spliced(self, arguments) if tracing() else self.evaluate(*arguments)
        return outputs[0] if len(outputs) == 1 else outputs

    def evaluate(self, *arguments: Any) -> tuple[np.ndarray, ...]:
        """Run the graph with NumPy, node by node: slow, simple, the meaning of a graph.

        >>> import numpy as np, pullback as pb
        >>> pb.trace(lambda x: x * 2.0, 1.5).evaluate(1.5)
        (array(3.),)
        """
        from .interpret import evaluate

        return evaluate(self, arguments)

    def simplified(self, domain: bool = False) -> Graph:
        """The graph with the simplifications applied that graphs are built with.

        With ``domain`` also those that have a value where the graph has none, such as x / x = 1.
        The rows stand in ``tracer/passes/``, each with what it changes.

        >>> graph = pb.trace(lambda x: np.exp(np.log(x)) * x / x, 2.0)
        >>> print(graph.simplified(domain=True).text(locations=False))
        graph (%0: f64[]) {
          return %0
        }
        """
        from .passes.simplify import simplified

        return simplified(self, domain)

    def to_sympy(
        self,
        names: Sequence[Any] | None = None,
        *,
        arrays: Literal["index", "component"] = "index",
        simplify: bool = False,
    ) -> Formulas:
        """The outputs as expressions of SymPy, of real numbers: without rounding.

        Args:
            names: what the parameters are called, strings or symbols; x0, x1, ... without.
            arrays: by "index" an array is an ``IndexedBase`` and its results are an
                ``ArrayComprehension`` of the indices, with ``Sum`` for reductions; by "component"
                each element has a symbol, and results are an ``Array``.
            simplify: have SymPy simplify the results, which may take long.

        Returns:
            ``(arguments, results)``, a pair of tuples with names; `pullback.from_sympy` takes it.

        Raises:
            UnsupportedFunctionError: for a row without a formula, such as sorting, or a loop.

        >>> graph = pb.trace(lambda a, x: np.sum(a @ x), np.ones((2, 3)), np.ones(3))
        >>> graph.to_sympy(["a", "x"]).results
        (Sum(a[j, i]*x[i], (i, 0, 2), (j, 0, 1)),)
        >>> graph = pb.trace(lambda x: x[::2] * x[1], np.ones(3))
        >>> graph.to_sympy(["x"], arrays="component").results
        ([x_0*x_1, x_1*x_2],)
        """
        from .symbolic.write import to_sympy

        return to_sympy(self, names, arrays, simplify)

    def latex(self, names: Sequence[Any] | None = None) -> str:
        r"""LaTeX: an equation for each value that is used more than once and for each output.

        Those values are called v, in what a derivative has added v with a bar; outputs are f.
        ``names`` are those of the parameters. A notebook shows a graph so.

        >>> print(pb.trace(lambda x: np.exp(x) / 2.0, 1.0).latex(["x"]))
        \begin{aligned}
        f &= \frac{e^{x}}{2}
        \end{aligned}
        """
        from .symbolic.latex import latex

        return latex(self, names)

    def _repr_latex_(self) -> str | None:
        return f"${self.latex()}$" if len(self.nodes) <= LONGEST_SHOWN else None

    def __str__(self) -> str:
        """The text, in colours where `print` shows it in a terminal and `rich` is installed."""
        from .colour import shown

        return shown(self.text(), "graph")


def _infer_parameter(*, type: ArrayType) -> ArrayType:
    return type


def _infer_literal(*, value: Any, dtype: DType) -> ArrayType:
    return scalar(dtype)


def _no_reference(**params: Any) -> Any:
    raise AssertionError("a parameter has no value of its own")


PARAMETER = Primitive("parameter", _infer_parameter, _no_reference)
LITERAL = Primitive("literal", _infer_literal, lambda *, value, dtype: np.asarray(value, dtype))

Rewrite: TypeAlias = "Callable[[Builder, Primitive, tuple[Node, ...], Params], Node | None]"


class Builder:
    """Makes nodes: shares equal ones and folds what is known, as it goes.

    ``numbers`` are constants by what was asked for, so that they need not be made to be found.
    """

    def __init__(self, rewrite: Rewrite | None = None) -> None:
        self.nodes: list[Node] = []
        self.parameters: list[Node] = []
        self.where: Location | None = None
        self.primal: Node | None = None
        self.numbers: dict[Any, Node] = {}
        self._rewrite = rewrite
        self._shared: dict[tuple[Any, ...], Node] = {}
        self._owned: set[int] = set()
        self._effects: list[Node] = []

    def owns(self, node: Node) -> bool:
        """Whether the node is one of this builder's."""
        return id(node) in self._owned

    def adopt(self, node: Node) -> Node:
        """Count a node made elsewhere as this builder's, without making it a parameter."""
        self._owned.add(id(node))
        return node

    def _append(self, node: Node) -> Node:
        self.nodes.append(node)
        self._owned.add(id(node))
        return node

    def parameter(self, type: ArrayType) -> Node:
        """A new parameter of the graph."""
        node = Node(PARAMETER, (), {"type": type}, type, self.where)
        self.parameters.append(node)
        return self._append(node)

    def literal(self, value: Any, dtype: DType) -> Node:
        """A 0-d constant."""
        number = dtype.type(value)
        # The sign of zero and NaN make equal-looking floats differ: share by their bits.
        key = (LITERAL, number.tobytes(), dtype)
        node = self._shared.get(key)
        if node is None:
            params = {"value": number.item(), "dtype": dtype}
            node = Node(LITERAL, (), params, scalar(dtype), self.where, self.primal)
            self._append(node)
            self._shared[key] = node
        return node

    def add(self, primitive: Primitive, operands: tuple[Node, ...], params: Params) -> Node:
        """The node for ``primitive`` of ``operands``: new, shared or simplified."""
        if self._rewrite is not None:
            simple = self._rewrite(self, primitive, operands, params)
            if simple is not None:
                return simple
        key = (primitive, operands, tuple(params.items()))
        node = self._shared.get(key)
        if node is None:
            type = primitive.infer(*[x.type for x in operands], **params)
            node = Node(primitive, operands, params, type, self.where, self.primal)
            self._shared[key] = self._append(node)
            if has_effect(primitive, params):
                self._effects.append(node)
        return node

    def graph(self, outputs: Iterable[Node]) -> Graph:
        """The finished graph, without the nodes that no output and no effect needs."""
        kept = tuple(outputs)
        live = reachable([*kept, *self._effects])
        nodes = tuple(n for n in self.nodes if n in live and n.primitive is not PARAMETER)
        return Graph(tuple(self.parameters), nodes, kept)


def has_effect(primitive: Primitive, params: Params) -> bool:
    """Whether a row is not there for its value alone, or has such a row in a graph inside."""
    if primitive.effect:
        return True
    # Rows with graphs inside have several results, and a vjp for all of them.
    return primitive.vjp is not None and any(graph.effects for graph in graphs_in(params))


def graphs_in(params: Params) -> Iterator[Graph]:
    """The graphs among the parameters of a row."""
    for value in params.values():
        for x in value if isinstance(value, tuple) else (value,):
            if isinstance(x, Graph):
                yield x


def reachable(outputs: Sequence[Node]) -> set[Node]:
    """The nodes that the outputs are computed from, themselves included."""
    seen = set(outputs)
    stack = list(seen)
    while stack:
        for operand in stack.pop().operands:
            if operand not in seen:
                seen.add(operand)
                stack.append(operand)
    return seen


def primal_among(made: Mapping[Node, Node], node: Node) -> Node | None:
    """The primal of a node in a graph that is being made, by what has been ``made`` of old nodes.

    Of one that the graph does without, its row, type and line are left, and nothing it is made of.
    """
    primal = node.primal
    if primal is None:
        return None
    found = made.get(primal)
    if found is None and primal.operands:
        return Node(primal.primitive, (), {}, primal.type, primal.where)
    return found or primal


def replay(graph: Graph, builder: Builder, arguments: Sequence[Node]) -> list[Node]:
    """Add the graph's nodes to a builder with its parameters replaced; gives its outputs."""
    made: dict[Node, Node] = dict(zip(graph.parameters, arguments, strict=True))
    where, primal = builder.where, builder.primal
    for node in graph.nodes:
        builder.where = node.where
        builder.primal = primal_among(made, node)
        if node.primitive is LITERAL:
            made[node] = builder.literal(node.params["value"], node.params["dtype"])
        else:
            operands = tuple([made[x] for x in node.operands])
            made[node] = builder.add(node.primitive, operands, node.params)
    builder.where, builder.primal = where, primal
    return [made[x] for x in graph.outputs]


def family(node: Node) -> tuple[Any, ...]:
    """What the results of one loop or branch have in common."""
    params = tuple((name, x) for name, x in node.params.items() if name != "result")
    return node.primitive, node.operands, params


def literal_value(node: Node) -> Any:
    """The value of a literal, seen through broadcasts and conversions of shape; None if unknown."""
    while node.primitive.name in ("broadcast", "reshape"):
        node = node.operands[0]
    return node.params["value"] if node.primitive is LITERAL else None
