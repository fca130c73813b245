"""Probability distributions: from the formulas of a standard one to SciPy's methods.

A distribution states its formulas once, for location 0 and scale 1 and inside its support. What
is the same for all stands here: location and scale, the values beyond the support and for
parameters that are none, and that derivatives are 0 there, not NaN.

As in SciPy, results are double precision whatever the arguments.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeAlias

import numpy as np

from ..errors import UnsupportedFunctionError, at
from ..location import user_location
from ..numpy.creation import asarray
from ..numpy.promotion import as_dtype, common_shape, spread
from ..numpy.selection import where
from ..primitives import elementwise as basic
from ..trace import Tracer
from ..types import FLOAT64

Formula: TypeAlias = Callable[..., Any]
"""``formula(x, *shapes) -> value``, on traced doubles of one shape."""


def positive(*shapes: Tracer) -> Any:
    """Whether all parameters are positive, what most distributions ask."""
    return reduce(operator.and_, [shape > 0.0 for shape in shapes], True)


@dataclass(frozen=True)
class Distribution:
    """A standard distribution, as SciPy parametrizes it.

    ``shapes`` names its parameters. ``log_density`` is defined inside the support, which lies
    between the two numbers ``support(*shapes)``; ``open_ends`` leaves these out. ``cdf`` and ``sf``
    are complements, ``quantile`` and ``upper_quantile`` their inverses, None where there is no
    formula. ``log_cdf`` and ``log_sf`` are given where the logarithm of the others would lose
    digits. A ``discrete`` one lives on whole numbers and has no scale.
    """

    name: str
    shapes: tuple[str, ...]
    log_density: Formula
    cdf: Formula
    sf: Formula
    quantile: Formula | None = None
    upper_quantile: Formula | None = None
    log_cdf: Formula | None = None
    log_sf: Formula | None = None
    support: Callable[..., tuple[Any, Any]] = lambda *shapes: (-math.inf, math.inf)
    valid: Callable[..., Any] = positive
    open_ends: bool = False
    discrete: bool = False


@dataclass(frozen=True)
class Place:
    """Arguments of one call, spread to one shape: the point, the parameters, what is sound."""

    x: Tracer
    shapes: tuple[Tracer, ...]
    loc: Tracer
    scale: Tracer
    low: Any
    high: Any
    sound: Any

    def standard(self) -> Tracer:
        """The point as one of the standard distribution."""
        return (self.x - self.loc) / self.scale


def place(d: Distribution, x: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Place:
    """The arguments, given as SciPy takes them.

    Raises:
        TypeError: when a parameter is missing, unknown or given twice.
    """
    names = (*d.shapes, "loc") if d.discrete else (*d.shapes, "loc", "scale")
    given = dict(zip(names, args, strict=False))
    twice, unknown = given.keys() & kwargs.keys(), kwargs.keys() - set(names)
    values = {"loc": 0.0, "scale": 1.0, **given, **kwargs}
    missing = [name for name in names if name not in values]
    if twice or unknown or missing or len(args) > len(names):
        raise TypeError(
            f"{d.name} takes {', '.join(names)}; got {len(args)} by position and "
            f"{', '.join(kwargs) or 'none'} by name{at(user_location())}"
        )
    arrays = [as_dtype(asarray(v), FLOAT64) for v in (x, *(values[n] for n in (*names, "scale")))]
    arrays = arrays[: 1 + len(d.shapes) + 2]
    shape = common_shape([v.shape for v in arrays])
    point, *shapes, loc, scale = (spread(v, shape) for v in arrays)
    low, high = d.support(*shapes)
    sound = d.valid(*shapes) & (scale > 0.0)
    return Place(point, tuple(shapes), loc, scale, low, high, sound)


def _inner(p: Place) -> Any:
    """A point inside the support, on which formulas are safe."""
    ends = [v for v in (p.low, p.high) if not (isinstance(v, float) and math.isinf(v))]
    if len(ends) == 2:
        return 0.5 * (ends[0] + ends[1])
    if not ends:
        return 0.0
    return p.low + 1.0 if ends[0] is p.low else p.high - 1.0


def _apply(formula: Formula, p: Place, x: Tracer, inside: Any, otherwise: Any) -> Tracer:
    """The formula where the point is inside and the parameters are sound; NaN where they are not.

    Elsewhere it gets a safe point, and parameters as they are: derivatives by them are masked.
    """
    value = formula(where(inside, x, _inner(p)), *p.shapes)
    result: Tracer = where(inside, value, otherwise)
    return where(p.sound & ~basic.is_nan(x), result, math.nan)


def _within(d: Distribution, p: Place, x: Tracer) -> Any:
    if d.discrete:
        return (x >= p.low) & (x <= p.high) & (x == np.floor(x))
    if d.open_ends:
        return (x > p.low) & (x < p.high)
    return (x >= p.low) & (x <= p.high)


def log_density(d: Distribution, p: Place) -> Tracer:
    """The logarithm of the density or probability, -inf beyond the support."""
    x = p.standard()
    value = _apply(d.log_density, p, x, _within(d, p, x), -math.inf)
    return value if d.discrete else value - basic.log(where(p.sound, p.scale, 1.0))


def density(d: Distribution, p: Place) -> Tracer:
    """The density or probability, 0 beyond the support."""

    def formula(x: Tracer, *shapes: Tracer) -> Any:
        value = d.log_density(x, *shapes)
        empty = value == -math.inf
        return where(empty, 0.0, np.exp(where(empty, 0.0, value)))

    x = p.standard()
    value = _apply(formula, p, x, _within(d, p, x), 0.0)
    return value if d.discrete else value / p.scale


def _probability(d: Distribution, p: Place, formula: Formula, below: float, above: float) -> Tracer:
    """A function of the distribution that is constant on either side of the support."""
    x = p.standard()
    if d.discrete:
        x = basic.floor(x)
        inside = (x >= p.low) & (x < p.high)
    else:
        inside = (x > p.low) & (x < p.high)
    return _apply(formula, p, x, inside, where(x >= p.high, above, below))


def _log_of(formula: Formula, complement: Formula) -> Formula:
    """The logarithm of a probability, by its complement where it is near one."""

    def logarithm(*operands: Tracer) -> Any:
        value = formula(*operands)
        near = value > 0.5
        above = np.log1p(-where(near, complement(*operands), 0.0))
        return where(near, above, np.log(where(near, 1.0, value)))

    return logarithm


def cdf(d: Distribution, p: Place) -> Tracer:
    """The probability of a value up to x."""
    return _probability(d, p, d.cdf, 0.0, 1.0)


def sf(d: Distribution, p: Place) -> Tracer:
    """The probability of a value above x."""
    return _probability(d, p, d.sf, 1.0, 0.0)


def log_cdf(d: Distribution, p: Place) -> Tracer:
    """The logarithm of ``cdf``."""
    return _probability(d, p, d.log_cdf or _log_of(d.cdf, d.sf), -math.inf, 0.0)


def log_sf(d: Distribution, p: Place) -> Tracer:
    """The logarithm of ``sf``."""
    return _probability(d, p, d.log_sf or _log_of(d.sf, d.cdf), 0.0, -math.inf)


def _inverse(d: Distribution, p: Place, formula: Formula | None, at_zero: Any, at_one: Any) -> Any:
    q = p.x
    if formula is None:
        raise UnsupportedFunctionError(
            f"quantiles of {d.name} are not traced; compute them outside the traced function"
            f"{at(user_location())}"
        )
    inside = (q > 0.0) & (q < 1.0)
    value = formula(where(inside, q, 0.5), *p.shapes)
    ends = where(q == 0.0, at_zero, where(q == 1.0, at_one, math.nan))
    standard = where(inside, value, ends)
    return where(p.sound, standard * p.scale + p.loc, math.nan)


def quantile(d: Distribution, p: Place) -> Any:
    """The value up to which the probability is q."""
    return _inverse(d, p, d.quantile, p.low - 1.0 if d.discrete else p.low, p.high)


def upper_quantile(d: Distribution, p: Place) -> Any:
    """The value above which the probability is q."""
    return _inverse(d, p, d.upper_quantile, p.high, p.low - 1.0 if d.discrete else p.low)


METHODS: dict[str, Callable[[Distribution, Place], Any]] = {
    "cdf": cdf,
    "sf": sf,
    "logcdf": log_cdf,
    "logsf": log_sf,
    "ppf": quantile,
    "isf": upper_quantile,
}
"""SciPy's methods that all distributions have; densities are ``DENSITIES`` or ``MASSES``."""

DENSITIES = {**METHODS, "pdf": density, "logpdf": log_density}
MASSES = {**METHODS, "pmf": density, "logpmf": log_density}


def methods(d: Distribution) -> dict[str, Callable[[Distribution, Place], Any]]:
    """The traced methods of a distribution by SciPy's names."""
    return MASSES if d.discrete else DENSITIES
