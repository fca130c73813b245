"""How reductions combine: of a sum one value is carried, of an argmax the value and its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pullback.tracer.ir import Node
from pullback.tracer.types import is_unsigned

from .assembly import I64, FunctionWriter, Value, constant, element, lanes, like, vector
from .elements import is_float
from .integers import integer_predicate
from .scalar import extremum

ARG = ("argmax", "argmin")
NOWHERE = {"i32": 2**30, I64: 2**62}
"""The place in a state that holds the identity alone, or elements equal to it, by its type.

Where that is so in the end, all elements are equal to the identity, and the first one's place is 0.
"""

SCANNED = {
    "cumsum": "reduce_sum",
    "cumprod": "reduce_prod",
    "cummax": "reduce_max",
    "cummin": "reduce_min",
    "scatter_add": "reduce_sum",
}
"""Rows that are many reductions of one kind."""


def combiner(node: Node) -> str:
    """The reduction that a node combines with."""
    return SCANNED.get(node.primitive.name, node.primitive.name)


def continued(
    w: FunctionWriter, node: Node, carried: Value, value: Value, factor: Value | None
) -> Value:
    """What a scan carries on from one place to the next."""
    match node.primitive.name:
        case "recurrence" if factor is not None:
            if is_float(value):
                return w.fma(factor, carried, value)
            return w.op("add", w.op("mul", factor, carried), value)
        case "cumsum":
            # Not contracted with a product, so that it adds what NumPy adds.
            return w.op("fadd" if is_float(value) else "add", carried, value)
        case _:
            return combine_pair(w, node, [carried], [value])[0]


def start_state(name: str, type: str, first: float | int | bool, places: str = I64) -> list[Value]:
    """What an accumulator holds before anything is combined; places are integers of a type."""
    state = [constant(type, first)]
    if name in ARG:
        state.append(constant(like(type, places), NOWHERE[places]))
    return state


def state_result(w: FunctionWriter, name: str, state: Sequence[Value]) -> Value:
    """The result that a state stands for."""
    if name not in ARG:
        return state[0]
    place = state[-1]
    none = w.compare("eq", place, constant(place.type, NOWHERE[place.type]))
    place = w.select(none, constant(place.type, 0), place)
    return place if place.type == I64 else w.cast("zext", place, I64)


def combine_next(
    w: FunctionWriter, node: Node, old: Sequence[Value], new: Sequence[Value]
) -> list[Value]:
    """The state with one more element, whose place is after those in the state."""
    name = combiner(node)
    if name not in ARG:
        return combine_pair(w, node, old, new)
    (a, at_a), (b, at_b) = old, new
    if is_float(a):
        # Better, or NaN where the state is none.
        better = w.compare("ugt" if name == "argmax" else "ult", b, a)
        take = w.op("and", better, w.compare("ord", a, a))
    else:
        predicate = integer_predicate(
            "sgt" if name == "argmax" else "slt", is_unsigned(node.operands[0].type.dtype)
        )
        take = w.compare(predicate, b, a)
    return [w.select(take, b, a), w.select(take, at_b, at_a)]


def combine_pair(
    w: FunctionWriter, node: Node, old: Sequence[Value], new: Sequence[Value]
) -> list[Value]:
    """The state of both together, as the node combines."""
    name, unsigned = combiner(node), is_unsigned(node.operands[0].type.dtype)
    if name in ARG:
        return _combine_arg(w, name, unsigned, old, new)
    a, b = old[0], new[0]
    if name in ("reduce_max", "reduce_min"):
        floating, integer = ("ogt", "sgt") if name == "reduce_max" else ("olt", "slt")
        return [extremum(w, floating, integer_predicate(integer, unsigned), a, b)]
    floating, integer = {
        "reduce_sum": ("fadd contract", "add"),
        "reduce_prod": ("fmul", "mul"),
        "reduce_any": ("or", "or"),
        "reduce_all": ("and", "and"),
    }[name]
    return [w.op(floating if is_float(a) else integer, a, b)]


def _combine_arg(
    w: FunctionWriter, name: str, unsigned: bool, old: Sequence[Value], new: Sequence[Value]
) -> list[Value]:
    """The better value with its place; the first of equal ones; a NaN is better than any number."""
    (a, at_a), (b, at_b) = old, new
    if is_float(a):
        better = w.compare("ogt" if name == "argmax" else "olt", b, a)
        a_nan, b_nan = w.compare("uno", a, a), w.compare("uno", b, b)
        not_a_nan = w.op("xor", a_nan, constant(a_nan.type, 1))
        better = w.op("or", w.op("and", better, not_a_nan), w.op("and", b_nan, not_a_nan))
        same = w.op("or", w.compare("oeq", a, b), w.op("and", a_nan, b_nan))
    else:
        predicate = "sgt" if name == "argmax" else "slt"
        better = w.compare(integer_predicate(predicate, unsigned), b, a)
        same = w.compare("eq", a, b)
    earlier = w.op("and", same, w.compare("slt", at_b, at_a))
    take = w.op("or", better, earlier)
    return [w.select(take, b, a), w.select(take, at_b, at_a)]


def combine_across_lanes(w: FunctionWriter, node: Node, state: Sequence[Value]) -> list[Value]:
    """One state from the lanes'."""
    name = combiner(node)
    if name not in ARG:
        return [_across(w, state[0], lambda a, b: combine_pair(w, node, [a], [b])[0])]
    values, places = state
    unsigned = is_unsigned(node.operands[0].type.dtype)
    floating, signed = ("ogt", "sgt") if name == "argmax" else ("olt", "slt")
    integer = integer_predicate(signed, unsigned)
    best = _across(w, values, lambda a, b: extremum(w, floating, integer, a, b))
    found = w.compare(
        "oeq" if is_float(values) else "eq", values, w.splat(best, lanes(values.type))
    )
    if is_float(values):
        found = w.op("or", found, w.compare("uno", values, values))
    nowhere = constant(places.type, NOWHERE[element(places.type)])
    first = w.select(found, places, nowhere)
    return [best, _across(w, first, lambda a, b: extremum(w, "olt", "slt", a, b))]


def _across(w: FunctionWriter, x: Value, combine: Callable[[Value, Value], Value]) -> Value:
    """Halves combined until one lane is left."""
    width = lanes(x.type)
    while width > 1:
        width //= 2
        x = combine(_half(w, x, 0, width), _half(w, x, width, width))
    return x


def _half(w: FunctionWriter, x: Value, start: int, width: int) -> Value:
    if width == 1:
        return w.extract(x, start)
    order = ", ".join(f"i32 {k}" for k in range(start, start + width))
    type = vector(element(x.type), width)
    return w.make(type, f"shufflevector {x}, {x.type} poison, <{width} x i32> <{order}>")
