"""Python functions with a rule for tangents or cotangents, traced into calls.

Function and rule are traced together: what they take from outside is operands of the call, and any
pass can use the rule later, in graphs that know nothing of the trace it comes from. Rules mostly
call the function that they are for; within the rule's trace that call is tied to the one outside.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from .. import tree
from ..errors import at
from ..ir import Graph
from ..location import user_location
from ..primitives.call import called
from ..primitives.structure import zeros
from ..trace import Tracer
from ..transform import Flat, as_leaf, trace_function
from ..types import is_inexact
from .captures import Captures
from .rules import Custom, Later
from .structure import as_result, pair_of, require_same

Function = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class Given:
    """A function as it is called: the arguments in ``static`` are handed through as they are."""

    owner: object
    name: str
    function: Function
    args: tuple[Any, ...]
    static: tuple[int, ...] = ()

    @property
    def handed(self) -> list[Any]:
        """The arguments that are handed through."""
        return [self.args[i] for i in self.static]

    @property
    def differentiable(self) -> tuple[Any, ...]:
        """The others, which are arrays, numbers or trees."""
        return tuple(x for i, x in enumerate(self.args) if i not in self.static)

    def with_values(self, values: Sequence[Any]) -> list[Any]:
        """All arguments, with other values for those that are not handed through."""
        found = iter(values)
        return [x if i in self.static else next(found) for i, x in enumerate(self.args)]


@dataclass(eq=False)
class Knot:
    """A call whose rule is being traced."""

    given: Given
    spec: tree.TreeSpec
    leaves: list[Tracer]
    flat: Flat
    captures: Captures = field(default_factory=Captures)
    graph: Graph | None = None
    rule: Custom | None = None
    used: bool = False

    def is_for(self, given: Given, spec: tree.TreeSpec, leaves: Sequence[Tracer]) -> bool:
        """Whether a call is the same but for the values of its arguments."""
        return (
            given.owner is self.given.owner
            and spec == self.spec
            and all(map(_alike, given.handed, self.given.handed))
            and [(x.type, x.weak) for x in leaves] == [(x.type, x.weak) for x in self.leaves]
        )

    @property
    def inexact(self) -> tuple[int, ...]:
        """The leaves that have derivatives."""
        return tuple(i for i, x in enumerate(self.leaves) if is_inexact(x.dtype))

    def arguments(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments that have these leaves, without those that are handed through."""
        values: tuple[Any, ...] = tree.unflatten(self.spec, leaves)
        return values

    def result(self, operands: Sequence[Tracer]) -> Any:
        """The call of these leaves, in the current trace."""
        assert self.graph is not None
        assert self.rule is not None
        results = called(self.graph, self.rule, [*operands, *self.captures.here()])
        return self.flat.result(results)


def _alike(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and isinstance(a, (bool, int, float, str)) and a == b)


class _Tied(threading.local):
    def __init__(self) -> None:
        self.knots: list[Knot] = []


_tied = _Tied()


@contextmanager
def _under_way(knot: Knot) -> Generator[None]:
    _tied.knots.append(knot)
    try:
        yield
    finally:
        _tied.knots.pop()


Make = Callable[[Knot], Flat]
"""Traces a rule: takes the leaves and then tangents or cotangents."""

ATTEMPTS = 4
"""How often a rule is traced until it takes nothing new from outside."""


def _call(given: Given, make: Make, finish: Callable[[Knot, Later], Custom]) -> Any:
    values, spec = tree.flatten(given.differentiable)
    leaves = [as_leaf(x) for x in values]
    for knot in reversed(_tied.knots):
        if knot.is_for(given, spec, leaves):
            knot.used = True
            return knot.result(leaves)

    def flat_function(*xs: Tracer) -> Any:
        return given.function(*given.with_values(tree.unflatten(spec, xs)))

    knot = Knot(given, spec, leaves, trace_function(flat_function, leaves, at_arguments=True))
    knot.captures.add(knot.flat)
    _tie(knot, make, finish)
    return knot.result(leaves)


