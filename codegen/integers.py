"""Integers, signed or not: division that cannot trap, powers, shifts, bits, common divisors."""

from __future__ import annotations

from .assembly import I1, FunctionWriter, Value, constant, element, intrinsic_suffix, lanes


def integer_predicate(predicate: str, unsigned: bool) -> str:
    """A predicate of integers, ``slt`` or ``ult``, as their signs want it."""
    return predicate.replace("s", "u", 1) if unsigned and predicate[0] == "s" else predicate


def bits_of(x: Value) -> int:
    """The width of an integer."""
    return int(element(x.type)[1:])


def magnitude(w: FunctionWriter, x: Value, unsigned: bool) -> Value:
    """The absolute value; that of the lowest signed number is itself, or right as an unsigned."""
    if unsigned:
        return x
    zero = constant(x.type, 0)
    return w.select(w.compare("slt", x, zero), w.op("sub", zero, x), x)


def sign(w: FunctionWriter, x: Value, unsigned: bool) -> Value:
    """-1, 0 or 1."""
    zero, one, minus = (constant(x.type, v) for v in (0, 1, -1))
    if unsigned:
        return w.select(w.compare("eq", x, zero), zero, one)
    result = w.select(w.compare("slt", x, zero), minus, zero)
    return w.select(w.compare("sgt", x, zero), one, result)


def floor_divide(w: FunctionWriter, x: Value, y: Value, unsigned: bool) -> Value:
    """The quotient rounded down; zero by zero."""
    safe, zero = _safe_divisor(w, x, y, unsigned)
    if unsigned:
        quotient = w.op("udiv", x, safe)
    else:
        quotient = w.op("sdiv", x, safe)
        rest = w.op("sub", x, w.op("mul", quotient, safe))
        lower = w.op("sub", quotient, constant(x.type, 1))
        quotient = w.select(_signs_differ(w, rest, safe), lower, quotient)
    return w.select(zero, constant(x.type, 0), quotient)


def remainder(w: FunctionWriter, x: Value, y: Value, unsigned: bool) -> Value:
    """The remainder with the divisor's sign; zero by zero."""
    safe, zero = _safe_divisor(w, x, y, unsigned)
    if unsigned:
        rest = w.op("urem", x, safe)
    else:
        rest = w.op("srem", x, safe)
        rest = w.select(_signs_differ(w, rest, safe), w.op("add", rest, safe), rest)
    return w.select(zero, constant(x.type, 0), rest)


def _safe_divisor(w: FunctionWriter, x: Value, y: Value, unsigned: bool) -> tuple[Value, Value]:
    """A divisor that cannot trap, and where the true one is zero; min / -1 wraps, as in NumPy."""
    zero = w.compare("eq", y, constant(y.type, 0))
    safe = w.select(zero, constant(y.type, 1), y)
    if unsigned:
        return safe, zero
    lowest = w.compare("eq", x, constant(x.type, -(2 ** (bits_of(y) - 1))))
    wraps = w.op("and", lowest, w.compare("eq", safe, constant(y.type, -1)))
    return w.select(wraps, constant(y.type, 1), safe), zero


def _signs_differ(w: FunctionWriter, rest: Value, divisor: Value) -> Value:
    """Whether a truncated remainder is to be moved to the divisor's side."""
    nonzero = w.compare("ne", rest, constant(rest.type, 0))
    differ = w.compare("slt", w.op("xor", rest, divisor), constant(rest.type, 0))
    return w.op("and", nonzero, differ)


def power(w: FunctionWriter, x: Value, n: Value) -> Value:
    """Powers by squaring, bit by bit of the exponent, in every lane."""
    result = constant(x.type, 1)
    with w.loop(0, bits_of(n), 1, [result, x, n]) as loop:
        value, square, rest = loop.carried
        odd = w.compare("ne", w.op("and", rest, constant(n.type, 1)), constant(n.type, 0))
        value = w.select(odd, w.op("mul", value, square), value)
        loop.carried = [value, w.op("mul", square, square), w.op("lshr", rest, constant(n.type, 1))]
    return loop.carried[0]


def shift_left(w: FunctionWriter, x: Value, places: Value) -> Value:
    """Shifted by any count; one that is negative or too large leaves nothing."""
    inside = w.compare("ult", places, constant(places.type, bits_of(x)))
    shifted = w.op("shl", x, w.select(inside, places, constant(x.type, 0)))
    return w.select(inside, shifted, constant(x.type, 0))


def shift_right(w: FunctionWriter, x: Value, places: Value, unsigned: bool) -> Value:
    """Shifted by any count; one that is negative or too large leaves the sign."""
    inside = w.compare("ult", places, constant(places.type, bits_of(x)))
    safe = w.select(inside, places, constant(x.type, bits_of(x) - 1))
    if not unsigned:
        return w.op("ashr", x, safe)
    return w.select(inside, w.op("lshr", x, safe), constant(x.type, 0))


def bit_count(w: FunctionWriter, x: Value, unsigned: bool) -> Value:
    """How many bits of the magnitude are set."""
    return w.intrinsic("ctpop", magnitude(w, x, unsigned))


def gcd(w: FunctionWriter, x: Value, y: Value, unsigned: bool) -> Value:
    """Greatest common divisor by Euclid's algorithm, until all lanes are done."""
    first, second = (magnitude(w, v, unsigned) for v in (x, y))
    before, turn, after = w.block, w.label("euclid"), w.label("after")
    w.jump(turn)
    w.start_block(turn)
    a, b = Value(x.type, w.fresh("a")), Value(x.type, w.fresh("b"))
    next_a, next_b = Value(x.type, w.fresh("a")), Value(x.type, w.fresh("b"))
    for now, start, following in ((a, first, next_a), (b, second, next_b)):
        arms = f"[ {start.name}, %{before} ], [ {following.name}, %{turn} ]"
        w.line(f"{now.name} = phi {now.type} {arms}")
    more = w.compare("ne", b, constant(b.type, 0))
    rest = w.op("urem", a, w.select(more, b, constant(b.type, 1)))
    w.line(f"{next_a.name} = select {more}, {b}, {a}")
    w.line(f"{next_b.name} = select {more}, {rest}, {constant(b.type, 0)}")
    w.branch(_any(w, more), turn, after)
    w.start_block(after)
    return next_a


def _any(w: FunctionWriter, mask: Value) -> Value:
    if lanes(mask.type) == 1:
        return mask
    return w.call(f"llvm.vector.reduce.or.{intrinsic_suffix(mask.type)}", I1, [mask])
