"""Linear functions: the derivative at a point, and the transpose of a function that is linear."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from pullback.runtime.function import Function
from pullback.runtime.signature import as_argument
from pullback.runtime.traced import PYTHON_TYPES
from pullback.tracer import tree
from pullback.tracer.errors import at
from pullback.tracer.ir import Graph, Node
from pullback.tracer.passes import adjoint, tangent
from pullback.tracer.passes.linear import nonlinear_node
from pullback.tracer.passes.quiet import quiet
from pullback.tracer.primitives.structure import zeros
from pullback.tracer.trace import Tracer, new_trace, tracing
from pullback.tracer.transform import Flat, captured, inline, require_float, trace_function
from pullback.tracer.types import is_inexact

from .split import Linear, Point, forward_function, slots


def linearize(fun: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """The value at ``primals``, and the derivative there as a linear function of tangents.

    Args:
        fun: any function of arrays or trees.
        primals: its arguments, floating-point.

    Returns:
        ``(value, push)``: ``push(*tangents)``, with one for each primal, of its structure and
        shapes, is the tangent of the value: what `jvp` gives, without computing the value again.
        What it needs of the value is kept. Loops are an exception: theirs run again.

    >>> value, push = pb.linearize(np.sin, np.array([0.0, np.pi]))
    >>> push(np.array([1.0, 1.0])), push(np.array([0.0, 3.0]))
    (array([ 1., -1.]), array([ 0., -3.]))
    """
    if tracing():
        linear = _pushing(fun, primals)
        value, kept = linear.forward()
        return value, lambda *tangents: linear.at(kept, tangents)
    value, residuals = _forward_function(fun)(*primals)

    def push(*tangents: Any) -> Any:
        """The tangent of the value."""
        return residuals.linear.apply(residuals, tangents)

    return value, push


def _pushing(fun: Callable[..., Any], primals: Sequence[Any]) -> Linear:
    """The function from tangents of the primals to that of the value."""
    point = Point("linearize", fun, primals)
    leaves, graph = point.picked.leaves, point.flat.graph
    given = slots("tangent", "primal", point.picked.spec, [x.type for x in leaves])
    # The forward pass has the effects.
    whole = tangent.jvp(quiet(graph), range(len(leaves)))
    tangents = Graph(whole.parameters, whole.nodes, whole.outputs[len(graph.outputs) :])

    def result(pushed: Sequence[Tracer]) -> Any:
        found = iter(pushed)
        return point.flat.result(
            [next(found) if is_inexact(t.dtype) else zeros(t) for t in point.values]
        )

    return Linear(point, tangents, given, result)


@lru_cache(maxsize=256)
def _forward_function(fun: Callable[..., Any]) -> Function:
    """The compiled forward pass, kept for the next call with the same function."""
    return forward_function(_pushing, fun)


def linear_transpose(fun: Callable[..., Any], *primals: Any) -> Function:
    """The transpose of a function that is linear in all its arguments together.

    Args:
        fun: a linear function of arrays or trees; by what it takes from outside it need not be.
        primals: arguments, or `ShapeDtype` in their place: only shapes and dtypes matter.

    Returns:
        A `Function` of a cotangent, of the structure of ``fun``'s result, that gives a tuple with
        the cotangent of each primal. Of complex numbers it is the transpose, without a conjugate.

    Raises:
        TypeError: if ``fun`` is not linear, as far as its operations tell one by one; so it is for
            ``x + 1``. Of a function that is not, take `vjp`.

    >>> differences = pb.linear_transpose(np.diff, np.zeros(3))
    >>> differences(np.array([1.0, 10.0]))
    (array([-1., -9., 10.]),)
    """
    leaves, spec = tree.flatten(primals)
    arguments = [_Stand(x) for x in leaves]

    def flat_function() -> Flat:
        examples = [require_float(x.tracer(), "linear_transpose") for x in arguments]
        return trace_function(lambda *xs: fun(*tree.unflatten(spec, xs)), examples, loops=False)

    with new_trace():
        _require_linear(flat_function(), len(leaves))

    def body(ct: Any) -> Any:
        flat = flat_function()
        types = [x.type for x in flat.graph.outputs]
        cts = slots("cotangent", "value", flat.spec, types).leaves(ct)
        graph = adjoint.vjp(quiet(flat.graph), range(len(leaves)))
        nothing = [zeros(p.type) for p in flat.graph.parameters[: len(leaves)]]
        results = inline(graph, [*nothing, *captured(flat), *cts])
        return tree.unflatten(spec, results[len(types) :])

    return Function(body, fun)


class _Stand:
    """The type of an argument, without its value."""

    def __init__(self, value: Any) -> None:
        if isinstance(value, Tracer):
            self._type, self._weak = value.type, value.weak
        else:
            argument = as_argument(value)[0]
            self._type, self._weak = argument.type, PYTHON_TYPES.get(argument.kind)

    def tracer(self) -> Tracer:
        """A tracer of the type in the current trace."""
        return Tracer(zeros(self._type).node, self._weak)


def _require_linear(flat: Flat, count: int) -> None:
    pairs = zip(flat.graph.parameters[count:], flat.captures, strict=True)
    nothing = {p for p, x in pairs if not isinstance(x, Node) and not np.any(x)}
    node = nonlinear_node(flat.graph, range(count), nothing)
    if node is not None:
        raise TypeError(
            f"linear_transpose takes a function linear in its arguments, but {node.primitive.name} "
            f"is not\n  at a point, vjp has the transpose of the derivative{at(node.where)}"
        )
