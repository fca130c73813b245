"""Calls of Python functions, traced into rows; with nothing to trace, the same calls at once."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import tree
from .errors import at
from .location import user_location
from .primitives import callback as rows
from .primitives.callback import METHODS, Callback, function_name
from .trace import Tracer, array_type, tracing
from .transform import as_leaf
from .types import ArrayType


def pure_callback(
    function: Callable[..., Any],
    results: Any,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    vmap_method: str | None,
) -> Any:
    """``function(*args, **kwargs)``, which gives arrays of the types of the tree ``results``.

    Raises:
        ValueError: for a ``vmap_method`` that there is not.
    """
    if vmap_method is not None and vmap_method not in METHODS:
        raise ValueError(
            f"vmap_method is one of {', '.join(METHODS)}, got {vmap_method!r}{at(user_location())}"
        )
    promised, result_spec = tree.flatten(results)
    types = tuple(map(_promised_type, promised))
    leaves, spec = tree.flatten((tuple(args), kwargs))

    def calling(given: Sequence[Tracer | np.ndarray[Any, Any]]) -> Callback:
        return Callback(
            function,
            function_name(function),
            spec,
            tuple(map(_type_of, given)),
            result_spec,
            types,
            vmap_method,
            user_location(),
        )

    if tracing():
        values = [as_leaf(x) for x in leaves]
        callback = calling(values)
        found = [
            rows.pure_callback(*values, callback=callback, result=i) for i in range(len(types))
        ]
        return tree.unflatten(result_spec, found)
    arrays = [_as_array(x) for x in leaves]
    # What machine code gives are copies and, where there is no axis, NumPy's scalars.
    return tree.unflatten(result_spec, [np.array(x)[()] for x in calling(arrays)(*arrays)])


def debug_callback(
    function: Callable[..., Any], name: str, args: Sequence[Any], kwargs: dict[str, Any]
) -> None:
    """``function(*args, **kwargs)`` for what it does; what are no arrays it gets as they are."""
    leaves, spec = tree.flatten((tuple(args), kwargs))
    values = [x for x in leaves if _is_value(x)]
    # Not to keep tracers: only what the function gets as it is.
    fixed = [(_is_value(x), None if _is_value(x) else x) for x in leaves]

    def call(*arrays: np.ndarray[Any, Any]) -> None:
        own = iter(arrays)
        given = [next(own) if is_value else x for is_value, x in fixed]
        args, kwargs = tree.unflatten(spec, given)
        function(*args, **kwargs)

    # The function is one of its own for each call: calls that look the same are not one.
    flat = tree.flatten((tuple(values), {}))[1]

    def calling(given: Sequence[Tracer | np.ndarray[Any, Any]]) -> Callback:
        types = tuple(map(_type_of, given))
        return Callback(call, name, flat, types, None, (), where=user_location())

    if tracing():
        traced = [as_leaf(x) for x in values]
        rows.debug_callback(*traced, callback=calling(traced))
    else:
        arrays = [_as_array(x) for x in values]
        calling(arrays)(*arrays)


def _is_value(x: Any) -> bool:
    return isinstance(x, (Tracer, np.ndarray, np.generic, bool, int, float, complex))


def _as_array(value: Any) -> np.ndarray[Any, Any]:
    """A copy, which the function may keep, in native byte order."""
    array = np.array(value)
    return array.astype(array_type(array).dtype, copy=False)


def _type_of(value: Any) -> ArrayType:
    return value.type if isinstance(value, Tracer) else array_type(value)


def _promised_type(leaf: Any) -> ArrayType:
    """The type that stands in the place of a result: of an array, or what has shape and dtype."""
    if not (hasattr(leaf, "shape") and hasattr(leaf, "dtype")):
        leaf = np.asarray(leaf)
    shape = tuple(map(operator.index, leaf.shape))
    return ArrayType(shape, array_type(np.empty(0, leaf.dtype)).dtype)
