"""The error function ``erf`` and its complement ``erfc``."""

from __future__ import annotations

from ..assembly import FunctionWriter, Value
from .exponential import (
    EXP,
    LN2_LOW,
    exp_minus_one,
    reduce_exponent,
)
from .exponents import power_of_two, scale_down
from .number import Coefficients, Number, careful_polynomial, choose, fma, least, polynomial
from .sums import Sum, ordered_sum, product, quotient
from .tables import has_tables, look_up

# erf(x)/x - 1 in powers of x**2 for |x| <= 1, minimax of the error relative to erf x, by the
# Remez algorithm; 2**-54.7 and 2**-29.4.
ERF: Coefficients = {
    "double": (
        0.12837916709551256, -0.3761263890318334, 0.11283791670936565, -0.026866170641882424,
        0.005223977595985568, -0.0008548325443222219, 0.00012055279071544232,
        -1.4924434855874603e-05, 1.6443728413665121e-06, -1.618043340089761e-07,
        1.3599910463271497e-08, -7.573882766442373e-10,
    ),
    "float": (
        0.12837916612625122, -0.3761262595653534, 0.11283578723669052, -0.026853347197175026,
        0.005187162198126316, -0.0007997853099368513, 7.80690461397171e-05,
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
    """Error function; all x; about 1.1 ulp (f64 and f32).

    A polynomial up to one, and 1 - e**P(|x| - 1) beyond, whose exponential counts little; in single
    precision one of sixteen polynomials where there are tables.
    """
    v = Number(w, x)
    size = least(ERF_RANGE[v.element], abs(v))
    if v.element == "float" and has_tables(v):
        return erf_by_table(size).with_sign_of(v).value
    z = size * size
    near = fma(size, careful_polynomial(z, ERF[v.element]), size)
    reduced = reduce_exponent(polynomial(size - 1.0, LOG_ERFC[v.element]))
    power = power_of_two(reduced.shifted)
    far = fma(power, -exp_minus_one(reduced.rest), 1.0 - power)
    return choose(size < 1.0, near, far).with_sign_of(v).value


# erf(n ERF_STEP) for n from 0 to 15, and the coefficients of powers of t in
# (erf(n ERF_STEP + t) - erf(n ERF_STEP))/t for |t| <= ERF_STEP/2, less one for n = 0; by the Remez
# algorithm, relative to erf at most 2**-30.7. The step, of few bits, is one for which the first
# row is nearly exact where that matters.
ERF_STEP = 1046 / 4096
ERF_AT_STEPS, *ERF_NEAR_STEPS = (
    (
        0.0, 0.28201213479042053, 0.5298890471458435, 0.7213903069496155, 0.8514289259910583,
        0.9290420413017273, 0.9697571992874146, 0.9885300397872925, 0.9961376786231995,
        0.9988473653793335, 0.9996955394744873, 0.999928891658783, 0.9999853372573853,
        0.9999973177909851, 0.9999995827674866, 0.9999999403953552,
    ),
    (
        0.12837916612625122, 1.0571407079696655, 0.8692927360534668, 0.627414882183075,
        0.39746513962745667, 0.22100329399108887, 0.10785839706659317, 0.046202413737773895,
        0.017371242865920067, 0.0057326131500303745, 0.0016604657284915447, 0.0004221461422275752,
        9.42001206567511e-05, 1.8449978597345762e-05, 3.1717299862066284e-06,
        4.785779310623184e-07,
    ),
    (
        -3.140693394243499e-08, -0.2699631154537201, -0.4439844787120819, -0.48067086935043335,
        -0.4060044288635254, -0.282189279794693, -0.16526350378990173, -0.08259133249521255,
        -0.035488907247781754, -0.01317549217492342, -0.004240348469465971,
        -0.0011858425568789244, -0.000288671551970765, -6.125057552708313e-05,
        -1.1339521734043956e-05, -1.833216401792015e-06,
    ),
    (
        -0.3761235177516937, -0.30641645193099976, -0.13859128952026367, 0.03635634481906891,
        0.14399313926696777, 0.16654163599014282, 0.13286250829696655, 0.08302724361419678,
        0.042545393109321594, 0.018277041614055634, 0.006665450986474752, 0.0020798994228243828,
        0.0005582719459198415, 0.0001293808309128508, 2.596065678517334e-05,
        4.5195511120255105e-06,
    ),
    (
        -9.623522055335343e-05, 0.12909798324108124, 0.1833844631910324, 0.14629757404327393,
        0.061792973428964615, -0.01225980557501316, -0.04669830948114395, -0.046678461134433746,
        -0.0316297821700573, -0.016611844301223755, -0.00709761306643486, -0.0025261694099754095,
        -0.0007592398906126618, -0.00019436677393969148, -4.26339938712772e-05,
        -8.046755283430684e-06,
    ),
    (
        0.11429566890001297, 0.07830702513456345, 0.004288793075829744, -0.05521174147725105,
        -0.06804122030735016, -0.04363130405545235, -0.011386597529053688, 0.008304220624268055,
        0.013002842664718628, 0.009779437445104122, 0.005268164444714785, 0.002231484279036522,
        0.0007724344613961875, 0.00022299159900285304, 5.434964987216517e-05,
        1.1274451935605612e-05,
    ),
    (
        -0.010196108371019363, -0.040292706340551376, -0.049326833337545395, -0.02483740821480751,
        0.006595495156943798, 0.021671237424016, 0.01812935620546341, 0.00743885850533843,
        -0.00041950182639993727, -0.0030394969508051872, -0.0025711802300065756,
        -0.0014041626127436757, -0.0005815860931761563, -0.00019323053129483014,
        -5.292141213431023e-05, -1.213684936374193e-05,
    ),
)  # fmt: skip


def erf_by_table(size: Number) -> Number:
    """``erf(size)`` in single precision from the nearest of sixteen places."""
    shifted = fma(size, 1 / ERF_STEP, 1.5 * 2.0**size.format.mantissa)
    n = shifted - 1.5 * 2.0**size.format.mantissa
    index = shifted.bits()
    t = fma(n, -ERF_STEP, size)
    *others, last = (look_up(row, index) for row in ERF_NEAR_STEPS)
    slope = last
    for coefficient in reversed(others):
        slope = fma(t, slope, coefficient)
    return fma(t, slope, choose(n.equals(0.0), t, look_up(ERF_AT_STEPS, index)))


# (1 + 9x/8) e**(x**2) erfc(x) in powers of q = (x - 3)/(x + 3), for x from 0 to where erfc
# vanishes; minimax of the relative error, by the Remez algorithm; 2**-55.7 and 2**-28.0. The map
# and a factor linear in x are of M. Shepherd and J. Laframboise, Math. Comp. 36 (1981); theirs is
# 1 + 2x, but a slope near 2/sqrt(pi) makes the function flat at zero, where the rounding of q
# would count most. The constant term is a sum of two.
SLOPE = 1.125
CENTRE = 3.0
SCALED_ERFC_CONSTANT = {
    "double": (0.783130036418581, -1.8384731161854683e-18),
    "float": (0.7831300497055054, -1.2735530852125976e-08),
}
SCALED_ERFC: Coefficients = {
    "double": (
        -0.21901405471390545, 0.08069787267532923, 0.0072496795511831445, -0.035737631897016904,
        0.027751546930070543, -0.011503167495700548, 0.0017324219480605247,
        0.0008011737192502829, -0.00041885632672545187, -3.1127598738497965e-05,
        6.474121951248728e-05, -7.066106139370893e-07, -1.0376720515989095e-05,
        1.3749049103910524e-07, 1.8195123885887166e-06, 9.560000135499009e-08,
        -3.271849481513638e-07, -5.525718150706381e-08, 5.147742903751148e-08,
        1.5894536055072817e-08, -4.945500345443751e-09, -2.191888671984105e-09,
    ),
    "float": (
        -0.21901407837867737, 0.08069781213998795, 0.007250487804412842, -0.03573595732450485,
        0.027743926271796227, -0.011519716121256351, 0.0017556865932419896,
        0.0008678926387801766, -0.00042035081423819065, -0.00012439300189726055,
    ),
}  # fmt: skip
# Beyond it erfc is zero in the format.
ERFC_RANGE = {"double": 27.3, "float": 10.1}


def scaled_erfc(a: Number) -> Sum:
    """``(1 + 9a/8) e**(a**2) erfc(a)`` for an a that is not negative."""
    q = (a - CENTRE) / (a + CENTRE)
    constant, low = SCALED_ERFC_CONSTANT[a.element]
    return ordered_sum(a.of(constant), q * polynomial(q, SCALED_ERFC[a.element]), low)


def complement(a: Number, lost: Number | None = None) -> Number:
    """``erfc(a + lost)`` for an a within ``ERFC_RANGE`` that is not negative; lost is under an ulp.

    e**(-a**2) * scaled_erfc(a) / (1 + 9a/8), with square, factors and quotient carried to twice the
    precision. The logarithmic derivative is -2a - 1/(a + 8/9), to some per cent of the last term.
    """
    denominator = fma(a, SLOPE, 1.0)
    inverse = 1.0 / denominator
    square = a * a
    reduced = reduce_exponent(-square)
    # e**r = 1 + high + (low + r**2 ...), in which nothing large has been rounded.
    low = fma(reduced.n, -LN2_LOW[a.element], -fma(a, a, -square))
    if lost is not None:
        low = fma(lost, fma(a, -2.0, inverse * -SLOPE), low)
    r = reduced.high + low
    tail = fma(r * r, polynomial(r, EXP[a.element]), low)
    numerator = product(ordered_sum(a.of(1.0), reduced.high, tail), scaled_erfc(a))
    rest_of_denominator = fma(a, SLOPE, 1.0 - denominator)
    y = quotient(numerator, Sum(denominator, rest_of_denominator), inverse)
    return scale_down(y.high + y.low, reduced.shifted)


def erfc(w: FunctionWriter, x: Value) -> Value:
    """``1 - erf(x)``; all x; about 1.2 ulp (f64 and f32), results that underflow included.

    erfc(-a) = 2 - erfc(a).
    """
    v = Number(w, x)
    y = complement(least(ERFC_RANGE[v.element], abs(v)))
    return choose(v < 0.0, 2.0 - y, y).value
