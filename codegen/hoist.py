"""What need not be done turn by turn is done before a loop, or after it, for all turns at once.

- What depends on constants alone is computed once.
- What depends on the xs but on nothing carried, and is no loop or call of Python itself, such as
  what the loop of reverse mode computes again of every step, is computed for all turns together:
  vectors are filled and products become matrix products.
- A carried sum of products is one product of what the turns give, summed over them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from pullback.tracer.ir import LITERAL, PARAMETER, Graph, Node, literal_value, replay
from pullback.tracer.passes.batch import batch
from pullback.tracer.passes.subgraph import derived, part
from pullback.tracer.primitives.contraction import dot
from pullback.tracer.primitives.elementwise import add
from pullback.tracer.primitives.reversal import Ways, reversal
from pullback.tracer.primitives.scan import Layout, scan
from pullback.tracer.trace import Tracer, current_trace

from .fuse import MOVES, SEVERAL, weight
from .rewrite import rewritten

WORTHWHILE = 12
"""Simple instructions from which on a value is worth writing to memory and reading again."""

JOINS = frozenset(("concatenate", "pad", "update_slice"))

MOST_BYTES = 1 << 24
"""Bytes that the values of all turns may take."""


def hoist(graph: Graph) -> Graph:
    """The graph with less to do within loops of known length."""
    return rewritten(graph, {scan: _hoisted, reversal: _with_less_to_do})


@dataclass(frozen=True, slots=True)
class Split:
    """A body in parts, and how its results are made of those of the new loop.

    ``once`` takes the constants; ``before`` these, what ``once`` gives, and the xs of all turns.
    The new body takes the parameters numbered in ``kept`` of all these: constants, then what
    ``once`` gives, carried values, xs, what ``before`` gives. ``numbers`` are its results by the
    old ones' numbers; ``sums`` are the carried sums that are left out.
    """

    once: Graph
    before: Graph
    body: Graph
    consts: tuple[int, ...]
    carries: tuple[int, ...]
    xs: tuple[int, ...]
    ys: int
    sums: dict[int, tuple[Product, ...]]


@dataclass(frozen=True, slots=True)
class Product:
    """A product that every turn adds to a sum: of ys of the new loop, or of xs."""

    x: tuple[str, int]
    y: tuple[str, int]
    contract: tuple[tuple[int, ...], tuple[int, ...]]
    batch: tuple[tuple[int, ...], tuple[int, ...]]


def _hoisted(node: Node, operands: Sequence[Tracer]) -> Tracer | None:
    params = node.params
    body, length = params["body"], params["length"]
    if not length or length < 2 or body.effects:
        return None
    layout = Layout.of(body, params["consts"], params["carries"])
    split = derived(body, ("hoist", layout, length), lambda: _split(body, layout, length))
    if split is None:
        return None
    builder = current_trace().builder
    fixed, init, xs = layout.split(operands)
    once = replay(split.once, builder, [x.node for x in fixed])
    nodes = [*(x.node for x in fixed), *once, *(x.node for x in xs)]
    before = replay(split.before, builder, nodes)
    constants = [*fixed, *map(Tracer, once)]
    along = [*xs, *map(Tracer, before)]
    given = [
        *(constants[i] for i in split.consts),
        *(init[i] for i in split.carries),
        *(along[i] for i in split.xs),
    ]
    common = {
        "body": split.body, "consts": len(split.consts), "carries": len(split.carries),
        "length": length, "reverse": params["reverse"], "snapshots": params["snapshots"],
    }  # fmt: skip

    def result(number: int) -> Tracer:
        return scan(*given, **common, result=number)

    number = params["result"]
    if number in split.sums:
        return _summed(split, split.sums[number], init[number], along, result)
    carries, ys = len(split.carries), split.ys
    if number < layout.carries:
        return result(split.carries.index(number))
    if number < layout.carries + layout.ys:
        return result(carries + number - layout.carries)
    history = number - layout.carries - layout.ys
    if history not in split.carries:
        return None
    return result(carries + ys + split.carries.index(history))


def _summed(
    split: Split,
    products: Sequence[Product],
    init: Tracer,
    along: Sequence[Tracer],
    result: Callable[[int], Tracer],
) -> Tracer:
    def stack(source: tuple[str, int]) -> Tracer:
        kind, number = source
        return along[number] if kind == "x" else result(len(split.carries) + number)

    total = None if literal_value(init.node) == 0 else init
    for p in products:
        contract = tuple((0, *(a + 1 for a in axes)) for axes in p.contract)
        batched = tuple(tuple(a + 1 for a in axes) for axes in p.batch)
        product = dot(stack(p.x), stack(p.y), contract=contract, batch=batched)
        total = product if total is None else add(total, product)
    return init if total is None else total


def _split(body: Graph, layout: Layout, length: int) -> Split | None:
    consts, carries, xs = layout.split(body.parameters)
    loops = (x for x in body.nodes if x.primitive.name in SEVERAL)
    of_turn = _depending(body, [*carries, *loops])
    of_xs = _depending(body, xs)
    sums = _sums(body, layout)
    ends = {body.outputs[i] for i in range(len(body.outputs)) if i not in sums}
    ends |= {x for terms in sums.values() for term in terms for x in term.operands}
    early = _frontier(body, of_turn, ends)
    once = [x for x in early if x not in of_xs]
    before = [x for x in early if x in of_xs]
    if sum(x.type.nbytes for x in before) * length > MOST_BYTES:
        before = []
    if not once and not before and not sums:
        return None
    first = part(consts, once)
    whole = part([*consts, *once, *xs], before)
    flags = [False] * (len(consts) + len(once)) + [True] * len(xs)
    many = batch(whole, flags, length)[0] if before else whole
    new_x = [*xs, *before]
    sources: dict[Node, tuple[str, int]] = {x: ("x", i) for i, x in enumerate(new_x)}
    extra: list[Node] = []
    products: dict[int, tuple[Product, ...]] = {}
    for number, terms in sums.items():
        made = []
        for term in terms:
            for x in term.operands:
                if x not in sources:
                    sources[x] = ("y", layout.ys + len(extra))
                    extra.append(x)
            x, y = term.operands
            made.append(
                Product(sources[x], sources[y], term.params["contract"], term.params["batch"])
            )
        products[number] = tuple(made)
    kept = [i for i in range(layout.carries) if i not in sums]
    outputs = [*(body.outputs[i] for i in kept), *body.outputs[layout.carries :], *extra]
    given = [[*consts, *once], [carries[i] for i in kept], new_x]
    cut = [x for group in given for x in group]
    used = _used(outputs, cut)
    chosen = [[i for i, x in enumerate(group) if x in used or group is given[1]] for group in given]
    taken = [group[i] for group, places in zip(given, chosen, strict=True) for i in places]
    new_consts, _, new_along = (tuple(places) for places in chosen)
    return Split(
        first,
        many,
        part(taken, outputs),
        new_consts,
        tuple(kept),
        new_along,
        layout.ys + len(extra),
        products,
    )


def _with_less_to_do(node: Node, operands: Sequence[Tracer]) -> Tracer | None:
    """A reversal to which is given what its bodies compute of constants alone."""
    params = dict(node.params)
    bodies = params["forward"], params["backward"]
    ways = Ways.of(*bodies, params["consts"], params["carries"])
    parts = [
        derived(body, ("once", layout), partial(_constant_part, body, layout))
        for body, layout in zip(bodies, (ways.forward, ways.backward), strict=True)
    ]
    if params["length"] < 2 or parts == [None, None]:
        return None
    given: list[Tracer] = []
    consts = list(params["consts"])
    groups = zip(parts, ways.split(operands), ("forward", "backward"), strict=True)
    for i, (split, values, name) in enumerate(groups):
        count = consts[i]
        given += values[:count]
        if split is not None:
            fixed = [x.node for x in values[:count]]
            made = replay(split[0], current_trace().builder, fixed)
            given += map(Tracer, made)
            consts[i] += len(made)
            params[name] = split[1]
        given += values[count:]
    return reversal(*given, **{**params, "consts": tuple(consts)})


def _constant_part(body: Graph, layout: Layout) -> tuple[Graph, Graph] | None:
    """What takes the constants alone, and the body that takes its results behind them."""
    consts, *changing = layout.split(body.parameters)
    loops = (x for x in body.nodes if x.primitive.name in SEVERAL)
    of_turn = _depending(body, [*changing[0], *changing[1], *loops])
    once = _frontier(body, of_turn, set(body.outputs))
    if not once or body.effects:
        return None
    return part(consts, once), part([*consts, *once, *changing[0], *changing[1]], body.outputs)


def _depending(body: Graph, parameters: Iterable[Node]) -> set[Node]:
    depends = set(parameters)
    for node in body.nodes:
        if any(x in depends for x in node.operands):
            depends.add(node)
    return depends


def _sums(body: Graph, layout: Layout) -> dict[int, list[Node]]:
    """Carried values to which every turn does nothing but add products of smaller arrays."""
    found: dict[int, list[Node]] = {}
    parameters = body.parameters[layout.consts : layout.consts + layout.carries]
    uses: dict[Node, int] = {}
    for node in (*body.nodes,):
        for x in node.operands:
            uses[x] = uses.get(x, 0) + 1
    for i, parameter in enumerate(parameters):
        terms = _terms(body.outputs[i], parameter)
        if terms is None or uses.get(parameter, 0) != 1 or parameter in body.outputs:
            continue
        if all(t.primitive is dot and _is_large(t) for t in terms):
            found[i] = terms
    return found


def _is_large(product: Node) -> bool:
    x, y = product.operands
    return product.type.size > 2 * (x.type.size + y.type.size)


def _terms(output: Node, carried: Node) -> list[Node] | None:
    """What is added to the carried value, if the output is a sum with it; None otherwise."""
    terms: list[Node] = []
    stack, met = [output], 0
    while stack:
        node = stack.pop()
        if node is carried:
            met += 1
        elif node.primitive is add:
            stack += node.operands
        else:
            terms.append(node)
    return terms if met == 1 and terms else None


def _frontier(body: Graph, of_turn: set[Node], ends: set[Node]) -> list[Node]:
    """The values that the turns use, need not compute, and that are worth keeping."""
    cost: dict[Node, int] = {}
    wanted: dict[Node, None] = {}
    asked = set(ends)
    for node in body.nodes:
        if node in of_turn:
            asked.update(node.operands)
    for node in body.nodes:
        if node in of_turn or node.primitive in (LITERAL, PARAMETER):
            continue
        cost[node] = min(_cost(node) + sum(cost.get(x, 0) for x in set(node.operands)), 1000)
        if node in asked and cost[node] < WORTHWHILE:
            _made_in_turns(node, cost)
    stack = [x for x in asked if x in cost]
    while stack:
        node = stack.pop()
        if cost.get(node, 0) < WORTHWHILE:
            continue
        if node.primitive.name in MOVES and node.operands[0] in cost:
            stack.append(node.operands[0])
        else:
            wanted[node] = None
    order = {node: i for i, node in enumerate(body.nodes)}
    return sorted(wanted, key=order.__getitem__)


def _made_in_turns(node: Node, cost: dict[Node, int]) -> None:
    """The turns compute a value themselves: with it what it is made of costs others nothing."""
    stack = [node]
    while stack:
        node = stack.pop()
        if cost.get(node):
            cost[node] = 0
            stack += node.operands


def _cost(node: Node) -> int:
    """That of an element, in simple instructions; what only joins others is as cheap as one."""
    if node.primitive is dot:
        return max(weight(node), WORTHWHILE)
    return 1 if node.primitive.name in JOINS else weight(node)


def _used(outputs: Sequence[Node], cut: Iterable[Node]) -> set[Node]:
    """What the outputs are computed from, down to where values are given."""
    given = set(cut)
    seen: set[Node] = set()
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            if node not in given:
                stack += node.operands
    return seen
