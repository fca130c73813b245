"""Compiled functions: from a call's signature to a specialisation, and everything to look at."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from pullback.tracer import tree
from pullback.tracer.errors import at
from pullback.tracer.ir import Graph
from pullback.tracer.location import is_library, user_location
from pullback.tracer.locks import new_lock
from pullback.tracer.passes.subgraph import with_outputs
from pullback.tracer.path import Turn
from pullback.tracer.trace import Check, checked_for, checking, jit_is_disabled, tracing

from .arguments import name_of, names_of_leaves
from .compiled import MISSED, Compiled, Flat, compile_call, missed
from .differing import difference
from .errors import InternalError
from .native import NativeCallable, Specialisation
from .paths import check_paths, paths_limit
from .recompilation import (
    Compilation,
    Difference,
    recompilation_limit,
    tell,
    warn_of_many,
)
from .signature import Call, ShapeDtype, Signature, as_plain, take_apart
from .targets import OUT, put_into, takes_out, targets_of
from .traced import traced

if TYPE_CHECKING:
    from pullback.codegen.kernel import Plan
    from pullback.tracer.dependence import Dependence
    from pullback.tracer.faults import Fault
    from pullback.tracer.program import Source
    from pullback.tracer.rounding import ErrorEstimate

    from .report.model import Report
    from .stages import Stages

CHAIN_LIMIT = 64
"""Signatures that machine code tells apart by itself; the others are looked up in Python."""

CHAIN_PATHS = 4
"""Paths of one signature that machine code tries one after another; the newest ones."""

ATTEMPTS = 100
"""How often another thread may rebind what a function refers to between a look and the call."""

VERSIONS_LIMIT = 8
"""Specialisations kept of one signature, for names that keep changing what they mean."""


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
        # Functions hand their attributes on; of objects that can be called they are their state.
        attributes = functools.WRAPPER_UPDATES if isinstance(wrapped, FunctionType) else ()
        functools.update_wrapper(self, wrapped, updated=attributes)
        self.__wrapped__ = wrapped
        self._body = body
        self._static_argnums = tuple(static_argnums)
        self._static_argnames = tuple(static_argnames)
        self._writing = writing
        self._donate_argnums = tuple(donate_argnums)
        self._guarded = (wrapped, *refers)
        self._versions: dict[Signature, list[Compiled]] = {}
        self._by_structure: dict[tree.TreeSpec, Flat] = {}
        self._told: dict[Specialisation, Compilation] = {}
        self._count = 0
        self._differences: list[Difference] = []
        self._lock = new_lock()
        self._direct = Flat()
        self._direct.set_slow(missed)
        self.set_slow(self._slow)

    def __repr__(self) -> str:
        return f"<compiled {name_of(self.__wrapped__)}>"

    # -- looking inside --------------------------------------------------------------------------

    def ir(self, *args: Any, **kwargs: Any) -> Graph:
        """The graph for these arguments, arrays or `ShapeDtype`; printing it gives its text.

        >>> print(pb.grad(lambda x: x * x).ir(3.0))
        graph (%0: f64[]) {
          %1: f64[] = add %0 %0  # ...
          return %1
        }
        """
        return self._inspect(args, kwargs).program.graph

    def plan(self, *args: Any, **kwargs: Any) -> Plan:
        """Kernels, buffers and bytes.

        >>> plan = pb.grad(lambda x: np.sum(np.sin(x) ** 2)).plan(np.ones(100))
        >>> len(plan.kernels), plan.workspace_bytes
        (1, 0)
        """
        return self._inspect(args, kwargs).program.plan

    def llvm(self, *args: Any, **kwargs: Any) -> str:
        """The LLVM text.

        >>> "define" in pb.jit(np.sin).llvm(np.ones(3))
        True
        """
        return self._inspect(args, kwargs).program.llvm

    def asm(self, *args: Any, **kwargs: Any) -> str:
        """The machine's instructions.

        >>> "run:" in pb.jit(np.sin).asm(np.ones(3))
        True
        """
        return self._inspect(args, kwargs).program.assembly

    def stages(self, *args: Any, **kwargs: Any) -> Stages:
        """Every stage from Python source to instructions, each named by the pass that made it.

        >>> stages = pb.jit(lambda x: np.sin(x) * 2.0).stages(np.ones(3))
        >>> [stage.name for stage in stages if not stage.unchanged]
        ['source', 'trace', 'fuse', 'bufferize', 'emit', 'compile']
        """
        from .stages import stages_of

        call = self._take_apart(args, kwargs)
        trace = functools.partial(self._traced, call)
        return stages_of(self.__wrapped__, trace, self._specialised(call).program)

    def explain(
        self, *args: Any, html: str | os.PathLike[str] | None = None, **kwargs: Any
    ) -> Report:
        """What the function is made of for these arguments, and what each line costs.

        Args:
            args: arrays, or `ShapeDtype` in their place. With arrays the function is run a few
                times, by code that counts what each kernel takes, on copies of the arguments; a
                function with effects is run once.
            html: where to write the report as a page that needs nothing from elsewhere.
            kwargs: as ``args``.

        Returns:
            A `Report`: `print` shows tables, a notebook the page. For each line of the program it
            has nodes, floating-point operations, bytes moved, bytes kept for the backward pass; of
            arrays also the time, and the largest adjoint of what a gradient goes back over.

        >>> report = pb.grad(lambda x: np.sum(np.sin(x))).explain(np.ones(3))
        >>> (line,) = report.lines
        >>> line.nodes, line.derivative_nodes, line.largest_adjoint
        (0, 1, 1.0)
        """
        from .report.explain import explain

        call = self._take_apart(*_copied((args, kwargs)))
        trace = functools.partial(self._traced, call)
        report = explain(self.__wrapped__, self._body, self._specialised(call), call, trace)
        if html is not None:
            with open(html, "w", encoding="utf-8") as file:
                file.write(report.html())
        return report

    def source(self, *args: Any, **kwargs: Any) -> Source:
        """A NumPy program that computes the same, to be read: ``text``, or print it.

        Its variables have the names that the user's source has for them, its comments are the
        user's lines. What NumPy has no function for is defined above; arrays from outside of the
        function are in ``constants``.

        >>> source = pb.jit(lambda x: np.sum(np.sin(x) ** 2)).source(np.ones(3))
        >>> for line in str(source).splitlines()[-2:]:
        ...     print(line)
            t = np.sin(x)
            return np.sum(t * t)
        """
        from .source import source_of

        call = self._take_apart(args, kwargs)
        return source_of(self._body, self.__wrapped__, call, self._writing, self._name())

    def estimate_error(self, *args: Any, **kwargs: Any) -> ErrorEstimate:
        """How far rounding puts the result off, to first order, and which lines do.

        NumPy runs the call, an operation at a time, and goes back over it. Of several results, or
        of arrays, it is the error of the sum of all elements. Lines whose rounding matters little
        could be computed in float32: `ErrorEstimate.float32` names them for a tolerance.

        >>> def f(x):
        ...     near = x + 1e8
        ...     return near - 1e8
        >>> estimate = pb.jit(f).estimate_error(0.1)
        >>> [line.where.line for line in estimate.lines]
        [2, 3]
        >>> 1e-9 < estimate.error < 2e-8
        True
        """
        from pullback.tracer.rounding import estimate

        call = self._take_apart(args, kwargs)
        graph, captures, spec, *_ = traced(self._body, call.signature, self._writing, call.leaves)
        results = with_outputs(graph, graph.outputs[: spec.num_leaves])
        outside = len(captures)
        names = names_of_leaves(self.__wrapped__, call.signature)
        names += [f"outside {i}" for i in range(outside)]
        return estimate(results, [*call.leaves, *captures], names)

    def dependence(self, *args: Any, **kwargs: Any) -> Dependence:
        """Which results depend on which arguments: not at all, linearly, or otherwise.

        It is read off the graph for arguments of these types, arrays or `ShapeDtype`; a printed
        table, or single answers by `Dependence.kind`, and by `Dependence.elements` for elements.

        >>> found = pb.jit(lambda x, y: 2.0 * x + np.exp(y)).dependence(1.0, 2.0)
        >>> found.kind("result", "x"), found.kind("result", "y")
        ('linear', 'nonlinear')
        """
        from pullback.tracer.dependence import dependence

        from .arguments import names_of_leaves, names_of_results

        call = self._take_apart(args, kwargs)
        typed = any(isinstance(x, ShapeDtype) for x in call.leaves)
        leaves = None if typed else call.leaves
        graph, captures, spec, *_ = traced(self._body, call.signature, self._writing, leaves)
        names = names_of_leaves(self.__wrapped__, call.signature)
        return dependence(graph, names, names_of_results(spec), captures)

    def find_fault(self, *args: Any, **kwargs: Any) -> Fault | None:
        """What makes the NaN that a call returns, found by NumPy; None if there is none.

        Within a block of ``pb.debug.check_nan(inf=True)``, what makes the infinity.

        >>> roots = pb.jit(lambda x: np.sum(np.sqrt(x - 1.0)))
        >>> roots.find_fault(np.array([1.0, 2.0])) is None
        True
        >>> fault = roots.find_fault(np.array([2.0, 0.5]))
        >>> fault.index, fault.operands
        ((1,), (np.float64(-0.5),))
        """
        return self._fault(self._take_apart(args, kwargs), checked_for() or "nan")

    def _fault(self, call: Call, check: Check) -> Fault | None:
        from pullback.tracer.faults import find_fault

        graph, captures, *_ = traced(self._body, call.signature, self._writing, call.leaves)
        names = names_of_leaves(self.__wrapped__, call.signature)
        names += ["an array from outside"] * len(captures)
        return find_fault(graph, [*call.leaves, *captures], check, names)

    def seconds(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """How long each stage of the compilation took, in order.

        >>> "trace" in pb.jit(np.sin).seconds(np.ones(3))
        True
        """
        return dict(self._inspect(args, kwargs).program.seconds)

    @property
    def signatures(self) -> list[str]:
        """What has been compiled, how long it took, when, and why.

        >>> f = pb.jit(np.sin)
        >>> _ = f(np.ones(3))
        >>> print(f.signatures[0])
        (f64[3]) compiled in ... ms at ...: the first call
        """
        return [x.text() for x in self.compilations]

    @property
    def compilations(self) -> list[Compilation]:
        """The same as data, in order; those that have been given up are not among them.

        >>> f = pb.jit(lambda x: 2.0 * x)
        >>> for n in (3, 4):
        ...     _ = f(np.ones(n))
        >>> [(x.signature, str(x.difference)) for x in f.compilations]
        [('(f64[3])', 'None'), ('(f64[4])', 'x is f64[4] after f64[3]')]
        """
        kept = [c for versions in self._versions.values() for c in versions]
        return [self._told[c.specialisation] for c in sorted(kept, key=lambda c: c.when)]

    def _name(self) -> str:
        """What the function is called, as an identifier."""
        name = getattr(self.__wrapped__, "__name__", "")
        name = name if name.isidentifier() else "function"
        return f"derived_from_{name}" if self.is_derived else name

    @property
    def is_derived(self) -> bool:
        """Whether it is made of the function that it wraps, as a gradient is; `jit` keeps it."""
        return self._body is not self.__wrapped__

    def _inspect(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Compiled:
        return self._specialised(self._take_apart(args, kwargs))

    def _traced(self, call: Call) -> object:
        """Trace the function once more, to be looked at."""
        values = None if has_types(call) else call.leaves
        return traced(self._body, call.signature, self._writing, values)

    def _specialised(self, call: Call) -> Compiled:
        """The specialisation of the path that a call takes; of types alone, of the first one."""
        turn = Turn()
        typed = has_types(call)
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
        elif checked_for() is not None:
            return self.checked(checked_for() or "nan", args, kwargs)
        else:
            result = self._made_plain(args, kwargs)
            if result is not MISSED:
                return result
        return self._called(self._take_apart(args, kwargs))

    def checked(self, check: Check, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """A call whose results are looked through; what it has written to, too.

        Raises:
            FloatingPointError: naming what made the first NaN, or infinity. Arguments are as they
                were.

        >>> float(pb.jit(np.log).checked("nan", (1.0,), {}))
        0.0
        """
        from pullback.tracer.faults import is_bad

        if tracing():
            return self(*args, **kwargs)
        given = args, kwargs
        written = self._may_write()
        before: tuple[Sequence[Any], dict[str, Any]] = _copied(given) if written else given
        with checking(None) if checked_for() else nullcontext():
            result = self(*args, **kwargs)
            seen = tree.flatten((result, given) if written else result)[0]
            if any(is_bad(x, check) for x in seen):
                fault = self._fault(self._take_apart(*before), check)
                if fault is not None:
                    _put_back(given, before)
                    raise FloatingPointError(fault.text())
        return result

    def _may_write(self) -> bool:
        """Whether a call may change arguments."""
        known = [c for versions in list(self._versions.values()) for c in versions]
        writes = self._writing and (not known or any(c.writes for c in known))
        return writes or bool(self._donate_argnums)

    def _called(self, call: Call) -> Any:
        """A call that a specialisation is found or made for."""
        if has_types(call):
            raise TypeError(f"a ShapeDtype has no values to compute with{at(user_location())}")
        if jit_is_disabled():
            return self._interpreted(call)
        turn = Turn()
        for _ in range(ATTEMPTS + paths_limit()):
            compiled = self._compiled(call, turn)
            result = compiled.call(call)
            if isinstance(result, Turn):
                turn = result
            elif result is not MISSED:
                return result
        raise InternalError("compiled code refused arguments of its own signature")

    def _made_plain(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """The result of a call that is unusual only by how arrays lie in memory, or by containers.

        Otherwise `MISSED`.
        """
        if self._static_argnames or self._static_argnums or jit_is_disabled():
            return MISSED
        leaves, spec = tree.flatten((args, kwargs))
        plain = [as_plain(x) for x in leaves]
        flat = self._by_structure.get(spec)
        if flat is not None:
            return flat(*plain)
        if all(x is y for x, y in zip(plain, leaves, strict=True)):
            return MISSED
        positional, named = tree.unflatten(spec, plain)
        return self._direct(*positional, **named)

    def _interpreted(self, call: Call) -> Any:
        """A call with nothing compiled: its graph, run by NumPy."""
        graph, captures, spec, *_ = traced(self._body, call.signature, False, call.leaves)
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
            check_paths(current)
            known = [x for x, made in self._versions.items() if made]
            why = difference(self.__wrapped__, call, versions, known, turn)
            try:
                compiled = compile_call(
                    self._body, self._guarded, call, self._writing, self._donate_argnums
                )
            except BaseException:
                if not versions:
                    del self._versions[call.signature]
                raise
            kept = versions[:VERSIONS_LIMIT] if not compiled.answers else current
            versions[:] = [compiled, *kept]
            self._publish(call.signature.spec)
            self._tell(compiled, why)
            return compiled

    def _tell(self, compiled: Compiled, why: Difference | None) -> None:
        """Take down why something was compiled, and say so."""
        told = Compilation(str(compiled.signature), compiled.seconds, compiled.when, why)
        kept = {c.specialisation for versions in self._versions.values() for c in versions}
        self._told = {x: y for x, y in self._told.items() if x in kept}
        self._told[compiled.specialisation] = told
        tell(repr(self).removeprefix("<compiled ").removesuffix(">"), told)
        self._count += 1
        if why is not None and self._count <= recompilation_limit():
            self._differences.append(why)
        if self._count == recompilation_limit() and not _is_own(self.__wrapped__):
            warn_of_many(self._name(), self._count, self._differences)

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
            flat = Flat()
            flat.set_slow(missed)
            flat.set_chain(alike[:CHAIN_LIMIT])
            self._by_structure[spec] = flat


def has_types(call: Call) -> bool:
    """Whether types stand in the place of arguments."""
    return any(isinstance(x, ShapeDtype) for x in call.leaves)


def _copied(arguments: tuple[Sequence[Any], dict[str, Any]]) -> Any:
    """The arguments with copies of the arrays, for calls that must not change them."""
    leaves, spec = tree.flatten(arguments)
    return tree.unflatten(spec, [x.copy() if isinstance(x, np.ndarray) else x for x in leaves])


def _put_back(given: Any, before: Any) -> None:
    """What the arrays held before."""
    for x, y in zip(tree.flatten(given)[0], tree.flatten(before)[0], strict=True):
        if x is not y and x.flags.writeable:
            x[...] = y


def _is_own(function: Callable[..., Any]) -> bool:
    """Whether a function is one of this library's, whose users do not choose what it takes."""
    return is_library(getattr(function, "__globals__", {}))
