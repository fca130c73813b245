"""Bufferize: memory for every root, kernels in order, and one workspace planned by liveness."""

from __future__ import annotations

import sys
from bisect import bisect
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import partial

from pullback.tracer.ir import Graph, Node, literal_value
from pullback.tracer.types import (
    FLOAT64,
    ArrayType,
    row_major_strides,
)

from .choice import choice_kernel
from .contract import in_blocks, shared_parts
from .fuse import (
    ARG_REDUCTIONS,
    PYTHON,
    REDUCTIONS,
    SCANS,
    SEVERAL,
    Fusion,
    Group,
    base,
    elements,
    is_stack,
)
from .items import Items, item_runs, items_kernel
from .kernel import (
    Affine,
    Buffer,
    Copy,
    Fill,
    Kernel,
    LoopKernel,
    Plan,
    Product,
    Routine,
    Sink,
    Strips,
    combine,
)
from .python_call import python_kernel
from .registers import identity, reduces_in_registers
from .repeat import HANDLE, repeat_kernel, while_kernel
from .reversal import reversal_kernel
from .routines import routine_scratch
from .schedule import schedule
from .sharing import share_memory
from .split import split
from .steps import Body, identity_rows
from .strips import in_strips
from .unroll import small_runs, unrolled_kernel

ALIGNMENT = 64


def bufferize(fusion: Fusion, donated: Sequence[int] | None = None) -> Plan:
    """The plan for a fused graph.

    Outputs may be written to the memory of the inputs numbered in ``donated``, which is None for a
    plan inside another.
    """
    graph = fusion.graph
    inputs = [Buffer(f"in{i}", p.type, "input", i) for i, p in enumerate(graph.parameters)]
    outputs = [Buffer(f"out{i}", x.type, "output", i) for i, x in enumerate(graph.outputs)]
    buffers = dict(zip(graph.parameters, inputs, strict=True))
    copies: list[Kernel] = []
    for node, output in zip(graph.outputs, outputs, strict=True):
        root = base(node)
        if root in buffers:
            copies.append(Copy(buffers[root], output))
        else:
            buffers[root] = output
    for root in fusion.roots:
        if root not in buffers:
            number = len(buffers)
            type = HANDLE if root.type.is_stack else root.type
            buffers[root] = Buffer(f"t{number}", type, "workspace", number)
    kernels: list[Kernel] = []
    stored = partial(_stored, {base(x) for x in graph.outputs}, _readers(fusion))
    for run in item_runs(small_runs(fusion), fusion, buffers, stored):
        if isinstance(run, Items):
            kernels.append(items_kernel(run, stored(run.groups)))
            continue
        groups, small = run
        if small:
            kernels.append(unrolled_kernel(groups, buffers, stored(groups)))
        else:
            kernels += [
                k for group in groups for k in _group_kernels(group, buffers, stored([group]))
            ]
    plan = Plan(tuple(inputs), tuple(outputs), [*_in_parts(kernels), *copies])
    share_memory(plan, donated)
    _plan_workspace(plan)
    return plan


def _readers(fusion: Fusion) -> dict[Node, list[Node]]:
    """For each root the roots whose kernels read it."""
    readers: dict[Node, list[Node]] = {}
    for root, use in fusion.uses.items():
        for source in use.read:
            readers.setdefault(source, []).append(root)
    return readers


def _stored(
    outputs: Container[Node], readers: Mapping[Node, Sequence[Node]], run: Sequence[Group]
) -> list[Node]:
    """What a kernel that makes all these groups writes to memory: outputs, and what others read."""
    own = {root for group in run for root in group.roots}
    return [
        root
        for group in run
        for root in group.roots
        if root in outputs or not own.issuperset(readers.get(root, ()))
    ]


def _group_kernels(
    group: Group, buffers: dict[Node, Buffer], stored: Sequence[Node]
) -> list[Kernel]:
    if group.roots[0].primitive.name in SEVERAL:
        return [FAMILY_KERNELS[group.roots[0].primitive.name](group.roots, buffers, planned)]
    if not group.fusible:
        (root,) = group.roots
        return SPECIAL.get(root.primitive.name, _routine_kernels)(root, buffers)
    if elements(group.space) == 0:
        return [
            Fill(buffers[r], identity(r.primitive.name, r.type.dtype, empty=True))
            for r in stored
            if r.type.size
        ]
    body = Body(group.space, buffers, frozenset(group.roots))
    rows = identity_rows(body.axes)
    sinks = [sink for root in stored for sink in _sinks(root, body, rows)]
    kernel = schedule(group.space, body.steps, sinks)
    kernel.roots = tuple(group.roots)
    return [kernel]


