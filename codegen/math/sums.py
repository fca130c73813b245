"""Numbers to twice the precision, as sums of two."""

from __future__ import annotations

from dataclasses import dataclass

from .number import Number, fma


@dataclass(frozen=True, slots=True)
class Sum:
    """A number to twice the precision: ``high + low``, low under an ulp of high or so."""

    high: Number
    low: Number


def product(a: Sum, b: Sum) -> Sum:
    """Product of two such numbers (Dekker's, with fused multiply-adds)."""
    high = a.high * b.high
    low = fma(a.high, b.high, -high)
    return Sum(high, fma(a.high, b.low, fma(a.low, b.high, low)))


def ordered_sum(a: Number, b: Number, low: Number | float) -> Sum:
    """``a + b + low`` for |a| >= |b| or a = 0 (Dekker's sum)."""
    high = a + b
    return Sum(high, a - high + b + low)


def quotient(a: Sum, b: Sum, inverse: Number) -> Sum:
    """Quotient of two such numbers, given the rounded inverse of the divisor."""
    high = a.high * inverse
    rest = fma(-high, b.low, fma(-high, b.high, a.high)) + a.low
    return Sum(high, rest * inverse)


def plus(a: Sum, b: Number) -> Sum:
    """Sum of two numbers of which either may be the larger (Knuth's sum)."""
    high = a.high + b
    part = high - a.high
    return Sum(high, a.high - (high - part) + (b - part) + a.low)
