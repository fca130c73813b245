"""Which arguments a transformation is about, and what it demands of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from pullback.tracer import tree
from pullback.tracer.errors import at
from pullback.tracer.location import user_location
from pullback.tracer.transform import Flat, as_leaf, require_float
from pullback.tracer.types import is_complex, is_float

Argnums: TypeAlias = int | Sequence[int]


def decorator(make: Callable[..., Any], fun: Callable[..., Any] | None, **options: Any) -> Any:
    """``make(fun)``, or a decorator that waits for the function."""
    if fun is None:
        return functools.partial(make, **options)
    if not callable(fun):
        raise TypeError(f"a function is to be transformed, got {type(fun).__name__}")
    return make(fun, **options)


def as_tuple(argnums: Argnums) -> tuple[int, ...]:
    return (argnums,) if isinstance(argnums, int) else tuple(argnums)


class Picked:
    """The arguments that a function is differentiated by, as leaves."""

    def __init__(self, what: str, args: Sequence[Any], argnums: Argnums) -> None:
        self._args = list(args)
        self._numbers = [_checked_argnum(what, i, len(args)) for i in as_tuple(argnums)]
        picked = tuple(args[i] for i in self._numbers)
        values, self.spec = tree.flatten(picked[0] if isinstance(argnums, int) else picked)
        self._single = isinstance(argnums, int)
        self.leaves = [require_float(as_leaf(x), what) for x in values]

    def arguments(self, leaves: Sequence[Any]) -> list[Any]:
        """All arguments, with these leaves in place of the picked ones'."""
        picked = tree.unflatten(self.spec, leaves)
        args = list(self._args)
        for number, value in zip(self._numbers, (picked,) if self._single else picked, strict=True):
            args[number] = value
        return args

    def tree(self, leaves: Sequence[Any]) -> Any:
        """Leaves in the structure of the picked arguments."""
        return tree.unflatten(self.spec, leaves)


def _checked_argnum(what: str, number: int, count: int) -> int:
    if not -count <= number < count:
        raise TypeError(
            f"{what} is by argument {number}, but the call has {count} positional arguments"
            f"{at(user_location())}"
        )
    return number % count


def require_scalar(what: str, flat: Flat, holomorphic: bool = False) -> None:
    """Complain unless the first output is one floating number; a complex one if holomorphic."""
    types = [x.type for x in flat.graph.outputs]
    first = types[0] if types else None
    if first is not None and first.shape == () and is_complex(first.dtype):
        if holomorphic:
            return
        raise TypeError(
            f"{what} takes a function that returns one real number, got {first}\n"
            "  of a holomorphic function: holomorphic=True; of others: of its .real and .imag, or "
            f"vjp with a cotangent{at(user_location())}"
        )
    if first is None or first.shape != () or not is_float(first.dtype):
        found = "no array" if first is None else str(first)
        raise TypeError(
            f"{what} takes a function that returns one floating-point number, got {found}\n"
            f"  use jacobian, or vjp with a cotangent{at(user_location())}"
        )


def with_aux(what: str, result: Any) -> tuple[Any, Any]:
    if not (isinstance(result, tuple) and len(result) == 2):
        raise TypeError(
            f"{what} with has_aux=True takes a function that returns (value, aux), got "
            f"{type(result).__name__}{at(user_location())}"
        )
    return result
