"""Forward mode: derivatives along a direction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from pullback.runtime.function import Function
from pullback.tracer import tree
from pullback.tracer.errors import at
from pullback.tracer.location import user_location
from pullback.tracer.primitives.elementwise import convert
from pullback.tracer.primitives.elementwise import stop_gradient as stop_gradient_row
from pullback.tracer.primitives.structure import zeros
from pullback.tracer.trace import Tracer, tracing
from pullback.tracer.transform import Flat, as_leaf, pushed, trace_function
from pullback.tracer.types import is_inexact

from .picking import Picked
from .reverse import grad


def jvp(
    fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Any, Any]:
    """The value at ``primals`` and its derivative along ``tangents``, by forward mode.

    Args:
        fun: any function of arrays or trees.
        primals: its arguments, floating-point.
        tangents: one for each primal, of its structure and shapes.

    Returns:
        ``(value, tangent)``.

    >>> value, tangent = pb.jvp(np.sin, (0.0,), (2.0,))
    >>> print(value, tangent)
    0.0 2.0
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeError(f"jvp takes tuples of primals and tangents{at(user_location())}")
    if len(primals) != len(tangents):
        raise TypeError(
            f"jvp has {len(primals)} primals and {len(tangents)} tangents{at(user_location())}"
        )

    run = _jvp_body(fun) if tracing() else _jvp_function(fun)
    result: tuple[Any, Any] = run(tuple(primals), tuple(tangents))
    return result


@lru_cache(maxsize=256)
def _jvp_function(fun: Callable[..., Any]) -> Function:
    """The compiled function, kept for the next call with the same function."""
    return Function(_jvp_body(fun), fun)


def _jvp_body(fun: Callable[..., Any]) -> Callable[..., Any]:
    def body(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        picked = Picked("jvp", primals, range(len(primals)))
        leaves, spec = tree.flatten(tuple(tangents))
        if spec != picked.spec:
            raise TypeError(
                f"the tangents have structure {spec}, the primals {picked.spec}"
                f"{at(user_location())}"
            )
        given = [_matching(as_leaf(t), x) for t, x in zip(leaves, picked.leaves, strict=True)]
        flat = trace_function(
            lambda *xs: fun(*picked.arguments(xs)), picked.leaves, at_arguments=True
        )
        outputs, pushed_out = pushed(flat, picked.leaves, given, range(len(given)))
        return flat.result(outputs), flat.result(_all_tangents(flat, outputs, pushed_out))

    return body


def _matching(tangent: Tracer, primal: Tracer) -> Tracer:
    """The tangent in its primal's type."""
    if tangent.shape != primal.shape:
        raise ValueError(
            f"a tangent has shape {tangent.shape}, its primal {primal.shape}{at(user_location())}"
        )
    return convert(tangent, dtype=primal.dtype) if tangent.dtype != primal.dtype else tangent


def _all_tangents(
    flat: Flat, outputs: Sequence[Tracer], tangents: Sequence[Tracer]
) -> list[Tracer]:
    """A tangent for every output; zeros for those of other dtypes."""
    given = iter(tangents)
    return [
        next(given) if is_inexact(x.type.dtype) else zeros(out.type)
        for x, out in zip(flat.graph.outputs, outputs, strict=True)
    ]


def hvp(fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of a scalar function times a vector, without the Hessian: forward over reverse.

    Args:
        fun: returns one number.
        primals: its arguments; the Hessian is by all of them.
        tangents: the vector, one for each primal.

    Returns:
        The product, in the structure of the primals' tuple; of the primal itself if there is one.

    >>> pb.hvp(lambda x: np.sum(x ** 3), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
    array([6., 0.])
    """
    argnums = 0 if len(primals) == 1 else tuple(range(len(primals)))
    return jvp(_gradient(fun, argnums), primals, tangents)[1]


@lru_cache(maxsize=256)
def _gradient(fun: Callable[..., Any], argnums: int | tuple[int, ...]) -> Function:
    return grad(fun, argnums)


def stop_gradient(x: Any) -> Any:
    """The value as it is, counted as a constant by every derivative; x may be a tree.

    >>> pb.grad(lambda x: x * pb.stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    leaves, spec = tree.flatten(x)
    return tree.unflatten(
        spec, [stop_gradient_row(v) if isinstance(v, Tracer) else v for v in leaves]
    )
