"""Slices that begin at a traced position: ``x[i : i + 3]``, of a length known while tracing.

The length is found by writing both ends as sums of traced values with known factors: what is
traced has to cancel in the difference.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import TracedValueError, at
from ..ir import Node
from ..ir import literal_value as known_value
from ..location import user_location
from ..primitives.elementwise import where
from ..primitives.indexing import gather, scatter
from ..primitives.structure import inverse, permute
from ..trace import Tracer, View, lift, operand_node
from ..types import INT64, is_integer
from .creation import asarray, positions
from .promotion import as_dtype, is_python_scalar, number

Terms = dict[Node | None, int]
"""A sum of integer nodes, each times a number; None stands for 1."""


@dataclass(frozen=True, slots=True)
class Window:
    """``size`` places from a traced ``start`` on, ``step`` apart, along one axis.

    A start of ``-around`` to -1 has its end at the beginning of the axis: there is no such window.
    """

    start: Tracer
    size: int
    step: int
    around: int


def is_traced(item: builtins.slice) -> bool:
    """Whether a slice has a traced end."""
    return any(isinstance(x, Tracer) for x in (item.start, item.stop, item.step))


def of_traced_slice(item: builtins.slice) -> Window:
    """The window that a slice with traced ends is.

    Raises:
        TracedValueError: when its length is not known while tracing.
    """
    step = 1 if item.step is None else item.step
    if item.start is None or item.stop is None or isinstance(step, Tracer) or step < 1:
        _refuse()
    length = _terms(item.stop)
    for node, factor in _terms(item.start).items():
        length[node] = length.get(node, 0) - factor
    if any(factor for node, factor in length.items() if node is not None):
        _refuse()
    whole = max(length.get(None, 0), 0)
    size = -(-whole // int(step))
    return Window(as_dtype(asarray(item.start), INT64), size, int(step), whole)


def window(start: Any, size: int) -> Any:
    """An index that selects ``size`` places from ``start`` on, which may be traced.

    ``x[window(i, n)]`` is ``x[i : i + n]``, but where that would be cut short because it reaches
    beyond the end, IndexError is raised: shapes are known while tracing. A negative start counts
    from the end, and ``window(-n, n)`` are the last ``n``.

    >>> from pullback.numpy import window
    >>> f = pb.jit(lambda x, i: x[window(i, 2)])
    >>> f(np.arange(5.0), 3)
    array([3., 4.])
    """
    if isinstance(start, Tracer):
        return Window(as_dtype(start, INT64), size, 1, size - 1)
    return builtins.slice(start, start + size if start + size or start >= 0 else None)


def within(x: Tracer, axis: int, part: Window) -> Tracer:
    """The view of an array that a window along an axis is."""
    place = _places(part, x.shape[axis])
    order = (axis, *(a for a in range(x.ndim) if a != axis))

    def read(base: Tracer) -> Tracer:
        return permute(gather(permute(base, axes=order), place), axes=inverse(order))

    def write(base: Tracer, value: Tracer) -> Tracer:
        moved = scatter(permute(base, axes=order), place, permute(value, axes=order))
        return permute(moved, axes=inverse(order))

    strides = x.memory_strides
    if strides is not None:
        strides = tuple(s * part.step if a == axis else s for a, s in enumerate(strides))
    return x.seen_by(View(read, write, contiguous=False, strides=strides))


def _places(part: Window, extent: int) -> Tracer:
    """The positions; of a window that does not exist they are outside, and raise IndexError."""
    start = part.start
    around = (start < 0) & (start >= -part.around)
    start = where(around, start - number(extent, INT64), start)
    return start + positions(part.size) * number(part.step, INT64)


def _terms(value: Any) -> Terms:
    """An integer as a sum; iterates, since expressions may be long."""
    if is_python_scalar(value) or isinstance(value, np.integer):
        return {None: int(value)}
    given = lift(value)
    if not is_integer(given.dtype) or given.ndim:
        raise IndexError(
            "slice indices must be integers or None or have an __index__ method"
            f"{at(user_location())}"
        )
    total: Terms = {}
    stack: list[tuple[Node, int]] = [(operand_node(given), 1)]
    while stack:
        node, factor = stack.pop()
        known = known_value(node)
        if known is not None:
            total[None] = total.get(None, 0) + factor * int(known)
            continue
        parts = _sum_of(node)
        if parts is None:
            total[node] = total.get(node, 0) + factor
        else:
            stack += [(x, factor * times) for x, times in parts]
    return total


def _sum_of(node: Node) -> list[tuple[Node, int]] | None:
    """The operands that a node adds, each with its factor; None for what is no sum."""
    match node.primitive.name:
        case "add":
            return [(x, 1) for x in node.operands]
        case "sub":
            return [(node.operands[0], 1), (node.operands[1], -1)]
        case "neg":
            return [(node.operands[0], -1)]
        case "convert" if is_integer(node.operands[0].type.dtype):
            return [(node.operands[0], 1)]
        case "mul":
            for x, other in (node.operands, node.operands[::-1]):
                known = known_value(other)
                if known is not None:
                    return [(x, int(known))]
        case _:
            pass
    return None


def _refuse() -> None:
    raise TracedValueError(
        "the length of a slice with traced ends must be known while tracing, as of x[i : i + 3]\n"
        "  use x[pullback.numpy.window(start, size)], or np.where with a condition on the "
        f"positions{at(user_location())}"
    )
