"""Functions of one tensor, element by element: a table, a row a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pullback.tracer.primitives import elementwise as rows
from pullback.tracer.primitives.elementwise import broadcast_scalar, where
from pullback.tracer.scipy import special

from .node import Promotion, Row
from .refusals import check_dtypes
from .rows import floating, same
from .tensors import Tensor, record


@dataclass(frozen=True, slots=True)
class Unary:
    """A function by its torch name: what it does to a tracer, and an example for its page.

    ``given`` and ``gives`` are the example: the argument, and what torch prints.
    """

    name: str
    apply: Callable[[Any], Any]
    grad_name: str | None
    what: str
    gives: str
    given: str = "[0.25, 0.5]"
    promote: Promotion = floating


def _relu(x: Any) -> Any:
    zero = broadcast_scalar(0, x)
    return where(x <= zero, zero, x)


def _rsqrt(x: Any) -> Any:
    return 1.0 / np.sqrt(x)


def sigmoid(x: Any) -> Any:
    """Of complex numbers, too."""
    return 1.0 / (1.0 + np.exp(-x)) if x.dtype.kind == "c" else rows.logistic(x)


def _logit(x: Any) -> Any:
    return special.logit(x)


def _sign(x: Any) -> Any:
    """0 of NaN, unlike NumPy's, as in PyTorch."""
    if x.dtype.kind == "b":
        return x
    return (
        np.sign(x) if x.dtype.kind != "f" else where(x == x, np.sign(x), broadcast_scalar(0.0, x))
    )


def _sgn(x: Any) -> Any:
    return np.sign(x) if x.dtype.kind == "c" else _sign(x)


def _square(x: Any) -> Any:
    return np.square(x.astype(np.int64) if x.dtype.kind == "b" else x)


def _frac(x: Any) -> Any:
    return x - rows.trunc(x)


def _reciprocal(x: Any) -> Any:
    return 1.0 / x


