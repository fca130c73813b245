"""Operations on two values and the operators of tensors."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pullback.tracer.numpy.promotion import as_dtype, spread
from pullback.tracer.primitives import elementwise as rows
from pullback.tracer.primitives.elementwise import where as choose
from pullback.tracer.trace import Tracer

from .dtypes import Kind, here, int64, promoted
from .modes import MODE
from .node import NOT_IMPLEMENTED, Promotion, Row
from .refusals import check_dtypes
from .rows import common_shape, first_is_mask, first_two, floating, same
from .tensors import COPY, Tensor, operand, record


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


def _by_second(name: str) -> Callable[..., str]:
    """The name of the backward node where torch has two, for numbers and for tensors."""
    return lambda kinds: f"{name}Backward{int(not kinds[1].number)}"


def _by_third(name: str) -> Callable[..., str]:
    """The same, told by the third operand."""
    return lambda kinds: f"{name}Backward{int(not kinds[2].number)}"


BINARY = (
    Binary("mul", np.multiply, "MulBackward0", "The product", "tensor([2., 4.])"),
    Binary("pow", np.power, _by_second("Pow"), "The power", "tensor([1., 4.])"),
    Binary(
        "floor_divide",
        np.floor_divide,
        NOT_IMPLEMENTED,
        "The quotient, rounded down",
        "tensor([0., 1.])",
    ),
    Binary(
        "remainder",
        np.remainder,
        _by_second("Remainder"),
        "The rest of the division, of the sign of the divisor",
        "tensor([1., 0.])",
    ),
    Binary(
        "fmod",
        np.fmod,
        _by_second("Fmod"),
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


def _with_factor(kinds: Sequence[Kind], tracers: Sequence[Tracer]) -> Sequence[Tracer]:
    """The operands promoted; a factor of the second must be of no greater kind of numbers."""
    kind, factor = promoted(kinds[:2]).kind, kinds[2].type.dtype.kind
    if factor == "c" and kind != "c":
        raise RuntimeError(
            f"For non-complex input tensors, argument alpha must not be a complex number.{here()}"
        )
    if factor == "f" and kind in "biu":
        raise RuntimeError(
            "For integral input tensors, argument alpha must not be a floating point number."
            f"{here()}"
        )
    return first_two(kinds, tracers)


ADD_SCALED = Row("add", lambda x, y, scale: x + scale * y, "AddBackward0", _with_factor)
SUB_SCALED = Row("sub", lambda x, y, scale: x - scale * y, "SubBackward0", _with_factor)
POW_STATIC = Row("pow", lambda x, exponent: x**exponent, "PowBackward0")
DIV_TRUNC = Row("div", lambda x, y: np.trunc(x / y), "DivBackward2", same)
DIV_FLOOR = Row("div", np.floor_divide, "DivBackward2", same)


_DIVISIONS = frozenset(("floor_divide", "remainder", "fmod"))
_OF_TENSORS = frozenset(("maximum", "minimum", "atan2", "hypot", "logaddexp"))
_WHOLE = "biu"


def check_divisor(input: Any, other: Any) -> None:
    """Whole numbers must not be divided by zero, which is seen at once.

    Raises:
        RuntimeError: torch's.
    """
    kinds = [operand(x).info.kind.type.dtype.kind for x in (input, other)]
    if all(kind in _WHOLE for kind in kinds) and not MODE.own.levels and kinds != ["b", "b"]:
        value = other.value() if isinstance(other, Tensor) else np.asarray(other)
        # Nothing is divided if there is nothing to be divided.
        if not value.all() and 0 not in getattr(input, "shape", ()):
            raise RuntimeError(f"ZeroDivisionError{here()}")


def binary_function(binary: Binary, module: str = "torch") -> Callable[..., Tensor]:
    """The function of a row of a table."""
    row = ROWS.get(binary.name) or Row(binary.name, binary.apply, binary.grad_name, binary.promote)
    divides, no_numbers = binary.name in _DIVISIONS, binary.name in _OF_TENSORS

    def function(input: Any, other: Any) -> Tensor:
        if no_numbers and not isinstance(other, Tensor):
            raise TypeError(
                f"{binary.name}(): argument 'other' (position 2) must be Tensor, not "
                f"{type(other).__name__}{here()}"
            )
        if divides:
            check_divisor(input, other)
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
    if rounding_mode is not None:
        check_divisor(input, other)
    return record(row, (input, other))


def pow(input: Any, exponent: Any) -> Tensor:
    """The power; one of the two may be a number.

    >>> torch.pow(torch.tensor([1.0, 3.0]), 2)
    tensor([1., 9.])
    """
    _check_exponent(input, exponent)
    if not isinstance(input, Tensor):
        return record(RPOW, (exponent, input))
    if isinstance(exponent, (Tensor, np.ndarray)) or not _is_static(exponent):
        return record(ROWS["pow"], (input, exponent))
    kind = input.node.info.kind.type.dtype.kind
    if kind == "b" and isinstance(exponent, bool):
        return record(COPY, (input,)) if exponent else record(ROWS["eq"], (input, input))
    if kind == "b" and isinstance(exponent, int):
        input = input.to(int64)  # type: ignore[attr-defined,unused-ignore]
    if kind != "f" and not isinstance(exponent, int):
        input = input * 1.0
    whole = isinstance(exponent, int) or float(exponent).is_integer()
    return record(POW_STATIC, (input,), (int(exponent) if whole else exponent,))


def _check_exponent(input: Any, exponent: Any) -> None:
    if isinstance(exponent, Tensor):
        check_dtypes("pow of tensors", [operand(x).info.kind for x in (input, exponent)])
        return
    whole = isinstance(exponent, int) and operand(input).info.kind.type.dtype.kind in "iu"
    if whole and exponent < 0:
        raise RuntimeError(f"Integers to negative integer powers are not allowed.{here()}")


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
    if condition.node.info.kind.type.dtype.char not in "?B":
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{condition.dtype.title}{here()}"
        )
    return record(WHERE, (condition, input, other))


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """``value`` where the mask is true, else ``input``.

    >>> torch.masked_fill(torch.ones(2), torch.tensor([True, False]), 5)
    tensor([5., 1.])
    """
    check_value(input, value)
    return record(MASKED_FILL, (input, value, mask))


_C_NAMES = {"Long": "int64_t", "Short": "int16_t", "Byte": "uint8_t", "Char": "int8_t"}


def check_value(tensor: Tensor, value: Any) -> None:
    """Whether a number can be an element of the tensor.

    Raises:
        RuntimeError: torch's.
    """
    if isinstance(value, builtins.complex) and not tensor.dtype.is_complex:
        name = tensor.dtype.title
        raise RuntimeError(
            f"value cannot be converted to type {_C_NAMES.get(name, name.lower())} without "
            f"overflow{here()}"
        )


def _to_be_filled(kinds: Any, tracers: Any) -> Any:
    """What is filled keeps its dtype."""
    shape = common_shape([k.type.shape for k in kinds])
    dtypes = (kinds[0].type.dtype, kinds[0].type.dtype, np.dtype(bool))
    return [spread(as_dtype(x, d), shape) for x, d in zip(tracers, dtypes, strict=True)]


MASKED_FILL = Row(
    "masked_fill", lambda x, y, c: choose(c, y, x), "MaskedFillBackward0", _to_be_filled
)
LERP = Row("lerp", lambda x, y, w: x + w * (y - x), _by_third("Lerp"), same)
ADDCMUL = Row("addcmul", lambda x, y, z, s: x + s * y * z, "AddcmulBackward0", same)
ADDCDIV = Row("addcdiv", lambda x, y, z, s: x + s * y / z, "AddcdivBackward0", same)
NAN_TO_NUM = Row("nan_to_num", np.nan_to_num, "NanToNumBackward0")


def lerp(input: Tensor, end: Any, weight: Any) -> Tensor:
    """``input + weight * (end - input)``.

    >>> torch.lerp(torch.zeros(2), torch.ones(2), 0.25)
    tensor([0.2500, 0.2500])
    """
    if not isinstance(end, Tensor):
        raise TypeError(
            f"lerp(): argument 'end' (position 2) must be Tensor, not {type(end).__name__}{here()}"
        )
    for name, x in (("end", end), ("weight", weight)):
        if isinstance(x, Tensor) and x.dtype is not input.dtype:
            raise RuntimeError(
                f"expected dtype {input.dtype.c_name} for `{name}` but got dtype "
                f"{x.dtype.c_name}{here()}"
            )
    return record(LERP, (input, end, weight))


def _need_tensors(name: str, *args: Any) -> None:
    for i, x in enumerate(args, start=1):
        if not isinstance(x, Tensor):
            raise TypeError(
                f"{name}(): argument 'tensor{i}' (position {i + 1}) must be Tensor, not "
                f"{type(x).__name__}{here()}"
            )


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """``input + value * tensor1 * tensor2``.

    >>> torch.addcmul(torch.zeros(2), torch.ones(2), torch.ones(2), value=3)
    tensor([3., 3.])
    """
    _need_tensors("addcmul", tensor1, tensor2)
    return record(ADDCMUL, (input, tensor1, tensor2, value))


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """``input + value * tensor1 / tensor2``.

    >>> torch.addcdiv(torch.zeros(2), torch.ones(2), torch.ones(2), value=3)
    tensor([3., 3.])
    """
    _need_tensors("addcdiv", tensor1, tensor2)
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
