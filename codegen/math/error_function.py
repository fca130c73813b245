"""The error function ``erf`` and its complement ``erfc``."""

from __future__ import annotations

from ..assembly import FunctionWriter, Value
from .exponential import exp_minus_one, power_of_two, reduce_exponent, scale_down
from .number import Coefficients, Number, choose, fma, least, polynomial
from .power import Sum, ordered_sum, product

# erf(x)/x - 1 in powers of x**2 for |x| <= 1, minimax of the error relative to erf x, by the
# Remez algorithm; 2**-54.7 and 2**-24.5.
ERF: Coefficients = {
    "double": (
        0.12837916709551256, -0.3761263890318334, 0.11283791670936565, -0.026866170641882424,
        0.005223977595985568, -0.0008548325443222219, 0.00012055279071544232,
        -1.4924434855874603e-05, 1.6443728413665121e-06, -1.618043340089761e-07,
        1.3599910463271497e-08, -7.573882766442373e-10,
    ),
    "float": (
        0.12837912142276764, -0.37612318992614746, 0.11280130594968796, -0.026710348203778267,
        0.00491688447073102, -0.0005630154628306627,
    ),
}  # fmt: skip

# log(erfc(1 + t)) in powers of t, from 0 to ERF_RANGE - 1; minimax of the error that it causes
# in erf, relative to that, by the Remez algorithm; 2**-56.6 and 2**-26.7.
LOG_ERFC: Coefficients = {
    "double": (
        -1.8496055099332482, -2.6389675142347837, -0.8431072563591011, -0.04156109803029507,
        0.010033825226400969, -0.0019779014772269778, 0.00023731738296309422,
        2.629396104214755e-05, -2.7194780698987442e-05, 9.665993193707749e-06,
        -2.126869333736744e-06, 2.012972944515531e-07, 5.979613234618543e-08,
        -3.4045157531813956e-08, 8.686645098167953e-09, -1.3476844495644938e-09,
        1.2221851333384915e-10, -4.99649272651847e-12,
    ),
    "float": (
        -1.8496055603027344, -2.638962745666504, -0.8431723713874817, -0.04126439616084099,
        0.009464883245527744, -0.0015003351727500558, 9.897681593429297e-05,
    ),
}  # fmt: skip
# Beyond it erf is one in the format.
ERF_RANGE = {"double": 5.95, "float": 3.95}


def erf(w: FunctionWriter, x: Value) -> Value:
    """Error function; all x; about 1.2 ulp (f64 and f32).

    A polynomial up to one, and 1 - e**P(|x| - 1) beyond, whose exponential counts little.
    """
    v = Number(w, x)
    size = least(ERF_RANGE[v.element], abs(v))
    z = size * size
    near = fma(size, polynomial(z, ERF[v.element]), size)
    reduced = reduce_exponent(polynomial(size - 1.0, LOG_ERFC[v.element]))
    power = power_of_two(reduced.shifted)
    far = fma(power, -exp_minus_one(reduced.rest), 1.0 - power)
    return choose(size < 1.0, near, far).with_sign_of(v).value


# (1 + 2x) e**(x**2) erfc(x) in powers of q = (x - CENTRE)/(x + CENTRE), for x from 0 to where erfc
# vanishes; minimax of the relative error, by the Remez algorithm; 2**-56.0 and 2**-26.7. The map
# is of M. Shepherd and J. Laframboise, Math. Comp. 36 (1981). The constant term is a sum of two.
CENTRE = {"double": 4.0, "float": 3.0}
SCALED_ERFC_CONSTANT = {
    "double": (1.2329951186255526, -4.6501230594326725e-17),
    "float": (1.2530080080032349, 5.111868262019925e-08),
}
SCALED_ERFC: Coefficients = {
    "double": (
        -0.13962111684056286, 0.015379652102620116, 0.06809705425473352, -0.10103906603632272,
        0.09373283499691641, -0.06633036581205086, 0.03716751556067035, -0.016197734054631333,
        0.005031969770862406, -0.0007577733618059703, -0.00019925558073408513,
        0.00015062229107066708, -2.4402950385760563e-05, -1.1224822529752555e-05,
        5.717492177248936e-06, 3.012732174139022e-07, -8.347590948165894e-07,
        6.2889892861887e-08, 1.1515606656331617e-07, -7.843680552004818e-09,
        -1.3648942388015865e-08, -1.7996257869999059e-09,
    ),
    "float": (
        -0.13562114536762238, -0.04756239801645279, 0.12964659929275513, -0.11927098035812378,
        0.06829431653022766, -0.023798031732439995, 0.002571450313553214, 0.002004375448450446,
        -0.00078087073052302, -0.00027068331837654114,
    ),
}  # fmt: skip
# Beyond it erfc is zero in the format.
ERFC_RANGE = {"double": 27.3, "float": 10.1}


def scaled_erfc(a: Number) -> Sum:
    """``(1 + 2a) e**(a**2) erfc(a)`` for an a that is not negative."""
    centre = CENTRE[a.element]
    q = (a - centre) / (a + centre)
    constant, low = SCALED_ERFC_CONSTANT[a.element]
    return ordered_sum(a.of(constant), q * polynomial(q, SCALED_ERFC[a.element]), low)


def erfc(w: FunctionWriter, x: Value) -> Value:
    """``1 - erf(x)``; all x; about 1.2 ulp (f64 and f32), results that underflow included.

    e**(-a**2) * scaled_erfc(a) / (1 + 2a) for a = |x|, with square, factors and quotient carried
    to twice the precision; erfc(-a) = 2 - erfc(a).
    """
    v = Number(w, x)
    a = least(ERFC_RANGE[v.element], abs(v))
    square = a * a
    reduced = reduce_exponent(-square)
    p = exp_minus_one(reduced.rest - fma(a, a, -square))
    numerator = product(ordered_sum(p.of(1.0), p, 0.0), scaled_erfc(a))
    denominator = fma(a, 2.0, 1.0)
    lost = fma(a, 2.0, 1.0 - denominator)
    inverse = 1.0 / denominator
    quotient = numerator.high * inverse
    residual = fma(-quotient, lost, fma(-quotient, denominator, numerator.high)) + numerator.low
    y = scale_down(fma(residual, inverse, quotient), reduced.shifted)
    return choose(v < 0.0, 2.0 - y, y).value
