"""Taylor polynomials in a function's parameters: what its derivatives by them are computed with.

A series or continued fraction whose terms are jets gives, along with its value, its derivatives by
the parameters. The coefficients are numbers of any kind that Python's operators combine: floats in
the meaning of a row, traced values in its derivative, vectors of lanes in its machine code.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Orders = tuple[int, ...]
"""How often a function is differentiated, by each of its parameters."""


@dataclass(frozen=True, slots=True)
class Jet:
    """The polynomial with these coefficients, those that are missing zero, up to the orders.

    In expressions a jet stands to the left of what it is combined with, Python's floats excepted.
    """

    orders: Orders
    coefficients: Mapping[Orders, Any]

    @property
    def value(self) -> Any:
        """The coefficient of order 0."""
        return self.coefficients[(0,) * len(self.orders)]

    @property
    def highest(self) -> Any:
        """The derivative of the highest orders."""
        factor = float(math.prod(map(math.factorial, self.orders)))
        found = self.coefficients[self.orders]
        return found if factor == 1.0 else found * factor

    def __add__(self, other: Any) -> Jet:
        return _together(self, _jet(other, self.orders))

    def __mul__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            return Jet(self.orders, {n: c * other for n, c in self.coefficients.items()})
        total: dict[Orders, Any] = {}
        for (n, c), (m, d) in itertools.product(
            self.coefficients.items(), other.coefficients.items()
        ):
            place = tuple(map(sum, zip(n, m, strict=True)))
            if all(k <= most for k, most in zip(place, self.orders, strict=True)):
                total[place] = total[place] + c * d if place in total else c * d
        return Jet(self.orders, total)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Jet:
        return self * -1.0

    def __sub__(self, other: Any) -> Jet:
        return self + _jet(-other, self.orders)

    def __rsub__(self, other: Any) -> Jet:
        return self * -1.0 + _jet(other, self.orders)

    def __truediv__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            return Jet(self.orders, {n: c / other for n, c in self.coefficients.items()})
        inverse = 1.0 / other.value

        def following(n: Orders, found: Mapping[Orders, Any]) -> Any:
            # self = other * quotient, solved for one coefficient of the quotient.
            terms = [
                other.coefficients[m] * found[_less(n, m)]
                for m in up_to(n)
                if any(m) and m in other.coefficients and _less(n, m) in found
            ]
            start = self.coefficients.get(n)
            rest = sum(terms[1:], terms[0]) if terms else None
            if rest is None:
                return None if start is None else start * inverse
            return (-rest if start is None else start - rest) * inverse

        return _solved(self.orders, following)

    def __rtruediv__(self, other: Any) -> Jet:
        start: Jet = _jet(other, self.orders)
        return start / self


def variables(orders: Orders, *values: Any) -> list[Jet]:
    """The parameters themselves, each with derivative 1 by itself."""
    count = len(orders)
    jets = []
    for place, value in enumerate(values):
        unit = tuple(int(n == place) for n in range(count))
        slope = {unit: 1.0} if orders[place] else {}
        jets.append(Jet(orders, {(0,) * count: value, **slope}))
    return jets


def exponential(jet: Jet, size: Any) -> Jet:
    """``exp(jet)``, of which the value ``size`` is known: h' = jet' h, order by order."""

    def following(n: Orders, found: Mapping[Orders, Any]) -> Any:
        if not any(n):
            return size
        axis = next(i for i, order in enumerate(n) if order)
        terms = [
            jet.coefficients[m] * found[_less(n, m)] * (m[axis] / n[axis])
            for m in up_to(n)
            if m[axis] and m in jet.coefficients and _less(n, m) in found
        ]
        return sum(terms[1:], terms[0]) if terms else None

    return _solved(jet.orders, following)


def up_to(orders: Orders) -> list[Orders]:
    """All orders not above these in any parameter, each after those that are below it."""
    return list(itertools.product(*(range(n + 1) for n in orders)))


def _less(n: Orders, m: Orders) -> Orders:
    return tuple(a - b for a, b in zip(n, m, strict=True))


def _solved(orders: Orders, following: Callable[[Orders, Mapping[Orders, Any]], Any]) -> Jet:
    """The jet whose coefficients follow each from those of lower orders; None is zero."""
    found: dict[Orders, Any] = {}
    for n in up_to(orders):
        coefficient = following(n, found)
        if coefficient is not None:
            found[n] = coefficient
    return Jet(orders, found)


def _jet(value: Any, orders: Orders) -> Jet:
    return value if isinstance(value, Jet) else Jet(orders, {(0,) * len(orders): value})


def _together(one: Jet, other: Jet) -> Jet:
    total = dict(one.coefficients)
    for n, c in other.coefficients.items():
        total[n] = total[n] + c if n in total else c
    return Jet(one.orders, total)


def spread(jets: Sequence[Jet]) -> list[Any]:
    """All coefficients of several jets, as a loop carries them."""
    return [jet.coefficients.get(n, 0.0) for jet in jets for n in up_to(jet.orders)]


def gathered(coefficients: Sequence[Any], orders: Orders) -> list[Jet]:
    """The jets that these are the coefficients of."""
    every = up_to(orders)
    rows = [coefficients[i : i + len(every)] for i in range(0, len(coefficients), len(every))]
    return [Jet(orders, dict(zip(every, row, strict=True))) for row in rows]
