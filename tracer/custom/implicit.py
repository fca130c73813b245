"""Solutions of equations, differentiated by the equation instead of through the solver.

With f(x, a) = 0, dx = -(df/dx)^-1 (df/da) da; with A x = b, A dx = db - dA x, and cotangents go
through the transposed system (S. G. Krantz and H. R. Parks, The Implicit Function Theorem, 2002;
M. Giles, 2008, sections 2.3.1 and 2.3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from .. import tree
from ..errors import UnsupportedFunctionError, at
from ..ir import Graph
from ..location import Location, user_location
from ..passes import adjoint, tangent
from ..primitives.call import called
from ..primitives.structure import zeros
from ..trace import Tracer, current_trace, new_trace
from ..transform import Flat, as_leaf, inline, require_float, trace_function
from ..types import ArrayType, is_inexact
from .captures import Captures
from .rules import Custom
from .structure import require_same

Function = Callable[..., Any]


def _leaves(what: str, value: Any) -> tuple[list[Tracer], tree.TreeSpec]:
    values, spec = tree.flatten(value)
    return [require_float(as_leaf(x), what) for x in values], spec


def _traced(what: str, function: Function, leaves: Sequence[Tracer], spec: tree.TreeSpec) -> Flat:
    """A function of trees of one structure to trees of the same."""

    def flat_function(*xs: Tracer) -> Any:
        result = function(tree.unflatten(spec, xs))
        like = trace_function(lambda *x: tree.unflatten(spec, x), leaves)
        require_same(what, result, like)
        return result

    return trace_function(flat_function, leaves)


# -- roots -------------------------------------------------------------------------------------


def root(f: Function, initial_guess: Any, solve: Function, tangent_solve: Function) -> Any:
    """``solve(f, initial_guess)``, where f is zero; see `pullback.custom_root`."""
    guess, spec = _leaves("custom_root", initial_guess)
    count = len(guess)
    equation = _traced("f of custom_root", f, guess, spec)
    solution = _traced("solve of custom_root", lambda x: solve(f, x), guess, spec)
    captures = Captures()
    for flat in (equation, solution):
        captures.add(flat)
    by = _inexact(captures, equation)
    changes = tangent.jvp(captures.regrouped(equation, count), range(count))

    def linear(*values: Tracer) -> Any:
        """The change of x that changes f as it is said."""
        xs, rhs = values[:count], values[count:]

        def change(x: Any) -> Any:
            moved = inline(changes, [*xs, *captures.here(), *map(as_leaf, tree.flatten(x)[0])])
            return tree.unflatten(spec, moved[count:])

        result = tangent_solve(change, tree.unflatten(spec, rhs))
        require_same("tangent_solve of custom_root", result, solution)
        return result

    back = trace_function(linear, [*guess, *guess])
    captures.add(back)
    of_f = tangent.jvp(captures.regrouped(equation, count), [count + i for i in by])
    step, graph = captures.regrouped(back, count), captures.regrouped(solution, count)

    @cache
    def pushing() -> Graph:
        with new_trace() as trace:
            start, taken = _new([x.type for x in guess]), _new(captures.types)
            moves = _new([captures.types[i] for i in by])
            xs = called(graph, rule, [*start, *taken])
            rhs = inline(of_f, [*xs, *taken, *moves])[count:]
            return trace.builder.graph(
                [x.node for x in inline(step, [*xs, *taken, *(-x for x in rhs)])]
            )

    known = {count + i for i in by}
    free = frozenset(range(count + len(captures.values))) - known
    rule = Custom("custom_root", user_location(), tuple(sorted(known)), free, pushing)
    results = called(graph, rule, [*guess, *captures.here()])
    return tree.unflatten(spec, results)


def _inexact(captures: Captures, flat: Flat) -> list[int]:
    """Which of the captured values a function depends on smoothly."""
    types = captures.types
    return sorted({i for i in map(captures.index, flat.captures) if is_inexact(types[i].dtype)})


# -- linear systems ----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class System:
    """A linear system: graphs of x and of b, which take all captured values behind these."""

    matvec: Graph
    solve: Graph


def linear_solve(
    matvec: Function,
    b: Any,
    solve: Function,
    transpose_solve: Function | None,
    symmetric: bool,
) -> Any:
    """``solve(matvec, b)``; see `pullback.custom_linear_solve`."""
    leaves, spec = _leaves("custom_linear_solve", b)
    count = len(leaves)
    product = _traced("matvec of custom_linear_solve", matvec, leaves, spec)
    solution = _traced("solve of custom_linear_solve", lambda b: solve(matvec, b), leaves, spec)
    captures = Captures()
    for flat in (product, solution):
        captures.add(flat)
    back = None
    if transpose_solve is not None and not symmetric:
        transposed = _transposed(captures.regrouped(product, count), count)

        def vecmat(x: Any) -> Any:
            moved = inline(transposed, [*map(as_leaf, tree.flatten(x)[0]), *captures.here()])
            return tree.unflatten(spec, moved)

        what = "transpose_solve of custom_linear_solve"
        back = _traced(what, lambda b: transpose_solve(vecmat, b), leaves, spec)
        captures.add(back)
    by = _inexact(captures, product)
    forward = System(captures.regrouped(product, count), captures.regrouped(solution, count))
    reverse = forward if symmetric else None
    if back is not None:
        reverse = System(_transposed(forward.matvec, count), captures.regrouped(back, count))
    rule = _rules(forward, reverse, by, count, user_location())
    return tree.unflatten(spec, called(forward.solve, rule, [*leaves, *captures.here()]))


def _transposed(matvec: Graph, count: int) -> Graph:
    """The transpose of a linear function of its first parameters."""
    pull = adjoint.vjp(matvec, range(count))
    with new_trace() as trace:
        xs = [zeros(p.type) for p in matvec.parameters[:count]]
        cts = [Tracer(trace.builder.parameter(x.type)) for x in matvec.outputs]
        rest = [Tracer(trace.builder.parameter(p.type)) for p in matvec.parameters[count:]]
        return trace.builder.graph([x.node for x in inline(pull, [*xs, *rest, *cts])[count:]])


def _rules(
    forward: System,
    reverse: System | None,
    by: Sequence[int],
    count: int,
    where: Location | None,
) -> Custom:
    """The rule of a system, which calls that of the transposed one, and that one's this."""

    def rule_of(system: System, other: Callable[[], tuple[System, Custom]]) -> Custom:
        places = [*range(count), *(count + i for i in by)]
        types = [p.type for p in system.solve.parameters]
        free = frozenset(range(len(types))) - {*places}

        @cache
        def pushing() -> Graph:
            with new_trace() as trace:
                given = _new(types)
                moves = _new([types[i] for i in places])
                xs = called(system.solve, rule, given)
                rhs = moves[:count]
                if by:
                    change = tangent.jvp(system.matvec, places[count:])
                    changed = inline(change, [*xs, *given[count:], *moves[count:]])[count:]
                    rhs = [a - b for a, b in zip(rhs, changed, strict=True)]
                moved = called(system.solve, rule, [*rhs, *given[count:]])
                return trace.builder.graph([x.node for x in moved])

        @cache
        def pulling() -> Graph:
            transposed, its_rule = other()
            with new_trace() as trace:
                given = _new(types)
                cts = _new(types[:count])
                pulled = called(transposed.solve, its_rule, [*cts, *given[count:]])
                xs = called(system.solve, rule, given)
                back = adjoint.vjp(system.matvec, places[count:])
                of_matrix = inline(back, [*xs, *given[count:], *pulled])[count:]
                return trace.builder.graph([x.node for x in (*pulled, *(-x for x in of_matrix))])

        rule = Custom("custom_linear_solve", where, tuple(places), free, pushing, pulling)
        return rule

    def refused() -> tuple[System, Custom]:
        raise UnsupportedFunctionError(
            "reverse mode through custom_linear_solve takes a transpose_solve, or symmetric=True"
            f"{at(where)}"
        )

    if reverse is None:
        return rule_of(forward, refused)
    if reverse is forward:
        rule = rule_of(forward, lambda: (forward, rule))
        return rule
    rule = rule_of(forward, lambda: (reverse, transposed))
    transposed = rule_of(reverse, lambda: (forward, rule))
    return rule


def _new(types: Sequence[ArrayType]) -> list[Tracer]:
    """New parameters of the current trace."""
    return [Tracer(current_trace().builder.parameter(t)) for t in types]
