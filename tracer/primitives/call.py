"""A function with a rule of its own for derivatives, as one row.

``call`` computes what its graph does; derivatives are the rule's. Lowering puts the graph in its
place, so machine code knows nothing of it. A rule is printed as its name; of a graph that was read
from text the derivatives of calls are therefore not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NoReturn, Protocol

from ..errors import UnsupportedFunctionError, at
from ..ir import Graph, Node, replay
from ..location import user_location
from ..passes.quiet import quiet
from ..passes.subgraph import derived, varying_outputs
from ..primitive import Domain, Primitive, register
from ..trace import Tracer, current_trace, new_trace
from ..types import ArrayType
from .scan import batch_size, example, places, rank
from .structure import repeated
from .switch import for_many

Flags = tuple[bool, ...]


class Rule(Protocol):
    """What is to be done instead of differentiating the graph of a call."""

    @property
    def name(self) -> str:
        """What it is printed as."""
        ...

    def jvp(
        self, node: Node, operands: Sequence[Tracer], tangents: Sequence[Tracer | None]
    ) -> Tracer | None:
        """The tangent of the result that the node is; None if it is zero."""
        ...

    def vjp(
        self,
        graph: Graph,
        operands: Sequence[Tracer],
        cotangents: Mapping[int, Tracer],
        wants: Sequence[bool],
    ) -> Sequence[Tracer | None]:
        """The cotangents of the operands, given those of the results by number."""
        ...

    def batched(self, graph: Graph, flags: Flags, size: int) -> tuple[Graph, Rule]:
        """Graph and rule for many at once: operands with a batch axis, all results with one."""
        ...


def called(graph: Graph, rule: Rule, operands: Sequence[Tracer]) -> list[Tracer]:
    """All results of a new call."""
    return [call(*operands, graph=graph, rule=rule, result=i) for i in range(len(graph.outputs))]


def _infer_call(*types: ArrayType, graph: Graph, rule: Rule | str, result: int) -> ArrayType:
    wanted = [p.type for p in graph.parameters]
    if list(types) != wanted:
        raise TypeError(f"the function of a call takes {wanted}, got {list(types)}")
    return graph.outputs[result].type


def _call_reference(*operands: Any, graph: Graph, rule: Rule | str, result: int) -> Any:
    return graph.evaluate(*operands)[result]


def _call_jvp(
    tangents: Sequence[Tracer | None], out: Tracer, *operands: Tracer, **params: Any
) -> Tracer | None:
    return _live(params["rule"]).jvp(out.node, operands, tangents)


def _call_vjp(
    cotangents: Mapping[int, Tracer],
    wants: Sequence[bool],
    *operands: Tracer,
    graph: Graph,
    rule: Rule | str,
) -> Sequence[Tracer | None]:
    return _live(rule).vjp(graph, operands, cotangents, wants)


def _call_batch(
    batched: Sequence[bool], *operands: Tracer, graph: Graph, rule: Rule | str, result: int
) -> Tracer:
    size = batch_size(operands, batched)
    many, rule = _live(rule).batched(graph, tuple(batched), size)
    return call(*operands, graph=many, rule=rule, result=result)


def _live(rule: Rule | str) -> Rule:
    return _forgotten(rule) if isinstance(rule, str) else rule


class Forgotten:
    """Stands for the rule of a call that was read from text."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return repr(self.name)

    def _refuse(self) -> NoReturn:
        raise UnsupportedFunctionError(
            f"the derivative of {self.name} is by a rule, which the text of a graph does not hold"
            f"{at(user_location())}"
        )

    def jvp(
        self, node: Node, operands: Sequence[Tracer], tangents: Sequence[Tracer | None]
    ) -> Tracer | None:
        """Refuse."""
        self._refuse()

    def vjp(
        self,
        graph: Graph,
        operands: Sequence[Tracer],
        cotangents: Mapping[int, Tracer],
        wants: Sequence[bool],
    ) -> Sequence[Tracer | None]:
        """Refuse."""
        self._refuse()

    def batched(self, graph: Graph, flags: Flags, size: int) -> tuple[Graph, Rule]:
        """The graph for many, with as little of a rule."""
        return derived(graph, ("batch", flags, size), lambda: for_many(graph, flags, size)), self


_forgotten = lru_cache(maxsize=256)(Forgotten)


# -- computing again ---------------------------------------------------------------------------

Policy = Callable[..., bool]
"""``policy(primitive, *operand_types, **params)``: whether a value is kept for reverse mode."""


