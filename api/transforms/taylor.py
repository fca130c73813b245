"""Taylor mode: higher derivatives along a curve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import factorial
from typing import Any

from pullback.runtime.function import Function
from pullback.tracer.errors import at
from pullback.tracer.location import user_location
from pullback.tracer.passes import taylor
from pullback.tracer.primitives.structure import zeros
from pullback.tracer.trace import Tracer, tracing
from pullback.tracer.transform import captured, inline, trace_function
from pullback.tracer.types import is_inexact

from .picking import Picked
from .split import slots

HIGHEST = 170
"""The greatest number with a factorial in float64."""


def jet(
    fun: Callable[..., Any], primals: Sequence[Any], series: Sequence[Sequence[Any]]
) -> tuple[Any, list[Any]]:
    """The value and higher derivatives of a function along a curve through ``primals``.

    Args:
        fun: any function of arrays or trees.
        primals: its arguments, floating-point: where the curve is at t = 0.
        series: for each primal the derivatives of the curve by t at 0, from the first on, each of
            the primal's structure and shapes; as many for each.

    Returns:
        ``(value, derivatives)``: the derivatives of ``fun`` along the curve by t, as many as were
        given, each of the structure of the value. For the Taylor series of a function of one
        number, the curve is x + t: ``series`` is ``[[1.0, 0.0, 0.0, ...]]``.

    Raises:
        TypeError: if ``series`` has another structure than ``primals``.
        ValueError: for other shapes, if the numbers of derivatives differ, or above 170 of them.

    To order n, what adds, multiplies and moves, and functions whose derivatives are made of
    themselves (exp, sin, tanh, sqrt), cost about n² operations each, quotients and the like up to
    n³; nested `jvp` costs 2ⁿ. Inside loops it is nested `jvp`.

    >>> value, (first, second) = pb.jet(np.exp, (0.0,), ([1.0, 0.0],))
    >>> print(value, first, second)
    1.0 1.0 1.0
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(series, (tuple, list)):
        raise TypeError(f"jet takes tuples of primals and of their series{at(user_location())}")
    orders = [len(x) for x in series]
    if len(orders) != len(primals) or len(set(orders)) > 1:
        raise ValueError(
            f"jet takes as many derivatives for each of {len(primals)} primals, got {orders}"
            f"{at(user_location())}"
        )
    if max(orders, default=0) > HIGHEST:
        raise ValueError(
            f"jet takes {HIGHEST} derivatives at most, got {max(orders)}: their factorials are no "
            f"floats{at(user_location())}"
        )
    run = _jet_body(fun) if tracing() else _jet_function(fun)
    terms = [tuple(term) for term in zip(*series, strict=True)]
    result: tuple[Any, list[Any]] = run(tuple(primals), terms)
    return result


@lru_cache(maxsize=256)
def _jet_function(fun: Callable[..., Any]) -> Function:
    """The compiled function, kept for the next call with the same function."""
    return Function(_jet_body(fun), fun)


def _jet_body(fun: Callable[..., Any]) -> Callable[..., Any]:
    def body(primals: Sequence[Any], terms: Sequence[Any]) -> Any:
        picked = Picked("jet", primals, range(len(primals)))
        order, count = len(terms), len(picked.leaves)
        given = slots("derivative", "primal", picked.spec, [x.type for x in picked.leaves])
        by_order = [given.leaves(term) for term in terms]
        flat = trace_function(
            lambda *xs: fun(*picked.arguments(xs)), picked.leaves, at_arguments=True, loops=False
        )
        outside = captured(flat)
        curves = [
            term[i] / float(factorial(k))
            for i in range(count)
            for k, term in enumerate(by_order, 1)
        ]
        graph = taylor.jet(flat.graph, order, count)
        results = inline(graph, [*picked.leaves, *outside, *curves])
        outputs = results[: len(flat.graph.outputs)]
        found = iter(results[len(outputs) :])
        floating = [is_inexact(x.type.dtype) for x in flat.graph.outputs]
        by_output = [
            [next(found) if yes else zeros(x.type) for _ in range(order)]
            for x, yes in zip(outputs, floating, strict=True)
        ]
        return flat.result(outputs), [
            flat.result([_derivative(terms[k], k + 1) for terms in by_output]) for k in range(order)
        ]

    return body


def _derivative(coefficient: Tracer, k: int) -> Tracer:
    return coefficient * float(factorial(k)) if is_inexact(coefficient.dtype) else coefficient
