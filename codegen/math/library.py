"""SciPy's special functions one lane at a time, for those that have no vector form here.

The functions are those that SciPy exports to other compiled code, in double precision; ``float``
operands go through ``double``. They need no interpreter's lock. Those made of Boost's raise where
the caller has asked for it by ``scipy.special.errstate``; what CPython calls looks after that
(``codegen/call.py``).
"""

from __future__ import annotations

from collections.abc import Callable

from ..assembly import FunctionWriter, Value, element, intrinsic_suffix, lanes

FAMILY = "special."
"""Begins the symbols of SciPy's functions (``runtime/libraries.py``)."""


def by_lane(name: str) -> Callable[..., Value]:
    """The vector function that calls SciPy's function ``name`` for each lane."""

    def emit(w: FunctionWriter, *xs: Value) -> Value:
        type = xs[0].type
        symbol = f"by_lane.{name}.{intrinsic_suffix(type)}"
        if w.module.use(symbol) == 1:
            _define(w, symbol, name, [x.type for x in xs])
        return w.call_known(symbol, type, xs)

    return emit


def _define(w: FunctionWriter, symbol: str, name: str, types: list[str]) -> None:
    """A function of the module that goes through the lanes."""
    parameters = [(type, f"x{i}") for i, type in enumerate(types)]
    f = FunctionWriter(w.module, symbol, types[0], parameters, "internal", "nounwind noinline")
    kind, count = element(types[0]), lanes(types[0])
    if count == 1:
        f.ret(_call(f, name, f.parameters))
    else:
        stacks = [f.alloca(type) for type in types]
        for parameter, stack in zip(f.parameters, stacks, strict=True):
            f.store(parameter, stack, 8)
        with f.loop(0, count) as loop:
            places = [f.address(stack, loop.index, kind) for stack in stacks]
            result = _call(f, name, [f.load(kind, place, 4) for place in places])
            f.store(result, places[0], 4)
        f.ret(f.load(types[0], stacks[0], 8))
    f.finish()


def _call(f: FunctionWriter, name: str, arguments: list[Value]) -> Value:
    """One call; the last argument is Cython's, which asks for no dispatch to Python."""
    type = arguments[0].type
    if type != "double":
        arguments = [f.cast("fpext", x, "double") for x in arguments]
    result = f.call(FAMILY + name, "double", [*arguments, Value("i32", "0")])
    return result if type == "double" else f.cast("fptrunc", result, type)