def _in_parts(kernels: Sequence[Kernel]) -> Iterator[Kernel]:
    """The kernels in strips, and in parts that threads may share, where they are large."""
    for kernel, combining in in_strips(kernels):
        parts = split(kernel) if isinstance(kernel, LoopKernel) else [kernel]
        for part in (*parts, *combining):
            yield from _fills(part)
            yield part


def _fills(kernel: Kernel) -> Iterator[Kernel]:
    """What reductions start from in memory."""
    loops = kernel.kernels if isinstance(kernel, Strips) else [kernel]
    for loop in loops:
        if isinstance(loop, LoopKernel):
            for sink in loop.sinks:
                if sink.kind == "reduce" and not reduces_in_registers(loop, sink):
                    name, dtype = sink.node.primitive.name, sink.node.type.dtype
                    yield Fill(sink.buffer, identity(name, dtype))


def _sinks(root: Node, body: Body, rows: tuple[Affine, ...]) -> list[Sink]:
    """Where the values of a root go: those that it stacks each to its part of the memory."""
    if not is_stack(root):
        return [_sink(root, body, rows)]
    axis, strides = root.params["axis"], row_major_strides(root.type.shape)
    sinks = []
    for number, operand in enumerate(root.operands):
        first, part = (Affine(n, (0,) * body.axes) for n in (0, number))
        step = body.value(operand, (*rows[:axis], first, *rows[axis:]))
        index = combine((*rows[:axis], part, *rows[axis:]), strides, body.axes)
        sinks.append(Sink("store", root, step, body.buffers[root], index))
    return sinks


def _sink(root: Node, body: Body, rows: tuple[Affine, ...]) -> Sink:
    name = root.primitive.name
    if name in REDUCTIONS or name in ARG_REDUCTIONS:
        (operand,) = root.operands
        axes = root.params["axes"] if name in REDUCTIONS else (root.params["axis"],)
        kept = tuple(row for a, row in enumerate(rows) if a not in axes)
        index = combine(kept, row_major_strides(root.type.shape), body.axes)
        return Sink("reduce", root, body.value(operand, rows), body.buffers[root], index, axes)
    index = combine(rows, row_major_strides(root.type.shape), body.axes)
    return Sink("store", root, body.value(root, rows), body.buffers[root], index)


# -- groups of one root ----------------------------------------------------------------------


def _arg_kernels(root: Node, buffers: dict[Node, Buffer]) -> list[Kernel]:
    space = root.operands[0].type.shape
    if elements(space) == 0:
        return []
    body = Body(space, buffers, frozenset())
    sink = _sink(root, body, identity_rows(body.axes))
    kernel = schedule(space, body.steps, [sink])
    kernel.roots = (root,)
    return [kernel]


def _write_region(
    root: Node, source: Node, rows: tuple[Affine, ...], buffers: dict[Node, Buffer]
) -> list[Kernel]:
    """Write a node into the part of a root's memory that the rows tell."""
    space = source.type.shape
    if elements(space) == 0:
        return []
    body = Body(space, buffers, frozenset())
    value = body.value(source, identity_rows(body.axes))
    index = combine(rows, row_major_strides(root.type.shape), body.axes)
    kernel = schedule(space, body.steps, [Sink("store", root, value, buffers[root], index)])
    kernel.roots = (root,)
    return [kernel]


def _write_everywhere(root: Node, source: Node, buffers: dict[Node, Buffer]) -> list[Kernel]:
    """Write a 0-d node to all of a root's memory."""
    space = root.type.shape
    if elements(space) == 0:
        return []
    body = Body(space, buffers, frozenset())
    value = body.value(source, ())
    index = combine(identity_rows(body.axes), row_major_strides(space), body.axes)
    kernel = schedule(space, body.steps, [Sink("store", root, value, buffers[root], index)])
    kernel.roots = (root,)
    return [kernel]


