"""A complex value as two real ones, and what all formulas are written with."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pullback.tracer.primitives import complexes as rows
from pullback.tracer.primitives import elementwise
from pullback.tracer.primitives.elementwise import broadcast_scalar
from pullback.tracer.trace import Tracer
from pullback.tracer.types import is_complex

Real = Tracer | float


class Pair(NamedTuple):
    """Real and imaginary part, of one type."""

    re: Tracer
    im: Tracer

    def turned(self) -> Pair:
        """``i * conj(z)``: the parts change places."""
        return Pair(self.im, self.re)


def pair(x: Tracer) -> Pair:
    """The parts of a value; those of a real one are itself and zero."""
    if is_complex(x.dtype):
        return Pair(rows.real(x), rows.imag(x))
    return Pair(x, broadcast_scalar(0.0, x))


def joined(x: Pair) -> Tracer:
    """The complex value of two parts."""
    return rows.complex(*x)


def as_value(x: Real, like: Tracer) -> Tracer:
    """A number in the type of a value; a value itself."""
    return x if isinstance(x, Tracer) else broadcast_scalar(x, like)


def choose(condition: Tracer, yes: Real, no: Real) -> Tracer:
    """``yes`` where the condition holds, else ``no``; one of them at least is traced."""
    like = yes if isinstance(yes, Tracer) else no
    assert isinstance(like, Tracer)
    return elementwise.where(condition, as_value(yes, like), as_value(no, like))


def choose_pair(condition: Tracer, yes: Pair, no: Pair) -> Pair:
    """The same for both parts."""
    return Pair(choose(condition, yes.re, no.re), choose(condition, yes.im, no.im))


def with_sign(size: Real, sign: Tracer) -> Tracer:
    """A size with the sign of another value, zeros' and NaNs' too."""
    return elementwise.copysign(as_value(size, sign), sign)


def infinite(x: Tracer) -> Tracer:
    """Where a part is infinite."""
    return elementwise.is_inf(x)


def finite(x: Tracer) -> Tracer:
    """Where a part is a number, not infinite."""
    return elementwise.is_finite(x)


class Limits(NamedTuple):
    """What the formulas know of a floating type.

    ``overflow`` is a whole number somewhat below the logarithm of the largest number, ``huge`` and
    ``tiny`` are powers of two, up to and from where a number can be squared.
    """

    overflow: float
    huge: float
    tiny: float


def limits(x: Tracer) -> Limits:
    """Those of a value's dtype."""
    info = np.finfo(x.dtype)
    return Limits(
        math.floor(math.log(float(info.max))) - 9.0,
        2.0 ** (info.maxexp // 2 - 2),
        2.0 ** (info.minexp // 2 + 2),
    )
