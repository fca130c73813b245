"""The last stage: a plan as one LLVM module, a function for each kernel and one that runs them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from pullback.tracer.types import is_float

from . import arena
from .assembly import I64, PTR, FunctionWriter, Module, Value, constant
from .choice import emit_choice
from .elements import memory_constant, memory_element
from .entry import Site
from .kernel import (
    Buffer,
    Choice,
    Control,
    Copy,
    Fill,
    Kernel,
    LoopKernel,
    Plan,
    Product,
    Repeat,
    Reversal,
    Routine,
    While,
    reads,
    takes_memory,
    takes_memory_within,
    writes,
)
from .loops import emit_loops
from .pool import SHARE_PARTS
from .repeat import emit_repeat, emit_while
from .reversal import emit_reversal
from .routines import emit_routine


@dataclass(slots=True)
class Emission:
    """The module with its function ``run``, and the error sites that ``run`` can return."""

    module: Module
    sites: list[Site]


def emit(plan: Plan, vector_bytes: int) -> Emission:
    """Write ``run(inputs, outputs, workspace, status)`` for the plan.

    ``run`` returns 0, or the number of the site (from 1) that found bad input; ``status`` then
    holds what it found. ``vector_bytes`` is the width of the machine's vector registers.
    """
    emission = Emission(Module(), [])
    parameters = [(PTR, "inputs"), (PTR, "outputs"), (PTR, "workspace"), (PTR, "status")]
    # They only call the kernels: LLVM's code generator without optimisations is quicker done.
    attributes = "nounwind noinline optnone"
    freed = takes_memory_within(plan)
    name, linkage = ("steps", "internal") if freed else ("run", "")
    run = FunctionWriter(emission.module, name, I64, parameters, linkage, attributes)
    pointers: dict[Buffer, Value] = {}
    for number, kernel in enumerate(plan.kernels):
        for buffer in _used(kernel):
            if buffer not in pointers:
                pointers[buffer] = _pointer(run, plan, buffer)
        _emit_kernel(run, emission, f"kernel{number}", kernel, pointers, vector_bytes)
    run.ret(constant(I64, 0))
    run.finish()
    if freed:
        _write_run(emission.module, parameters, attributes)
    return emission


def _write_run(module: Module, parameters: list[tuple[str, str]], attributes: str) -> None:
    """Write ``run``: the steps, and then what memory they have taken is freed."""
    run = FunctionWriter(module, "run", I64, parameters, attributes=attributes)
    *others, status = run.parameters
    own = run.alloca(I64, arena.STATUS_SLOTS)
    head = run.address(own, arena.HEAD, I64)
    run.store(arena.NULL, head, 8)
    result = run.call_known("steps", I64, [*others, own])
    for slot in range(arena.HEAD):
        detail = run.load(I64, run.address(own, slot, I64), 8)
        run.store(detail, run.address(status, slot, I64), 8)
    arena.release(run, own, arena.NULL)
    run.ret(result)
    run.finish()


def _used(kernel: Kernel) -> list[Buffer]:
    return sorted(reads(kernel) | writes(kernel), key=lambda b: (b.kind, b.number, b.name))


def _emit_kernel(
    run: FunctionWriter,
    emission: Emission,
    name: str,
    kernel: Kernel,
    pointers: dict[Buffer, Value],
    vector_bytes: int,
) -> None:
    """Do what a kernel does, in the function that runs it or by calling one of its own."""
    if isinstance(kernel, LoopKernel | Routine | Control):
        used = _used(kernel)
        arguments = [pointers[b] for b in used]
        _call_kernel(run, emission, name, kernel, used, arguments, vector_bytes)
    else:
        _emit_simple(run, name, kernel, pointers)


def _pointer(w: FunctionWriter, plan: Plan, buffer: Buffer) -> Value:
    inputs, outputs, workspace, _ = w.parameters
    if buffer.kind == "workspace":
        return w.address(workspace, plan.workspace[buffer], "i8")
    table = inputs if buffer.kind == "input" else outputs
    return w.load(PTR, w.address(table, buffer.number, PTR), 8)


def _call_kernel(
    run: FunctionWriter,
    emission: Emission,
    name: str,
    kernel: LoopKernel | Routine | Control,
    buffers: Sequence[Buffer],
    arguments: Sequence[Value],
    vector_bytes: int,
) -> None:
    if isinstance(kernel, LoopKernel) and kernel.last is not None:
        _call_parts(run, emission, name, kernel, buffers, arguments, vector_bytes)
        return
    parameters = [(PTR, b.name) for b in buffers]
    w = FunctionWriter(
        emission.module, name, I64, [*parameters, (PTR, "status")], linkage="internal"
    )
    pointers = dict(zip(buffers, w.parameters, strict=False))
    before = len(emission.sites)
    if isinstance(kernel, Routine):
        emit_routine(w, kernel, pointers, emission.sites, w.parameters[-1], vector_bytes)
    elif isinstance(kernel, Control):
        _emit_control(w, emission, name, kernel, pointers, vector_bytes)
    else:
        emit_loops(w, kernel, pointers, emission.sites, w.parameters[-1], vector_bytes)
    w.ret(constant(I64, 0))
    w.finish()
    status = run.parameters[-1]
    result = run.call_known(name, I64, [*arguments, status])
    if len(emission.sites) > before:
        _leave_if_failed(run, result)


def _call_parts(
    run: FunctionWriter,
    emission: Emission,
    name: str,
    kernel: LoopKernel,
    buffers: Sequence[Buffer],
    arguments: Sequence[Value],
    vector_bytes: int,
) -> None:
    """Write a function for one part of a kernel, and have threads share the parts."""
    w = FunctionWriter(
        emission.module, name, I64, [(PTR, "table"), (I64, "part"), (PTR, "status")], "internal"
    )
    table, part, status = w.parameters
    pointers = {b: w.load(PTR, w.address(table, i, PTR), 8) for i, b in enumerate(buffers)}
    before = len(emission.sites)
    emit_loops(w, kernel, pointers, emission.sites, status, vector_bytes, part)
    w.ret(constant(I64, 0))
    w.finish()
    given = run.alloca(PTR, len(buffers))
    for i, argument in enumerate(arguments):
        run.store(argument, run.address(given, i, PTR), 8)
    count = constant(I64, kernel.extents[0])
    function = Value(PTR, f"@{name}")
    result = run.call(SHARE_PARTS, I64, [function, given, count, run.parameters[-1]])
    if len(emission.sites) > before:
        _leave_if_failed(run, result)


def _emit_control(
    w: FunctionWriter,
    emission: Emission,
    name: str,
    kernel: Control,
    pointers: dict[Buffer, Value],
    vector_bytes: int,
) -> None:
    """Write the control flow of a kernel that is made of plans, and their kernels."""
    numbers, status = itertools.count(), w.parameters[-1]

    def turn(plan: Plan, inner: dict[Buffer, Value]) -> None:
        takes = any(takes_memory(each) for each in plan.kernels)
        before = arena.mark(w, status) if takes else None
        for each in plan.kernels:
            _emit_kernel(w, emission, f"{name}.{next(numbers)}", each, inner, vector_bytes)
        if before is not None:
            arena.release(w, status, before)

    def memory(size: Value) -> Value:
        block = arena.allocate(w, status, size)
        failed, fine = w.label("failed"), w.label("fine")
        w.branch(w.compare("eq", block, arena.NULL), failed, fine)
        w.start_block(failed)
        where = kernel.roots[0].where
        line = f" at {where}" if where is not None else ""
        message = f"no memory for what reverse mode keeps of a loop's steps{line}"
        emission.sites.append(Site(message, "MemoryError"))
        w.ret(constant(I64, len(emission.sites)))
        w.start_block(fine)
        return block

    match kernel:
        case Repeat():
            emit_repeat(w, kernel, pointers, turn, memory)
        case Reversal():
            emit_reversal(w, kernel, pointers, turn)
        case While():
            emit_while(w, kernel, pointers, turn, memory)
        case Choice():
            emit_choice(w, kernel, pointers, turn)


def _leave_if_failed(run: FunctionWriter, result: Value) -> None:
    failed, fine = run.label("failed"), run.label("fine")
    run.branch(run.compare("ne", result, constant(I64, 0)), failed, fine)
    run.start_block(failed)
    run.ret(result)
    run.start_block(fine)


def _emit_simple(
    w: FunctionWriter, name: str, kernel: Kernel, pointers: dict[Buffer, Value]
) -> None:
    match kernel:
        case Fill():
            _fill(w, name, kernel, pointers[kernel.buffer])
        case Copy():
            size = constant(I64, kernel.source.type.nbytes)
            no = Value("i1", "false")
            arguments = [pointers[kernel.target], pointers[kernel.source], size, no]
            w.call("llvm.memcpy.p0.p0.i64", "void", arguments)
        case Product():
            _product(w, kernel, pointers)
        case LoopKernel() | Routine() | Repeat() | Reversal() | While() | Choice():
            raise AssertionError("the kernel is a function of its own")


def _fill(w: FunctionWriter, name: str, kernel: Fill, pointer: Value) -> None:
    """Set every element; a function of its own where that is not all zero bits."""
    type = kernel.buffer.type
    kind, size = memory_element(type.dtype), type.dtype.itemsize
    value = memory_constant(type.dtype, kernel.value)
    if type.size == 1:
        w.store(value, pointer, size)
    elif value.name in ("0", "0x0000000000000000"):
        arguments = [pointer, constant("i8", 0), constant(I64, type.nbytes), Value("i1", "false")]
        w.call("llvm.memset.p0.i64", "void", arguments)
    elif type.size:
        f = FunctionWriter(w.module, name, "void", [(PTR, "target")], linkage="internal")
        with f.loop(0, type.size) as loop:
            f.store(value, f.address(f.parameters[0], loop.index, kind), size)
        f.ret()
        f.finish()
        w.call_known(name, "void", [pointer])


def _product(w: FunctionWriter, kernel: Product, pointers: dict[Buffer, Value]) -> None:
    """Call ``gemm``. BLAS counts by columns, so the operands change places."""
    dtype = kernel.node.type.dtype
    assert is_float(dtype)
    kind = memory_element(dtype)
    name = "blas.dgemm" if kind == "double" else "blas.sgemm"
    sizes = {x: _integer(w, x) for x in {kernel.m, kernel.n, kernel.k}}
    one, zero = _number(w, kind, 1.0), _number(w, kind, 0.0)
    flags = [
        w.module.bytes(b"T" if flag else b"N")
        for flag in (kernel.y_transposed, kernel.x_transposed)
    ]
    leading_y = sizes[kernel.k if kernel.y_transposed else kernel.n]
    leading_x = sizes[kernel.m if kernel.x_transposed else kernel.k]

    def call(index: Value) -> None:
        x, y, target = (
            w.address(pointers[b], w.scale_index(index, size), kind)
            for b, size in (
                (kernel.x, kernel.m * kernel.k),
                (kernel.y, kernel.k * kernel.n),
                (kernel.target, kernel.m * kernel.n),
            )
        )
        shape = [sizes[kernel.n], sizes[kernel.m], sizes[kernel.k]]
        operands = [one, y, leading_y, x, leading_x, zero, target, sizes[kernel.n]]
        w.call(name, "void", [*flags, *shape, *operands])

    if kernel.batch == 1:
        call(constant(I64, 0))
        return
    with w.loop(0, kernel.batch) as loop:
        call(loop.index)


def _integer(w: FunctionWriter, value: int) -> Value:
    """BLAS takes 32-bit integers by address."""
    slot = w.alloca("i32")
    w.store(constant("i32", value), slot, 4)
    return slot


def _number(w: FunctionWriter, kind: str, value: float) -> Value:
    slot = w.alloca(kind)
    w.store(constant(kind, value), slot, 8 if kind == "double" else 4)
    return slot
