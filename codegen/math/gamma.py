"""``lgamma`` and ``digamma``, in double precision for either format.

For x >= 1 the two are a polynomial between 1 and 3, which the recurrences reach from up to 7
(all terms there are positive), and an asymptotic series beyond. Below 1 they are functions of
1 - x or 1 + x, by a recurrence from 0 to 1 and by the reflection formulas below 0 (NIST Digital
Library of Mathematical Functions 5.5 and 5.11).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .exponents import INFINITY, NAN
from .iteration import through_double
from .logarithm import log
from .number import Number, careful_polynomial, choose, fma, horner

# lgamma(y) / ((y - 1)(y - 2)) for 1 <= y <= 3 in powers of q = (y - sqrt 3)/(y + sqrt 3), by the
# Remez algorithm with an error of 2**-54.1: the map takes the poles away to |q| >= 1.
CENTRE = math.sqrt(3.0)
LGAMMA = (
    0.4522983645115129, -0.4194972324433305, 0.12726680089539705, -0.1447969398418341,
    0.08421552336444406, -0.09019166197750561, 0.06316879899415033, -0.06592236087031006,
    0.050494393784839095, -0.052032389142558, 0.0420294839491642, -0.04299974774681821,
    0.03612307927481109, -0.036784065734673806, 0.02987690938340062, -0.03037377628632835,
    0.03843600851754049, -0.038794835819234354,
)  # fmt: skip
# x (lgamma(x) - (x - 1/2)(log x - 1) - (log(2 pi) - 1)/2) in powers of 1/x**2 for x >= 7; 2**-66.
STIRLING = (
    0.08333333333333322, -0.0027777777776500736, 0.0007936507437903453, -0.0005952283985655813,
    0.0008407597965730119, -0.0018590192418576632, 0.004520350414260054,
)  # fmt: skip
STIRLING_CONSTANT = (math.log(2.0 * math.pi) - 1.0) / 2.0

# digamma(y) / (y - root) for 1 <= y <= 3 in powers of q; 2**-55.6. The root is a sum of two.
ROOT = (1.4616321449683622, 9.549995429965697e-17)
DIGAMMA = (
    0.864090324695878, -1.1499970951022551, 0.7896715506632942, -0.828315415320536,
    0.7788247368778195, -0.800823045677828, 0.7832567200401414, -0.7953239694848007,
    0.7859527789299802, -0.7932663990388928, 0.7873597017255799, -0.7922303717272433,
    0.7878406161801156, -0.7913370638565185, 0.7941116429925644, -0.7964439490858841,
    0.727927784499012, -0.7317326952890214, 1.152336725866407, -1.1491817716368504,
)  # fmt: skip
# x**2 (log x - 1/(2x) - digamma(x)) in powers of 1/x**2 for x >= 7; 2**-63.
DIGAMMA_FAR = (
    0.08333333333333195, -0.008333333331736824, 0.003968253322323883, -0.004166540042763095,
    0.007562209568050002, -0.02027377041552927, 0.05616451216433364,
)  # fmt: skip

# sin(pi r)/r and cos(pi r)/(1/4 - r**2) in powers of r**2 for |r| <= 1/2; 2**-54.5 and 2**-64.8.
SINE = (
    3.141592653589793, -5.16771278004991, 2.550164039872505, -0.5992645291701788,
    0.0821458842942851, -0.007370411471080428, 0.00046621145188386357, -2.1689355197891233e-05,
    5.585292045452789e-07,
)  # fmt: skip
COSINE = (
    4.0, -3.7392088021787173, 1.2780132969521976, -0.2289978876092692, 0.025330970991625804,
    -0.0019036815026586562, 0.00010357049150179852, -4.266747030128239e-06,
    1.339201730062438e-07,
)  # fmt: skip
NEAR, FAR = 3.0, 7.0
STEPS = (3.0, 4.0, 5.0, 6.0)


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument in its range: ``z >= 1`` is x, or 1 + |x| for x < 1.

    ``y`` is z reduced to [1, 3]; ``inverse`` is 1/z where z is ``far``, and q where it is not.
    ``below_one`` is y - 1, exact where y is 1 + |x|.
    """

    z: Number
    far: Number
    y: Number
    below_one: Number
    inverse: Number


