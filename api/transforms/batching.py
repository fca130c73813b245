"""Mapping a function over an axis of its arguments."""

from __future__ import annotations

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
def vmap(fun: Callable[..., Any], in_axes: Any = 0, out_axes: int = 0) -> Function: ...
@overload
def vmap(
    fun: None = None, in_axes: Any = 0, out_axes: int = 0
) -> Callable[[Callable[..., Any]], Function]: ...
def vmap(fun: Callable[..., Any] | None = None, in_axes: Any = 0, out_axes: int = 0) -> Any:
    """Map a function over an axis of its arguments, as one vectorized computation.

    Args:
        fun: any function of arrays or trees.
        in_axes: the axis of the arrays of each argument, None for one that is not mapped; a number
            for all arguments or a sequence with an entry for each.
        out_axes: where the results get the axis.

    Raises:
        ValueError: (when called) if the mapped axes differ in extent or there are none.

    >>> pb.vmap(np.dot)(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([1., 4.])
    """

    def make(fun: Callable[..., Any]) -> Function:
        return Function(_vmap_body(fun, in_axes, out_axes), fun)

    return decorator(make, fun)


def _vmap_body(fun: Callable[..., Any], in_axes: Any, out_axes: int) -> Callable[..., Any]:
    def body(*args: Any) -> Any:
        values, spec = tree.flatten(args)
        axes = _axes_by_leaf(args, in_axes)
        leaves = [_moved(as_leaf(x), a) for x, a in zip(values, axes, strict=True)]
        batched = [a is not None for a in axes]
        sizes = {x.shape[0] for x, b in zip(leaves, batched, strict=True) if b}
        if len(sizes) != 1:
            raise ValueError(
                f"vmap takes mapped axes of one extent, got {sorted(sizes)}{at(user_location())}"
            )
        examples = [row_like(x) if b else x for x, b in zip(leaves, batched, strict=True)]
        flat = trace_function(lambda *xs: fun(*tree.unflatten(spec, xs)), examples)
        (size,) = sizes
        outputs, of_outputs = vectorized(flat, leaves, batched, size)
        results = with_axis(outputs, of_outputs, size)
        return flat.result([_axis_to(x, out_axes) for x in results])

    return body


def _axes_by_leaf(args: Sequence[Any], in_axes: Any) -> list[int | None]:
    """The mapped axis of every leaf."""
    per_argument = [in_axes] * len(args) if not isinstance(in_axes, (tuple, list)) else in_axes
    if len(per_argument) != len(args):
        raise ValueError(
            f"vmap has in_axes for {len(per_argument)} arguments, the call has {len(args)}"
            f"{at(user_location())}"
        )
    axes: list[int | None] = []
    for argument, axis in zip(args, per_argument, strict=True):
        axes += [axis] * len(tree.flatten(argument)[0])
    return axes


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
