"""Operations on two values and the operators of tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pullback.tracer.primitives import elementwise as rows
from pullback.tracer.primitives.elementwise import where as choose

from .dtypes import here
from .node import Promotion, Row
from .rows import first_is_mask, floating, same
from .tensors import Tensor, record


@dataclass(frozen=True, slots=True)
class Binary:
    """A function of two operands by its torch name, with an example for its page."""

    name: str
    apply: Callable[..., Any]
    grad_name: str | Callable[..., str] | None
    what: str
    gives: str
    given: str = "torch.tensor([1.0, 2.0]), torch.tensor([2.0, 2.0])"
    promote: Promotion = same


BINARY = (
    Binary("mul", np.multiply, "MulBackward0", "The product", "tensor([2., 4.])"),
    Binary("pow", np.power, "PowBackward1", "The power", "tensor([1., 4.])"),
    Binary("floor_divide", np.floor_divide, None, "The quotient, rounded down", "tensor([0., 1.])"),
    Binary(
        "remainder",
        np.remainder,
        "RemainderBackward0",
        "The rest of the division, of the sign of the divisor",
        "tensor([1., 0.])",
    ),
    Binary(
        "fmod",
        np.fmod,
        "FmodBackward0",
        "The rest of the division, of the sign of the dividend",
        "tensor([1., 0.])",
    ),
    Binary("maximum", np.maximum, "MaximumBackward0", "The greater of two", "tensor([2., 2.])"),
    Binary("minimum", np.minimum, "MinimumBackward0", "The smaller of two", "tensor([1., 2.])"),
    Binary(
        "atan2",
        np.arctan2,
        "Atan2Backward0",
        "The angle of the point (other, input)",
        "tensor([0.4636, 0.7854])",
        promote=floating,
    ),
    Binary(
        "hypot",
        np.hypot,
        "HypotBackward0",
        "The length of the point (input, other)",
        "tensor([2.2361, 2.8284])",
        promote=floating,
    ),
    Binary(
        "logaddexp",
        np.logaddexp,
        "LogaddexpBackward0",
        "log(exp(input) + exp(other))",
        "tensor([2.3133, 2.6931])",
        promote=floating,
    ),
    Binary("eq", np.equal, None, "Whether they are equal", "tensor([False,  True])"),
    Binary("ne", np.not_equal, None, "Whether they differ", "tensor([ True, False])"),
    Binary("lt", np.less, None, "Whether the first is less", "tensor([ True, False])"),
    Binary("le", np.less_equal, None, "Whether the first is less or equal", "tensor([True, True])"),
    Binary("gt", np.greater, None, "Whether the first is greater", "tensor([False, False])"),
    Binary(
        "ge",
        np.greater_equal,
        None,
        "Whether the first is greater or equal",
        "tensor([False,  True])",
    ),
    Binary(
        "logical_and",
        np.logical_and,
        None,
        "Whether both are true",
        "tensor([ True, False])",
        "torch.tensor([True, False]), torch.tensor([True, True])",
    ),
    Binary(
        "logical_or",
        np.logical_or,
        None,
        "Whether one is true",
        "tensor([True, True])",
        "torch.tensor([True, False]), torch.tensor([True, True])",
    ),
    Binary(
        "logical_xor",
        np.logical_xor,
        None,
        "Whether only one is true",
        "tensor([False,  True])",
        "torch.tensor([True, False]), torch.tensor([True, True])",
    ),
    Binary(
        "bitwise_and",
        np.bitwise_and,
        None,
        "The bits that both have",
        "tensor([1, 2])",
        "torch.tensor([1, 2]), torch.tensor([3, 3])",
    ),
    Binary(
        "bitwise_or",
        np.bitwise_or,
        None,
        "The bits that one has",
        "tensor([3, 3])",
        "torch.tensor([1, 2]), torch.tensor([3, 3])",
    ),
    Binary(
        "bitwise_xor",
        np.bitwise_xor,
        None,
        "The bits that only one has",
        "tensor([2, 1])",
        "torch.tensor([1, 2]), torch.tensor([3, 3])",
    ),
)
"""Functions of two operands without further arguments."""

ROWS = {b.name: Row(b.name, b.apply, b.grad_name, b.promote) for b in BINARY}

ADD = Row("add", np.add, "AddBackward0", same)
SUB = Row("sub", np.subtract, "SubBackward0", same)
DIV = Row("div", np.true_divide, "DivBackward0", floating)
RSUB = Row("rsub", lambda x, y: y - x, "RsubBackward1", same)
RDIV = Row("rdiv", lambda x, y: y / x, "MulBackward0", floating)
RPOW = Row("rpow", lambda x, y: y**x, "PowBackward2", same)
ADD_SCALED = Row("add", lambda x, y, scale: x + scale * y, "AddBackward0", same)
SUB_SCALED = Row("sub", lambda x, y, scale: x - scale * y, "SubBackward0", same)
POW_STATIC = Row("pow", lambda x, exponent: x**exponent, "PowBackward0")
DIV_TRUNC = Row("div", lambda x, y: np.trunc(x / y), "DivBackward2", same)
DIV_FLOOR = Row("div", np.floor_divide, "DivBackward2", same)


def binary_function(binary: Binary, module: str = "torch") -> Callable[..., Tensor]:
    """The function of a row of a table."""
    row = ROWS.get(binary.name) or Row(binary.name, binary.apply, binary.grad_name, binary.promote)

    def function(input: Any, other: Any) -> Tensor:
        return record(row, (input, other))

    function.__name__ = function.__qualname__ = binary.name
    function.__doc__ = (
        f"{binary.what}, element by element.\n\n"
        f">>> {module}.{binary.name}({binary.given})\n{binary.gives}\n"
    )
    return function


FUNCTIONS = {b.name: binary_function(b) for b in BINARY if b.name != "pow"}


def add(input: Any, other: Any, *, alpha: float = 1) -> Tensor:
    """The sum ``input + alpha * other``.

    >>> torch.add(torch.ones(2), torch.ones(2), alpha=2)
    tensor([3., 3.])
    """
    if alpha == 1:
        return record(ADD, (input, other))
    return record(ADD_SCALED, (input, other, alpha))


def sub(input: Any, other: Any, *, alpha: float = 1) -> Tensor:
    """The difference ``input - alpha * other``.

    >>> torch.sub(torch.ones(2), 3)
    tensor([-2., -2.])
    """
    if alpha == 1:
        return record(SUB, (input, other))
    return record(SUB_SCALED, (input, other, alpha))


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """The quotient; rounded towards zero ("trunc") or down ("floor") if asked.

    >>> torch.div(torch.tensor([1.0, 3.0]), 2)
    tensor([0.5000, 1.5000])
    """
    row = {None: DIV, "floor": DIV_FLOOR, "trunc": DIV_TRUNC}[rounding_mode]
    return record(row, (input, other))


def pow(input: Any, exponent: Any) -> Tensor:
    """The power; one of the two may be a number.

    >>> torch.pow(torch.tensor([1.0, 3.0]), 2)
    tensor([1., 9.])
    """
    if not isinstance(input, Tensor):
        return record(RPOW, (exponent, input))
    if isinstance(exponent, (Tensor, np.ndarray)) or not _is_static(exponent):
        return record(ROWS["pow"], (input, exponent))
    if input.node.info.kind.type.dtype.kind != "f" and not isinstance(exponent, int):
        input = input * 1.0
    whole = isinstance(exponent, int) or float(exponent).is_integer()
    return record(POW_STATIC, (input,), (int(exponent) if whole else exponent,))


def _is_static(exponent: Any) -> bool:
    """Exponents that powers are made for: those that repeated multiplication or sqrt gives."""
    return exponent == 0.5 or (float(exponent).is_integer() and abs(exponent) <= 16)


MUL = FUNCTIONS["mul"]


def _clamp_below(x: Any, low: Any) -> Any:
    return choose(x < low, low, x)


def _clamp_above(x: Any, high: Any) -> Any:
    return choose(x > high, high, x)


CLAMP_MIN = Row("clamp", _clamp_below, "ClampBackward1", same)
CLAMP_MAX = Row("clamp", _clamp_above, "ClampBackward1", same)
CLAMP = Row("clamp", rows.clip, "ClampBackward1", same)


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """The values kept between bounds, numbers or tensors.

    >>> torch.clamp(torch.tensor([-2.0, 0.5]), min=-1.0, max=1.0)
    tensor([-1.0000,  0.5000])
    """
    if min is None and max is None:
        raise ValueError(f"torch.clamp: At least one of 'min' or 'max' must not be None{here()}")
    if max is None:
        return record(CLAMP_MIN, (input, min))
    if min is None:
        return record(CLAMP_MAX, (input, max))
    return record(CLAMP, (input, min, max))


WHERE = Row("where", lambda c, x, y: choose(c, x, y), "WhereBackward0", first_is_mask)


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """``input`` where the condition holds, else ``other``; alone, the places where it does.

    >>> torch.where(torch.tensor([True, False]), 1.0, torch.zeros(2))
    tensor([1., 0.])
    """
    if input is None:
        from .indexing import nonzero

        return nonzero(condition, as_tuple=True)
    return record(WHERE, (condition, input, other))


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """``value`` where the mask is true, else ``input``.

    >>> torch.masked_fill(torch.ones(2), torch.tensor([True, False]), 5)
    tensor([5., 1.])
    """
    return record(MASKED_FILL, (mask, input, value))


MASKED_FILL = Row(
    "masked_fill", lambda c, x, y: choose(c, y, x), "MaskedFillBackward0", first_is_mask
)
LERP = Row("lerp", lambda x, y, w: x + w * (y - x), "LerpBackward0", same)
ADDCMUL = Row("addcmul", lambda x, y, z, s: x + s * y * z, "AddcmulBackward0", same)
ADDCDIV = Row("addcdiv", lambda x, y, z, s: x + s * y / z, "AddcdivBackward0", same)
NAN_TO_NUM = Row("nan_to_num", np.nan_to_num, "NanToNumBackward0")


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """``input + weight * (end - input)``.

    >>> torch.lerp(torch.zeros(2), torch.ones(2), 0.25)
    tensor([0.2500, 0.2500])
    """
    return record(LERP, (input, end, weight))


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """``input + value * tensor1 * tensor2``.

    >>> torch.addcmul(torch.zeros(2), torch.ones(2), torch.ones(2), value=3)
    tensor([3., 3.])
    """
    return record(ADDCMUL, (input, tensor1, tensor2, value))


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """``input + value * tensor1 / tensor2``.

    >>> torch.addcdiv(torch.zeros(2), torch.ones(2), torch.ones(2), value=3)
    tensor([3., 3.])
    """
    return record(ADDCDIV, (input, tensor1, tensor2, value))


def nan_to_num(input: Tensor) -> Tensor:
    """NaN as 0, infinities as the largest numbers.

    >>> torch.nan_to_num(torch.tensor([float("nan"), 1.0]))
    tensor([0., 1.])
    """
    return record(NAN_TO_NUM, (input,))


ROUND = Row("round", lambda x, decimals: np.round(x, decimals), "RoundBackward0")


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest whole number, or with so many decimals; halves go to even.

    >>> torch.round(torch.tensor([0.5, 1.5]))
    tensor([0., 2.])
    """
    return record(ROUND, (input,), (decimals,))


def _isclose(x: Any, y: Any, rtol: float, atol: float, equal_nan: bool) -> Any:
    return np.isclose(x, y, rtol, atol, equal_nan)


ISCLOSE = Row("isclose", _isclose, None, same)


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether they differ by at most ``atol + rtol * abs(other)``.

    >>> torch.isclose(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.1]))
    tensor([ True, False])
    """
    return record(ISCLOSE, (input, other), (rtol, atol, equal_nan))


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether `isclose` holds everywhere.

    >>> torch.allclose(torch.ones(2), torch.ones(2) + 1e-9)
    True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan).value().all())


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether shapes and all elements are equal.

    >>> torch.equal(torch.ones(2), torch.ones(2))
    True
    """
    same_shape = input.shape == other.shape
    return same_shape and bool((input.value() == other.value()).all())
