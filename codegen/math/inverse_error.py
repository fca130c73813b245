"""The inverse of the error function in its three forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..assembly import FunctionWriter, Value
from .exponents import INFINITY
from .logarithm import log
from .number import Coefficients, Number, careful_polynomial, choose, fma, least

# erfinv(x)/x in powers of -log(1 - x**2) - 3/2, up to 3 (the variable is that of M. Giles,
# Approximating the erfinv function, GPU Computing Gems, 2012), by the Remez algorithm; 2**-57.9 and
# 2**-25.2.
NEAR_CENTRE = 1.5
NEAR: Coefficients = {
    "double": (
        1.2520638405834421, 0.25036244534245283, 0.0008797647126621753, -0.0020923279303862816,
        0.00017766931513885765, 2.3288167935363655e-05, -5.372773986870787e-06,
        -6.50754484269845e-08,
        1.1770361935646159e-07, -7.232298585439029e-09, -2.019798333118529e-09,
        3.0271972990374306e-10, 2.2828668598755856e-11, -8.320231770933703e-12,
        6.499873979996074e-14,
        1.7933954122030923e-13, -9.928466731181202e-15, -2.761064967986867e-15,
    ),
    "float": (
        1.2520638704299927, 0.2503623962402344, 0.0008793285815045238, -0.002092150039970875,
        0.00017866080452222377, 2.3138503820518963e-05, -6.089212092774687e-06,
        -4.1903049918801116e-08, 2.753706382918608e-07,
    ),
}  # fmt: skip
# erfinv(1 - q)/s for s = (-log q)**(1/2) from 1.9 to 27.5, or to 10.3, in powers of
# (s - 4)/(s + 4); 2**-58.1 and 2**-24.9.
FAR_CENTRE = 4.0
FAR: Coefficients = {
    "double": (
        0.9378398360103707, 0.18802636330749667, -0.25651730798585326, 0.24914740037440053,
        -0.20978202934609924, 0.15151882415135184, -0.08841833349486874, 0.029132540632082076,
        0.01925693334487674, -0.053243196512767266, 0.07132211651837157, -0.07449266380128797,
        0.06515752246093064, -0.047043644401183325, 0.02427585288158692, -0.0009644778022675849,
        -0.019560179805578577, 0.03422773957866164, -0.03999078363962204, 0.03736925274653351,
        -0.03464595788925574, 0.036201865453008214, -0.02501985002902245, -0.015615712006220611,
        0.059551027404213835, -0.0633795654603208, 0.03246046616276383, -0.006810341690917728,
    ),
    "float": (
        0.9378398656845093, 0.18802641332149506, -0.2565257251262665, 0.24914367496967316,
        -0.20939849317073822, 0.15151084959506989, -0.09450478106737137, 0.03137648105621338,
        0.057529423385858536, -0.07927921414375305,
    ),
}  # fmt: skip
BORDER = 0.0265
"""Smaller distances from one are far."""


ROOT_OF_TWO = {
    "double": (1.4142135623730951, -9.667293313452913e-17),
    "float": (1.4142135381698608, 2.4203234972463244e-08),
}
"""As a sum of two."""


@dataclass(frozen=True, slots=True)
class Product:
    """``size * (high + low)``, to somewhat more than the precision."""

    size: Number
    high: Number
    low: Number


def inverse_erf(x: Number, rest: Number) -> Product:
    """``erfinv(x)`` given ``rest = 1 - |x|`` as exactly as it is known."""
    form = x.element
    far = rest < BORDER
    inside = choose(far, rest, rest * (2.0 - rest))
    logarithm = -Number(x.w, log(x.w, inside.value))
    root = choose(far, logarithm, 1.0).sqrt()
    moved = choose(far, root - FAR_CENTRE, logarithm - NEAR_CENTRE)
    moved = moved / choose(far, root + FAR_CENTRE, 1.0)
    first = choose(far, x.of(FAR[form][0]), NEAR[form][0])
    part = choose(far, _beyond_first(moved, FAR[form]), _beyond_first(moved, NEAR[form]))
    high = first + part
    # What the root has lost, relative to itself.
    lost = fma(-root, root, logarithm) * 0.5 / logarithm
    low = choose(far, fma(high, lost, first - high + part), first - high + part)
    size = choose(far, choose(rest.equals(0.0), INFINITY, root).with_sign_of(x), x)
    return Product(size, high, low)


def _beyond_first(x: Number, coefficients: Sequence[float]) -> Number:
    """A polynomial without its constant term."""
    return x * careful_polynomial(x, coefficients[1:])


def _value(p: Product) -> Number:
    return choose(abs(p.size).equals(INFINITY), p.size, fma(p.size, p.high, p.size * p.low))


def erfinv_number(x: Number) -> Number:
    """The number whose error function is x."""
    return _value(inverse_erf(x, 1.0 - abs(x)))


def erfcinv_number(x: Number) -> Number:
    """The number whose complementary error function is x."""
    other = 2.0 - x
    return _value(inverse_erf(1.0 - x, least(x, other)))


def ndtri_number(p: Number) -> Number:
    """The quantile of the normal distribution."""
    rest = least(p, 1.0 - p)
    found = inverse_erf(p + p - 1.0, rest + rest)
    root, rest_of_root = ROOT_OF_TWO[p.element]
    high = found.high * root
    low = fma(found.high, root, -high) + fma(found.high, rest_of_root, found.low * root)
    return _value(Product(found.size, high, low))


def _emitted(function: Callable[[Number], Number]) -> Callable[[FunctionWriter, Value], Value]:
    return lambda w, x: function(Number(w, x)).value


erfinv = _emitted(erfinv_number)
erfcinv = _emitted(erfcinv_number)
ndtri = _emitted(ndtri_number)
