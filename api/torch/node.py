"""The record: what a tensor's value is made of, written down as operations are called.

A `Node` is a value, or an operation on other nodes which has not been computed yet. What an
operation does to types is traced once for each combination of types and parameters and kept as an
`Info`, so recording one more is a look-up.
"""

from __future__ import annotations

import itertools
import sys
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from pullback.tracer.ir import Graph
from pullback.tracer.ir import Node as GraphNode
from pullback.tracer.location import Location, is_library
from pullback.tracer.passes import adjoint
from pullback.tracer.trace import Tracer, new_trace, operand_node
from pullback.tracer.types import is_inexact

from .dtypes import NUMBER_KINDS, ON_DEFAULT_CHANGED, Kind, kind_of
from .modes import MODE, Mode
from .recent import Recent
from .refusals import check_dtypes
from .session import FORMS, Form, Session, remember

if TYPE_CHECKING:
    from .hooks import Call, Watch
    from .tensors import Tensor

Array: TypeAlias = "np.ndarray[Any, Any]"
Operand: TypeAlias = "Node | Variable"
Promotion: TypeAlias = Callable[[Sequence[Kind], Sequence[Tracer]], Sequence[Tracer]]

DEPTH_LIMIT = 100
"""Operations recorded on top of one another, without derivatives, before they are computed."""


@dataclass(frozen=True, eq=False, slots=True)
class Row:
    """One operation of the tensor face.

    ``apply`` builds the graph from tracers and static parameters; ``grad_name`` is what torch calls
    its backward node (None: no derivative), or tells it from the operands' kinds and the
    parameters. The result of a ``view`` shares the memory of its operand; ``write`` puts a value
    into the part that a view shows, where that cannot be assigned to.
    """

    name: str
    apply: Callable[..., Any]
    grad_name: str | Callable[..., str] | None
    promote: Promotion | None = None
    view: bool = False
    write: Callable[..., None] | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """The values that a backward node keeps: the result's, and those of some operands."""

    result: bool
    operands: tuple[int, ...]

    def __bool__(self) -> bool:
        return self.result or bool(self.operands)


@dataclass(eq=False, slots=True)
class Info:
    """A row for operands of certain kinds: its graph, traced once.

    ``constants`` are arrays that the graph takes behind the operands, the same ones each time:
    places and the like, which shapes and parameters tell.
    """

    row: Row
    kind: Kind
    graph: Graph
    operands: tuple[Kind, ...]
    params: tuple[Any, ...]
    differentiable: bool
    constants: tuple[Node, ...] = ()
    _saved: dict[tuple[bool, ...], Saved] = field(default_factory=dict)

    @property
    def grad_name(self) -> str:
        """The name of the backward node."""
        name = self.row.grad_name
        return name(self.operands, *self.params) if callable(name) else str(name)

    def saved(self, tracked: tuple[bool, ...]) -> Saved:
        """Whose values differentiating by these operands needs."""
        found = self._saved.get(tracked)
        if found is None:
            known = _saved_values(self.graph, tracked)
            kept = tuple(i for i in known.operands if not self._is_plain(i))
            found = self._saved[tracked] = Saved(known.result, kept)
        return found

    def _is_plain(self, place: int) -> bool:
        """Whether an operand is a number to torch, too, which is not among what can be freed."""
        factor = self.row.grad_name in ("MulBackward0", "DivBackward0") and place < 2
        return place < len(self.operands) and self.operands[place].number and not factor


def _saved_values(graph: Graph, tracked: tuple[bool, ...]) -> Saved:
    """What the derivative looks at: of the result it may look at the value that is there anyway."""
    count = len(graph.parameters)
    wrt = [i for i in range(count) if tracked[i] and is_inexact(graph.parameters[i].type.dtype)]
    pulled = adjoint.vjp(graph, wrt)
    result, given = pulled.outputs[0], pulled.parameters
    seen: set[GraphNode] = set()
    stack = list(pulled.outputs[1:])
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            if node is not result:
                stack.extend(node.operands)
    used = tuple(i for i in range(count) if given[i] in seen)
    return Saved(result in seen, used)


NOT_IMPLEMENTED = "NotImplemented"
"""The backward node of operations that torch has no derivative of."""

_serial = itertools.count()


def next_serial() -> int:
    """A number in the order of recording."""
    return next(_serial)


