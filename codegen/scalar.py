"""Lowerings of elementwise primitives: vector (or scalar) values in, one value out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pullback.tracer.errors import LoweringError
from pullback.tracer.ir import Node
from pullback.tracer.types import BOOL, DType

from . import math as functions
from .assembly import (
    FLOATS,
    I1,
    FunctionWriter,
    Value,
    constant,
    element,
    intrinsic_suffix,
    lanes,
    like,
)

ELEMENTS: dict[DType, str] = {
    np.dtype(np.bool_): "i1",
    np.dtype(np.int32): "i32",
    np.dtype(np.int64): "i64",
    np.dtype(np.float32): "float",
    np.dtype(np.float64): "double",
}
"""The LLVM type of a value in a register; a bool in memory is an i8."""


def memory_element(dtype: DType) -> str:
    """The LLVM type of a value in memory."""
    return "i8" if dtype == BOOL else ELEMENTS[dtype]


Lowering = Callable[[FunctionWriter, Node, list[Value]], Value]


def is_float(x: Value) -> bool:
    """Whether the value is a float or a vector of them."""
    return element(x.type) in FLOATS


def _arithmetic(floating: str, integer: str) -> Lowering:
    def lower(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
        return w.op(floating if is_float(xs[0]) else integer, xs[0], xs[1])

    return lower


def _neg(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
    (x,) = xs
    return w.fneg(x) if is_float(x) else w.op("sub", constant(x.type, 0), x)


def _abs(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
    (x,) = xs
    if is_float(x):
        return w.intrinsic("fabs", x)
    return w.select(w.compare("slt", x, constant(x.type, 0)), _neg(w, node, xs), x)


def _sign(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
    (x,) = xs
    zero, one, minus = (constant(x.type, v) for v in (0, 1, -1))
    greater, less = ("ogt", "olt") if is_float(x) else ("sgt", "slt")
    result = w.select(w.compare(less, x, zero), minus, zero)
    result = w.select(w.compare(greater, x, zero), one, result)
    if not is_float(x):
        return result
    return w.select(w.compare("uno", x, x), x, result)


def _extremum(floating: str, integer: str) -> Lowering:
    def lower(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
        return extremum(w, floating, integer, xs[0], xs[1])

    return lower


def extremum(w: FunctionWriter, floating: str, integer: str, x: Value, y: Value) -> Value:
    """The greater (or smaller) of two; a NaN wins, as in NumPy."""
    if not is_float(x):
        return w.select(w.compare(integer, x, y), x, y)
    better = w.compare(floating, x, y)
    nan = w.compare("uno", x, x)
    return w.select(w.op("or", better, nan), x, y)


def _clip(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
    x, low, high = xs
    return extremum(w, "olt", "slt", extremum(w, "ogt", "sgt", x, low), high)


def _compare(floating: str, integer: str) -> Lowering:
    def lower(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
        predicate = floating if is_float(xs[0]) else integer
        if element(xs[0].type) == I1:
            predicate = predicate.replace("s", "u", 1)
        return w.compare(predicate, xs[0], xs[1])

    return lower


def _bitwise(name: str) -> Lowering:
    return lambda w, node, xs: w.op(name, xs[0], xs[1])


def _not(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
    (x,) = xs
    return w.op("xor", x, constant(x.type, 1 if element(x.type) == I1 else -1))


def _infinite(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
    return w.compare("oeq", w.intrinsic("fabs", xs[0]), constant(xs[0].type, math.inf))


def _finite(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
    return w.compare("olt", w.intrinsic("fabs", xs[0]), constant(xs[0].type, math.inf))


def _where(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
    condition, yes, no = xs
    return w.select(condition, yes, no)


def _integer_pow(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
    """By repeated squaring; the reciprocal last."""
    (x,) = xs
    n = abs(node.params["n"])
    multiply = "fmul" if is_float(x) else "mul"
    result: Value | None = None
    while n:
        if n & 1:
            result = x if result is None else w.op(multiply, result, x)
        n >>= 1
        x = w.op(multiply, x, x) if n else x
    assert result is not None
    if node.params["n"] < 0:
        return w.op("fdiv", constant(x.type, 1.0), result)
    return result


def _safe_divisor(w: FunctionWriter, x: Value, y: Value) -> tuple[Value, Value]:
    """A divisor that cannot trap, and where the true one is zero; min / -1 wraps, as in NumPy."""
    zero = w.compare("eq", y, constant(y.type, 0))
    safe = w.select(zero, constant(y.type, 1), y)
    bits = int(element(y.type)[1:])
    lowest = w.compare("eq", x, constant(x.type, -(2 ** (bits - 1))))
    wraps = w.op("and", lowest, w.compare("eq", safe, constant(y.type, -1)))
    return w.select(wraps, constant(y.type, 1), safe), zero


def _floor_divide(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
    x, y = xs
    if is_float(x):
        return functions.FUNCTIONS["floor_divide"](w, x, y)
    safe, zero = _safe_divisor(w, x, y)
    quotient = w.op("sdiv", x, safe)
    rest = w.op("sub", x, w.op("mul", quotient, safe))
    down = _signs_differ(w, rest, safe)
    quotient = w.select(down, w.op("sub", quotient, constant(x.type, 1)), quotient)
    return w.select(zero, constant(x.type, 0), quotient)


def _remainder(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
    x, y = xs
    if is_float(x):
        return functions.FUNCTIONS["remainder"](w, x, y)
    safe, zero = _safe_divisor(w, x, y)
    rest = w.op("srem", x, safe)
    rest = w.select(_signs_differ(w, rest, safe), w.op("add", rest, safe), rest)
    return w.select(zero, constant(x.type, 0), rest)


def _signs_differ(w: FunctionWriter, rest: Value, divisor: Value) -> Value:
    """Whether a truncated remainder is to be moved to the divisor's side."""
    nonzero = w.compare("ne", rest, constant(rest.type, 0))
    differ = w.compare("slt", w.op("xor", rest, divisor), constant(rest.type, 0))
    return w.op("and", nonzero, differ)


