"""Slices gone through one operation at a time, with NumPy: what is not worth compiling (yet).

A program whose structure is another each time, as where sentences of any lengths make up a batch,
would compile again and again. Here every operation is done by itself, by the meaning in NumPy of
the graph that it is recorded with: slower than compiled code, and much faster than compiling.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from pullback.tracer.ir import Graph, replay
from pullback.tracer.passes.adjoint import vjp
from pullback.tracer.trace import Tracer, new_trace

from .node import Info, Operand, Variable
from .recent import Recent

if TYPE_CHECKING:
    from .compute import Slice
    from .engine import Pull

Array: TypeAlias = "np.ndarray[Any, Any]"
_Step: TypeAlias = tuple[Callable[..., Any], tuple[int, ...], dict[str, Any], Any]
Values: TypeAlias = dict[Operand, Any]


@dataclass(slots=True)
class _Tape:
    """A graph as steps over numbered values."""

    steps: list[_Step]
    outputs: list[int]

    def __call__(self, given: Sequence[Any]) -> list[Any]:
        values = list(given)
        for reference, operands, params, dtype in self.steps:
            made = reference(*[values[i] for i in operands], **params)
            values.append(np.asarray(made, dtype))
        return [values[i] for i in self.outputs]


def _tape(graph: Graph) -> _Tape:
    numbers = {x: i for i, x in enumerate((*graph.parameters, *graph.nodes))}
    steps = [
        (
            x.primitive.reference,
            tuple([numbers[y] for y in x.operands]),
            dict(x.params),
            x.type.dtype,
        )
        for x in graph.nodes
    ]
    return _Tape(steps, [numbers[x] for x in graph.outputs])


_tapes: Recent[Info, _Tape] = Recent(10_000)
_tapes_back: Recent[tuple[Info, tuple[int, ...]], _Tape] = Recent(10_000)


def can_go(part: Slice) -> bool:
    """Whether each operation can be done by itself: none has effects."""
    return not any(x.info.graph.effects for x in part.steps if not isinstance(x, Variable))


def values_of(part: Slice, wanted: Sequence[Operand]) -> list[Array] | None:
    """The values of steps, in memory of their own.

    None where NumPy refuses: compiled code does it all the same, or says at which line it fails.
    """
    try:
        with np.errstate(all="ignore"):
            values = _forward(part)
    except Exception:  # noqa: BLE001
        return None
    return [_own(values[x]) for x in wanted]


def gradients_of(pull: Pull, waiting: Sequence[Operand]) -> list[Array] | None:
    """The values of steps and the wanted cotangents, in memory of their own; None as above."""
    try:
        with np.errstate(all="ignore"):
            values = _forward(pull.part)
            cotangents = _backward(pull, values)
    except Exception:  # noqa: BLE001
        return None
    zeros = (np.zeros(x.info.kind.type.shape, x.info.kind.type.dtype) for x in pull.wanted)
    found = [cotangents.get(x, zero) for x, zero in zip(pull.wanted, zeros, strict=True)]
    return [_own(x) for x in (*(values[x] for x in waiting), *found)]


def _own(value: Any) -> Array:
    return np.array(value, order="C")


def _value(x: Operand) -> Any:
    return np.asarray((x.source if isinstance(x, Variable) else x).value, x.info.kind.type.dtype)


def _forward(part: Slice) -> Values:
    values: Values = {x: _value(x) for x in part.inputs}
    for step in part.steps:
        if isinstance(step, Variable):
            values[step] = values[step.source]
            continue
        tape = _tapes.get(step.info)
        if tape is None:
            tape = _tapes[step.info] = _tape(step.info.graph)
        (values[step],) = tape([values[x] for x in step.operands])
    return values


def _backward(pull: Pull, values: Values) -> Values:
    cotangents: Values = {}
    for x, ct in pull.seeds:
        one = np.ones(x.info.kind.type.shape, x.info.kind.type.dtype)
        _add(cotangents, x, one if ct is None else _value(ct))
    for step in reversed(pull.part.steps):
        if isinstance(step, Variable) or not step.tracked or step not in cotangents:
            continue
        wrt = tuple([i for i, x in enumerate(step.operands) if x.tracked])
        tape = _tapes_back.get((step.info, wrt))
        if tape is None:
            graph = step_graph(step.info.graph, wrt, result=True)
            tape = _tapes_back[step.info, wrt] = _tape(graph)
        given = [*[values[x] for x in step.operands], cotangents[step], values[step]]
        for i, ct in zip(wrt, tape(given), strict=True):
            _add(cotangents, step.operands[i], ct)
    return cotangents


def _add(cotangents: Values, x: Operand, ct: Any) -> None:
    before = cotangents.get(x)
    cotangents[x] = ct if before is None else before + ct


def step_graph(graph: Graph, wrt: Sequence[int], result: bool) -> Graph:
    """The cotangents of one operation's operands, from these, a cotangent, and maybe the result."""
    from .engine import conjugate

    pulled = vjp(graph, wrt)
    known = (pulled.outputs[0],) if result else ()
    nodes = tuple(x for x in pulled.nodes if x not in known)
    rest = Graph((*pulled.parameters, *known), nodes, pulled.outputs[1:])
    with new_trace() as trace:
        given = [trace.builder.parameter(p.type) for p in rest.parameters]
        place = len(graph.parameters)
        given[place] = conjugate(Tracer(given[place])).node
        found = replay(rest, trace.builder, given)
        return trace.builder.graph([conjugate(Tracer(x)).node for x in found])
