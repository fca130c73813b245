"""The plan: kernels, buffers and what they cost, as plain data that prints.

A loop kernel is an iteration space with a body of scalar steps. Every access to memory is an affine
function of the loop indices; broadcasts, permutations, slices and flips are nothing but such maps.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from pullback.tracer.data import dataclass, field
from pullback.tracer.ir import Node
from pullback.tracer.primitives.callback import Callback
from pullback.tracer.types import ArrayType, Shape


@dataclass(frozen=True, slots=True)
class Affine:
    """``offset + sum(coefs[a] * index[a])`` over the axes of a kernel."""

    offset: int
    coefs: tuple[int, ...]

    def scaled(self, factor: int, offset: int = 0) -> Affine:
        """``offset + factor * self``."""
        return Affine(self.offset * factor + offset, tuple([c * factor for c in self.coefs]))


def combine(rows: tuple[Affine, ...], strides: Shape, axes: int) -> Affine:
    """The sum of rows, each times its stride."""
    offset = 0
    coefs = [0] * axes
    for row, stride in zip(rows, strides, strict=True):
        offset += row.offset * stride
        for a, c in enumerate(row.coefs):
            coefs[a] += c * stride
    return Affine(offset, tuple(coefs))


@dataclass(frozen=True, eq=False, slots=True)
class Buffer:
    """Contiguous memory: an input, an output, or a part of the workspace."""

    name: str
    type: ArrayType
    kind: Literal["input", "output", "workspace"]
    number: int

    def __repr__(self) -> str:
        return self.name


Condition: TypeAlias = tuple[Affine, int]
"""``0 <= row < extent``: where a padded operand is read."""


@dataclass(slots=True)
class Step:
    """One scalar value of a kernel's body.

    A ``select`` is a padded operand, ``apply`` the node's primitive on the values of ``operands``,
    ``combine`` two of them as the reduction ``node`` does, or goes on with a scan from the first of
    them. ``depth`` is how many loops the value depends on; it is computed outside the others.
    """

    kind: Literal["load", "literal", "iota", "select", "gather", "apply", "combine"]
    node: Node
    operands: tuple[int, ...] = ()
    buffer: Buffer | None = None
    index: Affine | None = None
    mask: tuple[Condition, ...] = ()
    depth: int = 0


@dataclass(slots=True)
class Sink:
    """Where a value of the body goes.

    ``reduce`` is with the primitive of ``node`` along ``axes``; ``scan``, carried on along the one
    axis in ``axes``, times the step ``factor`` if there is one; ``scatter``, to the place that the
    ``indices`` steps tell.
    """

    kind: Literal["store", "reduce", "scan", "scatter"]
    node: Node
    step: int
    buffer: Buffer
    index: Affine
    axes: tuple[int, ...] = ()
    indices: tuple[int, ...] = ()
    factor: int | None = None


@dataclass(slots=True)
class LoopKernel:
    """A loop nest: extents from outermost to innermost, steps, sinks.

    With ``last`` the turns of the outermost loop are parts that threads may share; the next loop
    has so many turns in the last of them.
    """

    extents: tuple[int, ...]
    steps: list[Step]
    sinks: list[Sink]
    sequential: bool = False
    roots: tuple[Node, ...] = ()
    last: int | None = None

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes that the kernel makes."""
        return self.roots


@dataclass(slots=True)
class Fill:
    """Set a buffer to one value: an identity before accumulating, padding."""

    buffer: Buffer
    value: float | int | bool


@dataclass(slots=True)
class Copy:
    """Copy a whole buffer."""

    source: Buffer
    target: Buffer


@dataclass(slots=True)
class Product:
    """``target = x @ y`` by BLAS, for each of ``batch``.

    A flag tells that an operand is stored transposed.
    """

    node: Node
    x: Buffer
    y: Buffer
    target: Buffer
    batch: int
    m: int
    n: int
    k: int
    x_transposed: bool
    y_transposed: bool


