"""Values that are known while tracing: numbers written in the code, and what is computed of them.

Python asks a traced array for its value where it needs an int, a truth or an index. There is one if
the array depends on no argument, and on no array from outside that may change between two calls.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from .errors import TracedValueError, at
from .ir import LITERAL, PARAMETER, Node
from .location import user_location
from .trace import Known, Trace, Tracer, active_traces

Array = np.ndarray[Any, Any]


def known_value(x: Tracer) -> Array | None:
    """The value of a traced array, if it is known while tracing; it must not be written to.

    >>> import pullback.numpy as pnp
    >>> pb.jit(lambda x: [np.roll(x, step) for step in pnp.array([0, 1])])(np.arange(3))
    [array([0, 1, 2]), array([2, 0, 1])]
    """
    traces = active_traces()
    if not traces or not _is_known(x.node, traces):
        return None
    return _evaluated(x.node, traces)


def settled(value: Any) -> Any:
    """The value of a traced array where it is known, also of those in lists; else what is given."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(settled, value)) if type(value) in (list, tuple) else value
    known = known_value(value) if isinstance(value, Tracer) else None
    return value if known is None else known


def known_int(value: Any) -> int:
    """An extent, an axis or a count.

    Raises:
        TracedValueError: for a traced value that is not known while tracing.
    """
    if isinstance(value, Tracer) and known_value(value) is None:
        refuse_unknown(value)
    return int(value)


def refuse_unknown(value: Tracer) -> NoReturn:
    """Raise the error for a shape, an axis or a count that depends on an argument.

    Raises:
        TracedValueError: always.
    """
    raise TracedValueError(
        f"shapes, axes and counts must be known while tracing, got a traced {value.type}\n"
        "  take it from x.shape, or make the argument static: jit(f, static_argnames=...)"
        f"{at(user_location())}"
    )


def known_element(x: Tracer) -> Any:
    """A number as NumPy's scalar if it is one of an array that was not written to, else itself.

    What has been written to is looked at when Python asks for it only: finding out what a loop has
    filled an array with, at each of its steps, would take a copy of the array a step.
    """
    node = x.node
    while len(node.operands) == 1:
        node = node.operands[0]
    if node.primitive is not LITERAL and _stands_for(node, active_traces()) is None:
        return x
    value = known_value(x)
    return x if value is None else value[()]


def _stands_for(node: Node, traces: list[Trace]) -> Known | None:
    """The value of a node, or the node of an enclosing trace that it stands for, if it has one."""
    return next((t.known[node] for t in traces if node in t.known), None)


def _sources(node: Node, traces: list[Trace]) -> tuple[Node, ...] | None:
    """What a node is computed from; None for what is not known before the call."""
    known = _stands_for(node, traces)
    if known is None:
        return None if node.primitive is PARAMETER else node.operands
    return (known,) if isinstance(known, Node) else ()


def _is_known(node: Node, traces: list[Trace]) -> bool:
    found = traces[-1].is_known
    stack = [node]
    while stack:
        top = stack[-1]
        sources = _sources(top, traces)
        waiting = None if sources is None else next((x for x in sources if x not in found), None)
        if waiting is not None and all(found.get(x, True) for x in sources or ()):
            stack.append(waiting)
            continue
        found[top] = sources is not None and all(found.get(x, False) for x in sources)
        stack.pop()
    return found[node]


def _evaluated(node: Node, traces: list[Trace]) -> Array:
    """The value of a known node; those of the nodes that it is computed from are kept, too."""
    values = traces[-1].values
    stack = [node]
    while stack:
        top = stack[-1]
        sources = _sources(top, traces) or ()
        waiting = [x for x in sources if x not in values]
        stack += waiting
        if not waiting:
            values[top] = _value(top, [values[x] for x in sources], traces)
            stack.pop()
    return values[node]


def _value(node: Node, sources: list[Array], traces: list[Trace]) -> Array:
    known = _stands_for(node, traces)
    if known is not None:
        return sources[0] if isinstance(known, Node) else known
    with np.errstate(all="ignore"):
        return np.asarray(node.primitive.reference(*sources, **node.params), node.type.dtype)
