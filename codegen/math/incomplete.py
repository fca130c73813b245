"""Derivatives of the incomplete gamma and beta functions by their parameters.

The series and continued fractions of ``pullback.tracer.primitives.incomplete`` on lanes of vectors,
each in the lanes that are in its range; in double precision for either format.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pullback.tracer.primitives.incomplete import Arithmetic, Step, taylor_of_lgamma
from pullback.tracer.primitives.jets import Orders

from ..assembly import FunctionWriter, Value, like
from .exponential import exp
from .gamma import digamma_number, lgamma_number
from .iteration import iterate, through_double
from .logarithm import log, log1p
from .number import Number, cached_constant, choose
from .zeta import zeta_number


def _through(function: Callable[[FunctionWriter, Value], Value]) -> Callable[[Number], Number]:
    return lambda x: Number(x.w, function(x.w, x.value))


def _choose(mask: Number, yes: Number | float, no: Number | float) -> Number:
    """A choice between numbers, where both may be known."""
    if not isinstance(yes, Number):
        yes = Number(mask.w, cached_constant(like(mask.value.type, "double"), yes))
    return choose(mask, yes, no)


def _iterate(state: Sequence[Number | float], step: Step, active: Number) -> list[Number]:
    """The loop over a state of which some is known at first."""
    known = next(x for x in state if isinstance(x, Number))

    def lifted(*current: Number) -> tuple[list[Number], Number]:
        following, more = step(*current)
        return [known.of(x) for x in following], more

    return iterate([known.of(x) for x in state], lifted, active)


def _zeta(s: float, q: Number) -> Number:
    return zeta_number(q.of(s), q)


LANES = Arithmetic(
    _through(exp),
    _through(log),
    _through(log1p),
    lgamma_number,
    partial(taylor_of_lgamma, digamma=digamma_number, zeta=_zeta),
    _choose,
    _iterate,
)


def derivative(of: Callable[..., Any], orders: Orders) -> Callable[..., Value]:
    """The function of lanes that gives the derivative of these orders."""
    return through_double(partial(of, LANES, orders))
