"""Modified Bessel functions of orders 0 and 1, in double precision for either format.

Up to 15 the power series in (x/2)**2, whose terms are all positive, beyond it a polynomial in 1/x
of what is left beside e**x / sqrt(x) (NIST Digital Library of Mathematical Functions 10.25, 10.40);
the coefficients by the Remez algorithm.
"""

from __future__ import annotations

from ..assembly import FunctionWriter
from .exponential import exp
from .exponents import INFINITY
from .iteration import through_double
from .number import Number, choose, fma, polynomial

BORDER = 15.0
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
# I0(x) e**-x sqrt(x) and the same of I1 in powers of 1/x; 2**-53.8 and 2**-53.5.
I0_FAR = (
    0.3989422804014327, 0.049867785050087834, 0.02805062915685806, 0.02921938569816554,
    0.04474528094294741, 0.09031603779946572, 0.24560490857671782, 0.0027977041690051365,
    20.885975854504938, -322.3149442667971, 3889.9249300807605, -25941.938329810186,
    82296.72076985789,
)  # fmt: skip
I1_FAR = (
    0.39894228040143265, -0.14960335515042852, -0.04675104856208111, -0.0409071447189451,
    -0.05752921956157793, -0.11041096032853928, -0.2893191378466167, -0.027189400627198747,
    -23.26635342195005, 355.85837604656194, -4271.338990367839, 28324.32347530822,
    -89382.42240052321,
)  # fmt: skip
LARGEST = 720.0
"""Beyond it the functions without the factor e**-x are infinite."""


def _exp(w: FunctionWriter, x: Number) -> Number:
    return Number(w, exp(w, x.value))


def _parts(size: Number, order: int) -> tuple[Number, Number, Number]:
    """``(near, far, whether it is far)``: the function up to 15, and times e**-x beyond."""
    beyond = size > BORDER
    half = choose(beyond, 0.0, size * 0.5)
    square = half * half
    near = polynomial(square, I1_NEAR if order else I0_NEAR)
    # What rounding took from the square, times the logarithmic derivative, to a tenth of that.
    near = fma(near / (half + (1.0 + order)), fma(half, half, -square), near)
    inverse = 1.0 / choose(beyond, size, BORDER)
    far = polynomial(inverse, I1_FAR if order else I0_FAR) * inverse.sqrt()
    return (near * half if order else near), far, beyond


def _scaled(x: Number, order: int) -> Number:
    size = abs(x)
    near, far, beyond = _parts(size, order)
    y = choose(beyond, far, near * _exp(x.w, -choose(beyond, 0.0, size)))
    y = choose(x.equals(x), y, x)
    return y.with_sign_of(x) if order else y


def _plain(x: Number, order: int) -> Number:
    size = abs(x)
    near, far, beyond = _parts(size, order)
    # The power may overflow before the function does.
    root = _exp(x.w, choose(beyond, size * 0.5, 0.0))
    y = choose(beyond, far * root * root, near)
    y = choose(size > LARGEST, INFINITY, y)
    y = choose(x.equals(x), y, x)
    return y.with_sign_of(x) if order else y


i0 = through_double(lambda x: _plain(x, 0))
i1 = through_double(lambda x: _plain(x, 1))
i0e = through_double(lambda x: _scaled(x, 0))
i1e = through_double(lambda x: _scaled(x, 1))
