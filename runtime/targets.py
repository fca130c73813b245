"""Arrays that a caller gives for the results: ``f(x, out=y)``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pullback.tracer import tree
from pullback.tracer.errors import at
from pullback.tracer.location import user_location
from pullback.tracer.trace import Tracer
from pullback.tracer.types import ArrayType

from .writing import share_memory

OUT = "out"


@dataclass(frozen=True)
class Targets:
    """What was given as ``out``: arrays, or a tree of them."""

    given: Any
    leaves: list[Any]
    spec: tree.TreeSpec


def takes_out(function: Callable[..., Any]) -> bool:
    """Whether ``out`` is a parameter of the function itself, or may be."""
    import inspect

    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return True
    return OUT in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def targets_of(out: Any) -> Targets:
    """The arrays in ``out``.

    Raises:
        TypeError: for what is no array.
        ValueError: for one that is read-only, or shares memory with another of them.
    """
    leaves, spec = tree.flatten(out)
    for number, leaf in enumerate(leaves):
        if not isinstance(leaf, np.ndarray):
            raise TypeError(f"out takes arrays, got a {type(leaf).__name__}{at(user_location())}")
        if not leaf.flags.writeable:
            raise ValueError(f"an array given as out is read-only{at(user_location())}")
        if any(share_memory(leaf, x) for x in leaves[:number]):
            raise ValueError(
                f"two arrays given as out share memory; give each result one{at(user_location())}"
            )
    return Targets(out, leaves, spec)


def check_targets_fit(targets: Targets, spec: tree.TreeSpec, types: Sequence[ArrayType]) -> None:
    """Compare the arrays with the results.

    Raises:
        TypeError: if they are other trees, or for an array of another dtype.
        ValueError: for an array of another shape.
    """
    if targets.spec != spec:
        wanted = tree.unflatten(spec, [str(t) for t in types])
        raise TypeError(
            f"out is no tree like the result\n  the result is {_shown(wanted)}{at(user_location())}"
        )
    for leaf, type in zip(targets.leaves, types, strict=True):
        if leaf.shape != type.shape:
            raise ValueError(
                f"out has an array of shape {leaf.shape} for a result {type}{at(user_location())}"
            )
        if leaf.dtype.newbyteorder("=") != type.dtype:
            raise TypeError(
                f"out has an array of dtype {leaf.dtype} for a result {type}{at(user_location())}"
            )


def _shown(tree: Any) -> str:
    return repr(tree).replace("'", "")


def copy_into(targets: Targets, values: Sequence[Any]) -> Any:
    """Put the results, which have all been computed, into the arrays; gives what was given."""
    for target, value in zip(targets.leaves, values, strict=True):
        np.copyto(target, value)
    return targets.given


def put_into(out: Any, result: Any) -> Any:
    """The same for a result that no machine code was made for, and while tracing.

    Raises:
        TypeError: while tracing, for what has not been computed there.
    """
    leaves, spec = tree.flatten(result)
    if not any(isinstance(x, Tracer) for x in leaves):
        targets = targets_of(out)
        types = [ArrayType(np.shape(x), np.asarray(x).dtype) for x in leaves]
        check_targets_fit(targets, spec, types)
        return copy_into(targets, leaves)
    traced, given = tree.flatten(out)
    if given != spec or not all(isinstance(x, Tracer) for x in traced):
        raise TypeError(
            "within a function that is traced, out takes arrays that it has computed, in a tree "
            f"like the result{at(user_location())}"
        )
    for target, value in zip(traced, leaves, strict=True):
        target[...] = value
    return out
