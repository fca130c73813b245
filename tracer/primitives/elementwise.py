"""Elementwise rows: operands of one type, a result of that shape.

Each states its derivative as the partial by each operand; None stands for a partial that is zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..primitive import Domain, Partials, Primitive, register
from ..trace import Tracer, literal
from ..types import (
    BOOL,
    DTYPES,
    INT64,
    UINT8,
    ArrayType,
    DType,
    Shape,
    is_complex,
    is_inexact,
    is_integer,
    real_dtype,
)

FLOATS = ("f64", "f32", "f16")
INTEGERS = ("i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8")
NUMBERS = (*FLOATS, *INTEGERS)
COMPLEX = ("c128", "c64")
INEXACT = (*FLOATS, *COMPLEX)
FIELD = (*NUMBERS, *COMPLEX)
ANY = (*NUMBERS, "bool", *COMPLEX)
LOGICAL = ("bool", *INTEGERS)

Array = np.ndarray[Any, Any]


def _same_types(name: str, operands: tuple[ArrayType, ...]) -> ArrayType:
    first = operands[0]
    if any(x is not first and x != first for x in operands):
        raise TypeError(f"{name} takes operands of one type, got {', '.join(map(str, operands))}")
    return first


def _infer_same(name: str, kinds: str) -> Callable[..., ArrayType]:
    def infer(*operands: ArrayType) -> ArrayType:
        type = _same_types(name, operands)
        if type.dtype.kind not in kinds:
            raise TypeError(f"{name} is not defined for {type.dtype}")
        return type

    return infer


def _infer_bool(name: str, kinds: str) -> Callable[..., ArrayType]:
    same = _infer_same(name, kinds)
    return lambda *operands: same(*operands).with_dtype(BOOL)


def broadcast_scalar(value: float, like: Tracer) -> Tracer:
    """A number in the shape and dtype of another value."""
    from .structure import broadcast

    return broadcast(literal(value, like.dtype), shape=like.shape, axes=())


KINDS: dict[tuple[str, ...], str] = {
    FLOATS: "f",
    INEXACT: "fc",
    NUMBERS: "fiu",
    FIELD: "fiuc",
    ANY: "fiubc",
    INTEGERS: "iu",
    LOGICAL: "biu",
}


def _row(
    name: str,
    reference: Callable[..., Any],
    partials: Partials | None,
    arity: int,
    dtypes: tuple[str, ...] = FLOATS,
    low: float | tuple[float, ...] = -2.0,
    high: float | tuple[float, ...] = 2.0,
    predicate: bool = False,
    symbol: str | None = None,
    smooth: bool = True,
) -> Primitive:
    infer = (_infer_bool if predicate else _infer_same)(name, KINDS[dtypes])
    shapes: tuple[Shape, ...] = ((3, 5), (), (0, 2), (37,))
    domain = Domain(
        tuple(((shape,) * arity, {}) for shape in shapes), low, high, dtypes, smooth=smooth
    )
    row = Primitive(name, infer, reference, domain, partials, elementwise=True, symbol=symbol)
    return register(row)


def _scipy(name: str) -> Callable[..., Any]:
    def reference(*operands: Any) -> Any:
        from scipy import special

        return getattr(special, name)(*operands)

    return reference


# -- arithmetic ------------------------------------------------------------------------------

neg = _row("neg", np.negative, lambda out, x: (-1.0,), 1, FIELD)
add = _row("add", np.add, lambda out, x, y: (1.0, 1.0), 2, FIELD, symbol="+")
sub = _row("sub", np.subtract, lambda out, x, y: (1.0, -1.0), 2, FIELD, symbol="-")
mul = _row("mul", np.multiply, lambda out, x, y: (y, x), 2, FIELD, symbol="*")


def _div_partials(out: Tracer, x: Tracer, y: Tracer) -> tuple[Tracer, Tracer]:
    # All divisions are the one by y, which takes as long as several other steps.
    inverse = 1.0 / y
    return inverse, -out * inverse


div = _row(
    "div",
    np.true_divide,
    _div_partials,
    2,
    INEXACT,
    low=(-2.0, 0.3),
    symbol="/",
)


def _pow_partials(out: Tracer, x: Tracer, y: Tracer) -> tuple[Tracer, Tracer]:
    # The limits at a zero base or exponent are finite, the formulas are 0 * inf there.
    zero = broadcast_scalar(0.0, x)
    by_base = where((y == 0.0) & ((x == 0.0) | (x != x)), zero, y * pow(x, y - 1.0))
    by_exponent = where((x == 0.0) & is_finite(out), zero, log(x) * out)
    return by_base, by_exponent


pow = _row("pow", np.power, _pow_partials, 2, FIELD, low=(0.1, 0.0), symbol="**")
floor_divide = _row(
    "floor_divide", np.floor_divide, None, 2, NUMBERS, low=(-9.0, 1.0), high=9.0, symbol="//"
)
remainder = _row(
    "remainder",
    np.remainder,
    lambda out, x, y: (1.0, -floor_divide(x, y)),
    2,
    NUMBERS,
    low=(-9.0, 1.3),
    high=(9.0, 4.0),
    symbol="%",
    smooth=False,
)


def _infer_abs(x: ArrayType) -> ArrayType:
    if x.dtype == BOOL:
        raise TypeError(f"abs is not defined for {x.dtype}")
    return x.with_dtype(real_dtype(x.dtype))


def _abs_partial(out: Tracer, x: Tracer) -> tuple[Tracer]:
    """The sign; of a complex number the conjugate direction, which is 0 at 0 too."""
    from .complexes import conj

    if not is_complex(x.dtype):
        return (sign(x),)
    nothing = out == 0.0
    size = where(nothing, broadcast_scalar(1.0, out), out)
    return (conj(where(nothing, broadcast_scalar(0.0, x), x)) / convert(size, dtype=x.dtype),)


abs = register(
    Primitive(
        "abs",
        _infer_abs,
        np.absolute,
        Domain(
            tuple(((shape,), {}) for shape in ((3, 5), (), (0, 2), (37,))),
            dtypes=FIELD,
            smooth=False,
        ),
        partials=_abs_partial,
        elementwise=True,
    )
)
copysign: Primitive = _row(
    "copysign",
    np.copysign,
    lambda out, x, y: (
        copysign(broadcast_scalar(1.0, x), x) * copysign(broadcast_scalar(1.0, y), y),
        None,
    ),
    2,
    low=0.2,
    smooth=False,
)
sign: Primitive = _row("sign", np.sign, None, 1, NUMBERS)
floor = _row("floor", np.floor, None, 1)
ceil = _row("ceil", np.ceil, None, 1)
trunc = _row("trunc", np.trunc, None, 1)
round = _row("round", np.rint, None, 1, INEXACT)


def _infer_integer_pow(x: ArrayType, *, n: int) -> ArrayType:
    if x.dtype == BOOL or (n < 0 and not is_inexact(x.dtype)):
        raise TypeError(f"integer_pow is not defined for {x} and exponent {n}")
    return x


integer_pow: Primitive = register(
    Primitive(
        "integer_pow",
        _infer_integer_pow,
        lambda x, *, n: np.power(x, np.asarray(n, x.dtype)),
        Domain(
            ((((3, 5),), {"n": 3}), (((4,),), {"n": -2}), (((),), {"n": 2}), (((0,),), {"n": 5})),
            low=0.3,
            dtypes=INEXACT,
        ),
        partials=lambda out, x, *, n: (float(n) * integer_pow(x, n=n - 1) if n != 1 else 1.0,),
        elementwise=True,
    )
)

# -- exponentials and logarithms ---------------------------------------------------------------

LN2, LN10 = math.log(2.0), math.log(10.0)

exp = _row("exp", np.exp, lambda out, x: (out,), 1, INEXACT)
exp2 = _row("exp2", np.exp2, lambda out, x: (out * LN2,), 1, INEXACT)
expm1 = _row("expm1", np.expm1, lambda out, x: (out + 1.0,), 1, INEXACT)
log = _row("log", np.log, lambda out, x: (1.0 / x,), 1, INEXACT, low=0.1)
log1p = _row("log1p", np.log1p, lambda out, x: (1.0 / (1.0 + x),), 1, INEXACT, low=-0.8)
log2 = _row("log2", np.log2, lambda out, x: (1.0 / (x * LN2),), 1, INEXACT, low=0.1)
log10 = _row("log10", np.log10, lambda out, x: (1.0 / (x * LN10),), 1, INEXACT, low=0.1)
sqrt = _row("sqrt", np.sqrt, lambda out, x: (0.5 * (1.0 / out),), 1, INEXACT, low=0.1)
cbrt = _row("cbrt", np.cbrt, lambda out, x: (1.0 / (3.0 * out * out),), 1, low=0.1)
logistic = _row("logistic", _scipy("expit"), lambda out, x: (out * (1.0 - out),), 1)


def _logaddexp_partials(out: Tracer, x: Tracer, y: Tracer) -> tuple[Tracer, Tracer]:
    # Equal infinities, whose difference is NaN, share the derivative as other equal operands do.
    infinite = (x == y) & (abs(x) == math.inf)
    half = broadcast_scalar(0.5, x)
    return where(infinite, half, logistic(x - y)), where(infinite, half, logistic(y - x))


logaddexp = _row("logaddexp", np.logaddexp, _logaddexp_partials, 2)


def _log_of_sum(x: Any, y: Any) -> Any:
    """By Knuth's sum, which has what rounding loses as a second number."""
    dtype = np.result_type(x, y)
    with np.errstate(all="ignore"):
        # Where that overflows, the logarithm is infinite too.
        rounded = np.add(x, y, dtype=np.result_type(dtype, np.float32))
        x, y = (np.asarray(v, np.float64) for v in (x, y))
        total = np.where(np.isinf(rounded), rounded, x + y)
        part = total - x
        share = ((x - (total - part)) + (y - part)) / total
        logarithm = np.log(np.abs(total)) + np.where(np.abs(share) < 1.0, share, 0.0)
        return logarithm.astype(dtype)


