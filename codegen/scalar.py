"""Lowerings of elementwise primitives: vector (or scalar) values in, one value out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pullback.tracer.errors import LoweringError
from pullback.tracer.ir import Node
from pullback.tracer.types import FLOAT16, is_unsigned

from . import integers
from .assembly import I1, FunctionWriter, Value, constant, element, lanes
from .elements import ELEMENTS, convert, from_memory, is_float, to_memory
from .integers import integer_predicate
from .math import sincos
from .math.number import Number
from .math.rounding import next_number
from .math.shared import BOTH, FUNCTIONS, call_shared, call_sincos
from .math.special import SPECIAL

Lowering = Callable[[FunctionWriter, Node, list[Value]], Value]


def unsigned(node: Node) -> bool:
    """Whether the node computes with values that are never negative."""
    return is_unsigned(node.operands[-1].type.dtype)


def _arithmetic(floating: str, integer: str) -> Lowering:
    def lower(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
        return w.op(floating if is_float(xs[0]) else integer, xs[0], xs[1])

    return lower


def _neg(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
    (x,) = xs
    return w.fneg(x) if is_float(x) else w.op("sub", constant(x.type, 0), x)


def _abs(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
    (x,) = xs
    return w.intrinsic("fabs", x) if is_float(x) else integers.magnitude(w, x, unsigned(node))


def _sign(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
    (x,) = xs
    if not is_float(x):
        return integers.sign(w, x, unsigned(node))
    zero, one, minus = (constant(x.type, v) for v in (0, 1, -1))
    result = w.select(w.compare("olt", x, zero), minus, zero)
    result = w.select(w.compare("ogt", x, zero), one, result)
    return w.select(w.compare("uno", x, x), x, result)


def _extremum(floating: str, integer: str) -> Lowering:
    def lower(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
        predicate = integer_predicate(integer, unsigned(node))
        return extremum(w, floating, predicate, xs[0], xs[1])

    return lower


def extremum(w: FunctionWriter, floating: str, integer: str, x: Value, y: Value) -> Value:
    """The greater (or smaller) of two; a NaN wins, as in NumPy."""
    if not is_float(x):
        return w.select(w.compare(integer, x, y), x, y)
    # The first two are one instruction of x86.
    better = w.select(w.compare(floating, x, y), x, y)
    return w.select(w.compare("uno", x, x), x, better)


def _clip(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
    x, low, high = xs
    greater, less = (integer_predicate(p, unsigned(node)) for p in ("sgt", "slt"))
    return extremum(w, "olt", less, extremum(w, "ogt", greater, x, low), high)


def _compare(floating: str, integer: str) -> Lowering:
    def lower(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
        predicate = integer_predicate(integer, unsigned(node))
        return w.compare(floating if is_float(xs[0]) else predicate, xs[0], xs[1])

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


def _of_integers(
    name: str, of_integers: Callable[[FunctionWriter, Value, Value, bool], Value]
) -> Lowering:
    """An elementary function for floats, one of ``integers`` for those."""

    def lower(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
        if is_float(xs[0]):
            return _of_floats(w, name, xs)
        return of_integers(w, xs[0], xs[1], unsigned(node))

    return lower


def _bit_count(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
    count = integers.bit_count(w, xs[0], unsigned(node))
    return convert(w, count, node.operands[0].type.dtype, node.type.dtype)


def _convert(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
    return convert(w, xs[0], node.operands[0].type.dtype, node.params["dtype"])


def _nextafter(w: FunctionWriter, node: Node, xs: list[Value]) -> Value:
    if node.type.dtype != FLOAT16:
        return FUNCTIONS["nextafter"](w, *xs)
    a, b = (Number(w, x) for x in xs)
    bits = [Number(w, to_memory(w, x, FLOAT16)) for x in xs]

    def floats(bits: Number) -> Number:
        return Number(w, from_memory(w, bits.value, FLOAT16))

    # Of equal numbers NumPy has the first here, where C has the second.
    return next_number(a, b, bits[0], bits[1], floats, same=a).value


def _function(name: str) -> Lowering:
    return lambda w, node, xs: _of_floats(w, name, xs)


def _of_floats(w: FunctionWriter, name: str, xs: list[Value]) -> Value:
    if name in w.module.called:
        return call_shared(w, name, xs)
    return FUNCTIONS[name](w, *xs)


def sine_and_cosine(w: FunctionWriter, angle: Value) -> tuple[Value, Value]:
    """Both for little more than one of them."""
    return call_sincos(w, angle) if BOTH in w.module.called else sincos(w, angle)


LOWERINGS: dict[str, Lowering] = {
    "neg": _neg,
    "add": _arithmetic("fadd", "add"),
    "sub": _arithmetic("fsub", "sub"),
    # Reductions may contract a product and their sum: no kernel computes them again.
    "mul": _arithmetic("fmul contract", "mul"),
    "div": lambda w, node, xs: w.op("fdiv", xs[0], xs[1]),
    "pow": _of_integers("pow", lambda w, x, n, unsigned: integers.power(w, x, n)),
    "integer_pow": _integer_pow,
    "floor_divide": _of_integers("floor_divide", integers.floor_divide),
    "remainder": _of_integers("remainder", integers.remainder),
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
    "shift_left": lambda w, node, xs: integers.shift_left(w, xs[0], xs[1]),
    "shift_right": lambda w, node, xs: integers.shift_right(w, xs[0], xs[1], unsigned(node)),
    "gcd": lambda w, node, xs: integers.gcd(w, xs[0], xs[1], unsigned(node)),
    "bit_count": _bit_count,
    "where": _where,
    "convert": _convert,
    "nextafter": _nextafter,
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
            "log_of_sum",
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
            "copysign",
            "erf",
            "erfc",
            "floor",
            "ceil",
            "trunc",
            "round",
            *SPECIAL,
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
