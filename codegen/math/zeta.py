"""Hurwitz's zeta function, in double precision for either format.

Euler's and Maclaurin's summation formula: ten terms, then an integral and
Bernoulli numbers (NIST Digital Library of Mathematical Functions 25.11.5 and 25.11.28).
"""

from __future__ import annotations

from ..assembly import FunctionWriter
from .exponents import INFINITY, NAN
from .iteration import iterate, through_double
from .number import Number, any_lane, choose, fma
from .pow import pow as power

# B(2k) / (2k)!
BERNOULLI = (
    1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000,
    1 / 74724249600, -3617 / 10670622842880000, 43867 / 5109094217170944000,
    -174611 / 802857662698291200000,
)  # fmt: skip
TERMS = 8.5
TOLERANCE = 2.0**-54
LARGE = 1e8
"""A base of the first term from which the tail is as good for all terms."""


def _power(x: Number, y: Number) -> Number:
    return Number(x.w, power(x.w, x.value, y.value))


def positive(s: Number, q: Number) -> Number:
    """The sum of ``(q + n)**-s`` for s > 1 and q > 0."""
    large = q > LARGE

    def step(total: Number, base: Number, term: Number) -> tuple[list[Number], Number]:
        base = base + 1.0
        term = _power(base, -s)
        total = total + term
        return [total, base, term], (base < q + TERMS) & (term > total * TOLERANCE)

    first = _power(q, -s)
    total, base, term = iterate([first, q, first], step, (s > 1.0) & (large ^ 1))
    # The terms that follow the last one.
    tail = fma(term, -0.5, _power(base, 1.0 - s) / (s - 1.0))
    inverse = 1.0 / base
    factor, rise = term * s * inverse, s
    square = inverse * inverse
    for coefficient in BERNOULLI:
        tail = fma(factor, coefficient, tail)
        factor = factor * square * (rise + 1.0) * (rise + 2.0)
        rise = rise + 2.0
    return choose(large | (term > total * TOLERANCE), total + tail, total)


def _positive(w: FunctionWriter, s: Number, q: Number) -> Number:
    """A call of that sum, which is written once."""
    symbol = f"math.hurwitz.{s.lanes}"
    if w.module.use(symbol) == 1:
        parameters = [(s.value.type, "s"), (s.value.type, "q")]
        f = FunctionWriter(w.module, symbol, s.value.type, parameters, "internal")
        f.ret(positive(*(Number(f, x) for x in f.parameters)).value)
        f.finish()
    return Number(w, w.call_known(symbol, s.value.type, [s.value, q.value]))


def zeta_number(s: Number, q: Number) -> Number:
    """``zeta(s, q)``: infinite for s = 1 and at poles, NaN for s < 1 and what is not real.

    Of a negative q, where s is whole, the sum is split at zero; the part below it is the
    difference of two sums from positive numbers up.
    """
    w = s.w
    whole = q.call("floor").equals(q)
    rest = q - q.call("floor")
    below = (q < 0.0) & (s.call("floor").equals(s)) & (whole ^ 1)
    start = choose(below, rest, choose(q > 0.0, q, 1.0))
    y = _positive(w, s, start)
    yes, after, before = w.label("negative"), w.label("after"), w.block
    w.branch(any_lane(below), yes, after)
    w.start_block(yes)
    safe = choose(below, q, -0.5)
    part = _positive(w, s, choose(below, q.call("ceil") - q, 1.0)) - _positive(w, s, 1.0 - safe)
    half = s * 0.5
    signed = choose(half.call("floor").equals(half), part, -part)
    patched = choose(below, y + signed, y)
    end = w.block
    w.jump(after)
    w.start_block(after)
    y = Number(w, w.phi(y.value.type, [(y.value, before), (patched.value, end)]))
    y = choose(q > 0.0, y, choose(below, y, choose(whole, y.of(INFINITY), NAN)))
    y = choose((s > 1.0) & q.equals(q), y, NAN)
    return choose(s.equals(1.0), INFINITY, y)


zeta = through_double(zeta_number)
