"""Reverse mode on the record: one native function for the values still wanted and the gradients."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from pullback.tracer.ir import Graph, reachable
from pullback.tracer.ir import Node as GraphNode
from pullback.tracer.passes.adjoint import pull_back
from pullback.tracer.primitives.elementwise import broadcast_scalar
from pullback.tracer.trace import Tracer, new_trace
from pullback.tracer.types import is_complex, is_inexact

from . import stepwise
from .anomaly import ANOMALY
from .checked import check_values
from .compute import (
    Compiled,
    Key,
    Slice,
    add_steps,
    argument_kinds,
    arguments_of,
    compiled,
    held,
    parameters_of,
    store,
    to_compile,
)
from .dtypes import Kind, here, kind_of, of_numpy
from .hooks import FREED
from .modes import MODE
from .node import NOT_IMPLEMENTED, Info, Node, Operand, Row, Variable, leaf, user_line
from .recent import Recent
from .session import Session

if TYPE_CHECKING:
    from .tensors import Tensor


@dataclass(slots=True)
class Pull:
    """One sweep backwards: from seeds, through a slice, to what is wanted.

    A seed without a cotangent is a scalar whose cotangent is one.
    """

    part: Slice
    seeds: Sequence[tuple[Operand, Operand | None]]
    wanted: list[Operand]

    @property
    def inputs(self) -> list[Operand]:
        """What the compiled function takes."""
        return [*self.part.inputs, *(ct for _, ct in self.seeds if ct is not None)]

    def key(self) -> Key:
        """The structure: equal for sweeps that one function can do."""
        numbers = self.part.numbers
        return (
            *self.part.structure,
            *[(numbers[x], ct is None) for x, ct in self.seeds],
            None,
            *[numbers[x] for x in self.wanted],
        )


_backward: Recent[Key, dict[tuple[int, ...], Compiled]] = Recent(1000)
"""Functions by the structure of the sweep, and by the values that they compute by the way."""


def run(pull: Pull) -> list[np.ndarray[Any, Any]]:
    """The wanted cotangents; values that tensors wait for are computed by the way."""
    waiting = held(pull.part.steps)
    function, numbers = function_of(pull, waiting)
    MODE.own.session = Session()
    results = stepwise.gradients_of(pull, waiting) if function is None else None
    if results is None:
        function = function or _compile(pull, waiting)
        results = function(arguments_of(pull.inputs))
    given = dict(zip(numbers, results, strict=False))
    values = [given[pull.part.numbers[x]] for x in waiting]
    found = results[len(numbers) :]
    _check(pull, waiting, values, found)
    for node, value in zip(waiting, values, strict=True):
        store(node, value)
    return found


def _check(pull: Pull, waiting: Sequence[Node], values: Sequence[Any], found: list[Any]) -> None:
    """Look through what the sweep starts from, if a tensor holds it, and what it gives."""
    seeds = {x for x, _ in pull.seeds}
    asked = [(x, value) for x, value in zip(waiting, values, strict=True) if x in seeds]
    check_values(
        [*(value for _, value in asked), *found],
        lambda: gradient_graph(pull, [x for x, _ in asked]),
        arguments_of(pull.inputs),
    )


def function_of(
    pull: Pull, waiting: list[Node], planning: bool = False
) -> tuple[Compiled | None, tuple[int, ...]]:
    """What does the sweep, and the numbers of the values that it gives before the cotangents.

    None if that is done one operation at a time.
    """
    key = pull.key()
    functions = _backward.get(key) or {}
    numbers = tuple([pull.part.numbers[x] for x in waiting])
    if numbers not in functions:
        numbers = next((known for known in functions if set(known) >= set(numbers)), numbers)
    if numbers not in functions:
        if not to_compile(pull.part, (*key, None, *numbers), planning):
            return None, numbers
        functions[numbers] = _compile(pull, waiting)
        _backward[key] = functions
    return functions[numbers], numbers


def _compile(pull: Pull, waiting: list[Node]) -> Compiled:
    return compiled(gradient_graph(pull, waiting), argument_kinds(pull.inputs))


def gradient_graph(pull: Pull, values: Sequence[Node]) -> Graph:
    """The graph of one sweep: takes the inputs, gives the values, then the cotangents."""
    with new_trace() as trace:
        trace.fixed_location = True
        made = parameters_of(pull.inputs, trace)
        add_steps(pull.part, made, trace, apart=set(pull.wanted))
        seeds = [
            (made[x], _one(made[x]) if ct is None else conjugate(Tracer(made[ct])))
            for x, ct in pull.seeds
        ]
        pulled = [conjugate(x) for x in pull_back(seeds, [made[x] for x in pull.wanted])]
        return trace.builder.graph([*(made[x] for x in values), *(x.node for x in pulled)])


def conjugate(ct: Tracer) -> Tracer:
    """Between the cotangents of the passes, which are linear, and torch's gradients.

    A gradient points where the result grows: its parts are the derivatives by those of the value.
    """
    conjugated: Any = np.conj
    return conjugated(ct) if is_complex(ct.dtype) else ct


def _one(like: GraphNode) -> Tracer:
    return broadcast_scalar(1.0, Tracer(like))


# -- checks ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Profile:
    """What the checks need to know of slices of one structure, by their numbers.

    ``active`` are those that derivatives go through; ``saved`` are pairs of a value that is kept
    and the step that keeps it; ``saving`` are the steps that keep any, ``lost`` those that cannot
    be gone through a second time.
    """

    active: list[int]
    saved: list[tuple[int, int]]
    saving: list[int]
    lost: list[int]


_profiles: Recent[Key, Profile] = Recent(1000)


def profile_of(part: Slice) -> Profile:
    """The slice's profile, made for the first of its structure."""
    profile = _profiles.get(part.structure)
    if profile is None:
        profile = _profiles[part.structure] = _profile(part)
    return profile


