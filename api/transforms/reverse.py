"""Reverse mode: gradients, and products of vectors with Jacobians."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, overload

from pullback.runtime.function import Function
from pullback.tracer import tree
from pullback.tracer.errors import at
from pullback.tracer.ir import Graph
from pullback.tracer.location import user_location
from pullback.tracer.passes import adjoint
from pullback.tracer.primitives.elementwise import convert
from pullback.tracer.trace import Tracer, tracing
from pullback.tracer.transform import (
    as_leaf,
    captured,
    inline,
    linear_parts,
    trace_function,
    value_and_cotangents,
)
from pullback.tracer.types import is_inexact

from .picking import Argnums, Picked, decorator, require_scalar, with_aux


def _gradient_body(
    fun: Callable[..., Any],
    argnums: Argnums,
    has_aux: bool,
    what: str,
    with_value: bool,
    holomorphic: bool,
) -> Callable[..., Any]:
    def body(*args: Any, **kwargs: Any) -> Any:
        picked = Picked(what, args, argnums)
        sizes: list[int] = []

        def flat_function(*leaves: Tracer) -> Any:
            result = fun(*picked.arguments(leaves), **kwargs)
            if has_aux:
                result = with_aux(what, result)
            sizes.append(len(tree.flatten(result[0] if has_aux else result)[0]))
            return result

        flat = trace_function(flat_function, picked.leaves, at_arguments=True)
        if sizes[0] != 1:
            raise TypeError(
                f"{what} takes a function that returns one number, got {sizes[0]} of them; with "
                f"has_aux=True it returns (value, aux){at(user_location())}"
            )
        require_scalar(what, flat, holomorphic)
        one = as_leaf(flat.graph.outputs[0].type.dtype.type(1))
        outputs, cotangents = value_and_cotangents(flat, picked.leaves, [one], [0])
        result = flat.result(outputs)
        gradient = picked.tree(cotangents)
        if with_value:
            return result, gradient
        return (gradient, result[1]) if has_aux else gradient

    return body


@overload
def grad(
    fun: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Function: ...
@overload
def grad(
    fun: None = None, argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False
) -> Callable[[Callable[..., Any]], Function]: ...
def grad(
    fun: Callable[..., Any] | None = None,
    argnums: Argnums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Any:
    """The gradient of a function that returns one number, by reverse mode.

    Args:
        fun: returns a floating-point scalar; with ``has_aux``, a pair of it and anything else.
        argnums: by which positional argument, or arguments; each an array or a tree of arrays.
        has_aux: return ``(gradient, aux)``.
        holomorphic: ``fun`` returns a complex number, and is differentiable as a complex function.

    Returns:
        A `Function` of the same arguments which returns the gradient: in the structure, shapes and
        dtypes of the argument, a tuple if ``argnums`` is a sequence. By a complex argument
        ``x + iy`` it is ``df/dx - i df/dy``; the conjugate is the direction of steepest ascent.

    Raises:
        TypeError: (when called) for inputs that are not floating-point or complex, or a result
            that is not one real number.

    >>> @pb.grad
    ... def loss(x):
    ...     return np.sum(x ** 2)
    >>> loss(np.array([1.0, 2.0]))
    array([2., 4.])
    """

    def make(fun: Callable[..., Any]) -> Function:
        return Function(_gradient_body(fun, argnums, has_aux, "grad", False, holomorphic), fun)

    return decorator(make, fun)


@overload
def value_and_grad(
    fun: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Function: ...
@overload
def value_and_grad(
    fun: None = None, argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False
) -> Callable[[Callable[..., Any]], Function]: ...
def value_and_grad(
    fun: Callable[..., Any] | None = None,
    argnums: Argnums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Any:
    """The value and the gradient together, in one pass; arguments as for `grad`.

    Returns:
        A `Function` that returns ``(value, gradient)``, or ``((value, aux), gradient)``. Being a
        NumPy scalar and an array, it is what ``scipy.optimize.minimize(..., jac=True)`` takes.

    >>> value, gradient = pb.value_and_grad(lambda x: np.sum(np.sin(x)))(np.zeros(2))
    >>> print(value, gradient)
    0.0 [1. 1.]
    """

    def make(fun: Callable[..., Any]) -> Function:
        return Function(
            _gradient_body(fun, argnums, has_aux, "value_and_grad", True, holomorphic), fun
        )

    return decorator(make, fun)


def vjp(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value at ``primals``, and the function that pulls cotangents back from there.

    Args:
        fun: any function of arrays or trees.
        primals: its arguments, floating-point.
        has_aux: ``fun`` returns ``(value, aux)``; aux is given back third.

    Returns:
        ``(value, pull)``: ``pull(ct)``, for a cotangent of the structure of ``value``, gives a
        tuple with the cotangent of each primal. The forward pass is run once; what it computed is
        kept for the pulls.

    >>> value, pull = pb.vjp(lambda x: np.sin(x), np.array([0.0, 1.0]))
    >>> pull(np.array([1.0, 0.0]))
    (array([1., 0.]),)
    """
    if tracing():
        return _vjp_traced(fun, primals, has_aux)
    return _vjp_compiled(fun, primals, has_aux)


