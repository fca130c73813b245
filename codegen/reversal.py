"""Going back over a loop of which snapshots are kept: two bodies, and when to run which.

Snapshots lie in a row, those of later steps behind those of earlier ones. Before a step is gone
back over, the state at its beginning is the last in the row, and is dropped after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pullback.tracer.ir import Node
from pullback.tracer.passes.subgraph import used_parameters, with_outputs
from pullback.tracer.primitives.reversal import Ways

from .assembly import I64, FunctionWriter, Module, Value, constant
from .fuse import base
from .held import Held
from .kernel import Buffer, Carried, Reversal
from .repeat import (
    LINE,
    Planned,
    Pointers,
    Turn,
    carries_for,
    place_workspace,
    room_for,
    rooms_for,
    scratch_for,
    to_and_fro,
)

DISTANCE = "reversal.distance"


def reversal_kernel(
    roots: Sequence[Node], buffers: dict[Node, Buffer], planned: Planned
) -> Reversal:
    """The kernel of a reversal, of which the roots are the results that are wanted."""
    node, params = roots[0], roots[0].params
    forward, backward = params["forward"], params["backward"]
    ways = Ways.of(forward, backward, params["consts"], params["carries"])
    there, back = ways.split([buffers[base(x)] for x in node.operands])
    results = {root.params["result"]: buffers[root] for root in roots}
    layout = ways.backward
    ys = [y for y in range(layout.ys) if layout.carries + y in results]
    kept = {i for i in range(layout.carries) if i in results}
    carries = carries_for(
        backward, layout, kept, [backward.outputs[layout.carries + y] for y in ys]
    )
    outputs = [*carries, *(layout.carries + y for y in ys)]
    step = with_outputs(backward, [backward.outputs[i] for i in outputs])
    plan = planned(step)
    seen = layout.split(used_parameters(step))[2][: ways.forward.carries]
    looked_at = [i for i, yes in enumerate(seen) if yes]
    states = carries_for(forward, ways.forward, looked_at, [])
    first = planned(with_outputs(forward, [forward.outputs[i] for i in states]))
    fixed, init, read = ways.forward.split(list(zip(there, first.inputs, strict=True)))
    own, begun, along = ways.given().split(list(zip(back, ways.own(plan.inputs), strict=True)))
    going = tuple(
        Carried(init[i][0], init[i][1], first.outputs[n], None, None) for n, i in enumerate(states)
    )
    coming = tuple(
        Carried(begun[i][0], begun[i][1], plan.outputs[n], results.get(i), None)
        for n, i in enumerate(carries)
    )
    inner = layout.split(plan.inputs)[2]
    size = rooms_for(coming) + (params["snapshots"] + 1) * LINE
    size += (params["snapshots"] + 2) * sum(map(room_for, going))
    return Reversal(
        tuple(roots),
        first,
        plan,
        params["length"],
        params["reverse"],
        params["snapshots"],
        tuple(fixed),
        going,
        tuple(read),
        tuple(inner[i] for i in states),
        tuple(own),
        coming,
        tuple(along),
        tuple(
            (results[layout.carries + y], plan.outputs[len(carries) + n]) for n, y in enumerate(ys)
        ),
        scratch_for(roots, buffers, size + max(first.workspace_bytes, plan.workspace_bytes)),
    )


def emit_reversal(w: FunctionWriter, kernel: Reversal, outer: Pointers, turn: Turn) -> None:
    """Write the loop that decides whether to go on to the next snapshot or back over a step."""
    writer = _Writer(w, kernel, outer, turn)
    one = constant(I64, 1)
    length = constant(I64, kernel.length)
    w.store(constant(I64, 0), writer.position(constant(I64, 0)), 8)
    decide, back, ahead, done = (w.label(x) for x in ("decide", "back", "ahead", "done"))
    number, end = w.alloca(I64), w.alloca(I64)
    w.store(constant(I64, 0), number, 8)
    w.store(length, end, 8)
    w.jump(decide)
    w.start_block(decide)
    last, stop = w.load(I64, number, 8), w.load(I64, end, 8)
    place = w.load(I64, writer.position(last), 8)
    steps = w.op("sub", stop, place)
    w.branch(w.compare("eq", steps, one), back, ahead)
    w.start_block(ahead)
    free = w.op("sub", constant(I64, kernel.snapshots), last)
    count = distance(w, steps, free)
    following = w.op("add", last, one)
    writer.go_on(place, count, last, following)
    w.store(w.op("add", place, count), writer.position(following), 8)
    w.store(following, number, 8)
    w.jump(decide)
    w.start_block(back)
    writer.go_back(place, last)
    w.store(place, end, 8)
    w.store(w.op("sub", last, one), number, 8)
    w.branch(w.compare("eq", place, constant(I64, 0)), done, decide)
    w.start_block(done)


class _Writer:
    """Writes the steps of both loops; knows what lies where in the scratch memory.

    That is: the carried values of the loop that goes back, the numbers of the steps that snapshots
    are of, the snapshots, two places for states between them, and the workspace of the plans.
    """

    def __init__(self, w: FunctionWriter, kernel: Reversal, outer: Pointers, turn: Turn) -> None:
        self.w, self.kernel, self.outer, self.turn = w, kernel, outer, turn
        self.scratch = outer[kernel.scratch]
        self.state = sum(map(room_for, kernel.states))
        self.positions = rooms_for(kernel.carried)
        self.kept = self.positions + (kernel.snapshots + 1) * LINE
        self.between = self.kept + kernel.snapshots * self.state
        self.workspace = self.between + 2 * self.state

    def position(self, number: Value) -> Value:
        """Where the number of the step stands that a snapshot is of."""
        first = self.w.address(self.scratch, self.positions, "i8")
        return self.w.address(first, self.w.scale_index(number, LINE), "i8")

    def snapshot(self, number: Value) -> list[Value]:
        """The values of a snapshot; the first one is what the loop begins with."""
        w = self.w
        begun = w.compare("eq", number, constant(I64, 0))
        before = w.op("sub", number, constant(I64, 1))
        first = w.address(self.scratch, self.kept, "i8")
        own = w.address(first, w.scale_index(before, self.state), "i8")
        values = self._values(own)
        pairs = zip(self.kernel.states, values, strict=True)
        return [w.select(begun, self.outer[c.init], value) for c, value in pairs]

    def _values(self, first: Value) -> list[Value]:
        found, offset = [], 0
        for c in self.kernel.states:
            found.append(self.w.address(first, offset, "i8"))
            offset += room_for(c)
        return found

    def _along(self, pairs: Iterable[tuple[Buffer, Buffer]], place: Value) -> Pointers:
        """Where what goes along the loops is for a step."""
        w = self.w
        if self.kernel.reverse:
            place = w.op("sub", constant(I64, self.kernel.length - 1), place)
        return {
            inner: w.address(self.outer[b], w.scale_index(place, inner.type.nbytes), "i8")
            for b, inner in pairs
        }

    def go_on(self, place: Value, count: Value, source: Value, target: Value) -> None:
        """So many steps on, from one snapshot to the next."""
        w, kernel = self.w, self.kernel
        begin, end = self.snapshot(source), self.snapshot(target)
        last = w.op("sub", count, constant(I64, 1))
        with w.loop(constant(I64, 0), count) as loop:
            begins = w.compare("eq", loop.index, constant(I64, 0))
            ends = w.compare("eq", loop.index, last)
            odd = w.op("and", loop.index, constant(I64, 1))
            even = w.op("xor", odd, constant(I64, 1))
            first = w.address(self.scratch, self.between, "i8")
            old, new = (
                self._values(w.address(first, w.scale_index(x, self.state), "i8"))
                for x in (even, odd)
            )
            pointers = {inner: self.outer[b] for b, inner in kernel.forward_fixed}
            pointers |= self._along(kernel.forward_read, w.op("add", place, loop.index))
            for i, c in enumerate(kernel.states):
                pointers[c.source] = w.select(begins, begin[i], old[i])
                pointers[c.target] = w.select(ends, end[i], new[i])
            place_workspace(w, kernel.forward, self.scratch, self.workspace, pointers, Held())
            self.turn(kernel.forward, pointers, Held())

    def go_back(self, place: Value, number: Value) -> None:
        """Back over a step, from the snapshot at its beginning."""
        w, kernel = self.w, self.kernel
        done = w.op("sub", constant(I64, kernel.length - 1), place)
        pointers = {inner: self.outer[b] for b, inner in kernel.fixed}
        pointers |= self._along((*kernel.read, *kernel.written), place)
        pointers |= dict(zip(kernel.seen, self.snapshot(number), strict=True))
        ends = w.compare("eq", place, constant(I64, 0))
        pairs = to_and_fro(w, kernel.carried, self.outer, self.scratch, done)
        for c, (source, target) in zip(kernel.carried, pairs, strict=True):
            if c.last is not None:
                target = w.select(ends, self.outer[c.last], target)
            pointers[c.source], pointers[c.target] = source, target
        place_workspace(w, kernel.plan, self.scratch, self.workspace, pointers, Held())
        self.turn(kernel.plan, pointers, Held())


def distance(w: FunctionWriter, steps: Value, snapshots: Value) -> Value:
    """How many of at least two steps to go until the next snapshot."""
    if w.module.use(DISTANCE) == 1:
        _write_distance(w.module)
    return w.call_known(DISTANCE, I64, [steps, snapshots])


def _write_distance(module: Module) -> None:
    """As `pullback.tracer.primitives.reversal.distance`, for at least two steps."""
    f = FunctionWriter(module, DISTANCE, I64, [(I64, "steps"), (I64, "snapshots")], "internal")
    steps, snapshots = f.parameters
    one = constant(I64, 1)
    with f.repeat([one, one, constant(I64, 0)]) as loop:
        reach, _, times = loop.carried
        times = f.op("add", times, one)
        product = f.op("mul", reach, f.op("add", times, snapshots))
        larger = f.op("sdiv", product, times)
        loop.carried = [larger, reach, times]
        loop.more = f.compare("slt", larger, steps)
    _, before, times = loop.carried
    divisor = f.op("sub", f.op("add", snapshots, times), one)
    rest = f.op("sdiv", f.op("mul", before, snapshots), divisor)
    f.ret(f.intrinsic("smin", before, f.op("sub", steps, rest)))
    f.finish()
