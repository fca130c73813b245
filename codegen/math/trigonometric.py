"""Circular functions: ``sin``, ``cos``, ``tan`` and the fused pair ``sincos``.

x is reduced to r = x - n * pi/2, |r| <= pi/4, with pi/2 a sum of three numbers of the format
(Cody & Waite). Fused multiply-adds make the first step exact, so three parts suffice up to
2**30 (f64) and 2**16 (f32); the few arguments beyond go to the C library.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

from ..assembly import FunctionWriter, Value
from .number import Coefficients, Number, choose, fma, horner, polynomial
from .per_lane import patch

# The second part is positive, for the sign of zero.
HALF_PI = {
    "double": (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
    "float": (1.570796251296997, 7.549790126404332e-08, -1.7151245100058819e-15),
}
REDUCIBLE = {"double": 2.0**30, "float": 2.0**16}

# (sin(r)/r - 1)/r**2 in powers of r**2; minimax of the error relative to sin r, by the Remez
# algorithm; 2**-57.9 and 2**-32.5.
SIN: Coefficients = {
    "double": (
        -0.1666666666666663, 0.00833333333332184, -0.00019841269829358853, 2.755731353866376e-06,
        -2.5050734417482656e-08, 1.5895435162803162e-10,
    ),
    "float": (-0.1666666716337204, 0.008333378471434116, -0.00019852562400046736,
        2.82634482573485e-06,
    ),
}  # fmt: skip

# (cos(r) - 1 + r**2/2)/r**4 in powers of r**2, likewise; 2**-63.8 and 2**-32.8.
COS: Coefficients = {
    "double": (
        0.041666666666666595, -0.0013888888888873325, 2.480158728898351e-05,
        -2.755731421001303e-07, 2.0875704261584865e-09, -1.135868281542623e-11,
    ),
    "float": (0.04166664555668831, -0.0013887302484363317, 2.4430984922219068e-05),
}  # fmt: skip

# (tan(r)/r - 1)/r**2 in powers of r**2, likewise; 2**-55.8 and 2**-29.3.
TAN: Coefficients = {
    "double": (
        0.3333333333333277, 0.13333333333415584, 0.05396825392620876, 0.021869489620032934,
        0.00886321900837297, 0.0035922904902925263, 0.0014547493559294714, 0.0005951011407353969,
        0.00022227200461868383, 0.00013674855168971863, -2.6701751841247334e-05,
        8.974347059933538e-05, -4.503429779069387e-05, 2.0901329553819667e-05,
    ),
    "float": (
        0.3333335220813751, 0.1333257555961609, 0.05406985431909561, 0.021231794729828835,
        0.0109633170068264, -6.829942867625505e-05, 0.004452556371688843,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Angle:
    """``x = n * pi/2 + rest - excess``; ``quadrant`` holds n mod 4 in its low two bits.

    At -0 the rest is -0 and the excess +0, and differences of the two keep the sign.
    """

    quadrant: Number
    rest: Number
    excess: Number


def reduce_angle(x: Number) -> Angle:
    """Split off the nearest multiple of pi/2; ``excess`` is under an ulp of ``rest``."""
    # The bias of the exponent is not wanted here, and it must not disturb the low two bits.
    rounder = 1.5 * 2.0**x.format.mantissa
    shifted = fma(x, 2 / pi, rounder)
    n = shifted - rounder
    first, second, third = HALF_PI[x.element]
    exact = fma(n, -first, x)
    rest = exact - n * second
    # This difference is exact: a sum of what is close, or the lesser part of a sum.
    excess = fma(n, second, -(exact - rest))
    return Angle(shifted.bits(), rest, fma(n, third, excess))


def sin_kernel(angle: Angle, z: Number) -> Number:
    """``sin(rest - excess)``, z the square of ``rest``."""
    r = angle.rest
    return r - fma(-(r * z), polynomial(z, SIN[r.element]), angle.excess)


def cos_kernel(angle: Angle, z: Number) -> Number:
    """``cos(rest - excess)``: 1 - z/2 is rounded, and what that loses goes to the small terms."""
    r = angle.rest
    w = fma(z, -0.5, 1.0)
    lost = fma(z, -0.5, 1.0 - w)
    tail = fma(r, angle.excess, lost)
    return w + fma(z * z, polynomial(z, COS[r.element]), tail)


def kernels(x: Number) -> tuple[Number, Number, Number]:
    """Quadrant, and sine and cosine of the reduced angle."""
    angle = reduce_angle(x)
    z = angle.rest * angle.rest
    return angle.quadrant, sin_kernel(angle, z), cos_kernel(angle, z)


def turn(quadrant: Number, even: Number, odd: Number) -> Number:
    """``even`` or ``odd`` by the quadrant's lowest bit, negated where the next bit is set."""
    y = choose((quadrant & 1).equals(0), even, odd)
    sign = (quadrant & 2) << (quadrant.format.width - 2)
    return (y.bits() ^ sign).floats()


def beyond(x: Number) -> Number:
    """Mask of the lanes too large for the reduction; infinity is among them."""
    return abs(x) > REDUCIBLE[x.element]


def sin(w: FunctionWriter, x: Value) -> Value:
    """Sine; all x; under 1 ulp (f64 and f32)."""
    v = Number(w, x)
    quadrant, s, c = kernels(v)
    return patch(beyond(v), [turn(quadrant, s, c)], ["sin"], [v])[0].value


def cos(w: FunctionWriter, x: Value) -> Value:
    """Cosine; all x; under 1 ulp (f64 and f32)."""
    v = Number(w, x)
    quadrant, s, c = kernels(v)
    return patch(beyond(v), [turn(quadrant + 1, s, c)], ["cos"], [v])[0].value


def sincos(w: FunctionWriter, x: Value) -> tuple[Value, Value]:
    """Sine and cosine, for little more than the price of one; as exact as each alone."""
    v = Number(w, x)
    quadrant, s, c = kernels(v)
    both = [turn(quadrant, s, c), turn(quadrant + 1, s, c)]
    sine, cosine = patch(beyond(v), both, ["sin", "cos"], [v])
    return sine.value, cosine.value


def tan(w: FunctionWriter, x: Value) -> Value:
    """Tangent; all x; about 1.3 ulp (f64 and f32).

    The tangent t of the reduced angle is a polynomial; in odd quadrants the result is -1/t, into
    which goes what the rounding of t has lost.
    """
    v = Number(w, x)
    angle = reduce_angle(v)
    r = angle.rest
    z = r * r
    excess = fma(z, angle.excess, angle.excess)
    tail = fma(-(r * z), horner(z, TAN[r.element]), excess)
    t = r - tail
    lost = r - t - tail
    inverse = -1.0 / t
    inverse = fma(inverse * lost, inverse, inverse)
    y = choose((angle.quadrant & 1).equals(0), t, inverse)
    return patch(beyond(v), [y], ["tan"], [v])[0].value
