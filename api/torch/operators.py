"""What Python's operators do to tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .arithmetic import ADD, DIV, FUNCTIONS, RDIV, ROWS, RPOW, RSUB, SUB, pow
from .node import Row
from .tensors import NUMBERS, Tensor, record

OPERANDS = (Tensor, *NUMBERS)
ON_THE_RIGHT = (*OPERANDS, np.ndarray)
"""What arithmetic takes on the right of a tensor; arrays on the left are refused, as torch does."""


def _operator(row: Row, taken: tuple[type, ...] = OPERANDS) -> Callable[[Tensor, Any], Any]:
    def operator(self: Tensor, other: Any) -> Any:
        return record(row, (self, other)) if isinstance(other, taken) else NotImplemented

    return operator


def binary(
    function: Callable[..., Tensor], taken: tuple[type, ...] = OPERANDS
) -> Callable[[Tensor, Any], Any]:
    """The operator of a function of two operands."""

    def operator(self: Tensor, other: Any) -> Any:
        return function(self, other) if isinstance(other, taken) else NotImplemented

    return operator


def reflected(function: Callable[..., Tensor]) -> Callable[[Tensor, Any], Any]:
    """The operator of a function of two operands, the tensor being the second."""

    def operator(self: Tensor, other: Any) -> Any:
        return function(other, self) if isinstance(other, OPERANDS) else NotImplemented

    return operator


def _pow(self: Tensor, other: Any) -> Tensor:
    return pow(self, other) if isinstance(other, ON_THE_RIGHT) else NotImplemented


def _rpow(self: Tensor, other: Any) -> Tensor:
    return record(RPOW, (self, other)) if isinstance(other, OPERANDS) else NotImplemented


OPERATORS: dict[str, Callable[..., Any]] = {
    "__add__": _operator(ADD, ON_THE_RIGHT),
    "__radd__": _operator(ADD),
    "__sub__": _operator(SUB, ON_THE_RIGHT),
    "__rsub__": _operator(RSUB),
    "__mul__": _operator(ROWS["mul"], ON_THE_RIGHT),
    "__rmul__": _operator(ROWS["mul"]),
    "__div__": _operator(DIV),
    "__rdiv__": _operator(RDIV),
    "__truediv__": _operator(DIV, ON_THE_RIGHT),
    "__rtruediv__": _operator(RDIV, ON_THE_RIGHT),
    "__floordiv__": binary(FUNCTIONS["floor_divide"], ON_THE_RIGHT),
    "__rfloordiv__": reflected(FUNCTIONS["floor_divide"]),
    "__mod__": binary(FUNCTIONS["remainder"], ON_THE_RIGHT),
    "__rmod__": reflected(FUNCTIONS["remainder"]),
    "__pow__": _pow,
    "__rpow__": _rpow,
    "__and__": _operator(ROWS["bitwise_and"]),
    "__rand__": _operator(ROWS["bitwise_and"]),
    "__or__": _operator(ROWS["bitwise_or"]),
    "__ror__": _operator(ROWS["bitwise_or"]),
    "__xor__": _operator(ROWS["bitwise_xor"]),
    "__rxor__": _operator(ROWS["bitwise_xor"]),
    "__eq__": _operator(ROWS["eq"], ON_THE_RIGHT),
    "__ne__": _operator(ROWS["ne"]),
    "__lt__": _operator(ROWS["lt"]),
    "__le__": _operator(ROWS["le"]),
    "__gt__": _operator(ROWS["gt"]),
    "__ge__": _operator(ROWS["ge"]),
}