def _concatenate_kernels(root: Node, buffers: dict[Node, Buffer]) -> list[Kernel]:
    kernels: list[Kernel] = []
    start, axis = 0, root.params["axis"]
    for operand in root.operands:
        rows = list(identity_rows(operand.type.ndim))
        rows[axis] = rows[axis].scaled(1, start)
        kernels += _write_region(root, operand, tuple(rows), buffers)
        start += operand.type.shape[axis]
    return kernels


def _pad_kernels(root: Node, buffers: dict[Node, Buffer]) -> list[Kernel]:
    rows = [
        row.scaled(gap + 1, low)
        for row, gap, low in zip(
            identity_rows(root.type.ndim),
            root.params["interior"],
            root.params["low"],
            strict=True,
        )
    ]
    return [
        *_write_everywhere(root, root.operands[1], buffers),
        *_write_region(root, root.operands[0], tuple(rows), buffers),
    ]


def _starting_from(root: Node, source: Node, buffers: dict[Node, Buffer]) -> list[Kernel]:
    """Write to a root's memory the array that it is a changed copy of."""
    known = literal_value(source)
    if known is not None:
        return [Fill(buffers[root], known)]
    if base(source) in buffers:
        return [Copy(buffers[base(source)], buffers[root])]
    return _write_region(root, source, identity_rows(root.type.ndim), buffers)


def _update_kernels(root: Node, buffers: dict[Node, Buffer]) -> list[Kernel]:
    source, update = root.operands
    moves = zip(
        identity_rows(update.type.ndim), root.params["steps"], root.params["starts"], strict=True
    )
    rows = tuple(row.scaled(step, start) for row, step, start in moves)
    return [
        *_starting_from(root, source, buffers),
        *_write_region(root, update, rows, buffers),
    ]


def _scatter_kernels(root: Node, buffers: dict[Node, Buffer]) -> list[Kernel]:
    source, *indices, update = root.operands
    kernels = _starting_from(root, source, buffers)
    space = update.type.shape
    if elements(space) == 0:
        return kernels
    body = Body(space, buffers, frozenset())
    rows = identity_rows(body.axes)
    places = tuple(body.value(i, rows[: i.type.ndim]) for i in indices)
    value = body.value(update, rows)
    rest = rows[indices[0].type.ndim :]
    strides = row_major_strides(root.type.shape)[len(indices) :]
    index = combine(rest, strides, body.axes)
    sink = Sink("scatter", root, value, buffers[root], index, indices=places)
    kernel = schedule(space, body.steps, [sink])
    kernel.roots = (root,)
    # Only along what the indices leave over do lanes have places of their own.
    kernel.sequential = sink.index.coefs[-1:] != (1,)
    return [*kernels, kernel]


def _scan_kernels(root: Node, buffers: dict[Node, Buffer]) -> list[Kernel]:
    space = root.type.shape
    if elements(space) == 0:
        return []
    body = Body(space, buffers, frozenset())
    rows = list(identity_rows(body.axes))
    axis = root.params["axis"]
    if root.params["reverse"]:
        rows[axis] = rows[axis].scaled(-1, space[axis] - 1)
    index = combine(tuple(rows), row_major_strides(space), body.axes)
    *factors, value = [body.value(x, tuple(rows)) for x in root.operands]
    sink = Sink(
        "scan", root, value, buffers[root], index, (axis,), factor=next(iter(factors), None)
    )
    kernel = schedule(space, body.steps, [sink])
    kernel.roots = (root,)
    kernel.sequential = kernel.sinks[0].axes == (len(kernel.extents) - 1,)
    return [kernel]


def _product_kernels(root: Node, buffers: dict[Node, Buffer]) -> list[Kernel]:
    x, y = root.operands
    if root.type.size == 0:
        return []
    (x_contract,), (y_contract,) = root.params["contract"]
    k = x.type.shape[x_contract]
    if k == 0:
        return [Fill(buffers[root], 0)]
    batch, m, n = root.type.shape
    y_transposed = y_contract == 2
    blocks = in_blocks(m, n, k, root.type.dtype.itemsize) and not y_transposed
    return [
        Product(
            root,
            buffers[base(x)],
            buffers[base(y)],
            buffers[root],
            batch,
            m,
            n,
            k,
            x_transposed=x_contract == 1,
            y_transposed=y_transposed,
            blocks=blocks,
            shared=shared_parts(batch, m, n, k) if blocks else None,
        )
    ]


