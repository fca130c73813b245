"""The last stage: a plan as one LLVM module, a function for each kernel and one that runs them."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from pullback.tracer.errors import at
from pullback.tracer.ir import Node
from pullback.tracer.primitives.callback import Callback

from . import arena
from .assembly import I64, PTR, FunctionWriter, Module, Value, constant
from .blas import write_product
from .blocks import write_blocks
from .called import called_functions
from .choice import emit_choice
from .elements import memory_constant, memory_element
from .entry import Site
from .held import Held, copy_held, is_straight
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
    PythonCall,
    Repeat,
    Reversal,
    Routine,
    Strips,
    While,
    takes_memory,
    takes_memory_within,
)
from .loops import emit_loops
from .pool import SHARE_PARTS
from .python_call import emit_python_call
from .repeat import emit_repeat, emit_while
from .reversal import emit_reversal
from .routines import emit_routine
from .timing import Timer, timed, write_timer
from .turns import turns_of

STATUS = "status"
"""The last parameter of every function that a kernel is written into."""

UNOPTIMISED = "nounwind noinline optnone"
"""What only calls kernels: LLVM's code generator without optimisations is quicker done."""

FEW_KERNELS = 8
"""Up to so many kernels stand in the function that runs them, if all can."""

LONGEST_CALLS = 300
"""Lines from which on another function calls the kernels."""

LARGEST_FUNCTION = 1000
"""Lines from which on kernels go into another function."""

LONGEST_FILL = 8
"""Vectors that are stored one after another, rather than in a loop."""


@dataclass(slots=True)
class Emission:
    """The module with its function ``run``, the error sites that ``run`` can return, and the Python
    functions that it calls.

    ``timer`` times the kernels, if they are timed. ``shared`` are the names of kernels' functions
    by what they do, where several have the same length; ``lengths`` has the first of each length
    until there is a second.
    """

    module: Module
    sites: list[Site]
    vector_bytes: int
    callbacks: list[Callback] = field(default_factory=list)
    timer: Timer | None = None
    shared: dict[str, str] = field(default_factory=dict)
    lengths: dict[int, FunctionWriter | None] = field(default_factory=dict)

    def share(self, function: FunctionWriter) -> str:
        """The name of the first function that does the same."""
        if function.length not in self.lengths:
            self.lengths[function.length] = function
            return function.name
        first = self.lengths[function.length]
        if first is not None:
            self.shared[_without_names(first)] = first.name
            self.lengths[function.length] = None
        name = self.shared.setdefault(_without_names(function), function.name)
        if name != function.name:
            function.tell_origins(name)
        return name


def _without_names(function: FunctionWriter) -> str:
    """What a function does, whatever its parameters are called."""
    names = {p.name: f"%{i}" for i, p in enumerate(function.parameters)}
    return re.sub(r"%[\w.]+", lambda m: names.get(m[0], m[0]), function.body)


def emit(
    plan: Plan, vector_bytes: int, timer: Timer | None = None, convention: str = ""
) -> Emission:
    """Write ``run(inputs, outputs, workspace, status)`` for the plan.

    ``run`` returns 0, or the number of the site (from 1) that found bad input; ``status`` then
    holds what it found. ``vector_bytes`` is the width of the machine's vector registers, 64 those
    of AVX-512, whose instructions elementary functions then name. With a ``timer`` the module
    counts the ticks of each kernel. ``convention`` is that of calls of elementary functions.
    """
    functions = called_functions(plan, vector_bytes, convention)
    module = Module(convention=convention, called=functions, avx512=vector_bytes == 64)
    emission = Emission(module, [], vector_bytes, timer=timer)
    parameters = [(PTR, "inputs"), (PTR, "outputs"), (PTR, "workspace"), (PTR, "status")]
    freed = takes_memory_within(plan)
    name, linkage = ("steps", "internal") if freed else ("run", "")
    outlines = Counter(map(_outline, plan.kernels))
    alike = [outlines[_outline(kernel)] > 1 for kernel in plan.kernels]
    alone = _stand_alone(plan.kernels, alike)
    attributes = "nounwind" if alone else UNOPTIMISED
    run = FunctionWriter(emission.module, name, I64, parameters, linkage, attributes)
    calls = _Calls(emission, plan, run, run, joined=run if alone else None)
    for number, kernel in enumerate(plan.kernels):
        calls.add(number, kernel, alike[number])
    calls.close()
    run.ret(constant(I64, 0))
    run.finish()
    if freed:
        _write_run(emission, parameters)
    if timer is not None:
        write_timer(emission.module, timer)
    return emission