def _log_of_sum_partials(out: Tracer, x: Tracer, y: Tracer) -> tuple[Tracer, Tracer]:
    slope = 1.0 / (x + y)
    return slope, slope


log_of_sum = _row(
    "log_of_sum", _log_of_sum, _log_of_sum_partials, 2, low=(0.4, -0.3), high=(2.0, 1.0)
)
"""``log(abs(x + y))`` of the sum as it is, not as it is rounded: of 1 and 1e-20 it is 1e-20."""

# -- trigonometric and hyperbolic ----------------------------------------------------------------

sin = _row("sin", np.sin, lambda out, x: (cos(x),), 1, INEXACT)
cos: Primitive = _row("cos", np.cos, lambda out, x: (-sin(x),), 1, INEXACT)
tan = _row("tan", np.tan, lambda out, x: (1.0 + out * out,), 1, INEXACT, low=-1.2, high=1.2)
asin = _row(
    "asin",
    np.arcsin,
    lambda out, x: (1.0 / sqrt((1.0 - x) * (1.0 + x)),),
    1,
    INEXACT,
    low=-0.9,
    high=0.9,
)
acos = _row(
    "acos",
    np.arccos,
    lambda out, x: (-1.0 / sqrt((1.0 - x) * (1.0 + x)),),
    1,
    INEXACT,
    low=-0.9,
    high=0.9,
)
atan = _row("atan", np.arctan, lambda out, x: (1.0 / (1.0 + x * x),), 1, INEXACT)
atan2 = _row(
    "atan2",
    np.arctan2,
    lambda out, y, x: (x / (x * x + y * y), -y / (x * x + y * y)),
    2,
    low=0.2,
)
sinh = _row("sinh", np.sinh, lambda out, x: (cosh(x),), 1, INEXACT)
cosh: Primitive = _row("cosh", np.cosh, lambda out, x: (sinh(x),), 1, INEXACT)
tanh = _row("tanh", np.tanh, lambda out, x: (1.0 - out * out,), 1, INEXACT)
asinh = _row("asinh", np.arcsinh, lambda out, x: (1.0 / sqrt(1.0 + x * x),), 1, INEXACT)


