"""The plan: kernels, buffers and what they cost, as plain data that prints.

A loop kernel is an iteration space with a body of scalar steps. Every access to memory is an affine
function of the loop indices; broadcasts, permutations, slices and flips are nothing but such maps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pullback.tracer.colour import shown
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

    The first ``cut`` loops are one over ``whole`` places in parts, and in parts of these; the last
    parts have fewer turns where the others do not come out even. All of these loops but the last
    are written around the kernel.
    """

    extents: tuple[int, ...]
    steps: list[Step]
    sinks: list[Sink]
    sequential: bool = False
    roots: tuple[Node, ...] = ()
    cut: int = 0
    whole: int = 0

    @property
    def around(self) -> int:
        """The number of loops that are written around the kernel."""
        return max(self.cut - 1, 0)

    @property
    def points(self) -> int:
        """How often the innermost body runs."""
        return (self.whole if self.cut else 1) * math.prod(self.extents[self.cut :])

    @property
    def reads(self) -> set[Buffer]:
        """The buffers that it reads."""
        return {s.buffer for s in self.steps if s.buffer is not None}

    @property
    def writes(self) -> set[Buffer]:
        """The buffers that it writes."""
        return {s.buffer for s in self.sinks}


def nodes_of_steps(kernel: LoopKernel) -> list[Node]:
    """What each step helps to compute: its own node, or that which it is first read for."""
    reader: dict[int, Node] = {}
    for sink in reversed(kernel.sinks):
        reader[sink.step] = sink.node
    found: list[Node] = []
    for i in reversed(range(len(kernel.steps))):
        step = kernel.steps[i]
        own = step.kind in ("apply", "combine", "gather", "iota")
        node = step.node if own else reader.get(i, step.node)
        found.append(node)
        reader.update(dict.fromkeys(step.operands, node))
    return found[::-1]


@dataclass(slots=True)
class Strips:
    """Kernels over the same rows: all of them run for a few rows, then for the next few.

    The rows are in parts, which threads may share, and these in strips.
    """

    kernels: tuple[LoopKernel, ...]

    @property
    def roots(self) -> tuple[Node, ...]:
        """The nodes that the kernels make."""
        return tuple(root for kernel in self.kernels for root in kernel.roots)

    @property
    def reads(self) -> set[Buffer]:
        """The buffers that it reads."""
        return {buffer for kernel in self.kernels for buffer in kernel.reads}

    @property
    def writes(self) -> set[Buffer]:
        """The buffers that it writes."""
        return {buffer for kernel in self.kernels for buffer in kernel.writes}


@dataclass(slots=True)
class Fill:
    """Set a buffer to one value: an identity before accumulating, padding."""

    buffer: Buffer
    value: float | int | bool

    @property
    def reads(self) -> set[Buffer]:
        """The buffers that it reads."""
        return set()

    @property
    def writes(self) -> set[Buffer]:
        """The buffers that it writes."""
        return {self.buffer}


@dataclass(slots=True)
class Copy:
    """Copy a whole buffer."""

    source: Buffer
    target: Buffer

    @property
    def reads(self) -> set[Buffer]:
        """The buffers that it reads."""
        return {self.source}

    @property
    def writes(self) -> set[Buffer]:
        """The buffers that it writes."""
        return {self.target}