UNARY = (
    Unary(
        "abs",
        np.absolute,
        "AbsBackward0",
        "The absolute value",
        "tensor([1., 2.])",
        "[-1.0, 2.0]",
        same,
    ),
    Unary(
        "neg",
        np.negative,
        "NegBackward0",
        "The negative",
        "tensor([ 1., -2.])",
        "[-1.0, 2.0]",
        same,
    ),
    Unary(
        "sign",
        _sign,
        "SignBackward0",
        "-1, 0 or 1, by the sign",
        "tensor([-1.,  0.])",
        "[-3.0, 0.0]",
        same,
    ),
    Unary(
        "floor",
        np.floor,
        "FloorBackward0",
        "The next whole number below",
        "tensor([-1.,  1.])",
        "[-0.5, 1.5]",
        same,
    ),
    Unary(
        "ceil",
        np.ceil,
        "CeilBackward0",
        "The next whole number above",
        "tensor([-0., 2.])",
        "[-0.5, 1.5]",
        same,
    ),
    Unary(
        "trunc",
        np.trunc,
        "TruncBackward0",
        "The whole part",
        "tensor([-0., 1.])",
        "[-0.5, 1.5]",
        same,
    ),
    Unary(
        "frac",
        _frac,
        "FracBackward0",
        "The part behind the point",
        "tensor([-0.5000,  0.2500])",
        "[-0.5, 1.25]",
        same,
    ),
    Unary(
        "relu",
        _relu,
        "ReluBackward0",
        "The value where it is positive, else 0",
        "tensor([0., 2.])",
        "[-1.0, 2.0]",
        same,
    ),
    Unary("square", _square, "PowBackward0", "The square", "tensor([1., 4.])", "[-1.0, 2.0]", same),
    Unary(
        "sgn",
        _sgn,
        "SgnBackward0",
        "-1, 0 or 1, by the sign",
        "tensor([-1.,  0.])",
        "[-3.0, 0.0]",
        same,
    ),
    Unary(
        "signbit",
        np.signbit,
        None,
        "Whether the sign is minus, of zeros too",
        "tensor([ True, False])",
        "[-0.0, 2.0]",
        same,
    ),
    Unary(
        "isposinf",
        np.isposinf,
        None,
        "Whether it is infinite and positive",
        "tensor([False,  True])",
        "[1.0, torch.inf]",
        same,
    ),
    Unary(
        "isneginf",
        np.isneginf,
        None,
        "Whether it is infinite and negative",
        "tensor([False,  True])",
        "[1.0, -torch.inf]",
        same,
    ),
    Unary(
        "isreal",
        np.isreal,
        None,
        "Whether it has no imaginary part",
        "tensor([True, True])",
        promote=same,
    ),
    Unary(
        "deg2rad",
        np.deg2rad,
        "Deg2RadBackward0",
        "Degrees as radians",
        "tensor([1.5708, 3.1416])",
        "[90.0, 180.0]",
    ),
    Unary(
        "rad2deg",
        np.rad2deg,
        "Rad2DegBackward0",
        "Radians as degrees",
        "tensor([ 57.2958, 114.5916])",
        "[1.0, 2.0]",
    ),
    Unary("exp", np.exp, "ExpBackward0", "The exponential", "tensor([1.2840, 1.6487])"),
    Unary("exp2", np.exp2, "Exp2Backward0", "Two to the power", "tensor([1.1892, 1.4142])"),
    Unary(
        "expm1", np.expm1, "Expm1Backward0", "exp(x) - 1, exact near 0", "tensor([0.2840, 0.6487])"
    ),
    Unary("log", np.log, "LogBackward0", "The natural logarithm", "tensor([-1.3863, -0.6931])"),
    Unary(
        "log1p", np.log1p, "Log1PBackward0", "log(1 + x), exact near 0", "tensor([0.2231, 0.4055])"
    ),
    Unary("log2", np.log2, "Log2Backward0", "The logarithm to base 2", "tensor([-2., -1.])"),
    Unary(
        "log10",
        np.log10,
        "Log10Backward0",
        "The logarithm to base 10",
        "tensor([-0.6021, -0.3010])",
    ),
    Unary("sqrt", np.sqrt, "SqrtBackward0", "The square root", "tensor([0.5000, 0.7071])"),
    Unary(
        "rsqrt", _rsqrt, "RsqrtBackward0", "One over the square root", "tensor([2.0000, 1.4142])"
    ),
    Unary("reciprocal", _reciprocal, "ReciprocalBackward0", "One over x", "tensor([4., 2.])"),
    Unary("sin", np.sin, "SinBackward0", "The sine", "tensor([0.2474, 0.4794])"),
    Unary("cos", np.cos, "CosBackward0", "The cosine", "tensor([0.9689, 0.8776])"),
    Unary("tan", np.tan, "TanBackward0", "The tangent", "tensor([0.2553, 0.5463])"),
    Unary(
        "asin", np.arcsin, "AsinBackward0", "The inverse of the sine", "tensor([0.2527, 0.5236])"
    ),
    Unary(
        "acos", np.arccos, "AcosBackward0", "The inverse of the cosine", "tensor([1.3181, 1.0472])"
    ),
    Unary(
        "atan", np.arctan, "AtanBackward0", "The inverse of the tangent", "tensor([0.2450, 0.4636])"
    ),
    Unary("sinh", np.sinh, "SinhBackward0", "The hyperbolic sine", "tensor([0.2526, 0.5211])"),
    Unary("cosh", np.cosh, "CoshBackward0", "The hyperbolic cosine", "tensor([1.0314, 1.1276])"),
    Unary("tanh", np.tanh, "TanhBackward0", "The hyperbolic tangent", "tensor([0.2449, 0.4621])"),
    Unary("asinh", np.arcsinh, "AsinhBackward0", "The inverse of sinh", "tensor([0.2475, 0.4812])"),
    Unary(
        "acosh",
        np.arccosh,
        "AcoshBackward0",
        "The inverse of cosh",
        "tensor([0.9624, 1.3170])",
        "[1.5, 2.0]",
    ),
    Unary("atanh", np.arctanh, "AtanhBackward0", "The inverse of tanh", "tensor([0.2554, 0.5493])"),
    Unary(
        "sigmoid",
        sigmoid,
        "SigmoidBackward0",
        "1 / (1 + exp(-x))",
        "tensor([0.5622, 0.6225])",
    ),
    Unary(
        "logit",
        _logit,
        "LogitBackward0",
        "The inverse of the sigmoid",
        "tensor([-1.0986,  0.0000])",
    ),
    Unary("erf", rows.erf, "ErfBackward0", "The error function", "tensor([0.2763, 0.5205])"),
    Unary("erfc", rows.erfc, "ErfcBackward0", "1 - erf(x)", "tensor([0.7237, 0.4795])"),
    Unary(
        "isnan",
        np.isnan,
        None,
        "Whether it is not a number",
        "tensor([False,  True])",
        "[1.0, torch.nan]",
        same,
    ),
    Unary(
        "isinf",
        np.isinf,
        None,
        "Whether it is infinite",
        "tensor([False,  True])",
        "[1.0, torch.inf]",
        same,
    ),
    Unary(
        "isfinite",
        np.isfinite,
        None,
        "Whether it is a finite number",
        "tensor([ True, False])",
        "[1.0, torch.inf]",
        same,
    ),
    Unary(
        "logical_not",
        np.logical_not,
        None,
        "Whether it is zero",
        "tensor([False,  True])",
        "[1.0, 0.0]",
        same,
    ),
    Unary(
        "bitwise_not",
        np.invert,
        None,
        "The other bits",
        "tensor([False,  True])",
        "[True, False]",
        same,
    ),
)
"""Every function of one tensor."""


def unary_function(unary: Unary, module: str = "torch") -> Callable[[Tensor], Tensor]:
    """The function of a row of the table."""
    row = Row(unary.name, unary.apply, unary.grad_name, unary.promote)

    def function(input: Tensor) -> Tensor:
        return record(row, (input,))

    function.__name__ = function.__qualname__ = unary.name
    function.__doc__ = (
        f"{unary.what}, element by element.\n\n"
        f">>> {module}.{unary.name}(torch.tensor({unary.given}))\n{unary.gives}\n"
    )
    return function


def positive(input: Tensor) -> Tensor:
    """The tensor itself; a tensor of bools has no sign.

    >>> torch.positive(torch.tensor([-1.0, 2.0]))
    tensor([-1.,  2.])
    """
    check_dtypes("positive", [input.node.info.kind])
    return input


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {u.name: unary_function(u) for u in UNARY}
FUNCTIONS["positive"] = positive

ALIASES = {
    "absolute": "abs",
    "negative": "neg",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "fix": "trunc",
}
FUNCTIONS.update({alias: FUNCTIONS[name] for alias, name in ALIASES.items()})
