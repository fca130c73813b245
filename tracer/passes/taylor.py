"""Taylor mode: carry power series along a graph.

The parameters of a graph move along curves; the coefficients of t, t², ... of each curve are
parameters too, and move along curves of their own. So every node has a series, and one rule gives
it: the coefficient of t in y is the tangent of y, and that of t^k is that of t^(k-1) in the
tangent, over k. Where a node is linear in what varies, or a product, the coefficients of its
operands give it at once.

Coefficients are computed once each, however many need them: functions whose derivatives come back
to themselves, such as exp, sin and tanh, cost order squared.
"""

from __future__ import annotations

from math import comb

from ..ir import Graph, Node, replay
from ..trace import Tracer, derivative_of, new_trace
from ..types import is_inexact
from .linear import is_linear
from .quiet import quiet
from .tangent import merged, push_node, with_primal


def jet(graph: Graph, order: int, count: int) -> Graph:
    """The graph that also carries Taylor coefficients.

    Takes the parameters of ``graph``, then for each of the first ``count`` those of t, t², up to
    t^order; gives its outputs, then for each of the floating or complex ones its coefficients.
    """
    if graph.effects:
        return with_primal(graph, jet(quiet(graph), order, count))
    with new_trace() as trace:
        builder = trace.builder
        parameters = [builder.parameter(p.type) for p in graph.parameters]
        known: dict[Node, list[Tracer | None]] = {}
        for p in parameters[:count]:
            terms = [p, *(builder.parameter(p.type) for _ in range(order))]
            for k, term in enumerate(terms):
                # Of x(t) with coefficients c, that of t^k in x moves along x^(k)(t) / k!.
                later = enumerate(terms[k + 1 :], 1)
                known[term] = [Tracer(x) * float(comb(j + k, k)) for j, x in later]
        outputs = replay(graph, builder, parameters)
        series = _Series(known)
        for node in list(builder.nodes):
            for k in range(1, order + 1):
                series.coefficient(node, k)
        floating = [x for x in outputs if is_inexact(x.type.dtype)]
        found = [series.or_zeros(x, k).node for x in floating for k in range(1, order + 1)]
        return builder.graph(merged([*outputs, *found]))


class _Series:
    """The Taylor coefficients of nodes, from t on; None for zero."""

    def __init__(self, known: dict[Node, list[Tracer | None]]) -> None:
        self._known = known

    def coefficient(self, node: Node, k: int) -> Tracer | None:
        """The coefficient of t^k, k being at least 1."""
        if not any(is_inexact(x.type.dtype) for x in node.operands) and node not in self._known:
            return None
        terms = self._known.setdefault(node, [])
        while len(terms) < k and node.primitive.differentiable:
            with derivative_of(node):
                terms.append(self._next(node, len(terms) + 1))
        return terms[k - 1] if k <= len(terms) else None

    def or_zeros(self, node: Node, k: int) -> Tracer:
        """The coefficient as an array."""
        from ..primitives.structure import zeros

        found = self.coefficient(node, k)
        return zeros(node.type) if found is None else found

    def _next(self, node: Node, k: int) -> Tracer | None:
        from ..primitives.stacks import scaled_stack

        tangents = [self.coefficient(x, 1) for x in node.operands]
        varying = {x for x, t in zip(node.operands, tangents, strict=True) if t is not None}
        if not varying:
            return None
        if is_linear(node, varying):
            return push_node(node, [self.coefficient(x, k) for x in node.operands])
        if node.primitive.name in ("mul", "dot"):
            return self._product(node, k)
        if k == 1:
            return push_node(node, tangents)
        first = self.coefficient(node, 1)
        before = None if first is None else self.coefficient(first.node, k - 1)
        if before is None:
            return None
        return scaled_stack(before, 1 / k) if before.type.is_stack else before / k

    def _product(self, node: Node, k: int) -> Tracer:
        a, b = node.operands
        total: Tracer | None = None
        for j in range(k + 1):
            x = Tracer(a) if j == 0 else self.coefficient(a, j)
            y = Tracer(b) if j == k else self.coefficient(b, k - j)
            if x is not None and y is not None:
                term = node.primitive(x, y, **node.params)
                total = term if total is None else total + term
        assert total is not None
        return total
