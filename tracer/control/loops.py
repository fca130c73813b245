"""Loops of Python functions on trees, traced into rows that hold graphs.

What the functions take from outside becomes operands of the row.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..errors import at
from ..location import user_location
from ..numpy.joining import concatenate
from ..numpy.promotion import as_dtype
from ..numpy.shaping import part, reshape
from ..primitives import scan as loops
from ..primitives import while_loop as whiles
from ..primitives.structure import iota
from ..trace import Tracer
from ..transform import as_leaf, captured
from ..types import BOOL, INT64, is_integer, normalize_axis, scalar
from .checkpoints import Checkpoint, segment_of, snapshots_of
from .steps import captures_first, trace_step, traced_step


def scan(
    f: Callable[..., Any], init: Any, xs: Any = None, length: int | None = None,
    reverse: bool = False, checkpoint: Checkpoint = None,
) -> tuple[Any, Any]:  # fmt: skip
    """``carry, y = f(carry, x)`` for each place along the first axis of the leaves of ``xs``.

    With a ``checkpoint`` of segments reverse mode keeps what is carried between them, as a scan of
    scans; with a binomial one it keeps snapshots.

    Raises:
        ValueError: when the leaves of ``xs`` are of different length, or there is none and no
            ``length``; for what is no checkpoint.
        TypeError: when the carried values change their structure or their types.
    """
    leaves, x_spec = tree.flatten(xs)
    stacked = [as_leaf(x) for x in leaves]
    count = _length(stacked, length)
    snapshots = snapshots_of(checkpoint, count)
    size = segment_of(checkpoint, count)
    if size < count:
        return _in_segments(f, init, stacked, x_spec, count, size, reverse, checkpoint)
    slices = [x.type.with_shape(x.shape[1:]) for x in stacked]

    def step(carry: Any, *x: Tracer) -> Any:
        result = f(carry, tree.unflatten(x_spec, x))
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(
                f"the function of a scan returns a carry and a y, got {type(result).__name__}"
                f"{at(user_location())}"
            )
        return result

    body = trace_step(step, init, slices)
    found = loops.results_of(
        body.graph, body.captures, body.init, stacked, count, reverse, snapshots
    )
    carried = len(body.init)
    return tree.unflatten(body.carry, found[:carried]), tree.unflatten(body.rest, found[carried:])


def _in_segments(
    f: Callable[..., Any],
    init: Any,
    xs: Sequence[Tracer],
    spec: tree.TreeSpec,
    count: int,
    size: int,
    reverse: bool,
    checkpoint: Checkpoint,
) -> tuple[Any, Any]:
    """A scan over segments, whose steps are scans, and one over the steps that are left."""
    whole = count // size * size
    within = "log" if checkpoint == "log" else None

    def segment(carry: Any, x: Any) -> tuple[Any, Any]:
        return scan(f, carry, tree.unflatten(spec, x), size, reverse, within)

    def segments(carry: Any) -> tuple[Any, Any]:
        cut = [reshape(part(x, 0, 0, whole), (whole // size, size, *x.shape[1:])) for x in xs]
        carry, ys = scan(segment, carry, cut, whole // size, reverse)
        leaves, y_spec = tree.flatten(ys)
        flat = [reshape(y, (whole, *y.shape[2:])) for y in leaves]
        return carry, tree.unflatten(y_spec, flat)

    def rest(carry: Any) -> tuple[Any, Any]:
        left = [part(x, 0, whole, count) for x in xs]
        return scan(f, carry, tree.unflatten(spec, left), count - whole, reverse, within)

    if whole == count:
        return segments(init)
    first, second = (rest, segments) if reverse else (segments, rest)
    carry, ys = first(init)
    carry, more = second(carry)
    low, high = (more, ys) if reverse else (ys, more)
    leaves, y_spec = tree.flatten(low)
    pairs = zip(leaves, tree.flatten(high)[0], strict=True)
    return carry, tree.unflatten(y_spec, [concatenate(pair, 0) for pair in pairs])


def _length(xs: Sequence[Tracer], length: int | None) -> int:
    where = at(user_location())
    if any(not x.ndim for x in xs):
        raise ValueError(f"a scan goes along the first axis, and a 0-d array has none{where}")
    found = {x.shape[0] for x in xs} | ({int(length)} if length is not None else set())
    if len(found) != 1:
        what = f"lengths {sorted(found)}" if found else "neither arrays nor a length"
        raise ValueError(f"a scan has one length, got {what}{where}")
    (count,) = found
    if count < 0:
        raise ValueError(f"a length is not negative, got {count}{where}")
    return count


def fori_loop(lower: Any, upper: Any, body: Callable[[Any, Any], Any], init: Any) -> Any:
    """``value = body(i, value)`` for each i from ``lower`` on to below ``upper``."""
    if is_known(lower) and is_known(upper):
        first = operator.index(lower)
        numbers: Any = iota(size=max(operator.index(upper) - first, 0), dtype=INT64)
        return scan(lambda value, i: (body(i, value), None), init, numbers + first)[0]
    start, last = (_as_integer(x) for x in (lower, upper))

    def step(state: tuple[Any, Any]) -> tuple[Any, Any]:
        i, value = state
        return i + 1, body(i, value)

    return while_loop(lambda state: state[0] < last, step, (start, init))[1]


def is_known(value: Any) -> bool:
    """Whether an integer is known while tracing."""
    return isinstance(value, (int, np.integer))


def _as_integer(value: Any) -> Tracer:
    number = as_leaf(value)
    if number.ndim or not is_integer(number.dtype):
        raise TypeError(f"a bound of a loop is an integer, got {number.type}{at(user_location())}")
    return as_dtype(number, INT64)


def while_loop(cond: Callable[[Any], Any], body: Callable[[Any], Any], init: Any) -> Any:
    """``value = body(value)`` as long as ``cond(value)``.

    Raises:
        TypeError: when the condition is not one bool, or the value changes its type.
    """
    step = trace_step(lambda value: (body(value), None), init, ())
    test = traced_step(lambda value: cond(value), step.init, step.carry, ())
    answer = test.graph.outputs
    if len(answer) != 1 or answer[0].type != scalar(BOOL):
        types = ", ".join(str(x.type) for x in answer) or "nothing"
        raise TypeError(f"the condition of a loop is one bool, got {types}{at(user_location())}")
    graph = captures_first(test)
    operands = [*captured(test), *step.captures, *step.init]
    found = [
        whiles.while_loop(*operands, cond=graph, body=step.graph, result=i)
        for i in range(len(step.init))
    ]
    return tree.unflatten(step.carry, found)


def map_along(f: Callable[[Any], Any], xs: Any) -> Any:
    """``f`` of each place along the first axis of the leaves of ``xs``, stacked."""
    return scan(lambda _, x: (None, f(x)), None, xs)[1]


def associative_scan(
    f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0
) -> Any:
    """Running combinations along an axis by an associative function of whole arrays.

    Each place is combined with that 1, 2, 4, ... places before (W. Hillis and G. Steele, 1986).
    """
    leaves, spec = tree.flatten(elems)
    values = [as_leaf(x) for x in leaves]
    places = [normalize_axis(axis, x.ndim) for x in values]
    extents = {x.shape[a] for x, a in zip(values, places, strict=True)}
    if len(extents) != 1:
        raise ValueError(
            f"a scan has one length, got lengths {sorted(extents)}{at(user_location())}"
        )
    (extent,) = extents
    distance = 1
    while distance < extent:
        cut = extent - distance
        low = [part(x, a, 0, cut) for x, a in zip(values, places, strict=True)]
        high = [part(x, a, distance, extent) for x, a in zip(values, places, strict=True)]
        earlier, later = (high, low) if reverse else (low, high)
        given = (tree.unflatten(spec, x) for x in (earlier, later))
        combined = [as_leaf(x) for x in tree.flatten(f(*given))[0]]
        for i, (x, a) in enumerate(zip(values, places, strict=True)):
            kept = part(x, a, cut, extent) if reverse else part(x, a, 0, distance)
            both = (combined[i], kept) if reverse else (kept, combined[i])
            values[i] = concatenate(both, a)
        distance *= 2
    return tree.unflatten(spec, values)
