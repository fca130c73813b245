"""NumPy's ufuncs on traced values: promote, broadcast, then the row.

`call` is the ufunc, whose results take part in promotion by their dtype. `apply` is the Python
operator, whose results on Python numbers are Python numbers again.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import UnsupportedFunctionError, at
from ..location import user_location
from ..scipy.special import SPECIAL
from ..trace import WEAK_DTYPES, Tracer, Weak, lift
from ..types import BOOL, is_integer
from .meanings import CORE, ELEMENTWISE
from .promotion import (
    as_dtype,
    common_shape,
    is_python_scalar,
    key,
    number,
    prepare,
    python_type,
    resolve,
    shape_of,
)

OPERANDS = (Tracer, np.ndarray, np.generic, bool, int, float, complex)
"""What can stand beside a traced value in an expression."""

COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
}
BITWISE = frozenset(["bitwise_and", "bitwise_or", "bitwise_xor"])


def takes_part(x: Tracer, other: Any) -> bool:
    """Whether a value can stand beside a traced one in an expression.

    Lists, tuples and ranges count as arrays beside an array, as in NumPy, but not beside a Python
    number.
    """
    return isinstance(other, OPERANDS) or (
        x.weak is None and isinstance(other, (list, tuple, range))
    )


def as_operand(value: Any) -> Any:
    """What can be an operand; lists are arrays, of traced values perhaps."""
    if isinstance(value, OPERANDS):
        return value
    from .creation import asarray

    return asarray(value)


def apply(ufunc: np.ufunc, *operands: Any) -> Any:
    """A Python operator: the ufunc, but Python numbers give a Python number."""
    if _of_one_type(operands):
        return call(ufunc, *operands)
    operands = tuple([as_operand(x) for x in operands])
    kinds = [python_type(x) for x in operands]
    if None not in kinds:
        return _on_python_numbers(ufunc, operands, kinds)
    return call(ufunc, *operands)


def _module(ufunc: np.ufunc) -> str:
    return "np" if getattr(np, ufunc.__name__, None) is ufunc else "scipy.special"


def call(ufunc: np.ufunc, *operands: Any) -> Any:
    """The ufunc on operands of which at least one is traced.

    Raises:
        TypeError: when NumPy does not define the ufunc for these dtypes.
        ValueError: when the shapes do not broadcast.
        UnsupportedFunctionError: when the ufunc has no traced meaning.
    """
    name = ufunc.__name__
    core = CORE.get(name)
    if core is not None:
        return core(*operands)
    meaning = ELEMENTWISE.get(name) or SPECIAL.get(name)
    if meaning is None:
        raise UnsupportedFunctionError(
            f"{_module(ufunc)}.{name} has no meaning for traced values; compute it outside the "
            f"traced function, or compose it of other functions{at(user_location())}"
        )
    if _of_one_type(operands):
        dtype = operands[0].dtype
        dtypes = resolve(ufunc, (dtype,) * len(operands))
        if dtypes[0] == dtype:
            return meaning(*operands)
    else:
        if name in COMPARISONS:
            certain = _compared_out_of_range(name, operands)
            if certain is not None:
                return certain
            operands = tuple([_exactly(x, operands) for x in operands])
        dtypes = resolve(ufunc, tuple([key(x) for x in operands]))
    if name == "power" and is_integer(dtypes[0]):
        _refuse_negative_exponent(operands[1])
    shape = common_shape([shape_of(x) for x in operands])
    return meaning(*[prepare(x, d, shape) for x, d in zip(operands, dtypes, strict=False)])


def _of_one_type(operands: tuple[Any, ...]) -> bool:
    """Whether all are traced arrays of one type: then there is nothing to promote or broadcast."""
    first = operands[0]
    if not isinstance(first, Tracer) or first.weak is not None:
        return False
    type = first.type
    for x in operands[1:]:
        if not isinstance(x, Tracer) or x.weak is not None:
            return False
        if x.type is not type and x.type != type:
            return False
    return True


def _exactly(value: Any, operands: tuple[Any, ...]) -> Any:
    """An operand of a comparison: a traced Python int beside integers is compared as it is."""
    if not (isinstance(value, Tracer) and value.weak is int):
        return value
    kinds = [key(x) for x in operands if x is not value]
    beside = any(isinstance(kind, np.dtype) and is_integer(kind) for kind in kinds)
    return Tracer(value.node) if beside else value


def _compared_out_of_range(name: str, operands: tuple[Any, ...]) -> Tracer | None:
    """Integers beside a Python int that their dtype does not hold: the result is known."""
    for i, value in enumerate(operands):
        other = key(operands[1 - i])
        if type(value) is int and isinstance(other, np.dtype) and is_integer(other):
            limits = np.iinfo(other)
            if not limits.min <= value <= limits.max:
                # Whatever the other is, it compares as zero does.
                known = COMPARISONS[name](*((value, 0) if i == 0 else (0, value)))
                return number(known, BOOL, shape_of(operands[1 - i]))
    return None


def _refuse_negative_exponent(exponent: Any) -> None:
    if is_python_scalar(exponent) and exponent < 0:
        raise ValueError(
            f"Integers to negative integer powers are not allowed.{at(user_location())}"
        )


def _on_python_numbers(ufunc: np.ufunc, operands: tuple[Any, ...], kinds: list[Weak]) -> Any:
    """Python's arithmetic: bools count as ints, and results stay Python numbers."""
    numbers = [lift(x) for x in operands]
    arithmetic = ufunc.__name__ not in COMPARISONS.keys() | BITWISE
    if arithmetic:
        numbers = [
            as_dtype(x, WEAK_DTYPES[int]) if k is bool else x
            for x, k in zip(numbers, kinds, strict=True)
        ]
    exponent = operands[-1]
    if ufunc.__name__ == "power" and isinstance(exponent, (int, float)) and exponent < 0:
        numbers = [as_dtype(x, WEAK_DTYPES[float]) for x in numbers]
    result = call(ufunc, *(Tracer(x.node) for x in numbers))
    if isinstance(result, tuple):
        return tuple(_python_number(x) for x in result)
    return _python_number(result)


def _python_number(x: Tracer) -> Tracer:
    return Tracer(x.node, _PYTHON_TYPES[x.dtype.kind])


_PYTHON_TYPES: dict[str, Weak] = {"b": bool, "i": int, "f": float, "c": complex}


def apply_in_place(ufunc: np.ufunc, x: Tracer, other: Any) -> Any:
    """``x += other`` and its like: what `x` and the arrays that share its memory hold is replaced.

    Scalars are immutable in Python and in NumPy, so for them the name is bound to a new value.

    Raises:
        TypeError: when the result cannot be cast to the dtype of ``x`` within its kind.
        ValueError: when it does not have the shape of ``x``.
    """
    if not takes_part(x, other):
        return NotImplemented
    result: Tracer = apply(ufunc, x, other)
    if x.ndim == 0 and not x.steps:
        return result
    if not np.can_cast(result.dtype, x.dtype, "same_kind"):
        raise TypeError(
            f"Cannot cast ufunc '{ufunc.__name__}' output from {result.dtype!r} to {x.dtype!r} "
            f"with casting rule 'same_kind'{at(user_location())}"
        )
    if result.shape != x.shape:
        raise ValueError(
            f"non-broadcastable output operand with shape {x.shape} doesn't match the broadcast "
            f"shape {result.shape}{at(user_location())}"
        )
    x.assign(as_dtype(result, x.dtype))
    return x