def _pow(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
    if is_float(xs[0]):
        return functions.FUNCTIONS["pow"](w, xs[0], xs[1])
    return _whole_pow(w, xs[0], xs[1])


def _whole_pow(w: FunctionWriter, x: Value, n: Value) -> Value:
    """Integer powers by squaring, bit by bit of the exponent, in every lane."""
    result = constant(x.type, 1)
    with w.loop(0, 63, 1, [result, x, n]) as loop:
        value, power, rest = loop.carried
        odd = w.compare("ne", w.op("and", rest, constant(n.type, 1)), constant(n.type, 0))
        value = w.select(odd, w.op("mul", value, power), value)
        loop.carried = [value, w.op("mul", power, power), w.op("lshr", rest, constant(n.type, 1))]
    return loop.carried[0]


def convert(w: FunctionWriter, x: Value, target: str) -> Value:
    """The value as another element type.

    A float outside an integer's range becomes the lowest integer, as NumPy's conversion on x86.
    """
    source, type = element(x.type), like(x.type, target)
    if source == target:
        return x
    if target == I1:
        return w.compare("une" if source in FLOATS else "ne", x, constant(x.type, 0))
    if source == I1:
        return w.select(x, constant(type, 1), constant(type, 0))
    if source in FLOATS and target in FLOATS:
        return w.cast("fpext" if target == "double" else "fptrunc", x, type)
    if target in FLOATS:
        return w.cast("sitofp", x, type)
    if source in FLOATS:
        return _to_integer(w, x, target)
    return w.cast("sext" if target == "i64" else "trunc", x, type)


def _to_integer(w: FunctionWriter, x: Value, target: str) -> Value:
    bits = int(target[1:])
    limit = float(2 ** (bits - 1))
    inside = w.op(
        "and",
        w.compare("oge", x, constant(x.type, -limit)),
        w.compare("olt", x, constant(x.type, limit)),
    )
    if bits == 32 and element(x.type) == "double":
        above = w.compare("ogt", x, constant(x.type, -limit - 1.0))
        inside = w.op("and", above, w.compare("olt", x, constant(x.type, limit)))
    safe = w.select(inside, x, constant(x.type, 0))
    whole = w.cast("fptosi", safe, like(x.type, target))
    return w.select(inside, whole, constant(whole.type, -(2 ** (bits - 1))))


def _convert(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
    return convert(w, xs[0], ELEMENTS[node.params["dtype"]])


INLINED = 8
"""How often a module has the text of one elementary function before it is called instead."""


def _function(name: str) -> Lowering:
    function: Callable[..., Value] = functions.FUNCTIONS[name]

    def lower(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
        symbol = f"math.{name}.{intrinsic_suffix(xs[0].type)}"
        uses = w.module.use(symbol)
        if uses <= INLINED:
            return function(w, *xs)
        if uses == INLINED + 1:
            _define(w, symbol, function, [x.type for x in xs])
        return w.call_known(symbol, xs[0].type, xs)

    return lower


def _define(
    w: FunctionWriter, symbol: str, function: Callable[..., Value], types: list[str]
) -> None:
    """Add an elementary function to the module."""
    parameters = [(type, f"x{i}") for i, type in enumerate(types)]
    f = FunctionWriter(w.module, symbol, types[0], parameters, linkage="internal")
    f.ret(function(f, *f.parameters))
    f.finish()


LOWERINGS: dict[str, Lowering] = {
    "neg": _neg,
    "add": _arithmetic("fadd", "add"),
    "sub": _arithmetic("fsub", "sub"),
    # Reductions may contract a product and their sum: no kernel computes them again.
    "mul": _arithmetic("fmul contract", "mul"),
    "div": lambda w, node, xs: w.op("fdiv", xs[0], xs[1]),
    "pow": _pow,
    "integer_pow": _integer_pow,
    "floor_divide": _floor_divide,
    "remainder": _remainder,
    "abs": _abs,
    "sign": _sign,
    "maximum": _extremum("ogt", "sgt"),
    "minimum": _extremum("olt", "slt"),
    "clip": _clip,
    "eq": _compare("oeq", "eq"),
    "ne": _compare("une", "ne"),
    "lt": _compare("olt", "slt"),
    "le": _compare("ole", "sle"),
    "gt": _compare("ogt", "sgt"),
    "ge": _compare("oge", "sge"),
    "is_nan": lambda w, node, xs: w.compare("uno", xs[0], xs[0]),
    "is_inf": _infinite,
    "is_finite": _finite,
    "bit_and": _bitwise("and"),
    "bit_or": _bitwise("or"),
    "bit_xor": _bitwise("xor"),
    "bit_not": _not,
    "where": _where,
    "convert": _convert,
    "stop_gradient": lambda w, node, xs: xs[0],
    **{
        name: _function(name)
        for name in (
            "exp",
            "exp2",
            "expm1",
            "log",
            "log1p",
            "log2",
            "log10",
            "sqrt",
            "cbrt",
            "logistic",
            "logaddexp",
            "sin",
            "cos",
            "tan",
            "asin",
            "acos",
            "atan",
            "atan2",
            "sinh",
            "cosh",
            "tanh",
            "asinh",
            "acosh",
            "atanh",
            "hypot",
            "erf",
            "erfc",
            "floor",
            "ceil",
            "trunc",
            "round",
        )
    },
}


def lower(w: FunctionWriter, node: Node, operands: list[Value]) -> Value:
    """The value of an elementwise node; scalars among vectors are spread over the lanes.

    Raises:
        LoweringError: when the primitive has no lowering.
    """
    row = LOWERINGS.get(node.primitive.name)
    if row is None:
        raise LoweringError(f"{node.primitive.name} has no lowering to machine code")
    width = max(map(lanes, (x.type for x in operands)))
    same = [w.splat(x, width) if lanes(x.type) < width else x for x in operands]
    return row(w, node, same)


def multiply_add(w: FunctionWriter, node: Node, first: bool, a: Value, b: Value, c: Value) -> Value:
    """``a * b + c`` rounded once, for a sum or difference of which the product is one operand."""
    width = max(lanes(x.type) for x in (a, b, c))
    a, b, c = (w.splat(x, width) if lanes(x.type) < width else x for x in (a, b, c))
    if node.primitive.name == "sub":
        a, c = (a, w.fneg(c)) if first else (w.fneg(a), c)
    return w.fma(a, b, c)


def literal_value(node: Node) -> Value:
    """The constant of a literal node."""
    value: Any = node.params["value"]
    return constant(ELEMENTS[node.type.dtype], value)
