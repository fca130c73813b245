"""The way out for rare arguments: the C library's function, one lane at a time.

A vector formula that is right for all but extreme arguments tests whether any lane holds one and
only then calls a function of the module that goes through the lanes.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..assembly import FunctionWriter, Module, Value, element, intrinsic_suffix, lanes
from .number import Number, any_lane, choose


def call_in_double(w: FunctionWriter, symbol: str, arguments: Sequence[Value]) -> Value:
    """One call of a function of doubles, whatever the arguments' type."""
    if arguments[0].type == "double":
        return w.call(symbol, "double", arguments)
    wide = [w.cast("fpext", a, "double") for a in arguments]
    return w.cast("fptrunc", w.call(symbol, "double", wide), arguments[0].type)


def per_lane(module: Module, symbol: str, type: str, arity: int) -> str:
    """Name of the module's function that calls ``symbol`` lane by lane, written if missing.

    It is marked cold, so that the code generator lays it, and the registers saved around the
    call, out of the common way.
    """
    name = f"per_lane.{symbol}.{intrinsic_suffix(type)}"
    if not any(text.startswith(f"define internal {type} @{name}(") for text in module.functions):
        parameters = [(type, f"x{i}") for i in range(arity)]
        w = FunctionWriter(
            module, name, type, parameters, "internal", "nounwind noinline optnone cold"
        )
        if lanes(type) == 1:
            w.ret(call_in_double(w, symbol, w.parameters))
        else:
            w.ret(write_lanes(w, symbol))
        w.finish()
    return name


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
        name = per_lane(w.module, symbol, result.value.type, len(arguments))
        slow = w.call_known(name, result.value.type, [a.value for a in arguments])
        patched.append(choose(rare, Number(w, slow), result))
    end = w.block
    w.jump(after)
    w.start_block(after)
    return [
        Number(w, w.phi(old.value.type, [(old.value, before), (new.value, end)]))
        for old, new in zip(results, patched, strict=True)
    ]