def _profile(part: Slice) -> Profile:
    numbers = part.numbers
    active = _active(part)
    made = Profile([numbers[x] for x in numbers if x in active], [], [], [])
    for step in part.steps:
        if not isinstance(step, Node) or step not in active:
            continue
        saved = step.info.saved(tuple(x.tracked for x in step.operands))
        made.saved += [(numbers[step.operands[i]], numbers[step]) for i in saved.operands]
        if saved.result:
            made.saved.append((numbers[step], numbers[step]))
        if saved:
            made.saving.append(numbers[step])
        if saved or any(numbers.get(x) in made.lost for x in step.operands):
            made.lost.append(numbers[step])
    return made


def _active(part: Slice) -> set[Operand]:
    """What derivatives go through: a result recorded without them hides what it was made of."""
    order = list(part.numbers)
    active = {order[i] for i in part.roots}
    for step in reversed(part.steps):
        if step in active and isinstance(step, Node):
            active.update(x for x in step.operands if x.tracked)
    return active


def check_usable(part: Slice, through: Collection[Operand] | None = None) -> list[Operand]:
    """What derivatives can get to, if what they go through is still as it was recorded.

    ``through``: what they do go through, if that is not all.

    Raises:
        RuntimeError: torch's, for what has been freed or overwritten.
    """
    profile = profile_of(part)
    order = list(part.numbers)
    active = [order[i] for i in profile.active]
    for x in active if through is None else [x for x in active if x in through]:
        if x.freed:
            raise RuntimeError(f"{FREED}{here()}")
        if x.info.row.grad_name is NOT_IMPLEMENTED and x in part.steps:
            raise RuntimeError(f"derivative for aten::{x.info.row.name} is not implemented{here()}")
    for kept, keeper in profile.saved:
        source, step = _source(_memory(order[kept])), order[keeper]
        if through is not None and step not in through:
            continue
        # What an operation in place overwrites itself it has kept a copy of.
        if source.modified and (source is step or step.serial < source.since):
            tensor = source.holder() if source.holder is not None else None
            text = overwritten_text(source, tensor, source.modified - 1)
            raise RuntimeError(f"{text}{here()}")
    return active


def _source(x: Operand) -> Node:
    return x if isinstance(x, Node) else x.source


def _memory(x: Operand) -> Operand:
    """The operand whose memory a view shows."""
    while isinstance(x, Node) and x.info.row.view and x.operands:
        x = x.operands[0]
    return x


def overwritten_text(node: Node, tensor: Tensor | None, expected: int) -> str:
    """Torch's words for a value that is needed, and has been overwritten."""
    type = node.info.kind.type
    maker = node.grad_name.removesuffix("0").removesuffix("Backward") if node.tracked else ""
    of = f", which is output {node.output} of {maker}," if maker else ""
    version = expected + 1 if tensor is None else tensor._version  # pyright: ignore[reportPrivateUsage]
    return (
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [torch.{of_numpy(type.dtype).title}Tensor {list(type.shape)}]{of} is at "
        f"version {version}; expected version {expected} instead. Hint: {_hint()}"
    )


def _hint() -> str:
    if ANOMALY.enabled:
        return (
            "the backtrace further above shows the operation that failed to compute its gradient. "
            "The variable in question was changed in there or anywhere later. Good luck!"
        )
    return (
        "enable anomaly detection to find the operation that failed to compute its gradient, with "
        "torch.autograd.set_detect_anomaly(True, check_nan=False)."
    )


def free(part: Slice, through: Collection[Operand] | None = None) -> None:
    """What the graph has saved is given up: tensors keep their values, and the name of grad_fn.

    ``through``: what derivatives have gone through, if that is not all.
    """
    profile = profile_of(part)
    order = list(part.numbers)
    for number in profile.saving:
        if through is None or order[number] in through:
            order[number].freed = True
    leaves = frozenset([id(x.tensor() if isinstance(x, Variable) else x) for x in order])
    for number in profile.lost:
        if through is None or order[number] in through:
            release(order[number], leaves)  # type: ignore[arg-type]


