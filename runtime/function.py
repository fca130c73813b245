"""Compiled functions: from a call's signature to a specialisation, and everything to look at."""

from __future__ import annotations

import functools
import operator
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
from pullback.tracer.errors import TracedValueError, at
from pullback.tracer.interpret import find_nan
from pullback.tracer.ir import Graph, Node, reachable
from pullback.tracer.location import user_location
from pullback.tracer.locks import new_lock
from pullback.tracer.passes.long import warn_of_long
from pullback.tracer.passes.pick import pick
from pullback.tracer.passes.roll import roll
from pullback.tracer.path import Answers, Path, Turn, packed_answers
from pullback.tracer.trace import (
    Storage,
    Tracer,
    array_type,
    jit_is_disabled,
    new_trace,
    operand_node,
    tracing,
)
from pullback.tracer.transform import READ_ONLY, as_leaf
from pullback.tracer.types import ArrayType

from .compiler import Program, Stage, calls_python, compile_graph
from .errors import InternalError
from .guards import Contents, guards_of
from .native import NativeCallable, Specialisation
from .signature import (
    Call,
    ShapeDtype,
    Signature,
    as_argument,
    as_plain,
    given_as,
    is_plain,
    places_of,
    put_together,
    take_apart,
)
from .targets import OUT, Targets, check_targets_fit, copy_into, put_into, takes_out, targets_of
from .writing import check_targets, spare_what_is_shared, write_back

if TYPE_CHECKING:
    from pullback.codegen.kernel import Plan

CHAIN_LIMIT = 64
"""Signatures that machine code tells apart by itself; the others are looked up in Python."""

CHAIN_PATHS = 4
"""Paths of one signature that machine code tries one after another; the newest ones."""

ATTEMPTS = 100
"""How often another thread may rebind what a function refers to between a look and the call."""

VERSIONS_LIMIT = 8
"""Specialisations kept of one signature, for names that keep changing what they mean."""


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
        if call.targets is None or result is _MISSED or isinstance(result, Turn):
            return result
        return copy_into(call.targets, tree.flatten(result)[0])

    @property
    def result_types(self) -> list[ArrayType]:
        """What is returned, but for what else the graph gives."""
        return [x.type for x in self.program.graph.outputs[: self.spec.num_leaves]]

    def _call_into(self, call: Call, targets: Targets) -> Any:
        """A call that writes its results into arrays, which it returns."""
        if _call_native(self, call, targets.leaves) is not _MISSED:
            return targets.given
        # They may lie in memory that the code reads, or in no order that it writes.
        values = [np.empty(type.shape, type.dtype) for type in self.result_types]
        found = _call_native(self, call, values)
        return found if found is _MISSED else copy_into(targets, values)

    def _result(self, call: Call) -> Any:
        """What `call` says, without arrays for the result."""
        if not self.writes and not self.answers:
            if self.program.entry.reused:
                places = [place for _, place in self.program.entry.reused]
                captures = cast("tuple[Any, ...]", self.specialisation.captures)
                spare_what_is_shared(call.leaves, places, (*captures, *self.converted))
            return _call_native(self, call)
        captures = cast("tuple[Any, ...]", self.specialisation.captures)
        targets = check_targets(call.given, self.writes, (*captures, *self.converted))
        program = self.program
        first = program.may_not_end or program.graph.effects
        turn = self.turn_of(call) if first else None
        if turn is not None:
            return turn
        try:
            found = _call_native(self, call)
        except Exception:
            # What goes wrong on a path that is not the call's own is no error of the call.
            turn = self.turn_of(call)
            if turn is not None:
                return turn
            raise
        if found is _MISSED:
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


