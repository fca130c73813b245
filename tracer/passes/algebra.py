"""Simplifications of what derivatives are made of: signs, factors, and functions with inverses."""

from __future__ import annotations

import math

from ..ir import Builder, Node, Params, literal_value
from .rules import Rule, added, simplification, spread

REAL = "fiu"


def _is(x: Node, name: str) -> bool:
    return x.primitive.name == name


def _number(builder: Builder, value: float, like: Node) -> Node:
    return spread(builder, builder.literal(value, like.type.dtype), like.type.shape)


def _in_derivative(rule: Rule) -> Rule:
    """The rule in what differentiation makes: in a program that repeats itself, turn by turn, signs
    and factors that move on would make each turn another one.
    """

    def rule_there(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
        return rule(builder, operands, params) if builder.primal is not None else None

    return rule_there


# -- signs -----------------------------------------------------------------------------------------


@simplification("mul", "(-x) * y = -(x * y): a sum of it is then a difference")
@_in_derivative
def _mul_neg(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    if operands[0].type.dtype.kind not in REAL:
        return None
    for x, y in (operands, operands[::-1]):
        if _is(x, "neg") and literal_value(y) is None:
            product = (x.operands[0], y) if x is operands[0] else (y, x.operands[0])
            return added(builder, "neg", (added(builder, "mul", product),))
    return None


@simplification("div", "(-x) / y = x / (-y) = -(x / y)")
@_in_derivative
def _div_neg(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    x, y = operands
    if x.type.dtype.kind != "f" or not (_is(x, "neg") or _is(y, "neg")):
        return None
    bare = tuple(v.operands[0] if _is(v, "neg") else v for v in operands)
    quotient = added(builder, "div", bare)
    return quotient if _is(x, "neg") and _is(y, "neg") else added(builder, "neg", (quotient,))


@simplification("mul", "(-x) * c = x * (-c) for a number c")
@_in_derivative
def _mul_neg_number(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    for x, factor in (operands, operands[::-1]):
        value = literal_value(factor)
        if _is(x, "neg") and value is not None and x.type.dtype.kind == "f":
            return added(builder, "mul", (_number(builder, -value, x), x.operands[0]))
    return None


@simplification("neg", "-(x - y) = y - x, but for the sign of a zero", "rounding")
@_in_derivative
def _neg_sub(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    (x,) = operands
    if not _is(x, "sub") or x.type.dtype.kind not in REAL:
        return None
    return added(builder, "sub", x.operands[::-1])


@simplification("sub", "(-x) - y = -(x + y), but for the sign of a zero", "rounding")
@_in_derivative
def _sub_of_neg(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    x, y = operands
    if not _is(x, "neg") or _is(y, "neg") or x.type.dtype.kind not in REAL:
        return None
    return added(builder, "neg", (added(builder, "add", (x.operands[0], y)),))


@simplification("neg", "-(c * x) = (-c) * x for a number c")
@_in_derivative
def _neg_multiple(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    (x,) = operands
    if not _is(x, "mul") or x.type.dtype.kind != "f":
        return None
    for factor, other in (x.operands, x.operands[::-1]):
        value = literal_value(factor)
        if value is not None:
            return added(builder, "mul", (_number(builder, -value, x), other))
    return None


@simplification("abs", "|-x| = |x|, ||x|| = |x|")
def _abs_of_sign(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    (x,) = operands
    if x.type.dtype.kind != "f" or not (_is(x, "neg") or _is(x, "abs")):
        return None
    return x if _is(x, "abs") else added(builder, "abs", x.operands)


# -- factors ---------------------------------------------------------------------------------------


@simplification("div", "x / c = x * (1 / c) for a power of two")
def _div_power_of_two(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    x, y = operands
    value = literal_value(y)
    if value is None or x.type.dtype.kind != "f" or not _is_power_of_two(value):
        return None
    return added(builder, "mul", (x, _number(builder, 1.0 / value, x)))


def _is_power_of_two(value: float) -> bool:
    """Whether a number and its inverse are powers of two of every dtype, with a sign."""
    mantissa, exponent = math.frexp(value)
    return abs(mantissa) == 0.5 and -12 <= exponent <= 14


@simplification("mul", "c * (d * x) = (c d) * x for numbers: rounded once less", "rounding")
@_in_derivative
def _mul_multiple(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    if operands[0].type.dtype.kind != "f":
        return None
    for factor, x in (operands, operands[::-1]):
        outer = literal_value(factor)
        if outer is None or not _is(x, "mul"):
            continue
        for inner, other in (x.operands, x.operands[::-1]):
            value = literal_value(inner)
            product = None if value is None else outer * value
            if product is not None and _is_ordinary(product) and literal_value(other) is None:
                return added(builder, "mul", (_number(builder, product, x), other))
    return None


def _is_ordinary(value: float) -> bool:
    """Whether a number is far from the ends of the range of every dtype."""
    return 1e-3 < abs(value) < 1e3


@simplification("where", "where(~c, x, y) = where(c, y, x)")
def _where_not(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    condition, x, y = operands
    if not _is(condition, "bit_not"):
        return None
    return added(builder, "where", (condition.operands[0], y, x))


@simplification("where", "where(c, where(c, x, y), z) = where(c, x, z), and so for the other side")
def _where_twice(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    condition, x, y = operands
    if _is(x, "where") and x.operands[0] is condition:
        return added(builder, "where", (condition, x.operands[1], y))
    if _is(y, "where") and y.operands[0] is condition:
        return added(builder, "where", (condition, x, y.operands[2]))
    return None


# -- on a domain -----------------------------------------------------------------------------------


def _inverse_of(name: str) -> Rule:
    def rule(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
        (x,) = operands
        real = x.type.dtype.kind == "f"
        return x.operands[0] if real and _is(x, name) else None

    return rule


for _outer, _inner, _reason in (
    ("exp", "log", "exp(log(x)) = x where x is positive"),
    ("log", "exp", "log(exp(x)) = x unless the exponential overflows"),
    ("expm1", "log1p", "expm1(log1p(x)) = x above -1"),
    ("log1p", "expm1", "log1p(expm1(x)) = x unless the exponential overflows"),
    ("tan", "atan", "tan(atan(x)) = x"),
    ("sin", "asin", "sin(asin(x)) = x between -1 and 1"),
    ("cos", "acos", "cos(acos(x)) = x between -1 and 1"),
    ("tanh", "atanh", "tanh(atanh(x)) = x between -1 and 1"),
    ("sinh", "asinh", "sinh(asinh(x)) = x unless that overflows"),
):
    simplification(_outer, _reason, "domain")(_inverse_of(_inner))


@simplification("add", "x + 0 = x, but for the sign of a zero", "domain")
def _add_zero(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    for x, other in (operands, operands[::-1]):
        if literal_value(other) == 0:
            return x
    return None


@simplification("sub", "x - x = 0 unless x is infinite", "domain")
def _sub_same(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    x, y = operands
    return _number(builder, 0, x) if x is y and x.type.dtype.kind in "fc" else None


@simplification("div", "x / x = 1, and (x y) / x = y, unless x is 0 or infinite", "domain")
def _div_same(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    x, y = operands
    if x is y:
        return _number(builder, 1, x)
    if _is(x, "mul") and y in x.operands:
        return x.operands[1] if x.operands[0] is y else x.operands[0]
    return None


@simplification("mul", "x * 0 = 0 unless x is infinite", "domain")
def _mul_zero(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    for x in operands:
        if literal_value(x) == 0:
            return x
    return None


@simplification("mul", "sqrt(x) * sqrt(x) = x unless x is negative; (y / x) * x = y", "domain")
def _mul_inverse(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    x, y = operands
    if x is y and _is(x, "sqrt") and x.type.dtype.kind == "f":
        return x.operands[0]
    for quotient, factor in (operands, operands[::-1]):
        if _is(quotient, "div") and quotient.operands[1] is factor:
            return quotient.operands[0]
    return None


@simplification("sqrt", "sqrt(x * x) = |x| unless the square overflows", "domain")
def _sqrt_of_square(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    (x,) = operands
    if not _is(x, "mul") or x.operands[0] is not x.operands[1] or x.type.dtype.kind != "f":
        return None
    return added(builder, "abs", x.operands[:1])