def _routine_kernels(root: Node, buffers: dict[Node, Buffer]) -> list[Kernel]:
    if root.type.size == 0:
        return []
    size = routine_scratch(root)
    scratch = None
    if size:
        target = buffers[root]
        type = ArrayType((-(-size // 8),), FLOAT64)
        scratch = Buffer(f"s{target.number}", type, "workspace", target.number)
    operands = tuple(buffers[base(x)] for x in root.operands)
    return [Routine(root, operands, buffers[root], scratch)]


SPECIAL = {
    "argmax": _arg_kernels,
    "argmin": _arg_kernels,
    "concatenate": _concatenate_kernels,
    "pad": _pad_kernels,
    "update_slice": _update_kernels,
    "scatter": _scatter_kernels,
    "scatter_add": _scatter_kernels,
    **dict.fromkeys(sorted(SCANS), _scan_kernels),
    "dot": _product_kernels,
}


FAMILY_KERNELS: dict[str, Callable[..., Kernel]] = {
    "scan": repeat_kernel,
    "reversal": reversal_kernel,
    "while_loop": while_kernel,
    "switch": choice_kernel,
    **dict.fromkeys(sorted(PYTHON), python_kernel),
}


# -- workspace -------------------------------------------------------------------------------


def _plan_workspace(plan: Plan) -> None:
    """Offsets for the temporaries: memory is given again once its last reader has run."""
    first: dict[Buffer, int] = {}
    last: dict[Buffer, int] = {}
    for i, kernel in enumerate(plan.kernels):
        written = kernel.writes
        for buffer in sorted(written | kernel.reads, key=lambda b: (b.number, b.name)):
            if buffer.kind == "workspace":
                # Nothing writes the elements of an empty array, but kernels may name it.
                known = buffer in first or buffer in written or not buffer.type.size
                assert known, f"{buffer} is read before it is written in\n{plan}"
                first.setdefault(buffer, i)
                last[buffer] = i
    for buffer, owner in plan.shared.items():
        earlier = first.pop(buffer)
        if owner in first:
            first[owner] = min(first[owner], earlier)
    starting: list[list[Buffer]] = [[] for _ in plan.kernels]
    ending: list[list[Buffer]] = [[] for _ in plan.kernels]
    for buffer in first:
        starting[first[buffer]].append(buffer)
        ending[last[buffer]].append(buffer)
    gaps = _Gaps()
    for begun, done in zip(starting, ending, strict=True):
        # Those that stay long go to the bottom, or what ends before them leaves gaps below.
        for buffer in sorted(begun, key=lambda b: -last[b]):
            plan.workspace[buffer] = gaps.take(_room(buffer))
        for buffer in done:
            gaps.give(plan.workspace[buffer], _room(buffer))
    within = {b: owner for b, owner in plan.shared.items() if owner.kind == "workspace"}
    plan.workspace |= {b: plan.workspace[owner] for b, owner in within.items()}
    ends = (start + _room(buffer) for buffer, start in plan.workspace.items())
    plan.workspace_bytes = max(ends, default=0)


def _room(buffer: Buffer) -> int:
    """Bytes that a buffer takes of the workspace."""
    return -(-max(buffer.type.nbytes, 1) // ALIGNMENT) * ALIGNMENT


class _Gaps:
    """The free parts of the workspace, in order; the last one goes on for ever."""

    def __init__(self) -> None:
        self._gaps: list[tuple[int, int]] = [(0, sys.maxsize)]

    def take(self, size: int) -> int:
        """The lowest offset at which so many bytes are free; they no longer are."""
        for i, (low, high) in enumerate(self._gaps):
            if high - low >= size:
                self._gaps[i : i + 1] = [(low + size, high)] if high - low > size else []
                return low
        raise MemoryError("the program needs more memory than there are addresses")

    def give(self, low: int, size: int) -> None:
        """Free these bytes, and join them to the gaps next to them."""
        high = low + size
        i = bisect(self._gaps, (low, high))
        if i < len(self._gaps) and self._gaps[i][0] == high:
            high = self._gaps.pop(i)[1]
        if i and self._gaps[i - 1][1] == low:
            i -= 1
            low = self._gaps.pop(i)[0]
        self._gaps.insert(i, (low, high))


def planned(graph: Graph) -> Plan:
    """Fuse and bufferize."""
    from .fuse import fuse

    return bufferize(fuse(graph))
