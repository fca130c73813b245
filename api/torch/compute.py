"""Values on demand: the recorded slice becomes a graph, the graph a native function.

The function is found by the structure of the slice: the operations, their types and parameters, and
how they hang together, never by values. What else is still wanted of the slice, because a tensor
holds it, is computed by the same call.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeAlias

import numpy as np

from pullback.codegen.entry import Argument, Entry, Group, Leaf
from pullback.runtime.compiler import Program, compile_graph
from pullback.runtime.native import NativeCallable, Specialisation
from pullback.tracer.ir import Graph, replay
from pullback.tracer.ir import Node as GraphNode
from pullback.tracer.primitives.elementwise import stop_gradient
from pullback.tracer.trace import Trace, Tracer, checked_for, new_trace

from ..custom import custom_jvp
from . import stepwise
from .checked import check_values
from .dtypes import here
from .errors import LinAlgError
from .modes import MODE
from .node import DETACH, ENTER, Node, Operand, Variable
from .recent import Recent
from .recompiling import LONG, note, worth_compiling
from .session import UNKNOWN, Plan, Session, plan_table

Key: TypeAlias = tuple[Any, ...]
Array: TypeAlias = "np.ndarray[Any, Any]"
_by_serial = attrgetter("serial")


@dataclass(slots=True)
class Counts:
    """How often native functions were made and called: ``pullback.torch.counts``.

    >>> before = torch.counts.compiled
    >>> value = (torch.ones(2) + 1).tolist()
    >>> torch.counts.compiled - before <= 1
    True
    """

    compiled: int = 0
    called: int = 0


counts = Counts()

watchers: list[Callable[[Compiled, Sequence[Any]], None]] = []
"""What is told of each call of a native function, before it runs."""


@dataclass(slots=True)
class Slice:
    """What some nodes are computed from, in the order in which it was recorded.

    ``numbers`` counts inputs and steps; ``roots`` are those of the nodes that it ends in;
    ``structure`` is the same for equal slices.
    """

    steps: list[Operand]
    inputs: list[Operand]
    numbers: dict[Operand, int]
    roots: tuple[int, ...]
    structure: Key


def slice_of(
    targets: Sequence[Operand], through_tracked: bool, stops: frozenset[Operand] = frozenset()
) -> Slice:
    """The slice that ends in the targets.

    It begins where there are values, and at the stops; for differentiation it goes on through
    tracked operations.
    """
    steps = _reached(targets, through_tracked, stops)
    steps.sort(key=_by_serial)
    inputs: list[Operand] = []
    numbers: dict[Operand, int] = {}
    structure: list[Any] = []
    for step in steps:
        for x in step.operands:
            place = numbers.get(x)
            if place is None:
                place = numbers[x] = len(numbers)
                inputs.append(x)
                structure.append(x.tracked)
            structure.append(place)
        structure.append(step.info if step.__class__ is Node else Variable)
        structure.append(step.tracked)
        numbers[step] = len(numbers)
    for x in targets:
        if x not in numbers:
            numbers[x] = len(numbers)
            inputs.append(x)
            structure += (x.info, x.tracked)
    roots = tuple([numbers[x] for x in targets])
    structure.append(roots)
    return Slice(steps, inputs, numbers, roots, tuple(structure))


def _reached(
    targets: Iterable[Operand], through_tracked: bool, stops: frozenset[Operand]
) -> list[Operand]:
    """The steps between: operations, and variables whose values are not there yet."""
    seen: set[Operand] = set(stops)
    stack: list[Operand] = list(targets)
    found: list[Operand] = []
    while stack:
        x = stack.pop()
        if x in seen:
            continue
        seen.add(x)
        if isinstance(x, Variable):
            if x.source.value is None:
                found.append(x)
                stack.append(x.source)
        elif x.operands and (x.value is None or (through_tracked and x.tracked)):
            found.append(x)
            stack.extend(x.operands)
    return found


# -- the graph of a slice --------------------------------------------------------------------


def parameters_of(inputs: Sequence[Operand], trace: Trace) -> dict[Operand, GraphNode]:
    """A parameter of the graph for each input of the slice."""
    return {x: trace.builder.parameter(x.info.kind.type) for x in inputs}


def add_steps(
    part: Slice,
    made: dict[Operand, GraphNode],
    trace: Trace,
    forward: bool = False,
    apart: Collection[Operand] = frozenset(),
) -> None:
    """Add the slice's operations to the graph, each at the line that recorded it.

    For ``forward`` mode, what was recorded without derivatives has them all the same. The results
    of those to be ``apart`` are nodes that nothing else is, though they may be equal to others.

    What derivatives must not pass into, a variable or a result recorded without them, is a node of
    its own: equal computations are shared, and one of them may be tracked.
    """
    variables: set[GraphNode] = set()
    for step in part.steps:
        if step in made:
            continue
        if isinstance(step, Variable):
            node = made[step.source]
            while True:
                node = stop_gradient(Tracer(node)).node
                if node not in variables:
                    break
            variables.add(node)
            made[step] = node
        else:
            made[step] = _add_step(step, made, trace, forward)
            if step in apart:
                while made[step] in variables or made[step] is made.get(step.operands[0]):
                    made[step] = _same(Tracer(made[step])).node
                variables.add(made[step])


@custom_jvp
def _same(x: Any) -> Any:
    return x


@_same.defjvp
def _same_tangent(primals: Any, tangents: Any) -> Any:
    return primals[0], tangents[0]


def _add_step(step: Node, made: dict[Operand, GraphNode], trace: Trace, forward: bool) -> GraphNode:
    builder = trace.builder
    arguments = [made[x] for x in step.operands]
    (node,) = _replayed(step.info.graph, arguments, trace, step)
    hidden = step.info.row is DETACH
    if not forward:
        tracked = not step.tracked and any(x.tracked for x in step.operands)
        hidden = tracked and step.info.row is not ENTER
    if hidden:
        builder.where = step.location
        node = stop_gradient(Tracer(node)).node
    return node


def _replayed(
    graph: Graph, arguments: Sequence[GraphNode], trace: Trace, step: Node
) -> list[GraphNode]:
    builder = trace.builder
    first = len(builder.nodes)
    results = replay(graph, builder, arguments)
    where = step.location
    for node in builder.nodes[first:]:
        object.__setattr__(node, "where", where)
    return results


# -- compiled slices -------------------------------------------------------------------------


class _Native(NativeCallable):
    """The machine code of one structure, called with the inputs of a slice."""

    __slots__ = ()


@dataclass(slots=True)
class Compiled:
    """A native function for slices of one structure."""

    program: Program
    native: Callable[..., tuple[Any, ...]]

    def __call__(self, arguments: Sequence[Any]) -> list[Array]:
        """The outputs, arrays all of them."""
        counts.called += 1
        for watch in watchers:
            watch(self, arguments)
        try:
            results = self.native(*arguments)
        except np.linalg.LinAlgError as error:
            raise LinAlgError(str(error)) from None
        return [x if type(x) is np.ndarray else np.asarray(x) for x in results]


def compiled(graph: Graph, kinds: Sequence[str]) -> Compiled:
    """Compile a graph whose parameters are given as arrays, or as Python numbers."""
    arguments = [
        Argument(kind, p.type)  # type: ignore[arg-type]
        for kind, p in zip(kinds, graph.parameters, strict=True)
    ]
    outputs = tuple(x.type for x in graph.outputs)
    result = Group("tuple", tuple(Leaf(i) for i in range(len(outputs))))
    program = compile_graph(graph, Entry(tuple(arguments), outputs, result))
    counts.compiled += 1
    note(graph)
    native = _Native()
    native.set_slow(lambda *given: native(*_contiguous(given)))
    native.set_chain([Specialisation(program.code, program.entry)])
    return Compiled(program, native)


NO_VALUE = (
    "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling "
    ".item() on a Tensor, please try to rewrite what you're doing with other operations. If error "
    "is occurring somewhere inside PyTorch internals, please file a bug report."
)
"""What is said when a value is asked for that stands for a batch."""


def _contiguous(arguments: Sequence[Any]) -> list[Any]:
    """Machine code reads arrays without gaps, in row-major order: views of others are copied."""
    if any(x is None for x in arguments):
        raise RuntimeError(f"{NO_VALUE}{here()}")
    ready = [np.array(x, order="C") if isinstance(x, np.ndarray) else x for x in arguments]
    assert any(a is not b for a, b in zip(ready, arguments, strict=True)), arguments
    return ready


def argument_kinds(inputs: Sequence[Operand]) -> list[str]:
    """How the compiled function takes each input."""
    return [
        _NUMBERS[x.info.kind.type.dtype.kind] if x.info.kind.number else "array" for x in inputs
    ]


_NUMBERS = {"f": "float", "i": "int", "b": "bool", "c": "complex"}


def arguments_of(inputs: Sequence[Operand]) -> list[Any]:
    """The values to call the compiled function with."""
    return [x.source.value if type(x) is Variable else x.value for x in inputs]  # type: ignore[union-attr]


def held(steps: Iterable[Operand]) -> list[Node]:
    """The operations whose values are still to be computed and belong to some tensor."""
    wanted: list[Node] = []
    for x in steps:
        if type(x) is Node and x.value is None and x.holder is not None:
            tensor = x.holder()
            if tensor is not None and tensor.node is x:
                wanted.append(x)
    return wanted


def store(node: Node, value: Array) -> None:
    """Give a node its value; without derivatives it needs no more what it was computed from."""
    node.value = value
    if not node.tracked and not node.kept:
        node.operands = ()


_forward: Recent[Key, Compiled] = Recent(1000)


def force(targets: Sequence[Node]) -> None:
    """Compute the values of the targets, and of what tensors hold on the way there."""
    targets = [x for x in targets if x.value is None]
    if not targets:
        return
    session, MODE.own.session = MODE.own.session, Session()
    if _force_planned(session, targets):
        return
    part = slice_of(targets, through_tracked=False)
    wanted = _wanted(part, targets)
    if wanted:
        function = _forward_function(part, wanted)
        results = stepwise.values_of(part, wanted) if function is None else None
        if results is None:
            function = function or _compile_forward(part, wanted)
            results = function(arguments_of(part.inputs))
        _check(part, [x for x in targets if x.value is None], wanted, results)
        for node, value in zip(wanted, results, strict=True):
            store(node, value)


def _check(
    part: Slice, targets: Sequence[Node], wanted: Sequence[Node], results: Sequence[Array]
) -> None:
    """Look through what has been asked for; what tensors hold besides may not matter."""
    found = [x for node, x in zip(wanted, results, strict=True) if node in targets]
    check_values(found, lambda: _forward_graph(part, targets), arguments_of(part.inputs))


def _wanted(part: Slice, targets: Sequence[Node]) -> list[Node]:
    wanted = held(part.steps)
    for x in targets:
        if x.value is None and x not in wanted:
            wanted.append(x)
    return wanted


def _forward_function(
    part: Slice, wanted: Sequence[Node], planning: bool = False
) -> Compiled | None:
    """What computes a slice; None if that is done one operation at a time."""
    key = (*part.structure, *[part.numbers[x] for x in wanted])
    function = _forward.get(key)
    if function is None:
        if not to_compile(part, key, planning):
            return None
        function = _forward[key] = _compile_forward(part, wanted)
    return function


def to_compile(part: Slice, key: Key, planning: bool) -> bool:
    """Whether to compile what has not been compiled."""
    if MODE.own.levels or not stepwise.can_go(part):
        return True
    return worth_compiling(key, len(part.steps) >= LONG, planning)


_plans = plan_table()


def _force_planned(session: Session, targets: Sequence[Node]) -> bool:
    """If a look-up tells how: compute the targets, and all that waits without derivatives."""
    if session.closed or checked_for() is not None:
        return False
    if not all(x.session is session and x.form is not None for x in targets):
        return False
    waiting = session.waiting()
    key = (*[x.form for x in targets], None, *[x.form for x in waiting])
    plan = _plans.get(key, UNKNOWN)
    if plan is UNKNOWN:
        plan = _plans[key] = _plan(session, targets, waiting)
    if plan is None or plan is UNKNOWN:
        return False
    results = plan.function(session.arguments(plan.inputs))
    nodes = [*targets, *waiting]
    for i, place in plan.outputs:
        store(nodes[i], results[place])
    return True


def _plan(session: Session, asked: Sequence[Node], waiting: list[Node]) -> Plan | None:
    quiet = [x for x in waiting if not x.tracked and x not in asked]
    part = slice_of([*asked, *quiet], through_tracked=False)
    inputs = session.inputs_of(part.inputs, part.steps)
    if inputs is None:
        return None
    wanted = _wanted(part, asked)
    nodes = [*asked, *waiting]
    outputs = [(i, wanted.index(x)) for i, x in enumerate(nodes) if x in wanted]
    function = _forward_function(part, wanted, planning=True)
    return UNKNOWN if function is None else Plan(function, inputs, tuple(outputs))


def _compile_forward(part: Slice, wanted: Sequence[Node]) -> Compiled:
    return compiled(_forward_graph(part, wanted), argument_kinds(part.inputs))


def _forward_graph(part: Slice, wanted: Sequence[Node]) -> Graph:
    with new_trace() as trace:
        trace.fixed_location = True
        made = parameters_of(part.inputs, trace)
        add_steps(part, made, trace)
        return trace.builder.graph([made[x] for x in wanted])


def value_of(node: Node) -> Array:
    """The node's value, computed now if it has not been."""
    value: Array | None = node.value
    if value is None:
        force([node])
        value = node.value
        assert value is not None
    return value
