"""The way out for rare arguments: the C library's function, one lane at a time.

A vector formula that is right for all but extreme arguments tests whether any lane holds one and
only then calls a function that goes through the lanes.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..assembly import (
    FunctionWriter,
    Module,
    Value,
    element,
    intrinsic_suffix,
    lanes,
    type_of_suffix,
)
from .number import Number, any_lane, choose

FAMILY = "per_lane."
"""Begins the names of the functions that go through the lanes."""


def call_in_double(w: FunctionWriter, symbol: str, arguments: Sequence[Value]) -> Value:
    """One call of a function of doubles, whatever the arguments' type."""
    if arguments[0].type == "double":
        return w.call(symbol, "double", arguments)
    wide = [w.cast("fpext", a, "double") for a in arguments]
    return w.cast("fptrunc", w.call(symbol, "double", wide), arguments[0].type)


def per_lane(symbol: str, type: str, arity: int) -> str:
    """Name of the function that calls ``symbol`` lane by lane: one for all programs of a process.

    Each function in a program's own module would cost LLVM half a millisecond.
    """
    return f"{FAMILY}{symbol}.{arity}.{intrinsic_suffix(type)}"


def _call(w: FunctionWriter, symbol: str, arguments: Sequence[Value]) -> Value:
    """The call of such a function.

    It is marked cold, so that the code generator lays it, and the registers saved around it, out
    of the common way.
    """
    type = arguments[0].type
    name = per_lane(symbol, type, len(arguments))
    w.module.declare(name, type, [a.type for a in arguments], "nounwind cold")
    return w.call_known(name, type, arguments)


def per_lane_module(name: str) -> Module:
    """The module that defines the function of a name that `per_lane` has given."""
    _, symbol, arity, suffix = name.split(".")
    module, type = Module(), type_of_suffix(suffix)
    w = FunctionWriter(module, name, type, [(type, f"x{i}") for i in range(int(arity))])
    if lanes(type) == 1:
        w.ret(call_in_double(w, symbol, w.parameters))
    else:
        w.ret(write_lanes(w, symbol))
    w.finish()
    return module


def write_lanes(w: FunctionWriter, symbol: str) -> Value:
    """The loop over lanes, which goes through memory: a lane known only at run time is costly."""
    type = w.parameters[0].type
    count, kind = lanes(type), element(type)
    stacks = [w.alloca(type) for _ in w.parameters]
    for parameter, stack in zip(w.parameters, stacks, strict=True):
        w.store(parameter, stack, 8)
    with w.loop(0, count) as loop:
        places = [w.address(stack, loop.index, kind) for stack in stacks]
        arguments = [w.load(kind, place, 4) for place in places]
        w.store(call_in_double(w, symbol, arguments), places[0], 4)
    return w.load(type, stacks[0], 8)


def patch(
    rare: Number, results: Sequence[Number], symbols: Sequence[str], arguments: Sequence[Number]
) -> list[Number]:
    """The results, with the lanes in ``rare`` from the C library's functions.

    The other lanes keep their values, so that no lane's result depends on its neighbours.
    """
    w = rare.w
    yes, after = w.label("rare"), w.label("after")
    before = w.block
    w.branch(any_lane(rare), yes, after)
    w.start_block(yes)
    patched = []
    for result, symbol in zip(results, symbols, strict=True):
        slow = _call(w, symbol, [a.value for a in arguments])
        patched.append(choose(rare, Number(w, slow), result))
    end = w.block
    w.jump(after)
    w.start_block(after)
    return [
        Number(w, w.phi(old.value.type, [(old.value, before), (new.value, end)]))
        for old, new in zip(results, patched, strict=True)
    ]
