"""More functions of two operands, element by element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pullback.tracer.primitives.elementwise import broadcast_scalar, stop_gradient
from pullback.tracer.primitives.elementwise import where as choose
from pullback.tracer.trace import Tracer

from .arithmetic import CLAMP_MAX as _MAX
from .arithmetic import CLAMP_MIN as _MIN
from .arithmetic import Binary, binary_function
from .dtypes import Kind, here
from .node import Row
from .rows import floating, in_dtype, same
from .tensors import Tensor, record

_WHOLE = "torch.tensor([4, 6]), torch.tensor([6, 9])"
_SHIFT = "torch.tensor([1, 8]), torch.tensor([1, 2])"


def _double(kinds: Sequence[Kind], tracers: Sequence[Tracer]) -> list[Tracer]:
    return in_dtype(kinds, tracers, np.dtype(np.float64))


def _fmax(x: Any, y: Any) -> Any:
    first: Any = (x >= y) | np.isnan(y)
    return choose(first, x, y)


def _fmin(x: Any, y: Any) -> Any:
    first: Any = (x <= y) | np.isnan(y)
    return choose(first, x, y)


def _nextafter(x: Any, y: Any) -> Any:
    """By the first operand the derivative is one: the step is a constant."""
    towards: Any = np.nextafter(x, y)
    found = stop_gradient(towards)
    step = found - stop_gradient(x)
    usual: Any = np.isfinite(step)
    return choose(usual, x + choose(usual, step, broadcast_scalar(0, x)), found)


def _ldexp(x: Any, exponent: Any) -> Any:
    return x * np.exp2(exponent)


BINARY = (
    Binary(
        "copysign",
        np.copysign,
        "CopysignBackward0",
        "The size of the first with the sign of the second",
        "tensor([-1.,  2.])",
        "torch.tensor([1.0, 2.0]), torch.tensor([-1.0, 1.0])",
        floating,
    ),
    Binary(
        "nextafter",
        _nextafter,
        "NextafterBackward0",
        "The next number towards the other",
        "tensor([1.0000, 2.0000])",
        promote=floating,
    ),
    Binary(
        "heaviside",
        np.heaviside,
        None,
        "0 for negative, 1 for positive values, else the second",
        "tensor([0.0000, 0.5000])",
        "torch.tensor([-1.0, 0.0]), torch.tensor([0.5, 0.5])",
    ),
    Binary(
        "ldexp",
        _ldexp,
        "LdexpBackward0",
        "input * 2 ** other",
        "tensor([4., 8.])",
        promote=floating,
    ),
    Binary("gcd", np.gcd, None, "The greatest common divisor", "tensor([2, 3])", _WHOLE),
    Binary("lcm", np.lcm, None, "The least common multiple", "tensor([12, 18])", _WHOLE),
    Binary(
        "float_power",
        np.power,
        lambda kinds: "PowBackward0" if kinds[1].number else "PowBackward1",
        "The power, in double precision",
        "tensor([1., 4.], dtype=torch.float64)",
        promote=_double,
    ),
    Binary(
        "fmax",
        _fmax,
        "FmaxBackward0",
        "The greater of two; of NaN and a number that",
        "tensor([2., 2.])",
    ),
    Binary(
        "fmin",
        _fmin,
        "FminBackward0",
        "The smaller of two; of NaN and a number that",
        "tensor([1., 2.])",
    ),
    Binary(
        "logaddexp2",
        np.logaddexp2,
        "Logaddexp2Backward0",
        "log2(2 ** input + 2 ** other)",
        "tensor([2.5850, 3.0000])",
        promote=floating,
    ),
    Binary(
        "bitwise_left_shift",
        np.left_shift,
        None,
        "The bits moved left",
        "tensor([ 2, 32])",
        _SHIFT,
        same,
    ),
    Binary(
        "bitwise_right_shift",
        np.right_shift,
        None,
        "The bits moved right",
        "tensor([0, 2])",
        _SHIFT,
        same,
    ),
)
"""Functions of two operands, by torch's names."""

FUNCTIONS: dict[str, Any] = {b.name: binary_function(b) for b in BINARY}

RSUB = Row("rsub", lambda x, y, scale: y - scale * x, "RsubBackward1", same)


def _bound_name(name: str) -> Callable[..., str]:
    return lambda kinds: f"{name}Backward{0 if kinds[1].number else 1}"


def rsub(input: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """``other - alpha * input``.

    >>> torch.rsub(torch.ones(2), 3)
    tensor([2., 2.])
    """
    return record(RSUB, (input, other, alpha))


CLAMP_MIN = Row("clamp_min", _MIN.apply, _bound_name("ClampMin"), same)
CLAMP_MAX = Row("clamp_max", _MAX.apply, _bound_name("ClampMax"), same)


def clamp_min(input: Tensor, min: Any) -> Tensor:
    """The values, at least ``min``.

    >>> torch.clamp_min(torch.tensor([-2.0, 0.5]), 0.0)
    tensor([0.0000, 0.5000])
    """
    return record(CLAMP_MIN, (input, min))


def clamp_max(input: Tensor, max: Any) -> Tensor:
    """The values, at most ``max``.

    >>> torch.clamp_max(torch.tensor([-2.0, 0.5]), 0.0)
    tensor([-2.,  0.])
    """
    return record(CLAMP_MAX, (input, max))


def _isin(x: Any, y: Any, invert: bool) -> Any:
    return np.isin(x, y, invert=invert)


ISIN = Row("isin", _isin, None)


def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Whether each element is among others.

    >>> torch.isin(torch.tensor([1, 2, 3]), torch.tensor([2, 5]))
    tensor([False,  True, False])
    """
    if not isinstance(elements, Tensor) and not isinstance(test_elements, Tensor):
        raise ValueError(f"one of elements and test_elements must be a tensor{here()}")
    return record(ISIN, (elements, test_elements), (invert,))