def _is_code(kernel: Kernel) -> bool:
    """Whether a kernel is loops of its own, not a call of what others have written."""
    return isinstance(kernel, LoopKernel) or (isinstance(kernel, Product) and kernel.blocks)


def _shared(kernel: Kernel) -> int | None:
    """In how many parts threads may do what a kernel does; None if it has no parts."""
    if isinstance(kernel, Strips):
        return kernel.kernels[0].extents[0]
    if isinstance(kernel, LoopKernel) and kernel.cut:
        return kernel.extents[0]
    if isinstance(kernel, Product) and kernel.shared is not None:
        axis, size = kernel.shared
        return -(-(kernel.batch, kernel.m, kernel.n)[axis] // size)
    return None


def _outline(kernel: Kernel) -> Hashable:
    """What kernels have in common that could be the same function of other memory."""
    if isinstance(kernel, Product):
        sizes = kernel.batch, kernel.m, kernel.n, kernel.k
        return kernel.node.type.dtype, sizes, kernel.x_transposed, kernel.blocks
    if not isinstance(kernel, LoopKernel):
        return type(kernel).__name__
    steps = tuple((step.kind, step.node.primitive.name) for step in kernel.steps)
    return kernel.extents, steps, len(kernel.sinks)


def _stand_alone(kernels: Sequence[Kernel], alike: Sequence[bool]) -> bool:
    """Whether the function that runs the kernels need not call any: they are few loops."""
    if len(kernels) > FEW_KERNELS or not any(map(_is_code, kernels)):
        return False
    return not any(
        isinstance(kernel, Strips | Routine | PythonCall | Control)
        or (_is_code(kernel) and (again or _shared(kernel) is not None))
        for kernel, again in zip(kernels, alike, strict=True)
    )


@dataclass(slots=True)
class _Calls:
    """The function that runs a plan's kernels, being written.

    Kernels in a row share a function up to a length, since each function takes LLVM some time, and
    a few loops stand in the function itself (``joined`` is ``run``). Those that look alike have one
    each, of which equal ones are written once. Where there are very many, ``whole`` calls further
    functions that call them.
    """

    emission: Emission
    plan: Plan
    whole: FunctionWriter
    run: FunctionWriter
    pointers: dict[Buffer, Value] = field(default_factory=dict)
    joined: FunctionWriter | None = None
    inner: dict[Buffer, Value] = field(default_factory=dict)
    sites: int = 0

    def add(self, number: int, kernel: Kernel, alike: bool) -> None:
        """Run another kernel."""
        name = f"kernel{number}"
        if self.joined is not None and self.joined.length > LARGEST_FUNCTION:
            self._end_joined()
        if self.run.length > LONGEST_CALLS and self.joined is None:
            self._begin_part(f"calls.{name}")
        joins = self.joined is not None
        if _is_code(kernel):
            joins = _shared(kernel) is None and not alike
        if joins and not isinstance(kernel, Strips | Routine | PythonCall | Control):
            self._join(number, kernel)
        else:
            self._end_joined()
            for buffer in _used(kernel):
                self._pointer(buffer)
            self.run.begin_kernel(name)
            with timed(self.run, self.emission.timer, name):
                _emit_kernel(self.run, self.emission, name, kernel, self.pointers)

    def _pointer(self, buffer: Buffer) -> Value:
        known = self.pointers.get(buffer)
        if known is None:
            known = self.pointers[buffer] = _pointer(self.run, self.plan, buffer)
        return known

    def _join(self, number: int, kernel: Kernel) -> None:
        name = f"kernel{number}"
        if self.joined is None:
            parameters = [(p.type, p.name[1:]) for p in self.whole.parameters]
            self.joined = FunctionWriter(self.emission.module, name, I64, parameters, "internal")
            self.sites = len(self.emission.sites)
        for buffer in _used(kernel):
            if self.joined is self.run:
                self.inner[buffer] = self._pointer(buffer)
            elif buffer not in self.inner:
                self.inner[buffer] = _pointer(self.joined, self.plan, buffer)
        self.joined.begin_kernel(name)
        with timed(self.joined, self.emission.timer, name):
            _emit_inline(self.joined, self.emission, name, kernel, self.inner)

    def close(self) -> None:
        """All kernels have been added."""
        self._end_joined()
        self._end_part()

    def _end_part(self) -> None:
        """Call the function that calls the last kernels, unless that is the whole."""
        if self.run is not self.whole:
            self.run.ret(constant(I64, 0))
            self.run.finish()
            result = self.whole.call_known(self.run.name, I64, self.whole.parameters)
            _leave_if_failed(self.whole, result)

    def _begin_part(self, name: str) -> None:
        """Call the next kernels in another function."""
        self._end_part()
        parameters = [(p.type, p.name[1:]) for p in self.whole.parameters]
        self.run = FunctionWriter(
            self.emission.module, name, I64, parameters, "internal", UNOPTIMISED
        )
        self.pointers = {}

    def _end_joined(self) -> None:
        """End the function that kernels share, and call it."""
        w, self.joined, self.inner = self.joined, None, {}
        if w is None or w is self.run:
            return
        w.ret(constant(I64, 0))
        w.finish()
        result = self.run.call_known(w.name, I64, self.run.parameters)
        if len(self.emission.sites) > self.sites:
            _leave_if_failed(self.run, result)


def _write_run(emission: Emission, parameters: list[tuple[str, str]]) -> None:
    """Write ``run``: the steps, and then what memory they have taken is freed."""
    run = FunctionWriter(emission.module, "run", I64, parameters, attributes=UNOPTIMISED)
    *others, status = run.parameters
    own = run.alloca(I64, arena.STATUS_SLOTS)
    head = run.address(own, arena.HEAD, I64)
    run.store(arena.NULL, head, 8)
    if emission.callbacks:
        objects = run.load(PTR, run.address(status, arena.OBJECTS, I64), 8)
        run.store(objects, run.address(own, arena.OBJECTS, I64), 8)
    result = run.call_known("steps", I64, [*others, own])
    for slot in range(arena.HEAD):
        detail = run.load(I64, run.address(own, slot, I64), 8)
        run.store(detail, run.address(status, slot, I64), 8)
    arena.release(run, own, arena.NULL)
    run.ret(result)
    run.finish()


def _used(kernel: Kernel) -> list[Buffer]:
    """A kernel's buffers, in an order that is the same for kernels that are alike."""
    if isinstance(kernel, Product):
        return list(dict.fromkeys((kernel.x, kernel.y, kernel.target)))
    if isinstance(kernel, LoopKernel):
        read = [step.buffer for step in kernel.steps if step.buffer is not None]
        return list(dict.fromkeys((*read, *(sink.buffer for sink in kernel.sinks))))
    return sorted(kernel.reads | kernel.writes, key=lambda b: (b.kind, b.number, b.name))


def _emit_kernel(
    run: FunctionWriter,
    emission: Emission,
    name: str,
    kernel: Kernel,
    pointers: dict[Buffer, Value],
) -> None:
    """Do what a kernel does, in the function that runs it or by calling one of its own."""
    if not (_is_code(kernel) or isinstance(kernel, Strips | Routine | PythonCall | Control)):
        _emit_inline(run, emission, name, kernel, pointers)
        return
    used = _used(kernel)
    arguments = [pointers[b] for b in used]
    parts = _shared(kernel)
    if parts is not None:
        _call_parts(run, emission, name, kernel, parts, used, arguments)
        return
    parameters = [(PTR, b.name) for b in used]
    w = FunctionWriter(emission.module, name, I64, [*parameters, (PTR, STATUS)], linkage="internal")
    w.begin_kernel(name)
    before = len(emission.sites)
    _emit_inline(w, emission, name, kernel, dict(zip(used, w.parameters, strict=False)))
    w.ret(constant(I64, 0))
    called = emission.share(w) if _is_code(kernel) else name
    if called == name:
        w.finish()
    _call(run, called, arguments, len(emission.sites) > before)


def _call_parts(
    run: FunctionWriter,
    emission: Emission,
    name: str,
    kernel: Kernel,
    parts: int,
    buffers: Sequence[Buffer],
    arguments: Sequence[Value],
) -> None:
    """Write a function for one part of a kernel, and have threads share the parts."""
    w = FunctionWriter(
        emission.module, name, I64, [(PTR, "table"), (I64, "part"), (PTR, "status")], "internal"
    )
    w.begin_kernel(name)
    table, part, status = w.parameters
    pointers = {b: w.load(PTR, w.address(table, i, PTR), 8) for i, b in enumerate(buffers)}
    before = len(emission.sites)
    match kernel:
        case Strips():
            _emit_strips(w, emission, kernel, pointers, status, part)
        case Product():
            w.node = kernel.node
            write_blocks(w, kernel, pointers, emission.vector_bytes, part)
        case LoopKernel():
            emit_loops(w, kernel, pointers, emission.sites, status, emission.vector_bytes, [part])
        case _:
            raise TypeError(f"{type(kernel).__name__} has no parts")
    w.ret(constant(I64, 0))
    called = emission.share(w)
    if called == name:
        w.finish()
    given = run.alloca(PTR, len(buffers))
    for i, argument in enumerate(arguments):
        run.store(argument, run.address(given, i, PTR), 8)
    count = constant(I64, parts)
    function = Value(PTR, f"@{called}")
    result = run.call(SHARE_PARTS, I64, [function, given, count, run.parameters[-1]])
    if len(emission.sites) > before:
        _leave_if_failed(run, result)


def _emit_strips(
    w: FunctionWriter,
    emission: Emission,
    kernel: Strips,
    pointers: dict[Buffer, Value],
    status: Value,
    part: Value,
) -> None:
    """Run the kernels of a part for a strip of rows, then for the next."""
    with w.loop(0, turns_of(w, kernel.kernels[0], [part], 1), 1) as loop:
        for each in kernel.kernels:
            around = [part, loop.index]
            emit_loops(w, each, pointers, emission.sites, status, emission.vector_bytes, around)


def _call(run: FunctionWriter, name: str, arguments: Sequence[Value], may_fail: bool) -> None:
    """Call a kernel's function."""
    result = run.call_known(name, I64, [*arguments, run.parameters[-1]])
    if may_fail:
        _leave_if_failed(run, result)


def _emit_inline(
    w: FunctionWriter,
    emission: Emission,
    name: str,
    kernel: Kernel,
    pointers: dict[Buffer, Value],
) -> None:
    """Write what a kernel does into a function, which returns the site at once if it fails."""
    before, w.node = w.node, _whole_node(kernel)
    _emit_whole(w, emission, name, kernel, pointers)
    w.node = before


def _whole_node(kernel: Kernel) -> Node | None:
    """The node that all of a kernel's code is for; those of loops are told line by line."""
    match kernel:
        case Product() | Routine():
            return kernel.node
        case PythonCall() | Repeat() | Reversal() | While() | Choice():
            return kernel.roots[0]
        case _:
            return None


def _emit_whole(
    w: FunctionWriter,
    emission: Emission,
    name: str,
    kernel: Kernel,
    pointers: dict[Buffer, Value],
) -> None:
    status = Value(PTR, f"%{STATUS}")
    match kernel:
        case LoopKernel():
            emit_loops(w, kernel, pointers, emission.sites, status, emission.vector_bytes)
        case Routine():
            emit_routine(w, kernel, pointers, emission.sites, status, emission.vector_bytes)
        case PythonCall():
            emit_python_call(w, kernel, pointers, emission.callbacks, emission.sites, status)
        case Repeat() | Reversal() | While() | Choice():
            _emit_control(w, emission, name, kernel, pointers)
        case Fill():
            _fill(w, name, kernel, pointers[kernel.buffer], emission.vector_bytes)
        case Copy():
            size = constant(I64, kernel.source.type.nbytes)
            no = Value("i1", "false")
            arguments = [pointers[kernel.target], pointers[kernel.source], size, no]
            w.call("llvm.memcpy.p0.p0.i64", "void", arguments)
        case Product():
            if kernel.blocks:
                write_blocks(w, kernel, pointers, emission.vector_bytes)
            else:
                write_product(w, kernel, pointers)
        case Strips():
            raise TypeError("strips have a function of their own")


def _pointer(w: FunctionWriter, plan: Plan, buffer: Buffer) -> Value:
    inputs, outputs, workspace, _ = w.parameters
    pointer = Value(PTR, f"%{buffer.name}")
    buffer = plan.shared.get(buffer, buffer)
    if buffer.kind == "workspace":
        w.line(f"{pointer.name} = getelementptr i8, {workspace}, i64 {plan.workspace[buffer]}")
        return pointer
    table = inputs if buffer.kind == "input" else outputs
    place = w.address(table, buffer.number, PTR)
    w.line(f"{pointer.name} = load ptr, {place}, align 8")
    return pointer


def _emit_control(
    w: FunctionWriter,
    emission: Emission,
    name: str,
    kernel: Control,
    pointers: dict[Buffer, Value],
) -> None:
    """Write the control flow of a kernel that is made of plans, and their kernels."""
    numbers, status = itertools.count(), Value(PTR, f"%{STATUS}")
    inside = emission.timer
    if inside is not None and inside.fence is None:
        inside = None

    def turn(plan: Plan, inner: dict[Buffer, Value], held: Held) -> None:
        takes = any(takes_memory(each) for each in plan.kernels)
        before = arena.mark(w, status) if takes else None
        for each in plan.kernels:
            own = f"{name}.{next(numbers)}"
            w.begin_kernel(own)
            with timed(w, inside, own):
                _emit_in_turn(w, emission, own, each, inner, held)
        w.begin_kernel(name)
        if before is not None:
            arena.release(w, status, before)

    def memory(size: Value) -> Value:
        block = arena.allocate(w, status, size)
        failed, fine = w.label("failed"), w.label("fine")
        w.branch(w.compare("eq", block, arena.NULL), failed, fine)
        w.start_block(failed)
        line = at(kernel.roots[0].where)
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


def _emit_in_turn(
    w: FunctionWriter,
    emission: Emission,
    name: str,
    kernel: Kernel,
    pointers: dict[Buffer, Value],
    held: Held,
) -> None:
    """Do what a kernel does in a turn of a loop, of which registers hold some of the buffers."""
    if isinstance(kernel, LoopKernel) and is_straight(kernel):
        status = Value(PTR, f"%{STATUS}")
        sites, vector_bytes = emission.sites, emission.vector_bytes
        emit_loops(w, kernel, pointers, sites, status, vector_bytes, held=held)
    elif isinstance(kernel, Copy) and not held.buffers.isdisjoint((kernel.source, kernel.target)):
        copy_held(w, kernel, pointers, held)
    else:
        whole = _is_code(kernel) and _shared(kernel) is None
        write = _emit_inline if whole and w.length < LARGEST_FUNCTION else _emit_kernel
        write(w, emission, name, kernel, pointers)


def _leave_if_failed(run: FunctionWriter, result: Value) -> None:
    failed, fine = run.label("failed"), run.label("fine")
    run.branch(run.compare("ne", result, constant(I64, 0)), failed, fine)
    run.start_block(failed)
    run.ret(result)
    run.start_block(fine)


def _fill(w: FunctionWriter, name: str, kernel: Fill, pointer: Value, vector_bytes: int) -> None:
    """Set every element; a function of its own where that is many, and not all zero bits."""
    type = kernel.buffer.type
    kind, size = memory_element(type.dtype), type.dtype.itemsize
    value = memory_constant(type.dtype, kernel.value)
    if value.name in ("0", "0x0000000000000000") and type.size > 1:
        arguments = [pointer, constant("i8", 0), constant(I64, type.nbytes), Value("i1", "false")]
        w.call("llvm.memset.p0.i64", "void", arguments)
        return
    width = vector_bytes // size
    if type.size <= LONGEST_FILL * width:
        _store_all(w, value, pointer, range(type.size), width, size)
        return
    # The kernels that follow may share a function of the kernel's name.
    filling = f"{name}.fill"
    f = FunctionWriter(w.module, filling, "void", [(PTR, "target")], linkage="internal")
    (target,) = f.parameters
    rest = type.size % width
    with f.loop(0, type.size - rest, width) as loop:
        f.store(f.splat(value, width), f.address(target, loop.index, kind), size)
    _store_all(f, value, target, range(type.size - rest, type.size), width, size)
    f.ret()
    f.finish()
    w.call_known(filling, "void", [pointer])


def _store_all(
    w: FunctionWriter, value: Value, pointer: Value, places: range, width: int, size: int
) -> None:
    """Store a value in all places, as vectors as wide as there is room."""
    start = places.start
    while start < places.stop:
        while width > places.stop - start:
            width //= 2
        w.store(w.splat(value, width), w.address(pointer, start, value.type), size)
        start += width
