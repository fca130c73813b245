"""The plan: kernels, buffers and what they cost, as plain data that prints.

A loop kernel is an iteration space with a body of scalar steps. Every access to memory is an affine
function of the loop indices; broadcasts, permutations, slices and flips are nothing but such maps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pullback.tracer.ir import Node
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
    """A loop nest: extents from outermost to innermost, steps, sinks."""

    extents: tuple[int, ...]
    steps: list[Step]
    sinks: list[Sink]
    sequential: bool = False
    roots: tuple[Node, ...] = ()

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


Kernel: TypeAlias = LoopKernel | Fill | Copy | Product | Routine


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
        case Routine():
            return set(kernel.operands)
        case Fill():
            return set()


def writes(kernel: Kernel) -> set[Buffer]:
    """The buffers a kernel writes."""
    match kernel:
        case LoopKernel():
            return {s.buffer for s in kernel.sinks}
        case Product() | Copy():
            return {kernel.target}
        case Routine():
            return {kernel.target} | ({kernel.scratch} if kernel.scratch is not None else set())
        case Fill():
            return {kernel.buffer}