class Function(NativeCallable):
    """A function that compiles itself when it is called with arrays.

    While another function is being traced it becomes part of that one. `pullback.jit`,
    `pullback.grad` and the others make them.

    >>> f = pb.jit(lambda x: 2.0 * x)
    >>> f(np.ones(2))
    array([2., 2.])
    >>> print(f.ir(np.ones(2)).text(locations=False))
    graph (%0: f64[2]) {
      %1: f64[] = 2.0
      %2: f64[2] = broadcast %1 [shape=(2,); axes=()]
      %3: f64[2] = mul %2 %0
      return %3
    }
    """

    def __init__(
        self,
        body: Callable[..., Any],
        wrapped: Callable[..., Any],
        static_argnums: Sequence[int] = (),
        static_argnames: Sequence[str] = (),
        writing: bool = False,
        refers: Sequence[Callable[..., Any]] = (),
        donate_argnums: Sequence[int] = (),
    ) -> None:
        """``refers`` are other functions that ``body`` calls, guarded as ``wrapped`` is."""
        functools.update_wrapper(self, wrapped)
        self.__wrapped__ = wrapped
        self._body = body
        self._static_argnums = tuple(static_argnums)
        self._static_argnames = tuple(static_argnames)
        self._writing = writing
        self._donate_argnums = tuple(donate_argnums)
        self._guarded = (wrapped, *refers)
        self._versions: dict[Signature, list[Compiled]] = {}
        self._by_structure: dict[tree.TreeSpec, _Flat] = {}
        self._lock = new_lock()
        self._direct = _Flat()
        self._direct.set_slow(_missed)
        self.set_slow(self._slow)

    def __repr__(self) -> str:
        return f"<compiled {getattr(self.__wrapped__, '__qualname__', self.__wrapped__)}>"

    # -- looking inside --------------------------------------------------------------------------

    def ir(self, *args: Any, **kwargs: Any) -> Graph:
        """The graph for these arguments, arrays or `ShapeDtype`; printing it gives its text."""
        return self._inspect(args, kwargs).program.graph

    def plan(self, *args: Any, **kwargs: Any) -> Plan:
        """Kernels, buffers and bytes."""
        return self._inspect(args, kwargs).program.plan

    def llvm(self, *args: Any, **kwargs: Any) -> str:
        """The LLVM text."""
        return self._inspect(args, kwargs).program.llvm

    def asm(self, *args: Any, **kwargs: Any) -> str:
        """The machine's instructions."""
        return self._inspect(args, kwargs).program.assembly

    def stages(self, *args: Any, **kwargs: Any) -> list[Stage]:
        """Every stage of the compilation, each printable."""
        return self._inspect(args, kwargs).program.stages()

    def find_nan(self, *args: Any, **kwargs: Any) -> None:
        """Compute with NumPy until an operation makes a NaN of operands without any.

        Raises:
            FloatingPointError: naming the operation and its line.
        """
        call = self._take_apart(args, kwargs)
        graph, captures, *_ = _traced(self._body, call.signature, self._writing, call.leaves)
        find_nan(graph, [*call.leaves, *captures])

    def seconds(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """How long each stage of the compilation took, in order."""
        return dict(self._inspect(args, kwargs).program.seconds)

    @property
    def signatures(self) -> list[str]:
        """What has been compiled, and how long it took."""
        return [
            f"{c.signature} compiled in {1e3 * c.seconds:.1f} ms"
            for versions in self._versions.values()
            for c in versions
        ]

    def _inspect(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Compiled:
        call, turn = self._take_apart(args, kwargs), Turn()
        typed = any(isinstance(x, ShapeDtype) for x in call.leaves)
        while True:
            compiled = self._compiled(call, turn)
            other = None if typed else compiled.turn_of(call)
            if other is None:
                return compiled
            turn = other

    # -- calls -------------------------------------------------------------------------------------

    def _slow(self, *args: Any, **kwargs: Any) -> Any:
        """A call that machine code was not made for."""
        as_it_is = tracing() or (jit_is_disabled() and self._body is self.__wrapped__)
        if OUT in kwargs and not takes_out(self.__wrapped__):
            if as_it_is or jit_is_disabled():
                return put_into(kwargs.pop(OUT), self._slow(*args, **kwargs))
        elif as_it_is:
            return self._body(*args, **kwargs)
        else:
            result = self._made_plain(args, kwargs)
            if result is not _MISSED:
                return result
        return self._called(self._take_apart(args, kwargs))

    def _called(self, call: Call) -> Any:
        """A call that a specialisation is found or made for."""
        if any(isinstance(x, ShapeDtype) for x in call.leaves):
            raise TypeError(f"a ShapeDtype has no values to compute with{at(user_location())}")
        if jit_is_disabled():
            return self._interpreted(call)
        turn = Turn()
        for _ in range(ATTEMPTS + paths_limit()):
            compiled = self._compiled(call, turn)
            result = compiled.call(call)
            if isinstance(result, Turn):
                turn = result
            elif result is not _MISSED:
                return result
        raise InternalError("compiled code refused arguments of its own signature")

    def _made_plain(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """The result of a call that is unusual only by how arrays lie in memory, or by containers.

        Otherwise `_MISSED`.
        """
        if self._static_argnames or self._static_argnums or jit_is_disabled():
            return _MISSED
        leaves, spec = tree.flatten((args, kwargs))
        plain = [as_plain(x) for x in leaves]
        flat = self._by_structure.get(spec)
        if flat is not None:
            return flat(*plain)
        if all(x is y for x, y in zip(plain, leaves, strict=True)):
            return _MISSED
        positional, named = tree.unflatten(spec, plain)
        return self._direct(*positional, **named)

    def _interpreted(self, call: Call) -> Any:
        """A call with nothing compiled: its graph, run by NumPy."""
        graph, captures, spec, *_ = _traced(self._body, call.signature, False, call.leaves)
        found = graph.evaluate(*call.leaves, *captures)
        return tree.unflatten(spec, [np.array(x)[()] for x in found[: spec.num_leaves]])

    def _take_apart(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Call:
        targets = None
        if OUT in kwargs and not takes_out(self.__wrapped__):
            targets = targets_of(kwargs[OUT])
            kwargs = {name: x for name, x in kwargs.items() if name != OUT}
        return take_apart(args, kwargs, self._static_argnums, self._static_argnames, targets)

    def _compiled(self, call: Call, turn: Turn | None = None) -> Compiled:
        """The specialisation for a call that takes a turn: a current one, else a new one."""
        turn = turn or Turn()
        with self._lock:
            versions = self._versions.setdefault(call.signature, [])
            current = [compiled for compiled in versions if compiled.current()]
            for compiled in current:
                if compiled.follows(turn):
                    return compiled
            _check_paths(current)
            try:
                compiled = _compile(
                    self._body, self._guarded, call, self._writing, self._donate_argnums
                )
            except BaseException:
                if not versions:
                    del self._versions[call.signature]
                raise
            kept = versions[:VERSIONS_LIMIT] if not compiled.answers else current
            versions[:] = [compiled, *kept]
            self._publish(call.signature.spec)
            return compiled

    def _publish(self, spec: tree.TreeSpec) -> None:
        """Let machine code find the newest specialisations that it can tell apart.

        Directly where it knows all containers; else by the structure of the arguments, which
        Python takes apart.
        """
        known = [
            c
            for versions in self._versions.values()
            for n, c in enumerate(versions)
            if c.findable and (n < CHAIN_PATHS or not c.quick)
        ]
        direct = [c.tried for c in reversed(known) if c.direct]
        self.set_chain(direct[:CHAIN_LIMIT], unless_tracing=True)
        self._direct.set_chain(direct[:CHAIN_LIMIT])
        alike = [
            c.tried
            for c in reversed(known)
            if c.signature.spec == spec
            and not c.direct
            and not c.signature.static
            and not c.signature.into
        ]
        if alike:
            flat = _Flat()
            flat.set_slow(_missed)
            flat.set_chain(alike[:CHAIN_LIMIT])
            self._by_structure[spec] = flat


_paths_limit = 64


def paths_limit() -> int:
    """How many paths of one signature are compiled at most."""
    return _paths_limit


def set_paths_limit(number: int) -> None:
    """Let so many paths of one signature be compiled.

    A path is what Python's `if`, `while`, `int()` and `float()` on traced values have decided.

    >>> pb.set_paths_limit(64)
    """
    global _paths_limit
    limit = operator.index(number)
    if limit < 1:
        raise ValueError(f"there is one path at least, got {number}{at(user_location())}")
    _paths_limit = limit


def _check_paths(compiled: Sequence[Compiled]) -> None:
    """Refuse a path too many.

    Raises:
        TracedValueError: naming the line that was asked most.
    """
    paths = [c.answers for c in compiled if c.answers]
    if len(paths) < _paths_limit:
        return
    last = paths[0].questions[-1].where
    raise TracedValueError(
        f"{len(paths)} paths through this function have been compiled, one for each answer that "
        f"Python got at {last}\n"
        "  np.where, pb.cond and pb.while_loop decide within compiled code; "
        f"pb.set_paths_limit allows more{at(user_location())}"
    )


def _call_native(compiled: Compiled, call: Call, targets: Sequence[Any] | None = None) -> Any:
    """Call one specialisation with the arguments, and arrays for results, as it takes them."""
    if not compiled.direct:
        leaves = [*call.leaves, *(as_argument(x)[1] for x in compiled.converted)]
        return compiled.native(*leaves, *([] if targets is None else [tuple(targets)]))
    args, kwargs = put_together(call.signature, call.leaves)
    if targets is not None:
        kwargs[OUT] = tree.unflatten(compiled.spec, targets)
    return compiled.native(*args, **{sys.intern(name): x for name, x in kwargs.items()})


def _compile(
    body: Callable[..., Any],
    guarded: Sequence[Callable[..., Any]],
    call: Call,
    writing: bool,
    donate_argnums: Sequence[int] = (),
) -> Compiled:
    start = time.perf_counter()
    values = None if any(isinstance(x, ShapeDtype) for x in call.leaves) else call.leaves
    graph, captures, spec, writes, answers = _traced(body, call.signature, writing, values)
    traced = time.perf_counter() - start
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
        program.seconds = {"trace": traced, **program.seconds}
    objects += program.callbacks
    specialisation = Specialisation(program.code, program.entry, captures, guards, tuple(objects))
    native = _Flat()
    native.set_slow(_missed)
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


class _Flat(NativeCallable):
    """The machine code of one specialisation, called with its leaves."""

    __slots__ = ()


_MISSED = object()


def _missed(*args: Any, **kwargs: Any) -> object:
    """No specialisation in a chain is made for these leaves, or names mean something else now."""
    return _MISSED


def trace_signature(
    body: Callable[..., Any], signature: Signature
) -> tuple[Graph, tuple[Any, ...], tree.TreeSpec]:
    """The graph as it was traced, the captured arrays that it uses, and the result's structure.

    Raises:
        ValueError: when the function writes to an argument.
    """
    return _traced(body, signature, writing=False, loops=False)[:3]


def _traced(
    body: Callable[..., Any],
    signature: Signature,
    writing: bool,
    values: Sequence[Any] | None = None,
    loops: bool = True,
) -> tuple[Graph, tuple[Any, ...], tree.TreeSpec, tuple[int, ...], Answers | None]:
    """The same, and which arguments are written to, and what Python asks about ``values``.

    Repetitions become ``loops``.

    After the results the graph gives what has been written, and the answers.
    """
    with new_trace() as trace:
        path = trace.path = None if values is None else Path({}, trace)
        parameters: list[Node] = []
        tracers: list[Tracer] = []
        storages: list[Storage] = []
        for argument in signature.arguments:
            node = trace.builder.parameter(argument.type)
            weak = PYTHON_TYPES.get(argument.kind)
            storage = Storage(node, read_only=None if writing else READ_ONLY)
            parameters.append(node)
            storages.append(storage)
            tracers.append(Tracer(node, weak, storage))
        if path is not None and values is not None:
            arrays = map(np.asarray, values)
            path.values.update(zip(parameters, arrays, strict=True))
        args, kwargs = put_together(signature, tracers)
        leaves, spec = tree.flatten(body(*args, **kwargs))
        pairs = enumerate(zip(storages, parameters, strict=True))
        writes = tuple(i for i, (storage, before) in pairs if storage.node is not before)
        results = [operand_node(as_leaf(x)) for x in leaves]
        questions = tuple(path.questions.values()) if path is not None else ()
        asked, expected = packed_answers(questions)
        graph = trace.builder.graph([*results, *(storages[i].node for i in writes), *asked])
        numbers: tuple[Any, ...] = ()
        if loops:
            graph, numbers = roll(pick(graph))
            warn_of_long(graph)
        used = reachable([*graph.outputs, *graph.effects])
        outside = graph.parameters[len(parameters) :]
        given = (*trace.captures, *numbers)
        captures = [x for x, p in zip(given, outside, strict=True) if p in used]
        kept = tuple(p for p in outside if p in used)
        whole = Graph((*parameters, *kept), graph.nodes, graph.outputs)
        answers = Answers(questions, whole.parameters, expected) if questions else None
        return whole, tuple(captures), spec, writes, answers


PYTHON_TYPES = {"complex": complex, "float": float, "int": int, "bool": bool}


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


__all__ = ["Compiled", "Function", "paths_limit", "set_paths_limit", "trace_signature"]