@dataclass(slots=True)
class Product:
    """``target = x @ y``, for each of ``batch``: by BLAS, or in ``blocks`` of registers.

    A flag tells that an operand is stored transposed. With ``shared`` threads may share parts of
    one of the axes batch, m and n: its number, and how much of it a part is.
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
    blocks: bool
    shared: tuple[int, int] | None = None

    @property
    def reads(self) -> set[Buffer]:
        """The buffers that it reads."""
        return {self.x, self.y}

    @property
    def writes(self) -> set[Buffer]:
        """The buffers that it writes."""
        return {self.target}


@dataclass(slots=True)
class Routine:
    """``target`` from whole ``operands``, by a routine of ``codegen/routines`` of the node's name.

    It may use ``scratch`` as it likes.
    """

    node: Node
    operands: tuple[Buffer, ...]
    target: Buffer
    scratch: Buffer | None = None

    @property
    def reads(self) -> set[Buffer]:
        """The buffers that it reads."""
        return set(self.operands)

    @property
    def writes(self) -> set[Buffer]:
        """The buffers that it writes."""
        return {self.target} | ({self.scratch} if self.scratch is not None else set())


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

    @property
    def reads(self) -> set[Buffer]:
        """The buffers that it reads."""
        counts = {self.count} if self.count is not None else set()
        return _inits(self.carried) | counts | _outer(*self.fixed, *self.read)

    @property
    def writes(self) -> set[Buffer]:
        """The buffers that it writes."""
        return {self.scratch} | _kept(self.carried) | _outer(*self.written)

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plans that it is made of."""
        return (self.plan,)


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

    @property
    def reads(self) -> set[Buffer]:
        """The buffers that it reads."""
        pairs = (*self.forward_fixed, *self.forward_read, *self.fixed, *self.read)
        return _inits(self.states, self.carried) | _outer(*pairs)

    @property
    def writes(self) -> set[Buffer]:
        """The buffers that it writes."""
        last = {c.last for c in self.carried if c.last is not None}
        return {self.scratch} | last | _outer(*self.written)

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plans that it is made of."""
        return self.forward, self.plan


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

    @property
    def reads(self) -> set[Buffer]:
        """The buffers that it reads."""
        return _inits(self.carried) | _outer(*self.test_fixed, *self.fixed)

    @property
    def writes(self) -> set[Buffer]:
        """The buffers that it writes."""
        turns = {self.turns} if self.turns is not None else set()
        return {self.scratch} | _kept(self.carried) | turns

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plans that it is made of."""
        return self.test, self.plan


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

    @property
    def reads(self) -> set[Buffer]:
        """The buffers that it reads."""
        return {self.index, *self.operands}

    @property
    def writes(self) -> set[Buffer]:
        """The buffers that it writes."""
        return {self.scratch, *self.targets}


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

    @property
    def reads(self) -> set[Buffer]:
        """The buffers that it reads."""
        return set(self.operands)

    @property
    def writes(self) -> set[Buffer]:
        """The buffers that it writes."""
        return {*self.targets.values(), *self.unused}


def _outer(*pairs: tuple[Buffer, Buffer]) -> set[Buffer]:
    return {outer for outer, _ in pairs}


def _inits(*carried: tuple[Carried, ...]) -> set[Buffer]:
    return {c.init for each in carried for c in each}


def _kept(carried: tuple[Carried, ...]) -> set[Buffer]:
    return {b for c in carried for b in (c.last, c.history) if b is not None}


Control: TypeAlias = Repeat | Reversal | While | Choice
"""Kernels made of plans."""

Kernel: TypeAlias = LoopKernel | Strips | Fill | Copy | Product | Routine | PythonCall | Control


@dataclass(slots=True)
class Plan:
    """Everything the machine code will do, in order, and in which memory.

    ``workspace`` tells where temporaries lie, but for those that ``shared`` puts into outputs, or
    into the place of a later temporary. ``reused`` are the outputs that are written over an input,
    each with the number of that.
    """

    inputs: tuple[Buffer, ...]
    outputs: tuple[Buffer, ...]
    kernels: list[Kernel]
    workspace: dict[Buffer, int] = field(default_factory=dict)
    workspace_bytes: int = 0
    shared: dict[Buffer, Buffer] = field(default_factory=dict)
    reused: dict[int, int] = field(default_factory=dict)

    def text(self) -> str:
        """The plan as a page of text."""
        from .report import plan_text

        return plan_text(self)

    def __str__(self) -> str:
        """The text, in colours where `print` shows it in a terminal and `rich` is installed."""
        return shown(self.text(), "plan")


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
        takes_memory(kernel) or any(map(takes_memory_within, plans_of(kernel)))
        for kernel in plan.kernels
    )


def may_not_end(plan: Plan) -> bool:
    """Whether a loop of the plan goes on as long as values say."""
    return any(
        isinstance(kernel, While) or any(map(may_not_end, plans_of(kernel)))
        for kernel in plan.kernels
    )


def plans_of(kernel: Kernel) -> tuple[Plan, ...]:
    """The plans that a kernel is made of."""
    return kernel.plans if isinstance(kernel, Control) else ()
