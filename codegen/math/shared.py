"""Elementary functions that programs call: each is compiled once for all of them.

What a call costs is the registers that the caller has to save around it. By the convention of C
that is all vectors, by those that `Target.convention` names half of them or fewer, which is little
beside the function itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..assembly import FunctionWriter, Module, Value, intrinsic_suffix, type_of_suffix
from . import FUNCTIONS as ELEMENTARY
from . import sincos
from .special import BY_LANE, SPECIAL

FAMILY = "math."
"""Begins the names of the functions."""

FUNCTIONS: dict[str, Callable[..., Value]] = {**ELEMENTARY, **SPECIAL}
BOTH = "sincos"

SHORT = frozenset({"floor", "ceil", "trunc", "round", "copysign", "sqrt", *BY_LANE})
"""Functions of an instruction or two; those that go through the lanes are a call in any case."""

CALLABLE = frozenset(FUNCTIONS) - SHORT
"""Those that may be called."""


def call_shared(w: FunctionWriter, name: str, xs: Sequence[Value]) -> Value:
    """A function of values of one type, which the result has too."""
    return _call(w, f"{name}.{len(xs)}", xs[0].type, xs)


def call_sincos(w: FunctionWriter, angle: Value) -> tuple[Value, Value]:
    """Sine and cosine."""
    pair = _call(w, f"{BOTH}.1", _pair(angle.type), [angle])
    sine, cosine = (w.make(angle.type, f"extractvalue {pair}, {i}") for i in range(2))
    return sine, cosine


def _call(w: FunctionWriter, name: str, result: str, xs: Sequence[Value]) -> Value:
    symbol, convention = f"{FAMILY}{name}.{intrinsic_suffix(xs[0].type)}", w.module.convention
    w.module.declare(symbol, f"{convention} {result}".lstrip(), [x.type for x in xs], "nounwind")
    return w.call_known(symbol, result, xs, convention)


def _pair(type: str) -> str:
    return f"{{ {type}, {type} }}"


def shared_module(symbol: str, avx512: bool, convention: str) -> Module:
    """The module that defines the function of a name."""
    _, name, arity, suffix = symbol.split(".")
    module, type = Module(avx512=avx512), type_of_suffix(suffix)
    result = _pair(type) if name == BOTH else type
    parameters = [(type, f"x{i}") for i in range(int(arity))]
    w = FunctionWriter(module, symbol, result, parameters, convention)
    if name == BOTH:
        sine, cosine = sincos(w, *w.parameters)
        half = w.make(result, f"insertvalue {result} poison, {sine}, 0")
        w.ret(w.make(result, f"insertvalue {half}, {cosine}, 1"))
    else:
        w.ret(FUNCTIONS[name](w, *w.parameters))
    w.finish()
    return module