def _acosh_partial(x: Tracer) -> Tracer:
    # The root of the product has the other sign in half of the complex plane.
    if is_complex(x.dtype):
        return 1.0 / (sqrt(x - 1.0) * sqrt(x + 1.0))
    return 1.0 / sqrt((x - 1.0) * (x + 1.0))


acosh = _row(
    "acosh", np.arccosh, lambda out, x: (_acosh_partial(x),), 1, INEXACT, low=1.2, high=4.0
)
atanh = _row(
    "atanh",
    np.arctanh,
    lambda out, x: (1.0 / ((1.0 - x) * (1.0 + x)),),
    1,
    INEXACT,
    low=-0.8,
    high=0.8,
)
nextafter = _row(
    "nextafter",
    np.nextafter,
    lambda out, x, y: (broadcast_scalar(1.0, x), None),
    2,
    smooth=False,
)
"""The number next to x on the way to y; the derivative is that of x."""

hypot = _row("hypot", np.hypot, lambda out, x, y: (x / out, y / out), 2, low=0.2)

TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)

erf = _row("erf", _scipy("erf"), lambda out, x: (TWO_OVER_SQRT_PI * exp(-x * x),), 1)
erfc = _row("erfc", _scipy("erfc"), lambda out, x: (-TWO_OVER_SQRT_PI * exp(-x * x),), 1)

