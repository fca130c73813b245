"""Checks of what the functions of users return."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import tree
from ..errors import at
from ..location import user_location
from ..numpy.promotion import as_dtype
from ..primitives.structure import zeros
from ..trace import Tracer
from ..transform import Flat, as_leaf
from ..types import ArrayType, is_inexact


def pair_of(value: Any, what: str, of: str) -> tuple[Any, Any]:
    """The value, which is to be a pair."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        got = type(value).__name__
        raise TypeError(f"{what} returns a pair {of}, got {got}{at(user_location())}")
    return value[0], value[1]


def as_result(
    what: str, value: Any, spec: tree.TreeSpec, types: Sequence[ArrayType]
) -> list[Tracer]:
    """The leaves of a tree of this structure in these types; zeros for those without derivatives.

    Raises:
        TypeError: for another structure, other shapes, or a dtype of another kind.
    """
    leaves, found = tree.flatten(value)
    if found != spec:
        raise TypeError(f"{what} has structure {found} instead of {spec}{at(user_location())}")
    return [_in_type(what, x, type) for x, type in zip(leaves, types, strict=True)]


def _in_type(what: str, value: Any, type: ArrayType) -> Tracer:
    if not is_inexact(type.dtype):
        return zeros(type)
    x = as_leaf(value)
    if x.shape != type.shape or not np.can_cast(x.dtype, type.dtype, "same_kind"):
        raise TypeError(f"{what} is {x.type} instead of {type}{at(user_location())}")
    return as_dtype(x, type.dtype)


def require_same(what: str, value: Any, flat: Flat) -> None:
    """Complain unless a value has the structure and the types of a function's result."""
    leaves, spec = tree.flatten(value)
    if spec != flat.spec:
        raise TypeError(f"{what} has structure {spec} instead of {flat.spec}{at(user_location())}")
    for leaf, node in zip(leaves, flat.graph.outputs, strict=True):
        x = as_leaf(leaf)
        if x.shape != node.type.shape or not np.can_cast(x.dtype, node.type.dtype, "same_kind"):
            raise TypeError(f"{what} is {x.type} instead of {node.type}{at(user_location())}")


def sum_of(parts: Sequence[Any], like: Any) -> Any:
    """The sum of trees, leaf by leaf; zeros in the structure of another if there are none."""
    leaves, spec = tree.flatten(like)
    totals: list[Any] = [zeros(as_leaf(x).type) for x in leaves]
    for number, part in enumerate(parts):
        found, its = tree.flatten(part)
        if its != spec:
            raise TypeError(f"a tangent has structure {its} instead of {spec}{at(user_location())}")
        totals = [x if number == 0 else a + x for a, x in zip(totals, found, strict=True)]
    return tree.unflatten(spec, totals)
