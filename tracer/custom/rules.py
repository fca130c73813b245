"""Rules as graphs: what a user's function does to tangents or cotangents, traced beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from ..errors import UnsupportedFunctionError, at
from ..ir import LITERAL, PARAMETER, Graph, Node, reachable, replay
from ..location import Location
from ..passes.adjoint import pull_back
from ..passes.batch import batch
from ..passes.quiet import add_quiet
from ..primitives.call import Flags, Rule, call
from ..primitives.reduction import reduce_sum
from ..primitives.structure import repeated, zeros
from ..primitives.switch import for_many
from ..trace import Tracer, current_trace, new_trace
from ..transform import inline
from ..types import is_inexact

Later = Callable[[], Graph]
"""A graph that is there when it is asked for: a rule may be about the function that it is for."""


@dataclass(eq=False)
class Custom:
    """A rule for one function of operands of some types.

    ``by`` are the operands that the rule is about; of the others, those in ``free`` make no
    difference to the results, and all else cannot be differentiated by. ``pushing`` takes the
    operands and a tangent for each in ``by``, and gives that of each floating or complex result;
    ``pulling`` takes the operands and the cotangents of these results, and gives one for each in
    ``by``. Without ``pulling`` reverse mode transposes ``pushing``.
    """

    name: str
    where: Location | None
    by: tuple[int, ...]
    free: frozenset[int] = frozenset()
    pushing: Later | None = None
    pulling: Later | None = None
    only: str = ""
    made: dict[Any, tuple[Graph, Rule]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return repr(self.name)

    def jvp(
        self, node: Node, operands: Sequence[Tracer], tangents: Sequence[Tracer | None]
    ) -> Tracer | None:
        """By the rule; zeros stand for what does not vary."""
        if not is_inexact(node.type.dtype):
            return None
        self._check([t is not None for t in tangents])
        if all(tangents[i] is None for i in self.by):
            return None
        if self.pushing is None:
            raise UnsupportedFunctionError(f"{self.name} {self.only}{at(self.where)}")
        given = [_or_zeros(tangents[i], operands[i]) for i in self.by]
        pushed = inline(self.pushing(), [*operands, *given])
        outputs: Sequence[Node] = node.params["graph"].outputs[: node.params["result"]]
        number = sum(is_inexact(x.type.dtype) for x in outputs)
        return pushed[number]

    @cached_property
    def _linear(self) -> Graph:
        """The rule with functions of tangents as they are: they are linear, and transposed."""
        assert self.pushing is not None
        graph = self.pushing()
        return _opened(graph, graph.parameters[len(graph.parameters) - len(self.by) :])

    def vjp(
        self,
        graph: Graph,
        operands: Sequence[Tracer],
        cotangents: Mapping[int, Tracer],
        wants: Sequence[bool],
    ) -> Sequence[Tracer | None]:
        """By the rule, or by the transpose of the one for tangents."""
        self._check(wants)
        inexact = [i for i, x in enumerate(graph.outputs) if is_inexact(x.type.dtype)]
        cts = [cotangents[i] if i in cotangents else zeros(graph.outputs[i].type) for i in inexact]
        pulled: list[Tracer | None] = [None] * len(operands)
        if self.pulling is None:
            return self._transposed(operands, cts, wants)
        for i, ct in zip(self.by, inline(self.pulling(), [*operands, *cts]), strict=True):
            pulled[i] = ct
        return pulled

    def _transposed(
        self, operands: Sequence[Tracer], cts: Sequence[Tracer], wants: Sequence[bool]
    ) -> list[Tracer | None]:
        """The transpose of the linear function of tangents that the rule is."""
        builder = current_trace().builder
        slots: list[Tracer | None] = [None] * len(operands)
        for i in self.by:
            if wants[i]:
                type = operands[i].type
                node = Node(PARAMETER, (), {"type": type}, type, self.where)
                slots[i] = Tracer(builder.adopt(node))
        given = [_or_zeros(slots[i], operands[i]) for i in self.by]
        tangents = inline(self._linear, [*operands, *given])
        asked = [x.node for x in slots if x is not None]
        seeds = [(t.node, ct) for t, ct in zip(tangents, cts, strict=True)]
        pulled = pull_back(seeds, asked)
        if not reachable([x.node for x in pulled]).isdisjoint(asked):
            raise UnsupportedFunctionError(
                f"the rule of {self.name} is not linear in the tangents, so reverse mode cannot "
                f"transpose it{at(self.where)}"
            )
        found = iter(pulled)
        return [None if slot is None else next(found) for slot in slots]

    def _check(self, varies: Sequence[bool]) -> None:
        for i, yes in enumerate(varies):
            if yes and i not in self.by and i not in self.free:
                raise UnsupportedFunctionError(
                    f"{self.name} takes a value from outside that is differentiated by, of which "
                    f"its rule does not know; make it an argument{at(self.where)}"
                )

    # -- batches ---------------------------------------------------------------------------------

    def batched(self, graph: Graph, flags: Flags, size: int) -> tuple[Graph, Rule]:
        """The function for many, and the rule for many when it is asked for."""
        key = (graph, flags, size)
        if key not in self.made:
            push, pull = self.pushing, self.pulling
            rule = Custom(
                self.name,
                self.where,
                self.by,
                self.free,
                push and cache(lambda: self._push_many(push(), flags, size)),
                pull and cache(lambda: self._pull_many(pull(), flags, size)),
                self.only,
            )
            self.made[key] = for_many(graph, flags, size), rule
        return self.made[key]

    def _push_many(self, graph: Graph, flags: Flags, size: int) -> Graph:
        return for_many(graph, (*flags, *(flags[i] for i in self.by)), size)

    def _pull_many(self, graph: Graph, flags: Flags, size: int) -> Graph:
        """What all have in common gets the sum of its cotangents."""
        cts = len(graph.parameters) - len(flags)
        many, outs = batch(graph, (*flags, *([True] * cts)), size)
        with new_trace() as trace:
            parameters = [Tracer(trace.builder.parameter(p.type)) for p in many.parameters]
            pulled = []
            for i, has, ct in zip(self.by, outs, inline(many, parameters), strict=True):
                ct = ct if has else repeated(ct, size)
                pulled.append(ct if flags[i] else reduce_sum(ct, axes=(0,)))
            return trace.builder.graph([x.node for x in pulled])


def _or_zeros(tangent: Tracer | None, operand: Tracer) -> Tracer:
    return zeros(operand.type) if tangent is None else tangent


def _opened(graph: Graph, tangents: Sequence[Node]) -> Graph:
    """The graph with functions of tangents that have a rule for tangents only in their place.

    What depends on tangents has no effects.
    """
    depends = set(tangents)
    with new_trace() as trace:
        builder = trace.builder
        made = {p: builder.parameter(p.type) for p in graph.parameters}
        for node in graph.nodes:
            builder.where = node.where
            operands = tuple([made[x] for x in node.operands])
            rule = node.params.get("rule")
            if any(x in depends for x in node.operands):
                depends.add(node)
                if node.primitive is call and isinstance(rule, Custom) and rule.pulling is None:
                    inner: Graph = node.params["graph"]
                    pairs = zip(inner.parameters, node.operands, strict=True)
                    inner = _opened(inner, [p for p, x in pairs if x in depends])
                    made[node] = replay(inner, builder, operands)[node.params["result"]]
                    continue
                # Reverse mode has no tangents to print.
                made[node] = add_quiet(builder, node, operands)
            elif node.primitive is LITERAL:
                made[node] = builder.literal(node.params["value"], node.params["dtype"])
            else:
                made[node] = builder.add(node.primitive, operands, node.params)
        return builder.graph([made[x] for x in graph.outputs])
