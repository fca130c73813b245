"""Tracing: run a Python function on tracers, which write down what is done to them.

A `Tracer` is a handle on a node. Assignment (``x[i] = v``) replaces the node that its storage
holds; basic indexing gives a view, a tracer on the same storage with the way there and back, so
writing through either is seen by the other, as in NumPy.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from .errors import LeakedTracerError, TracedValueError, UnsupportedTypeError, at
from .ir import Builder, Graph, Node, Params
from .location import Location, user_location
from .locks import new_lock
from .methods import Methods
from .operators import Operators
from .passes.simplify import rewrite
from .primitive import Primitive
from .types import (
    BOOL,
    COMPLEX128,
    FLOAT64,
    INT64,
    ArrayType,
    DType,
    row_major_strides,
    supported,
    supported_names,
)

if TYPE_CHECKING:
    from .path import Path

Weak: TypeAlias = type[bool] | type[int] | type[float] | type[complex] | None
"""The Python type of a value that takes part in promotion as a Python scalar does."""

WEAK_DTYPES: dict[type, DType] = {
    bool: BOOL,
    int: INT64,
    float: FLOAT64,
    complex: COMPLEX128,
}


Known: TypeAlias = "np.ndarray[Any, Any] | Node"
"""A value that is the same at each call, or the node of an enclosing trace that has the value."""


class Trace:
    """One run of tracing: the builder, and the values from outside that came in.

    ``known`` are parameters that stand for what may be known while tracing; ``is_known`` and
    ``values`` are what `known_value` has found out about nodes.
    ``replaced`` tells of nodes whose values another computation has found on its way: a loop that
    carries tangents has the results of the one without. ``path`` is there where the values of a
    call are; ``sources`` are the captured values by their parameters. What is traced may run
    ``often``: for every turn of a loop, or every item of a batch.
    """

    def __init__(self) -> None:
        self.builder = Builder(rewrite)
        self.captures: list[Any] = []
        self._captured: dict[int, Node] = {}
        self.fixed_location = False
        self.known: dict[Node, Known] = {}
        self.is_known: dict[Node, bool] = {}
        self.values: dict[Node, np.ndarray[Any, Any]] = {}
        self.replaced: dict[Node, Node] = {}
        self.sources: dict[Node, Any] = {}
        self.path: Path | None = None
        self.often = False

    def capture(self, value: Any, type: ArrayType) -> Node:
        """The parameter that stands for an outside array or outer tracer."""
        node = self._captured.get(id(value))
        if node is None:
            node = self.builder.parameter(type)
            self._captured[id(value)] = node
            self.captures.append(value)
            self.sources[node] = value
            if isinstance(value, Node):
                self.known[node] = value
        return node


under_way = np.zeros(1, np.int64)
"""How many traces, and blocks without jit or with checks, are under way in all threads: compiled
code looks here, and gives way.
"""

_count_lock = new_lock()
_around: list[Callable[[bool], None]] = []


def around_traces(change: Callable[[bool], None]) -> None:
    """Have a function called when the first trace of all threads begins, and the last one ends.

    It is told by True and False, must not trace, and is told again when it is interrupted.
    """
    _around.append(change)


class _Active(threading.local):
    def __init__(self) -> None:
        self.traces: list[Trace] = []
        self.jit_disabled = False
        self.checked: Check | None = None
        self.counted = 0


_active = _Active()


def tracing() -> bool:
    """Whether a function is being traced in this thread."""
    return bool(_active.traces)


def active_traces() -> list[Trace]:
    """The traces under way in this thread, the innermost last."""
    return _active.traces


def _innermost() -> Trace | None:
    return _active.traces[-1] if _active.traces else None


def current_trace() -> Trace:
    """The innermost trace that is under way.

    Raises:
        LeakedTracerError: when nothing is being traced.
    """
    if not _active.traces:
        where = at(user_location())
        raise LeakedTracerError(f"a traced value was used after its trace had ended{where}")
    return _active.traces[-1]


@contextmanager
def new_trace() -> Generator[Trace]:
    """A fresh trace, current within the block.

    NumPy hides why it could not store a traced value behind an error of its own.
    """
    trace = Trace()
    with resumed(trace):
        try:
            yield trace
        except ValueError as error:
            if not isinstance(error.__cause__, TracedValueError):
                raise
            raise error.__cause__.with_traceback(error.__traceback__) from None


@contextmanager
def inner_trace() -> Generator[Trace]:
    """A fresh trace for the body of what is being made, whose nodes are for the same line."""
    around = current_trace().builder
    with new_trace() as trace:
        trace.builder.where, trace.builder.primal = around.where, around.primal
        trace.fixed_location = True
        yield trace


@contextmanager
def resumed(trace: Trace) -> Generator[Trace]:
    """Make a trace current within the block."""
    traces = _active.traces
    depth = len(traces)
    try:
        traces.append(trace)
        _count()
        yield trace
    finally:
        del traces[depth:]
        _count()


def jit_is_disabled() -> bool:
    """Whether compiled functions are to run without being compiled, in this thread."""
    return _active.jit_disabled


@contextmanager
def without_jit(disabled: bool) -> Generator[None]:
    """Within the block compiled code gives way to Python, which runs graphs with NumPy or not."""
    before = _active.jit_disabled
    try:
        _active.jit_disabled = disabled
        _count()
        yield
    finally:
        _active.jit_disabled = before
        _count()


Check = Literal["nan", "inf"]
"""What results are looked through for: NaN, or infinities too."""


def checked_for() -> Check | None:
    """What the results of compiled functions are to be checked for, in this thread."""
    return _active.checked


@contextmanager
def checking(check: Check | None) -> Generator[None]:
    """Within the block compiled code gives way to Python, which looks at what it returns."""
    before = _active.checked
    try:
        _active.checked = check
        _count()
        yield
    finally:
        _active.checked = before
        _count()


@contextmanager
def untraced() -> Generator[None]:
    """Within the block nothing is being traced in this thread: arrays are computed with."""
    before = _active.traces
    try:
        _active.traces = []
        _count()
        yield
    finally:
        _active.traces = before
        _count()


def _count() -> None:
    """Bring `under_way` up to date with what this thread is doing.

    It is told by the state, not by a difference, so that an interrupt anywhere is made good for.
    """
    wanted = len(_active.traces) + _active.jit_disabled + (_active.checked is not None)
    with _count_lock:
        before = int(under_way[0])
        under_way[0] += wanted - _active.counted
        _active.counted = wanted
        if bool(before) != bool(under_way[0]):
            _tell(begins=not before)


def _alone() -> None:
    """In a child process no other thread traces."""
    with _count_lock:
        before = int(under_way[0])
        under_way[0] = _active.counted
        if before and not under_way[0]:
            _tell(begins=False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_alone)


def _tell(begins: bool) -> None:
    try:
        for told in _around:
            told(begins)
    except BaseException:
        for told in _around:
            told(begins)
        raise


@contextmanager
def derivative_of(node: Node) -> Generator[None]:
    """Nodes made within the block are at the line of ``node`` and know it as their primal."""
    trace = current_trace()
    builder = trace.builder
    before = builder.where, builder.primal, trace.fixed_location
    builder.where, builder.primal, trace.fixed_location = node.where, node, True
    try:
        yield
    finally:
        builder.where, builder.primal, trace.fixed_location = before


@dataclass(slots=True)
class Storage:
    """What a NumPy array's memory is to its views: the newest node, counted.

    It belongs to the trace that was current when it was made, whichever trace its first node is
    of: a function may write into its own copy of what an enclosing one computed.
    """

    node: Node
    version: int = 0
    read_only: str | None = None
    trace: Trace | None = field(default_factory=_innermost)


@dataclass(frozen=True, slots=True)
class View:
    """One step from an array to a view of it, and back.

    ``strides``, in elements of the storage, are where NumPy would have the elements of the view:
    they decide what reshapes to a view again. Without them those of row-major order are meant,
    unless ``contiguous`` is False: then nothing does.
    """

    read: Callable[[Tracer], Tracer]
    write: Callable[[Tracer, Tracer], Tracer]
    contiguous: bool = True
    strides: tuple[int, ...] | None = None


class Tracer(Operators, Methods):
    """A traced array: behaves as a NumPy array whose values are not known yet."""

    __slots__ = ("_node", "_storage", "_version", "_views", "weak")
    __array_priority__ = 1000.0

    def __init__(
        self,
        node: Node,
        weak: Weak = None,
        storage: Storage | None = None,
        views: tuple[View, ...] = (),
    ) -> None:
        self.weak: Weak = weak
        self._storage = storage if storage is not None else Storage(node)
        self._views = views
        self._node = node
        self._version = self._storage.version

    @property
    def node(self) -> Node:
        """The node of the present value; a view of a changed array reads it again."""
        if self._version != self._storage.version:
            value = Tracer(self._storage.node)
            for view in self._views:
                value = view.read(value)
            self._node, self._version = value.node, self._storage.version
        return self._node

    @property
    def steps(self) -> tuple[View, ...]:
        """The way from the storage to this view of it."""
        return self._views

    @property
    def memory_strides(self) -> tuple[int, ...] | None:
        """Where NumPy would have the elements: strides by axis; None where that is not told."""
        if self._views and self._views[-1].strides is not None:
            return self._views[-1].strides
        return row_major_strides(self.shape) if all(v.contiguous for v in self._views) else None

    def seen_by(self, step: View) -> Tracer:
        """A tracer that shares this one's storage."""
        node = step.read(Tracer(self.node)).node
        return Tracer(node, None, self._storage, (*self._views, step))

    def assign(self, value: Tracer) -> None:
        """Replace the value, as seen through every view of the storage.

        Raises:
            ValueError: when the storage is an argument of the traced function.
        """
        storage = self._storage
        if storage.read_only is not None:
            raise ValueError(f"{storage.read_only}{at(user_location())}")
        if storage.trace is not current_trace():
            raise ValueError(
                "assignment to an array of an enclosing traced function; return it instead"
                f"{at(user_location())}"
            )
        bases = [Tracer(storage.node)]
        for view in self._views:
            bases.append(view.read(bases[-1]))
        for view, base in zip(reversed(self._views), reversed(bases[:-1]), strict=True):
            value = view.write(base, value)
        storage.node = value.node
        storage.version += 1

    @property
    def type(self) -> ArrayType:
        """Shape and dtype together."""
        return self._node.type

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape, known while tracing; a new one of as many elements can be assigned."""
        return self._node.type.shape

    @shape.setter
    def shape(self, shape: Any) -> None:
        other: Tracer = self.reshape(shape)
        if other._storage is not self._storage:
            raise AttributeError(
                "Incompatible shape for in-place modification. Use `.reshape()` to make a copy "
                f"with the desired shape.{at(user_location())}"
            )
        self._node, self._version, self._views = other._node, other._version, other._views

    @property
    def dtype(self) -> DType:
        """Dtype, known while tracing."""
        return self._node.type.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._node.type.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._node.type.size

    def __repr__(self) -> str:
        return f"Tracer({self.type})"


Operand: TypeAlias = "Tracer | np.ndarray[Any, Any] | np.generic | complex | float | int | bool"


def array_type(value: np.ndarray[Any, Any] | np.generic) -> ArrayType:
    """The type of a NumPy value.

    Raises:
        UnsupportedTypeError: for dtypes that cannot be compiled.
    """
    dtype = value.dtype if value.dtype.isnative else value.dtype.newbyteorder("=")
    if not supported(dtype):
        raise UnsupportedTypeError(
            f"dtype {value.dtype} cannot be compiled; {supported_names()} can{at(user_location())}"
        )
    return ArrayType(value.shape, dtype)


OUTSIDE = (
    "assignment to an array from outside of the traced function, which is read only\n"
    "  make a copy of it: pullback.numpy.array"
)


def lift(value: Operand) -> Tracer:
    """A tracer of the current trace for anything that can be an operand.

    Arrays from outside become parameters which are read at each call, never constants.
    """
    if isinstance(value, Tracer):
        return value
    if isinstance(value, np.ndarray):
        node = current_trace().capture(value, array_type(value))
        return Tracer(node, None, Storage(node, read_only=OUTSIDE))
    builder = current_trace().builder
    if isinstance(value, np.generic):
        return Tracer(builder.literal(value, array_type(value).dtype))
    weak = type(value) if type(value) in WEAK_DTYPES else None
    if weak is None:
        refuse_selected(value)
        raise UnsupportedTypeError(
            f"a {type(value).__name__} cannot take part in a traced computation"
            f"{at(user_location())}"
        )
    return Tracer(builder.literal(python_scalar(value), WEAK_DTYPES[weak]), weak)


def constant(value: np.ndarray[Any, Any]) -> Tracer:
    """A traced array of values that are the same at each call: known while tracing."""
    x = lift(value)
    current_trace().known[x.node] = value
    return x


def refuse_selected(value: object) -> None:
    """What a traced mask selects is no operand by itself: its own error tells what it is good for.

    Raises:
        TracedValueError: for a `Selected`.
    """
    from .numpy.masked import Selected, refuse

    if isinstance(value, Selected):
        refuse("x[mask] as an array")


def python_scalar(value: complex | float | int | bool) -> complex | float | int | bool:
    """The value, if it fits the dtype that stands for its Python type.

    Raises:
        OverflowError: for an int beyond 64 bits.
    """
    if type(value) is int and not -(2**63) <= value < 2**63:
        raise OverflowError(f"Python int {value} does not fit int64{at(user_location())}")
    return value


def operand_node(tracer: Tracer) -> Node:
    """The tracer's node in the current trace; one of an outer trace is captured."""
    node = tracer.node
    trace = current_trace()
    if trace.builder.owns(node):
        return node
    for outer in reversed(_active.traces[:-1]):
        if outer.builder.owns(node):
            return trace.capture(node, node.type)
    where = at(user_location())
    raise LeakedTracerError(
        f"a traced value ({node.type}, made at {node.where}) was used after its trace had ended"
        f"{where}"
    )


def bind(primitive: Primitive, operands: Sequence[Tracer], params: Params) -> Tracer:
    """Add a node to the current trace, at the user's line."""
    trace = current_trace()
    if not trace.fixed_location:
        trace.builder.where = user_location()
    owns = trace.builder.owns
    nodes = tuple([node if owns(node := x.node) else operand_node(x) for x in operands])
    return Tracer(trace.builder.add(primitive, nodes, params))


@dataclass(frozen=True, slots=True)
class Traced:
    """A traced function: its graph, whose last parameters stand for the captured values."""

    graph: Graph
    captures: tuple[Any, ...]


def literal(value: Any, dtype: DType) -> Tracer:
    """A 0-d constant in the current trace."""
    return Tracer(current_trace().builder.literal(value, dtype))


def here() -> Location | None:
    """The user's line, for messages."""
    return user_location()
