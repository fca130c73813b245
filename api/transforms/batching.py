"""Mapping a function over an axis of its arguments."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, overload

from pullback.runtime.function import Function
from pullback.tracer import tree
from pullback.tracer.errors import at
from pullback.tracer.location import user_location
from pullback.tracer.primitives.structure import broadcast, permute, zeros
from pullback.tracer.trace import Tracer
from pullback.tracer.transform import as_leaf, trace_function, vectorized

from .picking import decorator


@overload
def vmap(
    fun: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0, axis_size: int | None = None
) -> Function: ...
@overload
def vmap(
    fun: None = None, in_axes: Any = 0, out_axes: Any = 0, axis_size: int | None = None
) -> Callable[[Callable[..., Any]], Function]: ...
def vmap(
    fun: Callable[..., Any] | None = None,
    in_axes: Any = 0,
    out_axes: Any = 0,
    axis_size: int | None = None,
) -> Any:
    """Map a function over an axis of its arguments, as one vectorized computation.

    Args:
        fun: any function of arrays or trees.
        in_axes: the mapped axis of each array of the arguments, None for one that is not mapped: a
            number for all, or a sequence with an entry for each positional argument, which is a
            number for the whole argument or a tree that begins as the argument does. Arguments
            passed by name are mapped along axis 0.
        out_axes: where the results get the axis: a number, or a tree that begins as the result
            does; None for results that are the same for all items.
        axis_size: the extent of the mapped axes, needed only where nothing is mapped.

    Raises:
        ValueError: (when called) if the mapped axes differ in extent or there are none, if an axis
            does not exist, if the trees do not match, or for None as the axis of a result that
            depends on the item.
        TypeError: (when called) for axes that are no integers.

    >>> pb.vmap(np.dot)(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([1., 4.])
    >>> def predict(layer, x):
    ...     return x @ layer["w"] + layer["b"]
    >>> pb.vmap(predict, in_axes=({"w": None, "b": 0}, None))(
    ...     {"w": np.ones(3), "b": np.array([0.0, 10.0])}, np.ones(3)
    ... )
    array([ 3., 13.])
    """

    def make(fun: Callable[..., Any]) -> Function:
        return Function(_vmap_body(fun, in_axes, out_axes, axis_size), fun)

    return decorator(make, fun)


def _vmap_body(
    fun: Callable[..., Any], in_axes: Any, out_axes: Any, axis_size: int | None
) -> Callable[..., Any]:
    def body(*args: Any, **kwargs: Any) -> Any:
        values, spec = tree.flatten((args, kwargs))
        axes = [*_axes_of_arguments(args, in_axes), *(0 for _ in tree.flatten(kwargs)[0])]
        given = [as_leaf(x) for x in values]
        leaves = [_moved(x, a) for x, a in zip(given, axes, strict=True)]
        size = _common_size(given, axes, axis_size)
        batched = [a is not None for a in axes]
        examples = [row_like(x) if b else x for x, b in zip(leaves, batched, strict=True)]

        def flat_function(*xs: Tracer) -> Any:
            args, kwargs = tree.unflatten(spec, xs)
            return fun(*args, **kwargs)

        known = [not b for b in batched]
        flat = trace_function(flat_function, examples, at_arguments=known, often=True)
        outputs, of_outputs = vectorized(flat, leaves, batched, size)
        places = _axes_by_leaf("out_axes", out_axes, flat.result(outputs))
        pairs = zip(outputs, of_outputs, places, strict=True)
        return flat.result([_placed(x, has, axis, size) for x, has, axis in pairs])

    return body


def _axes_of_arguments(args: Sequence[Any], in_axes: Any) -> list[int | None]:
    """The mapped axis of every leaf of the positional arguments."""
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    if isinstance(in_axes, tuple) and len(in_axes) != len(args):
        raise ValueError(
            f"vmap has in_axes for {len(in_axes)} arguments, the call has {len(args)}"
            f"{at(user_location())}"
        )
    return _axes_by_leaf("in_axes", in_axes, tuple(args))


def _axes_by_leaf(what: str, axes: Any, whole: Any) -> list[int | None]:
    """The axis of every leaf of a tree, from a tree that begins as it does."""
    try:
        by_leaf = tree.spread_prefix(axes, whole)
    except ValueError as error:
        reason = " ".join(str(error).splitlines()[0].split())
        raise ValueError(
            f"vmap: {what} {axes!r} is no beginning of the tree that it is for\n"
            f"  {reason}{at(user_location())}"
        ) from None
    for axis in by_leaf:
        if axis is not None and (isinstance(axis, bool) or not hasattr(axis, "__index__")):
            raise TypeError(
                f"vmap: {what} takes integers and None, got a {type(axis).__name__}"
                f"{at(user_location())}"
            )
    return [None if axis is None else operator.index(axis) for axis in by_leaf]


def _common_size(
    values: Sequence[Tracer], axes: Sequence[int | None], axis_size: int | None
) -> int:
    """The extent of all mapped axes."""
    sizes: dict[int, str] = {} if axis_size is None else {axis_size: "axis_size"}
    for x, axis in zip(values, axes, strict=True):
        if axis is not None:
            sizes.setdefault(x.shape[axis], f"axis {axis} of {x.type}")
    if not sizes:
        raise ValueError(
            "vmap has no mapped axis: in_axes is None for all arguments\n"
            f"  map one of them, or give axis_size{at(user_location())}"
        )
    if len(sizes) > 1:
        found = ", ".join(f"{size} ({what})" for size, what in sizes.items())
        raise ValueError(f"vmap takes mapped axes of one extent, got {found}{at(user_location())}")
    (size,) = sizes
    return size


def _placed(x: Tracer, has: bool, axis: int | None, size: int) -> Tracer:
    """A result with its batch axis, if it has one, where it is wanted."""
    if axis is not None:
        return _axis_to(with_axis([x], [has], size)[0], axis)
    if has:
        row = x.type.with_shape(x.shape[1:])
        raise ValueError(
            f"vmap: out_axes is None for a result {row} that differs from item to item"
            f"{at(user_location())}"
        )
    return x


def _moved(x: Tracer, axis: int | None) -> Tracer:
    """The mapped axis in front."""
    if axis is None:
        return x
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"vmap: axis {axis} of {x.type} does not exist{at(user_location())}")
    rest = [a for a in range(x.ndim) if a != axis % x.ndim]
    return permute(x, axes=(axis % x.ndim, *rest))


def _axis_to(x: Tracer, axis: int) -> Tracer:
    """The axis in front moved to its place in the result."""
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(
            f"vmap: out_axes {axis} is out of range for a result {x.type}{at(user_location())}"
        )
    rest = list(range(1, x.ndim))
    rest.insert(axis % x.ndim, 0)
    return permute(x, axes=tuple(rest))


def row_like(seed: Tracer) -> Tracer:
    """A stand-in of the type of one row."""
    return zeros(seed.type.with_shape(seed.shape[1:]))


def with_axis(values: Sequence[Tracer], batched: Sequence[bool], size: int) -> list[Tracer]:
    """The values, those without a batch axis repeated along a new one."""
    return [
        x if has else broadcast(x, shape=(size, *x.shape), axes=tuple(range(1, x.ndim + 1)))
        for x, has in zip(values, batched, strict=True)
    ]
