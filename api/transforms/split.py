"""Derivatives at a point as linear functions: what the point determines is computed once.

The graph of a derivative is cut in two. What the primals alone determine runs first, and gives the
residuals; the rest takes these, and tangents or cotangents, as often as it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pullback.runtime.function import Function
from pullback.tracer import tree
from pullback.tracer.errors import at
from pullback.tracer.ir import Graph
from pullback.tracer.location import user_location
from pullback.tracer.primitives.elementwise import convert
from pullback.tracer.trace import Tracer
from pullback.tracer.transform import (
    Flat,
    as_leaf,
    captured,
    inline,
    linear_parts,
    trace_function,
)
from pullback.tracer.types import ArrayType, is_inexact

from .picking import Picked, with_aux


@dataclass(frozen=True)
class Slots:
    """What a linear function takes: a tree like another one, where that has derivatives.

    ``types`` are those of the leaves, None for integers and bools, whose derivative is left out.
    """

    what: str
    of: str
    spec: tree.TreeSpec
    types: tuple[ArrayType | None, ...]

    def leaves(self, given: Any) -> list[Tracer]:
        """The leaves that have a derivative, checked."""
        leaves, spec = tree.flatten(given)
        if spec != self.spec:
            raise TypeError(
                f"the {self.what} has structure {spec}, the {self.of} has {self.spec}"
                f"{at(user_location())}"
            )
        pairs = zip(leaves, self.types, strict=True)
        return [self._leaf(as_leaf(x), wanted) for x, wanted in pairs if wanted is not None]

    def _leaf(self, x: Tracer, wanted: ArrayType) -> Tracer:
        if x.shape != wanted.shape:
            raise ValueError(
                f"a {self.what} has shape {x.shape}, its {self.of} has {wanted.shape}"
                f"{at(user_location())}"
            )
        return convert(x, dtype=wanted.dtype) if x.dtype != wanted.dtype else x


def slots(what: str, of: str, spec: tree.TreeSpec, types: Sequence[ArrayType]) -> Slots:
    """What takes a tree of this structure and these types."""
    return Slots(what, of, spec, tuple(t if is_inexact(t.dtype) else None for t in types))


class Point:
    """A function traced at primals; ``values`` are the types of its outputs without ``aux``."""

    def __init__(
        self, what: str, fun: Callable[..., Any], primals: Sequence[Any], has_aux: bool = False
    ) -> None:
        self.fun = fun
        self.picked = Picked(what, primals, range(len(primals)))
        self.spec = self.picked.spec
        count = 0

        def flat_function(*leaves: Tracer) -> Any:
            nonlocal count
            result = fun(*self.picked.arguments(leaves))
            if has_aux:
                result = with_aux(what, result)
            leaves_out, self.spec = tree.flatten(result[0] if has_aux else result)
            count = len(leaves_out)
            return result

        self.flat: Flat = trace_function(flat_function, self.picked.leaves, at_arguments=True)
        self.values = [x.type for x in self.flat.graph.outputs[:count]]


class Linear:
    """A linear function at a point.

    ``derivative`` takes what the function's graph takes, then the leaves of ``given``; it gives
    leaves that ``result`` makes a tree of.
    """

    def __init__(
        self,
        point: Point,
        derivative: Graph,
        given: Slots,
        result: Callable[[list[Tracer]], Any],
    ) -> None:
        self._point, self._given, self._result = point, given, result
        late = derivative.parameters[len(point.flat.graph.parameters) :]
        self._early, self._late = linear_parts(derivative, late)
        self.apply = Function(self._apply, point.fun)

    def forward(self) -> tuple[Any, list[Tracer]]:
        """The function's result and the residuals, in the current trace."""
        flat = self._point.flat
        arguments = [*self._point.picked.leaves, *captured(flat)]
        # Nodes are shared, so what the two graphs have in common is computed once.
        return flat.result(inline(flat.graph, arguments)), inline(self._early, arguments)

    def at(self, residuals: Sequence[Tracer], given: Any) -> Any:
        """The linear function in the current trace."""
        return self._result(inline(self._late, [*residuals, *self._given.leaves(given)]))

    def _apply(self, residuals: Residuals, given: Any) -> Any:
        return self.at([as_leaf(x) for x in residuals.values], given)


@dataclass(frozen=True)
class Residuals:
    """What a forward pass keeps: arrays, and the linear function that takes them."""

    linear: Linear
    values: Sequence[Any]


tree.register(
    Residuals, lambda r: (r.values, r.linear), lambda linear, values: Residuals(linear, values)
)


def forward_function(make: Callable[..., Linear], fun: Callable[..., Any]) -> Function:
    """The compiled forward pass: gives the function's result, and what `Linear.apply` takes."""

    def forward(*primals: Any) -> Any:
        linear = make(fun, primals)
        result, residuals = linear.forward()
        return result, Residuals(linear, residuals)

    return Function(forward, fun)