class Node:
    """A value that is there, or an operation on others that gives it.

    ``tracked``: derivatives pass through. ``session``, ``form``: where it has been recorded, or
    counted, and as what. ``kept``: it must not forget what it was computed from.
    ``holder``: the tensor that has the node. ``freed``: a backward pass has been through.
    ``modified``: since it was recorded, the memory of its tensor has been written to, and counted
    so many versions; by the operations from ``since`` on. ``call``: it is the output number
    ``output`` of a call whose derivative is Python code. ``packed``: where its value is, if the
    user's functions keep it for the backward pass. ``dual``: it has a tangent of its own.
    ``primal_of``: the level whose tangents it is without. ``checked``: the limits that its values
    have been found within. ``origin``: the node of the same place in
    the backward graph, whose value has been changed since without being recorded. ``former``: what
    it has taken the place of, so that memory is freed; ``cut_off`` tells leaves to which there was
    a way.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "form",
        "holder",
        "info",
        "operands",
        "serial",
        "session",
        "tracked",
        "value",
        "where",
    )
    freed = False
    modified = 0
    since = 0
    depth = 0
    kept = False
    dual = False
    primal_of: Any = None
    checked: Any = None
    retains = False
    watch: Watch | None = None
    call: Call | None = None
    output = 0
    packed: Node | None = None
    grad_fn: Any = None
    origin: Node | None = None
    former: Callable[[], Node | None] | None = None
    cut_off: frozenset[int] = frozenset()
    leaf = False

    def __init__(self, info: Info, operands: tuple[Operand, ...]) -> None:
        self.info = info
        self.operands = operands
        self.serial: int = next(_serial)
        self.value: Any = None
        self.tracked = False
        self.holder: Callable[[], Any] | None = None
        self.where: tuple[CodeType, int] | None = None
        self.session: Session | None = None
        self.form: Form | None = None

    def track(self, tracked: bool) -> None:
        """Let derivatives pass or not, whatever its operation and operands tell."""
        self.tracked, self.form = tracked, None

    def look_closer(self) -> None:
        """Something is true of the node that its form does not tell."""
        if self.session is not None:
            self.session.closed = True

    def overwritten(self, version: int, since: int) -> None:
        """The memory of its tensor has been written to, by the operations from ``since`` on."""
        own = MODE.own
        if not own.mutable:
            self.modified, self.since = version, since
        if own.session.tracking:
            own.session.closed = True

    @property
    def standing(self) -> Node:
        """The node that gradients and hooks belong to."""
        if self.origin is not None:
            return self.origin.standing
        former = None if self.former is None else self.former()
        return self if former is None else former

    @property
    def grad_name(self) -> str:
        """The name of the backward node."""
        if self.origin is not None:
            return self.origin.grad_name
        return self.info.grad_name if self.call is None else self.call.name()

    @property
    def location(self) -> Location | None:
        """The user's line."""
        return location_of(self.where)


def location_of(where: tuple[CodeType, int] | None) -> Location | None:
    """The line of a place in code."""
    if where is None:
        return None
    code, offset = where
    line = next((n for a, b, n in code.co_lines() if a <= offset < b), None)
    return Location(code.co_filename, line or code.co_firstlineno, code.co_name)


class Variable:
    """A leaf that requires grad, at the value that it had when it was recorded."""

    __slots__ = (
        "__weakref__",
        "form",
        "info",
        "kept",
        "operands",
        "serial",
        "session",
        "source",
        "tensor",
    )
    tracked = True
    freed = False
    leaf = True

    def __init__(self, source: Node, tensor: Tensor) -> None:
        self.source = source
        self.operands = (source,)
        self.tensor = weakref.ref(tensor)
        # What has hooks is wanted even if nobody else has it.
        self.kept = None if tensor.watch is None else tensor
        self.info = source.info
        self.serial = next(_serial)
        self.session: Session | None = None
        self.form: Form | None = None


_new = Node.__new__
_no_graph = Graph((), (), ())
_leaf_infos: dict[Kind, Info] = {}
VALUE = Row("value", lambda: None, None)


DETACH = Row("detach", lambda x: x, None, view=True)
ENTER = Row("enter", lambda x: x, "AliasBackward0")
"""The same value, seen from within a transform or from outside of it."""
PRIMAL = Row("primal", lambda x: x, "FwPrimalBackward0")
"""The value of a dual number without its tangent."""


def leaf_info(kind: Kind) -> Info:
    """The info of values that are there."""
    info = _leaf_infos.get(kind)
    if info is None:
        info = _leaf_infos[kind] = Info(VALUE, kind, _no_graph, (), (), differentiable=False)
    return info


def leaf(array: Array) -> Node:
    """A node for memory."""
    node = Node(leaf_info(kind_of(array.shape, array.dtype)), ())
    node.value = array
    return node


_number_infos = {type: leaf_info(kind) for type, kind in NUMBER_KINDS.items()}


def number(value: complex) -> Node:
    """A node for a Python number: an input of the compiled function, not a part of it."""
    info = _number_infos.get(type(value))
    if info is None:
        value = value.item() if isinstance(value, np.generic) else _plain_number(value)
        info = _number_infos[type(value)]
    node = Node(info, ())
    node.value = value
    return node


def _plain_number(value: Any) -> complex:
    plain: Any = next((type for type in (float, complex) if isinstance(value, type)), int)
    made: complex = plain(value)
    return made


