"""The derivatives of a result by what each line computes, told to whoever asks.

While somebody asks, reverse mode leads every cotangent through a row that changes nothing, and
that tells which line the cotangent is of. It goes wherever other rows go: into bodies of loops, and
through whatever transforms the derivative.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from .ir import PARAMETER, Graph, Node
from .primitive import Primitive
from .text import inner_graphs

if TYPE_CHECKING:
    from .location import Location
    from .trace import Tracer


def _told_of_many(batched: Sequence[bool], x: Tracer, *, where: Location) -> Tracer:
    return TOLD(x, where=where)


TOLD = Primitive(
    "told",
    lambda x, *, where: x,
    lambda x, *, where: x,
    partials=lambda out, x, *, where: (1.0,),
    batch=_told_of_many,
)
"""A cotangent of what the line ``where`` computes.

It is not elementwise, so that numbers are not computed when the graph is made.
"""


class _Asking(threading.local):
    def __init__(self) -> None:
        self.asked = False


_asking = _Asking()


@contextmanager
def _set(asked: bool) -> Generator[None]:
    before, _asking.asked = _asking.asked, asked
    try:
        yield
    finally:
        _asking.asked = before


def adjoints_told() -> AbstractContextManager[None]:
    """A block in which reverse mode tells of its cotangents."""
    return _set(True)


def adjoints_of(graph: Graph) -> AbstractContextManager[None]:
    """A block in which a graph is gone back over.

    Of a derivative nothing is told: that would be derivatives of a derivative.
    """
    return _set(asked() and not tells(graph))


def tells(graph: Graph) -> bool:
    """Whether a graph, or one inside it, tells of cotangents."""
    return any(x.primitive is TOLD for each in (graph, *inner_graphs(graph)) for x in each.nodes)


def asked() -> bool:
    """Whether somebody asks for the cotangents of what is being traced."""
    return _asking.asked


def told(node: Node, cotangent: Tracer) -> Tracer:
    """The cotangent of a node, told of if it is of what a line computes."""
    known = node.where is None or node.primal is not None or node.primitive is PARAMETER
    if not asked() or known or cotangent.node.type.is_stack:
        return cotangent
    return TOLD(cotangent, where=node.where)
