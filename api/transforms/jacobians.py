"""Whole Jacobians and Hessians, all rows or columns at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

from pullback.runtime.function import Function
from pullback.tracer.errors import at
from pullback.tracer.location import user_location
from pullback.tracer.primitives.elementwise import convert
from pullback.tracer.primitives.structure import iota, permute, reshape, slice
from pullback.tracer.trace import Tracer
from pullback.tracer.transform import (
    Flat,
    captured,
    inline,
    pushed,
    trace_function,
    value_and_cotangents,
    vectorized,
)
from pullback.tracer.types import INT64, is_complex, is_inexact

from .batching import row_like, with_axis
from .picking import Argnums, Picked, decorator


def _basis(size: int, like: Tracer) -> Tracer:
    """The rows of the identity matrix."""
    number = iota(size=size, dtype=INT64)
    rows = reshape(number, shape=(size, 1)) == reshape(number, shape=(1, size))
    return convert(rows, dtype=like.dtype)


def _seeds(leaves: Sequence[Tracer]) -> list[Tracer]:
    """For each leaf its part of the identity over all of them, a row for each element."""
    total = sum(x.size for x in leaves)
    seeds, start = [], 0
    for x in leaves:
        basis = _basis(total, x)
        part = slice(basis, starts=(0, start), sizes=(total, x.size), steps=(1, 1))
        seeds.append(reshape(part, shape=(total, *x.shape)))
        start += x.size
    return seeds


def _blocks(rows: Tracer, leaves: Sequence[Tracer]) -> list[Tracer]:
    """The leading axis of ``rows``, over all elements of all leaves, cut and shaped by leaf."""
    blocks, start = [], 0
    for x in leaves:
        part = slice(
            rows,
            starts=(start, *(0 for _ in rows.shape[1:])),
            sizes=(x.size, *rows.shape[1:]),
            steps=(1,) * rows.ndim,
        )
        blocks.append(reshape(part, shape=(*x.shape, *rows.shape[1:])))
        start += x.size
    return blocks


def _jacobian_flat(
    what: str,
    holomorphic: bool,
    fun: Callable[..., Any],
    argnums: Argnums,
    args: Sequence[Any],
    kwargs: Any,
) -> tuple[Picked, Flat]:
    picked = Picked(what, args, argnums)
    flat = trace_function(
        lambda *xs: fun(*picked.arguments(xs), **kwargs), picked.leaves, at_arguments=True
    )
    if not all(is_inexact(x.type.dtype) for x in flat.graph.outputs):
        raise TypeError(
            f"{what} takes a function with floating or complex outputs{at(user_location())}"
        )
    given = picked.leaves if what == "jacfwd" else [Tracer(x) for x in flat.graph.outputs]
    if not holomorphic and any(is_complex(x.dtype) for x in given):
        side = "inputs" if what == "jacfwd" else "outputs"
        raise TypeError(
            f"{what} of a function with complex {side} is for holomorphic functions\n"
            "  say holomorphic=True if it is one, or take the real and imaginary parts apart"
            f"{at(user_location())}"
        )
    return picked, flat


def forward_jacobian(
    fun: Callable[..., Any], argnums: Argnums, holomorphic: bool = False
) -> Callable[..., Any]:
    def body(*args: Any, **kwargs: Any) -> Any:
        picked, flat = _jacobian_flat("jacfwd", holomorphic, fun, argnums, args, kwargs)
        leaves = picked.leaves
        size = sum(x.size for x in leaves)

        def along(*tangents: Tracer) -> Any:
            return pushed(flat, leaves, tangents, range(len(leaves)))[1]

        seeds = _seeds(leaves)
        examples = [row_like(x) for x in seeds]
        traced = trace_function(along, examples)
        columns, of_outputs = vectorized(traced, seeds, [True] * len(seeds), size)
        jacobians = [
            [_axes_last(block, x.ndim) for block, x in zip(_blocks(c, leaves), leaves, strict=True)]
            for c in with_axis(columns, of_outputs, size)
        ]
        return flat.result([picked.tree(row) for row in jacobians])

    return body


def _reverse_jacobian(
    fun: Callable[..., Any], argnums: Argnums, holomorphic: bool = False
) -> Callable[..., Any]:
    def body(*args: Any, **kwargs: Any) -> Any:
        picked, flat = _jacobian_flat("jacrev", holomorphic, fun, argnums, args, kwargs)
        outputs = inline(flat.graph, [*picked.leaves, *captured(flat)])
        size = sum(x.size for x in outputs)

        def along(*cts: Tracer) -> Any:
            return value_and_cotangents(flat, picked.leaves, cts, range(len(cts)))[1]

        seeds = _seeds(outputs)
        traced = trace_function(along, [row_like(x) for x in seeds])
        rows, of_outputs = vectorized(traced, seeds, [True] * len(seeds), size)
        by_input = [_blocks(r, outputs) for r in with_axis(rows, of_outputs, size)]
        return flat.result(
            [picked.tree([blocks[i] for blocks in by_input]) for i in range(len(outputs))]
        )

    return body


def _axes_last(x: Tracer, count: int) -> Tracer:
    """The first ``count`` axes moved behind the others."""
    return permute(x, axes=(*range(count, x.ndim), *range(count)))


@overload
def jacfwd(
    fun: Callable[..., Any], argnums: Argnums = 0, holomorphic: bool = False
) -> Function: ...
@overload
def jacfwd(
    fun: None = None, argnums: Argnums = 0, holomorphic: bool = False
) -> Callable[[Callable[..., Any]], Function]: ...
def jacfwd(
    fun: Callable[..., Any] | None = None, argnums: Argnums = 0, holomorphic: bool = False
) -> Any:
    """The Jacobian by forward mode, all columns at once: for few inputs.

    Args:
        fun: returns an array or a tree of arrays.
        argnums: by which positional argument, or arguments.
        holomorphic: ``fun`` takes complex arguments, and is differentiable as a complex function.

    Returns:
        A `Function` that returns for each output, in the output's structure, its derivative by
        the argument, of shape ``output.shape + argument.shape``.

    >>> pb.jacfwd(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return decorator(lambda f: Function(forward_jacobian(f, argnums, holomorphic), f), fun)


@overload
def jacrev(
    fun: Callable[..., Any], argnums: Argnums = 0, holomorphic: bool = False
) -> Function: ...
@overload
def jacrev(
    fun: None = None, argnums: Argnums = 0, holomorphic: bool = False
) -> Callable[[Callable[..., Any]], Function]: ...
def jacrev(
    fun: Callable[..., Any] | None = None, argnums: Argnums = 0, holomorphic: bool = False
) -> Any:
    """The Jacobian by reverse mode, all rows at once: for few outputs; as `jacfwd` otherwise.

    >>> pb.jacrev(lambda x: np.sum(x * x))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    return decorator(lambda f: Function(_reverse_jacobian(f, argnums, holomorphic), f), fun)


@overload
def hessian(fun: Callable[..., Any], argnums: Argnums = 0) -> Function: ...
@overload
def hessian(fun: None = None, argnums: Argnums = 0) -> Callable[[Callable[..., Any]], Function]: ...
def hessian(fun: Callable[..., Any] | None = None, argnums: Argnums = 0) -> Any:
    """The second derivatives, forward over reverse.

    Returns:
        A `Function` that returns an array of shape ``output.shape + argument.shape * 2``, in a
        tree of trees if the argument is one.

    >>> pb.hessian(lambda x: np.sum(x ** 3))(np.array([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    """

    def make(fun: Callable[..., Any]) -> Function:
        return Function(forward_jacobian(_reverse_jacobian(fun, argnums), argnums), fun)

    return decorator(make, fun)