_infos: Recent[tuple[Any, ...], Info] = Recent(20_000)
ON_DEFAULT_CHANGED.extend((_infos.clear, FORMS.clear))


def info_of(row: Row, operands: Sequence[Operand], params: tuple[Any, ...]) -> Info:
    """The row's info for these operands; errors of shape or dtype are raised here."""
    kinds = tuple([x.info.kind for x in operands])
    check_dtypes(row.name, kinds)
    with new_trace() as trace:
        parameters = [trace.builder.parameter(k.type) for k in kinds]
        tracers: Sequence[Tracer] = [Tracer(p) for p in parameters]
        if row.promote is not None:
            tracers = row.promote(kinds, tracers)
        result = operand_node(row.apply(*tracers, *params))
        graph = trace.builder.graph([result])
    constants = tuple([leaf(np.asarray(x)) for x in trace.captures])
    kind = kind_of(result.type.shape, result.type.dtype)
    differentiable = row.grad_name is not None and is_inexact(result.type.dtype)
    return Info(row, kind, graph, kinds, params, differentiable, constants)


def new_node(row: Row, operands: tuple[Operand, ...], params: tuple[Any, ...] = ()) -> Node:
    """Write down an operation.

    ``params`` are static and hashable; values that change from call to call are operands.
    """
    mode = MODE.own
    session = mode.session
    structure: list[Any] = [row, params, mode.enabled]
    for x in operands:
        structure.append(x.form if x.session is session else session.enter(x))
    return write_down(mode, tuple(structure), operands)


def write_down(mode: Mode, structure: tuple[Any, ...], operands: tuple[Operand, ...]) -> Node:
    """The node of an operation: its structure is the row, the parameters, and operands' forms."""
    session = mode.session
    form = FORMS.get(structure) or _form_of(structure, operands)
    node = _new(Node)
    node.info = form.info
    node.operands = operands + form.constants if form.constants else operands
    node.serial = next(_serial)
    node.value = node.holder = None
    node.session, node.form = session, form if form.lasting else None
    node.where = _user_line_near()
    if form.tracked:
        node.tracked = session.tracking = True
        if mode.saving:
            from .saving import pack

            pack(node, mode.saving[-1])
    else:
        node.tracked = False
        _without_derivatives(node, form, mode)
    return node


def _info(row: Row, operands: Sequence[Operand], params: tuple[Any, ...]) -> Info:
    key = (row, params, *[x.info.kind for x in operands])
    info = _infos.get(key)
    if info is None:
        info = _infos[key] = info_of(row, operands, params)
    return info


def _form_of(structure: tuple[Any, ...], operands: Sequence[Operand]) -> Form:
    """The form of a structure that is new; for this time only where operands have none."""
    row, params, enabled, *forms = structure
    info = _info(row, operands, params)
    tracked = info.differentiable and enabled and any(x.tracked for x in operands)
    depth = 1 + max([_depth(x) for x in operands], default=0)
    leaves = any(x.leaf for x in operands)
    lasting = None not in forms
    form = Form(info, tracked, info.constants, depth, leaves, lasting)
    return remember(structure, form) if lasting else form


def _depth(x: Operand) -> int:
    """Operations on top of one another, up to a value, that are still to be computed."""
    if isinstance(x, Variable):
        return _depth(x.source)
    if x.value is not None:
        return 0
    return x.depth if x.form is None else x.form.depth


def _without_derivatives(node: Node, form: Form, mode: Mode) -> None:
    """Variables are values like others here; and what is never differentiated is not let grow."""
    if form.leaves:
        node.operands = tuple([x.source if isinstance(x, Variable) else x for x in node.operands])
    if mode.levels:
        node.kept = True
        node.look_closer()
        return
    if not form.lasting:
        node.depth = form.depth
    if form.depth > DEPTH_LIMIT:
        from .compute import force

        force([node])


_library_files: dict[str, bool] = {}


def _user_line_near() -> tuple[CodeType, int] | None:
    """`user_line`, quicker where it is a call or two up from what has been recorded."""
    try:
        frame: Any = sys._getframe(4)  # pyright: ignore[reportPrivateUsage]
    except ValueError:  # Nothing of Python called it.
        return None
    code = frame.f_code
    if _library_files.get(code.co_filename):
        frame = frame.f_back or frame
        code = frame.f_code
    return (code, frame.f_lasti) if _library_files.get(code.co_filename) is False else user_line(5)


def user_line(depth: int = 2) -> tuple[CodeType, int] | None:
    """The innermost place outside the library: code and offset, made a `Location` if asked.

    So many calls before this one are known to be the library's.
    """
    frame: FrameType | None = sys._getframe(depth)  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        code = frame.f_code
        ours = _library_files.get(code.co_filename)
        if ours is None:
            ours = _library_files[code.co_filename] = is_library(frame.f_globals)
        if not ours:
            return code, frame.f_lasti
        frame = frame.f_back
    return None