# -- selection and comparison ------------------------------------------------------------------


def _larger_share(x: Tracer, y: Tracer) -> Tracer:
    """1 where x > y, 0 where x < y, and half where they tie."""
    half = where(x == y, broadcast_scalar(0.5, x), broadcast_scalar(0.0, x))
    return where(x > y, broadcast_scalar(1.0, x), half)


maximum = _row(
    "maximum",
    np.maximum,
    lambda out, x, y: (_larger_share(x, y), _larger_share(y, x)),
    2,
    FIELD,
    smooth=False,
)
minimum = _row(
    "minimum",
    np.minimum,
    lambda out, x, y: (_larger_share(y, x), _larger_share(x, y)),
    2,
    FIELD,
    smooth=False,
)


def _indicator(condition: Tracer, like: Tracer) -> Tracer:
    return where(condition, broadcast_scalar(1.0, like), broadcast_scalar(0.0, like))


clip = _row(
    "clip",
    lambda x, low, high: np.minimum(np.maximum(x, low), high),
    lambda out, x, low, high: (
        _indicator((x >= low) & (x <= high), x),
        _indicator((x < low) & (low <= high), x),
        _indicator((x > high) | (low > high), x),
    ),
    3,
    FIELD,
    low=(-3.0, -1.5, 0.5),
    high=(3.0, -0.5, 1.5),
    smooth=False,
)

eq = _row("eq", np.equal, None, 2, ANY, predicate=True, symbol="==")
ne = _row("ne", np.not_equal, None, 2, ANY, predicate=True, symbol="!=")
lt = _row("lt", np.less, None, 2, ANY, predicate=True, symbol="<")
le = _row("le", np.less_equal, None, 2, ANY, predicate=True, symbol="<=")
gt = _row("gt", np.greater, None, 2, ANY, predicate=True, symbol=">")
ge = _row("ge", np.greater_equal, None, 2, ANY, predicate=True, symbol=">=")
is_nan = _row("is_nan", np.isnan, None, 1, INEXACT, predicate=True)
is_inf = _row("is_inf", np.isinf, None, 1, INEXACT, predicate=True)
is_finite = _row("is_finite", np.isfinite, None, 1, INEXACT, predicate=True)
bit_and = _row("bit_and", np.bitwise_and, None, 2, LOGICAL, symbol="&")
bit_or = _row("bit_or", np.bitwise_or, None, 2, LOGICAL, symbol="|")
bit_xor = _row("bit_xor", np.bitwise_xor, None, 2, LOGICAL, symbol="^")
bit_not = _row("bit_not", np.invert, None, 1, LOGICAL, symbol="~")
shift_left = _row(
    "shift_left", np.left_shift, None, 2, INTEGERS, low=(-9.0, 0.0), high=9.0, symbol="<<"
)
shift_right = _row(
    "shift_right", np.right_shift, None, 2, INTEGERS, low=(-9.0, 0.0), high=9.0, symbol=">>"
)
gcd = _row("gcd", np.gcd, None, 2, INTEGERS, low=-99.0, high=99.0)


