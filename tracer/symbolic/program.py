"""SymPy's expressions as functions of traced values, and their derivatives by all symbols.

Arguments that symbols stand for are broadcast to one shape, which is behind the axes of a matrix or
of the symbols in every result: so a point and many points are the same to all that is here.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from .. import tree
from ..errors import at
from ..ir import PARAMETER, Node
from ..location import user_location
from ..numpy.promotion import as_dtype, common_dtype, common_shape, number, spread
from ..passes.adjoint import pull_back
from ..passes.tangent import push_forward
from ..primitives.structure import concatenate, reshape
from ..trace import Tracer, current_trace
from ..transform import as_leaf, captured, inline, trace_function
from ..types import FLOAT64, DType, Shape, complex_dtype, is_inexact
from .read import Index, Reading
from .write import Formulas

Functions = Mapping[str, Callable[..., Any]]
Nodes = Sequence[Node]


@dataclass(frozen=True)
class Point:
    """Arguments of a call in one dtype, those for symbols in one shape."""

    values: list[Tracer]
    dtype: DType
    shape: Shape

    @property
    def apart(self) -> bool:
        """Whether the arguments are nodes of their own, which nothing else is computed from."""
        sources = [_source(x.node) for x in self.values]
        return len({*sources}) == len(sources) and all(x.primitive is PARAMETER for x in sources)

    @property
    def _ones(self) -> Tracer:
        return number(1.0, self.dtype, self.shape)

    def pulled(self, value: Tracer) -> list[Tracer]:
        """The derivatives of a value by all arguments."""
        return pull_back([(value.node, self._ones)], [x.node for x in self.values])

    def pushed(self, argument: int, values: Sequence[Tracer], nodes: Nodes) -> list[Tracer]:
        """The derivatives of values by an argument; ``nodes`` are all that they depend on."""
        seeds = [(self.values[argument].node, self._ones)]
        return push_forward(seeds, nodes, [x.node for x in values])


def _source(node: Node) -> Node:
    while node.primitive.name in ("broadcast", "convert", "reshape"):
        node = node.operands[0]
    return node


@dataclass(frozen=True)
class Program:
    """Expressions, in a structure of tuples, of arguments that are symbols or arrays."""

    arguments: tuple[Any, ...]
    expressions: tuple[Any, ...]
    spec: tree.TreeSpec
    functions: Functions

    @property
    def of_symbols(self) -> bool:
        """Whether all arguments are symbols."""
        return all(isinstance(x, sympy.Symbol) for x in self.arguments)

    @property
    def shapes(self) -> list[Shape]:
        """That of each expression's value in derivatives."""
        return [_axes(x) for x in self.expressions]

    def point(self, args: Sequence[Any]) -> Point:
        """The arguments of a call.

        Raises:
            TypeError: when there are too many or too few.
            ValueError: when an array has not the shape that its argument states.
        """
        if len(args) != len(self.arguments):
            raise TypeError(
                f"this is a function of {len(self.arguments)} arguments "
                f"({', '.join(map(str, self.arguments))}), got {len(args)}{at(user_location())}"
            )
        leaves = [as_leaf(x) for x in args]
        dtype = common_dtype(leaves, "a formula") if leaves else FLOAT64
        dtype = dtype if is_inexact(dtype) else FLOAT64
        if any(x.has(sympy.I) for x in self.expressions):
            dtype = complex_dtype(dtype)
        pairs = list(zip(self.arguments, leaves, strict=True))
        shape = common_shape([(), *(x.shape for s, x in pairs if isinstance(s, sympy.Symbol))])
        values = [
            as_dtype(x, dtype) if _checked(s, x) else spread(as_dtype(x, dtype), shape)
            for s, x in pairs
        ]
        return Point([Tracer(x.node) for x in values], dtype, shape)

    # -- values ------------------------------------------------------------------------------------

    def components(self, point: Point) -> list[list[Tracer]]:
        """The elements of each expression, each of the shape of the point."""
        reading = Reading(point.dtype, point.shape, self._made(point), self.functions)
        return [
            [spread(reading.read(x), point.shape) for x in _elements(each)]
            for each in self.expressions
        ]

    def value(self, *args: Any) -> Any:
        """All expressions, an array for each."""
        with self._at_one_line():
            point = self.point(args)
            reading = Reading(point.dtype, point.shape, self._made(point), self.functions)
            return self._result([_whole(reading, x) for x in self.expressions])

    def _made(self, point: Point) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for symbol, value in zip(self.arguments, point.values, strict=True):
            made[symbol] = value
            for place, part in _parts_of(symbol):
                made[part] = reshape(value[place], shape=(1,) * len(point.shape))
        return made

    def _result(self, found: Sequence[Any]) -> Any:
        return tree.unflatten(self.spec, found)

    # -- derivatives -------------------------------------------------------------------------------

    def gradient(self, *args: Any) -> Any:
        """Of one expression, by the symbols: an axis over them in front."""
        return self._derived(lambda point: self._slopes(point)[1], args)

    def value_and_gradient(self, *args: Any) -> Any:
        """The value beside the gradient."""
        return self._derived(self._slopes, args)

    def jacobian(self, *args: Any) -> Any:
        """Of each expression, behind its axes one over the symbols."""
        return self._result(self._derived(self._jacobians, args))

    def hessian(self, *args: Any) -> Any:
        """Of each expression, behind its axes two over the symbols."""
        return self._result(self._derived(self._hessians, args))

    def _derived(self, what: Callable[[Point], Any], args: Sequence[Any]) -> Any:
        """A derivative by the arguments, as if there were nothing else that has their values."""
        with self._at_one_line():
            point = self.point(args)
            if point.apart:
                return what(point)

        def alone(*values: Tracer) -> Any:
            return what(Point(list(values), point.dtype, point.shape))

        flat = trace_function(alone, point.values)
        return flat.result(inline(flat.graph, [*point.values, *captured(flat)]))

    @contextmanager
    def _at_one_line(self) -> Generator[None]:
        """Within the block all nodes are at the line of the call, which is looked for once.

        Functions of the user have lines of their own.
        """
        trace = current_trace()
        before = trace.builder.where, trace.fixed_location
        if not self.functions and not trace.fixed_location:
            trace.builder.where, trace.fixed_location = user_location(), True
        try:
            yield
        finally:
            trace.builder.where, trace.fixed_location = before

    def _slopes(self, point: Point) -> tuple[Tracer, Tracer]:
        ((value,),) = self.components(point)
        slopes = point.pulled(value)
        return value, stacked(slopes, (len(slopes),))

    def _jacobians(self, point: Point) -> list[Tracer]:
        values, count = self.components(point), len(point.values)
        rows = iter(_jacobian([x for each in values for x in each], point))
        return [
            stacked([x for _ in each for x in next(rows)], (*_axes(of), count))
            for of, each in zip(self.expressions, values, strict=True)
        ]

    def _hessians(self, point: Point) -> list[Tracer]:
        values, count = self.components(point), len(point.values)
        return [
            stacked([x for y in each for x in _second(y, point)], (*_axes(of), count, count))
            for of, each in zip(self.expressions, values, strict=True)
        ]