def release(x: Node, leaves: frozenset[int] = frozenset()) -> None:
    """Let the tensor hold its value without what it was computed from.

    ``leaves`` tells to which leaves and nodes the way has been cut.
    """
    tensor = x.holder() if x.holder is not None else None
    if tensor is not None and tensor.node is x and x.value is not None and x.watch is None:
        stub = Node(x.info, () if x.freed else _still_known(x.operands))
        stub.value, stub.tracked, stub.freed = x.value, True, not stub.operands
        stub.holder, stub.where, stub.grad_fn = x.holder, x.where, x.grad_fn
        stub.output, stub.former = x.output, weakref.ref(x)
        stub.serial, stub.cut_off = x.serial, leaves
        if x.origin is not None:
            stub.origin = _without_operands(x.standing)
        tensor.node = stub
        if tensor.operand is x:
            tensor.operand = stub


def _without_operands(x: Node) -> Node:
    """As much of a node as tells its name."""
    bare = Node(x.info, ())
    bare.tracked = bare.freed = True
    bare.call, bare.output, bare.grad_fn, bare.former = x.call, x.output, x.grad_fn, weakref.ref(x)
    return bare


def _still_known(operands: tuple[Operand, ...]) -> tuple[Operand, ...]:
    """The operands of what has saved nothing, if tensors hold them; none if there are others."""
    known: list[Operand] = []
    for x in operands:
        tensor = x.holder() if isinstance(x, Node) and x.holder is not None else None
        if isinstance(x, Variable) or not x.tracked:
            known.append(x)
        elif tensor is not None and tensor.node.former is not None and tensor.node.standing is x:
            known.append(tensor.node)
        else:
            return ()
    return tuple(known) if all(_source(x).value is not None for x in known) else ()


# -- gradients that are recorded -------------------------------------------------------------

Part: TypeAlias = tuple[Info, tuple[int, ...], tuple[int, ...]]
_parts: Recent[Key, list[Part]] = Recent(1000)
"""What each output of a graph is, and the numbers of the inputs that it depends on, and of those
that it has a derivative by."""


def nodes_of(
    key: Key, inputs: Sequence[Operand], make: Callable[[], Graph], row: Row
) -> list[Node]:
    """The outputs of a graph as nodes of the record, each with the inputs that it depends on.

    The graph is made for the first of each key.
    """
    parts = _parts.get(key)
    if parts is None:
        graph = make()
        kinds = [x.info.kind for x in inputs]
        parts = _parts[key] = [_part(graph, x, kinds, row) for x in graph.outputs]
    results: list[Node] = []
    for info, used, varying in parts:
        if not used:
            results.append(leaf(np.array(*info.graph.evaluate())))
            continue
        node = Node(info, tuple([inputs[j] for j in used]))
        node.tracked = info.differentiable and any(inputs[j].tracked for j in varying)
        node.kept = bool(MODE.own.levels)
        node.where = user_line()
        results.append(node)
    return results


def _part(graph: Graph, output: GraphNode, kinds: Sequence[Kind], row: Row) -> Part:
    needed = reachable([output])
    used = tuple(i for i, x in enumerate(graph.parameters) if x in needed)
    parameters = tuple(graph.parameters[i] for i in used)
    one = Graph(parameters, tuple(x for x in graph.nodes if x in needed), (output,))
    kind = kind_of(output.type.shape, output.type.dtype)
    inexact = is_inexact(kind.type.dtype)
    info = Info(row, kind, one, tuple(kinds[i] for i in used), (), inexact)
    return info, used, tuple(i for i, yes in zip(used, _varying(one), strict=True) if yes)


def _varying(graph: Graph) -> list[bool]:
    """By which parameters the output may have a derivative: a bit of a number for each."""
    bits = {x: 1 << i for i, x in enumerate(graph.parameters) if is_inexact(x.type.dtype)}
    for node in graph.nodes:
        if node.primitive.differentiable and is_inexact(node.type.dtype):
            bits[node] = reduce(or_, [bits.get(x, 0) for x in node.operands], 0)
    found = bits.get(graph.outputs[0], 0)
    return [bool(found >> i & 1) for i in range(len(graph.parameters))]


GRADIENT = Row("gradient", lambda *xs: None, "GradientBackward0")
"""The row of recorded cotangents."""


def recorded(pull: Pull) -> list[Node]:
    """The wanted cotangents as nodes of the record, to be differentiated again."""
    key = ("gradient", *pull.key())
    return nodes_of(key, pull.inputs, lambda: gradient_graph(pull, []), GRADIENT)