class _Linearized:
    """A function's graph split in what the primals determine, and what the cotangents need."""

    def __init__(self, fun: Callable[..., Any], primals: Sequence[Any], has_aux: bool) -> None:
        self.picked = Picked("vjp", primals, range(len(primals)))
        self.picked_tree = self.picked.tree
        self.values = 0
        self.spec = self.picked.spec

        def flat_function(*leaves: Tracer) -> Any:
            result = fun(*self.picked.arguments(leaves))
            if has_aux:
                result = with_aux("vjp", result)
            leaves_out, self.spec = tree.flatten(result[0] if has_aux else result)
            self.values = len(leaves_out)
            return result

        self.flat = trace_function(flat_function, self.picked.leaves, at_arguments=True)
        outputs = self.flat.graph.outputs
        self.count = len(outputs)
        self.seeded = [i for i in range(self.values) if is_inexact(outputs[i].type.dtype)]
        graph = adjoint.vjp(self.flat.graph, range(len(self.picked.leaves)), self.seeded)
        late = graph.parameters[len(self.flat.graph.parameters) :]
        gradients = Graph(graph.parameters, graph.nodes, graph.outputs[self.count :])
        early, self.late = linear_parts(gradients, late)
        self.pull = Function(self._pull, fun)
        self.early = Graph(
            early.parameters, _needed(graph, early), (*graph.outputs[: self.count], *early.outputs)
        )

    def _pull(self, residuals: Residuals, ct: Any) -> Any:
        kept = [as_leaf(x) for x in residuals.values]
        return self.picked_tree(inline(self.late, [*kept, *self.seeds(ct)]))

    def forward(self) -> tuple[Any, list[Tracer]]:
        """The function's result and the residuals, in the current trace."""
        results = inline(self.early, [*self.picked.leaves, *captured(self.flat)])
        return self.flat.result(results[: self.count]), results[self.count :]

    def seeds(self, ct: Any) -> list[Tracer]:
        """The cotangents of the floating outputs, checked."""
        leaves, spec = tree.flatten(ct)
        if spec != self.spec:
            raise TypeError(
                f"the cotangent has structure {spec}, the value has {self.spec}"
                f"{at(user_location())}"
            )
        return [self._seed(as_leaf(leaves[i]), i) for i in self.seeded]

    def _seed(self, ct: Tracer, number: int) -> Tracer:
        wanted = self.flat.graph.outputs[number].type
        if ct.shape != wanted.shape:
            raise ValueError(
                f"a cotangent has shape {ct.shape}, its value has {wanted.shape}"
                f"{at(user_location())}"
            )
        return convert(ct, dtype=wanted.dtype) if ct.dtype != wanted.dtype else ct


def _needed(graph: Graph, early: Graph) -> tuple[Any, ...]:
    """The nodes that the primals determine, those of the outputs included."""
    from pullback.tracer.ir import PARAMETER, reachable

    wanted = reachable((*early.outputs, *graph.outputs))
    late = set(graph.parameters) - set(early.parameters)
    depends = set(late)
    kept = []
    for node in graph.nodes:
        if any(x in depends for x in node.operands):
            depends.add(node)
        elif node in wanted and node.primitive is not PARAMETER:
            kept.append(node)
    return tuple(kept)


def _vjp_traced(fun: Callable[..., Any], primals: Sequence[Any], has_aux: bool) -> Any:
    parts = _Linearized(fun, primals, has_aux)
    result, residuals = parts.forward()

    def pull(ct: Any) -> Any:
        return parts.picked_tree(inline(parts.late, [*residuals, *parts.seeds(ct)]))

    return (result[0], pull, result[1]) if has_aux else (result, pull)


def _vjp_compiled(fun: Callable[..., Any], primals: Sequence[Any], has_aux: bool) -> Any:
    result, residuals = _forward_function(fun, has_aux)(*primals)

    def pull(ct: Any) -> Any:
        """The cotangents of the primals."""
        return residuals.parts.pull(residuals, ct)

    return (result[0], pull, result[1]) if has_aux else (result, pull)


@lru_cache(maxsize=256)
def _forward_function(fun: Callable[..., Any], has_aux: bool) -> Function:
    """The compiled forward pass, kept for the next call with the same function."""

    def forward(*primals: Any) -> Any:
        parts = _Linearized(fun, primals, has_aux)
        result, residuals = parts.forward()
        return result, Residuals(parts, residuals)

    return Function(forward, fun)


@dataclass(frozen=True)
class Residuals:
    """What a forward pass keeps for the pulls: arrays, and the graph that takes them."""

    parts: _Linearized
    values: Sequence[Any]


tree.register(
    Residuals, lambda r: (r.values, r.parts), lambda parts, values: Residuals(parts, values)
)
