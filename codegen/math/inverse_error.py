"""The inverse of the error function in its three forms, in double precision for either format."""

from __future__ import annotations

import math

from .exponents import INFINITY
from .iteration import through_double
from .logarithm import log
from .number import Number, careful_polynomial, choose, least

# erfinv(x)/x in powers of -log(1 - x**2) - 3/2, up to 3 (the variable is that of M. Giles,
# Approximating the erfinv function, GPU Computing Gems, 2012), by the Remez algorithm; 2**-57.9.
NEAR_CENTRE = 1.5
NEAR = (
    1.2520638405834421, 0.25036244534245283, 0.0008797647126621753, -0.0020923279303862816,
    0.00017766931513885765, 2.3288167935363655e-05, -5.372773986870787e-06, -6.50754484269845e-08,
    1.1770361935646159e-07, -7.232298585439029e-09, -2.019798333118529e-09,
    3.0271972990374306e-10, 2.2828668598755856e-11, -8.320231770933703e-12, 6.499873979996074e-14,
    1.7933954122030923e-13, -9.928466731181202e-15, -2.761064967986867e-15,
)  # fmt: skip
# erfinv(1 - q)/s for s = (-log q)**(1/2) from 1.9 to 27.5 in powers of (s - 4)/(s + 4); 2**-58.1.
FAR_CENTRE = 4.0
FAR = (
    0.9378398360103707, 0.18802636330749667, -0.25651730798585326, 0.24914740037440053,
    -0.20978202934609924, 0.15151882415135184, -0.08841833349486874, 0.029132540632082076,
    0.01925693334487674, -0.053243196512767266, 0.07132211651837157, -0.07449266380128797,
    0.06515752246093064, -0.047043644401183325, 0.02427585288158692, -0.0009644778022675849,
    -0.019560179805578577, 0.03422773957866164, -0.03999078363962204, 0.03736925274653351,
    -0.03464595788925574, 0.036201865453008214, -0.02501985002902245, -0.015615712006220611,
    0.059551027404213835, -0.0633795654603208, 0.03246046616276383, -0.006810341690917728,
)  # fmt: skip
BORDER = 0.0265
"""Smaller distances from one are far."""


def inverse_erf(x: Number, rest: Number) -> Number:
    """``erfinv(x)`` given ``rest = 1 - |x|`` as exactly as it is known."""
    far = rest < BORDER
    inside = choose(far, rest, rest * (2.0 - rest))
    logarithm = -Number(x.w, log(x.w, inside.value))
    root = logarithm.sqrt()
    beyond = root * careful_polynomial((root - FAR_CENTRE) / (root + FAR_CENTRE), FAR)
    near = x * careful_polynomial(logarithm - NEAR_CENTRE, NEAR)
    beyond = choose(rest.equals(0.0), INFINITY, beyond)
    return choose(far, beyond.with_sign_of(x), near)


def erfinv_number(x: Number) -> Number:
    """The number whose error function is x."""
    return inverse_erf(x, 1.0 - abs(x))


def erfcinv_number(x: Number) -> Number:
    """The number whose complementary error function is x."""
    other = 2.0 - x
    return inverse_erf(1.0 - x, least(x, other))


def ndtri_number(p: Number) -> Number:
    """The quantile of the normal distribution."""
    rest = least(p, 1.0 - p)
    return inverse_erf(p + p - 1.0, rest + rest) * math.sqrt(2.0)


erfinv = through_double(erfinv_number)
erfcinv = through_double(erfcinv_number)
ndtri = through_double(ndtri_number)