def reduce(x: Number) -> Argument:
    """The argument's range and what all ranges need."""
    small = x < 1.0
    size = abs(x)
    z = choose(small, size + 1.0, x)
    far = z > FAR
    steps = z.of(0.0)
    for bound in STEPS:
        steps = choose(z >= bound, steps - 1.0, steps)
    y = choose(far, 1.0, z + steps)
    below_one = choose(small & (z < NEAR), size, y - 1.0)
    above = choose(far, 1.0, y - CENTRE)
    inverse = above / choose(far, z, y + CENTRE)
    return Argument(z, far, y, below_one, inverse)


def sine_of_pi(x: Number) -> tuple[Number, Number]:
    """``(sin(pi r), r)`` for r = x less the nearest integer."""
    r = x - x.call("rint")
    return r * horner(r * r, SINE), r


def lgamma_number(x: Number) -> Number:
    """``log |gamma(x)|``."""
    w = x.w
    a = reduce(x)
    z = a.z
    # gamma(z) = gamma(y) (z - 1)(z - 2) ... down to y.
    factors = z.of(1.0)
    for n, bound in enumerate(STEPS, 1):
        factors = choose(z >= bound, factors * (z - float(n)), factors)
    logarithm = Number(w, log(w, choose(a.far, z, factors).value))
    product = fma(a.below_one, a.below_one, -a.below_one)
    near = product * careful_polynomial(a.inverse, LGAMMA)
    tail = a.inverse * horner(a.inverse * a.inverse, STIRLING) + STIRLING_CONSTANT
    beyond = fma(z - 0.5, logarithm - 1.0, tail)
    y = choose(a.far, beyond, near + logarithm)
    # gamma(1 + x) = x gamma(x), and gamma(1 - x) gamma(x) = pi / sin(pi x).
    negative = x < 0.0
    sine, _ = sine_of_pi(abs(x))
    factor = choose(negative, abs(sine) * (1.0 / math.pi), choose(x < 1.0, x, 1.0))
    factor = choose(abs(x) < 2.0**-60, abs(x), factor)
    y = choose(negative & (x < -(2.0**-60)), -y, y) - Number(w, log(w, factor.value))
    pole = (x <= 0.0) & sine.equals(0.0)
    y = choose(pole | z.equals(INFINITY), INFINITY, y)
    return choose(x.equals(-INFINITY), -INFINITY, y)


def digamma_number(x: Number) -> Number:
    """The logarithmic derivative of gamma."""
    w = x.w
    a = reduce(x)
    z = a.z
    # digamma(z) = digamma(y) + 1/(z - 1) + 1/(z - 2) ... as one fraction.
    above, below = z.of(0.0), z.of(1.0)
    for n, bound in enumerate(STEPS, 1):
        taken, factor = z >= bound, z - float(n)
        above = choose(taken, fma(above, factor, below), above)
        below = choose(taken, below * factor, below)
    distance = choose(a.far, 1.0, a.below_one - (ROOT[0] - 1.0)) - ROOT[1]
    near = fma(distance, careful_polynomial(a.inverse, DIGAMMA), above / below)
    square = a.inverse * a.inverse
    tail = fma(a.inverse, 0.5, square * horner(square, DIGAMMA_FAR))
    beyond = Number(w, log(w, choose(a.far, z, 1.0).value)) - tail
    y = choose(a.far, beyond, near)
    # digamma(x) = digamma(1 + x) - 1/x, and digamma(x) = digamma(1 - x) - pi / tan(pi x).
    negative = x < 0.0
    sine, r = sine_of_pi(x)
    cosine = (0.25 - r * r) * horner(r * r, COSINE)
    ratio = choose(negative, cosine * math.pi, 1.0) / choose(negative, sine, x)
    # 1/x less its rounding, which is much beside the difference where x is near one.
    lost = choose((x > 0.5) & (x < 1.0), fma(-ratio, x, 1.0), 0.0)
    y = choose(x < 1.0, y - lost - ratio, y)
    pole = negative & r.equals(0.0)
    return choose(pole | x.equals(-INFINITY), NAN, choose(x.equals(INFINITY), x, y))


lgamma = through_double(lgamma_number)
digamma = through_double(digamma_number)