def _checked(symbol: Any, x: Tracer) -> bool:
    """Whether an argument is an array; it then has the shape that is said."""
    if isinstance(symbol, sympy.Symbol):
        return False
    wanted = symbol.shape
    if wanted is not None and tuple(wanted) != x.shape:
        named = any(isinstance(n, sympy.Basic) and not n.is_Integer for n in wanted)
        if len(wanted) != x.ndim or not named:
            text = str(tuple(wanted)).replace(" ", "")
            raise ValueError(f"{symbol} has shape {text}, got {x.shape}{at(user_location())}")
    return True


def _parts_of(symbol: Any) -> list[tuple[Any, Any]]:
    """The symbols that an argument is made of, and their places."""
    if not isinstance(symbol, (sympy.MatrixBase, sympy.NDimArray)):
        return []
    array = sympy.Array(symbol)
    return [(place, array[place]) for place in np.ndindex(*map(int, array.shape))]


def _elements(expression: Any) -> list[Any]:
    if isinstance(expression, (sympy.MatrixBase, sympy.NDimArray)):
        return list(sympy.flatten(expression.tolist())) if expression.shape else [expression[()]]
    return [expression]


def _axes(expression: Any) -> Shape:
    """Those of a value in a Jacobian; a matrix of one row or column counts as a vector."""
    if not isinstance(expression, (sympy.MatrixBase, sympy.NDimArray)):
        return ()
    shape = tuple(map(int, expression.shape))
    if isinstance(expression, sympy.MatrixBase) and 1 in shape:
        return (shape[0] * shape[1],)
    return shape


