"""What a call looks like: the structure of its arguments, their types, its static values."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pullback.codegen.entry import Argument, Fields, Given, Into, Items, Nothing, Static
from pullback.tracer import tree
from pullback.tracer.errors import UnsupportedTypeError, at
from pullback.tracer.location import user_location
from pullback.tracer.trace import array_type, python_scalar
from pullback.tracer.types import (
    BOOL,
    COMPLEX128,
    FLOAT64,
    INT64,
    ArrayType,
    DType,
    scalar,
    supported,
)

from .targets import Targets


@dataclass(frozen=True)
class ShapeDtype:
    """Shape and dtype in place of an array, where only the type matters.

    >>> import numpy as np, pullback as pb
    >>> print(pb.trace(np.sum, pb.ShapeDtype((3,), np.float64)).outputs[0].type)
    f64[]
    """

    shape: tuple[int, ...]
    dtype: Any = FLOAT64

    @property
    def type(self) -> ArrayType:
        """As the compiler sees it."""
        return ArrayType(tuple(self.shape), np.dtype(self.dtype))


PYTHON_NUMBERS: dict[type, tuple[str, DType]] = {
    complex: ("complex", COMPLEX128),
    float: ("float", FLOAT64),
    int: ("int", INT64),
    bool: ("bool", BOOL),
}


@dataclass(frozen=True)
class Signature:
    """The key of a specialisation.

    ``arguments`` are the leaves of ``spec``, which is the structure of positional arguments and
    keywords; ``static`` are values of the arguments that the code is made for, by place or name.
    ``into`` tells that the caller gives arrays for the results.
    """

    spec: tree.TreeSpec
    arguments: tuple[Argument, ...]
    static: tuple[tuple[int | str, Hashable], ...]
    into: bool = False

    def __str__(self) -> str:
        parts = [f"{a.kind}" if a.kind != "array" else str(a.type) for a in self.arguments]
        parts += [f"{name}={value!r}" for name, value in self.static]
        parts += ["out=..."] if self.into else []
        return f"({', '.join(parts)})"


@dataclass(frozen=True)
class Call:
    """A call of a compiled function, taken apart.

    ``leaves`` are the arguments in the form that machine code reads, ``given`` as they came.
    ``direct`` are the arguments as machine code takes them, where it knows all containers, and
    ``names`` the keywords that the last of them have; None otherwise. ``objects`` are what these
    refer to. ``targets`` are the arrays that the caller gives for the results.
    """

    signature: Signature
    leaves: list[Any]
    given: list[Any]
    direct: tuple[Given, ...] | None
    names: tuple[int, ...]
    objects: list[Any]
    targets: Targets | None = None


def take_apart(
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    static_argnums: Iterable[int],
    static_argnames: Iterable[str],
    targets: Targets | None = None,
) -> Call:
    """The signature and the leaves of a call.

    Raises:
        UnsupportedTypeError: for an argument that cannot be compiled.
        TypeError: for a static argument that is not hashable.
    """
    numbers = {i % len(args) if args else i for i in static_argnums if -len(args) <= i < len(args)}
    names = set(static_argnames)
    static: list[tuple[int | str, Any]] = [(i, args[i]) for i in sorted(numbers)]
    static += [(name, kwargs[name]) for name in sorted(names & set(kwargs))]
    for name, value in static:
        _require_hashable(name, value)
    dynamic = tuple(x for i, x in enumerate(args) if i not in numbers)
    named = {k: v for k, v in kwargs.items() if k not in names}
    leaves, spec = tree.flatten((dynamic, named))
    pairs = [as_argument(x) for x in leaves]
    arguments = tuple([argument for argument, _ in pairs])
    signature = Signature(spec, arguments, tuple(static), targets is not None)
    objects: list[Any] = [value for _, value in static]
    direct = _direct(signature, objects)
    keywords = tuple(sorted(kwargs))
    place = len(objects)
    objects += map(sys.intern, keywords)
    places = tuple(range(place, place + len(keywords)))
    values = [value for _, value in pairs]
    return Call(signature, values, leaves, direct, places, objects, targets)


def _direct(signature: Signature, objects: list[Any]) -> tuple[Given, ...] | None:
    """The arguments as machine code takes them, those of keywords last, in order of their names.

    ``objects`` are the static values; keys of dicts are added.
    """
    leaves = iter(signature.arguments)
    positional, named = signature.spec.children()
    found = [given_as(child, leaves, objects) for child in positional.children()]
    entries = zip(named.entries(), named.children(), strict=True)
    by_name = {name: given_as(child, leaves, objects) for name, child in entries}
    for number, (name, _) in enumerate(signature.static):
        if isinstance(name, int):
            found.insert(name, Static(number))
        else:
            by_name[name] = Static(number)
    found += [by_name[name] for name in sorted(by_name)]
    known = tuple([given for given in found if given is not None])
    return known if len(known) == len(found) else None


def given_as(
    spec: tree.TreeSpec, leaves: Iterator[Argument | Into], objects: list[Any]
) -> Given | None:
    """What machine code takes apart; None for containers that it does not know."""
    if spec.is_leaf():
        return next(leaves)
    if spec.type is type(None):
        return Nothing()
    children = [given_as(child, leaves, objects) for child in spec.children()]
    known = tuple([child for child in children if child is not None])
    if len(known) < len(children):
        return None
    if spec.type in (tuple, list):
        return Items("tuple" if spec.type is tuple else "list", known)
    if spec.type is dict and all(type(key) is str for key in spec.entries()):
        first = len(objects)
        objects += spec.entries()
        return Fields(tuple(range(first, len(objects))), known)
    return None


def places_of(signature: Signature, argnums: Iterable[int]) -> tuple[int, ...]:
    """The places among the leaves that are in positional arguments.

    Raises:
        TypeError: for an argument that the call does not have.
    """
    positional = signature.spec.children()[0].children()
    static = {name for name, _ in signature.static if isinstance(name, int)}
    count = len(positional) + len(static)
    sizes = [child.num_leaves for child in positional]
    for number in sorted(static):
        sizes.insert(number, 0)
    places: list[int] = []
    for number in argnums:
        if not -count <= number < count:
            raise TypeError(
                f"jit is to donate argument {number}, but the call has {count} positional arguments"
                f"{at(user_location())}"
            )
        first = sum(sizes[: number % count])
        places += range(first, first + sizes[number % count])
    return tuple(dict.fromkeys(places))


def put_together(signature: Signature, leaves: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments made of leaves and the static values."""
    dynamic, named = tree.unflatten(signature.spec, leaves)
    args = list(dynamic)
    for name, value in signature.static:
        if isinstance(name, int):
            args.insert(name, value)
        else:
            named[name] = value
    return args, named


