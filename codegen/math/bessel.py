"""Modified Bessel functions of orders 0 and 1.

Up to 15 the power series in (x/2)**2, whose terms are all positive, beyond it a polynomial in 1/x
of what is left beside e**x / sqrt(x) (NIST Digital Library of Mathematical Functions 10.25, 10.40);
the coefficients by the Remez algorithm.
"""

from __future__ import annotations

from collections.abc import Callable

from ..assembly import FunctionWriter, Value
from .exponential import EXP, LN2_LOW, reduce_exponent
from .exponents import INFINITY, scale
from .number import Number, choose, fma, least, polynomial
from .sums import Sum, ordered_sum, plus, product

BORDER = {"double": 15.0, "float": 10.0}
# I0(x) and I1(x)/(x/2) in powers of (x/2)**2; 2**-69.7 and 2**-66.8.
I0_NEAR = (
    1.0, 1.0, 0.25, 0.027777777777777776, 0.0017361111111111117, 6.944444444444404e-05,
    1.929012345679189e-06, 3.936759889135663e-08, 6.15118732689033e-10, 7.594058426478218e-12,
    7.59405844712749e-14, 6.276081177453258e-16, 4.358390980047738e-18, 2.5789226435564146e-20,
    1.315806642844718e-22, 5.847017134250005e-25, 2.286706449776816e-27, 7.855410681565406e-30,
    2.517283441273023e-32, 5.83115355970094e-35, 2.485645064453916e-37, -7.407128590721948e-41,
    2.28290703577474e-42,
)  # fmt: skip
I1_NEAR = (
    1.0, 0.5, 0.08333333333333333, 0.006944444444444447, 0.00034722222222222045,
    1.1574074074075073e-05, 2.7557319223949667e-07, 4.920949861515779e-09, 6.834652583726809e-11,
    7.594058448823648e-13, 6.903689276478129e-15, 5.2300693250750985e-17, 3.352598552662919e-19,
    1.842133274519666e-21, 8.770389246269211e-24, 3.659087900508239e-26, 1.334710433028563e-28,
    4.541575712961384e-31, 1.0967995127128507e-33, 5.0516655189510904e-36,
    -1.9091365686962916e-39, 5.093842245515116e-41,
)  # fmt: skip
# For single precision: I0(x) and I1(x)/(x/2) in powers of (x/2)**2 up to 10, computed in double
# precision, 2**-30.5 and 2**-27.9.
NEAR_OF_SINGLE = (
    (
        0.9999999993522594, 1.0000000166884038, 0.2499999379536099, 0.027777857618622282,
        0.0017360612919741485, 6.946130705484725e-05, 1.925602892836099e-06, 3.979892440644355e-08,
        5.803369161607532e-10, 9.365796511641842e-12, 2.1634659048146206e-14,
        1.502000557741437e-15,
    ),
    (
        1.0000000040184283, 0.4999999281781762, 0.0833335250706311, 0.006944260525143485,
        0.0003473067774778539, 1.1552642523671735e-05, 2.787995760376599e-07,
        4.622306481779596e-09, 8.535725813475266e-11, 1.8784360901701462e-13,
        1.682942317785855e-14,
    ),
)  # fmt: skip
# I0(x) e**-x sqrt(x) and the same of I1 in powers of 1/x beyond, the constant term a sum of two;
# 2**-58.1, and in single precision 2**-29.
FAR_CONSTANT = {
    "double": (0.3989422804014327, -2.49232720227773e-17),
    "float": (0.3989422917366028, -1.1335170167e-08),
}
FAR: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "double": (
        (
            0.049867785050176104, 0.028050629092824422, 0.029219404875932824, 0.04474223039888054,
            0.09060838267357364, 0.227482332109606, 0.7595238201723898, -0.8215146488870079,
            106.3589277913022, -1837.272276850197, 23504.06076078674, -166665.41888126254,
            555221.1884194983,
        ),
        (
            -0.14960335515053438, -0.04675104848641344, -0.04090716711231868,
            -0.057525693896656405, -0.11074575383244044, -0.2687386572234237,
            -0.879849141799477, 1.0128525604720935, -120.22368491965119, 2046.0221960308954,
            -25856.612379131653, 181657.29178021432, -600614.4803301758,
        ),
    ),
    "float": (
        (
            0.0498681366443634, 0.028012949973344803, 0.030666209757328033, 0.020702222362160683,
            0.25462695956230164,
        ),
        (
            -0.14960376918315887, -0.046707507222890854, -0.042575787752866745,
            -0.02980407141149044, -0.3004434108734131,
        ),
    ),
}  # fmt: skip
LARGEST = {"double": 720.0, "float": 92.0}
"""Beyond them the functions without the factor e**-x are infinite in the format."""


CAREFUL = 7
"""So many terms of the series, the largest among them, are added up in twice double precision."""


def _near(half: Number, order: int) -> Sum:
    """The series, of half the argument."""
    if half.element == "float":
        wide = half.widened()
        y = polynomial(wide * wide, NEAR_OF_SINGLE[order])
        y = y * wide if order else y
        high = y.narrowed()
        return Sum(high, (y - high.widened()).narrowed())
    square = half * half
    coefficients = I1_NEAR if order else I0_NEAR
    exact = Sum(square, fma(half, half, -square))
    total = Sum(polynomial(square, coefficients[CAREFUL:]), square.of(0.0))
    for coefficient in reversed(coefficients[:CAREFUL]):
        total = plus(product(exact, total), square.of(coefficient))
    return product(total, Sum(half, half.of(0.0))) if order else total


def _far(inverse: Number, order: int) -> Sum:
    """The function times e**-x sqrt(x)."""
    constant, rest = FAR_CONSTANT[inverse.element]
    part = inverse * polynomial(inverse, FAR[inverse.element][order])
    return ordered_sum(inverse.of(constant), part, rest)


def bessel(x: Number, order: int, scaled: bool) -> Number:
    """The function: a sum of two numbers times e**x, e**-x or one, over a root."""
    size = abs(x)
    border, largest = BORDER[x.element], LARGEST[x.element]
    beyond = size > border
    bounded = choose(beyond, size, border)
    near, far = _near(choose(beyond, 0.0, size * 0.5), order), _far(1.0 / bounded, order)
    numerator = Sum(choose(beyond, far.high, near.high), choose(beyond, far.low, near.low))
    if scaled:
        exponent = choose(beyond, 0.0, -size)
    else:
        exponent = choose(beyond, least(largest, size), 0.0)
    reduced = reduce_exponent(exponent)
    low = reduced.n * -LN2_LOW[x.element]
    r = reduced.high + low
    tail = fma(r * r, polynomial(r, EXP[x.element]), low)
    above = product(ordered_sum(x.of(1.0), reduced.high, tail), numerator)
    y = (above.high + above.low) / choose(beyond, bounded.sqrt(), 1.0)
    y = scale(y, reduced.shifted, exponent > 0.0)
    if not scaled:
        y = choose(size > largest, INFINITY, y)
    return y.with_sign_of(x) if order else y


def _emitted(order: int, scaled: bool) -> Callable[[FunctionWriter, Value], Value]:
    return lambda w, x: bessel(Number(w, x), order, scaled).value


i0, i1 = _emitted(0, scaled=False), _emitted(1, scaled=False)
i0e, i1e = _emitted(0, scaled=True), _emitted(1, scaled=True)
