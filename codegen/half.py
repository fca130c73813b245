"""Half precision is for storage: what is computed with is single precision.

A pass from graph to graph. Each result is rounded to half precision, so a value is the same in
every kernel that computes it, and the same as NumPy's; a sum is rounded once, when it is complete.
"""

from __future__ import annotations

from collections.abc import Sequence

from pullback.tracer.ir import Graph, Node
from pullback.tracer.primitive import TABLE, Primitive
from pullback.tracer.primitives.elementwise import convert
from pullback.tracer.trace import Tracer
from pullback.tracer.types import FLOAT16, FLOAT32

from .fuse import SEVERAL
from .rewrite import Rule, rewritten

MOVES = frozenset(
    (
        "broadcast",
        "reshape",
        "permute",
        "slice",
        "flip",
        "pad",
        "concatenate",
        "update_slice",
        "gather",
        "scatter",
        "where",
        "convert",
        "stop_gradient",
        "barrier",
        "reduce_max",
        "reduce_min",
        "argmax",
        "argmin",
        "cummax",
        "cummin",
        "sort",
        "argsort",
        "nextafter",
    )
)
"""Rows that move or choose values, or have a form of their own; of the others all compute but those
that hold graphs, in which the same is done, or call Python."""


def widen_half(graph: Graph) -> Graph:
    """The graph with all that is computed in half precision computed in single precision."""
    if not any(x.type.dtype == FLOAT16 for x in (*graph.parameters, *graph.nodes)):
        return graph
    return rewritten(graph, rules())


def rules() -> dict[Primitive, Rule]:
    """The rule for every row that computes; loops and branches have been lowered inside."""
    return {row: _in_single for name, row in TABLE.items() if name not in MOVES | SEVERAL}


def _in_single(node: Node, operands: Sequence[Tracer]) -> Tracer | None:
    if all(x.dtype != FLOAT16 for x in operands):
        return None
    wide = [convert(x, dtype=FLOAT32) if x.dtype == FLOAT16 else x for x in operands]
    return convert(node.primitive(*wide, **node.params), dtype=node.type.dtype)