def _whole(reading: Reading, expression: Any) -> Tracer:
    shape = reading.shape
    if isinstance(expression, sympy.tensor.array.ArrayComprehension):
        limits = [(i, range(int(a), int(b) + 1)) for i, a, b in expression.limits]
        indices = [Index(i, values) for i, values in reversed(limits)]
        return spread(
            reading.over(indices, expression.function),
            (*(len(values) for _, values in limits), *shape),
        )
    if not isinstance(expression, (sympy.MatrixBase, sympy.NDimArray)):
        return spread(reading.read(expression), shape)
    parts = [spread(reading.read(x), shape) for x in _elements(expression)]
    return stacked(parts, tuple(map(int, expression.shape)))


def stacked(parts: Sequence[Tracer], axes: Shape) -> Tracer:
    """Values of one shape side by side, with axes over them in front."""
    shape = parts[0].shape
    rows = [reshape(x, shape=(1, *shape)) for x in parts]
    return reshape(concatenate(*rows, axis=0), shape=(*axes, *shape))


def _jacobian(values: Sequence[Tracer], point: Point) -> list[list[Tracer]]:
    """The derivative of each value by each argument, by the mode that has fewer ways to go."""
    if len(values) < len(point.values):
        return [point.pulled(x) for x in values]
    nodes = list(current_trace().builder.nodes)
    columns = [point.pushed(i, values, nodes) for i in range(len(point.values))]
    return [[column[i] for column in columns] for i in range(len(values))]


def _second(value: Tracer, point: Point) -> list[Tracer]:
    """Second derivatives, forward over reverse; those below the diagonal are those above."""
    slopes = point.pulled(value)
    nodes = list(current_trace().builder.nodes)
    found: dict[tuple[int, int], Tracer] = {}
    for i in range(len(slopes)):
        for j, x in enumerate(point.pushed(i, slopes[i:], nodes), i):
            found[i, j] = found[j, i] = x
    return [found[i, j] for i in range(len(slopes)) for j in range(len(slopes))]


def program(expressions: Any, arguments: Sequence[Any] | None, functions: Functions) -> Program:
    """The program of expressions in a structure of lists and tuples."""
    if isinstance(expressions, Formulas) and arguments is None:
        arguments = expressions.arguments
    leaves, spec = tree.flatten(_plain(expressions))
    parts = tuple(_sympified(x) for x in leaves)
    if arguments is None:
        free = set().union(*(x.free_symbols for x in parts))
        arguments = sorted(free, key=str)
    return Program(tuple(_argument(x) for x in arguments), parts, spec, functions)


def _plain(value: Any) -> Any:
    """Lists and tuples, SymPy's too, as tuples; of a graph's formulas the results."""
    if isinstance(value, Formulas):
        value = value.results
    if isinstance(value, (list, tuple, sympy.Tuple)):
        return tuple(_plain(x) for x in value)
    return value


def _sympified(value: Any) -> Any:
    found = sympy.sympify(value)
    if isinstance(found, sympy.MatrixExpr):
        found = found.as_explicit()
    if not isinstance(found, (sympy.Basic, sympy.MatrixBase, sympy.NDimArray)):
        raise TypeError(f"an expression of SymPy is wanted, got {value!r}{at(user_location())}")
    return found


def _argument(value: Any) -> Any:
    kinds = (sympy.Symbol, sympy.IndexedBase, sympy.MatrixSymbol, sympy.MatrixBase, sympy.NDimArray)
    value = sympy.sympify(value)
    if not isinstance(value, kinds):
        raise TypeError(
            f"an argument is a symbol, an IndexedBase, or a matrix or array of symbols, got "
            f"{value!r}{at(user_location())}"
        )
    return value
