"""Promotion and broadcasting as NumPy 2 has them (NEP 50), put into the graph as explicit nodes.

NumPy itself is asked for the dtypes, so there are no rules here: a Python scalar, or a traced value
that stands for one, takes part by its Python type.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from ..errors import UnsupportedTypeError, at
from ..location import user_location
from ..primitives.elementwise import convert, fit
from ..primitives.structure import broadcast, reshape
from ..trace import (
    WEAK_DTYPES,
    Tracer,
    Weak,
    array_type,
    current_trace,
    lift,
    literal,
    python_scalar,
)
from ..types import (
    INT64,
    DType,
    Shape,
    is_complex,
    is_integer,
    supported,
    supported_names,
)

Key: TypeAlias = "DType | type[int] | type[float] | type[complex]"
"""How a value takes part in promotion: by its dtype, or as a Python number."""

SCALARS = (bool, int, float, complex)
"""Python's numbers; NumPy's float64 is a subclass of float but takes part by its dtype, as does
complex128."""

_EXAMPLES: dict[type, complex] = {int: 0, float: 0.0, complex: 0j}


def is_python_scalar(value: Any) -> bool:
    """Whether a value is a Python number."""
    return type(value) in SCALARS or (
        isinstance(value, SCALARS) and not isinstance(value, np.generic)
    )


def python_type(value: Any) -> Weak:
    """The Python type that a value counts as, None for arrays."""
    if isinstance(value, Tracer):
        return value.weak
    if type(value) in SCALARS:
        return type(value)
    if not is_python_scalar(value):
        return None
    kinds: tuple[type[bool] | type[int] | type[float] | type[complex], ...] = SCALARS
    return next(kind for kind in kinds if isinstance(value, kind))


def key(value: Any) -> Key:
    """How an operand takes part in promotion."""
    kind = python_type(value)
    if kind is None:
        return value.dtype if isinstance(value, Tracer) else array_type(value).dtype
    return WEAK_DTYPES[bool] if kind is bool else kind


def check_dtype(dtype: DType, what: str) -> DType:
    """The dtype, if it can be compiled.

    Raises:
        UnsupportedTypeError: otherwise, naming what would have it.
    """
    if not supported(dtype):
        raise UnsupportedTypeError(
            f"{what} gives {dtype}, which cannot be compiled; {supported_names()} can: "
            f"convert an operand with .astype{at(user_location())}"
        )
    return dtype


@lru_cache(maxsize=4096)
def _resolve(ufunc: np.ufunc, keys: tuple[Key, ...]) -> tuple[DType, ...]:
    if all(isinstance(x, type) for x in keys):
        keys = tuple(WEAK_DTYPES[x] if isinstance(x, type) else x for x in keys)
    dtypes = ufunc.resolve_dtypes((*keys, *(None,) * ufunc.nout))
    for dtype in dtypes:
        if not supported(dtype):
            check_dtype(dtype, f"np.{ufunc.__name__} of {', '.join(map(_key_name, keys))}")
    return tuple(dtypes)


def resolve(ufunc: np.ufunc, keys: tuple[Key, ...]) -> tuple[DType, ...]:
    """The dtypes that the ufunc computes with: of its inputs, then of its outputs.

    Raises:
        TypeError: when NumPy has no such operation, as on bools for `np.subtract`.
        UnsupportedTypeError: when the result has a dtype that cannot be compiled.
    """
    try:
        return _resolve(ufunc, keys)
    except UnsupportedTypeError:
        raise
    except TypeError as error:
        raise TypeError(f"{error}{at(user_location())}") from None


def _key_name(key: Key) -> str:
    return key.__name__ if isinstance(key, type) else str(key)


def common_dtype(values: Sequence[Any], what: str) -> DType:
    """The dtype that NumPy gives values joined in one array."""
    keys = [key(x) for x in values]
    examples = [_EXAMPLES[k] if isinstance(k, type) else k for k in keys]
    if all(isinstance(k, type) for k in keys):
        examples = [WEAK_DTYPES[k] for k in keys if isinstance(k, type)]
    return check_dtype(np.result_type(*examples), what)


def as_dtype(x: Tracer, dtype: DType) -> Tracer:
    """The values in a dtype; the tracer itself if they have it.

    Warns:
        ComplexWarning: when imaginary parts are discarded.
    """
    if is_complex(x.dtype) and dtype.kind in "fiu":
        _warn_of_lost_parts()
    return x if x.dtype == dtype else convert(x, dtype=dtype)


def _warn_of_lost_parts() -> None:
    message = "Casting complex values to real discards the imaginary part"
    where = user_location()
    category = np.exceptions.ComplexWarning
    if where is None:
        warnings.warn(message, category, stacklevel=2)
    else:
        warnings.warn_explicit(message, category, where.file, where.line)


def common_shape(shapes: Sequence[Shape]) -> Shape:
    """The shape that the shapes broadcast to.

    Raises:
        ValueError: NumPy's, with the user's line.
    """
    # Most often one shape, and numbers, which have none.
    others = {shape for shape in shapes if shape}
    if len(others) <= 1:
        return next(iter(others), ())
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        text = " ".join(str(shape).replace(" ", "") for shape in shapes)
        raise ValueError(
            f"operands could not be broadcast together with shapes {text}{at(user_location())}"
        ) from None


def spread(x: Tracer, shape: Shape) -> Tracer:
    """Broadcast by NumPy's rule: aligned at the last axis, axes of extent 1 repeated.

    Raises:
        ValueError: when the shape cannot be reached.
    """
    if x.shape == shape:
        return x
    offset = len(shape) - x.ndim
    if offset < 0 or any(n not in (1, shape[a + offset]) for a, n in enumerate(x.shape)):
        raise ValueError(
            f"could not broadcast input array from shape {_shape_text(x.shape)} into shape "
            f"{_shape_text(shape)}{at(user_location())}"
        )
    kept = tuple(a for a, n in enumerate(x.shape) if n == shape[a + offset])
    if len(kept) < x.ndim:
        x = reshape(x, shape=tuple(x.shape[a] for a in kept))
    return broadcast(x, shape=shape, axes=tuple(a + offset for a in kept))


def _shape_text(shape: Shape) -> str:
    return str(shape).replace(" ", "")


def number(value: Any, dtype: DType, shape: Shape = ()) -> Tracer:
    """A Python number as a constant of a dtype and shape.

    Raises:
        OverflowError: for an int that the dtype cannot hold.
        TypeError: for a complex number as a real one.
    """
    if isinstance(value, complex) and not is_complex(dtype):
        raise TypeError(f"a complex number cannot become a {dtype}{at(user_location())}")
    if is_integer(dtype) and type(value) is int:
        limits = np.iinfo(dtype)
        if not limits.min <= value <= limits.max:
            raise OverflowError(
                f"Python integer {value} out of bounds for {dtype}{at(user_location())}"
            )
    known = current_trace().builder.numbers
    key = (type(value), repr(value), dtype, shape) if type(value) in SCALARS else None
    node = known.get(key)
    if node is None:
        with np.errstate(over="ignore"):
            constant = literal(value, dtype)
        node = broadcast(constant, shape=shape, axes=()).node if shape else constant.node
        if key is not None:
            known[key] = node
    return Tracer(node)


def prepare(value: Any, dtype: DType, shape: Shape) -> Tracer:
    """Any operand in a dtype and shape; a Python int must fit the dtype, at run time too."""
    if is_python_scalar(value):
        return number(value, dtype, shape)
    x = value if isinstance(value, Tracer) else lift(value)
    if x.weak is None and x.dtype == dtype and x.shape == shape:
        return x
    if x.weak is int and is_integer(dtype):
        x = fit(x, dtype=dtype) if dtype != INT64 else x
    return spread(as_dtype(x, dtype), shape)


def shape_of(value: Any) -> Shape:
    """The shape of an operand."""
    return () if is_python_scalar(value) else value.shape


def strong(value: Any) -> Tracer:
    """A tracer of an operand that takes part by its dtype, as NumPy functions' results do."""
    if is_python_scalar(value):
        return number(python_scalar(value), WEAK_DTYPES[type(value)])
    x = lift(value)
    return x if x.weak is None else Tracer(x.node)
