"""How reductions combine: of a sum one value is carried, of an argmax the value and its place."""

from __future__ import annotations

from collections.abc import Sequence

from pullback.tracer.ir import Node
from pullback.tracer.types import is_unsigned

from .assembly import I64, FunctionWriter, Value, constant, element, lanes, like, vector
from .elements import is_float
from .integers import integer_predicate
from .scalar import extremum

ARG = ("argmax", "argmin")


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


def start_state(name: str, type: str, first: float | int | bool) -> list[Value]:
    """What an accumulator holds before anything is combined."""
    state = [constant(type, first)]
    if name in ARG:
        # A place beyond every true one: the first element wins, equal to the identity or not.
        state.append(constant(like(type, I64), 2**62))
    return state


def state_result(name: str, state: Sequence[Value]) -> Value:
    """The result that a state stands for."""
    return state[-1] if name in ARG else state[0]


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
    """One state from the lanes': halves combined until one lane is left."""
    current = list(state)
    width = lanes(current[0].type)
    while width > 1:
        width //= 2
        low = [_half(w, x, 0, width) for x in current]
        high = [_half(w, x, width, width) for x in current]
        current = combine_pair(w, node, low, high)
    return current


def _half(w: FunctionWriter, x: Value, start: int, width: int) -> Value:
    if width == 1:
        return w.extract(x, start)
    order = ", ".join(f"i32 {k}" for k in range(start, start + width))
    type = vector(element(x.type), width)
    return w.make(type, f"shufflevector {x}, {x.type} poison, <{width} x i32> <{order}>")