def _require_hashable(name: int | str, value: Any) -> None:
    try:
        hash(value)
    except TypeError:
        raise TypeError(
            f"static argument {name!r} must be hashable, got {type(value).__name__}; "
            f"pass arrays as ordinary arguments{at(user_location())}"
        ) from None


def as_argument(value: Any) -> tuple[Argument, Any]:
    """How machine code takes a leaf, and the leaf in the form in which it does."""
    number = PYTHON_NUMBERS.get(type(value))
    if number is not None:
        kind, dtype = number
        python_scalar(value)
        return Argument(kind, scalar(dtype)), value  # type: ignore[arg-type]
    if isinstance(value, np.ndarray):
        return _array_argument(value)
    if isinstance(value, np.generic):
        return Argument("array", array_type(value)), value
    if isinstance(value, ShapeDtype):
        return Argument("array", value.type), value
    if isinstance(value, (float, int)):
        return as_argument(float(value) if isinstance(value, float) else int(value))
    if isinstance(value, complex):
        return as_argument(complex(value))
    if hasattr(value, "__array__"):
        return _array_argument(np.asarray(value))
    raise UnsupportedTypeError(
        f"an argument of type {type(value).__name__} cannot be compiled\n"
        "  pass arrays, numbers and trees of them, or make it static: "
        f"jit(f, static_argnames=...){at(user_location())}"
    )


def is_plain(value: np.ndarray[Any, Any]) -> bool:
    """Whether machine code can read an array as it is."""
    flags = value.flags
    plain = value.__class__ is np.ndarray and value.dtype.isnative
    return plain and flags.c_contiguous and flags.aligned


def as_plain(value: Any) -> Any:
    """An array as machine code can read it; everything else as it is."""
    if value.__class__ is not np.ndarray or is_plain(value) or not supported(value.dtype):
        return value
    return np.require(value, requirements=["C", "A"])


def _array_argument(value: np.ndarray[Any, Any]) -> tuple[Argument, Any]:
    """Arrays in the form that machine code reads: native, aligned, C-contiguous."""
    type = array_type(value)
    if value.__class__ is not np.ndarray:
        if isinstance(value, (np.matrix, np.ma.MaskedArray)):
            raise UnsupportedTypeError(
                f"a {value.__class__.__name__} follows other rules than arrays do; pass "
                f"np.asarray of it{at(user_location())}"
            )
        value = np.asarray(value)
    if value.dtype != type.dtype or not value.dtype.isnative:
        value = value.astype(type.dtype)
    return Argument("array", type), np.require(value, requirements=["C", "A"])