class Recompute:
    """The derivative of the graph, for which reverse mode computes it again from its operands.

    What the policy says is kept all the same.
    """

    name = "checkpoint"

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy
        self._made: dict[Any, Any] = {}

    def __repr__(self) -> str:
        return repr(self.name)

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def jvp(
        self, node: Node, operands: Sequence[Tracer], tangents: Sequence[Tracer | None]
    ) -> Tracer | None:
        """By a call that computes results and tangents, again under this rule."""
        graph, result = node.params["graph"], node.params["result"]
        varies = tuple(t is not None for t in tangents)
        outs = tuple(varying_outputs(graph, varies))
        dual = self._once(("dual", graph, varies), lambda: dual_graph(graph, varies, outs))
        given = [*operands, *(t for t in tangents if t is not None)]
        both = called(dual, self, given)
        current_trace().replaced[node] = both[result].node
        number = rank(outs, result)
        return None if number is None else both[len(outs) + number]

    def vjp(
        self,
        graph: Graph,
        operands: Sequence[Tracer],
        cotangents: Mapping[int, Tracer],
        wants: Sequence[bool],
    ) -> Sequence[Tracer | None]:
        """By the graph of operands that are there only when the cotangents are."""
        seeded, wanted = tuple(sorted(cotangents)), tuple(wants)
        keeping = self._once(("keeping", graph), lambda: self._keeping(quiet(graph)))
        key = ("backward", graph, seeded, wanted)
        back = self._once(key, lambda: _backward(keeping, len(graph.outputs), wanted, seeded))
        # Rules that move signs do not see through a barrier: what is read is what is in memory.
        cts = [barrier(cotangents[i]) for i in seeded]
        builder = current_trace().builder
        kept = replay(keeping, builder, [x.node for x in operands])[len(graph.outputs) :]
        later = [barrier(x, *cts) for x in operands]
        found = iter(replay(back, builder, [*(x.node for x in (*later, *cts)), *kept]))
        return [Tracer(next(found)) if want else None for want in wanted]

    def _keeping(self, graph: Graph) -> Graph:
        """The graph with what the policy keeps behind the outputs."""
        policy = self.policy
        kept = [
            x
            for x in graph.nodes
            if policy is not None and policy(x.primitive, *(y.type for y in x.operands), **x.params)
        ]
        return Graph(graph.parameters, graph.nodes, (*graph.outputs, *kept))

    def batched(self, graph: Graph, flags: Flags, size: int) -> tuple[Graph, Rule]:
        """The graph for many under the same rule."""
        return self._once(("batch", graph, flags, size), lambda: for_many(graph, flags, size)), self


def dual_graph(graph: Graph, varies: Flags, outs: Flags) -> Graph:
    """The graph with the tangents of the outputs that vary."""
    from ..passes.tangent import jvp
    from ..types import is_inexact

    both = jvp(graph, list(places(varies)))
    count = len(graph.outputs)
    inexact = [is_inexact(x.type.dtype) for x in graph.outputs]
    tangents = [both.outputs[count + sum(inexact[:i])] for i in places(outs)]
    return Graph(both.parameters, both.nodes, (*both.outputs[:count], *tangents))


def _backward(keeping: Graph, count: int, wanted: Flags, seeded: Sequence[int]) -> Graph:
    """The cotangents of operands, of these, cotangents of results and what is kept.

    What of the ``count`` outputs comes after is kept, and is taken instead of computed.
    """
    from ..passes.adjoint import vjp

    back = vjp(keeping, list(places(wanted)), seeded)
    kept = back.outputs[count : len(keeping.outputs)]
    cts = back.outputs[len(keeping.outputs) :]
    with new_trace() as trace:
        builder = trace.builder
        made = {p: builder.parameter(p.type) for p in back.parameters}
        # Equal nodes are one: what is kept twice is taken from the first place.
        for node in kept:
            parameter = builder.parameter(node.type)
            made.setdefault(node, parameter)
        rest = [x for x in back.nodes if x not in made]
        taken = tuple(made)
        return builder.graph(replay(Graph(taken, tuple(rest), cts), builder, tuple(made.values())))


_EXAMPLE = example(((3,), (3,)), lambda x, y: (x * y, x - y))

call: Primitive = register(
    Primitive(
        "call",
        _infer_call,
        _call_reference,
        Domain(
            tuple(
                (((3,), (3,)), {"graph": _EXAMPLE, "rule": Recompute(), "result": n})
                for n in (0, 1)
            ),
            dtypes=("f64", "f32", "c128"),
        ),
        jvp=_call_jvp,
        vjp=_call_vjp,
        batch=_call_batch,
    )
)


# -- barriers ----------------------------------------------------------------------------------


def _barrier_batch(batched: Sequence[bool], *operands: Tracer) -> Tracer:
    x, *after = operands
    return barrier(x if batched[0] else repeated(x, batch_size(operands, batched)), *after)


barrier: Primitive = register(
    Primitive(
        "barrier",
        lambda x, *after: x,
        lambda x, *after: x,
        Domain(((((3, 2),), {}),), dtypes=("f64", "f32", "f16", "c128", "c64", "i64", "bool")),
        transpose=lambda ct, x, *after: (ct, *(None for _ in after)),
        linear=(0,),
        batch=_barrier_batch,
    )
)
"""The first operand, not to be had before the others are: what is computed from it is not shared
with what is computed from the operand itself, and comes later."""