def _infer_bit_count(x: ArrayType) -> ArrayType:
    if not is_integer(x.dtype):
        raise TypeError(f"bit_count is not defined for {x.dtype}")
    return x.with_dtype(UINT8)


bit_count = register(
    Primitive(
        "bit_count",
        _infer_bit_count,
        np.bitwise_count,
        Domain(
            tuple(((shape,), {}) for shape in ((3, 5), (), (0, 2), (37,))),
            low=-99.0,
            high=99.0,
            dtypes=INTEGERS,
        ),
        elementwise=True,
    )
)
"""How many bits of the absolute value are set."""


def _infer_where(condition: ArrayType, yes: ArrayType, no: ArrayType) -> ArrayType:
    if condition != yes.with_dtype(BOOL) or yes != no:
        raise TypeError(f"where takes bool and two of one type, got {condition}, {yes}, {no}")
    return yes


where: Primitive = register(
    Primitive(
        "where",
        _infer_where,
        np.where,
        Domain(
            tuple(((shape, shape, shape), {}) for shape in ((3, 5), (), (0,), (21,))),
            dtypes=ANY,
            kinds=("bool", "*", "*"),
        ),
        transpose=lambda ct, condition, yes, no: (
            None,
            where(condition, ct, broadcast_scalar(0.0, ct)),
            where(condition, broadcast_scalar(0.0, ct), ct),
        ),
        linear=(1, 2),
        jointly=True,
        elementwise=True,
        support=lambda condition, yes, no: (None, condition, ~condition),
    )
)


def _infer_convert(x: ArrayType, *, dtype: DType) -> ArrayType:
    return x.with_dtype(dtype)


def _convert_reference(x: Array, *, dtype: DType) -> Array:
    x = np.asarray(x)
    with np.errstate(invalid="ignore", over="ignore"):
        return (x.real if dtype.kind in "fiu" else x).astype(dtype)


convert: Primitive = register(
    Primitive(
        "convert",
        _infer_convert,
        _convert_reference,
        Domain(
            tuple((((3, 5),), {"dtype": DTYPES[target]}) for target in ANY),
            dtypes=ANY,
        ),
        transpose=lambda ct, x, *, dtype: (
            convert(ct, dtype=x.dtype) if is_inexact(x.dtype) and is_inexact(dtype) else None,
        ),
        linear=(0,),
        elementwise=True,
    )
)


def _infer_fit(x: ArrayType, *, dtype: DType) -> ArrayType:
    if x.dtype != INT64 or not is_integer(dtype):
        raise TypeError(f"fit takes int64 to another integer dtype, got {x} to {dtype}")
    return x.with_dtype(dtype)


def _fit_reference(x: Array, *, dtype: DType) -> Array:
    result = np.asarray(x).astype(dtype)
    wrong = (result.astype(np.int64) != x) | ((np.asarray(x) < 0) & (dtype.kind == "u"))
    if wrong.any():
        number = np.asarray(x)[wrong].flat[0]
        raise OverflowError(f"Python integer {number} out of bounds for {dtype}")
    return result


fit: Primitive = register(
    Primitive(
        "fit",
        _infer_fit,
        _fit_reference,
        Domain(
            tuple(
                ((shape,), {"dtype": DTYPES[name]})
                for shape, name in (((), "i8"), ((3, 5), "u8"), ((7,), "u64"), ((), "i32"))
            ),
            low=0.0,
            high=99.0,
            dtypes=("i64",),
        ),
        batch=lambda batched, x, *, dtype: fit(x, dtype=dtype),
    )
)
"""What `convert` gives, for integers that the dtype holds; others raise OverflowError."""

stop_gradient = register(
    Primitive(
        "stop_gradient",
        lambda x: x,
        lambda x: x,
        Domain(((((3, 2),), {}),), dtypes=ANY),
        elementwise=True,
    )
)