@dataclass(slots=True)
class Routine:
    """``target`` from whole ``operands``, by a routine of ``codegen/routines`` of the node's name.

    It may use ``scratch`` as it likes.
    """

    node: Node
    operands: tuple[Buffer, ...]
    target: Buffer
    scratch: Buffer | None = None


@dataclass(frozen=True, slots=True)
class Carried:
    """A value that a repeated plan carries on: where it comes from and where it goes.

    It begins as ``init``; the last one goes to ``last``, that of each turn's beginning to its place
    in ``history``; either may not be wanted. ``source`` and ``target`` are the plan's buffers.
    """

    init: Buffer
    source: Buffer
    target: Buffer
    last: Buffer | None
    history: Buffer | None


@dataclass(slots=True)
class Repeat:
    """Run a plan ``length`` times, along the first axis of what it reads and writes.

    Without a length, ``count`` holds it, and what goes along the loop are the handles of stacks.

    Pairs are of an outer buffer and the plan's own: of ``fixed`` ones the plan sees all in every
    turn, of those ``read`` and ``written`` one place of the first axis, from the last place on if
    ``reverse``. ``scratch`` has two places for each carried value, and the plan's workspace.
    """

    roots: tuple[Node, ...]
    plan: Plan
    length: int | None
    count: Buffer | None
    reverse: bool
    fixed: tuple[tuple[Buffer, Buffer], ...]
    carried: tuple[Carried, ...]
    read: tuple[tuple[Buffer, Buffer], ...]
    written: tuple[tuple[Buffer, Buffer], ...]
    scratch: Buffer


@dataclass(slots=True)
class Reversal:
    """Run ``plan`` once for each of ``length`` places, back over what ``forward`` carries.

    ``forward`` carries the ``states`` on, from one of ``snapshots`` to the next; ``plan`` gets what
    they are at a place in ``seen``. The pairs are as in `Repeat`, and ``reverse`` tells that the
    first of the places is the last one of the axis. ``scratch`` has room for the snapshots too.
    """

    roots: tuple[Node, ...]
    forward: Plan
    plan: Plan
    length: int
    reverse: bool
    snapshots: int
    forward_fixed: tuple[tuple[Buffer, Buffer], ...]
    states: tuple[Carried, ...]
    forward_read: tuple[tuple[Buffer, Buffer], ...]
    seen: tuple[Buffer, ...]
    fixed: tuple[tuple[Buffer, Buffer], ...]
    carried: tuple[Carried, ...]
    read: tuple[tuple[Buffer, Buffer], ...]
    written: tuple[tuple[Buffer, Buffer], ...]
    scratch: Buffer


@dataclass(slots=True)
class While:
    """Run a plan as long as ``test``, a plan with one bool as its output, says so.

    ``turns`` gets the number of turns, if it is wanted; histories are handles of stacks. The pairs
    are as in `Repeat`; ``tested`` are those of the test for each carried value.
    """

    roots: tuple[Node, ...]
    test: Plan
    plan: Plan
    test_fixed: tuple[tuple[Buffer, Buffer], ...]
    fixed: tuple[tuple[Buffer, Buffer], ...]
    carried: tuple[Carried, ...]
    tested: tuple[Buffer, ...]
    turns: Buffer | None
    scratch: Buffer


@dataclass(slots=True)
class Choice:
    """Run one of several plans, that with the number in ``index``.

    Each has the ``operands`` as its inputs and gives the ``targets``.
    """

    roots: tuple[Node, ...]
    plans: tuple[Plan, ...]
    index: Buffer
    operands: tuple[Buffer, ...]
    targets: tuple[Buffer, ...]
    scratch: Buffer


@dataclass(slots=True)
class PythonCall:
    """Call a Python function on copies of ``operands``.

    ``targets`` are the results that are wanted, by their numbers; nothing is written to ``unused``,
    which stands for a result that there is none of.
    """

    roots: tuple[Node, ...]
    callback: Callback
    operands: tuple[Buffer, ...]
    targets: dict[int, Buffer]
    unused: tuple[Buffer, ...]


Control: TypeAlias = Repeat | Reversal | While | Choice
"""Kernels made of plans."""

