"""From a graph to one that kernels are made for, the graphs inside it included."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pullback.tracer.ir import Graph, Node
from pullback.tracer.passes.subgraph import derived, with_inner
from pullback.tracer.primitive import TABLE
from pullback.tracer.trace import Tracer
from pullback.tracer.types import is_complex

from .calls import lower_calls
from .complexes import lower_complex
from .contract import lower_products
from .factorisations import lower_factorisations
from .fuse import CONTROL
from .half import widen_half
from .hoist import hoist
from .orders import share_orders
from .outer_places import lower_outer_places
from .rewrite import rewritten
from .short_axes import lower_short_axes


def lower_inner(graph: Graph) -> Graph:
    """The graph with the bodies of loops lowered, but for those that take complex values.

    They get real ones instead when the whole graph does.
    """
    return rewritten(graph, dict.fromkeys([TABLE[name] for name in sorted(CONTROL)], _lower_loop))


def _lower_loop(node: Node, operands: Sequence[Tracer]) -> Tracer | None:
    if any(is_complex(x.type.dtype) for x in (node, *node.operands)):
        return None
    return node.primitive(*operands, **with_inner(node.params, lowered_once))


def lowered_once(graph: Graph) -> Graph:
    """The lowered body, one for all results of a loop."""
    return derived(graph, "lowered", lambda: lowered(graph))


LOWERING: tuple[Callable[[Graph], Graph], ...] = (
    lower_calls,
    hoist,
    lower_calls,  # what is computed before a loop may be a call
    lower_inner,
    lower_factorisations,
    lower_complex,
    share_orders,
    widen_half,
    lower_products,
    lower_outer_places,
    lower_short_axes,
)
"""Passes from a graph to one that kernels are made for, in order."""


def lowered(graph: Graph) -> Graph:
    """The graph after all passes."""
    for lower in LOWERING:
        graph = lower(graph)
    return graph
