"""Loops: the body of one as a plan of its own, and native control flow around its kernels.

Small carried values are held in registers. Any other goes to and fro between two places of the
scratch memory. The first turn reads it where it comes from; the last one of a known number of turns
writes it where it is wanted. Where all of them are wanted, each turn reads and writes there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from pullback.tracer.ir import Graph, Node, reachable
from pullback.tracer.passes.subgraph import with_outputs
from pullback.tracer.primitives.scan import Layout, taken
from pullback.tracer.primitives.while_loop import turns
from pullback.tracer.types import FLOAT64, INT64, ArrayType

from .assembly import I64, PTR, FunctionWriter, Value, constant
from .fuse import base
from .held import Held, held_buffers, read_all, read_before, write_all
from .kernel import Buffer, Carried, Plan, Repeat, While

LINE = 64
"""Bytes to which the places of carried values are rounded."""

Planned = Callable[[Graph], Plan]
Pointers = dict[Buffer, Value]
Turn = Callable[[Plan, Pointers, Held], None]
"""Writes the kernels of a plan, given where its buffers are, in memory or in registers."""

Memory = Callable[[Value], Value]
"""Takes so many bytes, which the end of the call frees, or leaves the kernel."""

HANDLE = ArrayType((1,), INT64)
"""What stands for a stack in the workspace: a pointer to where it begins."""

FIRST_ROOM, FIRST_BYTES = 64, 1 << 20
"""Entries that a stack has room for at first, if they take no more bytes than that."""


def scratch_for(roots: Sequence[Node], buffers: dict[Node, Buffer], size: int) -> Buffer:
    """So many bytes of the workspace."""
    number = min(buffers[root].number for root in roots)
    name = f"s{buffers[roots[0]].name}"
    return Buffer(name, ArrayType((max(-(-size // 8), 1),), FLOAT64), "workspace", number)


def repeat_kernel(roots: Sequence[Node], buffers: dict[Node, Buffer], planned: Planned) -> Repeat:
    """The kernel of a scan, of which the roots are the results that are wanted."""
    node = roots[0]
    body, params = node.params["body"], node.params
    layout = Layout.of(body, params["consts"], params["carries"])
    results = {root.params["result"]: buffers[root] for root in roots}
    ys = [y for y in range(layout.ys) if layout.carries + y in results]
    kept = {i for i in range(layout.carries) if i in results or layout.history(i) in results}
    carries = _carries_for(body, layout, kept, [body.outputs[layout.carries + y] for y in ys])
    outputs = (*carries, *(layout.carries + y for y in ys))
    plan = planned(with_outputs(body, [body.outputs[i] for i in outputs]))
    count, outer = taken(params["length"], [buffers[base(x)] for x in node.operands])
    fixed, init, read = layout.split(list(zip(outer, plan.inputs, strict=True)))
    carried = tuple(
        Carried(
            init[i][0],
            init[i][1],
            plan.outputs[n],
            results.get(i),
            results.get(layout.history(i)),
        )
        for n, i in enumerate(carries)
    )
    written = [
        (results[layout.carries + y], plan.outputs[len(carries) + n]) for n, y in enumerate(ys)
    ]
    return Repeat(
        tuple(roots),
        plan,
        params["length"],
        next(iter(count), None),
        params["reverse"],
        tuple(fixed),
        carried,
        tuple(read),
        tuple(written),
        scratch_for(roots, buffers, _rooms(carried) + plan.workspace_bytes),
    )


def while_kernel(roots: Sequence[Node], buffers: dict[Node, Buffer], planned: Planned) -> While:
    """The kernel of a loop that goes on while a condition holds."""
    node = roots[0]
    cond, body = node.params["cond"], node.params["body"]
    count = len(body.outputs)
    layout = Layout(len(body.parameters) - count, count, 0, 0)
    own = len(cond.parameters) - count
    results = {root.params["result"]: buffers[root] for root in roots}
    looked_at = reachable([*cond.outputs, *cond.effects])
    kept = {i for i, p in enumerate(cond.parameters[own:]) if p in looked_at}
    kept |= {number % count for number in results if number != turns(layout)}
    carries = _carries_for(body, layout, kept, [])
    test, plan = planned(cond), planned(with_outputs(body, [body.outputs[i] for i in carries]))
    outer = [buffers[base(x)] for x in node.operands]
    fixed, init, _ = layout.split(list(zip(outer[own:], plan.inputs, strict=True)))
    carried = tuple(
        Carried(
            init[i][0],
            init[i][1],
            plan.outputs[n],
            results.get(i),
            results.get(layout.history(i)),
        )
        for n, i in enumerate(carries)
    )
    size = _rooms(carried) + LINE + max(plan.workspace_bytes, test.workspace_bytes)
    return While(
        tuple(roots),
        test,
        plan,
        tuple(zip(outer[:own], test.inputs, strict=False)),
        tuple(fixed),
        carried,
        tuple(test.inputs[own + i] for i in carries),
        results.get(turns(layout)),
        scratch_for(roots, buffers, size),
    )


def _carries_for(
    body: Graph, layout: Layout, kept: Iterable[int], others: Sequence[Node]
) -> list[int]:
    """The carried values that those to be kept, other outputs and effects are computed from."""
    parameters = body.parameters[layout.consts : layout.consts + layout.carries]
    wanted = set(kept)
    while True:
        needed = reachable([*(body.outputs[i] for i in wanted), *others, *body.effects])
        more = wanted | {i for i, p in enumerate(parameters) if p in needed}
        if more == wanted:
            return sorted(wanted)
        wanted = more


def _room(carried: Carried) -> int:
    return -(-carried.init.type.nbytes // LINE) * LINE


def _rooms(carried: Iterable[Carried]) -> int:
    return sum(2 * _room(c) for c in carried)


# -- emission ----------------------------------------------------------------------------------


def emit_repeat(
    w: FunctionWriter, kernel: Repeat, outer: Pointers, turn: Turn, memory: Memory
) -> None:
    """Write a loop of known length, or of one that a buffer holds."""
    if kernel.count is None:
        assert kernel.length is not None
        count = constant(I64, kernel.length)
    else:
        count = w.load(I64, outer[kernel.count], 8)
    stacks = _stacks(w, kernel, outer, count, memory)
    empty, filled, after = w.label("empty"), w.label("filled"), w.label("after")
    w.branch(w.compare("sgt", count, constant(I64, 0)), filled, empty)
    w.start_block(empty)
    for c in kernel.carried:
        if c.last is not None:
            copy(w, _size(c), outer[c.init], outer[c.last])
    w.jump(after)
    w.start_block(filled)
    last = w.op("sub", count, constant(I64, 1))
    fixed = {inner: outer[b] for b, inner in kernel.fixed}
    held, phis, placed = _divided(kernel)
    read_before(w, kernel.plan, fixed, held)
    _begin_histories(w, placed, outer, stacks, last if kernel.reverse else constant(I64, 0))
    inits = [x for c in phis for x in read_all(w, c.init, outer[c.init])]
    with w.loop(0, count, 1, inits) as loop:
        place = w.op("sub", last, loop.index) if kernel.reverse else loop.index
        pointers = dict(fixed)
        for b, inner in (*kernel.read, *kernel.written):
            pointers[inner] = _at(w, stacks[b], place, inner.type.nbytes)
        for c, values in _parts(phis, loop.carried):
            held.put(c.source, values)
            if c.history is not None:
                write_all(w, values, c.init, _at(w, stacks[c.history], place, _size(c)))
        ends = w.compare("eq", loop.index, last)
        pairs = _to_and_fro(w, placed, outer, outer[kernel.scratch], loop.index)
        for c, pair in zip(placed, pairs, strict=True):
            stack = None if c.history is None else _at(w, stacks[c.history], place, _size(c))
            pointers[c.source], pointers[c.target] = _kept(
                w, c, pair, stack, outer, ends, kernel.reverse
            )
        offset = _rooms(kernel.carried)
        _place_workspace(w, kernel.plan, outer[kernel.scratch], offset, pointers, held)
        turn(kernel.plan, pointers, held)
        loop.carried = [x for c in phis for x in held.elements(c.target)]
    for c, values in _parts(phis, loop.carried):
        if c.last is not None:
            write_all(w, values, c.last, outer[c.last])
    w.jump(after)
    w.start_block(after)


def _kept(
    w: FunctionWriter,
    c: Carried,
    pair: tuple[Value, Value],
    stack: Value | None,
    outer: Pointers,
    ends: Value,
    reverse: bool,
) -> tuple[Value, Value]:
    """Where a turn finds a carried value and leaves the next, some of which are kept."""
    source, target = pair
    if stack is not None:
        source = stack
        following = w.address(source, -_size(c) if reverse else _size(c), "i8")
        target = w.select(ends, target, following)
    if c.last is not None:
        target = w.select(ends, outer[c.last], target)
    return source, target


def _begin_histories(
    w: FunctionWriter, carried: Sequence[Carried], outer: Pointers, stacks: Pointers, first: Value
) -> None:
    for c in carried:
        if c.history is not None:
            copy(w, _size(c), outer[c.init], _at(w, stacks[c.history], first, _size(c)))


def _divided(kernel: Repeat) -> tuple[Held, list[Carried], list[Carried]]:
    """What is held in registers; the carried values that are, and those that are not."""
    given = {inner for _, inner in (*kernel.fixed, *kernel.read)}
    small = held_buffers(kernel.plan) - given
    phis = [c for c in kernel.carried if c.source in small and c.target in small]
    placed = [c for c in kernel.carried if c not in phis]
    return Held(small - {b for c in placed for b in (c.source, c.target)}), phis, placed


def _parts(
    carried: Sequence[Carried], values: Sequence[Value]
) -> Iterator[tuple[Carried, list[Value]]]:
    """Each carried value with its elements, of those of all in a row."""
    elements = iter(values)
    for c in carried:
        yield c, [next(elements) for _ in range(c.source.type.size)]


def _stacks(
    w: FunctionWriter, kernel: Repeat, outer: Pointers, count: Value, memory: Memory
) -> Pointers:
    """Where what goes along the loop begins: behind a handle, if the length is not known."""
    read = {b: outer[b] for b, _ in kernel.read}
    written = {b: inner.type.nbytes for b, inner in kernel.written}
    written |= {c.history: _size(c) for c in kernel.carried if c.history is not None}
    if kernel.length is not None:
        return {**read, **{b: outer[b] for b in written}}
    found = {b: w.load(PTR, handle, 8) for b, handle in read.items()}
    for b, size in written.items():
        found[b] = memory(w.scale_index(count, max(size, 1)))
        w.store(found[b], outer[b], 8)
    return found


def emit_while(
    w: FunctionWriter, kernel: While, outer: Pointers, turn: Turn, memory: Memory
) -> None:
    """Write a loop that goes on while its test is true."""
    scratch, used = outer[kernel.scratch], _rooms(kernel.carried)
    counter, room = w.alloca(I64), w.alloca(I64)
    w.store(constant(I64, 0), counter, 8)
    w.store(constant(I64, 0), room, 8)
    begin, go_on, done = w.label("begin"), w.label("go_on"), w.label("done")
    w.jump(begin)
    w.start_block(begin)
    number = w.load(I64, counter, 8)
    pairs = _to_and_fro(w, kernel.carried, outer, scratch, number)
    tested = {inner: outer[b] for b, inner in kernel.test_fixed}
    tested |= {b: source for b, (source, _) in zip(kernel.tested, pairs, strict=True)}
    (answer,) = kernel.test.outputs
    tested[answer] = w.address(scratch, used, "i8")
    _place_workspace(w, kernel.test, scratch, used + LINE, tested, Held())
    turn(kernel.test, tested, Held())
    more = w.load("i8", tested[answer], 1)
    w.branch(w.compare("ne", more, constant("i8", 0)), go_on, done)
    w.start_block(go_on)
    pointers = {inner: outer[b] for b, inner in kernel.fixed}
    kept = [(c, source) for c, (source, _) in zip(kernel.carried, pairs, strict=True) if c.history]
    if kept:
        _keep(w, kept, outer, number, room, memory)
    for c, (source, target) in zip(kernel.carried, pairs, strict=True):
        pointers[c.source], pointers[c.target] = source, target
    _place_workspace(w, kernel.plan, scratch, used + LINE, pointers, Held())
    turn(kernel.plan, pointers, Held())
    w.store(w.op("add", number, constant(I64, 1)), counter, 8)
    w.jump(begin)
    w.start_block(done)
    for c, (source, _) in zip(kernel.carried, pairs, strict=True):
        if c.last is not None:
            copy(w, _size(c), source, outer[c.last])
    if kernel.turns is not None:
        w.store(number, outer[kernel.turns], 8)


def _keep(
    w: FunctionWriter,
    kept: Sequence[tuple[Carried, Value]],
    outer: Pointers,
    number: Value,
    room: Value,
    memory: Memory,
) -> None:
    """Put what is carried on stacks, which grow to twice their size when they are full."""
    size = w.load(I64, room, 8)
    full, fits = w.label("full"), w.label("fits")
    w.branch(w.compare("eq", number, size), full, fits)
    w.start_block(full)
    doubled = w.op("shl", size, constant(I64, 1))
    none = w.compare("eq", size, constant(I64, 0))
    most = max(_size(c) for c, _ in kept)
    first = min(max(FIRST_BYTES // max(most, 1), 1), FIRST_ROOM)
    larger = w.select(none, constant(I64, first), doubled)
    for c, _ in kept:
        handle = outer[c.history] if c.history is not None else outer[c.init]
        grown = memory(w.scale_index(larger, max(_size(c), 1)))
        old = w.select(none, grown, w.load(PTR, handle, 8))
        copy(w, w.scale_index(size, _size(c)), old, grown)
        w.store(grown, handle, 8)
    w.store(larger, room, 8)
    w.jump(fits)
    w.start_block(fits)
    for c, source in kept:
        assert c.history is not None
        stack = w.load(PTR, outer[c.history], 8)
        copy(w, _size(c), source, _at(w, stack, number, _size(c)))


def _to_and_fro(
    w: FunctionWriter,
    carried: Sequence[Carried],
    outer: Pointers,
    scratch: Value,
    number: Value,
) -> list[tuple[Value, Value]]:
    """Where a turn finds each carried value, and where it leaves the next."""
    begun = w.compare("eq", number, constant(I64, 0))
    odd = w.op("and", number, constant(I64, 1))
    even = w.op("xor", odd, constant(I64, 1))
    pairs, offset = [], 0
    for c in carried:
        own, room = w.address(scratch, offset, "i8"), _room(c)
        source = w.select(begun, outer[c.init], _at(w, own, even, room))
        pairs.append((source, _at(w, own, odd, room)))
        offset += 2 * room
    return pairs


def _place_workspace(
    w: FunctionWriter,
    plan: Plan,
    scratch: Value,
    offset: int,
    pointers: Pointers,
    held: Held,
) -> None:
    for b, at in plan.workspace.items():
        if b not in held.buffers:
            pointers[b] = w.address(scratch, offset + at, "i8")


def _at(w: FunctionWriter, pointer: Value, place: Value, size: int) -> Value:
    return w.address(pointer, w.scale_index(place, size), "i8")


def _size(carried: Carried) -> int:
    return carried.init.type.nbytes


def copy(w: FunctionWriter, size: int | Value, source: Value, target: Value) -> None:
    """Copy so many bytes."""
    no, count = Value("i1", "false"), size if isinstance(size, Value) else constant(I64, size)
    w.call("llvm.memcpy.p0.p0.i64", "void", [target, source, count, no])