Kernel: TypeAlias = LoopKernel | Fill | Copy | Product | Routine | PythonCall | Control


@dataclass(slots=True)
class Plan:
    """Everything the machine code will do, in order, and in which memory."""

    inputs: tuple[Buffer, ...]
    outputs: tuple[Buffer, ...]
    kernels: list[Kernel]
    workspace: dict[Buffer, int] = field(default_factory=dict)
    workspace_bytes: int = 0

    def text(self) -> str:
        """The plan as a page of text."""
        from .report import plan_text

        return plan_text(self)

    def __str__(self) -> str:
        return self.text()


def reads(kernel: Kernel) -> set[Buffer]:
    """The buffers a kernel reads."""
    match kernel:
        case LoopKernel():
            return {s.buffer for s in kernel.steps if s.buffer is not None}
        case Product():
            return {kernel.x, kernel.y}
        case Copy():
            return {kernel.source}
        case Routine() | PythonCall():
            return set(kernel.operands)
        case Repeat():
            inits = {c.init for c in kernel.carried}
            counts = {kernel.count} if kernel.count is not None else set()
            return inits | counts | {outer for outer, _ in (*kernel.fixed, *kernel.read)}
        case Reversal():
            inits = {c.init for c in (*kernel.states, *kernel.carried)}
            pairs = (*kernel.forward_fixed, *kernel.forward_read, *kernel.fixed, *kernel.read)
            return inits | {outer for outer, _ in pairs}
        case While():
            inits = {c.init for c in kernel.carried}
            return inits | {outer for outer, _ in (*kernel.test_fixed, *kernel.fixed)}
        case Choice():
            return {kernel.index, *kernel.operands}
        case Fill():
            return set()


def takes_memory(kernel: Kernel) -> bool:
    """Whether a kernel makes stacks, which live until their memory is freed."""
    match kernel:
        case Repeat():
            return kernel.length is None
        case While():
            return any(c.history is not None for c in kernel.carried)
        case Choice():
            return any(takes_memory(each) for plan in kernel.plans for each in plan.kernels)
        case _:
            return False


def takes_memory_within(plan: Plan) -> bool:
    """Whether a kernel does, of the plan or of those inside it."""
    return any(
        takes_memory(kernel) or any(map(takes_memory_within, inner_plans(kernel)))
        for kernel in plan.kernels
    )


def may_not_end(plan: Plan) -> bool:
    """Whether a loop of the plan goes on as long as values say."""
    return any(
        isinstance(kernel, While) or any(map(may_not_end, inner_plans(kernel)))
        for kernel in plan.kernels
    )


def inner_plans(kernel: Kernel) -> tuple[Plan, ...]:
    """The plans that a kernel is made of."""
    match kernel:
        case Repeat():
            return (kernel.plan,)
        case Reversal():
            return kernel.forward, kernel.plan
        case While():
            return kernel.test, kernel.plan
        case Choice():
            return kernel.plans
        case _:
            return ()


def writes(kernel: Kernel) -> set[Buffer]:
    """The buffers a kernel writes."""
    match kernel:
        case LoopKernel():
            return {s.buffer for s in kernel.sinks}
        case Product() | Copy():
            return {kernel.target}
        case Routine():
            return {kernel.target} | ({kernel.scratch} if kernel.scratch is not None else set())
        case Repeat():
            kept = {b for c in kernel.carried for b in (c.last, c.history) if b is not None}
            return {kernel.scratch} | kept | {outer for outer, _ in kernel.written}
        case Reversal():
            kept = {c.last for c in kernel.carried if c.last is not None}
            return {kernel.scratch} | kept | {outer for outer, _ in kernel.written}
        case While():
            kept = {b for c in kernel.carried for b in (c.last, c.history) if b is not None}
            counts = {kernel.turns} if kernel.turns is not None else set()
            return {kernel.scratch} | kept | counts
        case Choice():
            return {kernel.scratch, *kernel.targets}
        case PythonCall():
            return {*kernel.targets.values(), *kernel.unused}
        case Fill():
            return {kernel.buffer}
