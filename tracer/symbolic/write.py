"""Graphs as expressions of SymPy, in two ways.

By *index*: an array is an expression of the indices of its element, a parameter an `IndexedBase`,
a reduction a `Sum`. By *component*: each element of each array is an expression of its own; then
rows that only move elements do so with arrays of expressions, by what they mean in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain, count
from typing import Any, NamedTuple

import numpy as np
import sympy

from ..errors import UnsupportedFunctionError, at
from ..ir import LITERAL, Graph, Node
from ..primitives.structure import inverse
from ..types import BOOL, ArrayType, Shape, is_complex, is_integer
from .formulas import FORMULAS, is_truth, literal

Indices = tuple[Any, ...]


class Formulas(NamedTuple):
    """Expressions and the symbols that they are of: what `Graph.to_sympy` gives.

    >>> formulas = pb.trace(lambda x, y: x * np.exp(y), 1.0, 1.0).to_sympy()
    >>> formulas.results
    (x0*exp(x1),)
    >>> symbols, (result,) = formulas
    """

    arguments: tuple[Any, ...]
    results: tuple[Any, ...]


def to_sympy(graph: Graph, names: Sequence[Any] | None, arrays: str, simplify: bool) -> Formulas:
    """The outputs of a graph as expressions of its parameters."""
    if arrays not in ("index", "component"):
        raise ValueError(f"arrays are written by 'index' or by 'component', got {arrays!r}")
    if names is not None and len(names) != len(graph.parameters):
        raise ValueError(
            f"the graph has {len(graph.parameters)} parameters, got {len(names)} names"
        )
    given = names or [f"x{i}" for i in range(len(graph.parameters))]
    writer: Indexed | Components = Indexed() if arrays == "index" else Components()
    arguments = []
    for parameter, name in zip(graph.parameters, given, strict=True):
        arguments.append(writer.parameter(parameter, name))
    for node in graph.nodes:
        writer.write(node)
    results = [writer.result(x) for x in graph.outputs]
    if simplify:
        results = [sympy.simplify(x) for x in results]
    return Formulas(tuple(arguments), tuple(results))


def symbol(name: Any, type: ArrayType) -> Any:
    """A symbol with what is known of its values; one that is given is taken as it is."""
    return name if isinstance(name, sympy.Basic) else sympy.Symbol(str(name), **assumed(type))


def assumed(type: ArrayType) -> dict[str, bool]:
    """What SymPy may take for granted."""
    if is_complex(type.dtype):
        return {}
    whole = is_integer(type.dtype) or type.dtype == BOOL
    return {"integer": True} if whole else {"real": True}


def _value(name: Any, parameter: Node) -> Any:
    """What a parameter is; a truth value is whether a number is not 0."""
    flag = parameter.type.dtype == BOOL and not is_truth(name)
    return sympy.Ne(name, 0) if flag else name


def refuse(node: Node, instead: str = "") -> UnsupportedFunctionError:
    """The error for a row that has no formula."""
    return UnsupportedFunctionError(
        f"{node.primitive.name} of {', '.join(str(x.type) for x in node.operands)} has no formula "
        f"in SymPy{instead}{at(node.where)}"
    )


# -- by index --------------------------------------------------------------------------------------


class Indexed:
    """Each node as an expression of indices of its own, one for each axis."""

    def __init__(self) -> None:
        self.made: dict[Node, tuple[Any, Indices]] = {}
        self._taken: set[str] = set()

    def parameter(self, node: Node, name: Any) -> Any:
        """Enter a parameter; gives what it is called."""
        self._taken.add(str(name))
        if not node.type.ndim:
            found = symbol(name, node.type)
            self.made[node] = _value(found, node), ()
            return found
        base = name
        if not isinstance(name, sympy.Basic):
            base = sympy.IndexedBase(str(name), shape=node.type.shape, **assumed(node.type))
        indices = self.indices(node.type.ndim)
        self.made[node] = _value(base[indices], node), indices
        return base

    def indices(self, number: int) -> Indices:
        """So many new ones."""
        return tuple(sympy.Dummy("i", integer=True, nonnegative=True) for _ in range(number))

    def of(self, node: Node, indices: Sequence[Any]) -> Any:
        """The element of a node at these indices."""
        expression, own = self.made[node]
        changed = {a: b for a, b in zip(own, indices, strict=True) if a != b}
        return expression.xreplace(changed) if changed else expression

    def write(self, node: Node) -> None:
        """Enter the expression of a node."""
        indices = self.indices(node.type.ndim)
        self.made[node] = self._element(node, indices), indices

    def _element(self, node: Node, indices: Indices) -> Any:
        name, params = node.primitive.name, node.params
        if node.primitive is LITERAL:
            return literal(params["value"], params["dtype"])
        if node.primitive.elementwise:
            return formula(node, [self.of(x, indices) for x in node.operands])
        if name in MOVED:
            return self.of(node.operands[0], MOVED[name](node, indices))
        if name in ELEMENTS:
            return ELEMENTS[name](self, node, indices)
        raise refuse(node, ' by index\n  arrays="component" writes out all elements')

    def result(self, node: Node) -> Any:
        """An output: a number, or an array by its indices; indices are named from i."""
        expression, indices = self.made[node]
        inner = [x for x in sympy.preorder_traversal(expression) if isinstance(x, sympy.Dummy)]
        found = letters(self._taken)
        names = {
            x: sympy.Symbol(next(found), integer=True) for x in dict.fromkeys((*indices, *inner))
        }
        named = expression.xreplace(names)
        if not node.type.ndim:
            return named
        limits = [(names[i], 0, n - 1) for i, n in zip(indices, node.type.shape, strict=True)]
        return sympy.tensor.array.ArrayComprehension(named, *limits)


def letters(taken: Collection[str]) -> Iterator[str]:
    """Names for indices: i, j, ..., then i1, i2, ..., without those that are taken."""
    names = chain("ijklmn", (f"i{n}" for n in count(1)))
    return (x for x in names if x not in taken)


def formula(node: Node, operands: Sequence[Any]) -> Any:
    """An elementwise row of expressions."""
    if node.primitive.name == "formula":
        return _of_numbers(node.params["value"], operands)
    row = FORMULAS.get(node.primitive.name)
    if row is None:
        raise refuse(node)
    try:
        return row(*operands, **node.params)
    except NotImplementedError:
        raise refuse(node) from None


def _of_numbers(graph: Graph, operands: Sequence[Any]) -> Any:
    """The formula that a row holds as a graph."""
    made = dict(zip(graph.parameters, operands, strict=True))
    for node in graph.nodes:
        if node.primitive is LITERAL:
            made[node] = literal(node.params["value"], node.params["dtype"])
        elif node.primitive.name in ("broadcast", "reshape"):
            made[node] = made[node.operands[0]]
        else:
            made[node] = formula(node, [made[x] for x in node.operands])
    return made[graph.outputs[0]]


def _reshaped(node: Node, indices: Indices) -> Sequence[Any]:
    """The indices of the operand: the place in memory, taken apart."""
    found: list[Any] = []
    place: Any = sympy.S.Zero
    for i, extent in zip(indices, node.type.shape, strict=True):
        place = place * extent + i
    source = node.operands[0].type.shape
    if tuple(n for n in source if n > 1) == tuple(n for n in node.type.shape if n > 1):
        left = iter(i for i, n in zip(indices, node.type.shape, strict=True) if n > 1)
        return [next(left) if n > 1 else sympy.S.Zero for n in source]
    for extent in reversed(source):
        found.append(sympy.Mod(place, extent))
        place = sympy.floor(place / extent)
    return found[::-1]


MOVED: dict[str, Callable[[Node, Indices], Sequence[Any]]] = {
    "broadcast": lambda node, indices: [indices[a] for a in node.params["axes"]],
    "permute": lambda node, indices: [indices[a] for a in inverse(node.params["axes"])],
    "slice": lambda node, indices: [
        start + step * i
        for start, step, i in zip(node.params["starts"], node.params["steps"], indices, strict=True)
    ],
    "flip": lambda node, indices: [
        extent - 1 - i if a in node.params["axes"] else i
        for a, (i, extent) in enumerate(zip(indices, node.type.shape, strict=True))
    ],
    "reshape": _reshaped,
    "barrier": lambda node, indices: indices,
}
"""Rows that move elements: the indices of the operand for those of the result."""


def _reduced(row: Callable[..., Any]) -> Callable[[Indexed, Node, Indices], Any]:
    def element(writer: Indexed, node: Node, indices: Indices) -> Any:
        (x,) = node.operands
        axes = node.params["axes"]
        bound = writer.indices(len(axes))
        inner, outer = iter(bound), iter(indices)
        every = [next(inner) if a in axes else next(outer) for a in range(x.type.ndim)]
        limits = [(i, 0, x.type.shape[a] - 1) for i, a in zip(bound, axes, strict=True)]
        return row(writer.of(x, every), *limits)

    return element


def _product(writer: Indexed, node: Node, indices: Indices) -> Any:
    """A sum of products, in the words of an einsum."""
    x, y = node.operands
    (of_x, of_y), (batch_x, batch_y) = node.params["contract"], node.params["batch"]
    bound = writer.indices(len(of_x))
    outer = iter(indices)
    at_x: dict[int, Any] = dict(zip(of_x, bound, strict=True))
    at_y: dict[int, Any] = dict(zip(of_y, bound, strict=True))
    for a, b in zip(batch_x, batch_y, strict=True):
        at_x[a] = at_y[b] = next(outer)
    for a in range(x.type.ndim):
        if a not in at_x:
            at_x[a] = next(outer)
    for b in range(y.type.ndim):
        if b not in at_y:
            at_y[b] = next(outer)
    first = writer.of(x, [at_x[a] for a in range(x.type.ndim)])
    second = writer.of(y, [at_y[b] for b in range(y.type.ndim)])
    limits = [(i, 0, x.type.shape[a] - 1) for i, a in zip(bound, of_x, strict=True)]
    return sympy.Sum(first * second, *limits) if limits else first * second


def _padded(writer: Indexed, node: Node, indices: Indices) -> Any:
    """The element of the operand, where there is one."""
    x, value = node.operands
    widths = zip(node.params["low"], node.params["interior"], strict=True)
    inside, conditions = _within(indices, x.type.shape, [(low, gap + 1) for low, gap in widths])
    return _chosen([(writer.of(x, inside), conditions), (writer.of(value, ()), [])])


def _updated(writer: Indexed, node: Node, indices: Indices) -> Any:
    """The element of what is written, where there is one."""
    x, update = node.operands
    runs = list(zip(node.params["starts"], node.params["steps"], strict=True))
    inside, conditions = _within(indices, update.type.shape, runs)
    return _chosen([(writer.of(update, inside), conditions), (writer.of(x, indices), [])])


def _joined(writer: Indexed, node: Node, indices: Indices) -> Any:
    """The element of the part that the index along the axis is in."""
    axis, start = node.params["axis"], 0
    pieces = []
    for x in node.operands:
        moved = [i - start if a == axis else i for a, i in enumerate(indices)]
        start += x.type.shape[axis]
        pieces.append((writer.of(x, moved), [indices[axis] < start]))
    return _chosen([*pieces[:-1], (pieces[-1][0], [])])


def _within(
    indices: Indices, shape: Shape, runs: Sequence[tuple[int, int]]
) -> tuple[list[Any], list[Any]]:
    """Indices of an array that lies in another by starts and steps, and where it does."""
    found, conditions = [], []
    for i, extent, (start, step) in zip(indices, shape, runs, strict=True):
        conditions += [i >= start, i <= start + (extent - 1) * step]
        if step > 1:
            conditions.append(sympy.Eq(sympy.Mod(i - start, step), 0))
        found.append(sympy.floor((i - start) / sympy.Integer(step)) if step > 1 else i - start)
    return found, conditions


def _chosen(pieces: Sequence[tuple[Any, Sequence[Any]]]) -> Any:
    """The first whose conditions hold; that without any is the last."""
    return sympy.Piecewise(*((value, sympy.And(*conditions)) for value, conditions in pieces))


def _running(row: Callable[..., Any]) -> Callable[[Indexed, Node, Indices], Any]:
    def element(writer: Indexed, node: Node, indices: Indices) -> Any:
        (x,) = node.operands
        axis, (bound,) = node.params["axis"], writer.indices(1)
        every = [bound if a == axis else i for a, i in enumerate(indices)]
        last = x.type.shape[axis] - 1
        ends = (indices[axis], last) if node.params.get("reverse") else (0, indices[axis])
        return row(writer.of(x, every), (bound, *ends))

    return element


ELEMENTS: dict[str, Callable[[Indexed, Node, Indices], Any]] = {
    "iota": lambda writer, node, indices: indices[0],
    "reduce_sum": _reduced(sympy.Sum),
    "reduce_prod": _reduced(sympy.Product),
    "cumsum": _running(sympy.Sum),
    "cumprod": _running(sympy.Product),
    "dot": _product,
    "pad": _padded,
    "update_slice": _updated,
    "concatenate": _joined,
}


# -- by component ----------------------------------------------------------------------------------


class Components:
    """Each node as an array of expressions."""

    def __init__(self) -> None:
        self.made: dict[Node, Any] = {}

    def parameter(self, node: Node, name: Any) -> Any:
        """Enter a parameter; gives its symbol, or the array of them."""
        array = np.empty(node.type.shape, object)
        given = np.array(name.tolist(), object) if hasattr(name, "tolist") else None
        for place in np.ndindex(node.type.shape):
            label = "_".join([str(name), *map(str, place)])
            array[place] = given[place] if given is not None else symbol(label, node.type)
        if not node.type.ndim:
            array[()] = symbol(name, node.type)
        values = np.empty(node.type.shape, object)
        for place in np.ndindex(node.type.shape):
            values[place] = _value(array[place], node)
        self.made[node] = values
        return _array(array)

    def write(self, node: Node) -> None:
        """Enter the expressions of a node."""
        operands = [self.made[x] for x in node.operands]
        name = node.primitive.name
        found = np.empty(node.type.shape, object)
        if node.primitive is LITERAL:
            found[()] = literal(node.params["value"], node.params["dtype"])
        elif node.primitive.elementwise:
            for place in np.ndindex(node.type.shape):
                found[place] = formula(node, [x[place] for x in operands])
        elif name == "iota":
            found[:] = [sympy.Integer(i) for i in range(node.type.size)]
        elif name in ("reduce_max", "reduce_min"):
            found = _extremum(node, operands[0], sympy.Max if name == "reduce_max" else sympy.Min)
        elif name in BY_MEANING:
            found[...] = node.primitive.reference(*operands, **node.params)
        else:
            raise refuse(node)
        self.made[node] = found

    def result(self, node: Node) -> Any:
        """An output: an expression, or an array of them."""
        return _array(self.made[node])


def _array(x: Any) -> Any:
    return x[()] if not x.ndim else sympy.Array(x.tolist(), x.shape)


BY_MEANING = frozenset(
    (
        *("broadcast", "permute", "slice", "flip", "reshape", "barrier", "concatenate"),
        *("update_slice", "pad", "reduce_sum", "reduce_prod", "dot", "cumsum", "cumprod"),
    )
)
"""Rows whose meaning in NumPy is one for arrays of expressions, too."""


def _extremum(node: Node, x: Any, row: Callable[..., Any]) -> Any:
    axes: Shape = node.params["axes"]
    moved = np.moveaxis(x, axes, range(len(axes))).reshape(-1, *node.type.shape)
    found = np.empty(node.type.shape, object)
    for place in np.ndindex(node.type.shape):
        found[place] = row(*moved[(slice(None), *place)])
    return found


__all__ = ["Formulas", "to_sympy"]
