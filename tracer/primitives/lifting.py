"""What a loop reads of its constants, taken out of the loop before it is gone back through.

The cotangent of a constant is summed up over all turns. Where the body uses parts of it, these are
made constants themselves: then a turn adds to parts alone, and they are put together at the end.
Nothing that computes is taken out: a cotangent that was not chosen has a mask in the body alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..ir import Graph, Node, replay
from ..passes.subgraph import derived, part
from ..trace import Tracer, current_trace
from ..types import is_inexact

VIEWS = frozenset(("slice", "reshape", "permute", "flip"))


@dataclass(frozen=True, slots=True)
class Lifted:
    """A body that takes ``views`` of its constants too; ``source`` numbers what each is of."""

    body: Graph
    views: Graph
    source: tuple[int, ...]

    def made(self, fixed: Sequence[Tracer]) -> list[Tracer]:
        """The views of constants."""
        builder = current_trace().builder
        return [Tracer(x) for x in replay(self.views, builder, [x.node for x in fixed])]

    def pulled(
        self, parts: Sequence[Tracer | None], fixed: Sequence[Tracer]
    ) -> list[Tracer | None]:
        """The cotangents of the constants, given those of these and of the views."""
        from ..passes.adjoint import vjp

        totals, of_views = list(parts[: len(fixed)]), parts[len(fixed) :]
        seeded = [i for i, x in enumerate(of_views) if x is not None]
        wrt = sorted({self.source[i] for i in seeded})
        back = derived(self.views, tuple(seeded), lambda: vjp(self.views, wrt, seeded))
        given = [x.node for x in (*fixed, *of_views) if x is not None]
        found = replay(back, current_trace().builder, given)[len(self.source) :]
        for i, x in zip(wrt, found, strict=True):
            before = totals[i]
            totals[i] = Tracer(x) if before is None else before + Tracer(x)
        return totals


def lifted(body: Graph, consts: int) -> Lifted:
    """The body without the slices of its constants; itself if there are none."""
    source = {p: i for i, p in enumerate(body.parameters[:consts]) if is_inexact(p.type.dtype)}
    sliced: dict[Node, bool] = {}
    taken: dict[Node, None] = {}
    for node in body.nodes:
        if node.primitive.name in VIEWS and node.operands[0] in source:
            source[node] = source[node.operands[0]]
            sliced[node] = node.primitive.name == "slice" or sliced.get(node.operands[0], False)
        else:
            taken.update({x: None for x in node.operands if sliced.get(x)})
    taken.update({x: None for x in body.outputs if sliced.get(x)})
    if not taken:
        return Lifted(body, Graph(body.parameters[:consts], (), ()), ())
    views = part(body.parameters[:consts], list(taken))
    fixed, others = body.parameters[:consts], body.parameters[consts:]
    inside = part([*fixed, *taken, *others], body.outputs)
    return Lifted(inside, views, tuple(source[x] for x in taken))
