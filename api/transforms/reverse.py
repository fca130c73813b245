"""Reverse mode: gradients, and products of vectors with Jacobians."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, overload

from pullback.runtime.function import Function
from pullback.tracer import tree
from pullback.tracer.errors import at
from pullback.tracer.ir import Graph
from pullback.tracer.location import user_location
from pullback.tracer.passes import adjoint
from pullback.tracer.passes.quiet import quiet
from pullback.tracer.trace import Tracer, tracing
from pullback.tracer.transform import as_leaf, trace_function, value_and_cotangents

from .picking import Argnums, Picked, decorator, require_scalar, with_aux
from .split import Linear, Point, forward_function, slots


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
        linear = _pulling(fun, primals, has_aux)
        result, kept = linear.forward()

        def pull(ct: Any) -> Any:
            return linear.at(kept, ct)

    else:
        result, residuals = _forward_function(fun, has_aux)(*primals)

        def pull(ct: Any) -> Any:
            return residuals.linear.apply(residuals, ct)

    return (result[0], pull, result[1]) if has_aux else (result, pull)


def _pulling(fun: Callable[..., Any], primals: Sequence[Any], has_aux: bool) -> Linear:
    """The function from a cotangent of the value to those of the primals."""
    point = Point("vjp", fun, primals, has_aux)
    graph = point.flat.graph
    given = slots("cotangent", "value", point.spec, point.values)
    seeded = [i for i, wanted in enumerate(given.types) if wanted is not None]
    # The forward pass has the effects.
    whole = adjoint.vjp(quiet(graph), range(len(point.picked.leaves)), seeded)
    gradients = Graph(whole.parameters, whole.nodes, whole.outputs[len(graph.outputs) :])
    return Linear(point, gradients, given, point.picked.tree)


@lru_cache(maxsize=256)
def _forward_function(fun: Callable[..., Any], has_aux: bool) -> Function:
    """The compiled forward pass, kept for the next call with the same function."""
    return forward_function(lambda fun, primals: _pulling(fun, primals, has_aux), fun)
