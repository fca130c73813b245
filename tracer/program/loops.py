"""Loops, branches and calls as Python's: rows that hold graphs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..ir import Graph, Node
from ..primitives.reversal import Ways
from ..primitives.scan import Layout, taken
from .code import ATOM, Code, dtype_code, tuple_code
from .naming import parameters_at, variable_at

if TYPE_CHECKING:
    from .write import Writer

Codes = Sequence[Code]


def write_loop(w: Writer, members: Sequence[Node]) -> None:
    """All results of one loop, branch or call."""
    LOOPS[members[0].primitive.name](w, members)


def _given(w: Writer, nodes: Sequence[Node]) -> list[Code]:
    return [w.named(x) for x in nodes]


def _finish(w: Writer, members: Sequence[Node], results: dict[int, Code]) -> None:
    for node in members:
        w.set(node, results[node.params["result"]])


def _wanted(members: Sequence[Node]) -> list[int]:
    return [node.params["result"] for node in members]


def _begin(w: Writer, loop: Node, init: Sequence[Code | Node], outs: Sequence[Node]) -> list[str]:
    """Variables for carried values, each as it is at first.

    They are called as the body calls the next one, or its only parameter for them, or as the loop's
    only result is called.
    """
    result = variable_at(loop.where) if len(init) == 1 and loop.primal is None else None
    names = []
    for x, out in zip(init, outs, strict=True):
        own = variable_at(out.where) if out.primal is None and loop.where != out.where else None
        if own is None and len(init) == 1 and out.primal is None:
            own = next(iter(parameters_at(out.where)), None)
        old = w.name_of(x) if isinstance(x, Node) and x.operands else None
        name = w.new(own or result or old or "state")
        w.line(f"{name} = {w.settled(x) if isinstance(x, Node) else x}")
        names.append(name)
    return names


def _move_on(w: Writer, names: Sequence[str], following: Codes) -> None:
    """All carried values at once."""
    pairs = [(n, c) for n, c in zip(names, following, strict=True) if c.text != n]
    if pairs:
        left, right = zip(*pairs, strict=True)
        w.line(f"{', '.join(left)} = {', '.join(map(str, right))}")
    elif not w.lines or w.lines[-1].endswith(":"):
        w.line("pass")


# -- scan, reversal ------------------------------------------------------------------------------


def _scan(w: Writer, members: Sequence[Node]) -> None:
    node, params = members[0], members[0].params
    body = params["body"]
    layout = Layout.of(body, params["consts"], params["carries"])
    count, operands = taken(params["length"], node.operands)
    steps = str(w.named(count[0])) if count else str(params["length"])
    fixed, init, xs = layout.split(operands)
    given = [*_given(w, fixed), *init, *_given(w, xs)]
    results = _run(w, node, body, layout, given, steps, params["reverse"], _wanted(members))
    _finish(w, members, results)


def _run(
    w: Writer,
    loop: Node,
    body: Graph,
    layout: Layout,
    given: Sequence[Code | Node],
    steps: str,
    reverse: bool,
    wanted: Sequence[int],
) -> dict[int, Code]:
    """One loop along an axis, and the results with these numbers."""
    fixed, init, xs = layout.split(given)
    consts, states, slices = layout.split(body.parameters)
    for parameter, code in zip(consts, fixed, strict=True):
        w.set(parameter, code)
    names = _begin(w, loop, init, body.outputs[: layout.carries])
    for parameter, name in zip(states, names, strict=True):
        w.set(parameter, Code(name))
    types = [x.type for x in (*body.outputs[layout.carries :], *body.outputs[: layout.carries])]
    stacks: dict[int, str] = {}
    for result in sorted({n for n in wanted if n >= layout.carries}):
        place = result - layout.carries
        of = place - layout.ys
        stacks[place] = w.new(f"every_{names[of]}" if of >= 0 else "rows")
        shape = tuple_code([steps, *types[place].shape])
        w.line(f"{stacks[place]} = np.zeros({shape}, {dtype_code(types[place].dtype)})")
    i = w.new("i")
    for parameter, code in zip(slices, xs, strict=True):
        w.set(parameter, Code(f"{code.at(ATOM)}[{i}]"))
    places = f"reversed(range({steps}))" if reverse else f"range({steps})"
    with w.block(f"for {i} in {places}:"):
        for place, stack in stacks.items():
            if place >= layout.ys:
                w.line(f"{stack}[{i}] = {names[place - layout.ys]}")
        w.graph(body)
        outs = [w.settled(x) for x in body.outputs]
        for place, stack in stacks.items():
            if place < layout.ys:
                w.line(f"{stack}[{i}] = {outs[layout.carries + place]}")
        _move_on(w, names, outs[: layout.carries])
    last = {n: Code(name) for n, name in enumerate(names)}
    return last | {layout.carries + place: Code(stack) for place, stack in stacks.items()}


def _reversal(w: Writer, members: Sequence[Node]) -> None:
    """Two loops; the first keeps all that it carries, as memory does not matter here."""
    node, params = members[0], members[0].params
    forward, backward = params["forward"], params["backward"]
    ways = Ways.of(forward, backward, params["consts"], params["carries"])
    there, back = ways.split(node.operands)
    steps, reverse = str(params["length"]), params["reverse"]
    fixed, init, xs = ways.forward.split(there)
    given = [*_given(w, fixed), *init, *_given(w, xs)]
    kept = [ways.forward.history(n) for n in range(ways.forward.carries)]
    states = _run(w, node, forward, ways.forward, given, steps, reverse, kept)
    own, carried, along = ways.given().split(back)
    second = [*_given(w, own), *carried, *(states[n] for n in kept), *_given(w, along)]
    results = _run(w, node, backward, ways.backward, second, steps, not reverse, _wanted(members))
    _finish(w, members, results)


# -- while ---------------------------------------------------------------------------------------


def _while(w: Writer, members: Sequence[Node]) -> None:
    node, cond, body = members[0], members[0].params["cond"], members[0].params["body"]
    carries, wanted = len(body.outputs), _wanted(members)
    own, fixed = len(cond.parameters) - carries, len(body.parameters) - carries
    first, rest = node.operands[:own], node.operands[own:]
    consts = [*cond.parameters[:own], *body.parameters[:fixed]]
    for parameter, code in zip(consts, _given(w, [*first, *rest[:fixed]]), strict=True):
        w.set(parameter, code)
    names = _begin(w, node, rest[fixed:], body.outputs)
    for graph, start in ((cond, own), (body, fixed)):
        for parameter, name in zip(graph.parameters[start:], names, strict=True):
            w.set(parameter, Code(name))
    stacks = {
        n - carries: w.new(f"every_{names[n - carries]}")
        for n in wanted
        if carries <= n < 2 * carries
    }
    turns = w.new("turns") if 2 * carries in wanted and not stacks else None
    for stack in stacks.values():
        w.line(f"{stack} = []")
    if turns is not None:
        w.line(f"{turns} = np.int64(0)")
    with _while_true(w, cond):
        for place, stack in stacks.items():
            w.line(f"{stack}.append({names[place]})")
        if turns is not None:
            w.line(f"{turns} += 1")
        w.graph(body)
        _move_on(w, names, [w.settled(x) for x in body.outputs])
    results = {n: Code(name) for n, name in enumerate(names)}
    results |= _arrays(w, stacks, body, carries)
    if 2 * carries in wanted:
        if turns is None:
            turns = w.new("turns")
            w.line(f"{turns} = np.int64(len({next(iter(stacks.values()))}))")
        results[2 * carries] = Code(turns)
    _finish(w, members, results)


@contextmanager
def _while_true(w: Writer, cond: Graph) -> Generator[None]:
    """A loop that goes on while the output of a graph is true."""
    with w.aside() as lines:
        w.graph(cond)
        goes_on = w.array(cond.outputs[0])
    with w.block("while True:" if lines else f"while {goes_on}:"):
        if lines:
            w.lines += lines
            w.line(f"if not {goes_on.at(ATOM)}:")
            w.line("    break")
        yield


def _arrays(w: Writer, stacks: dict[int, str], body: Graph, carries: int) -> dict[int, Code]:
    """Arrays of lists of what was carried."""
    results = {}
    for place, stack in stacks.items():
        of = body.outputs[place].type
        shape = tuple_code([f"len({stack})", *of.shape])
        w.line(f"{stack} = np.array({stack}, {dtype_code(of.dtype)}).reshape({shape})")
        results[carries + place] = Code(stack)
    return results


# -- branches, calls -----------------------------------------------------------------------------


def _switch(w: Writer, members: Sequence[Node]) -> None:
    index, *operands = members[0].operands
    branches = members[0].params["branches"]
    given = _given(w, operands)
    names = {node.params["result"]: w.new(w.wish(node) or "chosen") for node in members}
    if len(branches) == 2:
        order, tests = [1, 0], [f"if {_truth(w, index)}:", "else:"]
    else:
        order, number = list(range(len(branches))), w.named(index)
        tests = [f"{'elif' if n else 'if'} {number} == {n}:" for n in order[:-1]] + ["else:"]
        tests = tests if len(order) > 1 else ["if True:"]
    for branch, test in zip(order, tests, strict=True):
        with w.block(test):
            for parameter, code in zip(branches[branch].parameters, given, strict=True):
                w.set(parameter, code)
            w.graph(branches[branch])
            for result, name in names.items():
                w.line(f"{name} = {w.settled(branches[branch].outputs[result])}")
            if not names:
                w.line("pass")
    _finish(w, members, {n: Code(name) for n, name in names.items()})


def _truth(w: Writer, index: Node) -> Code:
    """What a branch of two is chosen by, before it became a number."""
    if index.primitive.name == "convert" and index.operands[0].type.dtype.kind == "b":
        return w.array(index.operands[0])
    return w.array(index)


def _call(w: Writer, members: Sequence[Node]) -> None:
    graph = members[0].params["graph"]
    given = _given(w, members[0].operands)
    for parameter, code in zip(graph.parameters, given, strict=True):
        w.set(parameter, code)
    w.graph(graph)
    for node in members:
        w.settle(node, w.settled(graph.outputs[node.params["result"]]))


def _callback(w: Writer, members: Sequence[Node]) -> None:
    """A Python function, which is given to the program."""
    node, params = members[0], members[0].params
    name = w.new(getattr(params["callback"], "name", str(params["callback"])))
    w.constants[name] = params["callback"]
    operands = ", ".join(str(w.array(x)) for x in node.operands)
    if node.primitive.name == "debug_callback":
        w.line(f"{name}({operands})")
        w.set(node, Code("np.zeros(0, bool)"))
        return
    found = w.new("found")
    w.line(f"{found} = {name}({operands})")
    for member in members:
        w.set(member, Code(f"{found}[{member.params['result']}]"))


LOOPS: dict[str, Callable[[Any, Sequence[Node]], None]] = {
    "scan": _scan,
    "reversal": _reversal,
    "while_loop": _while,
    "switch": _switch,
    "call": _call,
    "pure_callback": _callback,
    "debug_callback": _callback,
}
"""Rows with several results, which are written together."""