def _tie(knot: Knot, make: Make, finish: Callable[[Knot, Later], Custom]) -> None:
    """Trace the rule, again where it calls the function before all captures are known."""
    for _ in range(ATTEMPTS):
        found: list[Graph | Exception] = []
        knot.rule = finish(knot, partial(_found, found))
        knot.graph = knot.captures.regrouped(knot.flat, len(knot.leaves))
        try:
            with _under_way(knot):
                flat = make(knot)
        except Exception as error:  # noqa: BLE001 - raised to those who ask for the derivative
            found.append(error)
            return
        more = knot.captures.add(flat)
        if not (more and knot.used):
            knot.graph = knot.captures.regrouped(knot.flat, len(knot.leaves))
            found.append(knot.captures.regrouped(flat, len(knot.leaves)))
            return
    raise RuntimeError(
        f"the rule of {knot.given.name} takes other arrays from outside whenever it is called"
        f"{at(user_location())}"
    )


def _found(found: Sequence[Graph | Exception]) -> Graph:
    (graph,) = found
    if isinstance(graph, Exception):
        raise graph
    return graph


def forward_rule(given: Given, rule: Function) -> Any:
    """The call of a function with ``rule(*static, primals, tangents) -> out, tangent``."""

    def make(knot: Knot) -> Flat:
        count = len(knot.leaves)

        def pushed(*values: Tracer) -> list[Tracer]:
            tangents = [zeros(x.type) for x in knot.leaves]
            for i, value in zip(knot.inexact, values[count:], strict=True):
                tangents[i] = value
            found = rule(*given.handed, *map(knot.arguments, (values[:count], tangents)))
            out, tangent = pair_of(found, f"the rule of {given.name}", "(out, tangent)")
            require_same(f"the value by the rule of {given.name}", out, knot.flat)
            of = f"the tangent by the rule of {given.name}"
            outputs = knot.flat.graph.outputs
            found = as_result(of, tangent, knot.flat.spec, [x.type for x in outputs])
            return [t for t, x in zip(found, outputs, strict=True) if is_inexact(x.type.dtype)]

        tangents = [Tracer(knot.leaves[i].node) for i in knot.inexact]
        return trace_function(pushed, [*knot.leaves, *tangents])

    def finish(knot: Knot, pushing: Later) -> Custom:
        return Custom(given.name, user_location(), knot.inexact, pushing=pushing)

    return _call(given, make, finish)


def reverse_rule(given: Given, forward: Function, backward: Function) -> Any:
    """The call of a function with ``forward(*args) -> out, residuals`` and
    ``backward(*static, residuals, ct) -> cotangents``.
    """

    def make(knot: Knot) -> Flat:
        count = len(knot.leaves)
        outputs = [x.type for x in knot.flat.graph.outputs]
        seeded = [i for i, type in enumerate(outputs) if is_inexact(type.dtype)]

        def pulled(*values: Tracer) -> list[Tracer]:
            args = given.with_values(knot.arguments(values[:count]))
            found = pair_of(forward(*args), f"fwd of {given.name}", "(out, residuals)")
            require_same(f"the value by fwd of {given.name}", found[0], knot.flat)
            cts = [zeros(type) for type in outputs]
            for i, value in zip(seeded, values[count:], strict=True):
                cts[i] = value
            pulled = backward(*given.handed, found[1], knot.flat.result(cts))
            return [x for x in _cotangents(knot, pulled) if is_inexact(x.dtype)]

        cts = [Tracer(knot.flat.graph.outputs[i]) for i in seeded]
        return trace_function(pulled, [*knot.leaves, *cts])

    def finish(knot: Knot, pulling: Later) -> Custom:
        only = "has a rule for reverse mode only (custom_vjp), and was differentiated forwards"
        return Custom(given.name, user_location(), knot.inexact, pulling=pulling, only=only)

    return _call(given, make, finish)


def _cotangents(knot: Knot, pulled: Any) -> list[Tracer]:
    """Those of all leaves, from one for each argument; None stands for zeros."""
    arguments = knot.spec.children()
    name = f"bwd of {knot.given.name}"
    if not isinstance(pulled, (tuple, list)) or len(pulled) != len(arguments):
        got = len(pulled) if isinstance(pulled, (tuple, list)) else type(pulled).__name__
        raise TypeError(
            f"{name} returns a tuple with a cotangent for each of {len(arguments)} arguments, got "
            f"{got}{at(user_location())}"
        )
    found: list[Tracer] = []
    for number, (value, spec) in enumerate(zip(pulled, arguments, strict=True)):
        types = [x.type for x in knot.leaves[len(found) : len(found) + spec.num_leaves]]
        if value is None:
            found += [zeros(type) for type in types]
        else:
            found += as_result(f"cotangent {number} by {name}", value, spec, types)
    return found
