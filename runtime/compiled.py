"""One specialisation of a function: how it is compiled for a call, and called."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pullback.codegen.entry import (
    CHECKED,
    Applied,
    Argument,
    Constant,
    Entry,
    Given,
    Group,
    Into,
    Items,
    Leaf,
    Table,
    Tree,
)
from pullback.tracer import tree
from pullback.tracer.ir import Graph
from pullback.tracer.path import Answers, Turn
from pullback.tracer.trace import (
    array_type,
)
from pullback.tracer.types import ArrayType

from .compiler import Program, calls_python, compile_graph
from .guards import Contents, guards_of
from .native import NativeCallable, Specialisation
from .signature import (
    Call,
    ShapeDtype,
    Signature,
    as_argument,
    given_as,
    is_plain,
    places_of,
    put_together,
)
from .targets import OUT, Targets, check_targets_fit, copy_into
from .traced import traced
from .writing import check_targets, spare_what_is_shared, write_back

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class Compiled:
    """One specialisation of a function."""

    signature: Signature
    program: Program
    specialisation: Specialisation
    contents: tuple[Contents, ...]
    native: NativeCallable
    direct: bool
    converted: tuple[np.ndarray[Any, Any], ...]
    writes: tuple[int, ...]
    answers: Answers | None
    spec: tree.TreeSpec
    seconds: float
    when: float

    @property
    def findable(self) -> bool:
        """Whether machine code alone can tell that a call is for it, and finish it."""
        return not (self.contents or self.converted or self.writes or self.answers) or self.quick

    @property
    def quick(self) -> bool:
        """Whether it is a path that machine code tries: quickly done, and nothing can go wrong."""
        if not self.answers or self.contents or self.converted or self.writes:
            return False
        program, entry = self.program, self.program.entry
        fails = entry.sites or program.callbacks or program.may_not_end or entry.may_raise
        return not (fails or entry.release_gil)

    @property
    def tried(self) -> Specialisation:
        """What machine code tries."""
        return replace(self.specialisation, name=CHECKED) if self.quick else self.specialisation

    def call(self, call: Call) -> Any:
        """The result; what the function writes to its arguments is in them.

        A call on another path than this one's gives the `Turn` that it takes instead.
        """
        if call.targets is not None:
            check_targets_fit(call.targets, self.spec, self.result_types)
        if self.program.entry.into:
            return self._call_into(call, cast("Targets", call.targets))
        result = self._result(call)
        if call.targets is None or result is MISSED or isinstance(result, Turn):
            return result
        return copy_into(call.targets, tree.flatten(result)[0])

    @property
    def result_types(self) -> list[ArrayType]:
        """What is returned, but for what else the graph gives."""
        return [x.type for x in self.program.graph.outputs[: self.spec.num_leaves]]

    def _call_into(self, call: Call, targets: Targets) -> Any:
        """A call that writes its results into arrays, which it returns."""
        if call_native(self, call, targets.leaves) is not MISSED:
            return targets.given
        # They may lie in memory that the code reads, or in no order that it writes.
        values = [np.empty(type.shape, type.dtype) for type in self.result_types]
        found = call_native(self, call, values)
        return found if found is MISSED else copy_into(targets, values)

    def _result(self, call: Call) -> Any:
        """What `call` says, without arrays for the result."""
        if not self.writes and not self.answers:
            if self.program.entry.reused:
                places = [place for _, place in self.program.entry.reused]
                captures = cast("tuple[Any, ...]", self.specialisation.captures)
                spare_what_is_shared(call.leaves, places, (*captures, *self.converted))
            return call_native(self, call)
        captures = cast("tuple[Any, ...]", self.specialisation.captures)
        targets = check_targets(call.given, self.writes, (*captures, *self.converted))
        program = self.program
        first = program.may_not_end or program.graph.effects
        turn = self.turn_of(call) if first else None
        if turn is not None:
            return turn
        try:
            found = call_native(self, call)
        except Exception:
            # What goes wrong on a path that is not the call's own is no error of the call.
            turn = self.turn_of(call)
            if turn is not None:
                return turn
            raise
        if found is MISSED:
            return found
        result, values = found
        turn = self.answers.turn(values[len(targets) :]) if self.answers else None
        if turn is not None:
            return turn
        write_back(targets, values[: len(targets)])
        return result

    def turn_of(self, call: Call) -> Turn | None:
        """Where a call leaves the path, found out without running the code."""
        captures = cast("tuple[Any, ...]", self.specialisation.captures)
        given = [*call.leaves, *self.converted, *captures]
        return self.answers.turn_of(given) if self.answers else None

    def follows(self, turn: Turn) -> bool:
        """Whether a call with these answers may be on the path."""
        return self.answers.follows(turn) if self.answers else not turn.answers

    def current(self) -> bool:
        """Whether all that the code was made of outside the function still is what it was."""
        if not all(c.unchanged() for c in self.contents):
            return False
        for guard in self.specialisation.guards:
            if guard.find() is not guard.expected:
                return False
        outside = self.program.graph.parameters[len(self.signature.arguments) :]
        captures = cast("tuple[Any, ...]", self.specialisation.captures)
        arrays = (*self.converted, *captures)
        alike = all(array_type(x) == p.type for x, p in zip(arrays, outside, strict=True))
        return alike and all(map(is_plain, captures))


def call_native(compiled: Compiled, call: Call, targets: Sequence[Any] | None = None) -> Any:
    """Call one specialisation with the arguments, and arrays for results, as it takes them."""
    if not compiled.direct:
        leaves = [*call.leaves, *(as_argument(x)[1] for x in compiled.converted)]
        return compiled.native(*leaves, *([] if targets is None else [tuple(targets)]))
    args, kwargs = put_together(call.signature, call.leaves)
    if targets is not None:
        kwargs[OUT] = tree.unflatten(compiled.spec, targets)
    return compiled.native(*args, **{sys.intern(name): x for name, x in kwargs.items()})


def compile_call(
    body: Callable[..., Any],
    guarded: Sequence[Callable[..., Any]],
    call: Call,
    writing: bool,
    donate_argnums: Sequence[int] = (),
) -> Compiled:
    start = time.perf_counter()
    values = None if any(isinstance(x, ShapeDtype) for x in call.leaves) else call.leaves
    graph, captures, spec, writes, answers = traced(body, call.signature, writing, values)
    tracing_time = time.perf_counter() - start
    guards, contents = guards_of(*guarded)
    objects = list(call.objects)
    leaves = iter(range(len(graph.outputs)))
    result = _result_tree(spec, leaves, objects)
    if writes or answers:
        result = Group("tuple", (result, Group("tuple", tuple(map(Leaf, leaves)))))
    graph, converted, captures = _converted_first(graph, captures)
    if answers is not None:
        answers = replace(answers, parameters=graph.parameters)
    outside = [Argument("array", p.type) for p in graph.parameters[len(call.leaves) :]]
    arguments, names = call.direct, call.names
    into = call.targets is not None and not writes and not answers
    if into and arguments is not None:
        arguments, names = _with_targets(arguments, names, graph, spec, objects)
    direct = arguments is not None and not converted
    if arguments is None or converted:
        arguments = (*call.signature.arguments, *outside[: len(converted)])
        names = ()
        if into:
            arguments += (Items("tuple", tuple(Into(x.type) for x in graph.outputs)),)
    donated: tuple[int, ...] = ()
    if donate_argnums and not (into or writes or answers):
        donated = _donated(graph, places_of(call.signature, donate_argnums))
    entry = Entry(
        arguments,
        tuple(x.type for x in graph.outputs),
        result,
        tuple(outside[len(converted) :]),
        guarded=bool(guards),
        callbacks=len(objects) if calls_python(graph) else None,
        expected=_expected(graph, answers) if not writes else (),
        keywords=names,
        donated=donated,
        into=into,
    )
    program = compile_graph(graph, entry)
    if "trace" not in program.seconds:
        program.seconds = {"trace": tracing_time, **program.seconds}
    objects += program.callbacks
    specialisation = Specialisation(program.code, program.entry, captures, guards, tuple(objects))
    native = Flat()
    native.set_slow(missed)
    native.set_chain([specialisation])
    seconds = time.perf_counter() - start
    return Compiled(
        call.signature,
        program,
        specialisation,
        contents,
        native,
        direct,
        converted,
        writes,
        answers,
        spec,
        seconds,
        time.time(),
    )


def _with_targets(
    arguments: tuple[Given, ...],
    names: tuple[int, ...],
    graph: Graph,
    spec: tree.TreeSpec,
    objects: list[Any],
) -> tuple[tuple[Given, ...] | None, tuple[int, ...]]:
    """The arguments, then the arrays for results, by keyword; None if code cannot read the tree."""
    targets = given_as(spec, iter([Into(x.type) for x in graph.outputs]), objects)
    if targets is None:
        return None, ()
    objects.append(OUT)
    return (*arguments, targets), (*names, len(objects) - 1)


def _donated(graph: Graph, places: Sequence[int]) -> tuple[int, ...]:
    """Those of the places that are arrays with axes."""
    return tuple(place for place in places if graph.parameters[place].type.ndim)


def _expected(graph: Graph, answers: Answers | None) -> tuple[tuple[int, bytes], ...]:
    """Which outputs are answers, and what they are on the path."""
    expected = answers.expected if answers is not None else ()
    return tuple(enumerate(expected, len(graph.outputs) - len(expected)))


def _converted_first(
    graph: Graph, captures: Sequence[Any]
) -> tuple[Graph, tuple[Any, ...], tuple[Any, ...]]:
    """The captured arrays that machine code cannot read as they are, and the others.

    The former are arguments, converted at each call; the graph takes them first.
    """
    count = len(graph.parameters) - len(captures)
    pairs = list(zip(graph.parameters[count:], captures, strict=True))
    pairs.sort(key=lambda pair: is_plain(pair[1]))
    arrays = tuple([x for _, x in pairs])
    odd = sum(not is_plain(x) for x in arrays)
    parameters = (*graph.parameters[:count], *(p for p, _ in pairs))
    return Graph(parameters, graph.nodes, graph.outputs), arrays[:odd], arrays[odd:]


class Flat(NativeCallable):
    """The machine code of one specialisation, called with its leaves."""

    __slots__ = ()


MISSED = object()


def missed(*args: Any, **kwargs: Any) -> object:
    """No specialisation in a chain is made for these leaves, or names mean something else now."""
    return MISSED


def _result_tree(spec: tree.TreeSpec, leaves: Any, objects: list[Any]) -> Tree:
    """How machine code builds the result; containers that it does not know are left to Python."""
    if spec.is_leaf():
        return Leaf(next(leaves))
    children = spec.children()
    kind = spec.type
    if kind is type(None):
        objects.append(None)
        return Constant(len(objects) - 1)
    if kind in (tuple, list):
        name = "tuple" if kind is tuple else "list"
        return Group(name, tuple([_result_tree(c, leaves, objects) for c in children]))  # type: ignore[arg-type]
    if kind is dict:
        keys = []
        for key in spec.entries():
            objects.append(key)
            keys.append(len(objects) - 1)
        return Table(tuple(keys), tuple([_result_tree(c, leaves, objects) for c in children]))
    objects.append(functools.partial(tree.unflatten, spec))
    function = len(objects) - 1
    return Applied(
        function, Group("list", tuple(Leaf(next(leaves)) for _ in range(spec.num_leaves)))
    )
