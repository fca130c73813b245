"""Elementwise functions that users name: one row, which holds a function and its derivatives.

They are graphs of numbers, applied to every element; lowering puts them in the place of the row. So
the text of a graph has all of it, derivatives too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ir import LITERAL, Graph, Node
from ..primitive import Domain, NoDerivative, OfDtype, Primitive, register
from ..trace import Tracer, literal, new_trace
from ..types import ArrayType, DType, scalar
from .elementwise import broadcast_scalar, exp, log1p
from .structure import broadcast

Array = np.ndarray[Any, Any]

IDENTITIES = frozenset(("broadcast", "reshape"))
"""Rows that change nothing in a graph of numbers."""


def graph_of_numbers(
    function: Callable[..., Sequence[Tracer]], operands: int, dtype: DType
) -> Graph:
    """The graph of a function of so many numbers, which elementwise rows compute.

    Raises:
        TypeError: if anything else does.
    """
    with new_trace() as trace:
        given = [Tracer(trace.builder.parameter(scalar(dtype))) for _ in range(operands)]
        graph = trace.builder.graph([x.node for x in function(*given)])
    for node in graph.nodes:
        if not _is_elementwise(node):
            raise TypeError(f"{node.primitive.name} is not a function of single numbers")
    return graph


def _is_elementwise(node: Node) -> bool:
    known = node.primitive is LITERAL or node.primitive.name in IDENTITIES
    return (known or node.primitive.elementwise) and not node.type.ndim


def applied(graph: Graph, operands: Sequence[Tracer]) -> list[Tracer]:
    """What a graph of numbers gives for every element of operands of one shape."""
    made: dict[Node, Tracer] = dict(zip(graph.parameters, operands, strict=True))
    shape = operands[0].shape
    for node in graph.nodes:
        if node.primitive is LITERAL:
            value = literal(node.params["value"], node.params["dtype"])
            made[node] = broadcast(value, shape=shape, axes=())
        elif node.primitive.name in IDENTITIES:
            made[node] = made[node.operands[0]]
        else:
            made[node] = node.primitive(*[made[x] for x in node.operands], **node.params)
    return [made[x] for x in graph.outputs]


def _reference(
    *operands: Array, name: str, value: Graph, slopes: Graph, unknown: tuple[int, ...]
) -> Array:
    made: dict[Node, Any] = dict(zip(value.parameters, operands, strict=True))
    for node in value.nodes:
        if node.primitive.name in IDENTITIES:
            made[node] = made[node.operands[0]]
            continue
        values = [made[x] for x in node.operands]
        made[node] = np.asarray(node.primitive.reference(*values, **node.params), node.type.dtype)
    return np.broadcast_to(made[value.outputs[0]], np.shape(operands[0]))


def _infer(
    *types: ArrayType, name: str, value: Graph, slopes: Graph, unknown: tuple[int, ...]
) -> ArrayType:
    wanted = [x.type for x in value.parameters]
    if [x.with_shape(()) for x in types] != wanted or len({x.shape for x in types}) > 1:
        found = ", ".join(map(str, types))
        raise TypeError(f"{name} takes operands like {wanted}, of one shape, got {found}")
    return types[0]


def _partials(
    out: Tracer,
    *operands: Tracer,
    name: str,
    value: Graph,
    slopes: Graph,
    unknown: tuple[int, ...],
) -> tuple[Tracer | NoDerivative, ...]:
    found: list[Tracer | NoDerivative] = list(applied(slopes, (out, *operands)))
    for i in unknown:
        found[i] = NoDerivative(f"the derivative of {name} by argument {i}")
    return tuple(found)


def _example(dtype: DType) -> tuple[Graph, Graph]:
    """``x log(1 + exp(y))``, and its derivatives given that."""

    def slopes(out: Tracer, x: Tracer, y: Tracer) -> list[Tracer]:
        return [log1p(exp(y)), x / (broadcast_scalar(1.0, y) + exp(-y))]

    value = graph_of_numbers(lambda x, y: [x * log1p(exp(y))], 2, dtype)
    return value, graph_of_numbers(slopes, 3, dtype)


formula: Primitive = register(
    Primitive(
        "formula",
        _infer,
        _reference,
        Domain(
            tuple(
                (
                    (shape, shape),
                    {
                        "name": "softplus",
                        "value": OfDtype(lambda dtype: _example(dtype)[0]),
                        "slopes": OfDtype(lambda dtype: _example(dtype)[1]),
                        "unknown": (),
                    },
                )
                for shape in ((3, 5), (), (0, 2))
            ),
            dtypes=("f64", "f32"),
        ),
        partials=_partials,
        elementwise=True,
    )
)
"""``value`` of each element; ``slopes`` gives the partial derivatives, of the result and operands,
where they are not ``unknown``."""
