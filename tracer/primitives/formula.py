"""Elementwise functions that users name: one row, which holds a function and its derivatives.

They are graphs of numbers, applied to every element; lowering puts them in the place of the row. So
the text of a graph has all of it, derivatives too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ir import LITERAL, Graph, Node, Params
from ..primitive import Domain, NoDerivative, Primitive, register
from ..trace import Tracer, literal, new_trace
from ..types import FLOAT64, ArrayType, DType, is_float, scalar
from .elementwise import broadcast_scalar, exp, log1p
from .structure import broadcast

Array = np.ndarray[Any, Any]

IDENTITIES = frozenset(("broadcast", "reshape"))
"""Rows that change nothing in a graph of numbers."""


def graph_of_numbers(function: Callable[..., Sequence[Tracer]], operands: int) -> Graph:
    """The graph of a function of so many numbers, which elementwise rows compute.

    It stands for any floating dtype, in float64's place.

    Raises:
        TypeError: if anything but elementwise rows computes it.
    """
    with new_trace() as trace:
        given = [Tracer(trace.builder.parameter(scalar(FLOAT64))) for _ in range(operands)]
        graph = trace.builder.graph([x.node for x in function(*given)])
    for node in graph.nodes:
        if not _is_elementwise(node):
            raise TypeError(f"{node.primitive.name} is not a function of single numbers")
    return graph


def _is_elementwise(node: Node) -> bool:
    known = node.primitive is LITERAL or node.primitive.name in IDENTITIES
    return (known or node.primitive.elementwise) and not node.type.ndim


def applied(graph: Graph, operands: Sequence[Tracer]) -> list[Tracer]:
    """What a graph of numbers gives for every element of operands of one type."""
    made: dict[Node, Tracer] = dict(zip(graph.parameters, operands, strict=True))
    type = operands[0].type
    for node in graph.nodes:
        params = of_dtype(node.params, type.dtype)
        if node.primitive is LITERAL:
            value = literal(params["value"], params["dtype"])
            made[node] = broadcast(value, shape=type.shape, axes=())
        elif node.primitive.name in IDENTITIES:
            made[node] = made[node.operands[0]]
        else:
            made[node] = node.primitive(*[made[x] for x in node.operands], **params)
    return [made[x] for x in graph.outputs]


def of_dtype(params: Params, dtype: DType) -> dict[str, Any]:
    """The params of a row for numbers of another dtype than float64."""
    return {k: dtype if isinstance(v, np.dtype) and v == FLOAT64 else v for k, v in params.items()}


def _reference(
    *operands: Array, name: str, value: Graph, slopes: Graph, unknown: tuple[int, ...]
) -> Array:
    made: dict[Node, Any] = dict(zip(value.parameters, operands, strict=True))
    dtype = np.asarray(operands[0]).dtype
    for node in value.nodes:
        if node.primitive.name in IDENTITIES:
            made[node] = made[node.operands[0]]
            continue
        values = [made[x] for x in node.operands]
        made[node] = node.primitive.reference(*values, **of_dtype(node.params, dtype))
    return np.broadcast_to(np.asarray(made[value.outputs[0]], dtype), np.shape(operands[0]))


def _infer(
    *types: ArrayType, name: str, value: Graph, slopes: Graph, unknown: tuple[int, ...]
) -> ArrayType:
    same = all(x == types[0] for x in types)
    if len(types) != len(value.parameters) or not same or not is_float(types[0].dtype):
        count, found = len(value.parameters), ", ".join(map(str, types))
        raise TypeError(f"{name} takes {count} floating-point operands of one type, got {found}")
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


def _example_slopes(out: Tracer, x: Tracer, y: Tracer) -> list[Tracer]:
    return [log1p(exp(y)), x / (broadcast_scalar(1.0, y) + exp(-y))]


EXAMPLE = {
    "name": "softplus",
    "value": graph_of_numbers(lambda x, y: [x * log1p(exp(y))], 2),
    "slopes": graph_of_numbers(_example_slopes, 3),
    "unknown": (),
}
"""``x log(1 + exp(y))``."""

formula: Primitive = register(
    Primitive(
        "formula",
        _infer,
        _reference,
        Domain(
            tuple(((shape, shape), EXAMPLE) for shape in ((3, 5), (), (0, 2))),
            dtypes=("f64", "f32", "f16"),
        ),
        partials=_partials,
        elementwise=True,
    )
)
"""``value`` of each element; ``slopes`` gives the partial derivatives, of the result and operands,
where they are not ``unknown``."""
